//! Keeps secrets out of everything that leaves the install pod: its log, `spec.installLog`, the
//! termination message, conditions.
//!
//! Two rules, the second of which the Go operator lacks (docs/spec/10 §14.2, §26.5 X3): a line that
//! speaks of a password is dropped whole, and every value that was read from a Secret is blanked
//! wherever it occurs. It must never be asked whether a text is harmless: all text passes through it.

use std::borrow::Cow;

use serde_json::Value;
use skep_crds::names::value::{REDACTED, REDACTED_LINE};
use zeroize::Zeroizing;

/// Values shorter than this are not blanked: they would blank ordinary words, and nothing that short
/// protects anything.
const SHORTEST_SECRET: usize = 8;

/// Blanks secret values and lines about passwords.
#[derive(Default)]
pub struct Redactor {
    values: Vec<Zeroizing<String>>,
    keeps_password_lines: bool,
}

impl Redactor {
    /// A redactor that knows no value yet. `keeps_password_lines` is the annotation
    /// `disable-install-log-password-redaction`; values from Secrets are blanked even then.
    pub fn new(keeps_password_lines: bool) -> Self {
        Self {
            values: Vec::new(),
            keeps_password_lines,
        }
    }

    /// Learns one value of a Secret: the text itself, each of its longer lines (keys in PEM form are
    /// printed line by line), and each string inside it if it is JSON (service account files, pull
    /// secrets).
    pub fn learn(&mut self, value: &[u8]) {
        let Ok(text) = std::str::from_utf8(value) else {
            return;
        };
        self.learn_text(text);
        for line in text.lines() {
            self.learn_text(line);
        }
        if let Ok(tree) = serde_json::from_str::<Value>(text) {
            self.learn_tree(&tree);
        }
    }

    fn learn_tree(&mut self, tree: &Value) {
        match tree {
            Value::String(text) => self.learn_text(text),
            Value::Array(items) => items.iter().for_each(|item| self.learn_tree(item)),
            Value::Object(members) => members.values().for_each(|item| self.learn_tree(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn learn_text(&mut self, text: &str) {
        let text = text.trim();
        if text.len() < SHORTEST_SECRET || self.values.iter().any(|known| known.as_str() == text) {
            return;
        }
        self.values.push(Zeroizing::new(text.to_owned()));
        // The longest first, so that a value that contains another is blanked whole.
        self.values
            .sort_by_key(|value| std::cmp::Reverse(value.len()));
    }

    /// One line, safe to print.
    pub fn line<'a>(&self, line: &'a str) -> Cow<'a, str> {
        if !self.keeps_password_lines && contains_ignoring_case(line, "password") {
            return Cow::Borrowed(REDACTED_LINE);
        }
        let mut safe = Cow::Borrowed(line);
        for value in &self.values {
            if safe.contains(value.as_str()) {
                safe = Cow::Owned(safe.replace(value.as_str(), REDACTED));
            }
        }
        safe
    }

    /// A whole text, line by line. A text that is one quoted string (libvirt's errors carry escaped
    /// line breaks) is unescaped first, so that a password is found on its own line.
    pub fn text(&self, text: &str) -> String {
        let unescaped = unescape(text);
        let mut safe = String::with_capacity(unescaped.len());
        for (index, line) in unescaped.split('\n').enumerate() {
            if index > 0 {
                safe.push('\n');
            }
            safe.push_str(&self.line(line));
        }
        safe
    }
}

/// Every object member named `username` or `password`, in any case and at any depth, becomes
/// [`REDACTED`] (docs/spec/10 §14.2 step 12).
pub fn scrub_metadata(tree: &mut Value) {
    match tree {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                if name.eq_ignore_ascii_case("username") || name.eq_ignore_ascii_case("password") {
                    *member = Value::String(REDACTED.to_owned());
                } else {
                    scrub_metadata(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(scrub_metadata),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn contains_ignoring_case(text: &str, lowercase_word: &str) -> bool {
    text.as_bytes()
        .windows(lowercase_word.len())
        .any(|window| window.eq_ignore_ascii_case(lowercase_word.as_bytes()))
}

/// Resolves `\n`, `\t`, `\"` and `\\` when the whole text could be the inside of one quoted string
/// (no raw line break and no lone quote); otherwise the text as it is.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') || text.contains('\n') {
        return Cow::Borrowed(text);
    }
    let mut unescaped = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == '"' {
            return Cow::Borrowed(text);
        }
        if character != '\\' {
            unescaped.push(character);
            continue;
        }
        match characters.next() {
            Some('n') => unescaped.push('\n'),
            Some('t') => unescaped.push('\t'),
            Some('r') => unescaped.push('\r'),
            Some(same @ ('"' | '\\' | '\'')) => unescaped.push(same),
            Some(_) | None => return Cow::Borrowed(text),
        }
    }
    Cow::Owned(unescaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// docs/spec/10 §14.2: any line containing "password", whatever its case.
    #[test]
    fn lines_about_passwords_are_dropped() {
        let redactor = Redactor::new(false);
        assert_eq!(redactor.line("Login with PassWord: \"abc\""), REDACTED_LINE);
        assert_eq!(redactor.line("Install complete!"), "Install complete!");
    }

    /// docs/spec/10 §4.1: the annotation keeps such lines, but never a Secret's value.
    #[test]
    fn kept_password_lines_still_lose_the_values_of_secrets() {
        let mut redactor = Redactor::new(true);
        redactor.learn(b"correct-horse-battery");
        assert_eq!(
            redactor.line("password: correct-horse-battery"),
            "password: REDACTED"
        );
    }

    /// docs/spec/10 §26.5 X3: tokens, pull secrets and keys pass the Go operator's rule.
    #[test]
    fn strings_inside_json_and_lines_of_keys_are_blanked() {
        let mut redactor = Redactor::new(false);
        redactor.learn(br#"{"auths":{"r":{"auth":"ZGVtbzpjYW5hcnk="}}}"#);
        redactor.learn(b"-----BEGIN KEY-----\nAAAAB3NzaC1yc2E\n-----END KEY-----\n");
        assert_eq!(
            redactor.line("got ZGVtbzpjYW5hcnk= from r"),
            "got REDACTED from r"
        );
        assert_eq!(redactor.line("key AAAAB3NzaC1yc2E"), "key REDACTED");
    }

    #[test]
    fn short_values_blank_nothing() {
        let mut redactor = Redactor::new(false);
        redactor.learn(b"admin");
        assert_eq!(
            redactor.line("context admin, current"),
            "context admin, current"
        );
    }

    #[test]
    fn a_value_inside_a_longer_one_does_not_leave_the_rest() {
        let mut redactor = Redactor::new(false);
        redactor.learn(b"abcdefgh");
        redactor.learn(b"abcdefgh-ijkl");
        assert_eq!(redactor.line("x abcdefgh-ijkl y"), "x REDACTED y");
    }

    /// docs/spec/10 §14.2: libvirt's errors carry escaped line breaks.
    #[test]
    fn escaped_line_breaks_do_not_hide_a_password() {
        let redactor = Redactor::new(false);
        assert_eq!(
            redactor.text(r"failed\nthe password is x\nend"),
            format!("failed\n{REDACTED_LINE}\nend")
        );
    }

    /// docs/spec/10 §14.2 step 12.
    #[test]
    fn metadata_is_scrubbed_at_any_depth() {
        let mut tree = serde_json::json!({
            "vsphere": {"VCenters": [{"Username": "u", "password": "p", "vCenter": "v"}]},
            "infraID": "demo-x7k2p",
        });
        scrub_metadata(&mut tree);
        assert_eq!(
            tree,
            serde_json::json!({
                "vsphere": {"VCenters": [{"Username": REDACTED, "password": REDACTED, "vCenter": "v"}]},
                "infraID": "demo-x7k2p",
            })
        );
    }
}
