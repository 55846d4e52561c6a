//! Managed clusters that the operator looks at: what is told of one that answers and of one that does not, and
//! that the shipped rights are enough for it (docs/spec/32 §2–4).

use std::sync::Arc;

use skep_kit::cache;
use skep_kit::fleet::Installed;
use skep_kit::objects::hive;
use skep_kit::outside::Outside;
use skep_kit::spoke::{Fleet, Rack, SpokeOptions};

use crate::world::{CD, SKEP, World, condition, has_condition};

const VERSION: &str = "hive.openshift.io/version";

/// On a hub of its own, because the shared operator looks at no cluster.
#[test]
fn one_look_tells_version_operators_and_reachability() {
    let mut world = World::new("it-remote", &cache::checkout().join("crds/yaml"));
    let seen = Installed::new("remote-seen");
    let infra_id = seen.infra_id();
    let rack = Arc::new(Rack::new().with(&infra_id, 3, 2));
    let options = SpokeOptions::new(&infra_id).version("4.18.7");
    let fleet = Fleet::start(rack, [options]).unwrap();
    let spoke = fleet.spoke(&infra_id).unwrap();
    let seen = seen.reached_by(&spoke.kubeconfig());
    let lost = Installed::new("remote-lost");
    world.adopt(&seen);
    world.adopt(&lost);
    let looking = Outside::start_with(
        &world.hub,
        &SKEP,
        &world.kubeconfig,
        "it-remote-operator",
        &[],
    );
    world.operators.push(looking.expect("the operator starts"));
    let (namespace, name) = (seen.namespace.as_str(), seen.name.as_str());
    let labelled = world.until(CD, namespace, name, "a version", |found| {
        found.is_some_and(|found| found["metadata"]["labels"][VERSION] == "4.18.7")
    });
    let labels = &labelled.unwrap()["metadata"]["labels"];
    assert_eq!(labels["hive.openshift.io/version-major-minor"], "4.18");
    let of = hive("ClusterState");
    let told = world.until(of, namespace, name, "a told ClusterState", |found| {
        found.is_some_and(|found| found["status"]["clusterOperators"].is_array())
    });
    let told = told.unwrap();
    let operators = told["status"]["clusterOperators"].as_array().unwrap();
    assert!(operators.len() > 10, "{told:#}");
    assert_eq!(
        told["metadata"]["ownerReferences"][0]["kind"],
        "ClusterDeployment"
    );
    let (namespace, name) = (lost.namespace.as_str(), lost.name.as_str());
    world.until(CD, namespace, name, "an unreachable cluster", |found| {
        found.is_some_and(|found| {
            has_condition(found, "Unreachable", "True", "ErrorConnectingToCluster")
        })
    });
    // By then the other was looked at once, or twice if its Secret changed meanwhile, and answered.
    let found = world.objects.get(CD, &seen.namespace, &seen.name).unwrap();
    let found = found.unwrap();
    assert_eq!(condition(&found, "Unreachable").unwrap()["status"], "False");
    let lists: u64 = spoke
        .calls()
        .iter()
        .filter(|(call, _)| call.contains("clusteroperators"))
        .map(|(_, count)| count)
        .sum();
    assert!((1..=3).contains(&lists), "{:?}", spoke.calls());
    world.assert_nothing_refused();
}
