//! After failed attempts: may there be another, and when (docs/spec/10 §11.1–11.2)?
//!
//! Whether there will be another is decided when an attempt fails, not after the delay (docs/spec/10 §26.2
//! S3), and again whenever a cause may be gone (§26.1 W3).

use jiff::{SignedDuration, Timestamp};
use skep_crds::Stage;
use skep_crds::names::condition::cd;
use skep_crds::names::reason;

use super::super::observed::{Attempt, Failure, Observed};
use super::super::status::{Reference, Verdict};
use super::Building;
use crate::plan::Note;

/// From the eleventh failure on (docs/spec/10 §11.2).
const LONGEST_DELAY: SignedDuration = SignedDuration::from_hours(24);

/// Failures up to which the delay doubles.
const DOUBLINGS: i64 = 10;

/// Whether another attempt may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// None is made any more.
    Stopped,
    /// One will be made.
    Later,
    /// One may be made now.
    Now {
        /// Its number.
        number: i64,
    },
}

pub(super) fn decide(plan: &mut Building, observed: &Observed, now: Timestamp) -> Turn {
    let failures = failures(observed);
    let newest = observed.newest_failed();
    if let Some(attempt) = newest {
        let Failure {
            reason, message, ..
        } = failure_of(attempt);
        plan.status
            .set(Verdict::holds(cd::PROVISION_FAILED, &reason, &message));
    }
    let given_up = gives_up(observed, failures, newest);
    if let Some(attempt) = newest {
        tell(plan, attempt, given_up.is_some());
    }
    if let Some((reason, message)) = given_up {
        stop(plan, failures, reason, &message);
        return Turn::Stopped;
    }
    go_on(plan, observed, failures);
    let Some(attempt) = newest else {
        return Turn::Now { number: failures };
    };
    let Failure { reason, at, .. } = failure_of(attempt);
    let due = at
        .saturating_add(delay(failures.saturating_sub(1)))
        .unwrap_or(Timestamp::MAX);
    if !attempt.cleaned_up {
        plan.note(Note::waiting(
            "CleaningUp",
            format!(
                "attempt {} failed ({reason}); {}",
                attempt.number + 1,
                attempt
                    .clean_up_stalled
                    .as_deref()
                    .unwrap_or("what it left behind is erased"),
            ),
            format!("ClusterProvision {}", attempt.name),
            Some(at),
        ));
        return Turn::Later;
    }
    if now < due {
        plan.again_at(due);
        plan.note(Note::waiting(
            "BackingOff",
            format!(
                "attempt {} failed ({reason}); attempt {} starts at {due}",
                attempt.number + 1,
                failures + 1
            ),
            "time to pass",
            Some(at),
        ));
        return Turn::Later;
    }
    Turn::Now { number: failures }
}

/// How many attempts have failed, the one that is not counted yet included. The attempts themselves are
/// asked too: a status can be lost in a restore.
fn failures(observed: &Observed) -> i64 {
    let newest = observed
        .newest_failed()
        .map_or(0, |attempt| attempt.number.saturating_add(1));
    observed.progress.restarts.max(newest)
}

fn failure_of(attempt: &Attempt) -> Failure {
    debug_assert_eq!(attempt.stage, Stage::Failed);
    attempt.failure.clone().unwrap_or_else(|| Failure {
        reason: reason::MISSING_CONDITION.to_owned(),
        message: "the attempt does not say why it failed".to_owned(),
        at: attempt.created,
    })
}

/// In this order (docs/spec/10 §11.1 step 4).
fn gives_up(
    observed: &Observed,
    failures: i64,
    newest: Option<&Attempt>,
) -> Option<(&'static str, String)> {
    if failures > 0 && observed.wishes.try_once {
        let message = "only one attempt was wanted (annotation try-install-once)";
        return Some((reason::INSTALL_ONLY_ONCE_SET, message.to_owned()));
    }
    if let Some(limit) = observed.limits.attempts
        && failures >= i64::from(limit)
    {
        let message = format!("the limit of {limit} attempts is reached");
        return Some((reason::INSTALL_ATTEMPTS_LIMIT_REACHED, message));
    }
    if let (Some(reasons), Some(attempt)) = (&observed.limits.retry_reasons, newest) {
        let failure = failure_of(attempt);
        if !is_tried_again(reasons, &failure.reason) {
            let message = format!("failure {} is not one that is tried again", failure.reason);
            return Some((reason::FAILURE_REASON_NOT_RETRYABLE, message));
        }
    }
    None
}

/// Reasons that only Skep tells apart are tried again where the one is that others give for all of them.
fn is_tried_again(reasons: &[String], reason: &str) -> bool {
    let listed = |wanted: &str| reasons.iter().any(|listed| listed == wanted);
    let unknown_elsewhere = reason::skep::UNKNOWN_ELSEWHERE.contains(&reason);
    listed(reason) || (unknown_elsewhere && listed(reason::UNKNOWN_ERROR))
}

/// Also here, where people look first. The text stays the same until the next attempt.
fn tell(plan: &mut Building, attempt: &Attempt, given_up: bool) {
    let Failure {
        reason, message, ..
    } = failure_of(attempt);
    let next = if given_up {
        "no further attempt is made"
    } else {
        "another attempt follows"
    };
    // People count from one.
    let message = format!("attempt {} failed: {message}", attempt.number + 1);
    plan.note(Note::failed(reason, message, next));
}

fn stop(plan: &mut Building, failures: i64, reason: &'static str, message: &str) {
    plan.status
        .set(Verdict::holds(cd::PROVISION_STOPPED, reason, message));
    plan.status.set(Verdict::holds_not(
        cd::PROVISIONED,
        reason::PROVISION_STOPPED,
        "no further attempt is made: see ProvisionStopped",
    ));
    plan.status.provision = Reference::Clear;
    plan.status.restarts = Some(failures);
    let fix = match reason {
        reason::INSTALL_ONLY_ONCE_SET => "remove the annotation to try again",
        reason::INSTALL_ATTEMPTS_LIMIT_REACHED => "raise spec.installAttemptsLimit to try again",
        _ => "correct the cause and create the ClusterDeployment anew",
    };
    plan.note(Note::blocked(reason, message, "the ClusterDeployment", fix));
}

fn go_on(plan: &mut Building, observed: &Observed, failures: i64) {
    plan.status.set(Verdict::holds_not(
        cd::PROVISION_STOPPED,
        reason::PROVISION_NOT_STOPPED,
        "the installation is not given up",
    ));
    let stopped = observed.recorded.provisioned == reason::PROVISION_STOPPED;
    if failures > 0 {
        let message = format!("attempt {failures} of the installation failed; another follows");
        plan.status.set(Verdict::holds_not(
            cd::PROVISIONED,
            reason::PROVISIONING,
            &message,
        ));
    } else if stopped {
        plan.status.set(Verdict::unknown(
            cd::PROVISIONED,
            reason::INITIALIZED,
            reason::INITIALIZED_MESSAGE,
        ));
    }
}

/// After the failure that follows `restarts` others: 1, 2, 4, … 1024 minutes, then a day.
fn delay(restarts: i64) -> SignedDuration {
    if restarts > DOUBLINGS {
        return LONGEST_DELAY;
    }
    let doubled = u32::try_from(restarts)
        .ok()
        .and_then(|by| 1_i64.checked_shl(by))
        .unwrap_or(1);
    SignedDuration::from_mins(doubled).min(LONGEST_DELAY)
}
