//! Which Secrets a cluster depends on: those whose changes concern it, and those that its deletion needs.
//!
//! Plain functions over `ClusterDeployment`s. A Secret that a deletion needs carries the finalizer
//! `skep.dev/in-use` while a cluster of its namespace needs it, so that deleting the namespace cannot take
//! it first.

use std::collections::BTreeSet;

use kube::ResourceExt as _;
use skep_crds::ClusterDeployment;
use skep_crds::names::{annotation, object_name};

use crate::runtime::{Store, bell};

/// Index of `ClusterDeployment`s: `<namespace>/<name>` of every Secret whose change concerns them.
pub const REFERS: &str = "refers";

/// Index of `ClusterDeployment`s: `<namespace>/<name>` of every Secret that their deletion needs.
pub const NEEDS: &str = "needs";

/// Index of `ClusterDeployment`s: `/<name>` of their ClusterImageSet.
pub const IMAGE_SET: &str = "image-set";

/// Index of `ClusterDeployment`s: their namespace.
pub const NAMESPACE: &str = "namespace";

/// Index of `ClusterDeployment`s: the infra ID that they carry.
pub const INFRA_ID: &str = "infra-id";

/// Index of Secrets: the namespace of those that are held.
pub const HELD: &str = "held";

/// Names of the Secrets that the deletion of a cluster needs.
pub fn needed(cluster: &ClusterDeployment) -> BTreeSet<String> {
    let metadata = cluster.spec.cluster_metadata.as_ref();
    let metadata = metadata.and_then(|metadata| metadata.metadata_json_secret());
    [cluster.spec.credentials_secret(), metadata]
        .into_iter()
        .flatten()
        .map(str::to_owned)
        .collect()
}

/// Whether a cluster is to be left alone (docs/spec/10 §26.4 U6).
pub fn is_paused(cluster: &ClusterDeployment) -> bool {
    let value = cluster.annotations().get(annotation::RECONCILE_PAUSE);
    annotation::is_true(value.map(String::as_str))
}

/// Secrets that the install pod takes along, by the field that names them.
pub fn taken_along(cluster: &ClusterDeployment) -> Vec<(&'static str, &str)> {
    let spec = &cluster.spec;
    let provisioning = spec.provisioning.as_ref();
    let named = [
        (
            "spec.boundServiceAccountSigningKeySecretRef",
            spec.bound_service_account_signing_key_secret_ref.as_ref(),
        ),
        (
            "spec.provisioning.manifestsSecretRef",
            provisioning.and_then(|wish| wish.manifests_secret_ref.as_ref()),
        ),
        (
            "spec.provisioning.sshPrivateKeySecretRef",
            provisioning.and_then(|wish| wish.ssh_private_key_secret_ref.as_ref()),
        ),
    ];
    let named = named.into_iter();
    named
        .filter_map(|(field, reference)| Some((field, reference?.name()?)))
        .collect()
}

/// The index [`NEEDS`].
pub fn needs(cluster: &ClusterDeployment) -> Vec<String> {
    let namespace = cluster.namespace().unwrap_or_default();
    needed(cluster)
        .iter()
        .map(|name| bell::reference(&namespace, name))
        .collect()
}

/// Secrets of the hub that many clusters use, `<namespace>/<name>`.
#[derive(Clone, Debug, Default)]
pub struct HubSecrets {
    /// The global pull secret.
    pub pull: Option<String>,
    /// The service provider's credentials, with which roles are assumed.
    pub service_provider: Option<String>,
}

/// The index [`REFERS`].
pub fn refers(cluster: &ClusterDeployment, hub: &HubSecrets) -> Vec<String> {
    let namespace = cluster.namespace().unwrap_or_default();
    let spec = &cluster.spec;
    let mut names = needed(cluster);
    names.extend(spec.pull_secret().map(str::to_owned));
    names.insert(object_name::merged_pull_secret(&cluster.name_any()));
    names.insert(object_name::metadata_json_secret(&cluster.name_any()));
    let config = spec
        .provisioning
        .as_ref()
        .and_then(|wish| wish.install_config_secret());
    names.extend(config.map(str::to_owned));
    if !spec.installed {
        names.extend(
            taken_along(cluster)
                .iter()
                .map(|(_, name)| (*name).to_owned()),
        );
    }
    if let Some(metadata) = &spec.cluster_metadata {
        names.insert(metadata.admin_kubeconfig_secret_ref.name.clone());
        let password = metadata.admin_password_secret_ref.as_ref();
        names.extend(password.map(|reference| reference.name.clone()));
    }
    names.remove("");
    let mut references: Vec<String> = names
        .iter()
        .map(|name| bell::reference(&namespace, name))
        .collect();
    // An installed cluster needs no pull secret any more.
    references.extend(hub.pull.clone().filter(|_| !spec.installed));
    let aws = spec.platform.aws.as_ref();
    let assumes = aws.is_some_and(|aws| aws.credentials_assume_role.is_some());
    references.extend(hub.service_provider.clone().filter(|_| assumes));
    references
}

/// Who else says that it is his cluster, `<namespace>/<name>`: a ClusterDeployment other than `own` (a uid)
/// that carries the infra ID and is not being deleted. Asked of the stores alone: a list of all clusters of
/// the hub for each decision would cost more than it could show, since what is missed here is younger than
/// the deletion.
pub fn used_by(
    clusters: &Store<ClusterDeployment>,
    infra_id: &str,
    own: Option<&str>,
) -> Option<String> {
    let same = clusters.indexed(INFRA_ID, infra_id);
    let other = same.iter().find(|other| {
        other.metadata.uid.as_deref() != own && other.metadata.deletion_timestamp.is_none()
    })?;
    let namespace = other.namespace().unwrap_or_default();
    Some(format!("{namespace}/{}", other.name_any()))
}

/// The index [`IMAGE_SET`].
pub fn image_set(cluster: &ClusterDeployment) -> Vec<String> {
    let provisioning = cluster.spec.provisioning.as_ref();
    let name = provisioning.and_then(|provisioning| provisioning.image_set());
    name.map(|name| bell::reference("", name))
        .into_iter()
        .collect()
}

/// Merges registry credentials: per registry the cluster's own win (docs/spec/10 §9). Only `auths`
/// survives, unless there is but one source, which is kept as it is. The text of an error quotes nothing.
///
/// # Errors
/// A source is no JSON object with an object `auths`.
pub fn merge_pull_secrets(
    global: Option<&[u8]>,
    own: Option<&[u8]>,
) -> Result<Vec<u8>, InvalidPullSecret> {
    let parsed = |source: Option<&[u8]>, whose: Whose| match source {
        None => Ok(None),
        Some(text) => auths(text)
            .map(Some)
            .map_err(|problem| InvalidPullSecret { whose, problem }),
    };
    let (of_hub, of_cluster) = (parsed(global, Whose::Hub)?, parsed(own, Whose::Cluster)?);
    let (Some(mut merged), Some(of_cluster)) = (of_hub, of_cluster) else {
        return Ok(own.or(global).unwrap_or_default().to_vec());
    };
    merged.extend(of_cluster);
    // Sorted, so that the same sources give the same text.
    merged.sort_keys();
    Ok(serde_json::json!({ "auths": merged })
        .to_string()
        .into_bytes())
}

/// Whose pull secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Whose {
    /// The global one.
    Hub,
    /// The cluster's own.
    Cluster,
}

/// A pull secret that cannot be used. Quotes nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InvalidPullSecret {
    /// Which.
    pub whose: Whose,
    /// Why.
    pub problem: &'static str,
}

type Auths = serde_json::Map<String, serde_json::Value>;

fn auths(text: &[u8]) -> Result<Auths, &'static str> {
    let tree: serde_json::Value =
        serde_json::from_slice(text).map_err(|_| "it is not valid JSON")?;
    match tree {
        serde_json::Value::Object(mut tree) => match tree.remove("auths") {
            Some(serde_json::Value::Object(auths)) => Ok(auths),
            Some(_) | None => Err("it has no object auths"),
        },
        _ => Err("it is not a JSON object"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn merged(global: Option<&Value>, own: Option<&Value>) -> Result<Value, InvalidPullSecret> {
        let bytes = |value: &Value| value.to_string().into_bytes();
        let (global, own) = (global.map(bytes), own.map(bytes));
        merge_pull_secrets(global.as_deref(), own.as_deref())
            .map(|text| serde_json::from_slice(&text).unwrap())
    }

    /// docs/spec/10 §9 and §25 item 7.
    #[test]
    fn the_clusters_own_registries_win_and_only_auths_survive() {
        let global =
            json!({"auths": {"a": {"auth": "hub"}, "b": {"auth": "hub"}}, "credsStore": "x"});
        let own = json!({"auths": {"b": {"auth": "own"}, "c": {"auth": "own"}}});
        let both = merged(Some(&global), Some(&own)).unwrap();
        let expected = json!({"auths": {
            "a": {"auth": "hub"}, "b": {"auth": "own"}, "c": {"auth": "own"},
        }});
        assert_eq!(both, expected);
    }

    /// docs/spec/10 §9: "One only: used verbatim".
    #[test]
    fn a_single_source_is_kept_as_it_is() {
        let only = json!({"auths": {}, "credsStore": "x"});
        assert_eq!(merged(Some(&only), None).unwrap(), only);
        assert_eq!(merged(None, Some(&only)).unwrap(), only);
    }

    #[test]
    fn what_cannot_be_used_is_named_and_not_quoted() {
        let bad = json!(["hush"]);
        let good = json!({"auths": {}});
        let error = merged(Some(&good), Some(&bad)).unwrap_err();
        assert_eq!(
            error,
            InvalidPullSecret {
                whose: Whose::Cluster,
                problem: "it is not a JSON object"
            }
        );
        let error = merged(Some(&json!({"auths": 1})), None).unwrap_err();
        assert_eq!(
            error,
            InvalidPullSecret {
                whose: Whose::Hub,
                problem: "it has no object auths"
            }
        );
    }
}
