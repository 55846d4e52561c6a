//! The facts of the API that Skep must stay compatible with, read from `crds/facts`.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

/// File names and texts of all facts.
pub(crate) fn files() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("facts");
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// The definition that has these facts, without any prose.
///
/// The inverse of `skep_crds::facts::of`, so that tests can generate objects from the facts alone.
pub(crate) fn restore(facts: &str) -> Value {
    let mut metadata = Map::new();
    let mut spec = Map::new();
    let mut versions: Vec<Value> = Vec::new();
    for line in facts.lines() {
        let (about, facts) = line.split_once(' ').unwrap();
        match about {
            "version" => {
                let (name, facts) = facts.split_once(' ').unwrap();
                let mut version: Value = serde_json::from_str(facts).unwrap();
                version["name"] = name.into();
                versions.push(version);
                continue;
            }
            "name" | "labels" | "annotations" => metadata.insert(about.into(), parsed(facts)),
            "group" | "scope" | "names" => spec.insert(about.into(), parsed(facts)),
            "spec" => {
                spec.extend(parsed(facts).as_object().unwrap().clone());
                continue;
            }
            "column" => {
                let version = versions.last_mut().unwrap().as_object_mut().unwrap();
                let columns = version
                    .entry("additionalPrinterColumns")
                    .or_insert_with(|| json!([]));
                columns.as_array_mut().unwrap().push(parsed(facts));
                continue;
            }
            path => {
                let version = versions.last_mut().unwrap();
                put(
                    &mut version["schema"]["openAPIV3Schema"],
                    path,
                    parsed(facts),
                );
                continue;
            }
        };
    }
    spec.insert("versions".into(), Value::from(versions));
    json!({ "metadata": metadata, "spec": spec })
}

fn parsed(facts: &str) -> Value {
    serde_json::from_str(facts).unwrap_or_else(|error| panic!("{facts}: {error}"))
}

/// Puts a schema where its path says; the schemas above it are there already.
fn put(root: &mut Value, path: &str, schema: Value) {
    let mut at = root;
    let mut rest = path.strip_prefix('.').unwrap();
    while !rest.is_empty() {
        let after = if let Some(after) = rest.strip_prefix("[]") {
            at = &mut at["items"];
            after
        } else if let Some(after) = rest.strip_prefix("{}") {
            at = &mut at["additionalProperties"];
            after
        } else {
            let end = rest.find(['.', '[', '{']).unwrap_or(rest.len());
            at = &mut at["properties"][&rest[..end]];
            &rest[end..]
        };
        rest = after.strip_prefix('.').unwrap_or(after);
    }
    *at = schema;
}
