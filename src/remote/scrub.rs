//! Texts of failures without what changes from try to try.
//!
//! A condition's message that changes with every try is a write with every try, and a cluster's API
//! server is not ours: what it says is shortened, put on one line, and freed of moments, counters and
//! identifiers. Plain functions. Mirrors docs/spec/32 §0.4.

/// Longest text, in characters: a condition is read in a terminal.
const LONGEST: usize = 300;

/// What stands for a word that was taken out.
const GONE: &str = "…";

/// The text without its volatile words, on one line, shortened.
pub fn scrub(text: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in text.split_whitespace() {
        let word = if is_volatile(word) { GONE } else { word };
        // Several in a row are one.
        if word != GONE || words.last() != Some(&GONE) {
            words.push(word);
        }
    }
    shortened(&words.join(" "), LONGEST)
}

/// At most `longest` characters, without control characters.
pub(super) fn shortened(text: &str, longest: usize) -> String {
    let mut short: String = text
        .chars()
        .filter(|c| !c.is_control() || *c == '\n')
        .take(longest)
        .collect();
    if text.chars().nth(longest).is_some() {
        short.push_str(GONE);
    }
    short
}

/// Whether a word is a moment, an identifier of a request, a count, or a connection's own end.
fn is_volatile(word: &str) -> bool {
    let core = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let digits = core.chars().filter(char::is_ascii_digit).count();
    let is_number = digits >= 4 && core.chars().all(|c| c.is_ascii_digit() || ".,".contains(c));
    // With an offset, with Z, or with neither.
    let is_moment = digits >= 8 && core.contains('-') && core.contains(':');
    // UUIDs, trace and request ids; a word of the language has no digit, a name rarely that many.
    let is_identifier =
        core.len() >= 16 && digits >= 4 && core.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    is_number || is_moment || is_identifier || word.contains("->")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// docs/spec/32 §0.4 and its weakness 6.
    #[test]
    fn texts_that_differ_in_what_changes_are_the_same() {
        for (first, second) in [
            (
                "certificate expired: current time 2026-01-01T00:00:00Z is after 2025-12-31T23:59:59Z",
                "certificate expired: current time 2026-02-01T03:04:05+01:00 is after 2025-12-31T23:59:59Z",
            ),
            (
                "read tcp 10.0.0.1:43210->10.0.0.2:6443: reset",
                "read tcp 10.0.0.1:43999->10.0.0.2:6443: reset",
            ),
            (
                "request id: 6f1c2a34-0b4d-4b1e-8f64-8d0a35a9b0f6 refused",
                "request id: 11112222-0b4d-4b1e-8f64-8d0a35a9b0f6 refused",
            ),
            ("deadline of 17999 ms passed", "deadline of 18001 ms passed"),
        ] {
            assert_eq!(scrub(first), scrub(second));
        }
    }

    #[test]
    fn what_tells_the_cause_stays() {
        for text in [
            "dial tcp 10.0.0.2:6443: connection refused",
            "x509: certificate is valid for api.old.example.com, not api.new.example.com",
            "nodes.config.openshift.io is forbidden: User \"admin\" cannot list resource",
            "the server answered 503",
        ] {
            assert_eq!(scrub(text), text);
        }
    }

    #[test]
    fn it_is_one_short_line() {
        let text = scrub(&"many\u{7}\nlines\t".repeat(500));
        assert!(text.chars().count() <= LONGEST + 1, "{}", text.len());
        assert!(!text.contains('\n') && !text.contains('\u{7}'), "{text}");
        assert!(text.ends_with(GONE));
    }
}
