"""Faults on order: errors, failing operations, lost answers and latency, by project and method.

Decides, deterministically, whether a call is struck. An error `before` the call leaves no trace; `after`
it, the work is done and the answer is lost; in the `operation`, the call is accepted and what it began
fails.
"""

from __future__ import annotations

import fnmatch
import itertools
from dataclasses import dataclass, field
from typing import Any

WHEN = ("before", "after", "operation")


@dataclass
class Fault:
    """One order. `method` is a glob; `after` calls pass unharmed first, then up to `count` are hit."""

    id: int
    project: str | None = None
    method: str = "*"
    params: dict[str, str] = field(default_factory=dict)
    reason: str | None = None
    status: int = 400
    message: str = "injected fault"
    retry_after: int | None = None
    latency_ms: int = 0
    drop: bool = False
    when: str = "before"
    count: int | None = None
    after: int = 0
    seen: int = 0
    hits: int = 0

    def strikes(self, project: str, method: str, params: dict[str, Any]) -> bool:
        if self.project not in (None, project) or not fnmatch.fnmatchcase(method, self.method):
            return False
        for name, pattern in self.params.items():
            if not fnmatch.fnmatchcase(str(params.get(name, "")), pattern):
                return False
        if self.count is not None and self.hits >= self.count:
            return False
        self.seen += 1
        if self.seen <= self.after:
            return False
        self.hits += 1
        return True


class Faults:
    """All orders; the first that strikes with an error wins, latencies add up."""

    def __init__(self) -> None:
        self._orders: dict[int, Fault] = {}
        self._ids = itertools.count(1)

    def add(self, order: dict[str, Any]) -> dict[str, Any]:
        known = set(Fault.__dataclass_fields__) - {"id", "seen", "hits"}
        unknown = sorted(set(order) - known)
        if unknown:
            raise ValueError(f"unknown fields {unknown}; known: {sorted(known)}")
        fault = Fault(id=next(self._ids), **order)
        if not (fault.reason or fault.drop or fault.latency_ms):
            raise ValueError("a fault has a reason, a latency, or drops the answer")
        if fault.when not in WHEN:
            raise ValueError(f"when is one of {WHEN}")
        self._orders[fault.id] = fault
        return vars(fault)

    def clear(self, project: str | None) -> int:
        gone = [one.id for one in self._orders.values() if project in (None, one.project)]
        for one in gone:
            del self._orders[one]
        return len(gone)

    def listing(self) -> list[dict[str, Any]]:
        return [vars(fault) for fault in self._orders.values()]

    def strike(self, project: str, method: str, params: dict[str, Any]) -> tuple[float, Fault | None]:
        """Latency in seconds, and the fault that replaces or swallows the answer."""
        latency, struck = 0.0, None
        for fault in self._orders.values():
            hard = bool(fault.reason or fault.drop)
            if (struck is None or not hard) and fault.strikes(project, method, params):
                latency += fault.latency_ms / 1000
                struck = fault if hard else struck
        return latency, struck
