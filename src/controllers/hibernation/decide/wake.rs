//! How a cluster is started (docs/spec/21 §6): the control plane first, then the workers, and then, step
//! by step, until nodes and operators are well. Certificate requests are approved as they come; what is
//! missing is named at each step, and after [`LONGEST_WAKE`] somebody is called.

use jiff::{SignedDuration, Timestamp};
use skep_crds::ConditionStatus;
use skep_crds::names::reason;
use skep_providers::power::{Machine, PowerState};

use super::diagnosis::{self, few};
use super::machines::{Tier, Verb, has_quorum, progress, targets};
use super::timer::LONGEST_WAKE;
use super::{PowerPlan, Step, later, pace, recording, watching_cluster, watching_machines};
use crate::controllers::hibernation::csr;
use crate::controllers::hibernation::observed::{Look, Observed, Sight, Sighted};
use crate::controllers::hibernation::status::Status;
use crate::plan::{Note, Plan};
use crate::remote::view::{Depth, MachineSeen, WakingSeen};

/// How long operators are given to notice that they have woken, if none of them shows that it has.
const SETTLING: SignedDuration = SignedDuration::from_mins(2);

/// Machines that run are looked at again so often while the rest comes up.
const RUNNING_PACE: SignedDuration = SignedDuration::from_mins(1);

/// Reasons of `Ready` that a wake goes through.
const WAKING: [&str; 6] = [
    reason::STARTING_MACHINES,
    reason::FAILED_TO_START_MACHINES,
    reason::WAITING_FOR_MACHINES,
    reason::WAITING_FOR_NODES,
    reason::PAUSING_FOR_CLUSTER_OPERATORS_TO_SETTLE,
    reason::WAITING_FOR_CLUSTER_OPERATORS,
];

/// How far a wake has come, and what is missing.
enum Stage {
    Machines(String),
    /// Nothing is known of the cluster since its machines run.
    Unseen,
    Nodes(String),
    Settling(String),
    Operators(String),
    Done,
}

pub(super) fn wake(observed: &Observed, now: Timestamp) -> PowerPlan {
    let Some((_, machines)) = observed.fleet.machines() else {
        return unseen(observed, now);
    };
    let tiers = tiers_to_start(machines);
    let stage = stage(observed, machines, now);
    if matches!(stage, Stage::Done) {
        let note = Note::done(reason::RUNNING, "the cluster works").as_event();
        return Plan::record(Status::running()).because(note);
    }
    let mut plan = Plan::nothing();
    for tier in &tiers {
        plan = plan.and_step(Step::Start(*tier));
    }
    let pace = wake_pace(observed, now);
    let machine_pace = match stage {
        Stage::Machines(_) => pace,
        Stage::Unseen
        | Stage::Nodes(_)
        | Stage::Settling(_)
        | Stage::Operators(_)
        | Stage::Done => pace.max(RUNNING_PACE),
    };
    plan = watching_machines(plan, observed, machine_pace, now);
    // Nodes of the control plane may need certificates before the last worker runs.
    if has_quorum(machines) {
        plan = attend(plan, observed, machines);
        plan = watching_cluster(plan, observed, Depth::Waking, pace, now);
    }
    conclude(plan, observed, stage, !tiers.is_empty(), now)
}

/// What the stage becomes on record, and for people.
fn conclude(
    plan: PowerPlan,
    observed: &Observed,
    stage: Stage,
    starts: bool,
    now: Timestamp,
) -> PowerPlan {
    let failed = observed
        .failures
        .start
        .as_deref()
        .filter(|_| starts && has_begun(observed));
    let (reason, words) = match stage {
        Stage::Machines(words) => match failed {
            Some(why) => (
                reason::FAILED_TO_START_MACHINES,
                format!("{why}; {words} (step 1/4)"),
            ),
            None if starts && !has_started(observed) => {
                (reason::STARTING_MACHINES, format!("{words} (step 1/4)"))
            }
            None => (reason::WAITING_FOR_MACHINES, format!("{words} (step 1/4)")),
        },
        Stage::Unseen if is_new(observed) => return undecided(plan),
        Stage::Unseen => (
            reason::WAITING_FOR_NODES,
            "the machines run; the cluster has not answered yet (step 2/4)".to_owned(),
        ),
        Stage::Nodes(words) => (reason::WAITING_FOR_NODES, format!("{words} (step 2/4)")),
        Stage::Settling(words) => (
            reason::PAUSING_FOR_CLUSTER_OPERATORS_TO_SETTLE,
            format!("{words} (step 3/4)"),
        ),
        Stage::Operators(words) => (
            reason::WAITING_FOR_CLUSTER_OPERATORS,
            format!("{words} (step 4/4)"),
        ),
        Stage::Done => (reason::RUNNING, String::new()),
    };
    let began = observed.resumed().filter(|_| has_begun(observed));
    let overdue = began.is_some_and(|began| later(began, LONGEST_WAKE) <= now);
    let words = if overdue {
        format!("{words}; {}", diagnose(observed))
    } else {
        words
    };
    let note = match (failed, overdue) {
        (Some(_), _) => Note::failed(reason, words.clone(), AGAIN),
        (None, true) => Note::failed(reason, words.clone(), "it is looked at every few minutes"),
        (None, false) if starts => Note::progress(reason, words.clone()).as_event(),
        (None, false) => Note::waiting(reason, words.clone(), "the cluster", began),
    };
    let plan = match began.filter(|_| !overdue) {
        Some(began) => plan.again_at(later(began, LONGEST_WAKE)),
        None => plan,
    };
    recording(plan, Status::waking(reason, &words)).because(note)
}

const AGAIN: &str = "it is tried again with growing delays";

/// What a person should know who is called because a wake takes too long.
fn diagnose(observed: &Observed) -> String {
    let mut words = "this takes longer than 30 minutes".to_owned();
    let open = waking(observed)
        .map(diagnosis::requests)
        .unwrap_or_default();
    if !open.is_empty() {
        words = format!("{words}; certificate requests that wait: {}", few(&open));
    }
    words
}

fn undecided(plan: PowerPlan) -> PowerPlan {
    let words = "the cluster is looked at for the first time";
    let note = Note::waiting(reason::WAITING_FOR_NODES, words, "the cluster", None);
    recording(plan, Status::undecided()).because(note)
}

/// Nothing is known of the machines, or nothing since they were last told something.
fn unseen(observed: &Observed, now: Timestamp) -> PowerPlan {
    let plan = watching_machines(Plan::nothing(), observed, wake_pace(observed, now), now);
    if let Sight::Lost { message, .. } = &observed.fleet.sight {
        let words = format!("the machines cannot be seen: {message}");
        let status = Status::waking(reason::FAILED_TO_START_MACHINES, &words);
        let note = Note::failed(reason::FAILED_TO_START_MACHINES, words, AGAIN);
        return recording(plan, status).because(note);
    }
    let words = "the cloud is asked for the machines of the cluster (step 1/4)";
    let note = Note::waiting(reason::STARTING_MACHINES, words, "the cloud", None);
    if has_begun(observed) {
        return plan.because(note);
    }
    if is_new(observed) {
        return undecided(plan);
    }
    recording(plan, Status::waking(reason::STARTING_MACHINES, words)).because(note)
}

/// Whether the cluster was never seen to run or to sleep.
fn is_new(observed: &Observed) -> bool {
    observed
        .ready
        .as_ref()
        .is_none_or(|said| said.status == ConditionStatus::Unknown)
}

fn has_begun(observed: &Observed) -> bool {
    let ready = observed.ready.as_ref();
    ready.is_some_and(|said| said.is_false_for(&WAKING))
}

/// Whether the machines were told to start already.
fn has_started(observed: &Observed) -> bool {
    let ready = observed.ready.as_ref();
    ready.is_some_and(|said| said.is_false_for(&WAKING) && said.reason != reason::STARTING_MACHINES)
}

/// Since when the wake makes no progress says how often it is looked at.
fn wake_pace(observed: &Observed, now: Timestamp) -> SignedDuration {
    let ready = observed.ready.as_ref().filter(|_| has_begun(observed));
    pace(ready.map(|said| said.written), now)
}

/// The workers follow when the control plane can decide without those of its machines that do not run.
fn tiers_to_start(machines: &[Machine]) -> Vec<Tier> {
    let stopped = |tier: &Tier| !targets(machines, *tier, Verb::Start).is_empty();
    let tiers = [Tier::ControlPlane, Tier::Workers];
    tiers
        .into_iter()
        .filter(|tier| *tier == Tier::ControlPlane || has_quorum(machines))
        .filter(stopped)
        .collect()
}

/// The last look, if it began after the machines were started.
fn last_look(observed: &Observed) -> Option<&Look> {
    let look = observed.cluster.last.as_ref()?;
    let acted = observed.fleet.acted;
    let after_act = acted.is_none_or(|acted| acted < look.began);
    let after_sleep = !observed.is_hibernating() && observed.resumed() < Some(look.began);
    (after_act && after_sleep).then_some(look)
}

fn waking(observed: &Observed) -> Option<&WakingSeen> {
    last_look(observed)?.seen.as_ref().ok()?.waking.as_ref()
}

fn stage(observed: &Observed, machines: &[Machine], now: Timestamp) -> Stage {
    if machines.is_empty() {
        let words = "no machine of the cluster is found in its account";
        return Stage::Machines(words.to_owned());
    }
    let running = |machine: &Machine| machine.power == PowerState::Running;
    if !machines.iter().all(running) {
        return Stage::Machines(progress(machines, &PowerState::Running));
    }
    let Some(look) = last_look(observed) else {
        return Stage::Unseen;
    };
    let seen = match &look.seen {
        Err(why) => return Stage::Nodes(format!("the cluster does not answer yet: {why}")),
        Ok(seen) => seen,
    };
    let Some(waking) = &seen.waking else {
        return Stage::Unseen;
    };
    let missing = diagnosis::nodes(waking);
    if waking.nodes.is_empty() {
        return Stage::Nodes("the cluster has no node yet".to_owned());
    }
    if !missing.is_empty() {
        return Stage::Nodes(format!("nodes that are not ready: {}", few(&missing)));
    }
    let taken = taken_away(observed, waking, machines);
    if !taken.is_empty() {
        return Stage::Nodes(format!("spot machines that are made anew: {}", few(&taken)));
    }
    operators(observed, seen, now)
}

fn operators(observed: &Observed, seen: &Sighted, now: Timestamp) -> Stage {
    if observed.skips_operators {
        return Stage::Done;
    }
    if !have_noticed(observed, seen, now) {
        let words = "the nodes are ready; the cluster's operators get time to notice";
        return Stage::Settling(words.to_owned());
    }
    let troubled: Vec<String> = seen
        .operators
        .iter()
        .filter_map(diagnosis::operator)
        .collect();
    if seen.operators.is_empty() {
        return Stage::Operators("no operator of the cluster has reported yet".to_owned());
    }
    if troubled.is_empty() {
        return Stage::Done;
    }
    Stage::Operators(format!("operators that are not well: {}", few(&troubled)))
}

/// Whether what the operators say of themselves is of this wake: one of them has said something new since
/// it began, or had the time to.
fn have_noticed(observed: &Observed, seen: &Sighted, now: Timestamp) -> bool {
    let Some(ready) = observed.ready.as_ref().filter(|_| !is_new(observed)) else {
        return true;
    };
    let paused = ready.is_false_for(&[reason::PAUSING_FOR_CLUSTER_OPERATORS_TO_SETTLE]);
    let resumed = observed.resumed();
    ready.is_false_for(&[reason::WAITING_FOR_CLUSTER_OPERATORS])
        || (paused && now.duration_since(ready.written) >= SETTLING)
        || seen
            .operators
            .iter()
            .any(|operator| resumed < operator.changed)
}

/// Certificate requests that may be approved, and spot machines that are gone.
fn attend(plan: PowerPlan, observed: &Observed, machines: &[Machine]) -> PowerPlan {
    let (Some(look), Some(waking)) = (last_look(observed), waking(observed)) else {
        return plan;
    };
    // What was changed since is not in it.
    if observed
        .cluster
        .acted
        .is_some_and(|acted| look.began <= acted)
    {
        return plan;
    }
    let good = waking
        .requests
        .iter()
        .filter(|request| request.settled.is_none())
        .filter(|request| csr::check(request, &waking.nodes, &waking.machines).is_ok());
    let names: Vec<String> = good.map(|request| request.name.clone()).collect();
    let taken = taken_away(observed, waking, machines);
    let plan = if names.is_empty() {
        plan
    } else {
        plan.and_step(Step::Approve { names })
    };
    if taken.is_empty() {
        plan
    } else {
        plan.and_step(Step::ReplaceMachines { names: taken })
    }
}

/// Spot machines of the cluster whose instances its cloud does not have any more: stopping deleted them,
/// or the cloud took them away. One that shows any sign of life is left alone.
fn taken_away(observed: &Observed, waking: &WakingSeen, machines: &[Machine]) -> Vec<String> {
    let alive = |machine: &MachineSeen| {
        let instance = machines.iter().any(|instance| {
            instance.name == machine.name || instance.id.ends_with(machine.name.as_str())
        });
        let node = machine.node.as_ref().is_some_and(|name| {
            let mut nodes = waking.nodes.iter();
            nodes.any(|node| node.ready && node.name == *name)
        });
        let failed = machine
            .phase
            .as_deref()
            .is_none_or(|phase| phase == "Failed");
        let updated = observed.resumed() < machine.last_updated && !failed;
        instance || node || updated
    };
    let spot = waking
        .machines
        .iter()
        .filter(|machine| machine.interruptible && !machine.deleting);
    spot.filter(|machine| !alive(machine))
        .map(|machine| machine.name.clone())
        .collect()
}
