//! The figures of the runtime, and the registry that all figures are in: those of the API that is served
//! under names of their own, and Skep's under its prefix.
//!
//! Labels have few values (controllers, kinds, verbs, classes); never a name of an object.

mod exposition;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use skep_crds::names::metric;
use skep_crds::names::reason::skep::TROUBLES;

use super::queue::Priority;
use super::{ControllerName, Kind, RequestError};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Controller {
    controller: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ControllerPriority {
    controller: &'static str,
    priority: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ControllerOutcome {
    controller: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ControllerReason {
    controller: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ControllerStep {
    controller: &'static str,
    step: String,
    outcome: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    kind: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Write {
    kind: String,
    verb: &'static str,
    outcome: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    client: &'static str,
    method: String,
    code: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

type Durations<L> = Family<L, Histogram, fn() -> Histogram>;

/// How a run of an object ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RunOutcome {
    /// Nothing was to be done.
    NoOp,
    /// Only a status was written.
    Recorded,
    /// Steps were taken.
    Acted,
    /// Something failed.
    Failed,
    /// The run took too long.
    TimedOut,
    /// The controller panicked.
    Panicked,
}

impl RunOutcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::NoOp => "no-op",
            Self::Recorded => "recorded",
            Self::Acted => "acted",
            Self::Failed => "failed",
            Self::TimedOut => "timed-out",
            Self::Panicked => "panicked",
        }
    }
}

/// The figures. Clones share them.
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Mutex<Registry>,
    depth: Family<ControllerPriority, Gauge>,
    wait: Durations<ControllerPriority>,
    runs: Durations<ControllerOutcome>,
    steps: Family<ControllerStep, Counter>,
    held: Family<Controller, Gauge>,
    troubled: Family<ControllerReason, Gauge>,
    writes: Family<Write, Counter>,
    requests: Durations<Request>,
    undecodable: Family<OfKind, Gauge>,
    watch_failures: Family<OfKind, Counter>,
    events: Family<Outcome, Counter>,
    leader: Gauge,
}

/// From a tenth of a millisecond, where a run that does nothing lies, to a minute.
fn durations() -> Histogram {
    Histogram::new([
        0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
        60.0,
    ])
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All figures at zero, in a registry of their own.
    pub fn new() -> Self {
        let inner = Inner {
            registry: Mutex::default(),
            depth: Family::default(),
            wait: Family::new_with_constructor(durations),
            runs: Family::new_with_constructor(durations),
            steps: Family::default(),
            held: Family::default(),
            troubled: Family::default(),
            writes: Family::default(),
            requests: Family::new_with_constructor(durations),
            undecodable: Family::default(),
            watch_failures: Family::default(),
            events: Family::default(),
            leader: Gauge::default(),
        };
        {
            let mut registry = inner.registry.lock();
            let r = registry.sub_registry_with_prefix(metric::SKEP_PREFIX);
            r.register(
                "queue_depth",
                "Objects that wait for a run",
                inner.depth.clone(),
            );
            r.register(
                "queue_wait_seconds",
                "From the moment an object could be looked at until it was",
                inner.wait.clone(),
            );
            r.register("reconcile_seconds", "Duration of a run", inner.runs.clone());
            r.register("steps", "Steps taken", inner.steps.clone());
            r.register(
                "held_objects",
                "Objects held back after a failure",
                inner.held.clone(),
            );
            r.register(
                "troubled_objects",
                "Objects that do not get on, by what keeps failing",
                inner.troubled.clone(),
            );
            r.register("writes", "Writes to the API server", inner.writes.clone());
            r.register(
                "api_request_seconds",
                "Requests to the API server, until the answer's head",
                inner.requests.clone(),
            );
            r.register(
                "undecodable_objects",
                "Objects that this version cannot read",
                inner.undecodable.clone(),
            );
            r.register(
                "watch_failures",
                "Watches that broke",
                inner.watch_failures.clone(),
            );
            r.register("events", "Events on objects", inner.events.clone());
            r.register("leader", "Whether this process leads", inner.leader.clone());
        }
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Adds figures of others to the registry, whose names are whole.
    pub fn register(&self, register: impl FnOnce(&mut Registry)) {
        register(&mut self.inner.registry.lock());
    }

    /// All figures in the classic text format of Prometheus.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let registry = self.inner.registry.lock();
        if prometheus_client::encoding::text::encode(&mut text, &registry).is_err() {
            tracing::error!("figures could not be written");
        }
        exposition::classic(&text)
    }

    pub(super) fn queue(&self, controller: ControllerName) -> QueueMetrics {
        let labels = |priority: Priority| ControllerPriority {
            controller,
            priority: priority.as_str(),
        };
        QueueMetrics {
            depth: Priority::ALL
                .map(|priority| self.inner.depth.get_or_create(&labels(priority)).clone()),
            wait: Priority::ALL
                .map(|priority| self.inner.wait.get_or_create(&labels(priority)).clone()),
        }
    }

    pub(super) fn ran(&self, controller: ControllerName, outcome: RunOutcome, took: Duration) {
        let labels = ControllerOutcome {
            controller,
            outcome: outcome.as_str(),
        };
        self.inner
            .runs
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    pub(super) fn stepped(&self, controller: ControllerName, step: String, outcome: &str) {
        let labels = ControllerStep {
            controller,
            step,
            outcome: outcome.to_owned(),
        };
        self.inner.steps.get_or_create(&labels).inc();
    }

    pub(super) fn held(&self, controller: ControllerName, count: usize) {
        let gauge = self
            .inner
            .held
            .get_or_create(&Controller { controller })
            .clone();
        gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// The reasons of a controller's objects that do not get on, one for each object.
    pub(super) fn troubled<'a>(
        &self,
        controller: ControllerName,
        reasons: impl Iterator<Item = &'a str>,
    ) {
        let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
        for reason in reasons {
            *counts.entry(reason).or_default() += 1;
        }
        for reason in TROUBLES.iter().copied() {
            let count = counts.get(reason).copied().unwrap_or_default();
            let labels = ControllerReason { controller, reason };
            self.inner.troubled.get_or_create(&labels).set(count);
        }
    }

    pub(super) fn written<K: Kind>(&self, verb: &'static str, failure: Option<&RequestError>) {
        let outcome =
            failure.map_or_else(|| "ok".to_owned(), |error| format!("{:?}", error.refusal));
        let labels = Write {
            kind: K::kind(&()).into_owned(),
            verb,
            outcome,
        };
        self.inner.writes.get_or_create(&labels).inc();
    }

    pub(super) fn requested(
        &self,
        client: &'static str,
        method: &str,
        code: Option<u16>,
        took: Duration,
    ) {
        let code = code.map_or_else(|| "none".to_owned(), |code| code.to_string());
        let labels = Request {
            client,
            method: method.to_owned(),
            code,
        };
        self.inner
            .requests
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    pub(super) fn stored<K: Kind>(&self, undecodable: usize) {
        let labels = OfKind {
            kind: K::kind(&()).into_owned(),
        };
        let gauge = self.inner.undecodable.get_or_create(&labels).clone();
        gauge.set(i64::try_from(undecodable).unwrap_or(i64::MAX));
    }

    pub(super) fn watch_failed(&self, kind: &str) {
        self.inner
            .watch_failures
            .get_or_create(&OfKind {
                kind: kind.to_owned(),
            })
            .inc();
    }

    pub(super) fn event(&self, outcome: &'static str) {
        self.inner.events.get_or_create(&Outcome { outcome }).inc();
    }

    pub(super) fn leads(&self, leads: bool) {
        self.inner.leader.set(i64::from(leads));
    }
}

/// The figures of one queue.
#[derive(Clone)]
pub(super) struct QueueMetrics {
    depth: [Gauge; 3],
    wait: [Histogram; 3],
}

impl QueueMetrics {
    /// From the most to the least urgent.
    pub(super) fn depth(&self, depth: [usize; 3]) {
        for (gauge, depth) in self.depth.iter().zip(depth) {
            gauge.set(i64::try_from(depth).unwrap_or(i64::MAX));
        }
    }

    pub(super) fn waited(&self, priority: Priority, waited: Duration) {
        for (of, histogram) in Priority::ALL.iter().zip(&self.wait) {
            if *of == priority {
                histogram.observe(waited.as_secs_f64());
            }
        }
    }
}
