//! The stand-in against the emulated AWS: what it leaves, what it takes away again, how it fails
//! (docs/spec/50 §2, §6, §7, §9, §12, §14).
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set itself up has failed"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::OnceLock;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use skep_kit::cloud::{Account, CallFilter, Cloud, CloudOptions, NewAccount};
use skep_kit::oracle::{Confusable, Oracle, Snapshot};
use skep_kit::progress::Progress;
use tempfile::TempDir;

const REGION: &str = "eu-west-1";
const BASE: &str = "example.com";
const CANARY: &str = "skep-canary-7f3a";

/// The program, beside the folder of this test: the target directory may be a link that moves.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap();
    folder.join("openshift-install")
}

/// One cloud for all tests; each has an account of its own.
fn cloud() -> &'static Cloud {
    static CLOUD: OnceLock<Cloud> = OnceLock::new();
    CLOUD.get_or_init(|| {
        let options = CloudOptions {
            scale: Some(0.002),
            ..CloudOptions::default()
        };
        Cloud::start(&options, &Progress::silent()).unwrap()
    })
}

/// An account with other people's resources, and a working directory.
struct World {
    account: Account,
    before: Snapshot,
    dir: TempDir,
    environment: BTreeMap<String, String>,
}

/// What a command left.
struct Run {
    status: ExitStatus,
    stderr: String,
}

impl World {
    fn new() -> Self {
        Self::with_account(&NewAccount::default())
    }

    /// An account with nothing but the base domain's zone, for tests that leave nothing to find.
    fn bare() -> Self {
        let world = Self::of(cloud().account().unwrap(), Snapshot::from_json(Value::Null));
        make_zone(&world.account);
        cloud().clear_calls(&world.account).unwrap();
        world
    }

    fn with_account(new: &NewAccount) -> Self {
        let account = cloud().create_account(new).unwrap();
        let oracle = Oracle::new(cloud(), &account, &[REGION]);
        oracle
            .seed(&Confusable {
                cluster: "demo",
                base_domain: BASE,
                infra_id: None,
            })
            .unwrap();
        let before = oracle.snapshot().unwrap();
        cloud().clear_calls(&account).unwrap();
        Self::of(account, before)
    }

    fn of(account: Account, before: Snapshot) -> Self {
        let world = Self {
            before,
            dir: tempfile::tempdir().unwrap(),
            environment: BTreeMap::from([
                ("AWS_ACCESS_KEY_ID".to_owned(), account.access_key.clone()),
                (
                    "AWS_SECRET_ACCESS_KEY".to_owned(),
                    account.secret_key.clone(),
                ),
            ]),
            account,
        };
        world.write("install-config.yaml", &install_config(cloud().endpoint()));
        world
    }

    fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(
            format!("OPENSHIFT_INSTALL_STANDIN_{name}"),
            value.to_owned(),
        );
    }

    fn faults(&mut self, faults: &Value) {
        self.set("FAULTS", &faults.to_string());
    }

    fn oracle(&self) -> Oracle<'_> {
        Oracle::new(cloud(), &self.account, &[REGION])
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(program());
        command
            .args(arguments.split_whitespace())
            .current_dir(self.dir.path())
            .env_clear()
            .envs(&self.environment)
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &str) -> Run {
        let output = self.command(arguments).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        Run {
            status: output.status,
            stderr,
        }
    }

    /// Runs a command that must succeed.
    fn succeeds(&self, arguments: &str) -> String {
        let run = self.run(arguments);
        assert!(
            run.status.success(),
            "{arguments}: {}\n{}",
            run.status,
            run.stderr
        );
        run.stderr
    }

    /// Runs a command that must end with a code.
    fn fails(&self, arguments: &str, code: i32) -> String {
        let run = self.run(arguments);
        assert_eq!(
            run.status.code(),
            Some(code),
            "{arguments}: {}\n{}",
            run.status,
            run.stderr
        );
        run.stderr
    }

    /// The two commands before the cloud is touched.
    fn prepared(self) -> Self {
        self.succeeds("create manifests");
        self.succeeds("create ignition-configs");
        self
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.dir.path().join(path), text).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.dir.path().join(path)).unwrap()
    }

    fn infra_id(&self) -> String {
        let metadata: Value = serde_json::from_str(&self.read("metadata.json")).unwrap();
        metadata["infraID"].as_str().unwrap().to_owned()
    }

    /// All files of the working directory, sorted.
    fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        collect(self.dir.path(), Path::new(""), &mut files);
        files.sort();
        files
    }

    fn new_by_kind(&self) -> BTreeMap<String, u64> {
        let now = self.oracle().snapshot().unwrap();
        self.oracle().count_new(&now, &self.before).unwrap()
    }

    /// Calls that changed something.
    fn changes(&self) -> u64 {
        cloud().counts(&self.account).unwrap().changing
    }

    /// The account is as it was.
    fn clean(&self) {
        let after = self.oracle().snapshot().unwrap();
        let (same, report) = self.oracle().report(&self.before, &after).unwrap();
        assert!(same, "{report}");
    }

    /// `destroy cluster` leaves the account as it was.
    fn destroyed(&self) {
        self.succeeds("destroy cluster");
        self.clean();
    }
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<String>) {
    for entry in fs::read_dir(root.join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = folder.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            collect(root, &path, files);
        } else {
            files.push(path.to_string_lossy().into_owned());
        }
    }
}

fn install_config(endpoint: &str) -> String {
    let services = [
        "ec2",
        "elasticloadbalancing",
        "iam",
        "route53",
        "s3",
        "sts",
        "tagging",
        "efs",
    ];
    let endpoints: Vec<Value> = services
        .iter()
        .map(|name| json!({"name": name, "url": endpoint}))
        .collect();
    // JSON is YAML.
    json!({
        "apiVersion": "v1",
        "baseDomain": BASE,
        "metadata": {"name": "demo"},
        "controlPlane": {"name": "master", "replicas": 3},
        "compute": [{"name": "worker", "replicas": 3}],
        "networking": {
            "networkType": "OVNKubernetes",
            "machineNetwork": [{"cidr": "10.0.0.0/16"}],
        },
        "platform": {"aws": {
            "region": REGION,
            "userTags": {"team": "demo"},
            "serviceEndpoints": endpoints,
        }},
        "publish": "External",
        "pullSecret": json!({"auths": {"registry.example.com": {"auth": CANARY}}}).to_string(),
        "sshKey": "ssh-ed25519 AAAA demo",
    })
    .to_string()
}

/// Creates the public zone of the base domain.
fn make_zone(account: &Account) {
    let create = route53(account)
        .create_hosted_zone()
        .name(BASE)
        .caller_reference("test");
    finish(create.send()).unwrap();
}

/// Creates a private zone that belongs to the user; returns its id.
fn make_private_zone(account: &Account, name: &str, vpc: &str) -> String {
    let vpc = aws_sdk_route53::types::Vpc::builder()
        .vpc_id(vpc)
        .vpc_region(REGION.into());
    let config = aws_sdk_route53::types::HostedZoneConfig::builder().private_zone(true);
    let create = route53(account)
        .create_hosted_zone()
        .hosted_zone_config(config.build())
        .name(name)
        .caller_reference(name)
        .vpc(vpc.build());
    let answer = finish(create.send()).unwrap();
    let id = answer.hosted_zone.unwrap().id;
    id.trim_start_matches("/hostedzone/").to_owned()
}

fn route53(account: &Account) -> aws_sdk_route53::Client {
    use aws_sdk_route53::config::{BehaviorVersion, Credentials, Region};
    let (id, secret) = (account.access_key.clone(), account.secret_key.clone());
    let config = aws_sdk_route53::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(id, secret, None, None, "test"))
        .endpoint_url(cloud().endpoint());
    aws_sdk_route53::Client::from_conf(config.build())
}

fn finish<T>(call: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(call)
}

/// The lines stand in the text in this order.
fn in_order(text: &str, lines: &[&str]) {
    let mut rest = text;
    for line in lines {
        match rest.find(line) {
            Some(at) => rest = rest.get(at + line.len()..).unwrap_or(""),
            None => unreachable!("{line:?} is missing or late in\n{text}"),
        }
    }
}

/// The files of a listing, for a cluster.
fn listed(listing: &str, infra_id: &str) -> Vec<String> {
    let mut files: Vec<String> = listing
        .split_whitespace()
        .map(|file| file.replace("INFRA", infra_id))
        .collect();
    files.sort();
    files
}

const AFTER_MANIFESTS: &str = "
.openshift_install.log
.openshift_install_state.json
cluster-api/000_capi-namespace.yaml
cluster-api/01_aws-cluster-controller-identity-default.yaml
cluster-api/01_capi-cluster.yaml
cluster-api/02_infra-cluster.yaml
cluster-api/machines/10_inframachine_INFRA-bootstrap.yaml
cluster-api/machines/10_inframachine_INFRA-master-0.yaml
cluster-api/machines/10_inframachine_INFRA-master-1.yaml
cluster-api/machines/10_inframachine_INFRA-master-2.yaml
cluster-api/machines/10_machine_INFRA-bootstrap.yaml
cluster-api/machines/10_machine_INFRA-master-0.yaml
cluster-api/machines/10_machine_INFRA-master-1.yaml
cluster-api/machines/10_machine_INFRA-master-2.yaml
manifests/cloud-provider-config.yaml
manifests/cluster-config.yaml
manifests/cluster-dns-02-config.yml
manifests/cluster-infrastructure-02-config.yml
manifests/cluster-ingress-02-config.yml
manifests/cluster-network-02-config.yml
manifests/cluster-proxy-01-config.yaml
manifests/cluster-scheduler-02-config.yml
manifests/cvo-overrides.yaml
manifests/kube-cloud-config.yaml
manifests/kube-system-configmap-root-ca.yaml
manifests/machine-config-server-ca-configmap.yaml
manifests/machine-config-server-tls-secret.yaml
manifests/openshift-config-secret-pull-secret.yaml
openshift/99_cloud-creds-secret.yaml
openshift/99_kubeadmin-password-secret.yaml
openshift/99_openshift-cluster-api_master-machines-0.yaml
openshift/99_openshift-cluster-api_master-machines-1.yaml
openshift/99_openshift-cluster-api_master-machines-2.yaml
openshift/99_openshift-cluster-api_master-user-data-secret.yaml
openshift/99_openshift-cluster-api_worker-machineset-0.yaml
openshift/99_openshift-cluster-api_worker-machineset-1.yaml
openshift/99_openshift-cluster-api_worker-machineset-2.yaml
openshift/99_openshift-cluster-api_worker-user-data-secret.yaml
openshift/99_openshift-machine-api_master-control-plane-machine-set.yaml
openshift/99_openshift-machineconfig_99-master-ssh.yaml
openshift/99_openshift-machineconfig_99-worker-ssh.yaml
openshift/99_role-cloud-creds-secret-reader.yaml
openshift/openshift-install-manifests.yaml";

const AFTER_IGNITION: &str = "
.openshift_install.log
.openshift_install_state.json
auth/kubeadmin-password
auth/kubeconfig
bootstrap.ign
master.ign
metadata.json
worker.ign";

const AFTER_CLUSTER: &str = "
.clusterapi_output/AWSCluster-openshift-cluster-api-guests-INFRA.yaml
.clusterapi_output/AWSClusterControllerIdentity-openshift-cluster-api-guests-default.yaml
.clusterapi_output/AWSMachine-openshift-cluster-api-guests-INFRA-bootstrap.yaml
.clusterapi_output/AWSMachine-openshift-cluster-api-guests-INFRA-master-0.yaml
.clusterapi_output/AWSMachine-openshift-cluster-api-guests-INFRA-master-1.yaml
.clusterapi_output/AWSMachine-openshift-cluster-api-guests-INFRA-master-2.yaml
.clusterapi_output/Cluster-openshift-cluster-api-guests-INFRA.yaml
.clusterapi_output/Machine-openshift-cluster-api-guests-INFRA-bootstrap.yaml
.clusterapi_output/Machine-openshift-cluster-api-guests-INFRA-master-0.yaml
.clusterapi_output/Machine-openshift-cluster-api-guests-INFRA-master-1.yaml
.clusterapi_output/Machine-openshift-cluster-api-guests-INFRA-master-2.yaml
.clusterapi_output/Namespace-openshift-cluster-api-guests-openshift-cluster-api-guests.yaml
.clusterapi_output/Secret-openshift-cluster-api-guests-INFRA-bootstrap.yaml
.clusterapi_output/Secret-openshift-cluster-api-guests-INFRA-master.yaml
.clusterapi_output/envtest.kubeconfig
.openshift_install.log
.openshift_install_state.json
auth/kubeadmin-password
auth/kubeconfig
metadata.json
terraform.platform.auto.tfvars.json
terraform.tfvars.json
tls/journal-gatherer.crt
tls/journal-gatherer.key";

const CLUSTER_LINES: &[&str] = &[
    "Consuming Bootstrap Ignition Config from target directory",
    "Adding clusters...",
    "Creating infrastructure resources...",
    "Reconciling IAM roles for control-plane and compute nodes",
    "Creating IAM role for master",
    "Creating IAM role for worker",
    "Started local control plane with envtest",
    "Stored kubeconfig for envtest in: ",
    "Running process: Cluster API with args [",
    "Running process: aws infrastructure provider with args [",
    "Creating infra manifests...",
    "Created manifest *v1beta2.AWSCluster, namespace=openshift-cluster-api-guests name=INFRA",
    "Done creating infra manifests",
    "Creating kubeconfig entry for capi cluster INFRA",
    "Waiting up to 15m0s (until ",
    "for network infrastructure to become ready...",
    "Network infrastructure is ready",
    "Creating Route53 records for control plane load balancer",
    "Created private Hosted Zone",
    "Created manifest *v1beta2.AWSMachine, namespace=openshift-cluster-api-guests name=INFRA-bootstrap",
    "Created manifest *v1beta1.Machine, namespace=openshift-cluster-api-guests name=INFRA-master-2",
    "Created manifest *v1.Secret, namespace=openshift-cluster-api-guests name=INFRA-master",
    "for machines [INFRA-bootstrap INFRA-master-0 INFRA-master-1 INFRA-master-2] to provision...",
    "Control-plane machines are ready",
    "Waiting up to 20m0s (until ",
    "for the Kubernetes API at https://api.demo.example.com:6443...",
    "API v1.",
    "Waiting up to 45m0s (until ",
    "for bootstrapping to complete...",
    "Bootstrap etcd member has been removed",
    "Destroying the bootstrap resources...",
    "Waiting up to 5m0s for bootstrap machine deletion openshift-cluster-api-guests/INFRA-bootstrap...",
    "Local Cluster API system has completed operations",
    "Finished destroying bootstrap resources",
    "Waiting up to 40m0s (until ",
    "for the cluster at https://api.demo.example.com:6443 to initialize...",
    "Waiting up to 30m0s (until ",
    "All cluster operators have completed progressing",
    "level=info msg=\"Install complete!\"",
    "export KUBECONFIG=",
    "Access the OpenShift web-console here: https://console-openshift-console.apps.demo.example.com",
    "Login to the console with user: \\\"kubeadmin\\\", and password: \\\"",
    "Time elapsed: ",
];

#[test]
fn an_installation_leaves_what_the_contract_lists() {
    let world = World::new();
    let out = world.succeeds("create manifests");
    in_order(
        &out,
        &[
            "level=info msg=\"Consuming Install Config from target directory\"",
            "level=info msg=\"Credentials loaded from default AWS environment variables\"",
            "level=info msg=\"Manifests created in: cluster-api, manifests and openshift\"",
        ],
    );
    let state: Value = serde_json::from_str(&world.read(".openshift_install_state.json")).unwrap();
    let infra_id = state["*installconfig.ClusterID"]["InfraID"]
        .as_str()
        .unwrap();
    assert_eq!(world.files(), listed(AFTER_MANIFESTS, infra_id));
    assert!(!world.read("manifests/cluster-config.yaml").contains(CANARY));
    assert!(
        world
            .read("manifests/cluster-infrastructure-02-config.yml")
            .contains(infra_id)
    );

    let out = world.succeeds("create ignition-configs --log-level debug");
    in_order(
        &out,
        &[
            "level=debug msg=\"OpenShift Installer 4.19.2\"",
            "level=info msg=\"Consuming Common Manifests from target directory\"",
            "level=info msg=\"Consuming Master Machines from target directory\"",
            "level=info msg=\"Successfully populated MCS CA cert information: root-ca 20",
            "level=info msg=\"Ignition-Configs created in: . and auth\"",
        ],
    );
    assert_eq!(world.files(), listed(AFTER_IGNITION, infra_id));
    assert_eq!(world.infra_id(), infra_id);
    assert_eq!(world.read("auth/kubeadmin-password").len(), 23);
    // Nothing of the cloud was changed before metadata.json was there.
    assert_eq!(world.changes(), 0);
    let early = world.read("auth/kubeconfig");

    let out = world.succeeds("create cluster");
    let lines: Vec<String> = CLUSTER_LINES
        .iter()
        .map(|line| line.replace("INFRA", infra_id))
        .collect();
    in_order(&out, &lines.iter().map(String::as_str).collect::<Vec<_>>());
    let log = world.read(".openshift_install.log");
    assert!(
        log.lines()
            .all(|line| line.starts_with("time=\"20") && line.contains("Z\" level="))
    );
    assert_eq!(world.files(), listed(AFTER_CLUSTER, infra_id));
    assert_ne!(
        early,
        world.read("auth/kubeconfig"),
        "the router's authority is put in front"
    );
    assert!(!out.contains(CANARY) && !log.contains(CANARY));

    let made = world.new_by_kind();
    for (kind, count) in [
        ("ec2:vpc", 1),
        ("ec2:subnet", 6),
        ("ec2:internet-gateway", 1),
        ("ec2:natgateway", 3),
        ("ec2:instance", 3),
        ("iam:role", 2),
        ("iam:instance-profile", 2),
    ] {
        assert_eq!(made.get(kind), Some(&count), "{kind} of {made:?}");
    }
    // The bootstrap host, its bucket and its rule are gone.
    assert_eq!(made.get("s3:bucket"), None, "{made:?}");
    let snapshot = world.oracle().snapshot().unwrap().as_json().to_string();
    assert!(!snapshot.contains("Bootstrap SSH Access"));

    // A second cluster in the same directory is refused, and nothing happens.
    let changes = world.changes();
    let out = world.fails("create cluster", 1);
    assert!(
        out.contains("level=fatal") && out.contains("already exist"),
        "{out}"
    );
    assert_eq!(world.changes(), changes);

    world.succeeds("wait-for bootstrap-complete");
    world.succeeds("wait-for install-complete --skip-password-print");
    let out = world.succeeds("destroy cluster");
    assert!(out.contains("Uninstallation complete!"), "{out}");
    world.clean();
    assert_eq!(world.files(), [".openshift_install.log"]);
}

#[test]
fn an_aged_cluster_holds_what_a_cluster_makes_for_itself() {
    let mut world = World::new();
    world.set("AGED", "1");
    let world = world.prepared();
    world.succeeds("create cluster");
    let made = world.new_by_kind();
    for (kind, count) in [
        ("ec2:instance", 6),
        ("elb:loadbalancer", 1),
        ("iam:user", 6),
        ("s3:bucket", 2),
        ("ec2:snapshot", 1),
    ] {
        assert_eq!(made.get(kind), Some(&count), "{kind} of {made:?}");
    }
    world.destroyed();
}

#[test]
fn what_operators_change_in_manifests_shows_in_the_cloud() {
    let mut world = World::new();
    world.set("AGED", "1");
    world.succeeds("create manifests");
    for index in 0..3 {
        let path = format!("openshift/99_openshift-cluster-api_worker-machineset-{index}.yaml");
        let text = world
            .read(&path)
            .replace("replicas: 1", &format!("replicas: {index}"));
        world.write(&path, &text.replace("m6i.xlarge", "m5.large"));
    }
    world.write(
        "manifests/99_own.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: own}\n",
    );
    world.succeeds("create ignition-configs");
    assert!(
        world
            .read("bootstrap.ign")
            .contains("/opt/openshift/manifests/99_own.yaml")
    );
    world.succeeds("create cluster");
    let filter = CallFilter::action("RunInstances");
    let calls = cloud().calls(&world.account, &filter).unwrap().calls;
    let workers = calls
        .iter()
        .filter(|call| json!(call.params).to_string().contains("m5.large"));
    assert_eq!((calls.len(), workers.count()), (7, 3));
    world.destroyed();
}

#[test]
fn injected_failures_end_like_real_ones() {
    let base = World::new();
    for (fault, code, line) in [
        (
            json!({"stage": "network", "action": "fail",
                   "error": "operation error EC2: CreateVpc, api error VpcLimitExceeded: no more"}),
            4,
            "failed to fetch Cluster: failed to generate asset \\\"Cluster\\\": failed to create \
             cluster: infrastructure was not ready within 15m0s: operation error EC2: CreateVpc, \
             api error VpcLimitExceeded",
        ),
        (
            json!({"stage": "network", "action": "fail", "afterCalls": 2,
                   "operation": "CreateSubnet", "exitCode": 1}),
            1,
            "level=fatal msg=\"failed to fetch Cluster",
        ),
        (
            json!({"stage": "machines", "action": "fail"}),
            4,
            "control-plane machines were not provisioned within 15m0s: ",
        ),
        (
            json!({"stage": "api", "action": "fail"}),
            5,
            "Failed waiting for Kubernetes API. This error usually happens when",
        ),
        (
            json!({"stage": "bootstrap", "action": "fail"}),
            5,
            "Failed to wait for bootstrapping to complete.",
        ),
        (
            json!({"stage": "initialize", "action": "fail",
                   "error": "Cluster operator ingress Degraded is True with X: y\nsome are late"}),
            6,
            "failed to initialize the cluster: some are late",
        ),
        (
            json!({"stage": "operators-stable", "action": "fail"}),
            7,
            "These cluster operators were not stable: [",
        ),
    ] {
        let mut world = World::of(base.account.clone(), base.before.clone());
        world.faults(&json!([fault]));
        let world = world.prepared();
        let out = world.fails("create cluster", code);
        assert!(out.contains(line), "{fault}\n{out}");
        world.succeeds("destroy cluster");
    }
    base.clean();
}

#[test]
fn a_killed_installer_leaves_everything_up_to_the_call() {
    let mut world = World::new();
    world.faults(&json!([{"action": "kill", "afterCalls": 23}]));
    let world = world.prepared();
    let run = world.run("create cluster");
    assert_eq!(run.status.signal(), Some(9), "{}", run.stderr);
    assert_eq!(world.changes(), 23);
    assert!(!world.new_by_kind().is_empty());
    world.destroyed();
}

#[test]
fn a_hanging_installer_ends_by_a_signal_with_its_own_code() {
    let mut world = World::new();
    world.faults(&json!([{"stage": "dns", "action": "hang"}]));
    let world = world.prepared();
    let mut child = world
        .command("create cluster")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("Network infrastructure is ready")));
    kill(
        Pid::from_raw(i32::try_from(child.id()).unwrap()),
        Signal::SIGTERM,
    )
    .unwrap();
    assert!(lines.any(|line| line.unwrap().contains("Received terminated signal")));
    assert_eq!(child.wait().unwrap().code(), Some(8));
    world.destroyed();
}

#[test]
fn a_fault_of_one_attempt_is_known_by_the_pods_name() {
    let fault = json!([{"stage": "pre-provisioning", "action": "fail", "succeedOnAttempt": 1,
                        "error": "api error LimitExceeded: Cannot exceed quota for RolesPerAccount"}]);
    let base = World::new();
    for (attempt, code) in [(0, 4), (1, 0)] {
        let mut world = World::of(base.account.clone(), base.before.clone());
        world.faults(&fault);
        let host = format!("demo-{attempt}-x7k2p-provision-8xkq4");
        world.environment.insert("HOSTNAME".to_owned(), host);
        let world = world.prepared();
        world.fails("create cluster", code);
        world.succeeds("destroy cluster");
    }
    base.clean();
}

#[test]
fn faults_can_be_ordered_in_a_manifest() {
    let world = World::new();
    world.succeeds("create manifests");
    let faults = json!([{"stage": "initialize", "action": "fail", "command": "create"}]);
    let manifest = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "openshift-install-standin"},
        "data": {"faults": faults.to_string(), "aged": "true"},
    });
    world.write("manifests/99_standin.yaml", &manifest.to_string());
    world.succeeds("create ignition-configs");
    world.fails("create cluster", 6);
    // Waiting longer helps: the cluster becomes ready, and makes what it needs.
    world.succeeds("wait-for bootstrap-complete");
    world.succeeds("wait-for install-complete");
    assert_eq!(world.new_by_kind().get("iam:user"), Some(&6));
    world.destroyed();
}

#[test]
fn the_users_own_network_and_zone_are_only_marked() {
    // One cluster's network serves as the other's own.
    let first = World::new().prepared();
    first.succeeds("create cluster");
    let made_by = |action: &str, prefix: &str| -> Vec<String> {
        let filter = CallFilter::action(action);
        let calls = cloud().calls(&first.account, &filter).unwrap().calls;
        let ids = calls.into_iter().flat_map(|call| call.resources);
        ids.filter(|id| id.starts_with(prefix)).collect()
    };
    let subnets = made_by("CreateSubnet", "subnet-");
    assert_eq!(subnets.len(), 6, "{subnets:?}");
    let vpc = made_by("CreateVpc", "vpc-");
    let zone = make_private_zone(&first.account, "second.example.com", vpc.first().unwrap());

    let mut config: Value = serde_json::from_str(&install_config(cloud().endpoint())).unwrap();
    config["metadata"]["name"] = json!("second");
    config["platform"]["aws"]["subnets"] = json!(subnets);
    config["platform"]["aws"]["hostedZone"] = json!(zone);
    let second = World {
        account: first.account.clone(),
        before: first.oracle().snapshot().unwrap(),
        dir: tempfile::tempdir().unwrap(),
        environment: first.environment.clone(),
    };
    second.write("install-config.yaml", &config.to_string());
    let second = second.prepared();
    second.succeeds("create cluster");
    let made = second.new_by_kind();
    assert_eq!(made.get("ec2:vpc"), None, "{made:?}");
    assert_eq!(made.get("ec2:subnet"), None, "{made:?}");
    assert_eq!(made.get("route53:hostedzone"), None, "{made:?}");
    assert_eq!(made.get("ec2:instance"), Some(&3), "{made:?}");
    let snapshot = second.oracle().snapshot().unwrap().as_json().to_string();
    assert!(snapshot.contains(&format!("kubernetes.io/cluster/{}", second.infra_id())));
    second.destroyed();
    first.succeeds("destroy cluster");
    finish(route53(&first.account).delete_hosted_zone().id(zone).send()).unwrap();
    first.clean();
}

#[test]
fn credentials_come_from_a_profile_and_its_role_too() {
    let roles = vec!["installer".to_owned()];
    let mut world = World::with_account(&NewAccount {
        roles,
        ..NewAccount::default()
    });
    let arn = world.account.roles.first().unwrap().clone();
    world.environment.clear();
    let profiles = format!(
        "[default]\nrole_arn = {arn}\nsource_profile = source\n\n[profile source]\n\
         aws_access_key_id = {}\naws_secret_access_key = {}\n",
        world.account.access_key, world.account.secret_key
    );
    world.write("aws_config", &profiles);
    let path = world
        .dir
        .path()
        .join("aws_config")
        .to_string_lossy()
        .into_owned();
    world.environment.insert("AWS_CONFIG_FILE".to_owned(), path);
    let out = world.succeeds("create manifests");
    assert!(
        out.contains("Credentials loaded from the \\\"default\\\" profile in file"),
        "{out}"
    );
    let filter = CallFilter::action("AssumeRole");
    assert_eq!(
        cloud().calls(&world.account, &filter).unwrap().calls.len(),
        1
    );
}

#[test]
fn bad_credentials_and_bad_domains_are_refused_before_anything_is_created() {
    let mut world = World::bare();
    let secret = format!("{CANARY}-wrong");
    world
        .environment
        .insert("AWS_SECRET_ACCESS_KEY".to_owned(), secret);
    let out = world.fails("create manifests", 3);
    in_order(
        &out,
        &["failed to create install config: ", "SignatureDoesNotMatch"],
    );
    assert!(!out.contains(CANARY), "{out}");
    // The install-config is still there, for a second try.
    assert!(world.files().contains(&"install-config.yaml".to_owned()));

    let world = World::bare();
    let elsewhere = install_config(cloud().endpoint()).replace(BASE, "example.invalid");
    world.write("install-config.yaml", &elsewhere);
    let out = world.fails("create manifests", 3);
    assert!(
        out.contains("No public route53 zone found matching name"),
        "{out}"
    );
    assert_eq!(world.changes(), 0);
}

#[test]
fn broken_install_configs_and_command_lines_are_refused() {
    let world = World::bare();
    let broken = install_config(cloud().endpoint()).replace(REGION, "");
    world.write("install-config.yaml", &broken);
    let out = world.fails("create manifests", 3);
    let line = "level=error msg=\"failed to fetch Master Machines: failed to load asset \\\"Install \
                Config\\\": failed to create install config: invalid \\\"install-config.yaml\\\" \
                file: platform.aws.region: Required value";
    assert!(out.contains(line), "{out}");
    let out = world.fails("create everything", 1);
    assert_eq!(out.lines().count(), 1, "{out}");
    assert!(out.starts_with("level=fatal msg="), "{out}");
}

#[test]
fn no_other_cloud_is_ever_called() {
    let world = World::bare();
    for endpoint in [
        "https://ec2.eu-west-1.amazonaws.com",
        "http://192.0.2.1:5000",
    ] {
        world.write("install-config.yaml", &install_config(endpoint));
        let out = world.fails("create manifests", 1);
        assert!(
            out.contains("level=fatal") && out.contains("refuses the endpoint"),
            "{out}"
        );
    }
    let mut config: Value = serde_json::from_str(&install_config("")).unwrap();
    config["platform"]["aws"]["serviceEndpoints"] = json!([]);
    world.write("install-config.yaml", &config.to_string());
    let out = world.fails("create manifests", 1);
    assert!(out.contains("needs an explicit endpoint"), "{out}");
    let counts = cloud().counts(&world.account).unwrap();
    assert_eq!((counts.changing, counts.reading), (0, 0));
}

#[test]
fn the_kubeconfig_can_lead_to_a_spoke() {
    let mut world = World::bare();
    let spoke = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:6443"}}],
        "users": [{"name": "u", "user": {"token": CANARY}}],
    });
    world.set("SPOKE_KUBECONFIG", &spoke.to_string());
    let world = world.prepared();
    let kubeconfig = world.read("auth/kubeconfig");
    assert!(kubeconfig.contains("https://127.0.0.1:6443") && kubeconfig.contains(CANARY));
}

#[test]
fn bootstrap_logs_are_gathered_when_the_host_can_be_reached() {
    let mut world = World::bare();
    let out = world.fails("gather bootstrap", 1);
    assert!(out.contains("level=fatal"), "{out}");
    world.set("BOOTSTRAP_REACHABLE", "true");
    let out = world.succeeds("gather bootstrap");
    assert!(out.contains("Bootstrap gather logs captured here"), "{out}");
    assert!(
        world
            .files()
            .iter()
            .any(|file| file.starts_with("log-bundle-"))
    );
}
