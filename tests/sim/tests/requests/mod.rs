//! A table of requests that is asked of the model and of a real server: what an operator does to
//! objects, and the ways in which a server refuses it.

use std::collections::BTreeMap;

use kube::client::Body;
use serde_json::{Value, json};
use skep_sim::{
    apiserver::schema::Definition,
    world::{Settings, simulate},
};

/// One request. `{name.uid}` and `{name.rv}` stand for what the last answer about `name` said.
pub(crate) struct Ask {
    pub(crate) about: &'static str,
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) content_type: &'static str,
    pub(crate) accept: &'static str,
    pub(crate) body: Value,
}

/// What was answered: the code and the body without what differs from server to server.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answered {
    pub(crate) about: String,
    pub(crate) code: u16,
    pub(crate) body: Value,
}

const JSON: &str = "application/json";
const MERGE: &str = "application/merge-patch+json";
const PATCH: &str = "application/json-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const APPLY: &str = "application/apply-patch+yaml";
const PARTIAL: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const PARTIAL_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

fn ask(about: &'static str, method: &'static str, path: &str, body: Value) -> Ask {
    Ask {
        about,
        method,
        path: path.to_owned(),
        content_type: JSON,
        accept: JSON,
        body,
    }
}

fn patch(about: &'static str, content_type: &'static str, path: &str, body: Value) -> Ask {
    Ask {
        content_type,
        ..ask(about, "PATCH", path, body)
    }
}

fn get(about: &'static str, path: &str) -> Ask {
    ask(about, "GET", path, Value::Null)
}

/// The table. `namespace` exists and is empty.
pub(crate) fn table(namespace: &str) -> Vec<Ask> {
    let maps = format!("/api/v1/namespaces/{namespace}/configmaps");
    let secrets = format!("/api/v1/namespaces/{namespace}/secrets");
    let cds = format!("/apis/hive.openshift.io/v1/namespaces/{namespace}/clusterdeployments");
    let leases = format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases");
    let map = |name: &str, data: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data});
    let cd = |name: &str| {
        json!({
            "apiVersion": "hive.openshift.io/v1", "kind": "ClusterDeployment",
            "metadata": {"name": name, "labels": {"kind": "cd"}},
            "spec": {
                "clusterName": name, "baseDomain": "example.com",
                "platform": {"none": {}},
            },
        })
    };
    let one = |plural: &str, name: &str| format!("{plural}/{name}");
    let with = |mut object: Value, pointer: &str, value: Value| {
        let (parent, leaf) = pointer.rsplit_once('/').unwrap();
        let parent = if parent.is_empty() {
            &mut object
        } else {
            object.pointer_mut(parent).unwrap()
        };
        parent[leaf] = value;
        object
    };
    let mut asks = vec![
        // Existence.
        get("missing object", &one(&maps, "a")),
        get("missing custom object", &one(&cds, "x")),
        get("missing resource", "/apis/example.com/v1/things"),
        get(
            "missing namespace lists empty",
            "/api/v1/namespaces/nowhere/configmaps",
        ),
        ask("create", "POST", &maps, map("a", json!({"k": "1"}))),
        ask("create again", "POST", &maps, map("a", json!({"k": "1"}))),
        ask(
            "create custom",
            "POST",
            &cds,
            with(cd("x"), "/status", json!({"powerState": "gone"})),
        ),
        ask("create custom again", "POST", &cds, cd("x")),
        ask(
            "create without a name",
            "POST",
            &maps,
            json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}),
        ),
        ask(
            "create custom without a name",
            "POST",
            &cds,
            with(cd("x"), "/metadata", json!({})),
        ),
        ask(
            "create with a bad name",
            "POST",
            &maps,
            map("A_b", json!({})),
        ),
        ask(
            "create custom with a bad name",
            "POST",
            &cds,
            with(cd("A_b"), "/spec/clusterName", json!("x")),
        ),
        ask(
            "create with a bad label",
            "POST",
            &maps,
            with(
                map("c", json!({})),
                "/metadata/labels",
                json!({"l": "x".repeat(64)}),
            ),
        ),
        ask(
            "create with another bad label",
            "POST",
            &maps,
            with(
                map("c", json!({})),
                "/metadata/labels",
                json!({"l": "no spaces"}),
            ),
        ),
        ask(
            "create with an empty owner",
            "POST",
            &maps,
            with(
                map("c", json!({})),
                "/metadata/ownerReferences",
                json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": ""}]),
            ),
        ),
        ask(
            "create elsewhere",
            "POST",
            &maps,
            with(
                map("c", json!({})),
                "/metadata/namespace",
                json!("elsewhere"),
            ),
        ),
        ask(
            "create with a revision",
            "POST",
            &maps,
            with(map("c", json!({})), "/metadata/resourceVersion", json!("1")),
        ),
        ask(
            "create in a missing namespace",
            "POST",
            "/api/v1/namespaces/nowhere/configmaps",
            map("a", json!({})),
        ),
        ask(
            "create dry",
            "POST",
            &format!("{maps}?dryRun=All"),
            map("dry", json!({})),
        ),
        get("a dry creation left nothing", &one(&maps, "dry")),
        // Reading.
        get("read", &one(&maps, "a")),
        get("read custom", &one(&cds, "x")),
        Ask {
            accept: PARTIAL,
            ..get("read metadata", &one(&cds, "x"))
        },
        Ask {
            accept: PARTIAL_LIST,
            ..get("list metadata", &format!("{cds}?labelSelector=kind%3Dcd"))
        },
        get("list", &format!("{maps}?fieldSelector=metadata.name%3Da")),
        get("list custom", &cds),
        get(
            "select a custom field",
            &format!("{cds}?fieldSelector=spec.clusterName%3Dx"),
        ),
        // Replacing.
        ask(
            "replace",
            "PUT",
            &one(&maps, "a"),
            with(
                map("a", json!({"k": "2"})),
                "/metadata/resourceVersion",
                json!("{a.rv}"),
            ),
        ),
        ask(
            "replace stale",
            "PUT",
            &one(&maps, "a"),
            with(
                map("a", json!({"k": "3"})),
                "/metadata/resourceVersion",
                json!("1"),
            ),
        ),
        ask(
            "replace unconditionally",
            "PUT",
            &one(&maps, "a"),
            map("a", json!({"k": "4"})),
        ),
        ask(
            "replace another incarnation",
            "PUT",
            &one(&maps, "a"),
            with(
                map("a", json!({"k": "5"})),
                "/metadata/uid",
                json!("00000000-0000-4000-8000-000000000000"),
            ),
        ),
        ask(
            "replace under another name",
            "PUT",
            &one(&maps, "a"),
            map("b", json!({})),
        ),
        ask(
            "replace missing",
            "PUT",
            &one(&maps, "nothing"),
            map("nothing", json!({})),
        ),
        ask(
            "replace custom unconditionally",
            "PUT",
            &one(&cds, "x"),
            cd("x"),
        ),
        ask(
            "replace custom stale",
            "PUT",
            &one(&cds, "x"),
            with(cd("x"), "/metadata/resourceVersion", json!("1")),
        ),
        ask(
            "replace without a change",
            "PUT",
            &one(&cds, "x"),
            with(cd("x"), "/metadata/resourceVersion", json!("{x.rv}")),
        ),
        // Patching.
        patch(
            "merge",
            MERGE,
            &one(&cds, "x"),
            json!({"spec": {"installed": true}}),
        ),
        patch(
            "merge under a revision",
            MERGE,
            &one(&cds, "x"),
            json!({
            "metadata": {"resourceVersion": "{x.rv}"}, "spec": {"installed": null}}),
        ),
        patch(
            "merge stale",
            MERGE,
            &one(&cds, "x"),
            json!({
            "metadata": {"resourceVersion": "1"}, "spec": {"installed": true}}),
        ),
        patch(
            "merge another incarnation",
            MERGE,
            &one(&cds, "x"),
            json!({
            "metadata": {"uid": "00000000-0000-4000-8000-000000000000"}}),
        ),
        patch(
            "merge another incarnation of a map",
            MERGE,
            &one(&maps, "a"),
            json!({
            "metadata": {"uid": "00000000-0000-4000-8000-000000000000"}}),
        ),
        ask(
            "replace custom another incarnation",
            "PUT",
            &one(&cds, "x"),
            with(
                with(cd("x"), "/metadata/resourceVersion", json!("{x.rv}")),
                "/metadata/uid",
                json!("00000000-0000-4000-8000-000000000000"),
            ),
        ),
        patch(
            "merge a bad label",
            MERGE,
            &one(&cds, "x"),
            json!({
            "metadata": {"labels": {"l": "no spaces"}}}),
        ),
        patch(
            "merge an unknown field",
            MERGE,
            &one(&cds, "x"),
            json!({
            "spec": {"unknown": true}}),
        ),
        patch(
            "merge a wrong type",
            MERGE,
            &one(&cds, "x"),
            json!({"spec": {"installed": "yes"}}),
        ),
        patch(
            "merge a wrong choice",
            MERGE,
            &one(&cds, "x"),
            json!({"spec": {"powerState": "Broken"}}),
        ),
        patch(
            "merge without a required field",
            MERGE,
            &one(&cds, "x"),
            json!({
            "spec": {"baseDomain": null}}),
        ),
        patch(
            "test for what is not there",
            PATCH,
            &one(&cds, "x"),
            json!([
            {"op": "test", "path": "/metadata/annotations", "value": null}]),
        ),
        patch(
            "test below what is not there",
            PATCH,
            &one(&cds, "x"),
            json!([
            {"op": "test", "path": "/metadata/annotations/a", "value": "b"}]),
        ),
        patch(
            "add below what is not there",
            PATCH,
            &one(&cds, "x"),
            json!([
            {"op": "add", "path": "/metadata/annotations/a", "value": "b"}]),
        ),
        patch(
            "merge missing",
            MERGE,
            &one(&cds, "nothing"),
            json!({"spec": {}}),
        ),
        patch(
            "merge under another name",
            MERGE,
            &one(&cds, "x"),
            json!({"metadata": {"name": "y"}}),
        ),
        patch(
            "merge the status through the object",
            MERGE,
            &one(&cds, "x"),
            json!({"status": {"installRestarts": 7}}),
        ),
        patch(
            "merge the status",
            MERGE,
            &format!("{cds}/x/status"),
            json!({
            "metadata": {"labels": {"sneaked": "in"}},
            "spec": {"installed": true}, "status": {"installRestarts": 1}}),
        ),
        patch(
            "merge the status stale",
            MERGE,
            &format!("{cds}/x/status"),
            json!({
            "metadata": {"resourceVersion": "1"}, "status": {"installRestarts": 2}}),
        ),
        patch(
            "status of a kind without one",
            MERGE,
            &format!("{maps}/a/status"),
            json!({"status": {}}),
        ),
        patch(
            "patch",
            PATCH,
            &one(&cds, "x"),
            json!([
            {"op": "test", "path": "/spec/clusterName", "value": "x"},
            {"op": "add", "path": "/metadata/finalizers", "value": ["example.com/hold"]}]),
        ),
        patch(
            "patch whose test fails",
            PATCH,
            &one(&cds, "x"),
            json!([
            {"op": "test", "path": "/spec/clusterName", "value": "y"},
            {"op": "add", "path": "/metadata/finalizers/-", "value": "example.com/other"}]),
        ),
        patch(
            "patch that removes what is not there",
            PATCH,
            &one(&cds, "x"),
            json!([
            {"op": "remove", "path": "/spec/nothing"}]),
        ),
        patch(
            "patch that replaces what is not there",
            PATCH,
            &one(&cds, "x"),
            json!([
            {"op": "replace", "path": "/spec/nothing", "value": 1}]),
        ),
        patch(
            "patch of an unknown kind",
            "text/plain",
            &one(&cds, "x"),
            json!({}),
        ),
        patch(
            "strategic",
            STRATEGIC,
            &one(&maps, "a"),
            json!({"data": {"more": "yes"}}),
        ),
        patch(
            "strategic on a custom object",
            STRATEGIC,
            &one(&cds, "x"),
            json!({"spec": {}}),
        ),
        patch(
            "merge that changes nothing",
            MERGE,
            &one(&maps, "a"),
            json!({"data": {"more": "yes"}}),
        ),
        // Applying.
        patch(
            "apply new",
            APPLY,
            &format!("{maps}/applied?fieldManager=m&force=true"),
            map("applied", json!({"one": "1", "two": "2"})),
        ),
        patch(
            "apply less",
            APPLY,
            &format!("{maps}/applied?fieldManager=m&force=true"),
            map("applied", json!({"one": "1"})),
        ),
        patch(
            "apply without a manager",
            APPLY,
            &one(&maps, "applied"),
            map("applied", json!({})),
        ),
        // Secrets.
        ask(
            "secret",
            "POST",
            &secrets,
            json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"},
            "stringData": {"canary": "skep-canary-7f3a"}}),
        ),
        patch(
            "secret of another type",
            MERGE,
            &one(&secrets, "s"),
            json!({"type": "other"}),
        ),
        patch(
            "secret with plain data",
            MERGE,
            &one(&secrets, "s"),
            json!({"stringData": {"more": "x"}}),
        ),
        // Leases.
        ask(
            "lease",
            "POST",
            &leases,
            json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"},
            "spec": {"holderIdentity": "me"}}),
        ),
        ask(
            "lease unconditionally",
            "PUT",
            &one(&leases, "l"),
            json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"},
            "spec": {"holderIdentity": "you"}}),
        ),
        // Deleting.
        ask(
            "delete another incarnation",
            "DELETE",
            &one(&maps, "a"),
            json!({
            "preconditions": {"uid": "00000000-0000-4000-8000-000000000000"}}),
        ),
        ask(
            "delete another revision",
            "DELETE",
            &one(&maps, "a"),
            json!({
            "preconditions": {"resourceVersion": "1"}}),
        ),
        ask(
            "delete custom another incarnation",
            "DELETE",
            &one(&cds, "x"),
            json!({
            "preconditions": {"uid": "00000000-0000-4000-8000-000000000000"}}),
        ),
        ask(
            "delete",
            "DELETE",
            &one(&maps, "a"),
            json!({"preconditions": {"uid": "{a.uid}"}}),
        ),
        ask("delete again", "DELETE", &one(&maps, "a"), Value::Null),
        ask(
            "delete what is held",
            "DELETE",
            &one(&cds, "x"),
            Value::Null,
        ),
        ask(
            "delete what is held again",
            "DELETE",
            &one(&cds, "x"),
            Value::Null,
        ),
        patch(
            "add a finalizer while deleting",
            PATCH,
            &one(&cds, "x"),
            json!([
            {"op": "add", "path": "/metadata/finalizers/-", "value": "example.com/late"}]),
        ),
        patch(
            "release",
            PATCH,
            &one(&cds, "x"),
            json!([
            {"op": "test", "path": "/metadata/finalizers/0", "value": "example.com/hold"},
            {"op": "remove", "path": "/metadata/finalizers/0"}]),
        ),
        get("released is gone", &one(&cds, "x")),
        ask("create in foreground", "POST", &cds, cd("f")),
        ask(
            "delete in foreground",
            "DELETE",
            &one(&cds, "f"),
            json!({"propagationPolicy": "Foreground"}),
        ),
        ask(
            "delete a collection",
            "DELETE",
            &format!("{maps}?labelSelector=none%3Dsuch"),
            Value::Null,
        ),
    ];
    let job = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"},
        "spec": {
            "backoffLimit": 0,
            "template": {"spec": {"restartPolicy": "Never", "containers": [
                {"name": "main", "image": "localhost/none"}]}},
        },
    });
    let jobs = format!("/apis/batch/v1/namespaces/{namespace}/jobs");
    let mut held = job.clone();
    held["metadata"]["name"] = "held".into();
    held["spec"]["suspend"] = true.into();
    asks.push(ask("job", "POST", &jobs, job));
    asks.push(ask("suspended job", "POST", &jobs, held));
    asks.push(patch(
        "change a suspended job's pods",
        MERGE,
        &one(&jobs, "held"),
        json!({
        "spec": {"template": {"metadata": {"labels": {"new": "label"}}}}}),
    ));
    asks.push(patch(
        "change a job's pods",
        MERGE,
        &one(&jobs, "j"),
        json!({
        "spec": {"template": {"metadata": {"labels": {"new": "label"}}}}}),
    ));
    asks.extend(watches(&maps, &map));
    asks
}

/// A small history, and what different watches tell of it.
fn watches(maps: &str, map: &dyn Fn(&str, Value) -> Value) -> Vec<Ask> {
    let one = format!("{maps}/w");
    let labels = |label: &str| json!({"metadata": {"labels": {"l": label}}});
    let watch = |query: &str| {
        format!("{maps}?watch=true&timeoutSeconds=1&resourceVersion={{start.rv}}{query}")
    };
    let begun = format!("{maps}?watch=true&timeoutSeconds=1&fieldSelector=metadata.name%3Dstart");
    vec![
        ask(
            "history begins",
            "POST",
            maps,
            map("start", json!({"k": "v"})),
        ),
        ask("history: created", "POST", maps, map("w", json!({}))),
        patch("history: labelled", MERGE, &one, labels("a")),
        patch("history: labelled otherwise", MERGE, &one, labels("b")),
        patch("history: labelled again", MERGE, &one, labels("a")),
        patch("history: unchanged", MERGE, &one, labels("a")),
        patch(
            "history: held",
            MERGE,
            &one,
            json!({
            "metadata": {"finalizers": ["example.com/hold"]}}),
        ),
        ask("history: deleted", "DELETE", &one, Value::Null),
        patch(
            "history: released",
            MERGE,
            &one,
            json!({"metadata": {"finalizers": null}}),
        ),
        ask("history: created anew", "POST", maps, map("w", json!({}))),
        get("watch everything", &watch("")),
        get("watch a label", &watch("&labelSelector=l%3Da")),
        get(
            "watch the absence of a label",
            &watch("&labelSelector=l%21%3Da"),
        ),
        get(
            "watch a name",
            &watch("&fieldSelector=metadata.name%3Dother"),
        ),
        Ask {
            accept: PARTIAL,
            ..get("watch metadata", &watch("&labelSelector=l%3Da"))
        },
        get("watch from anywhere", &begun),
        get(
            "watch from the newest",
            &format!("{begun}&resourceVersion=0"),
        ),
        get(
            "watch with a streaming list",
            &format!(
                "{begun}&sendInitialEvents=true&allowWatchBookmarks=true\
             &resourceVersionMatch=NotOlderThan"
            ),
        ),
        get(
            "watch from the future",
            &format!("{maps}?watch=true&timeoutSeconds=1&resourceVersion=99999999"),
        ),
        get(
            "list from the future",
            &format!("{maps}?resourceVersion=99999999"),
        ),
    ]
}

/// The definitions that the table needs.
fn definitions() -> Vec<Definition> {
    Definition::parse_folder(concat!(env!("CARGO_MANIFEST_DIR"), "/../../crds/yaml"))
}

/// Asks the whole table of the model.
pub(crate) fn answers_of_the_model() -> Vec<Answered> {
    simulate(Settings::seeded(1), |world| async move {
        definitions()
            .iter()
            .for_each(|definition| world.server.install_definition(definition));
        world
            .server
            .seed_object("", "namespaces", &json!({"metadata": {"name": "n"}}));
        answers(&world.client("tester"), &table("n")).await
    })
}

/// Asks the whole table of one server.
pub(crate) async fn answers(client: &kube::Client, table: &[Ask]) -> Vec<Answered> {
    let mut known = BTreeMap::new();
    let mut answers = Vec::new();
    for ask in table {
        let body = if ask.body.is_null() {
            String::new()
        } else {
            ask.body.to_string()
        };
        let request = http::Request::builder()
            .method(ask.method)
            .uri(filled(&ask.path, &known))
            .header("content-type", ask.content_type)
            .header("accept", ask.accept)
            .body(Body::from(filled(&body, &known).into_bytes()))
            .unwrap();
        let response = client.send(request).await.unwrap();
        let code = response.status().as_u16();
        let bytes = response.into_body().collect_bytes().await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let mut body = serde_json::from_str(&text).ok().or_else(|| events(&text));
        let mut body = body.take().unwrap_or(Value::String(text));
        remember(&body, &mut known);
        settle(&mut body);
        answers.push(Answered {
            about: ask.about.to_owned(),
            code,
            body,
        });
    }
    answers
}

/// The events of a watch, one a line.
fn events(text: &str) -> Option<Value> {
    let lines: Result<Vec<Value>, _> = text.lines().map(serde_json::from_str).collect();
    lines.ok().map(Value::Array)
}

fn filled(body: &str, known: &BTreeMap<String, String>) -> String {
    known.iter().fold(body.to_owned(), |body, (place, value)| {
        body.replace(&format!("{{{place}}}"), value)
    })
}

fn remember(body: &Value, known: &mut BTreeMap<String, String>) {
    let metadata = &body["metadata"];
    let Some(name) = metadata["name"].as_str() else {
        return;
    };
    for (field, place) in [("uid", "uid"), ("resourceVersion", "rv")] {
        if let Some(value) = metadata[field].as_str() {
            known.insert(format!("{name}.{place}"), value.to_owned());
        }
    }
}

/// Replaces what differs between two servers that behave the same.
fn settle(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.shift_remove("managedFields");
            fields.sort_keys();
            for (name, inner) in fields.iter_mut() {
                let known = match name.as_str() {
                    "uid" | "controller-uid" | "batch.kubernetes.io/controller-uid" => "<uid>",
                    "resourceVersion" => "<revision>",
                    "creationTimestamp" | "deletionTimestamp" => "<time>",
                    _ => {
                        settle(inner);
                        continue;
                    }
                };
                if inner.is_string() {
                    *inner = known.into();
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(settle),
        Value::String(text) => *text = without_uuids(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Messages quote uids and revisions.
fn without_uuids(text: &str) -> String {
    // The newest revision of a server, and where it stands in the sentence.
    let text = text
        .split_once(", current: ")
        .map_or(text, |(head, _)| head);
    text.split_inclusive([' ', '(', ')', ',', '"'])
        .map(|word| {
            let bare = word.trim_end_matches([' ', '(', ')', ',', '"']);
            let uuid = bare.len() == 36 && bare.matches('-').count() == 4;
            let revision = bare.len() >= 2 && bare.bytes().all(|byte| byte.is_ascii_digit());
            if (uuid && !bare.starts_with("00000000-")) || (revision && text.contains("record")) {
                word.replace(bare, "<known>")
            } else {
                word.to_owned()
            }
        })
        .collect()
}
