//! How a cluster is stopped (docs/spec/21 §5): not before it is safe, workers first, the control plane
//! last, and not called stopped before as many machines are as there were.

use jiff::{SignedDuration, Timestamp};
use skep_crds::names::reason;
use skep_providers::power::{Machine, PowerState};

use super::diagnosis::{self, few};
use super::machines::{Tier, Verb, countable, has_quorum, of_tier, progress, targets};
use super::{PowerPlan, Step, later, pace, recording, watching_cluster, watching_machines};
use crate::controllers::hibernation::observed::{Observed, Sight, Sighted, SyncSets};
use crate::controllers::hibernation::status::Status;
use crate::plan::{Note, Plan};
use crate::remote::view::Depth;

/// A cluster is not stopped for so long after its installation if what is synced to it was not applied
/// yet (docs/spec/21 §2).
const FIRST_SYNC: SignedDuration = SignedDuration::from_mins(10);

/// How old may be what a cluster looked like when it is decided whether it would wake again.
const FRESH: SignedDuration = SignedDuration::from_mins(2);

/// How often a cluster is looked at that is held.
const HELD_PACE: SignedDuration = SignedDuration::from_mins(1);

/// A cluster that does not answer is stopped after so long: most of them cannot be reached from the hub
/// at all, and they cost money.
const UNANSWERED: SignedDuration = SignedDuration::from_mins(10);

/// The control plane waits so long, without progress, for workers that are on their way.
const STRAGGLERS: SignedDuration = SignedDuration::from_mins(10);

/// Operators without which a cluster does not come up again.
const VITAL: [&str; 6] = [
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "machine-config",
    "openshift-apiserver",
];

/// Whether machines of this cluster were told to stop already, the last time that it was to be.
fn has_begun(observed: &Observed) -> bool {
    observed
        .ready
        .as_ref()
        .is_some_and(|said| said.is_false_for(&[reason::STOPPING_OR_HIBERNATING]))
}

pub(super) fn sleep(observed: &Observed, now: Timestamp) -> PowerPlan {
    let begun = has_begun(observed);
    if !begun && let Some(plan) = awaits_sync_sets(observed, now) {
        return plan;
    }
    let Some((at, machines)) = observed.fleet.machines() else {
        return unseen(observed, begun, now);
    };
    if !begun && let Some(plan) = is_held(observed, machines, now) {
        return plan;
    }
    stop(observed, at, machines, begun, now)
}

/// What is synced to a cluster is applied once before it first sleeps, so that it wakes as it should be.
pub(super) fn awaits_sync_sets(observed: &Observed, now: Timestamp) -> Option<PowerPlan> {
    let mark = later(observed.timer.installed?, FIRST_SYNC);
    if observed.sync_sets == SyncSets::Applied || observed.forced || mark <= now {
        return None;
    }
    let words = "the SyncSets of the cluster were not applied yet; it is stopped when they are, or \
                 10 minutes after its installation";
    let status = Status {
        power_state: Some(reason::SYNC_SETS_NOT_APPLIED),
        ..Status::before_sleep(reason::SYNC_SETS_NOT_APPLIED, words)
    };
    let note = Note::waiting(
        reason::SYNC_SETS_NOT_APPLIED,
        words,
        "the ClusterSync",
        observed.timer.installed,
    );
    Some(Plan::record(status).again_at(mark).because(note))
}

/// Whether the cluster, stopped now, might not wake again.
fn is_held(observed: &Observed, machines: &[Machine], now: Timestamp) -> Option<PowerPlan> {
    if observed.forced || !may_answer(observed, machines) {
        return None;
    }
    let last = observed.cluster.last.as_ref();
    let fresh = last.filter(|look| now.duration_since(look.at) <= FRESH);
    let watched =
        |plan: PowerPlan, pace| watching_cluster(plan, observed, Depth::Routine, pace, now);
    let Some(look) = fresh else {
        let words = "whether the cluster would wake again is looked at before it is stopped";
        let note = Note::waiting(reason::skep::HIBERNATION_HELD, words, "the cluster", None);
        return Some(watched(Plan::nothing(), SignedDuration::ZERO).because(note));
    };
    let words = match &look.seen {
        Ok(seen) => {
            let found = dangers(seen);
            if found.is_empty() {
                return None;
            }
            format!(
                "the cluster might not wake again: {}; it is stopped when that is over, or at once with \
                 the annotation skep.dev/force-hibernation",
                few(&found)
            )
        }
        Err(_) if has_waited_for_an_answer(observed, now) => return None,
        Err(_) => {
            "the cluster does not answer, so it is not known whether it would wake again; it is \
                   stopped after 10 minutes without an answer, or at once with the annotation \
                   skep.dev/force-hibernation"
                .to_owned()
        }
    };
    let status = Status::before_sleep(reason::skep::HIBERNATION_HELD, &words);
    let note = Note::blocked(
        reason::skep::HIBERNATION_HELD,
        words,
        "the cluster",
        String::new(),
    );
    let plan = watched(Plan::nothing(), HELD_PACE).because(note);
    Some(recording(plan, status))
}

/// Whether there can be an API that answers: not while the machines are only coming up, or are down.
fn may_answer(observed: &Observed, machines: &[Machine]) -> bool {
    let coming_up = [
        reason::STARTING_MACHINES,
        reason::FAILED_TO_START_MACHINES,
        reason::WAITING_FOR_MACHINES,
    ];
    let ready = observed.ready.as_ref();
    has_quorum(machines) && !ready.is_some_and(|said| said.is_false_for(&coming_up))
}

fn has_waited_for_an_answer(observed: &Observed, now: Timestamp) -> bool {
    observed.hibernating.as_ref().is_some_and(|said| {
        said.is_false_for(&[reason::skep::HIBERNATION_HELD])
            && now.duration_since(said.written) >= UNANSWERED
    })
}

fn dangers(seen: &Sighted) -> Vec<String> {
    let upgrade = seen.upgrading.then(|| "an upgrade is under way".to_owned());
    let vital = seen.operators.iter().filter(|operator| {
        VITAL.contains(&operator.name.as_str())
            && (operator.unavailable.is_some() || operator.degraded.is_some())
    });
    upgrade
        .into_iter()
        .chain(vital.filter_map(diagnosis::operator))
        .collect()
}

/// Nothing is known of the machines, or nothing since they were last told something.
fn unseen(observed: &Observed, begun: bool, now: Timestamp) -> PowerPlan {
    let plan = watching_machines(Plan::nothing(), observed, stop_pace(observed, now), now);
    let Sight::Lost { message, .. } = &observed.fleet.sight else {
        let words = "the cloud is asked for the machines of the cluster";
        let note = Note::waiting(reason::STOPPING, words, "the cloud", None);
        return plan.because(note);
    };
    recording(plan, failed(message, begun)).because(failed_note(message))
}

fn failed(message: &str, begun: bool) -> Status {
    let words = format!("the machines could not be stopped: {message}");
    if begun {
        return Status::stopping(reason::FAILED_TO_STOP, &words);
    }
    // None was told to stop: the cluster is as ready as it was.
    Status {
        power_state: Some(reason::FAILED_TO_STOP),
        ..Status::before_sleep(reason::FAILED_TO_STOP, &words)
    }
}

fn failed_note(message: &str) -> Note {
    let words = format!("the machines could not be stopped: {message}");
    Note::failed(
        reason::FAILED_TO_STOP,
        words,
        "it is tried again with growing delays",
    )
}

/// Since when nothing has changed about a stop that is under way.
fn still_since(observed: &Observed) -> Option<Timestamp> {
    let stopping = [
        reason::STOPPING,
        reason::WAITING_FOR_MACHINES_TO_STOP,
        reason::FAILED_TO_STOP,
    ];
    let said = observed.hibernating.as_ref();
    said.filter(|said| said.is_false_for(&stopping))
        .map(|said| said.written)
}

fn stop_pace(observed: &Observed, now: Timestamp) -> SignedDuration {
    pace(still_since(observed), now)
}

fn stop(
    observed: &Observed,
    at: Timestamp,
    machines: &[Machine],
    begun: bool,
    now: Timestamp,
) -> PowerPlan {
    let seen = countable(machines);
    if seen > 0 && must_count(observed.expected, seen, begun) {
        let words = format!("{seen} machines of the cluster are to be stopped");
        return Plan::step(Step::RecordExpectedMachines { count: seen })
            .because(Note::progress(reason::STOPPING, words));
    }
    let expected = observed.expected.unwrap_or(1).max(1);
    if is_stopped(machines, expected) {
        if !is_news(observed, at) {
            return watching_machines(Plan::nothing(), observed, SignedDuration::ZERO, now);
        }
        let words = progress(machines, &PowerState::Stopped);
        let note = Note::done(reason::HIBERNATING, words.clone()).as_event();
        return Plan::record(Status::hibernating(&words)).because(note);
    }
    let tier = tier_to_stop(observed, machines, now);
    let plan = match tier {
        Some(tier) => Plan::step(Step::Stop(tier)),
        None => Plan::nothing(),
    };
    let plan = watching_machines(plan, observed, stop_pace(observed, now), now);
    let failure = observed
        .failures
        .stop
        .as_ref()
        .filter(|_| begun && tier.is_some());
    if let Some(message) = failure {
        return recording(plan, failed(message, begun)).because(failed_note(message));
    }
    let mut words = progress(machines, &PowerState::Stopped);
    let missing = expected.saturating_sub(seen);
    if missing > 0 {
        words = format!(
            "{words}; {expected} are expected, {missing} of them cannot be found in the account (if \
             they are gone for good, set the annotation skep.dev/expected-machines to {})",
            seen.max(1)
        );
    }
    let status = if begun {
        Status::stopping(reason::WAITING_FOR_MACHINES_TO_STOP, &words)
    } else if tier.is_some() {
        Status::stopping(reason::STOPPING, &words)
    } else {
        // Nothing can be told to stop, and nothing is stopped: it is only waited for.
        Status {
            power_state: Some(reason::WAITING_FOR_MACHINES_TO_STOP),
            ..Status::before_sleep(reason::WAITING_FOR_MACHINES_TO_STOP, &words)
        }
    };
    let note = if begun || tier.is_none() {
        Note::waiting(
            reason::WAITING_FOR_MACHINES_TO_STOP,
            words,
            "the cloud",
            observed.hibernating.as_ref().map(|said| said.written),
        )
    } else {
        Note::progress(reason::STOPPING, words).as_event()
    };
    recording(plan, status).because(note)
}

/// Counted anew for each sleep; once machines are told to stop, only more are believed.
const fn must_count(expected: Option<u32>, seen: u32, begun: bool) -> bool {
    match expected {
        None => true,
        Some(expected) if begun => expected < seen,
        Some(expected) => expected != seen,
    }
}

/// All that are there are stopped, and none is missing.
fn is_stopped(machines: &[Machine], expected: u32) -> bool {
    let all = machines
        .iter()
        .all(|machine| machine.power == PowerState::Stopped);
    all && countable(machines) >= expected
}

/// Whether the machines were seen since the condition was last written: what an earlier lead or an earlier
/// sleep saw says nothing.
fn is_news(observed: &Observed, at: Timestamp) -> bool {
    observed
        .hibernating
        .as_ref()
        .is_none_or(|said| said.written <= at)
}

/// The tier whose machines are told to stop now.
fn tier_to_stop(observed: &Observed, machines: &[Machine], now: Timestamp) -> Option<Tier> {
    let running = |tier| !targets(machines, tier, Verb::Stop).is_empty();
    if running(Tier::Workers) {
        return Some(Tier::Workers);
    }
    let straggling =
        of_tier(machines, Tier::Workers).any(|machine| machine.power != PowerState::Stopped);
    let waited = still_since(observed).is_some_and(|since| now.duration_since(since) >= STRAGGLERS);
    (running(Tier::ControlPlane) && (!straggling || waited)).then_some(Tier::ControlPlane)
}
