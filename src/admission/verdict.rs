//! What a review says: allowed or not, why not, and what is allowed but probably wrong.
//!
//! Decides how findings become one answer of the API server. The code is Hive's: a request that one of
//! its early rules refuses is a bad request, whatever else is wrong with it; all else is invalid.
//! Findings of every rule are told at once.

use serde::Serialize;
use serde_json::Value;

use super::review::Request;

/// Which kind of refusal a rule leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Style {
    /// Code 400, reason `BadRequest`: outranks the other.
    BadRequest,
    /// Code 422, reason `Invalid`.
    Invalid,
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It is missing or empty.
    Required,
    /// Its value, or the change of its value, is not possible.
    Invalid,
    /// It may not be set here.
    Forbidden,
    /// Its value is none of a known set.
    NotSupported,
}

impl Cause {
    /// The API's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "FieldValueRequired",
            Self::Invalid => "FieldValueInvalid",
            Self::Forbidden => "FieldValueForbidden",
            Self::NotSupported => "FieldValueNotSupported",
        }
    }
}

/// One thing that is wrong with the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Id of the rule that found it.
    pub rule: &'static str,
    /// Which refusal it leads to.
    pub style: Style,
    /// What is wrong.
    pub cause: Cause,
    /// JSON path of the field.
    pub field: String,
    /// What is wrong, which value, what is allowed.
    pub message: String,
}

/// The findings of one review, as the rules report them.
#[derive(Debug)]
pub(super) struct Findings {
    rule: &'static str,
    style: Style,
    found: Vec<Finding>,
    warnings: Vec<String>,
}

impl Findings {
    pub(super) const fn new() -> Self {
        Self {
            rule: "",
            style: Style::Invalid,
            found: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Says which rule reports from here on.
    pub(super) const fn begin(&mut self, rule: &'static str, style: Style) {
        self.rule = rule;
        self.style = style;
    }

    pub(super) fn push(
        &mut self,
        cause: Cause,
        field: impl Into<String>,
        message: impl Into<String>,
    ) {
        self.found.push(Finding {
            rule: self.rule,
            style: self.style,
            cause,
            field: field.into(),
            message: message.into(),
        });
    }

    /// The field must be there.
    pub(super) fn required(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.push(Cause::Required, field, message);
    }

    /// The field's value cannot be.
    pub(super) fn invalid(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.push(Cause::Invalid, field, message);
    }

    /// The field must not be there.
    pub(super) fn forbidden(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.push(Cause::Forbidden, field, message);
    }

    /// The field's value is none of those that exist.
    pub(super) fn not_supported(
        &mut self,
        field: impl Into<String>,
        value: &str,
        known: impl IntoIterator<Item = impl AsRef<str>>,
    ) {
        let known: Vec<String> = known
            .into_iter()
            .map(|k| format!("{:?}", k.as_ref()))
            .collect();
        let message = format!("{} is none of {}", quoted(value), known.join(", "));
        self.push(Cause::NotSupported, field, message);
    }

    /// Legal, but probably not what was meant.
    pub(super) fn warn(&mut self, field: &str, message: &str) {
        self.warnings.push(format!("{field}: {message}"));
    }

    /// What was found from here on can be told apart by this mark.
    pub(super) const fn mark(&self) -> (usize, usize) {
        (self.found.len(), self.warnings.len())
    }

    /// Forgets what was found since the mark and was found in the old object as well.
    pub(super) fn forget_old(&mut self, mark: (usize, usize), old: &Self) {
        let mut known: Vec<(String, &str)> = old
            .found
            .iter()
            .map(|f| (without_indexes(&f.field), f.message.as_str()))
            .collect();
        let mut index = 0;
        self.found.retain(|finding| {
            index += 1;
            if index <= mark.0 {
                return true;
            }
            let field = without_indexes(&finding.field);
            let same = known
                .iter()
                .position(|(f, m)| *f == field && *m == finding.message);
            same.map(|at| known.swap_remove(at)).is_none()
        });
        let mut index = 0;
        self.warnings.retain(|warning| {
            index += 1;
            index <= mark.1 || !old.warnings.contains(warning)
        });
    }

    #[cfg(test)]
    pub(super) fn into_found(self) -> Vec<Finding> {
        self.found
    }

    pub(super) fn into_verdict(self, request: &Request<'_>) -> Verdict {
        Verdict {
            denial: Denial::of(request, self.found),
            warnings: self.warnings,
        }
    }
}

/// A path without its list positions: an entry that moved is the same entry.
fn without_indexes(path: &str) -> String {
    let mut inside = false;
    path.chars()
        .filter(|c| {
            let bracket = matches!(c, '[' | ']');
            inside = if bracket { *c == '[' } else { inside };
            bracket || !inside
        })
        .collect()
}

/// What a review says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// Why the request is refused; none if it is allowed.
    pub denial: Option<Denial>,
    /// What the author should know although the request is allowed.
    pub warnings: Vec<String>,
}

impl Verdict {
    /// Allowed, without a word.
    pub fn allowed() -> Self {
        Self::default()
    }

    /// Whether the request is allowed.
    pub const fn is_allowed(&self) -> bool {
        self.denial.is_none()
    }

    /// Refused because something in the request cannot be read.
    pub(super) fn unreadable(message: String, field: Option<String>) -> Self {
        let causes = field.map(|field| StatusCause {
            reason: Cause::Invalid.as_str(),
            message: message.clone(),
            field,
        });
        let status = Status {
            status: FAILURE,
            message,
            reason: "BadRequest",
            code: 400,
            details: causes.map(|cause| Details {
                name: String::new(),
                group: String::new(),
                kind: String::new(),
                causes: vec![cause],
            }),
        };
        Self {
            denial: Some(Denial {
                status,
                findings: Vec::new(),
            }),
            warnings: Vec::new(),
        }
    }

    /// The answer to the review of this UID, as the API server reads it.
    pub fn response<'a>(&'a self, uid: &'a str) -> Response<'a> {
        Response {
            uid,
            allowed: self.is_allowed(),
            status: self.denial.as_ref().map(|denial| &denial.status),
            warnings: &self.warnings,
        }
    }
}

/// Findings that the message tells; the causes tell more of them.
const TOLD: usize = 20;

/// Findings that the causes tell: an answer has bounds, whatever the object.
const CAUSES: usize = 500;

const FAILURE: &str = "Failure";

/// A refusal.
#[derive(Clone, Debug, PartialEq)]
pub struct Denial {
    /// What the API server hands to the client.
    pub status: Status,
    /// What was found; empty if the object could not be read.
    pub findings: Vec<Finding>,
}

impl Denial {
    fn of(request: &Request<'_>, mut findings: Vec<Finding>) -> Option<Self> {
        let style = findings.iter().map(|finding| finding.style).min()?;
        // What decides the answer is told first; the order within is that of the rules.
        findings.sort_by_key(|finding| finding.style);
        let (code, reason) = match style {
            Style::BadRequest => (400, "BadRequest"),
            Style::Invalid => (422, "Invalid"),
        };
        let kind = &request.kind.kind;
        let head = match style {
            Style::BadRequest => format!("{kind} {:?} is refused", request.name()),
            Style::Invalid => {
                format!(
                    "{kind}.{} {:?} is invalid",
                    request.kind.group,
                    request.name()
                )
            }
        };
        let told: Vec<String> = findings
            .iter()
            .take(TOLD)
            .map(|finding| format!("{}: {}", finding.field, finding.message))
            .collect();
        let message = match (findings.len(), told.join(", ")) {
            (1, told) => format!("{head}: {told}"),
            (count, told) if count > TOLD => {
                format!("{head}: [{told}, and {} more]", count - TOLD)
            }
            (_, told) => format!("{head}: [{told}]"),
        };
        let causes = findings
            .iter()
            .take(CAUSES)
            .map(|finding| StatusCause {
                reason: finding.cause.as_str(),
                message: finding.message.clone(),
                field: finding.field.clone(),
            })
            .collect();
        let status = Status {
            status: FAILURE,
            message,
            reason,
            code,
            details: Some(Details {
                name: request.name().to_owned(),
                group: request.kind.group.to_string(),
                kind: kind.to_string(),
                causes,
            }),
        };
        Some(Self { status, findings })
    }
}

/// The answer to a review, as the API server reads it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Response<'a> {
    /// UID of the review.
    pub uid: &'a str,
    /// Whether the request is allowed.
    pub allowed: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<&'a Status>,
    /// What the client is told although the request may be allowed.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub warnings: &'a [String],
}

/// A `Status` of the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Always `Failure`.
    pub status: &'static str,
    /// For people.
    pub message: String,
    /// For programs: `BadRequest` or `Invalid`.
    pub reason: &'static str,
    /// HTTP code.
    pub code: u16,
    /// Field by field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
}

/// What a refusal is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Details {
    /// Name of the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Group of the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Kind of the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// What is wrong, field by field.
    pub causes: Vec<StatusCause>,
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatusCause {
    /// The API's word for it.
    pub reason: &'static str,
    /// For people.
    pub message: String,
    /// JSON path.
    pub field: String,
}

/// Characters of a value that an answer repeats.
const SHOWN: usize = 120;

/// A text as an answer shows it: quoted, and cut where it is long.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}… ({} bytes)", &text[..end], text.len()),
    }
}

/// A value as an answer shows it.
pub(super) fn shown(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "nothing".to_owned(),
        Some(Value::String(text)) => quoted(text),
        Some(Value::Bool(_) | Value::Number(_)) => value.map(Value::to_string).unwrap_or_default(),
        Some(Value::Array(_)) => "a list".to_owned(),
        Some(Value::Object(_)) => "an object".to_owned(),
    }
}
