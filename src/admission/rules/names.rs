//! What names of the field look like: DNS names, labels, durations.
//!
//! Mirrors docs/spec/41 §3.1, §5 and §8. Plain functions of texts.

use crate::admission::verdict::quoted;

/// Characters that a DNS label may have, and so a name that becomes one.
pub(super) const LABEL: usize = 63;

/// Characters that a DNS name may have.
const SUBDOMAIN: usize = 253;

/// Whether `domain` is one or more labels below `above`; letters compare without case.
pub(super) fn ends_in(domain: &str, above: &str) -> bool {
    let Some(at) = domain.len().checked_sub(above.len() + 1) else {
        return false;
    };
    let rest = domain.get(at..).and_then(|rest| rest.strip_prefix('.'));
    at > 0 && rest.is_some_and(|rest| rest.eq_ignore_ascii_case(above))
}

/// Whether `domain` is exactly one label below `above`.
pub(super) fn direct_child_of(domain: &str, above: &str) -> bool {
    let label = domain
        .strip_suffix(above)
        .and_then(|rest| rest.strip_suffix('.'));
    label.is_some_and(|label| !label.is_empty() && !label.contains('.'))
}

fn alphanumeric_ends(text: &str) -> bool {
    let ends = [text.bytes().next(), text.bytes().next_back()];
    ends.iter()
        .all(|end| end.is_some_and(|end| end.is_ascii_alphanumeric()))
}

/// What is wrong with a name of DNS, in lower case.
pub(super) fn subdomain_problem(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("must not be empty");
    }
    if name.len() > SUBDOMAIN {
        return Some("is longer than 253 characters");
    }
    let ok = name.split('.').all(|label| {
        alphanumeric_ends(label)
            && label
                .bytes()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
    });
    (!ok).then_some(
        "must be labels with dots between, each of lower-case letters, digits and -, and neither \
         beginning nor ending with -",
    )
}

fn is_qualified(name: &str) -> bool {
    name.len() <= LABEL
        && alphanumeric_ends(name)
        && name
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.'))
}

/// What is wrong with the key of a label.
pub(super) fn label_key_problem(key: &str) -> Option<&'static str> {
    let (prefix, name) = key
        .split_once('/')
        .map_or((None, key), |(p, n)| (Some(p), n));
    if prefix.is_some_and(|prefix| subdomain_problem(prefix).is_some()) {
        return Some("has a prefix that is not a DNS name in lower case");
    }
    (!is_qualified(name)).then_some(
        "must have at most 63 letters, digits, -, _ and ., beginning and ending with a letter or digit",
    )
}

/// What is wrong with the value of a label.
pub(super) fn label_value_problem(value: &str) -> Option<&'static str> {
    (!value.is_empty() && !is_qualified(value)).then_some(
        "must be empty or have at most 63 letters, digits, -, _ and ., beginning and ending with a \
         letter or digit",
    )
}

/// The units of a duration, in nanoseconds.
const UNITS: [(&str, f64); 8] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3),
    ("μs", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
    ("h", 3600e9),
];

/// Reads a duration such as `1h30m`, in nanoseconds; none if it is not one, or longer than the API's
/// other readers can hold (292 years).
pub(super) fn duration(text: &str) -> Option<f64> {
    if text == "0" {
        return Some(0.0);
    }
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .filter(|n| *n > 0)?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == &rest[..unit])?;
        rest = &rest[unit..];
        total += number * factor;
    }
    (!text.is_empty() && total < 9.223_372e18).then_some(total)
}

/// What is wrong with a duration.
pub(super) fn duration_problem(text: &str) -> Option<String> {
    duration(text).is_none().then(|| {
        format!(
            "{} is no duration such as 90m or 2h30m of less than 292 years",
            quoted(text)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_compare_by_labels() {
        for (domain, above, below, child) in [
            ("a.b.c", "b.c", true, true),
            ("x.a.b.c", "b.c", true, false),
            ("A.B.c", "b.C", true, false),
            ("b.c", "b.c", false, false),
            (".b.c", "b.c", false, false),
            ("ab.c", "b.c", false, false),
            ("axb.c", "b.c", false, false),
            ("a.bxc", "b.c", false, false),
            ("", "b.c", false, false),
            ("ä.b.c", "b.c", true, true),
            ("b.c", "", false, false),
        ] {
            assert_eq!(ends_in(domain, above), below, "{domain} below {above}");
            assert_eq!(
                direct_child_of(domain, above),
                child,
                "{domain} child of {above}"
            );
        }
    }

    #[test]
    fn dns_names() {
        for good in ["a", "a.b", "0-1.b", &"a".repeat(253)] {
            assert_eq!(subdomain_problem(good), None, "{good}");
        }
        for bad in [
            "",
            ".",
            "a.",
            "-a",
            "a-",
            "A.b",
            "a_b",
            "a..b",
            "ä",
            &"a".repeat(254),
        ] {
            assert!(subdomain_problem(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn labels() {
        for good in ["a", "a/b", "a.b/C_d.e-f", "A"] {
            assert_eq!(label_key_problem(good), None, "{good}");
        }
        for bad in ["", "a/", "/a", "A/b", "a/b/c", "-a", "a b", &"a".repeat(64)] {
            assert!(label_key_problem(bad).is_some(), "{bad}");
        }
        for good in ["", "a", "A_b.c-d"] {
            assert_eq!(label_value_problem(good), None, "{good}");
        }
        for bad in ["-", "a b", "a/b", &"a".repeat(64)] {
            assert!(label_value_problem(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn durations() {
        for (text, seconds) in [
            ("0", 0.0),
            ("0s", 0.0),
            ("1.5h", 5400.0),
            ("1h30m", 5400.0),
            ("250ms", 0.25),
        ] {
            assert_eq!(duration(text), Some(seconds * 1e9), "{text}");
        }
        for bad in [
            "", "5", "h", "1d", "-1h", "1h-", "1.2.3s", "9999999h", "1 h", "1hm",
        ] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }
}
