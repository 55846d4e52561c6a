"""The tagging API: everything that AWS lists there, in the region where AWS lists it, and late.

Decides which resources appear. Roles and users never do (AWS has no support for them); global
services appear in us-east-1 only; what was deleted goes on being listed for `tagging.lag`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from ..clock import CLOCK
from ..wire import Call
from .patch import around, instead

GLOBAL_REGION = "us-east-1"
EC2_TYPES = {
    "addresses": "elastic-ip",
    "vpc_end_points": "vpc-endpoint",
    "dhcp_options_sets": "dhcp-options",
    "network_acls": "network-acl",
    "egress_only_internet_gateways": "egress-only-internet-gateway",
    "carrier_gateways": "carrier-gateway",
    "configurations": "vpc-endpoint-service",
    "hosts": "dedicated-host",
    "launch_templates": "launch-template",
    "vpn_gateways": "vpn-gateway",
}
# (account, region) -> arn -> resource, as it was seen last; and when it was missed first.
_seen: dict[tuple[str, str], dict[str, Any]] = {}
_ghosts: dict[tuple[str, str], dict[str, tuple[Any, float]]] = {}


def close() -> None:
    _ec2()
    _elb()
    _listing()
    _changing()


def note(call: Call) -> None:
    """Remembers what is tagged, so that what goes next can linger."""
    if call.account is None or not CLOCK.settings(call.account).seconds("tagging.lag"):
        return
    for region in {call.region, GLOBAL_REGION}:
        where = (call.account, region)
        existing = list(_existing(*where))
        alive = {resource.arn for resource in existing}
        now = {resource.arn: resource for resource in existing if resource.tags}
        for arn, resource in _seen.get(where, {}).items():
            if arn not in alive:
                _ghosts.setdefault(where, {})[arn] = (resource, CLOCK.now())
        for arn in now:
            _ghosts.get(where, {}).pop(arn, None)
        _seen[where] = now


def forget_ghosts(account: str | None) -> None:
    """Ends the lag of the tagging API at once."""
    for where in list(_ghosts):
        if account is None or where[0] == account:
            del _ghosts[where]


def resources(account: str, region: str) -> list[Any]:
    """Everything that exists and carries tags, without what only lingers."""
    return [resource for resource in _existing(account, region) if resource.tags]


def _existing(account: str, region: str) -> Iterator[Any]:
    from moto.core.resource_tagging import iter_taggable_backends

    seen = set()
    for backend in iter_taggable_backends(account, region):
        if backend.SERVICE_NAMESPACE == "s3":
            found = _buckets(backend, region)
        else:
            found = backend.iter_tagged_resources()
        for resource in found:
            if resource.arn not in seen:
                seen.add(resource.arn)
                yield resource
    if region == GLOBAL_REGION:
        yield from _hosted_zones(account)
        yield from _iam(account)


def _lingering(account: str, region: str) -> list[Any]:
    lag = CLOCK.settings(account).seconds("tagging.lag")
    ghosts = _ghosts.get((account, region), {})
    for arn in [arn for arn, (_, since) in ghosts.items() if since + lag <= CLOCK.now()]:
        del ghosts[arn]
    return [resource for resource, _ in ghosts.values()]


def _buckets(backend: Any, region: str) -> Iterator[Any]:
    for resource in backend.iter_tagged_resources():
        if backend.buckets[resource.arn.rsplit(":", 1)[-1]].region_name == region:
            yield resource


def _hosted_zones(account: str) -> Iterator[Any]:
    from moto.core.resource_tagging import TaggedResource
    from moto.route53.models import route53_backends

    if account not in route53_backends:
        return
    backend = route53_backends[account]["aws"]
    for zone in backend.zones.values():
        yield TaggedResource(
            arn=f"arn:aws:route53:::hostedzone/{zone.resource_id}",
            tags=dict(backend.resource_tags.get(zone.resource_id, {})),
            resource_type="route53:hostedzone",
        )


def _iam(account: str) -> Iterator[Any]:
    from moto.core.resource_tagging import TaggedResource
    from moto.iam.models import iam_backends

    if account not in iam_backends:
        return
    backend = iam_backends[account]["aws"]
    own = f":{account}:"
    for profile in backend.instance_profiles.values():
        tags = {tag["Key"]: tag["Value"] for tag in profile.tags}
        yield TaggedResource(profile.arn, tags, "iam:instance-profile")
    for arn, policy in backend.managed_policies.items():
        if own in arn:
            tags = {tag["Key"]: tag["Value"] for tag in policy.tags.values()} if isinstance(
                policy.tags, dict
            ) else {tag["Key"]: tag["Value"] for tag in policy.tags or []}
            yield TaggedResource(arn, tags, "iam:policy")
    for arn, provider in backend.open_id_providers.items():
        tags = {tag["Key"]: tag["Value"] for tag in provider.tags or []}
        yield TaggedResource(arn, tags, "iam:oidc-provider")


def _ec2() -> None:
    from moto.core.resource_tagging import TaggedResource
    from moto.ec2.models import EC2Backend

    @around(EC2Backend, "iter_tagged_resources")
    def _(original: Any, self: Any) -> Iterator[Any]:
        yield from original(self)

        def listed(kind: str, resource_id: str) -> Any:
            return TaggedResource(
                arn=f"arn:aws:ec2:{self.region_name}:{self.account_id}:{kind}/{resource_id}",
                tags=dict(self.tags.get(resource_id, {})),
                resource_type=f"ec2:{kind}",
            )

        for attribute, kind in EC2_TYPES.items():
            held = getattr(self, attribute)
            for resource in held if isinstance(held, list) else held.values():
                if resource.id:
                    yield listed(kind, resource.id)
        for pair in self.key_pairs.values():
            yield listed("key-pair", pair.id)
        for group in self.placement_groups.values():
            yield listed("placement-group", group.id)

    @around(EC2Backend, "untag_resource")
    def _(original: Any, self: Any, arn: str, tag_keys: list[str]) -> None:
        # moto creates an empty entry for what it does not know.
        if arn.rsplit("/", 1)[-1] in self.tags:
            original(self, arn, tag_keys)


def _elb() -> None:
    from moto.core.resource_tagging import TaggedResource
    from moto.elb.models import ELBBackend
    from moto.elbv2.models import ELBv2Backend

    @around(ELBv2Backend, "iter_tagged_resources")
    def _(original: Any, self: Any) -> Iterator[Any]:
        yield from original(self)
        for balancer in self.load_balancers.values():
            for arn in balancer.listeners:
                yield TaggedResource(
                    arn=arn,
                    tags=self.tagging_service.get_tag_dict_for_resource(arn),
                    resource_type="elasticloadbalancing:listener",
                )

    @instead(ELBBackend, "iter_tagged_resources")
    def iter_tagged_resources(self: Any) -> Iterator[Any]:
        for balancer in self.load_balancers.values():
            yield TaggedResource(
                arn=f"arn:aws:elasticloadbalancing:{self.region_name}:{self.account_id}:"
                f"loadbalancer/{balancer.name}",
                tags=dict(balancer.tags or {}),
                resource_type="elasticloadbalancing:loadbalancer",
            )

    def named(backend: Any, arn: str) -> Any:
        return backend.load_balancers.get(arn.rsplit(":loadbalancer/", 1)[-1])

    def tag_resource(self: Any, arn: str, tags: dict[str, str]) -> None:
        named(self, arn).tags.update(tags)

    def untag_resource(self: Any, arn: str, keys: list[str]) -> None:
        for key in keys:
            named(self, arn).tags.pop(key, None)

    ELBBackend.owns_arn = lambda self, arn: named(self, arn) is not None
    ELBBackend.tag_resource = tag_resource
    ELBBackend.untag_resource = untag_resource


def _listing() -> None:
    from moto.core.resource_tagging import make_tag_matcher, match_resource_type
    from moto.resourcegroupstaggingapi.models import (
        ResourceGroupsTaggingAPIBackend as Backend,
    )
    from moto.resourcegroupstaggingapi.models import RESTError

    @instead(Backend, "get_resources")
    def get_resources(
        self: Any,
        pagination_token: str | None = None,
        resources_per_page: int = 50,
        tags_per_page: int = 100,
        tag_filters: Any = None,
        resource_type_filters: Any = None,
        resource_arn_list: Any = None,
    ) -> tuple[str | None, list[Any]]:
        matches = make_tag_matcher(tag_filters)
        found = [
            resource
            for resource in (
                *resources(self.account_id, self.region_name),
                *_lingering(self.account_id, self.region_name),
            )
            if matches(resource.tags)
            and match_resource_type(resource.resource_type, resource_type_filters)
            and (not resource_arn_list or resource.arn in resource_arn_list)
        ]
        found.sort(key=lambda resource: resource.arn)
        # The token names the last resource of the page before: deletions in between skip nothing.
        start = 0
        if pagination_token:
            if not pagination_token.startswith("after:"):
                raise RESTError("PaginationTokenExpiredException", "Token does not exist")
            last = pagination_token.removeprefix("after:")
            start = next((i for i, r in enumerate(found) if _mark(r.arn) == last), -1) + 1
            if start == 0:
                start = sum(1 for r in found if r.arn <= self._pages.get(last, ""))
        page = found[start : start + min(int(resources_per_page or 50), 100)]
        if start + len(page) >= len(found):
            return None, page
        mark = _mark(page[-1].arn)
        self._pages[mark] = page[-1].arn
        return "after:" + mark, page


def _mark(arn: str) -> str:
    return hashlib.sha256(arn.encode()).hexdigest()[:32]


def _changing() -> None:
    from moto.resourcegroupstaggingapi.models import ResourceGroupsTaggingAPIBackend as Backend

    def failure(code: str, message: str, status: int = 400) -> dict[str, Any]:
        return {"StatusCode": status, "ErrorCode": code, "ErrorMessage": message}

    def change(backend: Any, arn: str, tags: dict[str, str], keys: list[str]) -> Any:
        """Applies tags and removals to one ARN; None, or why not."""
        account, region = backend.account_id, backend.region_name
        parts = arn.split(":", 5)
        if len(parts) < 6:
            return failure("InvalidParameterException", f"{arn} is not a valid ARN")
        service, where = parts[2], parts[3]
        if service in ("route53", "iam") and region != GLOBAL_REGION:
            where = GLOBAL_REGION
        if where and where != region:
            return failure("InvalidParameterException", f"{arn} is not in region {region}")
        if all(r.arn != arn for r in _existing(account, region)):
            return failure("InvalidParameterException", f"{arn} could not be found")
        if service == "route53":
            return _change_zone(account, arn, tags, keys)
        if service == "iam":
            return _change_iam(account, arn, tags, keys)
        owner = backend._get_backend_for_resource(arn)
        if owner is None:
            return failure("InternalServiceException", "Service not yet supported", 500)
        if tags:
            owner.tag_resource(arn, tags)
        if keys:
            owner.untag_resource(arn, keys)
        return None

    def every(backend: Any, arns: list[str], tags: dict[str, str], keys: list[str]) -> Any:
        outcomes = {arn: change(backend, arn, tags, keys) for arn in arns}
        return {arn: why for arn, why in outcomes.items() if why is not None}

    @around(Backend, "_get_backend_for_resource")
    def _(original: Any, self: Any, arn: str) -> Any:
        # Both generations of load balancers claim the same service.
        if ":loadbalancer/" in arn and arn.split(":loadbalancer/")[1].count("/") >= 2:
            from moto.elbv2.models import elbv2_backends

            return elbv2_backends[self.account_id][self.region_name]
        return original(self, arn)

    @instead(Backend, "tag_resources")
    def tag_resources(self: Any, resource_arns: list[str], tags: dict[str, str]) -> Any:
        return every(self, resource_arns, tags, [])

    @instead(Backend, "untag_resources")
    def untag_resources(self: Any, resource_arn_list: list[str], tag_keys: list[str]) -> Any:
        return every(self, resource_arn_list, {}, tag_keys)


def _change_zone(account: str, arn: str, tags: dict[str, str], keys: list[str]) -> None:
    from moto.route53.models import route53_backends

    route53_backends[account]["aws"].change_tags_for_resource(
        "hostedzone",
        arn.rsplit("/", 1)[-1],
        [{"Key": k, "Value": v} for k, v in tags.items()],
        keys,
    )


def _change_iam(account: str, arn: str, tags: dict[str, str], keys: list[str]) -> Any:
    from moto.iam.models import iam_backends

    backend = iam_backends[account]["aws"]
    holder = next(
        (
            one
            for one in (*backend.instance_profiles.values(), *backend.open_id_providers.values())
            if one.arn == arn
        ),
        None,
    )
    if holder is None:
        return {
            "StatusCode": 500,
            "ErrorCode": "InternalServiceException",
            "ErrorMessage": "tags of this kind are changed in IAM only",
        }
    kept = {t["Key"]: t["Value"] for t in holder.tags or [] if t["Key"] not in keys}
    holder.tags = [{"Key": k, "Value": v} for k, v in (kept | tags).items()]
    return None
