//! What `create manifests` and the checks before `create cluster` read from the cloud: whose
//! credentials these are, zones, the user's subnets, the base domain's public zone.

use anyhow::{Context as _, Result, anyhow, bail};

use super::{AwsResult as _, Cloud, filter};
use crate::assets::{Facts, Subnet};
use crate::install_config::InstallConfig;

/// How many zones a cluster uses when nobody says: three control plane machines do not fill more.
const ZONES: usize = 3;

/// Reads the facts. The error is the part of the message after `failed to create install config: `.
pub(crate) async fn read(cloud: &Cloud, config: &InstallConfig) -> Result<Facts> {
    cloud
        .sts
        .get_caller_identity()
        .send()
        .await
        .aws("STS: GetCallerIdentity")
        .context("failed to validate credentials")?;
    let mut facts = Facts {
        zones: zones(cloud, config).await?,
        ..Facts::default()
    };
    let wanted = config.subnets();
    if !wanted.is_empty() {
        let (vpc, subnets) = subnets(cloud, &wanted).await?;
        facts.zones = subnets
            .iter()
            .filter(|s| !s.public)
            .map(|s| s.zone.clone())
            .collect();
        facts.zones.sort();
        facts.zones.dedup();
        facts.vpc = Some(vpc);
        facts.subnets = subnets;
    }
    if config.is_public() {
        let base = &config.view.base_domain;
        facts.public_zone = Some(public_zone(cloud, base).await?);
    }
    Ok(facts)
}

async fn zones(cloud: &Cloud, config: &InstallConfig) -> Result<Vec<String>> {
    let answer = cloud
        .ec2
        .describe_availability_zones()
        .filters(filter("region-name", &cloud.region))
        .send()
        .await
        .aws("EC2: DescribeAvailabilityZones")?;
    let mut available: Vec<String> = answer
        .availability_zones()
        .iter()
        .filter_map(|zone| zone.zone_name.clone())
        .collect();
    available.sort();
    let named = config.named_zones();
    for (index, zone) in named.iter().enumerate() {
        if !available.contains(zone) {
            bail!(
                "controlPlane.platform.aws.zones[{index}]: Invalid value: {zone:?}: No public subnet \
                 provided for zone {zone}"
            );
        }
    }
    if !named.is_empty() {
        return Ok(named);
    }
    available.truncate(ZONES);
    if available.is_empty() {
        bail!("no available zones in region {}", cloud.region);
    }
    Ok(available)
}

async fn subnets(cloud: &Cloud, ids: &[String]) -> Result<(String, Vec<Subnet>)> {
    let field = "platform.aws.subnets: Invalid value";
    let answer = cloud
        .ec2
        .describe_subnets()
        .set_subnet_ids(Some(ids.to_vec()))
        .send()
        .await
        .aws("EC2: DescribeSubnets")
        .with_context(|| format!("{field}: {ids:?}: describing subnets"))?;
    let mut vpc = None;
    let mut subnets = Vec::new();
    for subnet in answer.subnets() {
        let id = subnet.subnet_id().unwrap_or_default().to_owned();
        match (&vpc, subnet.vpc_id()) {
            (None, Some(found)) => vpc = Some(found.to_owned()),
            (Some(known), Some(found)) if known != found => {
                bail!("{field}: {id:?}: all subnets must belong to the same VPC");
            }
            _ => {}
        }
        let zone = subnet.availability_zone().unwrap_or_default().to_owned();
        let public = is_public(cloud, &id, subnet.vpc_id().unwrap_or_default()).await?;
        subnets.push(Subnet { id, zone, public });
    }
    let vpc = vpc.ok_or_else(|| anyhow!("{field}: {ids:?}: no VPC"))?;
    Ok((vpc, subnets))
}

/// A subnet is public when its route table, or else the VPC's main one, leads to an internet gateway.
async fn is_public(cloud: &Cloud, subnet: &str, vpc: &str) -> Result<bool> {
    let operation = "EC2: DescribeRouteTables";
    let tables = |filters| {
        cloud
            .ec2
            .describe_route_tables()
            .set_filters(Some(filters))
            .send()
    };
    let own = tables(vec![filter("association.subnet-id", subnet)])
        .await
        .aws(operation)?;
    let found = if own.route_tables().is_empty() {
        tables(vec![
            filter("vpc-id", vpc),
            filter("association.main", "true"),
        ])
        .await
        .aws(operation)?
    } else {
        own
    };
    let table = found.route_tables().first();
    let table =
        table.with_context(|| format!("unable to find matching route table of {subnet}"))?;
    let leads_out = |gateway: &str| gateway.starts_with("igw-");
    Ok(table
        .routes()
        .iter()
        .any(|route| route.gateway_id().is_some_and(leads_out)))
}

/// The id of the public zone with exactly this name.
async fn public_zone(cloud: &Cloud, name: &str) -> Result<String> {
    let name = name.trim_end_matches('.');
    let answer = cloud
        .route53
        .list_hosted_zones_by_name()
        .dns_name(name)
        .send()
        .await
        .aws("Route 53: ListHostedZonesByName")?;
    let is_public = |zone: &&aws_sdk_route53::types::HostedZone| {
        zone.name().trim_end_matches('.') == name
            && !zone.config().is_some_and(|config| config.private_zone)
    };
    let zone = answer.hosted_zones().iter().find(is_public);
    let zone = zone.ok_or_else(|| {
        anyhow!(
            "baseDomain: Invalid value: {name:?}: No public route53 zone found matching name {name:?}"
        )
    })?;
    Ok(short_zone(zone.id()).to_owned())
}

/// An id without the path in front of it.
pub(crate) fn short_zone(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// Refuses a cluster whose API has a public record already.
pub(crate) async fn check_records(cloud: &Cloud, zone: &str, domain: &str) -> Result<()> {
    let wanted = format!("api.{domain}.");
    let answer = cloud
        .route53
        .list_resource_record_sets()
        .hosted_zone_id(zone)
        .start_record_name(&wanted)
        .max_items(10)
        .send()
        .await
        .aws("Route 53: ListResourceRecordSets")?;
    let mut found = answer
        .resource_record_sets()
        .iter()
        .filter(|record| record.name() == wanted);
    match found.next() {
        None => Ok(()),
        Some(record) => bail!(
            "baseDomain: Invalid value: {domain:?}: the zone already has record sets for the domain \
             of the cluster: [{} ({})]",
            record.name(),
            record.r#type().as_str()
        ),
    }
}
