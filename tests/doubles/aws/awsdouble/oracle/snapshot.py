"""A snapshot of an account: boto3 describes of every service, and moto's own state.

Decides what identifies a resource and which attributes are none of its own (times of last use).
Reads every page of every listing.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable
from typing import Any

from .clients import Account, Admin

# Attributes that change although nobody changes the resource.
VOLATILE = {
    "ResponseMetadata", "RoleLastUsed", "PasswordLastUsed", "ResourceRecordSetCount",
    "ClientToken", "SizeInBytes",
}  # fmt: skip
# service, operation, key, kind, identity, arguments
EC2: list[tuple[str, str, str, str, dict[str, Any]]] = [
    ("describe_volumes", "Volumes", "volume", "VolumeId", {}),
    ("describe_snapshots", "Snapshots", "snapshot", "SnapshotId", {"OwnerIds": ["self"]}),
    ("describe_images", "Images", "image", "ImageId", {"Owners": ["self"]}),
    ("describe_vpcs", "Vpcs", "vpc", "VpcId", {}),
    ("describe_subnets", "Subnets", "subnet", "SubnetId", {}),
    ("describe_route_tables", "RouteTables", "route-table", "RouteTableId", {}),
    ("describe_internet_gateways", "InternetGateways", "internet-gateway", "InternetGatewayId", {}),
    (
        "describe_egress_only_internet_gateways",
        "EgressOnlyInternetGateways",
        "egress-only-internet-gateway",
        "EgressOnlyInternetGatewayId",
        {},
    ),
    ("describe_carrier_gateways", "CarrierGateways", "carrier-gateway", "CarrierGatewayId", {}),
    ("describe_nat_gateways", "NatGateways", "natgateway", "NatGatewayId", {}),
    ("describe_addresses", "Addresses", "elastic-ip", "AllocationId", {}),
    (
        "describe_network_interfaces",
        "NetworkInterfaces",
        "network-interface",
        "NetworkInterfaceId",
        {},
    ),
    ("describe_security_groups", "SecurityGroups", "security-group", "GroupId", {}),
    (
        "describe_security_group_rules",
        "SecurityGroupRules",
        "security-group-rule",
        "SecurityGroupRuleId",
        {},
    ),
    ("describe_network_acls", "NetworkAcls", "network-acl", "NetworkAclId", {}),
    ("describe_dhcp_options", "DhcpOptions", "dhcp-options", "DhcpOptionsId", {}),
    ("describe_vpc_endpoints", "VpcEndpoints", "vpc-endpoint", "VpcEndpointId", {}),
    (
        "describe_vpc_endpoint_service_configurations",
        "ServiceConfigurations",
        "vpc-endpoint-service",
        "ServiceId",
        {},
    ),
    (
        "describe_vpc_peering_connections",
        "VpcPeeringConnections",
        "vpc-peering-connection",
        "VpcPeeringConnectionId",
        {},
    ),
    ("describe_placement_groups", "PlacementGroups", "placement-group", "GroupId", {}),
    ("describe_hosts", "Hosts", "dedicated-host", "HostId", {}),
    ("describe_key_pairs", "KeyPairs", "key-pair", "KeyPairId", {}),
    ("describe_launch_templates", "LaunchTemplates", "launch-template", "LaunchTemplateId", {}),
    ("describe_vpn_gateways", "VpnGateways", "vpn-gateway", "VpnGatewayId", {}),
    ("describe_vpn_connections", "VpnConnections", "vpn-connection", "VpnConnectionId", {}),
    ("describe_customer_gateways", "CustomerGateways", "customer-gateway", "CustomerGatewayId", {}),
    ("describe_transit_gateways", "TransitGateways", "transit-gateway", "TransitGatewayId", {}),
    ("describe_flow_logs", "FlowLogs", "flow-log", "FlowLogId", {}),
]

Rows = dict[str, dict[str, Any]]


def snapshot(
    endpoint: str,
    access_key: str,
    secret_key: str,
    regions: list[str],
    admin: Admin | None = None,
    account: str | None = None,
    settle: bool = True,
) -> dict[str, Any]:
    """Everything in an account: `described` by kind and id, `dumped` by path.

    With `settle`, states under way are brought to their end first; two snapshots then differ only
    by what somebody did.
    """
    if admin is not None and settle:
        admin.call("POST", "settle", {"account": account})
    described: Rows = {}
    for region in regions:
        clients = Account(endpoint, access_key, secret_key, region)
        for kind, rows in _regional(clients).items():
            described.setdefault(kind, {}).update(
                {f"{region}/{identity}": row for identity, row in rows.items()}
            )
    clients = Account(endpoint, access_key, secret_key, regions[0])
    described |= _global(clients)
    dumped: dict[str, Any] = {}
    if admin is not None:
        dumped = admin.call("GET", f"dump/{account}?regions={','.join(regions)}")["state"]
    return {
        "regions": regions,
        "account": account,
        "described": {kind: dict(sorted(rows.items())) for kind, rows in sorted(described.items())},
        "dumped": dumped,
    }


def _regional(clients: Account) -> Rows:
    found: Rows = {}
    for operation, key, kind, identity, arguments in EC2:
        rows = clients.pages("ec2", operation, key, **arguments)
        found[f"ec2:{kind}"] = {row[identity]: _clean(row) for row in rows}
    found["ec2:instance"] = {
        row["InstanceId"]: _clean(row)
        for reservation in clients.pages("ec2", "describe_instances", "Reservations")
        for row in reservation["Instances"]
    }
    found["ec2:tag"] = {
        f"{tag['ResourceId']}/{tag['Key']}": tag.get("Value")
        for tag in clients.pages("ec2", "describe_tags", "Tags")
    }
    found |= _balancers(clients)
    found |= _file_systems(clients)
    found["tagging:resource"] = {
        row["ResourceARN"]: _tags(row["Tags"])
        for row in clients.pages(
            "resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList"
        )
    }
    return found


def _balancers(clients: Account) -> Rows:
    v2, classic = clients.client("elbv2"), clients.client("elb")
    balancers = clients.pages("elbv2", "describe_load_balancers", "LoadBalancers")
    groups = clients.pages("elbv2", "describe_target_groups", "TargetGroups")
    listeners = [
        listener
        for balancer in balancers
        for listener in clients.pages(
            "elbv2", "describe_listeners", "Listeners", LoadBalancerArn=balancer["LoadBalancerArn"]
        )
    ]
    arns = (
        [b["LoadBalancerArn"] for b in balancers]
        + [g["TargetGroupArn"] for g in groups]
        + [one["ListenerArn"] for one in listeners]
    )
    tags = {}
    for some in _batches(arns, 20):
        for row in v2.describe_tags(ResourceArns=some)["TagDescriptions"]:
            tags[row["ResourceArn"]] = _tags(row["Tags"])
    found: Rows = {"elbv2:loadbalancer": {}, "elbv2:targetgroup": {}, "elbv2:listener": {}}
    for balancer in balancers:
        arn = balancer["LoadBalancerArn"]
        found["elbv2:loadbalancer"][arn] = _clean(balancer) | {"Tags": tags.get(arn)}
    for group in groups:
        arn = group["TargetGroupArn"]
        health = v2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        found["elbv2:targetgroup"][arn] = _clean(group) | {
            "Tags": tags.get(arn),
            "Targets": sorted(row["Target"]["Id"] for row in health),
        }
    for listener in listeners:
        arn = listener["ListenerArn"]
        found["elbv2:listener"][arn] = _clean(listener) | {"Tags": tags.get(arn)}
    rows = clients.pages("elb", "describe_load_balancers", "LoadBalancerDescriptions")
    names = [row["LoadBalancerName"] for row in rows]
    classic_tags = {}
    for some in _batches(names, 20):
        for row in classic.describe_tags(LoadBalancerNames=some)["TagDescriptions"]:
            classic_tags[row["LoadBalancerName"]] = _tags(row["Tags"])
    found["elb:loadbalancer"] = {
        row["LoadBalancerName"]: _clean(row)
        | {"Tags": classic_tags.get(row["LoadBalancerName"], {})}
        for row in rows
    }
    return found


def _file_systems(clients: Account) -> Rows:
    systems = clients.pages("efs", "describe_file_systems", "FileSystems")
    return {
        "efs:file-system": {row["FileSystemId"]: _clean(row) for row in systems},
        "efs:mount-target": {
            row["MountTargetId"]: _clean(row)
            for system in systems
            for row in clients.pages(
                "efs", "describe_mount_targets", "MountTargets", FileSystemId=system["FileSystemId"]
            )
        },
        "efs:access-point": {
            row["AccessPointId"]: _clean(row)
            for row in clients.pages("efs", "describe_access_points", "AccessPoints")
        },
    }


def _global(clients: Account) -> Rows:
    return _identities(clients) | _zones(clients) | _buckets(clients)


def _identities(clients: Account) -> Rows:
    iam = clients.client("iam")
    found: Rows = {kind: {} for kind in (
        "iam:role", "iam:user", "iam:instance-profile", "iam:policy", "iam:oidc-provider",
        "iam:inline-policy", "iam:access-key", "iam:group",
    )}  # fmt: skip
    for role in clients.pages("iam", "list_roles", "Roles"):
        name = role["RoleName"]
        attached = clients.pages(
            "iam", "list_attached_role_policies", "AttachedPolicies", RoleName=name
        )
        found["iam:role"][name] = _clean(role) | {
            "Tags": _tags(clients.pages("iam", "list_role_tags", "Tags", RoleName=name)),
            "Attached": sorted(row["PolicyArn"] for row in attached),
        }
        for policy in clients.pages("iam", "list_role_policies", "PolicyNames", RoleName=name):
            document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            found["iam:inline-policy"][f"role/{name}/{policy}"] = document
    for user in clients.pages("iam", "list_users", "Users"):
        name = user["UserName"]
        attached = clients.pages(
            "iam", "list_attached_user_policies", "AttachedPolicies", UserName=name
        )
        groups = clients.pages("iam", "list_groups_for_user", "Groups", UserName=name)
        found["iam:user"][name] = _clean(user) | {
            "Tags": _tags(clients.pages("iam", "list_user_tags", "Tags", UserName=name)),
            "Attached": sorted(row["PolicyArn"] for row in attached),
            "Groups": sorted(row["GroupName"] for row in groups),
        }
        for policy in clients.pages("iam", "list_user_policies", "PolicyNames", UserName=name):
            document = iam.get_user_policy(UserName=name, PolicyName=policy)["PolicyDocument"]
            found["iam:inline-policy"][f"user/{name}/{policy}"] = document
        for key in clients.pages("iam", "list_access_keys", "AccessKeyMetadata", UserName=name):
            found["iam:access-key"][f"{name}/{key['AccessKeyId']}"] = _clean(key)
    for profile in clients.pages("iam", "list_instance_profiles", "InstanceProfiles"):
        profile["Roles"] = sorted(role["RoleName"] for role in profile["Roles"])
        found["iam:instance-profile"][profile["InstanceProfileName"]] = _clean(profile)
    for policy in clients.pages("iam", "list_policies", "Policies", Scope="Local"):
        found["iam:policy"][policy["Arn"]] = _clean(policy)
    for row in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]:
        found["iam:oidc-provider"][row["Arn"]] = _clean(
            iam.get_open_id_connect_provider(OpenIDConnectProviderArn=row["Arn"])
        )
    for group in clients.pages("iam", "list_groups", "Groups"):
        found["iam:group"][group["GroupName"]] = _clean(group)
    return found


def _zones(clients: Account) -> Rows:
    route53 = clients.client("route53")
    found: Rows = {"route53:hostedzone": {}, "route53:record": {}}
    for zone in clients.pages("route53", "list_hosted_zones", "HostedZones"):
        number = zone["Id"].removeprefix("/hostedzone/")
        tags = route53.list_tags_for_resource(ResourceType="hostedzone", ResourceId=number)
        full = route53.get_hosted_zone(Id=number)
        found["route53:hostedzone"][number] = _clean(zone) | {
            "Tags": _tags(tags["ResourceTagSet"]["Tags"]),
            "VPCs": _clean(full.get("VPCs", [])),
        }
        for record in clients.pages(
            "route53", "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=number
        ):
            identity = f"{number}/{record['Name']}/{record['Type']}"
            if "SetIdentifier" in record:
                identity += "/" + record["SetIdentifier"]
            found["route53:record"][identity] = _clean(record) | {"Zone": zone["Name"]}
    return found


def _buckets(clients: Account) -> Rows:
    s3 = clients.client("s3")
    found: Rows = {"s3:bucket": {}, "s3:object": {}, "s3:upload": {}}
    for bucket in s3.list_buckets()["Buckets"]:
        name = bucket["Name"]
        found["s3:bucket"][name] = {
            "Region": s3.get_bucket_location(Bucket=name)["LocationConstraint"],
            "Tags": _tags(_optional(lambda: s3.get_bucket_tagging(Bucket=name)["TagSet"]) or []),
            "Policy": _optional(lambda: s3.get_bucket_policy(Bucket=name)["Policy"]),
            "Versioning": s3.get_bucket_versioning(Bucket=name).get("Status"),
        }
        versions = s3.get_paginator("list_object_versions")
        for page in versions.paginate(Bucket=name):
            for row in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                found["s3:object"][f"{name}/{row['Key']}@{row.get('VersionId')}"] = {
                    "Tag": row.get("ETag"),
                    "Size": row.get("Size"),
                }
        for row in clients.pages("s3", "list_multipart_uploads", "Uploads", Bucket=name):
            found["s3:upload"][f"{name}/{row['Key']}/{row['UploadId']}"] = {}
    return found


def _optional(read: Any) -> Any:
    """The answer, or None where AWS answers that there is none."""
    from botocore.exceptions import ClientError

    try:
        return read()
    except ClientError as missing:
        if missing.response["Error"]["Code"].startswith("NoSuch"):
            return None
        raise


def _batches(items: list[Any], size: int) -> Iterable[list[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _tags(rows: list[dict[str, str]]) -> dict[str, str]:
    return {row["Key"]: row["Value"] for row in sorted(rows, key=lambda row: row["Key"])}


def _clean(value: Any) -> Any:
    """A value as JSON, in an order of its own, without what is volatile."""
    if isinstance(value, dict):
        return {key: _clean(held) for key, held in sorted(value.items()) if key not in VOLATILE}
    if isinstance(value, list):
        rows = [_clean(item) for item in value]
        return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True, default=str))
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    return value
