//! Decides what one ClusterDeployment needs next: one file per question.
//!
//! `mod` orders the questions (docs/spec/10 §5.2): paused? being deleted ([`deletion`])? installed
//! ([`installed`])? else: are the requirements met ([`requirements`]), are the images known ([`images`]),
//! does an attempt run, and may another be made ([`attempts`], [`failed`], [`following`])?
//!
//! It must never plan a second attempt while one may still act, an attempt before the last one's remains
//! are erased, or the end of the finalizer while the cluster may still own something in a cloud.

mod attempts;
mod deletion;
mod erasing;
mod failed;
mod following;
mod images;
mod installed;
mod requirements;

use std::collections::BTreeMap;

use jiff::Timestamp;
use skep_crds::condition::standing::Standing;

use super::observed::{Attempt, DeleteAfter, Observed, Relocation};
use super::status::Status;
use crate::controllers::erasure::State;
use crate::plan::{Note, Plan};
use crate::runtime::Trouble;

pub(super) use attempts::refusal_of;

/// One effect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// No effect: its presence has the decision made again from live reads, because it rests on something
    /// that the stores do not tell, or on something being absent.
    Confirm,
    /// Labels, finalizer and facts of the ClusterDeployment, in one patch.
    Complete {
        /// Labels to set.
        labels: BTreeMap<String, String>,
        /// Whether to add the finalizer.
        finalizer: bool,
        /// The metadata Secret to refer to.
        metadata_secret: Option<String>,
        /// The AWS hosted zone role that was found out.
        hosted_zone_role: Option<String>,
    },
    /// The `ConfigMap` with trusted authorities.
    CreateTrustedCa,
    /// Deletes the ClusterDeployment, whose time is over.
    DeleteExpired,
    /// Asks the cloud whose the credentials are.
    CheckCredentials {
        /// Of these credentials.
        fingerprint: String,
    },
    /// Writes the merged pull secret.
    StorePullSecret {
        /// Digest of its content.
        digest: String,
    },
    /// Starts the Job that resolves images.
    RunImageJob {
        /// The finished Job to replace.
        replaces: Option<String>,
        /// How often it was tried before.
        tries: u32,
    },
    /// Deletes the Job that resolved images.
    DeleteImageJob {
        /// Its UID.
        uid: String,
    },
    /// Keeps Secrets from going away before the cluster does.
    HoldSecrets {
        /// Which.
        names: Vec<String>,
    },
    /// Lets Secrets go that no cluster needs any more.
    ReleaseSecrets {
        /// Which.
        names: Vec<String>,
    },
    /// Creates an attempt.
    CreateProvision {
        /// Its name.
        name: String,
        /// Its number.
        number: i64,
        /// The attempt before it.
        previous: Option<String>,
    },
    /// Deletes an attempt.
    DeleteProvision {
        /// Its name.
        name: String,
        /// Its UID.
        uid: String,
    },
    /// Writes the metadata Secret from an attempt.
    StoreMetadata {
        /// The attempt.
        provision: String,
    },
    /// Writes the metadata Secret of an adopted cluster from the ClusterDeployment.
    ComposeMetadata {
        /// The Secret.
        name: String,
    },
    /// Records the cluster-to-be's identity in the ClusterDeployment: the hub's half of the handshake.
    RecordIdentity {
        /// The attempt.
        provision: String,
    },
    /// Forgets the identity of an attempt of which nothing is left.
    ForgetIdentity,
    /// Sets `spec.installed`.
    MarkInstalled {
        /// Whether to protect the cluster against deletion.
        protect: bool,
    },
    /// Labels and owns the administrator's Secrets.
    ClaimAdminSecrets {
        /// Which.
        names: Vec<String>,
    },
    /// Creates the ClusterDeprovision.
    CreateDeprovision,
    /// Deletes the ClusterDeprovision: the cluster is to be kept.
    DeleteDeprovision {
        /// Its UID.
        uid: String,
    },
    /// Erases the cluster without a ClusterDeprovision.
    StartErasure,
    /// Ends that erasure.
    AbandonErasure,
    /// Removes the finalizer.
    RemoveFinalizer,
}

impl Step {
    /// See [`Reconcile::rests_on_root`](crate::runtime::Reconcile::rests_on_root): labels and finalizer,
    /// which a person sees missing.
    pub(super) const fn rests_on_root(&self) -> bool {
        matches!(
            self,
            Self::Complete {
                metadata_secret: None,
                hosted_zone_role: None,
                ..
            }
        )
    }
}

/// A plan of this controller.
pub(super) type ClusterPlan = Plan<Status, Step>;

/// Decides.
pub(super) fn decide(observed: &Observed, now: Timestamp) -> ClusterPlan {
    let mut plan = what_is_due(observed, now);
    if let Some(trouble) = &observed.trouble
        && plan.has_effects()
    {
        // On record until the steps are taken: the outcome does not say it again.
        let intent = plan.intent.get_or_insert_default();
        intent.stands = Some(standing_in(trouble));
    }
    plan
}

/// Steps that keep failing: whether anybody has to do something about it.
fn standing_in(trouble: &Trouble) -> Standing {
    let (reason, message) = (trouble.reason.to_owned(), trouble.words());
    match trouble.advice {
        Some(_) => Standing::Stalled { reason, message },
        None => Standing::Reconciling { reason, message },
    }
}

fn what_is_due(observed: &Observed, now: Timestamp) -> ClusterPlan {
    if observed.wishes.paused {
        // docs/spec/10 §26.4 U6: also what runs already.
        let plan = match observed.erasure {
            State::Running { .. } => Plan::step(Step::AbandonErasure),
            State::Idle | State::Failing { .. } | State::Finished { .. } => Plan::nothing(),
        };
        return plan.because(Note::paused());
    }
    if observed.deleting_since.is_some() {
        return deletion::decide(observed, now);
    }
    if let Some(plan) = held_by_relocation(observed) {
        return plan;
    }
    let mut plan = Building::new(observed);
    if expire(&mut plan, observed, now) {
        return plan.finish();
    }
    if observed.installed {
        installed::decide(&mut plan, observed, now);
    } else {
        attempts::decide(&mut plan, observed, now);
    }
    requirements::tell_leaving(&mut plan, observed);
    plan.finish()
}

/// Both ends of a move are left alone (docs/spec/10 §26.1 W29).
fn held_by_relocation(observed: &Observed) -> Option<ClusterPlan> {
    let note = match &observed.wishes.relocation {
        Relocation::None => return None,
        Relocation::UnderWay(status) => Note::waiting(
            "Relocating",
            format!("the ClusterDeployment is being moved ({status})"),
            "the relocation to complete",
            None,
        ),
        Relocation::Complete => Note::done(
            "Relocated",
            "the ClusterDeployment lives on another hub now",
        ),
        Relocation::Invalid(value) => invalid_relocation(value),
    };
    Some(Plan::nothing().because(note))
}

fn invalid_relocation(value: &str) -> Note {
    Note::blocked(
        "InvalidRelocation",
        format!("annotation hive.openshift.io/relocate={value:?} cannot be understood"),
        "the annotation",
        "write <ClusterRelocate>/<outgoing|complete|incoming>, or remove it",
    )
}

/// Plans the deletion of an object whose time is over; tells whether that is so. A value that is no
/// duration is told and does no harm (docs/spec/10 §26.4 U8).
fn expire(plan: &mut Building, observed: &Observed, now: Timestamp) -> bool {
    match &observed.wishes.delete_after {
        DeleteAfter::Never => false,
        DeleteAfter::At(when) if now >= *when => {
            plan.step(Step::DeleteExpired);
            plan.note(
                Note::progress("Expired", "the time that delete-after gave is over").as_event(),
            );
            true
        }
        DeleteAfter::At(when) => {
            plan.again_at(*when);
            false
        }
        DeleteAfter::Invalid(value) => {
            plan.note(Note::blocked(
                "InvalidDeleteAfter",
                format!("annotation hive.openshift.io/delete-after={value:?} is no duration"),
                "the annotation",
                "write a duration like 8h or 90m; until then nothing is deleted",
            ));
            false
        }
    }
}

/// What an attempt reported stands on the ClusterDeployment again.
fn restore_identity(plan: &mut Building, attempt: &Attempt) {
    let infra_id = attempt
        .reported
        .as_ref()
        .map_or("", |reported| reported.infra_id.as_str());
    plan.step(Step::RecordIdentity {
        provision: attempt.name.clone(),
    });
    let message = format!(
        "spec.clusterMetadata was taken away; ClusterProvision {} knows that the infra ID is {infra_id}",
        attempt.name
    );
    plan.note(Note::progress("IdentityRestored", message).as_event());
}

/// What an attempt keeps of the installer's description is stored again.
fn description_restored(attempt: &Attempt) -> Note {
    let message = format!(
        "the Secret with the installer's description is gone; ClusterProvision {} has a copy",
        attempt.name
    );
    Note::progress("DescriptionRestored", message).as_event()
}

/// A plan under construction: questions add to it what does not depend on each other's effects.
pub(super) struct Building {
    plan: ClusterPlan,
    status: Status,
    /// Metadata that the object lacks; becomes one step.
    labels: BTreeMap<String, String>,
    finalizer: bool,
    metadata_secret: Option<String>,
    hosted_zone_role: Option<String>,
    /// Whether the status so far must be on record before the steps.
    intend: Option<Status>,
}

impl Building {
    fn new(observed: &Observed) -> Self {
        let mut building = Self {
            plan: Plan::nothing(),
            status: Status::default(),
            labels: observed.stale_labels.clone(),
            finalizer: !observed.is_held(),
            metadata_secret: None,
            hosted_zone_role: None,
            intend: None,
        };
        if !observed.trusted_ca && !observed.namespace_terminating {
            building.step(Step::CreateTrustedCa);
        }
        building
    }

    /// A plan that completes nothing: for an object that is about to go.
    fn empty() -> Self {
        Self {
            plan: Plan::nothing(),
            status: Status::default(),
            labels: BTreeMap::new(),
            finalizer: false,
            metadata_secret: None,
            hosted_zone_role: None,
            intend: None,
        }
    }

    /// Whether the object carries the finalizer already: nothing that may leave something behind is
    /// started before.
    const fn is_held(&self) -> bool {
        !self.finalizer
    }

    fn step(&mut self, step: Step) {
        self.plan.steps.push(step);
    }

    fn note(&mut self, note: Note) {
        self.plan.notes.push(note);
    }

    fn again_at(&mut self, when: Timestamp) {
        self.plan.requeue = self.plan.requeue.or_earlier(crate::plan::Requeue::At(when));
    }

    /// What was said so far must be on record before the steps are taken.
    fn intend(&mut self) {
        self.intend = Some(self.status.clone());
    }

    /// Nothing is recorded after the steps beyond what is recorded before them.
    fn nothing_after(&mut self) {
        self.status = Status::default();
    }

    /// The plan, without a status if there is nothing to say.
    fn finish_or_nothing(self) -> ClusterPlan {
        let mut plan = self.finish();
        plan.outcome = plan.outcome.filter(|status| *status != Status::default());
        plan.intent = plan.intent.filter(|status| *status != Status::default());
        plan
    }

    fn finish(self) -> ClusterPlan {
        let Self {
            mut plan,
            status,
            labels,
            finalizer,
            metadata_secret,
            hosted_zone_role,
            intend,
        } = self;
        let incomplete = finalizer
            || !labels.is_empty()
            || metadata_secret.is_some()
            || hosted_zone_role.is_some();
        if incomplete {
            let complete = Step::Complete {
                labels,
                finalizer,
                metadata_secret,
                hosted_zone_role,
            };
            plan.steps.insert(0, complete);
        }
        plan.intent = intend;
        plan.outcome = Some(status);
        plan
    }
}
