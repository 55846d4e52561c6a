//! Takes the cluster's mark off what it shared with others, and touches nothing else of it
//! (`docs/spec/20 §9.7`).

use std::collections::BTreeMap;

use aws_sdk_ec2::types::Tag;
use aws_sdk_route53::types::TagResourceType;
use futures::future::join_all;
use skep_providers::{
    Class, Error,
    call::Call,
    erase::{Outcome, Resource},
};

use crate::{
    client::{Api, service},
    delete::{done, gone},
    kinds::{self, native},
    target::Target,
};

pub(crate) async fn untag(target: &Target, api: &Api, batch: &[&Resource]) -> Vec<Outcome> {
    let Some(first) = batch.first() else {
        return Vec::new();
    };
    if first.kind.as_str().starts_with("ec2/") {
        return ec2(api, batch).await;
    }
    join_all(batch.iter().map(|resource| async move {
        match resource.data.get("key") {
            Some(key) => done(gone(Box::pin(one(target, api, resource, key)).await)),
            None => Outcome::Failed(unknown_key()),
        }
    }))
    .await
}

fn unknown_key() -> Error {
    Error::new(
        "untag",
        Class::Invalid,
        "the key of the shared mark is not known",
    )
}

/// Many by one call for each key. The value is given too: a tag that says something else by now is
/// left alone.
async fn ec2(api: &Api, batch: &[&Resource]) -> Vec<Outcome> {
    let mut by_key: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for resource in batch {
        if let Some(key) = resource.data.get("key") {
            by_key
                .entry(key)
                .or_default()
                .push(native(resource).to_owned());
        }
    }
    let mut results: BTreeMap<&str, Result<(), Error>> = BTreeMap::new();
    for (key, ids) in by_key {
        let call = Call::change(service::EC2, "ec2:DeleteTags");
        let tag = Tag::builder().key(key).value("shared").build();
        let request = api
            .clients
            .ec2()
            .delete_tags()
            .set_resources(Some(ids))
            .tags(tag);
        results.insert(key, gone(api.call(call, || request.clone().send()).await));
    }
    batch
        .iter()
        .map(|resource| {
            match resource
                .data
                .get("key")
                .and_then(|key| results.get(key.as_str()))
            {
                Some(result) => done(result.clone()),
                None => Outcome::Failed(unknown_key()),
            }
        })
        .collect()
}

async fn one(target: &Target, api: &Api, resource: &Resource, key: &str) -> Result<(), Error> {
    let (kind, name) = (&resource.kind, native(resource));
    let clients = &api.clients;
    if *kind == kinds::ZONE {
        let by_role = resource.data.contains_key("by");
        let api = if by_role {
            target.role().unwrap_or(api)
        } else {
            api
        };
        let call = Call::change(service::ROUTE53, "route53:ChangeTagsForResource");
        let sent = api.call(call, || {
            api.clients
                .route53()
                .change_tags_for_resource()
                .resource_type(TagResourceType::Hostedzone)
                .resource_id(name)
                .remove_tag_keys(key)
                .send()
        });
        sent.await.map(drop)
    } else if *kind == kinds::ROLE {
        let call = Call::change(service::IAM, "iam:UntagRole");
        let sent = api.call(call, || {
            clients
                .iam()
                .untag_role()
                .role_name(name)
                .tag_keys(key)
                .send()
        });
        sent.await.map(drop)
    } else if *kind == kinds::INSTANCE_PROFILE {
        let call = Call::change(service::IAM, "iam:UntagInstanceProfile");
        let sent = api.call(call, || {
            clients
                .iam()
                .untag_instance_profile()
                .instance_profile_name(name)
                .tag_keys(key)
                .send()
        });
        sent.await.map(drop)
    } else if *kind == kinds::USER {
        let call = Call::change(service::IAM, "iam:UntagUser");
        let sent = api.call(call, || {
            clients
                .iam()
                .untag_user()
                .user_name(name)
                .tag_keys(key)
                .send()
        });
        sent.await.map(drop)
    } else if *kind == kinds::CLASSIC_BALANCER {
        let tag = aws_sdk_elasticloadbalancing::types::TagKeyOnly::builder()
            .key(key)
            .build();
        let call = Call::change(service::ELB, "elb:RemoveTags");
        let request = clients
            .elb()
            .remove_tags()
            .load_balancer_names(name)
            .tags(tag);
        api.call(call, || request.clone().send()).await.map(drop)
    } else if let Some(arn) = resource.data.get("arn") {
        let call = Call::change(service::ELB, "elbv2:RemoveTags");
        let sent = api.call(call, || {
            clients
                .elbv2()
                .remove_tags()
                .resource_arns(arn)
                .tag_keys(key)
                .send()
        });
        sent.await.map(drop)
    } else {
        let arn = match kind {
            kind if *kind == kinds::BUCKET => format!("arn:aws:s3:::{name}"),
            _ => {
                return Err(Error::new(
                    "untag",
                    Class::Invalid,
                    format!("{kind} has no tags"),
                ));
            }
        };
        let call = Call::change(service::TAGGING, "tagging:UntagResources");
        let request = clients
            .tagging()
            .untag_resources()
            .resource_arn_list(arn)
            .tag_keys(key);
        api.call(call, || request.clone().send()).await.map(drop)
    }
}
