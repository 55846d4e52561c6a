//! `cargo xtask hub`: the development hub by hand. The hub itself is `skep_kit::hub`.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use skep_kit::hub::{self, DEFAULT_NAME, Hub, HubOptions, Parts};
use skep_kit::progress::Progress;

/// The development hub.
///
/// A real Kubernetes (etcd, kube-apiserver, kube-controller-manager, and with a node kube-scheduler,
/// kubelet and containerd), built once from Go modules. Everything lives in one folder of the cache
/// and is gone after `down`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start a hub and leave it running
    ///
    /// With a node, pods run: that needs root and the Debian packages containerd, runc,
    /// containernetworking-plugins, iproute2 and busybox-static, which root gets installed and others
    /// are told about. There is one hub with a node per machine; without a node any user may run
    /// several.
    Up {
        /// Control plane only: any user, no pods, several at once
        #[arg(long)]
        no_node: bool,
        /// Name of the hub
        #[arg(long, default_value = DEFAULT_NAME)]
        name: String,
    },
    /// Stop a hub and verify that nothing of it is left
    Down {
        /// Name of the hub
        #[arg(long, default_value = DEFAULT_NAME, conflicts_with = "all")]
        name: String,
        /// Every hub of this cache folder
        #[arg(long)]
        all: bool,
    },
    /// List the hubs
    Status,
    /// Print the path of a hub's kubeconfig, for: export KUBECONFIG=$(cargo xtask hub kubeconfig)
    Kubeconfig {
        /// Name of the hub
        #[arg(long, default_value = DEFAULT_NAME)]
        name: String,
    },
    /// Run kubectl against a hub: cargo xtask hub kubectl get pods -A
    ///
    /// Everything after `kubectl` is handed on. To speak to another hub than the default one, give
    /// its name before: cargo xtask hub kubectl --name other get pods
    #[command(disable_help_flag = true)]
    Kubectl {
        /// Name of the hub
        #[arg(long, default_value = DEFAULT_NAME)]
        name: String,
        /// Arguments of kubectl
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

pub(crate) fn run(arguments: Arguments) -> Result<()> {
    match arguments.verb {
        Verb::Up { no_node, name } => up(no_node, name),
        Verb::Down { name, all } => down(&name, all),
        Verb::Status => status(),
        Verb::Kubeconfig { name } => {
            println!("{}", hub::attach(&name)?.kubeconfig().display());
            Ok(())
        }
        Verb::Kubectl { name, arguments } => {
            // Replaces this process: signals, terminal and exit code are kubectl's.
            let error = hub::attach(&name)?.kubectl(&[]).args(arguments).exec();
            Err(error).context("run kubectl")
        }
    }
}

fn up(no_node: bool, name: String) -> Result<()> {
    let progress = Progress::new();
    let options = HubOptions {
        parts: if no_node {
            Parts::ControlPlane
        } else {
            Parts::Node
        },
        ..HubOptions::control_plane(name).shown_by(progress)
    };
    let hub = Hub::start(&options)?;
    let own = if hub.name() == DEFAULT_NAME {
        String::new()
    } else {
        format!(" --name {}", hub.name())
    };
    println!("\nHub {:?} runs at {}.\n", hub.name(), hub.server());
    println!(
        "  cargo xtask hub kubectl{own} get {}",
        if no_node { "namespaces" } else { "pods -A" }
    );
    println!("  export KUBECONFIG=$(cargo xtask hub kubeconfig{own})");
    println!("  ls {}   # logs", hub.run_folder().join("*.log").display());
    println!("  cargo xtask hub down{own}");
    hub.detach()
}

fn down(name: &str, all: bool) -> Result<()> {
    let names: Vec<String> = if all {
        hub::list()?
            .into_iter()
            .filter(|run| run.alive)
            .map(|run| run.name)
            .collect()
    } else {
        vec![name.to_owned()]
    };
    let progress = Progress::new();
    if names.is_empty() {
        progress.say("no hub runs");
    }
    for name in names {
        let step = progress.step(format!("stop hub {name:?}"), "");
        hub::attach(&name)?.stop()?;
        step.done_with("nothing left");
    }
    for name in hub::sweep()? {
        progress.say(format!(
            "removed what was left of {name:?}, which had been killed"
        ));
    }
    Ok(())
}

fn status() -> Result<()> {
    let runs = hub::list()?;
    if runs.is_empty() {
        println!("No hub runs. Start one with: cargo xtask hub up");
        return Ok(());
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["NAME", "STATE", "NODE", "SERVER", "FOLDER"]);
    for run in runs {
        let state = match (run.alive, &run.state) {
            (true, Some(_)) => "running",
            (true, None) => "starting",
            (false, _) => "dead",
        };
        let (node, server) = run.state.as_ref().map_or(("", ""), |state| {
            (if state.node { "yes" } else { "no" }, state.server.as_str())
        });
        table.add_row([
            &run.name,
            state,
            node,
            server,
            &run.folder.display().to_string(),
        ]);
    }
    println!("{table}");
    Ok(())
}
