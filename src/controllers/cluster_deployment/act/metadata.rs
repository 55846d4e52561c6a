//! What a cluster leaves in its namespace: the installer's description, and the administrator's Secrets.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::ResourceExt as _;
use serde_json::{Value, json};
use skep_crds::names::skep::{
    CLOUD_ACCOUNT_ANNOTATION, CLOUD_ACCOUNT_SECRET_KEY, IN_USE_FINALIZER,
};
use skep_crds::names::{label, secret_key, value};
use skep_crds::platform::PlatformKind;
use skep_crds::{ClusterDeployment, ClusterProvision};
use skep_providers::Endpoints;

use super::super::observed::Observed;
use super::super::{Clusters, Error};
use super::fresh;
use crate::controllers::inputs::data_of;
use crate::controllers::owned;
use crate::install::install_config::Facts as InstallConfig;
use crate::install::manager::documents;
use crate::runtime::At;

/// The installer's description and the account beside it; held from the first moment.
pub(super) async fn store_metadata(
    clusters: &Clusters,
    observed: &Observed,
    provision: &str,
) -> Result<(), Error> {
    let root = fresh(clusters, observed).await?;
    let reader = &clusters.shared.context.reader;
    let found = reader
        .get_live::<ClusterProvision>(observed.namespace(), provision)
        .await;
    let found = found.map_err(|source| Error::Read {
        what: "the attempt",
        source,
    })?;
    let metadata = found.as_ref().and_then(|found| found.spec.metadata_json());
    let Some(metadata) = metadata else {
        return Err(Error::Changed {
            what: format!("attempt {provision}"),
        });
    };
    let account = found
        .as_ref()
        .and_then(|found| found.annotations().get(CLOUD_ACCOUNT_ANNOTATION));
    let name = observed.metadata_secret();
    apply_metadata(
        clusters,
        observed,
        &root,
        &name,
        metadata,
        account.map(String::as_str),
    )
    .await
}

/// For a cluster that was installed elsewhere: what the ClusterDeployment says about it
/// (docs/spec/10 §18.2), with the domain that the installer would have written (§26.1 W24).
pub(super) async fn compose_metadata(
    clusters: &Clusters,
    observed: &Observed,
    name: &str,
) -> Result<(), Error> {
    let root = fresh(clusters, observed).await?;
    let Some(mut metadata) = composed(&root) else {
        return Err(Error::Changed {
            what: "spec.clusterMetadata".to_owned(),
        });
    };
    let endpoints = service_endpoints(clusters, &root).await?;
    if let Some(aws) = metadata.get_mut("aws").filter(|_| !endpoints.0.is_empty()) {
        aws["serviceEndpoints"] = json!(endpoints.0);
    }
    let text = metadata.to_string();
    let account = observed.account.as_deref();
    apply_metadata(clusters, observed, &root, name, text.as_bytes(), account).await
}

/// The cloud's own endpoints, where the install-config names some: without them a deletion would ask
/// another cloud.
async fn service_endpoints(
    clusters: &Clusters,
    root: &ClusterDeployment,
) -> Result<Endpoints, Error> {
    let wish = root.spec.provisioning.as_ref();
    let Some(name) = wish.and_then(|wish| wish.install_config_secret()) else {
        return Ok(Endpoints::default());
    };
    let reader = &clusters.shared.context.reader;
    let namespace = root.namespace().unwrap_or_default();
    let found = reader.get_live::<Secret>(&namespace, name).await;
    let found = found.map_err(|source| Error::Read {
        what: "the install-config",
        source,
    })?;
    let data = found.map(data_of).unwrap_or_default();
    let parsed = data
        .text(secret_key::INSTALL_CONFIG)
        .and_then(|text| InstallConfig::parse(text).ok());
    Ok(parsed.map(|parsed| parsed.endpoints).unwrap_or_default())
}

fn composed(root: &ClusterDeployment) -> Option<Value> {
    let spec = &root.spec;
    let identity = spec.cluster_metadata.as_ref()?;
    let infra_id = &identity.infra_id;
    let facts = identity.platform.as_ref();
    let mut metadata = json!({
        "clusterName": spec.cluster_name,
        "clusterID": identity.cluster_id,
        "infraID": infra_id,
    });
    let platform = &spec.platform;
    match platform.kind() {
        PlatformKind::Aws => {
            let role = facts.and_then(|facts| facts.aws.as_ref()?.hosted_zone_role.as_ref());
            metadata["aws"] = json!({
                "region": platform.region(),
                "clusterDomain": format!("{}.{}", spec.cluster_name, spec.base_domain),
                "identifier": [
                    { format!("kubernetes.io/cluster/{infra_id}"): "owned" },
                    { format!("sigs.k8s.io/cluster-api-provider-aws/cluster/{infra_id}"): "owned" },
                ],
                "hostedZoneRole": role,
            });
        }
        PlatformKind::Azure => {
            let azure = platform.azure.as_ref()?;
            let group = facts.and_then(|facts| facts.azure.as_ref()?.resource_group_name.as_ref());
            metadata["azure"] = json!({
                "cloudName": azure.cloud_name,
                "region": azure.region,
                "resourceGroupName": group,
                "baseDomainResourceGroupName": azure.base_domain_resource_group_name,
            });
        }
        // The project stands in the credentials only; the others need facts that no field has.
        PlatformKind::Gcp
        | PlatformKind::OpenStack
        | PlatformKind::VSphere
        | PlatformKind::BareMetal
        | PlatformKind::AgentBareMetal
        | PlatformKind::IbmCloud
        | PlatformKind::None
        | PlatformKind::Nutanix
        | PlatformKind::Unknown => {}
    }
    Some(metadata)
}

async fn apply_metadata(
    clusters: &Clusters,
    observed: &Observed,
    root: &ClusterDeployment,
    name: &str,
    metadata: &[u8],
    account: Option<&str>,
) -> Result<(), Error> {
    let labels = [
        (label::CLUSTER_DEPLOYMENT_NAME, observed.name()),
        (label::SECRET_TYPE, value::SECRET_TYPE_METADATA_JSON),
    ];
    let labels = labels
        .into_iter()
        .filter(|(_, value)| label::can_hold(value));
    let labels = labels
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let mut data = BTreeMap::from([(
        secret_key::METADATA_JSON.to_owned(),
        ByteString(metadata.to_vec()),
    )]);
    if let Some(account) = account {
        let account = ByteString(account.as_bytes().to_vec());
        data.insert(CLOUD_ACCOUNT_SECRET_KEY.to_owned(), account);
    }
    let mut secret = secret(observed, name, owner_of(root), labels, data);
    secret.metadata.finalizers = Some(vec![IN_USE_FINALIZER.to_owned()]);
    apply(clusters, &secret).await
}

/// The cluster's label and owner reference, and the kubeconfig as the installer wrote it under a key of
/// its own (docs/spec/10 §18.1 step 5).
pub(super) async fn claim_admin_secrets(
    clusters: &Clusters,
    observed: &Observed,
    names: &[String],
) -> Result<(), Error> {
    let root = fresh(clusters, observed).await?;
    let (reader, writer) = (
        &clusters.shared.context.reader,
        &clusters.shared.context.writer,
    );
    for name in names {
        let found = reader.get_live::<Secret>(observed.namespace(), name).await;
        let found = found.map_err(|source| Error::Read {
            what: "an admin Secret",
            source,
        })?;
        let Some(found) = found else { continue };
        let mut owners = found.owner_references().to_vec();
        if !owners.iter().any(|owner| owner.uid == observed.at.key.uid) {
            owners.push(owner_of(&root));
        }
        let mut body = json!({ "metadata": { "ownerReferences": owners } });
        if label::can_hold(observed.name()) {
            body["metadata"]["labels"] = json!({ label::CLUSTER_DEPLOYMENT_NAME: observed.name() });
        }
        let data = found.data.as_ref();
        let original = data.and_then(|data| data.get(secret_key::KUBECONFIG));
        let kept = data.is_some_and(|data| data.contains_key(secret_key::RAW_KUBECONFIG));
        if let (Some(original), false) = (original, kept) {
            body["data"][secret_key::RAW_KUBECONFIG] = json!(original);
        }
        let raw = data.and_then(|data| data.get(secret_key::RAW_KUBECONFIG));
        let authorities = clusters.shared.config.get().additional_ca.clone();
        if let (Some(raw), Some(authorities)) = (raw.or(original), authorities) {
            let with = with_authorities(raw, &authorities);
            if let Some(with) = with.filter(|with| Some(with) != original) {
                body["data"][secret_key::KUBECONFIG] = json!(with);
            }
        }
        let written = writer.merge::<Secret>(&At::of(&found), body).await;
        written.map_err(|source| Error::Write {
            what: format!("Secret {name}"),
            source,
        })?;
    }
    Ok(())
}

/// The kubeconfig with further authorities for every cluster that names some (docs/spec/10 §18.1); none if
/// it cannot be read, because then nobody can use it either.
fn with_authorities(ByteString(kubeconfig): &ByteString, pem: &str) -> Option<ByteString> {
    let text = std::str::from_utf8(kubeconfig).ok()?;
    let mut tree = documents::parse("kubeconfig", text).ok()?;
    let entries = tree.get_mut("clusters").and_then(Value::as_array_mut)?;
    for entry in entries {
        let data = entry.pointer_mut("/cluster/certificate-authority-data");
        let Some(data) = data else { continue };
        let Ok(ByteString(mut authorities)) = serde_json::from_value(data.clone()) else {
            continue;
        };
        if !authorities.ends_with(b"\n") {
            authorities.push(b'\n');
        }
        authorities.extend_from_slice(pem.as_bytes());
        *data = json!(ByteString(authorities));
    }
    let text = documents::write("kubeconfig", &tree).ok()?;
    Some(ByteString(text.into_bytes()))
}

/// A plain owner reference, beside whoever controls the object.
pub(super) fn owner_of(root: &ClusterDeployment) -> OwnerReference {
    OwnerReference {
        controller: None,
        ..owned::controller_of(root)
    }
}

/// A Secret of the cluster.
pub(super) fn secret(
    observed: &Observed,
    name: &str,
    owner: OwnerReference,
    labels: BTreeMap<String, String>,
    data: BTreeMap<String, ByteString>,
) -> Secret {
    Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(observed.namespace().to_owned()),
            labels: Some(labels),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        type_: Some("Opaque".to_owned()),
        data: Some(data),
        ..Secret::default()
    }
}

/// Makes a Secret what it should be.
pub(super) async fn apply(clusters: &Clusters, secret: &Secret) -> Result<(), Error> {
    let applied = clusters.shared.context.writer.apply(secret).await;
    let what = || format!("Secret {}", secret.name_any());
    applied.map(drop).map_err(|source| Error::Write {
        what: what(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// docs/spec/10 §18.1: "appended to every cluster entry that already has CA data".
    #[test]
    fn further_authorities_join_those_that_a_kubeconfig_names() {
        let encoded = |text: &str| json!(ByteString(text.as_bytes().to_vec()));
        let original = json!({
            "clusters": [
                {"name": "a", "cluster": {"server": "https://a", "certificate-authority-data": encoded("own")}},
                {"name": "b", "cluster": {"server": "https://b"}},
            ],
            "users": [{"name": "admin", "user": {"client-key-data": "skep-canary-7f3a"}}],
        });
        let written = ByteString(original.to_string().into_bytes());
        let ByteString(with) = with_authorities(&written, "more\n").unwrap();
        let mut expected = original;
        let data = "/clusters/0/cluster/certificate-authority-data";
        *expected.pointer_mut(data).unwrap() = encoded("own\nmore\n");
        let text = std::str::from_utf8(&with).unwrap();
        assert_eq!(documents::parse("kubeconfig", text).unwrap(), expected);
        // Made of the original each time, it does not grow.
        assert_eq!(with_authorities(&written, "more\n"), Some(ByteString(with)));
        assert_eq!(with_authorities(&ByteString(b"{".to_vec()), "more\n"), None);
    }
}
