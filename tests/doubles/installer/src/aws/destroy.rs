//! `destroy cluster`: deletes what carries the cluster's tag or its name, one thing after the other.
//!
//! A safety net for people and tests; the product never runs it, and it shares no line with the
//! product's own engine.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use aws_sdk_ec2::types::{InstanceStateName, NatGatewayState};
use aws_sdk_route53::types::{
    Change, ChangeAction, ChangeBatch, ResourceRecordSet, RrType, TagResourceType,
};
use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use super::facts::short_zone;
use super::{AwsResult as _, Cloud, Tags, filter, machines, until};
use crate::assets::metadata;

/// Codes of something that others still hold: it is tried again.
const HELD: &[&str] = &[
    "DependencyViolation",
    "InvalidGroup.InUse",
    "InvalidNetworkInterface.InUse",
    "VolumeInUse",
    "ResourceInUse",
];

/// Whose things are deleted.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) infra_id: String,
    pub(crate) domain: Option<String>,
    pub(crate) hosted_zone_role: Option<String>,
}

/// Deletes everything of a cluster.
pub(crate) async fn cluster(cloud: &Cloud, target: &Target, info: &dyn Fn(&str)) -> Result<()> {
    let owned = Owned {
        cloud,
        target,
        info,
    };
    // The order of docs/spec/20 §9.9.
    owned.instances().await.context("instances")?;
    owned
        .classic_balancers()
        .await
        .context("classic load balancers")?;
    owned.balancers().await.context("load balancers")?;
    owned.buckets().await.context("buckets")?;
    owned.zones().await.context("hosted zones")?;
    owned.gateways().await.context("gateways and endpoints")?;
    owned.storage().await.context("volumes and snapshots")?;
    owned.roles().await.context("roles")?;
    owned.users().await.context("users")?;
    owned.network().await.context("network")?;
    owned.unshare().await.context("shared tags")
}

struct Owned<'a> {
    cloud: &'a Cloud,
    target: &'a Target,
    info: &'a dyn Fn(&str),
}

impl Owned<'_> {
    fn key(&self) -> String {
        metadata::cluster_tag(&self.target.infra_id)
    }

    fn mine(&self) -> aws_sdk_ec2::types::Filter {
        filter(&format!("tag:{}", self.key()), "owned")
    }

    fn is_mine(&self, tags: &Tags) -> bool {
        tags.get(&self.key()).is_some_and(|value| value == "owned")
    }

    fn deleted(&self, kind: &str, id: &str) {
        (self.info)(&format!("Deleted {kind} {id}"));
    }

    async fn instances(&self) -> Result<()> {
        let ec2 = &self.cloud.ec2;
        let mut pages = ec2
            .describe_instances()
            .filters(self.mine())
            .into_paginator()
            .send();
        let mut ids = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.aws("EC2: DescribeInstances")?;
            for instance in page
                .reservations()
                .iter()
                .flat_map(aws_sdk_ec2::types::Reservation::instances)
            {
                let state = instance.state().and_then(|state| state.name());
                if state != Some(&InstanceStateName::Terminated) {
                    ids.extend(instance.instance_id.clone());
                }
            }
        }
        if ids.is_empty() {
            return Ok(());
        }
        let request = ec2
            .terminate_instances()
            .set_instance_ids(Some(ids.clone()));
        request.send().await.aws("EC2: TerminateInstances")?;
        machines::in_state(self.cloud, &ids, &InstanceStateName::Terminated).await?;
        for id in &ids {
            self.deleted("instance", id);
        }
        Ok(())
    }

    async fn classic_balancers(&self) -> Result<()> {
        let elb = &self.cloud.elb;
        let service = "Elastic Load Balancing";
        let answer = elb.describe_load_balancers().send().await;
        let answer = answer.aws(&format!("{service}: DescribeLoadBalancers"))?;
        for balancer in answer.load_balancer_descriptions() {
            let Some(name) = balancer.load_balancer_name() else {
                continue;
            };
            let tags = elb.describe_tags().load_balancer_names(name).send().await;
            let tags = tags.aws(&format!("{service}: DescribeTags"))?;
            let pairs = tags.tag_descriptions().iter();
            let pairs = pairs.flat_map(aws_sdk_elasticloadbalancing::types::TagDescription::tags);
            let tags: Tags = pairs
                .map(|tag| {
                    (
                        tag.key().to_owned(),
                        tag.value().unwrap_or_default().to_owned(),
                    )
                })
                .collect();
            if self.is_mine(&tags) {
                let request = elb.delete_load_balancer().load_balancer_name(name).send();
                request
                    .await
                    .aws(&format!("{service}: DeleteLoadBalancer"))?;
                self.deleted("load balancer", name);
            }
        }
        Ok(())
    }

    async fn balancers(&self) -> Result<()> {
        let elb = &self.cloud.elbv2;
        let service = "Elastic Load Balancing v2";
        let mut arns = Vec::new();
        let mut pages = elb.describe_load_balancers().into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.aws(&format!("{service}: DescribeLoadBalancers"))?;
            arns.extend(
                page.load_balancers()
                    .iter()
                    .filter_map(|one| one.load_balancer_arn.clone()),
            );
        }
        let mut groups = Vec::new();
        let mut pages = elb.describe_target_groups().into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.aws(&format!("{service}: DescribeTargetGroups"))?;
            groups.extend(
                page.target_groups()
                    .iter()
                    .filter_map(|one| one.target_group_arn.clone()),
            );
        }
        for arn in self.owned_arns(arns).await? {
            let request = elb.delete_load_balancer().load_balancer_arn(&arn).send();
            request
                .await
                .aws(&format!("{service}: DeleteLoadBalancer"))?;
            self.deleted("load balancer", &arn);
        }
        for arn in self.owned_arns(groups).await? {
            until("target group", || async {
                let request = elb.delete_target_group().target_group_arn(&arn).send();
                let operation = format!("{service}: DeleteTargetGroup");
                Ok(request.await.aws_unless(&operation, HELD)?.is_some())
            })
            .await?;
            self.deleted("target group", &arn);
        }
        Ok(())
    }

    /// Those of the ARNs that carry the tag.
    async fn owned_arns(&self, arns: Vec<String>) -> Result<Vec<String>> {
        let mut owned = Vec::new();
        // The most that one call takes.
        for batch in arns.chunks(20) {
            let request = self
                .cloud
                .elbv2
                .describe_tags()
                .set_resource_arns(Some(batch.to_vec()))
                .send();
            let answer = request
                .await
                .aws("Elastic Load Balancing v2: DescribeTags")?;
            for description in answer.tag_descriptions() {
                let tags = description.tags().iter();
                let tags: Tags = tags
                    .filter_map(|tag| Some((tag.key.clone()?, tag.value.clone()?)))
                    .collect();
                if self.is_mine(&tags) {
                    owned.extend(description.resource_arn.clone());
                }
            }
        }
        Ok(owned)
    }

    async fn buckets(&self) -> Result<()> {
        let s3 = &self.cloud.s3;
        let answer = s3.list_buckets().send().await.aws("S3: ListBuckets")?;
        for name in answer.buckets().iter().filter_map(|bucket| bucket.name()) {
            let tags = s3.get_bucket_tagging().bucket(name).send().await;
            let tags =
                tags.aws_unless("S3: GetBucketTagging", &["NoSuchTagSet", "NoSuchBucket"])?;
            let Some(tags) = tags else { continue };
            let pairs = tags.tag_set().iter();
            let tags: Tags = pairs
                .map(|tag| (tag.key().to_owned(), tag.value().to_owned()))
                .collect();
            if self.is_mine(&tags) {
                bucket(self.cloud, name).await?;
                self.deleted("bucket", name);
            }
        }
        Ok(())
    }

    async fn zones(&self) -> Result<()> {
        let Some(domain) = &self.target.domain else {
            return Ok(());
        };
        let private = match &self.target.hosted_zone_role {
            Some(role) => &self.cloud.assuming(role, None, "openshift-install").await?,
            None => self.cloud,
        };
        let public = self.public_zone(domain).await?;
        let mut zones = Vec::new();
        let mut pages = private.route53.list_hosted_zones().into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.aws("Route 53: ListHostedZones")?;
            let matching = page.hosted_zones().iter().filter(|zone| {
                zone.name().trim_end_matches('.') == domain
                    && zone.config().is_some_and(|config| config.private_zone)
            });
            zones.extend(matching.map(|zone| short_zone(zone.id()).to_owned()));
        }
        for zone in zones {
            let tags = private
                .route53
                .list_tags_for_resource()
                .resource_type(TagResourceType::Hostedzone)
                .resource_id(&zone)
                .send()
                .await
                .aws("Route 53: ListTagsForResource")?;
            let set = tags
                .resource_tag_set
                .map(|set| set.tags.unwrap_or_default());
            let value = set
                .unwrap_or_default()
                .into_iter()
                .find(|tag| tag.key == Some(self.key()));
            let value = value.and_then(|tag| tag.value).unwrap_or_default();
            if value != "owned" && value != "shared" {
                continue;
            }
            let records = records(private, &zone).await?;
            let own: Vec<_> = records
                .into_iter()
                .filter(|record| {
                    record.name().trim_end_matches('.') != domain
                        && record
                            .name()
                            .trim_end_matches('.')
                            .ends_with(&format!(".{domain}"))
                })
                .collect();
            if let Some(public) = &public {
                let names: BTreeSet<_> = own
                    .iter()
                    .map(|r| (r.name().to_owned(), r.r#type().as_str().to_owned()))
                    .collect();
                let all = self::records(self.cloud, public).await?;
                let same: Vec<_> = all
                    .into_iter()
                    .filter(|r| {
                        names.contains(&(r.name().to_owned(), r.r#type().as_str().to_owned()))
                    })
                    .collect();
                delete_records(self.cloud, public, same).await?;
            }
            delete_records(private, &zone, own).await?;
            if value == "owned" {
                let request = private.route53.delete_hosted_zone().id(&zone).send();
                request.await.aws("Route 53: DeleteHostedZone")?;
                self.deleted("hosted zone", &zone);
            } else {
                let request = private
                    .route53
                    .change_tags_for_resource()
                    .resource_type(TagResourceType::Hostedzone)
                    .resource_id(&zone)
                    .remove_tag_keys(self.key());
                request
                    .send()
                    .await
                    .aws("Route 53: ChangeTagsForResource")?;
            }
        }
        Ok(())
    }

    /// The public zone of the nearest parent domain.
    async fn public_zone(&self, domain: &str) -> Result<Option<String>> {
        let mut name = domain;
        while let Some((_, parent)) = name.split_once('.') {
            name = parent;
            let request = self
                .cloud
                .route53
                .list_hosted_zones_by_name()
                .dns_name(name)
                .send();
            let answer = request.await.aws("Route 53: ListHostedZonesByName")?;
            let zone = answer.hosted_zones().iter().find(|zone| {
                zone.name().trim_end_matches('.') == name
                    && !zone.config().is_some_and(|config| config.private_zone)
            });
            if let Some(zone) = zone {
                return Ok(Some(short_zone(zone.id()).to_owned()));
            }
        }
        Ok(None)
    }

    async fn gateways(&self) -> Result<()> {
        let ec2 = &self.cloud.ec2;
        let answer = ec2
            .describe_vpc_endpoints()
            .filters(self.mine())
            .send()
            .await;
        let answer = answer.aws("EC2: DescribeVpcEndpoints")?;
        for endpoint in answer
            .vpc_endpoints()
            .iter()
            .filter_map(|one| one.vpc_endpoint_id())
        {
            let request = ec2.delete_vpc_endpoints().vpc_endpoint_ids(endpoint).send();
            request.await.aws("EC2: DeleteVpcEndpoints")?;
            self.deleted("VPC endpoint", endpoint);
        }
        let nats = ec2.describe_nat_gateways().filter(self.mine()).send().await;
        let nats = nats.aws("EC2: DescribeNatGateways")?;
        let mut leaving = Vec::new();
        for nat in nats.nat_gateways() {
            if nat.state() != Some(&NatGatewayState::Deleted) {
                leaving.extend(nat.nat_gateway_id.clone());
            }
        }
        for nat in &leaving {
            let request = ec2.delete_nat_gateway().nat_gateway_id(nat).send();
            request.await.aws("EC2: DeleteNatGateway")?;
        }
        for nat in &leaving {
            until("NAT gateway", || async {
                let request = ec2
                    .describe_nat_gateways()
                    .nat_gateway_ids(nat)
                    .send()
                    .await;
                let answer =
                    request.aws_unless("EC2: DescribeNatGateways", &["NatGatewayNotFound"])?;
                Ok(answer.is_none_or(|answer| {
                    answer
                        .nat_gateways()
                        .iter()
                        .all(|n| n.state() == Some(&NatGatewayState::Deleted))
                }))
            })
            .await?;
            self.deleted("NAT gateway", nat);
        }
        let addresses = ec2.describe_addresses().filters(self.mine()).send().await;
        let addresses = addresses.aws("EC2: DescribeAddresses")?;
        for address in addresses
            .addresses()
            .iter()
            .filter_map(|one| one.allocation_id())
        {
            let request = ec2.release_address().allocation_id(address).send();
            request.await.aws("EC2: ReleaseAddress")?;
            self.deleted("address", address);
        }
        Ok(())
    }

    async fn storage(&self) -> Result<()> {
        let ec2 = &self.cloud.ec2;
        let volumes = ec2.describe_volumes().filters(self.mine()).send().await;
        let volumes = volumes.aws("EC2: DescribeVolumes")?;
        for volume in volumes.volumes().iter().filter_map(|one| one.volume_id()) {
            until("volume", || async {
                let request = ec2.delete_volume().volume_id(volume).send();
                Ok(request
                    .await
                    .aws_unless("EC2: DeleteVolume", HELD)?
                    .is_some())
            })
            .await?;
            self.deleted("volume", volume);
        }
        let snapshots = ec2.describe_snapshots().filters(self.mine()).send().await;
        let snapshots = snapshots.aws("EC2: DescribeSnapshots")?;
        for snapshot in snapshots
            .snapshots()
            .iter()
            .filter_map(|one| one.snapshot_id())
        {
            let request = ec2.delete_snapshot().snapshot_id(snapshot).send();
            request.await.aws("EC2: DeleteSnapshot")?;
            self.deleted("snapshot", snapshot);
        }
        Ok(())
    }

    async fn roles(&self) -> Result<()> {
        let iam = &self.cloud.iam;
        let missing = ["NoSuchEntity"];
        for role in ["master", "worker"] {
            let name = format!("{}-{role}-role", self.target.infra_id);
            let profile = format!("{}-{role}-profile", self.target.infra_id);
            let request = iam
                .remove_role_from_instance_profile()
                .instance_profile_name(&profile)
                .role_name(&name)
                .send();
            request
                .await
                .aws_unless("IAM: RemoveRoleFromInstanceProfile", &missing)?;
            let request = iam
                .delete_instance_profile()
                .instance_profile_name(&profile)
                .send();
            request
                .await
                .aws_unless("IAM: DeleteInstanceProfile", &missing)?;
            let policies = iam.list_role_policies().role_name(&name).send().await;
            let policies = policies.aws_unless("IAM: ListRolePolicies", &missing)?;
            let Some(policies) = policies else { continue };
            for policy in policies.policy_names() {
                let request = iam
                    .delete_role_policy()
                    .role_name(&name)
                    .policy_name(policy)
                    .send();
                request.await.aws("IAM: DeleteRolePolicy")?;
            }
            iam.delete_role()
                .role_name(&name)
                .send()
                .await
                .aws("IAM: DeleteRole")?;
            self.deleted("role", &name);
        }
        Ok(())
    }

    async fn users(&self) -> Result<()> {
        let iam = &self.cloud.iam;
        let mut names = Vec::new();
        let mut pages = iam.list_users().into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.aws("IAM: ListUsers")?;
            names.extend(page.users().iter().map(|user| user.user_name().to_owned()));
        }
        for name in names {
            let user = iam
                .get_user()
                .user_name(&name)
                .send()
                .await
                .aws("IAM: GetUser")?;
            let pairs = user
                .user
                .map(|user| user.tags.unwrap_or_default())
                .unwrap_or_default();
            let tags: Tags = pairs.into_iter().map(|tag| (tag.key, tag.value)).collect();
            if !self.is_mine(&tags) {
                continue;
            }
            let policies = iam.list_user_policies().user_name(&name).send().await;
            for policy in policies.aws("IAM: ListUserPolicies")?.policy_names() {
                let request = iam
                    .delete_user_policy()
                    .user_name(&name)
                    .policy_name(policy)
                    .send();
                request.await.aws("IAM: DeleteUserPolicy")?;
            }
            let keys = iam.list_access_keys().user_name(&name).send().await;
            let keys = keys.aws("IAM: ListAccessKeys")?;
            for key in keys
                .access_key_metadata()
                .iter()
                .filter_map(|key| key.access_key_id())
            {
                let request = iam
                    .delete_access_key()
                    .user_name(&name)
                    .access_key_id(key)
                    .send();
                request.await.aws("IAM: DeleteAccessKey")?;
            }
            iam.delete_user()
                .user_name(&name)
                .send()
                .await
                .aws("IAM: DeleteUser")?;
            self.deleted("user", &name);
        }
        Ok(())
    }

    async fn network(&self) -> Result<()> {
        let ec2 = &self.cloud.ec2;
        let vpcs = ec2.describe_vpcs().filters(self.mine()).send().await;
        let vpcs = vpcs.aws("EC2: DescribeVpcs")?;
        let vpcs: Vec<String> = vpcs
            .vpcs()
            .iter()
            .filter_map(|one| one.vpc_id.clone())
            .collect();
        self.interfaces(&vpcs).await?;
        self.groups().await?;
        let gateways = ec2
            .describe_internet_gateways()
            .filters(self.mine())
            .send()
            .await;
        let gateways = gateways.aws("EC2: DescribeInternetGateways")?;
        for gateway in gateways.internet_gateways() {
            let Some(id) = gateway.internet_gateway_id() else {
                continue;
            };
            for vpc in gateway.attachments().iter().filter_map(|one| one.vpc_id()) {
                until("internet gateway", || async {
                    let request = ec2
                        .detach_internet_gateway()
                        .internet_gateway_id(id)
                        .vpc_id(vpc)
                        .send();
                    Ok(request
                        .await
                        .aws_unless("EC2: DetachInternetGateway", HELD)?
                        .is_some())
                })
                .await?;
            }
            let request = ec2.delete_internet_gateway().internet_gateway_id(id).send();
            request.await.aws("EC2: DeleteInternetGateway")?;
            self.deleted("internet gateway", id);
        }
        let subnets = ec2.describe_subnets().filters(self.mine()).send().await;
        let subnets = subnets.aws("EC2: DescribeSubnets")?;
        for subnet in subnets.subnets().iter().filter_map(|one| one.subnet_id()) {
            until("subnet", || async {
                let request = ec2.delete_subnet().subnet_id(subnet).send();
                Ok(request
                    .await
                    .aws_unless("EC2: DeleteSubnet", HELD)?
                    .is_some())
            })
            .await?;
            self.deleted("subnet", subnet);
        }
        let tables = ec2
            .describe_route_tables()
            .filters(self.mine())
            .send()
            .await;
        let tables = tables.aws("EC2: DescribeRouteTables")?;
        for table in tables.route_tables() {
            let Some(id) = table.route_table_id() else {
                continue;
            };
            let request = ec2.delete_route_table().route_table_id(id).send();
            request.await.aws("EC2: DeleteRouteTable")?;
            self.deleted("route table", id);
        }
        for vpc in vpcs {
            until("VPC", || async {
                let request = ec2.delete_vpc().vpc_id(&vpc).send();
                Ok(request.await.aws_unless("EC2: DeleteVpc", HELD)?.is_some())
            })
            .await?;
            self.deleted("VPC", &vpc);
        }
        Ok(())
    }

    /// Tagged interfaces, and free ones in the cluster's own VPC.
    async fn interfaces(&self, vpcs: &[String]) -> Result<()> {
        let ec2 = &self.cloud.ec2;
        let mut ids = BTreeSet::new();
        let filters = vpcs
            .iter()
            .map(|vpc| filter("vpc-id", vpc))
            .chain([self.mine()]);
        for one in filters {
            let free = filter("status", "available");
            let request = ec2
                .describe_network_interfaces()
                .filters(one)
                .filters(free)
                .send();
            let answer = request.await.aws("EC2: DescribeNetworkInterfaces")?;
            ids.extend(
                answer
                    .network_interfaces()
                    .iter()
                    .filter_map(|one| one.network_interface_id.clone()),
            );
        }
        for id in ids {
            let request = ec2
                .delete_network_interface()
                .network_interface_id(&id)
                .send();
            request.await.aws("EC2: DeleteNetworkInterface")?;
            self.deleted("network interface", &id);
        }
        Ok(())
    }

    /// All rules first: the groups refer to each other.
    async fn groups(&self) -> Result<()> {
        let ec2 = &self.cloud.ec2;
        let answer = ec2
            .describe_security_groups()
            .filters(self.mine())
            .send()
            .await;
        let answer = answer.aws("EC2: DescribeSecurityGroups")?;
        for group in answer.security_groups() {
            let rules = group.ip_permissions();
            if !rules.is_empty() {
                ec2.revoke_security_group_ingress()
                    .set_group_id(group.group_id.clone())
                    .set_ip_permissions(Some(rules.to_vec()))
                    .send()
                    .await
                    .aws("EC2: RevokeSecurityGroupIngress")?;
            }
        }
        for id in answer
            .security_groups()
            .iter()
            .filter_map(|group| group.group_id())
        {
            until("security group", || async {
                let request = ec2.delete_security_group().group_id(id).send();
                Ok(request
                    .await
                    .aws_unless("EC2: DeleteSecurityGroup", HELD)?
                    .is_some())
            })
            .await?;
            self.deleted("security group", id);
        }
        Ok(())
    }

    /// Takes the tag off the user's own subnets.
    async fn unshare(&self) -> Result<()> {
        let ec2 = &self.cloud.ec2;
        let shared = filter(&format!("tag:{}", self.key()), "shared");
        let subnets = ec2.describe_subnets().filters(shared).send().await;
        let subnets = subnets.aws("EC2: DescribeSubnets")?;
        let ids: Vec<String> = subnets
            .subnets()
            .iter()
            .filter_map(|one| one.subnet_id.clone())
            .collect();
        if ids.is_empty() {
            return Ok(());
        }
        let tag = aws_sdk_ec2::types::Tag::builder().key(self.key()).build();
        let request = ec2.delete_tags().set_resources(Some(ids)).tags(tag).send();
        request.await.aws("EC2: DeleteTags")?;
        Ok(())
    }
}

/// Deletes a bucket with everything in it, old versions included; one that is gone is no error.
pub(crate) async fn bucket(cloud: &Cloud, name: &str) -> Result<()> {
    let s3 = &cloud.s3;
    loop {
        let answer = s3.list_object_versions().bucket(name).send().await;
        let answer = answer.aws_unless("S3: ListObjectVersions", &["NoSuchBucket"])?;
        let Some(answer) = answer else { return Ok(()) };
        let versions = answer
            .versions()
            .iter()
            .map(|one| (one.key(), one.version_id()));
        let markers = answer
            .delete_markers()
            .iter()
            .map(|one| (one.key(), one.version_id()));
        let mut objects = Vec::new();
        for (key, version) in versions.chain(markers) {
            // Objects from before versioning have the version "null".
            let object = ObjectIdentifier::builder()
                .key(key.unwrap_or_default())
                .set_version_id(version.filter(|v| *v != "null").map(str::to_owned))
                .build()?;
            objects.push(object);
        }
        if objects.is_empty() {
            break;
        }
        s3.delete_objects()
            .bucket(name)
            .delete(Delete::builder().set_objects(Some(objects)).build()?)
            .send()
            .await
            .aws("S3: DeleteObjects")?;
    }
    s3.delete_bucket()
        .bucket(name)
        .send()
        .await
        .aws_unless("S3: DeleteBucket", &["NoSuchBucket"])?;
    Ok(())
}

async fn records(cloud: &Cloud, zone: &str) -> Result<Vec<ResourceRecordSet>> {
    let mut records = Vec::new();
    let mut start: Option<(String, RrType)> = None;
    loop {
        let request = cloud
            .route53
            .list_resource_record_sets()
            .hosted_zone_id(zone)
            .set_start_record_name(start.as_ref().map(|(name, _)| name.clone()))
            .set_start_record_type(start.as_ref().map(|(_, kind)| kind.clone()));
        let answer = request
            .send()
            .await
            .aws("Route 53: ListResourceRecordSets")?;
        records.extend(answer.resource_record_sets().iter().cloned());
        match (answer.next_record_name, answer.next_record_type) {
            (Some(name), Some(kind)) if answer.is_truncated => start = Some((name, kind)),
            _ => return Ok(records),
        }
    }
}

async fn delete_records(cloud: &Cloud, zone: &str, records: Vec<ResourceRecordSet>) -> Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    let mut changes = Vec::new();
    for record in records {
        let change = Change::builder()
            .action(ChangeAction::Delete)
            .resource_record_set(record);
        changes.push(change.build()?);
    }
    cloud
        .route53
        .change_resource_record_sets()
        .hosted_zone_id(zone)
        .change_batch(ChangeBatch::builder().set_changes(Some(changes)).build()?)
        .send()
        .await
        .aws("Route 53: ChangeResourceRecordSets")?;
    Ok(())
}
