//! Thousands of managed clusters in one HTTPS server: each answers under a path of its own
//! (`https://address/<infra ID>`) with the handful of calls that an operator of a hub makes, and counts
//! them. What it shows is what a real spoke shows, from the same model.
//!
//! It serves objects as they are now: no watches, no pages, no writes but the answer to a signing
//! request and the deletion or annotation of a Machine. A cluster that sleeps cannot refuse connections
//! to a port that it shares, so that it breaks each connection off instead.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use parking_lot::Mutex;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    SanType,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use super::bell::Bell;
use super::inventory::{Instance, Inventory};
use super::light_api::{self, Asked, Refusal};
use super::{Cluster, SpokeOptions};
use crate::hub;
use crate::scenario::CANARY;

/// Nothing that is sent here is larger.
const BODY: usize = 1 << 20;

/// How often each call was made, by verb and resource: `get clusterversions`, `list nodes`,
/// `update certificatesigningrequests/approval`.
pub type Calls = BTreeMap<String, u64>;

/// A server of many light clusters. Dropping it ends it.
pub struct Fleet {
    served: Arc<Served>,
    bell: Arc<Bell>,
    authority: String,
    address: SocketAddr,
    actor: Option<JoinHandle<()>>,
    runtime: Option<Runtime>,
}

struct Served {
    /// By infra ID.
    spokes: BTreeMap<String, Light>,
    bell: Arc<Bell>,
}

struct Light {
    cluster: Cluster,
    token: Mutex<String>,
    calls: Mutex<Calls>,
}

/// One light cluster of a fleet. Everything that a [`Cluster`] can be told, it can.
#[derive(Clone, Copy)]
pub struct LightSpoke<'a> {
    fleet: &'a Fleet,
    name: &'a str,
    light: &'a Light,
}

impl std::ops::Deref for LightSpoke<'_> {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.light.cluster
    }
}

impl Fleet {
    /// Starts as many clusters as there are options, on this machine only. The machines of all are looked
    /// at together, as often as the most patient of them wants; half a second is good for a thousand.
    pub fn start(
        inventory: Arc<dyn Inventory>,
        spokes: impl IntoIterator<Item = SpokeOptions>,
    ) -> Result<Self> {
        Self::start_on(IpAddr::V4(Ipv4Addr::LOCALHOST), inventory, spokes)
    }

    /// Starts them on an address of this machine, such as the one that pods see.
    pub fn start_on(
        listen: IpAddr,
        inventory: Arc<dyn Inventory>,
        spokes: impl IntoIterator<Item = SpokeOptions>,
    ) -> Result<Self> {
        let bell = Arc::new(Bell::default());
        let mut look = Duration::ZERO;
        let lights = spokes.into_iter().map(|options| {
            look = look.max(options.look);
            let name = options.infra_id.clone();
            let light = Light {
                cluster: Cluster::new(options, Arc::clone(&bell)),
                token: Mutex::new(token()),
                calls: Mutex::default(),
            };
            (name, light)
        });
        let served = Arc::new(Served {
            spokes: lights.collect(),
            bell: Arc::clone(&bell),
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .thread_name("fleet")
            .build()
            .context("start the fleet's runtime")?;
        let (acceptor, authority) = identity(listen)?;
        let listener = std::net::TcpListener::bind((listen, 0)).context("listen for the fleet")?;
        listener
            .set_nonblocking(true)
            .context("prepare the fleet's socket")?;
        let address = listener.local_addr().context("read the fleet's port")?;
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener).context("prepare the fleet's socket")?
        };
        runtime.spawn(accept(listener, acceptor, Arc::clone(&served)));
        let (rings, stepped) = (Arc::clone(&bell), Arc::clone(&served));
        let actor = std::thread::Builder::new()
            .name("fleet".to_owned())
            .spawn(move || rings.run(look, || stepped.step(inventory.as_ref())))
            .context("start the fleet's actor")?;
        let fleet = Self {
            served,
            bell,
            authority,
            address,
            actor: Some(actor),
            runtime: Some(runtime),
        };
        fleet
            .bell
            .ring_and_wait(super::PATIENCE)
            .context("show a fleet for the first time")?;
        Ok(fleet)
    }

    /// A cluster.
    pub fn spoke(&self, infra_id: &str) -> Option<LightSpoke<'_>> {
        let (name, light) = self.served.spokes.get_key_value(infra_id)?;
        Some(LightSpoke {
            fleet: self,
            name,
            light,
        })
    }

    /// All clusters.
    pub fn spokes(&self) -> impl Iterator<Item = LightSpoke<'_>> {
        let all = self.served.spokes.iter();
        all.map(|(name, light)| LightSpoke {
            fleet: self,
            name,
            light,
        })
    }

    /// The calls of all clusters together.
    pub fn calls(&self) -> Calls {
        let mut sum = Calls::new();
        for light in self.served.spokes.values() {
            for (call, count) in light.calls.lock().iter() {
                *sum.entry(call.clone()).or_default() += count;
            }
        }
        sum
    }

    /// Forgets all calls.
    pub fn clear_calls(&self) {
        for light in self.served.spokes.values() {
            light.calls.lock().clear();
        }
    }
}

impl LightSpoke<'_> {
    /// Its infra ID.
    pub fn name(&self) -> &str {
        self.name
    }

    /// Where clients go.
    pub fn server(&self) -> String {
        format!("https://{}/{}", self.fleet.address, self.name)
    }

    /// The administrator's kubeconfig, with everything inline. Its token holds the canary of the tests.
    pub fn kubeconfig(&self) -> String {
        let token = self.light.token.lock();
        hub::build_kubeconfig(&self.server(), &self.fleet.authority, &token)
    }

    /// Makes every kubeconfig that was given out worthless; the next one is good.
    pub fn rotate_token(&self) {
        *self.light.token.lock() = token();
    }

    /// The calls that were made to it.
    pub fn calls(&self) -> Calls {
        self.light.calls.lock().clone()
    }
}

impl fmt::Debug for Fleet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Fleet")
            .field("address", &self.address)
            .field("spokes", &self.served.spokes.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for LightSpoke<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("LightSpoke")
            .field(&self.name)
            .finish()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.bell.stop();
        if let Some(actor) = self.actor.take() {
            // A panic of the actor has been told on the standard error.
            drop(actor.join());
        }
        // In whatever runtime the owner is.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn token() -> String {
    format!("{CANARY}-{}", uuid::Uuid::new_v4().simple())
}

impl Served {
    fn step(&self, inventory: &dyn Inventory) -> Result<()> {
        let all = inventory.list().context("list the machines")?;
        let mut own = BTreeMap::<&str, Vec<&Instance>>::new();
        for instance in &all {
            own.entry(&instance.infra_id).or_default().push(instance);
        }
        let now = Timestamp::now();
        for (name, light) in &self.spokes {
            let machines = own.get(name.as_str()).map_or(&[][..], Vec::as_slice);
            let replacements = {
                let mut model = light.cluster.shared.model.lock();
                model.step(now, machines)?;
                model.take_replacements()
            };
            for machine in replacements {
                inventory
                    .replace(&machine)
                    .with_context(|| format!("replace {}", machine.name))?;
            }
        }
        Ok(())
    }

    /// Answers a request; none when the cluster has no API now.
    async fn answer(&self, request: Request<Incoming>) -> Option<Response<Full<Bytes>>> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().trim_matches('/').to_owned();
        let (name, path) = path.split_once('/').unwrap_or((path.as_str(), ""));
        let Some(light) = self.spokes.get(name) else {
            return Some(refuse(&Refusal::not_found("there is no such cluster")));
        };
        if !light.cluster.now().api {
            return None;
        }
        let given = parts.headers.get(header::AUTHORIZATION);
        let bearer = format!("Bearer {}", light.token.lock());
        if given.is_none_or(|given| given.as_bytes() != bearer.as_bytes()) {
            return Some(refuse(&Refusal::unauthorized()));
        }
        let body = match Limited::new(body, BODY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => return Some(refuse(&Refusal::bad("the body cannot be read"))),
        };
        let asked = match Asked::read(&parts.method, path, parts.uri.query().unwrap_or("")) {
            Ok(asked) => asked,
            Err(refusal) => return Some(refuse(&refusal)),
        };
        *light.calls.lock().entry(asked.call()).or_default() += 1;
        let answer = {
            let mut model = light.cluster.shared.model.lock();
            light_api::answer(&mut model, &asked, &body)
        };
        if parts.method != Method::GET {
            self.bell.ring();
        }
        Some(match answer {
            Ok(value) => json_response(StatusCode::OK, &value),
            Err(refusal) => refuse(&refusal),
        })
    }
}

fn refuse(refusal: &Refusal) -> Response<Full<Bytes>> {
    let status = StatusCode::from_u16(refusal.code).unwrap_or(StatusCode::BAD_REQUEST);
    json_response(
        status,
        &json!({
            "apiVersion": "v1",
            "kind": "Status",
            "metadata": {},
            "status": "Failure",
            "reason": refusal.reason,
            "message": refusal.message,
            "code": refusal.code,
        }),
    )
}

fn json_response(status: StatusCode, value: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(value.to_string())));
    *response.status_mut() = status;
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, served: Arc<Served>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, acceptor.clone(), Arc::clone(&served)));
    }
}

/// A connection, until either side ends it.
async fn serve(stream: TcpStream, acceptor: TlsAcceptor, served: Arc<Served>) {
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let service = service_fn(move |request| {
        let served = Arc::clone(&served);
        // An error of a service ends its connection without an answer.
        async move { served.answer(request).await.ok_or(Asleep) }
    });
    let connection = hyper::server::conn::http1::Builder::new();
    // Clients break connections off as they like.
    drop(
        connection
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}

/// A cluster has no API now.
#[derive(Debug)]
struct Asleep;

impl fmt::Display for Asleep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("no machine of the control plane runs")
    }
}

impl std::error::Error for Asleep {}

/// A certificate for an address, and the authority that signed it.
fn identity(address: IpAddr) -> Result<(TlsAcceptor, String)> {
    let key = KeyPair::generate().context("generate the authority's key")?;
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "skep-fleet");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key).context("sign the authority")?;
    let issuer = Issuer::new(params, key);
    let mut params = CertificateParams::default();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.subject_alt_names = vec![SanType::IpAddress(address)];
    let key = KeyPair::generate().context("generate the serving key")?;
    let serving = params
        .signed_by(&key, &issuer)
        .context("sign the serving key")?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let private = PrivatePkcs8KeyDer::from(key.serialize_der());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("choose TLS versions")?
        .with_no_client_auth()
        .with_single_cert(vec![serving.der().clone()], private.into())
        .map_err(|error| anyhow!("use the serving certificate: {error}"))?;
    Ok((TlsAcceptor::from(Arc::new(config)), authority.pem()))
}
