"""EC2: what refuses to be deleted, what takes time, what is given back."""

from __future__ import annotations

import pytest
from conftest import IMAGE, REGION, Mine, code, interfaces, launch, network, until


def state(aws: Mine, instance: str) -> str:
    found = aws("ec2").describe_instances(InstanceIds=[instance])
    return found["Reservations"][0]["Instances"][0]["State"]["Name"]


def test_instances_pass_through_their_states(aws: Mine) -> None:
    ec2 = aws("ec2")
    one = launch(aws)["InstanceId"]
    assert state(aws, one) == "pending"
    aws.settle()
    assert state(aws, one) == "running"
    ec2.stop_instances(InstanceIds=[one])
    assert state(aws, one) == "stopping"
    assert code(ec2.start_instances, InstanceIds=[one]) == "IncorrectInstanceState"
    aws.settle()
    assert state(aws, one) == "stopped"
    ec2.start_instances(InstanceIds=[one])
    assert state(aws, one) == "pending"
    ended = ec2.terminate_instances(InstanceIds=[one])["TerminatingInstances"][0]
    assert ended["PreviousState"]["Name"] == "pending"
    assert ended["CurrentState"]["Name"] == "shutting-down"
    assert state(aws, one) == "shutting-down"
    again = ec2.terminate_instances(InstanceIds=[one])["TerminatingInstances"][0]
    assert again["PreviousState"]["Name"] == "shutting-down"
    aws.settle()
    assert state(aws, one) == "terminated"
    left = ec2.describe_instances(InstanceIds=[one])["Reservations"][0]["Instances"][0]
    assert "VpcId" not in left and not left.get("NetworkInterfaces")


def test_one_instance_in_a_wrong_state_refuses_a_whole_batch(aws: Mine) -> None:
    ec2 = aws("ec2")
    one, two = (launch(aws)["InstanceId"] for _ in range(2))
    aws.settle()
    ec2.stop_instances(InstanceIds=[one])
    aws.settle()
    ec2.stop_instances(InstanceIds=[two])
    assert code(ec2.start_instances, InstanceIds=[one, two]) == "IncorrectInstanceState"
    assert (state(aws, one), state(aws, two)) == ("stopped", "stopping")
    ec2.start_instances(InstanceIds=[one])
    aws.settle()
    ec2.start_instances(InstanceIds=[two])
    assert code(ec2.stop_instances, InstanceIds=[one, two]) == "IncorrectInstanceState"
    assert (state(aws, one), state(aws, two)) == ("running", "pending")


def test_a_spot_instance_can_only_be_terminated(aws: Mine) -> None:
    ec2 = aws("ec2")
    one = launch(aws, InstanceMarketOptions={"MarketType": "spot"})
    aws.settle()
    found = ec2.describe_instances(InstanceIds=[one["InstanceId"]])["Reservations"][0]["Instances"]
    assert found[0]["InstanceLifecycle"] == "spot"
    assert code(ec2.stop_instances, InstanceIds=[one["InstanceId"]]) == "UnsupportedOperation"
    assert state(aws, one["InstanceId"]) == "running"


def test_a_zone_can_be_out_of_capacity(aws: Mine) -> None:
    ec2 = aws("ec2")
    one, two = (launch(aws)["InstanceId"] for _ in range(2))
    aws.settle()
    ec2.stop_instances(InstanceIds=[one, two])
    aws.settle()
    order = {
        "account": aws.id,
        "service": "ec2",
        "action": "StartInstances",
        "params": {"InstanceId.*": one},
        "code": "InsufficientInstanceCapacity",
        "status": 500,
    }
    aws.cloud.admin.call("POST", "faults", order)
    assert code(ec2.start_instances, InstanceIds=[one, two]) == "InsufficientInstanceCapacity"
    assert state(aws, two) == "stopped"
    ec2.start_instances(InstanceIds=[two])
    assert (state(aws, one), state(aws, two)) == ("stopped", "pending")


def test_instances_are_listed_in_pages(aws: Mine) -> None:
    ec2 = aws("ec2")
    all_of_them = {launch(aws)["InstanceId"] for _ in range(5)}
    aws.cloud.admin.call("PUT", "pages", {"account": aws.id, "instances": 2})
    pages = list(ec2.get_paginator("describe_instances").paginate())
    found = [
        instance["InstanceId"]
        for page in pages
        for reservation in page["Reservations"]
        for instance in reservation["Instances"]
    ]
    assert len(pages) == 3
    assert sorted(found) == sorted(all_of_them)


def test_states_pass_by_the_clock(aws: Mine) -> None:
    aws.speed(scale=0.001)
    one = launch(aws)["InstanceId"]
    until(lambda: state(aws, one) == "running")
    aws("ec2").terminate_instances(InstanceIds=[one])
    until(lambda: state(aws, one) == "terminated")


def test_the_rack_tells_of_instances_without_a_call(aws: Mine) -> None:
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "one"}]}]
    spot = {"MarketType": "spot"}
    one = launch(aws, TagSpecifications=tags, InstanceMarketOptions=spot)
    aws.settle()
    path = f"instances/{aws.id}?region={REGION}"
    calls = aws.cloud.admin.call("GET", f"counts?account={aws.id}")
    [seen] = aws.cloud.admin.call("GET", path)["instances"]
    assert (seen["id"], seen["state"], seen["spot"]) == (one["InstanceId"], "running", True)
    assert (seen["tags"], seen["host"]) == ({"Name": "one"}, one["PrivateDnsName"])
    aws("ec2").terminate_instances(InstanceIds=[seen["id"]])
    aws.settle()
    [seen] = aws.cloud.admin.call("GET", path)["instances"]
    assert (seen["state"], seen["host"], seen["address"]) == ("terminated", None, None)
    after = aws.cloud.admin.call("GET", f"counts?account={aws.id}")
    assert after["by_action"] == calls["by_action"] | {"ec2:TerminateInstances": 1}


def test_a_terminated_instance_is_forgotten_in_time(aws: Mine) -> None:
    aws.speed(scale=0.0, instance__terminated=0.0)
    one = launch(aws)["InstanceId"]
    aws("ec2").terminate_instances(InstanceIds=[one])
    until(lambda: not aws("ec2").describe_instances()["Reservations"])
    assert code(aws("ec2").terminate_instances, InstanceIds=[one]) == "InvalidInstanceID.NotFound"


def test_terminating_releases_interfaces_volumes_and_addresses(aws: Mine) -> None:
    ec2, net = aws("ec2"), network(aws)
    tags = [{"Key": "owner", "Value": "me"}]
    one = launch(
        aws,
        SubnetId=net["public"],
        SecurityGroupIds=[net["group"]],
        BlockDeviceMappings=[{"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 5}}],
        TagSpecifications=[
            {"ResourceType": kind, "Tags": tags}
            for kind in ("instance", "volume", "network-interface")
        ],
    )["InstanceId"]
    volumes = ec2.describe_volumes()["Volumes"]
    kept = {v["Attachments"][0]["Device"]: v["Attachments"][0]["DeleteOnTermination"]
            for v in volumes}  # fmt: skip
    assert kept == {"/dev/xvda": True, "/dev/sdb": False}
    assert all(v["Tags"] == tags for v in volumes)
    assert [i["TagSet"] for i in interfaces(aws, subnet_id=net["public"])] == [tags]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    ec2.associate_address(InstanceId=one, AllocationId=address)
    extra = ec2.create_network_interface(SubnetId=net["public"])["NetworkInterface"]
    ec2.attach_network_interface(
        InstanceId=one, NetworkInterfaceId=extra["NetworkInterfaceId"], DeviceIndex=1
    )
    ec2.terminate_instances(InstanceIds=[one])
    assert len(interfaces(aws, subnet_id=net["public"])) == 2
    assert code(ec2.delete_subnet, SubnetId=net["public"]) == "DependencyViolation"
    assert code(ec2.delete_security_group, GroupId=net["group"]) == "DependencyViolation"
    assert code(ec2.release_address, AllocationId=address) == "InvalidIPAddress.InUse"
    aws.settle()
    left = interfaces(aws, subnet_id=net["public"])
    assert [(i["NetworkInterfaceId"], i["Status"]) for i in left] == [
        (extra["NetworkInterfaceId"], "available")
    ]
    volumes = ec2.describe_volumes()["Volumes"]
    assert [(v["Size"], v["State"]) for v in volumes] == [(5, "available")]
    ec2.release_address(AllocationId=address)
    ec2.delete_network_interface(NetworkInterfaceId=extra["NetworkInterfaceId"])
    ec2.delete_subnet(SubnetId=net["public"])
    ec2.delete_security_group(GroupId=net["group"])


def test_a_batch_is_terminated_whole_or_not_at_all(aws: Mine) -> None:
    ec2 = aws("ec2")
    one, other = (launch(aws)["InstanceId"] for _ in range(2))
    wrong = "i-00000000000000000"
    assert code(ec2.terminate_instances, InstanceIds=[one, wrong]) == "InvalidInstanceID.NotFound"
    ec2.modify_instance_attribute(InstanceId=other, DisableApiTermination={"Value": True})
    assert code(ec2.terminate_instances, InstanceIds=[one, other]) == "OperationNotPermitted"
    aws.settle()
    assert {state(aws, one), state(aws, other)} == {"running"}
    ec2.modify_instance_attribute(InstanceId=other, DisableApiTermination={"Value": False})
    assert len(ec2.terminate_instances(InstanceIds=[one, other])["TerminatingInstances"]) == 2


def test_subnets_are_held_by_interfaces_and_take_their_associations(aws: Mine) -> None:
    ec2, net = aws("ec2"), network(aws)
    eni = ec2.create_network_interface(SubnetId=net["private"])["NetworkInterface"]
    table = ec2.create_route_table(VpcId=net["vpc"])["RouteTable"]["RouteTableId"]
    association = ec2.associate_route_table(RouteTableId=table, SubnetId=net["private"])
    assert code(ec2.delete_subnet, SubnetId=net["private"]) == "DependencyViolation"
    assert code(ec2.delete_route_table, RouteTableId=table) == "DependencyViolation"
    ec2.delete_network_interface(NetworkInterfaceId=eni["NetworkInterfaceId"])
    ec2.delete_subnet(SubnetId=net["private"])
    ec2.delete_route_table(RouteTableId=table)
    gone = association["AssociationId"]
    refusal = code(ec2.disassociate_route_table, AssociationId=gone)
    assert refusal == "InvalidAssociationID.NotFound"


def test_the_main_route_table_stays(aws: Mine) -> None:
    ec2, net = aws("ec2"), network(aws)
    wanted = [{"Name": "vpc-id", "Values": [net["vpc"]]}]
    main = ec2.describe_route_tables(Filters=wanted)["RouteTables"][0]
    assert code(ec2.delete_route_table, RouteTableId=main["RouteTableId"]) == "DependencyViolation"
    refusal = code(
        ec2.disassociate_route_table,
        AssociationId=main["Associations"][0]["RouteTableAssociationId"],
    )
    assert refusal == "InvalidParameterValue"


def test_security_groups_are_held_by_rules_and_interfaces(aws: Mine) -> None:
    ec2, net = aws("ec2"), network(aws)
    one = net["group"]
    other = ec2.create_security_group(GroupName="o", Description="o", VpcId=net["vpc"])["GroupId"]
    for group, source in ((one, other), (other, one), (one, one)):
        ec2.authorize_security_group_ingress(
            GroupId=group,
            IpPermissions=[
                {
                    "IpProtocol": "tcp",
                    "FromPort": 22,
                    "ToPort": 22,
                    "UserIdGroupPairs": [{"GroupId": source}],
                }
            ],
        )
    for group in (one, other):
        assert code(ec2.delete_security_group, GroupId=group) == "DependencyViolation"
    for group in (one, other):
        found = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
        ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=found["IpPermissions"])
        ec2.revoke_security_group_egress(GroupId=group, IpPermissions=found["IpPermissionsEgress"])
    eni = ec2.create_network_interface(SubnetId=net["private"], Groups=[other])["NetworkInterface"]
    ec2.delete_security_group(GroupId=one)
    assert code(ec2.delete_security_group, GroupId=other) == "DependencyViolation"
    ec2.delete_network_interface(NetworkInterfaceId=eni["NetworkInterfaceId"])
    ec2.delete_security_group(GroupId=other)
    wanted = [{"Name": "vpc-id", "Values": [net["vpc"]]}]
    default = ec2.describe_security_groups(Filters=wanted)["SecurityGroups"][0]["GroupId"]
    assert code(ec2.delete_security_group, GroupId=default) == "CannotDelete"
    assert code(ec2.delete_security_group, GroupId=other) == "InvalidGroup.NotFound"


def test_a_rule_is_revoked_without_its_description(aws: Mine) -> None:
    ec2 = aws("ec2")
    net = network(aws)
    group = net["group"]
    other = ec2.create_security_group(GroupName="o", Description="o", VpcId=net["vpc"])["GroupId"]

    def rule(*pairs: dict) -> list[dict]:
        ports = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}
        return [{**ports, "UserIdGroupPairs": list(pairs)}]

    described = [{"GroupId": one, "Description": "why"} for one in (group, other)]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rule(*described))
    again = rule({"GroupId": other, "Description": "another"})
    refusal = code(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=again)
    assert refusal == "InvalidPermission.Duplicate"
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=rule({"GroupId": other}))
    left = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    assert [pair["GroupId"] for one in left for pair in one["UserIdGroupPairs"]] == [group]
    ec2.delete_security_group(GroupId=other)


def test_nat_gateways_take_their_time_and_give_back(aws: Mine) -> None:
    ec2, net = aws("ec2"), network(aws)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=net["public"], AllocationId=address)["NatGateway"]
    number = nat["NatGatewayId"]
    assert nat["State"] == "pending"

    def described() -> dict:
        return ec2.describe_nat_gateways(NatGatewayIds=[number])["NatGateways"][0]

    aws.settle()
    assert described()["State"] == "available"
    eni = interfaces(aws, subnet_id=net["public"])[0]
    assert (eni["InterfaceType"], eni["Status"], eni["RequesterManaged"]) == (
        "nat_gateway",
        "in-use",
        True,
    )
    assert eni["Description"] == f"Interface for NAT Gateway {number}"
    delete = {"NetworkInterfaceId": eni["NetworkInterfaceId"]}
    assert code(ec2.delete_network_interface, **delete) == "InvalidParameterValue"
    detach = {"AttachmentId": eni["Attachment"]["AttachmentId"]}
    assert code(ec2.detach_network_interface, **detach) == "OperationNotPermitted"
    assert code(ec2.release_address, AllocationId=address) == "InvalidIPAddress.InUse"
    held = ec2.describe_addresses(AllocationIds=[address])["Addresses"][0]
    refusal = code(ec2.disassociate_address, AssociationId=held["AssociationId"])
    assert refusal == "AuthFailure"
    detach = {"InternetGatewayId": net["gateway"], "VpcId": net["vpc"]}
    assert code(ec2.detach_internet_gateway, **detach) == "DependencyViolation"
    ec2.delete_nat_gateway(NatGatewayId=number)
    assert described()["State"] == "deleting"
    assert code(ec2.delete_subnet, SubnetId=net["public"]) == "DependencyViolation"
    aws.settle()
    assert described()["State"] == "deleted"
    assert interfaces(aws, subnet_id=net["public"]) == []
    ec2.release_address(AllocationId=address)
    ec2.detach_internet_gateway(**detach)
    ec2.delete_subnet(SubnetId=net["public"])
    missing = "nat-00000000000000000"
    assert code(ec2.delete_nat_gateway, NatGatewayId=missing) == "NatGatewayNotFound"
    assert code(ec2.describe_nat_gateways, NatGatewayIds=[missing]) == "NatGatewayNotFound"


def test_nat_gateways_are_found_by_tag_and_state(aws: Mine) -> None:
    ec2, net = aws("ec2"), network(aws)
    made = [
        ec2.create_nat_gateway(
            SubnetId=net["public"],
            ConnectivityType="private",
            TagSpecifications=[
                {"ResourceType": "natgateway", "Tags": [{"Key": "c", "Value": value}]}
            ],
        )["NatGateway"]["NatGatewayId"]
        for value in ("one", "two")
    ]
    wanted = [{"Name": "tag:c", "Values": ["one"]}, {"Name": "state", "Values": ["pending"]}]
    found = ec2.describe_nat_gateways(Filters=wanted)["NatGateways"]
    assert [nat["NatGatewayId"] for nat in found] == made[:1]


def test_an_auto_assigned_address_holds_the_gateway(aws: Mine) -> None:
    ec2, net = aws("ec2"), network(aws)
    one = launch(
        aws,
        NetworkInterfaces=[
            {"DeviceIndex": 0, "SubnetId": net["public"], "AssociatePublicIpAddress": True}
        ],
    )["InstanceId"]
    detach = {"InternetGatewayId": net["gateway"], "VpcId": net["vpc"]}
    delete = {"InternetGatewayId": net["gateway"]}
    assert code(ec2.delete_internet_gateway, **delete) == "DependencyViolation"
    assert code(ec2.detach_internet_gateway, **detach) == "DependencyViolation"
    ec2.terminate_instances(InstanceIds=[one])
    assert code(ec2.detach_internet_gateway, **detach) == "DependencyViolation"
    aws.settle()
    ec2.detach_internet_gateway(**detach)
    assert code(ec2.detach_internet_gateway, **detach) == "Gateway.NotAttached"
    ec2.delete_internet_gateway(**delete)


def test_gateway_endpoints(aws: Mine) -> None:
    ec2, net = aws("ec2"), network(aws)
    table = ec2.create_route_table(VpcId=net["vpc"])["RouteTable"]["RouteTableId"]
    # Without a type: the gap that makes plain moto fail on deletion.
    made = ec2.create_vpc_endpoint(
        VpcId=net["vpc"], ServiceName=f"com.amazonaws.{REGION}.s3", RouteTableIds=[table]
    )["VpcEndpoint"]
    assert made["VpcEndpointType"] == "Gateway"
    number = made["VpcEndpointId"]
    routes = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
    assert any(route.get("GatewayId") == number for route in routes)
    answer = ec2.delete_vpc_endpoints(VpcEndpointIds=[number, "vpce-00000000000000000"])
    assert [u["Error"]["Code"] for u in answer["Unsuccessful"]] == ["InvalidVpcEndpoint.NotFound"]
    found = ec2.describe_vpc_endpoints(VpcEndpointIds=[number])["VpcEndpoints"]
    assert found[0]["State"] == "deleting"
    aws.settle()
    missing = code(ec2.describe_vpc_endpoints, VpcEndpointIds=[number])
    assert missing == "InvalidVpcEndpointId.NotFound"
    routes = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
    assert len(routes) == 1


def test_interface_endpoints_own_interfaces(aws: Mine) -> None:
    ec2, net = aws("ec2"), network(aws)
    number = ec2.create_vpc_endpoint(
        VpcId=net["vpc"],
        VpcEndpointType="Interface",
        ServiceName=f"com.amazonaws.{REGION}.sts",
        SubnetIds=[net["private"]],
        SecurityGroupIds=[net["group"]],
    )["VpcEndpoint"]["VpcEndpointId"]
    eni = interfaces(aws, subnet_id=net["private"])[0]
    assert eni["InterfaceType"] == "vpc_endpoint" and eni["RequesterManaged"]
    assert [group["GroupId"] for group in eni["Groups"]] == [net["group"]]
    delete = {"NetworkInterfaceId": eni["NetworkInterfaceId"]}
    assert code(ec2.delete_network_interface, **delete) == "InvalidParameterValue"
    ec2.delete_vpc_endpoints(VpcEndpointIds=[number])
    assert code(ec2.delete_security_group, GroupId=net["group"]) == "DependencyViolation"
    assert code(ec2.delete_subnet, SubnetId=net["private"]) == "DependencyViolation"
    aws.settle()
    ec2.delete_security_group(GroupId=net["group"])
    ec2.delete_subnet(SubnetId=net["private"])


def test_a_vpc_is_held_by_everything_in_it(aws: Mine) -> None:
    ec2 = aws("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    other = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]

    def held(make, unmake) -> None:
        made = make()
        assert code(ec2.delete_vpc, VpcId=vpc) == "DependencyViolation", make
        unmake(made)

    held(
        lambda: ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"],
        lambda one: ec2.delete_subnet(SubnetId=one),
    )
    held(
        lambda: ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"],
        lambda one: ec2.delete_security_group(GroupId=one),
    )
    held(
        lambda: ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"],
        lambda one: ec2.delete_route_table(RouteTableId=one),
    )
    held(
        lambda: ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"],
        lambda one: ec2.delete_network_acl(NetworkAclId=one),
    )

    def gateway() -> str:
        one = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=one, VpcId=vpc)
        return one

    held(gateway, lambda one: ec2.detach_internet_gateway(InternetGatewayId=one, VpcId=vpc))
    held(
        lambda: ec2.create_egress_only_internet_gateway(VpcId=vpc)[
            "EgressOnlyInternetGateway"
        ]["EgressOnlyInternetGatewayId"],
        lambda one: ec2.delete_egress_only_internet_gateway(EgressOnlyInternetGatewayId=one),
    )
    held(
        lambda: ec2.create_carrier_gateway(VpcId=vpc)["CarrierGateway"]["CarrierGatewayId"],
        lambda one: ec2.delete_carrier_gateway(CarrierGatewayId=one),
    )

    def endpoint() -> str:
        service = f"com.amazonaws.{REGION}.s3"
        return ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=service)["VpcEndpoint"][
            "VpcEndpointId"
        ]

    def no_endpoint(one: str) -> None:
        ec2.delete_vpc_endpoints(VpcEndpointIds=[one])
        assert code(ec2.delete_vpc, VpcId=vpc) == "DependencyViolation"
        aws.settle()

    held(endpoint, no_endpoint)

    def peering() -> str:
        one = ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=other)
        number = one["VpcPeeringConnection"]["VpcPeeringConnectionId"]
        ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=number)
        return number

    held(peering, lambda one: ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=one))
    ec2.delete_vpc(VpcId=vpc)
    assert code(ec2.delete_vpc, VpcId=vpc) == "InvalidVpcID.NotFound"
    assert not [path for path in aws.dump() if vpc in path]


def test_endpoint_services_and_their_connections(cloud, aws: Mine) -> None:
    ec2, net = aws("ec2"), network(aws)
    balancer = aws("elbv2").create_load_balancer(
        Name="int", Type="network", Scheme="internal", Subnets=[net["private"]]
    )["LoadBalancers"][0]["LoadBalancerArn"]
    service = ec2.create_vpc_endpoint_service_configuration(
        NetworkLoadBalancerArns=[balancer], AcceptanceRequired=True
    )["ServiceConfiguration"]
    number = service["ServiceId"]
    refusal = code(aws("elbv2").delete_load_balancer, LoadBalancerArn=balancer)
    assert refusal == "ResourceInUse"
    other = Mine(cloud)
    other.speed(scale=1e6)
    there = network(other)
    endpoint = other("ec2").create_vpc_endpoint(
        VpcId=there["vpc"],
        VpcEndpointType="Interface",
        ServiceName=service["ServiceName"],
        SubnetIds=[there["private"]],
    )["VpcEndpoint"]["VpcEndpointId"]
    other.settle()
    wanted = [{"Name": "service-id", "Values": [number]}]
    found = ec2.describe_vpc_endpoint_connections(Filters=wanted)["VpcEndpointConnections"]
    assert [(c["VpcEndpointId"], c["VpcEndpointOwner"], c["VpcEndpointState"]) for c in found] == [
        (endpoint, other.id, "pendingAcceptance")
    ]
    answer = ec2.delete_vpc_endpoint_service_configurations(ServiceIds=[number])
    assert answer["Unsuccessful"][0]["Error"]["Code"] == "ExistingVpcEndpointConnections"
    ec2.reject_vpc_endpoint_connections(ServiceId=number, VpcEndpointIds=[endpoint])
    answer = ec2.delete_vpc_endpoint_service_configurations(ServiceIds=[number, "vpce-svc-0"])
    assert [u["ResourceId"] for u in answer["Unsuccessful"]] == ["vpce-svc-0"]
    aws("elbv2").delete_load_balancer(LoadBalancerArn=balancer)


def test_dhcp_options(aws: Mine) -> None:
    ec2, net = aws("ec2"), network(aws)
    tags = [{"Key": "k", "Value": "v"}]
    made = ec2.create_dhcp_options(
        DhcpConfigurations=[{"Key": "domain-name", "Values": ["a.test"]}],
        TagSpecifications=[{"ResourceType": "dhcp-options", "Tags": tags}],
    )["DhcpOptions"]
    number = made["DhcpOptionsId"]
    assert made["Tags"] == tags
    ec2.associate_dhcp_options(DhcpOptionsId=number, VpcId=net["vpc"])
    assert code(ec2.delete_dhcp_options, DhcpOptionsId=number) == "DependencyViolation"
    ec2.associate_dhcp_options(DhcpOptionsId="default", VpcId=net["vpc"])
    ec2.delete_dhcp_options(DhcpOptionsId=number)


def test_placement_groups(aws: Mine) -> None:
    ec2 = aws("ec2")
    tags = [{"Key": "k", "Value": "v"}]
    ec2.create_placement_group(
        GroupName="p",
        Strategy="spread",
        TagSpecifications=[{"ResourceType": "placement-group", "Tags": tags}],
    )
    assert code(ec2.create_placement_group, GroupName="p") == "InvalidPlacementGroup.Duplicate"
    wanted = [{"Name": "tag:k", "Values": ["v"]}]
    found = ec2.describe_placement_groups(Filters=wanted)["PlacementGroups"]
    assert [(g["GroupName"], g["Strategy"], g["Tags"]) for g in found] == [("p", "spread", tags)]
    ec2.delete_placement_group(GroupName="p")
    assert code(ec2.delete_placement_group, GroupName="p") == "InvalidPlacementGroup.Unknown"


def test_images(aws: Mine) -> None:
    ec2 = aws("ec2")
    own = ec2.describe_images(Owners=["self"])["Images"]
    assert own == [] and ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"] == []
    vendor = [{"Name": "name", "Values": ["rhcos-9.4*"]}]
    found = ec2.describe_images(Owners=["531415883065"], Filters=vendor)["Images"]
    assert [image["ImageId"] for image in found] == [IMAGE]
    # Each region has its own current image, which is what an installer knows.
    current = {
        region: aws("ec2", region=region).describe_images(
            Filters=[{"Name": "name", "Values": ["rhcos-9.6*x86_64"]}]
        )["Images"][0]["ImageId"]
        for region in (REGION, "eu-west-1")
    }
    assert current[REGION] != current["eu-west-1"]
    launched = ec2.run_instances(ImageId=current[REGION], MinCount=1, MaxCount=1)
    assert launched["Instances"][0]["ImageId"] == current[REGION]
    assert code(ec2.deregister_image, ImageId=IMAGE) == "AuthFailure"
    copied = ec2.copy_image(Name="copy", SourceImageId=IMAGE, SourceRegion=REGION)["ImageId"]
    snapshot = ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"][0]["SnapshotId"]
    assert code(ec2.delete_snapshot, SnapshotId=snapshot) == "InvalidSnapshot.InUse"
    ec2.deregister_image(ImageId=copied)
    ec2.delete_snapshot(SnapshotId=snapshot)
    refusal = code(ec2.run_instances, ImageId="ami-00000000000000000", MinCount=1, MaxCount=1)
    assert refusal == "InvalidAMIID.NotFound"


ZERO = "0" * 17
NOT_FOUND = [
    ("release_address", {"AllocationId": f"eipalloc-{ZERO}"}, "InvalidAllocationID.NotFound"),
    ("deregister_image", {"ImageId": f"ami-{ZERO}"}, "InvalidAMIID.NotFound"),
    ("delete_nat_gateway", {"NatGatewayId": f"nat-{ZERO}"}, "NatGatewayNotFound"),
    ("delete_placement_group", {"GroupName": "none"}, "InvalidPlacementGroup.Unknown"),
    ("delete_dhcp_options", {"DhcpOptionsId": f"dopt-{ZERO}"}, "InvalidDhcpOptionsID.NotFound"),
    (
        "delete_vpc_peering_connection",
        {"VpcPeeringConnectionId": f"pcx-{ZERO}"},
        "InvalidVpcPeeringConnectionID.NotFound",
    ),
    ("delete_vpc", {"VpcId": f"vpc-{ZERO}"}, "InvalidVpcID.NotFound"),
    (
        "delete_internet_gateway",
        {"InternetGatewayId": f"igw-{ZERO}"},
        "InvalidInternetGatewayID.NotFound",
    ),
    ("delete_route_table", {"RouteTableId": f"rtb-{ZERO}"}, "InvalidRouteTableID.NotFound"),
    ("delete_security_group", {"GroupId": f"sg-{ZERO}"}, "InvalidGroup.NotFound"),
    ("delete_snapshot", {"SnapshotId": f"snap-{ZERO}"}, "InvalidSnapshot.NotFound"),
    (
        "delete_network_interface",
        {"NetworkInterfaceId": f"eni-{ZERO}"},
        "InvalidNetworkInterfaceID.NotFound",
    ),
    ("delete_subnet", {"SubnetId": f"subnet-{ZERO}"}, "InvalidSubnetID.NotFound"),
    ("delete_volume", {"VolumeId": f"vol-{ZERO}"}, "InvalidVolume.NotFound"),
    (
        "delete_egress_only_internet_gateway",
        {"EgressOnlyInternetGatewayId": f"eigw-{ZERO}"},
        "InvalidEgressOnlyInternetGatewayId.NotFound",
    ),
    ("release_hosts", {"HostIds": [f"h-{ZERO}"]}, "InvalidHostID.NotFound"),
    ("terminate_instances", {"InstanceIds": [f"i-{ZERO}"]}, "InvalidInstanceID.NotFound"),
    ("describe_instances", {"InstanceIds": [f"i-{ZERO}"]}, "InvalidInstanceID.NotFound"),
    ("describe_volumes", {"VolumeIds": [f"vol-{ZERO}"]}, "InvalidVolume.NotFound"),
    ("describe_vpcs", {"VpcIds": [f"vpc-{ZERO}"]}, "InvalidVpcID.NotFound"),
    ("describe_subnets", {"SubnetIds": [f"subnet-{ZERO}"]}, "InvalidSubnetID.NotFound"),
    (
        "describe_security_groups",
        {"GroupIds": [f"sg-{ZERO}"]},
        "InvalidGroup.NotFound",
    ),
    (
        "describe_internet_gateways",
        {"InternetGatewayIds": [f"igw-{ZERO}"]},
        "InvalidInternetGatewayID.NotFound",
    ),
    (
        "describe_addresses",
        {"AllocationIds": [f"eipalloc-{ZERO}"]},
        "InvalidAllocationID.NotFound",
    ),
    ("describe_images", {"ImageIds": [f"ami-{ZERO}"]}, "InvalidAMIID.NotFound"),
]


@pytest.mark.parametrize(("operation", "arguments", "expected"), NOT_FOUND)
def test_what_is_not_there(aws: Mine, operation: str, arguments: dict, expected: str) -> None:
    assert code(getattr(aws("ec2"), operation), **arguments) == expected


def test_tags_end_with_their_resource(aws: Mine) -> None:
    ec2 = aws("ec2")
    volume = ec2.create_volume(
        AvailabilityZone=REGION + "a",
        Size=1,
        TagSpecifications=[{"ResourceType": "volume", "Tags": [{"Key": "k", "Value": "v"}]}],
    )["VolumeId"]
    address = ec2.allocate_address(
        Domain="vpc",
        TagSpecifications=[{"ResourceType": "elastic-ip", "Tags": [{"Key": "k", "Value": "v"}]}],
    )["AllocationId"]
    assert {(tag["ResourceId"], tag["ResourceType"]) for tag in ec2.describe_tags()["Tags"]} == {
        (volume, "volume"),
        (address, "elastic-ip"),
    }
    ec2.release_address(AllocationId=address)
    ec2.delete_volume(VolumeId=volume)
    assert ec2.describe_tags()["Tags"] == []
    assert aws.dump() == {path: v for path, v in aws.dump().items() if volume not in path}
