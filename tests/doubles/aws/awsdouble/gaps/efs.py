"""EFS: mount targets own interfaces and take time to go; access points go with their system."""

from __future__ import annotations

from typing import Any

from ..clock import CLOCK
from .network import adopt, drop_interface
from .patch import around, instead


def close() -> None:
    from moto.efs.exceptions import AccessPointNotFound, FileSystemInUse, FileSystemNotFound
    from moto.efs.exceptions import MountTargetNotFound
    from moto.efs.models import EFSBackend

    @around(EFSBackend, "create_file_system")
    def _(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        system = original(self, *args, **kwargs)
        system.life_cycle_state = "creating"
        CLOCK.begin(
            "efs.creating",
            self,
            system.file_system_id,
            lambda: setattr(system, "life_cycle_state", "available"),
        )
        return system

    @around(EFSBackend, "create_mount_target")
    def _(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        target = original(self, *args, **kwargs)
        eni = self.ec2_backend.enis[target.network_interface_id]
        groups = [group.id for group in eni._group_set]
        eni.description = f"EFS mount target for {target.file_system_id} ({target.mount_target_id})"
        adopt(eni, requester="amazon-efs", kind="efs", groups=groups)
        target.life_cycle_state = "creating"
        target._awsdouble_pending = CLOCK.begin(
            "mount-target.creating",
            self,
            target.mount_target_id,
            lambda: setattr(target, "life_cycle_state", "available"),
        )
        return target

    @instead(EFSBackend, "delete_mount_target")
    def delete_mount_target(self: Any, mount_target_id: str) -> None:
        target = self.mount_targets_by_id.get(mount_target_id)
        if target is None:
            raise MountTargetNotFound(mount_target_id)
        if target.life_cycle_state == "deleting":
            return
        CLOCK.cancel(target._awsdouble_pending)
        target.life_cycle_state = "deleting"

        def gone() -> None:
            drop_interface(self.ec2_backend, target.network_interface_id)
            del self.mount_targets_by_id[mount_target_id]
            target.clean_up()

        CLOCK.begin("mount-target.deleting", self, mount_target_id, gone)

    @instead(EFSBackend, "delete_file_system")
    def delete_file_system(self: Any, file_system_id: str) -> None:
        system = self.file_systems_by_id.get(file_system_id)
        if system is None:
            raise FileSystemNotFound(file_system_id)
        if system.number_of_mount_targets > 0:
            raise FileSystemInUse("Must delete all mount targets before deleting file system.")
        if system.life_cycle_state == "deleting":
            return
        system.life_cycle_state = "deleting"

        def gone() -> None:
            del self.file_systems_by_id[file_system_id]
            self.creation_tokens.discard(system.creation_token)
            self.tagging_service.delete_all_tags_for_resource(file_system_id)
            for number, point in list(self.access_points.items()):
                if point.file_system_id == file_system_id:
                    del self.access_points[number]
                    self.tagging_service.delete_all_tags_for_resource(number)

        CLOCK.begin("efs.deleting", self, file_system_id, gone)

    @around(EFSBackend, "delete_access_point")
    def _(original: Any, self: Any, access_point_id: str) -> None:
        if access_point_id not in self.access_points:
            raise AccessPointNotFound(access_point_id)
        original(self, access_point_id)
        self.tagging_service.delete_all_tags_for_resource(access_point_id)
