//! A cluster that does not exist and is well: for scale tests of a hub (docs/spec/32 §1.4).

use super::view::{ConditionSeen, OperatorSeen, Seen, VersionSeen};

/// docs/spec/32 §1.4.
const OPERATORS: usize = 30;

/// What a look at it comes to.
pub(super) fn seen(version: &str) -> Seen {
    let condition = |type_: &str, status: &str| ConditionSeen {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: "AsExpected".to_owned(),
        message: String::new(),
        since: None,
    };
    let operator = |number: usize| OperatorSeen {
        name: format!("operator-{number:02}"),
        conditions: vec![
            condition("Available", "True"),
            condition("Degraded", "False"),
            condition("Progressing", "False"),
        ],
    };
    Seen {
        version: (!version.is_empty()).then(|| VersionSeen {
            desired: version.to_owned(),
            progressing: false,
            upgradeable: None,
            status_json: String::new(),
        }),
        operators: (0..OPERATORS).map(operator).collect(),
        console: Some("console.fake-cluster.example.com".to_owned()),
        ..Seen::default()
    }
}
