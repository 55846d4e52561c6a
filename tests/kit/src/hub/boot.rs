//! The order in which a hub comes up, and the condition that each step waits for.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::{Node, ServiceAccount};
use kube::{Api, Client};

use super::control_plane::{self, ControlPlane, Identity};
use super::{
    GATEWAY, HubOptions, NODE_NAME, Parts, SERVICE_ADDRESS, State, client, import, kubectl, node,
    pki,
};
use crate::images;
use crate::process::{self, Supervisor};
use crate::progress::Progress;

/// A machine that compiles at the same time is an order of magnitude slower than the usual boot.
const BOOT_DEADLINE: Duration = Duration::from_mins(3);

/// One boot: what it needs and what it has started.
pub(super) struct Boot<'a> {
    pub(super) options: &'a HubOptions,
    pub(super) folder: &'a Path,
    pub(super) binary: &'a Path,
    pub(super) supervisor: Supervisor,
}

impl Boot<'_> {
    /// Starts everything and returns when it is usable.
    pub(super) fn run(&mut self) -> Result<State> {
        let progress = self.options.progress.clone();
        let step = progress.step("start the control plane", "3 s");
        let node = self.options.parts.node();
        // With a node it listens where pods look for it, and nowhere else.
        let address = if node {
            SERVICE_ADDRESS.parse().context("service address")?
        } else {
            Ipv4Addr::LOCALHOST
        };
        let port = if node { 443 } else { 0 };
        let port = self
            .supervisor
            .reserve_port("kube-apiserver", address, port)?;
        let service: Ipv4Addr = SERVICE_ADDRESS.parse().context("service address")?;
        let names = [
            "localhost",
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
        ];
        let addresses = [Ipv4Addr::LOCALHOST, service, GATEWAY].map(IpAddr::V4);
        let keys = pki::build_pki(&self.folder.join("keys"), &names, &addresses)?;
        let plane = ControlPlane {
            binary: self.binary,
            folder: self.folder,
            pki: &keys,
            address,
            port,
            tokens: control_plane::build_tokens(),
        };
        let tokens = plane.write_tokens()?;
        let kubeconfig = plane.write_kubeconfig("kubeconfig", Identity::Admin)?;

        // All at once: the API server waits for etcd by itself, and containerd for nobody.
        self.supervisor.run(&plane.etcd())?;
        let audit = if self.options.audit {
            Some(plane.write_audit_policy()?)
        } else {
            None
        };
        self.supervisor
            .run(&plane.apiserver(&tokens, audit.as_deref()))?;
        if node {
            self.supervisor.run(&node::containerd(self.folder)?)?;
            self.prepare_containerd(&progress)?;
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("start a runtime")?;
        let text = fs::read_to_string(&kubeconfig).context("read the kubeconfig")?;
        let api = runtime.block_on(client(&text))?;
        let programs = ["etcd", "kube-apiserver"];
        self.supervisor
            .wait_until("the API server", BOOT_DEADLINE, &programs, || {
                Ok(runtime.block_on(is_ready(&api)))
            })?;
        self.install_crds(&kubeconfig)?;
        if self.options.parts != Parts::ApiServer {
            let own =
                plane.write_kubeconfig("controllers.kubeconfig", Identity::ControllerManager)?;
            self.supervisor.run(&plane.controller_manager(&own))?;
        }
        step.done();

        if node {
            self.start_node(&plane, &api, &runtime, &progress)?;
        } else if self.options.parts != Parts::ApiServer {
            self.await_accounts(&api, &runtime)?;
        }
        let state = State {
            name: self.options.name.clone(),
            run_folder: self.folder.to_owned(),
            node,
            server: plane.server(),
            token: plane.token(Identity::Admin).to_owned(),
            authority_pem: keys.authority_pem.clone(),
            kubeconfig,
            binary: self.binary.to_owned(),
            supervisor: self.supervisor.pid(),
        };
        state.write()?;
        Ok(state)
    }

    fn install_crds(&self, kubeconfig: &Path) -> Result<()> {
        for manifests in &self.options.crds {
            let verbs: [&[&str]; 2] = [
                &["apply", "--server-side"],
                &["wait", "--for=condition=Established"],
            ];
            for verb in verbs {
                let mut kubectl = kubectl(self.binary, kubeconfig);
                let output = kubectl.args(verb).arg("-f").arg(manifests).output();
                let output = output.context("run kubectl")?;
                if !output.status.success() {
                    let said = String::from_utf8_lossy(&output.stderr);
                    bail!(
                        "kubectl {} -f {}: {said}",
                        verb.join(" "),
                        manifests.display()
                    );
                }
            }
        }
        Ok(())
    }

    /// Pods cannot be created in a namespace before its `ServiceAccount` is.
    fn await_accounts(&self, api: &Client, runtime: &tokio::runtime::Runtime) -> Result<()> {
        let accounts: Api<ServiceAccount> = Api::namespaced(api.clone(), "default");
        let programs = ["etcd", "kube-apiserver", "kube-controller-manager"];
        self.supervisor
            .wait_until("the controllers", BOOT_DEADLINE, &programs, || {
                let found = runtime.block_on(accounts.get_opt("default"));
                Ok(match found {
                    Ok(Some(_)) => Ok(()),
                    Ok(None) => Err("namespace default has no ServiceAccount yet".to_owned()),
                    Err(error) => Err(error.to_string()),
                })
            })
    }

    fn prepare_containerd(&self, progress: &Progress) -> Result<()> {
        let socket = node::socket(self.folder);
        self.supervisor
            .wait_until("containerd", BOOT_DEADLINE, &["containerd"], || {
                let served = node::ctr(self.folder).arg("version").output();
                let served = served.context("run ctr")?;
                let said = || String::from_utf8_lossy(&served.stderr).trim().to_owned();
                Ok(if socket.exists() && served.status.success() {
                    Ok(())
                } else {
                    Err(said())
                })
            })?;
        let pause = match &self.options.pause {
            Some(binary) => images::pause_of_skep(binary, progress)?,
            None => images::pause_of_busybox(),
        };
        import(self.folder, &pause, &Progress::silent())
    }

    fn start_node(
        &mut self,
        plane: &ControlPlane<'_>,
        api: &Client,
        runtime: &tokio::runtime::Runtime,
        progress: &Progress,
    ) -> Result<()> {
        let step = progress.step("start the node", "4 s");
        let own = plane.write_kubeconfig("scheduler.kubeconfig", Identity::Scheduler)?;
        self.supervisor.run(&plane.scheduler(&own))?;
        let own = plane.write_kubeconfig("kubelet.kubeconfig", Identity::Kubelet)?;
        let port = process::free_port(GATEWAY)?;
        let arguments = node::kubelet(self.folder, &own, &plane.pki.authority, port)?;
        self.supervisor.run(&plane.program("kubelet", &arguments))?;
        self.await_accounts(api, runtime)?;
        let nodes: Api<Node> = Api::all(api.clone());
        let programs = [
            "kubelet",
            "containerd",
            "kube-apiserver",
            "kube-controller-manager",
        ];
        self.supervisor
            .wait_until("the node", BOOT_DEADLINE, &programs, || {
                let node = runtime.block_on(nodes.get_opt(NODE_NAME));
                Ok(match node {
                    Ok(Some(node)) => takes_pods(&node),
                    Ok(None) => Err("it has not registered".to_owned()),
                    Err(error) => Err(error.to_string()),
                })
            })?;
        step.done();
        Ok(())
    }
}

async fn is_ready(api: &Client) -> Result<(), String> {
    let request = http::Request::get("/readyz")
        .body(Vec::new())
        .map_err(|e| e.to_string())?;
    api.request_text(request)
        .await
        .map(drop)
        .map_err(|error| error.to_string())
}

fn takes_pods(node: &Node) -> Result<(), String> {
    let conditions = node
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    let ready = conditions
        .clone()
        .find(|condition| condition.type_ == "Ready");
    match ready {
        Some(ready) if ready.status == "True" => {}
        Some(ready) => return Err(ready.message.clone().unwrap_or_default()),
        None => return Err("it reports no condition".to_owned()),
    }
    let taints = node
        .spec
        .iter()
        .flat_map(|spec| spec.taints.iter().flatten());
    match taints.map(|taint| taint.key.as_str()).next() {
        Some(taint) => Err(format!("it is tainted {taint}")),
        None => Ok(()),
    }
}
