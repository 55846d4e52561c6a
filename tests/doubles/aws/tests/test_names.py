"""Route 53, S3, IAM and the tagging API."""

from __future__ import annotations

import uuid

import pytest
from conftest import REGION, Mine, code, launch, network, until

from awsdouble.oracle.clients import Account
from awsdouble.oracle.seed import Seed


def change(aws: Mine, zone: str, *changes: tuple) -> None:
    aws("route53").change_resource_record_sets(
        HostedZoneId=zone,
        ChangeBatch={
            "Changes": [
                {
                    "Action": action,
                    "ResourceRecordSet": {
                        "Name": name,
                        "Type": kind,
                        "TTL": 60,
                        "ResourceRecords": [{"Value": value} for value in values],
                    },
                }
                for action, name, kind, values in changes
            ]
        },
    )


def zone(aws: Mine, name: str = "a.test") -> str:
    made = aws("route53").create_hosted_zone(Name=name, CallerReference=str(uuid.uuid4()))
    return made["HostedZone"]["Id"].removeprefix("/hostedzone/")


def records(aws: Mine, number: str) -> list[tuple[str, str]]:
    found = aws("route53").list_resource_record_sets(HostedZoneId=number)["ResourceRecordSets"]
    return [(r["Name"], r["Type"]) for r in found if r["Type"] not in ("NS", "SOA")]


def test_records_must_match_to_be_deleted(aws: Mine) -> None:
    number = zone(aws)
    change(aws, number, ("CREATE", "api.a.test", "A", ["1.2.3.4"]))
    bad = [
        ("CREATE", "api.a.test", "A", ["1.2.3.4"]),
        ("DELETE", "api.a.test", "A", ["1.2.3.5"]),
        ("DELETE", "api.a.test", "AAAA", ["::1"]),
        ("DELETE", "none.a.test", "A", ["1.2.3.4"]),
        ("CREATE", "api.b.test", "A", ["1.2.3.4"]),
        ("CREATE", "xa.test", "A", ["1.2.3.4"]),
        ("CREATE", "api.a.test", "CNAME", ["b.test"]),
    ]
    for one in bad:
        assert code(change, aws, number, one) == "InvalidChangeBatch", one
    change(aws, number, ("DELETE", "API.a.test.", "A", ["1.2.3.4"]))
    # What was deleted can be made again, and deleted again.
    assert code(change, aws, number, ("DELETE", "api.a.test", "A", ["1.2.3.4"])) == (
        "InvalidChangeBatch"
    )
    change(aws, number, ("CREATE", "api.a.test", "A", ["1.2.3.4"]))
    assert records(aws, number) == [("api.a.test.", "A")]


def test_a_batch_of_changes_is_all_or_nothing(aws: Mine) -> None:
    number = zone(aws)
    refusal = code(
        change,
        aws,
        number,
        ("CREATE", "one.a.test", "A", ["1.2.3.4"]),
        ("DELETE", "none.a.test", "A", ["1.2.3.4"]),
    )
    assert refusal == "InvalidChangeBatch"
    assert records(aws, number) == []


def test_wildcards_are_listed_as_route_53_does(aws: Mine) -> None:
    number = zone(aws)
    change(aws, number, ("CREATE", "*.apps.a.test", "A", ["1.2.3.4"]))
    assert records(aws, number) == [("\\052.apps.a.test.", "A")]
    assert code(change, aws, number, ("CREATE", "\\052.apps.a.test", "A", ["1.2.3.4"])) == (
        "InvalidChangeBatch"
    )
    change(aws, number, ("DELETE", "\\052.apps.a.test.", "A", ["1.2.3.4"]))
    assert records(aws, number) == []


def test_aliases(aws: Mine) -> None:
    number = zone(aws)
    alias = {"HostedZoneId": "Z2", "DNSName": "x.elb.test", "EvaluateTargetHealth": False}

    def one(action: str, **other: str) -> None:
        aws("route53").change_resource_record_sets(
            HostedZoneId=number,
            ChangeBatch={
                "Changes": [
                    {
                        "Action": action,
                        "ResourceRecordSet": {
                            "Name": "api.a.test",
                            "Type": "A",
                            "AliasTarget": {**alias, **other},
                        },
                    }
                ]
            },
        )

    one("UPSERT")
    assert code(one, "DELETE", DNSName="y.elb.test") == "InvalidChangeBatch"
    listed = aws("route53").list_resource_record_sets(HostedZoneId=number)["ResourceRecordSets"]
    found = next(r for r in listed if r["Type"] == "A")
    aws("route53").change_resource_record_sets(
        HostedZoneId=number,
        ChangeBatch={"Changes": [{"Action": "DELETE", "ResourceRecordSet": found}]},
    )
    assert records(aws, number) == []


def test_zones_with_records_refuse(aws: Mine) -> None:
    r53, number = aws("route53"), zone(aws)
    change(aws, number, ("CREATE", "child.a.test", "NS", ["ns.b.test"]))
    assert code(r53.delete_hosted_zone, Id=number) == "HostedZoneNotEmpty"
    change(aws, number, ("DELETE", "child.a.test", "NS", ["ns.b.test"]))
    apex = next(
        r
        for r in r53.list_resource_record_sets(HostedZoneId=number)["ResourceRecordSets"]
        if r["Type"] == "NS"
    )
    refusal = code(
        r53.change_resource_record_sets,
        HostedZoneId=number,
        ChangeBatch={"Changes": [{"Action": "DELETE", "ResourceRecordSet": apex}]},
    )
    assert refusal == "InvalidChangeBatch"
    r53.delete_hosted_zone(Id=number)
    for call in (r53.get_hosted_zone, r53.delete_hosted_zone):
        assert code(call, Id=number) == "NoSuchHostedZone"
    tags = {"ResourceType": "hostedzone", "ResourceId": number}
    assert code(r53.list_tags_for_resource, **tags) == "NoSuchHostedZone"
    assert not [path for path in aws.dump() if "route53" in path]


def test_zones_are_listed_from_a_name_on(aws: Mine) -> None:
    for name in ("b.test", "a.b.test", "c.test", "a.test"):
        zone(aws, name)
    r53 = aws("route53")

    def names(**how) -> list[str]:
        return [one["Name"] for one in r53.list_hosted_zones_by_name(**how)["HostedZones"]]

    assert names() == ["a.test.", "b.test.", "a.b.test.", "c.test."]
    # Not only zones of that name: callers must look at what they get.
    assert names(DNSName="b.test") == ["b.test.", "a.b.test.", "c.test."]
    page = r53.list_hosted_zones_by_name(DNSName="b.test", MaxItems="1")
    assert page["IsTruncated"] and page["NextDNSName"] == "a.b.test."
    zone(aws, "b.test")
    assert names(DNSName="b.test")[:2] == ["b.test.", "b.test."]


def test_caller_references_are_used_once(aws: Mine) -> None:
    r53 = aws("route53")
    r53.create_hosted_zone(Name="a.test", CallerReference="same")
    refusal = code(r53.create_hosted_zone, Name="b.test", CallerReference="same")
    assert refusal == "HostedZoneAlreadyExists"


def test_private_zones_and_their_vpcs(aws: Mine) -> None:
    r53, net, other = aws("route53"), network(aws), network(aws)
    made = r53.create_hosted_zone(
        Name="p.test",
        CallerReference="p",
        HostedZoneConfig={"PrivateZone": True},
        VPC={"VPCRegion": REGION, "VPCId": net["vpc"]},
    )
    number = made["HostedZone"]["Id"].removeprefix("/hostedzone/")
    there = {"VPCRegion": REGION, "VPCId": other["vpc"]}
    r53.create_vpc_association_authorization(HostedZoneId=number, VPC=there)
    r53.associate_vpc_with_hosted_zone(HostedZoneId=number, VPC=there)
    r53.delete_vpc_association_authorization(HostedZoneId=number, VPC=there)
    found = r53.list_hosted_zones_by_vpc(VPCId=other["vpc"], VPCRegion=REGION)
    assert [z["HostedZoneId"] for z in found["HostedZoneSummaries"]] == [number]
    r53.disassociate_vpc_from_hosted_zone(HostedZoneId=number, VPC=there)
    mine = {"VPCRegion": REGION, "VPCId": net["vpc"]}
    refusal = code(r53.disassociate_vpc_from_hosted_zone, HostedZoneId=number, VPC=mine)
    assert refusal == "LastVPCAssociation"


def test_buckets_refuse_until_they_are_empty(aws: Mine) -> None:
    s3, name = aws("s3"), f"full-{aws.id}"
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=name, Key="k", Body=b"1")
    s3.delete_object(Bucket=name, Key="k")
    assert "Contents" not in s3.list_objects_v2(Bucket=name)
    assert code(s3.delete_bucket, Bucket=name) == "BucketNotEmpty"
    versions = s3.list_object_versions(Bucket=name)
    rows = versions["Versions"] + versions["DeleteMarkers"]
    s3.delete_objects(
        Bucket=name,
        Delete={"Objects": [{"Key": r["Key"], "VersionId": r["VersionId"]} for r in rows]},
    )
    upload = s3.create_multipart_upload(Bucket=name, Key="big")["UploadId"]
    assert code(s3.delete_bucket, Bucket=name) == "BucketNotEmpty"
    s3.abort_multipart_upload(Bucket=name, Key="big", UploadId=upload)
    s3.delete_bucket(Bucket=name)
    assert code(s3.delete_bucket, Bucket=name) == "NoSuchBucket"
    assert not [path for path in aws.dump() if path.startswith("s3/")]


def test_users_and_roles_refuse_until_they_are_bare(aws: Mine) -> None:
    iam = aws("iam")
    iam.create_user(UserName="u")
    key = iam.create_access_key(UserName="u")["AccessKey"]["AccessKeyId"]
    assert code(iam.delete_user, UserName="u") == "DeleteConflict"
    iam.delete_access_key(UserName="u", AccessKeyId=key)
    assert code(iam.delete_access_key, UserName="u", AccessKeyId=key) == "NoSuchEntity"
    iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=POLICY)
    assert code(iam.delete_user, UserName="u") == "DeleteConflict"
    iam.delete_user_policy(UserName="u", PolicyName="p")
    iam.create_group(GroupName="g")
    iam.add_user_to_group(GroupName="g", UserName="u")
    assert code(iam.delete_user, UserName="u") == "DeleteConflict"
    iam.remove_user_from_group(GroupName="g", UserName="u")
    iam.delete_user(UserName="u")
    assert code(iam.delete_user, UserName="u") == "NoSuchEntity"
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    iam.create_instance_profile(InstanceProfileName="i")
    iam.add_role_to_instance_profile(InstanceProfileName="i", RoleName="r")
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=POLICY)
    assert code(iam.delete_role, RoleName="r") == "DeleteConflict"
    assert code(iam.delete_instance_profile, InstanceProfileName="i") == "DeleteConflict"
    iam.remove_role_from_instance_profile(InstanceProfileName="i", RoleName="r")
    assert code(iam.delete_role, RoleName="r") == "DeleteConflict"
    iam.delete_role_policy(RoleName="r", PolicyName="p")
    iam.delete_role(RoleName="r")
    iam.delete_instance_profile(InstanceProfileName="i")
    assert code(iam.get_instance_profile, InstanceProfileName="i") == "NoSuchEntity"
    assert code(iam.get_role, RoleName="r") == "NoSuchEntity"


POLICY = """{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}]}"""
TRUST = """{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
    "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"""

# What real AWS lists of the seed, in its main region and as global service.
LISTED = {
    "ec2:elastic-ip", "ec2:vpc-endpoint", "ec2:dhcp-options", "ec2:security-group",
    "ec2:natgateway", "ec2:internet-gateway", "ec2:route-table", "ec2:network-interface",
    "ec2:volume", "ec2:snapshot", "ec2:image", "ec2:instance", "ec2:subnet", "ec2:vpc",
    "ec2:network-acl", "ec2:egress-only-internet-gateway", "ec2:vpc-peering-connection",
    "ec2:placement-group", "ec2:launch-template", "elasticloadbalancing:loadbalancer",
    "elasticloadbalancing:targetgroup", "elasticfilesystem:file-system",
    "elasticfilesystem:access-point", "s3:bucket",
}  # fmt: skip
GLOBAL = {"route53:hostedzone", "iam:instance-profile", "iam:policy"}


def listed(aws: Mine, region: str = REGION, **how) -> set[str]:
    client = aws("resourcegroupstaggingapi", region=region)
    pages = client.get_paginator("get_resources").paginate(**how)
    return {r["ResourceARN"] for page in pages for r in page["ResourceTagMappingList"]}


def kinds(arns: set[str]) -> set[str]:
    found = set()
    for arn in arns:
        service, resource = arn.split(":", 5)[2], arn.split(":", 5)[5]
        found.add("s3:bucket" if service == "s3" else f"{service}:{resource.split('/')[0]}")
    return found


@pytest.mark.parametrize("region", [REGION, "eu-west-1"])
def test_the_tagging_api_lists_everything_where_aws_does(aws: Mine, region: str) -> None:
    account = Account(
        aws.cloud.endpoint, aws.keys["access_key"], aws.keys["secret_key"], region, witness=False
    )
    Seed(account).plant()
    key = {"Key": "kubernetes.io/cluster/demo-x7k2p2", "Values": ["owned"]}
    here = kinds(listed(aws, region, TagFilters=[key]))
    assert here == (LISTED | GLOBAL if region == REGION else LISTED)
    if region != REGION:
        assert kinds(listed(aws, TagFilters=[key])) == GLOBAL
    small = listed(aws, region, TagFilters=[key], ResourcesPerPage=7)
    assert small == listed(aws, region, TagFilters=[key])
    shared = listed(aws, region, TagFilters=[{**key, "Values": ["shared"]}])
    assert kinds(shared) == {"ec2:vpc", "ec2:elastic-ip"}
    only = listed(aws, region, ResourceTypeFilters=["ec2:elastic-ip"])
    assert kinds(only) == {"ec2:elastic-ip"}
    # Neither roles nor users: AWS has no support for them.
    assert not [arn for arn in listed(aws, REGION) if ":role/" in arn or ":user/" in arn]


def test_tags_are_removed_and_refused(aws: Mine) -> None:
    tagging, net, number = aws("resourcegroupstaggingapi"), network(aws), zone(aws)
    arns = [
        f"arn:aws:ec2:{REGION}:{aws.id}:vpc/{net['vpc']}",
        f"arn:aws:route53:::hostedzone/{number}",
    ]
    assert tagging.tag_resources(ResourceARNList=arns, Tags={"k": "v"})["FailedResourcesMap"] == {}
    assert listed(aws, TagFilters=[{"Key": "k"}]) == set(arns)
    missing = f"arn:aws:ec2:{REGION}:{aws.id}:vpc/vpc-00000000000000000"
    elsewhere = f"arn:aws:ec2:eu-west-1:{aws.id}:vpc/vpc-00000000000000000"
    answer = tagging.untag_resources(ResourceARNList=[*arns, missing, elsewhere], TagKeys=["k"])
    failed = answer["FailedResourcesMap"]
    assert {arn: why["ErrorCode"] for arn, why in failed.items()} == {
        missing: "InvalidParameterException",
        elsewhere: "InvalidParameterException",
    }
    assert listed(aws, TagFilters=[{"Key": "k"}]) == set()


def test_the_tagging_api_lags_behind(aws: Mine) -> None:
    ec2 = aws("ec2")
    address = ec2.allocate_address(
        Domain="vpc",
        TagSpecifications=[{"ResourceType": "elastic-ip", "Tags": [{"Key": "k", "Value": "v"}]}],
    )["AllocationId"]
    arn = f"arn:aws:ec2:{REGION}:{aws.id}:elastic-ip/{address}"
    ec2.release_address(AllocationId=address)
    assert listed(aws, TagFilters=[{"Key": "k"}]) == {arn}
    aws.settle()
    assert listed(aws) == set()
    # By the clock, and for what ends by itself.
    aws.speed(scale=0.0, tagging__lag=0.2)
    tags = [{"ResourceType": "volume", "Tags": [{"Key": "k", "Value": "v"}]}]
    one = launch(aws, TagSpecifications=tags)["InstanceId"]
    assert listed(aws, TagFilters=[{"Key": "k"}])
    ec2.terminate_instances(InstanceIds=[one])
    until(lambda: not listed(aws))
