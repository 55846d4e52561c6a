//! The Job controller: one pod at a time until one succeeds, the limit of failures is reached or
//! the deadline has passed, with the conditions and the tracking finalizer of the real one.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{REACTION, send};
use crate::{
    apiserver::{ApiServer, gc::Action},
    seed,
};

const AGENT: &str = "actor/jobs";
/// Each pod carries it until its end is counted, so that no failure is lost.
const TRACKING: &str = "batch.kubernetes.io/job-tracking";
/// The wait after the first failure; it doubles.
const BACKOFF: i64 = 10;

/// Runs until the world ends.
pub async fn controller(server: ApiServer) {
    let client = server.client(AGENT);
    let mut counted = BTreeSet::new();
    loop {
        let (actions, next) = due(&server, &mut counted);
        if actions.is_empty() {
            let wait = next.unwrap_or(Duration::from_hours(1));
            let _ = tokio::time::timeout(wait, server.changed()).await;
        }
        for action in actions {
            send(&client, &action).await;
        }
        tokio::time::sleep(REACTION).await;
    }
}

/// The requests that are due, and when to look again although nothing changed.
fn due(server: &ApiServer, counted: &mut BTreeSet<String>) -> (Vec<Action>, Option<Duration>) {
    let now = server.clock().now();
    let pods = server.objects("", "pods");
    let jobs = server.objects("batch", "jobs");
    let mut actions = Vec::new();
    let mut next = None;
    for job in &jobs {
        let mine: Vec<&Arc<Value>> = pods.iter().filter(|pod| owned_by(pod, job)).collect();
        if is_deleting(job) || finished(job) {
            actions.extend(mine.into_iter().filter_map(|pod| released(pod)));
            continue;
        }
        let (steps, wait) = sync(server.seed(), job, &mine, counted, now);
        actions.extend(steps);
        next = [next, wait].into_iter().flatten().min();
    }
    let orphans = pods
        .iter()
        .filter(|pod| !jobs.iter().any(|job| owned_by(pod, job)));
    actions.extend(orphans.filter_map(|pod| released(pod)));
    (actions, next)
}

fn sync(
    seed: u64,
    job: &Value,
    pods: &[&Arc<Value>],
    counted: &mut BTreeSet<String>,
    now: Timestamp,
) -> (Vec<Action>, Option<Duration>) {
    let spec = &job["spec"];
    let status = &job["status"];
    if spec["suspend"] == true {
        return (Vec::new(), None);
    }
    let count = |field: &str| status[field].as_i64().unwrap_or_default();
    let (mut succeeded, mut failed) = (count("succeeded"), count("failed"));
    let mut actions = Vec::new();
    for pod in pods {
        let ended = phase(pod) == "Failed" || phase(pod) == "Succeeded" || is_deleting(pod);
        if ended && tracked(pod) && counted.insert(text(&pod["metadata"]["uid"])) {
            if phase(pod) == "Succeeded" {
                succeeded += 1;
            } else {
                failed += 1;
            }
        }
        if counted.contains(&text(&pod["metadata"]["uid"])) {
            actions.extend(released(pod));
        }
    }
    let active = pods
        .iter()
        .filter(|pod| !is_deleting(pod) && !matches!(phase(pod), "Failed" | "Succeeded"));
    let active: Vec<&&Arc<Value>> = active.collect();
    let started = status["startTime"]
        .as_str()
        .and_then(|text| text.parse().ok())
        .unwrap_or(now);
    let deadline = spec["activeDeadlineSeconds"]
        .as_i64()
        .map(SignedDuration::from_secs);
    let left = deadline.map(|limit| limit - now.duration_since(started));
    let restarts: i64 = pods.iter().map(|pod| restarts(pod)).sum();
    let limit = spec["backoffLimit"].as_i64().unwrap_or(6);
    let late = left.is_some_and(|left| left <= SignedDuration::ZERO);
    let verdict = if succeeded >= spec["completions"].as_i64().unwrap_or(1) {
        let message = "Reached expected number of succeeded pods";
        Some(("Complete", "CompletionsReached", message))
    } else if late {
        let message = "Job was active longer than specified deadline";
        Some(("Failed", "DeadlineExceeded", message))
    } else if failed > limit || restarts > limit {
        let message = "Job has reached the specified backoff limit";
        Some(("Failed", "BackoffLimitExceeded", message))
    } else {
        None
    };
    if let Some(("Failed", _, _)) = verdict {
        // The real controller lets the pods end before it calls the Job failed.
        if !active.is_empty() {
            actions.extend(active.iter().map(|pod| delete(pod)));
            return (actions, None);
        }
    }
    let wanted = json!({
        "startTime": started_text(status, now),
        "active": active.len(),
        "ready": active.iter().filter(|pod| phase(pod) == "Running").count(),
        "succeeded": succeeded,
        "failed": failed,
    });
    actions.extend(status_patch(job, wanted, verdict, now));
    if verdict.is_some() || !active.is_empty() {
        return (actions, left.and_then(|left| Duration::try_from(left).ok()));
    }
    let wait = backoff(pods, failed, now);
    if wait > SignedDuration::ZERO {
        let wait = left.map_or(wait, |left| left.min(wait));
        return (actions, Duration::try_from(wait).ok());
    }
    actions.push(pod_of(seed, job, succeeded + failed));
    (actions, None)
}

fn backoff(pods: &[&Arc<Value>], failed: i64, now: Timestamp) -> SignedDuration {
    if failed == 0 {
        return SignedDuration::ZERO;
    }
    let seconds = BACKOFF << (failed - 1).clamp(0, 5);
    let last = pods
        .iter()
        .filter_map(|pod| ended_at(pod))
        .max()
        .unwrap_or(now);
    SignedDuration::from_secs(seconds) - now.duration_since(last)
}

fn ended_at(pod: &Value) -> Option<Timestamp> {
    let containers = pod["status"]["containerStatuses"].as_array()?;
    let ends = containers.iter().filter_map(|container| {
        container["state"]["terminated"]["finishedAt"]
            .as_str()?
            .parse()
            .ok()
    });
    ends.max()
}

fn pod_of(seed: u64, job: &Value, index: i64) -> Action {
    let template = &job["spec"]["template"];
    let metadata = &job["metadata"];
    let name = text(&metadata["name"]);
    let namespace = text(&metadata["namespace"]);
    let uid = text(&metadata["uid"]);
    // A name is a label value too; the real controller truncates the same way.
    let base = &name[..name.len().min(57)];
    let suffix = seed::suffix(seed, &["pod", &uid, &index.to_string()]);
    let mut annotations = template["metadata"]["annotations"].clone();
    if annotations.is_null() {
        annotations = json!({});
    }
    Action {
        method: "POST",
        path: format!("/api/v1/namespaces/{namespace}/pods"),
        body: json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": format!("{base}-{suffix}"),
                "generateName": format!("{base}-"),
                "namespace": namespace,
                "labels": template["metadata"]["labels"],
                "annotations": annotations,
                "finalizers": [TRACKING],
                "ownerReferences": [{
                    "apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid,
                    "controller": true, "blockOwnerDeletion": true,
                }],
            },
            "spec": template["spec"],
        }),
    }
}

fn status_patch(
    job: &Value,
    mut wanted: Value,
    verdict: Option<(&str, &str, &str)>,
    now: Timestamp,
) -> Option<Action> {
    if let Some((kind, reason, message)) = verdict {
        let first = if kind == "Complete" {
            "SuccessCriteriaMet"
        } else {
            "FailureTarget"
        };
        let condition = |kind: &str| {
            json!({
                "type": kind, "status": "True", "reason": reason, "message": message,
                "lastProbeTime": seconds(now), "lastTransitionTime": seconds(now),
            })
        };
        wanted["conditions"] = json!([condition(first), condition(kind)]);
        if kind == "Complete" {
            wanted["completionTime"] = seconds(now).into();
        }
    }
    let held = &job["status"];
    let differs = wanted.as_object()?.iter().any(|(field, value)| {
        let old = &held[field];
        old != value && !(old.is_null() && *value == 0)
    });
    differs.then(|| Action {
        method: "PATCH",
        path: format!("{}/status", path(job, "apis/batch/v1", "jobs")),
        body: json!({"status": wanted}),
    })
}

/// Takes the tracking finalizer off a pod whose end is counted, or whose Job is over.
fn released(pod: &Value) -> Option<Action> {
    let ended = matches!(phase(pod), "Failed" | "Succeeded") || is_deleting(pod);
    (tracked(pod) && ended).then(|| {
        let held = pod["metadata"]["finalizers"]
            .as_array()
            .into_iter()
            .flatten();
        let left: Vec<&Value> = held.filter(|finalizer| **finalizer != TRACKING).collect();
        Action {
            method: "PATCH",
            path: path(pod, "api/v1", "pods"),
            body: json!({"metadata": {"uid": pod["metadata"]["uid"], "finalizers": left}}),
        }
    })
}

fn delete(pod: &Value) -> Action {
    Action {
        method: "DELETE",
        path: path(pod, "api/v1", "pods"),
        body: json!({
            "kind": "DeleteOptions", "apiVersion": "v1",
            "preconditions": {"uid": pod["metadata"]["uid"]},
        }),
    }
}

fn path(object: &Value, root: &str, plural: &str) -> String {
    let metadata = &object["metadata"];
    format!(
        "/{root}/namespaces/{}/{plural}/{}",
        text(&metadata["namespace"]),
        text(&metadata["name"])
    )
}

fn owned_by(pod: &Value, job: &Value) -> bool {
    let owners = pod["metadata"]["ownerReferences"]
        .as_array()
        .into_iter()
        .flatten();
    owners
        .into_iter()
        .any(|owner| owner["uid"] == job["metadata"]["uid"])
}

fn finished(job: &Value) -> bool {
    let conditions = job["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|condition| {
        condition["status"] == "True"
            && (condition["type"] == "Complete" || condition["type"] == "Failed")
    })
}

fn tracked(pod: &Value) -> bool {
    let held = pod["metadata"]["finalizers"]
        .as_array()
        .into_iter()
        .flatten();
    held.into_iter().any(|finalizer| *finalizer == TRACKING)
}

fn restarts(pod: &Value) -> i64 {
    let containers = pod["status"]["containerStatuses"]
        .as_array()
        .into_iter()
        .flatten();
    containers
        .into_iter()
        .filter_map(|container| container["restartCount"].as_i64())
        .sum()
}

fn started_text(status: &Value, now: Timestamp) -> Value {
    if status["startTime"].is_string() {
        status["startTime"].clone()
    } else {
        seconds(now).into()
    }
}

fn is_deleting(object: &Value) -> bool {
    object["metadata"].get("deletionTimestamp").is_some()
}

fn phase(pod: &Value) -> &str {
    pod["status"]["phase"].as_str().unwrap_or("Pending")
}

fn seconds(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second())
        .unwrap_or(at)
        .to_string()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
