//! Takes the steps of an order: one `match`, one effect per arm, each safe to take twice.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use serde_json::{Value, json};
use skep_crds::names::secret_key;
use skep_crds::names::skep::{CLOUD_ACCOUNT_ANNOTATION, CLOUD_ACCOUNT_SECRET_KEY};
use skep_crds::{ClusterDeployment, ClusterDeprovision};

use super::decide::Step;
use super::legacy::legacy_metadata;
use super::observe::{acknowledges_empty, is_legacy};
use super::observed::{Observed, Owner};
use super::{Deprovisions, Error};
use crate::controllers::credentials::CredentialsRef;
use crate::controllers::erasure::{Request, Wishes};
use crate::controllers::receipts::Subject;
use crate::runtime::{At, Key};

pub(super) async fn act(
    deprovisions: &Deprovisions,
    observed: &Observed,
    step: Step,
) -> Result<(), Error> {
    match step {
        Step::Reown { uid } => reown(deprovisions, observed, &uid).await,
        Step::StartErasure => start(deprovisions, observed).await,
        Step::StopErasure => {
            deprovisions.shared.erasures.abandon(&observed.uid);
            Ok(())
        }
    }
}

async fn reown(deprovisions: &Deprovisions, observed: &Observed, uid: &str) -> Result<(), Error> {
    let root = fresh(deprovisions, observed).await?;
    let references: Vec<Value> = root
        .owner_references()
        .iter()
        .map(|reference| {
            let mut reference = reference.clone();
            if reference.controller == Some(true) {
                uid.clone_into(&mut reference.uid);
            }
            json!(reference)
        })
        .collect();
    let patch = json!({"metadata": {"ownerReferences": references}});
    let writer = &deprovisions.shared.context.writer;
    let written = writer
        .merge::<ClusterDeprovision>(&At::of(&root), patch)
        .await;
    written.map(drop).map_err(|source| Error::Reown { source })
}

async fn start(deprovisions: &Deprovisions, observed: &Observed) -> Result<(), Error> {
    let root = fresh(deprovisions, observed).await?;
    let Owner::Cluster(owner) = &observed.owner else {
        return Err(Error::Gone);
    };
    let reader = &deprovisions.shared.context.reader;
    let cluster = reader
        .get_live::<ClusterDeployment>(&observed.namespace, &owner.name)
        .await;
    let cluster = cluster.map_err(|source| Error::Read {
        what: "the ClusterDeployment",
        source,
    })?;
    let cluster = cluster.filter(|cluster| cluster.uid().as_ref() == Some(&owner.uid));
    let cluster = cluster.ok_or(Error::Gone)?;
    let described = describe(deprovisions, observed, &root).await?;
    let recorded = cluster.annotations().get(CLOUD_ACCOUNT_ANNOTATION).cloned();
    let platform = root.spec.platform.clone().unwrap_or_default();
    let role = platform
        .aws
        .as_ref()
        .and_then(|aws| aws.credentials_assume_role.as_ref());
    let request = Request {
        started_by: observed.uid.clone(),
        subject: Subject {
            namespace: observed.namespace.clone(),
            cluster: owner.name.clone(),
            cluster_uid: owner.uid.clone(),
            infra_id: observed.infra_id.clone(),
        },
        platform: platform.kind(),
        metadata_json: described.metadata_json,
        base_domain: root.spec.base_domain.clone(),
        account: described.account.or(recorded),
        credentials: CredentialsRef {
            namespace: observed.namespace.clone(),
            secret: platform.credentials_secret().map(str::to_owned),
            assume_role: role.map(|role| (role.role_arn.clone(), role.external_id.clone())),
        },
    };
    let wishes = Wishes {
        note_plan_on: Some(Key::of(&root)),
        acknowledge_empty: acknowledges_empty(&root, Some(&cluster)),
    };
    deprovisions
        .started
        .lock()
        .insert(observed.uid.clone(), observed.inputs.clone());
    deprovisions.shared.erasures.start_with(request, wishes);
    Ok(())
}

/// What the metadata Secret says, or what the order itself says.
struct Described {
    metadata_json: Vec<u8>,
    account: Option<String>,
}

async fn describe(
    deprovisions: &Deprovisions,
    observed: &Observed,
    root: &ClusterDeprovision,
) -> Result<Described, Error> {
    let name = root.spec.metadata_json_secret();
    let mut data = match name {
        Some(name) => {
            let reader = &deprovisions.shared.context.reader;
            let secret = reader.get_live::<Secret>(&observed.namespace, name).await;
            let secret = secret.map_err(|source| Error::Read {
                what: "the metadata Secret",
                source,
            })?;
            secret.and_then(|secret| secret.data).unwrap_or_default()
        }
        None => std::collections::BTreeMap::new(),
    };
    let account = data
        .remove(CLOUD_ACCOUNT_SECRET_KEY)
        .map(|ByteString(bytes)| bytes);
    let account = account.and_then(|bytes| String::from_utf8(bytes).ok());
    let no_metadata = || Error::NoMetadata {
        secret: name.unwrap_or_default().to_owned(),
    };
    let metadata_json = match name {
        Some(_) if !is_legacy(root) => data
            .remove(secret_key::METADATA_JSON)
            .map(|ByteString(bytes)| bytes),
        Some(_) | None => legacy_metadata(&root.spec),
    };
    Ok(Described {
        metadata_json: metadata_json.ok_or_else(no_metadata)?,
        account,
    })
}

/// The order as it is now, if it is still the same one.
async fn fresh(
    deprovisions: &Deprovisions,
    observed: &Observed,
) -> Result<ClusterDeprovision, Error> {
    let reader = &deprovisions.shared.context.reader;
    let root = reader
        .get_live::<ClusterDeprovision>(&observed.namespace, &observed.name)
        .await;
    let root = root.map_err(|source| Error::Read {
        what: "the order",
        source,
    })?;
    root.filter(|root| root.uid().as_deref() == Some(observed.uid.as_str()))
        .ok_or(Error::Gone)
}
