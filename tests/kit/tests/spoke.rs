//! A managed cluster with a real API server: gone with its control plane and back with it, kubelets that
//! wait for the right approval, machines of the emulated cloud, nothing left behind.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestCondition,
};
use k8s_openapi::api::core::v1::Node;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Client, Config};
use serde_json::json;
use skep_kit::cloud::{CANARY, Cloud, CloudOptions};
use skep_kit::hub::leftovers;
use skep_kit::process::wait_until;
use skep_kit::progress::Progress;
use skep_kit::spoke::{
    Aws, BOOTSTRAPPER, Bad, Instance, Inventory as _, MACHINES, Now, Rack, Request, Spoke,
    SpokeOptions, State, Way,
};
use tokio::runtime::Runtime;

const CLUSTER: &str = "mine-x7k2p";

/// Somebody who has the administrator's kubeconfig.
struct Admin {
    runtime: Runtime,
    client: Client,
}

impl Admin {
    fn new(kubeconfig: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let kubeconfig = Kubeconfig::from_yaml(kubeconfig).unwrap();
        let client = runtime.block_on(async {
            let options = KubeConfigOptions::default();
            let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
            let mut config = config.unwrap();
            config.default_retry = false;
            Client::try_from(config).unwrap()
        });
        Self { runtime, client }
    }

    /// Names of the nodes that are ready, and of those that are not.
    fn nodes(&self) -> kube::Result<(Vec<String>, Vec<String>)> {
        let nodes: Api<Node> = Api::all(self.client.clone());
        let nodes = self.runtime.block_on(nodes.list(&ListParams::default()))?;
        let ready = |node: &Node| {
            let status = node.status.clone().unwrap_or_default();
            let mut conditions = status.conditions.unwrap_or_default().into_iter();
            conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True")
        };
        let (ready, silent): (Vec<_>, Vec<_>) = nodes.items.into_iter().partition(ready);
        let names = |nodes: Vec<Node>| nodes.into_iter().filter_map(|node| node.metadata.name);
        Ok((names(ready).collect(), names(silent).collect()))
    }

    fn requests(&self) -> Vec<CertificateSigningRequest> {
        let requests: Api<CertificateSigningRequest> = Api::all(self.client.clone());
        let found = self.runtime.block_on(requests.list(&ListParams::default()));
        found.unwrap().items
    }

    fn approve(&self, name: &str) {
        let requests: Api<CertificateSigningRequest> = Api::all(self.client.clone());
        let condition = CertificateSigningRequestCondition {
            type_: "Approved".to_owned(),
            status: "True".to_owned(),
            reason: Some("Test".to_owned()),
            ..Default::default()
        };
        let body = Patch::Merge(json!({"status": {"conditions": [condition]}}));
        let params = PatchParams::default();
        let approved = self
            .runtime
            .block_on(requests.patch_approval(name, &params, &body));
        approved.unwrap();
    }

    fn openshift(&self, version: &str, kind: &str, namespace: &str) -> Api<DynamicObject> {
        let (group, version) = version.split_once('/').unwrap();
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        match namespace {
            "" => Api::all_with(self.client.clone(), &resource),
            _ => Api::namespaced_with(self.client.clone(), namespace, &resource),
        }
    }
}

#[test]
fn the_api_goes_with_the_control_plane_and_comes_back() {
    let rack = Arc::new(Rack::new().with(CLUSTER, 3, 2));
    let spoke = Spoke::real(rack.clone(), SpokeOptions::new(CLUSTER)).unwrap();
    assert!(
        spoke.kubeconfig().contains(CANARY),
        "a leaked token is found"
    );
    let admin = Admin::new(spoke.kubeconfig());
    assert_eq!(admin.nodes().unwrap().0.len(), 5);
    let versions = admin.openshift("config.openshift.io/v1", "ClusterVersion", "");
    let version = admin.runtime.block_on(versions.get("version")).unwrap();
    assert_eq!(version.data["status"]["desired"]["version"], "4.16.3");
    let routes = admin.openshift("route.openshift.io/v1", "Route", "openshift-console");
    let console = admin.runtime.block_on(routes.get("console")).unwrap();
    assert_eq!(
        console.data["spec"]["host"],
        "console-openshift-console.apps.mine.example.com"
    );

    rack.set(CLUSTER, State::Stopped, |one| !one.control_plane);
    let workers_off = |now: &Now| {
        now.nodes
            .iter()
            .all(|node| node.ready == node.control_plane)
    };
    spoke.until("workers that are off", workers_off).unwrap();
    let (ready, silent) = admin.nodes().unwrap();
    assert_eq!((ready.len(), silent.len()), (3, 2));

    rack.stop_all(CLUSTER);
    spoke.until("sleep", |now| !now.api).unwrap();
    let refusal = format!("{:?}", admin.nodes().unwrap_err());
    assert!(refusal.contains("ConnectionRefused"), "{refusal}");

    rack.start_all(CLUSTER);
    spoke.until("an API", |now| now.api).unwrap();
    admin.nodes().unwrap();
    let awake = spoke.until("a wake", |now| now.nodes_ready() && now.settled);
    assert_eq!(awake.unwrap().requests, []);
    assert_eq!(admin.nodes().unwrap().1, Vec::<String>::new());

    spoke.cut(true).unwrap();
    admin.nodes().unwrap_err();
    let second = spoke.second_gate().unwrap();
    second.set(Way::Open).unwrap();
    let other = spoke
        .kubeconfig()
        .replace(&spoke.server(), &format!("https://{}", second.address()));
    assert_eq!(Admin::new(&other).nodes().unwrap().0.len(), 5);

    let folder = spoke.hub().unwrap().run_folder().to_owned();
    spoke.stop().unwrap();
    assert_eq!(leftovers(&folder, false).unwrap(), Vec::<String>::new());
}

#[test]
fn kubelets_that_overslept_wait_for_the_approval_of_their_own_request() {
    let rack = Arc::new(Rack::new().with(CLUSTER, 1, 1));
    let spoke = Spoke::real(rack.clone(), SpokeOptions::new(CLUSTER)).unwrap();
    let admin = Admin::new(spoke.kubeconfig());
    rack.stop_all(CLUSTER);
    spoke.until("sleep", |now| !now.api).unwrap();
    spoke.pass_days(40.0).unwrap();
    rack.start_all(CLUSTER);
    spoke
        .until("requests", |now| now.waiting().count() == 2)
        .unwrap();
    assert_eq!(admin.nodes().unwrap().0, Vec::<String>::new());

    let refusal = spoke.plant(Bad::Unparsable).unwrap_err().to_string();
    assert!(refusal.contains("takes no request"), "{refusal}");
    let all = [
        Bad::Stranger,
        Bad::Impostor,
        Bad::Greedy,
        Bad::ExtraName,
        Bad::OtherNode,
        Bad::Wrapped,
    ];
    let planted = all.map(|bad| spoke.plant(bad).unwrap());
    for name in &planted {
        admin.approve(name);
    }
    spoke
        .until("answers that have arrived", |now| {
            let answered = |name: &String| now.request(name).is_some_and(Request::approved);
            planted.iter().all(answered)
        })
        .unwrap();
    // Two more rounds of the actor: what an approval leads to is there by now.
    spoke.upgradeable(Some("because")).unwrap();
    spoke.upgradeable(None).unwrap();
    assert_eq!(admin.nodes().unwrap().0, Vec::<String>::new());

    let genuine = |request: &CertificateSigningRequest| {
        let name = request.metadata.name.clone().unwrap_or_default();
        (!planted.contains(&name)).then_some(name)
    };
    let requests = admin.requests();
    let client: Vec<String> = requests.iter().filter_map(genuine).collect();
    assert_eq!(client.len(), 2);
    for request in requests.iter().filter(|one| genuine(one).is_some()) {
        let spec = &request.spec;
        assert_eq!(spec.username.as_deref(), Some(BOOTSTRAPPER));
        let mut groups = spec.groups.clone().unwrap();
        groups.sort();
        let expected = [
            "system:authenticated",
            "system:serviceaccounts",
            "system:serviceaccounts:openshift-machine-config-operator",
        ];
        assert_eq!(groups, expected);
        let usages = spec.usages.clone().unwrap();
        assert_eq!(usages, ["digital signature", "client auth"]);
    }
    for name in &client {
        admin.approve(name);
    }
    spoke.until("ready nodes", Now::nodes_ready).unwrap();
    spoke
        .until("serving requests", |now| now.waiting().count() == 2)
        .unwrap();
    let serving: Vec<_> = admin
        .requests()
        .into_iter()
        .filter(|one| genuine(one).is_some_and(|name| !client.contains(&name)))
        .collect();
    for request in &serving {
        let username = request.spec.username.clone().unwrap();
        assert!(username.starts_with("system:node:ip-"), "{username}");
        assert_eq!(request.spec.signer_name, "kubernetes.io/kubelet-serving");
        admin.approve(request.metadata.name.as_deref().unwrap());
    }
    spoke
        .until("serving certificates", |now| {
            now.nodes.iter().all(|node| node.serving_valid)
        })
        .unwrap();
    spoke.stop().unwrap();
}

#[test]
fn it_follows_the_instances_of_the_emulated_cloud() {
    let options = CloudOptions {
        scale: Some(0.001),
        ..Default::default()
    };
    let cloud = Cloud::start(&options, &Progress::silent()).unwrap();
    let account = cloud.account().unwrap();
    let aws = Aws::new(&cloud, &account, "us-east-1");
    let ids = aws.launch(CLUSTER, 1, 2, 1).unwrap();
    aws.launch_each(&["other-x7k2p", "another-x7k2p"], 1, 1)
        .unwrap();
    cloud.settle(Some(&account)).unwrap();
    let aws = Arc::new(aws);
    let spoke = Spoke::real(aws.clone(), SpokeOptions::new(CLUSTER)).unwrap();
    let admin = Admin::new(spoke.kubeconfig());
    let all = aws.list().unwrap();
    assert_eq!(all.len(), 7, "three clusters share the account");
    let own = |one: &Instance| one.infra_id == CLUSTER;
    let instances: Vec<Instance> = all.into_iter().filter(own).collect();
    assert_eq!(instances.iter().filter(|one| one.control_plane).count(), 1);
    let mut hosts: Vec<_> = instances.iter().map(|one| one.host.clone()).collect();
    hosts.sort();
    let mut nodes = admin.nodes().unwrap().0;
    nodes.sort();
    assert_eq!(nodes, hosts);

    // A spot instance of one time cannot be stopped.
    let ordinary = instances.iter().filter(|one| !one.spot);
    let ordinary: Vec<String> = ordinary.map(|one| one.id.clone()).collect();
    assert_eq!((ids.len(), ordinary.len()), (3, 2));
    aws.power("stop", &ordinary).unwrap();
    spoke.until("sleep", |now| !now.api).unwrap();
    aws.power("start", &ordinary).unwrap();
    spoke.until("a wake", Now::nodes_ready).unwrap();

    let machines = admin.openshift("machine.openshift.io/v1beta1", "Machine", MACHINES);
    let spot = ListParams::default().labels("machine.openshift.io/interruptible-instance=");
    let spot = admin.runtime.block_on(machines.list(&spot)).unwrap().items;
    let [spot] = spot.as_slice() else {
        panic!("one Machine is interruptible: {spot:?}");
    };
    let name = spot.metadata.name.clone().unwrap();
    let before = cloud.counts(&account).unwrap().by_action;
    let now = DeleteParams::default();
    let deleted = admin.runtime.block_on(machines.delete(&name, &now));
    deleted.unwrap();
    spoke
        .until("another machine in its place", |now| {
            let gone = now.nodes.iter().all(|node| node.machine != name);
            gone && now.nodes.len() == 3 && now.nodes_ready()
        })
        .unwrap();
    let machines = admin
        .runtime
        .block_on(machines.list(&ListParams::default()));
    let machines = machines.unwrap().items;
    assert_eq!(machines.len(), 3, "the deleted Machine is released");
    let after = cloud.counts(&account).unwrap().by_action;
    assert_eq!(after["ec2:RunInstances"], before["ec2:RunInstances"] + 1);
    assert_eq!(
        after.get("ec2:DescribeInstances"),
        None,
        "to look is no call"
    );

    let folder = spoke.hub().unwrap().run_folder().to_owned();
    drop(spoke);
    wait_until("an empty machine", Duration::from_mins(1), || {
        let left = leftovers(&folder, false)?;
        let left = left.join("\n");
        Ok(if left.is_empty() { Ok(()) } else { Err(left) })
    })
    .unwrap();
}
