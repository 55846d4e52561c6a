"""IAM refuses to delete a user that still has keys, groups or devices."""

from __future__ import annotations

from typing import Any

from .patch import around


def close() -> None:
    from moto.core.responses import ActionResult
    from moto.iam.exceptions import DeleteConflictException, NotFoundException
    from moto.iam.models import IAMBackend
    from moto.iam.responses import IamResponse

    @around(IAMBackend, "delete_user")
    def _(original: Any, self: Any, user_name: str) -> None:
        user = self.get_user(user_name)
        held = [
            ("delete access keys", user.access_keys),
            ("remove users from group", [g for g in self.groups.values() if user in g.users]),
            ("delete login profile", user.password),
            ("deactivate MFA device", user.mfa_devices),
            ("delete signing certificates", user.signing_certificates),
            ("delete SSH public keys", user.ssh_public_keys),
        ]
        for remedy, holders in held:
            if holders:
                raise DeleteConflictException(f"Cannot delete entity, must {remedy} first.")
        original(self, user_name)

    @around(IAMBackend, "delete_access_key")
    def _(original: Any, self: Any, access_key_id: str, user_name: str) -> None:
        user = self.get_user(user_name)
        if all(key.access_key_id != access_key_id for key in user.access_keys):
            raise NotFoundException(f"The Access Key with id {access_key_id} cannot be found.")
        original(self, access_key_id, user_name)

    def list_instance_profile_tags(self: Any) -> Any:
        profile = self.backend.get_instance_profile(self._get_param("InstanceProfileName"))
        return ActionResult({"Tags": profile.tags, "IsTruncated": False})

    if not hasattr(IamResponse, "list_instance_profile_tags"):
        IamResponse.list_instance_profile_tags = list_instance_profile_tags
