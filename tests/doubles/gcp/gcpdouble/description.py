"""What the published descriptions allow: methods, parameters, bodies, field masks.

Decides which calls are refused before anything is done: an unknown path, parameter or field, a wrong
type, format, pattern or enum, a missing field. What is read only is taken out of a body, as the real
services ignore it.
"""

from __future__ import annotations

import json
import pathlib
import re
from dataclasses import dataclass
from typing import Any

from .errors import Refused

# Parameters that every Google API takes besides those that its description lists.
SYSTEM = {"$alt", "$apiVersion", "$fields"}
_RANGES = {"int32": (-(2**31), 2**31), "uint32": (0, 2**32), "int64": (-(2**63), 2**63), "uint64": (0, 2**64)}


@dataclass
class Method:
    """A method that a call was routed to, with the variables of its path."""

    service: str
    id: str
    facts: dict[str, Any]
    variables: dict[str, str]

    @property
    def changing(self) -> bool:
        return self.facts["http"] != "GET" and not self.id.endswith(".wait")


class Description:
    def __init__(self) -> None:
        path = pathlib.Path(__file__).with_name("description.json")
        self.services: dict[str, Any] = json.loads(path.read_text())
        self._routes = [
            (service, name, method, _pattern(method["path"]))
            for service, of in self.services.items()
            for name, method in of["methods"].items()
        ]

    def route(self, http: str, path: str) -> Method:
        for service, name, method, pattern in self._routes:
            found = pattern.fullmatch(path.lstrip("/"))
            if found and method["http"] == http:
                return Method(service, name, method, _named(method["path"], found))
        raise Refused(404, "notFound", f"there is no method for {http} {path}")

    def parameters(self, method: Method, query: dict[str, str]) -> dict[str, Any]:
        """The values of a call, each of its type."""
        known = {**self.services[method.service]["parameters"], **method.facts["parameters"]}
        values: dict[str, Any] = {}
        for name, text in {**query, **method.variables}.items():
            if name in SYSTEM:
                continue
            if name not in known:
                raise Refused(400, "badRequest", f"unknown name {name!r}: no such parameter")
            values[name] = _parameter(name, known[name], text)
        return values

    def body(self, method: Method, raw: bytes) -> Any:
        """The body of a call without what is read only."""
        request = method.facts.get("request")
        if request is None:
            if raw.strip() not in (b"", b"{}"):
                raise Refused(400, "parseError", f"{method.id} takes no body")
            return None
        try:
            value = json.loads(raw)
        except ValueError as wrong:
            raise Refused(400, "parseError", f"the body is no JSON: {wrong}") from None
        return self.check(method.service, {"$ref": request}, value, "body", method.id)

    def check(
        self, service: str, schema: dict[str, Any], value: Any, at: str, caller: str | None
    ) -> Any:
        """`value` without what is read only, or a refusal. Without a caller it is an answer, in which
        what is read only is looked at as well.
        """
        if "$ref" in schema:
            schema = self.services[service]["schemas"][schema["$ref"]]
        kind = schema.get("type", "any")
        if kind == "object":
            return self._object(service, schema, value, at, caller)
        if kind == "array":
            if not isinstance(value, list):
                raise _wrong(at, "a list")
            return [
                self.check(service, schema["items"], one, f"{at}[{index}]", caller)
                for index, one in enumerate(value)
            ]
        if kind != "any":
            _scalar(schema, kind, value, at)
        return value

    def _object(
        self, service: str, schema: dict[str, Any], value: Any, at: str, caller: str | None
    ) -> Any:
        if not isinstance(value, dict):
            raise _wrong(at, "an object")
        fields, others = schema.get("properties", {}), schema.get("additionalProperties")
        kept = {}
        for name, one in value.items():
            of = fields.get(name, others)
            if of is None:
                raise Refused(400, "badRequest", f"unknown name {name!r} at {at!r}: no such field")
            if caller is None or not of.get("readOnly"):
                kept[name] = self.check(service, of, one, f"{at}.{name}", caller)
        for name, of in fields.items():
            if any(one.endswith(f".{caller}") for one in of.get("required", [])) and name not in kept:
                raise Refused(400, "required", f"required field {at}.{name} not specified")
        return kept

    def mask(self, method: Method, text: str) -> dict[str, Any]:
        """The tree of a field mask; a field that the answer cannot have is refused."""
        tree = _Mask(text).parse()
        self._known(method.service, {"$ref": method.facts["response"]}, tree, "")
        return tree

    def _known(self, service: str, schema: dict[str, Any], tree: dict[str, Any], at: str) -> None:
        if "$ref" in schema:
            schema = self.services[service]["schemas"][schema["$ref"]]
        if schema.get("type") == "array":
            return self._known(service, schema["items"], tree, at)
        fields, others = schema.get("properties", {}), schema.get("additionalProperties")
        for name, below in tree.items():
            if name == "*":
                for of in [*fields.values(), *([others] if others else [])]:
                    self._known(service, of, below, f"{at}/*")
            elif others is None and name not in fields:
                raise Refused(400, "invalidParameter", f"invalid field selection {at}/{name}")
            else:
                self._known(service, fields.get(name, others), below, f"{at}/{name}")


def select(value: Any, tree: dict[str, Any]) -> Any:
    """What a field mask leaves of an answer."""
    if not tree:
        return value
    if isinstance(value, list):
        return [select(one, tree) for one in value]
    if not isinstance(value, dict):
        return value
    wanted = {name: tree.get(name, tree.get("*")) for name in value}
    return {name: select(value[name], below) for name, below in wanted.items() if below is not None}


class _Mask:
    """`a/b(c,d.e),f`: a comma between fields, a slash or dot before a part, brackets for several."""

    def __init__(self, text: str) -> None:
        self.tokens = re.findall(r"[A-Za-z0-9_*-]+|[/.,()]", text)
        if "".join(self.tokens) != text.replace(" ", ""):
            raise Refused(400, "invalidParameter", f"invalid field selection {text}")
        self.text = text

    def parse(self) -> dict[str, Any]:
        tree = self._several()
        if self.tokens:
            raise Refused(400, "invalidParameter", f"invalid field selection {self.text}")
        return tree

    def _several(self) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        while True:
            _merge(tree, self._one())
            if not self.tokens or self.tokens[0] != ",":
                return tree
            self.tokens.pop(0)

    def _one(self) -> dict[str, Any]:
        if not self.tokens or self.tokens[0] in "/.,()":
            raise Refused(400, "invalidParameter", f"invalid field selection {self.text}")
        name = self.tokens.pop(0)
        if self.tokens and self.tokens[0] in "/.":
            self.tokens.pop(0)
            return {name: self._one()}
        if self.tokens and self.tokens[0] == "(":
            self.tokens.pop(0)
            below = self._several()
            if not self.tokens or self.tokens.pop(0) != ")":
                raise Refused(400, "invalidParameter", f"invalid field selection {self.text}")
            return {name: below}
        return {name: {}}


def _merge(into: dict[str, Any], other: dict[str, Any]) -> None:
    for name, below in other.items():
        if name in into:
            _merge(into[name], below)
        else:
            into[name] = below


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"(\{\+?\w+\})", path)
    return re.compile(
        "".join(
            ("(.+)" if part.startswith("{+") else "([^/]+)") if part.startswith("{") else re.escape(part)
            for part in parts
        )
    )


def _named(path: str, found: re.Match[str]) -> dict[str, str]:
    return dict(zip(re.findall(r"\{\+?(\w+)\}", path), found.groups(), strict=True))


def _parameter(name: str, of: dict[str, Any], text: str) -> Any:
    wrong = Refused(400, "invalidParameter", f"invalid value for {name}: {text!r}")
    if "pattern" in of and not re.fullmatch(of["pattern"].removeprefix("^").removesuffix("$"), text):
        raise wrong
    if "enum" in of and text not in of["enum"]:
        raise wrong
    if of["type"] == "boolean":
        if text not in ("true", "false"):
            raise wrong
        return text == "true"
    if of["type"] == "integer" or of.get("format") in _RANGES:
        low, high = _RANGES[of.get("format", "int64")]
        if not re.fullmatch(r"-?[0-9]+", text) or not low <= int(text) < high:
            raise wrong
        return int(text)
    return text


def _scalar(schema: dict[str, Any], kind: str, value: Any, at: str) -> None:
    of = schema.get("format")
    if kind == "boolean":
        fits = isinstance(value, bool)
    elif kind == "number":
        fits = isinstance(value, int | float) and not isinstance(value, bool)
    elif kind == "integer" or of in _RANGES:
        # 64-bit numbers are written as text; either is taken.
        text = value if isinstance(value, str) else str(value)
        low, high = _RANGES[of or "int64"]
        fits = not isinstance(value, bool) and bool(re.fullmatch(r"-?[0-9]+", text))
        fits = fits and low <= int(text) < high
    else:
        fits = isinstance(value, str)
    if not fits:
        raise _wrong(at, f"{kind} {of or ''}".strip())
    if "enum" in schema and value not in schema["enum"]:
        raise Refused(400, "invalid", f"invalid value at {at!r}: {value!r}")
    if "pattern" in schema and not re.fullmatch(schema["pattern"], value):
        raise Refused(400, "invalid", f"invalid value at {at!r}: {value!r} does not fit the pattern")


def _wrong(at: str, wanted: str) -> Refused:
    return Refused(400, "badRequest", f"invalid value at {at!r}: {wanted} is wanted")
