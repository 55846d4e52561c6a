//! An erasure without a ClusterDeprovision: in a namespace that is going away, where none can be created,
//! and after an attempt that vanished.

use jiff::Timestamp;

use super::super::observed::Observed;
use super::{Building, Step};
use crate::controllers::erasure::State;
use crate::plan::Note;

/// Plans it; tells whether nothing is left.
pub(super) fn decide(plan: &mut Building, observed: &Observed, now: Timestamp) -> bool {
    let infra_id = observed
        .identity
        .as_ref()
        .map_or("", |identity| identity.infra_id.as_str());
    if observed.settings.deprovisions_disabled {
        plan.note(disabled());
        return false;
    }
    if !observed.platform.supported {
        plan.note(Note::blocked(
            skep_crds::names::reason::skep::PLATFORM_NOT_SUPPORTED,
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
            message, retry_at, ..
        } => {
            let what = format!("{infra_id} could not be erased: {message}");
            plan.note(Note::failed(
                "ErasureFailed",
                what,
                format!("tried again at {retry_at}"),
            ));
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

/// Nothing is deleted from any cloud.
pub(super) fn disabled() -> Note {
    Note::blocked(
        "DeprovisionsDisabled",
        "deleting clusters from their clouds is switched off on this hub",
        "DEPROVISIONS_DISABLED of the operator",
        "switch it on again",
    )
}
