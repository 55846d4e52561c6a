//! Reads one attempt, its cluster, its Job and its pods into an [`Observed`].

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job as BatchJob;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStateTerminated, ContainerStatus, Pod};
use kube::ResourceExt as _;
use skep_crds::names::reason::UNKNOWN_ERROR;
use skep_crds::names::skep::{CLEANED_UP_ANNOTATION, INSTALL_PROGRESS_ANNOTATION};
use skep_crds::names::{label, object_name, value};
use skep_crds::{ClusterDeployment, ClusterProvision, Stage};

use super::observed::{Job, JobPhase, Observed, Pods};
use super::{Attempts, Error};
use crate::controllers::{erasure, secrets};
use crate::install::classify::{self, Patterns};
use crate::install::last_words;
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
    let jobs = jobs.iter().map(AsRef::as_ref).collect::<Vec<_>>();
    let pods = pods.iter().map(AsRef::as_ref).collect::<Vec<_>>();
    let uid = root.uid().unwrap_or_default();
    Ok(Observed {
        created: root
            .creation_timestamp()
            .map_or(Timestamp::UNIX_EPOCH, |time| time.0),
        deleting: root.metadata.deletion_timestamp.is_some(),
        attempt: root.spec.attempt,
        cluster: cluster.to_owned(),
        disabled: attempts.config.get().deprovisions_disabled,
        credentials: credentials(owner.as_deref(), &namespace),
        paused: owner.as_deref().is_some_and(secrets::is_paused),
        stage: root.spec.stage.clone(),
        infra_id: root.spec.infra_id.clone().filter(|id| !id.is_empty()),
        recorded_infra_id: owner
            .as_deref()
            .and_then(ClusterDeployment::infra_id)
            .map(str::to_owned),
        job_ref: root.job().map(str::to_owned),
        job: job(&jobs),
        pods: pods_in_words(&pods),
        rights_prepared: rights_prepared(attempts, root, how, &namespace).await?,
        log_verdict: verdict(&attempts.patterns, root.spec.install_log.as_deref(), &pods),
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

/// Whether the pod has, or still has, where to put its results. Nobody asks once the attempt is over.
async fn rights_prepared(
    attempts: &Attempts,
    root: &ClusterProvision,
    how: Freshness,
    namespace: &str,
) -> Result<bool, Error> {
    if !matches!(root.spec.stage, Stage::Initializing | Stage::Provisioning) {
        return Ok(true);
    }
    let name = root.name_any();
    // In the order in which they are made; that of a Role is not asked: it goes before the stage moves.
    for secret in [
        object_name::admin_kubeconfig_secret(&name),
        object_name::admin_password_secret(&name),
    ] {
        let reader = &attempts.context.reader;
        let found = reader.get(how, &attempts.secrets, namespace, &secret).await;
        let found = found.map_err(|source| Error::Read {
            what: "the admin Secrets",
            source,
        })?;
        if found.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn credentials(cluster: Option<&ClusterDeployment>, namespace: &str) -> String {
    cluster
        .and_then(|cluster| cluster.spec.credentials_secret())
        .map_or_else(
            || "the cluster's credentials".to_owned(),
            |secret| format!("Secret {namespace}/{secret}"),
        )
}

/// Why the attempt failed, should it have: the installer's log says so, unless Kubernetes ended the pod, or
/// the pod failed outside the installer.
fn verdict(patterns: &Patterns, log: Option<&str>, pods: &[&Pod]) -> classify::Verdict {
    let by_log = patterns.classify(log);
    if by_log.reason != UNKNOWN_ERROR {
        return by_log;
    }
    match end_of(pods) {
        Some(End { verdict, certain }) if certain || log.is_none() => verdict,
        Some(_) | None => by_log,
    }
}

/// How an install pod ended.
struct End {
    verdict: classify::Verdict,
    /// Whether that is why: an exit code alone may only repeat what the installer's log says.
    certain: bool,
}

/// The end of the youngest pod that has ended otherwise than well.
fn end_of(pods: &[&Pod]) -> Option<End> {
    let youngest = pods.iter().max_by_key(|pod| pod.creation_timestamp())?;
    let status = youngest.status.as_ref()?;
    let init = status.init_container_statuses.iter().flatten();
    let containers = init.chain(status.container_statuses.iter().flatten());
    let ended = containers.filter_map(|container| {
        let terminated = container.state.as_ref()?.terminated.as_ref()?;
        (terminated.exit_code != 0).then_some((container.name.as_str(), terminated))
    });
    let ended = ended.collect::<Vec<_>>();
    let said =
        |terminated: &ContainerStateTerminated| terminated.message.clone().unwrap_or_default();
    let own = ended
        .iter()
        .find_map(|(_, terminated)| last_words::read(&said(terminated)));
    if let Some(verdict) = own {
        return Some(End {
            verdict,
            certain: true,
        });
    }
    if let Some(reason) = status.reason.as_deref().filter(|_| has_ended(youngest)) {
        let message = status.message.as_deref().unwrap_or_default();
        return Some(End {
            verdict: last_words::by_kubernetes(&format!("{reason}: {message}")),
            certain: true,
        });
    }
    let (container, terminated) = ended.first()?;
    let reason = terminated.reason.as_deref().unwrap_or_default();
    let code = terminated.exit_code;
    let message = classify::last_lines(&said(terminated));
    Some(End {
        verdict: last_words::by_kubernetes(&format!(
            "container {container} ended with exit code {code} ({reason}): {message}"
        )),
        certain: reason == "OOMKilled",
    })
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

    fn ended(terminated: &serde_json::Value) -> Pod {
        let status = json!({"phase": "Failed", "containerStatuses": [{
            "name": "installer", "image": "x", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"terminated": terminated},
        }]});
        pod(&status)
    }

    fn judged(log: Option<&str>, pod: &Pod) -> (String, String) {
        let classify::Verdict { reason, message } = verdict(&Patterns::shipped(), log, &[pod]);
        (reason, message)
    }

    /// docs/spec/10 §26.1 W10 and W22: what failed before or beside the installer is told, and a log that says
    /// why counts before an exit code.
    #[test]
    fn a_pods_last_words_are_the_reason_when_the_log_has_none() {
        let own = "InstallPodFailed: there is no Secret ssh-key";
        let own = ended(&json!({"exitCode": 1, "reason": "Error", "message": own}));
        let expected = (
            "InstallPodFailed".to_owned(),
            "there is no Secret ssh-key".to_owned(),
        );
        assert_eq!(judged(None, &own), expected);
        assert_eq!(judged(Some("level=info msg=x"), &own), expected);

        let installer = "openshift-install create cluster ended with exit status: 1";
        let installer = ended(&json!({"exitCode": 1, "reason": "Error", "message": installer}));
        let (reason, message) = judged(None, &installer);
        assert_eq!(reason, "InstallPodFailed");
        assert!(message.contains("ended with exit status: 1"), "{message}");
        let (reason, message) = judged(Some("level=error msg=strange"), &installer);
        assert_eq!(reason, UNKNOWN_ERROR);
        assert!(message.contains("strange"), "{message}");
        let (reason, _) = judged(Some("VpcLimitExceeded"), &installer);
        assert_eq!(reason, "AWSVPCLimitExceeded");

        let killed = ended(&json!({"exitCode": 137, "reason": "OOMKilled"}));
        let (reason, message) = judged(Some("level=info msg=x"), &killed);
        assert_eq!(reason, "InstallPodFailed");
        assert!(message.contains("OOMKilled"), "{message}");
    }

    #[test]
    fn a_pod_that_its_node_threw_out_is_told() {
        let evicted = pod(&json!({
            "phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory.",
        }));
        let (reason, message) = judged(None, &evicted);
        assert_eq!(reason, "InstallPodFailed");
        assert!(message.contains("Evicted: The node was low"), "{message}");
        let (reason, _) = judged(None, &pod(&json!({"phase": "Failed"})));
        assert_eq!(reason, UNKNOWN_ERROR);
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
