//! Takes the steps of a cluster: one `match`, one effect per arm, each safe to take twice.

mod attempt;
mod deletion;
mod inputs;
mod metadata;
mod pods;

use kube::ResourceExt as _;
use kube::api::PropagationPolicy;
use serde_json::{Map, Value, json};
use skep_crds::names::annotation;
use skep_crds::names::skep::CLOUD_ACCOUNT_ANNOTATION;
use skep_crds::names::{finalizer, object_name, value};
use skep_crds::{ClusterDeployment, ClusterDeprovision, ClusterProvision};

use super::decide::Step;
use super::observed::{Observed, PlatformFacts, Reported};
use super::{Clusters, Error};
use crate::controllers::rights;
use crate::runtime::Key;

pub(super) async fn act(clusters: &Clusters, observed: &Observed, step: Step) -> Result<(), Error> {
    let writer = &clusters.shared.context.writer;
    let key = |name: &str, uid: String| Key {
        namespace: observed.namespace().to_owned(),
        name: name.to_owned(),
        uid,
    };
    match step {
        Step::Confirm => Ok(()),
        Step::Complete {
            labels,
            finalizer,
            metadata_secret,
            hosted_zone_role,
        } => {
            let mut body = json!({});
            if !labels.is_empty() {
                body["metadata"]["labels"] = json!(labels);
            }
            if finalizer {
                body["metadata"]["finalizers"] = json!(with_finalizer(&observed.finalizers));
            }
            if let Some(name) = metadata_secret {
                body["spec"]["clusterMetadata"]["metadataJSONSecretRef"] = json!({ "name": name });
            }
            if let Some(role) = hosted_zone_role {
                let aws = json!({ "hostedZoneRole": role });
                body["spec"]["clusterMetadata"]["platform"]["aws"] = aws;
            }
            merge(clusters, observed, body).await
        }
        Step::CreateTrustedCa => inputs::create_trusted_ca(clusters, observed).await,
        Step::DeleteExpired => writer
            .delete_unchanged::<ClusterDeployment>(&observed.at, PropagationPolicy::Background)
            .await
            .map_err(|source| Error::Delete {
                what: "the ClusterDeployment".to_owned(),
                source,
            }),
        Step::CheckCredentials { fingerprint } => {
            inputs::check_credentials(clusters, observed, fingerprint).await
        }
        Step::StorePullSecret { digest } => {
            inputs::store_pull_secret(clusters, observed, &digest).await
        }
        Step::RunImageJob { replaces, tries } => {
            if let Some(uid) = replaces {
                delete_image_job(clusters, observed, uid).await?;
            }
            inputs::run_image_job(clusters, observed, tries).await
        }
        Step::DeleteImageJob { uid } => delete_image_job(clusters, observed, uid).await,
        Step::HoldSecrets { names } => deletion::hold(clusters, observed, &names).await,
        Step::ReleaseSecrets { names } => deletion::release(clusters, observed, &names).await,
        Step::CreateProvision {
            name,
            number,
            previous,
        } => attempt::create(clusters, observed, &name, number, previous.as_deref()).await,
        Step::DeleteProvision { name, uid } => writer
            .delete::<ClusterProvision>(&key(&name, uid), PropagationPolicy::Background)
            .await
            .map_err(|source| Error::Delete {
                what: format!("attempt {name}"),
                source,
            }),
        Step::StoreMetadata { provision } => {
            metadata::store_metadata(clusters, observed, &provision).await
        }
        Step::ComposeMetadata { name } => {
            metadata::compose_metadata(clusters, observed, &name).await
        }
        Step::RecordIdentity { provision } => record_identity(clusters, observed, &provision).await,
        Step::ForgetIdentity => {
            let body = json!({
                "metadata": { "annotations": { CLOUD_ACCOUNT_ANNOTATION: null } },
                "spec": { "clusterMetadata": null },
            });
            merge(clusters, observed, body).await?;
            clusters.shared.erasures.abandon(&observed.at.key.uid);
            Ok(())
        }
        Step::MarkInstalled { protect } => {
            let mut body = json!({ "spec": { "installed": true } });
            if protect {
                body["metadata"]["annotations"][annotation::PROTECTED_DELETE] = json!(value::TRUE);
            }
            merge(clusters, observed, body).await
        }
        Step::ClaimAdminSecrets { names } => {
            metadata::claim_admin_secrets(clusters, observed, &names).await
        }
        Step::CreateDeprovision => deletion::create_deprovision(clusters, observed).await,
        Step::DeleteDeprovision { uid } => writer
            .delete::<ClusterDeprovision>(&key(observed.name(), uid), PropagationPolicy::Background)
            .await
            .map_err(|source| Error::Delete {
                what: "the ClusterDeprovision".to_owned(),
                source,
            }),
        Step::StartErasure => deletion::start_erasure(clusters, observed).await,
        Step::AbandonErasure => {
            clusters.shared.erasures.abandon(&observed.at.key.uid);
            Ok(())
        }
        Step::RemoveFinalizer => writer
            .remove_finalizer::<ClusterDeployment>(
                &observed.at,
                &observed.finalizers,
                finalizer::DEPROVISION,
            )
            .await
            .map_err(|source| Error::Write {
                what: "the ClusterDeployment".to_owned(),
                source,
            }),
    }
}

/// Sorted and without duplicates, as the list has always been written (docs/spec/10 §4.3).
fn with_finalizer(present: &[String]) -> Vec<String> {
    let mut all = present.to_vec();
    all.push(finalizer::DEPROVISION.to_owned());
    all.sort();
    all.dedup();
    all
}

/// With its rights, which come back with its successor.
async fn delete_image_job(
    clusters: &Clusters,
    observed: &Observed,
    uid: String,
) -> Result<(), Error> {
    let name = object_name::image_set_job(observed.name());
    let key = Key {
        namespace: observed.namespace().to_owned(),
        name: name.clone(),
        uid,
    };
    let context = &clusters.shared.context;
    let (reader, writer) = (&context.reader, &context.writer);
    let owner = &observed.at.key.uid;
    rights::end(reader, writer, observed.namespace(), &name, owner)
        .await
        .map_err(|source| Error::Delete {
            what: format!("the Role of Job {name}"),
            source,
        })?;
    writer
        .delete::<k8s_openapi::api::batch::v1::Job>(&key, PropagationPolicy::Background)
        .await
        .map_err(|source| Error::Delete {
            what: format!("Job {name}"),
            source,
        })
}

async fn record_identity(
    clusters: &Clusters,
    observed: &Observed,
    provision: &str,
) -> Result<(), Error> {
    let attempt = observed
        .attempts
        .iter()
        .find(|attempt| attempt.name == provision);
    let reported = attempt.and_then(|attempt| attempt.reported.as_ref());
    let Some(Reported {
        infra_id,
        cluster_id,
        kubeconfig,
        password,
        account,
        facts,
        ..
    }) = reported
    else {
        return Err(Error::Changed {
            what: format!("attempt {provision}"),
        });
    };
    let kubeconfig = kubeconfig
        .clone()
        .unwrap_or_else(|| object_name::admin_kubeconfig_secret(provision));
    // Null removes what an earlier attempt reported.
    let identity = json!({
        "infraID": infra_id,
        "clusterID": cluster_id,
        "adminKubeconfigSecretRef": { "name": kubeconfig },
        "adminPasswordSecretRef": password.as_ref().map(|name| json!({ "name": name })),
        "metadataJSONSecretRef": { "name": observed.metadata_secret() },
        "platform": platform_metadata(facts),
    });
    let mut body = json!({ "spec": { "clusterMetadata": identity } });
    if let Some(account) = account {
        body["metadata"]["annotations"][CLOUD_ACCOUNT_ANNOTATION] = json!(account);
    }
    merge(clusters, observed, body).await
}

fn platform_metadata(facts: &PlatformFacts) -> Value {
    let PlatformFacts {
        hosted_zone_role,
        resource_group,
        network_project,
    } = facts;
    let mut platform = Map::new();
    if let Some(role) = hosted_zone_role {
        platform.insert("aws".to_owned(), json!({ "hostedZoneRole": role }));
    }
    if let Some(group) = resource_group {
        platform.insert("azure".to_owned(), json!({ "resourceGroupName": group }));
    }
    if let Some(project) = network_project {
        platform.insert("gcp".to_owned(), json!({ "networkProjectID": project }));
    }
    Value::Object(platform)
}

/// Patches the ClusterDeployment if it is still as it was observed.
async fn merge(clusters: &Clusters, observed: &Observed, body: Value) -> Result<(), Error> {
    let writer = &clusters.shared.context.writer;
    let written = writer.merge::<ClusterDeployment>(&observed.at, body).await;
    written.map(drop).map_err(|source| Error::Write {
        what: "the ClusterDeployment".to_owned(),
        source,
    })
}

/// The ClusterDeployment as it is now, if it is still the same one.
async fn fresh(clusters: &Clusters, observed: &Observed) -> Result<ClusterDeployment, Error> {
    let reader = &clusters.shared.context.reader;
    let found = reader
        .get_live::<ClusterDeployment>(observed.namespace(), observed.name())
        .await;
    let found = found.map_err(|source| Error::Read {
        what: "the ClusterDeployment",
        source,
    })?;
    found
        .filter(|root| root.uid().as_deref() == Some(observed.at.key.uid.as_str()))
        .ok_or_else(|| Error::Changed {
            what: "the ClusterDeployment".to_owned(),
        })
}
