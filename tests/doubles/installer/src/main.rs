//! A stand-in for `openshift-install` on AWS: same commands, files, log lines, exit codes and cloud
//! resources, but no cluster (docs/spec/50 §14).
//!
//! It shares no code with the product, so that a mistake in a name or a tag cannot hide in both. It
//! never talks to a real cloud: `guard` refuses every endpoint outside the loopback and test networks.
#![expect(
    clippy::disallowed_methods,
    reason = "a program of its own, driven by the environment and the clock like the one it stands in for"
)]

mod assets;
mod aws;
mod cli;
mod commands;
mod environment;
mod failure;
mod faults;
mod gather;
mod guard;
mod identity;
mod install_config;
mod kubeconfig;
mod log;
mod profile;
mod stages;
mod state;
mod tls;

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

/// Exit code of a run that a signal ended.
const INTERRUPTED: u8 = 8;

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            log::Log::stderr_only(log::Level::Info).fatal(&format!("no runtime: {error}"));
            return ExitCode::from(1);
        }
    };
    let code = runtime.block_on(run());
    // A call under way is not waited for: the real installer does not either.
    runtime.shutdown_background();
    ExitCode::from(code)
}

async fn run() -> u8 {
    let command_line = match cli::parse(std::env::args_os()) {
        Ok(cli::Parsed::Command(command_line)) => command_line,
        Ok(cli::Parsed::Text(text)) => {
            log::print(&text);
            return 0;
        }
        Err(message) => {
            log::Log::stderr_only(log::Level::Info).fatal(&message);
            return 1;
        }
    };
    let log = log::Log::open(&command_line.dir, command_line.log_level);
    let (mut interrupt, mut terminate) = match (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) {
        (Ok(interrupt), Ok(terminate)) => (interrupt, terminate),
        (Err(error), _) | (_, Err(error)) => {
            log.fatal(&format!("failed to listen for signals: {error}"));
            return 1;
        }
    };
    let outcome = tokio::select! {
        outcome = commands::run(&command_line, &log) => outcome,
        _ = interrupt.recv() => {
            log.warn("Received interrupt signal");
            return INTERRUPTED;
        }
        _ = terminate.recv() => {
            log.warn("Received terminated signal");
            return INTERRUPTED;
        }
    };
    match outcome {
        Ok(()) => 0,
        Err(failure) => failure.report(&log),
    }
}
