//! The install manager itself, against a hub in memory and an installer of a few lines: what the hub, the
//! node and the user's inputs may do to an attempt without costing it, and how it is told when they do cost
//! it (docs/spec/10 §14, §26.1).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use skep_crds::names::env;
use skep_crds::names::reason::skep::{INSTALL_POD_FAILED, INSTALL_POD_INTERRUPTED};
use skep_crds::platform::PlatformKind;
use skep_crds::{ClusterProvision, Stage};
use skep_providers::fake::FakeCloud;
use skep_providers::{AccountId, Cloud};
use skep_sim::apiserver::faults::{Kind, Rule};
use skep_sim::apiserver::{ApiServer, Clock, Latency};
use tokio::sync::watch;

use super::hub::{self, Hub};
use super::runner::{Ended, Installer};
use super::{Error, Failed, Settings, run};
use crate::install::classify::Patterns;

const HIVE: &str = "hive.openshift.io";
const NAMESPACE: &str = "team";
const ATTEMPT: &str = "demo-0-abcde";
const POD: &str = "install-pod";
const CANARY: &str = "skep-canary-7f3a";

/// The installer's last command when all goes well: it adds to the kubeconfig.
const SUCCEEDS: &str = "echo router >> auth/kubeconfig";

/// It has begun, and never ends.
const NEVER_ENDS: &str = "echo 'level=warning msg=VpcLimitExceeded'
    echo 'level=info msg=\"Creating infrastructure resources...\"' > .openshift_install.log
    exec sleep 3600";

/// A pod on a hub in memory.
struct World {
    server: ApiServer,
    pod: tempfile::TempDir,
    stop: watch::Sender<bool>,
    variables: BTreeMap<String, String>,
    clouds: BTreeMap<PlatformKind, Arc<dyn Cloud>>,
}

impl World {
    /// With everything that an attempt needs, and an installer whose `create cluster` is this.
    fn new(create_cluster: &str) -> Self {
        // The attempt is as young as can be, whatever the clock of the machine says.
        let start: Timestamp = "2100-01-01T00:00:00Z".parse().unwrap();
        let server = ApiServer::new(7, Clock::starting_at(start), Latency::default());
        server.seed_object("", "namespaces", &json!({"metadata": {"name": NAMESPACE}}));
        let cluster = json!({
            "metadata": {"namespace": NAMESPACE, "name": "demo"},
            "spec": {"clusterName": "demo", "baseDomain": "example.com", "platform": {"none": {}}},
        });
        server.seed_object(HIVE, "clusterdeployments", &cluster);
        let attempt = json!({
            "metadata": {"namespace": NAMESPACE, "name": ATTEMPT},
            "spec": {
                "attempt": 0, "clusterDeploymentRef": {"name": "demo"}, "podSpec": {"containers": []},
                "stage": "initializing",
            },
        });
        server.seed_object(HIVE, "clusterprovisions", &attempt);
        let world = Self {
            server,
            pod: tempfile::tempdir().unwrap(),
            stop: watch::channel(false).0,
            variables: [
                (env::INSTALLCONFIG_SECRET_NAME, "install-config"),
                (env::PULLSECRET_SECRET_NAME, "pull-secret"),
                (env::CREDS_SECRET_NAME, "credentials"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
            clouds: BTreeMap::new(),
        };
        let config = "metadata: {name: demo}\nbaseDomain: example.com\nplatform: {none: {}}\n";
        world.seed_secret("install-config", "install-config.yaml", config);
        let pull = format!("{{\"auths\": {{\"example.com\": {{\"auth\": \"{CANARY}-pull\"}}}}}}");
        world.seed_secret("pull-secret", ".dockerconfigjson", &pull);
        let credentials = format!("[default]\naws_secret_access_key = {CANARY}\n");
        world.seed_secret("credentials", "aws_config", &credentials);
        for result in ["admin-kubeconfig", "admin-password"] {
            let secret = json!({"metadata": {"namespace": NAMESPACE, "name": format!("{ATTEMPT}-{result}")}});
            world.server.seed_object("", "secrets", &secret);
        }
        // The program is a shell; it takes the command's first word for its script.
        let script = format!(
            "echo \"$1\" >> ../calls\necho 'level=debug msg=\"key {CANARY}\"'\ncase $1 in\n\
             manifests) mkdir manifests ;;\n\
             ignition-configs)\n mkdir auth\n echo bootstrap > auth/kubeconfig\n \
             echo {CANARY}-admin > auth/kubeadmin-password\n \
             echo '{{\"infraID\": \"demo-x7k2p\", \"clusterID\": \"c-1\"}}' > metadata.json ;;\n\
             cluster)\n {create_cluster}\n ;;\nesac\n"
        );
        fs::create_dir(world.work_dir()).unwrap();
        fs::write(world.work_dir().join("create"), script).unwrap();
        world
    }

    fn naming(mut self, variable: &str, value: &str) -> Self {
        self.variables.insert(variable.to_owned(), value.to_owned());
        self
    }

    fn seed_secret(&self, name: &str, key: &str, value: &str) {
        let data = json!({key: STANDARD.encode(value)});
        let secret = json!({"metadata": {"namespace": NAMESPACE, "name": name}, "data": data});
        self.server.seed_object("", "secrets", &secret);
    }

    fn work_dir(&self) -> PathBuf {
        self.pod.path().join("output")
    }

    /// Runs the attempt beside an operator that gives permission and then does `at_permission`.
    async fn run(&self, at_permission: impl AsyncFnOnce()) -> Result<(), Failed> {
        let settings = Settings {
            namespace: NAMESPACE.to_owned(),
            provision: ATTEMPT.to_owned(),
            work_dir: self.work_dir(),
            root: self.pod.path().to_owned(),
            installer: PathBuf::from("/bin/sh"),
            variables: self.variables.clone(),
        };
        let pod = run(
            &settings,
            self.server.client(POD),
            &self.clouds,
            self.stop.subscribe(),
        );
        let operator = async {
            self.server
                .when(|_| self.attempt()["spec"]["infraID"].as_str().map(drop))
                .await;
            at_permission().await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            outcome = pod => outcome,
            () = operator => unreachable!("the operator does not end"),
        }
    }

    async fn permit(&self) {
        let api: Api<ClusterProvision> = Api::namespaced(self.server.client("operator"), NAMESPACE);
        let patch = Patch::Merge(json!({"spec": {"stage": "provisioning"}}));
        api.patch(ATTEMPT, &PatchParams::default(), &patch)
            .await
            .unwrap();
    }

    /// Every such request of the pod fails from now on, `times` times.
    fn break_hub(&self, times: u64, verb: &str, plural: &str, kind: Kind) {
        let rule = Rule {
            agent: POD.to_owned(),
            ..Rule::times(times, verb, plural, kind)
        };
        self.server.faults().add(rule);
    }

    fn attempt(&self) -> Value {
        let found = self
            .server
            .object(HIVE, "clusterprovisions", NAMESPACE, ATTEMPT);
        found.unwrap_or_default()
    }

    fn log(&self) -> String {
        self.attempt()["spec"]["installLog"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    fn kubeconfig(&self) -> Option<String> {
        let name = format!("{ATTEMPT}-admin-kubeconfig");
        let secret = self.server.object("", "secrets", NAMESPACE, &name)?;
        let encoded = secret["data"]["kubeconfig"].as_str()?;
        Some(String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap())
    }

    /// What the installer was asked to do.
    fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.pod.path().join("calls")).unwrap_or_default();
        calls.lines().map(str::to_owned).collect()
    }

    async fn delete_kubeconfig(&self) {
        let secrets: Api<Secret> = Api::namespaced(self.server.client("tool"), NAMESPACE);
        let name = format!("{ATTEMPT}-admin-kubeconfig");
        secrets
            .delete(&name, &DeleteParams::default())
            .await
            .unwrap();
    }
}

const BOTH_KUBECONFIGS: &str = "bootstrap\nrouter\n";

#[tokio::test(start_paused = true)]
async fn an_attempt_leaves_its_results_on_the_hub() {
    let world = World::new(SUCCEEDS);
    world.run(async || world.permit().await).await.unwrap();
    assert_eq!(world.calls(), ["manifests", "ignition-configs", "cluster"]);
    assert_eq!(world.kubeconfig().as_deref(), Some(BOTH_KUBECONFIGS));
    assert_eq!(world.attempt()["spec"]["clusterID"], "c-1");
    // The installer printed the value of a setting, not the line of the Secret.
    let log = world.log();
    assert!(
        log.contains("key REDACTED") && !log.contains(CANARY),
        "{log}"
    );
}

/// A cluster that is installed must never be taken for a failed attempt: it would be erased.
#[tokio::test(start_paused = true)]
async fn a_hub_that_does_not_take_the_last_write_costs_no_cluster() {
    for (kind, words) in [
        (Kind::Forbidden, "is forbidden"),
        (Kind::InternalError, "the hub does not take it"),
    ] {
        let world = World::new(SUCCEEDS);
        let outcome = world.run(async || {
            world.break_hub(u64::MAX, "PATCH", "secrets", kind);
            world.permit().await;
        });
        outcome.await.unwrap();
        assert_eq!(
            world.kubeconfig().as_deref(),
            Some("bootstrap\n"),
            "{kind:?}"
        );
        let log = world.log();
        assert!(
            log.contains("the cluster is installed, but Secret"),
            "{kind:?}: {log}"
        );
        assert!(log.contains(words), "{kind:?}: {log}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_is_away_at_the_end_is_waited_for() {
    let world = World::new(SUCCEEDS);
    let outcome = world.run(async || {
        world.break_hub(100, "PATCH", "secrets", Kind::InternalError);
        world.permit().await;
    });
    outcome.await.unwrap();
    assert_eq!(world.kubeconfig().as_deref(), Some(BOTH_KUBECONFIGS));
}

#[tokio::test(start_paused = true)]
async fn a_result_that_somebody_deleted_costs_no_cluster() {
    let world = World::new(SUCCEEDS);
    let outcome = world.run(async || {
        world.delete_kubeconfig().await;
        world.permit().await;
    });
    outcome.await.unwrap();
    assert_eq!(world.kubeconfig(), None);
    assert!(
        world.log().contains("the cluster is installed, but Secret"),
        "{}",
        world.log()
    );
}

#[tokio::test(start_paused = true)]
async fn a_result_that_is_made_again_is_filled_again() {
    let world = World::new(SUCCEEDS);
    let outcome = world.run(async || {
        world.delete_kubeconfig().await;
        world.permit().await;
        // The installer runs for a while before the operator comes to it.
        tokio::time::sleep(Duration::from_secs(5)).await;
        let secrets: Api<Secret> = Api::namespaced(world.server.client("operator"), NAMESPACE);
        let mut empty = Secret::default();
        empty.metadata.name = Some(format!("{ATTEMPT}-admin-kubeconfig"));
        secrets
            .create(&PostParams::default(), &empty)
            .await
            .unwrap();
    });
    outcome.await.unwrap();
    assert_eq!(world.kubeconfig().as_deref(), Some(BOTH_KUBECONFIGS));
}

/// docs/spec/10 §26.1 W27.
#[tokio::test(start_paused = true)]
async fn a_hub_that_blinks_while_the_pod_starts_costs_no_attempt() {
    for (times, kind) in [(20, Kind::InternalError), (3, Kind::Forbidden)] {
        let world = World::new(SUCCEEDS);
        world.break_hub(times, "GET", "", kind);
        world.run(async || world.permit().await).await.unwrap();
        assert_eq!(world.calls().len(), 3, "{kind:?}");
    }
}

/// docs/spec/10 §14.2 step 2: what is named must be there, and nothing is begun without it.
#[tokio::test(start_paused = true)]
async fn an_input_that_is_not_there_ends_the_attempt_before_the_installer() {
    for (variable, words) in [
        (env::MANIFESTS_CONFIGMAP_NAME, "there is no ConfigMap extra"),
        (env::MANIFESTS_SECRET_NAME, "there is no Secret extra"),
        (env::SSH_PRIVATE_KEY_SECRET_PATH, "there is no Secret extra"),
        (
            env::BOUND_TOKEN_SIGNING_KEY_SECRET_NAME,
            "there is no Secret extra",
        ),
    ] {
        let world = World::new(SUCCEEDS).naming(variable, "extra");
        let failed = world.run(async || world.permit().await).await.unwrap_err();
        assert_eq!(
            failed.words,
            format!("{INSTALL_POD_FAILED}: {words}"),
            "{variable}"
        );
        assert_eq!(world.calls(), Vec::<String>::new());
        let verdict = Patterns::shipped().classify(Some(&world.log()));
        assert_eq!(verdict.message, words, "{variable}");
    }
}

/// docs/runbooks.md: the brake stops all deletions, those of the pod's safety net too.
#[tokio::test(start_paused = true)]
async fn remains_are_left_alone_while_deletions_are_switched_off() {
    for switch in ["true", ""] {
        let mut world = World::new(SUCCEEDS).naming(env::DEPROVISIONS_DISABLED, switch);
        let cloud = FakeCloud::new("aws");
        cloud.accept("AKIAFAKE", AccountId::new("aws", "123456789012"));
        world.clouds.insert(PlatformKind::None, Arc::new(cloud));
        world.seed_secret("key", "aws_access_key_id", "AKIAFAKE");
        world = world.naming(env::CREDS_SECRET_NAME, "key");
        let api: Api<ClusterProvision> =
            Api::namespaced(world.server.client("operator"), NAMESPACE);
        // Nobody knows any more what it was, so that it can only be left alone.
        let patch = Patch::Merge(json!({"spec": {"prevInfraID": "demo-a1b2c"}}));
        api.patch(ATTEMPT, &PatchParams::default(), &patch)
            .await
            .unwrap();
        let outcome = world.run(async || world.permit().await).await;
        if switch.is_empty() {
            let failed = outcome.unwrap_err();
            assert!(matches!(failed.error, Error::Leftovers { .. }), "{failed}");
        } else {
            outcome.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_the_installer_is_left_to_its_log() {
    let world = World::new("echo 'level=error msg=VpcLimitExceeded'; exit 4");
    let failed = world.run(async || world.permit().await).await.unwrap_err();
    assert!(matches!(failed.error, Error::Installer { .. }), "{failed}");
    let verdict = Patterns::shipped().classify(Some(&world.log()));
    assert_eq!(verdict.reason, "AWSVPCLimitExceeded");
}

/// docs/spec/10 §26.1 W22: what the installer warned of before is not why it ended.
#[tokio::test(start_paused = true)]
async fn a_pod_that_is_told_to_stop_says_so() {
    let world = World::new(NEVER_ENDS);
    let outcome = world.run(async || {
        world.permit().await;
        let told = |_: &ApiServer| {
            let annotations = &world.attempt()["metadata"]["annotations"];
            annotations["skep.dev/install-progress"].as_str().map(drop)
        };
        world.server.when(told).await;
        world.stop.send_replace(true);
    });
    let failed = outcome.await.unwrap_err();
    assert!(
        matches!(failed.error, Error::Interrupted { .. }),
        "{failed}"
    );
    assert!(
        failed.words.starts_with(INSTALL_POD_INTERRUPTED),
        "{failed}"
    );
    let verdict = Patterns::shipped().classify(Some(&world.log()));
    assert_eq!(verdict.reason, INSTALL_POD_INTERRUPTED);
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_is_told_to_stop_waits_for_no_permission() {
    let world = World::new(SUCCEEDS);
    let outcome = world.run(async || {
        world.stop.send_replace(true);
    });
    let failed = outcome.await.unwrap_err();
    assert!(
        failed.words.starts_with(INSTALL_POD_INTERRUPTED),
        "{failed}"
    );
    assert_eq!(world.calls(), ["manifests", "ignition-configs"]);
}

/// Neither a hub that is away nor an attempt that is gone keeps a pod that is told to stop.
#[tokio::test(start_paused = true)]
async fn the_handshake_ends_with_its_attempt_and_with_its_pod() {
    let world = World::new(SUCCEEDS);
    let hub = |name: &str| {
        Hub::new(
            world.server.client(POD),
            NAMESPACE,
            name,
            world.stop.subscribe(),
        )
    };
    let gone = hub("another").permission().await;
    assert!(matches!(gone, Err(hub::Error::Deleted)), "{gone:?}");
    world.break_hub(u64::MAX, "GET", "clusterprovisions", Kind::InternalError);
    let waiting = hub(ATTEMPT);
    let stop = async {
        tokio::time::sleep(Duration::from_mins(90)).await;
        world.stop.send_replace(true);
    };
    let (waited, ()) = tokio::join!(waiting.permission(), stop);
    assert!(
        waited.as_ref().is_err_and(hub::Error::is_stop),
        "{waited:?}"
    );
}

/// The pod's last seconds are for the log, whatever the hub does.
#[tokio::test(start_paused = true)]
async fn a_pod_that_is_told_to_stop_after_its_success_has_succeeded() {
    let world = World::new(SUCCEEDS);
    let outcome = world.run(async || {
        world.break_hub(u64::MAX, "PATCH", "secrets", Kind::InternalError);
        world.permit().await;
        let asked = |server: &ApiServer| (server.faults().injected > 0).then_some(());
        while asked(&world.server).is_none() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        world.stop.send_replace(true);
    });
    outcome.await.unwrap();
}

#[test]
fn the_last_write_is_waited_for_until_the_jobs_deadline_is_near() {
    let created: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let mut attempt = ClusterProvision::new(ATTEMPT, skep_crds::ClusterProvisionSpec::default());
    attempt.metadata.creation_timestamp = Some(
        k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(created),
    );
    for (minutes, patience) in [(0, 170), (60, 110), (169, 1), (600, 1), (-5, 170)] {
        let now = created + jiff::SignedDuration::from_mins(minutes);
        let expected = Duration::from_mins(patience);
        assert_eq!(
            super::run::patience_at_end(&attempt, now),
            expected,
            "{minutes}"
        );
    }
}

/// An installer that was done when the signal reached it has made everything.
#[tokio::test]
async fn a_command_that_ends_well_in_spite_of_the_signal_has_ended_well() {
    for (code, expected) in [(0, true), (3, false)] {
        let pod = tempfile::tempdir().unwrap();
        let script = format!("trap 'exit {code}' TERM\necho ready\nwhile :; do sleep 0.01; done\n");
        fs::write(pod.path().join("create"), script).unwrap();
        let (stop, told) = watch::channel(false);
        let installer = Installer {
            program: PathBuf::from("/bin/sh"),
            work_dir: pod.path().to_owned(),
            console_log: pod.path().join("console"),
            environment: Vec::new(),
            stop: told,
        };
        let ready = async {
            while !is_written(&installer.console_log) {
                tokio::task::yield_now().await;
            }
            stop.send_replace(true);
        };
        let (ended, ()) = tokio::join!(installer.run(&["create", "cluster"], None), ready);
        let ended = ended.unwrap();
        let well = matches!(ended, Ended::Exited(status) if status.success());
        assert_eq!(well, expected, "{ended:?}");
        assert_eq!(ended == Ended::Interrupted, !expected, "{ended:?}");
    }
}

fn is_written(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|file| file.len() > 0)
}

#[test]
fn only_an_attempt_that_is_not_over_is_made() {
    for (stage, due) in [
        (Stage::Initializing, true),
        (Stage::Provisioning, true),
        (Stage::Complete, false),
        (Stage::Failed, false),
    ] {
        let mut attempt =
            ClusterProvision::new(ATTEMPT, skep_crds::ClusterProvisionSpec::default());
        attempt.spec.stage = stage;
        let mut cluster =
            skep_crds::ClusterDeployment::new("demo", skep_crds::ClusterDeploymentSpec::default());
        assert_eq!(super::run::is_due(&attempt, &cluster), due);
        cluster.spec.installed = true;
        assert!(!super::run::is_due(&attempt, &cluster));
    }
}
