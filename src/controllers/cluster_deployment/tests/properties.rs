//! What holds for every observation.

use proptest::prelude::*;
use serde_json::json;
use skep_crds::Stage;
use skep_crds::names::condition::cd;
use skep_crds::names::finalizer;
use skep_crds::names::reason;

use super::super::decide::{ClusterPlan, Step, decide};
use super::super::observed::{
    Attempt, Deprovision, Failure, ImageJob, Images, Inputs, Observed, PlatformFacts,
};
use super::super::status::{Reference, merge};
use super::{attempt, deprovision, ended, identity, later, ready, reported, root, start};
use crate::controllers::checks::Check;
use crate::controllers::erasure::{State, Trouble};
use crate::controllers::inputs::Read;

fn any_attempts() -> impl Strategy<Value = Vec<Attempt>> {
    let stage = prop_oneof![
        Just(Stage::Initializing),
        Just(Stage::Provisioning),
        Just(Stage::Complete),
        Just(Stage::Failed),
        Just(Stage::Failed),
    ];
    let one = (stage, any::<[bool; 3]>());
    prop::collection::vec(one, 0..4).prop_map(|all| {
        let numbered = all.into_iter().enumerate();
        numbered
            .map(|(number, (stage, [deleting, cleaned_up, has_reported]))| {
                let base = attempt(i64::try_from(number).unwrap(), stage.clone());
                let failure = Failure {
                    reason: "X".into(),
                    message: "m".into(),
                    at: start(),
                };
                Attempt {
                    deleting,
                    cleaned_up,
                    reported: has_reported.then(reported),
                    failure: (stage == Stage::Failed).then_some(failure),
                    ..base
                }
            })
            .collect()
    })
}

fn any_erasure() -> impl Strategy<Value = State> {
    prop_oneof![
        Just(State::Idle),
        Just(State::Running {
            summary: "x".into(),
            plan_digest: None,
            since: start()
        }),
        Just(State::Failing {
            trouble: Trouble::Other,
            message: "x".into(),
            retry_at: later(60)
        }),
        Just(State::Finished {
            summary: "x".into(),
            plan_digest: None
        }),
    ]
}

fn any_deprovision() -> impl Strategy<Value = Option<Deprovision>> {
    prop::option::of(
        any::<[bool; 2]>().prop_map(|[deleting, completed]| Deprovision {
            deleting,
            completed,
            ..deprovision()
        }),
    )
}

fn any_inputs() -> impl Strategy<Value = (Inputs, Images)> {
    let check = prop_oneof![
        Just(Check::Unchecked),
        Just(Check::Accepted {
            account: "aws:1".into()
        }),
        Just(Check::Refused {
            message: "m".into(),
            retry_at: later(60)
        }),
    ];
    let job = prop_oneof![
        Just(ImageJob::Absent),
        Just(ImageJob::Leaving),
        Just(ended(1, "i", true)),
        Just(ended(0, "other", false)),
    ];
    let config = prop_oneof![
        Just(Read::Absent),
        Just(Read::Unread),
        Just(Read::Known(Ok(())))
    ];
    let merged = prop_oneof![
        Just(Read::Absent),
        Just(Read::Unread),
        Just(Read::Known("d".to_owned()))
    ];
    (check, job, config, merged, any::<bool>()).prop_map(
        |(check, job, install_config, merged, resolved)| {
            let Observed { inputs, images, .. } = ready();
            (
                Inputs {
                    install_config,
                    merged,
                    check,
                    ..inputs
                },
                Images {
                    resolved,
                    job,
                    ..images
                },
            )
        },
    )
}

prop_compose! {
    fn any_observed()(
        attempts in any_attempts(),
        erasure in any_erasure(),
        deprovision in any_deprovision(),
        (inputs, images) in any_inputs(),
        current in prop::option::of(0_i64..4),
        restarts in 0_i64..4,
        limit in prop::option::of(0_i32..4),
        living_pods in 0_usize..2,
        flags in any::<[bool; 10]>(),
    ) -> Observed {
        let [deleting, installed, identified, preserve, terminating, held, paused, protected, complete, to_hold] = flags;
        let mut observed = ready();
        observed.attempts = attempts;
        observed.erasure = erasure;
        observed.deprovision = deprovision;
        observed.inputs = inputs;
        observed.images = images;
        observed.progress.provision = current.map(|number| observed.attempt_name(number));
        observed.progress.restarts = restarts;
        observed.limits.attempts = limit;
        observed.living_pods = living_pods;
        observed.deleting_since = deleting.then(start);
        observed.installed = installed;
        observed.identity = identified.then(identity);
        if !complete && let Some(identity) = &mut observed.identity {
            identity.facts = PlatformFacts::default();
        }
        observed.preserve = preserve;
        observed.namespace_terminating = terminating;
        observed.finalizers.retain(|_| held);
        observed.wishes.paused = paused;
        observed.wishes.protected = protected;
        if to_hold {
            observed.secrets.to_hold = vec!["creds".into()];
        }
        observed
    }
}

/// The world after a plan was carried out, each step with the effect that it has when all goes well.
fn after(mut world: Observed, plan: &ClusterPlan) -> Observed {
    for status in [&plan.intent, &plan.outcome].into_iter().flatten() {
        match &status.provision {
            Reference::Keep => {}
            Reference::Set(name) => world.progress.provision = Some(name.clone()),
            Reference::Clear => world.progress.provision = None,
        }
        world.progress.restarts = status.restarts.unwrap_or(world.progress.restarts);
        world.progress.started |= status.started.is_some();
        world.progress.stamped |= status.installed.is_some();
        world.images.resolved |= status.images.is_some();
        if let Some(said) = status.verdict(cd::PROVISIONED) {
            world.recorded.provisioned.clone_from(&said.reason);
            // The engine writes the receipt before anybody says so.
            world.recorded.receipt = said.reason == reason::DEPROVISIONED;
        }
    }
    for step in &plan.steps {
        take(&mut world, step);
    }
    world
}

fn take(world: &mut Observed, step: &Step) {
    match step {
        Step::Confirm => {
            let read = ready().inputs;
            if world.inputs.install_config == Read::Unread {
                world.inputs.install_config = read.install_config;
            }
            if world.inputs.merged == Read::Unread {
                world.inputs.merged = Read::Absent;
            }
            if world.secrets.metadata == Read::Unread {
                world.secrets.metadata = Read::Absent;
            }
        }
        Step::Complete {
            finalizer,
            metadata_secret,
            hosted_zone_role,
            ..
        } => {
            world.stale_labels.clear();
            if *finalizer {
                world.finalizers.push(finalizer::DEPROVISION.into());
            }
            if let Some(identity) = &mut world.identity {
                identity.metadata_secret = metadata_secret
                    .clone()
                    .or_else(|| identity.metadata_secret.clone());
                let role = &mut identity.facts.hosted_zone_role;
                *role = hosted_zone_role.clone().or_else(|| role.clone());
            }
        }
        Step::CreateTrustedCa => world.trusted_ca = true,
        Step::DeleteExpired => world.deleting_since = Some(start()),
        Step::CheckCredentials { .. } => {
            world.inputs.check = Check::Accepted {
                account: "aws:1".into(),
            };
        }
        Step::StorePullSecret { digest } => world.inputs.merged = Read::Known(digest.clone()),
        Step::RunImageJob { .. } => {
            world.images.job = ended(0, "i", false);
            world.images.resolved = true;
        }
        Step::DeleteImageJob { .. } => world.images.job = ImageJob::Absent,
        Step::HoldSecrets { .. } => world.secrets.to_hold.clear(),
        Step::ReleaseSecrets { .. } => world.secrets.to_release.clear(),
        Step::CreateProvision { number, .. } => {
            world.attempts.push(attempt(*number, Stage::Initializing));
        }
        Step::DeleteProvision { uid, .. } => world.attempts.retain(|attempt| attempt.uid != *uid),
        Step::StoreMetadata { .. } => world.secrets.metadata = Read::Known("m".into()),
        Step::ComposeMetadata { .. } => world.secrets.metadata = Read::Known("composed".into()),
        Step::RecordIdentity { .. } => {
            world.identity = Some(identity());
            world.account = Some("aws:1".into());
        }
        Step::ForgetIdentity => {
            world.identity = None;
            world.account = None;
            world.erasure = State::Idle;
        }
        Step::MarkInstalled { .. } => world.installed = true,
        Step::ClaimAdminSecrets { .. } => world.secrets.unclaimed.clear(),
        Step::CreateDeprovision => world.deprovision = Some(deprovision()),
        Step::DeleteDeprovision { .. } => world.deprovision = None,
        Step::StartErasure => {
            world.erasure = State::Finished {
                summary: "x".into(),
                plan_digest: None,
            };
        }
        Step::AbandonErasure => world.erasure = State::Idle,
        Step::RemoveFinalizer => world.finalizers.clear(),
    }
}

fn creates(plan: &ClusterPlan) -> bool {
    plan.steps
        .iter()
        .any(|step| matches!(step, Step::CreateProvision { .. }))
}

proptest! {
    /// At most one attempt at a time, and never one whose predecessor left something behind.
    #[test]
    fn no_attempt_is_made_while_another_may_act(observed in any_observed(), after in 0_i64..200_000) {
        let plan = decide(&observed, later(after));
        if creates(&plan) {
            prop_assert!(!observed.attempts.iter().any(Attempt::is_active));
            prop_assert!(observed.newest_failed().is_none_or(|failed| failed.cleaned_up));
            prop_assert!(observed.is_held(), "nothing is created that could not be deleted");
            prop_assert!(observed.secrets.to_hold.is_empty());
            prop_assert!(!observed.installed && observed.deleting_since.is_none());
            let accepted = matches!(observed.inputs.check, Check::Accepted { .. });
            prop_assert!(accepted);
        }
    }

    /// An attempt's number is never used again.
    #[test]
    fn a_new_attempt_has_a_new_number(observed in any_observed(), after in 0_i64..200_000) {
        let plan = decide(&observed, later(after));
        for step in &plan.steps {
            if let Step::CreateProvision { number, .. } = step {
                prop_assert!(observed.attempts.iter().all(|attempt| attempt.number != *number
                    || attempt.deleting));
                prop_assert!(*number >= observed.progress.restarts);
            }
        }
    }

    /// docs/spec/10 §25 items 1 and 9.
    #[test]
    fn the_finalizer_stays_while_something_may_be_left(observed in any_observed()) {
        let plan = decide(&observed, start());
        if plan.steps.contains(&Step::RemoveFinalizer) {
            prop_assert!(observed.deleting_since.is_some());
            prop_assert!(observed.attempts.is_empty() && observed.living_pods == 0);
            let theirs = |found: &Deprovision| {
                let identity = observed.identity.as_ref();
                identity.is_none_or(|identity| identity.infra_id == found.infra_id)
            };
            let erased = observed.deprovision.as_ref().is_some_and(|found| found.completed && theirs(found))
                || matches!(observed.erasure, State::Finished { .. });
            prop_assert!(observed.preserve || observed.identity.is_none() || erased);
            prop_assert!(!observed.wishes.protected);
        }
    }

    /// docs/spec/10 §26.1 W5.
    #[test]
    fn nothing_is_erased_while_an_install_pod_lives(observed in any_observed()) {
        let plan = decide(&observed, start());
        let erases = |step: &Step| matches!(step, Step::StartErasure | Step::CreateDeprovision);
        if plan.steps.iter().any(erases) {
            prop_assert_eq!(observed.living_pods, 0);
            prop_assert!(!observed.preserve || observed.deleting_since.is_none());
        }
    }

    /// What is left alone is left alone wholly.
    #[test]
    fn a_pause_has_no_exceptions(observed in any_observed()) {
        let mut observed = observed;
        observed.wishes.paused = true;
        let plan = decide(&observed, start());
        prop_assert!(plan.intent.is_none() && plan.outcome.is_none());
        // Only what runs is ended (docs/spec/10 §26.4 U6).
        let ended = match observed.erasure {
            State::Running { .. } => vec![Step::AbandonErasure],
            State::Idle | State::Failing { .. } | State::Finished { .. } => Vec::new(),
        };
        prop_assert_eq!(plan.steps, ended);
    }

    /// Whatever is observed, a few rounds lead to a point where nothing is left to be done, and the
    /// same decision made again does nothing.
    #[test]
    fn every_cluster_comes_to_rest(observed in any_observed()) {
        let mut world = observed;
        let late = later(10_000_000);
        for _ in 0..16 {
            let plan = decide(&world, late);
            let quiet = plan.steps.is_empty();
            world = after(world, &plan);
            if quiet {
                let again = decide(&world, late);
                prop_assert_eq!(&again.steps, &Vec::<Step>::new(), "a status made new steps");
                return Ok(());
            }
        }
        let plan = decide(&world, late);
        prop_assert!(false, "no rest: {:?} in {:?}", plan.steps, world);
    }

    #[test]
    fn every_plan_says_why(observed in any_observed()) {
        prop_assert!(!decide(&observed, start()).notes.is_empty());
    }

    /// A status that is on record is not written again.
    #[test]
    fn recording_is_idempotent(observed in any_observed()) {
        let plan = decide(&observed, start());
        if let Some(status) = plan.outcome {
            let mut known = json!({});
            if let Some(patch) = merge(&root(&known), &status, start()) {
                json_patch::merge(&mut known, &patch);
            }
            prop_assert_eq!(merge(&root(&known), &status, later(60)), None);
        }
    }
}
