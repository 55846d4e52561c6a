//! What a light cluster understands of Kubernetes' API: paths, selectors, single objects and lists, and
//! three writes. A function of the model; bytes and connections are the server's ([`super::light`]).

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Value, json};

use super::model::Model;
use super::objects::{self, CSR, KINDS, Kind};
use super::requests::Answer;

/// Why there is no answer, as a Status has it.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: u16,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl Refusal {
    fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
        }
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "NotFound", message)
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    fn not_allowed(asked: &Asked) -> Self {
        let message = format!("a light cluster knows no {}", asked.call());
        Self::new(405, "MethodNotAllowed", message)
    }
}

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    method: Method,
    /// Of an object; the whole path of anything else.
    path: Vec<String>,
    /// `v1`, or group and version; empty for what is no object.
    api_version: String,
    namespace: Option<String>,
    plural: String,
    name: Option<String>,
    part: Option<String>,
    query: BTreeMap<String, String>,
}

impl Asked {
    /// Reads a path below the cluster's own.
    pub(super) fn read(method: &Method, path: &str, query: &str) -> Result<Self, Refusal> {
        let path: Vec<String> = path.split('/').map(decode).collect();
        let words: Vec<&str> = path.iter().map(String::as_str).collect();
        let (api_version, rest) = match words.as_slice() {
            ["api", version, rest @ ..] if !rest.is_empty() => ((*version).to_owned(), rest),
            ["apis", group, version, rest @ ..] if !rest.is_empty() => {
                (format!("{group}/{version}"), rest)
            }
            _ => (String::new(), &[][..]),
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some(*namespace), rest),
            rest => (None, rest),
        };
        if rest.len() > 3 {
            return Err(Refusal::not_found("there is no such path"));
        }
        let word = |index: usize| rest.get(index).map(|word| (*word).to_owned());
        let (plural, name, part) = (word(0).unwrap_or_default(), word(1), word(2));
        let namespace = namespace.map(str::to_owned);
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let query = pairs
            .map(|pair| {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decode(key), decode(value))
            })
            .collect();
        Ok(Self {
            method: method.clone(),
            path,
            api_version,
            namespace,
            plural,
            name,
            part,
            query,
        })
    }

    /// The call as it is counted: verb and resource.
    pub(super) fn call(&self) -> String {
        if self.api_version.is_empty() {
            return format!("get /{}", self.path.join("/"));
        }
        let flag = |name: &str| self.query.get(name).is_some_and(|value| value != "false");
        let verb = match (&self.method, &self.name) {
            (&Method::GET, _) if flag("watch") => "watch",
            (&Method::GET, Some(_)) => "get",
            (&Method::GET, None) => "list",
            (&Method::PUT, _) => "update",
            (&Method::PATCH, _) => "patch",
            (&Method::POST, _) => "create",
            (&Method::DELETE, _) => "delete",
            (other, _) => other.as_str(),
        };
        match &self.part {
            Some(part) => format!("{verb} {}/{part}", self.plural),
            None => format!("{verb} {}", self.plural),
        }
    }
}

/// `%41` and `+` as what they stand for.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let code = code.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (first, code) {
            (b'%', Some(code)) => {
                bytes.push(code);
                rest = &after[2..];
            }
            (b'+', _) => {
                bytes.push(b' ');
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Answers a call.
pub(super) fn answer(model: &mut Model, asked: &Asked, body: &[u8]) -> Result<Value, Refusal> {
    if asked.api_version.is_empty() {
        return about_the_server(asked);
    }
    let kind = KINDS
        .iter()
        .find(|kind| kind.api_version == asked.api_version && kind.plural == asked.plural)
        .ok_or_else(|| Refusal::not_found("the server could not find the requested resource"))?;
    let call = asked.call();
    let (verb, _) = call.split_once(' ').unwrap_or_default();
    match (verb, asked.name.as_deref(), asked.part.as_deref()) {
        ("list", None, None) => list(model, kind, asked),
        ("get", Some(name), None) => get(model, kind, asked, name),
        ("update" | "patch", Some(name), Some("approval")) if kind.name == CSR => {
            let before = get(model, kind, asked, name)?;
            approve(model, name, &before, &read(body)?)?;
            get(model, kind, asked, name)
        }
        ("patch", Some(name), None) if kind.name == "Machine" => {
            get(model, kind, asked, name)?;
            annotate(model, name, &read(body)?);
            get(model, kind, asked, name)
        }
        ("delete", Some(name), None) if kind.name == "Machine" => {
            get(model, kind, asked, name)?;
            model.delete_machine(name);
            Ok(json!({"apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Success"}))
        }
        _ => Err(Refusal::not_allowed(asked)),
    }
}

fn read(body: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::bad(error.to_string()))
}

/// Health, version and discovery.
fn about_the_server(asked: &Asked) -> Result<Value, Refusal> {
    if asked.method != Method::GET {
        return Err(Refusal::not_allowed(asked));
    }
    let path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
    let group_version = match path.as_slice() {
        ["readyz" | "livez" | "healthz"] => return Ok(json!("ok")),
        ["version"] => {
            return Ok(json!({
                "major": "1", "minor": "29", "gitVersion": "v1.29.6", "platform": "linux/amd64",
                "gitCommit": "", "gitTreeState": "clean", "buildDate": "", "goVersion": "",
                "compiler": "gc",
            }));
        }
        ["api"] => {
            return Ok(json!({
                "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [],
            }));
        }
        ["apis"] => return Ok(groups()),
        ["api", version] => (*version).to_owned(),
        ["apis", group, version] => format!("{group}/{version}"),
        _ => return Err(Refusal::not_found("there is no such path")),
    };
    let resources: Vec<Value> = KINDS
        .iter()
        .filter(|kind| kind.api_version == group_version)
        .map(|kind| {
            let namespaced = matches!(kind.plural, "machines" | "machinesets" | "routes")
                || kind.plural == "ingresscontrollers";
            json!({
                "name": kind.plural,
                "singularName": kind.name.to_lowercase(),
                "namespaced": namespaced,
                "kind": kind.name,
                "verbs": ["get", "list"],
            })
        })
        .collect();
    if resources.is_empty() {
        return Err(Refusal::not_found(
            "the server could not find the requested resource",
        ));
    }
    Ok(json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": group_version,
        "resources": resources,
    }))
}

fn groups() -> Value {
    let known: BTreeMap<&str, &str> = KINDS
        .iter()
        .filter_map(|kind| kind.api_version.split_once('/'))
        .collect();
    let groups: Vec<Value> = known
        .into_iter()
        .map(|(group, version)| {
            let version = json!({"groupVersion": format!("{group}/{version}"), "version": version});
            json!({"name": group, "versions": [version], "preferredVersion": version})
        })
        .collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// The objects of a kind, with what a server adds to each.
fn stored(model: &Model, kind: &Kind) -> Vec<Value> {
    let mut objects = kind.complete(model);
    for object in &mut objects {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let uid = objects::digits(&[&model.options.infra_id, kind.name, name]);
        let revision = objects::digits(&[&object.to_string()]);
        let revision = u64::from_str_radix(&revision[..12], 16).unwrap_or(1);
        let metadata = &mut object["metadata"];
        metadata["uid"] = json!(format!(
            "{}-{}-{}-{}-{}",
            &uid[..8],
            &uid[8..12],
            &uid[12..16],
            &uid[16..20],
            &uid[20..]
        ));
        metadata["resourceVersion"] = json!(revision.to_string());
        metadata["creationTimestamp"] = json!(objects::time(model.created));
    }
    objects
}

fn get(model: &Model, kind: &Kind, asked: &Asked, name: &str) -> Result<Value, Refusal> {
    stored(model, kind)
        .into_iter()
        .find(|object| object["metadata"]["name"] == name && in_namespace(object, asked))
        .ok_or_else(|| Refusal::not_found(format!("{} \"{name}\" not found", kind.plural)))
}

fn in_namespace(object: &Value, asked: &Asked) -> bool {
    let namespace = object["metadata"]["namespace"].as_str();
    asked.namespace.is_none() || namespace == asked.namespace.as_deref()
}

fn list(model: &Model, kind: &Kind, asked: &Asked) -> Result<Value, Refusal> {
    let mut items = Vec::new();
    for object in stored(model, kind) {
        if in_namespace(&object, asked) && selected(&object, asked)? {
            items.push(object);
        }
    }
    let revision = objects::digits(&[&json!(items).to_string()]);
    let revision = u64::from_str_radix(&revision[..12], 16).unwrap_or(1);
    Ok(json!({
        "apiVersion": kind.api_version,
        "kind": format!("{}List", kind.name),
        "metadata": {"resourceVersion": revision.to_string()},
        "items": items,
    }))
}

/// Whether the selectors mean an object. What they may say is little: labels that are there, or are
/// something, and the name.
fn selected(object: &Value, asked: &Asked) -> Result<bool, Refusal> {
    let parts = |name: &str| {
        let selector = asked.query.get(name).map_or("", String::as_str);
        selector.split(',').filter(|part| !part.is_empty())
    };
    for part in parts("labelSelector") {
        if part.contains([' ', '(', '!']) {
            return Err(Refusal::bad(format!(
                "a light cluster knows no selector {part:?}"
            )));
        }
        let labels = &object["metadata"]["labels"];
        let met = match part.split_once('=') {
            Some((key, value)) => labels[key] == value.trim_start_matches('='),
            None => !labels[part].is_null(),
        };
        if !met {
            return Ok(false);
        }
    }
    for part in parts("fieldSelector") {
        let Some(name) = part.strip_prefix("metadata.name=") else {
            return Err(Refusal::bad(format!(
                "a light cluster knows no selector {part:?}"
            )));
        };
        if object["metadata"]["name"] != name {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Answers a signing request by whatever kind of body holds the condition: whole object, merge patch or
/// a list of operations.
fn approve(model: &mut Model, name: &str, before: &Value, body: &Value) -> Result<(), Refusal> {
    let meant = &body["metadata"]["resourceVersion"];
    if !meant.is_null() && *meant != before["metadata"]["resourceVersion"] {
        let message =
            "the object has been modified; please apply your changes to the latest version";
        return Err(Refusal::new(409, "Conflict", message));
    }
    let answer = find_answer(body)
        .ok_or_else(|| Refusal::bad("the body holds no condition Approved or Denied"))?;
    model.answer(name, answer);
    Ok(())
}

fn find_answer(value: &Value) -> Option<Answer> {
    match value {
        Value::Object(fields) => {
            let type_ = fields.get("type").and_then(Value::as_str);
            if let Some(type_ @ ("Approved" | "Denied")) = type_ {
                let text = |name: &str| {
                    let text = fields.get(name).and_then(Value::as_str);
                    text.unwrap_or_default().to_owned()
                };
                return Some(Answer {
                    type_: type_.to_owned(),
                    reason: text("reason"),
                    message: text("message"),
                });
            }
            fields.values().find_map(find_answer)
        }
        Value::Array(values) => values.iter().find_map(find_answer),
        _ => None,
    }
}

fn annotate(model: &mut Model, name: &str, patch: &Value) {
    let mut machines = model.machines.values_mut();
    let machine = machines.find(|machine| machine.instance.name == name);
    let given = patch["metadata"]["annotations"].as_object();
    if let (Some(machine), Some(given)) = (machine, given) {
        for (key, value) in given {
            match value.as_str() {
                Some(value) => machine.annotations.insert(key.clone(), value.to_owned()),
                None => machine.annotations.remove(key),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(method: &Method, path: &str, query: &str) -> String {
        Asked::read(method, path, query).unwrap().call()
    }

    #[test]
    fn calls_are_named_by_verb_and_resource() {
        let config = "apis/config.openshift.io/v1";
        let get = format!("{config}/clusterversions/version");
        assert_eq!(call(&Method::GET, &get, ""), "get clusterversions");
        let list = format!("{config}/clusteroperators");
        assert_eq!(
            call(&Method::GET, &list, "limit=500"),
            "list clusteroperators"
        );
        assert_eq!(
            call(&Method::GET, &list, "watch=true"),
            "watch clusteroperators"
        );
        let machines =
            "apis/machine.openshift.io/v1beta1/namespaces/openshift-machine-api/machines";
        assert_eq!(
            call(&Method::DELETE, &format!("{machines}/one"), ""),
            "delete machines"
        );
        assert_eq!(
            call(&Method::GET, "api/v1/namespaces/here", ""),
            "get namespaces"
        );
        let approval = "apis/certificates.k8s.io/v1/certificatesigningrequests/csr-1/approval";
        assert_eq!(
            call(&Method::PATCH, approval, ""),
            "patch certificatesigningrequests/approval"
        );
        assert_eq!(call(&Method::GET, "version", ""), "get /version");
    }

    #[test]
    fn percent_signs_are_decoded_and_broken_ones_stay() {
        assert_eq!(decode("a%3Db%2Cc+d"), "a=b,c d");
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("%zz"), "%zz");
    }

    #[test]
    fn an_answer_is_found_in_every_kind_of_body() {
        let condition = json!({"type": "Approved", "reason": "Ours", "message": "why"});
        let whole = json!({"spec": {"type": "x"}, "status": {"conditions": [condition]}});
        let operations = json!([{"op": "add", "path": "/status/conditions", "value": [condition]}]);
        for body in [whole, operations] {
            assert_eq!(find_answer(&body).unwrap().reason, "Ours");
        }
        assert_eq!(find_answer(&json!({"type": "Failed"})), None);
    }
}
