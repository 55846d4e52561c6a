"""Faults on order: errors, lost answers and latency, by account, service and action.

Decides, deterministically for a seed, whether a call is struck. An error `before` the call leaves
no trace in the account; `after` it, the work is done and the answer is lost.
"""

from __future__ import annotations

import fnmatch
import itertools
import random
from dataclasses import dataclass, field
from typing import Any

from .wire import Call


@dataclass
class Fault:
    """One order. `action` is a glob; `after` calls pass unharmed first, then up to `count` are hit."""

    id: int
    account: str | None = None
    service: str | None = None
    region: str | None = None
    action: str = "*"
    params: dict[str, str] = field(default_factory=dict)
    code: str | None = None
    status: int = 400
    message: str = "injected fault"
    latency_ms: int = 0
    drop: bool = False
    when: str = "before"
    rate: float = 1.0
    seed: int = 0
    count: int | None = None
    after: int = 0
    seen: int = 0
    hits: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        if self.when not in ("before", "after"):
            raise ValueError("when is 'before' or 'after'")

    def strikes(self, call: Call) -> bool:
        if self.account and self.account != call.account:
            return False
        if self.service and self.service != call.service:
            return False
        if self.region and self.region != call.region:
            return False
        if not fnmatch.fnmatchcase(call.action, self.action):
            return False
        for name, pattern in self.params.items():
            values = [str(v) for k, v in call.params.items() if fnmatch.fnmatchcase(k, name)]
            if not any(fnmatch.fnmatchcase(value, pattern) for value in values):
                return False
        if self.count is not None and self.hits >= self.count:
            return False
        self.seen += 1
        if self.seen <= self.after:
            return False
        if self.rate < 1.0 and self._random.random() >= self.rate:
            return False
        self.hits += 1
        return True

    def view(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if not key.startswith("_")}


class Faults:
    """All orders; the first that strikes with an error wins, latencies add up."""

    def __init__(self) -> None:
        self._orders: dict[int, Fault] = {}
        self._ids = itertools.count(1)

    def add(self, order: dict[str, Any]) -> Fault:
        known = set(Fault.__dataclass_fields__) - {"id", "seen", "hits"}
        unknown = sorted(set(order) - known)
        if unknown:
            raise ValueError(f"unknown fields {unknown}; known: {sorted(known)}")
        fault = Fault(id=next(self._ids), **order)
        if not (fault.code or fault.drop or fault.latency_ms):
            raise ValueError("a fault has a code, a latency, or drops the answer")
        self._orders[fault.id] = fault
        return fault

    def clear(self, fault: int | None = None, account: str | None = None) -> int:
        gone = [
            f.id
            for f in self._orders.values()
            if (fault is None or f.id == fault) and (account is None or f.account == account)
        ]
        for one in gone:
            del self._orders[one]
        return len(gone)

    def listing(self) -> list[dict[str, Any]]:
        return [fault.view() for fault in self._orders.values()]

    def strike(self, call: Call) -> tuple[float, Fault | None]:
        """Latency in seconds, and the fault that replaces or swallows the answer."""
        latency, struck = 0.0, None
        for fault in self._orders.values():
            if struck is not None and (fault.code or fault.drop):
                continue
            if fault.strikes(call):
                latency += fault.latency_ms / 1000
                if fault.code or fault.drop:
                    struck = fault
        return latency, struck
