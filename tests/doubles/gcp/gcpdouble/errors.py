"""A refused call, and how Google's services write it down."""

from __future__ import annotations

import json
from typing import Any

STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


class Refused(Exception):
    """A call that gets no answer but an error. `reason` is the word that clients look at."""

    def __init__(
        self, status: int, reason: str, message: str, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message
        self.retry_after = retry_after

    def headers(self) -> list[tuple[str, str]]:
        return [] if self.retry_after is None else [("Retry-After", str(self.retry_after))]

    def body(self, service: str) -> bytes:
        """304 has no body; the token endpoint has the words of OAuth; Compute lists `errors`."""
        if self.status == 304:
            return b""
        if service == "oauth2":
            return _json({"error": self.reason, "error_description": self.message})
        error: dict[str, Any] = {"code": self.status, "message": self.message}
        if service == "compute":
            item = {"message": self.message, "domain": "global", "reason": self.reason}
            error["errors"] = [item]
        else:
            error["details"] = [
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": self.reason,
                    "domain": "googleapis.com",
                }
            ]
        if self.status in STATUS:
            error["status"] = STATUS[self.status]
        return _json({"error": error})


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()
