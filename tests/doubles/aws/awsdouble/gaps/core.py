"""What all services share: region and account of a request, speed, tags of EC2, images.

Decides that the signed region counts (moto prefers the user agent), and that a tag ends with its
resource.
"""

from __future__ import annotations

import functools
from typing import Any

from ..wire import Call
from .patch import around, instead

# The vendor's machine images, which every account can see: name, architecture.
RED_HAT = "531415883065"
CURRENT = ("rhcos-9.6.20250523-0-x86_64", "x86_64")
# The same in every region, for tests that have no installer to tell them a region's image.
FIXED = {
    "ami-0a5e1d5c7e9b04190": ("rhcos-9.4.20240906-0-x86_64", "x86_64"),
    "ami-0c3f2b8d6a1e04191": ("rhcos-9.6.20250523-0-aarch64", "arm64"),
}


def current_image(region: str) -> str:
    """The id of the current image in a region: each has its own, as a hash (FNV-1a) of its name."""
    total = 0xCBF29CE484222325
    for byte in region.encode():
        total = ((total ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"ami-0{total:016x}"


def close() -> None:
    _requests()
    _speed()
    _tags()
    _images()
    _error_codes()


def _requests() -> None:
    from moto.core.responses import BaseResponse

    @around(BaseResponse, "get_region_from_url")
    def _(original: Any, self: Any, request: Any, full_url: str) -> str:
        return request.environ.get("awsdouble.region") or original(self, request, full_url)

    @around(BaseResponse, "get_current_account")
    def _(original: Any, self: Any) -> str:
        # Set by the gate, which drops whatever a client sends under this name.
        account = self.normalized_request.environ.get("HTTP_X_MOTO_ACCOUNT_ID")
        return account or original(self)


def _speed() -> None:
    import moto.core.responses as responses
    import moto.iam.models as iam

    # Reflection over some 600 methods, on every call.
    responses.method_names_from_class = functools.cache(responses.method_names_from_class)
    responses.camelcase_to_underscores = functools.cache(responses.camelcase_to_underscores)
    # Walks all accounts to note when a key was used last.
    iam.mark_account_as_visited = lambda **_: None
    # Records each request in case somebody wants a replay.
    from moto.moto_api import recorder

    recorder._record_request = lambda _: None


def _tags() -> None:
    from moto.ec2.models.core import TaggedEC2Resource
    from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix

    # Names of resource types as DescribeTags knows them.
    EC2_PREFIX_TO_RESOURCE.update(
        {
            "nat": "natgateway",
            "eipalloc": "elastic-ip",
            "h": "dedicated-host",
            "pg": "placement-group",
        }
    )

    @instead(TaggedEC2Resource, "get_tags")
    def get_tags(self: Any) -> list[dict[str, str]]:
        # moto matches every tag of the region against a regular expression, per resource.
        if not self.id:
            return []
        kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(self.id), "")
        return [
            {"resource_id": self.id, "key": key, "value": value, "resource_type": kind}
            for key, value in self.ec2_backend.tags.get(self.id, {}).items()
        ]


def living_ids(backend: Any) -> set[str]:
    """The ids of everything that exists in an EC2 backend."""
    found = {
        key
        for name, value in vars(backend).items()
        if isinstance(value, dict) and name not in ("tags", "groups", "subnets", "reservations")
        for key in value
        if isinstance(key, str)
    }
    found |= {group for groups in backend.groups.values() for group in groups}
    found |= {rule.id for groups in backend.groups.values() for group in groups.values()
              for rule in (*group.ingress_rules, *group.egress_rules)}  # fmt: skip
    found |= {subnet for subnets in backend.subnets.values() for subnet in subnets}
    found |= {i.id for r in backend.reservations.values() for i in r.instances}
    found |= {address.allocation_id for address in backend.addresses if address.allocation_id}
    found |= {pair.id for pair in backend.key_pairs.values()}
    found |= {group.id for group in getattr(backend, "placement_groups", {}).values()}
    return found


def forget_tags_of_the_gone(call: Call) -> None:
    """Drops the tags of EC2 resources that are no more (moto keeps them, and lists them)."""
    from moto.ec2.models import ec2_backends

    if call.service not in ("ec2", "elb", "elbv2", "efs") or call.account not in ec2_backends:
        return
    for backend in list(ec2_backends[call.account].values()):
        if backend.region_name == call.region:
            living = living_ids(backend)
            for gone in [resource for resource in backend.tags if resource not in living]:
                del backend.tags[gone]


def _images() -> None:
    from moto.ec2.models.amis import Ami, AmiBackend

    @instead(AmiBackend, "_load_amis")
    def _load_amis(self: Any) -> None:
        self.awsdouble_vendor_snapshots = set()

    @around(AmiBackend, "describe_images")
    def _(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        # Late, because an image needs zones, and those are not there while the backend is made.
        images = {current_image(self.region_name): CURRENT, **FIXED}
        for image, (name, architecture) in images.items():
            if image not in self.amis and image not in self.deleted_amis:
                self.amis[image] = ami = Ami(
                    self,
                    image,
                    name=name,
                    description="OpenShift 4 node image",
                    owner_id=RED_HAT,
                    owner_alias="redhat",
                    public=True,
                    virtualization_type="hvm",
                    architecture=architecture,
                    hypervisor="xen",
                    root_device_type="ebs",
                    root_device_name="/dev/xvda",
                    region_name=self.region_name + "a",
                )
                # The vendor's snapshot is not in this account.
                self.snapshots.pop(ami.ebs_snapshot.id, None)
        return original(self, *args, **kwargs)

    @around(AmiBackend, "deregister_image")
    def _(original: Any, self: Any, ami_id: str) -> None:
        from moto.ec2.exceptions import EC2ClientError

        image = self.amis.get(ami_id)
        if image is not None and image.owner_id != self.account_id:
            raise EC2ClientError("AuthFailure", f"Not authorized for image:{ami_id}")
        original(self, ami_id)


def _error_codes() -> None:
    from moto.ec2 import exceptions
    from moto.ec2.models import internet_gateways, vpc_peering_connections

    def coded(base: Any, code: str, text: str) -> Any:
        class Renamed(base):
            def __init__(self, resource: str) -> None:
                exceptions.EC2ClientError.__init__(self, code, text.format(resource))

        return Renamed

    vpc_peering_connections.InvalidVPCPeeringConnectionIdError = coded(
        exceptions.InvalidVPCPeeringConnectionIdError,
        "InvalidVpcPeeringConnectionID.NotFound",
        "The vpcPeeringConnection ID '{}' does not exist",
    )
    internet_gateways.InvalidGatewayIDError = coded(
        exceptions.InvalidGatewayIDError,
        "InvalidEgressOnlyInternetGatewayId.NotFound",
        "The egress only internet gateway '{}' does not exist",
    )
    from moto.ec2.models import dhcp_options

    dhcp_options.InvalidDHCPOptionsIdError = coded(
        exceptions.InvalidDHCPOptionsIdError,
        "InvalidDhcpOptionsID.NotFound",
        "The dhcpOption ID '{}' does not exist",
    )
