"""One emulated AWS for all tests; an account of its own for each."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

HOME = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOME))

from awsdouble.oracle.clients import Admin  # noqa: E402

REGION = "us-east-1"
IMAGE = "ami-0a5e1d5c7e9b04190"


class Cloud:
    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-B", str(HOME / "launcher.py"), "--listen", "127.0.0.1:0"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.ready = json.loads(self.process.stdout.readline())
        self.endpoint = self.ready["endpoints"][0]
        self.admin = Admin(self.endpoint, self.ready["admin_token"])

    def close(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(timeout=20)


class Mine:
    """An account, with clients for it."""

    def __init__(self, cloud: Cloud, **new: Any) -> None:
        self.cloud = cloud
        self.keys = cloud.admin.call("POST", "accounts", new)
        self.id = self.keys["id"]
        self._clients: dict[Any, Any] = {}

    def __call__(self, service: str, region: str = REGION, **keys: str) -> Any:
        key = (service, region, *keys.items())
        if key not in self._clients:
            self._clients[key] = boto3.client(
                service,
                endpoint_url=self.cloud.endpoint,
                region_name=region,
                aws_access_key_id=keys.get("access_key", self.keys["access_key"]),
                aws_secret_access_key=keys.get("secret_key", self.keys["secret_key"]),
                aws_session_token=keys.get("token"),
                config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
            )
        return self._clients[key]

    def speed(self, scale: float | None = None, **fixed: float) -> None:
        """Kinds are given with `__` for `.` and `_` for `-`."""
        named = {k.replace("__", ".").replace("_", "-"): v for k, v in fixed.items()}
        self.cloud.admin.call(
            "PUT", "transitions", {"account": self.id, "scale": scale, "fixed": named or None}
        )

    def settle(self) -> int:
        return self.cloud.admin.call("POST", "settle", {"account": self.id})["settled"]

    def dump(self) -> dict[str, Any]:
        return self.cloud.admin.call("GET", f"dump/{self.id}")["state"]


@pytest.fixture(scope="session")
def cloud():
    cloud = Cloud()
    yield cloud
    assert cloud.close() == 0


@pytest.fixture
def aws(cloud: Cloud) -> Mine:
    mine = Mine(cloud)
    # Nothing ends by itself while a test looks: tests settle, or say how fast they want it.
    mine.speed(scale=1e6)
    return mine


def code(call: Any, *args: Any, **kwargs: Any) -> str:
    """The error code of a call that must fail."""
    with pytest.raises(ClientError) as refused:
        call(*args, **kwargs)
    return refused.value.response["Error"]["Code"]


def until(condition: Any, deadline: float = 20.0) -> Any:
    """Asks until the answer is true."""
    end = time.monotonic() + deadline
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < end, "not within the deadline"


def network(aws: Mine) -> dict[str, Any]:
    """A VPC with a public and a private subnet, a group and an attached gateway."""
    ec2 = aws("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    public = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    private = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    group = ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]
    return {
        "vpc": vpc, "public": public, "private": private, "gateway": gateway, "group": group
    }  # fmt: skip


def launch(aws: Mine, **how: Any) -> dict[str, Any]:
    return aws("ec2").run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, **how)["Instances"][0]


def interfaces(aws: Mine, **filters: str) -> list[dict[str, Any]]:
    wanted = [{"Name": k.replace("_", "-"), "Values": [v]} for k, v in filters.items()]
    return aws("ec2").describe_network_interfaces(Filters=wanted)["NetworkInterfaces"]
