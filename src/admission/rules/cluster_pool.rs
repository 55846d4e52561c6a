//! Rules about `ClusterPool`s.
//!
//! Decides whether clusters can be made from the pool's template, and whether its numbers make sense.
//! Nothing in a pool is immutable. Mirrors docs/spec/41 §4 and docs/spec/30 §1.1, §3.10.

use skep_crds::v1::cluster_pool::ClusterPoolSpec;

use super::cluster_deployment::too_long;
use super::names::{LABEL, duration, duration_problem};
use super::platform::Shared;
use super::{Case, On, Rule, Table};
use crate::admission::verdict::Findings;

type Spec = ClusterPoolSpec;

pub(super) const TABLE: Table<Spec> = Table(&[BEFORE, Shared::<Spec>::RULES, AFTER]);

const BEFORE: &[Rule<Spec>] = &[Rule::new(
    On::Create,
    "clusterpool/name-length",
    "the name has at most 63 characters",
    name_length,
)
.bad_request()];

const AFTER: &[Rule<Spec>] = &[
    Rule::new(
        On::Write,
        "clusterpool/not-negative",
        "numbers of clusters are not negative",
        not_negative,
    )
    .mends(10)
    .spares_restored(),
    Rule::new(
        On::Write,
        "clusterpool/durations",
        "durations can be read",
        durations,
    )
    .bad_request()
    .changes(),
    Rule::new(
        On::Write,
        "clusterpool/size-within-maximum",
        "`spec.size` can be reached within `spec.maxSize`",
        size_within_maximum,
    )
    .advice(),
    Rule::new(
        On::Write,
        "clusterpool/always-running",
        "on a platform without hibernation every cluster runs",
        always_running,
    )
    .advice(),
    Rule::new(
        On::Write,
        "clusterpool/lifetime-within-maximum",
        "the default lifetime of claims is within the maximum",
        lifetime_within_maximum,
    )
    .advice(),
];

fn name_length(case: &Case<'_, Spec>, to: &mut Findings) {
    let length = case.meta.name().len();
    if length > LABEL {
        to.invalid("metadata.name", too_long(length));
    }
}

fn not_negative(case: &Case<'_, Spec>, to: &mut Findings) {
    let spec = case.spec;
    for (path, number) in [
        ("spec.size", Some(spec.size)),
        ("spec.maxSize", spec.max_size),
        ("spec.maxConcurrent", spec.max_concurrent),
        ("spec.runningCount", spec.running_count),
    ] {
        if let Some(number) = number.filter(|number| *number < 0) {
            to.invalid(path, format!("{number} must not be negative"));
        }
    }
}

/// The pool's durations, with their paths.
fn told_durations(spec: &Spec) -> [(&'static str, Option<&str>); 4] {
    let lifetime = spec.claim_lifetime.as_ref();
    let hibernation = spec.hibernation_config.as_ref();
    [
        ("spec.hibernateAfter", spec.hibernate_after.as_deref()),
        (
            "spec.claimLifetime.default",
            lifetime.and_then(|l| l.default.as_deref()),
        ),
        (
            "spec.claimLifetime.maximum",
            lifetime.and_then(|l| l.maximum.as_deref()),
        ),
        (
            "spec.hibernationConfig.resumeTimeout",
            hibernation.and_then(|h| h.resume_timeout.as_deref()),
        ),
    ]
}

/// Hive reads durations while it decodes the object: what it cannot read is a bad request.
fn durations(case: &Case<'_, Spec>, to: &mut Findings) {
    for (path, text) in told_durations(case.spec) {
        if let Some(problem) = text.and_then(duration_problem) {
            to.invalid(path, problem);
        }
    }
}

fn size_within_maximum(case: &Case<'_, Spec>, to: &mut Findings) {
    if case.spec.max_size.is_some_and(|max| max < case.spec.size) {
        to.warn(
            "spec.maxSize",
            "is less than size: the pool will never have that many clusters",
        );
    }
}

fn always_running(case: &Case<'_, Spec>, to: &mut Findings) {
    let (spec, platform) = (case.spec, &case.spec.platform);
    let always = platform.openstack.is_some() || platform.vsphere.is_some();
    if always && spec.running_count.unwrap_or(0) != spec.size {
        to.warn(
            "spec.runningCount",
            "must equal size on OpenStack and vSphere, where clusters do not hibernate: the pool makes no \
             clusters until it does",
        );
    }
}

fn lifetime_within_maximum(case: &Case<'_, Spec>, to: &mut Findings) {
    let Some(lifetime) = &case.spec.claim_lifetime else {
        return;
    };
    let read = |text: &Option<String>| text.as_deref().and_then(duration);
    if let (Some(default), Some(maximum)) = (read(&lifetime.default), read(&lifetime.maximum))
        && default > maximum
    {
        to.warn(
            "spec.claimLifetime.default",
            "is longer than the maximum, which wins",
        );
    }
}
