//! Reads the held Secrets of a namespace, and who refers to them. Of their contents only an infra ID leaves.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use kube::ResourceExt as _;
use skep_crds::ClusterDeployment;
use skep_crds::names::secret_key;
use skep_crds::names::skep::IN_USE_FINALIZER;
use skep_providers::SecretData;

use super::{Free, Meta, Observed};
use crate::controllers::context::Shared;
use crate::controllers::inputs::is_held;
use crate::controllers::secrets::{self, HELD, REFERS};
use crate::runtime::{Freshness, Key, RequestError, bell};

pub(super) async fn observe(
    shared: &Shared,
    namespace: &str,
    how: Freshness,
) -> Result<Observed, RequestError> {
    let stores = &shared.stores;
    let free: Vec<Arc<Meta>> = match how {
        Freshness::Cached => {
            let mut held = stores.secrets.indexed(HELD, namespace);
            held.retain(|secret| {
                let reference = bell::reference(namespace, &secret.name_any());
                stores.clusters.indexed(REFERS, &reference).is_empty()
            });
            held
        }
        // In this order: who holds a Secret was there before.
        Freshness::Live => {
            let reader = &shared.context.reader;
            let mut held = reader.list_live::<Meta>(namespace, "").await?;
            held.retain(|secret| is_held(secret, IN_USE_FINALIZER));
            let clusters = reader.list_live::<ClusterDeployment>(namespace, "").await?;
            let referred: BTreeSet<String> = clusters
                .iter()
                .flat_map(|cluster| secrets::refers(cluster, &secrets::HubSecrets::default()))
                .collect();
            held.retain(|secret| {
                !referred.contains(&bell::reference(namespace, &secret.name_any()))
            });
            held
        }
    };
    let mut observed = Observed::default();
    for secret in free {
        let name = secret.name_any();
        let described = shared
            .inputs
            .secret(how, (namespace, &name), "infra-id", infra_id)
            .await?;
        let created = secret.creation_timestamp();
        let free = Free {
            key: Key::of(secret.as_ref()),
            created: created.map_or(Timestamp::UNIX_EPOCH, |time| time.0),
            deleting: secret.metadata.deletion_timestamp.is_some(),
            infra_id: described.known().cloned().flatten(),
        };
        observed.free.insert(name, free);
    }
    Ok(observed)
}

pub(super) fn infra_id(data: &SecretData) -> Option<String> {
    let metadata = data.get(secret_key::METADATA_JSON)?;
    let metadata: serde_json::Value = serde_json::from_slice(metadata).ok()?;
    let infra_id = metadata.get("infraID")?.as_str()?;
    (!infra_id.is_empty()).then(|| infra_id.to_owned())
}
