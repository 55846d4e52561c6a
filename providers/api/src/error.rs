//! Errors of clouds, classed by what the caller must do (`docs/spec/24 §5`: error codes matched by
//! string at many places, some of them wrong, is what this replaces).
//!
//! Only a cloud's crate turns its codes into a [`Class`]; nothing above it looks at [`Error::code`]
//! except to show it. Neither type ever holds a secret: messages are what the cloud said, and a
//! cloud crate must not put request bodies or headers into them.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::erase::ResourceId;

/// What the caller must do about an [`Error`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Class {
    /// It is not there. For a deletion that is success.
    NotFound,
    /// It is there already. Look who owns it.
    AlreadyExists,
    /// Too many calls; call again after the given time, or after a growing pause when none is given.
    Throttled {
        /// What the cloud asked for.
        after: Option<Duration>,
    },
    /// The identity is known but may not do this. Repeating is useless until permissions change.
    Denied,
    /// The credentials are not accepted: wrong, expired, revoked, or malformed.
    Unauthenticated,
    /// A quota or limit of the account is used up. Wait for a person, or for something to be freed.
    Quota,
    /// The request can never succeed as it is.
    Invalid,
    /// Something else still uses the resource. Not a failure: wait for the holders to go.
    DependencyViolation {
        /// Who holds it, as far as the cloud says so.
        holders: Vec<ResourceId>,
    },
    /// The cloud or the way to it is in trouble; repeat after a growing pause.
    Transient,
    /// None of the above. Repeated a few times, then shown to a person.
    Unknown,
}

impl Class {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn passes_by_itself(&self) -> bool {
        match self {
            Self::Throttled { .. } | Self::Transient | Self::DependencyViolation { .. } => true,
            Self::NotFound
            | Self::AlreadyExists
            | Self::Denied
            | Self::Unauthenticated
            | Self::Quota
            | Self::Invalid
            | Self::Unknown => false,
        }
    }

    /// One word for metrics and tables.
    pub fn label(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::AlreadyExists => "already_exists",
            Self::Throttled { .. } => "throttled",
            Self::Denied => "denied",
            Self::Unauthenticated => "unauthenticated",
            Self::Quota => "quota",
            Self::Invalid => "invalid",
            Self::DependencyViolation { .. } => "dependency_violation",
            Self::Transient => "transient",
            Self::Unknown => "unknown",
        }
    }
}

/// A failed call to a cloud.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    /// The operation in the cloud's own words: `ec2:DeleteVpc`.
    pub operation: String,
    /// The cloud's error code, empty when there was no answer.
    pub code: String,
    /// The cloud's message. Never a secret.
    pub message: String,
    /// What to do about it.
    pub class: Class,
    /// The cloud's name of the request, for its support.
    pub request_id: Option<String>,
}

impl Error {
    /// An error of `class` at `operation`; code and request id are empty.
    pub fn new(operation: impl Into<String>, class: Class, message: impl Into<String>) -> Self {
        Self {
            operation: operation.into(),
            code: String::new(),
            message: message.into(),
            class,
            request_id: None,
        }
    }

    /// The same error with the cloud's code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = code.into();
        self
    }

    /// The same error with the cloud's request id.
    #[must_use]
    pub fn with_request_id(mut self, request_id: impl Into<String>) -> Self {
        self.request_id = Some(request_id.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.operation)?;
        if !self.code.is_empty() {
            write!(f, "{}: ", self.code)?;
        }
        f.write_str(if self.message.is_empty() {
            self.class.label()
        } else {
            &self.message
        })
    }
}
