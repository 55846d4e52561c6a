//! Sleep and wake of a cluster with the real controllers and the real runtime, in virtual time: how they
//! go, that they end the same wherever the operator is killed, and what they cost while nothing happens.

use std::time::Duration;

use futures::{FutureExt as _, future::BoxFuture};
use serde_json::{Value, json};
use skep_providers::power::PowerState;
use skep_sim::{
    actors::install::Attempt,
    crash::{Scenario, for_every_effect},
    transcript::{Show, events, render},
    world::{Operator, Settings, World, simulate},
};

use crate::hive::{Story, condition, merge};

const HOUR: Duration = Duration::from_hours(1);

/// A cluster that is installed, sleeps for some time, and wakes.
struct Night {
    story: Story,
}

fn night() -> Night {
    Night {
        story: Story::of(vec![Attempt::succeeding()]),
    }
}

impl Scenario for Night {
    fn operator(&self, world: &World) -> Operator {
        self.story.operator(world)
    }

    fn play<'a>(&'a self, world: &'a World, operator: Operator) -> BoxFuture<'a, ()> {
        async move {
            self.story.set_the_stage(world, operator).await;
            self.story.until_installed(world).await;
            until(world, "Ready", "True", "Running").await;
            want(world, "Hibernating").await;
            until(world, "Hibernating", "True", "Hibernating").await;
            world.quiet(Duration::from_mins(2)).await;
            self.story.account().spoke.turn_off();
            want(world, "Running").await;
            until(world, "Ready", "True", "Running").await;
            world.quiet(Duration::from_mins(2)).await;
        }
        .boxed()
    }

    fn outside(&self, _: &World) -> Value {
        let machines = self.story.account().machines();
        let states = machines
            .iter()
            .map(|machine| format!("{:?}", machine.power));
        states.collect()
    }

    fn normalise(&self, plural: &str, object: &mut Value) {
        self.story.normalise(plural, object);
    }

    fn bounded(&self) -> Vec<(&'static str, &'static str)> {
        self.story.bounded()
    }
}

async fn want(world: &World, power: &str) {
    let body = json!({"spec": {"powerState": power}});
    merge(world, "clusterdeployments", "demo", &body).await;
}

async fn until(world: &World, kind: &str, status: &str, reason: &str) {
    let what = format!("{kind}={status}/{reason}");
    let found = world.until(&what, HOUR, |_| {
        let found = condition(world, "demo", kind);
        (found["status"] == status && found["reason"] == reason).then_some(())
    });
    found.await;
}

/// Plays the evening of a night: the cluster sleeps.
async fn asleep(world: &World) -> Night {
    let night = night();
    let operator = night.operator(world);
    night.story.set_the_stage(world, operator).await;
    night.story.until_installed(world).await;
    until(world, "Ready", "True", "Running").await;
    want(world, "Hibernating").await;
    until(world, "Hibernating", "True", "Hibernating").await;
    night
}

/// The lines of a transcript from the first wish about the power on.
fn since_the_wish(transcript: &str) -> String {
    let mut lines = transcript.lines();
    let first =
        lines.find(|line| line.contains("powerState=Hibernating") && line.contains("actor"));
    let rest = first.into_iter().chain(lines);
    rest.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_cluster_sleeps_and_wakes() {
    let transcript = simulate(Settings::seeded(1), |world| async move {
        let night = night();
        let operator = night.operator(&world);
        night.play(&world, operator).await;
        assert_eq!(world.unexpected_ends(), Vec::<String>::new());
        let story = since_the_wish(&render(&world.server, Show::Story));
        let told: Vec<String> = events(&world.server)
            .lines()
            .filter(|line| {
                ["Stopping", "Hibernating", "StartingMachines", "Running"]
                    .iter()
                    .any(|reason| line.contains(&format!("ClusterDeployment/demo {reason} ")))
            })
            .map(str::to_owned)
            .collect();
        format!("{story}\n\n{}", told.join("\n"))
    });
    insta::with_settings!({snapshot_path => "../../golden", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("night", transcript);
    });
}

#[test]
fn it_ends_the_same_wherever_the_operator_is_killed() {
    let report = for_every_effect(night, Settings::seeded(1));
    report.assert_clean();
}

/// docs/spec/21 §11: no hub write and hardly a call while nothing happens; a drift is found all the same.
#[test]
fn a_sleeping_cluster_costs_one_listing_an_hour_and_strays_are_stopped() {
    simulate(Settings::seeded(1), |world| async move {
        let night = asleep(&world).await;
        let account = night.story.account();
        world.quiet(Duration::from_mins(2)).await;
        let (listings, effects) = (account.listings(), effects(&world));
        tokio::time::sleep(4 * HOUR).await;
        let listed = account.listings() - listings;
        assert!((3..=5).contains(&listed), "{listed} listings in 4 hours");
        assert_eq!(effects, self::effects(&world), "nothing is written");
        account.set_power("worker-1", PowerState::Running);
        world
            .until("the stray is stopped", 2 * HOUR, |_| {
                let mut machines = account.machines().into_iter();
                let all = machines.all(|machine| machine.power == PowerState::Stopped);
                all.then_some(())
            })
            .await;
        until(&world, "Hibernating", "True", "Hibernating").await;
    });
}

/// docs/spec/21 §7: a kubelet whose certificate ended while the cluster slept.
#[test]
fn a_cluster_wakes_whose_certificates_have_expired() {
    simulate(Settings::seeded(1), |world| async move {
        let night = asleep(&world).await;
        let spoke = night.story.account().spoke;
        spoke.expire();
        want(&world, "Running").await;
        until(&world, "Ready", "True", "Running").await;
        let approved = spoke.approved();
        assert_eq!(approved.len(), 1, "{approved:?}");
        assert_eq!(approved["csr-0"], "SkepApprove");
    });
}

/// docs/spec/21 §11: "upgrade in progress not considered".
#[test]
fn an_upgrade_holds_the_sleep_until_it_is_over() {
    simulate(Settings::seeded(1), |world| async move {
        let night = night();
        let operator = night.operator(&world);
        night.story.set_the_stage(&world, operator).await;
        night.story.until_installed(&world).await;
        until(&world, "Ready", "True", "Running").await;
        let account = night.story.account();
        account.spoke.upgrade(true);
        // What it looked like two minutes ago may be believed.
        tokio::time::sleep(Duration::from_mins(3)).await;
        want(&world, "Hibernating").await;
        until(&world, "Hibernating", "False", "HibernationHeld").await;
        tokio::time::sleep(HOUR).await;
        let running =
            |machine: &skep_providers::power::Machine| machine.power == PowerState::Running;
        assert!(account.machines().iter().all(running));
        account.spoke.upgrade(false);
        until(&world, "Hibernating", "True", "Hibernating").await;
    });
}

/// docs/spec/21 §4.
#[test]
fn a_cluster_is_stopped_when_its_time_is_over() {
    simulate(Settings::seeded(1), |world| async move {
        let night = night();
        let operator = night.operator(&world);
        night.story.set_the_stage(&world, operator).await;
        let body = json!({"spec": {"hibernateAfter": "2h"}});
        merge(&world, "clusterdeployments", "demo", &body).await;
        night.story.until_installed(&world).await;
        until(&world, "Ready", "True", "Running").await;
        let began = world.elapsed();
        world
            .until("asleep", 4 * HOUR, |_| {
                let found = condition(&world, "demo", "Hibernating");
                (found["status"] == "True").then_some(())
            })
            .await;
        let ran = world.elapsed() - began;
        assert!((HOUR..3 * HOUR).contains(&ran), "{ran:?}");
    });
}

/// Writes to the hub and to the cloud so far, without the lease's.
fn effects(world: &World) -> usize {
    let log = world.server.effects();
    let effects = log.log().iter();
    effects
        .filter(|effect| !matches!(effect.request.plural.as_str(), "leases"))
        .filter(|effect| effect.changed())
        .count()
}
