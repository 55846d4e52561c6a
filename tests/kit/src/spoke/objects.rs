//! A managed cluster as objects of its API: the same JSON for a real API server and a light one. A
//! table of kinds, each a plain function of the model.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::inventory::State;
use super::model::{Machine, Model, Phase};
use super::requests::Request;

/// Namespace of Machines.
pub const MACHINES: &str = "openshift-machine-api";
/// Namespace of the console's Route.
const CONSOLE: &str = "openshift-console";
const INGRESS: &str = "openshift-ingress-operator";
/// Operators that have no service to offer while they are at work.
const UNAVAILABLE_AT_WORK: [&str; 3] = ["authentication", "console", "ingress"];

/// A kind that a managed cluster has.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) api_version: &'static str,
    pub(super) plural: &'static str,
    pub(super) name: &'static str,
    pub(super) render: fn(&Model) -> Vec<Value>,
}

const fn kind(
    api_version: &'static str,
    plural: &'static str,
    name: &'static str,
    render: fn(&Model) -> Vec<Value>,
) -> Kind {
    Kind {
        api_version,
        plural,
        name,
        render,
    }
}

pub(super) const CSR: &str = "CertificateSigningRequest";

/// All kinds; what others live in comes first.
pub(super) const KINDS: [Kind; 11] = [
    kind("v1", "namespaces", "Namespace", namespaces),
    kind("v1", "nodes", "Node", nodes),
    kind(
        "config.openshift.io/v1",
        "clusterversions",
        "ClusterVersion",
        cluster_versions,
    ),
    kind(
        "config.openshift.io/v1",
        "clusteroperators",
        "ClusterOperator",
        cluster_operators,
    ),
    kind(
        "config.openshift.io/v1",
        "infrastructures",
        "Infrastructure",
        infrastructures,
    ),
    kind("config.openshift.io/v1", "oauths", "OAuth", oauths),
    kind(
        "machine.openshift.io/v1beta1",
        "machines",
        "Machine",
        machines,
    ),
    kind(
        "machine.openshift.io/v1beta1",
        "machinesets",
        "MachineSet",
        machine_sets,
    ),
    kind("route.openshift.io/v1", "routes", "Route", routes),
    kind(
        "operator.openshift.io/v1",
        "ingresscontrollers",
        "IngressController",
        ingress_controllers,
    ),
    kind(
        "certificates.k8s.io/v1",
        "certificatesigningrequests",
        CSR,
        signing_requests,
    ),
];

/// Every object but the signing requests, which their requesters create.
pub(super) fn all(model: &Model) -> Vec<Value> {
    let kinds = KINDS.iter().filter(|kind| kind.name != CSR);
    kinds.flat_map(|kind| kind.complete(model)).collect()
}

impl Kind {
    /// Its objects, with what every object has.
    pub(super) fn complete(&self, model: &Model) -> Vec<Value> {
        let mut objects = (self.render)(model);
        for object in &mut objects {
            object["apiVersion"] = json!(self.api_version);
            object["kind"] = json!(self.name);
        }
        objects
    }
}

/// Hexadecimal digits that depend on some words only.
pub(super) fn digits(words: &[&str]) -> String {
    let digest = Sha256::digest(words.join("\n").as_bytes());
    digest
        .iter()
        .take(16)
        .fold(String::new(), |mut text, byte| {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

pub(super) fn time(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second())
        .unwrap_or(time)
        .to_string()
}

fn word(flag: bool) -> &'static str {
    if flag { "True" } else { "False" }
}

fn condition(type_: &str, status: bool, reason: &str, message: &str, since: Timestamp) -> Value {
    json!({
        "type": type_,
        "status": word(status),
        "reason": reason,
        "message": message,
        "lastTransitionTime": time(since),
    })
}

fn namespaces(_: &Model) -> Vec<Value> {
    let names = [
        MACHINES,
        CONSOLE,
        INGRESS,
        "openshift-machine-config-operator",
    ];
    let named = names.map(|name| json!({"metadata": {"name": name}}));
    named.into_iter().collect()
}

fn nodes(model: &Model) -> Vec<Value> {
    let known = model
        .machines
        .values()
        .filter(|machine| machine.registered && machine.instance.state != State::Gone);
    known.map(|machine| node(model, machine)).collect()
}

fn node(model: &Model, machine: &Machine) -> Value {
    let instance = &machine.instance;
    let roles: &[&str] = if instance.control_plane {
        &["control-plane", "master"]
    } else {
        &["worker"]
    };
    let mut labels = json!({
        "kubernetes.io/hostname": instance.host,
        "topology.kubernetes.io/zone": instance.zone,
    });
    for role in roles {
        labels[format!("node-role.kubernetes.io/{role}")] = json!("");
    }
    let ready = if machine.ready {
        condition(
            "Ready",
            true,
            "KubeletReady",
            "kubelet is posting ready status",
            machine.since,
        )
    } else {
        json!({
            "type": "Ready",
            "status": "Unknown",
            "reason": "NodeStatusUnknown",
            "message": "Kubelet stopped posting node status.",
            "lastTransitionTime": time(machine.since),
        })
    };
    json!({
        "metadata": {
            "name": instance.host,
            "labels": labels,
            "annotations": {
                "machine.openshift.io/machine": format!("{MACHINES}/{}", instance.name),
            },
        },
        "spec": {"providerID": provider_id(model, machine)},
        "status": {"conditions": [ready], "addresses": addresses(machine)},
    })
}

fn provider_id(model: &Model, machine: &Machine) -> String {
    let (zone, id) = (&machine.instance.zone, &machine.instance.id);
    match model.options.platform.as_str() {
        "Azure" => format!("azure://{id}"),
        "GCP" => format!("gce://{zone}/{id}"),
        _ => format!("aws:///{zone}/{id}"),
    }
}

fn addresses(machine: &Machine) -> Value {
    let instance = &machine.instance;
    json!([
        {"type": "InternalIP", "address": instance.address},
        {"type": "InternalDNS", "address": instance.host},
        {"type": "Hostname", "address": instance.host},
    ])
}

fn cluster_versions(model: &Model) -> Vec<Value> {
    let options = &model.options;
    let (upgrading, since) = model.upgrading;
    let release = |version: &str| json!({"version": version, "image": format!("registry.example.com/release:{version}")});
    let mut history = vec![json!({
        "state": "Completed",
        "version": options.version,
        "image": format!("registry.example.com/release:{}", options.version),
        "startedTime": time(model.created),
        "completionTime": time(model.created),
        "verified": false,
    })];
    if upgrading {
        let entry = json!({
            "state": "Partial",
            "version": model.desired,
            "image": format!("registry.example.com/release:{}", model.desired),
            "startedTime": time(since),
            "completionTime": null,
            "verified": true,
        });
        history.insert(0, entry);
    }
    let progress = if upgrading {
        format!(
            "Working towards {}: 120 of 860 done (13% complete)",
            model.desired
        )
    } else {
        format!("Cluster version is {}", options.version)
    };
    let mut conditions = vec![
        condition(
            "Available",
            true,
            "",
            &format!("Done applying {}", options.version),
            model.created,
        ),
        condition("Progressing", upgrading, "", &progress, since),
        condition("Failing", false, "", "", model.created),
    ];
    if let Some(why) = &model.not_upgradeable {
        let reason = "AdminAckRequired";
        conditions.push(condition("Upgradeable", false, reason, why, model.created));
    }
    vec![json!({
        "metadata": {"name": "version"},
        "spec": {"clusterID": digits(&["cluster", &options.infra_id]), "channel": "stable-4"},
        "status": {
            "desired": release(&model.desired),
            "history": history,
            "observedGeneration": 1,
            "versionHash": digits(&[&model.desired])[..8],
            "availableUpdates": null,
            "conditions": conditions,
        },
    })]
}

fn cluster_operators(model: &Model) -> Vec<Value> {
    let operators = model.options.operators.iter();
    operators
        .map(|name| cluster_operator(model, name))
        .collect()
}

fn cluster_operator(model: &Model, name: &str) -> Value {
    let works = model.phase == Phase::Progressing;
    let since = if works {
        model.progressing
    } else {
        model.available
    };
    let away = works && UNAVAILABLE_AT_WORK.contains(&name);
    let (reason, message) = if works {
        ("Rollout", "waiting for pods to become available")
    } else {
        ("AsExpected", "All is well")
    };
    let degraded = model.degraded.get(name);
    let available_since = if UNAVAILABLE_AT_WORK.contains(&name) {
        since
    } else {
        model.created
    };
    json!({
        "metadata": {"name": name},
        "spec": {},
        "status": {
            "conditions": [
                condition("Available", !away, reason, message, available_since),
                condition("Progressing", works, reason, message, since),
                match degraded {
                    Some((why, since)) => condition("Degraded", true, "Trouble", why, *since),
                    None => condition("Degraded", false, "AsExpected", "", model.created),
                },
                condition("Upgradeable", true, "AsExpected", "", model.created),
            ],
            "versions": [{"name": "operator", "version": model.options.version}],
        },
    })
}

fn infrastructures(model: &Model) -> Vec<Value> {
    let domain = model.options.domain();
    let platform = &model.options.platform;
    vec![json!({
        "metadata": {"name": "cluster"},
        "spec": {"platformSpec": {"type": platform}},
        "status": {
            "infrastructureName": model.options.infra_id,
            "platform": platform,
            "platformStatus": {"type": platform},
            "apiServerURL": format!("https://api.{domain}:6443"),
            "apiServerInternalURI": format!("https://api-int.{domain}:6443"),
            "controlPlaneTopology": "HighlyAvailable",
            "infrastructureTopology": "HighlyAvailable",
        },
    })]
}

fn oauths(_: &Model) -> Vec<Value> {
    vec![json!({"metadata": {"name": "cluster"}, "spec": {"identityProviders": []}})]
}

fn machines(model: &Model) -> Vec<Value> {
    model
        .machines
        .values()
        .map(|one| machine(model, one))
        .collect()
}

fn machine(model: &Model, machine: &Machine) -> Value {
    let instance = &machine.instance;
    let role = if instance.control_plane {
        "master"
    } else {
        "worker"
    };
    let mut labels = json!({
        "machine.openshift.io/cluster-api-cluster": model.options.infra_id,
        "machine.openshift.io/cluster-api-machine-role": role,
        "machine.openshift.io/cluster-api-machine-type": role,
    });
    if instance.spot {
        labels["machine.openshift.io/interruptible-instance"] = json!("");
    }
    if !instance.control_plane {
        labels["machine.openshift.io/cluster-api-machineset"] = json!(set_of(&instance.name));
    }
    let mut status = json!({
        "phase": machine.phase,
        "lastUpdated": time(machine.updated),
        "addresses": addresses(machine),
        "providerStatus": {
            "instanceId": instance.id,
            "instanceState": match instance.state {
                State::Pending => "pending",
                State::Running => "running",
                State::Stopping => "stopping",
                State::Stopped => "stopped",
                State::Gone => "terminated",
            },
        },
    });
    if machine.registered {
        status["nodeRef"] = json!({"kind": "Node", "name": instance.host});
    }
    let mut object = json!({
        "metadata": {
            "name": instance.name,
            "namespace": MACHINES,
            "labels": labels,
            "finalizers": ["machine.machine.openshift.io"],
        },
        "spec": {"providerID": provider_id(model, machine), "lifecycleHooks": {}},
        "status": status,
    });
    if !machine.annotations.is_empty() {
        object["metadata"]["annotations"] = json!(machine.annotations);
    }
    object
}

fn set_of(name: &str) -> &str {
    name.rsplit_once('-').map_or(name, |(stem, _)| stem)
}

fn machine_sets(model: &Model) -> Vec<Value> {
    let workers = model
        .machines
        .values()
        .filter(|machine| !machine.instance.control_plane);
    let mut counts = std::collections::BTreeMap::<&str, (u32, u32)>::new();
    for machine in workers {
        let (all, ready) = counts.entry(set_of(&machine.instance.name)).or_default();
        *all += 1;
        *ready += u32::from(machine.ready);
    }
    let set = |(name, (all, ready)): (&str, (u32, u32))| {
        json!({
            "metadata": {"name": name, "namespace": MACHINES},
            "spec": {"replicas": all},
            "status": {"replicas": all, "readyReplicas": ready, "availableReplicas": ready},
        })
    };
    counts.into_iter().map(set).collect()
}

fn routes(model: &Model) -> Vec<Value> {
    let host = format!("console-openshift-console.apps.{}", model.options.domain());
    vec![json!({
        "metadata": {"name": "console", "namespace": CONSOLE},
        "spec": {
            "host": host,
            "to": {"kind": "Service", "name": "console"},
            "tls": {"termination": "reencrypt"},
        },
        "status": {"ingress": [{"host": host, "routerName": "default"}]},
    })]
}

fn ingress_controllers(model: &Model) -> Vec<Value> {
    vec![json!({
        "metadata": {"name": "default", "namespace": INGRESS},
        "spec": {"replicas": 2},
        "status": {"domain": format!("apps.{}", model.options.domain()), "availableReplicas": 2},
    })]
}

fn signing_requests(model: &Model) -> Vec<Value> {
    model.requests.values().map(signing_request).collect()
}

/// A request as its requester sends it, and how it was answered.
pub(super) fn signing_request(request: &Request) -> Value {
    let mut object = json!({
        "apiVersion": "certificates.k8s.io/v1",
        "kind": CSR,
        "metadata": {"name": request.name},
        "spec": {
            "request": BASE64.encode(&request.pem),
            "signerName": request.signer,
            "usages": request.usages,
            "username": request.username,
            "groups": request.groups,
        },
        "status": {},
    });
    if let Some(answer) = &request.answer {
        object["status"]["conditions"] = json!([{
            "type": answer.type_,
            "status": "True",
            "reason": answer.reason,
            "message": answer.message,
        }]);
    }
    object
}
