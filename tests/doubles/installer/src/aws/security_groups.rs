//! Security groups. Control plane and nodes let each other in: none of the two groups can be deleted
//! while the other's rules stand.

use anyhow::{Context as _, Result};
use aws_sdk_ec2::types::{IpPermission, IpRange, ResourceType, UserIdGroupPair};

use super::{AwsResult as _, Site, filter, id, specification};

/// Description of the rule that goes with the bootstrap host.
pub(crate) const BOOTSTRAP_SSH: &str = "Bootstrap SSH Access";
const ANYWHERE: &str = "0.0.0.0/0";

/// The ids of a cluster's groups.
#[derive(Clone, Debug)]
pub(crate) struct Groups {
    pub(crate) apiserver_lb: String,
    pub(crate) controlplane: String,
    pub(crate) node: String,
    pub(crate) lb: String,
}

/// Creates the groups with their rules.
pub(crate) async fn create(site: Site<'_>, vpc: &str) -> Result<Groups> {
    let groups = Groups {
        apiserver_lb: group(site, vpc, "apiserver-lb").await?,
        controlplane: group(site, vpc, "controlplane").await?,
        node: group(site, vpc, "node").await?,
        lb: group(site, vpc, "lb").await?,
    };
    let machines = site.config.machine_cidr().to_string();
    let api = if site.config.is_public() {
        ANYWHERE
    } else {
        machines.as_str()
    };
    allow(
        site,
        &groups.apiserver_lb,
        vec![
            from_range("tcp", 6443, 6443, api, "Kubernetes API"),
            from_range("tcp", 22623, 22623, &machines, "Machine Config Server"),
        ],
    )
    .await?;
    let both = [&groups.controlplane, &groups.node];
    let mut control = vec![
        bootstrap_ssh(),
        from_groups("tcp", 6443, 6443, &[&groups.apiserver_lb], "Kubernetes API"),
        from_groups(
            "tcp",
            22623,
            22623,
            &[&groups.apiserver_lb],
            "Machine Config Server",
        ),
        from_groups("tcp", 6443, 6443, &both, "Kubernetes API"),
        from_groups("tcp", 22623, 22623, &both, "Machine Config Server"),
        from_groups("tcp", 2379, 2380, &[&groups.controlplane], "etcd"),
        from_groups("tcp", 10257, 10259, &both, "Kubernetes controllers"),
        from_range("icmp", -1, -1, &machines, "ICMP"),
    ];
    control.extend(overlay(&both));
    allow(site, &groups.controlplane, control).await?;
    let mut node = vec![
        from_range("tcp", 22, 22, &machines, "SSH"),
        from_range("icmp", -1, -1, &machines, "ICMP"),
    ];
    node.extend(overlay(&both));
    allow(site, &groups.node, node).await?;
    Ok(groups)
}

/// Takes the bootstrap host's rule away.
pub(crate) async fn revoke_bootstrap_ssh(site: Site<'_>, vpc: &str) -> Result<()> {
    let name = site.name("controlplane");
    let group = named(site, vpc, &name).await?;
    site.cloud
        .ec2
        .revoke_security_group_ingress()
        .group_id(group)
        .ip_permissions(bootstrap_ssh())
        .send()
        .await
        .aws("EC2: RevokeSecurityGroupIngress")?;
    Ok(())
}

/// A group by its Name tag.
pub(crate) async fn named(site: Site<'_>, vpc: &str, name: &str) -> Result<String> {
    let answer = site
        .cloud
        .ec2
        .describe_security_groups()
        .filters(filter("tag:Name", name))
        .filters(filter("vpc-id", vpc))
        .send()
        .await
        .aws("EC2: DescribeSecurityGroups")?;
    id(
        answer
            .security_groups()
            .first()
            .and_then(|group| group.group_id.clone()),
        name,
    )
}

async fn group(site: Site<'_>, vpc: &str, role: &str) -> Result<String> {
    let name = site.name(role);
    let answer = site
        .cloud
        .ec2
        .create_security_group()
        .vpc_id(vpc)
        .group_name(&name)
        .description(format!(
            "Kubernetes cluster {}: {role}",
            site.identity.infra_id
        ))
        .tag_specifications(specification(
            ResourceType::SecurityGroup,
            &site.tags(&name, role),
        ))
        .send()
        .await
        .aws("EC2: CreateSecurityGroup")
        .context("failed to create security group")?;
    id(answer.group_id, "security group")
}

/// Adds rules to a group.
pub(crate) async fn allow(site: Site<'_>, group: &str, rules: Vec<IpPermission>) -> Result<()> {
    site.cloud
        .ec2
        .authorize_security_group_ingress()
        .group_id(group)
        .set_ip_permissions(Some(rules))
        .send()
        .await
        .aws("EC2: AuthorizeSecurityGroupIngress")
        .context("failed to authorize security group ingress")?;
    Ok(())
}

/// A rule for whole groups.
pub(crate) fn from_groups(
    protocol: &str,
    from: i32,
    to: i32,
    groups: &[&String],
    description: &str,
) -> IpPermission {
    let pair = |group: &&String| {
        UserIdGroupPair::builder()
            .group_id(*group)
            .description(description)
            .build()
    };
    IpPermission::builder()
        .ip_protocol(protocol)
        .from_port(from)
        .to_port(to)
        .set_user_id_group_pairs(Some(groups.iter().map(pair).collect()))
        .build()
}

/// A rule for addresses.
pub(crate) fn from_range(
    protocol: &str,
    from: i32,
    to: i32,
    range: &str,
    description: &str,
) -> IpPermission {
    IpPermission::builder()
        .ip_protocol(protocol)
        .from_port(from)
        .to_port(to)
        .ip_ranges(
            IpRange::builder()
                .cidr_ip(range)
                .description(description)
                .build(),
        )
        .build()
}

fn bootstrap_ssh() -> IpPermission {
    from_range("tcp", 22, 22, ANYWHERE, BOOTSTRAP_SSH)
}

/// What every pair of machines needs of each other.
fn overlay(groups: &[&String]) -> Vec<IpPermission> {
    vec![
        from_groups("tcp", 10250, 10250, groups, "kubelet"),
        from_groups("udp", 6081, 6081, groups, "Geneve packets"),
        from_groups("udp", 4789, 4789, groups, "VXLAN packets"),
        from_groups("tcp", 9000, 9999, groups, "Internal cluster communication"),
        from_groups("udp", 9000, 9999, groups, "Internal cluster communication"),
        from_groups("tcp", 30000, 32767, groups, "Service node ports"),
        from_groups("udp", 30000, 32767, groups, "Service node ports"),
    ]
}
