//! Fields behind feature gates. No field is, so the mechanism is tried with gates of its own.

use serde_json::{Value, json};

use super::super::gates::{Gated, Needs, check, of};
use crate::admission::review::HOOKS;
use crate::admission::settings::Settings;
use crate::admission::verdict::{Cause, Findings};

fn found(gated: Gated, spec: Value, open: &[&str]) -> Vec<(String, Cause)> {
    let settings = Settings {
        feature_gates: open.iter().map(|gate| (*gate).to_owned()).collect(),
        ..Settings::default()
    };
    let mut found = Findings::new();
    check(&[gated], &spec, &settings, &mut found);
    found
        .into_found()
        .into_iter()
        .map(|finding| (finding.field, finding.cause))
        .collect()
}

fn field(path: &'static str) -> Gated {
    Gated {
        id: "test/gate",
        path,
        gate: "Alpha",
        needs: Needs::Field,
    }
}

fn value(path: &'static str, value: impl Into<Value>) -> Gated {
    Gated {
        id: "test/gate",
        path,
        gate: "Alpha",
        needs: Needs::Value(value.into()),
    }
}

#[test]
fn a_field_behind_a_gate() {
    let refused = |path: &str| vec![(path.to_owned(), Cause::Forbidden)];
    let set = json!({"platform": {"new": {"size": 1}}});
    let (block, leaf) = ("spec.platform.new", "spec.platform.new.size");
    for (name, gated, spec, open, expected) in [
        ("absent, closed", field(block), json!({}), &[][..], vec![]),
        (
            "absent, open",
            field(block),
            json!({}),
            &["Alpha"][..],
            vec![],
        ),
        (
            "null, closed",
            field(block),
            json!({"platform": {"new": null}}),
            &[][..],
            vec![],
        ),
        (
            "set, closed",
            field(block),
            set.clone(),
            &[][..],
            refused(block),
        ),
        (
            "set, open",
            field(block),
            set.clone(),
            &["Alpha"][..],
            vec![],
        ),
        (
            "set, another open",
            field(block),
            set.clone(),
            &["Beta"][..],
            refused(block),
        ),
        (
            "leaf set, closed",
            field(leaf),
            set.clone(),
            &[][..],
            refused(leaf),
        ),
        (
            "leaf set, open among others",
            field(leaf),
            set,
            &["Beta", "Alpha"][..],
            vec![],
        ),
        (
            "empty text, closed",
            field("spec.a"),
            json!({"a": ""}),
            &[][..],
            refused("spec.a"),
        ),
        (
            "the way is no object",
            field("spec.a.b"),
            json!({"a": "b"}),
            &[][..],
            vec![],
        ),
        (
            "the way is a list",
            field("spec.a.b"),
            json!({"a": [{"b": 1}]}),
            &[][..],
            vec![],
        ),
    ] {
        assert_eq!(found(gated, spec, open), expected, "{name}");
    }
}

#[test]
fn a_value_behind_a_gate() {
    let refused = |path: &str| vec![(path.to_owned(), Cause::NotSupported)];
    let path = "spec.type";
    for (name, gated, spec, open, expected) in [
        (
            "absent, closed",
            value(path, "new"),
            json!({}),
            &[][..],
            vec![],
        ),
        (
            "another value, closed",
            value(path, "new"),
            json!({"type": "old"}),
            &[][..],
            vec![],
        ),
        (
            "the value, closed",
            value(path, "new"),
            json!({"type": "new"}),
            &[][..],
            refused(path),
        ),
        (
            "the value, open",
            value(path, "new"),
            json!({"type": "new"}),
            &["Alpha"][..],
            vec![],
        ),
        (
            "a number, closed",
            value(path, 3),
            json!({"type": 3}),
            &[][..],
            refused(path),
        ),
        (
            "a boolean, closed",
            value(path, true),
            json!({"type": true}),
            &[][..],
            refused(path),
        ),
        (
            "a text for a number",
            value(path, 3),
            json!({"type": "3"}),
            &[][..],
            vec![],
        ),
    ] {
        assert_eq!(found(gated, spec, open), expected, "{name}");
    }
}

#[test]
fn nothing_is_behind_a_gate_today() {
    assert!(HOOKS.iter().all(|hook| of(hook.resource).is_empty()));
}
