"""Service accounts, their keys, and whom a bearer token belongs to.

Admits a key's signed assertion at the token endpoint, the tokens given for it, and assertions that are
sent to a service directly. Never answers a private key but once, to who created it.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from .errors import Refused

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# Scopes with which Compute and Resource Manager may be called.
SCOPES = ("cloud-platform", "compute", "compute.readonly")
LIFE = 3600


@dataclass
class Account:
    email: str
    project: str
    keys: dict[str, rsa.RSAPublicKey] = field(default_factory=dict)


class Accounts:
    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.tokens: dict[str, tuple[str, float]] = {}

    def create(self, project: str, token_uri: str, mark: str) -> dict[str, Any]:
        """A service account with a key, in the form of the key's file. The key's id holds `mark`."""
        email = f"installer@{project}.iam.gserviceaccount.com"
        account = self.accounts.setdefault(email, Account(email, project))
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        kid = f"{mark}-{secrets.token_hex(8)}" if mark else secrets.token_hex(20)
        account.keys[kid] = private.public_key()
        pem = private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return {
            "type": "service_account",
            "project_id": project,
            "private_key_id": kid,
            "private_key": pem.decode(),
            "client_email": email,
            "client_id": str(secrets.randbelow(10**21)),
            "token_uri": token_uri,
            "universe_domain": "googleapis.com",
        }

    def revoke(self, project: str, *, keys: bool) -> None:
        """Ends the tokens of a project's accounts, and with `keys` their keys as well."""
        mine = {account.email for account in self.accounts.values() if account.project == project}
        self.tokens = {text: of for text, of in self.tokens.items() if of[0] not in mine}
        for email in mine if keys else ():
            self.accounts[email].keys.clear()

    def exchange(self, form: dict[str, str], audience: str) -> tuple[str, dict[str, Any]]:
        """A project, and a token for an assertion."""
        if form.get("grant_type") != GRANT:
            raise Refused(400, "unsupported_grant_type", "the grant type is not supported")
        account, claims = self._assertion(form.get("assertion", ""))
        if claims.get("aud") != audience:
            raise Refused(400, "invalid_grant", "the audience is not this endpoint")
        if not _allowed(claims.get("scope", "")):
            raise Refused(400, "invalid_scope", "no known scope is asked for")
        token = "ya29." + secrets.token_urlsafe(32)
        self.tokens[token] = (account.email, time.time() + LIFE)
        answer = {"access_token": token, "expires_in": LIFE - 1, "token_type": "Bearer"}
        return account.project, answer

    def project_of(self, header: str, host: str) -> str:
        """The project of who sends this `Authorization`."""
        scheme, _, token = header.partition(" ")
        refused = Refused(401, "required", "the call carries no valid credential")
        if scheme.lower() != "bearer" or not token:
            raise refused
        if token.count(".") == 2:
            try:
                account, claims = self._assertion(token)
            except Refused:
                raise Refused(401, "authError", "the credential is not accepted") from None
            own = claims.get("aud", "").rstrip("/") == f"https://{host}"
            if not own and not _allowed(claims.get("scope", "")):
                raise Refused(401, "authError", "the assertion is for something else")
            return account.project
        email, until = self.tokens.get(token, ("", 0.0))
        if until <= time.time():
            raise Refused(401, "authError", "the credential is not accepted")
        return self.accounts[email].project

    def _assertion(self, text: str) -> tuple[Account, dict[str, Any]]:
        def refused(why: str) -> Refused:
            return Refused(400, "invalid_grant", f"the assertion is not accepted: {why}")

        try:
            head, body, signature = text.split(".")
            header, claims = json.loads(_decoded(head)), json.loads(_decoded(body))
            signed = _decoded(signature)
        except ValueError:
            raise refused("it cannot be read") from None
        account = self.accounts.get(claims.get("iss", ""))
        if account is None:
            raise refused("the account is not known")
        if header.get("alg") != "RS256":
            raise refused("the algorithm is not RS256")
        key = account.keys.get(header.get("kid", ""))
        if key is None:
            raise refused("the key is not known")
        try:
            key.verify(signed, f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            raise refused("the signature is wrong") from None
        now = time.time()
        issued, expires = claims.get("iat", 0), claims.get("exp", 0)
        if not (issued - 300 <= now < expires + 300) or expires - issued > LIFE + 60:
            raise refused("it is not valid now, or for longer than an hour")
        return account, claims


def _allowed(scopes: str) -> bool:
    prefix = "https://www.googleapis.com/auth/"
    return any(scope.removeprefix(prefix) in SCOPES for scope in scopes.split())


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
