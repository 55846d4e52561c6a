//! The operator is killed in the midst of the job, on the real hub: same end, no attempt more, nothing
//! forgotten. The simulation does this at every single effect; here are a few moments with real pods.

use skep_e2e::{Cluster, STAGE};

/// Moments of a cluster's life, as the first sight of something.
const MOMENTS: [&str; 4] = [
    "RequirementsMet",
    "an attempt",
    "an infra ID",
    "the stage provisioning",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_operator_neither_repeats_nor_forgets() {
    let cluster = Cluster::prepare("crash", "survivor", None).await;
    cluster.create();
    for (index, moment) in MOMENTS.iter().enumerate() {
        match index {
            0 => drop(
                cluster
                    .until_condition("RequirementsMet", "True", "AllRequirementsMet")
                    .await,
            ),
            1 => drop(cluster.first_attempt().await),
            2 => {
                let (name, _) = cluster.first_attempt().await;
                cluster
                    .until_of("ClusterProvision", &name, moment, |o| {
                        o.is_some_and(|o| o["spec"]["infraID"].is_string())
                    })
                    .await;
            }
            _ => {
                let (name, _) = cluster.first_attempt().await;
                cluster
                    .until_of("ClusterProvision", &name, moment, |o| {
                        o.is_some_and(|o| o["spec"]["stage"] != "initializing")
                    })
                    .await;
            }
        }
        STAGE.kill_operator().unwrap();
    }
    cluster.until_installed().await;
    assert_eq!(
        cluster.attempts().await.len(),
        1,
        "a crash costs no attempt"
    );
    let api = cluster.api("ClusterDeployment");
    api.delete("survivor", &kube::api::DeleteParams::default())
        .await
        .unwrap();
    for _ in 0..2 {
        cluster
            .until_of(
                "ClusterDeprovision",
                "survivor",
                "a deletion under way",
                |o| o.is_some(),
            )
            .await;
        STAGE.kill_operator().unwrap();
    }
    cluster.until("its end", |object| object.is_none()).await;
    cluster.assert_nothing_left();
}
