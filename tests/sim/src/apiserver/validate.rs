//! The checks on metadata that every real server makes and that an operator meets in practice:
//! names, labels, owner references, finalizers of an object that is being deleted, size. Not the
//! schemas of the kinds.

use serde_json::{Value, json};

use super::{
    registry::Kind,
    status::{Answer, Cause, Failure},
};

const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric \
                           characters, '-', '_' or '.', and must start and end with an \
                           alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', \
                           regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric \
                         characters, '-' or '.', and must start and end with an alphanumeric \
                         character (e.g. 'example.com', regex used for validation is \
                         '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
/// etcd refuses larger requests by default.
const LARGEST: usize = 1_572_864;

/// Refuses `object` for what its metadata says; `old` is the object it replaces.
pub(super) fn check(kind: &Kind, object: &Value, old: Option<&Value>) -> Answer<()> {
    let metadata = &object["metadata"];
    let name = metadata["name"].as_str().unwrap_or_default();
    let mut causes = Vec::new();
    if old.is_none() && kind.group != "rbac.authorization.k8s.io" {
        if name.len() > 253 {
            let why = "must be no more than 253 bytes";
            causes.push(Cause::invalid("metadata.name", &name.into(), why));
        } else if !name.split('.').all(is_dns_label) {
            causes.push(Cause::invalid("metadata.name", &name.into(), SUBDOMAIN));
        }
    }
    for (key, value) in metadata["labels"].as_object().into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        if value.len() > 63 {
            let why = "must be no more than 63 characters";
            causes.push(Cause::invalid("metadata.labels", &value.into(), why));
        } else if !is_label_value(value) {
            causes.push(Cause::invalid(
                "metadata.labels",
                &value.into(),
                LABEL_VALUE,
            ));
        }
        let plain = key.rsplit('/').next().unwrap_or_default();
        if plain.len() > 63 {
            let why = "name part must be no more than 63 characters";
            causes.push(Cause::invalid("metadata.labels", &key.as_str().into(), why));
        }
    }
    causes.extend(owners(metadata));
    if old.is_some_and(|old| old["metadata"].get("deletionTimestamp").is_some()) {
        let kept = |finalizer: &&str| {
            finalizers(old.unwrap_or(&Value::Null))
                .iter()
                .any(|old| old == finalizer)
        };
        let added: Vec<&str> = finalizers(object)
            .into_iter()
            .filter(|finalizer| !kept(finalizer))
            .collect();
        if !added.is_empty() {
            let list = added
                .iter()
                .map(|name| format!("{name:?}"))
                .collect::<Vec<_>>()
                .join(", ");
            let why = format!(
                "no new finalizers can be added if the object is being deleted, found new \
                 finalizers []string{{{list}}}"
            );
            causes.push(Cause::forbidden("metadata.finalizers", &why));
        }
    }
    // While a Job is suspended its pods may still be changed.
    let running = old.is_some_and(|old| kind.plural == "jobs" && old["spec"]["suspend"] != true);
    let secret = old.is_some() && kind.plural == "secrets";
    let differs =
        |pointer: &str| old.and_then(|old| old.pointer(pointer)) != object.pointer(pointer);
    for (applies, pointer, field) in [
        (running, "/spec/template", "spec.template"),
        (secret, "/type", "type"),
    ] {
        if applies && differs(pointer) {
            let value = object.pointer(pointer).cloned().unwrap_or_default();
            causes.push(Cause::invalid(field, &value, "field is immutable"));
        }
    }
    if !causes.is_empty() {
        return Err(Failure::invalid(kind, name, &causes));
    }
    if object.to_string().len() > LARGEST {
        return Err(Failure::internal("etcdserver: request is too large"));
    }
    Ok(())
}

fn owners(metadata: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let mut controllers = 0;
    for owner in metadata["ownerReferences"].as_array().into_iter().flatten() {
        for field in ["apiVersion", "kind", "name", "uid"] {
            if owner[field].as_str().unwrap_or_default().is_empty() {
                let path = format!("metadata.ownerReferences.{field}");
                causes.push(Cause::invalid(&path, &json!(""), "must not be empty"));
            }
        }
        controllers += i32::from(owner["controller"].as_bool().unwrap_or_default());
    }
    if controllers > 1 {
        let value = metadata["ownerReferences"].clone();
        let why = "Only one reference can have Controller set to true";
        causes.push(Cause::invalid("metadata.ownerReferences", &value, why));
    }
    causes
}

/// The finalizers of an object.
pub(super) fn finalizers(object: &Value) -> Vec<&str> {
    let list = object["metadata"]["finalizers"].as_array();
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

fn is_dns_label(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.first().copied().is_some_and(plain)
        && bytes.last().copied().is_some_and(plain)
        && bytes.iter().all(|byte| plain(*byte) || *byte == b'-')
}

fn is_label_value(text: &str) -> bool {
    let bytes = text.as_bytes();
    let edge = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_alphanumeric);
    edge(bytes.first())
        && edge(bytes.last())
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}
