//! Why the API server did not do what was asked, told apart by what the caller must do.

use kube::Error as KubeError;
use kube::core::Status;

use super::{Class, Classified, Undecodable};

/// What stood in the way of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The object has changed since it was read, or a tested value is another.
    Conflict,
    /// There is an object of this name already.
    AlreadyExists,
    /// There is no such object (or namespace, or kind).
    NotFound,
    /// The namespace is being deleted: nothing can be created in it any more.
    NamespaceTerminating,
    /// The object breaks a rule of its schema, or an admission webhook refused it.
    Invalid,
    /// The operator lacks the right.
    Forbidden,
    /// Too many requests.
    Throttled,
    /// The server answered that it cannot at present, or the connection failed: whether the request
    /// had an effect is unknown.
    Unavailable,
    /// The answer was not what the type expects.
    Undecodable,
}

/// A request to the API server that failed. Its text never holds an object's content.
#[derive(Debug, thiserror::Error)]
#[error("could not {verb} {object}: {message}")]
pub struct RequestError {
    /// What was to be done: "create", "patch the status of".
    pub verb: &'static str,
    /// Kind, namespace and name.
    pub object: String,
    /// What stood in the way.
    pub refusal: Refusal,
    message: String,
}

impl RequestError {
    /// Whether the object does not exist.
    pub const fn is_not_found(&self) -> bool {
        matches!(self.refusal, Refusal::NotFound)
    }

    /// Whether an object of this name exists already.
    pub const fn is_already_exists(&self) -> bool {
        matches!(self.refusal, Refusal::AlreadyExists)
    }

    /// Whether the object has changed since it was read.
    pub const fn is_conflict(&self) -> bool {
        matches!(self.refusal, Refusal::Conflict)
    }

    /// What the API server said.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    pub(super) fn new(verb: &'static str, object: String, error: &KubeError) -> Self {
        let refusal = refusal_of(error);
        // A server's sentence about a Secret may quote it.
        let message = if object.starts_with("Secret ") && refusal == Refusal::Invalid {
            "the server refused its content".to_owned()
        } else {
            message_of(error)
        };
        Self {
            verb,
            object,
            refusal,
            message,
        }
    }

    /// An answer whose object this version cannot decode.
    pub(super) fn undecodable(verb: &'static str, object: String, why: &Undecodable) -> Self {
        Self {
            verb,
            object,
            refusal: Refusal::Undecodable,
            message: why.error.clone(),
        }
    }

    /// A request that was not sent, because it could not be built.
    pub(super) fn unsent(verb: &'static str, object: String, message: String) -> Self {
        Self {
            verb,
            object,
            refusal: Refusal::Invalid,
            message,
        }
    }
}

impl Classified for RequestError {
    fn class(&self) -> Class {
        match self.refusal {
            Refusal::Conflict | Refusal::AlreadyExists => Class::RetryNow,
            Refusal::NamespaceTerminating => Class::WaitForChange,
            // A missing right, a refusing webhook or a missing kind are mended by people who will not
            // touch the object to tell.
            Refusal::NotFound
            | Refusal::Forbidden
            | Refusal::Invalid
            | Refusal::Throttled
            | Refusal::Unavailable => Class::BackOff,
            // It stays so until somebody changes the object or updates Skep. Tried soon for the first
            // times, should only the answer have been damaged.
            Refusal::Undecodable => Class::BlockedByUser,
        }
    }
}

fn refusal_of(error: &KubeError) -> Refusal {
    match error {
        KubeError::Api(status) => refusal_of_status(status),
        KubeError::SerdeError(_) | KubeError::FromUtf8(_) => Refusal::Undecodable,
        _ => Refusal::Unavailable,
    }
}

fn refusal_of_status(status: &Status) -> Refusal {
    match (status.code, status.reason.as_str()) {
        (_, "AlreadyExists") => Refusal::AlreadyExists,
        (409, _) => Refusal::Conflict,
        (404, _) => Refusal::NotFound,
        (403, _) if is_namespace_terminating(status) => Refusal::NamespaceTerminating,
        (401 | 403, _) => Refusal::Forbidden,
        // The server has no reason of its own for a JSON patch whose test failed; what breaks a
        // schema is told by its sentence.
        (422, _) if !status.message.contains("is invalid") => Refusal::Conflict,
        (429, _) => Refusal::Throttled,
        (400 | 405 | 413 | 415 | 422, _) => Refusal::Invalid,
        _ => Refusal::Unavailable,
    }
}

pub(super) fn is_namespace_terminating(status: &Status) -> bool {
    let cause = status.details.iter().flat_map(|details| &details.causes);
    cause
        .into_iter()
        .any(|cause| cause.reason == "NamespaceTerminating")
        || status.message.contains("because it is being terminated")
}

fn message_of(error: &KubeError) -> String {
    match error {
        KubeError::Api(status) if !status.message.is_empty() => status.message.clone(),
        KubeError::Api(status) => format!("HTTP {} {}", status.code, status.reason),
        // serde's message quotes the value that it met.
        KubeError::SerdeError(error) => {
            format!(
                "the answer is not what was expected (column {})",
                error.column()
            )
        }
        KubeError::Service(source) => super::error_chain(source.as_ref()),
        other => super::error_chain(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: u16, reason: &str, message: &str) -> KubeError {
        let status = Status {
            code,
            reason: reason.to_owned(),
            message: message.to_owned(),
            ..Status::default()
        };
        KubeError::Api(Box::new(status))
    }

    #[test]
    fn answers_are_told_apart_by_what_the_caller_must_do() {
        let rows = [
            (
                answer(409, "Conflict", ""),
                Refusal::Conflict,
                Class::RetryNow,
            ),
            (
                answer(409, "AlreadyExists", ""),
                Refusal::AlreadyExists,
                Class::RetryNow,
            ),
            (
                answer(404, "NotFound", ""),
                Refusal::NotFound,
                Class::BackOff,
            ),
            (
                answer(403, "Forbidden", "no"),
                Refusal::Forbidden,
                Class::BackOff,
            ),
            (
                answer(
                    403,
                    "Forbidden",
                    "unable to create, because it is being terminated",
                ),
                Refusal::NamespaceTerminating,
                Class::WaitForChange,
            ),
            (
                answer(422, "Invalid", "Job \"x\" is invalid: y"),
                Refusal::Invalid,
                Class::BackOff,
            ),
            (
                answer(422, "Invalid", "the server rejected"),
                Refusal::Conflict,
                Class::RetryNow,
            ),
            (answer(503, "", ""), Refusal::Unavailable, Class::BackOff),
            (
                answer(429, "TooManyRequests", ""),
                Refusal::Throttled,
                Class::BackOff,
            ),
        ];
        for (answer, refusal, class) in rows {
            let error = RequestError::new("create", "Job a/b".to_owned(), &answer);
            assert_eq!((error.refusal, error.class()), (refusal, class), "{answer}");
        }
    }

    #[test]
    fn an_object_that_cannot_be_decoded_is_named_and_blocks() {
        let why = Undecodable {
            meta: kube::core::ObjectMeta::default(),
            error: "invalid type".to_owned(),
        };
        let error = RequestError::undecodable("read", "ClusterProvision a/b".to_owned(), &why);
        assert_eq!(error.class(), Class::BlockedByUser);
        let text = error.to_string();
        assert_eq!(text, "could not read ClusterProvision a/b: invalid type");
    }

    #[test]
    fn a_refused_secret_is_not_quoted() {
        let answer = answer(
            422,
            "Invalid",
            "Secret \"x\" is invalid: data: Invalid value: \"pw\"",
        );
        let error = RequestError::new("create", "Secret a/x".to_owned(), &answer);
        assert!(!error.to_string().contains("pw"), "{error}");
    }
}
