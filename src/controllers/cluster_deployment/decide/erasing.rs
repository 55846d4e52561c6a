//! An erasure without a ClusterDeprovision: in a namespace that is going away, where none can be created,
//! and after an attempt that vanished.

use jiff::Timestamp;
use skep_crds::names::reason;

use super::super::observed::Observed;
use super::{Building, Step};
use crate::controllers::erasure::{State, Words};
use crate::plan::Note;

/// Plans it; tells whether nothing is left.
pub(super) fn decide(plan: &mut Building, observed: &Observed, now: Timestamp) -> bool {
    let infra_id = observed
        .identity
        .as_ref()
        .map_or("", |identity| identity.infra_id.as_str());
    if let Some(other) = &observed.used_by {
        if observed.erasure != State::Idle {
            plan.step(Step::AbandonErasure);
        }
        plan.note(Note::blocked(
            reason::skep::IN_USE_BY_ANOTHER,
            in_use(infra_id, other),
            format!("ClusterDeployment {other}"),
            "delete that one too to have the cluster deleted, or set spec.preserveOnDelete here to \
             have it kept",
        ));
        return false;
    }
    if observed.settings.deprovisions_disabled {
        plan.note(disabled());
        return false;
    }
    if !observed.platform.supported {
        plan.note(Note::blocked(
            reason::skep::PLATFORM_NOT_SUPPORTED,
            format!("{infra_id} cannot be erased: its platform is not supported by this version"),
            format!("platform {}", observed.platform.kind.label()),
            "delete its resources yourself and set spec.preserveOnDelete to true",
        ));
        return false;
    }
    match &observed.erasure {
        State::Idle => {
            plan.step(Step::StartErasure);
            plan.note(Note::progress("Erasing", format!("{infra_id} is erased")).as_event());
            false
        }
        State::Running { summary, since, .. } => {
            plan.note(Note::waiting(
                "Erasing",
                summary.clone(),
                "the cloud",
                Some(*since),
            ));
            false
        }
        State::Failing {
            trouble,
            message,
            retry_at,
        } => {
            let what = format!("{infra_id} could not be erased: {message}");
            let words = Words {
                cluster: observed.name(),
                credentials: "the cluster's credentials",
                description: &observed.metadata_secret(),
            };
            plan.note(trouble.note(&what, words));
            if now >= *retry_at {
                plan.step(Step::StartErasure);
            } else {
                plan.again_at(*retry_at);
            }
            false
        }
        State::Finished { summary, .. } => {
            plan.note(Note::done("Erased", summary.clone()).as_event());
            true
        }
    }
}

/// What keeps a cluster from being erased that somebody else calls his.
pub(super) fn in_use(infra_id: &str, other: &str) -> String {
    format!(
        "ClusterDeployment {other} carries infra ID {infra_id} as well, and is not being deleted"
    )
}

/// Nothing is deleted from any cloud.
pub(super) fn disabled() -> Note {
    Note::blocked(
        "DeprovisionsDisabled",
        "deleting clusters from their clouds is switched off on this hub",
        "DEPROVISIONS_DISABLED of the operator",
        "switch it on again",
    )
}
