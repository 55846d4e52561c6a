//! Looks at clusters: over a client that answers as told, and over real TLS to a server of this process.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::service::service_fn as served;
use hyper_util::rt::TokioIo;
use kube::client::Body;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use skep_sim::apiserver::{ApiServer, Clock as ServerClock, Latency};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tower::service_fn;

use super::view::Part;
use super::*;
use crate::runtime::{Clock, Config, Guarded, Key, StoreOptions};

const TOKEN: &str = "skep-canary-7f3a";
const HOST: &str = "api.demo.example.com";

/// What a healthy cluster answers, by path.
fn answers() -> BTreeMap<&'static str, Value> {
    let conditions = json!([{"type": "Available", "status": "True"}]);
    let operator =
        |name: &str| json!({"metadata": {"name": name}, "status": {"conditions": conditions}});
    BTreeMap::from([
        (
            "/apis/config.openshift.io/v1/clusterversions/version",
            json!({"status": {"desired": {"version": "4.19.2"}}}),
        ),
        (
            "/apis/config.openshift.io/v1/clusteroperators",
            json!({"items": [operator("network"), operator("dns")]}),
        ),
        (
            "/apis/route.openshift.io/v1/namespaces/openshift-console/routes/console",
            json!({"spec": {"host": "console.apps.demo.example.com"}}),
        ),
        (
            "/api/v1/nodes",
            json!({"items": [{"metadata": {"name": "n"}}]}),
        ),
        (
            "/apis/certificates.k8s.io/v1/certificatesigningrequests",
            json!({"items": null}),
        ),
    ])
}

fn answer(path: &str) -> Response<Full<bytes::Bytes>> {
    let (status, body) = match answers().get(path) {
        Some(body) => (StatusCode::OK, body.clone()),
        None => (StatusCode::NOT_FOUND, json!({"message": "not found"})),
    };
    let mut answer = Response::new(Full::from(body.to_string()));
    *answer.status_mut() = status;
    answer
}

// Looks, over a client that answers as told.

type Told = fn(&str) -> Response<Full<bytes::Bytes>>;

fn told(by: Told) -> Client {
    let service = service_fn(move |request: Request<Body>| async move {
        Ok::<_, Infallible>(by(request.uri().path()))
    });
    Client::new(service, "default")
}

fn with(status: u16, body: &str) -> Response<Full<bytes::Bytes>> {
    let mut answer = Response::new(Full::from(body.to_owned()));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer
}

const fn wanted(depth: Depth) -> Wanted {
    Wanted {
        depth,
        console: true,
        whole_version: false,
    }
}

#[tokio::test]
async fn a_routine_look_reads_version_operators_and_console() {
    let seen = look::look(&told(answer), wanted(Depth::Routine))
        .await
        .unwrap();
    assert_eq!(seen.version.unwrap().desired, "4.19.2");
    let names: Vec<&str> = seen.operators.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["dns", "network"], "sorted");
    assert_eq!(
        seen.console.as_deref(),
        Some("console.apps.demo.example.com")
    );
    assert_eq!((seen.waking, seen.unreadable), (None, Vec::new()));
}

#[tokio::test]
async fn a_waking_look_reads_nodes_requests_and_machines_too() {
    let seen = look::look(&told(answer), wanted(Depth::Waking))
        .await
        .unwrap();
    let waking = seen.waking.unwrap();
    assert_eq!(waking.nodes.len(), 1);
    assert_eq!((waking.requests.len(), waking.machines.len()), (0, 0));
    // A kind that is not there has no objects; that is known.
    assert_eq!(seen.unreadable, Vec::new());
}

/// Whatever a cluster answers, what could be read of it is seen, and what could not is said to be so.
#[tokio::test]
async fn parts_that_cannot_be_read_never_fail_the_whole() {
    let parts = told(|path| match path.rsplit('/').next().unwrap_or_default() {
        "clusteroperators" => with(503, "{}"),
        "console" => with(403, "{}"),
        "nodes" => with(200, "<html>"),
        "machines" => with(200, r#"{"items": [{"metadata": {"name": 1}}]}"#),
        _ => answer(path),
    });
    let seen = look::look(&parts, wanted(Depth::Waking)).await.unwrap();
    assert!(seen.version.is_some());
    for part in [
        Part::ClusterOperators,
        Part::Console,
        Part::Nodes,
        Part::Machines,
    ] {
        assert!(!seen.has_read(part), "{part:?}");
    }
    assert!(seen.has_read(Part::SigningRequests) && seen.has_read(Part::ClusterVersion));
    let odd = told(|path| match path.rsplit('/').next() {
        Some("version") => with(200, "[1, 2]"),
        Some(_) | None => answer(path),
    });
    let seen = look::look(&odd, wanted(Depth::Routine)).await.unwrap();
    assert!(!seen.has_read(Part::ClusterVersion) && seen.operators.len() == 2);
}

#[tokio::test]
async fn the_first_answer_decides_whether_the_cluster_is_reached() {
    for (by, expected) in [
        (
            (|_| with(401, "{}")) as Told,
            Some(FailureClass::Unauthorized),
        ),
        (
            |_| with(500, r#"{"message": "etcdserver: leader changed"}"#),
            Some(FailureClass::Server),
        ),
        (|_| with(403, "{}"), None),
        (|_| with(404, "{}"), None),
        (|_| with(200, "no JSON"), None),
    ] {
        let seen = look::look(&told(by), wanted(Depth::Routine)).await;
        assert_eq!(seen.map_err(|failure| failure.class).err(), expected);
    }
}

#[tokio::test]
async fn an_answer_without_end_is_given_up() {
    let endless = told(|path| match path.rsplit('/').next() {
        Some("clusteroperators") => with(200, &" ".repeat((16 << 20) + 1)),
        Some(_) | None => answer(path),
    });
    let seen = look::look(&endless, wanted(Depth::Routine)).await.unwrap();
    assert!(!seen.has_read(Part::ClusterOperators));
    // A list whose every page names another one ends as well.
    let pages = told(|path| match path.rsplit('/').next() {
        Some("clusteroperators") => {
            with(200, r#"{"metadata": {"continue": "a/b=="}, "items": []}"#)
        }
        Some(_) | None => answer(path),
    });
    let seen = look::look(&pages, wanted(Depth::Routine)).await.unwrap();
    assert!(!seen.has_read(Part::ClusterOperators));
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_does_not_answer_costs_seconds() {
    let silent = service_fn(|_: Request<Body>| async {
        std::future::pending::<()>().await;
        Ok::<_, Infallible>(with(200, "{}"))
    });
    let clock = Clock::starting_at(Timestamp::UNIX_EPOCH);
    let looked = look::look(&Client::new(silent, "default"), wanted(Depth::Waking)).await;
    assert_eq!(looked.unwrap_err().class, FailureClass::Timeout);
    assert!(clock.elapsed().as_secs() <= 20, "{:?}", clock.elapsed());
}

// Clusters, over TLS.

/// An API server of this process; it ends with it.
struct Spoke {
    address: SocketAddr,
    authority: String,
    agents: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

impl Drop for Spoke {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Spoke {
    async fn start() -> Self {
        let (authority, acceptor) = identity();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = TcpListener::bind(any).await.unwrap();
        let address = listener.local_addr().unwrap();
        let agents: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&agents);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let service = served(move |request: Request<hyper::body::Incoming>| {
                        let answer = guarded(&request, &seen);
                        async move { Ok::<_, Infallible>(answer) }
                    });
                    let connection = hyper::server::conn::http1::Builder::new();
                    let _ = connection
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self {
            address,
            authority,
            agents,
            serving,
        }
    }

    /// Its URL by name: nobody can resolve it.
    fn url(&self) -> String {
        format!("https://{HOST}:{}", self.address.port())
    }

    fn kubeconfig(&self, token: &str) -> Value {
        json!({
            "current-context": "admin",
            "clusters": [{"name": "demo", "cluster": {
                "server": self.url(),
                "certificate-authority-data": BASE64.encode(&self.authority),
            }}],
            "contexts": [{"name": "admin", "context": {"cluster": "demo", "user": "admin"}}],
            "users": [{"name": "admin", "user": {"token": token}}],
        })
    }
}

/// Only who brings the token is answered.
fn guarded(
    request: &Request<hyper::body::Incoming>,
    agents: &Mutex<Vec<String>>,
) -> Response<Full<bytes::Bytes>> {
    let header = |name: http::HeaderName| {
        let value = request.headers().get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    agents
        .lock()
        .push(header(http::header::USER_AGENT).to_owned());
    if header(http::header::AUTHORIZATION) == format!("Bearer {TOKEN}") {
        answer(request.uri().path())
    } else {
        with(401, "{}")
    }
}

/// An authority's certificate, and a server that proves to be [`HOST`] by it.
fn identity() -> (String, TlsAcceptor) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    let signed = params.signed_by(&key, &issuer).unwrap();
    let chain = vec![signed.der().clone()];
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    (authority.pem(), TlsAcceptor::from(Arc::new(config)))
}

/// A hub with one kubeconfig, and what looks at its cluster.
struct World {
    hub: ApiServer,
    secrets: Store<PartialObjectMeta<Secret>>,
    remotes: Remotes,
    ended: Arc<Notify>,
}

impl World {
    fn new(kubeconfig: Option<&Value>) -> Self {
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let hub = ApiServer::new(1, ServerClock::starting_at(start), Latency::default());
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"},
        });
        hub.seed_object("", "namespaces", &namespace);
        if let Some(kubeconfig) = kubeconfig {
            let data = BASE64.encode(kubeconfig.to_string());
            let secret = json!({
                "apiVersion": "v1", "kind": "Secret", "data": {"kubeconfig": data},
                "metadata": {"name": "demo-admin-kubeconfig", "namespace": "team"},
            });
            hub.seed_object("", "secrets", &secret);
        }
        let clock = Clock::starting_at(start);
        let context = Context::new(hub.client("operator"), clock, "test");
        let secrets = Store::new(StoreOptions::default());
        let config = ConfigStore::new(Config::default());
        let dial = connection::over_tls();
        let remotes = Remotes::new(&context, secrets.clone(), config, dial);
        let ended = Arc::new(Notify::new());
        let bell = Arc::clone(&ended);
        remotes.inner.tasks.on_change(move |_| bell.notify_one());
        Self {
            hub,
            secrets,
            remotes,
            ended,
        }
    }

    async fn look(&self, target: &Target) -> Arc<View> {
        assert!(self.remotes.look(target, Depth::Routine), "a look begins");
        assert!(!self.remotes.look(target, Depth::Routine), "one at a time");
        while self.remotes.known(target).looking {
            self.ended.notified().await;
        }
        self.remotes.view(&target.key.uid).unwrap()
    }

    /// The Secret as a watch would bring it, at another version.
    fn secret_changes(&self, version: &str) {
        let meta = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {
            "name": "demo-admin-kubeconfig", "namespace": "team", "uid": "s", "resourceVersion": version,
        }});
        let guarded: Guarded<PartialObjectMeta<Secret>> = serde_json::from_value(meta).unwrap();
        self.secrets.apply(guarded);
    }
}

fn target() -> Target {
    Target {
        key: Key {
            namespace: "team".into(),
            name: "demo".into(),
            uid: "u-1".into(),
        },
        kubeconfig: "demo-admin-kubeconfig".into(),
        url_override: None,
        ip_override: Some("127.0.0.1".into()),
        wants_console: true,
        wants_version: false,
        pretended: None,
    }
}

fn class(view: &View) -> Option<FailureClass> {
    view.seen.as_ref().err().map(|failure| failure.class)
}

/// docs/spec/32 §1.1: TCP goes to the other address, the name in TLS stays.
#[tokio::test]
async fn a_cluster_is_seen_by_its_name_at_another_address() {
    let spoke = Spoke::start().await;
    let world = World::new(Some(&spoke.kubeconfig(TOKEN)));
    let view = world.look(&target()).await;
    let seen = view.seen.as_ref().unwrap();
    assert_eq!(seen.operators.len(), 2);
    assert_eq!((view.through, view.primary.is_ok()), (Route::Primary, true));
    assert_eq!(world.remotes.known(&target()).failures, 0);
    let agents = spoke.agents.lock().clone();
    assert!(
        agents.iter().all(|agent| agent.ends_with("(unreachable)")),
        "{agents:?}"
    );
    // By its name alone it is not found.
    let unmoved = Target {
        ip_override: None,
        ..target()
    };
    assert_eq!(
        class(&*world.look(&unmoved).await),
        Some(FailureClass::Dial)
    );
    // Somebody else there has another certificate.
    let other = Spoke::start().await;
    let mut stranger = spoke.kubeconfig(TOKEN);
    stranger["clusters"][0]["cluster"]["server"] = json!(other.url());
    let view = World::new(Some(&stranger)).look(&target()).await;
    assert_eq!(class(&view), Some(FailureClass::Tls), "{:?}", view.seen);
}

/// docs/spec/32, weakness 3.
#[tokio::test]
async fn what_keeps_a_cluster_from_being_seen_is_told_apart() {
    let spoke = Spoke::start().await;
    let mut exec = spoke.kubeconfig(TOKEN);
    exec["users"][0]["user"]["exec"] = json!({"command": "/bin/sh"});
    let mut gone = spoke.kubeconfig(TOKEN);
    gone["clusters"][0]["cluster"]["server"] = json!(format!("https://{HOST}:{}", nobody().await));
    for (kubeconfig, expected) in [
        (
            Some(spoke.kubeconfig("skep-canary-7f3a-old")),
            FailureClass::Unauthorized,
        ),
        (Some(exec), FailureClass::Refused),
        (Some(gone), FailureClass::Dial),
        (None, FailureClass::NoKubeconfig),
    ] {
        let world = World::new(kubeconfig.as_ref());
        let view = world.look(&target()).await;
        assert_eq!(class(&view), Some(expected), "{:?}", view.seen);
        assert_eq!(world.remotes.known(&target()).failures, 1);
        assert!(!format!("{view:?}").contains(TOKEN));
    }
    let world = World::new(Some(&spoke.kubeconfig(TOKEN)));
    let odd = Target {
        ip_override: Some("here".into()),
        ..target()
    };
    assert_eq!(class(&*world.look(&odd).await), Some(FailureClass::Refused));
}

/// A port on which nobody listens.
async fn nobody() -> u16 {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = TcpListener::bind(any).await.unwrap();
    listener.local_addr().unwrap().port()
}

/// docs/spec/32 §1.2.
#[tokio::test]
async fn the_kubeconfigs_own_server_is_asked_when_the_override_fails() {
    let spoke = Spoke::start().await;
    let world = World::new(Some(&spoke.kubeconfig(TOKEN)));
    let broken = Target {
        url_override: Some(format!("https://{HOST}:{}", nobody().await)),
        ..target()
    };
    let view = world.look(&broken).await;
    assert_eq!(view.through, Route::Secondary);
    assert_eq!(view.primary.as_ref().unwrap_err().class, FailureClass::Dial);
    assert!(view.seen.is_ok());
    // What writes goes the way that works.
    let client = world.remotes.client(&broken, controller::HIBERNATION).await;
    let request = Request::get("/api/v1/nodes").body(Vec::new()).unwrap();
    let nodes: Value = client.unwrap().request(request).await.unwrap();
    assert_eq!(nodes["items"][0]["metadata"]["name"], "n");
    let last = spoke.agents.lock().last().cloned().unwrap();
    assert!(last.ends_with("(hibernation)"), "{last}");
    let works = Target {
        url_override: Some(spoke.url()),
        ..target()
    };
    assert!(world.remotes.known(&works).changed);
    let view = world.look(&works).await;
    assert_eq!((view.through, view.primary.is_ok()), (Route::Primary, true));
    assert!(!world.remotes.known(&works).changed);
}

#[tokio::test]
async fn a_kubeconfig_is_read_once_and_again_when_it_changes() {
    let spoke = Spoke::start().await;
    let world = World::new(Some(&spoke.kubeconfig(TOKEN)));
    world.secret_changes("1");
    world.look(&target()).await;
    world.look(&target()).await;
    assert_eq!(
        (world.hub.requests(), world.remotes.inner.pool.len()),
        (1, 1)
    );
    assert!(!world.remotes.known(&target()).changed);
    world.secret_changes("2");
    assert!(world.remotes.known(&target()).changed);
    world.look(&target()).await;
    assert_eq!(
        (world.hub.requests(), world.remotes.inner.pool.len()),
        (2, 1)
    );
    world.remotes.forget("u-1");
    assert_eq!(world.remotes.known(&target()), Known::default());
    assert_eq!(world.remotes.inner.pool.len(), 0);
}

/// docs/spec/32 §1.4.
#[tokio::test]
async fn a_pretended_cluster_is_well_and_nobody_is_asked() {
    let world = World::new(None);
    let pretended = Target {
        pretended: Some("4.19.2".into()),
        ..target()
    };
    let view = world.look(&pretended).await;
    let seen = view.seen.as_ref().unwrap();
    assert_eq!(seen.version.as_ref().unwrap().desired, "4.19.2");
    assert_eq!(seen.operators.len(), 30);
    assert_eq!(world.hub.requests(), 0);
}
