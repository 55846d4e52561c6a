//! What is recorded of a cluster whose power is not managed (docs/spec/21 §3, steps 2–5).

use skep_crds::names::reason;

use super::PowerPlan;
use crate::controllers::hibernation::observed::Gate;
use crate::controllers::hibernation::status::Status;
use crate::plan::{Note, Plan};

pub(super) fn shut(gate: &Gate) -> PowerPlan {
    match gate {
        Gate::Deleting => {
            let words = "the ClusterDeployment is being deleted";
            Plan::record(Status::unknown(reason::CLUSTER_DEPLOYMENT_DELETED, words))
                .because(Note::progress(reason::CLUSTER_DEPLOYMENT_DELETED, words))
        }
        // Both conditions are initialised, and that is all.
        Gate::NotInstalled => Plan::record(Status::default()).because(Note::waiting(
            reason::INITIALIZED,
            "the cluster is not installed",
            "the installation",
            None,
        )),
        Gate::Paused => {
            let words = "a person manages the machines";
            Plan::record(Status::unknown(reason::POWER_STATE_PAUSED, words)).because(Note::waiting(
                reason::POWER_STATE_PAUSED,
                words,
                "the annotation hive.openshift.io/powerstate-pause to go",
                None,
            ))
        }
        Gate::NoMetadata => {
            let words = "spec.installed is set without spec.clusterMetadata: nobody knows which \
                         machines are the cluster's";
            let fix = "set spec.clusterMetadata";
            Plan::record(Status::default()).because(
                Note::blocked(
                    reason::skep::METADATA_INCOMPLETE,
                    words,
                    "the ClusterDeployment",
                    fix,
                )
                .quiet(),
            )
        }
        Gate::Unsupported(why) => Plan::record(Status::unsupported(why))
            .because(Note::done(reason::UNSUPPORTED, why.as_str())),
    }
}
