//! Reads one attempt, its cluster, its Job and its pods into an [`Observed`].

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job as BatchJob;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod};
use kube::ResourceExt as _;
use skep_crds::names::skep::{CLEANED_UP_ANNOTATION, INSTALL_PROGRESS_ANNOTATION};
use skep_crds::names::{label, object_name, value};
use skep_crds::{ClusterDeployment, ClusterProvision};

use super::observed::{Job, JobPhase, Observed, Pods};
use super::{Attempts, Error};
use crate::controllers::{erasure, secrets};
use crate::install::classify::{self, Patterns};
use crate::runtime::Freshness;

/// What a waiting container says when it does not wait for time to pass.
const STUCK_REASONS: [&str; 8] = [
    "ImagePullBackOff",
    "ErrImagePull",
    "ErrImageNeverPull",
    "InvalidImageName",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "CrashLoopBackOff",
];

pub(super) async fn observe(
    attempts: &Attempts,
    root: &ClusterProvision,
    how: Freshness,
) -> Result<Observed, Error> {
    let (namespace, name) = (root.namespace().unwrap_or_default(), root.name_any());
    let cluster = root.spec.cluster_deployment();
    let reader = &attempts.context.reader;
    let owner = reader
        .get(how, &attempts.clusters, &namespace, cluster)
        .await;
    let owner = owner.map_err(|source| Error::Read {
        what: "the ClusterDeployment",
        source,
    })?;
    let jobs = reader
        .labelled(
            how,
            &attempts.jobs,
            &namespace,
            label::CLUSTER_PROVISION,
            &name,
        )
        .await;
    let jobs = jobs.map_err(|source| Error::Read {
        what: "the Jobs",
        source,
    })?;
    let pods = reader
        .labelled(
            how,
            &attempts.pods,
            &namespace,
            label::CLUSTER_PROVISION,
            &name,
        )
        .await;
    let pods = pods.map_err(|source| Error::Read {
        what: "the pods",
        source,
    })?;
    let password = object_name::admin_password_secret(&name);
    let password = reader
        .get(how, &attempts.secrets, &namespace, &password)
        .await;
    let password = password.map_err(|source| Error::Read {
        what: "the admin Secrets",
        source,
    })?;
    let uid = root.uid().unwrap_or_default();
    Ok(Observed {
        created: root
            .creation_timestamp()
            .map_or(Timestamp::UNIX_EPOCH, |time| time.0),
        deleting: root.metadata.deletion_timestamp.is_some(),
        attempt: root.spec.attempt,
        cluster: cluster.to_owned(),
        paused: owner.as_deref().is_some_and(secrets::is_paused),
        stage: root.spec.stage.clone(),
        infra_id: root.spec.infra_id.clone().filter(|id| !id.is_empty()),
        recorded_infra_id: owner
            .as_deref()
            .and_then(ClusterDeployment::infra_id)
            .map(str::to_owned),
        job_ref: root.job().map(str::to_owned),
        job: job(&jobs.iter().map(AsRef::as_ref).collect::<Vec<_>>()),
        pods: pods_in_words(&pods.iter().map(AsRef::as_ref).collect::<Vec<_>>()),
        rights_prepared: password.is_some(),
        log_verdict: verdict(&attempts.patterns, root),
        progress: annotation_of(root, INSTALL_PROGRESS_ANNOTATION),
        cleaned_up: annotation_of(root, CLEANED_UP_ANNOTATION).is_some(),
        clean_up: clean_up(attempts, root, &uid),
        name,
        namespace,
        uid,
    })
}

fn annotation_of(root: &ClusterProvision, name: &str) -> Option<String> {
    root.annotations().get(name).cloned()
}

/// The log is looked at only when it decides something.
fn verdict(patterns: &Patterns, root: &ClusterProvision) -> classify::Verdict {
    patterns.classify(root.spec.install_log.as_deref())
}

fn clean_up(attempts: &Attempts, root: &ClusterProvision, uid: &str) -> erasure::State {
    match root.spec.infra_id {
        Some(_) => attempts.erasures.state(uid),
        None => erasure::State::Idle,
    }
}

fn job(jobs: &[&BatchJob]) -> Job {
    match jobs {
        [] => Job::Absent,
        [job] => Job::One {
            name: job.name_any(),
            created: job
                .creation_timestamp()
                .map_or(Timestamp::UNIX_EPOCH, |time| time.0),
            phase: phase(job),
        },
        many => Job::Many(many.len()),
    }
}

fn phase(job: &BatchJob) -> JobPhase {
    let conditions = job
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_deref());
    let holds = |type_: &str| {
        let mut all = conditions.into_iter().flatten();
        all.find(|condition| condition.type_ == type_ && condition.status == "True")
    };
    if holds("Complete").is_some() {
        return JobPhase::Succeeded;
    }
    holds("Failed").map_or(JobPhase::Running, |failed| JobPhase::Failed {
        reason: failed.reason.clone().unwrap_or_default(),
        message: failed.message.clone().unwrap_or_default(),
    })
}

fn pods_in_words(pods: &[&Pod]) -> Pods {
    let living: Vec<&&Pod> = pods.iter().filter(|pod| !has_ended(pod)).collect();
    match (living.as_slice(), pods.len()) {
        ([], 0) => Pods::None,
        ([], _) => Pods::Ended,
        ([pod], _) if phase_of(pod) == "Pending" => pending(pod),
        ([_], _) => Pods::Running,
        (many, _) => Pods::Many(many.len()),
    }
}

fn phase_of(pod: &Pod) -> &str {
    pod.status
        .as_ref()
        .and_then(|status| status.phase.as_deref())
        .unwrap_or("Pending")
}

fn has_ended(pod: &Pod) -> bool {
    matches!(phase_of(pod), "Succeeded" | "Failed")
}

fn pending(pod: &Pod) -> Pods {
    let status = pod.status.clone().unwrap_or_default();
    let all = status.init_container_statuses.into_iter().flatten();
    let all = all.chain(status.container_statuses.into_iter().flatten());
    let waiting = all.into_iter().find_map(|container| {
        let ContainerStatus {
            name, image, state, ..
        } = container;
        let ContainerState { waiting, .. } = state.unwrap_or_default();
        let waiting = waiting?;
        let reason = waiting.reason.unwrap_or_default();
        let detail = waiting.message.unwrap_or_else(|| format!("image {image}"));
        let stuck = STUCK_REASONS.contains(&reason.as_str());
        stuck.then(|| format!("container {name}: {reason}: {detail}"))
    });
    if let Some(message) = waiting {
        return Pods::Pending {
            stuck: true,
            message,
        };
    }
    let unscheduled = status
        .conditions
        .into_iter()
        .flatten()
        .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False");
    match unscheduled {
        Some(condition) => Pods::Pending {
            stuck: condition.reason.as_deref() == Some("Unschedulable"),
            message: condition
                .message
                .unwrap_or_else(|| "the pod is not scheduled yet".to_owned()),
        },
        None => Pods::Pending {
            stuck: false,
            message: format!("container {} is about to start", value::CONTAINER_INSTALLER),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(status: &serde_json::Value) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": "p"}, "status": status})).unwrap()
    }

    /// docs/spec/10 §26.2 S6: the waiting reason is shown at once.
    #[test]
    fn a_pod_that_cannot_pull_is_stuck() {
        let waiting = json!({"phase": "Pending", "containerStatuses": [{
            "name": "installer", "image": "x", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}},
        }]});
        let stuck = "container installer: ImagePullBackOff: no such image".to_owned();
        assert_eq!(
            pods_in_words(&[&pod(&waiting)]),
            Pods::Pending {
                stuck: true,
                message: stuck
            }
        );
    }

    #[test]
    fn a_pod_without_a_node_is_stuck_and_one_that_starts_is_not() {
        let unscheduled = json!({"phase": "Pending", "conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no node",
        }]});
        let message = "no node".to_owned();
        assert_eq!(
            pods_in_words(&[&pod(&unscheduled)]),
            Pods::Pending {
                stuck: true,
                message
            }
        );
        let starting = pods_in_words(&[&pod(&json!({"phase": "Pending"}))]);
        assert!(
            matches!(starting, Pods::Pending { stuck: false, .. }),
            "{starting:?}"
        );
    }

    #[test]
    fn only_pods_that_have_not_ended_count() {
        let of = |phase: &str| pod(&json!({"phase": phase}));
        assert_eq!(pods_in_words(&[]), Pods::None);
        assert_eq!(pods_in_words(&[&of("Failed")]), Pods::Ended);
        assert_eq!(
            pods_in_words(&[&of("Failed"), &of("Running")]),
            Pods::Running
        );
        assert_eq!(
            pods_in_words(&[&of("Running"), &of("Running")]),
            Pods::Many(2)
        );
        assert_eq!(pods_in_words(&[&of("Unknown")]), Pods::Running);
    }

    #[test]
    fn a_jobs_conditions_tell_its_phase() {
        let job = |conditions: serde_json::Value| -> BatchJob {
            serde_json::from_value(json!({"metadata": {}, "status": {"conditions": conditions}}))
                .unwrap()
        };
        assert_eq!(phase(&BatchJob::default()), JobPhase::Running);
        let complete = json!([{"type": "Complete", "status": "True"}]);
        assert_eq!(phase(&job(complete)), JobPhase::Succeeded);
        let failed = json!([
            {"type": "FailureTarget", "status": "True"},
            {"type": "Failed", "status": "True", "reason": "DeadlineExceeded", "message": "m"},
        ]);
        let expected = JobPhase::Failed {
            reason: "DeadlineExceeded".into(),
            message: "m".into(),
        };
        assert_eq!(phase(&job(failed)), expected);
    }
}
