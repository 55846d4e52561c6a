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
use kube::core::object::{HasSpec, HasStatus};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::{v1, v1alpha1};

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
        definition::<v1::checkpoint::Checkpoint>("What was last backed up of a namespace."),
        definition::<v1::cluster_claim::ClusterClaim>("A wish for a cluster of a pool."),
        definition::<v1::cluster_deployment::ClusterDeployment>(
            "A cluster as its owner wants it, from its creation to its deletion from the cloud.",
        ),
        definition::<v1::cluster_deployment_customization::ClusterDeploymentCustomization>(
            "Changes to what the installer reads and writes.",
        ),
        definition::<v1::cluster_deprovision::ClusterDeprovision>(
            "The order to delete a cluster from its cloud.",
        ),
        definition::<v1::cluster_image_set::ClusterImageSet>("A name for a release image."),
        definition::<v1::cluster_pool::ClusterPool>(
            "Clusters that are installed before somebody asks for them.",
        ),
        definition::<v1::cluster_provision::ClusterProvision>("One attempt to install a cluster."),
        definition::<v1::cluster_relocate::ClusterRelocate>(
            "The order to move clusters to another hub.",
        ),
        definition::<v1::cluster_state::ClusterState>(
            "What the operators inside a cluster report, mirrored on the hub.",
        ),
        definition::<v1::dns_zone::DnsZone>(
            "A zone that the operator runs for the records of one cluster.",
        ),
        definition::<v1::hive_config::HiveConfig>("The configuration of the whole installation."),
        definition::<v1::machine_pool::MachinePool>(
            "Compute machines of one kind inside an installed cluster.",
        ),
        definition::<v1::machine_pool_name_lease::MachinePoolNameLease>(
            "One of the short names that machine pools of a cluster may have.",
        ),
        definition::<v1::selector_sync_identity_provider::SelectorSyncIdentityProvider>(
            "Ways to log in, for clusters that are chosen by their labels.",
        ),
        definition::<v1::selector_sync_set::SelectorSyncSet>(
            "Objects, secrets and patches for clusters that are chosen by their labels.",
        ),
        definition::<v1::sync_identity_provider::SyncIdentityProvider>(
            "Ways to log in, for clusters that are named.",
        ),
        definition::<v1::sync_set::SyncSet>(
            "Objects, secrets and patches for clusters that are named.",
        ),
        definition::<v1alpha1::cluster_sync::ClusterSync>(
            "What became of the sets that are for one cluster.",
        ),
        definition_of::<v1alpha1::cluster_sync_lease::ClusterSyncLease>(
            "When all sets of a cluster were last applied in full.",
            None,
        ),
        definition::<v1alpha1::fake_cluster_install::FakeClusterInstall>(
            "An installation by another controller that only pretends.",
        ),
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

/// Kinds whose objects the API server refuses when they have no spec; of the others a spec may be
/// absent, and with it whatever is required inside.
const SPEC_REQUIRED: [&str; 4] = [
    "ClusterClaim",
    "ClusterDeploymentCustomization",
    "ClusterPool",
    "FakeClusterInstall",
];

/// Kinds whose status is written with the rest of the object.
const STATUS_NOT_APART: [&str; 3] = [
    "MachinePoolNameLease",
    "SelectorSyncIdentityProvider",
    "SyncIdentityProvider",
];

/// The definition of a kind with a status.
fn definition<K>(about: &str) -> Value
where
    K: CustomResourceExt + HasSpec<Spec: JsonSchema> + HasStatus<Status: JsonSchema>,
{
    definition_of::<K>(about, Some(schema::<K::Status>()))
}

/// The definition of one kind: names and columns from the derive, schema from spec and status.
fn definition_of<K>(about: &str, status: Option<Value>) -> Value
where
    K: CustomResourceExt + HasSpec<Spec: JsonSchema>,
{
    let derived = json!(K::crd());
    let at = |pointer: &str| derived.pointer(pointer).cloned();
    let version = |key: &str| at(&format!("/spec/versions/0/{key}"));
    let kind = at("/spec/names/kind");
    let list_kind = format!(
        "{}List",
        kind.as_ref().and_then(Value::as_str).unwrap_or_default()
    );

    let is_of = |kinds: &[&str]| kinds.iter().any(|name| kind == Some(json!(name)));
    let subresources = version("subresources").filter(|_| !is_of(&STATUS_NOT_APART));
    let required = is_of(&SPEC_REQUIRED);
    let root = root_schema(about, schema::<K::Spec>(), status, required);

    let mut annotations = at("/metadata/annotations").unwrap_or_else(|| json!({}));
    annotations[GENERATOR_ANNOTATION.0] = json!(GENERATOR_ANNOTATION.1);
    let metadata = object([
        ("annotations", Some(annotations)),
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
        ("schema", Some(json!({ "openAPIV3Schema": root }))),
        ("served", version("served")),
        ("storage", version("storage")),
        ("subresources", subresources),
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

fn root_schema(about: &str, spec: Value, status: Option<Value>, required: bool) -> Value {
    let properties = object([
        (
            "apiVersion",
            Some(json!({
                "description": "Version of the schema that this object is written in.",
                "type": "string",
            })),
        ),
        (
            "kind",
            Some(json!({ "description": "Kind of this object.", "type": "string" })),
        ),
        ("metadata", Some(json!({ "type": "object" }))),
        ("spec", Some(spec)),
        ("status", status),
    ]);
    object([
        ("description", Some(Value::from(about))),
        ("properties", Some(properties)),
        ("required", required.then(|| json!(["spec"]))),
        ("type", Some(Value::from("object"))),
    ])
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
