"""Transitional states: what takes time in AWS takes (scaled) wall-clock time here.

Decides when a pending change of state becomes due, and keeps the account of the waits that it
imposed. Never sleeps and has no thread of its own: due changes are applied, in order, before the
next request is answered, so a state can only be seen to change by asking for it.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

# Seconds that the real service takes, roughly, in a region with nothing else to do.
DURATIONS: dict[str, float] = {
    "instance.pending": 15,
    "instance.stopping": 30,
    "instance.shutting-down": 35,
    "nat.pending": 90,
    "nat.deleting": 45,
    "endpoint.interface.pending": 60,
    "endpoint.interface.deleting": 60,
    "endpoint.gateway.deleting": 5,
    "lb.provisioning": 120,
    "lb.interfaces": 40,
    "classic-lb.interfaces": 30,
    "efs.creating": 5,
    "efs.deleting": 5,
    "mount-target.creating": 60,
    "mount-target.deleting": 20,
    # How long the tagging API goes on listing what is gone.
    "tagging.lag": 30,
}
# How long a final state stays listed. Not scaled: a test that is over sooner must see it.
VISIBLE: dict[str, float] = {"instance.terminated": 3600, "nat.deleted": 3600}
DEFAULT_SCALE = 0.05
KEPT_WAITS = 20_000


@dataclass
class Settings:
    """Speed of one account. `fixed` overrides a duration in seconds, whatever the scale."""

    scale: float = DEFAULT_SCALE
    fixed: dict[str, float] = field(default_factory=dict)

    def seconds(self, kind: str) -> float:
        if kind in self.fixed:
            return self.fixed[kind]
        if kind in VISIBLE:
            return VISIBLE[kind]
        return DURATIONS[kind] * self.scale


@dataclass(order=True)
class Pending:
    due: float
    order: int
    wait: dict[str, Any] = field(compare=False)
    apply: Callable[[], None] = field(compare=False)
    hidden: bool = field(compare=False, default=False)
    cancelled: bool = field(compare=False, default=False)


class Clock:
    """The pending changes of all accounts. The caller holds the gate's lock."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self.default = Settings()
        self.per_account: dict[str, Settings] = {}
        self.cause: int | None = None
        self._heap: list[Pending] = []
        self._order = itertools.count()
        self._waits: deque[dict[str, Any]] = deque(maxlen=KEPT_WAITS)

    def settings(self, account: str | None) -> Settings:
        return self.per_account.get(account or "", self.default)

    def configure(
        self,
        account: str | None,
        scale: float | None,
        fixed: dict[str, float] | None,
    ) -> Settings:
        """Sets the speed of one account, or the default of all. Waits under way keep theirs."""
        unknown = sorted(set(fixed or {}) - set(DURATIONS) - set(VISIBLE))
        if unknown:
            raise ValueError(f"unknown durations {unknown}; known: {sorted(DURATIONS | VISIBLE)}")
        current = self.settings(account)
        changed = Settings(
            current.scale if scale is None else float(scale),
            current.fixed if fixed is None else {k: float(v) for k, v in fixed.items()},
        )
        if account:
            self.per_account[account] = changed
        else:
            self.default = changed
        return changed

    def begin(
        self,
        kind: str,
        owner: Any,
        resource: str,
        apply: Callable[[], None],
        *,
        hidden: bool = False,
    ) -> Pending:
        """Schedules `apply` for when `kind` has run its course. `owner` is the moto backend.

        `hidden` marks what is no wait of anybody (a terminated instance that is forgotten).
        """
        account = owner.account_id
        started = self.now()
        seconds = self.settings(account).seconds(kind)
        wait = {
            "account": account,
            "region": owner.region_name,
            "kind": kind,
            "resource": resource,
            "started": started,
            "seconds": seconds,
            "due": started + seconds,
            "ended": None,
            "cause": self.cause,
        }
        pending = Pending(started + seconds, next(self._order), wait, apply, hidden)
        heapq.heappush(self._heap, pending)
        if not hidden:
            self._waits.append(wait)
        return pending

    def cancel(self, pending: Pending | None) -> None:
        """Forgets a change that has been overtaken (an instance terminated while it starts)."""
        if pending is not None:
            pending.cancelled = True
            if pending.wait["ended"] is None:
                pending.wait["ended"] = self.now()
                pending.wait["overtaken"] = True

    def advance(self) -> None:
        """Applies all changes that are due."""
        now = self.now()
        while self._heap and self._heap[0].due <= now:
            self._apply(heapq.heappop(self._heap))

    def settle(self, account: str | None = None) -> int:
        """Applies every pending change at once, in the order in which they would fall due."""
        done = 0
        while True:
            mine = [
                p
                for p in self._heap
                if not p.hidden and (account is None or p.wait["account"] == account)
            ]
            if not mine:
                return done
            for pending in sorted(mine):
                self._heap.remove(pending)
                pending.wait["settled"] = True
                self._apply(pending)
                done += 1
            heapq.heapify(self._heap)

    def pending(self, account: str | None = None) -> list[dict[str, Any]]:
        return [
            p.wait
            for p in sorted(self._heap)
            if not p.hidden
            and not p.cancelled
            and (account is None or p.wait["account"] == account)
        ]

    def waits(self, account: str | None, since: float) -> list[dict[str, Any]]:
        """The waits imposed since a monotonic time, oldest first."""
        return [
            wait
            for wait in self._waits
            if wait["started"] >= since and (account is None or wait["account"] == account)
        ]

    def _apply(self, pending: Pending) -> None:
        if pending.cancelled:
            return
        # The state changed when it fell due, however late somebody asks.
        if pending.wait["ended"] is None:
            pending.wait["ended"] = min(pending.due, self.now())
        cause, self.cause = self.cause, pending.wait["cause"]
        try:
            pending.apply()
        finally:
            self.cause = cause


CLOCK = Clock()


def report(waits: list[dict[str, Any]]) -> dict[str, Any]:
    """What a list of imposed waits amounts to.

    `floor` is the longest single wait: nothing that needs all of them can be faster. `waves` is
    the longest chain through docs/spec/20 §9.9: instances first, then gateways, balancers and
    endpoints beside one another. `union` is the time in which at least one wait was running.
    """
    deletions = [w for w in waits if w["kind"] in DELETIONS]
    longest = max((w["seconds"] for w in deletions), default=0.0)
    instances = max(
        (w["seconds"] for w in deletions if w["kind"] == "instance.shutting-down"), default=0.0
    )
    others = max(
        (w["seconds"] for w in deletions if w["kind"] != "instance.shutting-down"), default=0.0
    )
    union, until = 0.0, float("-inf")
    for wait in sorted(deletions, key=lambda w: w["started"]):
        end = wait["due"] if wait["ended"] is None else wait["ended"]
        union += max(0.0, end - max(wait["started"], until))
        until = max(until, end)
    by_kind: dict[str, dict[str, float]] = {}
    for wait in deletions:
        entry = by_kind.setdefault(wait["kind"], {"count": 0, "longest": 0.0})
        entry["count"] += 1
        entry["longest"] = max(entry["longest"], wait["seconds"])
    return {
        "floor": longest,
        "waves": instances + others,
        "union": union,
        "by_kind": dict(sorted(by_kind.items())),
    }


DELETIONS = {
    "instance.shutting-down",
    "nat.deleting",
    "endpoint.interface.deleting",
    "endpoint.gateway.deleting",
    "lb.interfaces",
    "classic-lb.interfaces",
    "mount-target.deleting",
    "efs.deleting",
}
