"""STS tells the truth: who the caller is, and a role must exist to be assumed.

Decides which role may be assumed (it exists, its external id matches) and registers the temporary
key with the gate. Trust policies are not evaluated beyond that (README).
"""

from __future__ import annotations

import json
import re
import time
from typing import Any

from ..accounts import ACCOUNTS, Credential
from .patch import Refusal, around, instead


def close() -> None:
    from moto.core.responses import ActionResult
    from moto.iam.models import iam_backends
    from moto.sts.models import STSBackend
    from moto.sts.responses import TokenResponse

    def denied(role_arn: str) -> Refusal:
        return Refusal(
            "AccessDenied",
            f"User is not authorized to perform: sts:AssumeRole on resource: {role_arn}",
        )

    @around(STSBackend, "assume_role")
    def _(original: Any, self: Any, **kwargs: Any) -> Any:
        role_arn = kwargs["role_arn"] or ""
        found = re.fullmatch(r"arn:aws:iam::(\d{12}):role/(?:.*/)?([^/]+)", role_arn)
        if not found or found.group(1) not in ACCOUNTS.names:
            raise denied(role_arn)
        roles = iam_backends[found.group(1)]["aws"].roles.values()
        role = next((r for r in roles if r.arn == role_arn), None)
        if role is None or not _external_id_fits(role, kwargs.get("external_id")):
            raise denied(role_arn)
        session = original(self, **kwargs)
        ACCOUNTS.add_session(
            Credential(
                account=session.account_id,
                access_key=session.access_key_id,
                secret_key=session.secret_access_key,
                arn=session.arn,
                user_id=session.user_id,
                session_token=session.session_token,
                expires=time.time() + (kwargs.get("duration") or 3600),
            )
        )
        return session

    @instead(TokenResponse, "get_caller_identity")
    def get_caller_identity(self: Any) -> Any:
        caller = self.normalized_request.environ["awsdouble.credential"]
        return ActionResult(
            {"UserId": caller.user_id, "Account": caller.account, "Arn": caller.arn}
        )


def _external_id_fits(role: Any, given: str | None) -> bool:
    try:
        policy = json.loads(role.assume_role_policy_document or "{}")
    except ValueError:
        return True
    statements = policy.get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        wanted = statement.get("Condition", {}).get("StringEquals", {}).get("sts:ExternalId")
        if wanted is None or given in (wanted if isinstance(wanted, list) else [wanted]):
            return True
    return not statements
