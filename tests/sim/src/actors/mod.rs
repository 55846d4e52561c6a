//! Everybody on the hub besides the operator: the controllers of kube-controller-manager, a node,
//! and the programs that run in its pods. Each is a task with a client of its own, so that its
//! requests appear in the log under its name.

pub mod install;
pub mod jobs;
pub mod kubelet;

use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::Value;

use crate::apiserver::{ApiServer, gc::Action};

pub use kubelet::PodRun;

/// What runs in the pods of the simulation.
pub trait Programs: Send + Sync {
    /// The program of this pod, which ends with its exit code; `None` leaves the pod Pending, as an
    /// image that cannot be pulled does.
    fn program(&self, run: PodRun) -> Option<BoxFuture<'static, i32>>;
}

/// No pod is ever started.
pub struct NoPrograms;

impl Programs for NoPrograms {
    fn program(&self, _: PodRun) -> Option<BoxFuture<'static, i32>> {
        None
    }
}

/// How long a controller takes from a change to its reaction, and between two refused tries.
const REACTION: Duration = Duration::from_millis(10);

/// Deletes what lost its owners.
pub async fn garbage_collector(server: ApiServer) {
    react(server, "actor/garbage-collector", ApiServer::garbage).await;
}

/// Empties and removes namespaces that are being deleted.
pub async fn namespace_controller(server: ApiServer) {
    react(server, "actor/namespaces", ApiServer::namespace_ends).await;
}

/// Sends whatever is due after each change.
async fn react(server: ApiServer, agent: &str, due: impl Fn(&ApiServer) -> Vec<Action>) {
    let client = server.client(agent);
    loop {
        let actions = server
            .when(|server| Some(due(server)).filter(|actions| !actions.is_empty()))
            .await;
        for action in actions {
            send(&client, &action).await;
        }
        tokio::time::sleep(REACTION).await;
    }
}

/// Sends one request; a refusal is left to the next look at the store.
pub async fn send(client: &kube::Client, action: &Action) -> Option<Value> {
    let content_type = match action.method {
        "PATCH" => "application/merge-patch+json",
        _ => "application/json",
    };
    let request = http::Request::builder()
        .method(action.method)
        .uri(&action.path)
        .header(http::header::CONTENT_TYPE, content_type)
        .body(action.body.to_string().into_bytes())
        .unwrap();
    client.request::<Value>(request).await.ok()
}
