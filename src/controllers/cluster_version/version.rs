//! From a version to the labels that say it (docs/spec/32 §3). Plain functions.

use std::collections::BTreeMap;

use skep_crds::names::label;

/// The labels, from the whole version to its parts.
pub(super) const LABELS: [&str; 4] = [
    label::VERSION,
    label::VERSION_MAJOR,
    label::VERSION_MAJOR_MINOR,
    label::VERSION_MAJOR_MINOR_PATCH,
];

/// The labels of a version. One that is no version in parts has no labels for them.
pub(super) fn labels(version: &str) -> BTreeMap<&'static str, Option<String>> {
    let [major, minor, patch] = match parts(version) {
        None => [None, None, None],
        Some([major, minor, patch]) => [
            Some(format!("{major}")),
            Some(format!("{major}.{minor}")),
            Some(format!("{major}.{minor}.{patch}")),
        ],
    };
    let whole = Some(legal(version)).filter(|text| !text.is_empty());
    LABELS
        .into_iter()
        .zip([whole, major, minor, patch])
        .collect()
}

/// The numbers before pre-release and build; a leading `v` is ignored, and parts that are missing are zero.
fn parts(version: &str) -> Option<[u64; 3]> {
    let version = version.trim();
    let version = version.strip_prefix('v').unwrap_or(version);
    let core = version.split(['-', '+']).next()?;
    let mut numbers = [0; 3];
    let mut given = core.split('.');
    for (place, number) in numbers.iter_mut().enumerate() {
        match given.next() {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                *number = digits.parse().ok()?;
            }
            Some(_) => return None,
            None if place == 0 => return None,
            None => {}
        }
    }
    given.next().is_none().then_some(numbers)
}

/// A text as a label's value: what a label cannot hold would make every write fail (docs/spec/32,
/// weakness 11).
fn legal(text: &str) -> String {
    let is_inner = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let replaced: String = text
        .trim()
        .chars()
        .map(|c| if is_inner(c) { c } else { '_' })
        .take(label::LONGEST_VALUE)
        .collect();
    let ends = |c: char| !c.is_ascii_alphanumeric();
    replaced.trim_matches(ends).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// docs/spec/32 §3 and its weakness 11.
    #[test]
    fn every_version_gives_labels_that_the_api_takes() {
        let long = format!("4.15.0-{}", "x".repeat(80));
        for (version, whole, parts) in [
            ("4.15.3", "4.15.3", ["4", "4.15", "4.15.3"]),
            ("v4.15", "v4.15", ["4", "4.15", "4.15.0"]),
            ("4", "4", ["4", "4.0", "4.0.0"]),
            ("4.16.0-rc.1", "4.16.0-rc.1", ["4", "4.16", "4.16.0"]),
            ("4.16.0+b.7", "4.16.0_b.7", ["4", "4.16", "4.16.0"]),
            (" 04.015.1 ", "04.015.1", ["4", "4.15", "4.15.1"]),
            (
                "4.16.0-0.nightly+",
                "4.16.0-0.nightly",
                ["4", "4.16", "4.16.0"],
            ),
            (&*long, &long[..63], ["4", "4.15", "4.15.0"]),
            ("", "", [""; 3]),
            ("4.x", "4.x", [""; 3]),
            ("4.1.2.3", "4.1.2.3", [""; 3]),
            ("latest!", "latest", [""; 3]),
        ] {
            let [major, minor, patch] = parts;
            let told = labels(version);
            for (label, expected) in LABELS.iter().zip([whole, major, minor, patch]) {
                let value = told.get(label).unwrap().as_deref().unwrap_or_default();
                assert_eq!(value, expected, "{label} of {version}");
            }
        }
    }
}
