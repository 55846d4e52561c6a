//! The `Status` bodies of refusals, worded as the real server words them: clients match on
//! `reason`, people and conditions quote `message`.

use serde_json::{Value, json};

use super::registry::Kind;

/// A refusal: an HTTP code and the `Status` that explains it.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    pub code: u16,
    pub body: Value,
}

/// The outcome of one request.
pub type Answer<T> = Result<T, Box<Failure>>;

/// One validation error of an object.
#[derive(Clone, Debug)]
pub struct Cause {
    pub reason: &'static str,
    pub field: String,
    pub message: String,
}

impl Cause {
    pub fn invalid(field: &str, value: &Value, why: &str) -> Self {
        let message = format!("Invalid value: {value}: {why}");
        Self {
            reason: "FieldValueInvalid",
            field: field.into(),
            message,
        }
    }

    pub fn required(field: &str, why: &str) -> Self {
        let message = format!("Required value: {why}");
        Self {
            reason: "FieldValueRequired",
            field: field.into(),
            message,
        }
    }

    pub fn forbidden(field: &str, why: &str) -> Self {
        let message = format!("Forbidden: {why}");
        Self {
            reason: "FieldValueForbidden",
            field: field.into(),
            message,
        }
    }
}

impl Failure {
    /// A `Status` with these parts; empty parts are left out as the server leaves them out.
    pub fn new(code: u16, reason: &str, message: &str, details: Value) -> Box<Self> {
        let mut body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message,
        });
        if !reason.is_empty() {
            body["reason"] = reason.into();
        }
        if !details.is_null() {
            body["details"] = details;
        }
        body["code"] = code.into();
        Box::new(Self { code, body })
    }

    pub fn not_found(kind: &Kind, name: &str) -> Box<Self> {
        let message = format!("{} {name:?} not found", kind.resource());
        Self::new(404, "NotFound", &message, details(kind, name))
    }

    /// The path is not served at all; the one answer that is no Status.
    pub fn no_such_path() -> Box<Self> {
        Box::new(Self {
            code: 404,
            body: "404 page not found\n".into(),
        })
    }

    /// The resource is served, but not this part of it.
    pub fn no_such_resource() -> Box<Self> {
        let message = "the server could not find the requested resource";
        Self::new(404, "NotFound", message, json!({}))
    }

    pub fn already_exists(kind: &Kind, name: &str) -> Box<Self> {
        let message = format!("{} {name:?} already exists", kind.resource());
        Self::new(409, "AlreadyExists", &message, details(kind, name))
    }

    /// The object changed since the caller read it.
    pub fn modified(kind: &Kind, name: &str) -> Box<Self> {
        let why = "the object has been modified; please apply your changes to the latest version \
                   and try again";
        Self::conflict(kind, name, why)
    }

    pub fn conflict(kind: &Kind, name: &str, why: &str) -> Box<Self> {
        let message = format!(
            "Operation cannot be fulfilled on {} {name:?}: {why}",
            kind.resource()
        );
        Self::new(409, "Conflict", &message, details(kind, name))
    }

    /// The uid that the caller expects is not the stored one.
    pub fn other_uid(kind: &Kind, key: &(String, String), given: &str, held: &str) -> Box<Self> {
        let place = if kind.custom {
            format!("{}/{}/{}/{}", kind.group, kind.plural, key.0, key.1)
        } else {
            format!("{}/{}/{}", kind.plural, key.0, key.1)
        };
        let why = format!(
            "StorageError: invalid object, Code: 4, Key: /registry/{place}, ResourceVersion: 0, \
             AdditionalErrorMsg: Precondition failed: UID in precondition: {given}, UID in object \
             meta: {held}"
        );
        Self::conflict(kind, &key.1, &why)
    }

    /// A precondition of a DELETE failed; here the server names the kind, not the resource.
    pub fn delete_precondition(kind: &Kind, name: &str, why: &str) -> Box<Self> {
        let qualified = kind.qualified_kind();
        let message = format!("Operation cannot be fulfilled on {qualified} {name:?}: {why}");
        let mut details = details(kind, name);
        details["kind"] = kind.kind.clone().into();
        Self::new(409, "Conflict", &message, details)
    }

    pub fn bad_request(message: &str) -> Box<Self> {
        Self::new(400, "BadRequest", message, Value::Null)
    }

    pub fn internal(message: &str) -> Box<Self> {
        Self::new(500, "", message, Value::Null)
    }

    /// The object is not acceptable, named by kind as strategies do.
    pub fn invalid(kind: &Kind, name: &str, causes: &[Cause]) -> Box<Self> {
        Self::invalid_as(
            &kind.qualified_kind(),
            &kind.kind,
            &kind.group,
            name,
            causes,
        )
    }

    /// The same, named by resource as the generic store does.
    pub fn invalid_resource(kind: &Kind, name: &str, causes: &[Cause]) -> Box<Self> {
        Self::invalid_as(&kind.resource(), &kind.plural, &kind.group, name, causes)
    }

    fn invalid_as(shown: &str, kind: &str, group: &str, name: &str, causes: &[Cause]) -> Box<Self> {
        let mut texts: Vec<String> = Vec::new();
        for cause in causes {
            let text = format!("{}: {}", cause.field, cause.message);
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        let text = if texts.len() == 1 {
            texts.remove(0)
        } else {
            format!("[{}]", texts.join(", "))
        };
        let message = format!("{shown} {name:?} is invalid: {text}");
        let mut details = json!({});
        if !name.is_empty() {
            details["name"] = name.into();
        }
        if !group.is_empty() {
            details["group"] = group.into();
        }
        details["kind"] = kind.into();
        details["causes"] = causes
            .iter()
            .map(|cause| {
                json!({"reason": cause.reason, "message": cause.message, "field": cause.field})
            })
            .collect();
        Self::new(422, "Invalid", &message, details)
    }

    /// A JSON patch that does not apply: a failed `test`, a missing path.
    pub fn unprocessable() -> Box<Self> {
        let message = "the server rejected our request due to an error in our request";
        Self::new(422, "Invalid", message, json!({}))
    }

    /// A create in a namespace that is being deleted.
    pub fn namespace_terminating(kind: &Kind, name: &str, namespace: &str) -> Box<Self> {
        let message = format!(
            "{} {name:?} is forbidden: unable to create new content in namespace {namespace} \
             because it is being terminated",
            kind.resource()
        );
        let mut details = details(kind, name);
        details["causes"] = json!([{
            "reason": "NamespaceTerminating",
            "message": format!("namespace {namespace} is being terminated"),
            "field": "metadata.namespace",
        }]);
        Self::new(403, "Forbidden", &message, details)
    }

    /// A list or watch from a point that was compacted away.
    pub fn expired(message: &str) -> Box<Self> {
        Self::new(410, "Expired", message, Value::Null)
    }

    pub fn method_not_allowed() -> Box<Self> {
        let message = "the server does not allow this method on the requested resource";
        Self::new(405, "MethodNotAllowed", message, json!({}))
    }

    pub fn unsupported_media_type() -> Box<Self> {
        let message = "the body of the request was in an unknown format - accepted media types \
                       include: application/json-patch+json, application/merge-patch+json, \
                       application/apply-patch+yaml";
        Self::new(415, "UnsupportedMediaType", message, Value::Null)
    }
}

/// `details` of a Status about one object.
pub fn details(kind: &Kind, name: &str) -> Value {
    let mut details = json!({});
    if !name.is_empty() {
        details["name"] = name.into();
    }
    if !kind.group.is_empty() {
        details["group"] = kind.group.clone().into();
    }
    details["kind"] = kind.plural.clone().into();
    details
}
