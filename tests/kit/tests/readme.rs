//! The README names every third-party package of the workspace, and no other.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;

use skep_kit::cache;

fn read(file: &str) -> String {
    fs::read_to_string(cache::checkout().join(file)).unwrap()
}

/// The lines between a heading and the next.
fn section<'a>(text: &'a str, heading: &str, next: &str) -> impl Iterator<Item = &'a str> {
    let (_, after) = text.split_once(heading).unwrap();
    after.split(next).next().unwrap().lines()
}

/// Without what stands in parentheses.
fn bare(cell: &str) -> String {
    let parts = cell.split('(').map(|part| part.rsplit(')').next().unwrap());
    parts.collect()
}

#[test]
fn the_readme_gives_the_reason_of_every_dependency() {
    let manifest = read("Cargo.toml");
    let used: BTreeSet<&str> = section(&manifest, "[workspace.dependencies]", "\n[")
        .filter(|line| !line.starts_with('#') && !line.contains("path = "))
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name)
        .collect();
    let readme = read("README.md");
    let mut named = BTreeSet::new();
    for line in section(&readme, "## Dependencies", "\n## ") {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, packages, second, ..] = cells.as_slice() else {
            continue;
        };
        let is_used = !matches!(*second, "no" | "not yet");
        if !is_used || *packages == "Package" || packages.starts_with("---") {
            continue;
        }
        let names = bare(packages);
        let names = names
            .split(',')
            .filter_map(|name| name.split_whitespace().next());
        for name in names {
            assert!(named.insert(name.to_owned()), "{name} is named twice");
        }
    }
    let named: BTreeSet<&str> = named.iter().map(String::as_str).collect();
    let missing: Vec<_> = used.difference(&named).collect();
    let idle: Vec<_> = named.difference(&used).collect();
    assert!(missing.is_empty(), "not in the README: {missing:?}");
    assert!(idle.is_empty(), "in the README alone: {idle:?}");
    assert!(named.contains("kube"), "the lists were found: {named:?}");
}
