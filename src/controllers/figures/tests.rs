//! The figures against the tables of docs/spec/10 §23 and docs/spec/33.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::Job;
use serde_json::{Value, json};
use skep_crds::ClusterDeployment;
use skep_crds::names::metric;

use super::gauges::{Gauge, of_clusters, of_jobs};
use super::register;
use crate::controllers::erasure::testing::Hub;
use crate::runtime::config::MetricsConfig;
use crate::runtime::{Config, Guarded, Kind, Store};

fn start() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn ago(minutes: i64) -> String {
    (start() - SignedDuration::from_mins(minutes)).to_string()
}

/// A hub whose operator leads and counts.
fn hub() -> Hub {
    let hub = Hub::new();
    register(&hub.shared);
    hub.shared.context.claim.grant();
    hub
}

/// As the watch would: each time with a later version.
fn put<K: Kind>(store: &Store<K>, object: &Value) {
    static VERSION: AtomicU64 = AtomicU64::new(1);
    let mut object = object.clone();
    let version = VERSION.fetch_add(1, Ordering::Relaxed).to_string();
    object["metadata"]["resourceVersion"] = json!(version);
    let object: K = serde_json::from_value(object).unwrap();
    store.apply(Guarded(Ok(std::sync::Arc::new(object))));
}

/// A cluster of the given age, as it is created.
fn cluster(minutes: i64) -> Value {
    json!({
        "apiVersion": "hive.openshift.io/v1", "kind": "ClusterDeployment",
        "metadata": {
            "namespace": "team", "name": "demo", "uid": "u-1",
            "creationTimestamp": ago(minutes),
            "labels": {
                "hive.openshift.io/cluster-type": "managed",
                "hive.openshift.io/cluster-platform": "aws",
                "hive.openshift.io/cluster-region": "us-east-1",
            },
        },
        "spec": {
            "baseDomain": "example.com", "clusterName": "demo",
            "platform": {"aws": {"region": "us-east-1"}},
            "provisioning": {
                "imageSetRef": {"name": "v4"}, "installConfigSecretRef": {"name": "config"},
            },
        },
    })
}

fn attempt(number: i64, minutes: i64, stage: &str) -> Value {
    json!({
        "apiVersion": "hive.openshift.io/v1", "kind": "ClusterProvision",
        "metadata": {
            "namespace": "team", "name": format!("demo-{number}-abcde"), "uid": format!("p-{number}"),
            "creationTimestamp": ago(minutes),
            "labels": {
                "hive.openshift.io/cluster-deployment-name": "demo",
                "hive.openshift.io/cluster-type": "managed",
            },
        },
        "spec": {
            "attempt": number, "clusterDeploymentRef": {"name": "demo"}, "podSpec": {}, "stage": stage,
        },
        "status": {"conditions": [
            {"type": "ClusterProvisionFailed", "status": "True", "reason": "AWSVPCLimitExceeded"},
        ]},
    })
}

fn changed(object: &Value, change: &Value) -> Value {
    let mut object = object.clone();
    json_patch::merge(&mut object, change);
    object
}

/// The values of a metric, by the text of its labels.
fn values(hub: &Hub, name: &str) -> BTreeMap<String, f64> {
    let text = hub.shared.context.metrics.text();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let labels = series.strip_prefix(name)?;
            let labels = labels
                .strip_prefix('{')
                .or_else(|| labels.is_empty().then_some(""))?;
            let value = value.parse().ok()?;
            Some((labels.trim_end_matches('}').to_owned(), value))
        })
        .collect()
}

fn one(labels: &str, value: f64) -> BTreeMap<String, f64> {
    BTreeMap::from([(labels.to_owned(), value)])
}

/// A failed attempt, an installed cluster, its deletion: every counter and histogram.
fn tell_a_story(hub: &Hub) {
    let stores = &hub.shared.stores;
    let created = cluster(60);
    put(&stores.clusters, &created);
    let held = changed(
        &created,
        &json!({"metadata": {"finalizers": ["hive.openshift.io/deprovision"]}}),
    );
    put(&stores.clusters, &held);
    put(
        &stores.jobs,
        &json!({
            "apiVersion": "batch/v1", "kind": "Job",
            "metadata": {
                "namespace": "team", "name": "demo-imageset", "uid": "j",
                "creationTimestamp": ago(58),
                "labels": {
                    "hive.openshift.io/imageset": "true",
                    "hive.openshift.io/cluster-deployment-name": "demo",
                },
            },
        }),
    );
    put(&stores.provisions, &attempt(0, 57, "initializing"));
    put(&stores.provisions, &attempt(0, 57, "failed"));
    put(&stores.provisions, &attempt(1, 45, "provisioning"));
    put(&stores.provisions, &attempt(1, 45, "complete"));
    let status = json!({"status": {"installRestarts": 1, "installedTimestamp": ago(0)}});
    let stamped = changed(&held, &status);
    put(&stores.clusters, &stamped);
    let installed = changed(&stamped, &json!({"spec": {"installed": true}}));
    put(&stores.clusters, &installed);
    let order = json!({
        "apiVersion": "hive.openshift.io/v1", "kind": "ClusterDeprovision",
        "metadata": {
            "namespace": "team", "name": "demo", "uid": "d",
            "creationTimestamp": ago(4),
        },
        "spec": {"infraID": "demo-x"},
    });
    put(&stores.deprovisions, &order);
    let done = changed(&order, &json!({"status": {"completed": true}}));
    put(&stores.deprovisions, &done);
    let released = changed(&installed, &json!({"metadata": {"finalizers": null}}));
    put(&stores.clusters, &released);
    let gone: ClusterDeployment = serde_json::from_value(released).unwrap();
    stores
        .clusters
        .delete(&Guarded(Ok(std::sync::Arc::new(gone))));
}

#[tokio::test(start_paused = true)]
async fn every_moment_is_counted_once_with_its_labels() {
    let hub = hub();
    tell_a_story(&hub);
    let managed = "cluster_type=\"managed\"";
    for name in [
        metric::CLUSTER_DEPLOYMENTS_CREATED,
        metric::CLUSTER_DEPLOYMENTS_INSTALLED,
        metric::CLUSTER_DEPLOYMENTS_DELETED,
    ] {
        assert_eq!(values(&hub, name), one(managed, 1.0), "{name}");
    }
    let results = BTreeMap::from(
        ["failure", "success"].map(|result| (format!("result=\"{result}\",{managed}"), 1.0)),
    );
    assert_eq!(values(&hub, metric::PROVISION_RESULTS), results);
    let reason = format!("reason=\"AWSVPCLimitExceeded\",{managed}");
    assert_eq!(values(&hub, metric::INSTALL_ERRORS), one(&reason, 1.0));
    let of_attempt = |number| {
        format!(
            "platform=\"aws\",region=\"us-east-1\",cluster_version=\"unspecified\",\
             workers=\"unknown\",install_attempt=\"{number}\",{managed}"
        )
    };
    for (name, labels, sum) in [
        (metric::INSTALL_FAILURE, of_attempt(0), 57.0 * 60.0),
        (metric::INSTALL_SUCCESS, of_attempt(1), 45.0 * 60.0),
        (metric::COMPLETED_INSTALL_RESTART, managed.to_owned(), 1.0),
        (metric::INSTALL_JOB_DURATION, String::new(), 57.0 * 60.0),
        (metric::INSTALL_JOB_DELAY, String::new(), 3.0 * 60.0),
        (metric::IMAGE_SET_JOB_DELAY, String::new(), 2.0 * 60.0),
        (metric::UNINSTALL_JOB_DURATION, String::new(), 4.0 * 60.0),
    ] {
        assert_eq!(
            values(&hub, &format!("{name}_sum")),
            one(&labels, sum),
            "{name}"
        );
        assert_eq!(
            values(&hub, &format!("{name}_count")),
            one(&labels, 1.0),
            "{name}"
        );
    }
}

/// docs/spec/33 §3, and §6 for the Jobs.
#[tokio::test(start_paused = true)]
async fn types_and_buckets_are_the_specified_ones() {
    let hub = hub();
    tell_a_story(&hub);
    let text = hub.shared.context.metrics.text();
    let histogram = |name: &str, buckets: &[&str]| {
        assert!(
            text.contains(&format!("# TYPE {name} histogram\n")),
            "{name}"
        );
        let bucket = format!("{name}_bucket");
        let found: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with(&bucket))
            .filter_map(|line| line.split("le=\"").nth(1)?.split('"').next())
            .map(|bound| bound.trim_end_matches(".0"))
            .collect();
        let expected: Vec<&str> = buckets.iter().copied().chain(["+Inf"]).collect();
        assert_eq!(found, expected, "{name}");
    };
    histogram(
        metric::INSTALL_JOB_DURATION,
        &["1800", "2400", "3000", "3600", "4500", "5400", "7200"],
    );
    histogram(
        metric::INSTALL_JOB_DELAY,
        &[
            "60", "120", "180", "240", "300", "600", "1200", "1800", "2700", "3600",
        ],
    );
    histogram(
        metric::IMAGE_SET_JOB_DELAY,
        &["10", "30", "60", "300", "600", "1200", "1800"],
    );
    histogram(
        metric::COMPLETED_INSTALL_RESTART,
        &["0", "2", "10", "20", "50"],
    );
    histogram(
        metric::INSTALL_FAILURE,
        &["30", "120", "300", "600", "1800"],
    );
    histogram(metric::INSTALL_SUCCESS, &["1800", "2400", "3000", "3600"]);
    histogram(
        metric::UNINSTALL_JOB_DURATION,
        &["60", "300", "600", "1200", "1800", "2400", "3000", "3600"],
    );
    for (type_, names) in [
        (
            "counter",
            [
                metric::CLUSTER_DEPLOYMENTS_CREATED,
                metric::CLUSTER_DEPLOYMENTS_INSTALLED,
                metric::CLUSTER_DEPLOYMENTS_DELETED,
                metric::PROVISION_RESULTS,
                metric::INSTALL_ERRORS,
            ]
            .as_slice(),
        ),
        (
            "gauge",
            &[
                metric::PROVISION_UNDERWAY,
                metric::PROVISION_UNDERWAY_RESTARTS,
                metric::DEPROVISION_UNDERWAY,
                metric::INSTALL_JOBS,
                metric::IMAGE_SET_JOBS,
                metric::UNINSTALL_JOBS,
            ],
        ),
    ] {
        for name in names {
            assert!(text.contains(&format!("# TYPE {name} {type_}\n")), "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn giving_up_is_counted_with_its_reason_and_pool() {
    let hub = hub();
    let stores = &hub.shared.stores;
    let root = cluster(60);
    put(&stores.clusters, &root);
    let condition = |status: &str, reason: &str| {
        json!({
            "spec": {"clusterPoolRef": {"namespace": "pools", "poolName": "small"}},
            "status": {"conditions": [
                {"type": "ProvisionStopped", "status": status, "reason": reason},
            ]},
        })
    };
    let going = changed(&root, &condition("False", "ProvisionNotStopped"));
    put(&stores.clusters, &going);
    let stopped = changed(&going, &condition("True", "InstallAttemptsLimitReached"));
    put(&stores.clusters, &stopped);
    // Something else about it changes.
    let later = changed(&stopped, &json!({"metadata": {"labels": {"x": "y"}}}));
    put(&stores.clusters, &later);
    let labels = "clusterpool_namespacedname=\"pools/small\",\
                  failure_reason=\"InstallAttemptsLimitReached\",cluster_type=\"managed\"";
    assert_eq!(
        values(&hub, metric::PROVISION_FAILED_TERMINAL),
        one(labels, 1.0)
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_there_before_is_not_counted_again() {
    let hub = Hub::new();
    register(&hub.shared);
    // A follower sees everything and counts nothing.
    tell_a_story(&hub);
    assert_eq!(
        values(&hub, metric::CLUSTER_DEPLOYMENTS_CREATED),
        BTreeMap::new()
    );
    assert_eq!(values(&hub, metric::INSTALL_JOBS), BTreeMap::new());
    // It takes the lead over what is installed already.
    let stores = &hub.shared.stores;
    let installed = changed(&cluster(60), &json!({"spec": {"installed": true}}));
    put(&stores.clusters, &installed);
    put(&stores.provisions, &attempt(2, 30, "complete"));
    hub.shared.context.claim.grant();
    put(
        &stores.clusters,
        &changed(&installed, &json!({"metadata": {"labels": {"x": "y"}}})),
    );
    put(
        &stores.provisions,
        &changed(&attempt(2, 30, "complete"), &json!({"status": null})),
    );
    for name in [
        metric::CLUSTER_DEPLOYMENTS_INSTALLED,
        metric::PROVISION_RESULTS,
    ] {
        assert_eq!(values(&hub, name), BTreeMap::new(), "{name}");
    }
}

/// docs/spec/33 §8.
#[tokio::test(start_paused = true)]
async fn additional_labels_replace_the_default_one() {
    let hub = hub();
    let pairs = [
        ("team", "example.com/team"),
        ("type", "hive.openshift.io/cluster-type"),
    ];
    let pairs = pairs.map(|(name, source)| (name.to_owned(), source.to_owned()));
    hub.shared.config.set(Config {
        metrics: MetricsConfig {
            additional_labels: Some(pairs.into()),
        },
        ..Config::default()
    });
    tell_a_story(&hub);
    let labels = "team=\"unspecified\",type=\"managed\"";
    assert_eq!(
        values(&hub, metric::CLUSTER_DEPLOYMENTS_CREATED),
        one(labels, 1.0)
    );
}

fn shown(gauges: &[Gauge], name: &str) -> Vec<(BTreeMap<&'static str, String>, f64)> {
    let found = gauges.iter().find(|(known, ..)| *known == name);
    let values = found
        .map(|(_, _, values)| values.clone())
        .unwrap_or_default();
    values
        .into_iter()
        .map(|(labels, value)| (labels.into_iter().collect(), value))
        .collect()
}

fn of(root: &Value) -> Vec<Gauge> {
    let root: ClusterDeployment = serde_json::from_value(root.clone()).unwrap();
    of_clusters(&[std::sync::Arc::new(root)], start())
}

/// docs/spec/33 §6.
#[test]
fn a_cluster_that_takes_long_is_shown_with_what_it_waits_on() {
    let with = |minutes, conditions: Value| {
        let status = json!({"status": {"conditions": conditions, "installRestarts": 2}});
        of(&changed(&cluster(minutes), &status))
    };
    let failed = json!([
        {"type": "ProvisionFailed", "status": "True", "reason": "AWSVPCLimitExceeded"},
        {"type": "RequirementsMet", "status": "True", "reason": "AllRequirementsMet"},
        {"type": "AuthenticationFailure", "status": "Unknown", "reason": "Initialized"},
    ]);
    let gauges = with(61, failed.clone());
    let labels: BTreeMap<&str, String> = [
        ("cluster_deployment", "demo"),
        ("namespace", "team"),
        ("cluster_type", "managed"),
        ("condition", "ProvisionFailed"),
        ("reason", "AWSVPCLimitExceeded"),
        ("platform", "aws"),
        ("image_set", "v4"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into();
    let underway = shown(&gauges, metric::PROVISION_UNDERWAY);
    assert_eq!(underway, [(labels.clone(), 61.0 * 60.0)]);
    let restarts = shown(&gauges, metric::PROVISION_UNDERWAY_RESTARTS);
    assert_eq!(restarts, [(labels, 2.0)]);
    assert_eq!(shown(&with(59, failed), metric::PROVISION_UNDERWAY), []);
    let fine = json!([{"type": "RequirementsMet", "status": "True"}]);
    assert_eq!(shown(&with(120, fine), metric::PROVISION_UNDERWAY), []);
    let other = json!([{"type": "ProvisionStopped", "status": "True", "reason": "x"}]);
    let unknown = shown(&with(120, other), metric::PROVISION_UNDERWAY);
    assert_eq!(
        (
            unknown[0].0["condition"].as_str(),
            unknown[0].0["reason"].as_str()
        ),
        ("Unknown", "Unknown")
    );
}

#[test]
fn a_cluster_that_is_being_deleted_is_shown_with_its_time() {
    let deleted = json!({"metadata": {"deletionTimestamp": ago(3)}});
    let gauges = of(&changed(&cluster(120), &deleted));
    let found = shown(&gauges, metric::DEPROVISION_UNDERWAY);
    let names: BTreeSet<&str> = found[0].0.keys().copied().collect();
    assert_eq!(
        names,
        ["cluster_deployment", "cluster_type", "namespace"].into()
    );
    assert!((found[0].1 - 180.0).abs() < 0.001);
    assert_eq!(shown(&gauges, metric::PROVISION_UNDERWAY), []);
}

#[test]
fn jobs_are_counted_by_what_they_do_and_how_they_stand() {
    let job = |by: &str, status: Value| -> std::sync::Arc<Job> {
        let job = json!({
            "metadata": {"name": "x", "labels": {format!("hive.openshift.io/{by}"): "true"}},
            "status": status,
        });
        std::sync::Arc::new(serde_json::from_value(job).unwrap())
    };
    let gauges = of_jobs(&[
        job("install", json!({"active": 1})),
        job("install", json!({"failed": 1, "succeeded": 1})),
        job("imageset", json!({"succeeded": 1})),
    ]);
    let states = |name| -> Vec<(String, String, f64)> {
        let all = shown(&gauges, name).into_iter();
        all.map(|(labels, count)| {
            (
                labels["cluster_type"].clone(),
                labels["state"].clone(),
                count,
            )
        })
        .collect()
    };
    let row = |state: &str| ("unspecified".to_owned(), state.to_owned(), 1.0);
    assert_eq!(
        states(metric::INSTALL_JOBS),
        [row("failed"), row("running")]
    );
    assert_eq!(states(metric::IMAGE_SET_JOBS), [row("succeeded")]);
    assert_eq!(states(metric::UNINSTALL_JOBS), []);
}
