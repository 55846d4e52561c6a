"""Projects, their instances and operations, and the states that these pass through.

Decides what a power action does from which state, how long it takes and how it ends. Everything is
applied before the next call is answered (`World.advance`), in the order in which it falls due.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import itertools
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from .errors import Refused

ZONES = [f"{region}-{zone}" for region in ("europe-west1", "us-central1") for zone in "abcd"]

# Seconds at scale 1, as in a quiet region.
DURATIONS = {
    "instance.provisioning": 5.0,
    "instance.staging": 15.0,
    "instance.stopping": 40.0,
    "instance.suspending": 30.0,
    "instance.deleting": 35.0,
    "operation.failing": 3.0,
    "operation.other": 1.0,
}

# What is on its way, and where it cannot be switched from.
STARTING = ("PENDING", "PROVISIONING", "STAGING")
STOPPED = ("STOPPED", "TERMINATED")


@dataclass
class Operation:
    name: str
    kind: str
    zone: str
    target: Instance
    began: float
    ends: float
    error: dict[str, str] | None = None
    before: str | None = None
    request: str | None = None
    looked: bool = False


@dataclass
class Instance:
    id: int
    zone: str
    name: str
    facts: dict[str, Any]
    status: str
    # What follows and when; None is the end of the instance.
    steps: list[tuple[float, str | None]] = field(default_factory=list)


@dataclass
class Project:
    id: str
    number: int
    scale: float | None = None
    fixed: dict[str, float] = field(default_factory=dict)
    page: int = 500
    unreachable: set[str] = field(default_factory=set)
    instances: dict[tuple[str, str], Instance] = field(default_factory=dict)
    operations: dict[tuple[str, str], Operation] = field(default_factory=dict)
    calls: list[dict[str, Any]] = field(default_factory=list)


class World:
    def __init__(self, scale: float) -> None:
        self.scale = scale
        self.projects: dict[str, Project] = {}
        self._numbers = itertools.count(100_000_000_001)

    def now(self) -> float:
        return time.monotonic()

    def create(self, name: str | None) -> Project:
        name = name or f"demo-{secrets.token_hex(6)}"
        if name in self.projects:
            raise ValueError(f"the project {name} exists")
        self.projects[name] = Project(name, next(self._numbers))
        return self.projects[name]

    def project(self, name: str) -> Project:
        if name not in self.projects:
            raise ValueError(f"no project {name}")
        return self.projects[name]

    def seconds(self, project: Project, kind: str) -> float:
        if kind in project.fixed:
            return project.fixed[kind]
        return DURATIONS[kind] * (self.scale if project.scale is None else project.scale)

    def advance(self) -> None:
        now = self.now()
        for project in self.projects.values():
            for key, instance in list(project.instances.items()):
                while instance.steps and instance.steps[0][0] <= now:
                    status = instance.steps.pop(0)[1]
                    if status is None:
                        del project.instances[key]
                    else:
                        instance.status = status

    def settle(self, project: Project) -> int:
        """Brings everything under way to its end now; returns how much there was."""
        now, count = self.now(), 0
        for instance in project.instances.values():
            count += bool(instance.steps)
            instance.steps = [(now, status) for _, status in instance.steps]
        for operation in project.operations.values():
            operation.ends = min(operation.ends, now)
        self.advance()
        return count

    def insert(self, project: Project, zone: str, facts: dict[str, Any]) -> Operation:
        name = facts["name"]
        if (zone, name) in project.instances:
            raise Refused(409, "alreadyExists", f"the resource {zone}/{name!r} already exists")
        if "machineType" not in facts:
            raise Refused(400, "invalid", "invalid value for field 'resource.machineType'")
        instance = Instance(secrets.randbelow(2**62), zone, name, dict(facts), "PROVISIONING")
        instance.facts["creationTimestamp"] = stamp()
        instance.facts.setdefault("scheduling", {})
        for key, value in (("preemptible", False), ("provisioningModel", "STANDARD")):
            instance.facts["scheduling"].setdefault(key, value)
        project.instances[zone, name] = instance
        steps = (("instance.provisioning", "STAGING"), ("instance.staging", "RUNNING"))
        return self._begin(project, instance, "insert", steps)

    def start(self, project: Project, instance: Instance) -> Operation:
        if instance.status == "RUNNING" or instance.status in STARTING:
            raise Refused(304, "notModified", "")
        if instance.status not in STOPPED:
            raise _not_ready(instance)
        before, instance.status = instance.status, "STAGING"
        return self._begin(project, instance, "start", (("instance.staging", "RUNNING"),), before)

    def stop(self, project: Project, instance: Instance, discard: bool | None) -> Operation:
        if instance.status == "STOPPING" or instance.status in STOPPED:
            raise Refused(304, "notModified", "")
        if instance.status not in ("RUNNING", "SUSPENDED"):
            raise _not_ready(instance)
        scratch = any(disk.get("type") == "SCRATCH" for disk in instance.facts.get("disks", []))
        if scratch and discard is None:
            raise Refused(400, "invalid", "it has local SSDs, and discardLocalSsd is not given")
        before, instance.status = instance.status, "STOPPING"
        steps = (("instance.stopping", "TERMINATED"),)
        return self._begin(project, instance, "stop", steps, before)

    def suspend(self, project: Project, instance: Instance) -> Operation:
        if instance.status != "RUNNING":
            raise _not_ready(instance)
        instance.status = "SUSPENDING"
        return self._begin(project, instance, "suspend", (("instance.suspending", "SUSPENDED"),))

    def resume(self, project: Project, instance: Instance) -> Operation:
        if instance.status != "SUSPENDED":
            raise _not_ready(instance)
        instance.status = "STAGING"
        return self._begin(project, instance, "resume", (("instance.staging", "RUNNING"),))

    def delete(self, project: Project, instance: Instance) -> Operation:
        if instance.facts.get("deletionProtection"):
            raise Refused(412, "conditionNotMet", "the instance is protected against deletion")
        instance.status = "STOPPING"
        return self._begin(project, instance, "delete", (("instance.deleting", None),))

    def set_labels(self, project: Project, instance: Instance, asked: dict[str, Any]) -> Operation:
        if asked.get("labelFingerprint") != fingerprint(instance):
            raise Refused(412, "conditionNotMet", "the labels' fingerprint is not the current one")
        instance.facts["labels"] = asked.get("labels", {})
        return self._begin(project, instance, "setLabels", ())

    def _begin(
        self,
        project: Project,
        instance: Instance,
        kind: str,
        steps: tuple[tuple[str, str | None], ...],
        before: str | None = None,
    ) -> Operation:
        now = at = self.now()
        if steps:
            instance.steps = []
        for duration, status in steps:
            at += self.seconds(project, duration)
            instance.steps.append((at, status))
        if not steps:
            at += self.seconds(project, "operation.other")
        name = f"operation-{secrets.token_hex(12)}"
        operation = Operation(name, kind, instance.zone, instance, now, at, before=before)
        project.operations[instance.zone, name] = operation
        return operation

    def fail(self, project: Project, operation: Operation, error: dict[str, str]) -> None:
        """The operation ends with an error, and the instance where it was."""
        operation.error = error
        operation.ends = self.now() + self.seconds(project, "operation.failing")
        if operation.before is not None:
            operation.target.steps = [(operation.ends, operation.before)]


def _not_ready(instance: Instance) -> Refused:
    message = f"the resource {instance.zone}/{instance.name!r} is not ready: {instance.status}"
    return Refused(400, "resourceNotReady", message)


def fingerprint(instance: Instance) -> str:
    """Changes with the labels."""
    text = str(sorted(instance.facts.get("labels", {}).items()))
    return base64.b64encode(hashlib.sha256(text.encode()).digest()[:8]).decode()


def stamp(ago: float = 0.0) -> str:
    when = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=ago)
    return when.isoformat(timespec="milliseconds")
