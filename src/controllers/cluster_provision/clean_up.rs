//! Decides how what a failed attempt left in its cloud is erased (docs/spec/10 §12, §26.2 S8).
//!
//! It must never erase anything while the attempt's pod may still create things, nor while deletions are
//! switched off on this hub. What it cannot do is on record, because the next attempt waits for it.

use jiff::{SignedDuration, Timestamp};
use skep_crds::names::condition::skep::CLEAN_UP_STALLED;
use skep_crds::names::reason;

use super::decide::{AttemptPlan, Step};
use super::observed::Observed;
use super::status::{Status, Verdict};
use crate::controllers::erasure::{State as CleanUp, Words};
use crate::plan::{Note, Plan};

/// How often a setting is looked at that nothing rings for.
const SETTING_INTERVAL: SignedDuration = SignedDuration::from_secs(30);

/// What a failed attempt left behind is erased at once, not when the next one starts (docs/spec/10
/// §26.2 S8), and never while its pod may still create things.
pub(super) fn failed(observed: &Observed, now: Timestamp) -> AttemptPlan {
    let name = &observed.name;
    if observed.cleaned_up {
        return Plan::nothing().because(Note::done("CleanedUp", "nothing of this attempt is left"));
    }
    if observed.pods.may_still_act() {
        return Plan::nothing().because(Note::waiting(
            "WaitingForPod",
            "clean-up starts when the install pod has ended",
            format!("the pod of ClusterProvision {name}"),
            None,
        ));
    }
    let Some(infra_id) = &observed.infra_id else {
        return Plan::step(Step::DeleteAdminSecrets)
            .and_step(Step::MarkCleanedUp)
            .because(Note::progress(
                "NothingToCleanUp",
                "the attempt ended before it created anything",
            ));
    };
    match &observed.clean_up {
        CleanUp::Finished { summary, .. } => Plan::step(Step::DeleteAdminSecrets)
            .and_step(Step::MarkCleanedUp)
            .intending(going_on(reason::skep::CLEANED_UP, summary))
            .because(Note::done("CleanedUp", summary.clone()).as_event()),
        CleanUp::Idle | CleanUp::Running { .. } | CleanUp::Failing { .. } if observed.disabled => {
            switched_off(observed, infra_id, now)
        }
        CleanUp::Idle => {
            let message = "what the failed attempt left in the cloud is erased";
            Plan::step(Step::StartCleanUp)
                .intending(going_on(reason::skep::STARTING, message))
                .because(Note::progress("CleaningUp", message).as_event())
        }
        CleanUp::Running { summary, since, .. } => Plan::nothing().because(Note::waiting(
            "CleaningUp",
            format!("what the failed attempt left in the cloud is erased: {summary}"),
            "the cloud",
            Some(*since),
        )),
        CleanUp::Failing {
            trouble,
            message,
            retry_at,
        } => {
            let message = format!("{}{message}", observed.unerased());
            let status = Status::of(Verdict::holds(CLEAN_UP_STALLED, trouble.reason(), &message));
            let plan = if now >= *retry_at {
                Plan::step(Step::StartCleanUp).intending(status)
            } else {
                Plan::record(status).again_at(*retry_at)
            };
            plan.because(trouble.note(
                &message,
                Words {
                    cluster: &observed.cluster,
                    credentials: &observed.credentials,
                    description: &format!("ClusterProvision {name}"),
                },
            ))
        }
    }
}

/// Nothing is deleted from any cloud, this attempt's remains included.
fn switched_off(observed: &Observed, infra_id: &str, now: Timestamp) -> AttemptPlan {
    let why = reason::skep::DEPROVISIONS_DISABLED;
    let message = format!(
        "what the attempt left behind ({infra_id}) is not erased: deletions from clouds are switched off \
         for this hub"
    );
    let status = Status::of(Verdict::holds(CLEAN_UP_STALLED, why, &message));
    let plan = stop_if_running(observed);
    let plan = if plan.has_effects() {
        plan.intending(status)
    } else {
        plan.then_record(status)
    };
    plan.again_at(
        now.saturating_add(SETTING_INTERVAL)
            .unwrap_or(Timestamp::MAX),
    )
    .because(Note::waiting(why, message, "the setting deprovisionsDisabled", None).as_event())
}

/// Ends a clean-up between two calls.
pub(super) fn stop_if_running(observed: &Observed) -> AttemptPlan {
    match observed.clean_up {
        CleanUp::Running { .. } => Plan::step(Step::StopCleanUp),
        CleanUp::Idle | CleanUp::Failing { .. } | CleanUp::Finished { .. } => Plan::nothing(),
    }
}

/// Nothing keeps a clean-up any more.
fn going_on(reason: &str, message: &str) -> Status {
    Status::of(Verdict::holds_not(CLEAN_UP_STALLED, reason, message))
}
