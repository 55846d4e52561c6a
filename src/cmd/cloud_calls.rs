//! The figures of calls to clouds: counted where every call passes, shown beside the process's own.
//!
//! Labels are services, operations and classes of errors; never an account, a region or a resource.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use skep_crds::names::metric;
use skep_providers::Class;
use skep_providers::call::{Call, CallObserver};

use crate::runtime::metrics::Metrics;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Attempt {
    service: &'static str,
    operation: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfService {
    service: &'static str,
}

/// What is counted of calls to clouds. Clones share it.
#[derive(Clone)]
pub struct CloudCalls {
    attempts: Family<Attempt, Counter>,
    seconds: Family<OfService, Histogram, fn() -> Histogram>,
}

impl std::fmt::Debug for CloudCalls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CloudCalls").finish_non_exhaustive()
    }
}

impl Default for CloudCalls {
    fn default() -> Self {
        Self {
            attempts: Family::default(),
            seconds: Family::new_with_constructor(durations),
        }
    }
}

/// From a quick describe to the limit of one attempt.
fn durations() -> Histogram {
    Histogram::new([0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0])
}

impl CloudCalls {
    /// Shows the figures among those of a process.
    pub fn register(&self, metrics: &Metrics) {
        metrics.register(|registry| {
            let registry = registry.sub_registry_with_prefix(metric::SKEP_PREFIX);
            registry.register(
                "cloud_calls",
                "Attempts of calls to clouds",
                self.attempts.clone(),
            );
            registry.register(
                "cloud_call_seconds",
                "Duration of an attempt of a call to a cloud",
                self.seconds.clone(),
            );
        });
    }
}

impl CallObserver for CloudCalls {
    fn attempt(&self, _account: &str, call: Call, took: Duration, class: Option<&Class>) {
        let Call {
            service, operation, ..
        } = call;
        let outcome = class.map_or("ok", Class::label);
        let attempt = Attempt {
            service,
            operation,
            outcome,
        };
        self.attempts.get_or_create(&attempt).inc();
        let seconds = self.seconds.get_or_create(&OfService { service });
        seconds.observe(took.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_counted_by_operation_and_outcome_and_name_no_account() {
        let calls = CloudCalls::default();
        let metrics = Metrics::new();
        calls.register(&metrics);
        let call = Call::read("ec2", "ec2:DescribeVpcs");
        for class in [None, None, Some(Class::Denied)] {
            let took = Duration::from_millis(30);
            calls.attempt("123456789012", call, took, class.as_ref());
        }
        let text = metrics.text();
        for line in [
            "skep_cloud_calls_total{service=\"ec2\",operation=\"ec2:DescribeVpcs\",outcome=\"ok\"} 2",
            "skep_cloud_call_seconds_count{service=\"ec2\"} 3",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
        let denied = format!("outcome=\"{}\"}} 1", Class::Denied.label());
        assert!(text.contains(&denied), "{text}");
        assert!(!text.contains("123456789012"));
    }
}
