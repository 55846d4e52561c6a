//! Why a cluster runs or sleeps, or is on its way: from its wish and its conditions.
//!
//! What the hibernation controller sees of machines and nodes lives in its process alone; the messages of
//! its conditions say it. The words of each state stand in one table.

use kube::ResourceExt as _;
use skep_crds::condition::find;
use skep_crds::names::condition::cd::{HIBERNATING, READY};
use skep_crds::names::skep::FORCE_HIBERNATION_ANNOTATION;
use skep_crds::names::{annotation, reason};
use skep_crds::v1::cluster_deployment::PowerState;
use skep_crds::{ClusterDeployment, Condition};

use crate::plan::Note;

/// The conditions that the note tells of.
pub(super) const TOLD: [&str; 2] = [HIBERNATING, READY];

/// What a reason on record means.
enum Meaning {
    /// It is on its way, and this is what has to come next.
    Waits(&'static str),
    /// It went wrong and is tried again.
    Fails,
    /// A person decides.
    Held,
}

/// On the way to sleep: reasons of `Hibernating`.
const TO_SLEEP: &[(&str, Meaning)] = &[
    (
        reason::STOPPING,
        Meaning::Waits("its machines in the cloud"),
    ),
    (
        reason::WAITING_FOR_MACHINES_TO_STOP,
        Meaning::Waits("its machines in the cloud"),
    ),
    (reason::FAILED_TO_STOP, Meaning::Fails),
    (
        reason::SYNC_SETS_NOT_APPLIED,
        Meaning::Waits("its SyncSets, or ten minutes since its installation"),
    ),
    (reason::skep::HIBERNATION_HELD, Meaning::Held),
];

/// On the way up: reasons of `Ready`.
const TO_RUN: &[(&str, Meaning)] = &[
    (
        reason::STARTING_MACHINES,
        Meaning::Waits("its machines in the cloud"),
    ),
    (
        reason::WAITING_FOR_MACHINES,
        Meaning::Waits("its machines in the cloud"),
    ),
    (reason::FAILED_TO_START_MACHINES, Meaning::Fails),
    (reason::WAITING_FOR_NODES, Meaning::Waits("its nodes")),
    (
        reason::PAUSING_FOR_CLUSTER_OPERATORS_TO_SETTLE,
        Meaning::Waits("its operators"),
    ),
    (
        reason::WAITING_FOR_CLUSTER_OPERATORS,
        Meaning::Waits("its operators"),
    ),
];

/// Reasons of either condition that tell of the time before the wish.
const BEFORE: &[&str] = &[
    reason::INITIALIZED,
    reason::RESUMING_OR_RUNNING,
    reason::SYNC_SETS_APPLIED,
    reason::STOPPING_OR_HIBERNATING,
];

/// The note on an installed cluster's power; `None` while it runs as it should, and where the power is
/// nobody's business.
pub(super) fn note(cluster: &ClusterDeployment) -> Option<Note> {
    if !cluster.spec.installed || cluster.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let paused = cluster.annotations().get(annotation::POWERSTATE_PAUSE);
    if annotation::is_true(paused.map(String::as_str)) {
        return Some(Note::waiting(
            reason::POWER_STATE_PAUSED,
            "a person manages the machines",
            format!("its annotation {} to go", annotation::POWERSTATE_PAUSE),
            None,
        ));
    }
    let hibernating = find(cluster.conditions(), HIBERNATING);
    let ready = find(cluster.conditions(), READY);
    let sleeps = hibernating.is_some_and(Condition::is_true);
    let runs = ready.is_some_and(Condition::is_true);
    let is_wanted_asleep = cluster.spec.power_state == Some(PowerState::Hibernating);
    if is_wanted_asleep {
        if sleeps {
            let name = cluster.name_any();
            let words =
                format!("the cluster is stopped as it is wanted; skep resume cd {name} starts it");
            return Some(Note::done(reason::HIBERNATING, words));
        }
        let told = hibernating.filter(|told| !BEFORE.contains(&told.reason()));
        if let Some(told) = told
            && told.reason() == reason::UNSUPPORTED
        {
            return Some(Note::blocked(
                reason::UNSUPPORTED,
                format!("the cluster is to hibernate and cannot: {}", told.message()),
                "the platform",
                "set spec.powerState to Running",
            ));
        }
        return Some(on_the_way(
            told,
            TO_SLEEP,
            "the cluster is to hibernate, and nothing was done about it yet",
        ));
    }
    if runs && !sleeps {
        return None;
    }
    // Nobody has judged it yet: an operator without power management.
    let ready = ready.filter(|told| told.is_false() || sleeps)?;
    let told = Some(ready).filter(|told| !BEFORE.contains(&told.reason()));
    Some(on_the_way(
        told,
        TO_RUN,
        "the cluster is to run, and nothing was done about it yet",
    ))
}

fn on_the_way(told: Option<&Condition>, table: &[(&str, Meaning)], otherwise: &str) -> Note {
    let Some(told) = told else {
        return Note::waiting(
            "PowerStateAsked",
            otherwise,
            "the hibernation controller",
            None,
        );
    };
    let (reason, message) = (told.reason(), told.message());
    let since = told.last_transition_time.map(|time| time.0);
    let known = table.iter().find(|(known, _)| *known == reason);
    match known.map(|(_, meaning)| meaning) {
        Some(Meaning::Waits(on)) => Note::waiting(reason, message, *on, since),
        Some(Meaning::Fails) => Note::failed(reason, message, "it is tried again"),
        Some(Meaning::Held) => Note::blocked(
            reason,
            message,
            "the state of the cluster",
            format!("mend it, or set the annotation {FORCE_HIBERNATION_ANNOTATION} to \"true\""),
        ),
        // A reason of another version.
        None => Note::waiting(reason, message, "what it says", since),
    }
}
