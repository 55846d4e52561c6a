"""Instances: states that take time, and what a terminated instance gives back.

Decides when an instance runs, is stopped, is terminated, and that its interfaces, addresses and
volumes are released only then (docs/spec/20 §9.2).
"""

from __future__ import annotations

import copy
from typing import Any

from ..clock import CLOCK
from .patch import around, around_property

CODES = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}


# Largest page of instances, by account: AWS may always give fewer than were asked for.
PAGES: dict[str, int] = {}
LARGEST_PAGE = 1000


def close() -> None:
    _launch()
    _start_and_stop()
    _all_or_none()
    _pages()
    _terminate()
    _attachments()
    _what_is_left_of_a_terminated_one()


def _become(instance: Any, state: str) -> None:
    # A new object: moto hands the old one out as "previous state".
    changed = copy.copy(instance._state)
    changed.name, changed.code = state, CODES[state]
    instance._state = changed


def _later(instance: Any, kind: str, apply: Any, **options: Any) -> None:
    CLOCK.cancel(getattr(instance, "awsdouble_pending", None))
    instance.awsdouble_pending = CLOCK.begin(
        kind, instance.ec2_backend, instance.id, apply, **options
    )


def _launch() -> None:
    from moto.ec2.models.instances import InstanceBackend

    @around(InstanceBackend, "run_instances")
    def _(original: Any, self: Any, image_id: str, *args: Any, **kwargs: Any) -> Any:
        root = _root_device(self, image_id)
        mappings = kwargs.get("block_device_mappings")
        if mappings:
            for mapping in mappings:
                if mapping.get("Ebs", {}).get("DeleteOnTermination") is None and mapping.get("Ebs"):
                    mapping["Ebs"]["DeleteOnTermination"] = mapping["DeviceName"] == root
            if all(mapping["DeviceName"] != root for mapping in mappings):
                kwargs["block_device_mappings"] = [_root_mapping(root), *mappings]
        else:
            kwargs["block_device_mappings"] = [_root_mapping(root)]
        kept = {
            int(nic.get("DeviceIndex") or 0)
            for nic in kwargs.get("nics") or []
            if nic.get("DeleteOnTermination") is False or nic.get("NetworkInterfaceId")
        }
        tags = (kwargs.get("tags") or {}).get("network-interface", {})
        reservation = original(self, image_id, *args, **kwargs)
        for instance in reservation.instances:
            for index, nic in instance.nics.items():
                nic.delete_on_termination = index not in kept
                if tags and index not in kept:
                    nic.add_tags(tags)
            _become(instance, "pending")
            _later(instance, "instance.pending", lambda i=instance: _become(i, "running"))
        return reservation


def _root_device(backend: Any, image_id: str) -> str:
    image = backend.amis.get(image_id)
    return image.root_device_name if image else "/dev/xvda"


def _root_mapping(root: str) -> dict[str, Any]:
    return {
        "DeviceName": root,
        "Ebs": {"VolumeSize": 16, "VolumeType": "gp3", "DeleteOnTermination": True},
    }


def _refuse(instance: Any, wanted: str) -> None:
    from moto.ec2.exceptions import EC2ClientError

    raise EC2ClientError(
        "IncorrectInstanceState",
        f"The instance '{instance.id}' is not in a state from which it can be {wanted}.",
    )


def _start_and_stop() -> None:
    from moto.ec2.models.instances import Instance

    @around(Instance, "start")
    def _(original: Any, self: Any) -> Any:
        previous = copy.copy(self._state)
        if previous.name in ("running", "pending"):
            return previous
        if previous.name != "stopped":
            _refuse(self, "started")
        original(self)
        _become(self, "pending")
        _later(self, "instance.pending", lambda: _become(self, "running"))
        return previous

    @around(Instance, "stop")
    def _(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        previous = copy.copy(self._state)
        if previous.name in ("stopped", "stopping"):
            return previous
        if previous.name != "running":
            _refuse(self, "stopped")
        original(self, *args, **kwargs)
        _become(self, "stopping")
        _later(self, "instance.stopping", lambda: _become(self, "stopped"))
        return previous


def _all_or_none() -> None:
    """One instance in a wrong state refuses a whole batch, before anything changes."""
    from moto.ec2.models.instances import InstanceBackend

    @around(InstanceBackend, "start_instances")
    def _(original: Any, self: Any, instance_ids: list[str]) -> Any:
        for instance in self.get_multi_instances_by_id(instance_ids):
            if instance._state.name not in ("stopped", "running", "pending"):
                _refuse(instance, "started")
        return original(self, instance_ids)

    @around(InstanceBackend, "stop_instances")
    def _(original: Any, self: Any, instance_ids: list[str]) -> Any:
        for instance in self.get_multi_instances_by_id(instance_ids):
            if instance._state.name not in ("running", "stopped", "stopping"):
                _refuse(instance, "stopped")
            if instance.lifecycle == "spot":
                # Of a one-time request, which is what machine controllers make.
                raise _unsupported_spot(instance)
            if instance.disable_api_stop is True:
                from moto.ec2.exceptions import OperationDisableApiStopNotPermitted

                raise OperationDisableApiStopNotPermitted(instance.id)
        return original(self, instance_ids)


def _unsupported_spot(instance: Any) -> Exception:
    from moto.ec2.exceptions import EC2ClientError

    return EC2ClientError(
        "UnsupportedOperation",
        f"You can't stop the Spot Instance '{instance.id}' because it is associated with a one-time "
        "Spot Instance request. You can only stop Spot Instances associated with persistent Spot "
        "Instance requests.",
    )


def _pages() -> None:
    from moto.ec2.responses.instances import InstanceResponse

    @around(InstanceResponse, "describe_instances")
    def _(original: Any, self: Any) -> Any:
        # moto gives a hundred when nobody says how many.
        asked = int(self.params.get("MaxResults") or LARGEST_PAGE)
        most = PAGES.get(self.current_account, LARGEST_PAGE)
        self.params["MaxResults"] = min(asked, most)
        return original(self)


def _terminate() -> None:
    from moto.ec2.models.instances import Instance, InstanceBackend

    @around(InstanceBackend, "terminate_instances")
    def _(original: Any, self: Any, instance_ids: list[str]) -> Any:
        # One bad id or one protected instance refuses the whole batch, before anything changes.
        for instance in self.get_multi_instances_by_id(instance_ids or []):
            if instance.disable_api_termination is True:
                from moto.ec2.exceptions import OperationNotPermitted4

                raise OperationNotPermitted4(instance.id)
        return original(self, instance_ids)

    @around(Instance, "terminate")
    def _(original: Any, self: Any) -> Any:
        previous = copy.copy(self._state)
        if previous.name in ("terminated", "shutting-down"):
            return previous
        _become(self, "shutting-down")
        _later(self, "instance.shutting-down", lambda: _release(original, self))
        return previous


def _release(terminate: Any, instance: Any) -> None:
    backend = instance.ec2_backend
    for address in list(backend.addresses):
        if address.instance is instance or (address.eni and address.eni.instance is instance):
            backend.disassociate_address(address=address.public_ip)
    nics = list(instance.nics.values())
    # moto deletes the interfaces before it detaches them; here an attached one is undeletable.
    for nic in nics:
        nic.stop()
        if nic.delete_on_termination:
            backend.enis.pop(nic.id, None)
            for private in nic.private_ip_addresses:
                nic.subnet.del_subnet_ip(private["PrivateIpAddress"])
            nic.instance, nic.delete_on_termination = None, False
        else:
            index = nic.device_index
            instance.detach_eni(nic)
            nic.device_index = 0
            instance.nics[index] = nic
    terminate(instance)
    _become(instance, "terminated")
    _later(
        instance, "instance.terminated", lambda: _forget(backend, instance), hidden=True
    )


def _forget(backend: Any, instance: Any) -> None:
    for number, reservation in list(backend.reservations.items()):
        if instance in reservation.instances:
            reservation.instances.remove(instance)
            if not reservation.instances:
                del backend.reservations[number]
    backend.tags.pop(instance.id, None)


def _attachments() -> None:
    from moto.ec2.models.elastic_block_store import VolumeAttachment

    def delete_on_termination(self: Any) -> bool:
        device = self.instance.block_device_mapping.get(self.device)
        return bool(device is not None and device.delete_on_termination)

    # moto keeps it with the instance only.
    VolumeAttachment.delete_on_termination = property(delete_on_termination)


def _what_is_left_of_a_terminated_one() -> None:
    from moto.ec2.models.instances import Instance

    def unless_terminated(name: str, otherwise: Any) -> None:
        @around_property(Instance, name)
        def _(original: Any, self: Any) -> Any:
            return otherwise if self._state.name == "terminated" else original(self)

    for name in ("vpc_id", "subnet_id", "private_ip_address", "public_ip_address", "public_ip"):
        unless_terminated(name, None)
    unless_terminated("private_dns_name", "")
    unless_terminated("public_dns_name", None)
    unless_terminated("network_interfaces", [])
    unless_terminated("dynamic_group_list", [])
