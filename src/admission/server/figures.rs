//! The figures of admission. Labels have few values: kinds, operations, rules; never a name.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use skep_crds::names::metric;

use crate::runtime::metrics::Metrics;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Review {
    kind: &'static str,
    operation: &'static str,
    verdict: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refusal {
    kind: &'static str,
    rule: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCode {
    code: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfFiles {
    files: &'static str,
    outcome: &'static str,
}

/// How a review ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Allowed,
    Refused,
    /// The object could not be read.
    Unreadable,
}

/// The figures. Clones share them.
#[derive(Clone, Debug)]
pub struct Figures {
    reviews: Family<Review, Counter>,
    refusals: Family<Refusal, Counter>,
    durations: Family<OfKind, Histogram, fn() -> Histogram>,
    problems: Family<OfCode, Counter>,
    connections: Gauge,
    expiry: Gauge,
    reloads: Family<OfFiles, Counter>,
}

/// From ten microseconds, where a small object lies, to what an API server would wait.
fn durations() -> Histogram {
    Histogram::new([
        0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01,
        0.05, 0.25, 1.0,
    ])
}

impl Figures {
    /// At zero, and in the registry.
    pub fn new(metrics: &Metrics) -> Self {
        let figures = Self {
            reviews: Family::default(),
            refusals: Family::default(),
            durations: Family::new_with_constructor(durations),
            problems: Family::default(),
            connections: Gauge::default(),
            expiry: Gauge::default(),
            reloads: Family::default(),
        };
        metrics.register(|registry| {
            let registry = registry.sub_registry_with_prefix(metric::SKEP_PREFIX);
            let name = |name: &str| format!("admission_{name}");
            registry.register(
                name("reviews"),
                "Reviews that were judged",
                figures.reviews.clone(),
            );
            registry.register(
                name("refusals"),
                "Refused reviews by each rule that refused",
                figures.refusals.clone(),
            );
            registry.register(
                name("review_seconds"),
                "From a whole body to its answer",
                figures.durations.clone(),
            );
            registry.register(
                name("problems"),
                "Requests that were no review, by the HTTP code of the answer",
                figures.problems.clone(),
            );
            registry.register(
                name("connections"),
                "Connections that are open",
                figures.connections.clone(),
            );
            registry.register(
                name("certificate_expiry_timestamp_seconds"),
                "When the certificate that is served ends; 0 without one",
                figures.expiry.clone(),
            );
            registry.register(
                name("reloads"),
                "Files that were read anew, by what came of it",
                figures.reloads.clone(),
            );
        });
        figures
    }

    pub(super) fn reviewed(&self, kind: &'static str, operation: &'static str, outcome: Outcome) {
        let verdict = match outcome {
            Outcome::Allowed => "allowed",
            Outcome::Refused => "refused",
            Outcome::Unreadable => "unreadable",
        };
        let labels = Review {
            kind,
            operation,
            verdict,
        };
        self.reviews.get_or_create(&labels).inc();
    }

    pub(super) fn refused(&self, kind: &'static str, rule: &'static str) {
        self.refusals.get_or_create(&Refusal { kind, rule }).inc();
    }

    pub(super) fn took(&self, kind: &'static str, took: Duration) {
        let histogram = self.durations.get_or_create(&OfKind { kind });
        histogram.observe(took.as_secs_f64());
    }

    pub(super) fn problem(&self, code: u16) {
        self.problems.get_or_create(&OfCode { code }).inc();
    }

    pub(super) fn connected(&self) {
        self.connections.inc();
    }

    pub(super) fn disconnected(&self) {
        self.connections.dec();
    }

    /// When the served certificate ends, in seconds since 1970.
    pub fn expires(&self, second: i64) {
        self.expiry.set(second);
    }

    /// Files of a name were read anew.
    pub fn reloaded(&self, files: &'static str, taken: bool) {
        let outcome = if taken { "taken" } else { "refused" };
        self.reloads
            .get_or_create(&OfFiles { files, outcome })
            .inc();
    }
}
