//! The way to an installed cluster: follow the attempt that runs, else see whether another may be made
//! and whether everything for it is there (docs/spec/10 §11).

use jiff::Timestamp;
use skep_crds::names::condition::cd;
use skep_crds::names::reason;

use super::super::observed::{Attempt, Credentials, Identity, Observed, PullSecret};
use super::super::status::{Reference, Verdict};
use super::failed::{self, Turn};
use super::{Building, Step, erasing, following, images, requirements};
use crate::controllers::checks::Check;
use crate::controllers::inputs::Read;
use crate::plan::Note;

/// Attempts that remain before another is made, the oldest among them: it marks when the installation
/// began (docs/spec/10 §11.1).
const KEPT: usize = 3;

pub(super) fn decide(plan: &mut Building, observed: &Observed, now: Timestamp) {
    if let Some(attempt) = running(observed) {
        following::decide(plan, observed, attempt, now);
        return;
    }
    if let Some(name) = observed.progress.provision.as_deref() {
        match observed.current() {
            None => return lost(plan, observed, name, now),
            Some(current) if current.deleting => {
                return plan.note(Note::waiting(
                    "AttemptLeaving",
                    "the attempt is being deleted",
                    format!("ClusterProvision {name}"),
                    None,
                ));
            }
            Some(_) => {}
        }
    }
    if let Some(identity) = &observed.identity
        && observed.progress.provision.is_none()
        && !observed.is_explained(identity)
    {
        return unexplained(plan, identity);
    }
    let turn = failed::decide(plan, observed, now);
    if turn == Turn::Stopped {
        return;
    }
    let ready = prepare(plan, observed, now);
    if let Turn::Now { number } = turn
        && ready
    {
        launch(plan, observed, number, now);
    }
}

/// The attempt that may still give a cluster: the one on record, else the first that there is.
fn running(observed: &Observed) -> Option<&Attempt> {
    let current = observed.current().filter(|attempt| attempt.is_active());
    current.or_else(|| observed.attempts.iter().find(|attempt| attempt.is_active()))
}

/// Everything that an attempt needs, side by side; tells whether all of it is there.
fn prepare(plan: &mut Building, observed: &Observed, now: Timestamp) -> bool {
    if !requirements::decide(plan, observed) {
        return false;
    }
    let pulled = pull_secret(plan, observed);
    let known = credentials(plan, observed, now);
    let resolved = images::decide(plan, observed, now);
    let secured = hold_secrets(plan, observed);
    let held = plan.is_held();
    if !held {
        let words = "the finalizer comes before anything that would have to be deleted";
        plan.note(Note::progress("AddingFinalizer", words));
    }
    pulled && known && resolved && secured && held
}

/// Before there is something to delete; once the object itself can let them go again.
fn hold_secrets(plan: &mut Building, observed: &Observed) -> bool {
    let names = &observed.secrets.to_hold;
    if names.is_empty() {
        return true;
    }
    if plan.is_held() {
        plan.step(Step::HoldSecrets {
            names: names.clone(),
        });
        plan.note(Note::progress(
            "HoldingSecrets",
            "Secrets that the deletion needs are held",
        ));
    }
    false
}

/// docs/spec/10 §9.
fn pull_secret(plan: &mut Building, observed: &Observed) -> bool {
    let PullSecret::Ready(digest) = &observed.inputs.pull_secret else {
        return false;
    };
    match &observed.inputs.merged {
        Read::Known(stored) if stored == digest => true,
        Read::Unread => {
            plan.step(Step::Confirm);
            plan.note(Note::progress(
                "ReadingInputs",
                "the merged pull secret is read",
            ));
            false
        }
        Read::Known(_) | Read::Absent => {
            plan.step(Step::StorePullSecret {
                digest: digest.clone(),
            });
            plan.note(Note::progress(
                "MergingPullSecret",
                "the pull secrets are merged",
            ));
            false
        }
    }
}

/// docs/spec/10 §7 and §26.4 U2: a wrong key is found before anything is started.
fn credentials(plan: &mut Building, observed: &Observed, now: Timestamp) -> bool {
    let Credentials::Present { what, fingerprint } = &observed.inputs.credentials else {
        return false;
    };
    let check = || Step::CheckCredentials {
        fingerprint: fingerprint.clone(),
    };
    match &observed.inputs.check {
        Check::Accepted { account } => {
            let message =
                format!("the cloud accepts the credentials; they are of account {account}");
            plan.status.set(Verdict::holds_not(
                cd::AUTHENTICATION_FAILURE,
                reason::PLATFORM_AUTH_SUCCESS,
                &message,
            ));
            true
        }
        Check::Unchecked => {
            plan.step(check());
            plan.note(Note::progress(
                "CheckingCredentials",
                format!("the cloud is asked about {what}"),
            ));
            false
        }
        Check::Running { since } => {
            let message = format!("the cloud is asked about {what}");
            plan.note(Note::waiting(
                "CheckingCredentials",
                message,
                "the cloud",
                Some(*since),
            ));
            false
        }
        Check::Refused { message, retry_at } => {
            let message = format!("{}{message}", refusal_of(what));
            plan.status.set(Verdict::holds(
                cd::AUTHENTICATION_FAILURE,
                reason::PLATFORM_AUTH_ERROR,
                &message,
            ));
            let fix = "correct the Secret, which is noticed at once, or the account's rights";
            plan.note(Note::blocked(
                reason::PLATFORM_AUTH_ERROR,
                message,
                what,
                fix,
            ));
            ask_again(plan, check(), *retry_at, now);
            false
        }
        Check::Unanswered { message, retry_at } => {
            let message = format!("the cloud could not be asked about {what}: {message}");
            let next = "asked again with growing delays";
            plan.note(Note::failed("CloudNotReached", message, next));
            ask_again(plan, check(), *retry_at, now);
            false
        }
    }
}

/// How a refusal begins, for people.
pub(in super::super) fn refusal_of(what: &str) -> String {
    format!("the cloud refuses {what}: ")
}

fn ask_again(plan: &mut Building, check: Step, at: Timestamp, now: Timestamp) {
    if now >= at {
        plan.step(check);
    } else {
        plan.again_at(at);
    }
}

/// The failure before it is counted and the reference to it cleared before the attempt exists: a crash in
/// between neither repeats an attempt nor skips one.
fn launch(plan: &mut Building, observed: &Observed, number: i64, now: Timestamp) {
    let name = observed.attempt_name(number);
    let message = format!(
        "attempt {} of the installation: {name} is created",
        number + 1
    );
    plan.status.set(Verdict::holds_not(
        cd::PROVISIONED,
        reason::PROVISIONING,
        &message,
    ));
    plan.status.provision = Reference::Clear;
    plan.status.restarts = Some(number);
    plan.intend();
    let previous = observed.newest_failed().map(|attempt| attempt.name.clone());
    plan.step(Step::CreateProvision {
        name: name.clone(),
        number,
        previous,
    });
    for attempt in surplus(observed) {
        let (name, uid) = (attempt.name.clone(), attempt.uid.clone());
        plan.step(Step::DeleteProvision { name, uid });
    }
    plan.status.provision = Reference::Set(name);
    plan.status.started = (!observed.progress.started).then_some(now);
    plan.note(Note::progress(reason::PROVISIONING, message).as_event());
}

/// The object says that there is a cluster, and no attempt made it here: it was restored, or adopted
/// without `installed`. Another attempt would forget that cluster, erasing it might destroy a living one.
fn unexplained(plan: &mut Building, identity: &Identity) {
    let infra_id = &identity.infra_id;
    let reason = reason::skep::METADATA_UNEXPLAINED;
    let message = format!(
        "spec.clusterMetadata names infra ID {infra_id}, of which no attempt is on record here"
    );
    plan.status
        .set(Verdict::holds_not(cd::REQUIREMENTS_MET, reason, &message));
    plan.note(Note::blocked(
        reason,
        message,
        "ClusterDeployment spec.clusterMetadata",
        format!(
            "set spec.installed to adopt that cluster; delete the ClusterDeployment to have what \
             exists of {infra_id} deleted; or remove spec.clusterMetadata to leave it alone and \
             install another"
        ),
    ));
}

/// All but the oldest and the newest ones; never one of which something may be left, nor the one that tells
/// where the identity on record comes from.
fn surplus(observed: &Observed) -> impl Iterator<Item = &Attempt> {
    let attempts = &observed.attempts;
    let surplus = attempts.len().saturating_sub(KEPT);
    let infra_id = observed.identity.as_ref().map(|of| &of.infra_id);
    let explains = move |attempt: &&Attempt| {
        let reported = attempt.reported.as_ref().map(|reported| &reported.infra_id);
        reported.is_some() && reported == infra_id
    };
    attempts
        .iter()
        .skip(1)
        .take(surplus)
        .filter(|attempt| attempt.cleaned_up && !attempt.deleting)
        .filter(move |attempt| !explains(attempt))
}

/// The attempt on record is gone although nobody here deleted it. What it made is known by the identity
/// that it reported; that is erased before another attempt is made.
fn lost(plan: &mut Building, observed: &Observed, name: &str, now: Timestamp) {
    let failures = observed.progress.restarts.saturating_add(1);
    if observed.living_pods > 0 {
        // No Event: the stores may not know an attempt that was just created.
        plan.note(Note::waiting(
            "WaitingForPods",
            format!("ClusterProvision {name} is gone, but an install pod may still create things"),
            format!("{} install pods to end", observed.living_pods),
            None,
        ));
        return;
    }
    plan.note(Note::failed(
        "AttemptLost",
        format!("ClusterProvision {name} was deleted while it ran"),
        "it counts as a failed attempt; what it left behind is erased first",
    ));
    if observed.identity.is_some() && !erasing::decide(plan, observed, now) {
        return;
    }
    if observed.identity.is_some() {
        plan.step(Step::ForgetIdentity);
    }
    plan.step(Step::Confirm);
    plan.status.provision = Reference::Clear;
    plan.status.restarts = Some(failures);
}
