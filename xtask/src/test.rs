//! `cargo xtask test`: everything that must hold, in the order in which a mistake is cheapest to find.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use skep_kit::cache;
use skep_kit::cloud;
use skep_kit::progress::Progress;
use skep_kit::{binaries, gcp, hub, python};

/// Run all tests: lints, unit tests, properties, simulation, real API server, emulated cloud, end to end.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Leave out what needs root and pods: the node's tests and the end-to-end tests
    #[arg(long)]
    no_node: bool,
    /// Leave out formatting and lints
    #[arg(long)]
    no_lint: bool,
}

struct Stage {
    name: &'static str,
    took: Duration,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut done: Vec<Stage> = Vec::new();
    let mut stage = |name: &'static str, work: &mut dyn FnMut() -> Result<()>| -> Result<()> {
        println!("\n=== {name}");
        let start = Instant::now();
        work().with_context(|| format!("{name} failed"))?;
        done.push(Stage {
            name,
            took: start.elapsed(),
        });
        Ok(())
    };
    stage("What the tests need", &mut || prepare(!arguments.no_node))?;
    if !arguments.no_lint {
        stage("Formatting", &mut || cargo(&["fmt", "--all", "--check"]))?;
        stage("Lints", &mut || {
            cargo(&[
                "clippy",
                "--workspace",
                "--all-targets",
                "--locked",
                "--",
                "--deny",
                "warnings",
            ])
        })?;
    }
    let mut tests = vec!["test", "--workspace", "--locked", "--no-fail-fast"];
    if arguments.no_node {
        tests.extend(["--exclude", "skep-e2e"]);
    }
    stage("Tests", &mut || {
        if arguments.no_node {
            // The kit's tests of the node are the only ones outside the end-to-end package that need pods.
            cargo(&[&tests[..], &["--", "--skip", "node"]].concat())
        } else {
            cargo(&tests)
        }
    })?;
    stage("Tests of the emulated clouds", &mut pytest)?;
    println!("\n=== Passed");
    for Stage { name, took } in &done {
        println!("{:>6} s  {name}", took.as_secs());
    }
    Ok(())
}

/// Builds everything that tests would otherwise build while others wait for it.
fn prepare(node: bool) -> Result<()> {
    let progress = Progress::new();
    hub::prepare(node, &progress)?;
    for home in [cloud::home(), gcp::home()] {
        python::venv(&home.join("requirements.txt"), &progress)?;
    }
    binaries::build(&progress)?;
    Ok(())
}

fn cargo(arguments: &[&str]) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    finish(
        Command::new(cargo)
            .args(arguments)
            .current_dir(cache::checkout()),
    )
}

fn pytest() -> Result<()> {
    for home in [cloud::home(), gcp::home()] {
        let environment = python::venv(&home.join("requirements.txt"), &Progress::silent())?;
        let pytest: &Path = &environment.join("bin/python");
        finish(
            Command::new(pytest)
                .args(["-m", "pytest", "-q"])
                .current_dir(home),
        )?;
    }
    Ok(())
}

fn finish(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("start {command:?}"))?;
    if status.success() {
        return Ok(());
    }
    bail!("{command:?} ended with {status}")
}
