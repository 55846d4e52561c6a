//! What generic tools make of a cluster while the real controllers lead it through its life: the
//! verdicts change when the phase does, and only then.

use std::time::Duration;

use crate::hive::{GROUP, Story, condition, delete};
use serde_json::Value;
use skep_health::argocd::Check;
use skep_health::kstatus::{self, Verdict};
use skep_sim::{
    actors::install::{Attempt, Stage},
    apiserver::ApiServer,
    crash::Scenario as _,
    world::{Settings, World, simulate},
};

const LOG: &str = "level=error msg=Error: creating EC2 VPC: VpcLimitExceeded: The maximum number of \
                   VPCs has been reached.";

fn object(world: &World) -> Value {
    let found = world
        .server
        .stored(GROUP, "clusterdeployments", "fleet", "demo");
    found.unwrap().as_ref().clone()
}

/// Both verdicts at this moment.
fn verdicts(world: &World) -> (Verdict, String) {
    let text = include_str!("../../../../manifests/argocd/argocd-cm.yaml");
    let check = Check::of_kind(text, GROUP, "ClusterDeployment").unwrap();
    let object = object(world);
    let health = check.run(&object).unwrap();
    (kstatus::verdict(&object), health.status)
}

/// Whether a condition holds.
fn holds(server: &ApiServer, kind: &str) -> Option<()> {
    let cluster = server.stored(GROUP, "clusterdeployments", "fleet", "demo")?;
    let all = cluster["status"]["conditions"].as_array()?;
    let found = all.iter().find(|found| found["type"] == kind)?;
    (found["status"] == "True").then_some(())
}

fn expected(kstatus: Verdict, argocd: &str) -> (Verdict, String) {
    (kstatus, argocd.to_owned())
}

#[test]
fn a_life_is_in_progress_current_and_terminating() {
    let story = Story::of(vec![
        Attempt::failing(Stage::Bootstrap, LOG),
        Attempt::succeeding(),
    ]);
    simulate(Settings::seeded(1), |world| async move {
        let operator = story.operator(&world);
        story.set_the_stage(&world, operator).await;
        let failed = |server: &skep_sim::apiserver::ApiServer| {
            let cluster = server.stored(GROUP, "clusterdeployments", "fleet", "demo")?;
            let all = cluster["status"]["conditions"].as_array()?;
            let found = all
                .iter()
                .find(|found| found["type"] == "ProvisionFailed")?;
            (found["status"] == "True").then_some(())
        };
        let installing = expected(Verdict::InProgress, "Progressing");
        world.quiet(Duration::from_secs(30)).await;
        assert_eq!(verdicts(&world), installing, "provisioning");
        world
            .until("a failure", Duration::from_hours(1), failed)
            .await;
        assert_eq!(verdicts(&world), installing, "retrying");
        story.until_installed(&world).await;
        assert_eq!(verdicts(&world), expected(Verdict::Current, "Healthy"));
        let settled = condition(&world, "demo", "Reconciling");
        assert_eq!(
            (&settled["status"], &settled["reason"]),
            (&"False".into(), &"Settled".into())
        );
        let before = object(&world)["metadata"]["resourceVersion"].clone();
        world.quiet(Duration::from_hours(8)).await;
        let after = object(&world)["metadata"]["resourceVersion"].clone();
        assert_eq!(after, before, "a cluster at rest is not written to");
        delete(&world, "clusterdeployments", "demo").await;
        world.quiet(Duration::from_secs(1)).await;
        assert_eq!(
            verdicts(&world),
            expected(Verdict::Terminating, "Progressing")
        );
        story.until_gone(&world).await;
    });
}

#[test]
fn what_only_people_can_mend_is_failed_until_they_do() {
    let story = Story::of(vec![Attempt::succeeding()]);
    simulate(Settings::seeded(1), |world| async move {
        let operator = story.operator(&world);
        story
            .set_the_stage_without(&world, operator, &["demo-install-config"])
            .await;
        world.quiet(Duration::from_mins(10)).await;
        assert_eq!(verdicts(&world), expected(Verdict::Failed, "Degraded"));
        let stalled = condition(&world, "demo", "Stalled");
        let missing = condition(&world, "demo", "RequirementsMet");
        assert_eq!(stalled["reason"], missing["reason"]);
        assert_eq!(stalled["message"], missing["message"]);
        let secrets = story.cluster.secrets();
        let late = secrets
            .iter()
            .find(|secret| secret["metadata"]["name"] == "demo-install-config");
        world.server.seed_object("", "secrets", late.unwrap());
        world.quiet(Duration::from_mins(1)).await;
        assert_eq!(
            verdicts(&world),
            expected(Verdict::InProgress, "Progressing")
        );
        story.until_installed(&world).await;
        assert_eq!(verdicts(&world), expected(Verdict::Current, "Healthy"));
    });
}

#[test]
fn an_installation_that_is_given_up_is_failed() {
    let mut story = Story::of(vec![Attempt::failing(Stage::Bootstrap, LOG)]);
    story.cluster.attempts_limit = Some(1);
    simulate(Settings::seeded(1), |world| async move {
        let operator = story.operator(&world);
        story.set_the_stage(&world, operator).await;
        let given_up = |server: &ApiServer| holds(server, "ProvisionStopped");
        world
            .until("the end", Duration::from_hours(1), given_up)
            .await;
        assert_eq!(verdicts(&world), expected(Verdict::Failed, "Degraded"));
        let stalled = condition(&world, "demo", "Stalled");
        assert_eq!(stalled["reason"], "InstallAttemptsLimitReached");
    });
}
