//! Decides what `SyncSetFailed` says (docs/spec/31 §9.3). The clock has no part in it.

use skep_crds::condition::Verdict;
use skep_crds::names::condition::cd;
use skep_crds::names::reason;

use super::{Observed, Outcome, Step};
use crate::plan::{Note, Plan};

pub(super) fn decide(observed: &Observed) -> Plan<Verdict, Step> {
    let type_ = cd::SYNC_SET_FAILED;
    let well = |message| Verdict::holds_not(type_, reason::SYNC_SET_APPLY_SUCCESS, message);
    let verdict = match (&observed.outcome, observed.paused) {
        (Outcome::NothingSelected, _) => well("no set selects the cluster"),
        (Outcome::Applied, _) => well("all sets that select the cluster were applied"),
        (Outcome::Failed { message }, _) => {
            Verdict::holds(type_, reason::SYNC_SET_APPLY_FAILURE, message)
        }
        (Outcome::Unreported { set }, true) => {
            let message = format!("{set} selects the cluster, and syncing is paused");
            Verdict::holds(type_, reason::SYNC_SET_PAUSED, &message)
        }
        (Outcome::Unreported { set }, false) => {
            let message = format!("{set} selects the cluster, and there is no ClusterSync yet");
            Verdict::holds(type_, reason::MISSING_CLUSTER_SYNC, &message)
        }
        (Outcome::Unclear, _) => {
            let words = "a SyncSet or SelectorSyncSet cannot be read; it might select the cluster";
            return Plan::nothing().because(Note::waiting("SetUnreadable", words, "the set", None));
        }
    };
    let note = match &observed.outcome {
        Outcome::Unreported { .. } => {
            Note::waiting(&*verdict.reason, &*verdict.message, "its ClusterSync", None)
        }
        Outcome::Failed { .. } => {
            let next = "whoever syncs tries again";
            Note::failed(&*verdict.reason, &*verdict.message, next).quiet()
        }
        Outcome::NothingSelected | Outcome::Applied | Outcome::Unclear => {
            Note::done(&*verdict.reason, &*verdict.message)
        }
    };
    Plan::record(verdict).because(note)
}
