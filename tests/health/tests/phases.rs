//! The life of a cluster, phase by phase, as generic tools see it (docs/gitops.md has the same table).
//!
//! The conditions of a phase are those that the controllers of docs/spec/10 §21 and docs/spec/21 leave, brought
//! into the list by the functions that they use.
#![expect(clippy::unwrap_used, reason = "a broken fixture ends the test")]

use jiff::Timestamp;
use serde_json::{Value, json};
use skep_crds::ClusterDeployment;
use skep_crds::condition::{
    Condition, ConditionStatus, initialize, is_counted, sort_cluster_deployment, standing,
};
use skep_crds::names::condition::cd;
use skep_health::argocd::Check;
use skep_health::kstatus::{self, Verdict};

/// A phase.
struct Phase {
    name: &'static str,
    /// What its spec says beyond the least.
    spec: Value,
    deleting: bool,
    /// `Type=Status/Reason`.
    conditions: &'static [&'static str],
    power: &'static str,
    kstatus: Verdict,
    argocd: &'static str,
    /// A word of what Argo CD shows.
    shown: &'static str,
}

/// Not even looked at.
fn unseen() -> Phase {
    Phase {
        name: "new",
        spec: json!({}),
        deleting: false,
        conditions: &[],
        power: "",
        kstatus: Verdict::Current,
        argocd: "Progressing",
        shown: "being prepared",
    }
}

fn installing(
    name: &'static str,
    conditions: &'static [&'static str],
    kstatus: Verdict,
    argocd: &'static str,
    shown: &'static str,
) -> Phase {
    Phase {
        name,
        conditions,
        kstatus,
        argocd,
        shown,
        ..unseen()
    }
}

fn identity() -> Value {
    json!({"infraID": "i", "clusterID": "c", "adminKubeconfigSecretRef": {"name": "k"}})
}

fn installed(
    name: &'static str,
    power: (&'static str, &'static str),
    conditions: &'static [&'static str],
    kstatus: Verdict,
    argocd: &'static str,
    shown: &'static str,
) -> Phase {
    let (wanted, is) = power;
    let mut spec = json!({"installed": true, "clusterMetadata": identity()});
    if !wanted.is_empty() {
        spec["powerState"] = json!(wanted);
    }
    Phase {
        spec,
        power: is,
        ..installing(name, conditions, kstatus, argocd, shown)
    }
}

fn deleting(
    name: &'static str,
    conditions: &'static [&'static str],
    argocd: &'static str,
    shown: &'static str,
) -> Phase {
    Phase {
        deleting: true,
        ..installed(
            name,
            ("", ""),
            conditions,
            Verdict::Terminating,
            argocd,
            shown,
        )
    }
}

fn phases() -> Vec<Phase> {
    use Verdict::{Current, Failed, InProgress};
    vec![
        installing(
            "requirements not met",
            &["RequirementsMet=False/ClusterImageSetNotFound"],
            Failed,
            "Degraded",
            "RequirementsMet",
        ),
        installing(
            "credentials refused",
            &[
                "RequirementsMet=True/AllRequirementsMet",
                "AuthenticationFailure=True/PlatformAuthError",
            ],
            Failed,
            "Degraded",
            "AuthenticationFailure",
        ),
        installing(
            "resolving images",
            &[
                "RequirementsMet=True/AllRequirementsMet",
                "AuthenticationFailure=False/PlatformAuthSuccess",
            ],
            InProgress,
            "Progressing",
            "looked at",
        ),
        installing(
            "provisioning",
            &[
                "InstallImagesNotResolved=False/ImagesResolved",
                "Provisioned=False/Provisioning",
            ],
            InProgress,
            "Progressing",
            "Provisioned",
        ),
        installing(
            "failed attempt, retrying",
            &[
                "ProvisionFailed=True/AWSVPCLimitExceeded",
                "Provisioned=False/Provisioning",
            ],
            InProgress,
            "Progressing",
            "Provisioned",
        ),
        installing(
            "stopped",
            &[
                "ProvisionFailed=True/AWSVPCLimitExceeded",
                "ProvisionStopped=True/InstallAttemptsLimitReached",
                "Provisioned=False/ProvisionStopped",
            ],
            Failed,
            "Degraded",
            "ProvisionStopped",
        ),
        installed(
            "installed, nobody looks after its power",
            ("", ""),
            &["Provisioned=True/Provisioned"],
            Current,
            "Healthy",
            "installed",
        ),
        installed(
            "installed and running",
            ("Running", "Running"),
            &[
                "Provisioned=True/Provisioned",
                "Hibernating=False/ResumingOrRunning",
                "Ready=True/Running",
                "Unreachable=False/ClusterReachable",
            ],
            Current,
            "Healthy",
            "installed",
        ),
        installed(
            "stopping",
            ("Hibernating", "WaitingForMachinesToStop"),
            &[
                "Provisioned=True/Provisioned",
                "Hibernating=False/WaitingForMachinesToStop",
                "Ready=False/StoppingOrHibernating",
            ],
            InProgress,
            "Progressing",
            "Hibernating",
        ),
        installed(
            "hibernating",
            ("Hibernating", "Hibernating"),
            &[
                "Provisioned=True/Provisioned",
                "Hibernating=True/Hibernating",
                "Ready=False/StoppingOrHibernating",
                "Unreachable=True/ErrorConnectingToCluster",
            ],
            // kstatus reads Ready, which is the API's power condition: the limit that docs/gitops.md tells.
            InProgress,
            "Healthy",
            "hibernates",
        ),
        installed(
            "resuming",
            ("Running", "WaitingForNodes"),
            &[
                "Provisioned=True/Provisioned",
                "Hibernating=False/ResumingOrRunning",
                "Ready=False/WaitingForNodes",
            ],
            InProgress,
            "Progressing",
            "Ready",
        ),
        installed(
            "told to resume, not begun",
            ("Running", "Hibernating"),
            &[
                "Provisioned=True/Provisioned",
                "Hibernating=True/Hibernating",
                "Ready=False/StoppingOrHibernating",
            ],
            InProgress,
            "Progressing",
            "Hibernating",
        ),
        installed(
            "unreachable",
            ("Running", "Running"),
            &[
                "Provisioned=True/Provisioned",
                "Hibernating=False/ResumingOrRunning",
                "Ready=True/Running",
                "Unreachable=True/ErrorConnectingToCluster",
            ],
            InProgress,
            "Degraded",
            "Unreachable",
        ),
        installed(
            "power not managed",
            ("", "Running"),
            &[
                "Provisioned=True/Provisioned",
                "Hibernating=False/Unsupported",
                "Ready=True/Running",
            ],
            Current,
            "Healthy",
            "installed",
        ),
        deleting(
            "deleting",
            &["Provisioned=False/Deprovisioning"],
            "Progressing",
            "Provisioned",
        ),
        deleting(
            "deprovision blocked",
            &[
                "Provisioned=False/DeprovisionFailed",
                "DeprovisionLaunchError=True/AuthenticationFailed",
            ],
            "Degraded",
            "DeprovisionLaunchError",
        ),
        deleting(
            "deletion refused",
            &[
                "Provisioned=True/Provisioned",
                "DeprovisionLaunchError=True/DeleteProtected",
            ],
            "Degraded",
            "DeprovisionLaunchError",
        ),
    ]
}

fn parse(said: &str, now: Timestamp) -> Condition {
    let (type_, rest) = said.split_once('=').unwrap();
    let (status, reason) = rest.split_once('/').unwrap();
    let status: ConditionStatus = serde_json::from_value(json!(status)).unwrap();
    assert!(cd::ALL.contains(&type_), "{type_}");
    Condition::new(type_, status, reason, &format!("what {type_} says"), now)
}

/// The object in a phase; `seen`: with what Skep adds, else as another operator leaves it.
fn object(phase: &Phase, seen: bool) -> Value {
    let now = Timestamp::UNIX_EPOCH;
    let mut object = json!({
        "apiVersion": "hive.openshift.io/v1",
        "kind": "ClusterDeployment",
        "metadata": {"name": "demo", "namespace": "team", "generation": 3},
        "spec": {"baseDomain": "example.com", "clusterName": "demo", "platform": {}},
        "status": {"conditions": []},
    });
    for (name, value) in phase.spec.as_object().unwrap() {
        object["spec"][name] = value.clone();
    }
    if phase.deleting {
        object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    }
    if !phase.power.is_empty() {
        object["status"]["powerState"] = json!(phase.power);
    }
    let mut conditions: Vec<_> = phase
        .conditions
        .iter()
        .map(|said| parse(said, now))
        .collect();
    initialize(&mut conditions, cd::INITIALIZED_BY_CLUSTER_DEPLOYMENT, now);
    if seen {
        let root: ClusterDeployment = serde_json::from_value(object.clone()).unwrap();
        let stands = standing::of_cluster(&root, &conditions, now);
        standing::record(&mut conditions, &stands, true, now);
    }
    sort_cluster_deployment(&mut conditions);
    object["status"]["conditions"] = json!(conditions);
    object
}

fn check() -> Check {
    let text = include_str!("../../../manifests/argocd/argocd-cm.yaml");
    Check::of_kind(text, "hive.openshift.io", "ClusterDeployment").unwrap()
}

#[test]
fn every_phase_is_what_it_is_to_kstatus_and_to_argo_cd() {
    let check = check();
    for phase in phases() {
        let object = object(&phase, true);
        assert_eq!(kstatus::verdict(&object), phase.kstatus, "{}", phase.name);
        let health = check.run(&object).unwrap();
        assert_eq!(health.status, phase.argocd, "{}: {health:?}", phase.name);
        assert!(
            health.message.contains(phase.shown),
            "{}: {health:?}",
            phase.name
        );
    }
}

/// Argo CD alone also judges what another operator writes, except where only Skep says why nothing goes on.
#[test]
fn argo_cd_judges_without_what_skep_adds() {
    let check = check();
    for phase in phases() {
        let health = check.run(&object(&phase, false)).unwrap();
        let expected = match phase.name {
            "credentials refused" | "deprovision blocked" | "deletion refused" => "Progressing",
            _ => phase.argocd,
        };
        assert_eq!(health.status, expected, "{}: {health:?}", phase.name);
    }
}

/// Between `kubectl apply` and the first look: Argo CD knows better, kstatus cannot.
#[test]
fn an_object_that_nobody_has_seen_says_nothing() {
    let phase = unseen();
    let bare = json!({
        "metadata": {"name": "demo", "namespace": "team", "generation": 1},
        "spec": {"baseDomain": "example.com", "clusterName": "demo", "platform": {}},
    });
    assert_eq!(kstatus::verdict(&bare), phase.kstatus);
    let health = check().run(&bare).unwrap();
    assert_eq!(health.status, phase.argocd);
    assert!(health.message.contains(phase.shown), "{health:?}");
    assert_eq!(kstatus::verdict(&object(&phase, true)), Verdict::InProgress);
    // The schema asks for no spec at all.
    let nothing = json!({"metadata": {"name": "demo", "namespace": "team"}});
    let health = check().run(&nothing).unwrap();
    assert_eq!(health.status, phase.argocd);
    assert!(health.message.contains(phase.shown), "{health:?}");
}

/// The first element stays what tools of this API take it for, and metrics count what they counted.
#[test]
fn what_is_added_comes_last_and_is_not_counted() {
    for phase in phases() {
        let (with, without) = (object(&phase, true), object(&phase, false));
        let list = |object: &Value| -> Vec<Condition> {
            serde_json::from_value(object["status"]["conditions"].clone()).unwrap()
        };
        let counted: Vec<_> = list(&with).into_iter().filter(is_counted).collect();
        let added = list(&with).len() - counted.len();
        assert_eq!(counted, list(&without), "{}", phase.name);
        assert!(list(&with).iter().rev().take(added).all(|c| !is_counted(c)));
        assert!(added <= 2, "{}", phase.name);
    }
}

/// The rules themselves, each by an object that only it can decide.
#[test]
fn kstatus_asks_in_its_order() {
    let object = |metadata: Value, status: Value| json!({"metadata": metadata, "status": status});
    let said = |list: &[(&str, &str)]| {
        let list: Vec<Value> = list
            .iter()
            .map(|(type_, status)| json!({"type": type_, "status": status}))
            .collect();
        json!({ "conditions": list })
    };
    let stale = json!({"generation": 2});
    for (what, metadata, status, expected) in [
        (
            "deleted",
            json!({"deletionTimestamp": "2026-01-01T00:00:00Z"}),
            said(&[("Stalled", "True")]),
            Verdict::Terminating,
        ),
        (
            "not seen",
            stale.clone(),
            json!({"observedGeneration": 1}),
            Verdict::InProgress,
        ),
        (
            "seen",
            stale.clone(),
            json!({"observedGeneration": 2}),
            Verdict::Current,
        ),
        (
            "no generation in the status",
            stale,
            json!({}),
            Verdict::Current,
        ),
        (
            "the first of both",
            json!({}),
            said(&[("Stalled", "True"), ("Reconciling", "True")]),
            Verdict::Failed,
        ),
        (
            "unusual before ready",
            json!({}),
            said(&[("Ready", "True"), ("Reconciling", "True")]),
            Verdict::InProgress,
        ),
        (
            "not unusual",
            json!({}),
            said(&[("Reconciling", "False"), ("Stalled", "False")]),
            Verdict::Current,
        ),
        (
            "not ready",
            json!({}),
            said(&[("Ready", "False")]),
            Verdict::InProgress,
        ),
        (
            "perhaps ready",
            json!({}),
            said(&[("Ready", "Unknown")]),
            Verdict::InProgress,
        ),
        (
            "ready",
            json!({}),
            said(&[("Ready", "True")]),
            Verdict::Current,
        ),
    ] {
        assert_eq!(
            kstatus::verdict(&object(metadata, status)),
            expected,
            "{what}"
        );
    }
}
