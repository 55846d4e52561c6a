//! Reads what is known of a cluster, from the ClusterDeployment and the memory of looks. Nothing leaves the
//! process.

use skep_crds::ClusterDeployment;
use skep_crds::condition::{find, is_true};
use skep_crds::names::condition::cd;

use super::Observed;
use crate::controllers::gates::{self, Gate};
use crate::remote::{Remotes, Target};
use crate::runtime::Observation;

pub(super) fn observe(remotes: &Remotes, root: &ClusterDeployment) -> Observation<Observed> {
    if let Some(gate) = gates::closed(root) {
        return Observation::Skip(gate.note());
    }
    let Some(target) = Target::of(root) else {
        return Observation::Skip(Gate::NoMetadata.note());
    };
    let conditions = root.conditions();
    let reported = find(conditions, cd::UNREACHABLE);
    Observation::Of(Observed {
        known: remotes.known(&target),
        target,
        reported: reported.map(|condition| condition.status.clone()),
        asleep: is_true(conditions, cd::HIBERNATING),
    })
}
