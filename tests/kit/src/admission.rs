//! The admission webhook as a process beside a hub or alone, and callers that ask it as an API server
//! would. Knows no type of it.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, IpAddr, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};

use crate::hub::Hub;
use crate::outside::{self, NAMESPACE, Outside};
use crate::process::{free_port, wait_until};

/// Its `ServiceAccount`.
pub const ACCOUNT: &str = "hiveadmission";
/// The Secret that its own certificate is kept in.
pub const OWN_SECRET: &str = "hiveadmission-own-cert";

/// Longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// An authority for certificates of this machine.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// A new one.
    pub fn new() -> Result<Self> {
        let key = KeyPair::generate().context("make a key")?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).context("sign an authority")?.pem();
        let issuer = Issuer::new(params, key);
        Ok(Self { issuer, pem })
    }

    /// Its certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Writes a new certificate for this machine as `tls.crt` and `tls.key` into a folder.
    pub fn issue(&self, folder: &Path) -> Result<()> {
        let key = KeyPair::generate().context("make a key")?;
        let mut params = CertificateParams::default();
        let machine = SanType::IpAddress(Ipv4Addr::LOCALHOST.into());
        params.subject_alt_names.push(machine);
        let signed = params.signed_by(&key, &self.issuer).context("sign a key")?;
        for (name, text) in [("tls.crt", signed.pem()), ("tls.key", key.serialize_pem())] {
            let path = folder.join(name);
            std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        }
        Ok(())
    }
}

/// A running webhook.
#[derive(Debug)]
pub struct Webhook {
    /// The process.
    pub process: Outside,
    /// Where it is asked.
    pub address: SocketAddr,
}

/// How a webhook is started.
#[derive(Clone, Debug, Default)]
pub struct How {
    /// Where it is to be asked; a free port when it does not matter.
    pub address: Option<SocketAddr>,
    /// Further arguments.
    pub arguments: Vec<String>,
    /// Its environment.
    pub env: BTreeMap<String, String>,
    /// Only on this processor.
    pub processor: Option<usize>,
}

impl Webhook {
    /// Starts one and waits until it is ready.
    pub fn start(skep: &Path, log: PathBuf, how: How) -> Result<Self> {
        let address = match how.address {
            Some(address) => address,
            None => free_address()?,
        };
        let health = free_port(Ipv4Addr::LOCALHOST)?;
        let pinned = how.processor.map(|number| {
            [
                "/usr/bin/taskset".to_owned(),
                "--cpu-list".to_owned(),
                number.to_string(),
            ]
        });
        let own = [
            skep.display().to_string(),
            "admission".to_owned(),
            "--listen".to_owned(),
            address.to_string(),
            "--listen-health".to_owned(),
            format!("127.0.0.1:{health}"),
        ];
        let argv = pinned
            .into_iter()
            .flatten()
            .chain(own)
            .chain(how.arguments)
            .collect();
        let mut env = how.env;
        // As in its Deployment.
        env.insert("MIMALLOC_ALLOW_THP".to_owned(), "0".to_owned());
        let process = Outside::run(argv, env, health, log)?;
        process.await_ready()?;
        Ok(Self { process, address })
    }

    /// Starts one with a certificate in a folder, and no API server to talk to.
    pub fn alone(skep: &Path, folder: &Path, how: How) -> Result<Self> {
        let file = |name: &str| folder.join(name).display().to_string();
        let mut how = how;
        how.arguments.extend([
            format!("--tls-cert-file={}", file("tls.crt")),
            format!("--tls-private-key-file={}", file("tls.key")),
        ]);
        Self::start(skep, folder.join("admission.log"), how)
    }

    /// Starts one that keeps its own certificate on a hub.
    pub fn beside(hub: &Hub, skep: &Path, name: &str, address: SocketAddr) -> Result<Self> {
        let kubeconfig = hub.service_account_kubeconfig(NAMESPACE, ACCOUNT)?;
        let env = BTreeMap::from([
            ("KUBECONFIG".to_owned(), kubeconfig.display().to_string()),
            ("HIVE_NS".to_owned(), NAMESPACE.to_owned()),
        ]);
        let arguments = ["--also-as", "127.0.0.1", "--linger", "1"];
        let how = How {
            address: Some(address),
            arguments: arguments.map(str::to_owned).to_vec(),
            env,
            processor: None,
        };
        Self::start(skep, hub.run_folder().join(format!("{name}.log")), how)
    }
}

/// An address of this machine on which nothing listens.
pub fn free_address() -> Result<SocketAddr> {
    Ok(SocketAddr::from((
        Ipv4Addr::LOCALHOST,
        free_port(Ipv4Addr::LOCALHOST)?,
    )))
}

/// Registers the webhook with a hub as the shipped manifests do, but at an address of this machine, which no
/// Service leads to.
pub fn register(hub: &Hub, address: SocketAddr) -> Result<()> {
    let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    hub.run_kubectl(&["apply", "-f", "-"], &space.to_string())?;
    outside::apply(hub, "base/admission", &["kind: Deployment"])?;
    for name in configurations(hub)? {
        let webhook = hub.run_kubectl(
            &["get", "validatingwebhookconfiguration", &name, "-o", "json"],
            "",
        )?;
        let webhook: Value = serde_json::from_str(&webhook).context("read a configuration")?;
        let path = webhook
            .pointer("/webhooks/0/clientConfig/service/path")
            .and_then(Value::as_str);
        let url = format!(
            "https://{address}{}",
            path.context("a configuration has no path")?
        );
        let patch = json!([
            {"op": "remove", "path": "/webhooks/0/clientConfig/service"},
            {"op": "add", "path": "/webhooks/0/clientConfig/url", "value": url},
        ]);
        let patch = patch.to_string();
        let arguments = [
            "patch",
            "validatingwebhookconfiguration",
            &name,
            "--type=json",
            "--patch",
            &patch,
        ];
        hub.run_kubectl(&arguments, "")?;
    }
    Ok(())
}

/// Names of the webhook configurations of a hub.
pub fn configurations(hub: &Hub) -> Result<Vec<String>> {
    let selector = "hive.openshift.io/component=hiveadmission";
    let arguments = [
        "get",
        "validatingwebhookconfigurations",
        "-l",
        selector,
        "-o",
        "name",
    ];
    let names = hub.run_kubectl(&arguments, "")?;
    let name = |line: &str| line.rsplit('/').next().unwrap_or_default().to_owned();
    Ok(names.lines().map(name).collect())
}

/// Waits until every configuration trusts the webhook.
pub fn await_trust(hub: &Hub) -> Result<()> {
    wait_until("configurations that trust the webhook", PATIENCE, || {
        let selector = "hive.openshift.io/component=hiveadmission";
        let arguments = [
            "get",
            "validatingwebhookconfigurations",
            "-l",
            selector,
            "-o",
            "json",
        ];
        let all: Value = serde_json::from_str(&hub.run_kubectl(&arguments, "")?)
            .context("read the configurations")?;
        let items = all["items"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let trusting = items
            .iter()
            .filter(|item| item.pointer("/webhooks/0/clientConfig/caBundle").is_some())
            .count();
        Ok(if trusting > 0 && trusting == items.len() {
            Ok(())
        } else {
            Err(format!("{trusting} of {}", items.len()))
        })
    })
}

/// One connection to a webhook, kept open.
pub struct Caller {
    stream: StreamOwned<ClientConnection, TcpStream>,
}

impl std::fmt::Debug for Caller {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Caller").finish_non_exhaustive()
    }
}

impl Caller {
    /// Connects, and verifies that the authority vouches for the webhook.
    pub fn connect(address: SocketAddr, authority_pem: &str) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authority_pem.as_bytes()) {
            roots
                .add(certificate.context("read an authority")?)
                .context("trust an authority")?;
        }
        let connection = client(address, roots)?;
        let stream = TcpStream::connect(address).context("connect")?;
        stream.set_nodelay(true).context("set up the connection")?;
        stream
            .set_read_timeout(Some(PATIENCE))
            .context("set up the connection")?;
        let mut stream = StreamOwned::new(connection, stream);
        stream.flush().context("shake hands")?;
        while stream.conn.is_handshaking() {
            stream
                .conn
                .complete_io(&mut stream.sock)
                .context("shake hands")?;
        }
        Ok(Self { stream })
    }

    /// The certificate that the webhook showed, in DER.
    pub fn shown(&self) -> Vec<u8> {
        let chain = self.stream.conn.peer_certificates().unwrap_or_default();
        chain
            .first()
            .map(|certificate| certificate.to_vec())
            .unwrap_or_default()
    }

    /// Posts a body; code and body of the answer.
    pub fn post(&mut self, path: &str, body: &[u8]) -> Result<(u16, Vec<u8>)> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: webhook\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        self.raw(&[head.as_bytes(), body].concat())
    }

    /// Posts a review; the answer's response.
    pub fn review(&mut self, path: &str, review: &Value) -> Result<Value> {
        let (code, body) = self.post(path, review.to_string().as_bytes())?;
        if code != 200 {
            bail!("{code}: {}", String::from_utf8_lossy(&body));
        }
        let mut answer: Value = serde_json::from_slice(&body).context("read an answer")?;
        Ok(answer["response"].take())
    }

    /// What a client says first to shake hands.
    pub fn hello(address: SocketAddr) -> Result<Vec<u8>> {
        let mut connection = client(address, RootCertStore::empty())?;
        let mut hello = Vec::new();
        connection
            .write_tls(&mut hello)
            .context("write a greeting")?;
        Ok(hello)
    }

    /// Sends bytes as they are, says that there are no more, and reads what comes.
    pub fn raw_then_leave(mut self, bytes: &[u8]) -> Result<Vec<u8>> {
        self.stream.write_all(bytes).context("send")?;
        self.stream.conn.send_close_notify();
        self.stream.flush().context("send")?;
        let mut told = Vec::new();
        self.stream
            .read_to_end(&mut told)
            .context("read an answer")?;
        Ok(told)
    }

    /// Sends bytes as they are, and reads one answer.
    pub fn raw(&mut self, bytes: &[u8]) -> Result<(u16, Vec<u8>)> {
        self.stream.write_all(bytes).context("send")?;
        self.stream.flush().context("send")?;
        let mut told = Vec::new();
        let mut piece = [0; 4096];
        loop {
            if let Some(end) = told.windows(4).position(|window| window == b"\r\n\r\n") {
                let (code, length) = head(told.get(..end).unwrap_or_default())?;
                let whole = end + 4 + length;
                if told.len() >= whole {
                    let body = told.get(end + 4..whole).unwrap_or_default().to_vec();
                    return Ok((code, body));
                }
            }
            let read = self.stream.read(&mut piece).context("read an answer")?;
            if read == 0 {
                bail!("the connection was closed");
            }
            told.extend_from_slice(piece.get(..read).unwrap_or_default());
        }
    }
}

fn client(address: SocketAddr, roots: RootCertStore) -> Result<ClientConnection> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("set up TLS")?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::IpAddress(IpAddr::from(address.ip()));
    ClientConnection::new(Arc::new(config), name).context("set up TLS")
}

/// Code and length of an answer.
fn head(bytes: &[u8]) -> Result<(u16, usize)> {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    let code = text
        .split_whitespace()
        .nth(1)
        .and_then(|code| code.parse().ok());
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
        .unwrap_or(0);
    Ok((code.context("the answer has no code")?, length))
}

/// A review as an API server writes it.
pub fn review(
    resource: &str,
    kind: &str,
    operation: &str,
    old: Option<&Value>,
    new: Option<&Value>,
) -> Value {
    let object = new.or(old);
    let text = |path: &str| object.and_then(|object| object.pointer(path)).cloned();
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "0b4d1b4e-5f6a-4c5e-8f64-8d0a35a9b0f6",
            "kind": {"group": "hive.openshift.io", "version": "v1", "kind": kind},
            "resource": {"group": "hive.openshift.io", "version": "v1", "resource": resource},
            "requestKind": {"group": "hive.openshift.io", "version": "v1", "kind": kind},
            "requestResource": {"group": "hive.openshift.io", "version": "v1", "resource": resource},
            "name": text("/metadata/name"),
            "namespace": text("/metadata/namespace"),
            "operation": operation,
            "userInfo": {"username": "admin", "groups": ["system:masters", "system:authenticated"]},
            "object": new,
            "oldObject": old,
            "dryRun": false,
            "options": {"apiVersion": "meta.k8s.io/v1", "kind": "UpdateOptions"},
        },
    })
}

/// What a Secret's value says.
pub fn from_base64(text: &str) -> Result<Vec<u8>> {
    use base64::Engine as _;
    let engine = &base64::engine::general_purpose::STANDARD;
    engine.decode(text).context("decode a Secret's value")
}

/// Keeps the calling thread, and what it starts, on one processor.
pub fn stay_on(processor: usize) -> Result<()> {
    use nix::sched::{CpuSet, sched_setaffinity};
    let mut set = CpuSet::new();
    set.set(processor).context("name a processor")?;
    sched_setaffinity(nix::unistd::Pid::from_raw(0), &set).context("stay on a processor")
}

/// Reviews as a hub with clusters sends them: path and body of each, with what is right and what is wrong.
pub fn samples() -> Vec<(String, Value)> {
    let object = |kind: &str, spec: Value| {
        json!({
            "apiVersion": "hive.openshift.io/v1",
            "kind": kind,
            "metadata": {"name": "sample", "namespace": "fleet"},
            "spec": spec,
        })
    };
    let sample =
        |resource: &str, kind: &str, operation: &str, old: Option<&Value>, new: Option<&Value>| {
            let plural = resource.trim_end_matches('s');
            (
                format!("/{plural}validators"),
                review(resource, kind, operation, old, new),
            )
        };
    let installed = crate::fleet::Installed::new("fleet");
    let mut cluster = installed.cluster_deployment();
    cluster["status"] = installed.status();
    let mut powered = cluster.clone();
    powered["spec"]["powerState"] = json!("Hibernating");
    let mut moved = cluster.clone();
    moved["spec"]["baseDomain"] = json!("elsewhere.com");
    let mut fresh = cluster.clone();
    if let Some(fresh) = fresh.as_object_mut() {
        fresh.remove("status");
    }
    let pool = |replicas: u32| {
        object(
            "MachinePool",
            json!({
                "clusterDeploymentRef": {"name": "sample"},
                "name": "worker",
                "replicas": replicas,
                "platform": {"aws": {"type": "m6i.large", "rootVolume": {"size": 100, "type": "gp3"}}},
            }),
        )
    };
    let config_map = |number: u32| {
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": format!("settings-{number}"), "namespace": "default"},
            "data": {"a": "b".repeat(200)},
        })
    };
    let sync_set = object(
        "SyncSet",
        json!({
            "clusterDeploymentRefs": [{"name": "sample"}],
            "resourceApplyMode": "Sync",
            "resources": (0..5).map(config_map).collect::<Vec<_>>(),
            "secretMappings": [{"sourceRef": {"name": "a"}, "targetRef": {"name": "b", "namespace": "c"}}],
        }),
    );
    let provision = |stage: &str| {
        object(
            "ClusterProvision",
            json!({
                "clusterDeploymentRef": {"name": "sample"},
                "attempt": 0,
                "stage": stage,
                "infraID": "sample-x7k2p",
                "podSpec": {"restartPolicy": "Never", "containers": [{"name": "installer", "image": "i", "resources": {}}]},
            }),
        )
    };
    let zone = |zone: &str| object("DNSZone", json!({"zone": zone}));
    let image = object(
        "ClusterImageSet",
        json!({"releaseImage": "quay.io/openshift-release-dev/ocp-release:4.19.2-x86_64"}),
    );
    let cds = ("clusterdeployments", "ClusterDeployment");
    vec![
        sample(cds.0, cds.1, "CREATE", None, Some(&fresh)),
        sample(cds.0, cds.1, "UPDATE", Some(&cluster), Some(&powered)),
        sample(cds.0, cds.1, "UPDATE", Some(&cluster), Some(&moved)),
        sample(cds.0, cds.1, "DELETE", Some(&cluster), None),
        sample(
            "machinepools",
            "MachinePool",
            "UPDATE",
            Some(&pool(3)),
            Some(&pool(4)),
        ),
        sample("syncsets", "SyncSet", "CREATE", None, Some(&sync_set)),
        sample(
            "clusterprovisions",
            "ClusterProvision",
            "UPDATE",
            Some(&provision("initializing")),
            Some(&provision("provisioning")),
        ),
        sample(
            "dnszones",
            "DNSZone",
            "CREATE",
            None,
            Some(&zone("a.example.com")),
        ),
        sample(
            "dnszones",
            "DNSZone",
            "CREATE",
            None,
            Some(&zone("a_b.example.com")),
        ),
        sample(
            "clusterimagesets",
            "ClusterImageSet",
            "CREATE",
            None,
            Some(&image),
        ),
    ]
}
