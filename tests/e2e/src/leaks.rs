//! No secret gets out: everything that people can read of a test's namespace and of the operator's is
//! searched. What cannot be read fails the test, unless it has gone meanwhile.

use std::time::Duration;

use serde_json::Value;
use skep_kit::canary::Search;
use skep_kit::process::wait_until;
use skep_kit::stage::OPERATOR_NAMESPACE;

use crate::STAGE;

/// Pods come and go while they are asked; one that stays answers within this.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where the operator tells its figures.
const METRICS_PORT: u16 = 2112;

/// A place where people read, and what stands there.
struct Place {
    name: String,
    text: String,
}

/// Searches all objects but Secrets, Events among them, all logs of all pods, those of earlier containers
/// included, the receipts, and the figures of every process of the operator. Tells where it searched.
pub fn assert_no_secret_leaked(namespace: &str) -> Vec<String> {
    let secrets = json(&["get", "secrets", "-n", namespace, "-o", "json"]);
    let search = Search::default().with_secrets(&secrets);
    let mut places = Vec::new();
    for namespace in [namespace, OPERATOR_NAMESPACE] {
        places.extend(objects(namespace));
        for pod in pods(namespace) {
            places.extend(told_by(&pod));
        }
    }
    places.push(Place {
        name: "image sets".to_owned(),
        text: kubectl(&["get", "clusterimagesets", "-o", "json"]),
    });
    let leaks: Vec<String> = places
        .iter()
        .flat_map(|place| {
            let found = search.find(&place.text).into_iter();
            found.map(|what| format!("{what} is in the {}", place.name))
        })
        .collect();
    assert!(leaks.is_empty(), "secrets got out: {leaks:#?}");
    places.into_iter().map(|place| place.name).collect()
}

/// Every object of a namespace that is no Secret, if there are any.
fn objects(namespace: &str) -> Option<Place> {
    let kinds = kubectl(&[
        "api-resources",
        "--namespaced",
        "--verbs=list",
        "-o",
        "name",
    ]);
    let kinds: Vec<&str> = kinds.lines().filter(|kind| *kind != "secrets").collect();
    assert!(
        kinds
            .iter()
            .any(|kind| kind.starts_with("clusterdeployments.")),
        "{kinds:?}"
    );
    let text = kubectl(&["get", &kinds.join(","), "-n", namespace, "-o", "json"]);
    let list: Value = serde_json::from_str(&text).expect("a list of objects");
    let any = list["items"]
        .as_array()
        .is_some_and(|items| !items.is_empty());
    any.then(|| Place {
        name: format!("objects of namespace {namespace}"),
        text,
    })
}

fn pods(namespace: &str) -> Vec<Value> {
    let list = json(&["get", "pods", "-n", namespace, "-o", "json"]);
    list["items"].as_array().cloned().unwrap_or_default()
}

/// Logs and figures of a pod; nothing of one that has gone.
fn told_by(pod: &Value) -> Vec<Place> {
    let text = |path: &str| {
        pod.pointer(path)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
    let uid = text("/metadata/uid");
    let get = [
        "get",
        "pod",
        name,
        "-n",
        namespace,
        "--ignore-not-found",
        "-o",
        "json",
    ];
    wait_until(&format!("word of pod {name}"), PATIENCE, || {
        let now = STAGE.hub.run_kubectl(&get, "")?;
        if now.trim().is_empty() {
            return Ok(Ok(Vec::new()));
        }
        let now: Value = serde_json::from_str(&now)?;
        if now["metadata"]["uid"] != uid {
            return Ok(Ok(Vec::new()));
        }
        // What cannot be read now may have gone just now: the next look tells.
        Ok(places_of(&now, namespace, name).map_err(|error| format!("{error:#}")))
    })
    .expect("pods can be read")
}

/// What a pod tells in this very state.
fn places_of(pod: &Value, namespace: &str, name: &str) -> anyhow::Result<Vec<Place>> {
    let mut places = Vec::new();
    let statuses = ["initContainerStatuses", "containerStatuses"].map(|key| &pod["status"][key]);
    for status in statuses.into_iter().filter_map(Value::as_array).flatten() {
        let container = status["name"].as_str().unwrap_or_default();
        let state = &status["state"];
        let begun = state["running"].is_object() || state["terminated"].is_object();
        let before = status["lastState"]["terminated"].is_object();
        for (there, earlier) in [(begun, false), (before, true)] {
            if there {
                let mut arguments = vec!["logs", name, "-n", namespace, "-c", container];
                arguments.extend(earlier.then_some("--previous"));
                let which = if earlier {
                    "log before the last of"
                } else {
                    "log of"
                };
                places.push(Place {
                    name: format!("{which} {namespace}/{name}/{container}"),
                    text: STAGE.hub.run_kubectl(&arguments, "")?,
                });
            }
        }
        let is_operator = namespace == OPERATOR_NAMESPACE && container == "manager";
        if is_operator && state["running"].is_object() && status["ready"] == true {
            let path =
                format!("/api/v1/namespaces/{namespace}/pods/{name}:{METRICS_PORT}/proxy/metrics");
            places.push(Place {
                name: format!("figures of {namespace}/{name}"),
                text: STAGE.hub.run_kubectl(&["get", "--raw", &path], "")?,
            });
        }
    }
    Ok(places)
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&kubectl(arguments)).expect("kubectl prints JSON")
}

/// A namespace that is gone has no objects; everything else that kubectl complains of is a failure.
fn kubectl(arguments: &[&str]) -> String {
    STAGE
        .hub
        .run_kubectl(arguments, "")
        .expect("kubectl answers")
}
