//! What is seen to while a cluster is as it is wanted: whether it stays so (docs/spec/21 §5–6, §11).
//!
//! The machines are looked at once an hour, at a minute that follows from the cluster's uid, so that the
//! clusters of an account neither come at once nor each ask the cloud for itself. A cluster that sleeps is
//! not looked at. One that runs is looked at by the routine of all controllers, and falls out of `Ready`
//! only when something that was available is not any more: an operator that is busy, during an upgrade for
//! example, is none of its users' business.

use jiff::{SignedDuration, Timestamp};
use skep_crds::names::reason;
use skep_providers::power::{Machine, PowerState};

use super::diagnosis::{self, few};
use super::machines::{countable, progress};
use super::{PowerPlan, Step, later, recording, sleep, wake};
use crate::controllers::hibernation::observed::{Observed, Said, Sight};
use crate::controllers::hibernation::status::Status;
use crate::plan::{Note, Plan};
use crate::remote::view::Depth;
use crate::runtime::backoff::seed_of;

/// How often machines are looked at that should be as they are.
const DRIFT: SignedDuration = SignedDuration::from_hours(1);

/// How old a listing may be that serves a cluster in its turn: two an hour serve all of an account.
const SHARED: SignedDuration = SignedDuration::from_mins(30);

/// How often a running cluster is looked at, should nobody else do so.
const ROUTINE: SignedDuration = SignedDuration::from_mins(15);

/// A process that has just begun and has seen nothing yet takes the turns of so long ago as its own.
const JUST_NOW: SignedDuration = SignedDuration::from_mins(2);

pub(super) fn sleeping(observed: &Observed, now: Timestamp) -> PowerPlan {
    let seen = seen_since(observed, observed.hibernating.as_ref());
    let awake =
        |machine: &Machine| matches!(machine.power, PowerState::Running | PowerState::Pending);
    if seen.is_some_and(|machines| machines.iter().any(awake)) {
        return sleep::sleep(observed, now);
    }
    let expected = observed.expected.unwrap_or(1).max(1);
    let note = match (seen, &observed.fleet.sight) {
        (Some(machines), _) if countable(machines) < expected => {
            let words = format!(
                "the cluster is stopped; {expected} machines are expected, and {} are found",
                countable(machines)
            );
            Note::done(reason::HIBERNATING, words)
        }
        (Some(machines), _) => Note::done(
            reason::HIBERNATING,
            progress(machines, &PowerState::Stopped),
        ),
        (None, Sight::Lost { message, .. }) => {
            let words = format!("the cluster is stopped; its machines cannot be seen: {message}");
            Note::done(reason::HIBERNATING, words)
        }
        (None, Sight::Unseen | Sight::Seen { .. }) => {
            Note::done(reason::HIBERNATING, "the cluster is stopped")
        }
    };
    let status = Status {
        power_state: Some(reason::HIBERNATING),
        ..Status::default()
    };
    recording(in_turn_machines(Plan::nothing(), observed, now), status).because(note)
}

pub(super) fn running(observed: &Observed, now: Timestamp) -> PowerPlan {
    let stopped = |machine: &Machine| machine.power == PowerState::Stopped;
    let seen = seen_since(observed, observed.ready.as_ref());
    if seen.is_some_and(|machines| machines.iter().any(stopped)) {
        return wake::wake(observed, now);
    }
    let plan = in_turn_cluster(
        in_turn_machines(Plan::nothing(), observed, now),
        observed,
        now,
    );
    let lost = lost_operators(observed);
    if lost.is_empty() {
        // Its own conditions stay as they are; what others once wrote besides is put right.
        let plan = recording(plan, Status::running());
        return plan.because(Note::done(reason::RUNNING, "the cluster works"));
    }
    let words = format!("the cluster does not work any more: {}", few(&lost));
    let note = Note::failed(
        reason::WAITING_FOR_CLUSTER_OPERATORS,
        words.clone(),
        "it is looked at until it works again",
    );
    let status = Status::waking(reason::WAITING_FOR_CLUSTER_OPERATORS, &words);
    recording(plan, status).because(note)
}

/// What was available when the cluster became ready, and is not.
fn lost_operators(observed: &Observed) -> Vec<String> {
    let since = observed.ready.as_ref().map(|said| said.since);
    let look = observed.cluster.last.as_ref();
    let seen = look
        .filter(|look| since < Some(look.began))
        .and_then(|look| look.seen.as_ref().ok());
    let operators = seen.iter().flat_map(|seen| &seen.operators);
    operators
        .filter(|operator| operator.unavailable.is_some() && !observed.skips_operators)
        .filter_map(diagnosis::operator)
        .collect()
}

/// The machines, if they were seen since the condition holds.
fn seen_since<'a>(observed: &'a Observed, said: Option<&Said>) -> Option<&'a [Machine]> {
    let since = said.map(|said| said.since);
    observed
        .fleet
        .machines()
        .filter(|(at, _)| since < Some(*at))
        .map(|(_, machines)| machines)
}

fn in_turn_machines(plan: PowerPlan, observed: &Observed, now: Timestamp) -> PowerPlan {
    let fleet = &observed.fleet;
    let (due, next) = turn(observed, fleet.asked, DRIFT, now);
    if due && !fleet.looking {
        plan.and_step(Step::LookAtMachines {
            max_age: SHARED.unsigned_abs(),
        })
    } else {
        plan.again_at(next)
    }
}

fn in_turn_cluster(plan: PowerPlan, observed: &Observed, now: Timestamp) -> PowerPlan {
    let last = observed.cluster.last.as_ref().map(|look| look.at);
    let (due, next) = turn(observed, last, ROUTINE, now);
    if due && !observed.cluster.looking {
        plan.and_step(Step::Look {
            depth: Depth::Routine,
        })
    } else {
        plan.again_at(next)
    }
}

/// Whether a cluster's turn has come since `last`, and when the next one comes. The turns of a cluster are
/// a period apart, and those of different clusters are spread over it.
fn turn(
    observed: &Observed,
    last: Option<Timestamp>,
    period: SignedDuration,
    now: Timestamp,
) -> (bool, Timestamp) {
    let length = period.as_secs().max(1);
    let offset = i64::try_from(seed_of(&observed.at.key.uid) % length.unsigned_abs());
    let into = (now.as_second() - offset.unwrap_or(0)).rem_euclid(length);
    // A whole second, whatever part of it has passed: what was looked at in it was looked at in this turn.
    let began = Timestamp::from_second(now.as_second() - into).unwrap_or(now);
    let due = match last {
        Some(last) => last < began,
        None => SignedDuration::from_secs(into) <= JUST_NOW,
    };
    (due, later(began, SignedDuration::from_secs(length)))
}
