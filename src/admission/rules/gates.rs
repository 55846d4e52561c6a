//! Fields that exist only while a feature gate is open.
//!
//! Decides whether a field, or one value of it, may be used on this hub. The mechanism is part of the
//! API; the table is empty, because nothing is behind a gate today. A field behind a gate binds new and
//! changed objects alike and its refusal is `Invalid` whatever else is wrong, as it is judged first.
//!
//! Mirrors docs/spec/41 §11.

use serde_json::Value;

use super::diff::at;
use crate::admission::settings::Settings;
use crate::admission::verdict::{Cause, Findings, Style, shown};

/// What needs the gate.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "nothing is behind a gate today")
)]
pub(super) enum Needs {
    /// The field at all.
    Field,
    /// This value of it.
    Value(Value),
}

/// One field behind a gate.
#[derive(Clone, Debug)]
pub(super) struct Gated {
    /// Id of the rule.
    pub(super) id: &'static str,
    /// Path through objects; lists are not looked into.
    pub(super) path: &'static str,
    /// Name of the gate.
    pub(super) gate: &'static str,
    /// What needs it.
    pub(super) needs: Needs,
}

/// The fields of a resource that are behind gates.
pub(super) fn of(resource: &str) -> &'static [Gated] {
    // Hive asks for gates when it judges this resource, and has none.
    const CLUSTER_DEPLOYMENTS: &[Gated] = &[];
    match resource {
        "clusterdeployments" => CLUSTER_DEPLOYMENTS,
        _ => &[],
    }
}

/// Checks that what needs a gate is used only while it is open.
pub(super) fn check(gates: &[Gated], spec: &Value, settings: &Settings, to: &mut Findings) {
    for gated in gates
        .iter()
        .filter(|gated| !settings.feature_gates.contains(gated.gate))
    {
        let Some(value) = at(Some(spec), gated.path) else {
            continue;
        };
        to.begin(gated.id, Style::Invalid);
        let gate = gated.gate;
        match &gated.needs {
            Needs::Field => to.push(
                Cause::Forbidden,
                gated.path,
                format!("may be set only while the feature gate {gate} is enabled"),
            ),
            Needs::Value(needing) if needing == value => to.push(
                Cause::NotSupported,
                gated.path,
                format!(
                    "{} needs the feature gate {gate}, which is not enabled",
                    shown(Some(value))
                ),
            ),
            Needs::Value(_) => {}
        }
    }
}
