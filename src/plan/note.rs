//! Typed reasons for people: why an object is as it is and what happens next.
//!
//! One list of notes feeds the Event, the log, the golden files and `skep why`. A note never holds a
//! secret, and its text is stable while its cause is (no counters of seconds, no request IDs), since
//! Events are told apart by it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What something waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// The thing, as a person would look it up: "Job demo/demo-0-ab12c-provision".
    pub on: String,
    /// Since when, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// What kind of reason a note gives.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum NoteKind {
    /// Nothing to do until something else happens; nobody needs to act.
    Waiting(Waiting),
    /// Something was done or is under way.
    Progress,
    /// A person must change something; what, is in `fix`.
    Blocked {
        /// Who or what stands in the way: "Secret demo/aws-creds".
        by: String,
        /// What the person should do.
        fix: String,
    },
    /// Something went wrong; what happens next without a person is in `next`.
    Failed {
        /// "tried again at 12:04:00", "no further attempt".
        next: String,
    },
    /// The goal is reached.
    Done,
}

/// One reason.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Note {
    /// What kind of reason it is.
    #[serde(flatten)]
    pub kind: NoteKind,
    /// One `CamelCase` word for programs; a condition's reason where one exists.
    pub reason: String,
    /// One sentence for people.
    pub message: String,
    /// Whether the note becomes an Event on the object.
    pub emit_event: bool,
}

impl Note {
    /// Nothing to do until `on` changes. No Event.
    pub fn waiting(
        reason: impl Into<String>,
        message: impl Into<String>,
        on: impl Into<String>,
        since: Option<Timestamp>,
    ) -> Self {
        Self::of(
            NoteKind::Waiting(Waiting {
                on: on.into(),
                since,
            }),
            reason,
            message,
            false,
        )
    }

    /// Something is under way. An Event only with [`Note::as_event`].
    pub fn progress(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self::of(NoteKind::Progress, reason, message, false)
    }

    /// A person must act. A Warning Event that says what to do.
    pub fn blocked(
        reason: impl Into<String>,
        message: impl Into<String>,
        by: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        let kind = NoteKind::Blocked {
            by: by.into(),
            fix: fix.into(),
        };
        Self::of(kind, reason, message, true)
    }

    /// Something went wrong. A Warning Event.
    pub fn failed(
        reason: impl Into<String>,
        message: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self::of(
            NoteKind::Failed { next: next.into() },
            reason,
            message,
            true,
        )
    }

    /// The ClusterDeployment asks to be left alone (docs/spec/10 §26.4 U6). No Event.
    pub fn paused() -> Self {
        Self::waiting(
            "Paused",
            "the ClusterDeployment is paused",
            "its annotation hive.openshift.io/reconcile-pause to go",
            None,
        )
    }

    /// The goal is reached. An Event only with [`Note::as_event`], because the note holds for years.
    pub fn done(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self::of(NoteKind::Done, reason, message, false)
    }

    /// The note, published as an Event too.
    #[must_use]
    pub fn as_event(mut self) -> Self {
        self.emit_event = true;
        self
    }

    /// The note, kept out of Events.
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.emit_event = false;
        self
    }

    /// Whether a person should be alarmed: the type of the Event.
    pub const fn is_warning(&self) -> bool {
        matches!(
            self.kind,
            NoteKind::Blocked { .. } | NoteKind::Failed { .. }
        )
    }

    /// The text of the Event: the message, and what to do or what comes next.
    pub fn event_text(&self) -> String {
        match &self.kind {
            NoteKind::Blocked { fix, .. } if !fix.is_empty() => format!("{}: {fix}", self.message),
            NoteKind::Failed { next } if !next.is_empty() => format!("{}; {next}", self.message),
            NoteKind::Blocked { .. }
            | NoteKind::Failed { .. }
            | NoteKind::Waiting(_)
            | NoteKind::Progress
            | NoteKind::Done => self.message.clone(),
        }
    }

    fn of(
        kind: NoteKind,
        reason: impl Into<String>,
        message: impl Into<String>,
        emit_event: bool,
    ) -> Self {
        Self {
            kind,
            reason: reason.into(),
            message: message.into(),
            emit_event,
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            NoteKind::Waiting(Waiting { on, since: None }) => {
                write!(f, "{} (waiting on {on})", self.message)
            }
            NoteKind::Waiting(Waiting {
                on,
                since: Some(since),
            }) => {
                write!(f, "{} (waiting on {on} since {since})", self.message)
            }
            NoteKind::Blocked { .. }
            | NoteKind::Failed { .. }
            | NoteKind::Progress
            | NoteKind::Done => f.write_str(&self.event_text()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_needs_attention_becomes_an_event_by_itself() {
        assert!(Note::blocked("NoSecret", "missing", "Secret a/b", "create it").emit_event);
        assert!(Note::failed("Timeout", "too slow", "tried again").emit_event);
        assert!(!Note::done("Installed", "installed").emit_event);
        assert!(!Note::progress("Creating", "creating").emit_event);
        assert!(Note::progress("Created", "created").as_event().emit_event);
    }

    #[test]
    fn the_event_says_what_to_do() {
        let note = Note::blocked(
            "NoSecret",
            "Secret b is missing",
            "Secret a/b",
            "create it in a",
        );
        assert_eq!(note.event_text(), "Secret b is missing: create it in a");
        assert!(note.is_warning());
    }

    #[test]
    fn a_note_reads_back_from_its_json() {
        let note = Note::waiting("Job", "installing", "Job a/b", Some(Timestamp::UNIX_EPOCH));
        let text = serde_json::to_string(&note).unwrap_or_default();
        assert_eq!(serde_json::from_str::<Note>(&text).ok(), Some(note));
    }
}
