//! The bootstrap host's bucket, and the deletion of everything that only bootstrapping needed.

use anyhow::{Context as _, Result};
use aws_sdk_ec2::types::InstanceStateName;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration, Tag, Tagging};

use super::load_balancers::{self, Balancers};
use super::{AwsResult as _, Site, Tags, filter, machines, security_groups};

/// The bucket's name.
pub(crate) fn bucket(site: Site<'_>) -> String {
    format!("openshift-bootstrap-data-{}", site.identity.infra_id)
}

/// Creates the bucket, with the network.
pub(crate) async fn create_bucket(site: Site<'_>) -> Result<()> {
    let name = bucket(site);
    make_bucket(site, &name, &site.tags(&name, "common"))
        .await
        .context("failed to create bucket")
}

/// Puts the bootstrap host's configuration into it.
pub(crate) async fn upload(site: Site<'_>, ignition: Vec<u8>) -> Result<()> {
    put(site, &bucket(site), "bootstrap.ign", ignition)
        .await
        .context("failed to upload the bootstrap ignition config")
}

/// Creates a tagged bucket.
pub(crate) async fn make_bucket(site: Site<'_>, name: &str, tags: &Tags) -> Result<()> {
    let s3 = &site.cloud.s3;
    let region = site.cloud.region.as_str();
    // The oldest region is the one that must not be named.
    let place = (region != "us-east-1").then(|| {
        CreateBucketConfiguration::builder()
            .location_constraint(BucketLocationConstraint::from(region))
            .build()
    });
    s3.create_bucket()
        .bucket(name)
        .set_create_bucket_configuration(place)
        .send()
        .await
        .aws("S3: CreateBucket")?;
    let mut set = Vec::new();
    for (key, value) in tags {
        set.push(Tag::builder().key(key).value(value).build()?);
    }
    s3.put_bucket_tagging()
        .bucket(name)
        .tagging(Tagging::builder().set_tag_set(Some(set)).build()?)
        .send()
        .await
        .aws("S3: PutBucketTagging")?;
    Ok(())
}

/// Writes an object.
pub(crate) async fn put(site: Site<'_>, bucket: &str, key: &str, data: Vec<u8>) -> Result<()> {
    site.cloud
        .s3
        .put_object()
        .bucket(bucket)
        .key(key)
        .body(data.into())
        .send()
        .await
        .aws("S3: PutObject")?;
    Ok(())
}

/// Deletes host, rule and bucket.
pub(crate) async fn destroy(site: Site<'_>, vpc: &str, balancers: &Balancers) -> Result<()> {
    let name = site.name("bootstrap");
    let answer = site
        .cloud
        .ec2
        .describe_instances()
        .filters(filter("tag:Name", &name))
        .filters(filter("instance-state-name", "running"))
        .send()
        .await
        .aws("EC2: DescribeInstances")?;
    let hosts = answer
        .reservations()
        .iter()
        .flat_map(aws_sdk_ec2::types::Reservation::instances);
    let ids: Vec<String> = hosts.filter_map(|host| host.instance_id.clone()).collect();
    for host in &ids {
        load_balancers::deregister(site, balancers, host).await?;
    }
    if !ids.is_empty() {
        site.cloud
            .ec2
            .terminate_instances()
            .set_instance_ids(Some(ids.clone()))
            .send()
            .await
            .aws("EC2: TerminateInstances")?;
        machines::in_state(site.cloud, &ids, &InstanceStateName::Terminated).await?;
    }
    security_groups::revoke_bootstrap_ssh(site, vpc).await?;
    super::destroy::bucket(site.cloud, &bucket(site)).await
}
