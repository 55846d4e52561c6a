//! Why an object does not get on: what the last run failed of, since when, and what to do.
//!
//! The driver keeps one trouble per object while its runs fail, whichever controller it is and whatever
//! failed: observing, a step, or recording. It is part of [`super::Memory`], so `decide` may turn it into
//! a condition; and it is a note, so it becomes an Event and a figure. It is kept quiet as long as it may
//! pass by itself within moments, because a conflict or a restarting API server is nobody's business.
//! It never decides anything about an object.

use std::time::Duration;

use jiff::Timestamp;
use skep_crds::names::reason::skep as reason;

use super::{Class, Refusal, RequestError, error_chain};
use crate::plan::Note;

/// For so long a failure that may pass by itself is not told. Longer than an API server takes to restart
/// its connections, shorter than a person who looks would wait.
const PATIENCE: Duration = Duration::from_secs(10);

/// What failed in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setback {
    /// What the driver does about it.
    pub(super) class: Class,
    /// The chain of errors. Holds no secret.
    pub(super) message: String,
    reason: &'static str,
    /// Who or what stands in the way and what a person should do, where one must.
    advice: Option<(String, String)>,
}

impl Setback {
    /// An error of a controller. What a refused request says about the way out is found among its
    /// sources.
    pub(super) fn of(class: Class, doing: &str, error: &(dyn std::error::Error + 'static)) -> Self {
        let message = if doing.is_empty() {
            error_chain(error)
        } else {
            format!("{doing}: {}", error_chain(error))
        };
        let (reason, advice) = match request_error_in(error) {
            Some(refused) => judge(refused),
            None => (reason::STEP_FAILED, None),
        };
        Self {
            class,
            message,
            reason,
            advice,
        }
    }

    /// Something that ended a run without an error of the controller.
    pub(super) fn of_run(class: Class, reason: &'static str, message: &str) -> Self {
        Self {
            class,
            message: message.to_owned(),
            reason,
            advice: None,
        }
    }

    /// Whether it is what is to be told of two: what a person has to do something about.
    pub(super) const fn outweighs(&self, other: &Self) -> bool {
        self.advice.is_some() && other.advice.is_none()
    }
}

/// What the last run of an object failed of, and since when its runs fail.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Trouble {
    /// One word, for programs: a constant of `skep_crds::names::reason::skep`.
    pub reason: &'static str,
    /// What happened. Stable while its cause is.
    pub message: String,
    /// Who or what stands in the way, and what a person should do; `None`: it may pass by itself.
    pub advice: Option<(String, String)>,
    /// Since when runs fail without one that did not.
    pub since: Timestamp,
    /// How many.
    pub count: u32,
    /// Whether it is told: it needs someone, or has lasted.
    pub told: bool,
}

impl Trouble {
    /// What there is after one more failed run.
    pub(super) fn after(before: Option<&Self>, setback: Setback, now: Timestamp) -> Self {
        let Setback {
            class,
            message,
            reason,
            advice,
        } = setback;
        let since = before.map_or(now, |before| before.since);
        let lasted = now.duration_since(since).unsigned_abs() >= PATIENCE;
        let hopeless = matches!(class, Class::BlockedByUser | Class::Terminal);
        // The words of what passes by itself change with every try; those of the first try stay, so that
        // one cause is one Event.
        let message = match before {
            Some(before) if before.reason == reason && advice.is_none() => before.message.clone(),
            Some(_) | None => message,
        };
        Self {
            told: advice.is_some() || hopeless || lasted,
            reason,
            message,
            advice,
            since,
            count: before.map_or(1, |before| before.count.saturating_add(1)),
        }
    }

    /// The trouble in words, with what to do or what comes next.
    pub fn words(&self) -> String {
        self.note().event_text()
    }

    /// As a reason for people; an Event once it is told.
    pub fn note(&self) -> Note {
        let note = match &self.advice {
            Some((by, fix)) => Note::blocked(self.reason, self.message.clone(), by, fix),
            None => Note::failed(self.reason, self.message.clone(), AGAIN),
        };
        if self.told { note } else { note.quiet() }
    }

    /// That it is over.
    pub(super) fn recovery(&self) -> Note {
        let message = format!("no longer: {}", self.message);
        Note::progress(reason::RECOVERED, message).as_event()
    }
}

/// Stable words, because Events are told apart by them; when exactly is with the notes.
const AGAIN: &str = "it is tried again with growing delays";

/// The refused request among an error and its sources.
fn request_error_in<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a RequestError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(refused) = error.downcast_ref::<RequestError>() {
            return Some(refused);
        }
        next = error.source();
    }
    None
}

/// The reason of a refusal, and the way out if someone must go it.
fn judge(refused: &RequestError) -> (&'static str, Option<(String, String)>) {
    let message = refused.message();
    let object = &refused.object;
    let advice = |by: String, fix: String| Some((by, fix));
    match refused.refusal {
        Refusal::Forbidden if message.contains("exceeded quota") => (
            reason::QUOTA_EXCEEDED,
            advice(
                "a ResourceQuota of the namespace".to_owned(),
                format!("raise the quota, or free what {object} needs"),
            ),
        ),
        Refusal::Forbidden | Refusal::Invalid if message.contains("admission webhook") => (
            reason::REFUSED_BY_WEBHOOK,
            advice(
                quoted_after(message, "admission webhook ").map_or_else(
                    || "an admission webhook".to_owned(),
                    |name| format!("admission webhook {name}"),
                ),
                "have it allow what the operator creates, or give the object what it asks for"
                    .to_owned(),
            ),
        ),
        Refusal::Forbidden => {
            let (by, fix) = missing_right(message);
            (reason::MISSING_RIGHT, advice(by, fix))
        }
        Refusal::Invalid => (
            reason::REFUSED,
            advice(
                "a rule of the API server".to_owned(),
                "correct what the message names".to_owned(),
            ),
        ),
        Refusal::Undecodable => (
            reason::STEP_FAILED,
            advice(
                "an object that this version cannot read".to_owned(),
                "correct what the message names, or update Skep".to_owned(),
            ),
        ),
        Refusal::Throttled | Refusal::Unavailable => (reason::HUB_UNAVAILABLE, None),
        Refusal::Conflict
        | Refusal::AlreadyExists
        | Refusal::NotFound
        | Refusal::NamespaceTerminating => (reason::STEP_FAILED, None),
    }
}

/// From the API server's sentence: `User "u" cannot create resource "jobs" in API group "batch" in the
/// namespace "n"`.
fn missing_right(message: &str) -> (String, String) {
    let part = |before: &str| quoted_after(message, before);
    let verb = message
        .split_once(" cannot ")
        .and_then(|(_, rest)| rest.split(' ').next());
    let (Some(verb), Some(resource)) = (verb, part("resource ")) else {
        let fix = "restore the operator's rights: apply its manifests again";
        return ("the operator's rights".to_owned(), fix.to_owned());
    };
    let group = part("API group ").filter(|group| !group.is_empty());
    let resource = group.map_or_else(
        || resource.to_owned(),
        |group| format!("{resource}.{group}"),
    );
    let who = part("User ").unwrap_or("the operator");
    let place = part("in the namespace ").map_or_else(String::new, |namespace| {
        format!(" in namespace {namespace}")
    });
    (
        format!("the rights of {who}"),
        format!(
            "give {who} the right to {verb} {resource}{place}, or apply the operator's manifests again"
        ),
    )
}

/// What stands in quotation marks right after `before`.
fn quoted_after<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("{before}\""))?;
    rest.split_once('"').map(|(quoted, _)| quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    fn passing(message: &str) -> Setback {
        Setback::of_run(Class::BackOff, reason::HUB_UNAVAILABLE, message)
    }

    #[test]
    fn what_may_pass_is_told_when_it_lasts_and_in_its_first_words() {
        let first = Trouble::after(None, passing("port 1"), at(0));
        let second = Trouble::after(Some(&first), passing("port 2"), at(9));
        assert!(!first.told && !second.told, "{second:?}");
        let third = Trouble::after(Some(&second), passing("port 3"), at(10));
        assert!(third.told);
        assert_eq!(
            (third.message.as_str(), third.since, third.count),
            ("port 1", at(0), 3)
        );
    }

    #[test]
    fn what_needs_someone_is_told_at_once() {
        for class in [Class::BlockedByUser, Class::Terminal] {
            let setback = Setback::of_run(class, reason::STEP_FAILED, "x");
            assert!(Trouble::after(None, setback, at(0)).told, "{class:?}");
        }
        let conflict = Setback::of_run(Class::RetryNow, reason::STEP_FAILED, "x");
        assert!(!Trouble::after(None, conflict, at(0)).told);
    }

    #[derive(Debug, thiserror::Error)]
    #[error("could not start the attempt")]
    struct Wrapped(#[source] RequestError);

    fn told(code: u16, why: &str, message: &str) -> Trouble {
        let status = kube::core::Status {
            code,
            reason: why.to_owned(),
            message: message.to_owned(),
            ..kube::core::Status::default()
        };
        let error = kube::Error::Api(Box::new(status));
        let error = Wrapped(RequestError::new("create", "Job demo/x".to_owned(), &error));
        Trouble::after(None, Setback::of(Class::BackOff, "", &error), at(0))
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let user = "system:serviceaccount:hive:hive-controllers";
        let right = format!(
            "jobs.batch is forbidden: User \"{user}\" cannot create resource \"jobs\" in API group \
             \"batch\" in the namespace \"demo\""
        );
        let quota = "pods \"x\" is forbidden: exceeded quota: small, requested: pods=1";
        let webhook = "admission webhook \"guard.example.com\" denied the request: no";
        for (trouble, reason, fix) in [
            (
                told(403, "Forbidden", &right),
                reason::MISSING_RIGHT,
                format!("give {user} the right to create jobs.batch in namespace demo"),
            ),
            (
                told(403, "Forbidden", "no"),
                reason::MISSING_RIGHT,
                "apply its manifests again".to_owned(),
            ),
            (
                told(403, "Forbidden", quota),
                reason::QUOTA_EXCEEDED,
                "raise the quota".to_owned(),
            ),
            (
                told(400, "BadRequest", webhook),
                reason::REFUSED_BY_WEBHOOK,
                "have it allow".to_owned(),
            ),
            (
                told(422, "Invalid", "Job \"x\" is invalid: y"),
                reason::REFUSED,
                "correct what".to_owned(),
            ),
        ] {
            let words = trouble.words();
            assert_eq!(trouble.reason, reason, "{words}");
            assert!(trouble.told && words.contains(&fix), "{words}");
            assert!(
                words.starts_with("could not start the attempt: "),
                "{words}"
            );
        }
        assert!(!told(503, "ServiceUnavailable", "").told);
    }
}
