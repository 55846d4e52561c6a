//! docs/admission.md lists every rule with a case that fails without it; the list is written by
//! `SKEP_WRITE_DOCS=1 cargo test -p skep admission::rules::tests::docs`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use super::super::{FIELDS, FREE, Origin, RuleInfo, all};
use super::{coverage, trials};

const BEGIN: &str = "<!-- rules: begin -->";
const END: &str = "<!-- rules: end -->";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn page() -> PathBuf {
    root().join("docs/admission.md")
}

fn list() -> String {
    let coverage = coverage();
    let mut text = String::from(
        "\n| Rule | Asked on | Refusal | From | Demands | Fails without it |\n|---|---|---|---|---|---|\n",
    );
    for RuleInfo {
        id,
        on,
        code,
        origin,
        binds_changes,
        says,
    } in all()
    {
        let refusal = match (code, origin) {
            (Some(code), _) => code.to_string(),
            (None, Origin::Advice) => "warning".to_owned(),
            (None, _) => "none: an exception".to_owned(),
        };
        let from = match origin {
            Origin::Hive => "Hive".to_owned(),
            Origin::Weakness(number) => format!("§15 #{number}"),
            Origin::Advice => "Skep".to_owned(),
        };
        let changes = if binds_changes && on != "update" {
            ", what changed"
        } else {
            ""
        };
        let case = coverage[id].as_deref().unwrap_or("none");
        let says = says.replace('|', "\\|");
        writeln!(
            text,
            "| `{id}` | {on}{changes} | {refusal} | {from} | {says} | {case} |"
        )
        .unwrap();
    }
    text
}

#[test]
fn the_list_of_rules_is_fresh() {
    let page_text = std::fs::read_to_string(page()).unwrap();
    let begin = page_text
        .find(BEGIN)
        .expect("the page has a mark before the list")
        + BEGIN.len();
    let end = page_text
        .find(END)
        .expect("the page has a mark after the list");
    let fresh = format!("{}{}{}", &page_text[..begin], list(), &page_text[end..]);
    if std::env::var_os("SKEP_WRITE_DOCS").is_some() {
        std::fs::write(page(), fresh).unwrap();
        return;
    }
    assert!(
        fresh == page_text,
        "docs/admission.md is stale: SKEP_WRITE_DOCS=1 cargo test -p skep admission::rules::tests::docs"
    );
}

/// Each row of the table of differences names a case, and the case is there.
#[test]
fn every_difference_from_hive_has_its_case() {
    let page_text = std::fs::read_to_string(page()).unwrap();
    let begin = page_text.find("<!-- deviations: begin -->").unwrap();
    let end = page_text.find("<!-- deviations: end -->").unwrap();
    let known: BTreeSet<String> = trials().into_iter().map(|trial| trial.name).collect();
    let rows = page_text[begin..end]
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(1);
    for row in rows {
        let cell = row
            .trim_end_matches([' ', '|'])
            .rsplit(" | ")
            .next()
            .unwrap();
        let names: Vec<&str> = cell
            .split('“')
            .skip(1)
            .filter_map(|n| n.split('”').next())
            .collect();
        let elsewhere: Vec<(&str, &str)> = cell
            .split('`')
            .skip(1)
            .step_by(2)
            .filter_map(|name| name.split_once("::"))
            .collect();
        assert!(
            !names.is_empty() || !elsewhere.is_empty(),
            "no case in {row}"
        );
        for (file, test) in elsewhere {
            let text = std::fs::read_to_string(root().join(file)).unwrap();
            assert!(
                text.contains(&format!("fn {test}()")),
                "{file} has no {test}"
            );
        }
        for name in names {
            assert!(known.contains(name), "there is no case {name:?}");
        }
    }
}

/// Whoever adds a field to these kinds decides whether it may change.
#[test]
fn every_field_of_a_guarded_kind_is_decided() {
    let definitions = skep_crds::schema::definitions();
    for (resource, free) in FREE {
        let definition = definitions
            .iter()
            .find(|d| {
                d.pointer("/spec/names/plural")
                    .is_some_and(|plural| plural == resource)
            })
            .unwrap();
        let schema = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
        let mut fields: Vec<&str> = definition
            .pointer(schema)
            .and_then(|p| p.as_object())
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        if *resource == "clusterprovisions" {
            // Required, and without a schema.
            fields.push("podSpec");
        }
        for field in fields {
            let path = format!("spec.{field}");
            let ruled = FIELDS.iter().any(|rule| {
                let below = rule.path.strip_prefix(&path);
                rule.resource == *resource
                    && below.is_some_and(|b| b.is_empty() || b.starts_with('.'))
            });
            assert!(
                ruled != free.contains(&field),
                "{resource}: is {path} free or not?"
            );
        }
    }
}
