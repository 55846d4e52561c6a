//! Are the images of the release known? If not: the Job that resolves them, its failures, its repetition
//! (docs/spec/10 §8.2).
//!
//! A Job that succeeded without images is a failed one (docs/spec/10 §26.1 W8). A failed one stays, with
//! its pod's log, until it is repeated: with growing delays, or at once when what it depends on changed.

use jiff::{SignedDuration, Timestamp};
use skep_crds::names::condition::cd;
use skep_crds::names::{object_name, reason, value};

use super::super::observed::{ImageJob, Observed};
use super::super::status::Verdict;
use super::{Building, Step};
use crate::plan::Note;

/// After the first failure, which took up to two minutes; it doubles (docs/spec/10 §26.3 E9).
const FIRST_DELAY: SignedDuration = SignedDuration::from_secs(30);

/// A registry that is down for hours is noticed within this time of its return.
const LONGEST_DELAY: SignedDuration = SignedDuration::from_mins(30);

/// Plans the resolution; tells whether the images are known. Runs only once the requirements are met.
pub(super) fn decide(plan: &mut Building, observed: &Observed, now: Timestamp) -> bool {
    let images = &observed.images;
    if images.resolved {
        tidy(plan, &images.job);
        plan.status.set(Verdict::holds_not(
            cd::INSTALL_IMAGES_NOT_RESOLVED,
            reason::IMAGES_RESOLVED,
            "the images of the release are known",
        ));
        return true;
    }
    if observed.wishes.minimal {
        minimal(plan, images.installer_override.as_deref());
        return false;
    }
    if !observed.settings.image_known {
        plan.note(Note::blocked(
            "OperatorImageUnknown",
            "the operator does not know its own image, so it can start no pod",
            "environment variable HIVE_IMAGE of the operator",
            "set it in the operator's Deployment",
        ));
        return false;
    }
    resolve(plan, observed, now);
    false
}

/// docs/spec/10 §4.1 `minimal-install-mode`.
fn minimal(plan: &mut Building, installer_override: Option<&str>) {
    if let Some(image) = installer_override {
        plan.status.images = Some((image.to_owned(), value::NO_IMAGE.to_owned()));
        plan.note(Note::progress(
            "ImagesGiven",
            "the installer image is given, none is resolved",
        ));
        return;
    }
    let reason = reason::MINIMAL_INSTALL_MODE_WITHOUT_IMAGE_OVERRIDE;
    let message = "minimal-install-mode needs spec.provisioning.installerImageOverride";
    plan.status.set(Verdict::holds(
        cd::INSTALL_IMAGES_NOT_RESOLVED,
        reason,
        message,
    ));
    plan.note(Note::blocked(
        reason,
        message,
        "spec.provisioning.installerImageOverride",
        "set it, or remove the annotation",
    ));
}

fn tidy(plan: &mut Building, job: &ImageJob) {
    match job {
        ImageJob::Ended { uid, .. } => plan.step(Step::DeleteImageJob { uid: uid.clone() }),
        ImageJob::Absent | ImageJob::Leaving | ImageJob::Running { .. } => {}
    }
}

fn resolve(plan: &mut Building, observed: &Observed, now: Timestamp) {
    let name = object_name::image_set_job(observed.name());
    match &observed.images.job {
        ImageJob::Absent => {
            if is_ready_to_run(plan, observed) {
                plan.step(Step::RunImageJob {
                    replaces: None,
                    tries: 0,
                });
                plan.note(
                    Note::progress(
                        "ResolvingImages",
                        format!("Job {name} reads the release image"),
                    )
                    .as_event(),
                );
            }
        }
        ImageJob::Leaving => plan.note(Note::waiting(
            "ResolvingImages",
            "the last Job that resolved images is on its way out",
            format!("Job {name}"),
            None,
        )),
        ImageJob::Running { since, stuck, .. } => {
            let message = stuck.as_ref().map_or_else(
                || "the release image is read".to_owned(),
                |stuck| format!("the pod that reads the release image does not start: {stuck}"),
            );
            plan.note(Note::waiting(
                "ResolvingImages",
                message,
                format!("Job {name}"),
                Some(*since),
            ));
        }
        ImageJob::Ended {
            uid,
            at,
            tries,
            inputs,
            failure,
        } => {
            let again = Again {
                uid,
                at: *at,
                tries: *tries,
                changed: *inputs != observed.images.inputs,
            };
            repeat(plan, observed, &name, failure.as_ref(), &again, now);
        }
    }
}

struct Again<'a> {
    uid: &'a str,
    at: Timestamp,
    tries: u32,
    changed: bool,
}

fn repeat(
    plan: &mut Building,
    observed: &Observed,
    name: &str,
    failure: Option<&(String, String)>,
    again: &Again<'_>,
    now: Timestamp,
) {
    let what = match (&observed.images.reported_failure, failure) {
        (Some(reported), _) => reported.clone(),
        (None, Some((reason, message))) => format!("{reason}: {message}"),
        (None, None) => "it succeeded but reported no images".to_owned(),
    };
    let message = format!("Job {name} could not resolve the images: {what}");
    plan.status.set(Verdict::holds(
        cd::INSTALL_IMAGES_NOT_RESOLVED,
        reason::JOB_TO_RESOLVE_IMAGES_FAILED,
        &message,
    ));
    let due = again
        .at
        .saturating_add(delay(again.tries))
        .unwrap_or(Timestamp::MAX);
    let tries = if again.changed {
        0
    } else {
        again.tries.saturating_add(1)
    };
    let next = if again.changed || now >= due {
        if is_ready_to_run(plan, observed) {
            plan.step(Step::RunImageJob {
                replaces: Some(again.uid.to_owned()),
                tries,
            });
        }
        "tried again now".to_owned()
    } else {
        plan.again_at(due);
        "tried again with growing delays, or when the release image or the pull secret changes"
            .to_owned()
    };
    plan.note(Note::failed(
        reason::JOB_TO_RESOLVE_IMAGES_FAILED,
        message,
        next,
    ));
}

/// The Job needs the merged pull secret, and an object that can clean up after it.
fn is_ready_to_run(plan: &Building, observed: &Observed) -> bool {
    plan.is_held() && observed.merged_pull_secret_is_current()
}

fn delay(tries: u32) -> SignedDuration {
    let doubled = 1_i32.checked_shl(tries.min(16)).unwrap_or(i32::MAX);
    FIRST_DELAY.saturating_mul(doubled).min(LONGEST_DELAY)
}
