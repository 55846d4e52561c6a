//! Reads one order, its ClusterDeployment, its Secrets' metadata and its erasure into an [`Observed`].

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::ResourceExt as _;
use kube::core::PartialObjectMeta;
use skep_crds::names::annotation;
use skep_crds::names::skep::{ACKNOWLEDGE_EMPTY_ANNOTATION, CLOUD_ACCOUNT_ANNOTATION};
use skep_crds::platform::PlatformKind;
use skep_crds::{ClusterDeployment, ClusterDeprovision};

use super::legacy::legacy_metadata;
use super::observed::{Cluster, Description, Observed, Owner};
use super::{Deprovisions, Error};
use crate::controllers::secrets;
use crate::runtime::{Freshness, Memory};

/// The kind that owns orders, in whatever version of its group.
const OWNER_KIND: &str = "ClusterDeployment";
const OWNER_GROUP: &str = "hive.openshift.io";

pub(super) async fn observe(
    deprovisions: &Deprovisions,
    root: &ClusterDeprovision,
    how: Freshness,
    memory: &Memory,
) -> Result<Observed, Error> {
    let (namespace, name) = (root.namespace().unwrap_or_default(), root.name_any());
    let uid = root.uid().unwrap_or_default();
    let reader = &deprovisions.shared.context.reader;
    let reference = owner_reference(root);
    let cluster = match reference {
        Some(owner) => {
            reader
                .get(
                    how,
                    &deprovisions.shared.stores.clusters,
                    &namespace,
                    &owner.name,
                )
                .await
        }
        None => Ok(None),
    };
    let cluster = cluster.map_err(|source| Error::Read {
        what: "the ClusterDeployment",
        source,
    })?;
    let own = cluster.as_ref().and_then(|own| own.uid());
    let used_by = secrets::used_by(
        &deprovisions.shared.stores.clusters,
        &root.spec.infra_id,
        own.as_deref(),
    );
    let platform = root.spec.platform.as_ref();
    let metadata = secret(
        deprovisions,
        how,
        &namespace,
        root.spec.metadata_json_secret(),
    )
    .await?;
    let credentials = platform.and_then(|platform| platform.credentials_secret());
    let credentials_secret = secret(deprovisions, how, &namespace, credentials).await?;
    let inputs = inputs(
        root,
        cluster.as_deref(),
        [metadata.as_ref(), credentials_secret.as_ref()],
    );
    let kind = platform.map_or(
        PlatformKind::Unknown,
        skep_crds::platform::DeprovisionPlatform::kind,
    );
    let inputs_changed = deprovisions
        .started
        .lock()
        .get(&uid)
        .is_some_and(|started| *started != inputs);
    Ok(Observed {
        deleting: root.metadata.deletion_timestamp.is_some(),
        completed: root.is_completed(),
        infra_id: root.spec.infra_id.clone(),
        owner: owner(reference, cluster.as_deref()),
        used_by,
        disabled: deprovisions.shared.config.get().deprovisions_disabled,
        platform: kind,
        supported: deprovisions.shared.clouds.supports(kind),
        description: description(root, metadata.is_some()),
        credentials: credentials_in_words(root, &namespace, credentials),
        inputs,
        inputs_changed,
        erasure: deprovisions.shared.erasures.state(&uid),
        start_failure: memory
            .failure_named("StartErasure")
            .map(|failure| failure.message.clone()),
        name,
        namespace,
        uid,
    })
}

/// The order's own word, or its ClusterDeployment's.
pub(super) fn acknowledges_empty(
    root: &ClusterDeprovision,
    cluster: Option<&ClusterDeployment>,
) -> bool {
    let word = |annotations: &std::collections::BTreeMap<String, String>| {
        annotation::is_true(
            annotations
                .get(ACKNOWLEDGE_EMPTY_ANNOTATION)
                .map(String::as_str),
        )
    };
    word(root.annotations()) || cluster.is_some_and(|cluster| word(cluster.annotations()))
}

pub(super) fn is_legacy(root: &ClusterDeprovision) -> bool {
    let value = root.annotations().get(annotation::LEGACY_DEPROVISION);
    annotation::is_true(value.map(String::as_str))
}

async fn secret(
    deprovisions: &Deprovisions,
    how: Freshness,
    namespace: &str,
    name: Option<&str>,
) -> Result<Option<std::sync::Arc<PartialObjectMeta<Secret>>>, Error> {
    let Some(name) = name else { return Ok(None) };
    let reader = &deprovisions.shared.context.reader;
    let secret = reader
        .get(how, &deprovisions.shared.stores.secrets, namespace, name)
        .await;
    secret.map_err(|source| Error::Read {
        what: "a Secret's metadata",
        source,
    })
}

fn owner_reference(root: &ClusterDeprovision) -> Option<&OwnerReference> {
    root.owner_references().iter().find(|reference| {
        reference.controller == Some(true)
            && reference.kind == OWNER_KIND
            && reference.api_version.starts_with(OWNER_GROUP)
    })
}

fn owner(reference: Option<&OwnerReference>, cluster: Option<&ClusterDeployment>) -> Owner {
    match (reference, cluster) {
        (None, _) => Owner::Nobody,
        (Some(reference), None) => Owner::Missing {
            name: reference.name.clone(),
        },
        (Some(reference), Some(cluster)) => {
            let uid = cluster.uid().unwrap_or_default();
            let protected = cluster.annotations().get(annotation::PROTECTED_DELETE);
            Owner::Cluster(Cluster {
                name: cluster.name_any(),
                restored: reference.uid != uid,
                uid,
                deleting: cluster.metadata.deletion_timestamp.is_some(),
                protected: annotation::is_true(protected.map(String::as_str)),
                paused: secrets::is_paused(cluster),
                preserved: cluster.spec.preserves_on_delete(),
                infra_id: cluster.infra_id().map(str::to_owned),
            })
        }
    }
}

/// The Secret first, unless a person asks for the other way (docs/spec/20 §4).
fn description(root: &ClusterDeprovision, secret_exists: bool) -> Description {
    match root.spec.metadata_json_secret() {
        Some(secret) if !is_legacy(root) => {
            let secret = secret.to_owned();
            if secret_exists {
                Description::Metadata { secret }
            } else {
                Description::MissingSecret { secret }
            }
        }
        Some(_) | None if legacy_metadata(&root.spec).is_some() => Description::Legacy,
        Some(_) | None => Description::Incomplete,
    }
}

fn credentials_in_words(
    root: &ClusterDeprovision,
    namespace: &str,
    secret: Option<&str>,
) -> String {
    let role = root
        .spec
        .platform
        .as_ref()
        .and_then(|platform| platform.aws.as_ref());
    let role = role.and_then(|aws| aws.credentials_assume_role.as_ref());
    match (secret, role) {
        (Some(secret), _) => format!("Secret {namespace}/{secret}"),
        (None, Some(role)) => format!("role {}", role.role_arn),
        (None, None) => "credentials (none are named)".to_owned(),
    }
}

/// A text that is another when something that an erasure starts from is another.
fn inputs(
    root: &ClusterDeprovision,
    cluster: Option<&ClusterDeployment>,
    secrets: [Option<&std::sync::Arc<PartialObjectMeta<Secret>>>; 2],
) -> String {
    let versions = secrets.map(|secret| {
        let version = secret.and_then(|secret| secret.metadata.resource_version.clone());
        version.unwrap_or_default()
    });
    let account = cluster.and_then(|cluster| cluster.annotations().get(CLOUD_ACCOUNT_ANNOTATION));
    format!(
        "{} {} {} {} {}",
        versions.join(" "),
        root.metadata.generation.unwrap_or_default(),
        is_legacy(root),
        acknowledges_empty(root, cluster),
        account.map(String::as_str).unwrap_or_default(),
    )
}
