"""The oracle misses nothing: what is planted, altered or taken of each kind is named."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from conftest import HOME, IMAGE, REGION, Cloud, Mine

from awsdouble.oracle.clients import Account
from awsdouble.oracle.compare import compare, count_by_kind, deleted, expect, report
from awsdouble.oracle.seed import PUBLIC_KEY, Seed, pairs
from awsdouble.oracle.snapshot import snapshot

POLICY = """{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}"""


@pytest.fixture(scope="module")
def seeded(cloud: Cloud) -> tuple[Mine, dict[str, Any]]:
    """An account full of other people's things, at rest."""
    mine = Mine(cloud)
    keys = mine.keys["access_key"], mine.keys["secret_key"]
    made = Seed(Account(cloud.endpoint, *keys, REGION)).plant()
    mine.settle()
    mine.speed(scale=1e6)
    return mine, made


def look(mine: Mine, **how: Any) -> dict[str, Any]:
    keys = mine.keys["access_key"], mine.keys["secret_key"]
    return snapshot(mine.cloud.endpoint, *keys, [REGION], mine.cloud.admin, mine.id, **how)


def test_looking_changes_nothing(seeded) -> None:
    mine, _ = seeded
    before = look(mine)
    mine("ec2").describe_instances()
    mine("iam").list_users()
    after = look(mine)
    verdict = compare(before, after)
    assert verdict["same"], report(verdict)
    # Survives being written down.
    assert compare(json.loads(json.dumps(before)), after)["same"]


def plant(mine: Mine, made: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """One more of every kind: kind → (id as boto3 shows it, part of the path in moto's state)."""
    ec2, v2, efs, iam = mine("ec2"), mine("elbv2"), mine("efs"), mine("iam")
    r53, s3 = mine("route53"), mine("s3")
    vpc, (public, private, _) = made["vpc"], made["subnets"]
    found: dict[str, tuple[str, str]] = {}

    def regional(kind: str, identity: str, collection: str, held: str | None = None) -> str:
        found[kind] = (f"{REGION}/{identity}", f"{collection}/{held or identity}")
        return identity

    leaked = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    regional("ec2:vpc", leaked, "vpcs")
    regional(
        "ec2:subnet",
        ec2.create_subnet(VpcId=leaked, CidrBlock="10.9.0.0/24")["Subnet"]["SubnetId"],
        "subnets",
    )
    regional(
        "ec2:route-table",
        ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"],
        "route_tables",
    )
    regional(
        "ec2:internet-gateway",
        ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"],
        "internet_gateways",
    )
    regional(
        "ec2:egress-only-internet-gateway",
        ec2.create_egress_only_internet_gateway(VpcId=vpc)["EgressOnlyInternetGateway"][
            "EgressOnlyInternetGatewayId"
        ],
        "egress_only_internet_gateways",
    )
    regional(
        "ec2:carrier-gateway",
        ec2.create_carrier_gateway(VpcId=vpc)["CarrierGateway"]["CarrierGatewayId"],
        "carrier_gateways",
    )
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    regional("ec2:elastic-ip", address, "addresses")
    regional(
        "ec2:natgateway",
        ec2.create_nat_gateway(SubnetId=public, AllocationId=address)["NatGateway"]["NatGatewayId"],
        "nat_gateways",
    )
    group = ec2.create_security_group(GroupName="leak", Description="d", VpcId=vpc)["GroupId"]
    regional("ec2:security-group", group, "groups")
    rule = ec2.authorize_security_group_ingress(
        GroupId=made["groups"][0],
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": 80,
                "ToPort": 80,
                "IpRanges": [{"CidrIp": "10.0.0.0/8"}],
            }
        ],
    )["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    regional("ec2:security-group-rule", rule, "groups", made["groups"][0])
    regional(
        "ec2:network-acl", ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"],
        "network_acls",
    )  # fmt: skip
    regional(
        "ec2:network-interface",
        ec2.create_network_interface(SubnetId=private)["NetworkInterface"]["NetworkInterfaceId"],
        "enis",
    )
    regional(
        "ec2:vpc-endpoint",
        ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=f"com.amazonaws.{REGION}.dynamodb")[
            "VpcEndpoint"
        ]["VpcEndpointId"],
        "vpc_end_points",
    )
    regional(
        "ec2:vpc-endpoint-service",
        ec2.create_vpc_endpoint_service_configuration(
            NetworkLoadBalancerArns=[made["balancer"]]
        )["ServiceConfiguration"]["ServiceId"],
        "configurations",
    )
    regional(
        "ec2:vpc-peering-connection",
        ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=leaked)["VpcPeeringConnection"][
            "VpcPeeringConnectionId"
        ],
        "vpc_pcxs",
    )
    options = ec2.create_dhcp_options(
        DhcpConfigurations=[{"Key": "domain-name", "Values": ["x.test"]}]
    )
    regional("ec2:dhcp-options", options["DhcpOptions"]["DhcpOptionsId"], "dhcp_options_sets")
    volume = ec2.create_volume(AvailabilityZone=REGION + "a", Size=1)["VolumeId"]
    regional("ec2:volume", volume, "volumes")
    regional(
        "ec2:snapshot", ec2.create_snapshot(VolumeId=volume)["SnapshotId"], "snapshots"
    )
    regional(
        "ec2:image",
        ec2.copy_image(Name="leak", SourceImageId=IMAGE, SourceRegion=REGION)["ImageId"],
        "amis",
    )
    regional(
        "ec2:instance",
        ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, SubnetId=private)["Instances"][0][
            "InstanceId"
        ],
        "instances",
    )
    ec2.create_placement_group(GroupName="leak")
    group_id = ec2.describe_placement_groups(GroupNames=["leak"])["PlacementGroups"][0]["GroupId"]
    regional("ec2:placement-group", group_id, "placement_groups", "leak")
    pair = ec2.import_key_pair(KeyName="leak", PublicKeyMaterial=PUBLIC_KEY)["KeyPairId"]
    regional("ec2:key-pair", pair, "key_pairs", "leak")
    regional(
        "ec2:launch-template",
        ec2.create_launch_template(LaunchTemplateName="leak", LaunchTemplateData={"ImageId": IMAGE})[
            "LaunchTemplate"
        ]["LaunchTemplateId"],
        "launch_templates",
    )
    regional(
        "ec2:dedicated-host",
        ec2.allocate_hosts(
            AvailabilityZone=REGION + "a", InstanceType="m5.large", Quantity=1
        )["HostIds"][0],
        "hosts",
    )
    ec2.create_tags(Resources=[made["volume"]], Tags=[{"Key": "leak", "Value": "1"}])
    found["ec2:tag"] = (f"{REGION}/{made['volume']}/leak", f"tags/{made['volume']}")
    balancer = v2.create_load_balancer(Name="leak", Type="network", Subnets=[public])[
        "LoadBalancers"
    ][0]["LoadBalancerArn"]
    regional("elbv2:loadbalancer", balancer, "load_balancers")
    target = v2.create_target_group(Name="leak", Protocol="TCP", Port=1, VpcId=vpc)[
        "TargetGroups"
    ][0]["TargetGroupArn"]
    regional("elbv2:targetgroup", target, "target_groups")
    listener = v2.create_listener(
        LoadBalancerArn=made["balancer"],
        Protocol="TCP",
        Port=1,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": target}],
    )["Listeners"][0]["ListenerArn"]
    regional("elbv2:listener", listener, "load_balancers", made["balancer"])
    mine("elb").create_load_balancer(
        LoadBalancerName="leak",
        Listeners=[{"Protocol": "TCP", "LoadBalancerPort": 1, "InstancePort": 1}],
        Subnets=[public],
    )
    regional("elb:loadbalancer", "leak", "load_balancers")
    system = efs.create_file_system(CreationToken="leak")["FileSystemId"]
    regional("efs:file-system", system, "file_systems_by_id")
    regional(
        "efs:mount-target",
        efs.create_mount_target(FileSystemId=made["file_system"], SubnetId=private)[
            "MountTargetId"
        ],
        "mount_targets_by_id",
    )
    regional(
        "efs:access-point",
        efs.create_access_point(ClientToken="leak", FileSystemId=system)["AccessPointId"],
        "access_points",
    )
    iam.create_role(RoleName="leak", AssumeRolePolicyDocument=POLICY_TRUST)
    role_id = iam.get_role(RoleName="leak")["Role"]["RoleId"]
    found["iam:role"] = ("leak", f"roles/{role_id}")
    iam.create_user(UserName="leak")
    found["iam:user"] = ("leak", "users/leak")
    key = iam.create_access_key(UserName=made["user"])["AccessKey"]["AccessKeyId"]
    found["iam:access-key"] = (f"{made['user']}/{key}", f"access_keys/{key}")
    iam.put_role_policy(RoleName=made["role"], PolicyName="leak", PolicyDocument=POLICY)
    held = iam.get_role(RoleName=made["role"])["Role"]["RoleId"]
    found["iam:inline-policy"] = (f"role/{made['role']}/leak", f"roles/{held}")
    iam.create_instance_profile(InstanceProfileName="leak")
    found["iam:instance-profile"] = ("leak", "instance_profiles/leak")
    arn = iam.create_policy(PolicyName="leak", PolicyDocument=POLICY)["Policy"]["Arn"]
    found["iam:policy"] = (arn, f"managed_policies/{arn}")
    arn = iam.create_open_id_connect_provider(
        Url="https://leak.test", ThumbprintList=["0" * 40], ClientIDList=["a"]
    )["OpenIDConnectProviderArn"]
    found["iam:oidc-provider"] = (arn, f"open_id_providers/{arn}")
    iam.create_group(GroupName="leak")
    found["iam:group"] = ("leak", "groups/leak")
    number = r53.create_hosted_zone(Name="leak.test", CallerReference="leak")["HostedZone"]["Id"]
    number = number.removeprefix("/hostedzone/")
    found["route53:hostedzone"] = (number, f"zones/{number}")
    upsert(mine, made["public_zone"], "CREATE", "leak.example.com", "A", "1.2.3.4")
    found["route53:record"] = (
        f"{made['public_zone']}/leak.example.com./A",
        f"records/{made['public_zone']}/leak.example.com./A",
    )
    s3.create_bucket(Bucket=f"leak-{mine.id}")
    found["s3:bucket"] = (f"leak-{mine.id}", f"buckets/leak-{mine.id}")
    s3.put_object(Bucket=made["buckets"][0], Key="leak", Body=b"1")
    found["s3:object"] = (f"{made['buckets'][0]}/leak@null", f"objects/{made['buckets'][0]}/leak")
    upload = s3.create_multipart_upload(Bucket=made["buckets"][1], Key="up")["UploadId"]
    found["s3:upload"] = (
        f"{made['buckets'][1]}/up/{upload}",
        f"buckets/{made['buckets'][1]}",
    )
    tagged = f"arn:aws:ec2:{REGION}:{mine.id}:volume/{volume}"
    ec2.create_tags(Resources=[volume], Tags=[{"Key": "k", "Value": "v"}])
    found["tagging:resource"] = (f"{REGION}/{tagged}", f"tags/{volume}")
    return found


POLICY_TRUST = """{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
    "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"""
# Kinds that the oracle describes and that cannot be made in the emulation cheaply or at all.
NOT_PLANTED = {
    "ec2:vpn-gateway", "ec2:vpn-connection", "ec2:customer-gateway", "ec2:transit-gateway",
    "ec2:flow-log",
}  # fmt: skip


def upsert(mine: Mine, zone: str, action: str, name: str, kind: str, *values: str) -> None:
    mine("route53").change_resource_record_sets(
        HostedZoneId=zone,
        ChangeBatch={
            "Changes": [
                {
                    "Action": action,
                    "ResourceRecordSet": {
                        "Name": name,
                        "Type": kind,
                        "TTL": 300,
                        "ResourceRecords": [{"Value": value} for value in values],
                    },
                }
            ]
        },
    )


def test_a_leak_of_every_kind_is_named(cloud: Cloud) -> None:
    mine = Mine(cloud)
    keys = mine.keys["access_key"], mine.keys["secret_key"]
    made = Seed(Account(cloud.endpoint, *keys, REGION)).plant()
    mine.settle()
    before = look(mine)
    planted = plant(mine, made)
    after = look(mine)
    assert set(planted) | NOT_PLANTED == set(after["described"])
    verdict = compare(before, after)
    described = {(d["kind"], d["id"]) for d in verdict["differences"] if d["witness"] == "described"}
    paths = {d["id"] for d in verdict["differences"] if d["witness"] == "dumped"}
    for kind, (identity, path) in planted.items():
        assert (kind, identity) in described, kind
        assert any(path in one for one in paths), (kind, path)
    counted = count_by_kind(after, before)
    assert set(counted) == set(planted) - {"ec2:tag", "tagging:resource"}


def test_what_is_altered_or_taken_is_named(cloud: Cloud) -> None:
    mine = Mine(cloud)
    keys = mine.keys["access_key"], mine.keys["secret_key"]
    made = Seed(Account(cloud.endpoint, *keys, REGION)).plant()
    mine.settle()
    before = look(mine)
    ec2, iam, s3, v2 = mine("ec2"), mine("iam"), mine("s3"), mine("elbv2")
    ec2.delete_tags(Resources=[made["vpc"]], Tags=[{"Key": "team"}])
    ec2.create_tags(Resources=[made["groups"][1]], Tags=pairs({"team": "ours"}))
    ec2.release_address(AllocationId=made["spare_address"])
    ec2.delete_volume(VolumeId=made["volume"])
    ec2.terminate_instances(InstanceIds=[made["bastion"]])
    ec2.delete_nat_gateway(NatGatewayId=made["nat"])
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=made["peering"])
    ec2.delete_vpc_endpoints(VpcEndpointIds=[made["endpoint"]])
    group = ec2.describe_security_groups(GroupIds=[made["groups"][0]])["SecurityGroups"][0]
    ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])
    v2.delete_load_balancer(LoadBalancerArn=made["balancer"])
    mine("elb").delete_load_balancer(LoadBalancerName=made["classic"])
    mine("efs").delete_access_point(AccessPointId=made["access_point"])
    iam.delete_role_policy(RoleName=made["role"], PolicyName="demo-x7k2p2-master-policy")
    iam.untag_role(RoleName=made["role"], TagKeys=["kubernetes.io/cluster/demo-x7k2p2"])
    iam.remove_role_from_instance_profile(
        InstanceProfileName=made["profile"], RoleName=made["role"]
    )
    key = iam.list_access_keys(UserName=made["user"])["AccessKeyMetadata"][0]["AccessKeyId"]
    iam.delete_access_key(UserName=made["user"], AccessKeyId=key)
    public, twin = made["public_zone"], made["twin_zone"]
    upsert(mine, public, "DELETE", "api.mydemo.example.com", "A", "198.51.100.20")
    upsert(mine, public, "UPSERT", "www.example.com", "A", "198.51.100.99")
    mine("route53").change_tags_for_resource(
        ResourceType="hostedzone", ResourceId=twin, RemoveTagKeys=["team"]
    )
    s3.delete_object(Bucket=made["buckets"][0], Key="bootstrap.ign")
    s3.delete_bucket(Bucket=made["buckets"][0])
    verdict = compare(before, look(mine))
    told = {
        (d["what"], d["kind"], d["id"].removeprefix(f"{REGION}/"))
        for d in verdict["differences"]
        if d["witness"] == "described"
    }
    expected = {
        ("changed", "ec2:vpc", made["vpc"]),
        ("missing", "ec2:tag", f"{made['vpc']}/team"),
        ("changed", "ec2:security-group", made["groups"][1]),
        ("changed", "ec2:security-group", made["groups"][0]),
        ("missing", "ec2:elastic-ip", made["spare_address"]),
        ("missing", "ec2:volume", made["volume"]),
        ("changed", "ec2:instance", made["bastion"]),
        ("changed", "ec2:natgateway", made["nat"]),
        ("changed", "ec2:elastic-ip", made["nat_address"]),
        ("changed", "ec2:vpc-peering-connection", made["peering"]),
        ("missing", "ec2:vpc-endpoint", made["endpoint"]),
        ("missing", "elbv2:loadbalancer", made["balancer"]),
        ("missing", "elbv2:listener", made["listener"]),
        ("missing", "elb:loadbalancer", made["classic"]),
        ("missing", "efs:access-point", made["access_point"]),
        ("missing", "iam:inline-policy", f"role/{made['role']}/demo-x7k2p2-master-policy"),
        ("changed", "iam:role", made["role"]),
        ("changed", "iam:instance-profile", made["profile"]),
        ("missing", "iam:access-key", f"{made['user']}/{key}"),
        ("missing", "route53:record", f"{public}/api.mydemo.example.com./A"),
        ("changed", "route53:record", f"{public}/www.example.com./A"),
        ("changed", "route53:hostedzone", twin),
        ("missing", "s3:bucket", made["buckets"][0]),
        ("missing", "s3:object", f"{made['buckets'][0]}/bootstrap.ign@null"),
    }
    assert expected <= told, expected - told
    dumped = " ".join(d["id"] for d in verdict["differences"] if d["witness"] == "dumped")
    role = iam.get_role(RoleName=made["role"])["Role"]["RoleId"]
    for identity in (
        made["vpc"], made["spare_address"], made["bastion"], made["nat"], made["peering"],
        made["endpoint"], made["balancer"], made["access_point"], role, public, twin,
        made["buckets"][0],
    ):  # fmt: skip
        assert identity in dumped, identity
    text = report(verdict)
    assert "NOT as it was" in text and "www.example.com" in text


def test_what_is_planted_late_is_expected_to_stay(cloud: Cloud) -> None:
    mine = Mine(cloud)
    keys = mine.keys["access_key"], mine.keys["secret_key"]
    seed = Seed(Account(cloud.endpoint, *keys, REGION))
    zone = seed.plant()["public_zone"]
    before = look(mine)
    upsert(mine, zone, "CREATE", "api.demo.example.com", "A", "192.0.2.1")
    planted = seed.plant_late(zone)
    during = look(mine)
    expected = expect(before, during, planted)
    left = compare(expected, during)["differences"]
    assert {d["id"].rsplit("/", 2)[1:][0] + d["id"].rsplit("/", 1)[1] for d in left} == {
        "api.demo.example.com.A"
    }
    upsert(mine, zone, "DELETE", "api.demo.example.com", "A", "192.0.2.1")
    assert compare(expected, look(mine))["same"]
    upsert(mine, zone, "DELETE", "api.demo.example.com", "TXT", '"owner=somebody-else"')
    assert not compare(expected, look(mine))["same"]


def test_only_what_aws_goes_on_listing_is_forgiven(cloud: Cloud) -> None:
    mine = Mine(cloud)
    mine.speed(scale=1e6)
    ec2 = mine("ec2")
    net = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=net, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    before = look(mine)
    # The first encrypted volume makes AWS make a key.
    volume = ec2.create_volume(AvailabilityZone=REGION + "a", Size=1, Encrypted=True)["VolumeId"]
    ec2.delete_volume(VolumeId=volume)
    tags = [{"Key": "Name", "Value": "mine"}]
    one = ec2.run_instances(
        ImageId=IMAGE,
        MinCount=1,
        MaxCount=1,
        SubnetId=subnet,
        TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
    )["Instances"][0]["InstanceId"]
    nat = ec2.create_nat_gateway(
        SubnetId=subnet,
        ConnectivityType="private",
        TagSpecifications=[{"ResourceType": "natgateway", "Tags": tags}],
    )["NatGateway"]["NatGatewayId"]
    during = look(mine)
    ec2.terminate_instances(InstanceIds=[one])
    ec2.delete_nat_gateway(NatGatewayId=nat)
    half = compare(before, look(mine, settle=False))
    assert {"ec2:instance", "ec2:natgateway"} <= {d["kind"] for d in half["differences"]}
    after = look(mine)
    verdict = compare(before, after)
    assert verdict["same"], report(verdict)
    assert verdict["forgiven"] == {"ec2:instance": 1, "ec2:natgateway": 1}
    assert "goes on listing" in report(verdict)
    count = deleted(during, after)
    assert (count["resources"], count["with_owner"]) == (2, 3)
    assert count["by_kind"] == {"ec2:instance": 1, "ec2:natgateway": 1}


def test_everything_planted_can_be_deleted(cloud: Cloud) -> None:
    """Tears a whole seed down in the order of docs/spec/20 §9.9: nothing is undeletable."""
    mine = Mine(cloud)
    mine.speed(scale=1e6)
    empty = look(mine)
    keys = mine.keys["access_key"], mine.keys["secret_key"]
    made = Seed(Account(cloud.endpoint, *keys, REGION)).plant()
    full = look(mine)
    ec2, v2, efs, iam = mine("ec2"), mine("elbv2"), mine("efs"), mine("iam")
    r53, s3 = mine("route53"), mine("s3")
    ec2.terminate_instances(InstanceIds=[made["instance"], made["bastion"]])
    v2.delete_load_balancer(LoadBalancerArn=made["balancer"])
    v2.delete_target_group(TargetGroupArn=made["target_group"])
    mine("elb").delete_load_balancer(LoadBalancerName=made["classic"])
    ec2.delete_nat_gateway(NatGatewayId=made["nat"])
    endpoints = [e["VpcEndpointId"] for e in ec2.describe_vpc_endpoints()["VpcEndpoints"]]
    ec2.delete_vpc_endpoints(VpcEndpointIds=endpoints)
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=made["peering"])
    efs.delete_access_point(AccessPointId=made["access_point"])
    efs.delete_file_system(FileSystemId=made["file_system"])
    mine.settle()
    for address in ec2.describe_addresses()["Addresses"]:
        ec2.release_address(AllocationId=address["AllocationId"])
    ec2.delete_network_interface(NetworkInterfaceId=made["eni"])
    ec2.detach_internet_gateway(InternetGatewayId=made["internet_gateway"], VpcId=made["vpc"])
    ec2.delete_internet_gateway(InternetGatewayId=made["internet_gateway"])
    ec2.delete_egress_only_internet_gateway(EgressOnlyInternetGatewayId=made["egress_gateway"])
    for group in ec2.describe_security_groups(GroupIds=made["groups"])["SecurityGroups"]:
        ec2.revoke_security_group_ingress(
            GroupId=group["GroupId"], IpPermissions=group["IpPermissions"]
        )
    for group in made["groups"]:
        ec2.delete_security_group(GroupId=group)
    for subnet in made["subnets"]:
        ec2.delete_subnet(SubnetId=subnet)
    for table in made["route_tables"]:
        ec2.delete_route_table(RouteTableId=table)
    ec2.delete_network_acl(NetworkAclId=made["acl"])
    for vpc in (made["vpc"], made["second_vpc"]):
        ec2.delete_vpc(VpcId=vpc)
    ec2.delete_dhcp_options(DhcpOptionsId=made["dhcp_options"])
    ec2.deregister_image(ImageId=made["image"])
    for one in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]:
        ec2.delete_snapshot(SnapshotId=one["SnapshotId"])
    for volume in ec2.describe_volumes()["Volumes"]:
        ec2.delete_volume(VolumeId=volume["VolumeId"])
    for group in ec2.describe_placement_groups()["PlacementGroups"]:
        ec2.delete_placement_group(GroupName=group["GroupName"])
    for pair in ec2.describe_key_pairs()["KeyPairs"]:
        ec2.delete_key_pair(KeyPairId=pair["KeyPairId"])
    for template in ec2.describe_launch_templates()["LaunchTemplates"]:
        ec2.delete_launch_template(LaunchTemplateId=template["LaunchTemplateId"])
    for profile in iam.list_instance_profiles()["InstanceProfiles"]:
        name = profile["InstanceProfileName"]
        for role in profile["Roles"]:
            iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role["RoleName"])
        iam.delete_instance_profile(InstanceProfileName=name)
    for role in iam.list_roles()["Roles"]:
        name = role["RoleName"]
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        iam.delete_role(RoleName=name)
    for user in iam.list_users()["Users"]:
        name = user["UserName"]
        for policy in iam.list_user_policies(UserName=name)["PolicyNames"]:
            iam.delete_user_policy(UserName=name, PolicyName=policy)
        for policy in iam.list_attached_user_policies(UserName=name)["AttachedPolicies"]:
            iam.detach_user_policy(UserName=name, PolicyArn=policy["PolicyArn"])
        for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
            iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
        iam.delete_user(UserName=name)
    iam.delete_policy(PolicyArn=made["policy"])
    for zone in r53.list_hosted_zones()["HostedZones"]:
        records = r53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
        changes = [
            {"Action": "DELETE", "ResourceRecordSet": record}
            for record in records
            if record["Type"] not in ("NS", "SOA") or record["Name"] != zone["Name"]
        ]
        r53.change_resource_record_sets(
            HostedZoneId=zone["Id"], ChangeBatch={"Changes": changes}
        )
        r53.delete_hosted_zone(Id=zone["Id"])
    for bucket in made["buckets"]:
        s3.delete_object(Bucket=bucket, Key="bootstrap.ign")
        s3.delete_bucket(Bucket=bucket)
    after = look(mine)
    verdict = compare(empty, after)
    assert verdict["same"], report(verdict)
    count = deleted(full, after)
    assert count["resources"] > 50 and count["parts"] > 20 and count["with_owner"] > 10
    waits = mine.cloud.admin.call("GET", f"waits?account={mine.id}")
    kinds = {"instance.shutting-down", "nat.deleting", "lb.interfaces", "classic-lb.interfaces",
             "endpoint.interface.deleting", "endpoint.gateway.deleting", "efs.deleting"}  # fmt: skip
    assert set(waits["by_kind"]) == kinds
    assert waits["floor"] < waits["waves"]


def test_the_command_line(cloud: Cloud, tmp_path) -> None:
    mine = Mine(cloud)
    config = tmp_path / "config.json"
    config.write_text(
        json.dumps(
            {
                "endpoint": cloud.endpoint,
                "access_key": mine.keys["access_key"],
                "secret_key": mine.keys["secret_key"],
                "regions": [REGION],
                "admin_token": cloud.ready["admin_token"],
                "account": mine.id,
            }
        )
    )

    def oracle(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-B", str(HOME / "oracle.py"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    one, other = str(tmp_path / "one"), str(tmp_path / "other")
    assert oracle("snapshot", "--config", str(config), "--out", one).returncode == 0
    assert oracle("compare", one, one).returncode == 0
    mine("ec2").allocate_address(Domain="vpc")
    assert oracle("snapshot", "--config", str(config), "--out", other).returncode == 0
    told = oracle("compare", one, other)
    assert told.returncode == 1 and "new      ec2:elastic-ip" in told.stdout
    verdict = json.loads(oracle("compare", "--json", one, other).stdout)
    assert verdict["differences"][0]["kind"] == "ec2:elastic-ip"
    assert json.loads(oracle("count", other, "--base", one).stdout) == {"ec2:elastic-ip": 1}
    assert json.loads(oracle("deleted", other, one).stdout)["resources"] == 1
    assert oracle("compare", one, str(tmp_path / "none")).returncode == 2
