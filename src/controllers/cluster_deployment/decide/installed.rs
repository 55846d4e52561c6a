//! An installed cluster, installed here or adopted: what its deletion will need is completed and held,
//! what its installation left over is tidied (docs/spec/10 §18).
//!
//! Pull secrets and images are not looked at any more.

use jiff::{SignedDuration, Timestamp};
use skep_crds::Stage;
use skep_crds::names::condition::cd;
use skep_crds::names::reason;
use skep_crds::platform::PlatformKind;

use super::super::observed::{Identity, ImageJob, Observed};
use super::super::status::Verdict;
use super::{Building, Step, description_restored, restore_identity};
use crate::controllers::inputs::Read;
use crate::plan::Note;

/// How long failed attempts of an installed cluster are kept (docs/spec/10 §11.3).
const FAILED_RETENTION: SignedDuration = SignedDuration::from_hours(7 * 24);

pub(super) fn decide(plan: &mut Building, observed: &Observed, now: Timestamp) {
    plan.status.installed = (!observed.progress.stamped).then_some(observed.created);
    plan.status.set(Verdict::holds(
        cd::PROVISIONED,
        reason::PROVISIONED,
        "the cluster is installed",
    ));
    if observed.progress.provision.is_some() {
        plan.status.set(Verdict::holds_not(
            cd::PROVISION_FAILED,
            reason::PROVISION_SUCCEEDED,
            "the cluster is installed",
        ));
        plan.status.set(Verdict::holds_not(
            cd::PROVISION_STOPPED,
            reason::PROVISION_NOT_STOPPED,
            "the installation is not given up",
        ));
    }
    plan.note(Note::done(reason::PROVISIONED, "the cluster is installed"));
    match (&observed.identity, observed.unrecorded()) {
        (Some(identity), _) => deletable(plan, observed, identity),
        (None, Some(attempt)) => restore_identity(plan, attempt),
        (None, None) => plan.note(Note::blocked(
            reason::skep::METADATA_INCOMPLETE,
            "spec.installed is set without spec.clusterMetadata: the cluster could not be deleted",
            "ClusterDeployment spec.clusterMetadata",
            "fill in infraID, clusterID and adminKubeconfigSecretRef",
        )),
    }
    if !observed.secrets.to_hold.is_empty() {
        plan.step(Step::HoldSecrets {
            names: observed.secrets.to_hold.clone(),
        });
    }
    if !observed.secrets.unclaimed.is_empty() {
        plan.step(Step::ClaimAdminSecrets {
            names: observed.secrets.unclaimed.clone(),
        });
    }
    publish_api_url(plan, observed);
    tidy(plan, observed, now);
}

/// What is missing for the deletion is told now, not when it is needed (docs/spec/10 §26.4 U4).
fn deletable(plan: &mut Building, observed: &Observed, identity: &Identity) {
    let known = facts(plan, observed, identity);
    if !known {
        return;
    }
    match &observed.secrets.metadata {
        Read::Known(_) | Read::Unread => {}
        Read::Absent => describe_again(plan, observed),
    }
    if identity.metadata_secret.is_none() {
        plan.metadata_secret = Some(observed.metadata_secret());
    }
}

/// The installer's own words if an attempt keeps them, else what the ClusterDeployment says.
fn describe_again(plan: &mut Building, observed: &Observed) {
    if let Some(attempt) = observed.described_by() {
        plan.step(Step::StoreMetadata {
            provision: attempt.name.clone(),
        });
        return plan.note(description_restored(attempt));
    }
    let name = observed.metadata_secret();
    let message = format!(
        "Secret {name}, which describes the cluster, is composed from the ClusterDeployment"
    );
    plan.note(Note::progress("DescriptionComposed", message).as_event());
    plan.step(Step::ComposeMetadata { name });
}

fn facts(plan: &mut Building, observed: &Observed, identity: &Identity) -> bool {
    let Some(gap) = identity.facts.gap(observed.platform.kind) else {
        return true;
    };
    match (
        observed.platform.kind,
        &observed.secrets.discovered_zone_role,
    ) {
        (PlatformKind::Aws, Read::Known(role)) => {
            plan.hosted_zone_role = Some(role.clone().unwrap_or_default());
            false
        }
        (PlatformKind::Aws, Read::Unread) => {
            plan.step(Step::Confirm);
            false
        }
        (_, Read::Known(_) | Read::Unread | Read::Absent) => {
            plan.note(Note::blocked(
                reason::skep::METADATA_INCOMPLETE,
                format!("{gap} is not known, and without it the cluster cannot be deleted"),
                format!("ClusterDeployment {gap}"),
                "fill it in (an empty text says that there is none)",
            ));
            false
        }
    }
}

fn publish_api_url(plan: &mut Building, observed: &Observed) {
    if observed.progress.api_url_known {
        return;
    }
    match &observed.secrets.api_url {
        Read::Known(Some(url)) => plan.status.api_url = Some(url.clone()),
        Read::Unread => plan.step(Step::Confirm),
        Read::Known(None) | Read::Absent => {}
    }
}

fn tidy(plan: &mut Building, observed: &Observed, now: Timestamp) {
    if let ImageJob::Ended { uid, .. } = &observed.images.job {
        plan.step(Step::DeleteImageJob { uid: uid.clone() });
    }
    let failed = observed.attempts.iter().filter(|attempt| {
        attempt.stage == Stage::Failed && attempt.cleaned_up && !attempt.deleting
    });
    for attempt in failed {
        let due = attempt
            .created
            .saturating_add(FAILED_RETENTION)
            .unwrap_or(Timestamp::MAX);
        if now >= due {
            let (name, uid) = (attempt.name.clone(), attempt.uid.clone());
            plan.step(Step::DeleteProvision { name, uid });
        } else {
            plan.again_at(due);
        }
    }
}
