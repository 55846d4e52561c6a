"""VPCs and what is in them: subnets, groups, route tables, endpoints, options.

Decides what refuses with DependencyViolation (docs/spec/20 §9.9) and lets endpoints take their
time. Placement groups and endpoint connections, which moto does not know, are here too.
"""

from __future__ import annotations

from typing import Any

from ..clock import CLOCK
from .network import adopt, drop_interface
from .patch import around, instead


def close() -> None:
    _subnets()
    _security_groups()
    _route_tables()
    _vpcs()
    _endpoints()
    _endpoint_connections()
    _options()
    _placement_groups()
    _hosts()
    _key_pairs()


def _subnets() -> None:
    from moto.ec2.exceptions import DependencyViolationError
    from moto.ec2.models.subnets import SubnetBackend

    @around(SubnetBackend, "delete_subnet")
    def _(original: Any, self: Any, subnet_id: str) -> Any:
        subnet = self.get_subnet(subnet_id)
        if any(eni.subnet.id == subnet_id for eni in self.enis.values()):
            raise DependencyViolationError(
                f"The subnet '{subnet_id}' has dependencies and cannot be deleted."
            )
        # Associations go with the subnet.
        for table in self.route_tables.values():
            for association, target in list(table._associations.items()):
                if target == subnet_id:
                    del table._associations[association]
        for acl in self.network_acls.values():
            for name, association in list(acl._associations.items()):
                if association.subnet_id == subnet_id:
                    del acl._associations[name]
        original(self, subnet_id)
        return subnet


def _identity_of_rule(rule: Any) -> tuple[Any, ...]:
    group, addresses, prefixes = (
        part or {} for part in (rule.source_group, rule.ip_range, rule.prefix_list_id)
    )
    ports = () if rule.ip_protocol == "-1" else (rule.from_port, rule.to_port)
    return (
        rule.ip_protocol,
        ports,
        addresses.get("CidrIp"),
        addresses.get("CidrIpv6"),
        group.get("GroupId") or group.get("GroupName"),
        prefixes.get("PrefixListId"),
    )


def _security_groups() -> None:
    from moto.ec2.exceptions import DependencyViolationError, EC2ClientError
    from moto.ec2.models.security_groups import SecurityGroupBackend, SecurityGroupRule

    @instead(SecurityGroupRule, "__eq__")
    def _(self: Any, other: Any) -> bool:
        """What identifies a rule; its description does not (a revocation need not repeat it)."""
        if not isinstance(other, SecurityGroupRule):
            return NotImplemented
        return _identity_of_rule(self) == _identity_of_rule(other)

    @around(SecurityGroupBackend, "delete_security_group")
    def _(
        original: Any, self: Any, name: str | None = None, group_id: str | None = None
    ) -> Any:
        group = (
            self.get_security_group_from_id(group_id)
            if group_id
            else self.get_security_group_by_name_or_id(name)
        )
        if group is not None:
            if group.name == "default":
                raise EC2ClientError(
                    "CannotDelete",
                    f'the specified group: "{group.id}" name: "default" cannot be deleted by a '
                    "user",
                )
            if _group_is_held(self, group):
                raise DependencyViolationError(f"resource {group.id} has a dependent object")
        return original(self, name=name, group_id=group_id)


def _group_is_held(backend: Any, group: Any) -> bool:
    for eni in backend.enis.values():
        if any(member.id == group.id for member in eni.group_set):
            return True
    for others in backend.groups.values():
        for other in others.values():
            if other.id == group.id:
                continue
            for rule in (*other.ingress_rules, *other.egress_rules):
                if (rule.source_group or {}).get("GroupId") == group.id:
                    return True
    return False


def _route_tables() -> None:
    from moto.ec2.exceptions import DependencyViolationError, EC2ClientError
    from moto.ec2.models.route_tables import RouteBackend

    @around(RouteBackend, "delete_route_table")
    def _(original: Any, self: Any, route_table_id: str) -> None:
        if self.get_route_table(route_table_id).main_association_id is not None:
            raise DependencyViolationError(
                f"The routeTable '{route_table_id}' has dependencies and cannot be deleted."
            )
        original(self, route_table_id)

    @around(RouteBackend, "disassociate_route_table")
    def _(original: Any, self: Any, association_id: str) -> Any:
        if any(t.main_association_id == association_id for t in self.route_tables.values()):
            raise EC2ClientError(
                "InvalidParameterValue",
                f"cannot disassociate the main route table association {association_id}",
            )
        return original(self, association_id)


def _vpcs() -> None:
    from moto.ec2.exceptions import DependencyViolationError, InvalidVPCIdError
    from moto.ec2.models.vpcs import VPCBackend

    @instead(VPCBackend, "delete_vpc")
    def delete_vpc(self: Any, vpc_id: str) -> Any:
        vpc = self.vpcs.get(vpc_id)
        if vpc is None:
            raise InvalidVPCIdError(vpc_id)
        if _vpc_holders(self, vpc_id):
            raise DependencyViolationError(
                f"The vpc '{vpc_id}' has dependencies and cannot be deleted."
            )
        for number, table in list(self.route_tables.items()):
            if table.vpc_id == vpc_id:
                del self.route_tables[number]
        for number, acl in list(self.network_acls.items()):
            if acl.vpc_id == vpc_id:
                del self.network_acls[number]
        self.groups.pop(vpc_id, None)
        if vpc.dhcp_options:
            others = [v for v in self.vpcs.values() if v.dhcp_options is vpc.dhcp_options]
            remaining = [v for v in others if v is not vpc]
            vpc.dhcp_options.vpc = remaining[0] if remaining else None
        return self.vpcs.pop(vpc_id)


def _vpc_holders(backend: Any, vpc_id: str) -> list[str]:
    """Everything in a VPC that keeps it from being deleted."""
    holders = [s.id for subnets in backend.subnets.values() for s in subnets.values()
               if s.vpc_id == vpc_id]  # fmt: skip
    holders += [e.id for e in backend.enis.values() if e.vpc_id == vpc_id]
    holders += [g.id for g in backend.groups.get(vpc_id, {}).values() if g.name != "default"]
    holders += [
        t.id
        for t in backend.route_tables.values()
        if t.vpc_id == vpc_id and t.main_association_id is None
    ]
    holders += [
        a.id for a in backend.network_acls.values() if a.vpc_id == vpc_id and not a.default
    ]
    holders += [
        g.id for g in backend.internet_gateways.values() if g.vpc is not None and g.vpc.id == vpc_id
    ]
    holders += [
        n.id
        for n in backend.nat_gateways.values()
        if n.vpc_id == vpc_id and n.state != "deleted"
    ]
    holders += [e.id for e in backend.vpc_end_points.values() if e.vpc_id == vpc_id]
    holders += [
        g.id for g in backend.egress_only_internet_gateways.values() if g.vpc_id == vpc_id
    ]
    holders += [g.id for g in backend.carrier_gateways.values() if g.vpc_id == vpc_id]
    holders += [
        p.id
        for p in backend.vpc_pcxs.values()
        if vpc_id in (p.vpc.id, p.peer_vpc.id) and p._status.code in ("active", "provisioning")
    ]
    holders += [
        g.id
        for g in backend.vpn_gateways.values()
        if vpc_id in g.attachments and g.attachments[vpc_id].state == "attached"
    ]
    return holders


def _endpoints() -> None:
    from moto.core.responses import ActionResult
    from moto.ec2.models.vpcs import VPCBackend, VPCEndPoint
    from moto.ec2.responses.vpcs import VPCs

    @around(VPCBackend, "create_vpc_endpoint")
    def _(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        kwargs["endpoint_type"] = kwargs.get("endpoint_type") or "Gateway"
        endpoint = original(self, *args, **kwargs)
        if endpoint.vpc_endpoint_type.lower() == "gateway":
            return endpoint
        groups = list(endpoint.security_group_ids)
        if not groups and endpoint.vpc_endpoint_type.lower() == "interface":
            groups = [self.get_default_security_group(endpoint.vpc_id).id]
            endpoint.security_group_ids = groups
        for eni_id in endpoint.network_interface_ids:
            eni = self.enis[eni_id]
            eni.private_ip_address = eni.subnet.get_available_subnet_ip(instance=endpoint)
            eni.private_ip_addresses = [
                {"Primary": True, "PrivateIpAddress": eni.private_ip_address}
            ]
            eni.description = f"VPC Endpoint Interface {endpoint.id}"
            adopt(eni, requester="amazon-vpce", kind="vpc_endpoint", groups=groups)
        state = "pendingAcceptance" if _needs_acceptance(endpoint.service_name) else "available"
        endpoint.state = "pending"
        endpoint.awsdouble_pending = CLOCK.begin(
            "endpoint.interface.pending",
            self,
            endpoint.id,
            lambda: setattr(endpoint, "state", state),
        )
        return endpoint

    @instead(VPCBackend, "delete_vpc_endpoints")
    def delete_vpc_endpoints(self: Any, vpce_ids: list[str] | None = None) -> None:
        for endpoint in filter(None, map(self.vpc_end_points.get, vpce_ids or [])):
            if endpoint.state == "deleting":
                continue
            CLOCK.cancel(getattr(endpoint, "awsdouble_pending", None))
            endpoint.state = "deleting"
            gateway = endpoint.vpc_endpoint_type.lower() == "gateway"
            kind = "endpoint.gateway.deleting" if gateway else "endpoint.interface.deleting"
            CLOCK.begin(kind, self, endpoint.id, lambda e=endpoint: _drop_endpoint(self, e))

    @instead(VPCs, "delete_vpc_endpoints")
    def respond(self: Any) -> Any:
        wanted = self._get_param("VpcEndpointIds", [])
        missing = [one for one in wanted if one not in self.ec2_backend.vpc_end_points]
        self.ec2_backend.delete_vpc_endpoints(wanted)
        return ActionResult(
            {
                "Unsuccessful": [
                    {
                        "ResourceId": one,
                        "Error": {
                            "Code": "InvalidVpcEndpoint.NotFound",
                            "Message": f"The Vpc Endpoint Id '{one}' does not exist",
                        },
                    }
                    for one in missing
                ]
            }
        )

    @around(VPCEndPoint, "get_filter_value")
    def _(original: Any, self: Any, name: str, method: str | None = None) -> Any:
        if name in ("vpc-endpoint-id", "service-name", "vpc-id"):
            return self.id if name == "vpc-endpoint-id" else getattr(self, name.replace("-", "_"))
        return original(self, name, method)


def _drop_endpoint(backend: Any, endpoint: Any) -> None:
    for eni_id in endpoint.network_interface_ids:
        eni = backend.enis.get(eni_id)
        if eni is not None:
            eni.subnet.del_subnet_ip(eni.private_ip_address)
            drop_interface(backend, eni_id)
    for table_id in endpoint.route_table_ids or []:
        table = backend.route_tables.get(table_id)
        for number, route in list(table._routes.items()) if table else []:
            if endpoint.id in (route.gateway_id, getattr(route, "vpc_endpoint_id", None)):
                del table._routes[number]
    backend.vpc_end_points.pop(endpoint.id, None)
    backend.tags.pop(endpoint.id, None)


def _service_configuration(service_name: str) -> Any:
    """The endpoint service behind a service name, in whatever account it is."""
    from moto.ec2.models import ec2_backends

    service_id = service_name.rsplit(".", 1)[-1]
    for regions in list(ec2_backends.values()):
        for backend in list(regions.values()):
            if service_id in backend.configurations:
                return backend.configurations[service_id]
    return None


def _needs_acceptance(service_name: str) -> bool:
    configuration = _service_configuration(service_name)
    return configuration is not None and bool(configuration.acceptance_required)


def _connections(service_id: str) -> list[Any]:
    from moto.ec2.models import ec2_backends

    return [
        endpoint
        for regions in list(ec2_backends.values())
        for backend in list(regions.values())
        for endpoint in backend.vpc_end_points.values()
        if endpoint.service_name.rsplit(".", 1)[-1] == service_id
    ]


def _endpoint_connections() -> None:
    from moto.core.responses import ActionResult
    from moto.ec2.models.vpc_service_configuration import VPCServiceConfigurationBackend
    from moto.ec2.responses import EC2Response
    from moto.ec2.responses.vpc_service_configuration import VPCEndpointServiceConfiguration

    def describe(self: Any) -> Any:
        filters = self._filters_from_querystring()
        services = filters.get("service-id") or list(self.ec2_backend.configurations)
        states = filters.get("vpc-endpoint-state")
        return ActionResult(
            {
                "VpcEndpointConnections": [
                    {
                        "ServiceId": service,
                        "VpcEndpointId": endpoint.id,
                        "VpcEndpointOwner": endpoint.ec2_backend.account_id,
                        "VpcEndpointState": endpoint.state,
                        "CreationTimestamp": endpoint.creation_timestamp,
                    }
                    for service in services
                    if service in self.ec2_backend.configurations
                    for endpoint in _connections(service)
                    if not states or endpoint.state in states
                ]
            }
        )

    def settle(state: str) -> Any:
        def respond(self: Any) -> Any:
            service = self._get_param("ServiceId")
            self.ec2_backend.describe_vpc_endpoint_service_configurations([service])
            wanted = self._get_param("VpcEndpointIds", [])
            found = [e for e in _connections(service) if e.id in wanted]
            for endpoint in found:
                CLOCK.cancel(getattr(endpoint, "awsdouble_pending", None))
                endpoint.state = state
            missing = set(wanted) - {e.id for e in found}
            return ActionResult(
                {
                    "Unsuccessful": [
                        {
                            "ResourceId": one,
                            "Error": {
                                "Code": "InvalidVpcEndpoint.NotFound",
                                "Message": f"The Vpc Endpoint Id '{one}' does not exist",
                            },
                        }
                        for one in sorted(missing)
                    ]
                }
            )

        return respond

    EC2Response.describe_vpc_endpoint_connections = describe
    EC2Response.reject_vpc_endpoint_connections = settle("rejected")
    EC2Response.accept_vpc_endpoint_connections = settle("available")

    @around(VPCEndpointServiceConfiguration, "delete_vpc_endpoint_service_configurations")
    def _(original: Any, self: Any) -> Any:
        held = [
            one
            for one in self._get_param("ServiceIds", [])
            if any(e.state in ("available", "pendingAcceptance") for e in _connections(one))
        ]
        if not held:
            return original(self)
        return ActionResult(
            {
                "Unsuccessful": [
                    {
                        "ResourceId": one,
                        "Error": {
                            "Code": "ExistingVpcEndpointConnections",
                            "Message": f"Service {one} has existing active VPC Endpoint "
                            "connections!",
                        },
                    }
                    for one in held
                ]
            }
        )

    @around(VPCServiceConfigurationBackend, "create_vpc_endpoint_service_configuration")
    def _(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        arns = args[0] if args else kwargs["lb_arns"]
        configuration = original(self, *args, **kwargs)
        configuration.awsdouble_load_balancers = list(arns)
        return configuration


def _options() -> None:
    from moto.ec2.responses.dhcp_options import DHCPOptions

    @around(DHCPOptions, "create_dhcp_options")
    def _(original: Any, self: Any) -> Any:
        answer = original(self)
        # moto reads no tags here.
        tags = self._parse_tag_specification().get("dhcp-options", {})
        answer.result["DhcpOptions"].add_tags(tags)
        return answer


def _placement_groups() -> None:
    from moto.core.responses import ActionResult, EmptyResult
    from moto.ec2.exceptions import EC2ClientError
    from moto.ec2.models import EC2Backend
    from moto.ec2.models.core import TaggedEC2Resource
    from moto.ec2.responses import EC2Response
    from moto.ec2.utils import generic_filter, random_resource_id

    class PlacementGroup(TaggedEC2Resource):
        def __init__(self, backend: Any, name: str, strategy: str, tags: dict[str, str]) -> None:
            self.ec2_backend = backend
            self.id = f"pg-{random_resource_id(17)}"
            self.group_name = name
            self.strategy = strategy
            self.state = "available"
            self.add_tags(tags)

        def get_filter_value(self, filter_name: str, method_name: str | None = None) -> Any:
            if filter_name == "group-id":
                return self.id
            return super().get_filter_value(filter_name, method_name)

        def view(self) -> dict[str, Any]:
            return {
                "GroupId": self.id,
                "GroupName": self.group_name,
                "GroupArn": f"arn:aws:ec2:{self.ec2_backend.region_name}:"
                f"{self.ec2_backend.account_id}:placement-group/{self.group_name}",
                "State": self.state,
                "Strategy": self.strategy,
                "Tags": self.tag_set,
            }

    @around(EC2Backend, "__init__")
    def _(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        self.placement_groups = {}
        original(self, *args, **kwargs)

    def unknown(name: str) -> EC2ClientError:
        return EC2ClientError(
            "InvalidPlacementGroup.Unknown", f"The Placement Group '{name}' is unknown."
        )

    def create(self: Any) -> Any:
        name = self._get_param("GroupName")
        groups = self.ec2_backend.placement_groups
        if name in groups:
            raise EC2ClientError(
                "InvalidPlacementGroup.Duplicate", f"The Placement Group '{name}' already exists."
            )
        tags = self._parse_tag_specification().get("placement-group", {})
        strategy = self._get_param("Strategy") or "cluster"
        groups[name] = PlacementGroup(self.ec2_backend, name, strategy, tags)
        return ActionResult({"PlacementGroup": groups[name].view()})

    def describe(self: Any) -> Any:
        groups = self.ec2_backend.placement_groups
        names = self._get_param("GroupNames", [])
        ids = self._get_param("GroupIds", [])
        for name in names:
            if name not in groups:
                raise unknown(name)
        for one in ids:
            if all(group.id != one for group in groups.values()):
                raise EC2ClientError(
                    "InvalidPlacementGroupId.NotFound",
                    f"The placement group ID '{one}' does not exist",
                )
        found = [
            group
            for group in groups.values()
            if (not names or group.group_name in names) and (not ids or group.id in ids)
        ]
        found = generic_filter(self._filters_from_querystring(), found)
        return ActionResult({"PlacementGroups": [group.view() for group in found]})

    def delete(self: Any) -> Any:
        name = self._get_param("GroupName")
        if name not in self.ec2_backend.placement_groups:
            raise unknown(name)
        del self.ec2_backend.placement_groups[name]
        return EmptyResult()

    EC2Response.create_placement_group = create
    EC2Response.describe_placement_groups = describe
    EC2Response.delete_placement_group = delete


def _hosts() -> None:
    from moto.ec2.exceptions import EC2ClientError
    from moto.ec2.models.hosts import HostsBackend

    @around(HostsBackend, "release_hosts")
    def _(original: Any, self: Any, host_ids: list[str]) -> None:
        for host in host_ids:
            if host not in self.hosts:
                raise EC2ClientError(
                    "InvalidHostID.NotFound", f"The specified host ID {host} was not found."
                )
        for host in host_ids:
            del self.hosts[host]


def _key_pairs() -> None:
    from moto.ec2.responses.key_pairs import KeyPairs

    @around(KeyPairs, "delete_key_pair")
    def _(original: Any, self: Any) -> Any:
        # moto takes a name only, and answers success to an id.
        number = self._get_param("KeyPairId")
        for name, pair in list(self.ec2_backend.key_pairs.items()):
            if pair.id == number:
                del self.ec2_backend.key_pairs[name]
        return original(self)
