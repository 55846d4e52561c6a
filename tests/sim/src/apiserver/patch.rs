//! The four patch formats. Server-side apply is modelled for objects that one manager owns whole:
//! maps merge, lists are replaced, and what the manager applied before and applies no more goes.

use json_patch::{AddOperation, PatchOperation};
use serde_json::Value;

use super::status::{Answer, Failure};

/// How a patch is written, by its media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Merge,
    Json,
    Strategic,
    Apply,
}

impl Format {
    pub(super) fn of(content_type: &str) -> Answer<Self> {
        match content_type.split(';').next().unwrap_or_default().trim() {
            "application/merge-patch+json" => Ok(Self::Merge),
            "application/json-patch+json" => Ok(Self::Json),
            "application/strategic-merge-patch+json" => Ok(Self::Strategic),
            "application/apply-patch+yaml" | "application/apply-patch+json" => Ok(Self::Apply),
            _ => Err(Failure::unsupported_media_type()),
        }
    }

    /// As transcripts show it.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Merge => "merge",
            Self::Json => "json",
            Self::Strategic => "strategic",
            Self::Apply => "apply",
        }
    }
}

/// A merge or JSON patch applied to the object as the client sees it.
pub(super) fn patched(format: Format, object: &Value, body: &[u8]) -> Answer<Value> {
    let malformed = |error: &dyn std::fmt::Display| {
        Failure::bad_request(&format!("error decoding patch: {error}"))
    };
    let mut object = object.clone();
    match format {
        Format::Merge | Format::Strategic => {
            let patch: Value = serde_json::from_slice(body).map_err(|error| malformed(&error))?;
            if !patch.is_object() {
                return Err(malformed(&"the patch is not an object"));
            }
            json_patch::merge(&mut object, &patch);
        }
        Format::Json => {
            let patch: json_patch::Patch =
                serde_json::from_slice(body).map_err(|error| malformed(&error))?;
            for operation in patch.0 {
                step(&mut object, operation).map_err(|_| Failure::unprocessable())?;
            }
        }
        Format::Apply => return Err(Failure::internal("apply is not a plain patch")),
    }
    Ok(object)
}

/// One operation, with the leniency of the library that the real server uses: in an object,
/// replacing what is not there adds it, and what is not there equals null.
fn step(object: &mut Value, operation: PatchOperation) -> Result<(), json_patch::PatchError> {
    let operation = match operation {
        PatchOperation::Replace(replace)
            if replace.path.resolve(object).is_err()
                && replace
                    .path
                    .parent()
                    .and_then(|parent| parent.resolve(object).ok())
                    .is_some_and(Value::is_object) =>
        {
            PatchOperation::Add(AddOperation {
                path: replace.path,
                value: replace.value,
            })
        }
        PatchOperation::Test(test)
            if test.value.is_null() && test.path.resolve(object).is_err() =>
        {
            return Ok(());
        }
        other => other,
    };
    json_patch::patch(object, &[operation])
}

/// The document of an apply patch, which is YAML of which JSON is a part.
pub(super) fn applied(body: &[u8]) -> Answer<Value> {
    if let Ok(value) = serde_json::from_slice(body) {
        return Ok(value);
    }
    std::str::from_utf8(body)
        .ok()
        .and_then(|text| serde_saphyr::from_str(text).ok())
        .ok_or_else(|| Failure::bad_request("error decoding YAML"))
}

/// `object` with `wanted` applied over what the same manager applied `before`.
pub(super) fn apply(object: &Value, before: Option<&Value>, wanted: &Value) -> Value {
    let mut object = object.clone();
    if let Some(before) = before {
        drop_missing(&mut object, before, wanted);
    }
    lay_over(&mut object, wanted);
    object
}

fn drop_missing(object: &mut Value, before: &Value, wanted: &Value) {
    let (Some(object), Some(before)) = (object.as_object_mut(), before.as_object()) else {
        return;
    };
    for (name, old) in before {
        match wanted.get(name) {
            None => {
                object.shift_remove(name);
            }
            Some(new) => {
                if let Some(inner) = object.get_mut(name) {
                    drop_missing(inner, old, new);
                }
            }
        }
    }
}

fn lay_over(object: &mut Value, wanted: &Value) {
    match (object.as_object_mut(), wanted.as_object()) {
        (Some(object), Some(wanted)) => {
            for (name, new) in wanted {
                lay_over(object.entry(name.clone()).or_insert(Value::Null), new);
            }
        }
        _ => object.clone_from(wanted),
    }
}
