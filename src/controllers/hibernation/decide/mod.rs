//! Decides what becomes of a cluster's machines (docs/spec/21 §3–6).
//!
//! One file per question: may the power be managed ([`gates`]), is the cluster due to be stopped
//! ([`timer`]), how is it stopped ([`sleep`]) and started ([`wake`]), and what is seen to while nothing is
//! to be done ([`steady`]). [`machines`] knows which machines a step is about, [`diagnosis`] says in words
//! what is missing.
//!
//! It must never stop a machine of a cluster that is wanted running, never start one that is on its way
//! to be stopped, and never call a cluster stopped because nothing, or less than expected, was seen of it.

mod diagnosis;
mod gates;
mod machines;
mod sleep;
mod steady;
mod timer;
mod wake;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::observed::{Observed, Sight, Wanted};
use super::status::Status;
use crate::plan::{Note, Plan};
use crate::remote::view::Depth;

pub(super) use machines::targets;
pub use machines::{Tier, Verb};

/// One effect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// It is written down how many machines must be stopped for the cluster to be.
    RecordExpectedMachines {
        /// So many.
        count: u32,
    },
    /// The specification says that the cluster is to be stopped: its time is over.
    SetHibernating,
    /// The cloud is asked for the machines, as a task.
    LookAtMachines {
        /// How old an answer may be.
        max_age: Duration,
    },
    /// The machines of this tier that run are told to stop.
    Stop(Tier),
    /// The machines of this tier that are stopped are told to start.
    Start(Tier),
    /// The cluster is looked at, as a task.
    Look {
        /// How much of it.
        depth: Depth,
    },
    /// Certificate requests are approved.
    Approve {
        /// Their names.
        names: Vec<String>,
    },
    /// Machines whose instances the cloud has taken away are made anew.
    ReplaceMachines {
        /// Their names inside the cluster.
        names: Vec<String>,
    },
}

impl Step {
    /// Whether what the stores say is enough to take it: it changes nothing anywhere, or is refused if the
    /// ClusterDeployment is another one by now.
    pub const fn rests_on_root(&self) -> bool {
        match self {
            Self::SetHibernating | Self::LookAtMachines { .. } | Self::Look { .. } => true,
            Self::RecordExpectedMachines { .. }
            | Self::Stop(_)
            | Self::Start(_)
            | Self::Approve { .. }
            | Self::ReplaceMachines { .. } => false,
        }
    }
}

/// A plan of this controller.
pub(super) type PowerPlan = Plan<Status, Step>;

/// Decides.
pub(super) fn decide(observed: &Observed, now: Timestamp) -> PowerPlan {
    if let Some(gate) = &observed.gate {
        return gates::shut(gate);
    }
    match (observed.wanted, observed.is_settled(), observed.fake) {
        (Wanted::Running, settled, fake) => match timer::due(observed, now) {
            timer::Due::Now => timer::stop(),
            due @ (timer::Due::Never | timer::Due::At(_)) => {
                let plan = match (settled, fake) {
                    (_, true) => pretended(Status::running()),
                    (true, false) => steady::running(observed, now),
                    (false, false) => wake::wake(observed, now),
                };
                // The period goes on beside whatever else there is to look at.
                match due {
                    timer::Due::At(when) => plan.again_at(when),
                    timer::Due::Never | timer::Due::Now => plan,
                }
            }
        },
        (Wanted::Hibernating, _, true) => sleep::awaits_sync_sets(observed, now)
            .unwrap_or_else(|| pretended(Status::hibernating(PRETENDED))),
        (Wanted::Hibernating, true, false) => steady::sleeping(observed, now),
        (Wanted::Hibernating, false, false) => sleep::sleep(observed, now),
    }
}

const PRETENDED: &str = "the cluster is pretended; it has no machines";

fn pretended(status: Status) -> PowerPlan {
    Plan::record(status).because(Note::done("Pretended", PRETENDED))
}

/// `status` is on record before the steps, or, without any, from now on.
fn recording(plan: PowerPlan, status: Status) -> PowerPlan {
    if plan.has_effects() {
        plan.intending(status)
    } else {
        plan.then_record(status)
    }
}

/// After an answer that was of no use.
const SOON: SignedDuration = SignedDuration::from_secs(2);

/// How often something is looked at that has not changed since `since`: often while it is new, and less
/// and less the longer nothing happens. A person who just asked for a cluster waits for seconds; a cluster
/// that has not got on for an hour needs somebody, not a look every few seconds.
fn pace(since: Option<Timestamp>, now: Timestamp) -> SignedDuration {
    let still = since.map_or(SignedDuration::ZERO, |since| now.duration_since(since));
    let paces = [(1, 5), (5, 10), (15, 30), (60, 60)];
    let found = paces
        .into_iter()
        .find(|(minutes, _)| still < SignedDuration::from_mins(*minutes));
    found.map_or(SignedDuration::from_mins(5), |(_, seconds)| {
        SignedDuration::from_secs(seconds)
    })
}

/// The plan, with a look at the machines if the last one is older than `pace`, and else another run when
/// it is.
fn watching_machines(
    plan: PowerPlan,
    observed: &Observed,
    pace: SignedDuration,
    now: Timestamp,
) -> PowerPlan {
    let fleet = &observed.fleet;
    let asked = fleet.asked.filter(|asked| fleet.acted < Some(*asked));
    // An answer that cannot be used, although it was asked for after all that was done, is no reason to
    // ask in a hot loop.
    let pace_now = if fleet.machines().is_some() || matches!(fleet.sight, Sight::Lost { .. }) {
        pace
    } else {
        pace.min(SOON)
    };
    let due = asked.map_or(now, |asked| later(asked, pace_now));
    match (fleet.looking, due <= now) {
        // Its end rings.
        (true, _) => plan,
        (false, true) => plan.and_step(Step::LookAtMachines {
            max_age: pace.unsigned_abs(),
        }),
        (false, false) => plan.again_at(due),
    }
}

/// The plan, with a look at the cluster if the last one of this depth is older than `pace`, and else
/// another run when it is.
fn watching_cluster(
    plan: PowerPlan,
    observed: &Observed,
    depth: Depth,
    pace: SignedDuration,
    now: Timestamp,
) -> PowerPlan {
    let cluster = &observed.cluster;
    let last = cluster.last.as_ref().filter(|look| {
        let deep = look.seen.as_ref().is_ok_and(|seen| seen.waking.is_some());
        depth == Depth::Routine || deep || look.seen.is_err()
    });
    // What was changed in it is worth a look at once.
    let last = last.filter(|look| cluster.acted.is_none_or(|acted| acted < look.began));
    let due = last.map_or(now, |look| later(look.at, pace));
    match (cluster.looking, due <= now) {
        // Its end rings.
        (true, _) => plan,
        (false, true) => plan.and_step(Step::Look { depth }),
        (false, false) => plan.again_at(due),
    }
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}
