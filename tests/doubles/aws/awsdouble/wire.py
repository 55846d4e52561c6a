"""What a request asks for: service, action, parameters; and how its protocol spells an error.

Decides nothing about the answer. Parameters that go into the log lose their secrets here.
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from . import sigv4

# Signing name to the short name used in logs and faults.
SERVICES = {
    "elasticloadbalancing": "elb",
    "elasticfilesystem": "efs",
    "tagging": "tagging",
}
REST = {"s3": "s3", "route53": "route53", "efs": "efs"}
READING = re.compile(r"^(Describe|List|Get|Head|Select|Search|Simulate|Test|AssumeRole)")
SECRET = re.compile(r"(?i)secret|password|token$|userdata|signature|credential|privatekey")
HARMLESS = {"NextToken", "ClientToken", "PaginationToken", "ContinuationToken", "CreationToken"}
IDS = re.compile(
    r"\b(?:i|vol|snap|ami|vpc|subnet|sg|igw|eigw|nat|rtb|acl|eni|eipalloc|dopt|vpce|vpce-svc|pcx|"
    r"cagw|h|fs|fsmt|fsap|lt|key|pg|r)-[0-9a-f]{8,17}\b"
)
NAMED = (
    "RoleName", "UserName", "InstanceProfileName", "AccessKeyId", "LoadBalancerName",
    "LoadBalancerArn", "TargetGroupArn", "ListenerArn", "Bucket", "Id", "HostedZoneId",
    "FileSystemId", "AccessPointId", "MountTargetId", "ResourceId", "GroupName", "PolicyArn",
)  # fmt: skip
LONGEST = 300
MOST_IDS = 40


@dataclass
class Call:
    """One request of a client, and later its outcome."""

    number: int
    service: str = ""
    action: str = ""
    region: str = ""
    account: str | None = None
    access_key: str | None = None
    params: dict[str, Any] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    started: float = 0.0
    seconds: float = 0.0
    status: int = 0
    error: str | None = None
    fault: str | None = None

    @property
    def reading(self) -> bool:
        return bool(READING.match(self.action))

    def record(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "account": self.account,
            "region": self.region,
            "service": self.service,
            "action": self.action,
            "changing": not self.reading,
            "params": self.params,
            "resources": self.ids,
            "status": self.status,
            "error": self.error,
            "fault": self.fault,
            "started": self.started,
            "seconds": self.seconds,
        }


def to_path_style(environ: dict[str, Any], hosts: set[str]) -> None:
    """Turns a virtual-hosted S3 request into a path-style one, after its signature was read.

    `bucket.HOST` is taken apart when HOST is `localhost`, `s3.localhost` or a host of `hosts`.
    """
    host = environ.get("HTTP_HOST", "").rsplit(":", 1)[0]
    for base in ("s3.localhost", "localhost", *sorted(hosts)):
        if host.endswith("." + base) and host != "s3.localhost":
            bucket = host[: -len(base) - 1]
            environ["PATH_INFO"] = f"/{bucket}{environ.get('PATH_INFO', '/')}"
            for key in ("RAW_URI", "REQUEST_URI"):
                environ[key] = f"/{bucket}{environ[key]}"
            return


def describe(
    call: Call, environ: dict[str, Any], body: bytes, signature: sigv4.Signature | None
) -> None:
    """Fills in service, action, region and parameters of `call`."""
    form = _form(environ, body)
    signing = signature.service.lower() if signature else _unsigned_service(form)
    call.service = SERVICES.get(signing, signing)
    call.region = signature.region if signature else "us-east-1"
    if call.service == "elb" and form.get("Version") == "2015-12-01":
        call.service = "elbv2"
    if call.service in REST:
        call.action, params = _rest(REST[call.service], environ)
        params |= _body_summary(call, body)
    elif "HTTP_X_AMZ_TARGET" in environ:
        call.action = environ["HTTP_X_AMZ_TARGET"].rsplit(".", 1)[-1]
        try:
            params = json.loads(body or b"{}")
        except ValueError:
            params = {}
    else:
        call.action = form.pop("Action", "")
        form.pop("Version", None)
        params = form
    call.params = {key: _shorten(key, value) for key, value in sorted(params.items())}
    call.ids = _ids(params)


def add_created_ids(call: Call, body: bytes) -> None:
    """Adds the ids that the answer to a creating call names."""
    if call.reading or call.error or len(body) > 200_000:
        return
    for found in IDS.findall(body.decode("utf-8", "replace")):
        if found not in call.ids and len(call.ids) < MOST_IDS:
            call.ids.append(found)


def error_code(body: bytes) -> str | None:
    """The error code in an answer, whatever its protocol."""
    text = body[:4000].decode("utf-8", "replace")
    found = re.search(r"<Code>([^<]+)</Code>", text)
    if found:
        return found.group(1)
    try:
        document = json.loads(text)
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    code = document.get("__type") or document.get("ErrorCode") or document.get("code")
    return str(code).rsplit("#", 1)[-1] if code else None


def error(
    service: str, status: int, code: str, message: str, resource: str = ""
) -> tuple[int, list[tuple[str, str]], bytes]:
    """An error as the real service words it."""
    request = str(uuid.uuid4())
    code_x, text_x = escape(code), escape(message)
    if service == "tagging":
        body = json.dumps({"__type": code, "message": message})
        headers = [("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-ErrorType", code)]
    elif service == "efs":
        body = json.dumps({"ErrorCode": code, "Message": message})
        headers = [("Content-Type", "application/json"), ("x-amzn-ErrorType", code)]
    elif service == "s3":
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{code_x}</Code><Message>{text_x}</Message>"
            f"<Resource>{escape(resource)}</Resource><RequestId>{request}</RequestId></Error>"
        )
        headers = [("Content-Type", "application/xml")]
    elif service == "ec2":
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Response><Errors><Error><Code>{code_x}</Code><Message>{text_x}</Message></Error>"
            f"</Errors><RequestID>{request}</RequestID></Response>"
        )
        headers = [("Content-Type", "text/xml;charset=UTF-8")]
    else:
        kind = "Sender" if status < 500 else "Receiver"
        body = (
            f"<ErrorResponse><Error><Type>{kind}</Type><Code>{code_x}</Code>"
            f"<Message>{text_x}</Message></Error><RequestId>{request}</RequestId></ErrorResponse>"
        )
        headers = [("Content-Type", "text/xml")]
    return status, [*headers, ("x-amzn-RequestId", request)], body.encode()


def _form(environ: dict[str, Any], body: bytes) -> dict[str, str]:
    form = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        form |= dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    return form


def _unsigned_service(form: dict[str, str]) -> str:
    return "sts" if form.get("Action", "").startswith("AssumeRoleWith") else "s3"


def _rest(service: str, environ: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    from moto.core.request import Request
    from moto.core.routing import get_service_router

    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    query.pop("x-id", None)
    copy = {key: value for key, value in environ.items() if key != "wsgi.input"}
    try:
        operation, path = get_service_router(service).match(Request(copy))
    except Exception:
        return "Unknown", query
    return operation.name, {**query, **path}


def _body_summary(call: Call, body: bytes) -> dict[str, Any]:
    if call.action == "ChangeResourceRecordSets":
        text = body.decode("utf-8", "replace")
        changes = re.findall(
            r"<Change>.*?<Action>(\w+)</Action>.*?<Name>([^<]+)</Name>.*?<Type>(\w+)</Type>",
            text,
            re.DOTALL,
        )
        return {"Changes": [f"{action} {kind} {name}" for action, name, kind in changes]}
    if call.action == "DeleteObjects":
        keys = re.findall(r"<Key>([^<]*)</Key>", body.decode("utf-8", "replace"))
        return {"Keys": keys[:MOST_IDS], "KeyCount": len(keys)}
    if call.service == "route53" and body:
        return dict(re.findall(r"<(\w+)>([^<]{1,200})</", body.decode("utf-8", "replace")))
    if call.service == "efs" and body:
        try:
            return json.loads(body)
        except ValueError:
            return {}
    return {}


def _shorten(key: str, value: Any) -> Any:
    last = key.rsplit(".", 1)[-1]
    if SECRET.search(last) and last not in HARMLESS:
        return "(withheld)"
    if isinstance(value, dict):
        return {k: _shorten(k, v) for k, v in value.items()}
    if isinstance(value, list):
        return [_shorten(key, item) for item in value[:MOST_IDS]]
    if isinstance(value, str) and len(value) > LONGEST:
        return value[:LONGEST] + "…"
    return value


def _ids(params: dict[str, Any]) -> list[str]:
    found: list[str] = []

    def visit(key: str, value: Any) -> None:
        if isinstance(value, dict):
            for k, v in value.items():
                visit(k, v)
        elif isinstance(value, list):
            for item in value:
                visit(key, item)
        elif isinstance(value, str):
            last = key.rsplit(".", 1)[-1]
            for item in [value] if last in NAMED or value.startswith("arn:") else IDS.findall(value):
                if item not in found and len(found) < MOST_IDS:
                    found.append(item)

    for key, value in params.items():
        visit(key, value)
    return found
