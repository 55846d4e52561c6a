"""Fills an account with what belongs to other people and looks deceptively like a cluster's.

Decides which traps are laid: names that extend or are extended by the cluster's, tag keys that are
prefixes of one another, records beside the cluster's own. Nothing here may be touched by anybody
who deletes that cluster.
"""

from __future__ import annotations

import json
from typing import Any

from .clients import Account

IMAGE = "ami-0a5e1d5c7e9b04190"


class Seed:
    """One seeding. `cluster` and `base_domain` are those of the cluster to be confused with."""

    def __init__(
        self,
        account: Account,
        cluster: str = "demo",
        base_domain: str = "example.com",
        infra_id: str | None = None,
    ) -> None:
        self.account = account
        self.region = account.region
        self.cluster = cluster
        self.base = base_domain
        # Cluster names that contain ours, and infra ids that start like one of ours.
        self.foreign = f"{infra_id}2" if infra_id else f"{cluster}-x7k2p2"
        self.shorter = infra_id[:-1] if infra_id else f"{cluster}-x7k2"
        self.made: dict[str, Any] = {}

    def plant(self) -> dict[str, Any]:
        """Creates everything; returns the ids of the things that tests ask for."""
        self._network()
        self._balancers()
        self._machines()
        self._storage()
        self._identities()
        self._zones()
        self._buckets()
        self._odds_and_ends()
        return self.made

    def _tags(self, name: str, value: str = "owned", infra: str | None = None) -> dict[str, str]:
        infra = infra or self.foreign
        return {"Name": name, f"kubernetes.io/cluster/{infra}": value, "team": "somebody-else"}

    def _specification(self, kind: str, name: str, **how: str) -> list[dict[str, Any]]:
        return [{"ResourceType": kind, "Tags": pairs(self._tags(name, **how))}]

    def _network(self) -> None:
        ec2, infra = self.account.client("ec2"), self.foreign
        vpc = ec2.create_vpc(
            CidrBlock="10.200.0.0/16", TagSpecifications=self._specification("vpc", f"{infra}-vpc")
        )["Vpc"]["VpcId"]
        options = ec2.create_dhcp_options(
            DhcpConfigurations=[{"Key": "domain-name", "Values": ["corp.example.net"]}],
            TagSpecifications=self._specification("dhcp-options", f"{infra}-dhcp"),
        )["DhcpOptions"]["DhcpOptionsId"]
        ec2.associate_dhcp_options(DhcpOptionsId=options, VpcId=vpc)
        subnets = [
            ec2.create_subnet(
                VpcId=vpc,
                CidrBlock=f"10.200.{number}.0/24",
                AvailabilityZone=self.region + zone,
                TagSpecifications=self._specification(
                    "subnet", f"{infra}-subnet-{kind}-{self.region}{zone}"
                ),
            )["Subnet"]["SubnetId"]
            for number, (kind, zone) in enumerate(
                [("public", "a"), ("private", "a"), ("private", "b")]
            )
        ]
        gateway = ec2.create_internet_gateway(
            TagSpecifications=self._specification("internet-gateway", f"{infra}-igw")
        )["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        address = self._address(f"{infra}-eip-apiserver")
        # Two addresses that nobody uses; one of them is only shared.
        self.made["spare_address"] = self._address("spare")
        self._address("shared", value="shared")
        nat = ec2.create_nat_gateway(
            SubnetId=subnets[0],
            AllocationId=address,
            TagSpecifications=self._specification("natgateway", f"{infra}-nat"),
        )["NatGateway"]["NatGatewayId"]
        tables = []
        for subnet, target in ((subnets[0], "GatewayId"), (subnets[1], "NatGatewayId")):
            table = ec2.create_route_table(
                VpcId=vpc, TagSpecifications=self._specification("route-table", f"{infra}-rt")
            )["RouteTable"]["RouteTableId"]
            ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
            ec2.create_route(
                RouteTableId=table,
                DestinationCidrBlock="0.0.0.0/0",
                **{target: gateway if target == "GatewayId" else nat},
            )
            tables.append(table)
        groups = [
            ec2.create_security_group(
                GroupName=f"{infra}-{name}",
                Description=name,
                VpcId=vpc,
                TagSpecifications=self._specification("security-group", f"{infra}-{name}"),
            )["GroupId"]
            for name in ("controlplane", "node")
        ]
        for group, other in (groups, reversed(groups)):
            ec2.authorize_security_group_ingress(
                GroupId=group,
                IpPermissions=[
                    {
                        "IpProtocol": "tcp",
                        "FromPort": 22,
                        "ToPort": 22,
                        "UserIdGroupPairs": [{"GroupId": other}],
                    }
                ],
            )
        ec2.create_vpc_endpoint(
            VpcId=vpc,
            ServiceName=f"com.amazonaws.{self.region}.s3",
            RouteTableIds=tables,
            TagSpecifications=self._specification("vpc-endpoint", f"{infra}-vpce-s3"),
        )
        interface = ec2.create_vpc_endpoint(
            VpcId=vpc,
            VpcEndpointType="Interface",
            ServiceName=f"com.amazonaws.{self.region}.sts",
            SubnetIds=[subnets[1]],
            SecurityGroupIds=[groups[1]],
            TagSpecifications=self._specification("vpc-endpoint", f"{infra}-vpce-sts"),
        )["VpcEndpoint"]["VpcEndpointId"]
        acl = ec2.create_network_acl(
            VpcId=vpc, TagSpecifications=self._specification("network-acl", f"{infra}-acl")
        )["NetworkAcl"]["NetworkAclId"]
        egress = ec2.create_egress_only_internet_gateway(
            VpcId=vpc,
            TagSpecifications=self._specification("egress-only-internet-gateway", f"{infra}-eigw"),
        )["EgressOnlyInternetGateway"]["EgressOnlyInternetGatewayId"]
        eni = ec2.create_network_interface(
            SubnetId=subnets[2],
            Groups=[groups[1]],
            Description="somebody's appliance",
            TagSpecifications=self._specification("network-interface", f"{infra}-appliance"),
        )["NetworkInterface"]["NetworkInterfaceId"]
        second = ec2.create_vpc(
            CidrBlock="10.201.0.0/16",
            TagSpecifications=self._specification("vpc", "shared-vpc", value="shared"),
        )["Vpc"]["VpcId"]
        peering = ec2.create_vpc_peering_connection(
            VpcId=vpc,
            PeerVpcId=second,
            TagSpecifications=self._specification("vpc-peering-connection", f"{infra}-peering"),
        )["VpcPeeringConnection"]["VpcPeeringConnectionId"]
        ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
        self.made |= {
            "vpc": vpc, "subnets": subnets, "internet_gateway": gateway, "nat": nat,
            "nat_address": address, "route_tables": tables, "groups": groups, "eni": eni,
            "endpoint": interface, "dhcp_options": options, "acl": acl, "egress_gateway": egress,
            "peering": peering, "second_vpc": second,
        }  # fmt: skip

    def _address(self, name: str, value: str = "owned") -> str:
        return self.account.client("ec2").allocate_address(
            Domain="vpc", TagSpecifications=self._specification("elastic-ip", name, value=value)
        )["AllocationId"]

    def _balancers(self) -> None:
        v2, classic = self.account.client("elbv2"), self.account.client("elb")
        tags = pairs(self._tags(f"{self.foreign}-ext"))
        balancer = v2.create_load_balancer(
            Name=f"{self.foreign}-ext",
            Type="network",
            Scheme="internet-facing",
            Subnets=[self.made["subnets"][0]],
            Tags=tags,
        )["LoadBalancers"][0]["LoadBalancerArn"]
        target = v2.create_target_group(
            Name="apiserver-target-1700000000",
            Protocol="TCP",
            Port=6443,
            VpcId=self.made["vpc"],
            TargetType="ip",
            Tags=tags,
        )["TargetGroups"][0]["TargetGroupArn"]
        listener = v2.create_listener(
            LoadBalancerArn=balancer,
            Protocol="TCP",
            Port=6443,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": target}],
        )["Listeners"][0]["ListenerArn"]
        name = "a" + "0123456789abcdef"[::-1] + "fedcba987654321"
        classic.create_load_balancer(
            LoadBalancerName=name,
            Listeners=[
                {
                    "Protocol": "TCP",
                    "LoadBalancerPort": 443,
                    "InstanceProtocol": "TCP",
                    "InstancePort": 30443,
                }
            ],
            Subnets=[self.made["subnets"][1]],
            SecurityGroups=[self.made["groups"][1]],
            Scheme="internal",
            Tags=pairs(self._tags("ingress")),
        )
        self.made |= {
            "balancer": balancer, "target_group": target, "listener": listener, "classic": name,
        }  # fmt: skip

    def _machines(self) -> None:
        ec2, infra = self.account.client("ec2"), self.foreign
        tags = pairs(self._tags(f"{infra}-master-0"))
        self.made["instance"] = ec2.run_instances(
            ImageId=IMAGE,
            InstanceType="m6i.xlarge",
            MinCount=1,
            MaxCount=1,
            SubnetId=self.made["subnets"][1],
            SecurityGroupIds=[self.made["groups"][0]],
            TagSpecifications=[
                {"ResourceType": kind, "Tags": tags} for kind in ("instance", "volume")
            ],
        )["Instances"][0]["InstanceId"]
        self.made["address"] = self._address("bastion")
        bastion = ec2.run_instances(
            ImageId=IMAGE,
            InstanceType="t3.micro",
            MinCount=1,
            MaxCount=1,
            SubnetId=self.made["subnets"][0],
            SecurityGroupIds=[self.made["groups"][0]],
            TagSpecifications=self._specification("instance", f"my{infra}-bastion"),
        )["Instances"][0]["InstanceId"]
        ec2.associate_address(InstanceId=bastion, AllocationId=self.made["address"])
        self.made["bastion"] = bastion
        ec2.create_placement_group(
            GroupName=f"{infra}-spread",
            Strategy="spread",
            TagSpecifications=self._specification("placement-group", f"{infra}-spread"),
        )
        ec2.import_key_pair(KeyName=f"{infra}-key", PublicKeyMaterial=PUBLIC_KEY)
        ec2.create_launch_template(
            LaunchTemplateName=f"{infra}-template",
            LaunchTemplateData={"ImageId": IMAGE},
            TagSpecifications=self._specification("launch-template", f"{infra}-template"),
        )
        self.made["image"] = ec2.copy_image(
            Name=f"{infra}-master", SourceImageId=IMAGE, SourceRegion=self.region
        )["ImageId"]
        ec2.create_tags(Resources=[self.made["image"]], Tags=pairs(self._tags(f"{infra}-master")))

    def _storage(self) -> None:
        ec2, efs = self.account.client("ec2"), self.account.client("efs")
        volume = ec2.create_volume(
            AvailabilityZone=self.region + "a",
            Size=10,
            TagSpecifications=self._specification("volume", f"{self.foreign}-dynamic-pvc-1"),
        )["VolumeId"]
        self.made["snapshot"] = ec2.create_snapshot(
            VolumeId=volume,
            TagSpecifications=self._specification("snapshot", f"{self.foreign}-dynamic-snap-1"),
        )["SnapshotId"]
        self.made["volume"] = volume
        self.made["file_system"] = efs.create_file_system(
            CreationToken=f"{self.foreign}-files", Tags=pairs(self._tags("files"))
        )["FileSystemId"]
        self.made["access_point"] = efs.create_access_point(
            ClientToken=f"{self.foreign}-point",
            FileSystemId=self.made["file_system"],
            Tags=pairs(self._tags("point")),
        )["AccessPointId"]

    def _identities(self) -> None:
        iam, infra = self.account.client("iam"), self.foreign
        policy = json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}],
            }
        )
        trust = json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "ec2.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                    }
                ],
            }
        )
        owned = pairs({f"kubernetes.io/cluster/{infra}": "owned"})
        for kind in ("master", "worker"):
            iam.create_role(
                RoleName=f"{infra}-{kind}-role", AssumeRolePolicyDocument=trust, Tags=owned
            )
            iam.put_role_policy(
                RoleName=f"{infra}-{kind}-role",
                PolicyName=f"{infra}-{kind}-policy",
                PolicyDocument=policy,
            )
            iam.create_instance_profile(
                InstanceProfileName=f"{infra}-{kind}-profile", Tags=owned
            )
            iam.add_role_to_instance_profile(
                InstanceProfileName=f"{infra}-{kind}-profile", RoleName=f"{infra}-{kind}-role"
            )
        iam.create_role(
            RoleName=f"{self.cluster}-shared-role",
            AssumeRolePolicyDocument=trust,
            Tags=pairs({f"kubernetes.io/cluster/{infra}": "shared"}),
        )
        user = f"{infra}-openshift-ingress-abcde"
        iam.create_user(UserName=user, Tags=owned)
        iam.put_user_policy(UserName=user, PolicyName=f"{user}-policy", PolicyDocument=policy)
        iam.create_access_key(UserName=user)
        # Untagged, and named like a prefix of the cluster's own.
        iam.create_user(UserName=f"{self.shorter}-admin")
        managed = iam.create_policy(
            PolicyName=f"{infra}-managed", PolicyDocument=policy, Tags=owned
        )["Policy"]["Arn"]
        iam.attach_user_policy(UserName=f"{self.shorter}-admin", PolicyArn=managed)
        self.made |= {"role": f"{infra}-master-role", "user": user, "policy": managed,
                      "profile": f"{infra}-master-profile"}  # fmt: skip

    def _zones(self) -> None:
        route53 = self.account.client("route53")
        base, cluster = self.base, self.cluster

        def zone(name: str, reference: str, private_vpc: str | None = None) -> str:
            private = (
                {
                    "VPC": {"VPCRegion": self.region, "VPCId": private_vpc},
                    "HostedZoneConfig": {"PrivateZone": True, "Comment": "somebody else's"},
                }
                if private_vpc
                else {}
            )
            made = route53.create_hosted_zone(
                Name=name, CallerReference=f"{self.foreign}-{self.region}-{reference}", **private
            )
            return made["HostedZone"]["Id"].removeprefix("/hostedzone/")

        public = zone(base, "base")
        self._records(
            public,
            [
                (f"www.{base}", "A", ["198.51.100.10"]),
                (base, "MX", [f"10 mail.{base}"]),
                (base, "TXT", ['"v=spf1 -all"']),
                (f"api.my{cluster}.{base}", "A", ["198.51.100.20"]),
                (f"*.apps.my{cluster}.{base}", "A", ["198.51.100.21"]),
                (f"api.{cluster}2.{base}", "A", ["198.51.100.22"]),
                (f"dev.{base}", "NS", ["ns1.elsewhere.test", "ns2.elsewhere.test"]),
            ],
        )
        # A private zone of the very name of the cluster's, in another VPC.
        twin = zone(f"{cluster}.{base}", "twin", self.made["second_vpc"])
        self._records(
            twin,
            [
                (f"api.{cluster}.{base}", "A", ["10.201.0.10"]),
                (f"api-int.{cluster}.{base}", "A", ["10.201.0.11"]),
            ],
        )
        longer = zone(f"my{cluster}.{base}", "longer", self.made["vpc"])
        self._records(longer, [(f"api.my{cluster}.{base}", "A", ["10.200.0.10"])])
        for number, infra in ((twin, self.foreign), (longer, self.shorter)):
            route53.change_tags_for_resource(
                ResourceType="hostedzone",
                ResourceId=number,
                AddTags=pairs(self._tags(f"{infra}-int", infra=infra)),
            )
        self.made |= {"public_zone": public, "twin_zone": twin, "longer_zone": longer}

    def plant_late(self, public_zone: str) -> list[tuple[str, str]]:
        """Other people's records below the cluster's own domain, in the public zone.

        An installer refuses a domain that has records already, so they are planted when the cluster
        is there. They have the cluster's names with another type, or names below its names. Returns
        what was planted, as kind and id of a snapshot, for `compare.expect`.
        """
        base, cluster = self.base, self.cluster
        rows = [
            (f"{cluster}.{base}", "TXT", ['"owner=somebody-else"']),
            (f"api.{cluster}.{base}", "TXT", ['"owner=somebody-else"']),
            (f"_acme-challenge.api.{cluster}.{base}", "TXT", ['"token"']),
            (f"console.{cluster}.{base}", "CNAME", [f"www.{base}"]),
        ]
        self._records(public_zone, rows)
        return [("route53:record", f"{public_zone}/{name}./{kind}") for name, kind, _ in rows]

    def _records(self, zone_id: str, rows: list[tuple[str, str, list[str]]]) -> None:
        self.account.client("route53").change_resource_record_sets(
            HostedZoneId=zone_id,
            ChangeBatch={
                "Changes": [
                    {
                        "Action": "CREATE",
                        "ResourceRecordSet": {
                            "Name": name,
                            "Type": kind,
                            "TTL": 300,
                            "ResourceRecords": [{"Value": value} for value in values],
                        },
                    }
                    for name, kind, values in rows
                ]
            },
        )

    def _buckets(self) -> None:
        s3 = self.account.client("s3")
        suffix = "".join(c for c in self.made["vpc"] if c.isalnum())[-8:]
        names = [
            f"openshift-bootstrap-data-{self.foreign}-{suffix}",
            f"{self.foreign}-image-registry-{self.region}-{suffix}",
        ]
        where = (
            {}
            if self.region == "us-east-1"
            else {"CreateBucketConfiguration": {"LocationConstraint": self.region}}
        )
        for name in names:
            s3.create_bucket(Bucket=name, **where)
            s3.put_bucket_tagging(
                Bucket=name, Tagging={"TagSet": pairs(self._tags(name))}
            )
            s3.put_object(Bucket=name, Key="bootstrap.ign", Body=b"somebody else's")
        self.made["buckets"] = names

    def _odds_and_ends(self) -> None:
        """Things that carry keys close to the cluster's, but not the cluster's."""
        ec2 = self.account.client("ec2")
        self.made["shorter_volume"] = ec2.create_volume(
            AvailabilityZone=self.region + "a",
            Size=1,
            TagSpecifications=self._specification("volume", "shorter", infra=self.shorter),
        )["VolumeId"]
        self.made["cased_volume"] = ec2.create_volume(
            AvailabilityZone=self.region + "a",
            Size=1,
            TagSpecifications=[
                {
                    "ResourceType": "volume",
                    "Tags": pairs({f"kubernetes.io/cluster/{self.foreign}": "Owned"}),
                }
            ],
        )["VolumeId"]


def pairs(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


PUBLIC_KEY = (
    b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKqP3Wc0yqXn2ZtQ0Uq0m1u8s6b3v1yQv6mN1m7m4gkY "
    b"somebody@example.com"
)
