"""Addresses, interfaces, NAT gateways and internet gateways: who holds whom.

Decides which of them may go now, which refuse and with which code, and what a NAT gateway gives
back when it is deleted at last.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from ..clock import CLOCK
from .patch import around, around_property, instead


def close() -> None:
    _interfaces()
    _addresses()
    _nat_gateways()
    _internet_gateways()


def managed_interface(
    backend: Any,
    subnet: Any,
    *,
    requester: str,
    kind: str,
    description: str,
    groups: list[str] | None = None,
    public_ip: str | None = None,
    private_ip: str | None = None,
) -> Any:
    """An interface that a service owns: in use, not deletable by the user, gone with its owner."""
    eni = backend.create_network_interface(subnet, private_ip, description=description)
    adopt(eni, requester=requester, kind=kind, groups=groups or [])
    eni.public_ip = public_ip
    return eni


def adopt(eni: Any, *, requester: str, kind: str, groups: list[str]) -> None:
    """Makes an interface one that a service owns."""
    backend = eni.ec2_backend
    eni.requester_managed = True
    eni.requester_id = requester
    eni.interface_type = kind
    eni.status = "in-use"
    eni.awsdouble_owner = requester
    eni._group_set = [
        group for group in map(backend.get_security_group_from_id, groups) if group is not None
    ]


def drop_interface(backend: Any, eni_id: str) -> None:
    """Deletes a managed interface on behalf of its owner."""
    backend.enis.pop(eni_id, None)
    backend.tags.pop(eni_id, None)


def _interfaces() -> None:
    from moto.ec2.exceptions import EC2ClientError, FilterNotImplementedError
    from moto.ec2.models.elastic_network_interfaces import (
        NetworkInterface,
        NetworkInterfaceBackend,
    )

    @around(NetworkInterfaceBackend, "delete_network_interface")
    def _(original: Any, self: Any, eni_id: str) -> None:
        eni = self.enis.get(eni_id)
        if eni is not None and (eni.status == "in-use" or eni.instance is not None):
            raise EC2ClientError(
                "InvalidParameterValue", f"Network interface '{eni_id}' is currently in use."
            )
        if eni is not None:
            for address in self.addresses:
                if address.eni is eni:
                    self.disassociate_address(address=address.public_ip)
        original(self, eni_id)

    @around(NetworkInterfaceBackend, "detach_network_interface")
    def _(original: Any, self: Any, attachment_id: str) -> Any:
        if attachment_id.startswith("ela-attach-"):
            raise EC2ClientError(
                "OperationNotPermitted",
                "You are not allowed to manage 'ela-attach' attachments.",
            )
        return original(self, attachment_id)

    @around_property(NetworkInterface, "attachment")
    def _(original: Any, self: Any) -> Any:
        owner = getattr(self, "awsdouble_owner", None)
        if owner is None:
            return original(self)
        return SimpleNamespace(
            attach_time=None,
            attachment_id="ela-attach-" + self.id.removeprefix("eni-"),
            delete_on_termination=False,
            device_index=1,
            network_card_index=0,
            instance_id=None,
            instance_owner_id=owner if owner.startswith("amazon-") else "amazon-aws",
            status="attached",
        )

    @around(NetworkInterface, "get_filter_value")
    def _(original: Any, self: Any, name: str, method: str | None = None) -> Any:
        if name in ("requester-managed", "requester-id", "interface-type", "status"):
            return getattr(self, name.replace("-", "_"))
        if name == "association.allocation-id":
            return self.association.get("allocationId")
        if name == "association.public-ip":
            return self.public_ip
        try:
            return original(self, name, method)
        except FilterNotImplementedError:
            if name.startswith(("tag:", "attachment.", "association.")):
                return None
            raise


def _addresses() -> None:
    from moto.ec2.exceptions import EC2ClientError
    from moto.ec2.models.elastic_ip_addresses import ElasticAddressBackend

    def chosen(backend: Any, **how: Any) -> Any:
        if how.get("address"):
            return backend.address_by_ip([how["address"]])[0]
        if how.get("allocation_id"):
            return backend.address_by_allocation([how["allocation_id"]])[0]
        return backend.address_by_association([how["association_id"]])[0]

    @around(ElasticAddressBackend, "release_address")
    def _(
        original: Any, self: Any, address: str | None = None, allocation_id: str | None = None
    ) -> None:
        held = chosen(self, address=address, allocation_id=allocation_id)
        if held.association_id:
            raise EC2ClientError(
                "InvalidIPAddress.InUse", f"Address {held.public_ip} is in use."
            )
        original(self, address, allocation_id)

    @around(ElasticAddressBackend, "disassociate_address")
    def _(
        original: Any, self: Any, address: str | None = None, association_id: str | None = None
    ) -> None:
        held = chosen(self, address=address, association_id=association_id)
        owner = getattr(held.eni, "awsdouble_owner", None) if held.eni else None
        # Internal releases clear the owner first.
        if owner is not None:
            raise EC2ClientError(
                "AuthFailure", "You do not have permission to access the specified resource."
            )
        original(self, address, association_id)


def _nat_gateways() -> None:
    from moto.ec2.exceptions import EC2ClientError, InvalidAllocationIdError
    from moto.ec2.models.nat_gateways import NatGatewayBackend

    @around(NatGatewayBackend, "create_nat_gateway")
    def _(
        original: Any,
        self: Any,
        subnet_id: str,
        allocation_id: str,
        tags: Any = None,
        connectivity_type: str | None = None,
    ) -> Any:
        connectivity = connectivity_type or "public"
        if allocation_id:
            address = next(
                (a for a in self.addresses if a.allocation_id == allocation_id), None
            )
            if address is None:
                raise InvalidAllocationIdError(allocation_id)
            if address.association_id:
                raise EC2ClientError(
                    "Resource.AlreadyAssociated",
                    f"Elastic IP address [{allocation_id}] is already associated",
                )
        nat = original(self, subnet_id, allocation_id, tags, connectivity)
        eni = nat._eni
        subnet = self.get_subnet(subnet_id)
        # moto invents an address outside of the subnet.
        eni.private_ip_address = subnet.get_available_subnet_ip(instance=nat)
        eni.private_ip_addresses = [
            {"Primary": True, "PrivateIpAddress": eni.private_ip_address}
        ]
        nat.address_set[0]["privateIp"] = eni.private_ip_address
        nat.private_ip = eni.private_ip_address
        eni.description = f"Interface for NAT Gateway {nat.id}"
        adopt(eni, requester=self.account_id, kind="nat_gateway", groups=[])
        nat.state = "pending"
        nat.awsdouble_pending = CLOCK.begin(
            "nat.pending", self, nat.id, lambda: setattr(nat, "state", "available")
        )
        return nat

    @instead(NatGatewayBackend, "delete_nat_gateway")
    def delete_nat_gateway(self: Any, nat_gateway_id: str) -> Any:
        nat = self.nat_gateways.get(nat_gateway_id)
        if nat is None:
            raise EC2ClientError(
                "NatGatewayNotFound", f"NatGateway {nat_gateway_id} was not found"
            )
        if nat.state in ("deleting", "deleted"):
            return nat
        CLOCK.cancel(nat.awsdouble_pending)
        nat.state = "deleting"

        def deleted() -> None:
            nat.state = "deleted"
            nat._eni.awsdouble_owner = None
            for address in self.addresses:
                if address.eni is nat._eni:
                    self.disassociate_address(address=address.public_ip)
            nat._eni.subnet.del_subnet_ip(nat.private_ip)
            drop_interface(self, nat._eni.id)
            CLOCK.begin("nat.deleted", self, nat.id, forgotten, hidden=True)

        def forgotten() -> None:
            self.nat_gateways.pop(nat.id, None)
            self.tags.pop(nat.id, None)

        CLOCK.begin("nat.deleting", self, nat.id, deleted)
        return nat

    @around(NatGatewayBackend, "describe_nat_gateways")
    def _(original: Any, self: Any, filters: Any, nat_gateway_ids: Any) -> Any:
        for wanted in nat_gateway_ids or []:
            if wanted not in self.nat_gateways:
                raise EC2ClientError("NatGatewayNotFound", f"NatGateway {wanted} was not found")
        found = original(self, None, nat_gateway_ids)
        # moto ignores the filters that it does not know, tags among them.
        for name, values in (filters or {}).items():
            found = [nat for nat in found if _nat_matches(nat, name, values)]
        return found


def _nat_matches(nat: Any, name: str, values: list[str]) -> bool:
    from fnmatch import fnmatchcase

    if name in ("nat-gateway-id", "vpc-id", "subnet-id", "state"):
        attribute = "id" if name == "nat-gateway-id" else name.replace("-", "_")
        actual = [getattr(nat, attribute)]
    else:
        value = nat.get_filter_value(name, "DescribeNatGateways")
        actual = value if isinstance(value, list) else [value]
    return any(fnmatchcase(str(a), v) for a in actual if a is not None for v in values)


def _internet_gateways() -> None:
    from moto.ec2.exceptions import DependencyViolationError
    from moto.ec2.models.internet_gateways import InternetGatewayBackend

    @around(InternetGatewayBackend, "detach_internet_gateway")
    def _(original: Any, self: Any, internet_gateway_id: str, vpc_id: str) -> None:
        gateway = self.get_internet_gateway(internet_gateway_id)
        if gateway.vpc is not None and gateway.vpc.id == vpc_id:
            mapped = [
                eni.id for eni in self.enis.values() if eni.vpc_id == vpc_id and eni.public_ip
            ]
            if mapped:
                raise DependencyViolationError(
                    f"Network {vpc_id} has some mapped public address(es). Please unmap those "
                    "public address(es) before detaching the gateway."
                )
        original(self, internet_gateway_id, vpc_id)

    @around(InternetGatewayBackend, "delete_internet_gateway")
    def _(original: Any, self: Any, internet_gateway_id: str) -> None:
        gateway = self.get_internet_gateway(internet_gateway_id)
        if gateway.vpc is not None:
            raise DependencyViolationError(
                f"The internetGateway '{internet_gateway_id}' has dependencies and cannot be "
                "deleted."
            )
        original(self, internet_gateway_id)
