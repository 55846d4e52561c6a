//! A custom resource definition reduced to its facts: what decides whether an object is accepted, how
//! it is merged and how it is shown, and none of the prose.
//!
//! Decides only the form of the reduction. `crds/facts` holds the reduced definitions of the API that
//! Skep must stay compatible with; the tests reduce Skep's own by the same function and compare. No
//! part of the product calls it. Mirrors docs/spec/44 §1–2.
//!
//! One fact a line, so that a difference reads as a line that is missing or added:
//!
//! | Line | Says |
//! |---|---|
//! | `name`, `labels`, `annotations` | what the definition is called, what others read on it |
//! | `group`, `scope`, `names`, `spec` | its names; `spec` is anything else, such as a conversion |
//! | `version NAME FACTS` | a version; the lines up to the next one belong to it |
//! | `column FACTS` | a printer column, in order |
//! | `PATH FACTS` | a schema: `.` is the root, `[]` an array's items, `{}` a map's values |
//!
//! The facts are JSON with sorted keys. What the order of means nothing (required fields, enums,
//! list-map keys, rules) is sorted; what says the same as its absence (`nullable: false`, a column's
//! priority 0, empty subresources) is left out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value};

/// Keys of a schema that hold text for people.
const PROSE: [&str; 4] = ["description", "title", "example", "externalDocs"];

/// Keys of a CEL rule that hold text for people.
const RULE_PROSE: [&str; 2] = ["message", "messageExpression"];

/// Keys of a schema that have lines of their own.
const NESTED: [&str; 3] = ["properties", "items", "additionalProperties"];

/// Annotations that name the program that wrote the definition.
const GENERATOR: &str = "controller-gen.kubebuilder.io/";

/// The name of the file that holds a definition's facts.
pub fn file_name(definition: &Value) -> String {
    let text = |pointer: &str| definition.pointer(pointer).and_then(Value::as_str);
    format!(
        "{}_{}.facts",
        text("/spec/group").unwrap_or_default(),
        text("/spec/names/plural").unwrap_or_default()
    )
}

/// The facts of a definition. Anything that is missing in it is missing in them.
pub fn of(definition: &Value) -> String {
    let mut out = String::new();
    let at = |pointer: &str| definition.pointer(pointer);
    line(&mut out, "name", at("/metadata/name"));
    line(&mut out, "labels", at("/metadata/labels"));
    let annotations =
        at("/metadata/annotations").map(|all| without(all, |key, _| key.starts_with(GENERATOR)));
    line(&mut out, "annotations", annotations.as_ref());
    line(&mut out, "group", at("/spec/group"));
    line(&mut out, "scope", at("/spec/scope"));
    line(&mut out, "names", at("/spec/names"));
    let rest = at("/spec").map(|spec| {
        without(spec, |key, value| {
            ["group", "scope", "names", "versions"].contains(&key) || *value == Value::Bool(false)
        })
    });
    line(&mut out, "spec", rest.as_ref());
    for version in list(at("/spec/versions")) {
        version_facts(&mut out, version);
    }
    out
}

fn version_facts(out: &mut String, version: &Value) {
    let name = version.get("name").and_then(Value::as_str).unwrap_or("?");
    let facts = without(version, |key, value| match key {
        "name" | "schema" | "additionalPrinterColumns" => true,
        "subresources" => is_empty(value),
        "deprecated" => *value == Value::Bool(false),
        _ => false,
    });
    line(out, &format!("version {name}"), Some(&facts));
    for column in list(version.get("additionalPrinterColumns")) {
        let facts = without(column, |key, value| {
            PROSE.contains(&key) || (key == "priority" && value.as_i64() == Some(0))
        });
        line(out, "column", Some(&facts));
    }
    if let Some(root) = version.pointer("/schema/openAPIV3Schema") {
        schema_facts(out, ".", root);
    }
}

fn schema_facts(out: &mut String, path: &str, schema: &Value) {
    let mut facts = without(schema, |key, value| {
        PROSE.contains(&key)
            || (NESTED.contains(&key) && value.is_object())
            || (key != "default" && *value == Value::Bool(false))
    });
    for unordered in ["required", "enum", "x-kubernetes-list-map-keys"] {
        if let Some(Value::Array(values)) = facts.get_mut(unordered) {
            values.sort_by_key(Value::to_string);
        }
    }
    for choice in ["anyOf", "allOf", "oneOf", "not"] {
        if let Some(choice) = facts.get_mut(choice) {
            *choice = without_prose(choice);
        }
    }
    if let Some(Value::Array(rules)) = facts.get_mut("x-kubernetes-validations") {
        for rule in rules.iter_mut() {
            *rule = without(rule, |key, _| RULE_PROSE.contains(&key));
        }
        rules.sort_by_key(Value::to_string);
    }
    // A schema without a single fact is one all the same: it accepts anything.
    let _ = writeln!(out, "{path} {}", sorted(&facts));

    let parent = if path == "." { "" } else { path };
    let properties: BTreeMap<_, _> = schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .collect();
    for (name, schema) in properties {
        schema_facts(out, &format!("{parent}.{name}"), schema);
    }
    for (key, suffix) in [("items", "[]"), ("additionalProperties", "{}")] {
        if let Some(schema) = schema.get(key).filter(|schema| schema.is_object()) {
            schema_facts(out, &format!("{parent}{suffix}"), schema);
        }
    }
}

/// One line, unless there is nothing to say.
fn line(out: &mut String, about: &str, facts: Option<&Value>) {
    if let Some(facts) = facts.filter(|facts| !is_empty(facts)) {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{about} {}", sorted(facts));
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(Map::is_empty)
}

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

/// The object's entries that are not to be dropped.
fn without(object: &Value, drop: impl Fn(&str, &Value) -> bool) -> Value {
    let entries = object.as_object().into_iter().flatten();
    entries
        .filter(|(key, value)| !drop(key, value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Schemas below `anyOf` and its kin, without their prose.
fn without_prose(schema: &Value) -> Value {
    match schema {
        Value::Object(entries) => entries
            .iter()
            .filter(|(key, _)| !PROSE.contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), without_prose(value)))
            .collect(),
        Value::Array(items) => items.iter().map(without_prose).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => schema.clone(),
    }
}

/// The same value with its keys in alphabetical order, whatever order they came in.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(entries) => entries
            .iter()
            .collect::<BTreeMap<_, _>>()
            .into_iter()
            .map(|(key, value)| (key.clone(), sorted(value)))
            .collect(),
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}
