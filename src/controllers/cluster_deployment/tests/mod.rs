//! Tables of docs/spec/10 §5–11, §18–19 and docs/spec/20 §1, and what holds for every observation.
//! Here: the clusters that they are about.

mod attempts;
mod deletion;
mod evidence;
mod inputs;
mod properties;
mod status;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use skep_crds::condition::ConditionStatus;
use skep_crds::names::finalizer;
use skep_crds::platform::PlatformKind;
use skep_crds::{ClusterDeployment, Stage};

use super::decide::{ClusterPlan, Step, decide};
use super::observed::{
    Attempt, Credentials, Deprovision, Failure, Identity, ImageJob, Images, Inputs, Limits,
    Observed, Origin, Platform, PlatformFacts, Progress, PullSecret, Recorded, Release, Reported,
    Secrets, Settings, Wishes,
};
use super::status::Status;
use crate::controllers::checks::Check;
use crate::controllers::erasure::State;
use crate::controllers::inputs::Read;
use crate::runtime::{At, Key};

pub(super) fn start() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

pub(super) fn later(seconds: i64) -> Timestamp {
    start() + SignedDuration::from_secs(seconds)
}

/// A cluster to be installed, everything for the first attempt there and checked.
pub(super) fn ready() -> Observed {
    Observed {
        at: At {
            key: Key {
                namespace: "team".into(),
                name: "demo".into(),
                uid: "u-1".into(),
            },
            version: "7".into(),
        },
        created: start(),
        deleting_since: None,
        wishes: Wishes::default(),
        stale_labels: BTreeMap::new(),
        finalizers: vec![finalizer::DEPROVISION.into()],
        platform: Platform {
            kind: PlatformKind::Aws,
            supported: true,
            manage_dns: false,
        },
        origin: Origin::Provisioning,
        installed: false,
        identity: None,
        account: None,
        preserve: false,
        used_by: None,
        inputs: Inputs {
            install_config_secret: Some("demo-install-config".into()),
            install_config: Read::Known(Ok(())),
            customization: None,
            not_there: None,
            release: Release::Image("release:1".into()),
            pull_secret: PullSecret::Ready("d".into()),
            merged: Read::Known("d".into()),
            credentials: Credentials::Present {
                what: "Secret team/creds".into(),
                fingerprint: "f".into(),
            },
            check: Check::Accepted {
                account: "aws:1".into(),
            },
        },
        images: Images {
            resolved: true,
            installer_override: None,
            job: ImageJob::Absent,
            inputs: "i".into(),
            reported_failure: None,
        },
        attempts: Vec::new(),
        progress: Progress::default(),
        limits: Limits::default(),
        living_pods: 0,
        deprovision: None,
        erasure: State::Idle,
        secrets: Secrets {
            to_hold: Vec::new(),
            leaving: Vec::new(),
            to_release: Vec::new(),
            metadata: Read::Absent,
            unclaimed: Vec::new(),
            api_url: Read::Absent,
            discovered_zone_role: Read::Absent,
        },
        namespace_terminating: false,
        trusted_ca: true,
        trouble: None,
        settings: Settings {
            protect: false,
            deprovisions_disabled: false,
            image_known: true,
        },
        recorded: Recorded::default(),
    }
}

pub(super) fn with_inputs(change: impl FnOnce(&mut Inputs)) -> Observed {
    let mut observed = ready();
    change(&mut observed.inputs);
    observed
}

pub(super) fn attempt(number: i64, stage: Stage) -> Attempt {
    Attempt {
        name: ready().attempt_name(number),
        uid: format!("p-{number}"),
        number,
        stage,
        created: start(),
        deleting: false,
        reported: None,
        failure: None,
        stuck: None,
        milestone: None,
        cleaned_up: false,
        clean_up_stalled: None,
    }
}

pub(super) fn failed(number: i64, reason: &str) -> Attempt {
    let failure = Failure {
        reason: reason.into(),
        message: "m".into(),
        at: start(),
    };
    Attempt {
        failure: Some(failure),
        cleaned_up: true,
        clean_up_stalled: None,
        ..attempt(number, Stage::Failed)
    }
}

pub(super) fn reported() -> Reported {
    Reported {
        infra_id: "demo-x7k2p".into(),
        cluster_id: "c-1".into(),
        kubeconfig: Some("k".into()),
        password: Some("p".into()),
        account: Some("aws:1".into()),
        metadata_digest: Some("m".into()),
        facts: aws_facts(),
    }
}

pub(super) fn aws_facts() -> PlatformFacts {
    PlatformFacts {
        hosted_zone_role: Some(String::new()),
        ..PlatformFacts::default()
    }
}

pub(super) fn identity() -> Identity {
    Identity {
        infra_id: "demo-x7k2p".into(),
        cluster_id: "c-1".into(),
        kubeconfig: "k".into(),
        password: Some("p".into()),
        metadata_secret: Some("demo-metadata-json".into()),
        facts: aws_facts(),
    }
}

/// A cluster whose attempt runs.
pub(super) fn provisioning(stage: Stage) -> Observed {
    let running = Attempt {
        reported: Some(reported()),
        ..attempt(0, stage)
    };
    let mut observed = ready();
    observed.progress.provision = Some(running.name.clone());
    observed.progress.started = true;
    observed.attempts = vec![running];
    observed
}

/// The same with everything that the attempt reported on record.
pub(super) fn synced(stage: Stage) -> Observed {
    let mut observed = provisioning(stage);
    observed.identity = Some(identity());
    observed.account = Some("aws:1".into());
    observed.secrets.metadata = Read::Known("m".into());
    observed
}

/// An installed cluster at rest.
pub(super) fn installed() -> Observed {
    let mut observed = synced(Stage::Complete);
    observed.installed = true;
    observed.progress.stamped = true;
    observed.progress.api_url_known = true;
    observed
}

/// An installed cluster that is being deleted, its attempts gone.
pub(super) fn deleting() -> Observed {
    Observed {
        deleting_since: Some(start()),
        attempts: Vec::new(),
        ..installed()
    }
}

pub(super) fn plan(observed: &Observed) -> ClusterPlan {
    decide(observed, start())
}

/// What a plan records in the end.
pub(super) fn verdict(plan: &ClusterPlan, type_: &str) -> Option<(ConditionStatus, String)> {
    let said = |status: &Option<Status>| {
        let verdict = status.as_ref()?.verdict(type_)?;
        Some((verdict.status.clone(), verdict.reason.clone()))
    };
    said(&plan.outcome).or_else(|| said(&plan.intent))
}

pub(super) fn holds(plan: &ClusterPlan, type_: &str) -> Option<String> {
    verdict(plan, type_)
        .filter(|(status, _)| *status == ConditionStatus::True)
        .map(|(_, reason)| reason)
}

pub(super) fn holds_not(plan: &ClusterPlan, type_: &str) -> Option<String> {
    verdict(plan, type_)
        .filter(|(status, _)| *status == ConditionStatus::False)
        .map(|(_, reason)| reason)
}

pub(super) fn first_attempt() -> Step {
    Step::CreateProvision {
        name: ready().attempt_name(0),
        number: 0,
        previous: None,
    }
}

pub(super) fn ended(tries: u32, inputs: &str, failure: bool) -> ImageJob {
    ImageJob::Ended {
        uid: "j".into(),
        at: start(),
        tries,
        inputs: inputs.into(),
        failure: failure.then(|| ("DeadlineExceeded".into(), "m".into())),
    }
}

pub(super) fn deprovision() -> Deprovision {
    Deprovision {
        uid: "d-1".into(),
        created: start(),
        deleting: false,
        completed: false,
        infra_id: "demo-x7k2p".into(),
        authentication: None,
        summary: None,
    }
}

pub(super) fn root(status: &serde_json::Value) -> ClusterDeployment {
    serde_json::from_value(json!({
        "metadata": {"name": "demo"},
        "spec": {"baseDomain": "example.com", "clusterName": "demo", "platform": {}},
        "status": status,
    }))
    .unwrap()
}
