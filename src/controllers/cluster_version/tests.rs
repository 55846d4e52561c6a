//! Table of docs/spec/32 §3.

use std::collections::BTreeMap;

use jiff::Timestamp;
use skep_crds::names::label;

use super::version::labels;
use super::*;
use crate::remote::FailureClass;
use crate::remote::view::ConditionSeen;
use crate::runtime::{Key, Reconcile as _};

const STATUS: &str = r#"{"availableUpdates":null,"conditions":[],
    "desired":{"image":"i","version":"4.19.2"},
    "history":[{"completionTime":null,"image":"i","startedTime":"2026-01-01T00:00:00Z",
    "state":"Partial","verified":false,"version":"4.19.2"}],
    "observedGeneration":3,"unheardOf":{"a":1},"versionHash":"h"}"#;

fn seen(version: &str) -> VersionSeen {
    VersionSeen {
        desired: version.to_owned(),
        progressing: false,
        upgradeable: None,
        status_json: String::new(),
    }
}

/// A cluster that says it all already.
fn settled() -> Observed {
    Observed {
        at: At {
            key: Key {
                namespace: "team".into(),
                name: "demo".into(),
                uid: "u-1".into(),
            },
            version: "7".into(),
        },
        present: Described {
            labels: labels("4.19.2"),
            upgrade_unavailable: Some(String::new()),
        },
        mirrors: false,
        recorded: Recorded {
            copy: None,
            console: Some("https://console".into()),
        },
        seen: Sight::Of {
            version: Some(seen("4.19.2")),
            console: None,
        },
    }
}

fn with(version: VersionSeen) -> Observed {
    Observed {
        seen: Sight::Of {
            version: Some(version),
            console: None,
        },
        ..settled()
    }
}

fn steps(observed: &Observed) -> Vec<Step> {
    Versions::decide(observed, Timestamp::UNIX_EPOCH).steps
}

/// What is to be written of the metadata.
fn described(observed: &Observed) -> Option<Described> {
    steps(observed).into_iter().find_map(|step| match step {
        Step::Describe { difference, .. } => Some(difference),
        Step::Record { .. } => None,
    })
}

#[test]
fn what_is_said_already_is_not_written() {
    assert_eq!(steps(&settled()), []);
}

#[test]
fn only_the_labels_that_differ_are_written() {
    let difference = described(&with(seen("4.19.3"))).unwrap();
    let expected = BTreeMap::from([
        (label::VERSION, Some("4.19.3".to_owned())),
        (label::VERSION_MAJOR_MINOR_PATCH, Some("4.19.3".to_owned())),
    ]);
    assert_eq!(difference.labels, expected);
    assert_eq!(difference.upgrade_unavailable, None);
    // What has no parts loses their labels.
    let difference = described(&with(seen("nightly"))).unwrap();
    assert_eq!(difference.labels.get(label::VERSION_MAJOR), Some(&None));
    let mut new = settled();
    new.present = Described::default();
    let difference = described(&new).unwrap();
    assert_eq!(difference.labels.len(), 4);
    assert_eq!(
        difference.upgrade_unavailable.as_deref(),
        Some(""),
        "always there"
    );
}

#[test]
fn the_annotation_tells_why_the_next_minor_version_is_out_of_reach() {
    let condition = |status: &str, message: &str| {
        let mut version = seen("4.19.2");
        version.upgradeable = Some(ConditionSeen {
            type_: "Upgradeable".into(),
            status: status.into(),
            reason: "R".into(),
            message: message.into(),
            since: None,
        });
        described(&with(version)).and_then(|difference| difference.upgrade_unavailable)
    };
    for (status, message, expected) in [
        ("True", "all well", None),
        ("False", "etcd is too old", Some("etcd is too old")),
        ("False", "", Some("Upgradeable: False")),
        ("Unknown", "", Some("Upgradeable: Unknown")),
    ] {
        assert_eq!(condition(status, message).as_deref(), expected, "{status}");
    }
}

#[test]
fn the_copy_is_there_only_where_it_is_wanted() {
    let mut version = seen("4.19.2");
    version.status_json = STATUS.to_owned();
    let mut observed = with(version.clone());
    assert_eq!(steps(&observed), []);
    observed.mirrors = true;
    let [
        Step::Record {
            copy: Some(Some(copy)),
            console: None,
            ..
        },
    ] = &steps(&observed)[..]
    else {
        panic!("{:?}", steps(&observed));
    };
    assert_eq!(
        (copy.desired.version.as_str(), copy.observed_generation),
        ("4.19.2", 3)
    );
    observed.recorded.copy = Some(copy.clone());
    assert_eq!(steps(&observed), []);
    observed.mirrors = false;
    let expected = Step::Record {
        at: observed.at.clone(),
        copy: Some(None),
        console: None,
    };
    assert_eq!(steps(&observed), [expected]);
    // A look that was not asked for it, or that failed, takes nothing away.
    observed.mirrors = true;
    version.status_json = String::new();
    observed.seen = Sight::Of {
        version: Some(version.clone()),
        console: None,
    };
    assert_eq!(steps(&observed), []);
    version.status_json = r#"{"desired":"odd"}"#.to_owned();
    observed.seen = Sight::Of {
        version: Some(version),
        console: None,
    };
    let plan = Versions::decide(&observed, Timestamp::UNIX_EPOCH);
    assert_eq!(plan.steps, []);
    assert!(plan.notes.iter().any(|note| note.reason == "NotMirrored"));
}

/// docs/spec/32 §1.3, "Users".
#[test]
fn the_console_is_recorded_with_the_copy_in_one_write() {
    let mut version = seen("4.19.2");
    version.status_json = STATUS.to_owned();
    let mut observed = settled();
    observed.mirrors = true;
    observed.recorded.console = None;
    observed.seen = Sight::Of {
        version: Some(version),
        console: Some("console.apps.demo.example.com".into()),
    };
    let steps = steps(&observed);
    let [
        Step::Record {
            copy: Some(Some(_)),
            console: Some(console),
            ..
        },
    ] = &steps[..]
    else {
        panic!("{steps:?}");
    };
    assert_eq!(console, "https://console.apps.demo.example.com");
}

#[test]
fn a_cluster_that_was_not_seen_keeps_what_was_said() {
    for sight in [
        Sight::None,
        Sight::Failed(Failure::new(FailureClass::Dial, "no")),
        Sight::Of {
            version: None,
            console: None,
        },
    ] {
        let observed = Observed {
            seen: sight,
            ..settled()
        };
        assert_eq!(steps(&observed), []);
    }
}
