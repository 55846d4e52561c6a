//! Takes the steps of a cluster's power: one `match`, one effect per arm, each safe to take twice.

use std::sync::Arc;

use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, Preconditions};
use kube::core::GroupVersionKind;
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;
use skep_crds::ClusterDeployment;
use skep_crds::names::skep::{EXPECTED_MACHINES_ANNOTATION, FIELD_MANAGER};
use skep_crds::names::{annotation, label, value};
use skep_crds::v1::cluster_deployment::PowerState;
use skep_providers::Class as CloudClass;
use skep_providers::power::PowerOutcome;

use super::decide::{Step, Tier, Verb, targets};
use super::fleets::{self, words};
use super::observed::{Observed, Sight, Wanted};
use super::{Error, Hibernation, csr};
use crate::remote::Target;
use crate::remote::scrub::scrub;
use crate::remote::view::{Settled, SigningRequest, WakingSeen};
use crate::runtime::{Classified as _, Reconcile as _};

/// Of an approval (docs/spec/21 §7).
const APPROVED: &str = "Approved";
const APPROVAL_REASON: &str = "SkepApprove";
const APPROVAL_MESSAGE: &str =
    "the hub approves it because the cluster wakes and the request is its kubelet's";

pub(super) async fn act(
    hibernation: &Hibernation,
    observed: &Observed,
    step: Step,
) -> Result<(), Error> {
    let uid = &observed.at.key.uid;
    match step {
        Step::RecordExpectedMachines { count } => {
            let body = json!({
                "metadata": { "annotations": { EXPECTED_MACHINES_ANNOTATION: count.to_string() } },
            });
            merge(hibernation, observed, body).await
        }
        Step::SetHibernating => {
            let power = PowerState::Hibernating;
            let body = json!({ "spec": { "powerState": power } });
            merge(hibernation, observed, body).await
        }
        Step::LookAtMachines { max_age } => {
            if let Some(root) = stored(hibernation, observed) {
                hibernation.fleets.look(root, max_age);
            }
            Ok(())
        }
        Step::Stop(tier) => power(hibernation, observed, tier, Verb::Stop).await,
        Step::Start(tier) => power(hibernation, observed, tier, Verb::Start).await,
        Step::Look { depth } => {
            let root = stored(hibernation, observed);
            if let Some(target) = root.and_then(|root| Target::of(&root)) {
                hibernation.shared.remotes.look(&target, depth);
            }
            Ok(())
        }
        Step::Approve { names } => {
            let client = inside(hibernation, observed).await?;
            let result = approve(client, observed, &names).await;
            hibernation.fleets.acted_inside(uid);
            result
        }
        Step::ReplaceMachines { names } => {
            let client = inside(hibernation, observed).await?;
            let result = replace(client, &names).await;
            hibernation.fleets.acted_inside(uid);
            result
        }
    }
}

async fn merge(
    hibernation: &Hibernation,
    observed: &Observed,
    body: serde_json::Value,
) -> Result<(), Error> {
    let writer = &hibernation.shared.context.writer;
    let written = writer.merge::<ClusterDeployment>(&observed.at, body).await;
    written.map(drop).map_err(Error::Write)
}

/// The ClusterDeployment as the store has it: enough to look at something.
fn stored(hibernation: &Hibernation, observed: &Observed) -> Option<Arc<ClusterDeployment>> {
    let clusters = &hibernation.shared.stores.clusters;
    let entry = clusters.by_uid(&observed.at.key.uid)?;
    entry.decoded().cloned()
}

/// The ClusterDeployment as it is now, if the same is still wanted of it.
async fn fresh(hibernation: &Hibernation, observed: &Observed) -> Result<ClusterDeployment, Error> {
    let key = &observed.at.key;
    let reader = &hibernation.shared.context.reader;
    let root = reader
        .get_live::<ClusterDeployment>(&key.namespace, &key.name)
        .await
        .map_err(|source| Error::Read {
            what: "the ClusterDeployment",
            source,
        })?;
    let root = root.filter(|root| root.uid().as_ref() == Some(&key.uid));
    let root = root.ok_or(Error::Changed)?;
    let hibernates = root.spec.power_state == Some(PowerState::Hibernating);
    let same = hibernates == (observed.wanted == Wanted::Hibernating);
    let stays = root.metadata.deletion_timestamp.is_none();
    (same && stays).then_some(root).ok_or(Error::Changed)
}

/// Tells the machines of a tier to stop or to start.
async fn power(
    hibernation: &Hibernation,
    observed: &Observed,
    tier: Tier,
    verb: Verb,
) -> Result<(), Error> {
    let Sight::Seen { machines, .. } = &observed.fleet.sight else {
        return Err(Error::Changed);
    };
    let chosen = targets(machines, tier, verb);
    let root = fresh(hibernation, observed).await?;
    let opened = hibernation.fleets.open(&root).await;
    let (machines, _) = opened.map_err(|error| Error::Power {
        class: error.class(),
        message: words(&error),
    })?;
    let outcomes = match verb {
        Verb::Stop => machines.stop(&chosen).await,
        Verb::Start => machines.start(&chosen).await,
    };
    hibernation.fleets.acted(&observed.at.key.uid);
    judge(outcomes)
}

/// One machine that is in between, or gone, is no failure: the next look tells. Of the others the first
/// one's error is told, with the names of all whose error is of its class.
pub(super) fn judge(outcomes: Vec<PowerOutcome>) -> Result<(), Error> {
    let mut failed: Vec<(String, skep_providers::Error)> = outcomes
        .into_iter()
        .filter_map(|outcome| outcome.result.err().map(|error| (outcome.id, error)))
        .filter(|(_, error)| {
            !matches!(
                error.class,
                CloudClass::DependencyViolation { .. } | CloudClass::NotFound
            )
        })
        .collect();
    failed.sort_by(|(left, _), (right, _)| left.cmp(right));
    let Some((_, error)) = failed.first() else {
        return Ok(());
    };
    let alike = failed
        .iter()
        .filter(|(_, other)| other.class == error.class);
    let ids: Vec<&str> = alike.map(|(id, _)| id.as_str()).take(5).collect();
    let class = fleets::class_of(&error.class);
    let message = words(&fleets::Error::Cloud(error.clone()));
    let of = failed.len();
    Err(Error::Power {
        class,
        message: format!("{message} ({of} machines: {})", ids.join(", ")),
    })
}

async fn inside(hibernation: &Hibernation, observed: &Observed) -> Result<Client, Error> {
    let root = fresh(hibernation, observed).await?;
    let target = Target::of(&root).ok_or(Error::Changed)?;
    let client = hibernation
        .shared
        .remotes
        .client(&target, Hibernation::NAME);
    client.await.map_err(|failure| Error::Inside {
        what: "the cluster".to_owned(),
        why: failure.message,
    })
}

/// Approves requests, each of which is read and judged once more as it is now.
async fn approve(client: Client, observed: &Observed, names: &[String]) -> Result<(), Error> {
    let look = observed.cluster.last.as_ref();
    let seen = look.and_then(|look| look.seen.as_ref().ok()?.waking.as_ref());
    let Some(seen) = seen else {
        return Err(Error::Changed);
    };
    let api = Api::<CertificateSigningRequest>::all(client);
    let mut failed = None;
    for name in names {
        if let Err(error) = approve_one(&api, seen, name).await {
            failed.get_or_insert((name, error));
        }
    }
    match failed {
        None => Ok(()),
        Some((name, error)) => Err(inside_failed(format!("request {name}"), &error)),
    }
}

async fn approve_one(
    api: &Api<CertificateSigningRequest>,
    seen: &WakingSeen,
    name: &str,
) -> Result<(), kube::Error> {
    let Some(request) = api.get_opt(name).await? else {
        return Ok(());
    };
    let settled = request.status.iter().flat_map(|status| &status.conditions);
    let settled = settled.flatten().next().map(|_| Settled::Approved);
    let asked = SigningRequest {
        name: name.to_owned(),
        username: request.spec.username.clone().unwrap_or_default(),
        groups: request.spec.groups.clone().unwrap_or_default(),
        usages: request.spec.usages.clone().unwrap_or_default(),
        pem: request.spec.request.0.clone(),
        settled,
        signer: request.spec.signer_name.clone(),
    };
    if csr::check(&asked, &seen.nodes, &seen.machines).is_err() {
        return Ok(());
    }
    // None other stands in the list: a request with any was decided on.
    let patch = Patch::Merge(json!({
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {
            "uid": request.metadata.uid,
            "resourceVersion": request.metadata.resource_version,
        },
        "status": { "conditions": [{
            "type": APPROVED,
            "status": "True",
            "reason": APPROVAL_REASON,
            "message": APPROVAL_MESSAGE,
        }] },
    }));
    let params = PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    api.patch_approval(name, &params, &patch).await.map(drop)
}

/// Has Machines made anew whose instances are gone: their sets do, once they are deleted.
async fn replace(client: Client, names: &[String]) -> Result<(), Error> {
    let kind = GroupVersionKind::gvk("machine.openshift.io", "v1beta1", "Machine");
    let resource = ApiResource::from_gvk(&kind);
    let api: Api<DynamicObject> =
        Api::namespaced_with(client, value::MACHINE_API_NAMESPACE, &resource);
    let mut failed = None;
    for name in names {
        if let Err(error) = replace_one(&api, name).await {
            failed.get_or_insert((name, error));
        }
    }
    match failed {
        None => Ok(()),
        Some((name, error)) => Err(inside_failed(format!("Machine {name}"), &error)),
    }
}

async fn replace_one(api: &Api<DynamicObject>, name: &str) -> Result<(), kube::Error> {
    let Some(machine) = api.get_opt(name).await? else {
        return Ok(());
    };
    let is_spot = machine.labels().contains_key(label::INTERRUPTIBLE_INSTANCE);
    if !is_spot || machine.metadata.deletion_timestamp.is_some() {
        return Ok(());
    }
    let body = json!({
        "metadata": {
            "uid": machine.metadata.uid,
            "annotations": { annotation::EXCLUDE_NODE_DRAINING: value::TRUE },
        },
    });
    let params = PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    api.patch(name, &params, &Patch::Merge(body)).await?;
    let params = DeleteParams {
        preconditions: Some(Preconditions {
            uid: machine.metadata.uid,
            resource_version: None,
        }),
        ..DeleteParams::default()
    };
    api.delete(name, &params).await.map(drop)
}

fn inside_failed(what: String, error: &kube::Error) -> Error {
    Error::Inside {
        what,
        why: scrub(&error.to_string()),
    }
}
