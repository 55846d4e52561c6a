//! The programs of the control plane and their flags (docs/spec/60 §2). It decides flags only;
//! starting and waiting are the hub's.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::pki::Pki;
use super::{SERVICE_ADDRESS, SERVICES};
use crate::process::Program;
use crate::scenario::CANARY;

/// Name of the audit log in the run folder.
pub(super) const AUDIT_LOG: &str = "audit.jsonl";

/// The identities that the token file knows.
#[derive(Clone, Copy, Debug)]
pub(super) enum Identity {
    Admin,
    ControllerManager,
    Scheduler,
    Kubelet,
}

impl Identity {
    const ALL: [Self; 4] = [
        Self::Admin,
        Self::ControllerManager,
        Self::Scheduler,
        Self::Kubelet,
    ];

    fn user(self) -> String {
        match self {
            Self::Admin => "skep-hub-admin".to_owned(),
            Self::ControllerManager => "system:kube-controller-manager".to_owned(),
            Self::Scheduler => "system:kube-scheduler".to_owned(),
            Self::Kubelet => format!("system:node:{}", super::NODE_NAME),
        }
    }

    fn groups(self) -> &'static str {
        match self {
            Self::Admin => "system:masters",
            Self::ControllerManager | Self::Scheduler => "",
            Self::Kubelet => "system:nodes",
        }
    }
}

/// Everything that the flags depend on.
#[derive(Debug)]
pub(super) struct ControlPlane<'a> {
    pub(super) binary: &'a Path,
    pub(super) folder: &'a Path,
    pub(super) pki: &'a Pki,
    pub(super) address: Ipv4Addr,
    pub(super) port: u16,
    pub(super) tokens: BTreeMap<String, String>,
}

/// One random token for each identity, by user name. Each holds the canary of the tests: a hub may be
/// somebody's managed cluster, whose kubeconfig is a Secret.
pub(super) fn build_tokens() -> BTreeMap<String, String> {
    let token = || format!("{CANARY}-{}", uuid::Uuid::new_v4().simple());
    Identity::ALL
        .iter()
        .map(|identity| (identity.user(), token()))
        .collect()
}

impl ControlPlane<'_> {
    pub(super) fn token(&self, identity: Identity) -> &str {
        self.tokens.get(&identity.user()).map_or("", String::as_str)
    }

    pub(super) fn server(&self) -> String {
        format!("https://{}:{}", self.address, self.port)
    }

    /// Writes the token file of the API server.
    pub(super) fn write_tokens(&self) -> Result<PathBuf> {
        let lines: Vec<String> = Identity::ALL
            .iter()
            .map(|identity| {
                let (token, user) = (self.token(*identity), identity.user());
                format!("{token},{user},{user},\"{}\"", identity.groups())
            })
            .collect();
        let path = self.folder.join("tokens.csv");
        std::fs::write(&path, lines.join("\n"))
            .with_context(|| format!("write {}", path.display()))?;
        Ok(path)
    }

    /// Writes the policy that records who asked for what, without the objects themselves: Secrets
    /// must not end up in a log.
    pub(super) fn write_audit_policy(&self) -> Result<PathBuf> {
        let policy = serde_json::json!({
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived"],
            "rules": [{ "level": "Metadata" }],
        });
        let path = self.folder.join("audit.json");
        std::fs::write(&path, policy.to_string())
            .with_context(|| format!("write {}", path.display()))?;
        Ok(path)
    }

    /// Writes a kubeconfig for one identity.
    pub(super) fn write_kubeconfig(&self, name: &str, identity: Identity) -> Result<PathBuf> {
        let text = build_kubeconfig(
            &self.server(),
            &self.pki.authority_pem,
            self.token(identity),
        );
        let path = self.folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        Ok(path)
    }

    /// etcd on sockets in the run folder: no port to be chosen, and paths short enough for any cache
    /// folder because they are relative. etcd wants something like a port in every URL; it is part of
    /// the socket name.
    pub(super) fn etcd(&self) -> Program {
        self.program(
            "etcd",
            &[
                "--name=hub".into(),
                "--data-dir=etcd".into(),
                // The data is thrown away with the hub.
                "--unsafe-no-fsync".into(),
                "--listen-client-urls=unix://etcd.sock:0".into(),
                "--advertise-client-urls=unix://etcd.sock:0".into(),
                "--listen-peer-urls=unix://peer.sock:0".into(),
                "--initial-advertise-peer-urls=unix://peer.sock:0".into(),
                "--initial-cluster=hub=unix://peer.sock:0".into(),
                "--quota-backend-bytes=4294967296".into(),
                "--log-level=warn".into(),
            ],
        )
    }

    pub(super) fn apiserver(&self, tokens: &Path, audit: Option<&Path>) -> Program {
        let path = |flag: &str, path: &Path| format!("--{flag}={}", path.display());
        let audit = audit.map_or_else(Vec::new, |policy| {
            vec![
                path("audit-policy-file", policy),
                format!("--audit-log-path={AUDIT_LOG}"),
            ]
        });
        self.program(
            "kube-apiserver",
            &[
                audit,
                vec![
                    "--etcd-servers=unix://etcd.sock:0".into(),
                    format!("--bind-address={}", self.address),
                    format!("--secure-port={}", self.port),
                    // The supervisor holds the port until the server listens.
                    "--permit-port-sharing".into(),
                    // Not allowed to be loopback. With a node it is where the server listens.
                    format!("--advertise-address={SERVICE_ADDRESS}"),
                    format!("--service-cluster-ip-range={SERVICES}"),
                    path("tls-cert-file", &self.pki.serving),
                    path("tls-private-key-file", &self.pki.serving_key),
                    path("client-ca-file", &self.pki.authority),
                    path("token-auth-file", tokens),
                    path("service-account-key-file", &self.pki.accounts),
                    path("service-account-signing-key-file", &self.pki.accounts_key),
                    "--service-account-issuer=https://kubernetes.default.svc".into(),
                    path("kubelet-client-certificate", &self.pki.kubelet_client),
                    path("kubelet-client-key", &self.pki.kubelet_client_key),
                    "--kubelet-preferred-address-types=InternalIP".into(),
                    "--authorization-mode=Node,RBAC".into(),
                    "--allow-privileged".into(),
                    // Webhooks that name a Service go to the pod itself: there is no kube-proxy.
                    "--enable-aggregator-routing".into(),
                    "--profiling=false".into(),
                    "--cert-dir=apiserver".into(),
                ],
            ]
            .concat(),
        )
    }

    pub(super) fn controller_manager(&self, kubeconfig: &Path) -> Program {
        let path = |flag: &str, path: &Path| format!("--{flag}={}", path.display());
        self.program(
            "kube-controller-manager",
            &[
                path("kubeconfig", kubeconfig),
                path("root-ca-file", &self.pki.authority),
                path("service-account-private-key-file", &self.pki.accounts_key),
                path("cluster-signing-cert-file", &self.pki.authority),
                path("cluster-signing-key-file", &self.pki.authority_key),
                "--use-service-account-credentials".into(),
                "--leader-elect=false".into(),
                // No port to be chosen; nobody asks it for its health.
                "--secure-port=0".into(),
                // Tests delete many namespaces at once and wait for them.
                "--concurrent-namespace-syncs=20".into(),
                "--kube-api-qps=300".into(),
                "--kube-api-burst=500".into(),
            ],
        )
    }

    pub(super) fn scheduler(&self, kubeconfig: &Path) -> Program {
        self.program(
            "kube-scheduler",
            &[
                format!("--kubeconfig={}", kubeconfig.display()),
                "--leader-elect=false".into(),
                "--secure-port=0".into(),
                "--kube-api-qps=300".into(),
                "--kube-api-burst=500".into(),
            ],
        )
    }

    /// A program of the hub's binary that runs in, and logs to, the run folder.
    pub(super) fn program(&self, name: &str, arguments: &[String]) -> Program {
        let mut argv = vec![self.binary.display().to_string(), name.to_owned()];
        argv.extend_from_slice(arguments);
        Program {
            name: name.to_owned(),
            argv,
            env: build_environment(),
            folder: self.folder.to_owned(),
            log: self.folder.join(format!("{name}.log")),
        }
    }
}

/// What every program of the hub gets: where Debian keeps runc, the containerd shim and mount.
pub(super) fn build_environment() -> BTreeMap<String, String> {
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    BTreeMap::from([
        ("PATH".to_owned(), path.to_owned()),
        ("HOME".to_owned(), "/".to_owned()),
    ])
}

/// A kubeconfig with everything inline.
pub(crate) fn build_kubeconfig(server: &str, authority_pem: &str, token: &str) -> String {
    use base64::Engine as _;
    let authority = base64::engine::general_purpose::STANDARD.encode(authority_pem);
    format!(
        "apiVersion: v1\n\
         kind: Config\n\
         current-context: hub\n\
         clusters:\n\
         - name: hub\n  \
           cluster:\n    \
             server: {server}\n    \
             certificate-authority-data: {authority}\n\
         users:\n\
         - name: hub\n  \
           user:\n    \
             token: {token}\n\
         contexts:\n\
         - name: hub\n  \
           context:\n    \
             cluster: hub\n    \
             user: hub\n"
    )
}
