//! Decides what one attempt to install needs next (docs/spec/10 §12).
//!
//! Decides: when the Job is created, when the attempt may touch the cloud, when it is over and why, when
//! what it left behind is cleaned up. It must never move an attempt to `provisioning` before the
//! ClusterDeployment carries the same infra ID: that handshake is why a cluster that owns cloud resources
//! can always be deleted.

use jiff::{SignedDuration, Timestamp};
use skep_crds::Stage;
use skep_crds::names::{condition, reason};

use super::clean_up::{failed, stop_if_running};
use super::observed::{Job, JobPhase, Observed, Pods};
use super::status::{JobRef, Status, Verdict};
use crate::plan::{Note, Plan};

/// How long the Job and pod of a successful attempt are kept for a look at their log (docs/spec/10 §11.3).
const JOB_RETENTION: SignedDuration = SignedDuration::from_hours(24);

/// A Job's pod that is not there yet is no news for this long: the Job controller has not got to it.
const POD_GRACE: SignedDuration = SignedDuration::from_secs(60);

/// One effect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Role, RoleBinding and the two empty admin Secrets of this attempt, all owned by it.
    PrepareRights,
    /// The Job.
    CreateJob {
        /// Its name.
        name: String,
    },
    /// Takes Role and RoleBinding from a pod that is over.
    EndRights,
    /// `spec.stage`, by compare-and-set.
    MoveStage {
        /// Where it must still be.
        from: Stage,
        /// Where it goes.
        to: Stage,
    },
    /// Erase what this attempt left in the cloud, with its own metadata.
    StartCleanUp,
    /// The end of that, between two calls.
    StopCleanUp,
    /// The admin Secrets of an attempt that gave no cluster.
    DeleteAdminSecrets,
    /// The annotation that lets the next attempt start.
    MarkCleanedUp,
    /// The Job of a successful attempt, after its retention.
    DeleteJob {
        /// Its name.
        name: String,
    },
}

/// A plan of this controller.
pub(super) type AttemptPlan = Plan<Status, Step>;

/// Decides.
pub(super) fn decide(observed: &Observed, now: Timestamp) -> AttemptPlan {
    if observed.deleting {
        return Plan::nothing().because(Note::progress("Deleting", "the attempt is being deleted"));
    }
    if observed.paused {
        // The install pod goes on: ending it half-way would leave more to clean up.
        return stop_if_running(observed).because(Note::paused());
    }
    match &observed.stage {
        Stage::Initializing => initializing(observed, now),
        Stage::Provisioning => provisioning(observed, now),
        Stage::Complete => complete(observed, now),
        Stage::Failed => failed(observed, now),
        Stage::Other(stage) => Plan::nothing().because(Note::blocked(
            "UnknownStage",
            format!("stage {stage:?} is not known to this version"),
            format!("ClusterProvision {}", observed.name),
            "update Skep, or delete this ClusterProvision to try anew",
        )),
    }
}

fn initializing(observed: &Observed, now: Timestamp) -> AttemptPlan {
    match (&observed.job, &observed.job_ref) {
        (Job::Many(count), _) => {
            let message = format!("{count} Jobs claim to run this attempt");
            fail(observed, reason::TOO_MANY_JOBS, &message)
        }
        (Job::Absent, Some(name)) => job_vanished(observed, name),
        (Job::Absent, None) => start(observed),
        (
            Job::One {
                name,
                phase,
                created,
            },
            _,
        ) => match phase {
            JobPhase::Succeeded => fail(
                observed,
                reason::INITIALIZATION_NOT_COMPLETE,
                "the install pod ended well before it asked for cloud resources",
            ),
            JobPhase::Failed { reason, message } => fail_by_log(observed, reason, message),
            JobPhase::Running if handshake_done(observed) => {
                let status = supervised(observed, name, *created, now).and(Verdict::holds(
                    condition::provision::INITIALIZED,
                    reason::INITIALIZATION_COMPLETE,
                    "the hub knows the cluster's infra ID; cloud resources may be created",
                ));
                move_stage(observed, status, Stage::Provisioning).because(
                    Note::progress(
                        "Handshake",
                        "the install pod may now create cloud resources",
                    )
                    .as_event(),
                )
            }
            JobPhase::Running => {
                let waits_on = match &observed.infra_id {
                    None => format!("the install pod of Job {name} to render manifests"),
                    Some(_) => format!(
                        "ClusterDeployment {} to record the infra ID",
                        observed.cluster
                    ),
                };
                supervise(observed, name, *created, now).because(Note::waiting(
                    "Initializing",
                    "manifests are rendered; no cloud resource exists yet",
                    waits_on,
                    Some(*created),
                ))
            }
        },
    }
}

fn provisioning(observed: &Observed, now: Timestamp) -> AttemptPlan {
    match (&observed.job_ref, &observed.job) {
        (None, _) => fail(
            observed,
            reason::NO_JOB_REFERENCE,
            "the attempt does not name its Job",
        ),
        (Some(name), Job::Absent) => job_vanished(observed, name),
        (Some(_), Job::Many(count)) => {
            let message = format!("{count} Jobs claim to run this attempt");
            fail(observed, reason::TOO_MANY_JOBS, &message)
        }
        (
            Some(_),
            Job::One {
                name,
                phase,
                created,
            },
        ) => match phase {
            JobPhase::Succeeded => {
                let status = Status::of(Verdict::holds(
                    condition::provision::COMPLETED,
                    reason::INSTALL_COMPLETE,
                    "the cluster is installed",
                ));
                end(observed, status, Stage::Complete)
                    .because(Note::done("InstallComplete", "the cluster is installed").as_event())
            }
            JobPhase::Failed { reason, message } => fail_by_log(observed, reason, message),
            JobPhase::Running => {
                let what = observed
                    .progress
                    .as_deref()
                    .unwrap_or("the installer is running");
                supervise(observed, name, *created, now).because(Note::waiting(
                    "Provisioning",
                    what,
                    format!("Job {name}"),
                    Some(*created),
                ))
            }
        },
    }
}

/// Job and pod of a successful attempt go after a day; the attempt itself stays with its cluster.
fn complete(observed: &Observed, now: Timestamp) -> AttemptPlan {
    let done = Note::done("InstallComplete", "the cluster is installed");
    let expires = observed
        .created
        .saturating_add(JOB_RETENTION)
        .unwrap_or(Timestamp::MAX);
    match &observed.job {
        Job::One { name, .. } if now >= expires => {
            Plan::step(Step::DeleteJob { name: name.clone() })
                .then_record(Status {
                    job_ref: JobRef::Clear,
                    ..Status::default()
                })
                .because(done)
        }
        Job::One { .. } => Plan::nothing().again_at(expires).because(done),
        Job::Absent | Job::Many(_) => Plan::nothing().because(done),
    }
}

fn handshake_done(observed: &Observed) -> bool {
    observed.infra_id.is_some() && observed.infra_id == observed.recorded_infra_id
}

fn start(observed: &Observed) -> AttemptPlan {
    if !observed.rights_prepared {
        return Plan::step(Step::PrepareRights).because(Note::progress(
            "PreparingRights",
            "the install pod's rights are set up",
        ));
    }
    let name = observed.job_name();
    let status = Status {
        job_ref: JobRef::Set(name.clone()),
        ..Status::of(Verdict::holds(
            condition::provision::JOB_CREATED,
            reason::JOB_CREATED,
            "the install Job was created",
        ))
    };
    Plan::step(Step::CreateJob { name: name.clone() })
        .then_record(status)
        .because(Note::progress("JobCreated", format!("Job {name} runs the installer")).as_event())
}

fn job_vanished(observed: &Observed, name: &str) -> AttemptPlan {
    let message = format!("Job {name} was deleted while it ran");
    fail(observed, reason::JOB_NOT_FOUND, &message)
}

/// Records the Job and what its pod is doing. Secrets for the pod's results that somebody deleted are made
/// again: at its end the pod fills them once more.
fn supervise(observed: &Observed, job: &str, created: Timestamp, now: Timestamp) -> AttemptPlan {
    let plan = Plan::record(supervised(observed, job, created, now));
    let plan = if observed.rights_prepared {
        plan
    } else {
        plan.and_step(Step::PrepareRights)
    };
    match &observed.pods {
        Pods::None => plan.again_at(created.saturating_add(POD_GRACE).unwrap_or(Timestamp::MAX)),
        Pods::Pending { message, .. } => plan.because(Note::waiting(
            reason::POD_IN_PENDING_PHASE,
            message.clone(),
            format!("the pod of Job {job}"),
            Some(created),
        )),
        Pods::Many(_) | Pods::Running | Pods::Ended => plan,
    }
}

fn supervised(observed: &Observed, job: &str, created: Timestamp, now: Timestamp) -> Status {
    let status = Status {
        job_ref: JobRef::Set(job.to_owned()),
        ..Status::of(Verdict::holds(
            condition::provision::JOB_CREATED,
            reason::JOB_CREATED,
            "the install Job was created",
        ))
    };
    let stuck = condition::provision::INSTALL_POD_STUCK;
    match &observed.pods {
        Pods::None if now < created.saturating_add(POD_GRACE).unwrap_or(Timestamp::MAX) => status,
        Pods::None => {
            let message =
                "the install Job has no pod; look at its Events for a quota or an admission error";
            status.and(Verdict::holds(stuck, reason::INSTALL_POD_MISSING, message))
        }
        Pods::Many(count) => {
            let message = format!("the install Job has {count} pods");
            status.and(Verdict::holds(stuck, reason::INSTALL_POD_MISSING, &message))
        }
        Pods::Pending {
            stuck: true,
            message,
        } => status.and(Verdict::holds(stuck, reason::POD_IN_PENDING_PHASE, message)),
        Pods::Pending { stuck: false, .. } => status,
        Pods::Running | Pods::Ended => status.and(Verdict::holds_not(
            stuck,
            reason::POD_IN_RUNNING_PHASE,
            "the install pod is running",
        )),
    }
}

/// A deadline that passed is told apart from what the log says only when the log says nothing. The pod itself
/// only knows that it was told to stop.
fn fail_by_log(observed: &Observed, job_reason: &str, job_message: &str) -> AttemptPlan {
    let verdict = &observed.log_verdict;
    let says_nothing = [
        reason::UNKNOWN_ERROR,
        reason::skep::INSTALL_POD_INTERRUPTED,
        reason::skep::INSTALL_POD_FAILED,
    ];
    if says_nothing.contains(&verdict.reason.as_str()) && job_reason == "DeadlineExceeded" {
        let message = format!("the install Job ran into its deadline: {job_message}");
        return fail(observed, reason::ATTEMPT_DEADLINE_EXCEEDED, &message);
    }
    fail(observed, &verdict.reason, &verdict.message)
}

fn fail(observed: &Observed, reason: &str, message: &str) -> AttemptPlan {
    let status = Status::of(Verdict::holds(
        condition::provision::FAILED,
        reason,
        message,
    ));
    let next = match &observed.infra_id {
        Some(infra_id) => format!("what it left behind ({infra_id}) is erased now"),
        None => "it created nothing".to_owned(),
    };
    end(observed, status, Stage::Failed).because(Note::failed(
        reason,
        // People count from one, as the ClusterDeployment's conditions do.
        format!("attempt {} failed: {message}", observed.attempt + 1),
        next,
    ))
}

/// An attempt that is over needs no rights any more; they go before the stage says so, because nobody looks
/// at them later.
fn end(observed: &Observed, status: Status, to: Stage) -> AttemptPlan {
    let mut plan = move_stage(observed, status, to);
    plan.steps.insert(0, Step::EndRights);
    plan
}

/// The condition first, the stage after it (docs/spec/10 §12).
fn move_stage(observed: &Observed, status: Status, to: Stage) -> AttemptPlan {
    Plan::step(Step::MoveStage {
        from: observed.stage.clone(),
        to,
    })
    .intending(status)
}
