//! Decides when a cluster is looked at and what is said of it.

use std::time::Duration;

use jiff::Timestamp;
use skep_crds::condition::{ConditionStatus, Verdict};
use skep_crds::names::condition::cd;
use skep_crds::names::reason::{CLUSTER_REACHABLE, ERROR_CONNECTING_TO_CLUSTER};

use super::{Observed, Status, Step};
use crate::plan::{Note, Plan};
use crate::remote::{Depth, Failure, FailureClass, Route, View};
use crate::runtime::backoff::{Backoff, seed_of};
use crate::runtime::clock::after;

/// Between two looks at a cluster that answers. An outage is noticed within it, and a fleet of a thousand
/// is looked at less than twice a second.
pub(super) const ROUTINE: Duration = Duration::from_mins(10);

/// Between two looks at a cluster that sleeps: it might have been woken by hand.
pub(super) const ASLEEP: Duration = Duration::from_hours(2);

/// After looks that failed. The first come soon, so that a cluster is not called unreachable for an API
/// server that was only restarting; the longest is docs/spec/32 §2's.
const AFTER_FAILURE: Backoff = Backoff::new(Duration::from_secs(10), Duration::from_secs(1000));

/// Looks in a row that must fail before a cluster that answered is called unreachable (docs/spec/32,
/// weakness 3): together with their delays at least twenty seconds.
pub(super) const IN_A_ROW: u32 = 3;

pub(super) fn decide(observed: &Observed, now: Timestamp) -> Plan<Status, Step> {
    let known = &observed.known;
    let mut plan = Plan::nothing();
    if let Some(view) = &known.view {
        plan = match conclusion(observed, view) {
            Some(verdicts) => Plan::record(Status { verdicts }),
            None => plan,
        };
        plan = plan.because(note(observed, view));
    }
    if known.looking {
        return plan;
    }
    match due(observed) {
        Some(due) if due > now => plan.again_at(due),
        Some(_) | None => plan.and_step(Step::Look {
            target: observed.target.clone(),
            depth: Depth::Routine,
        }),
    }
}

/// What the conditions should say; `None`: it is too early to tell.
fn conclusion(observed: &Observed, view: &View) -> Option<Vec<Verdict>> {
    let overridden = observed.target.url_override.is_some();
    let says = |type_, holds: bool, reason: &str, message: &str| {
        Verdict::new(type_, ConditionStatus::from(holds), reason, message)
    };
    let reached = |active| {
        let mut verdicts = vec![says(
            cd::UNREACHABLE,
            false,
            CLUSTER_REACHABLE,
            "the cluster answers",
        )];
        verdicts.extend(active);
        verdicts
    };
    let broken = |failure: &Failure| {
        let reason = ERROR_CONNECTING_TO_CLUSTER;
        overridden.then(|| says(cd::ACTIVE_API_URL_OVERRIDE, false, reason, &failure.message))
    };
    match (&view.seen, &view.primary) {
        (Ok(_), Ok(())) => Some(reached(overridden.then(|| {
            let message = "the override of the API's URL works";
            says(
                cd::ACTIVE_API_URL_OVERRIDE,
                true,
                CLUSTER_REACHABLE,
                message,
            )
        }))),
        (Ok(_), Err(primary)) => Some(reached(broken(primary))),
        (Err(_), _) if !is_certain(observed, view) => None,
        (Err(failure), primary) => {
            let message = message(failure, primary.as_ref().err(), view.through);
            let reason = ERROR_CONNECTING_TO_CLUSTER;
            let mut verdicts = vec![says(cd::UNREACHABLE, true, reason, &message)];
            verdicts.extend(broken(primary.as_ref().err().unwrap_or(failure)));
            Some(verdicts)
        }
    }
}

/// Whether a look that failed is enough to say so.
fn is_certain(observed: &Observed, view: &View) -> bool {
    let failed = |class: FailureClass| match class {
        // No other try comes to anything else.
        FailureClass::Refused | FailureClass::NoKubeconfig | FailureClass::Unauthorized => true,
        FailureClass::Dial | FailureClass::Tls | FailureClass::Timeout | FailureClass::Server => {
            false
        }
    };
    let answered = observed.reported == Some(ConditionStatus::False);
    // A look that is under way is counted already.
    let under_way = u32::from(observed.known.looking);
    let in_a_row = observed.known.failures.saturating_sub(under_way);
    !answered || in_a_row >= IN_A_ROW || view.seen.as_ref().is_err_and(|why| failed(why.class))
}

/// Both errors where there are two ways.
fn message(failure: &Failure, primary: Option<&Failure>, through: Route) -> String {
    match (through, primary) {
        (Route::Secondary, Some(primary)) if primary != failure => {
            format!("by the override: {primary}; by the kubeconfig's own URL: {failure}")
        }
        (Route::Primary | Route::Secondary, _) => failure.message.clone(),
    }
}

/// When the cluster is looked at again; `None`: it never was, or what leads to it has changed.
fn due(observed: &Observed) -> Option<Timestamp> {
    let known = &observed.known;
    let tried = known.tried.filter(|_| !known.changed)?;
    let seed = seed_of(&observed.target.key.uid);
    let wait = match (observed.asleep, known.failures) {
        (true, _) => spread(ASLEEP, seed),
        (false, 0) => spread(ROUTINE, seed),
        (false, failures) => AFTER_FAILURE.delay(failures, seed),
    };
    Some(after(tried, wait))
}

/// At least the period, and up to a quarter more by the seed: a fleet does not come back at once.
fn spread(period: Duration, seed: u64) -> Duration {
    Backoff::new(period, period).delay(1, seed) + period / 4
}

fn note(observed: &Observed, view: &View) -> Note {
    match &view.seen {
        Ok(_) => Note::done(CLUSTER_REACHABLE, "the cluster answers"),
        Err(failure) if observed.asleep => Note::waiting(
            failure.class.name(),
            "the cluster sleeps and does not answer",
            "its machines",
            None,
        ),
        Err(failure) => {
            let next = "it is looked at again with growing delays";
            // The condition tells it; an Event with every new wording would be noise.
            Note::failed(failure.class.name(), &*failure.message, next).quiet()
        }
    }
}
