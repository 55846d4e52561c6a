"""The admin path: projects, faults, speed, log and state, as JSON under `/_skep/`.

Guarded by a token (`Authorization: Bearer …`). Decides nothing about Google Cloud; README.md lists the
paths. Never answers a secret other than the key that it has just created.
"""

from __future__ import annotations

import fnmatch
import hmac
import json
from typing import Any
from urllib.parse import parse_qsl

from .gate import TOKEN_PATH, Answer, Gate
from .world import DURATIONS, Project


class NotFound(Exception):
    """No such path."""


class Admin:
    def __init__(self, gate: Gate, token: str) -> None:
        self._gate, self._token = gate, token

    def answer(self, http: str, path: str, query: str, headers: Any, body: bytes) -> Answer:
        given = headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            return _json(401, {"error": "the admin token is missing or wrong"})
        try:
            asked = json.loads(body) if body else {}
            words = path.removeprefix("/_skep").strip("/").split("/")
            with self._gate.lock:
                self._gate.world.advance()
                host = headers.get("Host", "")
                return _json(200, self._route(http, words, dict(parse_qsl(query)), asked, host))
        except NotFound:
            return _json(404, {"error": "no such path"})
        except (ValueError, KeyError, TypeError) as wrong:
            return _json(400, {"error": str(wrong)})

    def _route(
        self, http: str, words: list[str], query: dict[str, str], asked: dict[str, Any], host: str
    ) -> Any:
        gate, world = self._gate, self._gate.world
        match (http, *words):
            case ("GET", "health"):
                return {"ok": True, "now": world.now()}
            case ("POST", "projects"):
                project = world.create(asked.get("project"))
                mark, uri = asked.get("mark", ""), f"http://{host}{TOKEN_PATH}"
                key = gate.accounts.create(project.id, uri, mark)
                return {"project": project.id, "number": project.number, "key": key}
            case ("DELETE", "tokens" | "keys" as what):
                gate.accounts.revoke(world.project(query["project"]).id, keys=what == "keys")
                return {"revoked": True}
            case ("GET", "faults"):
                return {"faults": gate.faults.listing()}
            case ("POST", "faults"):
                return gate.faults.add(asked)
            case ("DELETE", "faults"):
                return {"cleared": gate.faults.clear(query.get("project"))}
            case ("PUT", "transitions"):
                return self._speed(asked)
            case ("POST", "settle"):
                return {"settled": world.settle(world.project(asked["project"]))}
            case ("PUT", "pages"):
                world.project(asked["project"]).page = int(asked["instances"])
                return {"page": asked["instances"]}
            case ("PUT", "unreachable"):
                world.project(asked["project"]).unreachable = set(asked["zones"])
                return {"unreachable": sorted(asked["zones"])}
            case ("GET", "calls"):
                return _calls(world.project(query["project"]), query)
            case ("DELETE", "calls"):
                world.project(query["project"]).calls.clear()
                return {"cleared": True}
            case ("GET", "counts"):
                return _counts(world.project(query["project"]))
            case ("GET", "instances", project):
                return {"instances": _instances(world.project(project))}
            case ("PUT", "instances", project):
                key = asked["zone"], asked["name"]
                instance = world.project(project).instances[key]
                instance.status, instance.steps = asked["status"], []
                return {"status": instance.status}
        raise NotFound

    def _speed(self, asked: dict[str, Any]) -> Any:
        world = self._gate.world
        fixed = asked.get("fixed") or {}
        unknown = sorted(set(fixed) - set(DURATIONS))
        if unknown:
            raise ValueError(f"unknown states {unknown}; known: {sorted(DURATIONS)}")
        if "project" in asked:
            project = world.project(asked["project"])
            project.scale, project.fixed = asked.get("scale", project.scale), {**project.fixed, **fixed}
            return {kind: world.seconds(project, kind) for kind in DURATIONS}
        world.scale = float(asked["scale"])
        return {"scale": world.scale}


def _calls(project: Project, query: dict[str, str]) -> Any:
    pattern, after = query.get("method", "*"), int(query.get("after", 0))
    found = [
        call
        for call in project.calls
        if call["id"] > after and fnmatch.fnmatchcase(call["method"], pattern)
    ]
    return {"calls": found, "cursor": project.calls[-1]["id"] if project.calls else 0}


def _counts(project: Project) -> Any:
    by_method: dict[str, int] = {}
    failed: dict[str, int] = {}
    for call in project.calls:
        by_method[call["method"]] = by_method.get(call["method"], 0) + 1
        if call["failed"]:
            failed[call["failed"]] = failed.get(call["failed"], 0) + 1
    changing = sum(call["changing"] for call in project.calls)
    return {"methods": by_method, "failed": failed, "changing": changing}


def _instances(project: Project) -> list[dict[str, Any]]:
    return [
        {
            "id": str(one.id),
            "zone": one.zone,
            "name": one.name,
            "status": one.status,
            "labels": one.facts.get("labels", {}),
        }
        for _, one in sorted(project.instances.items())
    ]


def _json(status: int, value: Any) -> Answer:
    return status, [("Content-Type", "application/json")], json.dumps(value).encode()
