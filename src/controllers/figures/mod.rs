//! The API's own metrics on the way of a cluster from creation to deletion (docs/spec/10 §23,
//! docs/spec/20 §3, docs/spec/33).
//!
//! Counts what the stores show to have happened ([`moments`]) and shows what they hold when somebody asks
//! ([`gauges`]); no request is made for a figure, and no controller knows of this. Only the process that
//! leads counts and shows, so that the sum over all replicas is right. A moment that nobody saw, because
//! no process led, is not counted: a figure too small misleads less than one that counts twice.

mod gauges;
mod labels;
mod moments;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt as _;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use skep_crds::names::skep::TRIES_ANNOTATION;
use skep_crds::names::{label, metric};
use skep_crds::{ClusterDeployment, ClusterDeprovision, ClusterProvision};

use self::labels::{specified, value, with_added};
use self::moments::{OfCluster, Outcome, seconds_since_creation};
use super::cluster_deployment::workers;
use super::context::Shared;
use crate::runtime::store::Change;
use crate::runtime::{Guarded, Kind, Store};

type Counters = Family<Vec<(String, String)>, Counter>;
type Histograms = Family<Vec<(String, String)>, Histogram, fn() -> Histogram>;

/// What is counted.
struct Figures {
    shared: Shared,
    created: Counters,
    installed: Counters,
    deleted: Counters,
    given_up: Counters,
    results: Counters,
    errors: Counters,
    failures: Histograms,
    successes: Histograms,
    restarts: Histograms,
    duration: Histogram,
    delay: Histogram,
    image_delay: Histogram,
    uninstall: Histogram,
}

/// Has the stores' changes counted and their content shown, for as long as the figures of the process
/// live.
pub fn register(shared: &Shared) {
    let figures = Arc::new(Figures::new(shared));
    shared
        .context
        .metrics
        .register(|registry| figures.enter(registry));
    let stores = &shared.stores;
    on_change(&stores.clusters, &figures, Figures::cluster_changed);
    on_change(&stores.provisions, &figures, Figures::provision_changed);
    on_change(&stores.deprovisions, &figures, Figures::deprovision_changed);
    on_change(&stores.jobs, &figures, Figures::job_changed);
    let gauges = gauges::Gauges::new(shared, figures);
    shared
        .context
        .metrics
        .register(|registry| registry.register_collector(Box::new(gauges)));
}

/// Has changes counted while this process leads. The registry keeps the figures, and they keep the stores:
/// what a store rings must not keep either.
fn on_change<K: Kind>(store: &Store<K>, figures: &Arc<Figures>, count: fn(&Figures, &Change<K>)) {
    let figures = Arc::downgrade(figures);
    store.on_change(move |change| {
        if let Some(figures) = figures.upgrade().filter(|figures| figures.leads()) {
            count(&figures, change);
        }
    });
}

impl Figures {
    fn new(shared: &Shared) -> Self {
        Self {
            shared: shared.clone(),
            created: Family::default(),
            installed: Family::default(),
            deleted: Family::default(),
            given_up: Family::default(),
            results: Family::default(),
            errors: Family::default(),
            failures: Family::new_with_constructor(|| Histogram::new(FAILURE)),
            successes: Family::new_with_constructor(|| Histogram::new(SUCCESS)),
            restarts: Family::new_with_constructor(|| Histogram::new(RESTARTS)),
            duration: Histogram::new(DURATION),
            delay: Histogram::new(DELAY),
            image_delay: Histogram::new(IMAGE_DELAY),
            uninstall: Histogram::new(UNINSTALL),
        }
    }

    fn enter(&self, registry: &mut Registry) {
        let counters = [
            (
                metric::CLUSTER_DEPLOYMENTS_CREATED,
                "Clusters that were taken charge of",
                &self.created,
            ),
            (
                metric::CLUSTER_DEPLOYMENTS_INSTALLED,
                "Clusters that were installed",
                &self.installed,
            ),
            (
                metric::CLUSTER_DEPLOYMENTS_DELETED,
                "Clusters that were let go",
                &self.deleted,
            ),
            (
                metric::PROVISION_FAILED_TERMINAL,
                "Installations that were given up",
                &self.given_up,
            ),
            (
                metric::PROVISION_RESULTS,
                "Attempts that ended",
                &self.results,
            ),
            (
                metric::INSTALL_ERRORS,
                "Attempts that failed, by reason",
                &self.errors,
            ),
        ];
        for (name, help, counter) in counters {
            // The exposition adds the suffix.
            let name = name.strip_suffix("_total").unwrap_or(name);
            registry.register(name, help, counter.clone());
        }
        let families = [
            (
                metric::INSTALL_FAILURE,
                "Seconds from an attempt's creation to its failure",
                &self.failures,
            ),
            (
                metric::INSTALL_SUCCESS,
                "Seconds from an attempt's creation to its success",
                &self.successes,
            ),
            (
                metric::COMPLETED_INSTALL_RESTART,
                "Failed attempts before an installed cluster",
                &self.restarts,
            ),
        ];
        for (name, help, family) in families {
            registry.register(name, help, family.clone());
        }
        let histograms = [
            (
                metric::INSTALL_JOB_DURATION,
                "From the first attempt to the installed cluster",
                &self.duration,
            ),
            (
                metric::INSTALL_JOB_DELAY,
                "From a cluster's creation to its first attempt",
                &self.delay,
            ),
            (
                metric::IMAGE_SET_JOB_DELAY,
                "From a cluster's creation to the Job that resolves its images",
                &self.image_delay,
            ),
            (
                metric::UNINSTALL_JOB_DURATION,
                "From the order to delete a cluster from its cloud to its end",
                &self.uninstall,
            ),
        ];
        for (name, help, histogram) in histograms {
            registry.register(name, help, histogram.clone());
        }
    }

    fn leads(&self) -> bool {
        self.shared.context.claim.is_current()
    }

    fn with_added(
        &self,
        fixed: &[(&'static str, String)],
        labels: &BTreeMap<String, String>,
    ) -> Vec<(String, String)> {
        with_added(fixed, &self.shared.config.get(), labels)
    }

    fn cluster_changed(&self, change: &Change<ClusterDeployment>) {
        let (old, new) = both(change);
        for moment in moments::of_cluster(old, new) {
            let Some(root) = new.or(old) else { return };
            let labels = self.with_added(&[], root.labels());
            match moment {
                OfCluster::Created => {
                    self.created.get_or_create(&labels).inc();
                }
                OfCluster::Deleted => {
                    self.deleted.get_or_create(&labels).inc();
                }
                OfCluster::GivenUp { reason } => {
                    let fixed = [
                        ("clusterpool_namespacedname", pool(root)),
                        ("failure_reason", reason),
                    ];
                    let labels = self.with_added(&fixed, root.labels());
                    self.given_up.get_or_create(&labels).inc();
                }
                OfCluster::Installed => self.installed(root, &labels),
            }
        }
    }

    fn installed(&self, root: &ClusterDeployment, labels: &Vec<(String, String)>) {
        self.installed.get_or_create(labels).inc();
        let restarts = root.install_restarts();
        #[expect(clippy::cast_precision_loss, reason = "a count of attempts")]
        self.restarts.get_or_create(labels).observe(restarts as f64);
        let stamp = root
            .status
            .as_ref()
            .and_then(|status| status.installed_timestamp);
        let end = stamp.map_or_else(|| self.shared.context.clock.now(), |stamp| stamp.0);
        let attempts = self.shared.stores.provisions.labelled(
            &root.namespace().unwrap_or_default(),
            label::CLUSTER_DEPLOYMENT_NAME,
            &root.name_any(),
        );
        let first = attempts
            .iter()
            .map(|attempt| seconds_since_creation(attempt.as_ref(), end))
            .reduce(f64::max);
        let took = first.unwrap_or_else(|| seconds_since_creation(root, end));
        self.duration.observe(took);
    }

    fn provision_changed(&self, change: &Change<ClusterProvision>) {
        let (old, new) = both(change);
        let Some(attempt) = new else { return };
        let cluster = self.shared.stores.clusters.get(
            &attempt.namespace().unwrap_or_default(),
            attempt.spec.cluster_deployment(),
        );
        if change.old.is_none()
            && attempt.spec.attempt == 0
            && let Some(cluster) = &cluster
        {
            let created = attempt.creation_timestamp();
            let created = created.map_or_else(|| self.shared.context.clock.now(), |at| at.0);
            self.delay
                .observe(seconds_since_creation(cluster.as_ref(), created));
        }
        if let Some(outcome) = moments::end_of_attempt(old, new) {
            self.attempt_ended(attempt, cluster.as_deref(), &outcome);
        }
    }

    fn attempt_ended(
        &self,
        attempt: &ClusterProvision,
        cluster: Option<&ClusterDeployment>,
        outcome: &Outcome,
    ) {
        let own = attempt.labels();
        let (result, histograms) = match outcome {
            Outcome::Success => ("success", &self.successes),
            Outcome::Failure { reason } => {
                let labels = self.with_added(&[("reason", reason.clone())], own);
                self.errors.get_or_create(&labels).inc();
                ("failure", &self.failures)
            }
        };
        let labels = self.with_added(&[("result", result.to_owned())], own);
        self.results.get_or_create(&labels).inc();
        let Some(cluster) = cluster else { return };
        let status = cluster.status.as_ref();
        let version = status.and_then(|status| status.install_version.as_deref());
        let fixed = [
            ("platform", value(cluster.labels(), label::CLUSTER_PLATFORM)),
            ("region", value(cluster.labels(), label::CLUSTER_REGION)),
            ("cluster_version", specified(version)),
            ("workers", workers(&self.shared.inputs, cluster)),
            ("install_attempt", attempt.spec.attempt.to_string()),
        ];
        let took = seconds_since_creation(attempt, self.shared.context.clock.now());
        histograms
            .get_or_create(&self.with_added(&fixed, own))
            .observe(took);
    }

    fn deprovision_changed(&self, change: &Change<ClusterDeprovision>) {
        let (old, new) = both(change);
        if let Some(root) = new.filter(|_| moments::is_completed_now(old, new)) {
            let now = self.shared.context.clock.now();
            self.uninstall.observe(seconds_since_creation(root, now));
        }
    }

    /// A Job that repeats another one is no delay of the first.
    fn job_changed(&self, change: &Change<Job>) {
        let (None, Some(job)) = both(change) else {
            return;
        };
        let tries = job.annotations().get(TRIES_ANNOTATION);
        let is_first = tries.is_none_or(|tries| tries == "0");
        if change.old.is_some() || !is_first || !job.labels().contains_key(label::IMAGE_SET) {
            return;
        }
        let cluster = job.labels().get(label::CLUSTER_DEPLOYMENT_NAME);
        let namespace = job.namespace().unwrap_or_default();
        let cluster = cluster.and_then(|name| self.shared.stores.clusters.get(&namespace, name));
        if let (Some(cluster), Some(created)) = (cluster, job.creation_timestamp()) {
            self.image_delay
                .observe(seconds_since_creation(cluster.as_ref(), created.0));
        }
    }
}

/// The object before and after, as far as it can be decoded.
fn both<K: Kind>(change: &Change<K>) -> (Option<&K>, Option<&K>) {
    (of(change.old.as_ref()), of(change.new.as_ref()))
}

fn of<K: Kind>(side: Option<&Guarded<K>>) -> Option<&K> {
    side.and_then(Guarded::decoded).map(AsRef::as_ref)
}

/// `<namespace>/<name>` of the pool that the cluster is of.
fn pool(root: &ClusterDeployment) -> String {
    let pool = root.spec.cluster_pool_ref.as_ref();
    specified(
        pool.map(|pool| format!("{}/{}", pool.namespace, pool.pool_name))
            .as_deref(),
    )
}

/// Buckets in seconds, but for the restarts: docs/spec/33 §3.
const DURATION: [f64; 7] = [1800.0, 2400.0, 3000.0, 3600.0, 4500.0, 5400.0, 7200.0];
const DELAY: [f64; 10] = [
    60.0, 120.0, 180.0, 240.0, 300.0, 600.0, 1200.0, 1800.0, 2700.0, 3600.0,
];
const IMAGE_DELAY: [f64; 7] = [10.0, 30.0, 60.0, 300.0, 600.0, 1200.0, 1800.0];
const RESTARTS: [f64; 5] = [0.0, 2.0, 10.0, 20.0, 50.0];
const FAILURE: [f64; 5] = [30.0, 120.0, 300.0, 600.0, 1800.0];
const SUCCESS: [f64; 4] = [1800.0, 2400.0, 3000.0, 3600.0];
const UNINSTALL: [f64; 8] = [60.0, 300.0, 600.0, 1200.0, 1800.0, 2400.0, 3000.0, 3600.0];
