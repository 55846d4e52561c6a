//! Rules about the number of replicas, where it is written by itself.
//!
//! Decides by the number alone: what else the object says is not in such a request. Mirrors docs/spec/41
//! §15, weakness 11.

use serde::Deserialize;

use super::{Case, On, Rule, Table};
use crate::admission::verdict::Findings;

/// What a `Scale` asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ScaleSpec {
    replicas: i64,
}

pub(super) const CLUSTER_POOL: Table<ScaleSpec> = Table(&[&[Rule::new(
    On::Write,
    "clusterpool/scale",
    "a pool is not scaled below zero",
    not_negative,
)
.mends(11)]]);

pub(super) const MACHINE_POOL: Table<ScaleSpec> = Table(&[&[Rule::new(
    On::Write,
    "machinepool/scale",
    "a machine pool is not scaled below zero",
    not_negative,
)
.mends(11)]]);

fn not_negative(case: &Case<'_, ScaleSpec>, to: &mut Findings) {
    if case.spec.replicas < 0 {
        to.invalid(
            "spec.replicas",
            format!("{} must not be negative", case.spec.replicas),
        );
    }
}
