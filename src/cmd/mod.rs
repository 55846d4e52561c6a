//! The verbs of the binary: parsing, wiring, and exit codes. No decisions.

pub mod admission;
pub mod cloud_calls;
pub mod controllers;
pub mod deprovision;
pub mod inject;
pub mod install_manager;
pub mod manifests;
pub mod pause;
pub mod power;
pub mod update_installer_image;
pub mod version;
pub mod why;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use skep_crds::platform::PlatformKind;
use skep_providers::Cloud;

use self::cloud_calls::CloudCalls;
use crate::cli::power::Wish;
use crate::runtime::Clock;
use crate::runtime::telemetry::{self, LogFormat};

/// Provisions, configures and deletes OpenShift clusters from a hub Kubernetes cluster.
#[derive(Debug, Parser)]
#[command(name = "skep", version, max_term_width = 100)]
pub struct Arguments {
    /// What is logged: a level, or a filter such as info,kube=debug
    #[arg(long, global = true, default_value = "info")]
    log_level: String,
    /// How it is logged: text or json
    #[arg(long, global = true, default_value = "text")]
    log_format: LogFormat,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the controllers of a hub
    Controllers(controllers::Args),
    /// Run the admission webhook of a hub
    Admission(admission::Args),
    /// Tell what a cluster does, what it waits on, and what to do about it
    Why(why::Args),
    /// Stop the machines of a cluster until it is resumed
    Hibernate(power::Args),
    /// Start the machines of a cluster that hibernates
    Resume(power::Args),
    /// Drive openshift-install inside an installer image (runs in install pods)
    InstallManager(install_manager::Args),
    /// Report the images of the release image that this runs in (runs in image-resolution pods)
    UpdateInstallerImage(update_installer_image::Args),
    /// Show or carry out the deletion of a cluster from its cloud, or print what was deleted
    Deprovision(deprovision::Args),
    /// Copy this binary into a directory that another container shares
    Inject(inject::Args),
    /// Write the generated manifests of a checkout
    #[command(hide = true)]
    Manifests(manifests::Args),
    /// Print the version
    Version,
    /// Do nothing until told to stop: the process of a pod's sandbox
    Pause,
}

/// Runs a verb; an error is printed with its causes.
pub fn run(arguments: Arguments) -> ExitCode {
    match attempt(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn attempt(arguments: Arguments) -> Result<ExitCode> {
    telemetry::init(arguments.log_format, &arguments.log_level)?;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Verb::Admission(_) = arguments.verb {
        // A review takes microseconds, and each thread some memory, however many processors there are. On one
        // processor a second thread would only be woken for nothing.
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        runtime
            .worker_threads(processors.min(2))
            .max_blocking_threads(4);
    }
    let runtime = runtime
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let done = |()| ExitCode::SUCCESS;
    runtime.block_on(async {
        match arguments.verb {
            Verb::Controllers(args) => {
                let calls = CloudCalls::default();
                controllers::run(args, clouds(&calls), &calls)
                    .await
                    .map(done)
            }
            Verb::Admission(args) => admission::run(args).await.map(done),
            Verb::Why(args) => why::run(args, clouds(&CloudCalls::default())).await,
            Verb::Hibernate(args) => power::run(args, Wish::Hibernate).await,
            Verb::Resume(args) => power::run(args, Wish::Resume).await,
            Verb::InstallManager(args) => {
                let clouds = clouds(&CloudCalls::default());
                install_manager::run(args, clouds).await.map(done)
            }
            Verb::UpdateInstallerImage(args) => update_installer_image::run(args).await.map(done),
            Verb::Deprovision(args) => deprovision::run(args, clouds(&CloudCalls::default())).await,
            Verb::Inject(args) => inject::run(&args).map(done),
            Verb::Manifests(args) => manifests::run(&args).map(done),
            Verb::Version => version::run().map(done),
            Verb::Pause => pause::run().await.map(done),
        }
    })
}

/// The clouds that this binary can work in. What is not here is not supported.
fn clouds(calls: &CloudCalls) -> BTreeMap<PlatformKind, Arc<dyn Cloud>> {
    let aws = skep_aws::Aws::new(Arc::new(calls.clone()), Arc::new(Clock::real()));
    let aws: Arc<dyn Cloud> = Arc::new(aws);
    BTreeMap::from([(PlatformKind::Aws, aws)])
}
