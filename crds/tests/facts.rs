//! The definitions have exactly the facts of the reference, in both directions, and the facts hold
//! everything that decides how the API server treats an object.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "facts that cannot be read have failed the test"
)]

mod reference;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Value, json};
use skep_crds::{facts, schema};

/// What Skep has and the reference has not: the file, the beginning of the line, and why. Nothing here
/// may be needed to act correctly, since a hub that goes back to another operator prunes it.
const ADDED: &[(&str, &str, &str)] = &[];

/// Facts of the definitions that are generated from the types.
fn generated() -> BTreeMap<String, String> {
    schema::definitions()
        .iter()
        .map(|definition| (facts::file_name(definition), facts::of(definition)))
        .collect()
}

#[test]
fn every_kind_of_the_reference_is_defined_and_no_other() {
    let names = |files: BTreeMap<String, String>| files.into_keys().collect::<Vec<_>>();
    let reference = names(reference::files());
    assert_eq!(reference.len(), 21, "docs/spec/44 §2 counts 21 kinds");
    assert_eq!(names(generated()), reference);
}

#[test]
fn the_definitions_have_the_facts_of_the_reference() {
    let generated = generated();
    let mut differences = String::new();
    let mut used: BTreeSet<&(&str, &str, &str)> = BTreeSet::new();
    for (file, wanted) in reference::files() {
        let ours = generated.get(&file).map_or("", String::as_str);
        let (wanted, ours): (Vec<_>, Vec<_>) = (wanted.lines().collect(), ours.lines().collect());
        for line in &wanted {
            if !ours.contains(line) {
                writeln!(differences, "{file}: only in the reference: {line}").unwrap();
            }
        }
        for line in &ours {
            let added = ADDED
                .iter()
                .find(|(f, start, _)| *f == file && line.starts_with(start));
            used.extend(added);
            if added.is_none() && !wanted.contains(line) {
                writeln!(differences, "{file}: only here: {line}").unwrap();
            }
        }
        // The same lines in another order: columns are shown in theirs.
        let columns = |lines: &[&str]| {
            lines
                .iter()
                .filter(|line| line.starts_with("column "))
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        let shown = columns(&ours);
        if !shown.starts_with(&columns(&wanted)) {
            writeln!(differences, "{file}: columns in another order: {shown:?}").unwrap();
        }
    }
    let count = differences.lines().count();
    assert!(count == 0, "{count} differences:\n{differences}");
    for row in ADDED {
        assert!(used.contains(row), "{row:?} is not an addition any more");
    }
}

#[test]
fn the_facts_can_be_read_back() {
    for (file, text) in reference::files() {
        assert_eq!(facts::of(&reference::restore(&text)), text, "{file}");
        assert!(text.ends_with("}\n"), "{file} was cut off");
    }
}

/// A small definition with something of everything.
fn sample() -> Value {
    json!({
        "metadata": {
            "name": "things.example.com",
            "labels": {"l": "1"},
            "annotations": {"controller-gen.kubebuilder.io/version": "v1", "a": "1"},
        },
        "spec": {
            "group": "example.com",
            "names": {"kind": "Thing", "plural": "things", "shortNames": ["th"]},
            "scope": "Namespaced",
            "versions": [{
                "name": "v1",
                "served": true,
                "storage": true,
                "subresources": {"status": {}},
                "additionalPrinterColumns": [
                    {"name": "Size", "type": "integer", "jsonPath": ".spec.size", "priority": 1},
                ],
                "schema": {"openAPIV3Schema": {
                    "description": "prose",
                    "type": "object",
                    "required": ["spec", "kind"],
                    "properties": {"spec": {
                        "type": "object",
                        "properties": {
                            "size": {"type": "integer", "minimum": 0, "default": false},
                            "mode": {"type": "string", "enum": ["b", "a"], "description": "prose"},
                            "list": {"type": "array", "items": {"type": "string", "maxLength": 3}},
                            "map": {"type": "object", "additionalProperties": {"type": "string"}},
                            "any": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
                            "ruled": {"type": "string", "x-kubernetes-validations": [
                                {"rule": "self != ''", "message": "prose"},
                            ]},
                        },
                    }},
                }},
            }],
        },
    })
}

#[test]
fn prose_and_meaningless_order_are_no_facts() {
    let mut other = sample();
    let root = "/spec/versions/0/schema/openAPIV3Schema";
    let put = |other: &mut Value, pointer: &str, key: &str, value: Value| {
        other.pointer_mut(pointer).unwrap()[key] = value;
    };
    put(&mut other, root, "description", json!("other prose"));
    put(&mut other, root, "required", json!(["kind", "spec"]));
    put(&mut other, root, "nullable", json!(false));
    let properties = format!("{root}/properties/spec/properties");
    let mode = format!("{properties}/mode");
    put(&mut other, &mode, "enum", json!(["a", "b"]));
    put(&mut other, &mode, "title", json!("prose"));
    let any = format!("{properties}/any/anyOf/0");
    put(&mut other, &any, "description", json!("prose"));
    let rule = format!("{properties}/ruled/x-kubernetes-validations/0");
    put(&mut other, &rule, "message", json!("other prose"));
    let generator = "controller-gen.kubebuilder.io/version";
    put(&mut other, "/metadata/annotations", generator, json!("v2"));
    put(&mut other, "/spec", "preserveUnknownFields", json!(false));
    assert_ne!(other, sample());
    assert_eq!(facts::of(&other), facts::of(&sample()));
}

/// Every value below, as a JSON pointer.
fn pointers(value: &Value, path: &str, found: &mut Vec<String>) {
    let escape = |key: &str| key.replace('~', "~0").replace('/', "~1");
    let nested: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(k, v)| (escape(k), v)).collect(),
        Value::Array(items) => (0..).map(|i: usize| i.to_string()).zip(items).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    for (key, value) in nested {
        let path = format!("{path}/{key}");
        pointers(value, &path, found);
        found.push(path);
    }
}

/// The definition without the value at the pointer.
fn without(mut definition: Value, pointer: &str) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match definition.pointer_mut(parent).unwrap() {
        Value::Object(fields) => drop(fields.remove(&key.replace("~1", "/").replace("~0", "~"))),
        Value::Array(items) => drop(items.remove(key.parse().unwrap())),
        other => panic!("{pointer}: {other} holds nothing"),
    }
    definition
}

#[test]
fn everything_else_is_a_fact() {
    let machine_pool = reference::files()
        .remove("hive.openshift.io_machinepools.facts")
        .unwrap();
    let prose = [
        "/description",
        "/message",
        "/controller-gen.kubebuilder.io~1version",
    ];
    for definition in [sample(), reference::restore(&machine_pool)] {
        let mut found = Vec::new();
        pointers(&definition, "", &mut found);
        for pointer in found {
            let changes =
                facts::of(&without(definition.clone(), &pointer)) != facts::of(&definition);
            // A property may have such a name and is a fact.
            let is_prose = prose.iter().any(|end| {
                pointer.ends_with(end) && !pointer.ends_with(&format!("/properties{end}"))
            });
            assert_eq!(changes, !is_prose, "{pointer}");
        }
    }
}
