//! An attempt that runs: copy what it reports into the ClusterDeployment, show how it goes, and complete
//! (docs/spec/10 §11.2, §18.1).
//!
//! The metadata Secret is written before the identity: the identity in the ClusterDeployment is what lets
//! the install pod touch the cloud, and from then on the deletion needs both.

use jiff::Timestamp;
use skep_crds::Stage;
use skep_crds::names::condition::cd;
use skep_crds::names::reason;

use super::super::observed::{Attempt, Identity, Observed, Reported};
use super::super::status::{Reference, Verdict};
use super::{Building, Step};
use crate::controllers::inputs::Read;
use crate::plan::Note;

pub(super) fn decide(plan: &mut Building, observed: &Observed, attempt: &Attempt, now: Timestamp) {
    plan.status.provision = Reference::Set(attempt.name.clone());
    plan.status.started = (!observed.progress.started).then_some(now);
    plan.status.restarts = Some(observed.progress.restarts.max(attempt.number));
    plan.status.set(Verdict::holds_not(
        cd::PROVISION_STOPPED,
        reason::PROVISION_NOT_STOPPED,
        "the installation is not given up",
    ));
    let synced = identity(plan, observed, attempt);
    match &attempt.stage {
        Stage::Initializing => initializing(plan, observed, attempt),
        Stage::Provisioning => provisioning(plan, attempt),
        Stage::Complete => complete(plan, observed, synced, now),
        Stage::Failed => {}
        Stage::Other(stage) => plan.note(Note::blocked(
            "UnknownStage",
            format!("stage {stage:?} is not known to this version"),
            format!("ClusterProvision {}", attempt.name),
            "update Skep, or delete this ClusterProvision to try anew",
        )),
    }
}

/// Plans the copy; tells whether it is done.
fn identity(plan: &mut Building, observed: &Observed, attempt: &Attempt) -> bool {
    let Some(reported) = &attempt.reported else {
        return false;
    };
    let Some(digest) = &reported.metadata_digest else {
        plan.note(Note::failed(
            "MetadataMissing",
            "the install pod reported an infra ID without the installer's description",
            "the handshake does not complete; the attempt ends at its deadline",
        ));
        return false;
    };
    match &observed.secrets.metadata {
        Read::Unread => {
            plan.step(Step::Confirm);
            plan.note(Note::progress(
                "ReadingInputs",
                "the metadata Secret is read",
            ));
            return false;
        }
        Read::Known(stored) if stored == digest => {}
        Read::Known(_) | Read::Absent => {
            plan.step(Step::StoreMetadata {
                provision: attempt.name.clone(),
            });
            plan.note(Note::progress(
                "RecordingIdentity",
                "the installer's description is kept",
            ));
            return false;
        }
    }
    let recorded = observed
        .identity
        .as_ref()
        .is_some_and(|known| is_of(known, reported))
        && (reported.account.is_none() || observed.account == reported.account);
    if !recorded {
        plan.step(Step::RecordIdentity {
            provision: attempt.name.clone(),
        });
        let message = format!("infra ID {} is recorded", reported.infra_id);
        plan.note(Note::progress("RecordingIdentity", message).as_event());
        return false;
    }
    if !observed.secrets.to_hold.is_empty() {
        plan.step(Step::HoldSecrets {
            names: observed.secrets.to_hold.clone(),
        });
    }
    true
}

fn is_of(known: &Identity, reported: &Reported) -> bool {
    let Identity {
        infra_id,
        cluster_id,
        kubeconfig,
        password,
        metadata_secret,
        facts,
    } = known;
    *infra_id == reported.infra_id
        && *cluster_id == reported.cluster_id
        && reported
            .kubeconfig
            .as_ref()
            .is_none_or(|name| name == kubeconfig)
        && reported
            .password
            .as_ref()
            .is_none_or(|name| Some(name) == password.as_ref())
        && metadata_secret.is_some()
        && *facts == reported.facts
}

fn initializing(plan: &mut Building, observed: &Observed, attempt: &Attempt) {
    let message = format!(
        "attempt {} of the installation prepares",
        attempt.number + 1
    );
    plan.status.set(Verdict::holds_not(
        cd::PROVISIONED,
        reason::PROVISIONING,
        &message,
    ));
    match &attempt.stuck {
        Some((reason, message)) => {
            plan.status
                .set(Verdict::holds(cd::INSTALL_LAUNCH_ERROR, reason, message));
            plan.note(Note::failed(
                reason,
                message,
                "the pod starts as soon as that passes",
            ));
        }
        None if observed.recorded.install_launch_error => plan.status.set(Verdict::holds_not(
            cd::INSTALL_LAUNCH_ERROR,
            reason::INSTALL_LAUNCH_SUCCESSFUL,
            "the install pod has started",
        )),
        None => {}
    }
    plan.note(Note::waiting(
        reason::PROVISIONING,
        message,
        format!("ClusterProvision {}", attempt.name),
        Some(attempt.created),
    ));
}

fn provisioning(plan: &mut Building, attempt: &Attempt) {
    let milestone = attempt
        .milestone
        .as_deref()
        .unwrap_or("the installer is running");
    let message = format!(
        "attempt {} of the installation: {milestone}",
        attempt.number + 1
    );
    plan.status.set(Verdict::holds_not(
        cd::INSTALL_LAUNCH_ERROR,
        reason::INSTALL_LAUNCH_SUCCESSFUL,
        "the install pod has started",
    ));
    plan.status.set(Verdict::holds_not(
        cd::PROVISIONED,
        reason::PROVISIONING,
        &message,
    ));
    plan.note(Note::waiting(
        reason::PROVISIONING,
        message,
        format!("ClusterProvision {}", attempt.name),
        Some(attempt.created),
    ));
}

/// One status write, then one spec write.
fn complete(plan: &mut Building, observed: &Observed, synced: bool, now: Timestamp) {
    if !synced {
        return plan.note(Note::waiting(
            "Completing",
            "the installer is done; what it reported is being recorded",
            "the cluster's identity to be on record",
            None,
        ));
    }
    plan.status.installed = (!observed.progress.stamped).then_some(now);
    plan.status.set(Verdict::holds_not(
        cd::INSTALL_LAUNCH_ERROR,
        reason::INSTALL_LAUNCH_SUCCESSFUL,
        "the install pod has started",
    ));
    plan.status.set(Verdict::holds_not(
        cd::PROVISION_FAILED,
        reason::PROVISION_SUCCEEDED,
        "the cluster is installed",
    ));
    plan.status.set(Verdict::holds(
        cd::PROVISIONED,
        reason::PROVISIONED,
        "the cluster is installed",
    ));
    plan.intend();
    let protect = observed.settings.protect && !observed.wishes.protection_decided;
    plan.step(Step::MarkInstalled { protect });
    plan.note(Note::done(reason::PROVISIONED, "the cluster is installed").as_event());
}
