//! Makes things go: one file per service. Takes what the engine has proven and nothing else; every
//! failure inside an answer that succeeded is told; nothing waits and nothing tries again here.

pub(crate) mod bucket;
pub(crate) mod compute;
pub(crate) mod dns;
pub(crate) mod files;
pub(crate) mod iam;
pub(crate) mod network;
pub(crate) mod untag;

use futures::future::join_all;
use skep_providers::{
    Class, Error,
    call::Call,
    erase::{Outcome, Resource},
};

use crate::{
    client::{Api, service},
    kinds::{self, native},
    target::{self, Target},
};

/// "Not there" is done.
pub(crate) fn gone<T>(result: Result<T, Error>) -> Result<(), Error> {
    match result {
        Ok(_) => Ok(()),
        Err(error) if error.class == Class::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

pub(crate) fn done(result: Result<(), Error>) -> Outcome {
    match result {
        Ok(()) => Outcome::Done,
        Err(error) => Outcome::Failed(error),
    }
}

/// A deletion that goes on in the background, unless there was nothing to delete.
pub(crate) fn started<T>(result: Result<T, Error>) -> Outcome {
    match result {
        Ok(_) => Outcome::Started,
        Err(error) if error.class == Class::NotFound => Outcome::Done,
        Err(error) => Outcome::Failed(error),
    }
}

/// Deletes resources of one kind.
pub(crate) async fn delete(target: &Target, api: &Api, batch: &[&Resource]) -> Vec<Outcome> {
    let Some(first) = batch.first() else {
        return Vec::new();
    };
    if first.kind == kinds::INSTANCE {
        Box::pin(compute::terminate(api, batch)).await
    } else if first.kind == kinds::DEDICATED_HOST {
        compute::release_hosts(api, batch).await
    } else if first.kind == kinds::ENDPOINT {
        network::delete_endpoints(api, batch).await
    } else if first.kind == kinds::RECORD {
        Box::pin(dns::delete_records(target, api, batch)).await
    } else {
        join_all(
            batch
                .iter()
                .map(|resource| Box::pin(delete_one(api, resource))),
        )
        .await
    }
}

async fn delete_one(api: &Api, resource: &Resource) -> Outcome {
    let kind = &resource.kind;
    if *kind == kinds::CLASSIC_BALANCER || *kind == kinds::BALANCER || *kind == kinds::TARGET_GROUP
    {
        balancer(api, resource).await
    } else if *kind == kinds::ROLE {
        done(iam::delete_role(api, native(resource)).await)
    } else if *kind == kinds::INSTANCE_PROFILE {
        done(iam::delete_profile(api, resource).await)
    } else if *kind == kinds::USER {
        done(iam::delete_user(api, native(resource)).await)
    } else if *kind == kinds::ZONE {
        done(dns::delete_zone(api, native(resource)).await)
    } else if *kind == kinds::BUCKET {
        done(bucket::delete(api, native(resource)).await)
    } else if *kind == kinds::FILE_SYSTEM {
        files::delete_system(api, native(resource)).await
    } else if *kind == kinds::ACCESS_POINT {
        files::delete_access_point(api, native(resource)).await
    } else if let Some(outcome) = compute::delete(api, resource).await {
        outcome
    } else if let Some(outcome) = network::delete(api, resource).await {
        outcome
    } else {
        let text = format!("{kind} is never deleted");
        Outcome::Failed(Error::new("delete", Class::Invalid, text))
    }
}

async fn balancer(api: &Api, resource: &Resource) -> Outcome {
    let clients = &api.clients;
    if resource.kind == kinds::CLASSIC_BALANCER {
        let call = Call::change(service::ELB, "elb:DeleteLoadBalancer");
        let name = native(resource);
        let sent = api.call(call, || {
            clients
                .elb()
                .delete_load_balancer()
                .load_balancer_name(name)
                .send()
        });
        return done(gone(sent.await));
    }
    let Some(arn) = resource.data.get("arn") else {
        let text = "the ARN is not known; it is found by the next discovery";
        return Outcome::Failed(Error::new("elbv2:Delete", Class::Transient, text));
    };
    let sent = if resource.kind == kinds::BALANCER {
        let call = Call::change(service::ELB, "elbv2:DeleteLoadBalancer");
        let sent = api.call(call, || {
            clients
                .elbv2()
                .delete_load_balancer()
                .load_balancer_arn(arn)
                .send()
        });
        gone(sent.await)
    } else {
        let call = Call::change(service::ELB, "elbv2:DeleteTargetGroup");
        let sent = api.call(call, || {
            clients
                .elbv2()
                .delete_target_group()
                .target_group_arn(arn)
                .send()
        });
        gone(sent.await)
    };
    done(sent)
}

/// Takes away references by which resources of one kind hold others.
pub(crate) async fn release(api: &Api, batch: &[&Resource]) -> Vec<Outcome> {
    let Some(first) = batch.first() else {
        return Vec::new();
    };
    if first.kind == kinds::SECURITY_GROUP {
        network::release_groups(api, batch).await
    } else {
        let text = format!("{} holds nothing by reference", first.kind);
        target::failed(&Error::new("release", Class::Invalid, text), batch.len())
    }
}
