"""The part of Compute's filters that is served: terms joined by AND, each `field operator value`.

`eq` and `ne` take a regular expression for the whole field; `=`, `!=` and `:` take the value itself, with
`*` at its end (or alone: the field is set). What is not served is refused, never taken for "everything".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .errors import Refused

_TERM = re.compile(
    r"""\s*(?P<field>[A-Za-z][\w.-]*)\s*(?P<operator>!=|=|:|\beq\b|\bne\b)\s*"""
    r"""(?P<value>"(?:[^"\\]|\\.)*"|'[^']*'|[^\s()"']+)\s*"""
)


def parse(text: str) -> Callable[[dict[str, Any]], bool]:
    """The test that a filter is."""
    terms = [_term(part) for part in _parts(text)]
    return lambda item: all(term(item) for term in terms)


def _parts(text: str) -> list[str]:
    if not text.strip():
        return []
    if "(" in text and not re.search(r"""["'][^"']*\([^"']*["']""", text):
        found = re.findall(r"\(([^()]*)\)", text)
        rest = re.sub(r"\([^()]*\)", " ", text).split()
        if not found or any(word != "AND" for word in rest):
            raise _refused(text)
        return found
    return re.split(r"\sAND\s", text)


def _term(text: str) -> Callable[[dict[str, Any]], bool]:
    found = _TERM.fullmatch(text)
    if not found:
        raise _refused(text)
    field, operator, value = found["field"], found["operator"], found["value"]
    if value[0] in "\"'":
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    if operator in ("eq", "ne"):
        try:
            whole = re.compile(value)
        except re.error:
            raise _refused(text) from None
        return lambda item: (whole.fullmatch(_value(item, field) or "") is not None) == (operator == "eq")

    def same(item: dict[str, Any]) -> bool:
        own = _value(item, field)
        if value == "*":
            return own is not None
        if value.endswith("*"):
            return (own or "").startswith(value[:-1])
        return own == value

    return lambda item: same(item) != (operator == "!=")


def _value(item: dict[str, Any], field: str) -> str | None:
    value: Any = item
    for part in field.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)


def _refused(text: str) -> Refused:
    return Refused(400, "invalid", f"invalid value for field 'filter': {text!r}")
