//! Many light clusters in one server, as real clients see them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestCondition,
};
use k8s_openapi::api::core::v1::Node;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Client, Config};
use serde_json::json;
use skep_kit::spoke::{Bad, Fleet, MACHINES, Now, Rack, SpokeOptions, State};

const CLUSTER: &str = "one-x7k2p";

async fn connect(kubeconfig: &str) -> Client {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let kubeconfig = Kubeconfig::from_yaml(kubeconfig).unwrap();
    let options = KubeConfigOptions::default();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .unwrap();
    config.default_retry = false;
    Client::try_from(config).unwrap()
}

fn openshift(client: &Client, version: &str, kind: &str, namespace: &str) -> Api<DynamicObject> {
    let (group, version) = version.split_once('/').unwrap();
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    match namespace {
        "" => Api::all_with(client.clone(), &resource),
        _ => Api::namespaced_with(client.clone(), namespace, &resource),
    }
}

fn one() -> (Arc<Rack>, Fleet) {
    let rack = Arc::new(Rack::new().with(CLUSTER, 3, 2));
    let fleet = Fleet::start(rack.clone(), [SpokeOptions::new(CLUSTER)]).unwrap();
    (rack, fleet)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_clusters_answer_and_count_their_calls() {
    let rack = Rack::new();
    let names: Vec<String> = (0..200).map(|index| format!("c{index:03}-x7k2p")).collect();
    for (index, name) in names.iter().enumerate() {
        let state = if index % 2 == 0 {
            State::Running
        } else {
            State::Stopped
        };
        rack.add(name, 3, 2, state);
    }
    let fleet = Fleet::start(Arc::new(rack), names.iter().map(SpokeOptions::new)).unwrap();
    let mut awake = 0;
    for (index, spoke) in fleet.spokes().enumerate() {
        let client = connect(&spoke.kubeconfig()).await;
        let versions = openshift(&client, "config.openshift.io/v1", "ClusterVersion", "");
        let version = versions.get("version").await;
        if index % 2 == 1 {
            let broken = version.unwrap_err();
            assert!(!matches!(broken, kube::Error::Api(_)), "{broken:?}");
            assert_eq!(spoke.calls(), BTreeMap::new(), "{}", spoke.name());
            continue;
        }
        awake += 1;
        assert_eq!(
            version.unwrap().data["status"]["desired"]["version"],
            "4.16.3"
        );
        let operators = openshift(&client, "config.openshift.io/v1", "ClusterOperator", "");
        let operators = operators.list(&ListParams::default()).await.unwrap();
        assert_eq!(operators.items.len(), 30);
        let expected = BTreeMap::from([
            ("get clusterversions".to_owned(), 1),
            ("list clusteroperators".to_owned(), 1),
        ]);
        assert_eq!(spoke.calls(), expected, "{}", spoke.name());
    }
    assert_eq!(fleet.calls()["get clusterversions"], awake);
    fleet.clear_calls();
    assert_eq!(fleet.calls(), BTreeMap::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_are_refused_and_clients_may_discover() {
    let (_rack, fleet) = one();
    let spoke = fleet.spoke(CLUSTER).unwrap();
    let client = connect(&spoke.kubeconfig()).await;
    assert_eq!(client.apiserver_version().await.unwrap().major, "1");
    let groups = client.list_api_groups().await.unwrap();
    assert!(
        groups
            .groups
            .iter()
            .any(|group| group.name == "machine.openshift.io")
    );
    let resources = client.list_core_api_resources("v1").await.unwrap();
    assert!(
        resources
            .resources
            .iter()
            .any(|resource| resource.name == "nodes")
    );

    let old = spoke.kubeconfig();
    spoke.rotate_token();
    let nodes: Api<Node> = Api::all(connect(&old).await);
    let refusal = nodes.list(&ListParams::default()).await.unwrap_err();
    assert!(
        matches!(&refusal, kube::Error::Api(status) if status.code == 401),
        "{refusal:?}"
    );
    let nodes: Api<Node> = Api::all(connect(&spoke.kubeconfig()).await);
    assert_eq!(
        nodes
            .list(&ListParams::default())
            .await
            .unwrap()
            .items
            .len(),
        5
    );
    let nowhere = spoke.kubeconfig().replace(CLUSTER, "nowhere");
    let nodes: Api<Node> = Api::all(connect(&nowhere).await);
    let refusal = nodes.list(&ListParams::default()).await.unwrap_err();
    assert!(
        matches!(&refusal, kube::Error::Api(status) if status.code == 404),
        "{refusal:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_light_cluster_sleeps_oversleeps_and_takes_approvals_in_every_form() {
    let (rack, fleet) = one();
    let spoke = fleet.spoke(CLUSTER).unwrap();
    let client = connect(&spoke.kubeconfig()).await;
    rack.stop_all(CLUSTER);
    spoke.until("sleep", |now| !now.api).unwrap();
    spoke.pass_days(40.0).unwrap();
    rack.start_all(CLUSTER);
    spoke
        .until("requests", |now| now.waiting().count() == 5)
        .unwrap();
    let bad = spoke.plant(Bad::Unparsable).unwrap();

    let requests: Api<CertificateSigningRequest> = Api::all(client.clone());
    let found = requests.list(&ListParams::default()).await.unwrap().items;
    assert_eq!(found.len(), 6);
    let params = PatchParams::default();
    let condition = |reason: &str| CertificateSigningRequestCondition {
        type_: "Approved".to_owned(),
        status: "True".to_owned(),
        reason: Some(reason.to_owned()),
        ..Default::default()
    };
    let genuine = found
        .into_iter()
        .filter(|request| request.metadata.name.as_deref() != Some(&bad));
    for (index, mut request) in genuine.enumerate() {
        let name = request.metadata.name.clone().unwrap();
        if index % 2 == 0 {
            let mut status = request.status.take().unwrap_or_default();
            status.conditions = Some(vec![condition("Whole")]);
            request.status = Some(status);
            let params = PostParams::default();
            let approved = requests.replace_subresource("approval", &name, &params, &request);
            approved.await.unwrap();
        } else {
            let body = Patch::Merge(json!({"status": {"conditions": [condition("Merged")]}}));
            requests
                .patch_approval(&name, &params, &body)
                .await
                .unwrap();
        }
    }
    let now = spoke.until("ready nodes", Now::nodes_ready).unwrap();
    let mut reasons: Vec<_> = now
        .requests
        .iter()
        .filter_map(|request| Some(request.answer.as_ref()?.reason.as_str()))
        .collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["Merged", "Merged", "Whole", "Whole", "Whole"]);

    let outdated = Patch::Merge(json!({
        "metadata": {"resourceVersion": "1"},
        "status": {"conditions": [condition("Late")]},
    }));
    let conflict = requests.patch_approval(&bad, &params, &outdated);
    let conflict = conflict.await.unwrap_err();
    assert!(
        matches!(&conflict, kube::Error::Api(status) if status.code == 409),
        "{conflict:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_is_annotated_deleted_and_replaced() {
    let (_rack, fleet) = one();
    let spoke = fleet.spoke(CLUSTER).unwrap();
    let client = connect(&spoke.kubeconfig()).await;
    let machines = openshift(&client, "machine.openshift.io/v1beta1", "Machine", MACHINES);
    let workers =
        ListParams::default().labels("machine.openshift.io/cluster-api-machine-role=worker");
    let found = machines.list(&workers).await.unwrap().items;
    assert_eq!(found.len(), 2);
    let name = found[0].metadata.name.clone().unwrap();
    let key = "machine.openshift.io/exclude-node-draining";
    let mark = Patch::Merge(json!({"metadata": {"annotations": {key: "true"}}}));
    let params = PatchParams::default();
    let marked = machines.patch(&name, &params, &mark).await.unwrap();
    assert_eq!(marked.metadata.annotations.unwrap()[key], "true");
    machines
        .delete(&name, &DeleteParams::default())
        .await
        .unwrap();
    let now = spoke
        .until("another machine in its place", |now| {
            let gone = now.nodes.iter().all(|node| node.machine != name);
            gone && now.nodes.len() == 5 && now.nodes_ready()
        })
        .unwrap();
    assert_eq!(
        now.requests,
        [],
        "the cluster itself knows its new machines"
    );
    let nodes = openshift(&client, "config.openshift.io/v1", "ClusterVersion", "");
    let refusal = nodes
        .delete("version", &DeleteParams::default())
        .await
        .unwrap_err();
    assert!(
        matches!(&refusal, kube::Error::Api(status) if status.code == 405),
        "{refusal:?}"
    );
}
