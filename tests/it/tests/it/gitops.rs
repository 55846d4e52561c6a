//! Git and the operator write the same objects. Whoever applies a manifest again, client-side or server-side,
//! changes nothing, meets no conflict, and takes nothing away, in no phase of a cluster's life (docs/gitops.md).

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use skep_kit::admission::{self, Webhook};
use skep_kit::cache;
use skep_kit::cloud::{Account, Fault, Speed};
use skep_kit::hub::Hub;
use skep_kit::objects::{Of, hive};
use skep_kit::oracle::Oracle;
use skep_kit::process::wait_until;
use skep_kit::scenario::{CANARY, ClusterScenario, SERVICES};
use skep_kit::spoke::{Aws, Fleet, SpokeOptions};

use crate::attempt::CLOUD;
use crate::examples;
use crate::schema::leaves;
use crate::world::{CD, PATIENCE, SKEP, World, finalizers, has_condition};

/// A hub whose operator works behind the shipped webhook and policies.
static GUARDED: LazyLock<(World, Webhook)> = LazyLock::new(|| {
    let mut world = World::new("it-gitops", &cache::checkout().join("crds/yaml"));
    let address = admission::free_address().unwrap();
    admission::register(&world.hub, address).expect("the shipped manifests apply");
    let webhook = Webhook::beside(&world.hub, &SKEP, "it-gitops-webhook", address)
        .expect("the webhook gets ready");
    admission::await_trust(&world.hub).expect("the API server trusts it");
    world.start_whole("it-gitops-operator");
    let operator = world.operators.first().unwrap();
    operator.await_lead().expect("the operator leads");
    (world, webhook)
});

/// A way to apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// As `kubectl apply` and Argo CD do by default: three-way, with an annotation of what was applied.
    Client,
    /// As Flux does, and Argo CD on request: the API server merges, and never by force.
    Server,
}

const BOTH: [Mode; 2] = [Mode::Client, Mode::Server];

impl Mode {
    fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Client => &[],
            Self::Server => &["--server-side", "--field-manager=gitops"],
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }

    fn run(self, hub: &Hub, verb: &str, manifests: &str) -> String {
        let mut arguments = vec![verb, "-f", "-"];
        arguments.extend(self.flags());
        hub.run_kubectl(&arguments, manifests)
            .unwrap_or_else(|error| panic!("{self:?}: {error:#}"))
    }

    /// `kubectl diff` succeeds only without a difference. What the operator writes while it compares would
    /// be one: then it is asked again.
    fn assert_in_sync(self, hub: &Hub, phase: &str, manifests: &str) {
        let mut arguments = vec!["diff", "-f", "-"];
        arguments.extend(self.flags());
        let versions = || {
            let path = "jsonpath={..metadata.resourceVersion}";
            hub.run_kubectl(&["get", "-f", "-", "-o", path], manifests)
                .unwrap_or_else(|error| panic!("{phase}, {self:?}: {error:#}"))
        };
        wait_until("a comparison in peace", PATIENCE, || {
            let before = versions();
            let outcome = hub.run_kubectl(&arguments, manifests);
            if outcome.is_err() && versions() != before {
                return Ok(Err("the objects were written meanwhile".to_owned()));
            }
            assert!(
                outcome.is_ok(),
                "{phase}, {self:?}: {:#}",
                outcome.unwrap_err()
            );
            Ok(Ok(()))
        })
        .unwrap();
    }
}

fn stream(objects: &[Value]) -> String {
    let documents: Vec<String> = objects.iter().map(Value::to_string).collect();
    documents.join("\n---\n")
}

/// What must be the same after somebody applied again. What was applied is theirs; when it was is not told.
fn essence(object: &Value) -> Value {
    let metadata = &object["metadata"];
    let mut annotations = metadata["annotations"].clone();
    if let Some(annotations) = annotations.as_object_mut() {
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    }
    json!({
        "labels": metadata["labels"],
        "annotations": annotations,
        "finalizers": metadata["finalizers"],
        "ownerReferences": metadata["ownerReferences"],
        "spec": object["spec"],
    })
}

/// What was there before and is not now, or is something else.
fn lost(before: &Value, after: &Value) -> Vec<String> {
    let mut lost: Vec<String> = leaves(before, "")
        .into_iter()
        .filter(|(path, value)| !value.is_null() && after.pointer(path) != Some(value))
        .map(|(path, value)| format!("{path}: {value}"))
        .collect();
    lost.sort();
    lost
}

/// A cluster that Git knows, on the hub with the real operator.
struct Life<'a> {
    world: &'a World,
    mode: Mode,
    account: Account,
    scenario: ClusterScenario,
    git: String,
}

const SECRET: Of<'static> = Of {
    version: "v1",
    kind: "Secret",
};

impl<'a> Life<'a> {
    /// A cluster that Git brings, without the kinds that Git does not bring yet.
    fn begin(world: &'a World, mode: Mode, life: &str, without: &[&str]) -> Self {
        let account = CLOUD.account().unwrap();
        let namespace = format!("gitops-{life}-{}", mode.suffix());
        let scenario = ClusterScenario {
            name: "demo".to_owned(),
            base_domain: "example.com".to_owned(),
            region: "us-east-1".to_owned(),
            endpoint: CLOUD.endpoint().to_owned(),
            access_key: account.access_key.clone(),
            secret_key: account.secret_key.clone(),
            installer_env: Vec::new(),
            attempts_limit: Some(2),
            image_set: format!("{namespace}-set"),
            namespace,
        };
        let mut life = Self {
            world,
            mode,
            account,
            scenario,
            git: String::new(),
        };
        life.bring(without);
        life
    }

    /// Git as the scenario has it now, without some kinds, is applied.
    fn bring(&mut self, without: &[&str]) {
        let mut manifests = self.scenario.manifests();
        manifests.retain(|object| !without.iter().any(|kind| object["kind"] == *kind));
        self.git = stream(&manifests);
        self.mode.run(&self.world.hub, "apply", &self.git);
    }

    fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let namespace = &self.scenario.namespace;
        let wanted = |found: Option<&Value>| found.is_some_and(&wanted);
        self.world
            .until(CD, namespace, "demo", what, wanted)
            .unwrap()
    }

    /// Its own: what carries another's is not deleted.
    fn infra_id(&self) -> String {
        format!("{}-x7k2p", self.scenario.namespace)
    }

    fn object(&self) -> Value {
        let found = self.world.objects.get(CD, &self.scenario.namespace, "demo");
        found.unwrap().unwrap()
    }

    fn merge(&self, patch: &Value) {
        let namespace = &self.scenario.namespace;
        let merged = self.world.objects.merge(CD, namespace, "demo", patch);
        merged.unwrap();
    }

    /// Git is applied again, in this phase.
    fn apply_again(&self, phase: &str) {
        let before = essence(&self.object());
        self.mode.assert_in_sync(&self.world.hub, phase, &self.git);
        let said = self.mode.run(&self.world.hub, "apply", &self.git);
        // The operator may have gone on meanwhile; nothing that it wrote before is lost.
        let lost = lost(&before, &essence(&self.object()));
        assert_eq!(lost, Vec::<String>::new(), "{phase}, {:?}", self.mode);
        if self.mode == Mode::Client {
            let changed: Vec<&str> = said
                .lines()
                .filter(|line| !line.ends_with(" unchanged"))
                .collect();
            assert_eq!(changed, Vec::<&str>::new(), "{phase}");
        }
    }

    /// What an install pod does with its attempt; there is no node for one.
    fn report(&self, provision: &str) {
        let infra_id = self.infra_id();
        let description = json!({
            "clusterName": "demo",
            "clusterID": "0b4d1b4e-5f6a-4c5e-8f64-8d0a35a9b0f6",
            "infraID": infra_id,
            "aws": {
                "region": self.scenario.region,
                "identifier": [{format!("kubernetes.io/cluster/{infra_id}"): "owned"}],
                "serviceEndpoints": SERVICES
                    .map(|service| json!({"name": service, "url": self.scenario.endpoint})),
                "clusterDomain": "demo.example.com",
            },
        });
        let report = json!({"spec": {
            "infraID": infra_id,
            "clusterID": "0b4d1b4e-5f6a-4c5e-8f64-8d0a35a9b0f6",
            "metadataJSON": BASE64.encode(description.to_string()),
            "adminKubeconfigSecretRef": {"name": format!("{provision}-admin-kubeconfig")},
            "adminPasswordSecretRef": {"name": format!("{provision}-admin-password")},
        }});
        self.merge_provision(provision, &report);
    }

    /// Lets the cluster come to its first attempt, and that to its handshake: name of the attempt, and the
    /// cluster with its identity.
    fn until_provisioning(&self) -> (String, Value) {
        let namespace = &self.scenario.namespace;
        self.until("met requirements", |found| {
            has_condition(found, "RequirementsMet", "True", "AllRequirementsMet")
                && finalizers(found).contains(&crate::world::FINALIZER)
        });
        self.apply_again("resolving images");
        let images = json!({
            "installerImage": "localhost/openshift-installer:4.19.2",
            "cliImage": "localhost/openshift-cli:4.19.2",
        });
        let objects = &self.world.objects;
        objects
            .merge_status(CD, namespace, "demo", &images)
            .unwrap();
        let begun = self.until("an attempt", |found| {
            found["status"]["provisionRef"]["name"].is_string()
        });
        self.apply_again("preparing an attempt");
        let provision = begun["status"]["provisionRef"]["name"].as_str().unwrap();
        self.report(provision);
        let provisioning = self.until("an identity", |found| {
            found["spec"]["clusterMetadata"]["metadataJSONSecretRef"]["name"].is_string()
        });
        self.apply_again("provisioning");
        let of = hive("ClusterProvision");
        let begun = |found: Option<&Value>| {
            found.is_some_and(|found| found["spec"]["stage"] == "provisioning")
        };
        self.world
            .until(of, namespace, provision, "the handshake", begun);
        (provision.to_owned(), provisioning)
    }

    /// Its machines are started and its API answers, as when an installer has done its work.
    fn comes_up(&self, provision: &str) -> Fleet {
        let infra_id = self.infra_id();
        let machines = Aws::new(&CLOUD, &self.account, "us-east-1");
        machines.launch(&infra_id, 1, 1, 0).unwrap();
        CLOUD.settle(Some(&self.account)).unwrap();
        let api = Fleet::start(Arc::new(machines), [SpokeOptions::new(&infra_id)]).unwrap();
        let kubeconfig = BASE64.encode(api.spoke(&infra_id).unwrap().kubeconfig());
        let data = json!({"data": {"kubeconfig": kubeconfig, "raw-kubeconfig": kubeconfig}});
        let secret = format!("{provision}-admin-kubeconfig");
        let namespace = &self.scenario.namespace;
        let objects = &self.world.objects;
        objects.merge(SECRET, namespace, &secret, &data).unwrap();
        api
    }

    /// The operator stops the machines when the time for it has come, and a person wants them back; the
    /// manifest in Git says nothing about power.
    fn sleep_and_wake(&self) {
        let until_ready = || {
            self.until("a cluster that works", |found| {
                has_condition(found, "Ready", "True", "Running")
            });
        };
        until_ready();
        self.apply_again("running");
        self.merge(&json!({"spec": {"hibernateAfter": "1s"}}));
        self.until("the operator's wish", |found| {
            found["spec"]["powerState"] == "Hibernating"
        });
        self.apply_again("being stopped");
        self.until("sleep", |found| {
            has_condition(found, "Hibernating", "True", "Hibernating")
        });
        self.apply_again("hibernating");
        assert_eq!(self.object()["spec"]["powerState"], "Hibernating");
        self.merge(&json!({"spec": {"hibernateAfter": null, "powerState": "Running"}}));
        self.until("waking up", |found| {
            has_condition(found, "Hibernating", "False", "ResumingOrRunning")
        });
        self.apply_again("waking up");
        until_ready();
        self.apply_again("running again");
    }

    fn merge_provision(&self, provision: &str, patch: &Value) {
        let of = hive("ClusterProvision");
        let namespace = &self.scenario.namespace;
        let merged = self.world.objects.merge(of, namespace, provision, patch);
        merged.unwrap();
    }
}

/// The real operator, from the first look to a deletion.
fn live(mode: Mode) {
    let world = &GUARDED.0;
    let life = Life::begin(world, mode, "live", &[]);
    CLOUD
        .set_speed(Some(&life.account), &Speed::scale(0.02))
        .unwrap();
    let oracle = Oracle::new(&CLOUD, &life.account, &["us-east-1"]);
    let before = oracle.snapshot().unwrap();
    life.apply_again("new");
    let (provision, provisioning) = life.until_provisioning();
    let _api = life.comes_up(&provision);
    life.merge_provision(&provision, &json!({"spec": {"stage": "complete"}}));
    // All that is told of an installed cluster is: a difference is then not one that the operator makes.
    let installed = life.until("an installed cluster", |found| {
        found["spec"]["installed"] == true
            && has_condition(found, "Provisioned", "True", "Provisioned")
            && has_condition(found, "SyncSetFailed", "False", "SyncSetApplySuccess")
    });
    assert_eq!(
        installed["spec"]["clusterMetadata"],
        provisioning["spec"]["clusterMetadata"]
    );
    life.apply_again("installed");
    life.sleep_and_wake();
    let protect = "hive.openshift.io/protected-delete";
    life.merge(&json!({"metadata": {"annotations": {protect: "true"}}}));
    life.apply_again("protected");
    let delete = || world.objects.delete(CD, &life.scenario.namespace, "demo");
    assert!(delete().is_err(), "a protected cluster is deleted");
    life.apply_again("protected from a deletion");
    life.merge(&json!({"metadata": {"annotations": {protect: "false"}}}));
    // The cloud keeps a machine, so that the deletion runs as long as it takes to look.
    let kept = Fault::error("OperationNotPermitted", 400).of(&life.account);
    CLOUD
        .order_fault(&kept.on("ec2", "TerminateInstances"))
        .unwrap();
    delete().unwrap();
    let of = hive("ClusterDeprovision");
    let namespace = &life.scenario.namespace;
    world.until(of, namespace, "demo", "an order to delete", |found| {
        found.is_some()
    });
    life.apply_again("being deleted");
    let last = life.object();
    assert_eq!(last["spec"]["installed"], true);
    let platform = &last["metadata"]["labels"]["hive.openshift.io/cluster-platform"];
    assert_eq!(platform, "aws");
    CLOUD.clear_faults(Some(&life.account)).unwrap();
    world.until(CD, namespace, "demo", "its end", |found| found.is_none());
    let after = oracle.snapshot().unwrap();
    let (same, report) = oracle.report(&before, &after).unwrap();
    assert!(same, "{report}");
}

/// What goes wrong before there is a cluster: something is missing, an attempt fails, and then the last one.
fn failing(mode: Mode) {
    let world = &GUARDED.0;
    let mut life = Life::begin(world, mode, "failing", &["ClusterImageSet"]);
    life.until("an unmet requirement", |found| {
        has_condition(found, "RequirementsMet", "False", "ClusterImageSetNotFound")
    });
    life.apply_again("requirements not met");
    for object in life.scenario.manifests() {
        if object["kind"] == "ClusterImageSet" {
            world.objects.create(&object).unwrap();
        }
    }
    let (attempt, _) = life.until_provisioning();
    life.merge_provision(&attempt, &json!({"spec": {"stage": "failed"}}));
    let is_true = |found: &Value, type_: &str| {
        crate::world::condition(found, type_).is_some_and(|it| it["status"] == "True")
    };
    life.until("a failed attempt", |found| {
        is_true(found, "ProvisionFailed")
    });
    life.apply_again("a failed attempt that is tried again");
    // Somebody has seen enough.
    life.scenario.attempts_limit = Some(1);
    life.bring(&["ClusterImageSet"]);
    life.until("the end of all attempts", |found| {
        is_true(found, "ProvisionStopped")
    });
    life.apply_again("given up");
    assert_ne!(life.object()["spec"]["installed"], true);
}

#[test]
fn a_cluster_that_fails_is_left_alone_client_side() {
    failing(Mode::Client);
}

#[test]
fn a_cluster_that_fails_is_left_alone_server_side() {
    failing(Mode::Server);
}

#[test]
fn the_operator_and_whoever_applies_client_side_leave_each_other_alone() {
    live(Mode::Client);
}

#[test]
fn the_operator_and_whoever_applies_server_side_leave_each_other_alone() {
    live(Mode::Server);
}

/// What an operator of this API writes into a ClusterDeployment, in the order of its life.
fn writes(object: &Value) -> Vec<(&'static str, Value)> {
    let metadata = json!({
        "infraID": "written-x7k2p",
        "clusterID": "0b4d1b4e-5f6a-4c5e-8f64-8d0a35a9b0f6",
        "adminKubeconfigSecretRef": {"name": "written-admin-kubeconfig"},
        "adminPasswordSecretRef": {"name": "written-admin-password"},
        "metadataJSONSecretRef": {"name": "written-metadata-json"},
    });
    let seen = json!({"metadata": {
        "finalizers": ["hive.openshift.io/deprovision"],
        "labels": {
            "hive.openshift.io/cluster-platform": "written",
            "hive.openshift.io/cluster-region": "written",
        },
    }});
    let resting = json!({
        "metadata": {
            "annotations": {"hive.openshift.io/protected-delete": "true"},
            "labels": {"hive.openshift.io/version-major-minor": "4.19"},
        },
    });
    let mut writes = vec![("seen", seen)];
    if object["spec"]["installed"] != true {
        writes.push((
            "provisioning",
            json!({"spec": {"clusterMetadata": metadata}}),
        ));
        writes.push(("installed", json!({"spec": {"installed": true}})));
    }
    // Whoever writes the power state into Git owns it.
    if object["spec"]["powerState"].is_null() {
        let stopped = json!({"spec": {"powerState": "Hibernating"}});
        writes.push(("hibernating", stopped));
        writes.push(("resuming", json!({"spec": {"powerState": "Running"}})));
    }
    writes.push(("resting", resting));
    writes
}

/// Every example, with an operator's writes made by hand, so that the platforms that this version does not
/// install are shown as well; phase by phase, all examples at a time.
#[test]
fn every_example_survives_what_operators_write() {
    let world = &*examples::WORLD;
    for mode in BOTH {
        let namespace = format!("examples-{}", mode.suffix());
        world
            .hub
            .run_kubectl(&["create", "namespace", &namespace], "")
            .unwrap();
        let objects: Vec<Value> = examples::files()
            .iter()
            .flat_map(|file| examples::objects(file))
            .map(|mut object| {
                let metadata = &mut object["metadata"];
                if metadata["namespace"].is_string() {
                    metadata["namespace"] = json!(namespace);
                } else {
                    metadata["name"] = json!(format!(
                        "{}-{}",
                        metadata["name"].as_str().unwrap(),
                        mode.suffix()
                    ));
                }
                object
            })
            .collect();
        let git = stream(&objects);
        mode.run(&world.hub, "apply", &git);
        mode.assert_in_sync(&world.hub, "new", &git);
        let clusters: Vec<&Value> = objects
            .iter()
            .filter(|object| object["kind"] == "ClusterDeployment")
            .collect();
        // The other kinds have no phases yet.
        let git: Vec<Value> = clusters.iter().map(|cluster| (*cluster).clone()).collect();
        let git = stream(&git);
        let mut phase = 0;
        loop {
            let mut written = Vec::new();
            for cluster in &clusters {
                let Some((what, patch)) = writes(cluster).into_iter().nth(phase) else {
                    continue;
                };
                let name = cluster["metadata"]["name"].as_str().unwrap();
                let merged = world.objects.merge(CD, &namespace, name, &patch);
                written.push((name, what, essence(&merged.unwrap())));
            }
            if written.is_empty() {
                break;
            }
            let what = format!("phase {phase}: {}", written.first().unwrap().1);
            mode.assert_in_sync(&world.hub, &what, &git);
            mode.run(&world.hub, "apply", &git);
            for (name, what, before) in &written {
                let after = world.objects.get(CD, &namespace, name).unwrap().unwrap();
                assert_eq!(essence(&after), *before, "{name}, {what}, {mode:?}");
            }
            phase += 1;
        }
        assert!(phase >= 5, "{phase} phases");
    }
}

/// The limit that docs/gitops.md tells: what both write with different values is a conflict, and says whose.
#[test]
fn a_power_state_in_git_and_from_elsewhere_is_a_conflict() {
    let world = &*examples::WORLD;
    let namespace = "gitops-power";
    world
        .hub
        .run_kubectl(&["create", "namespace", namespace], "")
        .unwrap();
    let git = json!({
        "apiVersion": "hive.openshift.io/v1",
        "kind": "ClusterDeployment",
        "metadata": {"name": "demo", "namespace": namespace},
        "spec": {
            "baseDomain": "example.com",
            "clusterName": "demo",
            "platform": {"none": {}},
            "powerState": "Running",
        },
    })
    .to_string();
    let apply = [
        "apply",
        "-f",
        "-",
        "--server-side",
        "--field-manager=gitops",
    ];
    world.hub.run_kubectl(&apply, &git).unwrap();
    let patch = json!({"spec": {"powerState": "Hibernating"}});
    world.objects.merge(CD, namespace, "demo", &patch).unwrap();
    let error = world.hub.run_kubectl(&apply, &git).unwrap_err();
    let error = format!("{error:#}");
    assert!(
        error.contains("conflict") && error.contains(".spec.powerState"),
        "{error}"
    );
    assert!(!error.contains(CANARY));
}

/// The clusters of the repository in docs/examples/gitops.
fn repository() -> Vec<String> {
    let folder = examples::folder().join("gitops/clusters");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The objects that a folder comes to.
fn rendered(hub: &Hub, folder: &Path) -> (String, Vec<Value>) {
    let folder = folder.to_str().unwrap();
    let text = hub.run_kubectl(&["kustomize", folder], "").unwrap();
    let objects = text
        .split("\n---\n")
        .map(|document| serde_saphyr::from_str(document).unwrap())
        .collect();
    (text, objects)
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects
        .iter()
        .filter(|object| object["kind"] == kind)
        .collect()
}

#[test]
fn the_repository_for_many_clusters_is_taken_and_taken_again() {
    let world = &*examples::WORLD;
    for name in repository() {
        let folder = examples::folder().join("gitops/clusters").join(&name);
        let (git, objects) = rendered(&world.hub, &folder);
        let clusters = of_kind(&objects, "ClusterDeployment");
        assert_eq!(clusters.len(), 1, "{name}");
        let cluster = clusters[0];
        assert_eq!(cluster["metadata"]["name"], name.as_str());
        assert_eq!(cluster["metadata"]["namespace"], name.as_str());
        assert_eq!(cluster["spec"]["clusterName"], name.as_str());
        assert!(!git.contains("replace-me"), "{name}: {git}");
        assert!(of_kind(&objects, "ConfigMap").is_empty(), "{name}");
        // What the installer is told is the same cluster.
        let secret = of_kind(&objects, "Secret")[0];
        let config = secret["data"]["install-config.yaml"].as_str().unwrap();
        let config: String = config.split_whitespace().collect();
        let config = String::from_utf8(BASE64.decode(config).unwrap()).unwrap();
        let config: Value = serde_saphyr::from_str(&config).unwrap();
        assert_eq!(config["metadata"]["name"], name.as_str());
        assert_eq!(config["baseDomain"], cluster["spec"]["baseDomain"]);
        let region = &cluster["spec"]["platform"]["aws"]["region"];
        assert_eq!(config["platform"]["aws"]["region"], *region);

        let mode = Mode::Server;
        mode.run(&world.hub, "apply", &git);
        for (phase, patch) in writes(cluster) {
            let merged = world.objects.merge(CD, &name, &name, &patch).unwrap();
            mode.assert_in_sync(&world.hub, phase, &git);
            mode.run(&world.hub, "apply", &git);
            let after = world.objects.get(CD, &name, &name).unwrap().unwrap();
            assert_eq!(essence(&after), essence(&merged), "{name}, {phase}");
        }
    }
}

/// A further cluster is a folder and nothing else: two hundred of them are rendered at a time.
#[test]
fn the_repository_bears_hundreds_of_clusters() {
    const CLUSTERS: usize = 200;
    let world = &*examples::WORLD;
    let copy = tempfile::tempdir().unwrap();
    let source = examples::folder().join("gitops");
    for shared in ["base", "components"] {
        copy_folder(&source.join(shared), &copy.path().join(shared), ("", ""));
    }
    let mut all = "resources:\n".to_owned();
    for number in 0..CLUSTERS {
        let name = format!("many-{number}");
        let folder = copy.path().join("clusters").join(&name);
        copy_folder(&source.join("clusters/blue-1"), &folder, ("blue-1", &name));
        writeln!(all, "  - clusters/{name}").unwrap();
    }
    std::fs::write(copy.path().join("kustomization.yaml"), all).unwrap();
    let (_, objects) = rendered(&world.hub, copy.path());
    let names: BTreeSet<&str> = of_kind(&objects, "ClusterDeployment")
        .iter()
        .map(|cluster| cluster["spec"]["clusterName"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), CLUSTERS);
    assert_eq!(of_kind(&objects, "Namespace").len(), CLUSTERS);
}

fn copy_folder(from: &Path, to: &Path, (old, new): (&str, &str)) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &target, (old, new));
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let text = if old.is_empty() {
            text
        } else {
            text.replace(old, new)
        };
        std::fs::write(target, text).unwrap();
    }
}

/// Argo CD itself is not here; what the set says about this repository is compared with the repository.
#[test]
fn the_application_set_finds_the_clusters_and_deletes_none() {
    let folder = examples::folder().join("gitops");
    let set = &examples::objects(&folder.join("applicationset.yaml"))[0];
    let directory = &set["spec"]["generators"][0]["git"]["directories"][0]["path"];
    let directory = directory.as_str().unwrap().strip_suffix("/*").unwrap();
    let found = std::fs::read_dir(skep_kit::cache::checkout().join(directory)).unwrap();
    assert_eq!(found.count(), repository().len());
    assert_eq!(
        set["spec"]["syncPolicy"]["preserveResourcesOnDeletion"],
        true
    );
    let policy = &set["spec"]["template"]["spec"]["syncPolicy"];
    assert_eq!(policy["automated"]["prune"], false);
    assert_eq!(policy["syncOptions"], json!(["ServerSideApply=true"]));
}

/// The health check joins what is there in Argo CD's own settings, and takes nothing away.
#[test]
fn the_health_check_is_added_to_settings_that_others_keep() {
    let world = &*examples::WORLD;
    world
        .hub
        .run_kubectl(&["create", "namespace", "argocd"], "")
        .unwrap();
    let of = Of {
        version: "v1",
        kind: "ConfigMap",
    };
    let theirs = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "argocd-cm", "namespace": "argocd"},
        "data": {"url": "https://argocd.example.com"},
    });
    world.objects.create(&theirs).unwrap();
    let folder = skep_kit::cache::checkout().join("manifests/argocd");
    let folder = folder.to_str().unwrap();
    let apply = [
        "apply",
        "--server-side",
        "--field-manager=skep",
        "-k",
        folder,
    ];
    world.hub.run_kubectl(&apply, "").unwrap();
    let stored = || {
        let found = world.objects.get(of, "argocd", "argocd-cm");
        found.unwrap().unwrap()
    };
    let first = stored();
    assert_eq!(first["data"]["url"], "https://argocd.example.com");
    let key = "resource.customizations.health.hive.openshift.io_ClusterDeployment";
    assert!(first["data"][key].is_string(), "{first}");
    world.hub.run_kubectl(&apply, "").unwrap();
    let version = |object: &Value| object["metadata"]["resourceVersion"].clone();
    assert_eq!(version(&stored()), version(&first));
}
