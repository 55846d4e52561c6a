//! The operator on a hub that already holds clusters: how it takes them over, how fast it answers, what it
//! costs, and how silent it is when there is nothing to do.
//!
//! It runs beside a control plane without a node, with the rights of its shipped manifests and every
//! controller. The clusters lead nowhere, or (`--living`) their APIs answer and their machines are in an
//! emulated cloud. Latencies are between two records of the API server's audit log, so that neither client is part of them.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};
use skep_kit::audit::{self, Request};
use skep_kit::fleet::{Installed, Living};
use skep_kit::hub::{Hub, HubOptions};
use skep_kit::objects::{Objects, hive};
use skep_kit::outside::{self, Outside};
use skep_kit::process::wait_until;
use skep_kit::progress::Progress;

use super::Record;
use super::latency::{Histogram, milliseconds, quantile};

const CLUSTERS: &str = "clusterdeployments";
const PLATFORM_LABEL: &str = "hive.openshift.io/cluster-platform";
const ADMIN: &str = "skep-hub-admin";
/// Queue of the controller that is measured.
const CONTROLLER: &str = "controller=\"clusterDeployment\"";
/// After so long without a write there is none to come.
const QUIET: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_mins(2);
/// How long the steady hub is watched.
const STEADY: Duration = Duration::from_mins(1);
/// Two a second, as the target says.
const BETWEEN_CREATIONS: Duration = Duration::from_millis(500);
const CREATIONS: usize = 60;
/// Enough that the 99th percentile is not one single value.
const RESTORATIONS: usize = 500;

struct Bench<'a> {
    hub: &'a Hub,
    objects: &'a Objects,
}

pub(super) fn measure(
    record: &mut Record,
    program: &Path,
    clusters: usize,
    living: bool,
    progress: &Progress,
) -> Result<()> {
    let crds = skep_kit::cache::checkout().join("crds/yaml");
    let options = HubOptions::for_test("bench").with_crds(crds).audited();
    let hub = Hub::start(&options.shown_by(progress.clone()))?;
    let kubeconfig = outside::grant(&hub)?;
    let objects = Objects::new(&hub)?;
    let on = Bench {
        hub: &hub,
        objects: &objects,
    };
    let step = progress.step(format!("create {clusters} installed clusters"), "20 s");
    record.condition("apis_answer", living);
    let living = living.then(|| Living::start("fleet", clusters, progress));
    let living = living.transpose()?;
    let fleet = match &living {
        Some(living) => living.clusters()?,
        None => (0..clusters)
            .map(|number| Installed::new(&format!("fleet-{number:04}")))
            .collect(),
    };
    for cluster in &fleet {
        cluster.create(&objects)?;
    }
    step.done();
    on.describe(record, &fleet)?;
    let mut leader = Outside::start_with(&hub, program, &kubeconfig, "bench-leader", &[])?;
    let step = progress.step("let them be adopted", "10 s");
    on.adoption(record, &leader, clusters)?;
    step.done();
    let follower = Outside::start_with(&hub, program, &kubeconfig, "bench-follower", &[])?;
    follower.await_ready()?;
    let step = progress.step("remove labels by hand", "5 s");
    on.restoration(record, &leader, &fleet)?;
    step.done();
    let step = progress.step("create clusters at 2/s", "30 s");
    on.creation(record)?;
    step.done();
    let step = progress.step("watch a steady minute", "1 min");
    on.silence(record)?;
    step.done();
    let how = format!("VmRSS with {} clusters", clusters + CREATIONS);
    record.figure(
        "operator_rss_mib",
        leader.resident_mib()?,
        "below 40",
        format!("{how}, leader"),
    );
    record.figure(
        "follower_rss_mib",
        follower.resident_mib()?,
        "below 40",
        format!("{how}, follower"),
    );
    on.takeover(record, &mut leader, &fleet)?;
    hub.stop()
}

impl Bench<'_> {
    fn requests(&self, user: &str) -> Result<Vec<Request>> {
        audit::requests_of(&self.hub.audit_log(), user)
    }

    fn describe(&self, record: &mut Record, fleet: &[Installed]) -> Result<()> {
        record.condition("installed_clusters", fleet.len());
        record.condition("secrets", fleet.len() * 5);
        let one = fleet.first().context("at least one cluster is needed")?;
        let stored = self
            .objects
            .get(hive("ClusterDeployment"), &one.namespace, &one.name)?;
        let mut stored = stored.context("the cluster is gone")?;
        if let Some(metadata) = stored["metadata"].as_object_mut() {
            metadata.remove("managedFields");
        }
        record.condition("bytes_of_a_cluster", stored.to_string().len());
        Ok(())
    }

    /// Waits until the operator has written nothing for a while, and returns its writes.
    fn settled(&self) -> Result<Vec<Request>> {
        let (mut count, mut since) = (0, Instant::now());
        wait_until("a silent operator", PATIENCE, || {
            let writes: Vec<Request> = self
                .requests(outside::USER)?
                .into_iter()
                .filter(|request| request.is_write() && !request.is_lease())
                .collect();
            if writes.len() != count {
                (count, since) = (writes.len(), Instant::now());
            }
            Ok(if count > 0 && since.elapsed() >= QUIET {
                Ok(writes)
            } else {
                Err(format!("{count} writes so far"))
            })
        })
    }

    fn adoption(&self, record: &mut Record, leader: &Outside, clusters: usize) -> Result<()> {
        let begun = Timestamp::now();
        leader.await_lead()?;
        let writes = self.settled()?;
        let mut by_namespace: BTreeMap<&str, u32> = BTreeMap::new();
        let mut kinds: BTreeMap<String, u32> = BTreeMap::new();
        for write in &writes {
            *by_namespace.entry(write.namespace()).or_default() += 1;
            let kind = format!(
                "{} {}{}",
                write.verb,
                write.resource(),
                match write.subresource() {
                    "" => String::new(),
                    name => format!("/{name}"),
                }
            );
            *kinds.entry(kind).or_default() += 1;
        }
        by_namespace.retain(|namespace, _| namespace.starts_with("fleet-"));
        if by_namespace.len() < clusters {
            bail!(
                "only {} of {clusters} clusters were written to; the operator's log:\n{}",
                by_namespace.len(),
                leader.log()
            );
        }
        let most = by_namespace.values().max().copied().unwrap_or_default();
        let conflicts = writes.iter().filter(|write| write.code() == 409).count();
        let refused = self.requests(outside::USER)?;
        let refused = refused
            .iter()
            .filter(|request| matches!(request.code(), 401 | 403))
            .count();
        record.condition("writes_of_adoption", json!(kinds));
        let all = "audit log, Events included";
        record.figure(
            "writes_per_adopted_cluster",
            f64::from(most),
            "at most 8",
            format!("{all}, the most of any"),
        );
        record.figure(
            "conflicts",
            count(conflicts),
            "0",
            "answers 409 to the operator during adoption",
        );
        record.figure(
            "refusals",
            count(refused),
            "0",
            "answers 401 and 403 to the operator",
        );
        let last = writes.iter().map(|write| write.answered).max();
        if let Some(last) = last {
            let took = milliseconds(begun, last) / 1000.0;
            record.figure(
                "adoption_of_all_s",
                took,
                "-",
                "from the lead to the last write",
            );
        }
        Ok(())
    }

    /// Removes a label and measures until the operator has put it back. The same events feed the histogram
    /// of the queue.
    fn restoration(
        &self,
        record: &mut Record,
        leader: &Outside,
        fleet: &[Installed],
    ) -> Result<()> {
        let queue = |metrics: &str| Histogram::read(metrics, "skep_queue_wait_seconds", CONTROLLER);
        let runs = |metrics: &str| Histogram::read(metrics, "skep_reconcile_seconds", CONTROLLER);
        let before = leader.metrics()?;
        let begun = Timestamp::now();
        for cluster in fleet.iter().cycle().take(RESTORATIONS) {
            self.restore(cluster)?;
        }
        let after = leader.metrics()?;
        let took = self.restorations(begun)?;
        ensure!(
            took.len() == RESTORATIONS,
            "the audit log has {} restorations of {RESTORATIONS}",
            took.len()
        );
        let waits = queue(&after).since(&queue(&before));
        let works = runs(&after).since(&runs(&before));
        let how = format!(
            "the operator's skep_queue_wait_seconds, {:.0} values",
            waits.count()
        );
        record.figure(
            "event_to_reconcile_p99_ms",
            waits.quantile(0.99) * 1000.0,
            "below 10",
            how,
        );
        record.figure(
            "reconcile_p99_ms",
            works.quantile(0.99) * 1000.0,
            "-",
            format!("skep_reconcile_seconds, {:.0} values", works.count()),
        );
        let how = format!("audit log, {} times", took.len());
        record.figure(
            "label_restored_p50_ms",
            quantile(took.clone(), 0.5),
            "-",
            how.clone(),
        );
        record.figure(
            "label_restored_p99_ms",
            quantile(took, 0.99),
            "below 25",
            how,
        );
        Ok(())
    }

    /// Removes the platform's label of a cluster and waits until it is back.
    fn restore(&self, cluster: &Installed) -> Result<()> {
        let removed = json!({"metadata": {"labels": {PLATFORM_LABEL: null}}});
        let of = hive("ClusterDeployment");
        let answered = self
            .objects
            .merge(of, &cluster.namespace, &cluster.name, &removed)?;
        let absent = answered["metadata"]["labels"][PLATFORM_LABEL].is_null();
        if !absent {
            bail!("the label was not removed");
        }
        wait_until("a restored label", PATIENCE, || {
            let found = self.objects.get(of, &cluster.namespace, &cluster.name)?;
            let label = found.and_then(|found| {
                found["metadata"]["labels"][PLATFORM_LABEL]
                    .as_str()
                    .map(str::to_owned)
            });
            Ok(label.map(drop).ok_or_else(|| "it is absent".to_owned()))
        })
    }

    /// Milliseconds from each removal of a label since `begun` to the operator's first write to the same
    /// cluster after it, as the API server answered them.
    fn restorations(&self, begun: Timestamp) -> Result<Vec<f64>> {
        let patches = |user: &str| -> Result<Vec<Request>> {
            let mut patches = self.requests(user)?;
            patches.retain(|request| {
                request.resource() == CLUSTERS
                    && request.subresource().is_empty()
                    && request.verb == "patch"
                    && request.code() == 200
                    && request.answered >= begun
            });
            patches.sort_by_key(|request| request.answered);
            Ok(patches)
        };
        let restored = patches(outside::USER)?;
        let first_after = |removal: &Request| {
            let same = |restored: &&Request| {
                restored.namespace() == removal.namespace()
                    && restored.name() == removal.name()
                    && restored.answered > removal.received
            };
            let restored = restored.iter().find(same)?;
            Some(milliseconds(removal.answered, restored.answered))
        };
        Ok(patches(ADMIN)?.iter().filter_map(first_after).collect())
    }

    fn creation(&self, record: &mut Record) -> Result<()> {
        let of = hive("ClusterDeployment");
        let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "fresh"}});
        self.objects.create(&space)?;
        let begun = Instant::now();
        for number in 0..CREATIONS {
            let due = begun + BETWEEN_CREATIONS * u32::try_from(number).unwrap_or(u32::MAX);
            // The rate is the thing that is measured at; nothing is waited for here.
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            self.objects.create(&fresh_cluster(number))?;
        }
        wait_until("finalizers", PATIENCE, || {
            let clusters = self.objects.list(of, "fresh")?;
            let bare = clusters
                .iter()
                .filter(|cluster| cluster["metadata"]["finalizers"].is_null())
                .count();
            Ok(if bare == 0 {
                Ok(())
            } else {
                Err(format!("{bare} have none"))
            })
        })?;
        let created = self.first_answers(ADMIN, "create")?;
        let completed = self.first_answers(outside::USER, "patch")?;
        let took: Vec<f64> = created
            .iter()
            .filter_map(|(name, created)| Some(milliseconds(*created, *completed.get(name)?)))
            .collect();
        let how = format!("audit log, {} creations at 2/s", took.len());
        record.figure(
            "creation_to_finalizer_p50_ms",
            quantile(took.clone(), 0.5),
            "-",
            how.clone(),
        );
        record.figure(
            "creation_to_finalizer_p99_ms",
            quantile(took, 0.99),
            "below 50",
            how,
        );
        Ok(())
    }

    /// When a user's first successful request of a verb about each fresh cluster was answered.
    fn first_answers(&self, user: &str, verb: &str) -> Result<BTreeMap<String, Timestamp>> {
        let mut first = BTreeMap::new();
        for request in self.requests(user)? {
            if request.resource() == CLUSTERS
                && request.namespace() == "fresh"
                && request.subresource().is_empty()
                && request.verb == verb
                && request.code() < 300
            {
                first
                    .entry(request.name().to_owned())
                    .or_insert(request.answered);
            }
        }
        Ok(first)
    }

    fn silence(&self, record: &mut Record) -> Result<()> {
        self.settled()?;
        let from = Timestamp::now();
        std::thread::sleep(STEADY);
        let to = Timestamp::now();
        let talk: Vec<String> = self
            .requests(outside::USER)?
            .iter()
            .filter(|request| request.received >= from && request.received < to)
            .filter(|request| request.verb != "watch" && !request.is_lease())
            .map(Request::describe)
            .collect();
        if !talk.is_empty() {
            let some: Vec<Value> = talk.iter().take(10).map(|line| json!(line)).collect();
            record.condition("requests_of_the_idle_minute", some);
        }
        record.figure(
            "idle_requests_per_minute",
            count(talk.len()),
            "0",
            "audit log, leader and follower, without watches and leases",
        );
        Ok(())
    }

    fn takeover(
        &self,
        record: &mut Record,
        leader: &mut Outside,
        fleet: &[Installed],
    ) -> Result<()> {
        let cluster = fleet.first().context("at least one cluster is needed")?;
        let of = hive("ClusterDeployment");
        let begun = Instant::now();
        leader.kill()?;
        let removed = json!({"metadata": {"labels": {PLATFORM_LABEL: null}}});
        self.objects
            .merge(of, &cluster.namespace, &cluster.name, &removed)?;
        wait_until("the successor's write", PATIENCE, || {
            let found = self.objects.get(of, &cluster.namespace, &cluster.name)?;
            let back =
                found.is_some_and(|found| found["metadata"]["labels"][PLATFORM_LABEL].is_string());
            Ok(if back {
                Ok(())
            } else {
                Err("the label is absent".to_owned())
            })
        })?;
        record.figure(
            "leader_takeover_s",
            begun.elapsed().as_secs_f64(),
            "below 5",
            "from SIGKILL of the leader to the successor's first write",
        );
        Ok(())
    }
}

/// A cluster that waits for its Secrets.
fn fresh_cluster(number: usize) -> Value {
    let name = format!("fresh-{number:03}");
    json!({
        "apiVersion": "hive.openshift.io/v1",
        "kind": "ClusterDeployment",
        "metadata": {"name": name, "namespace": "fresh"},
        "spec": {
            "baseDomain": "example.com",
            "clusterName": name,
            "platform": {"aws": {
                "credentialsSecretRef": {"name": "creds"},
                "region": "us-east-1",
            }},
            "provisioning": {
                "imageSetRef": {"name": "none"},
                "installConfigSecretRef": {"name": format!("{name}-install-config")},
            },
            "pullSecretRef": {"name": "pull"},
        },
    })
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}
