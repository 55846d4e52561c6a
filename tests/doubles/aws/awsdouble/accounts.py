"""Who may call: accounts, their keys, and the temporary keys of assumed roles.

Decides to which account an access key leads and with which secret it must be signed. Never lets
an unknown key in: moto alone would serve anybody.
"""

from __future__ import annotations

import secrets
import string
import time
from dataclasses import dataclass
from typing import Any

PARTITION = "aws"


@dataclass(frozen=True)
class Credential:
    account: str
    access_key: str
    secret_key: str
    arn: str
    user_id: str
    session_token: str | None = None
    expires: float | None = None


class Accounts:
    """The accounts that the admin path created. Keys of IAM users and roles are looked up live."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self._keys: dict[str, Credential] = {}

    def create(
        self,
        account: str | None = None,
        access_key: str | None = None,
        secret_key: str | None = None,
        name: str | None = None,
    ) -> Credential:
        """Creates an account with the key of its root user."""
        account = account or self._free_id()
        if len(account) != 12 or not account.isdigit():
            raise ValueError("an account id has 12 digits")
        if account in self.names:
            raise ValueError(f"account {account} exists")
        access_key = access_key or "AKIA" + "".join(
            secrets.choice(string.ascii_uppercase + "234567") for _ in range(16)
        )
        if access_key in self._keys:
            raise ValueError("this access key belongs to another account")
        secret_key = secret_key or secrets.token_urlsafe(30)
        self.names[account] = name or account
        credential = Credential(
            account, access_key, secret_key, f"arn:{PARTITION}:iam::{account}:root", account
        )
        self._keys[access_key] = credential
        return credential

    def add_session(self, credential: Credential) -> None:
        self._keys[credential.access_key] = credential

    def find(self, access_key: str) -> Credential | None:
        """The credential behind an access key: of a root user, a session, or an IAM user."""
        known = self._keys.get(access_key)
        if known is not None:
            return known
        from moto.iam.models import iam_backends

        for account in self.names:
            if account not in iam_backends:
                continue
            for user in iam_backends[account][PARTITION].users.values():
                for key in user.access_keys:
                    if key.access_key_id == access_key and key.status == "Active":
                        return Credential(
                            account, access_key, key.secret_access_key, user.arn, user.id
                        )
        return None

    def expired(self, credential: Credential) -> bool:
        return credential.expires is not None and credential.expires < time.time()

    def _free_id(self) -> str:
        while True:
            account = str(secrets.randbelow(9 * 10**11) + 10**11)
            if account not in self.names:
                return account

    def listing(self) -> list[dict[str, Any]]:
        return [{"account": a, "name": n} for a, n in sorted(self.names.items())]


ACCOUNTS = Accounts()
