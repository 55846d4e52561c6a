//! The tree as text.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

use super::{Node, Recorded, Told};
use crate::plan::{Note, NoteKind, Waiting};

/// Longest piece of a message that a line shows; whole messages are in the JSON.
const LONGEST: usize = 800;

/// The tree, one fact a line.
pub fn text(node: &Node, now: Timestamp) -> String {
    let mut text = String::new();
    draw(&mut text, node, "", "", now);
    text
}

fn draw(text: &mut String, node: &Node, first: &str, rest: &str, now: Timestamp) {
    let age = node.created.map_or_else(String::new, |created| {
        format!("  (for {})", span(now.duration_since(created)))
    });
    // Writing to a String does not fail.
    let _ = writeln!(text, "{first}{} {}{age}", node.kind, node.name);
    let lines = lines(node, now);
    let bar = if node.children.is_empty() {
        "  "
    } else {
        "│ "
    };
    for line in lines {
        let _ = writeln!(text, "{rest}{bar}{line}");
    }
    let last = node.children.len().saturating_sub(1);
    for (index, child) in node.children.iter().enumerate() {
        let (branch, below) = if index == last {
            ("└─", "  ")
        } else {
            ("├─", "│ ")
        };
        draw(
            text,
            child,
            &format!("{rest}{branch} "),
            &format!("{rest}{below} "),
            now,
        );
    }
}

fn lines(node: &Node, now: Timestamp) -> Vec<String> {
    let mut lines = Vec::new();
    for note in &node.notes {
        say(&mut lines, note, now);
    }
    let told: Vec<&str> = node.notes.iter().map(|note| note.reason.as_str()).collect();
    for condition in &node.conditions {
        if !told.contains(&condition.reason.as_str()) {
            lines.push(recorded(condition, now));
        }
    }
    for told in &node.failing {
        let Told {
            reason,
            text,
            since,
            last,
        } = told;
        let ago = |at: Timestamp| span(now.duration_since(at));
        lines.push(format!(
            "keeps failing for {}, last told {} ago ({reason}): {}",
            ago(*since),
            ago(*last),
            cut(text)
        ));
    }
    if !node.steps.is_empty() {
        lines.push(format!("next: {}", node.steps.join(", ")));
    }
    if let Some(next) = node.next {
        let wait = next.duration_since(now);
        lines.push(format!("looked at again at {next} (in {})", span(wait)));
    }
    lines
}

fn say(lines: &mut Vec<String>, note: &Note, now: Timestamp) {
    let message = cut(&note.message);
    let reason = &note.reason;
    match &note.kind {
        NoteKind::Waiting(Waiting { on, since }) => {
            lines.push(format!("waits ({reason}): {message}"));
            let since = since.map_or_else(String::new, |since| {
                format!(" for {} now", span(now.duration_since(since)))
            });
            lines.push(format!("  on {on}{since}"));
        }
        NoteKind::Progress => lines.push(format!("works ({reason}): {message}")),
        NoteKind::Blocked { by, fix } => {
            lines.push(format!("blocked ({reason}): {message}"));
            lines.push(format!("  by {by}"));
            lines.push(format!("  do: {fix}"));
        }
        NoteKind::Failed { next } => {
            lines.push(format!("failed ({reason}): {message}"));
            lines.push(format!("  then: {next}"));
        }
        NoteKind::Done => lines.push(format!("done ({reason}): {message}")),
    }
}

fn recorded(condition: &Recorded, now: Timestamp) -> String {
    let Recorded {
        type_,
        status,
        reason,
        message,
        since,
    } = condition;
    let since = since.map_or_else(String::new, |since| {
        format!(" for {}", span(now.duration_since(since)))
    });
    format!(
        "on record{since}: {type_}={status} ({reason}): {}",
        cut(message)
    )
}

fn cut(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let end = line.floor_char_boundary(LONGEST);
    if end < message.len() {
        format!("{}…", &line[..end])
    } else {
        line.to_owned()
    }
}

/// Two units are enough for people.
pub(in crate::cli) fn span(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {}s", seconds % 60),
        (0, _, _) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}
