//! What a cluster makes for itself after the installation (docs/spec/50 §12): workers, the router's
//! balancer with its records, the registry's bucket, the components' users, volumes and snapshots.

use anyhow::{Context as _, Result};
use aws_sdk_ec2::types::{ResourceType, VolumeType};
use aws_sdk_elasticloadbalancing::types::{Instance as Member, Listener, Tag};
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use serde_json::json;

use super::dns::{self, Target};
use super::machines::{self, Instance};
use super::network::{self, Network};
use super::security_groups::{self, from_groups, from_range};
use super::{AwsResult as _, Site, Tags, bootstrap, iam, id, specification};
use crate::assets::machines::MachineSet;
use crate::assets::metadata;
use crate::identity;

/// The components for which the cloud credential operator mints users.
const COMPONENTS: [&str; 6] = [
    "aws-ebs-csi-driver-operator",
    "cloud-credential-operator-iam-ro",
    "openshift-cloud-network-config-controller-aws",
    "openshift-image-registry",
    "openshift-ingress",
    "openshift-machine-api-aws",
];
/// Objects in the registry's bucket.
const OBJECTS: usize = 24;
/// A bucket's name is cut to this length, as the registry operator does.
const BUCKET_NAME: usize = 62;
/// IAM's limit.
const USER_NAME: usize = 64;

/// Creates it all.
pub(crate) async fn create(
    site: Site<'_>,
    network: &Network,
    private_zone: &str,
    sets: &[MachineSet],
) -> Result<()> {
    let workers = workers(site, &network.vpc, sets).await.context("workers")?;
    router(site, network, private_zone, &workers)
        .await
        .context("the router's load balancer")?;
    registry(site).await.context("the registry's bucket")?;
    for component in COMPONENTS {
        user(site, component)
            .await
            .with_context(|| format!("the user of {component}"))?;
    }
    volumes(site, network, workers.first().map(String::as_str))
        .await
        .context("volumes")?;
    interfaces(site, network)
        .await
        .context("network interfaces")
}

async fn workers(site: Site<'_>, vpc: &str, sets: &[MachineSet]) -> Result<Vec<String>> {
    let mut instances = Vec::new();
    for set in sets {
        if set.replicas == 0 {
            continue;
        }
        let mut groups = Vec::new();
        for name in &set.groups {
            groups.push(security_groups::named(site, vpc, name).await?);
        }
        let subnet = match (&set.subnet_id, &set.subnet_name) {
            (Some(id), _) => id.clone(),
            (None, Some(name)) => network::subnet_named(site, name).await?,
            (None, None) => anyhow::bail!("MachineSet {} names no subnet", set.name),
        };
        for _ in 0..set.replicas {
            let mut tags: Tags = set.tags.iter().cloned().collect();
            let name = format!("{}-{}", set.name, identity::suffix(5));
            tags.insert("Name".to_owned(), name);
            let instance = Instance {
                image: set.ami.clone(),
                kind: set.instance_type.clone(),
                profile: site.name("worker-profile"),
                subnet: subnet.clone(),
                groups: groups.clone(),
                public: false,
                user_data: String::new(),
                tags: &tags,
            };
            instances.push(machines::run(site.cloud, instance).await?);
        }
    }
    machines::running(site.cloud, &instances).await?;
    Ok(instances)
}

/// A classic balancer with a group of its own, to which the nodes' group refers, and its records.
async fn router(
    site: Site<'_>,
    network: &Network,
    private_zone: &str,
    workers: &[String],
) -> Result<()> {
    let name = format!("a{}", identity::hex(31));
    let owner = metadata::cluster_tag(&site.identity.infra_id);
    let mut tags = site.owned_tags();
    let answer = site
        .cloud
        .ec2
        .create_security_group()
        .vpc_id(&network.vpc)
        .group_name(format!("k8s-elb-{name}"))
        .description("Security group for Kubernetes ELB (openshift-ingress/router-default)")
        .tag_specifications(specification(
            ResourceType::SecurityGroup,
            &[(owner, "owned".to_owned())].into(),
        ))
        .send()
        .await
        .aws("EC2: CreateSecurityGroup")?;
    let group = id(answer.group_id, "security group")?;
    let rules = vec![
        from_range("tcp", 80, 80, "0.0.0.0/0", "http"),
        from_range("tcp", 443, 443, "0.0.0.0/0", "https"),
    ];
    security_groups::allow(site, &group, rules).await?;
    let nodes = security_groups::named(site, &network.vpc, &site.name("node")).await?;
    let rule = from_groups("-1", -1, -1, &[&group], "openshift-ingress/router-default");
    security_groups::allow(site, &nodes, vec![rule]).await?;

    let service = "kubernetes.io/service-name".to_owned();
    tags.insert(service, "openshift-ingress/router-default".to_owned());
    let mut listeners = Vec::new();
    for (port, node_port) in [(80, 30080), (443, 30443)] {
        listeners.push(
            Listener::builder()
                .protocol("TCP")
                .load_balancer_port(port)
                .instance_protocol("TCP")
                .instance_port(node_port)
                .build()?,
        );
    }
    let mut elb_tags = Vec::new();
    for (key, value) in &tags {
        elb_tags.push(Tag::builder().key(key).value(value).build()?);
    }
    let public = network.public_subnets();
    let outside = site.config.is_public() && !public.is_empty();
    let subnets = if outside {
        public
    } else {
        network.private_subnets()
    };
    let elb = &site.cloud.elb;
    let answer = elb
        .create_load_balancer()
        .load_balancer_name(&name)
        .set_listeners(Some(listeners))
        .set_subnets(Some(subnets))
        .security_groups(&group)
        .set_scheme((!outside).then(|| "internal".to_owned()))
        .set_tags(Some(elb_tags))
        .send()
        .await
        .aws("Elastic Load Balancing: CreateLoadBalancer")?;
    if !workers.is_empty() {
        let members = workers
            .iter()
            .map(|worker| Member::builder().instance_id(worker).build());
        elb.register_instances_with_load_balancer()
            .load_balancer_name(&name)
            .set_instances(Some(members.collect()))
            .send()
            .await
            .aws("Elastic Load Balancing: RegisterInstancesWithLoadBalancer")?;
    }
    let described = elb
        .describe_load_balancers()
        .load_balancer_names(&name)
        .send()
        .await
        .aws("Elastic Load Balancing: DescribeLoadBalancers")?;
    let found = described.load_balancer_descriptions().first();
    let zone = found.and_then(|one| one.canonical_hosted_zone_name_id());
    let target = Target {
        dns_name: answer.dns_name.context("AWS answered no DNS name")?,
        // The zone of classic balancers in the oldest region, for an emulation that names none.
        zone: zone
            .filter(|zone| !zone.is_empty())
            .unwrap_or("Z35SXDOTRQ7X7K")
            .to_owned(),
    };
    let apps = format!("*.apps.{}", site.config.domain());
    let private = dns::private_cloud(site).await?;
    dns::alias(&private, private_zone, &[&apps], &target).await?;
    if let (true, Some(public)) = (site.config.is_public(), &site.facts.public_zone) {
        dns::alias(site.cloud, public, &[&apps], &target).await?;
    }
    Ok(())
}

/// The registry's bucket, and a versioned one with old versions and delete markers.
async fn registry(site: Site<'_>) -> Result<()> {
    let random = identity::suffix(32);
    let mut name = site.name(&format!("image-registry-{}-{random}", site.cloud.region));
    name.truncate(BUCKET_NAME);
    bootstrap::make_bucket(site, &name, &bucket_tags(site, &name)).await?;
    for index in 0..OBJECTS {
        let key = format!("docker/registry/v2/blobs/sha256/{index:02x}/data");
        bootstrap::put(site, &name, &key, vec![b'x'; 64]).await?;
    }
    let s3 = &site.cloud.s3;
    let versioned = site.name(&format!("logs-{}", identity::suffix(8)));
    bootstrap::make_bucket(site, &versioned, &bucket_tags(site, &versioned)).await?;
    s3.put_bucket_versioning()
        .bucket(&versioned)
        .versioning_configuration(
            VersioningConfiguration::builder()
                .status(BucketVersioningStatus::Enabled)
                .build(),
        )
        .send()
        .await
        .aws("S3: PutBucketVersioning")?;
    for key in ["a/1", "a/2", "a/3"] {
        for version in 0..2_u8 {
            bootstrap::put(site, &versioned, key, vec![version; 16]).await?;
        }
    }
    s3.delete_object()
        .bucket(&versioned)
        .key("a/2")
        .send()
        .await
        .aws("S3: DeleteObject")?;
    Ok(())
}

fn bucket_tags(site: Site<'_>, name: &str) -> Tags {
    let mut tags = site.owned_tags();
    tags.insert("Name".to_owned(), name.to_owned());
    tags
}

async fn user(site: Site<'_>, component: &str) -> Result<()> {
    let iam_client = &site.cloud.iam;
    let mut name = site.name(component);
    name.truncate(USER_NAME - 6);
    let name = format!("{name}-{}", identity::suffix(5));
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [
            {"Action": ["ec2:Describe*"], "Effect": "Allow", "Resource": "*"},
            {"Action": ["iam:GetUser"], "Effect": "Allow", "Resource": "*"},
        ],
    });
    iam_client
        .create_user()
        .user_name(&name)
        .set_tags(Some(iam::iam_tags(&site.owned_tags())?))
        .send()
        .await
        .aws("IAM: CreateUser")?;
    iam_client
        .put_user_policy()
        .user_name(&name)
        .policy_name(format!("{name}-policy"))
        .policy_document(policy.to_string())
        .send()
        .await
        .aws("IAM: PutUserPolicy")?;
    iam_client
        .create_access_key()
        .user_name(&name)
        .send()
        .await
        .aws("IAM: CreateAccessKey")?;
    Ok(())
}

/// Persistent volumes, one of them attached, and a snapshot.
async fn volumes(site: Site<'_>, network: &Network, worker: Option<&str>) -> Result<()> {
    let ec2 = &site.cloud.ec2;
    let zone = network.zones.first().map_or("", |zone| zone.name.as_str());
    let mut last = None;
    for attached in [true, false] {
        let claim = format!("pvc-{}", identity::cluster_id());
        let mut tags = site.owned_tags();
        tags.insert("Name".to_owned(), site.name(&format!("dynamic-{claim}")));
        tags.insert("CSIVolumeName".to_owned(), claim);
        tags.insert("ebs.csi.aws.com/cluster".to_owned(), "true".to_owned());
        tags.insert(
            "kubernetes.io/created-for/pvc/name".to_owned(),
            "data-0".to_owned(),
        );
        let answer = ec2
            .create_volume()
            .availability_zone(zone)
            .size(10)
            .volume_type(VolumeType::Gp3)
            .encrypted(true)
            .tag_specifications(specification(ResourceType::Volume, &tags))
            .send()
            .await
            .aws("EC2: CreateVolume")?;
        let volume = id(answer.volume_id, "volume")?;
        if let (true, Some(worker)) = (attached, worker) {
            ec2.attach_volume()
                .volume_id(&volume)
                .instance_id(worker)
                .device("/dev/xvdba")
                .send()
                .await
                .aws("EC2: AttachVolume")?;
        }
        last = Some((volume, tags));
    }
    if let Some((volume, mut tags)) = last {
        tags.insert("Name".to_owned(), site.name("dynamic-snapshot-data-0"));
        ec2.create_snapshot()
            .volume_id(volume)
            .description("Created by AWS EBS CSI driver for volume data-0")
            .tag_specifications(specification(ResourceType::Snapshot, &tags))
            .send()
            .await
            .aws("EC2: CreateSnapshot")?;
    }
    Ok(())
}

/// Interfaces that pods left behind: a tagged one, and one that only lies in the cluster's network.
async fn interfaces(site: Site<'_>, network: &Network) -> Result<()> {
    let Some(zone) = network.zones.first() else {
        return Ok(());
    };
    let nodes = security_groups::named(site, &network.vpc, &site.name("node")).await?;
    for tagged in [true, false] {
        // In a network that belongs to the user, nothing but its tag would tell whose it is.
        if !tagged && site.facts.vpc.is_some() {
            continue;
        }
        let tags =
            tagged.then(|| specification(ResourceType::NetworkInterface, &site.owned_tags()));
        site.cloud
            .ec2
            .create_network_interface()
            .subnet_id(&zone.private)
            .groups(&nodes)
            .description("left behind")
            .set_tag_specifications(tags.map(|one| vec![one]))
            .send()
            .await
            .aws("EC2: CreateNetworkInterface")?;
    }
    Ok(())
}
