//! The main job with the real controllers, the real runtime and the real deprovision engine: a cluster
//! is created, its first attempt fails and is cleaned up, the second installs it, it is deleted, and
//! the account is as it was. The operator is killed at every effect of that story.
#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]

#[path = "main_job/health.rs"]
mod health;
mod hive;
#[path = "main_job/neighbours.rs"]
mod neighbours;
#[path = "main_job/power.rs"]
mod power;
#[path = "main_job/reach.rs"]
mod reach;

use std::{collections::BTreeMap, time::Duration};

use hive::{Account, Story};
use serde_json::{Value, json};
use skep::runtime::ControllerName;
use skep_crds::names::controller;
use skep_sim::{
    actors::install::{Attempt, Stage},
    apiserver::{
        ApiServer,
        faults::{Kind as Fault, Rule},
    },
    crash::{Scenario as _, ending, for_every_effect, play},
    transcript::{Show, render},
    world::{Settings, World, simulate},
};

const LOG: &str = "level=error msg=Error: creating EC2 VPC: VpcLimitExceeded: The maximum number of \
                   VPCs has been reached.";

/// One failed attempt, then success.
fn story() -> Story {
    Story::of(vec![
        Attempt::failing(Stage::Bootstrap, LOG),
        Attempt::succeeding(),
    ])
}

#[test]
fn a_cluster_is_installed_at_the_second_attempt_and_deleted_without_a_trace() {
    let story = story();
    let transcript = simulate(Settings::seeded(1), |world| async move {
        let operator = story.operator(&world);
        story.play(&world, operator).await;
        assert_eq!(world.unexpected_ends(), Vec::<String>::new());
        render(&world.server, Show::Story)
    });
    insta::with_settings!({snapshot_path => "../golden", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("main_job", transcript);
    });
}

#[test]
fn it_ends_the_same_wherever_the_operator_is_killed() {
    let report = for_every_effect(story, Settings::seeded(1));
    report.assert_clean();
    assert_eq!(report.variants, report.effects + 1);
}

#[test]
fn another_seed_tells_the_same_story() {
    let ends: Vec<_> = (1..=4)
        .map(|seed| play(&story(), Settings::seeded(seed), None))
        .map(|run| (run.ending.outside, run.ending.created))
        .collect();
    assert!(ends.windows(2).all(|pair| pair[0] == pair[1]), "{ends:?}");
}

/// What a run with a troubled hub must not change: the account, and how much was ever created.
fn essence(disturb: impl Fn(&World), seed: u64) -> (Value, BTreeMap<String, u64>) {
    let story = story();
    simulate(Settings::seeded(seed), |world| async move {
        disturb(&world);
        let operator = story.operator(&world);
        story.play(&world, operator).await;
        assert_eq!(world.unexpected_ends(), Vec::<String>::new());
        let ending = ending(&story, &world);
        (ending.outside, ending.created)
    })
}

#[test]
fn refusals_and_lost_answers_change_nothing() {
    let calm = essence(|_| {}, 1);
    for seed in 1..=4 {
        let troubled = essence(
            |world| {
                for kind in [
                    Fault::Conflict,
                    Fault::InternalError,
                    Fault::TooManyRequests(Duration::from_secs(1)),
                    Fault::AnswerLost,
                ] {
                    for verb in ["CREATE", "PATCH", "DELETE", "GET"] {
                        let rule = Rule::times(6, verb, "", kind);
                        world.server.faults().add(Rule {
                            percent: 10,
                            ..rule
                        });
                    }
                }
            },
            seed,
        );
        assert_eq!(troubled, calm, "seed {seed}");
    }
}

#[test]
fn late_events_change_nothing() {
    let late = |world: &World| {
        for plural in [
            "clusterdeployments",
            "clusterprovisions",
            "clusterdeprovisions",
            "jobs",
            "pods",
        ] {
            world.server.delay_watches(plural, Duration::from_secs(7));
        }
    };
    assert_eq!(essence(late, 1), essence(|_| {}, 1));
}

/// From the creation of the first attempt on, the operator's store of Jobs stands still for an hour.
/// How many attempts there were until the cluster was installed, or in that hour if it need not be.
fn attempts_under_a_frozen_store(unconfirmed: Option<ControllerName>) -> u64 {
    let mut story = Story::of(vec![Attempt::succeeding()]);
    story.unconfirmed = unconfirmed;
    simulate(Settings::seeded(1), |world| async move {
        let operator = story.operator(&world);
        story.set_the_stage(&world, operator).await;
        world
            .until("an attempt", Duration::from_hours(1), |server| {
                (!server.objects(hive::GROUP, "clusterprovisions").is_empty()).then_some(())
            })
            .await;
        world.server.freeze_watches("jobs");
        tokio::time::sleep(Duration::from_hours(1)).await;
        world.server.thaw_watches("jobs");
        // Who does not read again may take every Job that was just made for one that is gone.
        if unconfirmed.is_none() {
            story.until_installed(&world).await;
        }
        hive::attempts(&world)
    })
}

#[test]
fn a_frozen_store_costs_no_attempt() {
    assert_eq!(attempts_under_a_frozen_store(None), 1);
}

#[test]
fn without_reading_again_a_frozen_store_costs_attempts() {
    let careless = Some(controller::CLUSTER_PROVISION);
    assert!(
        attempts_under_a_frozen_store(careless) > 1,
        "the test before proves nothing"
    );
}

#[test]
fn a_stopped_operator_never_answers_the_handshake_and_nothing_exists() {
    let story = Story::of(vec![Attempt::succeeding()]);
    simulate(Settings::seeded(1), |world| async move {
        let operator = story.operator(&world);
        story.set_the_stage(&world, operator).await;
        let reported = |server: &ApiServer| {
            let attempts = server.objects(hive::GROUP, "clusterprovisions");
            attempts
                .iter()
                .any(|attempt| attempt["spec"]["infraID"].is_string())
                .then_some(())
        };
        world
            .until("the report", Duration::from_hours(1), reported)
            .await;
        world.stop_operator();
        tokio::time::sleep(Duration::from_hours(1)).await;
        assert_eq!(
            story.outside(&world),
            Account::before(),
            "nothing without the handshake"
        );
        world.resume_operator();
        story.until_installed(&world).await;
        assert_eq!(hive::attempts(&world), 1);
    });
}

#[test]
fn a_cluster_deleted_before_the_handshake_has_nothing_to_erase() {
    let story = Story::of(vec![Attempt::succeeding()]);
    simulate(Settings::seeded(1), |world| async move {
        let operator = story.operator(&world);
        story.set_the_stage(&world, operator).await;
        let reported = |server: &ApiServer| {
            let attempts = server.objects(hive::GROUP, "clusterprovisions");
            attempts
                .iter()
                .any(|attempt| attempt["spec"]["infraID"].is_string())
                .then_some(())
        };
        world
            .until("the report", Duration::from_hours(1), reported)
            .await;
        world.stop_operator();
        tokio::time::sleep(Duration::from_mins(1)).await;
        hive::delete(&world, "clusterdeployments", &story.cluster.name).await;
        world.resume_operator();
        story.until_gone(&world).await;
        assert_eq!(story.outside(&world), Account::before());
        let calls = story.account().changing_calls();
        assert_eq!(calls, 0, "nothing was erased because nothing was there");
    });
}

#[test]
fn deleting_the_namespace_of_three_clusters_leaves_the_account_as_it_was() {
    let story = Story::of(vec![Attempt::succeeding()]);
    simulate(Settings::seeded(1), |world| async move {
        let operator = story.operator(&world);
        story.set_the_stage(&world, operator).await;
        for name in ["second", "third"] {
            let mut cluster = story.cluster.clone();
            cluster.name = name.into();
            hive::create_cluster(&world, &cluster);
        }
        for name in ["demo", "second", "third"] {
            world
                .until("installed", Duration::from_hours(3), |server| {
                    hive::is_installed(server, name)
                })
                .await;
        }
        assert_ne!(story.outside(&world), Account::before());
        hive::delete_namespace(&world, &story.cluster.namespace).await;
        world
            .until(
                "the end of the namespace",
                Duration::from_hours(3),
                |server| {
                    server
                        .stored("", "namespaces", "", "fleet")
                        .is_none()
                        .then_some(())
                },
            )
            .await;
        assert_eq!(story.outside(&world), Account::before());
    });
}

#[test]
fn bad_input_is_told_and_its_correction_resumes() {
    let story = Story::of(vec![Attempt::succeeding()]);
    simulate(Settings::seeded(1), |world| async move {
        let operator = story.operator(&world);
        story
            .set_the_stage_without(&world, operator, &["demo-install-config"])
            .await;
        world.quiet(Duration::from_mins(10)).await;
        let condition = hive::condition(&world, "demo", "RequirementsMet");
        assert_eq!(condition["status"], "False", "{condition}");
        let secrets = story.cluster.secrets();
        let late = secrets
            .iter()
            .find(|secret| secret["metadata"]["name"] == "demo-install-config");
        world.server.seed_object("", "secrets", late.unwrap());
        story.until_installed(&world).await;
        let met = hive::condition(&world, "demo", "RequirementsMet");
        assert_eq!(
            (&met["status"], &met["reason"]),
            (&json!("True"), &json!("AllRequirementsMet"))
        );
    });
}

/// Where the operator stands, told by whoever asks: condition `Stalled` and `skep why`.
#[test]
fn a_right_that_is_taken_away_is_told_until_it_is_given_back() {
    let story = Story::of(vec![Attempt::succeeding()]);
    simulate(Settings::seeded(1), |world| async move {
        let forbid = |plural: &str| {
            let rule = Rule::times(u64::MAX, "CREATE", plural, Fault::Forbidden);
            world.server.faults().add(rule);
        };
        let told = |kind: &str| {
            let events = world.server.objects("events.k8s.io", "events");
            let of_right = events.iter().filter(|event| {
                event["reason"] == "MissingRight" && event["regarding"]["kind"] == kind
            });
            of_right
                .map(|event| event["note"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        let operator = story.operator(&world);
        forbid("jobs");
        story.set_the_stage(&world, operator).await;
        world
            .until("Stalled", Duration::from_mins(10), |_| {
                let stalled = hive::condition(&world, "demo", "Stalled");
                (stalled["status"] == "True" && stalled["reason"] == "MissingRight").then_some(())
            })
            .await;
        // It goes on for an hour, and is told once.
        tokio::time::sleep(Duration::from_mins(20)).await;
        let fix = "give system:serviceaccount:hive:hive-controllers the right to create jobs.batch in \
                   namespace fleet";
        let events = told("ClusterDeployment");
        assert!(events.len() == 1 && events[0].contains(fix), "{events:?}");
        let why = hive::why(&world, &story).await;
        assert!(
            why.contains("Stalled=True (MissingRight)") && why.contains(fix),
            "{why}"
        );
        // The attempt's own controller has no condition for it.
        world.server.faults().clear();
        forbid("roles");
        world
            .until("an Event", Duration::from_hours(1), |_| {
                (!told("ClusterProvision").is_empty()).then_some(())
            })
            .await;
        let why = hive::why(&world, &story).await;
        assert!(!why.contains("Stalled=True"), "{why}");
        let fix = "right to create roles.rbac.authorization.k8s.io in namespace fleet";
        assert!(
            why.contains("keeps failing for") && why.contains(fix),
            "{why}"
        );
        world.server.faults().clear();
        story.until_installed(&world).await;
        let why = hive::why(&world, &story).await;
        assert!(!why.contains("MissingRight"), "{why}");
        assert_eq!(hive::attempts(&world), 1);
    });
}
