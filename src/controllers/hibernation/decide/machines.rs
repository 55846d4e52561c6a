//! Which machines of a cluster a step is about, and how many are where they should be.
//!
//! Workers are stopped before the control plane, so that what they run ends while there is somebody to
//! tell it so, and the control plane is started before the workers. A machine in between, or in a state
//! that the cloud has its own word for, counts as neither running nor stopped.

use skep_providers::power::{Machine, PowerState};

use super::diagnosis::few;

/// The machines that are stopped and started together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tier {
    /// Those that run the control plane; all, if the cloud does not tell which do.
    ControlPlane,
    /// The others.
    Workers,
}

/// Which machines a start or stop of a tier is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Those that are stopped. Never one that is on its way to be.
    Start,
    /// Those that run. One that is only starting cannot be stopped yet.
    Stop,
}

/// The machines of a tier that a step is about.
pub(in crate::controllers::hibernation) fn targets(
    machines: &[Machine],
    tier: Tier,
    verb: Verb,
) -> Vec<Machine> {
    let wanted = match verb {
        Verb::Start => PowerState::Stopped,
        Verb::Stop => PowerState::Running,
    };
    of_tier(machines, tier)
        .filter(|machine| machine.power == wanted)
        .cloned()
        .collect()
}

/// The machines of a tier.
pub(super) fn of_tier(machines: &[Machine], tier: Tier) -> impl Iterator<Item = &Machine> {
    let told_apart = machines.iter().any(|machine| machine.control_plane);
    machines.iter().filter(move |machine| {
        let leads = machine.control_plane || !told_apart;
        leads == (tier == Tier::ControlPlane)
    })
}

/// Whether more than half of the control plane's machines run: enough for the cluster's store to agree.
pub(super) fn has_quorum(machines: &[Machine]) -> bool {
    let all = of_tier(machines, Tier::ControlPlane).count();
    let running = of_tier(machines, Tier::ControlPlane)
        .filter(|machine| machine.power == PowerState::Running)
        .count();
    running * 2 > all
}

/// How many machines are expected to be there when the cluster is stopped. A spot machine may be gone
/// then: where it cannot be stopped it is deleted.
pub(super) fn countable(machines: &[Machine]) -> u32 {
    let counted = machines.iter().filter(|machine| !machine.spot).count();
    u32::try_from(counted).unwrap_or(u32::MAX)
}

/// "4 of 6 machines are stopped; not yet: a (running), b (stopping)".
pub(super) fn progress(machines: &[Machine], goal: &PowerState) -> String {
    let there = machines
        .iter()
        .filter(|machine| machine.power == *goal)
        .count();
    let mut others: Vec<String> = machines
        .iter()
        .filter(|machine| machine.power != *goal)
        .map(|machine| format!("{} ({})", name(machine), word(&machine.power)))
        .collect();
    others.sort_unstable();
    let all = machines.len();
    let verb = if *goal == PowerState::Stopped {
        "are stopped"
    } else {
        "run"
    };
    if others.is_empty() {
        return format!("{there} of {all} machines {verb}");
    }
    format!(
        "{there} of {all} machines {verb}; not yet: {}",
        few(&others)
    )
}

pub(super) fn name(machine: &Machine) -> &str {
    if machine.name.is_empty() {
        &machine.id
    } else {
        &machine.name
    }
}

fn word(power: &PowerState) -> &str {
    match power {
        PowerState::Pending => "starting",
        PowerState::Running => "running",
        PowerState::Stopping => "stopping",
        PowerState::Stopped => "stopped",
        PowerState::Other(word) => word,
    }
}
