//! Decides whether and how a cluster is deleted from its cloud (docs/spec/20 §3).
//!
//! Decides: whether the gates are open, when the erasure is started, stopped and started again, and when
//! the order is fulfilled. It must never start an erasure while a gate is shut: these gates are the only
//! protection against an order that somebody made by hand. It must never call an order fulfilled that no
//! erasure has brought to its end.

use jiff::Timestamp;
use skep_crds::names::condition::deprovision::{AUTHENTICATION_FAILURE, DEPROVISION_FAILED};
use skep_crds::names::reason;

use super::gates::{Gate, gates};
use super::observed::{Cluster, Description, Observed};
use super::status::{PROGRESS_INTERVAL, Status, Verdict};
use crate::controllers::erasure::{AGAIN, State, Trouble, Words};
use crate::plan::{Note, Plan};

/// One effect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The owner reference gets the UID that the ClusterDeployment has since a restore.
    Reown {
        /// That UID.
        uid: String,
    },
    /// The erasure, as a task.
    StartErasure,
    /// The end of the erasure, between two calls.
    StopErasure,
}

/// A plan of this controller.
pub(super) type OrderPlan = Plan<Status, Step>;

/// Decides.
pub(super) fn decide(observed: &Observed, now: Timestamp) -> OrderPlan {
    if observed.deleting {
        let note = Note::progress(
            "Deleting",
            "the order to delete is withdrawn; nothing more is touched",
        );
        return stop_if_running(observed).because(note);
    }
    if observed.completed {
        let done = "nothing of the cluster is left in its cloud";
        return Plan::nothing().because(Note::done(reason::DEPROVISION_COMPLETED, done));
    }
    let cluster = match gates(observed) {
        Ok(cluster) => cluster,
        Err(gate) => return shut(observed, gate, now),
    };
    match &observed.erasure {
        State::Idle => start(observed),
        State::Running {
            summary,
            plan_digest,
            since,
        } => running(observed, summary, plan_digest.is_some(), *since, now),
        State::Failing {
            trouble,
            message,
            retry_at,
        } => failing(observed, cluster, *trouble, message, *retry_at, now),
        State::Finished { summary, .. } => finished(summary),
    }
}

/// A gate that shuts ends what runs.
fn shut(observed: &Observed, gate: Gate, now: Timestamp) -> OrderPlan {
    let Gate {
        reason,
        message,
        note,
        step,
        unannounced,
    } = gate;
    let status = Status::standing(reason, &message);
    let mut plan = stop_if_running(observed);
    if let Some(step) = step {
        plan = plan.and_step(step);
    }
    if unannounced {
        plan = plan.again_at(later(now, SETTING_INTERVAL));
    }
    let plan = if plan.has_effects() {
        plan.intending(status)
    } else {
        plan.then_record(status)
    };
    plan.because(note)
}

/// How often a setting is looked at that nothing rings for.
const SETTING_INTERVAL: jiff::SignedDuration = jiff::SignedDuration::from_secs(30);

fn stop_if_running(observed: &Observed) -> OrderPlan {
    match observed.erasure {
        State::Running { .. } | State::Failing { .. } => Plan::step(Step::StopErasure),
        State::Idle | State::Finished { .. } => Plan::nothing(),
    }
}

fn start(observed: &Observed) -> OrderPlan {
    let infra_id = &observed.infra_id;
    let plan = Plan::step(Step::StartErasure);
    match &observed.start_failure {
        None => {
            let message = format!("everything of {infra_id} is looked for in its account");
            let note = Note::progress(reason::skep::STARTING, message.clone()).as_event();
            plan.then_record(Status::progressing(reason::skep::STARTING, &message))
                .because(note)
        }
        Some(why) => {
            let message = format!("the deletion of {infra_id} could not be started: {why}");
            let note = Note::failed(reason::UNKNOWN_ERROR, message.clone(), AGAIN);
            plan.intending(Status::standing(reason::UNKNOWN_ERROR, &message))
                .because(note)
        }
    }
}

/// A plan on record is the proof that the account could be read.
fn running(
    observed: &Observed,
    summary: &str,
    planned: bool,
    since: Timestamp,
    now: Timestamp,
) -> OrderPlan {
    let status = Status::progressing(reason::skep::DELETING, summary);
    let status = if planned {
        status.and(authenticated())
    } else {
        status
    };
    let message = format!("{} is deleted from its cloud: {summary}", observed.infra_id);
    Plan::record(status)
        .again_at(later(now, PROGRESS_INTERVAL))
        .because(Note::waiting(
            reason::skep::DELETING,
            message,
            "the cloud",
            Some(since),
        ))
}

fn failing(
    observed: &Observed,
    cluster: &Cluster,
    trouble: Trouble,
    message: &str,
    retry_at: Timestamp,
    now: Timestamp,
) -> OrderPlan {
    let failed = |why| Verdict::holds(DEPROVISION_FAILED, why, message);
    let why = trouble.reason();
    let standing = Status::standing(why, message);
    let status = match trouble {
        Trouble::Authentication => {
            let words = format!("Credential check failed: {message}");
            standing.and(Verdict::holds(AUTHENTICATION_FAILURE, why, &words))
        }
        // The credentials are right as such; what they lead to is wrong.
        Trouble::WrongAccount | Trouble::Blocked => standing.and(authenticated()).and(failed(why)),
        Trouble::Metadata | Trouble::Other => standing.and(failed(why)),
    };
    let description = match &observed.description {
        Description::Metadata { secret } | Description::MissingSecret { secret } => secret,
        Description::Legacy | Description::Incomplete => &observed.name,
    };
    let note = trouble.note(
        message,
        Words {
            cluster: &cluster.name,
            credentials: &observed.credentials,
            description,
        },
    );
    let plan = if now >= retry_at || observed.inputs_changed {
        Plan::step(Step::StartErasure).intending(status)
    } else {
        Plan::record(status).again_at(retry_at)
    };
    plan.because(note)
}

fn finished(summary: &str) -> OrderPlan {
    let done = reason::DEPROVISION_COMPLETED;
    let status = Status::standing(done, summary)
        .and(authenticated())
        .and(Verdict::holds_not(DEPROVISION_FAILED, done, summary))
        .completed();
    Plan::record(status).because(Note::done(done, summary).as_event())
}

fn authenticated() -> Verdict {
    let reason = reason::AUTHENTICATION_SUCCEEDED;
    Verdict::holds_not(AUTHENTICATION_FAILURE, reason, "Credential check succeeded")
}

fn later(now: Timestamp, by: jiff::SignedDuration) -> Timestamp {
    now.saturating_add(by).unwrap_or(Timestamp::MAX)
}
