//! The private zone of the cluster, and the records of its API in both zones.

use anyhow::{Context as _, Result};
use aws_sdk_route53::types::{
    AliasTarget, Change, ChangeAction, ChangeBatch, HostedZoneConfig, ResourceRecordSet, RrType,
    Tag, TagResourceType, Vpc, VpcRegion,
};

use super::facts::short_zone;
use super::load_balancers::{Balancer, Balancers};
use super::{AwsResult as _, Cloud, Site, Tags};
use crate::assets::metadata;

const OPERATION: &str = "Route 53: ChangeResourceRecordSets";

/// The client for the private zone, which may belong to another account.
pub(crate) async fn private_cloud(site: Site<'_>) -> Result<Cloud> {
    match site.config.aws().hosted_zone_role {
        Some(role) => site.cloud.assuming(&role, None, "openshift-install").await,
        None => Ok(site.cloud.clone()),
    }
}

/// Creates zone and records. Returns the private zone's id.
pub(crate) async fn create(
    site: Site<'_>,
    vpc: &str,
    balancers: &Balancers,
    info: &dyn Fn(&str),
) -> Result<String> {
    info("Creating Route53 records for control plane load balancer");
    let cloud = private_cloud(site).await?;
    let domain = site.config.domain();
    let zone = if let Some(zone) = site.config.aws().hosted_zone {
        let shared = (
            metadata::cluster_tag(&site.identity.infra_id),
            "shared".to_owned(),
        );
        tag(&cloud, &zone, &[shared].into()).await?;
        zone
    } else {
        let zone = create_zone(site, vpc, &domain)
            .await
            .context("failed to create private hosted zone")?;
        info("Created private Hosted Zone");
        zone
    };
    let api = format!("api.{domain}");
    if let (Some(public), Some(external)) = (&site.facts.public_zone, &balancers.external) {
        alias(site.cloud, public, &[&api], &Target::of(external))
            .await
            .context("failed to create records for api in public zone")?;
    }
    let names = [api.as_str(), &format!("api-int.{domain}")];
    alias(&cloud, &zone, &names, &Target::of(&balancers.internal))
        .await
        .context("failed to create records for api-int in private zone")?;
    Ok(zone)
}

/// Where an alias points.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) dns_name: String,
    pub(crate) zone: String,
}

impl Target {
    fn of(balancer: &Balancer) -> Self {
        Self {
            dns_name: balancer.dns_name.clone(),
            zone: balancer.zone.clone(),
        }
    }
}

/// Writes alias records.
pub(crate) async fn alias(
    cloud: &Cloud,
    zone: &str,
    names: &[&str],
    target: &Target,
) -> Result<()> {
    let mut changes = Vec::new();
    for name in names {
        let alias = AliasTarget::builder()
            .dns_name(format!("{}.", target.dns_name))
            .hosted_zone_id(&target.zone)
            .evaluate_target_health(false)
            .build()?;
        let record = ResourceRecordSet::builder()
            .name(format!("{name}."))
            .r#type(RrType::A)
            .alias_target(alias)
            .build()?;
        let change = Change::builder()
            .action(ChangeAction::Upsert)
            .resource_record_set(record)
            .build()?;
        changes.push(change);
    }
    let batch = ChangeBatch::builder().set_changes(Some(changes)).build()?;
    cloud
        .route53
        .change_resource_record_sets()
        .hosted_zone_id(zone)
        .change_batch(batch)
        .send()
        .await
        .aws(OPERATION)?;
    Ok(())
}

async fn create_zone(site: Site<'_>, vpc: &str, domain: &str) -> Result<String> {
    let cloud = site.cloud;
    let answer = cloud
        .route53
        .create_hosted_zone()
        .name(domain)
        .caller_reference(format!("{}-{}", site.identity.infra_id, site.identity.uuid))
        .vpc(
            Vpc::builder()
                .vpc_id(vpc)
                .vpc_region(VpcRegion::from(cloud.region.as_str()))
                .build(),
        )
        .hosted_zone_config(
            HostedZoneConfig::builder()
                .private_zone(true)
                .comment("Created by Openshift Installer")
                .build(),
        )
        .send()
        .await
        .aws("Route 53: CreateHostedZone")?;
    let zone = answer.hosted_zone.context("AWS answered no hosted zone")?;
    let zone = short_zone(zone.id()).to_owned();
    let mut tags = site.owned_tags();
    tags.insert("Name".to_owned(), site.name("int"));
    tag(cloud, &zone, &tags).await?;
    Ok(zone)
}

async fn tag(cloud: &Cloud, zone: &str, tags: &Tags) -> Result<()> {
    let tags = tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build());
    cloud
        .route53
        .change_tags_for_resource()
        .resource_type(TagResourceType::Hostedzone)
        .resource_id(zone)
        .set_add_tags(Some(tags.collect()))
        .send()
        .await
        .aws("Route 53: ChangeTagsForResource")?;
    Ok(())
}

/// The private zone that an earlier run created.
pub(crate) async fn find(site: Site<'_>) -> Result<String> {
    if let Some(zone) = site.config.aws().hosted_zone {
        return Ok(zone);
    }
    let domain = site.config.domain();
    let request = site
        .cloud
        .route53
        .list_hosted_zones_by_name()
        .dns_name(&domain);
    let answer = request
        .send()
        .await
        .aws("Route 53: ListHostedZonesByName")?;
    let candidates = answer.hosted_zones().iter().filter(|zone| {
        zone.name().trim_end_matches('.') == domain
            && zone.config().is_some_and(|config| config.private_zone)
    });
    // Other people's zones may have the same name.
    for zone in candidates {
        let id = short_zone(zone.id());
        if is_owned(site, id).await? {
            return Ok(id.to_owned());
        }
    }
    anyhow::bail!("no private hosted zone {domain}")
}

async fn is_owned(site: Site<'_>, zone: &str) -> Result<bool> {
    let answer = site
        .cloud
        .route53
        .list_tags_for_resource()
        .resource_type(TagResourceType::Hostedzone)
        .resource_id(zone)
        .send()
        .await
        .aws("Route 53: ListTagsForResource")?;
    let key = metadata::cluster_tag(&site.identity.infra_id);
    let tags = answer
        .resource_tag_set
        .and_then(|set| set.tags)
        .unwrap_or_default();
    Ok(tags
        .iter()
        .any(|tag| tag.key() == Some(key.as_str()) && tag.value() == Some("owned")))
}
