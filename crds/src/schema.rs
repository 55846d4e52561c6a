//! The custom resource definitions, generated from the types.
//!
//! Decides how a type's schema is brought into the form that the API server stores and that other
//! tools of this API generate. Never decides what a schema says: that is written at the types, in
//! the few markers below where the derive cannot say it.
//!
//! | Marker on a field | Meaning |
//! |---|---|
//! | `x-skep-default` | The API server fills this value in (a serde default alone says nothing of the sort) |
//! | `x-skep-nullable` | The wire may hold null (an `Option` alone only means that it may be absent) |
//! | `x-skep-no-format` | The API declares a plain integer |
//! | `x-skep-schemaless` | The API requires the field and gives it no schema |

use std::collections::BTreeMap;

use kube::CustomResourceExt;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::v1::{cluster_deployment, cluster_deprovision, cluster_image_set, cluster_provision};

/// What other tools of this API look for to know how a definition was made.
const GENERATOR_ANNOTATION: (&str, &str) = ("controller-gen.kubebuilder.io/version", "v0.19.0");

/// File names and contents of the definitions of every kind.
pub fn files() -> BTreeMap<String, String> {
    definitions()
        .into_iter()
        .map(|definition| (file_name(&definition), to_yaml(&definition)))
        .collect()
}

/// The definitions of every kind, as trees.
pub fn definitions() -> Vec<Value> {
    vec![
        definition::<
            cluster_deployment::ClusterDeployment,
            cluster_deployment::ClusterDeploymentSpec,
            cluster_deployment::ClusterDeploymentStatus,
        >(
            "A cluster as its owner wants it, from its creation to its deletion from the cloud."
        ),
        definition::<
            cluster_deprovision::ClusterDeprovision,
            cluster_deprovision::ClusterDeprovisionSpec,
            cluster_deprovision::ClusterDeprovisionStatus,
        >("The order to delete a cluster from its cloud."),
        definition::<
            cluster_image_set::ClusterImageSet,
            cluster_image_set::ClusterImageSetSpec,
            cluster_image_set::ClusterImageSetStatus,
        >("A name for a release image."),
        definition::<
            cluster_provision::ClusterProvision,
            cluster_provision::ClusterProvisionSpec,
            cluster_provision::ClusterProvisionStatus,
        >("One attempt to install a cluster."),
    ]
}

fn file_name(definition: &Value) -> String {
    let text = |pointer: &str| {
        definition
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    format!(
        "{}_{}.yaml",
        text("/spec/group"),
        text("/spec/names/plural")
    )
}

/// The definition of one kind: names and columns from the derive, schema from spec and status.
fn definition<K: CustomResourceExt, Spec: JsonSchema, Status: JsonSchema>(about: &str) -> Value {
    let derived = json!(K::crd());
    let at = |pointer: &str| derived.pointer(pointer).cloned();
    let version = |key: &str| at(&format!("/spec/versions/0/{key}"));
    let kind = at("/spec/names/kind");
    let list_kind = format!(
        "{}List",
        kind.as_ref().and_then(Value::as_str).unwrap_or_default()
    );

    let metadata = object([
        (
            "annotations",
            Some(json!({ GENERATOR_ANNOTATION.0: GENERATOR_ANNOTATION.1 })),
        ),
        ("labels", at("/metadata/labels")),
        ("name", at("/metadata/name")),
    ]);
    let names = object([
        ("kind", kind),
        ("listKind", Some(Value::String(list_kind))),
        ("plural", at("/spec/names/plural")),
        ("shortNames", at("/spec/names/shortNames")),
        ("singular", at("/spec/names/singular")),
    ]);
    let served = object([
        (
            "additionalPrinterColumns",
            version("additionalPrinterColumns"),
        ),
        ("name", version("name")),
        (
            "schema",
            Some(json!({ "openAPIV3Schema": root_schema::<Spec, Status>(about) })),
        ),
        ("served", version("served")),
        ("storage", version("storage")),
        ("subresources", version("subresources")),
    ]);
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata,
        "spec": object([
            ("group", at("/spec/group")),
            ("names", Some(names)),
            ("scope", at("/spec/scope")),
            ("versions", Some(json!([served]))),
        ]),
    })
}

/// An object of the entries that are there and not empty.
fn object<const N: usize>(entries: [(&str, Option<Value>); N]) -> Value {
    let filled = |value: &Value| match value {
        Value::Null => false,
        Value::Array(list) => !list.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => true,
    };
    entries
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value.filter(filled)?)))
        .collect()
}

fn root_schema<Spec: JsonSchema, Status: JsonSchema>(about: &str) -> Value {
    json!({
        "description": about,
        "properties": {
            "apiVersion": {
                "description": "Version of the schema that this object is written in.",
                "type": "string",
            },
            "kind": { "description": "Kind of this object.", "type": "string" },
            "metadata": { "type": "object" },
            "spec": schema::<Spec>(),
            "status": schema::<Status>(),
        },
        "type": "object",
    })
}

/// The normalised schema of one type.
fn schema<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value();
    normalize(&mut schema);
    schema
}

/// Brings a schema, as derived, into the form that is stored.
fn normalize(schema: &mut Value) {
    let Value::Object(keys) = schema else { return };
    for noise in ["title", "$schema", "default"] {
        keys.remove(noise);
    }
    drop_null(keys);
    if keys
        .get("additionalProperties")
        .is_some_and(Value::is_boolean)
    {
        keys.remove("additionalProperties");
    }
    if let Some(default) = keys.remove("x-skep-default") {
        keys.insert("default".into(), default);
    }
    if keys.remove("x-skep-nullable").is_some() {
        keys.insert("nullable".into(), Value::Bool(true));
    }
    if keys.remove("x-skep-no-format").is_some() {
        keys.remove("format");
    }
    if let Some(Value::String(text)) = keys.get_mut("description") {
        // Source comments mark code and break lines; a terminal shows neither.
        *text = text
            .replace('`', "")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
    }
    if let Some(Value::Object(properties)) = keys.get_mut("properties") {
        properties.retain(|_, property| property.get("x-skep-schemaless").is_none());
        for property in properties.values_mut() {
            normalize(property);
        }
        properties.sort_keys();
    }
    if keys
        .get("properties")
        .and_then(Value::as_object)
        .is_some_and(Map::is_empty)
    {
        keys.remove("properties");
    }
    if let Some(Value::Array(required)) = keys.get_mut("required") {
        required.sort_by(|l, r| l.as_str().cmp(&r.as_str()));
    }
    for nested in ["items", "additionalProperties"] {
        if let Some(nested) = keys.get_mut(nested) {
            normalize(nested);
        }
    }
    keys.sort_keys();
}

/// Removes the null that stands for an absent `Option`.
fn drop_null(keys: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = keys.get_mut("type") {
        types.retain(|t| t != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            keys.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(values)) = keys.get_mut("enum") {
        values.retain(|v| !v.is_null());
    }
    // An `Option` of a type without a plain `type` is a choice between it and null.
    let null = json!({ "type": "null" });
    if let Some(Value::Array(choices)) = keys.get_mut("anyOf")
        && choices.contains(&null)
    {
        choices.retain(|choice| *choice != null);
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            keys.remove("anyOf");
            for (key, value) in only {
                keys.entry(key).or_insert(value);
            }
        }
    }
}

/// A small YAML writer: block style, keys in the given order, text quoted unless it is surely text.
///
/// Generated files are compared byte by byte, so their form must not depend on a library's version.
fn to_yaml(document: &Value) -> String {
    let mut out = String::from("# Generated by `cargo xtask crds`; do not edit.\n---\n");
    write_value(&mut out, document, 0);
    out
}

fn write_value(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(keys) => {
            for (key, value) in keys {
                out.push_str(&" ".repeat(indent));
                write_entry(out, key, value, indent);
            }
        }
        Value::Array(items) => {
            for item in items {
                out.push_str(&" ".repeat(indent));
                out.push_str("- ");
                match item {
                    Value::Object(keys) if !keys.is_empty() => {
                        for (at, (key, value)) in keys.iter().enumerate() {
                            if at > 0 {
                                out.push_str(&" ".repeat(indent + 2));
                            }
                            write_entry(out, key, value, indent + 2);
                        }
                    }
                    Value::Array(_) | Value::Object(_) => {
                        // JSON is YAML; nested lists do not occur in definitions.
                        out.push_str(&item.to_string());
                        out.push('\n');
                    }
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                        write_scalar(out, item);
                    }
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            write_scalar(out, value);
        }
    }
}

fn write_entry(out: &mut String, key: &str, value: &Value, indent: usize) {
    out.push_str(&text(key));
    out.push(':');
    match value {
        Value::Object(keys) if keys.is_empty() => out.push_str(" {}\n"),
        Value::Array(items) if items.is_empty() => out.push_str(" []\n"),
        Value::Object(_) => {
            out.push('\n');
            write_value(out, value, indent + 2);
        }
        Value::Array(_) => {
            out.push('\n');
            write_value(out, value, indent);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            out.push(' ');
            write_scalar(out, value);
        }
    }
}

fn write_scalar(out: &mut String, value: &Value) {
    match value {
        Value::String(string) => out.push_str(&text(string)),
        other => out.push_str(&other.to_string()),
    }
    out.push('\n');
}

/// Plain where no version of YAML could read anything but this text, quoted otherwise.
fn text(string: &str) -> String {
    // Words that some version of YAML reads as something else than text.
    const LOADED: [&str; 12] = [
        "true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf", "none",
    ];
    let mut chars = string.chars();
    let starts_well = chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '.' || c == '/');
    let goes_on_well = chars.all(|c| c.is_ascii_alphanumeric() || " ._-/,;()'".contains(c))
        && !string.ends_with(' ');
    let numeric =
        string.starts_with('.') && string.chars().nth(1).is_none_or(|c| !c.is_alphabetic());
    let loaded = LOADED.contains(&string.to_ascii_lowercase().as_str());
    if starts_well && goes_on_well && !numeric && !loaded {
        string.to_owned()
    } else {
        // A JSON string is a double-quoted YAML scalar.
        Value::from(string).to_string()
    }
}
