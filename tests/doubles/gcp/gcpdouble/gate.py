"""The way into the double: who calls, whether the call is allowed as described, whether a fault strikes
it, what it does, and the log of it.

Decides the order: credentials, description, project, fault, work. A call that is refused on the way
changes nothing.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from typing import Any
from urllib.parse import parse_qsl

from .description import Description, Method, select
from .errors import Refused
from .faults import Fault, Faults
from .filters import parse
from .tokens import Accounts
from .world import ZONES, Instance, Operation, Project, World, fingerprint, stamp

Answer = tuple[int, list[tuple[str, str]], bytes]
TOKEN_PATH = "/token"
TOKEN_AUDIENCE = "https://oauth2.googleapis.com/token"
KEPT_CALLS = 50_000
# As long as the real service holds such a call at most.
LONGEST_WAIT = 120.0


class Drop(Exception):
    """The connection is closed without an answer."""


class Gate:
    def __init__(self, scale: float) -> None:
        self.lock = threading.RLock()
        self.description = Description()
        self.accounts = Accounts()
        self.faults = Faults()
        self.world = World(scale)

    def answer(self, http: str, path: str, query: str, headers: Any, body: bytes) -> Answer:
        """One call of anybody, answered."""
        host = headers.get("Host", "")
        if (http, path) == ("POST", TOKEN_PATH):
            return self._served("oauth2", lambda call: self._token(call, host, body))
        try:
            method = self.description.route(http, path)
        except Refused as refused:
            return refused.status, refused.headers(), refused.body("compute")
        asked = dict(parse_qsl(query, keep_blank_values=True))
        return self._served(
            method.service, lambda call: self._method(call, method, asked, headers, body)
        )

    def _served(self, service: str, work: Any) -> Answer:
        call = Call()
        status, headers, answer, failed = 200, [], b"", ""
        try:
            answer = json.dumps(work(call)).encode()
        except Refused as refused:
            status, headers, failed = refused.status, refused.headers(), refused.reason
            answer = refused.body(service)
        if call.latency:
            time.sleep(call.latency)
        drop = call.fault is not None and call.fault.drop
        with self.lock:
            project = self.world.projects.get(call.project)
            if project is not None and not call.witness:
                entry = call.entry("dropped" if drop else failed, 0 if drop else status)
                project.calls.append({"id": len(project.calls) + 1, **entry})
                del project.calls[:-KEPT_CALLS]
        if drop:
            raise Drop
        return status, headers, answer

    def _token(self, call: Call, host: str, body: bytes) -> Any:
        form = dict(parse_qsl(body.decode(errors="replace")))
        call.method = "oauth2.token"
        with self.lock:
            try:
                call.project, answer = self.accounts.exchange(form, TOKEN_AUDIENCE)
            except Refused:
                # The key's own file may name this endpoint as well.
                call.project, answer = self.accounts.exchange(form, f"http://{host}{TOKEN_PATH}")
            self._order(call)
            call.struck("before")
            call.struck("after")
        return answer

    def _method(
        self, call: Call, method: Method, asked: dict[str, str], headers: Any, body: bytes
    ) -> Any:
        call.method, call.changing = method.id, method.changing
        call.witness = "leak-oracle" in headers.get("User-Agent", "")
        variables = method.variables
        named = variables.get("project") or variables.get("name", "").removeprefix("projects/")
        call.project, call.params = named, {**asked, **variables}
        with self.lock:
            self.world.advance()
            caller = self.accounts.project_of(headers.get("Authorization", ""), _host(method))
            values = self.description.parameters(method, asked)
            mask = values.get("fields") or asked.get("$fields") or headers.get("X-Goog-FieldMask")
            if mask:
                call.params["fields"] = mask
            tree = self.description.mask(method, mask) if mask else {}
            content = self.description.body(method, body)
            if caller != named:
                raise Refused(403, "forbidden", f"no permission for the project {named!r}")
            project = self.world.project(named)
            self._order(call)
            call.struck("before")
            answer = self._work(project, method, values, content, call)
            call.struck("after")
        if method.id == "zoneOperations.wait":
            answer = self._waited(project, method.variables)
        self._fits(method, answer)
        return select(answer, tree)

    def _fits(self, method: Method, answer: Any) -> None:
        """What the double says is described as well, or it says nothing."""
        schema = {"$ref": method.facts["response"]}
        try:
            self.description.check(method.service, schema, answer, "answer", None)
        except Refused as wrong:
            raise AssertionError(f"{method.id}: {wrong.message}") from None

    def _order(self, call: Call) -> None:
        """Which fault strikes the call, if one does."""
        if not call.witness:
            latency, call.fault = self.faults.strike(call.project, call.method, call.params)
            call.latency += latency

    def _work(
        self, project: Project, method: Method, values: dict[str, Any], body: Any, call: Call
    ) -> Any:
        world, zone = self.world, values.get("zone")
        if method.id == "projects.get":
            return {
                "name": f"projects/{project.number}",
                "projectId": project.id,
                "displayName": project.id,
                "state": "ACTIVE",
            }
        if zone is not None and zone not in ZONES:
            raise Refused(400, "invalid", f"invalid value for field 'zone': {zone!r}")
        resource, _, verb = method.id.partition(".")
        if resource == "zoneOperations":
            if verb == "list":
                of = [one for one in project.operations.values() if one.zone == zone]
                items = [self._operation(project, one) for one in of]
                return self._page(project, "operationList", items, values)
            return self._operation(project, _operation(project, zone, values["operation"]))
        if verb == "aggregatedList":
            return self._aggregated(project, values)
        if verb == "list":
            items = [view(project, one) for one in _sorted(project) if one.zone == zone]
            return self._page(project, "instanceList", items, values)
        if verb == "insert":
            began = self._once(project, values, lambda: world.insert(project, zone, body))
        else:
            instance = _instance(project, zone, values["instance"])
            if verb == "get":
                return view(project, instance)
            began = self._once(project, values, lambda: self._act(project, instance, verb, values, body))
        fault = call.fault
        if fault is not None and fault.when == "operation" and began.error is None:
            error = {"code": fault.reason or "INTERNAL_ERROR", "message": fault.message}
            world.fail(project, began, error | {"status": str(fault.status)})
        return self._operation(project, began)

    def _act(
        self, project: Project, instance: Instance, verb: str, values: dict[str, Any], body: Any
    ) -> Operation:
        world = self.world
        match verb:
            case "start":
                return world.start(project, instance)
            case "stop":
                return world.stop(project, instance, values.get("discardLocalSsd"))
            case "suspend":
                return world.suspend(project, instance)
            case "resume":
                return world.resume(project, instance)
            case "delete":
                return world.delete(project, instance)
            case "setLabels":
                return world.set_labels(project, instance, body)
        raise Refused(404, "notFound", f"instances.{verb} is not served")

    def _once(self, project: Project, values: dict[str, Any], begin: Any) -> Operation:
        """The same request id gives the operation that it began before."""
        request = values.get("requestId")
        for operation in project.operations.values():
            if request is not None and operation.request == request:
                return operation
        operation = begin()
        operation.request = request
        return operation

    def _waited(self, project: Project, variables: dict[str, str]) -> Any:
        until = time.monotonic() + LONGEST_WAIT
        while True:
            with self.lock:
                self.world.advance()
                operation = _operation(project, variables["zone"], variables["operation"])
                answer = self._operation(project, operation)
            if answer["status"] == "DONE" or time.monotonic() > until:
                return answer
            time.sleep(0.01)

    def _aggregated(self, project: Project, values: dict[str, Any]) -> Any:
        found = [view(project, one) for one in _sorted(project) if one.zone not in project.unreachable]
        page = self._page(project, "instanceAggregatedList", found, values)
        items: dict[str, Any] = {}
        for zone in ZONES:
            url = zone_url(project, zone)
            mine = [one for one in page["items"] if one["zone"] == url]
            if mine:
                items[f"zones/{zone}"] = {"instances": mine}
                continue
            code = "UNREACHABLE" if zone in project.unreachable else "NO_RESULTS_ON_PAGE"
            data = [{"key": "scope", "value": f"zones/{zone}"}]
            items[f"zones/{zone}"] = {
                "warning": {"code": code, "message": f"{code.lower()}: zones/{zone}", "data": data}
            }
        if project.unreachable:
            page["unreachables"] = [f"zones/{zone}" for zone in sorted(project.unreachable)]
        return {**page, "items": items}

    def _page(
        self, project: Project, kind: str, items: list[dict[str, Any]], values: dict[str, Any]
    ) -> dict[str, Any]:
        test = parse(values.get("filter", ""))
        if values.get("orderBy", "name") != "name":
            raise Refused(400, "invalid", "only the order by name is served")
        # A page begins behind the last item of the one before, whatever came and went meanwhile.
        after = _read_token(values.get("pageToken"))
        key = lambda item: f"{item.get('zone', '')}/{item['name']}"  # noqa: E731
        left = [item for item in items if test(item) and key(item) > after]
        most = values.get("maxResults", 500)
        if most > 500:
            raise Refused(400, "invalidParameter", "maxResults is at most 500")
        most = min(most or 500, project.page)
        page = {"kind": f"compute#{kind}", "id": f"projects/{project.id}", "items": left[:most]}
        if len(left) > most:
            page["nextPageToken"] = base64.urlsafe_b64encode(key(left[most - 1]).encode()).decode()
        return page

    def _operation(self, project: Project, operation: Operation) -> dict[str, Any]:
        now = self.world.now()
        done = now >= operation.ends
        status = "DONE" if done else "RUNNING" if operation.looked else "PENDING"
        operation.looked = True
        target = operation.target
        value = {
            "kind": "compute#operation",
            "id": str(int.from_bytes(operation.name.encode()[-6:])),
            "name": operation.name,
            "zone": zone_url(project, operation.zone),
            "operationType": operation.kind,
            "status": status,
            "progress": 100 if done else 0,
            "insertTime": stamp(now - operation.began),
            "targetId": str(target.id),
            "targetLink": f"{zone_url(project, target.zone)}/instances/{target.name}",
            "user": f"installer@{project.id}.iam.gserviceaccount.com",
            "selfLink": f"{zone_url(project, operation.zone)}/operations/{operation.name}",
        }
        if operation.request:
            value["clientOperationId"] = operation.request
        if done and operation.error is not None:
            error = {key: operation.error[key] for key in ("code", "message")}
            value |= {
                "error": {"errors": [error]},
                "httpErrorStatusCode": int(operation.error["status"]),
                "httpErrorMessage": error["code"],
            }
        return value


class Call:
    """What is known of a call while it is served, for the log and the faults."""

    def __init__(self) -> None:
        self.method, self.project = "", ""
        self.params: dict[str, Any] = {}
        self.changing = self.witness = False
        self.latency = 0.0
        self.fault: Fault | None = None

    def struck(self, when: str) -> None:
        """Ends the call here if that is what its fault says."""
        fault = self.fault
        if fault is not None and fault.when == when and (fault.reason or fault.drop):
            reason = fault.reason or "dropped"
            raise Refused(fault.status, reason, fault.message, fault.retry_after)

    def entry(self, failed: str, status: int) -> dict[str, Any]:
        hidden = {"access_token", "oauth_token", "key"}
        return {
            "method": self.method,
            "params": {key: value for key, value in self.params.items() if key not in hidden},
            "changing": self.changing,
            "status": status,
            "failed": failed,
        }


def view(project: Project, instance: Instance) -> dict[str, Any]:
    """An instance as its owner sees it."""
    zone = zone_url(project, instance.zone)
    return {
        **instance.facts,
        "kind": "compute#instance",
        "id": str(instance.id),
        "zone": zone,
        "selfLink": f"{zone}/instances/{instance.name}",
        "status": instance.status,
        "labelFingerprint": fingerprint(instance),
    }


def zone_url(project: Project, zone: str) -> str:
    return f"https://www.googleapis.com/compute/v1/projects/{project.id}/zones/{zone}"


def _sorted(project: Project) -> list[Instance]:
    return [instance for _, instance in sorted(project.instances.items())]


def _instance(project: Project, zone: str, name: str) -> Instance:
    found = project.instances.get((zone, name))
    if found is None:
        raise Refused(404, "notFound", f"the resource zones/{zone}/instances/{name} was not found")
    return found


def _operation(project: Project, zone: str | None, name: str) -> Operation:
    found = project.operations.get((zone or "", name))
    if found is None:
        raise Refused(404, "notFound", f"the resource zones/{zone}/operations/{name} was not found")
    return found


def _read_token(text: str | None) -> str:
    try:
        return base64.b64decode(text or "", altchars=b"-_", validate=True).decode()
    except ValueError:
        raise Refused(400, "invalid", "invalid value for field 'pageToken'") from None


def _host(method: Method) -> str:
    return f"{method.service}.googleapis.com"
