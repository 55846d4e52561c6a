"""Makes `gcpdouble/description.json` out of Google's discovery documents, facts only.

    python reduce.py FOLDER           writes the file
    python reduce.py --check FOLDER   exits 1 when the file says something else

FOLDER holds `compute-v1.json` and `cloudresourcemanager-v3.json`, or `compute.v1.json` and
`cloudresourcemanager.v3.json` as google-api-python-client has them (`discovery_cache/documents`).
Kept are paths, parameters, types, formats, enums, patterns, what is required and what is read only,
of the methods below and of every type that these reach. Prose is left out.
"""

from __future__ import annotations

import json
import pathlib
import sys
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
TARGET = HERE / "gcpdouble" / "description.json"

METHODS = {
    "compute": {
        "instances": (
            "aggregatedList", "delete", "get", "insert", "list", "resume", "setLabels", "start",
            "stop", "suspend",
        ),
        "zoneOperations": ("get", "list", "wait"),
    },
    "cloudresourcemanager": {"projects": ("get",)},
}
VERSIONS = {"compute": "v1", "cloudresourcemanager": "v3"}
PARAMETER_FACTS = ("location", "type", "format", "enum", "pattern", "required", "repeated", "minimum")
SCHEMA_FACTS = ("type", "format", "enum", "pattern", "readOnly", "$ref")


def facts(of: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: of[name] for name in names if name in of}


def schema(of: dict[str, Any]) -> dict[str, Any]:
    kept = facts(of, SCHEMA_FACTS)
    required = of.get("annotations", {}).get("required")
    if required:
        kept["required"] = required
    for name in ("items", "additionalProperties"):
        if name in of:
            kept[name] = schema(of[name])
    if "properties" in of:
        kept["properties"] = {name: schema(one) for name, one in sorted(of["properties"].items())}
    return kept


def reached(of: Any) -> set[str]:
    if isinstance(of, dict):
        own = {of["$ref"]} if isinstance(of.get("$ref"), str) else set()
        return own.union(*(reached(one) for one in of.values()))
    if isinstance(of, list):
        return set().union(*(reached(one) for one in of))
    return set()


def service(name: str, document: dict[str, Any]) -> dict[str, Any]:
    methods = {}
    for resource, wanted in METHODS[name].items():
        for one in wanted:
            method = document["resources"][resource]["methods"][one]
            methods[f"{resource}.{one}"] = {
                "http": method["httpMethod"],
                "path": document["servicePath"] + method["path"],
                "parameters": {
                    key: facts(value, PARAMETER_FACTS)
                    for key, value in sorted(method.get("parameters", {}).items())
                },
                **{
                    key: method[key]["$ref"] for key in ("request", "response") if key in method
                },
            }
    schemas: dict[str, Any] = {}
    left = {method[key] for method in methods.values() for key in ("request", "response") if key in method}
    while left:
        one = left.pop()
        schemas[one] = schema(document["schemas"][one])
        left |= reached(schemas[one]) - set(schemas)
    return {
        "parameters": {
            key: facts(value, PARAMETER_FACTS)
            for key, value in sorted(document["parameters"].items())
        },
        "methods": methods,
        "schemas": dict(sorted(schemas.items())),
    }


def main(argv: list[str]) -> int:
    check = "--check" in argv
    folders = [pathlib.Path(one) for one in argv if one != "--check"]
    if len(folders) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    found = {}
    for name, version in VERSIONS.items():
        names = [folders[0] / f"{name}{dot}{version}.json" for dot in "-."]
        path = next((one for one in names if one.exists()), None)
        if path is None:
            print(f"neither of {[str(one) for one in names]} exists", file=sys.stderr)
            return 2
        found[name] = service(name, json.loads(path.read_text()))
    text = json.dumps(found, indent=1) + "\n"
    if check:
        return 0 if TARGET.read_text() == text else 1
    TARGET.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
