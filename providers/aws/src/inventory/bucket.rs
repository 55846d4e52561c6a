//! Buckets (`docs/spec/20 §9.4`): that of the bootstrap ignition and that of the image registry.
//!
//! Buckets cannot be searched by tag. Those that the tagging API names and those with the cluster's
//! names are asked for their tags themselves.

use aws_sdk_s3::types::Bucket;
use futures::future::try_join_all;
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

pub(crate) async fn buckets(api: &Api) -> Result<Vec<Bucket>, Error> {
    let mut found = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let request = api
            .clients
            .s3()
            .list_buckets()
            .set_continuation_token(token.clone());
        let call = Call::read(service::S3, "s3:ListBuckets");
        let page = api.call(call, || request.clone().send()).await?;
        found.extend(page.buckets.unwrap_or_default());
        token = page.continuation_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(found);
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
    listed: &[Bucket],
) -> Result<Vec<Resource>, Error> {
    let bootstrap = format!("{BOOTSTRAP}{}", ownership.infra_id());
    let prefix = ownership.prefix();
    let is_candidate = |name: &str| {
        name == bootstrap
            || name.starts_with(&prefix)
            || tagged.of("s3", "").any(|(_, known, _)| known == name)
    };
    let candidates = listed
        .iter()
        .filter(|bucket| bucket.name.as_deref().is_some_and(is_candidate))
        .map(|bucket| async move {
            let name = bucket.name.as_deref().unwrap_or_default();
            Ok::<_, Error>(tags(api, name).await?.map(|tags| (bucket, name, tags)))
        });
    let mut resources = Vec::new();
    for (bucket, name, tags) in try_join_all(candidates).await?.into_iter().flatten() {
        let found = label(ownership, &kinds::BUCKET, name, &tags, None).or_else(|| {
            // The installer tags the bucket by a second call; killed in between, it leaves one that
            // only its name proves.
            let known = tags.is_empty() && name == bootstrap;
            let proof = facts.proof_by_name(name).filter(|_| known)?;
            Some(Resource::owned(
                rid(&kinds::BUCKET, name),
                kinds::BUCKET,
                name,
                proof,
            ))
        });
        if let Some(mut resource) = found {
            name.clone_into(&mut resource.name);
            resource.created = bucket.creation_date.as_ref().and_then(timestamp);
            resources.push(resource);
        }
    }
    Ok(resources)
}
