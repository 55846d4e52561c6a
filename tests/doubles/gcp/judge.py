"""Google's own client, asked line by line: what the double answers to somebody else than the product.

Reads one JSON object a line, `{"endpoint", "key", "call", ...arguments}`, and answers one a line:
`{"ok": ...}` or `{"error": {"class", "status", "reasons"}}`. `key` is the content of a service account's
key file. Calls: token, list, zone, get, insert, labels, start, stop, delete, operation.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import google.auth.exceptions
import google.auth.transport.requests
from google.api_core import exceptions
from google.cloud import compute_v1
from google.oauth2 import service_account

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_clients: dict[tuple[str, str, type], Any] = {}


def client(asked: dict[str, Any], kind: type = compute_v1.InstancesClient) -> Any:
    key = asked["endpoint"], asked["key"]["private_key_id"], kind
    if key not in _clients:
        _clients[key] = kind(
            credentials=credentials(asked), client_options={"api_endpoint": asked["endpoint"]}
        )
    return _clients[key]


def credentials(asked: dict[str, Any]) -> service_account.Credentials:
    return service_account.Credentials.from_service_account_info(asked["key"], scopes=[SCOPE])


def row(instance: compute_v1.Instance) -> dict[str, Any]:
    return {
        "name": instance.name,
        "zone": instance.zone.rsplit("/", 1)[-1],
        "status": instance.status,
        "labels": dict(instance.labels),
        "spot": instance.scheduling.provisioning_model == "SPOT",
    }


def instance(asked: dict[str, Any]) -> dict[str, str]:
    return {name: asked[name] for name in ("project", "zone", "instance")}


def answer(asked: dict[str, Any]) -> Any:
    # Nothing is tried twice: the judge sees what is there.
    once = {"retry": None, "timeout": 30}
    match asked["call"]:
        case "token":
            of = credentials(asked)
            of.refresh(google.auth.transport.requests.Request())
            return bool(of.token)
        case "list":
            names = ("project", "filter", "max_results", "page_token")
            wanted = {name: asked[name] for name in names if name in asked}
            request = compute_v1.AggregatedListInstancesRequest(wanted)
            pager = client(asked).aggregated_list(request, **once)
            pages = list(pager.pages)
            return {
                "pages": len(pages),
                "machines": [
                    row(one)
                    for page in pages
                    for scope in page.items.values()
                    for one in scope.instances
                ],
                "warnings": sorted(
                    {scope.warning.code for page in pages for scope in page.items.values()} - {""}
                ),
            }
        case "zone":
            pager = client(asked).list(project=asked["project"], zone=asked["zone"], **once)
            return [row(one) for one in pager]
        case "get":
            return row(client(asked).get(**instance(asked), **once))
        case "insert":
            body = compute_v1.Instance.from_json(json.dumps(asked["body"]))
            began = client(asked).insert_unary(
                project=asked["project"], zone=asked["zone"], instance_resource=body, **once
            )
        case "labels":
            seen = client(asked).get(**instance(asked), **once)
            body = compute_v1.InstancesSetLabelsRequest(
                labels=asked["labels"], label_fingerprint=seen.label_fingerprint
            )
            began = client(asked).set_labels_unary(
                **instance(asked), instances_set_labels_request_resource=body, **once
            )
        case "start":
            began = client(asked).start_unary(**instance(asked), **once)
        case "stop":
            began = client(asked).stop_unary(**instance(asked), **once)
        case "delete":
            began = client(asked).delete_unary(**instance(asked), **once)
        case "operation":
            names = {name: asked[name] for name in ("project", "zone", "operation")}
            began = client(asked, compute_v1.ZoneOperationsClient).wait(**names, **once)
        case other:
            raise ValueError(f"unknown call {other}")
    return {
        "operation": began.name,
        "status": compute_v1.Operation.Status(began.status).name,
        "errors": [one.code for one in began.error.errors],
    }


def main() -> None:
    for line in sys.stdin:
        try:
            said = {"ok": answer(json.loads(line))}
        except exceptions.GoogleAPICallError as error:
            reasons = [one.get("reason") for one in error.errors if isinstance(one, dict)]
            name = type(error).__name__
            said = {"error": {"class": name, "status": error.code, "reasons": reasons}}
        except google.auth.exceptions.GoogleAuthError as error:
            said = {"error": {"class": type(error).__name__, "status": None, "reasons": []}}
        except Exception as error:  # noqa: BLE001, an answer that the client cannot read
            said = {"error": {"class": type(error).__name__, "status": None, "reasons": []}}
            print(repr(error), file=sys.stderr, flush=True)
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
