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

/// Settings that stand beside secrets and are none; without them a log could hardly be read.
const PLAIN: [&str; 7] = [
    "region",
    "region_name",
    "role_arn",
    "source_profile",
    "role_session_name",
    "auth_url",
    "output",
];

/// Words in the names of settings that hold secrets.
const TELLING: [&str; 5] = ["password", "secret", "token", "private", "credential"];

/// Which settings of a text are secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// All but those that are known to be none: the text is made of credentials.
    All,
    /// Those whose name says so: the text holds much else (manifests).
    Telling,
}

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
    /// printed line by line), each string inside it if it is JSON (service account files, pull
    /// secrets), and else what its settings say (`aws_config`, `clouds.yaml`), of which programs print the
    /// value alone.
    pub fn learn(&mut self, value: &[u8], shown: Shown) {
        let Ok(text) = std::str::from_utf8(value) else {
            return;
        };
        self.learn_text(text);
        for line in text.lines() {
            self.learn_text(line);
        }
        if let Ok(tree) = serde_json::from_str::<Value>(text) {
            self.learn_tree(&tree);
        } else {
            text.lines()
                .for_each(|line| self.learn_setting(line, shown));
        }
    }

    /// `key = value` or `key: value`, in quotes or not.
    fn learn_setting(&mut self, line: &str, shown: Shown) {
        const QUOTES: [char; 2] = ['"', '\''];
        let Some((key, value)) = line.split_once(['=', ':']) else {
            return;
        };
        let key = key.trim_start_matches(['-', ' ', '\t']).trim_end();
        let key = key.trim_matches(QUOTES).to_ascii_lowercase();
        let is_secret = match shown {
            Shown::All => !PLAIN.contains(&key.as_str()),
            Shown::Telling => TELLING.iter().any(|word| key.contains(word)),
        };
        if is_secret {
            let value = value.trim();
            self.learn_text(value);
            let before_remark = value.split(" #").next().unwrap_or(value).trim();
            self.learn_text(before_remark.trim_matches(QUOTES));
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
        self.values(line)
    }

    /// A text of the program's own, without the values of Secrets. It may speak of passwords.
    pub fn values<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut safe = Cow::Borrowed(text);
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
        redactor.learn(b"correct-horse-battery", Shown::All);
        assert_eq!(
            redactor.line("password: correct-horse-battery"),
            "password: REDACTED"
        );
    }

    /// docs/spec/10 §26.5 X3: tokens, pull secrets and keys pass the Go operator's rule.
    #[test]
    fn strings_inside_json_and_lines_of_keys_are_blanked() {
        let mut redactor = Redactor::new(false);
        redactor.learn(
            br#"{"auths":{"r":{"auth":"ZGVtbzpjYW5hcnk="}}}"#,
            Shown::All,
        );
        redactor.learn(
            b"-----BEGIN KEY-----\nAAAAB3NzaC1yc2E\n-----END KEY-----\n",
            Shown::All,
        );
        assert_eq!(
            redactor.line("got ZGVtbzpjYW5hcnk= from r"),
            "got REDACTED from r"
        );
        assert_eq!(redactor.line("key AAAAB3NzaC1yc2E"), "key REDACTED");
    }

    /// docs/spec/10 §26.5 X3: what an installer prints of such a file is the value, not the line.
    #[test]
    fn the_values_of_settings_are_blanked() {
        let config = b"[default]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = source\n\n\
            [profile source]\naws_access_key_id=AKIACANARYCANARY\n\
            aws_secret_access_key = skep-canary-7f3a # rotated\nregion = us-east-1\n";
        let clouds =
            b"clouds:\n  openstack:\n    auth:\n      auth_url: https://example.com\n      \
            password: 'skep-canary-7f3a-yaml'\n";
        let mut redactor = Redactor::new(true);
        redactor.learn(config, Shown::All);
        redactor.learn(clouds, Shown::All);
        assert_eq!(
            redactor.line("using AKIACANARYCANARY with skep-canary-7f3a in us-east-1"),
            "using REDACTED with REDACTED in us-east-1"
        );
        assert_eq!(
            redactor.line("skep-canary-7f3a-yaml is refused by https://example.com"),
            "REDACTED is refused by https://example.com"
        );
    }

    /// Else a Secret with manifests would blank half of the installer's words, and no failure could be told.
    #[test]
    fn of_manifests_only_telling_settings_are_blanked() {
        let manifest = b"kind: Authentication\nmetadata:\n  name: authentication\nstringData:\n  \
            clientSecret: skep-canary-7f3a\n";
        let mut redactor = Redactor::new(false);
        redactor.learn(manifest, Shown::Telling);
        assert_eq!(
            redactor.line("operator authentication: skep-canary-7f3a"),
            "operator authentication: REDACTED"
        );
    }

    #[test]
    fn short_values_blank_nothing() {
        let mut redactor = Redactor::new(false);
        redactor.learn(b"admin", Shown::All);
        assert_eq!(
            redactor.line("context admin, current"),
            "context admin, current"
        );
    }

    #[test]
    fn a_value_inside_a_longer_one_does_not_leave_the_rest() {
        let mut redactor = Redactor::new(false);
        redactor.learn(b"abcdefgh", Shown::All);
        redactor.learn(b"abcdefgh-ijkl", Shown::All);
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
