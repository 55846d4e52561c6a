//! Gauges over objects: made of the stores when they are asked for, so that none outlives its object
//! (docs/spec/33, weakness 1).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt as _;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use skep_crds::condition::{ConditionStatus, find, is_desired};
use skep_crds::names::condition::cd;
use skep_crds::names::{label, metric};
use skep_crds::{ClusterDeployment, Condition};

use super::Figures;
use super::labels::{Labels, value};
use super::moments::seconds_since_creation;
use crate::controllers::context::Shared;
use crate::runtime::{Guarded, Kind, Store};

/// Younger clusters are on their usual way (docs/spec/33 §6).
const UNDERWAY: SignedDuration = SignedDuration::from_hours(1);

/// What a cluster that is not installed may wait on, in the order in which it is told.
const WAITS_ON: [&str; 6] = [
    cd::REQUIREMENTS_MET,
    cd::DNS_NOT_READY,
    cd::INSTALL_LAUNCH_ERROR,
    cd::PROVISION_FAILED,
    cd::AUTHENTICATION_FAILURE,
    cd::INSTALL_IMAGES_NOT_RESOLVED,
];

/// Jobs by the label that tells what they do.
const JOBS: [(&str, &str, &str); 3] = [
    (metric::INSTALL_JOBS, label::INSTALL, "Install Jobs"),
    (
        metric::IMAGE_SET_JOBS,
        label::IMAGE_SET,
        "Jobs that resolve images",
    ),
    (metric::UNINSTALL_JOBS, label::UNINSTALL, "Uninstall Jobs"),
];

/// The gauges. Keeps what is counted alive with them.
pub(super) struct Gauges {
    shared: Shared,
    _counted: Arc<Figures>,
}

impl Gauges {
    pub(super) fn new(shared: &Shared, counted: Arc<Figures>) -> Self {
        Self {
            shared: shared.clone(),
            _counted: counted,
        }
    }
}

impl fmt::Debug for Gauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gauges").finish_non_exhaustive()
    }
}

/// One metric: its name, what it is, and its values.
pub(super) type Gauge = (&'static str, &'static str, Vec<(Labels, f64)>);

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        if !self.shared.context.claim.is_current() {
            return Ok(());
        }
        let stores = &self.shared.stores;
        let mut all = of_clusters(&decoded(&stores.clusters), self.shared.context.clock.now());
        all.extend(of_jobs(&decoded(&stores.jobs)));
        for (name, help, values) in all {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (labels, value) in &values {
                family.encode_family(labels)?.encode_gauge(value)?;
            }
        }
        Ok(())
    }
}

fn decoded<K: Kind>(store: &Store<K>) -> Vec<Arc<K>> {
    let entries = store.entries();
    entries
        .iter()
        .filter_map(Guarded::decoded)
        .cloned()
        .collect()
}

pub(super) fn of_clusters(clusters: &[Arc<ClusterDeployment>], now: Timestamp) -> Vec<Gauge> {
    let (mut underway, mut restarts, mut deleting) = (Vec::new(), Vec::new(), Vec::new());
    for root in clusters {
        let who = [
            ("cluster_deployment", root.name_any()),
            ("namespace", root.namespace().unwrap_or_default()),
            ("cluster_type", value(root.labels(), label::CLUSTER_TYPE)),
        ];
        if let Some(since) = &root.metadata.deletion_timestamp {
            let seconds = now.duration_since(since.0).as_secs_f64().max(0.0);
            deleting.push((who.to_vec(), seconds));
            continue;
        }
        let Some((condition, reason)) = waits_on(root) else {
            continue;
        };
        let wish = root.spec.provisioning.as_ref();
        let image_set = wish.and_then(|wish| wish.image_set()).unwrap_or("none");
        let mut labels = who.to_vec();
        labels.extend([
            ("condition", condition),
            ("reason", reason),
            ("platform", value(root.labels(), label::CLUSTER_PLATFORM)),
            ("image_set", image_set.to_owned()),
        ]);
        #[expect(clippy::cast_precision_loss, reason = "a count of attempts")]
        if root.install_restarts() > 0 {
            restarts.push((labels.clone(), root.install_restarts() as f64));
        }
        let age = seconds_since_creation(root.as_ref(), now);
        if age > UNDERWAY.as_secs_f64() {
            underway.push((labels, age));
        }
    }
    vec![
        (
            metric::PROVISION_UNDERWAY,
            "Age of clusters that are not installed, in seconds",
            underway,
        ),
        (
            metric::PROVISION_UNDERWAY_RESTARTS,
            "Failed attempts of clusters that are not installed",
            restarts,
        ),
        (
            metric::DEPROVISION_UNDERWAY,
            "Seconds since a cluster was deleted that is not gone",
            deleting,
        ),
    ]
}

/// Condition and reason that a cluster waits on; none for one that is installed, or of which there is
/// nothing to tell: the first of the sorted conditions is as it should be, or not known yet.
fn waits_on(root: &ClusterDeployment) -> Option<(String, String)> {
    if root.spec.installed {
        return None;
    }
    root.conditions()
        .first()
        .filter(|first| is_undesired(first))?;
    let found = WAITS_ON
        .iter()
        .filter_map(|type_| find(root.conditions(), type_))
        .find(|found| is_undesired(found));
    let unknown = || ConditionStatus::Unknown.as_str().to_owned();
    Some(found.map_or_else(
        || (unknown(), unknown()),
        |found| (found.type_.clone(), found.reason().to_owned()),
    ))
}

fn is_undesired(condition: &Condition) -> bool {
    condition.status != ConditionStatus::Unknown && !is_desired(condition)
}

pub(super) fn of_jobs(jobs: &[Arc<Job>]) -> Vec<Gauge> {
    let gauge = |(name, by, help): (&'static str, &str, &'static str)| {
        let mut counts: BTreeMap<(String, &str), u32> = BTreeMap::new();
        for job in jobs.iter().filter(|job| job.labels().contains_key(by)) {
            let type_ = value(job.labels(), label::CLUSTER_TYPE);
            *counts.entry((type_, state(job))).or_default() += 1;
        }
        let values = counts.into_iter().map(|((type_, state), count)| {
            let labels = vec![("cluster_type", type_), ("state", state.to_owned())];
            (labels, f64::from(count))
        });
        (name, help, values.collect())
    };
    JOBS.map(gauge).into()
}

/// Failed if any pod failed (docs/spec/33 §6).
fn state(job: &Job) -> &'static str {
    let status = job.status.as_ref();
    let some = |count: Option<i32>| count.unwrap_or_default() > 0;
    match status {
        Some(status) if some(status.failed) => "failed",
        Some(status) if some(status.succeeded) => "succeeded",
        Some(_) | None => "running",
    }
}
