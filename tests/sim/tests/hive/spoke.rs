//! The API server of an installed cluster, as far as the operator reads and writes it. It follows the
//! machines of its account: no API while most of the control plane does not run, a node is ready while its
//! machine runs and its kubelet has a certificate.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{Method, Request, Response, StatusCode};
use jiff::Timestamp;
use kube::client::Body;
use serde_json::{Value, json};
use skep::remote::connection::Dial;
use skep_providers::{
    Clock as _,
    fake::FakeClock,
    power::{Machine, PowerState},
};
use tower::service_fn;

use super::Account;

/// What a kubelet asks for that boots without a certificate: for the node [`EXPIRED`].
const REQUEST: &[u8] =
    include_bytes!("../../../../src/controllers/hibernation/csr/fixtures/client-ecdsa.pem");

/// The machine whose kubelet's certificate may expire.
pub(crate) const EXPIRED: &str = "worker-0";

const OPERATORS: [&str; 3] = ["dns", "etcd", "network"];

/// A cluster, from within. Clones share it.
#[derive(Clone)]
pub(crate) struct Spoke {
    state: Arc<Mutex<State>>,
    clock: FakeClock,
}

#[derive(Default)]
struct State {
    /// Whether it was off when it was last asked.
    off: bool,
    /// When it was first asked after it had been off: its operators notice.
    woken: Option<Timestamp>,
    /// Whether it answers nobody, although its machines run.
    silent: bool,
    /// Whether an upgrade is under way.
    upgrading: bool,
    /// Whether the kubelet of [`EXPIRED`] has no certificate.
    expired: bool,
    /// Requests that were approved, and as what.
    approved: BTreeMap<String, String>,
}

impl Spoke {
    /// A cluster in a world that begins at this moment.
    pub(crate) fn new(start: Timestamp) -> Self {
        Self {
            state: Arc::default(),
            clock: FakeClock::starting_at(start),
        }
    }

    /// Leads to this cluster, whatever the kubeconfig says.
    pub(crate) fn dial(&self, account: &Account) -> Dial {
        let (spoke, account) = (self.clone(), account.clone());
        Arc::new(move |_, _| {
            let (spoke, account) = (spoke.clone(), account.clone());
            let service = service_fn(move |request: Request<Body>| {
                let (spoke, account) = (spoke.clone(), account.clone());
                async move {
                    if spoke.state.lock().unwrap().silent {
                        return Err(io::Error::from(io::ErrorKind::ConnectionRefused));
                    }
                    let (status, body) = spoke.serve(&account.machines(), request).await;
                    let mut answer = Response::new(Body::from(body.to_string().into_bytes()));
                    *answer.status_mut() = status;
                    Ok(answer)
                }
            });
            Ok(kube::Client::new(service, "default"))
        })
    }

    /// From now on nobody is answered, or everybody is again.
    pub(crate) fn silence(&self, silent: bool) {
        self.state.lock().unwrap().silent = silent;
    }

    pub(crate) fn upgrade(&self, upgrading: bool) {
        self.state.lock().unwrap().upgrading = upgrading;
    }

    /// Its machines are stopped: when they run again, its operators notice.
    pub(crate) fn turn_off(&self) {
        self.state.lock().unwrap().off = true;
    }

    /// The certificate of a kubelet ends.
    pub(crate) fn expire(&self) {
        self.state.lock().unwrap().expired = true;
    }

    /// The requests that were approved, each with the reason.
    pub(crate) fn approved(&self) -> BTreeMap<String, String> {
        self.state.lock().unwrap().approved.clone()
    }

    async fn serve(&self, machines: &[Machine], request: Request<Body>) -> (StatusCode, Value) {
        let path = request.uri().path().to_owned();
        let masters = machines.iter().filter(|machine| machine.control_plane);
        let running = masters
            .clone()
            .filter(|machine| machine.power == PowerState::Running);
        if running.count() * 2 <= masters.count() {
            self.state.lock().unwrap().off = true;
            let body = json!({"message": "no control plane"});
            return (StatusCode::BAD_GATEWAY, body);
        }
        {
            let mut state = self.state.lock().unwrap();
            if std::mem::take(&mut state.off) {
                state.woken = Some(self.clock.now());
            }
        }
        if request.method() == Method::PATCH {
            let body = request.into_body().collect_bytes().await.unwrap();
            let body: Value = serde_json::from_slice(&body).unwrap();
            return self.approve(&path, &body);
        }
        if let Some(answer) = self.state.lock().unwrap().answer(&path, machines) {
            return (StatusCode::OK, answer);
        }
        let body = json!({
            "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404,
            "reason": "NotFound", "message": "not found",
        });
        (StatusCode::NOT_FOUND, body)
    }

    fn approve(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let name = path.split('/').rev().nth(1).unwrap_or_default();
        let mut state = self.state.lock().unwrap();
        let condition = &body["status"]["conditions"][0];
        assert!(path.ends_with("/approval"), "{path}");
        assert_eq!(condition["type"], "Approved", "{body}");
        let reason = condition["reason"].as_str().unwrap_or_default();
        state.approved.insert(name.to_owned(), reason.to_owned());
        state.expired = false;
        (StatusCode::OK, state.request())
    }
}

impl State {
    fn answer(&self, path: &str, machines: &[Machine]) -> Option<Value> {
        let operator = |name: &&str| {
            json!({"metadata": {"name": name}, "status": {"conditions": [
                self.since(condition("Available", true)), condition("Degraded", false),
                condition("Progressing", false),
            ]}})
        };
        let signing = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
        let requests = || {
            let open = self.expired || !self.approved.is_empty();
            open.then(|| self.request()).into_iter().collect::<Vec<_>>()
        };
        Some(match path {
            "/apis/config.openshift.io/v1/clusterversions/version" => json!({"status": {
                "desired": {"version": "4.19.2", "image": "release"},
                "conditions": [
                    condition("Upgradeable", true), condition("Progressing", self.upgrading),
                ],
            }}),
            "/apis/config.openshift.io/v1/clusteroperators" => {
                json!({"items": OPERATORS.iter().map(operator).collect::<Vec<_>>()})
            }
            "/apis/route.openshift.io/v1/namespaces/openshift-console/routes/console" => {
                json!({"spec": {"host": "console-openshift-console.apps.demo.example.com"}})
            }
            "/api/v1/nodes" => {
                json!({"items": machines.iter().map(|machine| self.node(machine)).collect::<Vec<_>>()})
            }
            "/apis/machine.openshift.io/v1beta1/namespaces/openshift-machine-api/machines" => {
                json!({"items": machines.iter().map(in_cluster).collect::<Vec<_>>()})
            }
            path if path == signing => json!({"items": requests()}),
            path if path.starts_with(signing) => requests().pop()?,
            _ => return None,
        })
    }

    fn since(&self, mut condition: Value) -> Value {
        if let Some(woken) = self.woken {
            condition["lastTransitionTime"] = json!(woken);
        }
        condition
    }

    fn node(&self, machine: &Machine) -> Value {
        let runs = machine.power == PowerState::Running;
        let ready = runs && !(self.expired && machine.name == EXPIRED);
        let roles = if machine.control_plane {
            json!({"node-role.kubernetes.io/master": ""})
        } else {
            json!({})
        };
        json!({
            "metadata": {"name": host(machine), "labels": roles},
            "status": {"conditions": [{
                "type": "Ready",
                "status": if ready { "True" } else { "Unknown" },
                "reason": if ready { "KubeletReady" } else { "NodeStatusUnknown" },
            }]},
        })
    }

    fn request(&self) -> Value {
        let conditions = match self.approved.get("csr-0") {
            Some(reason) => json!([{"type": "Approved", "status": "True", "reason": reason}]),
            None => json!([]),
        };
        json!({
            "apiVersion": "certificates.k8s.io/v1",
            "kind": "CertificateSigningRequest",
            "metadata": {"name": "csr-0", "uid": "u-csr-0", "resourceVersion": "1"},
            "spec": {
                "signerName": "kubernetes.io/kube-apiserver-client-kubelet",
                "username":
                    "system:serviceaccount:openshift-machine-config-operator:node-bootstrapper",
                "groups": [
                    "system:serviceaccounts:openshift-machine-config-operator",
                    "system:serviceaccounts",
                    "system:authenticated",
                ],
                "usages": ["digital signature", "client auth"],
                "request": BASE64_STANDARD.encode(REQUEST),
            },
            "status": {"conditions": conditions},
        })
    }
}

fn host(machine: &Machine) -> String {
    format!("{}.demo.internal", machine.name)
}

fn in_cluster(machine: &Machine) -> Value {
    json!({
        "metadata": {"name": machine.name},
        "status": {
            "phase": "Running",
            "nodeRef": {"name": host(machine)},
            "addresses": [{"type": "InternalDNS", "address": host(machine)}],
        },
    })
}

fn condition(kind: &str, holds: bool) -> Value {
    json!({
        "type": kind, "status": if holds { "True" } else { "False" }, "reason": "AsExpected",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    })
}
