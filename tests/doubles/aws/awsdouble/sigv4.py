"""Signature Version 4, the verifying side.

Decides whether a request was signed with the secret that belongs to its access key. Trusts the
payload hash that the client declares for streams, checks it when it is a plain hash.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

ALGORITHM = "AWS4-HMAC-SHA256"
SAFE = "-_.~"


@dataclass(frozen=True)
class Signature:
    """What a request says about how it was signed."""

    access_key: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    timestamp: str
    session_token: str | None
    presigned: bool


def read(environ: dict[str, Any]) -> Signature | None:
    """The signature of a request, from its Authorization header or its query; None if unsigned."""
    header = environ.get("HTTP_AUTHORIZATION", "")
    if header.startswith(ALGORITHM):
        fields = dict(re.findall(r"(\w+)=([^,\s]+)", header))
        scope = fields.get("Credential", "").split("/")
        if len(scope) != 5:
            return None
        return Signature(
            access_key=scope[0],
            date=scope[1],
            region=scope[2],
            service=scope[3],
            signed_headers=tuple(fields.get("SignedHeaders", "").split(";")),
            signature=fields.get("Signature", ""),
            timestamp=environ.get("HTTP_X_AMZ_DATE", ""),
            session_token=environ.get("HTTP_X_AMZ_SECURITY_TOKEN"),
            presigned=False,
        )
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    scope = query.get("X-Amz-Credential", "").split("/")
    if query.get("X-Amz-Algorithm") == ALGORITHM and len(scope) == 5:
        return Signature(
            access_key=scope[0],
            date=scope[1],
            region=scope[2],
            service=scope[3],
            signed_headers=tuple(query.get("X-Amz-SignedHeaders", "host").split(";")),
            signature=query.get("X-Amz-Signature", ""),
            timestamp=query.get("X-Amz-Date", ""),
            session_token=query.get("X-Amz-Security-Token"),
            presigned=True,
        )
    return None


def verify(environ: dict[str, Any], body: bytes, signature: Signature, secret: str) -> bool:
    """Whether `signature` is the one that `secret` gives for this request."""
    raw_path, _, raw_query = environ["RAW_URI"].partition("?")
    declared = environ.get("HTTP_X_AMZ_CONTENT_SHA256")
    if signature.presigned:
        payload = declared or "UNSIGNED-PAYLOAD"
    elif declared:
        payload = declared
        plain = re.fullmatch(r"[0-9a-f]{64}", declared)
        if plain and declared != hashlib.sha256(body).hexdigest():
            return False
    else:
        payload = hashlib.sha256(body).hexdigest()
    # S3 signs the path as sent; every other service encodes it once more.
    path = raw_path or "/"
    if signature.service != "s3":
        path = quote(path, safe="/" + SAFE)
    canonical = "\n".join(
        [
            environ["REQUEST_METHOD"],
            path,
            _canonical_query(raw_query),
            *(f"{name}:{_header(environ, name)}" for name in signature.signed_headers),
            "",
            ";".join(signature.signed_headers),
            payload,
        ]
    )
    scope = f"{signature.date}/{signature.region}/{signature.service}/aws4_request"
    to_sign = "\n".join(
        [ALGORITHM, signature.timestamp, scope, hashlib.sha256(canonical.encode()).hexdigest()]
    )
    key = ("AWS4" + secret).encode()
    for part in (signature.date, signature.region, signature.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    expected = hmac.digest(key, to_sign.encode(), "sha256").hex()
    return hmac.compare_digest(expected, signature.signature)


def _canonical_query(raw: str) -> str:
    pairs = []
    for item in raw.split("&") if raw else []:
        name, _, value = item.partition("=")
        if name == "X-Amz-Signature":
            continue
        pairs.append((quote(unquote(name), safe=SAFE), quote(unquote(value), safe=SAFE)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _header(environ: dict[str, Any], name: str) -> str:
    key = name.upper().replace("-", "_")
    if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        key = "HTTP_" + key
    return re.sub(r" +", " ", str(environ.get(key, "")).strip())
