//! Reads which sets select a cluster, and what its `ClusterSync` says, from the stores alone.

use kube::ResourceExt as _;
use skep_crds::condition::find;
use skep_crds::names::{annotation, condition::cluster_sync};
use skep_crds::{ClusterDeployment, ClusterSync, SyncSet};

use super::{CLUSTERS, Observed, Outcome, selector};
use crate::controllers::context::Stores;
use crate::controllers::gates;
use crate::runtime::{Observation, bell};

pub(super) fn observe(stores: &Stores, root: &ClusterDeployment) -> Observation<Observed> {
    if let Some(gate) = gates::closed(root) {
        return Observation::Skip(gate.note());
    }
    let (namespace, name) = (root.namespace().unwrap_or_default(), root.name_any());
    let paused = root.annotations().get(annotation::SYNCSET_PAUSE);
    let outcome = match stores.cluster_syncs.get(&namespace, &name) {
        Some(report) => reported(&report),
        None => unreported(stores, root, &bell::reference(&namespace, &name)),
    };
    Observation::Of(Observed {
        paused: annotation::is_true(paused.map(String::as_str)),
        outcome,
    })
}

fn reported(report: &ClusterSync) -> Outcome {
    let status = report.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_deref());
    let failed = find(conditions.unwrap_or_default(), cluster_sync::FAILED);
    match failed.filter(|failed| failed.is_true()) {
        Some(failed) => Outcome::Failed {
            message: failed.message().to_owned(),
        },
        None => Outcome::Applied,
    }
}

fn unreported(stores: &Stores, root: &ClusterDeployment, reference: &str) -> Outcome {
    let (named, selecting) = (&stores.sync_sets, &stores.selector_sync_sets);
    let by_name = named.indexed(CLUSTERS, reference);
    let by_name = by_name
        .first()
        .map(|set| format!("SyncSet {}", set.name_any()));
    let by_labels = || {
        let all = selecting.all();
        let set = all.iter().find(|set| {
            let wanted = set.spec.cluster_deployment_selector.as_ref();
            wanted.is_none_or(|wanted| selector::selects(wanted, root.labels()))
        });
        set.map(|set| format!("SelectorSyncSet {}", set.name_any()))
    };
    match by_name.or_else(by_labels) {
        Some(set) => Outcome::Unreported { set },
        None if named.undecodable() + selecting.undecodable() > 0 => Outcome::Unclear,
        None => Outcome::NothingSelected,
    }
}

pub(super) fn clusters_of(set: &SyncSet) -> Vec<String> {
    let namespace = set.namespace().unwrap_or_default();
    let clusters = set.spec.cluster_deployment_refs.iter();
    clusters
        .map(|cluster| bell::reference(&namespace, &cluster.name))
        .collect()
}
