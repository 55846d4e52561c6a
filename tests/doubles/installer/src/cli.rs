//! The command line (docs/spec/50 §1): what the real installer accepts of it, and one line for
//! anything else.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};

use crate::assets::RELEASE;
use crate::log::Level;

/// What a command line means.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// Something is to be done.
    Command(CommandLine),
    /// Something is to be printed.
    Text(String),
}

/// A command with its global flags.
#[derive(Debug)]
pub(crate) struct CommandLine {
    /// The working directory.
    pub(crate) dir: PathBuf,
    /// What reaches stderr.
    pub(crate) log_level: Level,
    /// What to do.
    pub(crate) command: Command,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    CreateManifests,
    CreateIgnitionConfigs,
    CreateCluster { skip_password_print: bool },
    WaitForBootstrapComplete,
    WaitForInstallComplete { skip_password_print: bool },
    GatherBootstrap { key: Option<PathBuf> },
    DestroyCluster,
}

#[derive(Debug, Parser)]
#[command(
    name = "openshift-install",
    about = "Creates OpenShift clusters (stand-in for tests)"
)]
struct Line {
    /// Assets directory
    #[arg(long, global = true, default_value = ".")]
    dir: PathBuf,
    /// Log level (debug | info | warn | error)
    #[arg(long, global = true, default_value = "info")]
    log_level: String,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Create part of a cluster
    #[command(subcommand)]
    Create(Create),
    /// Wait for install-time events
    #[command(subcommand)]
    WaitFor(WaitFor),
    /// Gather debugging data
    #[command(subcommand)]
    Gather(Gather),
    /// Destroy part of a cluster
    #[command(subcommand)]
    Destroy(Destroy),
    /// Print version information
    Version,
}

#[derive(Debug, Subcommand)]
enum Create {
    /// Generates the Kubernetes manifests
    Manifests,
    /// Generates the Ignition configs
    IgnitionConfigs,
    /// Creates the cluster
    Cluster(Printing),
}

#[derive(Debug, Subcommand)]
enum WaitFor {
    /// Waits until bootstrapping is complete
    BootstrapComplete,
    /// Waits until the cluster is ready
    InstallComplete(Printing),
}

#[derive(Debug, Args)]
struct Printing {
    /// Do not print the administrator's password
    #[arg(long)]
    skip_password_print: bool,
}

#[derive(Debug, Subcommand)]
enum Gather {
    /// Gathers the logs of a failed bootstrap
    Bootstrap {
        /// SSH private key
        #[arg(long)]
        key: Option<PathBuf>,
        /// Address of the bootstrap host
        #[arg(long)]
        bootstrap: Option<String>,
        /// Address of a control plane host
        #[arg(long)]
        master: Vec<String>,
        /// Do not analyse what was gathered
        #[arg(long)]
        skip_analysis: bool,
    },
}

#[derive(Debug, Subcommand)]
enum Destroy {
    /// Destroys the cluster
    Cluster,
}

/// Reads a command line. The error is one line.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Parsed, String> {
    let line = match Line::try_parse_from(arguments) {
        Ok(line) => line,
        Err(error) if error.kind() == ErrorKind::DisplayHelp => {
            return Ok(Parsed::Text(error.to_string()));
        }
        Err(error) => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or("invalid command line");
            return Err(first.trim_start_matches("error: ").to_owned());
        }
    };
    let Some(log_level) = Level::parse(&line.log_level) else {
        return Err(format!(
            "invalid log-level: not a valid logrus Level: {:?}",
            line.log_level
        ));
    };
    let command = match line.verb {
        Verb::Create(Create::Manifests) => Command::CreateManifests,
        Verb::Create(Create::IgnitionConfigs) => Command::CreateIgnitionConfigs,
        Verb::Create(Create::Cluster(Printing {
            skip_password_print,
        })) => Command::CreateCluster {
            skip_password_print,
        },
        Verb::WaitFor(WaitFor::BootstrapComplete) => Command::WaitForBootstrapComplete,
        Verb::WaitFor(WaitFor::InstallComplete(Printing {
            skip_password_print,
        })) => Command::WaitForInstallComplete {
            skip_password_print,
        },
        Verb::Gather(Gather::Bootstrap { key, .. }) => Command::GatherBootstrap { key },
        Verb::Destroy(Destroy::Cluster) => Command::DestroyCluster,
        Verb::Version => {
            return Ok(Parsed::Text(format!(
                "openshift-install {}\nbuilt from commit {}\nrelease image {}\nrelease architecture amd64\n",
                RELEASE.version, RELEASE.commit, RELEASE.image
            )));
        }
    };
    Ok(Parsed::Command(CommandLine {
        dir: line.dir,
        log_level,
        command,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn the_commands_that_an_install_pod_runs() {
        for (line, expected) in [
            ("create manifests", Command::CreateManifests),
            (
                "create ignition-configs --log-level debug",
                Command::CreateIgnitionConfigs,
            ),
            (
                "create cluster",
                Command::CreateCluster {
                    skip_password_print: false,
                },
            ),
            (
                "--dir /x create cluster --skip-password-print",
                Command::CreateCluster {
                    skip_password_print: true,
                },
            ),
            (
                "wait-for bootstrap-complete",
                Command::WaitForBootstrapComplete,
            ),
            (
                "wait-for install-complete",
                Command::WaitForInstallComplete {
                    skip_password_print: false,
                },
            ),
            (
                "gather bootstrap --key /tmp/key",
                Command::GatherBootstrap {
                    key: Some("/tmp/key".into()),
                },
            ),
            ("destroy cluster --dir=/x", Command::DestroyCluster),
        ] {
            match parse(words(&format!("openshift-install {line}"))) {
                Ok(Parsed::Command(parsed)) => assert_eq!(parsed.command, expected, "{line}"),
                other => unreachable!("{line}: {other:?}"),
            }
        }
    }

    #[test]
    fn anything_else_is_refused_in_one_line() {
        for line in [
            "",
            "create",
            "create install-config",
            "create cluster --force",
            "create cluster extra",
            "--log-level loud create cluster",
            "explain",
        ] {
            match parse(words(&format!("openshift-install {line}"))) {
                Err(message) => assert!(!message.is_empty() && !message.contains('\n'), "{line}"),
                Ok(parsed) => unreachable!("{line}: {parsed:?}"),
            }
        }
    }

    #[test]
    fn version_is_printed() {
        let Ok(Parsed::Text(text)) = parse(words("openshift-install version")) else {
            unreachable!()
        };
        assert!(
            text.starts_with("openshift-install 4.19.2\nbuilt from commit "),
            "{text}"
        );
    }
}
