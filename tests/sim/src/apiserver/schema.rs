//! What a `CustomResourceDefinition` does to objects: unknown fields go, defaults come, and what does
//! not fit is refused. As much of structural schemas as the definitions of this project use.

use std::sync::Arc;

use serde_json::Value;

use super::{
    ApiServer,
    registry::Kind,
    status::{Answer, Cause, Failure},
    verbs::Hook,
};

/// A parsed `CustomResourceDefinition`: parsing takes longer than many a simulated day.
#[derive(Clone)]
pub struct Definition {
    kind: Kind,
    schema: Arc<Value>,
}

impl Definition {
    /// Reads a definition written in YAML.
    ///
    /// # Panics
    /// When the text is no `CustomResourceDefinition`.
    pub fn parse(yaml: &str) -> Self {
        let definition: Value = serde_saphyr::from_str(yaml).expect("a YAML document");
        let spec = &definition["spec"];
        let version = &spec["versions"][0];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut kind = Kind::custom(
            &text(&spec["group"]),
            &text(&version["name"]),
            &text(&spec["names"]["plural"]),
            &text(&spec["names"]["kind"]),
        );
        assert!(!kind.plural.is_empty(), "not a CustomResourceDefinition");
        kind.namespaced = spec["scope"] == "Namespaced";
        kind.status = version["subresources"].get("status").is_some();
        let schema = Arc::new(version["schema"]["openAPIV3Schema"].clone());
        Self { kind, schema }
    }

    /// All definitions in the YAML files of a folder.
    ///
    /// # Panics
    /// When the folder cannot be read.
    pub fn parse_folder(folder: impl AsRef<std::path::Path>) -> Vec<Self> {
        let entries = std::fs::read_dir(folder).expect("a folder of definitions");
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
        paths.sort();
        let texts = paths.iter().map(std::fs::read_to_string);
        texts
            .map(|text| Self::parse(&text.expect("a text")))
            .collect()
    }
}

impl ApiServer {
    /// Serves the resource of a definition, under its schema.
    pub fn install_definition(&self, definition: &Definition) {
        let Definition { kind, schema } = definition.clone();
        self.add_hook(hook(kind.clone(), schema));
        self.register(kind);
    }
}

/// Applies `schema` to each write of an object of `of`.
fn hook(of: Kind, schema: Arc<Value>) -> Hook {
    Arc::new(move |kind: &Kind, object: &mut Value, _: Option<&Value>| {
        if kind.group != of.group || kind.plural != of.plural {
            return Ok(());
        }
        apply(kind, &schema, object)
    })
}

fn apply(kind: &Kind, schema: &Value, object: &mut Value) -> Answer<()> {
    let kept: Vec<(String, Value)> = ["apiVersion", "kind", "metadata"]
        .into_iter()
        .map(|name| (name.to_owned(), object[name].clone()))
        .collect();
    prune(schema, object);
    for (name, value) in kept {
        object[name.as_str()] = value;
    }
    default(schema, object);
    let mut causes = Vec::new();
    check(schema, object, "", &mut causes);
    if causes.is_empty() {
        return Ok(());
    }
    let why = "some validation rules were not checked because the object was invalid; correct the \
               existing errors to complete validation";
    causes.push(Cause::invalid("<nil>", &Value::Null, why));
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    Err(Failure::invalid(kind, name, &causes))
}

fn prune(schema: &Value, value: &mut Value) {
    let keeps = schema["x-kubernetes-preserve-unknown-fields"] == true;
    match value {
        Value::Object(fields) => {
            let known = schema["properties"].as_object();
            let rest = &schema["additionalProperties"];
            if known.is_some() || !keeps {
                fields.retain(|name, _| {
                    keeps || rest.is_object() || known.is_some_and(|known| known.contains_key(name))
                });
            }
            for (name, inner) in fields.iter_mut() {
                match known.and_then(|known| known.get(name)) {
                    Some(schema) => prune(schema, inner),
                    None if rest.is_object() => prune(rest, inner),
                    None => {}
                }
            }
        }
        Value::Array(items) => {
            if schema["items"].is_object() {
                for item in items {
                    prune(&schema["items"], item);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn default(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
                let held = fields.get(name);
                let absent =
                    held.is_none() || (held == Some(&Value::Null) && inner["nullable"] != true);
                if let Some(given) = inner.get("default").filter(|_| absent) {
                    fields.insert(name.clone(), given.clone());
                }
                if let Some(held) = fields.get_mut(name) {
                    default(inner, held);
                }
            }
            let rest = &schema["additionalProperties"];
            if rest.is_object() {
                fields.values_mut().for_each(|inner| default(rest, inner));
            }
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| default(&schema["items"], item)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn check(schema: &Value, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    if value.is_null() && schema["nullable"] == true {
        return;
    }
    let wanted = schema["type"].as_str().unwrap_or_default();
    let found = type_of(value);
    let fits = wanted.is_empty()
        || wanted == found
        || (wanted == "number" && found == "integer")
        || schema["x-kubernetes-int-or-string"] == true;
    if !fits {
        let why = format!("{path} in body must be of type {wanted}: {found:?}");
        causes.push(Cause {
            reason: "FieldValueTypeInvalid",
            field: path.to_owned(),
            message: format!("Invalid value: {found:?}: {why}"),
        });
        return;
    }
    if let Some(allowed) = schema["enum"]
        .as_array()
        .filter(|allowed| !allowed.contains(value))
    {
        let list: Vec<String> = allowed.iter().map(ToString::to_string).collect();
        causes.push(Cause {
            reason: "FieldValueNotSupported",
            field: path.to_owned(),
            message: format!(
                "Unsupported value: {value}: supported values: {}",
                list.join(", ")
            ),
        });
    }
    let inner = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    if let Some(fields) = value.as_object() {
        for name in schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            if !fields.contains_key(name) {
                causes.push(Cause {
                    reason: "FieldValueRequired",
                    field: inner(name),
                    message: "Required value".to_owned(),
                });
            }
        }
        for (name, value) in fields {
            let rest = &schema["additionalProperties"];
            match schema["properties"].get(name) {
                Some(schema) => check(schema, value, &inner(name), causes),
                None if rest.is_object() => check(rest, value, &inner(name), causes),
                None => {}
            }
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        check(&schema["items"], item, &format!("{path}[{index}]"), causes);
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
