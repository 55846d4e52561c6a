//! A right that the operator loses: told on the object and by `skep why` for as long as it is missing, with what
//! to do (docs/spec/10 §26.4 U1).

use std::process::Command;

use serde_json::{Value, json};
use skep_kit::cache;
use skep_kit::fleet::Installed;
use skep_kit::objects::Of;
use skep_kit::outside::USER;
use skep_kit::process::wait_until;

use crate::world::{CD, PATIENCE, SKEP, World, has_condition};

const ROLE: Of<'static> = Of {
    version: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
};
const EVENT: Of<'static> = Of {
    version: "events.k8s.io/v1",
    kind: "Event",
};

/// The text of `skep why`, asked by the hub's administrator.
fn why(world: &World, cluster: &Installed) -> String {
    let asked = Command::new(&*SKEP)
        .args(["why", "cd", &cluster.name, "-n", &cluster.namespace])
        .env("KUBECONFIG", world.hub.kubeconfig())
        .output()
        .unwrap();
    assert!(asked.status.success(), "{asked:?}");
    String::from_utf8(asked.stdout).unwrap()
}

/// The texts of a cluster's Events of a reason.
fn told(world: &World, cluster: &Installed, reason: &str) -> Vec<String> {
    let events = world.objects.list(EVENT, &cluster.namespace).unwrap();
    let of_reason = events.iter().filter(|event| event["reason"] == reason);
    of_reason
        .map(|event| event["note"].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// The rules of a role, without a verb on a resource.
fn without(role: &Value, resource: &str, verb: &str) -> Value {
    let mut rules = role["rules"].clone();
    for rule in rules.as_array_mut().unwrap() {
        let is_about = rule["resources"]
            .as_array()
            .unwrap()
            .contains(&json!(resource));
        if is_about {
            rule["verbs"]
                .as_array_mut()
                .unwrap()
                .retain(|known| known != verb);
        }
    }
    json!({ "rules": rules })
}

#[test]
fn a_right_that_is_taken_away_is_told_until_it_is_given_back() {
    let mut world = World::new("it-rights", &cache::checkout().join("crds/yaml"));
    let name = "hive-controllers";
    let role = world.objects.get(ROLE, "", name).unwrap().unwrap();
    let less = without(&role, "secrets", "patch");
    world.objects.merge(ROLE, "", name, &less).unwrap();
    world.start("it-rights-operator");
    let cluster = Installed::new("rights");
    world.adopt(&cluster);
    let stalled = |found: Option<&Value>| {
        found.is_some_and(|found| has_condition(found, "Stalled", "True", "MissingRight"))
    };
    world.until(CD, &cluster.namespace, &cluster.name, "Stalled", stalled);
    let fix = format!(
        "give {USER} the right to patch secrets in namespace {}",
        cluster.namespace
    );
    let events = wait_until("an Event", PATIENCE, || {
        let events = told(&world, &cluster, "MissingRight");
        Ok(if events.is_empty() {
            Err("no Event yet".to_owned())
        } else {
            Ok(events)
        })
    });
    let events = events.unwrap();
    assert!(events.iter().all(|text| text.contains(&fix)), "{events:?}");
    let text = why(&world, &cluster);
    assert!(
        text.contains("Stalled=True (MissingRight)") && text.contains(&fix),
        "{text}"
    );

    let all = json!({ "rules": role["rules"] });
    world.objects.merge(ROLE, "", name, &all).unwrap();
    world.until_adopted(&cluster);
    let recovered = wait_until("an Event of the recovery", PATIENCE, || {
        let told = told(&world, &cluster, "Recovered");
        Ok(if told.is_empty() {
            Err("no Event yet".to_owned())
        } else {
            Ok(())
        })
    });
    recovered.unwrap();
    let text = why(&world, &cluster);
    assert!(!text.contains("MissingRight"), "{text}");
}
