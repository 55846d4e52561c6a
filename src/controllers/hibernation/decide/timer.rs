//! When a cluster is stopped by itself (docs/spec/21 §4).
//!
//! The period begins with the latest of: the installation, the claim, the last wake. A cluster that falls
//! out of `Ready` for a while and comes back, because it is upgraded or has trouble, does not get a new
//! period for it: a wake counts as over [`LONGEST_WAKE`] after it began.

use jiff::{SignedDuration, Timestamp};
use skep_crds::ConditionStatus;
use skep_crds::names::reason;

use super::{PowerPlan, Step, later};
use crate::controllers::hibernation::observed::{Observed, Pool};
use crate::plan::{Note, Plan};

/// Longer than a wake takes whose cluster is well.
pub(super) const LONGEST_WAKE: SignedDuration = SignedDuration::from_mins(30);

/// When the period is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// There is none, or it does not run.
    Never,
    /// Then.
    At(Timestamp),
    /// It is over.
    Now,
}

pub(super) fn due(observed: &Observed, now: Timestamp) -> Due {
    let timer = &observed.timer;
    let hibernating = observed.hibernating.as_ref();
    let ready = observed.ready.as_ref();
    let never_slept = hibernating.is_none_or(|said| said.status == ConditionStatus::Unknown);
    let claimed = match timer.pool {
        // Nobody runs it, so nobody's time is over: its pool decides.
        Pool::Free => return Due::Never,
        Pool::None => None,
        Pool::Claimed(at) => Some(at),
    };
    let Some(after) = timer.after.filter(|_| observed.is_ready() || never_slept) else {
        return Due::Never;
    };
    let woken = ready
        .filter(|_| observed.is_ready())
        .map(|ready| match hibernating {
            Some(said) if said.status == ConditionStatus::False => {
                ready.since.min(later(said.since, LONGEST_WAKE))
            }
            Some(_) | None => ready.since,
        });
    let Some(began) = timer.installed.max(claimed).max(woken) else {
        return Due::Never;
    };
    let over = later(began, after);
    if over <= now { Due::Now } else { Due::At(over) }
}

/// The specification is changed, so that whoever wants the cluster back says so.
pub(super) fn stop() -> PowerPlan {
    let words = "the time after which the cluster is stopped (spec.hibernateAfter) is over";
    Plan::step(Step::SetHibernating).because(Note::progress(reason::HIBERNATING, words).as_event())
}
