"""Who may call, what is logged, what strikes: the gate and its admin path."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from conftest import REGION, Mine, code, launch, network

UNKNOWN = {"access_key": "AKIAAAAAAAAAAAAAAAAA", "secret_key": "x"}
PROBES = {
    "ec2": ("describe_vpcs", "AuthFailure", "AuthFailure"),
    "sts": ("get_caller_identity", "InvalidClientTokenId", "SignatureDoesNotMatch"),
    "iam": ("list_roles", "InvalidClientTokenId", "SignatureDoesNotMatch"),
    "elb": ("describe_load_balancers", "InvalidClientTokenId", "SignatureDoesNotMatch"),
    "elbv2": ("describe_load_balancers", "InvalidClientTokenId", "SignatureDoesNotMatch"),
    "route53": ("list_hosted_zones", "InvalidClientTokenId", "SignatureDoesNotMatch"),
    "s3": ("list_buckets", "InvalidAccessKeyId", "SignatureDoesNotMatch"),
    "efs": ("describe_file_systems", "UnrecognizedClientException", "InvalidSignatureException"),
    "resourcegroupstaggingapi": (
        "get_resources",
        "UnrecognizedClientException",
        "InvalidSignatureException",
    ),
}


@pytest.mark.parametrize("service", PROBES)
def test_only_known_keys_with_their_secret_get_in(aws: Mine, service: str) -> None:
    operation, unknown, wrong = PROBES[service]
    getattr(aws(service), operation)()
    assert code(getattr(aws(service, **UNKNOWN), operation)) == unknown
    liar = aws(service, access_key=aws.keys["access_key"], secret_key="wrong")
    assert code(getattr(liar, operation)) == wrong


def test_a_signature_covers_the_body(aws: Mine) -> None:
    # A request signed for one account does not open another with the same key id.
    ec2 = aws("ec2")
    ec2.create_vpc(CidrBlock="10.0.0.0/16")
    request = urllib.request.Request(
        aws.cloud.endpoint + "/", data=b"Action=DescribeVpcs&Version=2016-11-15", method="POST"
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 403


def test_accounts_hold_nothing_of_each_other(cloud, aws: Mine) -> None:
    other = Mine(cloud)
    network(aws)
    assert len(aws("ec2").describe_vpcs()["Vpcs"]) == 2
    assert len(other("ec2").describe_vpcs()["Vpcs"]) == 1
    assert len(aws("ec2", region="eu-west-1").describe_vpcs()["Vpcs"]) == 1
    aws("iam").create_user(UserName="one")
    assert other("iam").list_users()["Users"] == []


def test_caller_identity_is_true(aws: Mine) -> None:
    me = aws("sts").get_caller_identity()
    assert (me["Account"], me["Arn"]) == (aws.id, f"arn:aws:iam::{aws.id}:root")
    aws("iam").create_user(UserName="somebody")
    key = aws("iam").create_access_key(UserName="somebody")["AccessKey"]
    user = {"access_key": key["AccessKeyId"], "secret_key": key["SecretAccessKey"]}
    assert aws("sts", **user).get_caller_identity()["Arn"].endswith(":user/somebody")
    aws("iam").delete_access_key(UserName="somebody", AccessKeyId=key["AccessKeyId"])
    assert code(aws("sts", **user).get_caller_identity) == "InvalidClientTokenId"


def test_assumed_roles_lead_to_their_account(cloud, aws: Mine) -> None:
    other = Mine(cloud, roles=["dns"])
    arn = other.keys["roles"][0]
    session = aws("sts").assume_role(RoleArn=arn, RoleSessionName="session")["Credentials"]
    keys = {
        "access_key": session["AccessKeyId"],
        "secret_key": session["SecretAccessKey"],
        "token": session["SessionToken"],
    }
    me = aws("sts", **keys).get_caller_identity()
    assert me["Account"] == other.id
    assert me["Arn"] == f"arn:aws:sts::{other.id}:assumed-role/dns/session"
    zone = aws("route53", **keys).create_hosted_zone(Name="a.test", CallerReference="1")
    assert len(other("route53").list_hosted_zones()["HostedZones"]) == 1
    assert aws("route53").list_hosted_zones()["HostedZones"] == []
    assert zone["HostedZone"]["Name"] == "a.test."
    without = {**keys, "token": None}
    assert code(aws("sts", **without).get_caller_identity) == "InvalidClientTokenId"
    for role in (f"arn:aws:iam::{other.id}:role/none", "arn:aws:iam::000000000001:role/dns"):
        refusal = code(aws("sts").assume_role, RoleArn=role, RoleSessionName="session")
        assert refusal == "AccessDenied"


def test_s3_answers_in_both_styles(cloud, aws: Mine, monkeypatch) -> None:
    # Names below localhost, for resolvers that do not know them.
    resolve = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *rest, **how: resolve("127.0.0.1", *rest, **how)
    )
    aws("s3").create_bucket(Bucket=f"both-{aws.id}")
    port = cloud.endpoint.rsplit(":", 1)[1]
    virtual = boto3.client(
        "s3",
        endpoint_url=f"http://localhost:{port}",
        region_name=REGION,
        aws_access_key_id=aws.keys["access_key"],
        aws_secret_access_key=aws.keys["secret_key"],
        config=Config(signature_version="s3v4", s3={"addressing_style": "virtual"}),
    )
    virtual.put_object(Bucket=f"both-{aws.id}", Key="a b/c+d.txt", Body=b"1")
    assert aws("s3").get_object(Bucket=f"both-{aws.id}", Key="a b/c+d.txt")["Body"].read() == b"1"
    url = virtual.generate_presigned_url(
        "get_object", Params={"Bucket": f"both-{aws.id}", "Key": "a b/c+d.txt"}
    )
    assert urllib.request.urlopen(url).read() == b"1"
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(url.split("?")[0])


def test_connections_are_kept_alive(cloud) -> None:
    host, port = cloud.endpoint.removeprefix("http://").split(":")
    request = (
        f"GET /_skep/health HTTP/1.1\r\nHost: {host}\r\n"
        f"Authorization: Bearer {cloud.ready['admin_token']}\r\n\r\n"
    ).encode()
    with socket.create_connection((host, int(port)), timeout=20) as one:
        for _ in range(3):
            one.sendall(request)
            assert one.recv(65536).startswith(b"HTTP/1.1 200")


def test_the_admin_path_is_guarded(cloud) -> None:
    for header in ({}, {"Authorization": "Bearer wrong"}):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(
                urllib.request.Request(cloud.endpoint + "/_skep/accounts", headers=header)
            )
        assert refused.value.code == 401
    with pytest.raises(RuntimeError, match="no such path"):
        cloud.admin.call("GET", "nothing")
    with pytest.raises(RuntimeError, match="unknown fields"):
        cloud.admin.call("POST", "faults", {"actoin": "x"})


def test_faults_strike_as_ordered(cloud, aws: Mine) -> None:
    ec2, order = aws("ec2"), {"account": aws.id, "service": "ec2"}

    def outcomes(number: int) -> list[str]:
        found = []
        for _ in range(number):
            try:
                ec2.describe_vpcs()
                found.append("ok")
            except ClientError as refused:
                found.append(refused.response["Error"]["Code"])
        return found

    cloud.admin.call(
        "POST",
        "faults",
        {**order, "action": "DescribeV*", "code": "RequestLimitExceeded", "status": 503,
         "after": 1, "count": 2},
    )  # fmt: skip
    assert outcomes(4) == ["ok", "RequestLimitExceeded", "RequestLimitExceeded", "ok"]
    assert Mine(cloud)("ec2").describe_vpcs()
    cloud.admin.call("DELETE", f"faults?account={aws.id}")
    seeded = {**order, "action": "*", "code": "X", "rate": 0.5, "seed": 7}
    one = cloud.admin.call("POST", "faults", seeded)
    first = outcomes(12)
    cloud.admin.call("DELETE", f"faults/{one['id']}")
    cloud.admin.call("POST", "faults", seeded)
    assert outcomes(12) == first
    assert {"ok", "X"} == set(first)
    cloud.admin.call("DELETE", f"faults?account={aws.id}")


def test_a_lost_answer_has_done_its_work(cloud, aws: Mine) -> None:
    ec2 = aws("ec2")
    for fault in ({"code": "InternalError", "status": 500}, {"drop": True}):
        cloud.admin.call(
            "POST",
            "faults",
            {"account": aws.id, "action": "CreateVpc", "when": "after", "count": 1, **fault},
        )
        before = len(ec2.describe_vpcs()["Vpcs"])
        with pytest.raises((ClientError, HTTPClientError)):
            ec2.create_vpc(CidrBlock="10.0.0.0/16")
        assert len(ec2.describe_vpcs()["Vpcs"]) == before + 1
    cloud.admin.call("DELETE", f"faults?account={aws.id}")


def test_faults_can_look_at_parameters_and_delay(cloud, aws: Mine) -> None:
    ec2 = aws("ec2")
    cloud.admin.call(
        "POST",
        "faults",
        {"account": aws.id, "action": "CreateVpc", "params": {"CidrBlock": "10.9.*"}, "code": "No",
         "latency_ms": 30},
    )  # fmt: skip
    ec2.create_vpc(CidrBlock="10.8.0.0/16")
    assert code(ec2.create_vpc, CidrBlock="10.9.0.0/16") == "No"
    last = cloud.admin.call("GET", f"calls?account={aws.id}")["calls"][-1]
    assert last["seconds"] >= 0.03
    assert last["fault"]
    cloud.admin.call("DELETE", f"faults?account={aws.id}")


@pytest.mark.parametrize("service", PROBES)
def test_injected_errors_are_spelled_for_each_protocol(cloud, aws: Mine, service: str) -> None:
    cloud.admin.call("POST", "faults", {"account": aws.id, "code": "SomeCode", "status": 400})
    assert code(getattr(aws(service), PROBES[service][0])) == "SomeCode"
    cloud.admin.call("DELETE", f"faults?account={aws.id}")


def test_the_log_says_what_was_done_and_no_secret(cloud, aws: Mine) -> None:
    instance = launch(aws, UserData="very-secret")["InstanceId"]
    aws("ec2").describe_instances()
    aws("route53").create_hosted_zone(Name="a.test", CallerReference="1")
    aws("iam").create_user(UserName="u")
    log = cloud.admin.call("GET", f"calls?account={aws.id}")
    told = [(c["service"], c["action"], c["changing"]) for c in log["calls"]]
    assert told == [
        ("ec2", "RunInstances", True),
        ("ec2", "DescribeInstances", False),
        ("route53", "CreateHostedZone", True),
        ("iam", "CreateUser", True),
    ]
    assert instance in log["calls"][0]["resources"]
    assert log["calls"][0]["params"]["UserData"] == "(withheld)"
    assert "very-secret" not in json.dumps(log)
    assert aws.keys["secret_key"] not in json.dumps(log)
    counts = cloud.admin.call("GET", f"counts?account={aws.id}")
    assert (counts["changing"], counts["reading"]) == (3, 1)
    page = cloud.admin.call("GET", f"calls?account={aws.id}&limit=2")
    assert len(page["calls"]) == 2 and page["more"]
    rest = cloud.admin.call("GET", f"calls?account={aws.id}&after={page['cursor']}")
    assert [c["action"] for c in rest["calls"]] == ["CreateHostedZone", "CreateUser"]
    by_resource = cloud.admin.call("GET", f"calls?account={aws.id}&resource={instance}")
    assert [c["action"] for c in by_resource["calls"]] == ["RunInstances"]


def test_what_is_not_emulated_says_so(aws: Mine) -> None:
    assert code(aws("ec2").describe_ipams) == "InvalidAction"
    wrong = [{"Name": "nonsense", "Values": ["x"]}]
    network(aws)
    assert code(aws("ec2").describe_vpcs, Filters=wrong) == "InvalidParameterValue"


def test_the_dump_holds_no_secret(aws: Mine) -> None:
    aws("iam").create_user(UserName="u")
    key = aws("iam").create_access_key(UserName="u")["AccessKey"]
    launch(aws, UserData="very-secret")
    text = json.dumps(aws.dump())
    assert "ec2/us-east-1/instances/i-" in text
    assert key["SecretAccessKey"] not in text and "very-secret" not in text
