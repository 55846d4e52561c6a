"""Load balancers of both generations, and file systems: owners of interfaces."""

from __future__ import annotations

from conftest import Mine, code, interfaces, network

LISTENER = {
    "Protocol": "TCP", "LoadBalancerPort": 443, "InstanceProtocol": "TCP", "InstancePort": 3044
}  # fmt: skip


def balancer(aws: Mine, net: dict, name: str = "ext", **how) -> dict:
    how = {"Type": "network", "Scheme": "internet-facing", "Subnets": [net["public"]]} | how
    return aws("elbv2").create_load_balancer(Name=name, **how)["LoadBalancers"][0]


def test_v2_balancers_start_and_leave_slowly(aws: Mine) -> None:
    v2, ec2, net = aws("elbv2"), aws("ec2"), network(aws)
    made = balancer(aws, net, SecurityGroups=[net["group"]])
    arn = made["LoadBalancerArn"]
    assert ":loadbalancer/net/ext/" in arn
    assert made["State"]["Code"] == "provisioning"
    assert v2.describe_load_balancers()["LoadBalancers"][0]["State"]["Code"] == "provisioning"
    aws.settle()
    assert v2.describe_load_balancers()["LoadBalancers"][0]["State"]["Code"] == "active"
    eni = interfaces(aws, subnet_id=net["public"])[0]
    assert eni["Description"] == "ELB " + arn.split(":loadbalancer/")[1]
    assert (eni["InterfaceType"], eni["RequesterId"], eni["Status"], eni["RequesterManaged"]) == (
        "network_load_balancer",
        "amazon-elb",
        "in-use",
        True,
    )
    assert len(interfaces(aws, requester_managed="true", vpc_id=net["vpc"])) == 1
    assert [g["GroupId"] for g in eni["Groups"]] == [net["group"]]
    delete = {"NetworkInterfaceId": eni["NetworkInterfaceId"]}
    assert code(ec2.delete_network_interface, **delete) == "InvalidParameterValue"
    detach = {"InternetGatewayId": net["gateway"], "VpcId": net["vpc"]}
    assert code(ec2.detach_internet_gateway, **detach) == "DependencyViolation"
    v2.delete_load_balancer(LoadBalancerArn=arn)
    gone = code(v2.describe_load_balancers, LoadBalancerArns=[arn])
    assert gone == "LoadBalancerNotFound"
    # Gone from the listings, and still there.
    assert code(ec2.delete_subnet, SubnetId=net["public"]) == "DependencyViolation"
    assert code(ec2.delete_security_group, GroupId=net["group"]) == "DependencyViolation"
    aws.settle()
    assert interfaces(aws, subnet_id=net["public"]) == []
    ec2.detach_internet_gateway(**detach)
    ec2.delete_security_group(GroupId=net["group"])
    ec2.delete_subnet(SubnetId=net["public"])
    v2.delete_load_balancer(LoadBalancerArn=arn)


def test_target_groups_are_held_by_listeners(aws: Mine) -> None:
    v2, net = aws("elbv2"), network(aws)
    arn = balancer(aws, net)["LoadBalancerArn"]
    groups = [
        v2.create_target_group(
            Name=f"target-{number}", Protocol="TCP", Port=6443, VpcId=net["vpc"], TargetType="ip"
        )["TargetGroups"][0]["TargetGroupArn"]
        for number in range(2)
    ]
    listeners = [
        v2.create_listener(
            LoadBalancerArn=arn,
            Protocol="TCP",
            Port=port,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
        )["Listeners"][0]["ListenerArn"]
        for port, group in zip((6443, 22623), groups, strict=True)
    ]
    for group in groups:
        assert code(v2.delete_target_group, TargetGroupArn=group) == "ResourceInUse"
    v2.delete_listener(ListenerArn=listeners[0])
    v2.delete_target_group(TargetGroupArn=groups[0])
    assert code(v2.delete_listener, ListenerArn=listeners[0]) == "ListenerNotFound"
    v2.delete_load_balancer(LoadBalancerArn=arn)
    v2.delete_target_group(TargetGroupArn=groups[1])
    missing = code(v2.describe_target_groups, TargetGroupArns=[groups[1]])
    assert missing == "TargetGroupNotFound"
    assert code(v2.describe_listeners, LoadBalancerArn=arn) == "LoadBalancerNotFound"


def test_names_are_taken_and_protection_protects(aws: Mine) -> None:
    v2, net = aws("elbv2"), network(aws)
    arn = balancer(aws, net)["LoadBalancerArn"]
    again = {"Name": "ext", "Type": "network", "Subnets": [net["public"]]}
    assert code(v2.create_load_balancer, **again) == "DuplicateLoadBalancerName"
    attribute = {"Key": "deletion_protection.enabled", "Value": "true"}
    v2.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[attribute])
    assert code(v2.delete_load_balancer, LoadBalancerArn=arn) == "OperationNotPermitted"


def test_application_balancers_keep_their_kind(aws: Mine) -> None:
    net = network(aws)
    made = balancer(aws, net, name="web", Type="application", Scheme="internal")
    assert ":loadbalancer/app/web/" in made["LoadBalancerArn"]
    assert interfaces(aws, subnet_id=net["public"])[0]["InterfaceType"] == "interface"


def test_classic_balancers_own_interfaces(aws: Mine) -> None:
    classic, ec2, net = aws("elb"), aws("ec2"), network(aws)
    classic.create_load_balancer(
        LoadBalancerName="a0123",
        Listeners=[LISTENER],
        Subnets=[net["public"]],
        SecurityGroups=[net["group"]],
    )
    found = classic.describe_load_balancers()["LoadBalancerDescriptions"][0]
    assert found["VPCId"] == net["vpc"]
    eni = interfaces(aws, subnet_id=net["public"])[0]
    assert (eni["Description"], eni["RequesterId"]) == ("ELB a0123", "amazon-elb")
    assert code(ec2.delete_security_group, GroupId=net["group"]) == "DependencyViolation"
    classic.delete_load_balancer(LoadBalancerName="a0123")
    missing = code(classic.describe_load_balancers, LoadBalancerNames=["a0123"])
    assert missing == "LoadBalancerNotFound"
    assert code(ec2.delete_subnet, SubnetId=net["public"]) == "DependencyViolation"
    aws.settle()
    ec2.delete_security_group(GroupId=net["group"])
    ec2.delete_subnet(SubnetId=net["public"])
    classic.delete_load_balancer(LoadBalancerName="a0123")


def test_file_systems_and_their_mount_targets(aws: Mine) -> None:
    efs, ec2, net = aws("efs"), aws("ec2"), network(aws)
    system = efs.create_file_system(CreationToken="t")["FileSystemId"]
    aws.settle()
    target = efs.create_mount_target(
        FileSystemId=system, SubnetId=net["private"], SecurityGroups=[net["group"]]
    )["MountTargetId"]
    point = efs.create_access_point(ClientToken="p", FileSystemId=system)["AccessPointId"]
    eni = interfaces(aws, subnet_id=net["private"])[0]
    assert eni["RequesterManaged"] and target in eni["Description"]
    assert code(efs.delete_file_system, FileSystemId=system) == "FileSystemInUse"
    efs.delete_mount_target(MountTargetId=target)
    found = efs.describe_mount_targets(FileSystemId=system)["MountTargets"]
    assert [one["LifeCycleState"] for one in found] == ["deleting"]
    assert code(efs.delete_file_system, FileSystemId=system) == "FileSystemInUse"
    assert code(ec2.delete_subnet, SubnetId=net["private"]) == "DependencyViolation"
    aws.settle()
    assert code(efs.delete_mount_target, MountTargetId=target) == "MountTargetNotFound"
    efs.delete_file_system(FileSystemId=system)
    aws.settle()
    assert code(efs.delete_file_system, FileSystemId=system) == "FileSystemNotFound"
    assert code(efs.delete_access_point, AccessPointId=point) == "AccessPointNotFound"
    ec2.delete_subnet(SubnetId=net["private"])
