//! A node that runs every pod: scheduled at once, started after a moment, ended by its program or
//! by a deletion with its grace period. What a pod does is a [`Programs`] value.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{Programs, send};
use crate::apiserver::{ApiServer, gc::Action};

const NODE: &str = "node-1";
/// From being scheduled to running: images are there, containers are made.
const START: Duration = Duration::from_secs(2);
/// Between two runs of a container under `restartPolicy: OnFailure`; the real one doubles.
const RESTART: Duration = Duration::from_secs(10);

/// What a program is given.
#[derive(Clone)]
pub struct PodRun {
    /// A client shown as `actor/pod/<name>`.
    pub client: kube::Client,
    pub server: ApiServer,
    pub pod: Arc<Value>,
    /// Notified once when the pod is asked to end (SIGTERM); it is killed after its grace period.
    pub terminate: Arc<Notify>,
    /// How often the container ended before.
    pub restarts: u64,
}

impl PodRun {
    pub fn namespace(&self) -> &str {
        self.pod["metadata"]["namespace"]
            .as_str()
            .unwrap_or_default()
    }

    pub fn name(&self) -> &str {
        self.pod["metadata"]["name"].as_str().unwrap_or_default()
    }

    pub fn label(&self, name: &str) -> Option<&str> {
        self.pod["metadata"]["labels"][name].as_str()
    }
}

/// Runs until the world ends.
pub async fn node(server: ApiServer, programs: Arc<dyn Programs>) {
    let mut known = BTreeSet::new();
    loop {
        let fresh = server
            .when(|server| {
                let pods = server.objects("", "pods");
                let fresh: Vec<Arc<Value>> = pods
                    .into_iter()
                    .filter(|pod| !known.contains(uid(pod)))
                    .collect();
                Some(fresh).filter(|fresh| !fresh.is_empty())
            })
            .await;
        for pod in fresh {
            known.insert(uid(&pod).to_owned());
            tokio::spawn(run(server.clone(), Arc::clone(&programs), pod));
        }
    }
}

/// The whole life of one pod.
async fn run(server: ApiServer, programs: Arc<dyn Programs>, pod: Arc<Value>) {
    let client = server.client("actor/kubelet");
    let place = Place::of(&server, &pod);
    let scheduler = server.client("actor/scheduler");
    send(
        &scheduler,
        &place.patch("", json!({"spec": {"nodeName": NODE}})),
    )
    .await;
    if tokio::time::timeout(START, place.ending()).await.is_ok() {
        return place.finish(&client).await;
    }
    let mut restarts = 0;
    let code = loop {
        let terminate = Arc::new(Notify::new());
        let run = PodRun {
            client: server.client(&format!("actor/pod/{}", place.name)),
            server: server.clone(),
            pod: Arc::clone(&pod),
            terminate: Arc::clone(&terminate),
            restarts,
        };
        let Some(program) = programs.program(run) else {
            place.ending().await;
            return place.finish(&client).await;
        };
        send(&client, &place.status(&server, "Running", restarts, None)).await;
        let code = place.watch_over(program, &terminate).await;
        let again = code != Some(0) && pod["spec"]["restartPolicy"] == "OnFailure";
        if !again || place.is_ending() {
            break code;
        }
        restarts += 1;
        send(&client, &place.status(&server, "Running", restarts, None)).await;
        if tokio::time::timeout(RESTART, place.ending()).await.is_ok() {
            break None;
        }
    };
    let phase = if code == Some(0) {
        "Succeeded"
    } else {
        "Failed"
    };
    // 137: ended by SIGKILL.
    let code = code.unwrap_or(137);
    send(&client, &place.status(&server, phase, restarts, Some(code))).await;
    place.ending().await;
    place.finish(&client).await;
}

/// Where one pod is stored, and which one it is.
struct Place {
    server: ApiServer,
    namespace: String,
    name: String,
    uid: String,
    grace: Duration,
    container: Value,
}

impl Place {
    fn of(server: &ApiServer, pod: &Value) -> Self {
        let text = |field: &str| {
            pod["metadata"][field]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        let grace = pod["spec"]["terminationGracePeriodSeconds"]
            .as_u64()
            .unwrap_or(30);
        Self {
            server: server.clone(),
            namespace: text("namespace"),
            name: text("name"),
            uid: text("uid"),
            grace: Duration::from_secs(grace),
            container: pod["spec"]["containers"][0]["name"].clone(),
        }
    }

    fn path(&self) -> String {
        format!("/api/v1/namespaces/{}/pods/{}", self.namespace, self.name)
    }

    fn patch(&self, subresource: &str, mut body: Value) -> Action {
        body["metadata"] = json!({"uid": self.uid});
        Action {
            method: "PATCH",
            path: format!("{}{subresource}", self.path()),
            body,
        }
    }

    /// Whether the pod is asked to end or already gone.
    fn is_ending(&self) -> bool {
        let pod = self.server.stored("", "pods", &self.namespace, &self.name);
        pod.is_none_or(|pod| {
            uid(&pod) != self.uid || pod["metadata"].get("deletionTimestamp").is_some()
        })
    }

    async fn ending(&self) {
        self.server.when(|_| self.is_ending().then_some(())).await;
    }

    /// The program's exit code; `None` when it was killed.
    async fn watch_over(
        &self,
        mut program: BoxFuture<'static, i32>,
        terminate: &Notify,
    ) -> Option<i32> {
        tokio::select! {
            biased;
            code = &mut program => return Some(code),
            () = self.ending() => {}
        }
        terminate.notify_one();
        tokio::time::timeout(self.grace, program).await.ok()
    }

    fn status(&self, server: &ApiServer, phase: &str, restarts: u64, code: Option<i32>) -> Action {
        let now = seconds(server);
        let state = match code {
            None => json!({"running": {"startedAt": now}}),
            Some(code) => json!({"terminated": {
                "exitCode": code,
                "reason": if code == 0 { "Completed" } else { "Error" },
                "finishedAt": now,
            }}),
        };
        let ready = code.is_none();
        let condition = |kind: &str, ready: bool| json!({"type": kind, "status": if ready { "True" } else { "False" }});
        self.patch(
            "/status",
            json!({"status": {
                "phase": phase,
                "conditions": [condition("PodScheduled", true), condition("Ready", ready)],
                "containerStatuses": [{
                    "name": self.container, "ready": ready, "restartCount": restarts,
                    "image": "", "imageID": "", "state": state,
                }],
            }}),
        )
    }

    /// The node's last word: nothing of the pod runs any more.
    async fn finish(&self, client: &kube::Client) {
        let pod = self.server.stored("", "pods", &self.namespace, &self.name);
        if pod.is_none_or(|pod| uid(&pod) != self.uid) {
            return;
        }
        let action = Action {
            method: "DELETE",
            path: self.path(),
            body: json!({
                "kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0,
                "preconditions": {"uid": self.uid},
            }),
        };
        send(client, &action).await;
    }
}

fn seconds(server: &ApiServer) -> String {
    let now = server.clock().now();
    jiff::Timestamp::from_second(now.as_second())
        .unwrap_or(now)
        .to_string()
}

fn uid(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}
