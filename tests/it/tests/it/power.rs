//! `skep hibernate` and `skep resume` as a person runs them.

use std::process::Output;

use serde_json::json;
use skep_kit::fleet::Installed;

use crate::world::{CD, SKEP, WORLD};

fn skep(verb: &str, namespace: &str, name: &str) -> (Option<i32>, String) {
    let answer: Output = std::process::Command::new(&*SKEP)
        .args([verb, "cd", name, "-n", namespace])
        .env("KUBECONFIG", WORLD.hub.kubeconfig())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&answer.stdout) + &text(&answer.stderr);
    (answer.status.code(), said)
}

#[test]
fn a_wish_for_power_is_written_once_and_what_cannot_be_wished_is_refused() {
    let world = &*WORLD;
    let cluster = Installed::new("power-wish");
    world.adopt(&cluster);
    world.until_adopted(&cluster);
    let (namespace, name) = (cluster.namespace.as_str(), cluster.name.as_str());
    let generation = || {
        let found = world.objects.get(CD, namespace, name).unwrap().unwrap();
        let wish = found["spec"]["powerState"].as_str().map(str::to_owned);
        (wish, found["metadata"]["generation"].as_i64().unwrap())
    };
    let (_, before) = generation();
    for (verb, wish, written) in [
        ("hibernate", "Hibernating", 1),
        ("hibernate", "Hibernating", 1),
        ("resume", "Running", 2),
        ("resume", "Running", 2),
    ] {
        let (code, said) = skep(verb, namespace, name);
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(
            generation(),
            (Some(wish.to_owned()), before + written),
            "{said}"
        );
    }

    let (code, said) = skep("hibernate", namespace, "nobody");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("there is no ClusterDeployment"), "{said}");
    let pause =
        json!({"metadata": {"annotations": {"hive.openshift.io/powerstate-pause": "true"}}});
    world.objects.merge(CD, namespace, name, &pause).unwrap();
    let (code, said) = skep("hibernate", namespace, name);
    assert_eq!(code, Some(4), "{said}");
    assert!(
        said.contains("hive.openshift.io/powerstate-pause"),
        "{said}"
    );
    assert_eq!(generation(), (Some("Running".to_owned()), before + 2));
}
