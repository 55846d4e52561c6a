//! The model judged by a real kube-apiserver: the same table of requests, the same answers.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a broken expectation ends the test, which says what it compared"
)]

mod requests;

use std::{path::Path, time::Duration};

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, api::PostParams};
use requests::Answered;
use serde_json::{Value, json};
use skep_kit::hub::{Hub, HubOptions};

#[tokio::test(flavor = "multi_thread")]
async fn answers_as_a_real_server_does() {
    let crds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crds/yaml");
    // Without controllers nobody but the table changes anything.
    let options = HubOptions::for_test("sim-conformance")
        .without_controllers()
        .with_crds(crds);
    let hub = Hub::start(&options).unwrap();
    let client = hub.client().await.unwrap();
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let namespace = serde_json::from_value(json!({"metadata": {"name": "n"}})).unwrap();
    namespaces
        .create(&PostParams::default(), &namespace)
        .await
        .unwrap();
    served(&client).await;
    let real = requests::answers(&client, &requests::table("n")).await;
    hub.stop().unwrap();

    let model = tokio::task::spawn_blocking(requests::answers_of_the_model)
        .await
        .unwrap();

    let differences: Vec<String> = real
        .iter()
        .zip(&model)
        .filter_map(|(real, model)| difference(real, model))
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    println!("{} answers are the same", real.len());
    assert_eq!(real.len(), model.len());
}

/// A definition is there before its resource is served.
async fn served(client: &kube::Client) {
    let path = "/apis/hive.openshift.io/v1/namespaces/n/clusterdeployments";
    let wait = async {
        loop {
            let request = http::Request::get(path).body(Vec::new()).unwrap();
            if client.request::<Value>(request).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait)
        .await
        .unwrap();
}

fn difference(real: &Answered, model: &Answered) -> Option<String> {
    let (real_body, model_body) = (trimmed(&real.body), trimmed(&model.body));
    (real.code != model.code || real_body != model_body).then(|| {
        format!(
            "{}\n  real  {} {real_body}\n  model {} {model_body}",
            real.about, real.code, model.code
        )
    })
}

/// Takes out what the model does not claim: how often a cause is repeated, and how a message prints
/// a whole object.
fn trimmed(body: &Value) -> Value {
    let mut body = body.clone();
    if !body.is_object() {
        return body;
    }
    let cut = |text: &mut Value| {
        if let Some((head, _)) = text
            .as_str()
            .and_then(|text| text.split_once("Invalid value: {"))
        {
            *text = format!("{head}Invalid value: {{…").into();
        }
    };
    cut(&mut body["message"]);
    let mut causes: Vec<Value> = Vec::new();
    for mut cause in body["details"]["causes"]
        .as_array()
        .cloned()
        .unwrap_or_default()
    {
        cut(&mut cause["message"]);
        if !causes.contains(&cause) {
            causes.push(cause);
        }
    }
    if !causes.is_empty() {
        body["details"]["causes"] = causes.into();
    }
    body
}
