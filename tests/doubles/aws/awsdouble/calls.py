"""The log of calls: what every client asked, when, and what it was told.

Keeps a bounded tail per account and unbounded counts. Holds no secret: parameters arrive cleaned
(see `wire`).
"""

from __future__ import annotations

import fnmatch
import itertools
from collections import Counter, deque
from typing import Any

from .wire import Call

KEPT = 50_000


class Log:
    def __init__(self) -> None:
        self._sequence = itertools.count(1)
        self._tails: dict[str | None, deque[dict[str, Any]]] = {}
        self._counts: dict[str | None, Counter[tuple[str, str, bool, str]]] = {}
        self._dropped: Counter[str | None] = Counter()
        self.last = 0

    def add(self, call: Call) -> None:
        record = call.record()
        record["sequence"] = self.last = next(self._sequence)
        tail = self._tails.setdefault(call.account, deque(maxlen=KEPT))
        if len(tail) == KEPT:
            self._dropped[call.account] += 1
        tail.append(record)
        key = (call.service, call.action, not call.reading, call.error or "")
        self._counts.setdefault(call.account, Counter())[key] += 1

    def read(
        self,
        account: str | None = None,
        service: str | None = None,
        action: str | None = None,
        changing: bool | None = None,
        errors: bool | None = None,
        resource: str | None = None,
        after: int = 0,
        limit: int = 1000,
    ) -> dict[str, Any]:
        """Records after a cursor, oldest first. `account` "-" reads the rejected callers."""
        tails = [self._tails.get(None if account == "-" else account)] if account else [
            *self._tails.values()
        ]
        found = []
        for record in itertools.chain.from_iterable(tail for tail in tails if tail):
            if record["sequence"] <= after:
                continue
            if service and record["service"] != service:
                continue
            if action and not fnmatch.fnmatchcase(record["action"], action):
                continue
            if changing is not None and record["changing"] != changing:
                continue
            if errors is not None and bool(record["error"]) != errors:
                continue
            if resource and resource not in record["resources"]:
                continue
            found.append(record)
        found.sort(key=lambda record: record["sequence"])
        page = found[:limit]
        return {
            "calls": page,
            "cursor": page[-1]["sequence"] if page else max(after, self.last),
            "more": len(found) > limit,
            "dropped": self._dropped[account] if account else sum(self._dropped.values()),
        }

    def counts(self, account: str | None = None) -> dict[str, Any]:
        """Calls by action, and their sums. Errors are counted in their action and by code."""
        actions: Counter[str] = Counter()
        errors: Counter[str] = Counter()
        changing = reading = 0
        for owner, counts in self._counts.items():
            if account and owner != account:
                continue
            for (service, action, changes, code), number in counts.items():
                actions[f"{service}:{action}"] += number
                if code:
                    errors[f"{service}:{action}:{code}"] += number
                if changes:
                    changing += number
                else:
                    reading += number
        return {
            "changing": changing,
            "reading": reading,
            "by_action": dict(sorted(actions.items())),
            "errors": dict(sorted(errors.items())),
        }

    def clear(self, account: str | None = None) -> None:
        for owner in [account] if account else list(self._tails):
            self._tails.pop(owner, None)
            self._counts.pop(owner, None)
            self._dropped.pop(owner, None)
