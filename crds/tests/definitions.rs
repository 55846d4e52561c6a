//! The committed definitions are what the types generate, and say it in YAML that reads back the same.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read its files has failed"
)]

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use skep_crds::schema;

fn committed() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("yaml");
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect()
}

#[test]
fn the_committed_definitions_are_fresh() {
    let (committed, generated) = (committed(), schema::files());
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        names(&committed),
        names(&generated),
        "run `cargo xtask crds`"
    );
    for (name, text) in generated {
        assert!(
            committed[&name] == text,
            "{name} is stale: run `cargo xtask crds`"
        );
    }
}

#[test]
fn the_files_read_back_as_the_definitions() {
    let files = schema::files();
    let definitions = schema::definitions();
    assert_eq!(files.len(), definitions.len(), "two kinds share a file");
    for (definition, (name, text)) in sorted_by_name(definitions).into_iter().zip(files) {
        let read: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(read, definition, "{name}");
    }
}

fn sorted_by_name(mut definitions: Vec<Value>) -> Vec<Value> {
    // As the files are: by group first.
    let text = |d: &Value, at: &str| d.pointer(at).unwrap().to_string();
    definitions.sort_by_key(|d| (text(d, "/spec/group"), text(d, "/metadata/name")));
    definitions
}

/// What the derive leaves behind and the API server would refuse, drop or take for something else.
#[test]
fn no_trace_of_the_derive_remains() {
    fn check(schema: &Value, path: &str) {
        let Value::Object(keys) = schema else {
            panic!("{path}: a schema is an object")
        };
        for (key, value) in keys {
            assert!(!key.starts_with("x-skep"), "{path}: marker {key} remains");
            let known = key.starts_with("x-kubernetes-")
                || [
                    "additionalProperties",
                    "allOf",
                    "anyOf",
                    "default",
                    "description",
                    "enum",
                    "format",
                    "items",
                    "maxItems",
                    "maxLength",
                    "maximum",
                    "minItems",
                    "minLength",
                    "minimum",
                    "nullable",
                    "pattern",
                    "properties",
                    "required",
                    "type",
                ]
                .contains(&key.as_str());
            assert!(known, "{path}: unexpected {key}");
            if key == "type" {
                assert!(value.is_string(), "{path}: type {value}");
            }
        }
        let nested = ["items", "additionalProperties"]
            .into_iter()
            .filter_map(|k| keys.get(k));
        nested.for_each(|schema| check(schema, &format!("{path}[]")));
        if let Some(Value::Object(properties)) = keys.get("properties") {
            for (name, schema) in properties {
                check(schema, &format!("{path}.{name}"));
                let described = schema.get("description").is_some();
                assert!(
                    described || path.is_empty(),
                    "{path}.{name}: no description"
                );
            }
        }
    }
    for definition in schema::definitions() {
        let root = definition
            .pointer("/spec/versions/0/schema/openAPIV3Schema")
            .unwrap();
        check(root, "");
    }
}
