//! The end of a ClusterDeployment (docs/spec/10 §19, docs/spec/20 §1).
//!
//! In this order: refuse what is protected; end attempts and wait until no install pod can act any more
//! (docs/spec/10 §26.1 W5); erase the cluster, by a ClusterDeprovision or, in a namespace that is going
//! away, without one; let Secrets go; remove the finalizer. Whether the cluster is to be erased at all is
//! asked anew each time, so that `preserveOnDelete` ends a deletion that runs.

use jiff::Timestamp;
use skep_crds::names::condition::cd;
use skep_crds::names::reason;
use skep_crds::platform::PlatformKind;

use super::super::observed::{Attempt, Deprovision, Identity, Observed, Origin, Relocation};
use super::super::status::{Status, Verdict};
use super::{Building, ClusterPlan, Step, erasing, invalid_relocation, restore_identity};
use crate::controllers::erasure::{State, Trouble};
use crate::controllers::inputs::Read;
use crate::plan::{Note, Plan};

pub(super) fn decide(observed: &Observed, now: Timestamp) -> ClusterPlan {
    if !observed.is_held() {
        return Plan::nothing().because(Note::waiting(
            "Deleting",
            "nothing of the cluster is held by Skep any more",
            "other finalizers",
            observed.deleting_since,
        ));
    }
    let wait = |note: Note| Plan::nothing().because(note);
    match &observed.wishes.relocation {
        Relocation::None => {}
        Relocation::Complete => {
            return Plan::step(Step::RemoveFinalizer).because(Note::done(
                "Relocated",
                "the cluster lives on another hub now",
            ));
        }
        Relocation::UnderWay(status) => {
            return wait(Note::waiting(
                "Relocating",
                format!("the ClusterDeployment is being moved ({status})"),
                "the relocation to complete",
                observed.deleting_since,
            ));
        }
        Relocation::Invalid(value) => return wait(invalid_relocation(value)),
    }
    if observed.wishes.protected {
        return protected();
    }
    // Nothing is completed on an object that is about to go.
    let mut plan = Building::empty();
    if keeps_evidence(&mut plan, observed) || ends_attempts(&mut plan, observed) {
        return plan.finish_or_nothing();
    }
    match erasable(observed) {
        None => forgo(&mut plan, observed),
        Some(identity) => erase(&mut plan, observed, identity, now),
    }
    plan.finish_or_nothing()
}

/// docs/spec/10 §26.4 U1: a refusal is visible.
fn protected() -> ClusterPlan {
    let message = "the ClusterDeployment is protected against deletion";
    Plan::record(Status::of(Verdict::holds(
        cd::DEPROVISION_LAUNCH_ERROR,
        reason::skep::DELETE_PROTECTED,
        message,
    )))
    .because(Note::blocked(
        reason::skep::DELETE_PROTECTED,
        message,
        "annotation hive.openshift.io/protected-delete",
        "remove the annotation, or set it to false, to have the cluster deleted",
    ))
}

/// Attempts know what the ClusterDeployment or its Secret may have lost; what only they know is recorded
/// before they go. Tells whether something had to be.
fn keeps_evidence(plan: &mut Building, observed: &Observed) -> bool {
    if let Some(attempt) = observed.unrecorded() {
        restore_identity(plan, attempt);
        return true;
    }
    let missing = observed.secrets.metadata == Read::Absent && !observed.namespace_terminating;
    let described = observed.described_by().filter(|_| missing);
    if let (Some(attempt), Some(_)) = (described, erasable(observed)) {
        plan.step(Step::StoreMetadata {
            provision: attempt.name.clone(),
        });
        plan.note(super::description_restored(attempt));
        return true;
    }
    false
}

/// Plans the end of all attempts; tells whether some may still act.
fn ends_attempts(plan: &mut Building, observed: &Observed) -> bool {
    if !observed.attempts.is_empty() {
        for Attempt {
            name,
            uid,
            deleting,
            ..
        } in &observed.attempts
        {
            if !deleting {
                plan.step(Step::DeleteProvision {
                    name: name.clone(),
                    uid: uid.clone(),
                });
            }
        }
        plan.note(Note::waiting(
            "EndingAttempts",
            "the attempts to install are ended",
            format!("{} ClusterProvisions to go", observed.attempts.len()),
            observed.deleting_since,
        ));
        return true;
    }
    if observed.living_pods > 0 {
        plan.note(Note::waiting(
            "WaitingForPods",
            "an install pod may still create things",
            format!("{} install pods to end", observed.living_pods),
            observed.deleting_since,
        ));
        return true;
    }
    false
}

/// The identity of what is to be erased, if something is (docs/spec/20 §1 step 5).
fn erasable(observed: &Observed) -> Option<&Identity> {
    let spared = observed.preserve
        || observed.platform.kind == PlatformKind::BareMetal
        || observed.origin == Origin::ClusterInstall;
    observed.identity.as_ref().filter(|_| !spared)
}

/// Nothing is erased, and what may run is ended.
fn forgo(plan: &mut Building, observed: &Observed) {
    if let (None, Some(order), false) =
        (&observed.identity, &observed.deprovision, observed.preserve)
    {
        return contradicted(plan, observed, order, "spec.clusterMetadata is missing");
    }
    if observed.erasure != State::Idle {
        plan.step(Step::AbandonErasure);
    }
    if let Some(Deprovision { uid, deleting, .. }) = &observed.deprovision {
        if !deleting {
            plan.step(Step::DeleteDeprovision { uid: uid.clone() });
        }
        plan.note(Note::waiting(
            "Abandoning",
            "the cluster is to be kept: its deletion is ended",
            format!("ClusterDeprovision {} to go", observed.name()),
            observed.deleting_since,
        ));
        return;
    }
    let why = match (&observed.identity, observed.preserve) {
        (None, _) => "nothing was ever created in the cloud".to_owned(),
        (Some(identity), true) => {
            format!(
                "spec.preserveOnDelete: cluster {} stays in its cloud",
                identity.infra_id
            )
        }
        (Some(identity), false) => {
            format!(
                "cluster {} is not Skep's to delete and stays",
                identity.infra_id
            )
        }
    };
    release(plan, observed, &Note::done("Released", why).as_event());
}

/// An order to delete that names another cluster than the ClusterDeployment, or one of which it knows
/// nothing (any more): neither carrying it out nor forgetting a cluster would be right.
fn contradicted(plan: &mut Building, observed: &Observed, order: &Deprovision, said: &str) {
    let reason = reason::skep::METADATA_INCOMPLETE;
    let message = format!(
        "{said}, but ClusterDeprovision {} names infra ID {}",
        observed.name(),
        order.infra_id
    );
    plan.status.set(Verdict::holds(
        cd::DEPROVISION_LAUNCH_ERROR,
        reason,
        &message,
    ));
    plan.note(Note::blocked(
        reason,
        message,
        "ClusterDeployment spec.clusterMetadata",
        "name that infra ID to have that cluster deleted, or delete the ClusterDeprovision to have it \
         kept",
    ));
}

fn erase(plan: &mut Building, observed: &Observed, identity: &Identity, now: Timestamp) {
    if observed.recorded.provisioned == reason::DEPROVISIONED && observed.recorded.receipt {
        // On record before the Secrets were let go, without which it could not be found out again.
        let done = Note::done(reason::DEPROVISIONED, "nothing of the cluster is left");
        return release(plan, observed, &done);
    }
    if let Some(deprovision) = &observed.deprovision {
        if deprovision.infra_id != identity.infra_id {
            let said = format!("the cluster has infra ID {}", identity.infra_id);
            return contradicted(plan, observed, deprovision, &said);
        }
        return follow(plan, observed, deprovision);
    }
    if let Some(gap) = identity.facts.gap(observed.platform.kind) {
        let message = format!("{gap} is not known, so nothing is deleted");
        let reason = reason::skep::METADATA_INCOMPLETE;
        plan.status.set(Verdict::holds(
            cd::DEPROVISION_LAUNCH_ERROR,
            reason,
            &message,
        ));
        plan.note(Note::blocked(
            reason,
            message,
            format!("ClusterDeployment {gap}"),
            "fill it in (an empty text says that there is none), or set spec.preserveOnDelete",
        ));
        return;
    }
    if observed.namespace_terminating {
        return without_deprovision(plan, observed, now);
    }
    if observed.erasure != State::Idle {
        // Begun for an attempt that vanished; the ClusterDeprovision takes over.
        plan.step(Step::AbandonErasure);
    }
    deprovisioning(plan, observed);
    plan.intend();
    plan.step(Step::CreateDeprovision);
    let message = format!("cluster {} is deleted from its cloud", identity.infra_id);
    plan.note(Note::progress(reason::DEPROVISIONING, message).as_event());
}

/// docs/spec/20 §1, "CD conditions during deletion".
fn follow(plan: &mut Building, observed: &Observed, deprovision: &Deprovision) {
    if let Some((holds, reason, message)) = &deprovision.authentication {
        let mirror = if *holds {
            Verdict::holds
        } else {
            Verdict::holds_not
        };
        plan.status
            .set(mirror(cd::DEPROVISION_LAUNCH_ERROR, reason, message));
    } else {
        launched(plan, observed);
    }
    let refused = deprovision
        .authentication
        .as_ref()
        .is_some_and(|(holds, ..)| *holds);
    if deprovision.completed {
        deprovisioned(plan);
        let done = Note::done(reason::DEPROVISIONED, "nothing of the cluster is left").as_event();
        return release(plan, observed, &done);
    }
    let name = observed.name();
    if deprovision.deleting {
        plan.note(Note::waiting(
            "Deleting",
            "the ClusterDeprovision was deleted before it was complete",
            format!("ClusterDeprovision {name} to go; another follows"),
            observed.deleting_since,
        ));
        return;
    }
    if observed.settings.deprovisions_disabled {
        plan.note(erasing::disabled());
    }
    let summary = deprovision
        .summary
        .as_deref()
        .unwrap_or("the cluster is deleted from its cloud");
    if refused {
        plan.status.set(Verdict::holds_not(
            cd::PROVISIONED,
            reason::DEPROVISION_FAILED,
            "the cloud refuses the credentials: see DeprovisionLaunchError",
        ));
    } else {
        plan.status.set(Verdict::holds_not(
            cd::PROVISIONED,
            reason::DEPROVISIONING,
            summary,
        ));
    }
    plan.note(Note::waiting(
        reason::DEPROVISIONING,
        summary,
        format!("ClusterDeprovision {name}"),
        Some(deprovision.created),
    ));
}

/// No object can be created in a namespace that is going away; the engine needs none.
fn without_deprovision(plan: &mut Building, observed: &Observed, now: Timestamp) {
    if let (Some(other), Some(identity)) = (&observed.used_by, &observed.identity) {
        plan.status.set(Verdict::holds(
            cd::DEPROVISION_LAUNCH_ERROR,
            reason::skep::IN_USE_BY_ANOTHER,
            &erasing::in_use(&identity.infra_id, other),
        ));
        plan.intend();
        erasing::decide(plan, observed, now);
        return;
    }
    match &observed.erasure {
        State::Failing {
            trouble: Trouble::Authentication,
            message,
            ..
        } => {
            plan.status.set(Verdict::holds(
                cd::DEPROVISION_LAUNCH_ERROR,
                reason::AUTHENTICATION_FAILED,
                message,
            ));
            plan.status.set(Verdict::holds_not(
                cd::PROVISIONED,
                reason::DEPROVISION_FAILED,
                "the cloud refuses the credentials: see DeprovisionLaunchError",
            ));
        }
        State::Running { summary, .. } => {
            launched(plan, observed);
            plan.status.set(Verdict::holds_not(
                cd::PROVISIONED,
                reason::DEPROVISIONING,
                summary,
            ));
        }
        State::Failing { message, .. } => {
            launched(plan, observed);
            plan.status.set(Verdict::holds_not(
                cd::PROVISIONED,
                reason::DEPROVISION_FAILED,
                message,
            ));
        }
        State::Idle | State::Finished { .. } => deprovisioning(plan, observed),
    }
    plan.intend();
    if erasing::decide(plan, observed, now) {
        deprovisioned(plan);
        let done = Note::done(reason::DEPROVISIONED, "nothing of the cluster is left");
        release(plan, observed, &done);
    }
}

fn deprovisioning(plan: &mut Building, observed: &Observed) {
    launched(plan, observed);
    plan.status.set(Verdict::holds_not(
        cd::PROVISIONED,
        reason::DEPROVISIONING,
        "the cluster is deleted from its cloud",
    ));
}

/// What kept the deletion from beginning is gone.
fn launched(plan: &mut Building, observed: &Observed) {
    if observed.recorded.launch_error {
        plan.status.set(Verdict::holds_not(
            cd::DEPROVISION_LAUNCH_ERROR,
            reason::AUTHENTICATION_SUCCEEDED,
            "the deletion has begun",
        ));
    }
}

fn deprovisioned(plan: &mut Building) {
    plan.status.set(Verdict::holds_not(
        cd::PROVISIONED,
        reason::DEPROVISIONED,
        "nothing of the cluster is left in its cloud",
    ));
}

/// Secrets first: one that stayed held would keep its namespace for ever.
fn release(plan: &mut Building, observed: &Observed, done: &Note) {
    plan.note(done.clone());
    plan.intend();
    if observed.secrets.to_release.is_empty() {
        plan.step(Step::RemoveFinalizer);
        // There may be no object to write to any more.
        plan.nothing_after();
    } else {
        plan.step(Step::ReleaseSecrets {
            names: observed.secrets.to_release.clone(),
        });
    }
}
