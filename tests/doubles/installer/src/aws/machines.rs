//! Instances: the bootstrap host and the control plane.

use anyhow::{Context as _, Result};
use aws_sdk_ec2::types::{
    BlockDeviceMapping, EbsBlockDevice, IamInstanceProfileSpecification,
    InstanceNetworkInterfaceSpecification, InstanceStateName, InstanceType, ResourceType,
    VolumeType,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::load_balancers::{self, Balancers};
use super::network::Network;
use super::security_groups::Groups;
use super::{AwsResult as _, Cloud, Site, Tags, id, specification, until};
use crate::assets::{Inputs, machines};

/// What an instance is started with.
#[derive(Debug)]
pub(crate) struct Instance<'a> {
    pub(crate) image: String,
    pub(crate) kind: String,
    pub(crate) profile: String,
    pub(crate) subnet: String,
    pub(crate) groups: Vec<String>,
    pub(crate) public: bool,
    pub(crate) user_data: String,
    pub(crate) tags: &'a Tags,
}

/// The names of the machines that the installer creates, in order.
pub(crate) fn names(site: Site<'_>) -> Vec<String> {
    let masters = (0..site.config.masters()).map(|index| site.name(&format!("master-{index}")));
    std::iter::once(site.name("bootstrap"))
        .chain(masters)
        .collect()
}

/// Creates the machines and puts them behind the balancers.
pub(crate) async fn create(
    site: Site<'_>,
    network: &Network,
    groups: &Groups,
    balancers: &Balancers,
) -> Result<()> {
    let pool = site
        .config
        .machine_platform(&site.config.view.control_plane);
    let inputs = Inputs {
        config: site.config,
        identity: site.identity,
        facts: site.facts,
    };
    let bucket = super::bootstrap::bucket(site);
    let mut instances = Vec::new();
    for (index, name) in (-1..).zip(names(site)) {
        let bootstrap = index < 0;
        let role = if bootstrap {
            "bootstrap"
        } else {
            "control-plane"
        };
        let zone = network.zone(&machines::zone_of(&pool, inputs, index.max(0)))?;
        let outside = zone.public.as_ref().filter(|_| bootstrap);
        let user_data = if bootstrap {
            format!(
                "{{\"ignition\":{{\"config\":{{\"replace\":{{\"source\":\"s3://{bucket}/bootstrap.ign\"}}}},\"version\":\"3.2.0\"}}}}"
            )
        } else {
            format!(
                "{{\"ignition\":{{\"config\":{{\"merge\":[{{\"source\":\"https://api-int.{}:22623/config/master\"}}]}},\"version\":\"3.2.0\"}}}}",
                site.config.domain()
            )
        };
        let tags = site.tags(&name, role);
        let instance = run(
            site.cloud,
            Instance {
                image: machines::image(inputs, &pool),
                kind: pool
                    .instance_type
                    .clone()
                    .unwrap_or_else(|| "m6i.xlarge".to_owned()),
                profile: site.name("master-profile"),
                subnet: outside.unwrap_or(&zone.private).clone(),
                groups: vec![
                    groups.node.clone(),
                    groups.lb.clone(),
                    groups.controlplane.clone(),
                ],
                public: outside.is_some(),
                user_data,
                tags: &tags,
            },
        );
        let instance = instance
            .await
            .context("failed to create AWSMachine instance")?;
        instances.push(instance);
    }
    running(site.cloud, &instances).await?;
    load_balancers::register(site, balancers, &instances).await
}

/// Starts one instance.
pub(crate) async fn run(cloud: &Cloud, instance: Instance<'_>) -> Result<String> {
    let root = BlockDeviceMapping::builder()
        .device_name("/dev/xvda")
        .ebs(
            EbsBlockDevice::builder()
                .volume_size(120)
                .volume_type(VolumeType::Gp3)
                .encrypted(true)
                .delete_on_termination(true)
                .build(),
        )
        .build();
    let interface = InstanceNetworkInterfaceSpecification::builder()
        .device_index(0)
        .subnet_id(&instance.subnet)
        .set_groups(Some(instance.groups))
        .associate_public_ip_address(instance.public)
        .delete_on_termination(true)
        .build();
    let answer = cloud
        .ec2
        .run_instances()
        .min_count(1)
        .max_count(1)
        .image_id(instance.image)
        .instance_type(InstanceType::from(instance.kind.as_str()))
        .iam_instance_profile(
            IamInstanceProfileSpecification::builder()
                .name(instance.profile)
                .build(),
        )
        .user_data(BASE64.encode(instance.user_data))
        .network_interfaces(interface)
        .block_device_mappings(root)
        .tag_specifications(specification(ResourceType::Instance, instance.tags))
        .tag_specifications(specification(ResourceType::Volume, instance.tags))
        .send()
        .await
        .aws("EC2: RunInstances")?;
    id(
        answer
            .instances()
            .first()
            .and_then(|one| one.instance_id.clone()),
        "instance",
    )
}

/// Waits until instances run.
pub(crate) async fn running(cloud: &Cloud, instances: &[String]) -> Result<()> {
    in_state(cloud, instances, &InstanceStateName::Running).await
}

/// Waits until instances have a state.
pub(crate) async fn in_state(
    cloud: &Cloud,
    instances: &[String],
    wanted: &InstanceStateName,
) -> Result<()> {
    if instances.is_empty() {
        return Ok(());
    }
    until("instances", || async {
        let request = cloud
            .ec2
            .describe_instances()
            .set_instance_ids(Some(instances.to_vec()))
            .send();
        let answer = request.await.aws("EC2: DescribeInstances")?;
        let all = answer
            .reservations()
            .iter()
            .flat_map(aws_sdk_ec2::types::Reservation::instances);
        Ok(all
            .filter_map(aws_sdk_ec2::types::Instance::state)
            .all(|state| state.name() == Some(wanted)))
    })
    .await
}
