"""The admin path: accounts, faults, speed, log and state, as JSON under `/_skep/`.

Guarded by a token (`Authorization: Bearer …`). Decides nothing about AWS; README.md lists the
paths. Never answers a secret other than the key of the account that it has just created.
"""

from __future__ import annotations

import hmac
import json
from typing import Any
from urllib.parse import parse_qsl

from . import clock, machines
from .accounts import ACCOUNTS
from .clock import CLOCK
from .dump import dump
from .gaps import instances, tagging

Answer = tuple[int, list[tuple[str, str]], bytes]


class NotFound(Exception):
    """No such path."""


class Admin:
    def __init__(self, token: str) -> None:
        self._token = token

    def answer(self, gate: Any, environ: dict[str, Any], body: bytes) -> Answer:
        given = environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            return _json(401, {"error": "the admin token is missing or wrong"})
        query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
        try:
            asked = json.loads(body) if body else {}
            with gate.lock:
                CLOCK.advance()
                method = environ["REQUEST_METHOD"]
                path = environ["PATH_INFO"].removeprefix("/_skep").strip("/").split("/")
                return _json(200, _route(gate, method, path, query, asked))
        except NotFound:
            return _json(404, {"error": "no such path"})
        except (ValueError, KeyError, TypeError) as wrong:
            return _json(400, {"error": str(wrong)})


def _route(
    gate: Any, method: str, path: list[str], query: dict[str, str], asked: dict[str, Any]
) -> Any:
    match (method, *path):
        case ("GET", "health"):
            return {"ok": True, "now": CLOCK.now()}
        case ("GET", "accounts"):
            return {"accounts": ACCOUNTS.listing()}
        case ("POST", "accounts"):
            return _create_account(asked)
        case ("GET", "faults"):
            return {"faults": gate.faults.listing()}
        case ("POST", "faults"):
            return gate.faults.add(asked).view()
        case ("DELETE", "faults"):
            return {"cleared": gate.faults.clear(account=query.get("account"))}
        case ("DELETE", "faults", number):
            return {"cleared": gate.faults.clear(fault=int(number))}
        case ("GET", "transitions"):
            return _speed(query.get("account"))
        case ("PUT", "transitions"):
            account = asked.pop("account", None)
            CLOCK.configure(account, asked.pop("scale", None), asked.pop("fixed", None))
            if asked:
                raise ValueError(f"unknown fields {sorted(asked)}")
            return _speed(account)
        case ("PUT", "pages"):
            instances.PAGES[str(asked["account"])] = int(asked["instances"])
            return {"pages": instances.PAGES}
        case ("POST", "settle"):
            account = asked.get("account")
            tagging.forget_ghosts(account)
            return {"settled": CLOCK.settle(account)}
        case ("GET", "waits"):
            waits = CLOCK.waits(query.get("account"), float(query.get("since", 0)))
            return {"waits": waits, "now": CLOCK.now(), **clock.report(waits)}
        case ("GET", "calls"):
            return gate.log.read(
                account=query.get("account"),
                service=query.get("service"),
                action=query.get("action"),
                changing=_flag(query.get("changing")),
                errors=_flag(query.get("errors")),
                resource=query.get("resource"),
                after=int(query.get("after", 0)),
                limit=int(query.get("limit", 1000)),
            )
        case ("DELETE", "calls"):
            gate.log.clear(query.get("account"))
            return {"cleared": True}
        case ("GET", "counts"):
            return gate.log.counts(query.get("account"))
        case ("GET", "dump", account):
            if account not in ACCOUNTS.names:
                raise ValueError(f"no account {account}")
            regions = query["regions"].split(",") if "regions" in query else None
            return {"state": dump(account, regions), "pending": CLOCK.pending(account)}
        case ("GET", "instances", account):
            if account not in ACCOUNTS.names:
                raise ValueError(f"no account {account}")
            return {"instances": machines.listing(account, query["region"])}
    raise NotFound


def _create_account(asked: dict[str, Any]) -> dict[str, Any]:
    roles = asked.pop("roles", [])
    created = ACCOUNTS.create(**asked)
    if roles:
        from moto.iam.models import iam_backends

        for role in roles:
            iam_backends[created.account]["aws"].create_role(
                role_name=role,
                assume_role_policy_document=json.dumps(_TRUST_ANYBODY),
                path="/",
                permissions_boundary=None,
                description="",
                tags=[],
                max_session_duration="3600",
            )
    return {
        "id": created.account,
        "access_key": created.access_key,
        "secret_key": created.secret_key,
        "roles": [f"arn:aws:iam::{created.account}:role/{role}" for role in roles],
    }


_TRUST_ANYBODY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}


def _speed(account: str | None) -> dict[str, Any]:
    settings = CLOCK.settings(account)
    return {
        "account": account,
        "scale": settings.scale,
        "fixed": settings.fixed,
        "seconds": {
            kind: settings.seconds(kind) for kind in sorted({**clock.DURATIONS, **clock.VISIBLE})
        },
        "pending": CLOCK.pending(account),
    }


def _flag(text: str | None) -> bool | None:
    return None if text is None else text.lower() in ("1", "true", "yes")


def _json(status: int, value: Any) -> Answer:
    body = json.dumps(value, default=str).encode()
    return status, [("Content-Type", "application/json")], body
