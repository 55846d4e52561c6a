//! An order in a person's hands: the controller's own gates, asked of the hub as it is now (docs/spec/20 §3,
//! step 3, and §5).
//!
//! There is one set of gates. What a person may do is decided here from the same facts by the same function;
//! nothing is done here, and no cloud is asked.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::ResourceExt as _;
use skep_crds::names::finalizer;
use skep_crds::platform::{DeprovisionPlatform, aws};
use skep_crds::{ClusterDeployment, ClusterDeprovision, ClusterDeprovisionSpec};

use super::gates::gates;
use super::observe::observe;
use super::{Deprovisions, Error};
use crate::controllers::context::Shared;
use crate::controllers::owned;
use crate::runtime::{Freshness, Guarded, Memory};

/// Why an order must not be carried out, and what a person should do; `None`: it may be.
///
/// # Errors
/// Not everything that the gates depend on can be read: they stay shut.
pub async fn refusal(
    shared: &Shared,
    root: &Arc<ClusterDeprovision>,
) -> Result<Option<String>, Error> {
    let clusters = shared.context.reader.list_live("", "").await;
    let clusters = clusters.map_err(|source| Error::Read {
        what: "the ClusterDeployments of the hub, of which another may use the cluster",
        source,
    })?;
    // The operator's watches keep this store; here one list does.
    let store = &shared.stores.clusters;
    store.list_begins();
    for cluster in clusters {
        store.listed(Guarded(Ok(cluster)));
    }
    store.list_ends();
    let deprovisions = Deprovisions {
        shared: shared.clone(),
        started: Arc::default(),
    };
    let observed = observe(&deprovisions, root, Freshness::Live, &Memory::default()).await?;
    Ok(gates(&observed).err().map(|gate| gate.note.event_text()))
}

/// Whether the operator erases the cluster, or will as soon as it sees that the gates are open: its order is
/// not complete, or there is none yet for a cluster that it holds.
pub fn is_in_operators_hands(
    order: Option<&ClusterDeprovision>,
    cluster: &ClusterDeployment,
) -> bool {
    let held = || {
        let mut finalizers = cluster.finalizers().iter();
        finalizers.any(|name| name == finalizer::DEPROVISION)
    };
    order.map_or_else(held, |order| !order.is_completed())
}

/// The order that the hub would give for a cluster, for one that has none yet. `None`: nothing was created.
pub fn order_of(cluster: &ClusterDeployment) -> Option<ClusterDeprovision> {
    let infra_id = cluster.infra_id()?.to_owned();
    let metadata = cluster.spec.cluster_metadata.as_ref()?;
    let found = metadata
        .platform
        .as_ref()
        .and_then(|platform| platform.aws.as_ref());
    let platform = cluster.spec.platform.aws.as_ref();
    let aws = platform.map(|platform| aws::Deprovision {
        credentials_assume_role: platform.credentials_assume_role.clone(),
        credentials_secret_ref: platform.credentials_secret_ref.clone(),
        hosted_zone_role: found.and_then(|found| found.hosted_zone_role.clone()),
        region: platform.region.clone(),
    });
    let spec = ClusterDeprovisionSpec {
        base_domain: Some(cluster.spec.base_domain.clone()),
        cluster_id: Some(metadata.cluster_id.clone()),
        cluster_name: Some(cluster.spec.cluster_name.clone()),
        infra_id,
        metadata_json_secret_ref: metadata.metadata_json_secret_ref.clone(),
        platform: Some(DeprovisionPlatform {
            aws,
            ..DeprovisionPlatform::default()
        }),
    };
    let mut order = ClusterDeprovision::new(&cluster.name_any(), spec);
    order.metadata.namespace = cluster.namespace();
    let owner: OwnerReference = owned::controller_of(cluster);
    order.metadata.owner_references = Some(vec![owner]);
    Some(order)
}
