//! Taking over clusters that somebody else installed (docs/spec/10 §5, §18.1, §26.1 S1).

use serde_json::Value;
use skep_kit::audit::Request;
use skep_kit::cache;
use skep_kit::fleet::{Installed, Living, OTHERS_CONDITIONS};
use skep_kit::objects::hive;
use skep_kit::progress::Progress;

use crate::world::{CD, PLATFORM_LABEL, WORLD, World, condition, finalizers, has_condition};

/// The most that an adoption may write, Events included; and what is then told about a cluster that answers:
/// its version (labels), and its operators (a ClusterState and its status).
const WRITES: usize = 7;
const TOLD: usize = 3;

fn described(requests: &[Request]) -> Vec<String> {
    requests.iter().map(Request::describe).collect()
}

/// On a hub of its own, whose clusters are there before the operator is: what happens when Skep takes over
/// clusters that run, with every controller.
#[test]
fn installed_clusters_settle_within_a_few_writes_and_without_a_conflict() {
    let mut world = World::new("it-adoption", &cache::checkout().join("crds/yaml"));
    let living = Living::start("adoption", 10, &Progress::silent()).unwrap();
    let fleet = living.clusters().unwrap();
    for cluster in &fleet {
        world.adopt(cluster);
    }
    world.start_whole("it-adoption-operator");
    for cluster in &fleet {
        let (namespace, name) = (cluster.namespace.as_str(), cluster.name.as_str());
        world.until(CD, namespace, name, "a cluster that runs", |found| {
            found.is_some_and(|found| {
                has_condition(found, "Unreachable", "False", "ClusterReachable")
                    && has_condition(found, "Ready", "True", "Running")
            })
        });
        let of = hive("ClusterState");
        world.until(of, namespace, name, "a told ClusterState", |found| {
            found.is_some_and(|found| found["status"]["clusterOperators"].is_array())
        });
        world.until_adopted(cluster);
    }
    for cluster in &fleet {
        let mut writes = world.writes(&cluster.namespace);
        // The last is the label that `until_adopted` removed.
        writes.pop();
        let told = described(&writes);
        assert!(
            writes.len() <= WRITES + TOLD,
            "{} writes: {told:#?}",
            writes.len()
        );
        let refused = writes.iter().filter(|write| write.code() >= 400).count();
        assert_eq!(refused, 0, "refused writes among {told:#?}");
    }
    world.assert_nothing_refused();
}

#[test]
fn a_settled_cluster_is_left_alone() {
    let world = &*WORLD;
    let cluster = Installed::new("adoption-silence");
    world.adopt(&cluster);
    let settled = world.until_adopted(&cluster);
    let before = world.writes(&cluster.namespace).len();
    // Changes that concern nobody: of a foreign annotation, of a Secret's label, of another cluster.
    let foreign = serde_json::json!({"metadata": {"annotations": {"example.com/seen": "yes"}}});
    let (namespace, name) = (cluster.namespace.as_str(), cluster.name.as_str());
    world.objects.merge(CD, namespace, name, &foreign).unwrap();
    let secret = skep_kit::objects::Of {
        version: "v1",
        kind: "Secret",
    };
    world
        .objects
        .merge(secret, namespace, &format!("{name}-creds"), &foreign)
        .unwrap();
    let neighbour = Installed::new("adoption-silence-neighbour");
    world.adopt(&neighbour);
    world.until_adopted(&neighbour);
    // They have all been looked at once this one is answered, and only this one is.
    let after = world.barrier(&cluster);
    let writes = world.writes(namespace);
    let new = writes.get(before..).unwrap_or_default();
    assert_eq!(new.len(), 1, "writes: {:#?}", described(new));
    assert_eq!(after["status"], settled["status"]);
}

#[test]
fn what_others_wrote_into_the_status_stays() {
    let world = &*WORLD;
    let cluster = Installed::new("adoption-status");
    world.adopt(&cluster);
    let adopted = world.until_adopted(&cluster);
    let left = cluster.status();
    for (type_, ..) in OTHERS_CONDITIONS {
        let now = condition(&adopted, type_);
        let before = left["conditions"].as_array().unwrap();
        let before = before.iter().find(|found| found["type"] == type_);
        assert_eq!(now, before, "condition {type_}");
    }
    for field in [
        "cliImage",
        "installerImage",
        "installVersion",
        "webConsoleURL",
    ] {
        assert_eq!(adopted["status"][field], left[field], "{field}");
    }
    assert_eq!(
        adopted["status"]["apiURL"],
        "https://api.old.example.com:6443"
    );
}

#[test]
fn a_label_removed_by_hand_comes_back_and_others_stay() {
    let world = &*WORLD;
    let labels = serde_json::json!({"metadata": {"labels": {"example.com/team": "blue"}}});
    let cluster = Installed::new("adoption-labels").with(labels);
    world.adopt(&cluster);
    let adopted = world.until_adopted(&cluster);
    let labels = &adopted["metadata"]["labels"];
    assert_eq!(labels[PLATFORM_LABEL], "aws");
    assert_eq!(labels["hive.openshift.io/cluster-region"], "us-east-1");
    assert_eq!(labels["example.com/team"], "blue");
}

#[test]
fn a_paused_cluster_is_not_touched() {
    let world = &*WORLD;
    let pause = serde_json::json!({
        "metadata": {"annotations": {"hive.openshift.io/reconcile-pause": "true"}},
    });
    let cluster = Installed::new("adoption-paused").with(pause);
    world.adopt(&cluster);
    let neighbour = Installed::new("adoption-paused-neighbour");
    world.adopt(&neighbour);
    world.until_adopted(&neighbour);
    let found = world
        .objects
        .get(CD, &cluster.namespace, &cluster.name)
        .unwrap()
        .unwrap();
    assert_eq!(finalizers(&found), Vec::<&str>::new());
    // Telling why is allowed.
    let writes: Vec<String> = world
        .writes(&cluster.namespace)
        .iter()
        .filter(|write| write.resource() != "events")
        .map(Request::describe)
        .collect();
    assert_eq!(writes, Vec::<String>::new());
}

#[test]
fn why_says_that_an_adopted_cluster_is_installed() {
    let world = &*WORLD;
    let cluster = Installed::new("adoption-why");
    world.adopt(&cluster);
    world.until_adopted(&cluster);
    let ask = |output: &str| {
        let answer = std::process::Command::new(&*crate::world::SKEP)
            .args([
                "why",
                "cd",
                &cluster.name,
                "-n",
                &cluster.namespace,
                "-o",
                output,
            ])
            .env("KUBECONFIG", world.hub.kubeconfig())
            .output()
            .unwrap();
        let said = String::from_utf8(answer.stdout).unwrap();
        assert!(
            answer.status.success(),
            "{said}{}",
            String::from_utf8_lossy(&answer.stderr)
        );
        said
    };
    let text = ask("text");
    assert!(
        text.contains("old") && text.contains("the cluster is installed"),
        "{text}"
    );
    let tree: Value = serde_json::from_str(&ask("json")).unwrap();
    assert!(tree.is_object(), "{tree}");
    let answer = std::process::Command::new(&*crate::world::SKEP)
        .args(["why", "cd", "nobody", "-n", &cluster.namespace])
        .env("KUBECONFIG", world.hub.kubeconfig())
        .output()
        .unwrap();
    assert_eq!(answer.status.code(), Some(1));
}
