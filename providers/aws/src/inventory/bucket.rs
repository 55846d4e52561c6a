//! Buckets (`docs/spec/20 §9.4`): that of the bootstrap ignition and that of the image registry.
//!
//! Buckets cannot be searched by tag. Those that the tagging API names and those with the cluster's
//! names are asked for their tags themselves.

use aws_sdk_s3::types::Bucket;
use futures::future::try_join_all;
use jiff::Timestamp;
use skep_providers::{
    Class, Error,
    call::Call,
    erase::{ClusterFacts, Resource},
};

use crate::{
    client::{Api, service},
    inventory::{label, tagged::Tagged, timestamp},
    kinds::{self, rid},
    ownership::{Ownership, Tags},
};

/// What the installer calls the bucket of the bootstrap ignition, before the infra ID.
const BOOTSTRAP: &str = "openshift-bootstrap-data-";

/// All buckets of the account; `None` where listing them is not permitted (the installer's own list of
/// permissions does not have it).
pub(crate) async fn buckets(api: &Api) -> Result<Option<Vec<Bucket>>, Error> {
    let mut found = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let request = api
            .clients
            .s3()
            .list_buckets()
            .set_continuation_token(token.clone());
        let call = Call::read(service::S3, "s3:ListBuckets");
        let page = match api.call(call, || request.clone().send()).await {
            Err(Error {
                class: Class::Denied,
                ..
            }) => return Ok(None),
            other => other?,
        };
        found.extend(page.buckets.unwrap_or_default());
        token = page.continuation_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(Some(found));
        }
    }
}

/// Tags of a bucket; `None` when it is gone or belongs to somebody else.
async fn tags(api: &Api, name: &str) -> Result<Option<Tags>, Error> {
    let call = Call::read(service::S3, "s3:GetBucketTagging");
    let answer = api
        .call(call, || {
            api.clients.s3().get_bucket_tagging().bucket(name).send()
        })
        .await;
    match answer {
        Ok(answer) => Ok(Some(
            answer
                .tag_set
                .into_iter()
                .map(|tag| (tag.key, tag.value))
                .collect(),
        )),
        Err(error) if error.code == "NoSuchTagSet" => Ok(Some(Tags::new())),
        Err(error) if error.class == Class::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

pub(crate) async fn discover(
    api: &Api,
    facts: &ClusterFacts,
    ownership: &Ownership,
    tagged: &Tagged,
    listed: Option<&[Bucket]>,
) -> Result<Vec<Resource>, Error> {
    let bootstrap = format!("{BOOTSTRAP}{}", ownership.infra_id());
    let prefix = ownership.prefix();
    let by_tag = |name: &str| tagged.of("s3", "").any(|(_, known, _)| known == name);
    let known: Vec<(String, Option<Timestamp>)> = if let Some(listed) = listed {
        let wanted = |name: &str| name == bootstrap || name.starts_with(&prefix) || by_tag(name);
        let dated = listed.iter().filter_map(|bucket| {
            Some((
                bucket.name.clone()?,
                bucket.creation_date.as_ref().and_then(timestamp),
            ))
        });
        dated.filter(|(name, _)| wanted(name)).collect()
    } else {
        let named = tagged.of("s3", "").map(|(_, name, _)| name.to_owned());
        named
            .chain([bootstrap.clone()])
            .map(|name| (name, None))
            .collect()
    };
    let asked = known.into_iter().map(|(name, created)| {
        // A bucket that was not listed and lets nobody look may be of another account: names are
        // unique in all of AWS.
        let may_be_foreign = listed.is_none() && !by_tag(&name);
        async move {
            match tags(api, &name).await {
                Err(Error {
                    class: Class::Denied,
                    ..
                }) if may_be_foreign => Ok(None),
                found => Ok::<_, Error>(found?.map(|tags| (name, created, tags))),
            }
        }
    });
    let mut resources = Vec::new();
    for (name, created, tags) in try_join_all(asked).await?.into_iter().flatten() {
        let found = label(ownership, &kinds::BUCKET, &name, &tags, None).or_else(|| {
            // The installer tags the bucket by a second call; killed in between, it leaves one that
            // only its name proves.
            let known = tags.is_empty() && name == bootstrap;
            let proof = facts.proof_by_name(&name).filter(|_| known)?;
            Some(Resource::owned(
                rid(&kinds::BUCKET, &name),
                kinds::BUCKET,
                &name,
                proof,
            ))
        });
        if let Some(mut resource) = found {
            resource.name.clone_from(&name);
            resource.created = created;
            resources.push(resource);
        }
    }
    Ok(resources)
}
