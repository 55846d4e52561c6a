//! What docs/examples shows is taken by a real API server, strictly, and by whoever applies it again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::Value;
use skep_kit::cache;
use skep_kit::scenario::CANARY;

use crate::world::World;

/// A hub on which nobody acts: the examples are judged alone.
pub(crate) static WORLD: LazyLock<World> = LazyLock::new(|| {
    let world = World::new("it-examples", &cache::checkout().join("crds/yaml"));
    world
        .hub
        .run_kubectl(&["create", "namespace", NAMESPACE], "")
        .unwrap();
    world
});

const NAMESPACE: &str = "team-blue";

/// The platforms of the API.
const PLATFORMS: [&str; 10] = [
    "aws",
    "azure",
    "gcp",
    "ibmcloud",
    "openstack",
    "vsphere",
    "nutanix",
    "baremetal",
    "agentBareMetal",
    "none",
];

pub(crate) fn folder() -> PathBuf {
    cache::checkout().join("docs/examples")
}

/// Every manifest but those of the repository for many clusters, which are of no use one by one.
pub(crate) fn files() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("gitops") {
                walk(&path, found);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "yaml")
            {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&folder(), &mut found);
    found.sort();
    found
}

/// The objects of a file.
pub(crate) fn objects(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap();
    text.split("\n---\n")
        .map(|document| serde_saphyr::from_str(document).unwrap())
        // A file may begin with a comment alone.
        .filter(|object: &Value| object.is_object())
        .collect()
}

fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    object.pointer(path).and_then(Value::as_str).unwrap_or("")
}

/// Names of the platforms in an object.
fn platforms(object: &Value) -> BTreeSet<&str> {
    let block = match text(object, "/kind") {
        "DNSZone" => &object["spec"],
        _ => &object["spec"]["platform"],
    };
    let named = block.as_object().into_iter().flat_map(|block| block.keys());
    named
        .map(String::as_str)
        .filter(|name| PLATFORMS.contains(name))
        .collect()
}

#[test]
fn each_kind_and_platform_has_an_example() {
    let mut shown: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files() {
        for object in objects(&file) {
            let kind = text(&object, "/kind").to_owned();
            let names = platforms(&object).into_iter().map(str::to_owned);
            shown.entry(kind).or_default().extend(names);
        }
    }
    for definition in std::fs::read_dir(cache::checkout().join("crds/yaml")).unwrap() {
        let definition = &objects(&definition.unwrap().path())[0];
        let kind = text(definition, "/spec/names/kind");
        assert!(shown.contains_key(kind), "no example of {kind}");
    }
    let without = |left_out: &[&str]| -> BTreeSet<String> {
        let all = PLATFORMS.iter().filter(|name| !left_out.contains(name));
        all.map(|name| (*name).to_owned()).collect()
    };
    let own_machines = ["baremetal", "agentBareMetal", "none"];
    assert_eq!(shown["ClusterDeployment"], without(&[]));
    assert_eq!(shown["ClusterPool"], without(&own_machines));
    assert_eq!(shown["MachinePool"], without(&own_machines));
    let zones: BTreeSet<String> = ["aws", "azure", "gcp"].map(str::to_owned).into();
    assert_eq!(shown["DNSZone"], zones);
}

#[test]
fn secrets_are_told_apart_from_real_ones_and_every_file_is_explained() {
    for file in files() {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(
            text.starts_with("# "),
            "{} explains nothing",
            file.display()
        );
        for document in text.split("\n---\n") {
            let secret = document.contains("\nkind: Secret\n");
            assert!(
                !secret || document.contains(CANARY),
                "a Secret of {} without the text that tests search for",
                file.display()
            );
        }
    }
}

#[test]
fn the_api_server_takes_each_example_and_finds_nothing_to_do_the_second_time() {
    let world = &*WORLD;
    let files: Vec<String> = files()
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    let with = |verb: &[&str]| {
        let mut arguments = verb.to_vec();
        arguments.extend(files.iter().flat_map(|file| ["-f", file.as_str()]));
        world.hub.run_kubectl(&arguments, "").unwrap()
    };
    let said = with(&["apply", "--validate=strict"]);
    assert!(!said.contains("Warning"), "{said}");
    let path = "jsonpath={range .items[*]}{.metadata.uid}={.metadata.resourceVersion} {end}";
    let versions = || with(&["get", "-n", NAMESPACE, "-o", path]);
    let before = versions();
    with(&["apply", "--validate=strict"]);
    assert_eq!(versions(), before, "something was written again");
}

/// A field that does not exist is refused rather than dropped: otherwise the test before proves little.
#[test]
fn strictness_finds_a_misspelt_field() {
    let world = &*WORLD;
    let file = folder().join("clusterimageset.yaml");
    let mut wrong = objects(&file).remove(0);
    wrong["metadata"]["name"] = "misspelt".into();
    wrong["spec"]["releaseImages"] = "x".into();
    let apply = ["apply", "--validate=strict", "-f", "-"];
    let error = world.hub.run_kubectl(&apply, &wrong.to_string());
    let error = format!("{:#}", error.unwrap_err());
    assert!(error.contains("releaseImages"), "{error}");
}
