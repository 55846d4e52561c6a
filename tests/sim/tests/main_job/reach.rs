//! An installed cluster while the real controllers look at it: what is told of it, and that silence costs
//! nothing but what it tells (docs/spec/32 §2–4).

use std::time::Duration;

use crate::hive::{GROUP, Story, condition};
use skep_sim::{
    actors::install::Attempt,
    apiserver::ApiServer,
    crash::Scenario as _,
    world::{Settings, simulate},
};

#[test]
fn a_cluster_that_falls_silent_is_unreachable_until_it_answers_again() {
    let story = Story::of(vec![Attempt::succeeding()]);
    simulate(Settings::seeded(1), |world| async move {
        let operator = story.operator(&world);
        story.set_the_stage(&world, operator).await;
        story.until_installed(&world).await;
        let stored =
            |server: &ApiServer, plural: &str| server.stored(GROUP, plural, "fleet", "demo");
        let reason = |world: &_| condition(world, "demo", "Unreachable")["reason"].clone();
        assert_eq!(reason(&world), "ClusterReachable");
        assert_eq!(
            condition(&world, "demo", "SyncSetFailed")["reason"],
            "SyncSetApplySuccess"
        );
        let cluster = stored(&world.server, "clusterdeployments").unwrap();
        let labels = &cluster["metadata"]["labels"];
        assert_eq!(labels["hive.openshift.io/version"], "4.19.2");
        assert_eq!(labels["hive.openshift.io/version-major-minor"], "4.19");
        let state = stored(&world.server, "clusterstates").unwrap();
        let operators = state["status"]["clusterOperators"].as_array().unwrap();
        assert_eq!(operators.len(), 3);
        let until = |wanted: &'static str| {
            let told = move |server: &ApiServer| {
                let cluster = server.stored(GROUP, "clusterdeployments", "fleet", "demo")?;
                let all = cluster["status"]["conditions"].as_array()?;
                let found = all.iter().find(|found| found["type"] == "Unreachable")?;
                (found["status"] == wanted).then_some(())
            };
            world.until(wanted, Duration::from_mins(20), told)
        };
        let spoke = story.account().spoke;
        spoke.silence(true);
        until("True").await;
        assert_eq!(reason(&world), "ErrorConnectingToCluster");
        world.quiet(Duration::from_mins(1)).await;
        let version = |plural: &str| {
            let object = stored(&world.server, plural).unwrap();
            object["metadata"]["resourceVersion"].clone()
        };
        let before = (version("clusterdeployments"), version("clusterstates"));
        tokio::time::sleep(Duration::from_hours(2)).await;
        let after = (version("clusterdeployments"), version("clusterstates"));
        assert_eq!(after, before, "silence is told once");
        spoke.silence(false);
        until("False").await;
        let settled = condition(&world, "demo", "Reconciling");
        world.quiet(Duration::from_hours(1)).await;
        assert_eq!(
            condition(&world, "demo", "Reconciling")["status"],
            "False",
            "{settled}"
        );
        assert_eq!(stored(&world.server, "clusterstates").unwrap(), state);
    });
}
