//! The figures of requests to managed clusters (docs/spec/33 §2, `remote="true"`).

use http::{Method, StatusCode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use skep_crds::names::metric;
use std::time::Duration;

use crate::runtime::metrics::Metrics;
use crate::runtime::{Clock, ControllerName};

type Labels = Vec<(&'static str, String)>;

/// Requests by controller, method, kind of object, and answer. Never a name of an object or a cluster.
#[derive(Clone)]
pub(super) struct Requests {
    clock: Clock,
    answered: Family<Labels, Counter>,
    cancelled: Family<Labels, Counter>,
    took: Family<Labels, Histogram, fn() -> Histogram>,
}

impl Requests {
    /// All at zero, in the registry of the process.
    pub(super) fn new(metrics: &Metrics, clock: &Clock) -> Self {
        let new = Self {
            clock: clock.clone(),
            answered: Family::default(),
            cancelled: Family::default(),
            took: Family::new_with_constructor(|| {
                Histogram::new([0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 120.0])
            }),
        };
        metrics.register(|registry| {
            // The exposition adds the suffix.
            let bare = |name: &'static str| name.strip_suffix("_total").unwrap_or(name);
            registry.register(
                bare(metric::KUBE_CLIENT_REQUESTS),
                "Answered requests to managed clusters",
                new.answered.clone(),
            );
            registry.register(
                bare(metric::KUBE_CLIENT_REQUESTS_CANCELLED),
                "Requests to managed clusters that came to no answer",
                new.cancelled.clone(),
            );
            registry.register(
                metric::KUBE_CLIENT_REQUEST_DURATION,
                "Answered requests to managed clusters, until the answer's head",
                new.took.clone(),
            );
        });
        new
    }

    /// A request that is being sent.
    pub(super) fn asked(&self, controller: ControllerName, method: &Method, path: &str) -> Asked {
        Asked {
            figures: self.clone(),
            began: self.clock.elapsed(),
            labels: vec![
                ("controller", controller.to_owned()),
                ("method", method.as_str().to_owned()),
                ("resource", resource(path)),
                ("remote", "true".to_owned()),
            ],
            is_answered: false,
        }
    }
}

/// A request under way; dropped without an answer it counts as given up.
pub(super) struct Asked {
    figures: Requests,
    began: Duration,
    labels: Labels,
    is_answered: bool,
}

impl Asked {
    /// The answer's head is there.
    pub(super) fn answered(mut self, status: StatusCode) {
        self.is_answered = true;
        let took = self.figures.clock.elapsed().saturating_sub(self.began);
        let mut labels = std::mem::take(&mut self.labels);
        labels.push(("status", status.to_string()));
        self.figures.answered.get_or_create(&labels).inc();
        let histogram = self.figures.took.get_or_create(&labels);
        histogram.observe(took.as_secs_f64());
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if !self.is_answered {
            self.figures.cancelled.get_or_create(&self.labels).inc();
        }
    }
}

/// `<group>/<version>/<resource>` of a request's path, without names.
fn resource(path: &str) -> String {
    let mut parts = path.trim_matches('/').split('/');
    let (group, version) = match parts.next() {
        Some("api") => ("core", parts.next()),
        Some("apis") => match (parts.next(), parts.next()) {
            (Some(group), version) => (group, version),
            (None, _) => return "other".to_owned(),
        },
        Some(_) | None => return "other".to_owned(),
    };
    let first = parts.next();
    // What follows the name of a namespace is what is asked for.
    let inner = first.filter(|first| *first == "namespaces");
    match inner.and_then(|_| parts.nth(1)).or(first) {
        Some(resource) => format!("{group}/{}/{resource}", version.unwrap_or_default()),
        None => "other".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_of_an_object_becomes_a_label() {
        for (path, told) in [
            ("/api/v1/nodes", "core/v1/nodes"),
            (
                "/apis/config.openshift.io/v1/clusterversions/version",
                "config.openshift.io/v1/clusterversions",
            ),
            (
                "/apis/machine.openshift.io/v1beta1/namespaces/openshift-machine-api/machines/m-1",
                "machine.openshift.io/v1beta1/machines",
            ),
            ("/api/v1/namespaces/a", "core/v1/namespaces"),
            ("/readyz", "other"),
            ("/apis", "other"),
        ] {
            assert_eq!(resource(path), told);
        }
    }

    #[tokio::test]
    async fn a_request_counts_once_by_how_it_ended() {
        let metrics = Metrics::new();
        let clock = Clock::starting_at(jiff::Timestamp::UNIX_EPOCH);
        let requests = Requests::new(&metrics, &clock);
        let ask = || requests.asked("unreachable", &Method::GET, "/api/v1/nodes");
        ask().answered(StatusCode::OK);
        ask().answered(StatusCode::OK);
        drop(ask());
        let text = metrics.text();
        let labels =
            "controller=\"unreachable\",method=\"GET\",resource=\"core/v1/nodes\",remote=\"true\"";
        for line in [
            format!("hive_kube_client_requests_total{{{labels},status=\"200 OK\"}} 2"),
            format!("hive_kube_client_requests_cancelled_total{{{labels}}} 1"),
        ] {
            assert!(text.contains(&line), "{line}\n{text}");
        }
    }
}
