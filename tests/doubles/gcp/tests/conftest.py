"""One double for all tests; a project of its own for each, and Google's client as the one who asks."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HOME = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOME))

import judge  # noqa: E402

ZONE = "us-central1-a"


class Double:
    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-B", str(HOME / "launcher.py"), "--scale", "1000000"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.ready = json.loads(self.process.stdout.readline())
        self.endpoint = self.ready["endpoints"][0]

    def admin(self, http: str, path: str, body: Any = None) -> Any:
        return self.send(http, f"/_skep/{path}", body, self.ready["admin_token"])[1]

    def send(self, http: str, path: str, body: Any, token: str, **headers: str) -> tuple[int, Any]:
        """A call as it is on the wire, with status and body."""
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.endpoint + path, data=raw, method=http)
        request.add_header("Authorization", f"Bearer {token}")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or "null")

    def close(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(timeout=20)


class Mine:
    """A project whose states do not pass unless `settle` is called."""

    def __init__(self, double: Double) -> None:
        self.double = double
        made = double.admin("POST", "projects", {})
        self.id, self.key = made["project"], made["key"]

    def ask(self, call: str, **arguments: Any) -> Any:
        asked = {"endpoint": self.double.endpoint, "key": self.key, "project": self.id, "zone": ZONE}
        return judge.answer({**asked, "call": call, **arguments})

    def insert(self, name: str, zone: str = ZONE, **more: Any) -> None:
        body = {"name": name, "machineType": f"zones/{zone}/machineTypes/n2-standard-4", **more}
        self.ask("insert", zone=zone, body=body)
        self.settle()

    def settle(self) -> None:
        self.double.admin("POST", "settle", {"project": self.id})

    def fault(self, **order: Any) -> None:
        self.double.admin("POST", "faults", {"project": self.id, **order})

    def status(self, name: str) -> str:
        found = self.double.admin("GET", f"instances/{self.id}")["instances"]
        return next(one["status"] for one in found if one["name"] == name)

    def token(self) -> str:
        of = judge.credentials({"key": self.key})
        of.refresh(judge.google.auth.transport.requests.Request())
        return of.token

    def raw(self, http: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        path = f"/compute/v1/projects/{self.id}/{path}"
        return self.double.send(http, path, body, self.token(), **headers)


@pytest.fixture(scope="session")
def double() -> Iterator[Double]:
    running = Double()
    yield running
    assert running.close() == 0


@pytest.fixture
def mine(double: Double) -> Mine:
    return Mine(double)
