//! The network load balancers before the API, inside and outside, with what hangs on them.

use anyhow::{Context as _, Result};
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, LoadBalancerSchemeEnum, LoadBalancerTypeEnum, ProtocolEnum, Tag,
    TargetDescription, TargetTypeEnum,
};
use jiff::Timestamp;

use super::network::Network;
use super::security_groups::Groups;
use super::{AwsResult as _, Site, Tags};

/// Collisions of target group names that are given way to. A name holds the time in seconds, and other
/// clusters of the account may be installed in the same one.
const NAMES: i64 = 200;

/// The balancers of a cluster.
#[derive(Clone, Debug)]
pub(crate) struct Balancers {
    pub(crate) internal: Balancer,
    pub(crate) external: Option<Balancer>,
}

/// One balancer.
#[derive(Clone, Debug)]
pub(crate) struct Balancer {
    pub(crate) dns_name: String,
    /// The hosted zone of that name, for aliases.
    pub(crate) zone: String,
    pub(crate) target_groups: Vec<String>,
}

impl Balancers {
    /// All target groups.
    pub(crate) fn target_groups(&self) -> impl Iterator<Item = &String> {
        let external = self.external.iter();
        std::iter::once(&self.internal)
            .chain(external)
            .flat_map(|one| &one.target_groups)
    }
}

/// Creates them.
pub(crate) async fn create(
    site: Site<'_>,
    network: &Network,
    groups: &Groups,
) -> Result<Balancers> {
    let internal = LoadBalancerSchemeEnum::Internal;
    let subnets = network.private_subnets();
    let internal = balancer(
        site,
        network,
        groups,
        ("int", internal, subnets),
        &[6443, 22623],
    );
    let internal = internal
        .await
        .context("failed to create network load balancer")?;
    let external = if site.config.is_public() {
        let facing = LoadBalancerSchemeEnum::InternetFacing;
        let subnets = network.public_subnets();
        let external = balancer(site, network, groups, ("ext", facing, subnets), &[6443]);
        Some(
            external
                .await
                .context("failed to create network load balancer")?,
        )
    } else {
        None
    };
    Ok(Balancers { internal, external })
}

async fn balancer(
    site: Site<'_>,
    network: &Network,
    groups: &Groups,
    (suffix, scheme, subnets): (&str, LoadBalancerSchemeEnum, Vec<String>),
    ports: &[i32],
) -> Result<Balancer> {
    let elb = &site.cloud.elbv2;
    let name = site.name(suffix);
    let tags = site.tags(&name, "apiserver");
    let answer = elb
        .create_load_balancer()
        .name(&name)
        .r#type(LoadBalancerTypeEnum::Network)
        .scheme(scheme)
        .set_subnets(Some(subnets))
        .security_groups(&groups.apiserver_lb)
        .set_tags(Some(elb_tags(&tags)))
        .send()
        .await
        .aws("Elastic Load Balancing v2: CreateLoadBalancer")?;
    let made = answer
        .load_balancers()
        .first()
        .context("AWS answered no load balancer")?;
    let arn = made.load_balancer_arn().context("AWS answered no ARN")?;
    let mut target_groups = Vec::new();
    for port in ports {
        let prefix = if *port == 6443 {
            "apiserver-target"
        } else {
            "additional-listener"
        };
        let group = target_group(site, &network.vpc, prefix, *port, &tags).await?;
        elb.create_listener()
            .load_balancer_arn(arn)
            .protocol(ProtocolEnum::Tcp)
            .port(*port)
            .default_actions(
                Action::builder()
                    .r#type(ActionTypeEnum::Forward)
                    .target_group_arn(&group)
                    .build(),
            )
            .set_tags(Some(elb_tags(&tags)))
            .send()
            .await
            .aws("Elastic Load Balancing v2: CreateListener")?;
        target_groups.push(group);
    }
    Ok(Balancer {
        dns_name: made.dns_name().unwrap_or_default().to_owned(),
        zone: made
            .canonical_hosted_zone_id()
            .unwrap_or_default()
            .to_owned(),
        target_groups,
    })
}

async fn target_group(
    site: Site<'_>,
    vpc: &str,
    prefix: &str,
    port: i32,
    tags: &Tags,
) -> Result<String> {
    let start = Timestamp::now().as_second();
    for offset in 0..NAMES {
        let answer = site
            .cloud
            .elbv2
            .create_target_group()
            .name(format!("{prefix}-{}", start + offset))
            .protocol(ProtocolEnum::Tcp)
            .port(port)
            .vpc_id(vpc)
            .target_type(TargetTypeEnum::Instance)
            .health_check_protocol(ProtocolEnum::Tcp)
            .set_tags(Some(elb_tags(tags)))
            .send()
            .await;
        let taken = ["DuplicateTargetGroupName"];
        let operation = "Elastic Load Balancing v2: CreateTargetGroup";
        if let Some(answer) = answer.aws_unless(operation, &taken)? {
            let group = answer.target_groups().first();
            let arn = group.and_then(|group| group.target_group_arn());
            return Ok(arn.context("AWS answered no target group")?.to_owned());
        }
    }
    anyhow::bail!("no free name for a target group after {NAMES} tries")
}

/// Makes instances targets of all groups.
pub(crate) async fn register(
    site: Site<'_>,
    balancers: &Balancers,
    instances: &[String],
) -> Result<()> {
    for group in balancers.target_groups() {
        site.cloud
            .elbv2
            .register_targets()
            .target_group_arn(group)
            .set_targets(Some(targets(instances)))
            .send()
            .await
            .aws("Elastic Load Balancing v2: RegisterTargets")?;
    }
    Ok(())
}

/// Takes an instance out of all groups.
pub(crate) async fn deregister(
    site: Site<'_>,
    balancers: &Balancers,
    instance: &str,
) -> Result<()> {
    for group in balancers.target_groups() {
        site.cloud
            .elbv2
            .deregister_targets()
            .target_group_arn(group)
            .set_targets(Some(targets(&[instance.to_owned()])))
            .send()
            .await
            .aws("Elastic Load Balancing v2: DeregisterTargets")?;
    }
    Ok(())
}

fn targets(instances: &[String]) -> Vec<TargetDescription> {
    instances
        .iter()
        .map(|instance| TargetDescription::builder().id(instance).build())
        .collect()
}

fn elb_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}
