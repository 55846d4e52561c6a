"""The gate in front of moto: who calls, what for, with what fault, and how it went.

Decides authentication, account and region of each request and writes the log. One request at a
time reaches moto (its backends are not written for threads); latency is spent outside that lock.
"""

from __future__ import annotations

import io
import itertools
import re
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from typing import Any

from . import sigv4, wire
from .accounts import ACCOUNTS, Credential
from .calls import Log
from .clock import CLOCK
from .faults import Faults

# A client with this word in its user agent is a witness: not logged, never struck by a fault.
WITNESS = "leak-oracle"
Answer = tuple[int, list[tuple[str, str]], bytes]
REASONS = {200: "OK", 204: "No Content", 400: "Bad Request", 403: "Forbidden", 404: "Not Found",
           409: "Conflict", 500: "Internal Server Error", 503: "Service Unavailable"}  # fmt: skip


class Drop(Exception):
    """The connection is to be closed without an answer."""


class Gate:
    """A WSGI application over moto's."""

    def __init__(self, moto: Callable[..., Iterable[bytes]], admin: Any) -> None:
        self._moto = moto
        self._admin = admin
        self._numbers = itertools.count(1)
        self.lock = threading.RLock()
        self.log = Log()
        self.faults = Faults()
        self.hosts: set[str] = set()
        # Called under the lock after each changing call that succeeded: (call) -> None.
        self.after: list[Callable[[wire.Call], None]] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"].read()
        if environ["PATH_INFO"].startswith("/_skep/"):
            status, headers, answer = self._admin.answer(self, environ, body)
        else:
            status, headers, answer = self._serve(environ, body)
        start_response(f"{status} {REASONS.get(status, 'Status')}", headers)
        return [answer]

    def _serve(self, environ: dict[str, Any], body: bytes) -> Answer:
        call = wire.Call(next(self._numbers), started=CLOCK.now())
        signature = sigv4.read(environ)
        raw = environ["RAW_URI"]
        if signature is None or signature.service == "s3":
            wire.to_path_style(environ, self.hosts)
        wire.describe(call, environ, body, signature)
        rewritten, environ["RAW_URI"] = environ["RAW_URI"], raw
        try:
            with self.lock:
                refusal = self._admit(call, environ, body, signature)
            environ["RAW_URI"] = rewritten
            witness = WITNESS in environ.get("HTTP_USER_AGENT", "")
            serve = self._run if witness else self._with_faults
            answer = refusal or serve(call, environ, body)
        except Drop:
            call.status, call.error = 0, "ConnectionDropped"
            raise
        finally:
            call.seconds = CLOCK.now() - call.started
            if call.status == 0 and call.error is None:
                call.error = "Unanswered"
            if WITNESS not in environ.get("HTTP_USER_AGENT", ""):
                with self.lock:
                    self.log.add(call)
        return answer

    def _admit(
        self,
        call: wire.Call,
        environ: dict[str, Any],
        body: bytes,
        signature: sigv4.Signature | None,
    ) -> Answer | None:
        """Settles whose call it is; an answer is a refusal."""
        if signature is None:
            return self._admit_unsigned(call, environ, body)
        call.access_key = signature.access_key
        credential = ACCOUNTS.find(signature.access_key)
        if credential is None or signature.session_token != credential.session_token:
            return self._refuse(call, *_UNKNOWN_KEY.get(call.service, _UNKNOWN_KEY[""]))
        call.account = credential.account
        if ACCOUNTS.expired(credential):
            code = "RequestExpired" if call.service == "ec2" else "ExpiredToken"
            if call.service in ("tagging", "efs"):
                code = "ExpiredTokenException"
            return self._refuse(call, 400, code, "The security token included in the request is expired")
        if not sigv4.verify(environ, body, signature, credential.secret_key):
            return self._refuse(call, *_WRONG_SIGNATURE.get(call.service, _WRONG_SIGNATURE[""]))
        self._mark(environ, credential)
        environ["awsdouble.region"] = signature.region
        return None

    def _admit_unsigned(
        self, call: wire.Call, environ: dict[str, Any], body: bytes
    ) -> Answer | None:
        """Nobody calls unsigned, except to trade an identity token for a role."""
        if call.service == "sts":
            found = re.match(r"arn:aws:iam::(\d{12}):role/", str(call.params.get("RoleArn", "")))
            if found and found.group(1) in ACCOUNTS.names:
                call.account = found.group(1)
                environ["HTTP_X_MOTO_ACCOUNT_ID"] = call.account
                environ["awsdouble.region"] = call.region
                return None
        return self._refuse(call, *_NO_KEY.get(call.service, _NO_KEY[""]))

    @staticmethod
    def _mark(environ: dict[str, Any], credential: Credential) -> None:
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = credential.account
        environ["awsdouble.credential"] = credential

    def _refuse(self, call: wire.Call, status: int, code: str, message: str) -> Answer:
        call.status, call.error = status, code
        return wire.error(call.service, status, code, message)

    def _with_faults(self, call: wire.Call, environ: dict[str, Any], body: bytes) -> Answer:
        with self.lock:
            latency, fault = self.faults.strike(call)
        if latency:
            time.sleep(latency)
        if fault is not None:
            call.fault = f"{fault.id}:{fault.when}"
            if fault.when == "after":
                self._run(call, environ, body)
            if fault.drop:
                raise Drop
            return self._refuse(call, fault.status, str(fault.code), fault.message)
        return self._run(call, environ, body)

    def _run(self, call: wire.Call, environ: dict[str, Any], body: bytes) -> Answer:
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        with self.lock:
            CLOCK.advance()
            CLOCK.cause = call.number
            try:
                status, headers, answer = self._moto_answer(call, environ)
                call.status = status
                if status >= 400:
                    call.error = wire.error_code(answer) or str(status)
                wire.add_created_ids(call, answer)
                if not call.reading and status < 400:
                    for hook in self.after:
                        hook(call)
            finally:
                CLOCK.cause = None
        return status, headers, answer

    def _moto_answer(self, call: wire.Call, environ: dict[str, Any]) -> Answer:
        captured: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> None:
            captured["status"] = int(status.split(None, 1)[0])
            captured["headers"] = headers

        try:
            chunks = self._moto(environ, start_response)
            body = b"".join(chunks)
            close = getattr(chunks, "close", None)
            if close:
                close()
        except NotImplementedError as missing:
            text = str(missing)
            if "filter" in text.lower():
                return wire.error(call.service, 400, "InvalidParameterValue", f"{text} is invalid")
            print(f"not emulated: {call.service}:{call.action}: {text}", file=sys.stderr)
            return wire.error(
                call.service, 400, "InvalidAction", f"The action {call.action} is not emulated"
            )
        except Exception:
            print(f"failed: {call.service}:{call.action} {call.params}", file=sys.stderr)
            traceback.print_exc()
            return wire.error(call.service, 500, "InternalFailure", "the emulation failed")
        headers = [
            (name, value)
            for name, value in captured["headers"]
            if name.lower() not in ("connection", "status", "access-control-allow-origin")
        ]
        return captured["status"], headers, body


_UNKNOWN_KEY = {
    "": (403, "InvalidClientTokenId", "The security token included in the request is invalid."),
    "ec2": (401, "AuthFailure", "AWS was not able to validate the provided access credentials"),
    "s3": (
        403,
        "InvalidAccessKeyId",
        "The AWS Access Key Id you provided does not exist in our records.",
    ),
    "tagging": (
        400,
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
    ),
    "efs": (
        403,
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
    ),
}
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS "
    "Secret Access Key and signing method. Consult the service documentation for details."
)
_WRONG_SIGNATURE = {
    "": (403, "SignatureDoesNotMatch", _MISMATCH),
    "ec2": (401, "AuthFailure", "AWS was not able to validate the provided access credentials"),
    "tagging": (400, "InvalidSignatureException", _MISMATCH),
    "efs": (403, "InvalidSignatureException", _MISMATCH),
}
_NO_KEY = {
    "": (403, "MissingAuthenticationToken", "Request is missing Authentication Token"),
    "s3": (403, "AccessDenied", "Access Denied"),
}
