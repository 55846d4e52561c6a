"""Load balancers own interfaces, take time to start, and leave interfaces behind for a while.

Decides both generations, classic and v2. A load balancer is gone from the listings at once when it
is deleted; its interfaces, and so its subnets and groups, are held a little longer.
"""

from __future__ import annotations

from typing import Any

from ..clock import CLOCK
from .network import drop_interface, managed_interface
from .patch import Refusal, around, instead

KINDS = {"network": "network_load_balancer", "gateway": "gateway_load_balancer"}


def close() -> None:
    _v2()
    _v2_tags()
    _classic()


def _give_interfaces(balancer: Any, ec2: Any, subnets: list[str], **how: Any) -> None:
    facing = balancer.scheme == "internet-facing"
    balancer.awsdouble_interfaces = []
    for subnet_id in subnets:
        subnet = ec2.get_subnet(subnet_id)
        eni = managed_interface(
            ec2,
            subnet,
            requester="amazon-elb",
            public_ip=_public_ip() if facing else None,
            private_ip=subnet.get_available_subnet_ip(instance=balancer),
            **how,
        )
        balancer.awsdouble_interfaces.append(eni.id)


def _public_ip() -> str:
    from moto.ec2.utils import random_public_ip

    return random_public_ip()


def _take_interfaces(owner: Any, balancer: Any, ec2: Any, kind: str, name: str) -> None:
    interfaces = getattr(balancer, "awsdouble_interfaces", [])

    def gone() -> None:
        for eni_id in interfaces:
            eni = ec2.enis.get(eni_id)
            if eni is not None:
                eni.subnet.del_subnet_ip(eni.private_ip_address)
                drop_interface(ec2, eni_id)

    CLOCK.begin(kind, owner, name, gone)


def _regroup(balancer: Any, ec2: Any, groups: list[str]) -> None:
    found = [g for g in map(ec2.get_security_group_from_id, groups or []) if g is not None]
    for eni_id in getattr(balancer, "awsdouble_interfaces", []):
        if eni_id in ec2.enis:
            ec2.enis[eni_id]._group_set = list(found)


def _v2() -> None:
    from moto.elbv2.exceptions import (
        DuplicateLoadBalancerName,
        ListenerNotFoundError,
        LoadBalancerNotFoundError,
    )
    from moto.elbv2.models import ELBv2Backend

    @around(ELBv2Backend, "create_load_balancer")
    def _(original: Any, self: Any, **kwargs: Any) -> Any:
        if any(lb.name == kwargs["name"] for lb in self.load_balancers.values()):
            raise DuplicateLoadBalancerName()
        balancer = original(self, **kwargs)
        kind = balancer.type
        short = {"network": "net", "gateway": "gwy"}.get(kind, "app")
        if f"/{short}/" not in balancer.arn:
            # moto calls every load balancer an application load balancer.
            tags = self.tagging_service.get_tag_dict_for_resource(balancer.arn)
            self.tagging_service.delete_all_tags_for_resource(balancer.arn)
            del self.load_balancers[balancer.arn]
            balancer.arn = balancer.arn.replace("/app/", f"/{short}/")
            self.load_balancers[balancer.arn] = balancer
            self.tagging_service.tag_resource(
                balancer.arn, [{"Key": k, "Value": v} for k, v in tags.items()]
            )
        balancer.dns_name = (
            f"{balancer.name}-{balancer.arn.rsplit('/', 1)[-1]}.elb.{self.region_name}"
            ".amazonaws.com"
        )
        _give_interfaces(
            balancer,
            self.ec2_backend,
            [subnet.id for subnet in balancer.subnets],
            kind=KINDS.get(kind, "interface"),
            description="ELB " + balancer.arn.split(":loadbalancer/")[1],
            groups=balancer.security_groups or [],
        )
        CLOCK.begin(
            "lb.provisioning", self, balancer.arn, lambda: setattr(balancer, "state", "active")
        )
        return balancer

    @instead(ELBv2Backend, "describe_load_balancers")
    def describe_load_balancers(
        self: Any, arns: list[str] | None, names: list[str] | None
    ) -> list[Any]:
        # moto's own starts every load balancer that it looks at.
        balancers = list(self.load_balancers.values())
        if not arns and not names:
            return balancers
        found = []
        for arn in arns or []:
            if arn not in self.load_balancers:
                raise LoadBalancerNotFoundError()
            found.append(self.load_balancers[arn])
        for name in names or []:
            named = [lb for lb in balancers if lb.name == name]
            if not named:
                raise LoadBalancerNotFoundError()
            found += [lb for lb in named if lb not in found]
        return found

    @instead(ELBv2Backend, "delete_load_balancer")
    def delete_load_balancer(self: Any, arn: str) -> None:
        balancer = self.load_balancers.get(arn)
        if balancer is None:
            return
        if balancer.attrs.get("deletion_protection.enabled") == "true":
            raise Refusal(
                "OperationNotPermitted",
                f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled",
            )
        for configuration in self.ec2_backend.configurations.values():
            if arn in getattr(configuration, "awsdouble_load_balancers", []):
                raise Refusal(
                    "ResourceInUse",
                    f"Load balancer '{arn}' cannot be deleted because it is currently associated "
                    "with another service",
                )
        del self.load_balancers[arn]
        for listener in balancer.listeners:
            self.tagging_service.delete_all_tags_for_resource(listener)
        self.tagging_service.delete_all_tags_for_resource(arn)
        for group in self.target_groups.values():
            if arn in group.load_balancer_arns:
                group.load_balancer_arns.remove(arn)
        _take_interfaces(self, balancer, self.ec2_backend, "lb.interfaces", arn)

    @around(ELBv2Backend, "delete_target_group")
    def _(original: Any, self: Any, target_group_arn: str) -> Any:
        answer = original(self, target_group_arn)
        self.tagging_service.delete_all_tags_for_resource(target_group_arn)
        return answer

    @around(ELBv2Backend, "delete_listener")
    def _(original: Any, self: Any, listener_arn: str) -> Any:
        listener = original(self, listener_arn)
        self.tagging_service.delete_all_tags_for_resource(listener_arn)
        for group in self.target_groups.values():
            arn = listener.load_balancer_arn
            if arn in group.load_balancer_arns and not _still_used(self, arn, group.arn):
                group.load_balancer_arns.remove(arn)
        return listener

    @instead(ELBv2Backend, "describe_listeners")
    def describe_listeners(
        self: Any, load_balancer_arn: str | None, listener_arns: list[str] | None
    ) -> list[Any]:
        if load_balancer_arn:
            if load_balancer_arn not in self.load_balancers:
                raise LoadBalancerNotFoundError()
            return list(self.load_balancers[load_balancer_arn].listeners.values())
        every = {
            arn: listener
            for balancer in self.load_balancers.values()
            for arn, listener in balancer.listeners.items()
        }
        missing = [arn for arn in listener_arns or [] if arn not in every]
        if missing:
            raise ListenerNotFoundError()
        return [every[arn] for arn in listener_arns or []]

    @around(ELBv2Backend, "set_security_groups")
    def _(original: Any, self: Any, arn: str, sec_groups: list[str]) -> Any:
        answer = original(self, arn, sec_groups)
        _regroup(self.load_balancers[arn], self.ec2_backend, sec_groups)
        return answer


def _still_used(backend: Any, balancer_arn: str, group_arn: str) -> bool:
    balancer = backend.load_balancers.get(balancer_arn)
    return balancer is not None and any(
        group_arn in str(vars(rule)) + str(listener.default_actions)
        for listener in balancer.listeners.values()
        for rule in [listener, *listener.rules.values()]
    )


def _v2_tags() -> None:
    from moto.elbv2.models import ELBv2Backend

    def tag_resource(self: Any, arn: str, tags: dict[str, str]) -> None:
        self.add_tags([arn], [{"Key": k, "Value": v} for k, v in tags.items()])

    def untag_resource(self: Any, arn: str, keys: list[str]) -> None:
        self.remove_tags([arn], keys)

    ELBv2Backend.tag_resource = tag_resource
    ELBv2Backend.untag_resource = untag_resource


def _classic() -> None:
    from moto.ec2.models import ec2_backends
    from moto.elb.models import ELBBackend

    @around(ELBBackend, "create_load_balancer")
    def _(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        balancer = original(self, *args, **kwargs)
        ec2 = ec2_backends[self.account_id][self.region_name]
        _give_interfaces(
            balancer,
            ec2,
            list(balancer.subnets or []),
            kind="interface",
            description=f"ELB {balancer.name}",
            groups=list(balancer.security_groups or []),
        )
        return balancer

    @around(ELBBackend, "delete_load_balancer")
    def _(original: Any, self: Any, load_balancer_name: str) -> None:
        balancer = self.load_balancers.get(load_balancer_name)
        original(self, load_balancer_name)
        if balancer is not None:
            ec2 = ec2_backends[self.account_id][self.region_name]
            _take_interfaces(self, balancer, ec2, "classic-lb.interfaces", load_balancer_name)

    @around(ELBBackend, "apply_security_groups_to_load_balancer")
    def _(original: Any, self: Any, name: str, groups: list[str]) -> Any:
        answer = original(self, name, groups)
        ec2 = ec2_backends[self.account_id][self.region_name]
        _regroup(self.load_balancers[name], ec2, groups)
        return answer
