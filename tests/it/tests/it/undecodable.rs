//! An object that this version cannot read is told about, and stops nobody (docs/spec/10 §5).

use serde_json::{Value, json};
use skep_kit::cache;
use skep_kit::fleet::Installed;
use skep_kit::objects::Of;

use crate::world::{CD, World, finalizers};

/// The shipped definitions, the ClusterDeployment's without a schema: what another version may have let in.
fn lax_definitions(folder: &std::path::Path) {
    for file in std::fs::read_dir(cache::checkout().join("crds/yaml")).unwrap() {
        let path = file.unwrap().path();
        let mut text = std::fs::read_to_string(&path).unwrap();
        if path.to_string_lossy().ends_with("clusterdeployments.yaml") {
            let start = text.find("openAPIV3Schema:").unwrap();
            let indent = start - text.get(..start).unwrap().rfind('\n').unwrap() - 1;
            let after: usize = text
                .get(start..)
                .unwrap()
                .lines()
                .skip(1)
                .take_while(|line| {
                    line.trim().is_empty() || line.len() - line.trim_start().len() > indent
                })
                .map(|line| line.len() + 1)
                .sum();
            let first = text.get(start..).unwrap().find('\n').unwrap() + 1;
            let open =
                "openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}\n";
            text.replace_range(start..start + first + after, open);
        }
        std::fs::write(folder.join(path.file_name().unwrap()), text).unwrap();
    }
}

#[test]
fn an_unreadable_neighbour_is_told_about_and_stops_nobody() {
    let folder = tempfile::tempdir().unwrap();
    lax_definitions(folder.path());
    let mut world = World::new("it-lax", folder.path());
    let bad = Installed::new("unreadable").with(json!({"spec": {"installed": "perhaps"}}));
    for object in [json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": bad.namespace},
    })]
    .iter()
    .chain(std::iter::once(&bad.cluster_deployment()))
    {
        world.objects.create(object).unwrap();
    }
    world.start("lax");
    world.operators.first().unwrap().await_lead().unwrap();
    let good = Installed::new("readable");
    world.adopt(&good);
    world.until_adopted(&good);

    let operator = world.operators.first().unwrap();
    let metrics = operator.metrics().unwrap();
    let counted = "skep_undecodable_objects{kind=\"ClusterDeployment\"} 1";
    assert!(metrics.lines().any(|line| line == counted), "{metrics}");
    let events = Of {
        version: "events.k8s.io/v1",
        kind: "Event",
    };
    let told = skep_kit::process::wait_until("an Event", crate::world::PATIENCE, || {
        let all = world.objects.list(events, &bad.namespace)?;
        let about = all
            .into_iter()
            .find(|event| event["regarding"]["name"] == bad.name.as_str());
        Ok(about.ok_or_else(|| "there is none".to_owned()))
    });
    let told: Value = told.unwrap();
    assert_eq!(told["type"], "Warning");
    let note = told["note"].as_str().unwrap();
    assert!(
        note.contains("installed") || note.contains("boolean"),
        "{note}"
    );

    // Once it can be read it is taken over like any other.
    let mend = json!({"spec": {"installed": true}});
    world
        .objects
        .merge(CD, &bad.namespace, &bad.name, &mend)
        .unwrap();
    for secret in bad.secrets() {
        world.objects.create(&secret).unwrap();
    }
    world.until(CD, &bad.namespace, &bad.name, "adoption", |found| {
        found.is_some_and(|found| !finalizers(found).is_empty())
    });
}
