//! The project's own binaries, built by the cargo that is at hand, in the same target folder and profile as
//! everything else, so that demo, tests and images share what was compiled.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::cache;
use crate::progress::Progress;

/// What the development hub runs of this project.
#[derive(Clone, Debug)]
pub struct Binaries {
    /// `skep`.
    pub skep: PathBuf,
    /// The stand-in `openshift-install`.
    pub installer: PathBuf,
}

/// Builds both, or finds that they are built.
pub fn build(progress: &Progress) -> Result<Binaries> {
    build_profile("dev", progress)
}

/// The same in another of cargo's profiles.
pub fn build_profile(profile: &str, progress: &Progress) -> Result<Binaries> {
    let step = progress.step(
        "build skep and the stand-in installer",
        "15 min cold, seconds warm",
    );
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut child = Command::new(cargo)
        .args([
            "build",
            "--locked",
            "--profile",
            profile,
            "--message-format=json-render-diagnostics",
        ])
        .args(["--package", "skep", "--bin", "skep"])
        .args([
            "--package",
            "skep-standin-installer",
            "--bin",
            "openshift-install",
        ])
        .current_dir(cache::checkout())
        .stdout(Stdio::piped())
        .spawn()
        .context("start cargo")?;
    let output = child
        .stdout
        .take()
        .context("cargo's output is not a pipe")?;
    let (mut operator, mut installer) = (None, None);
    for line in BufReader::new(output).lines() {
        let message: Value = serde_json::from_str(&line.context("read cargo's messages")?)
            .context("understand cargo's messages")?;
        let name = message
            .pointer("/target/name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if message.get("fresh") == Some(&Value::Bool(false)) {
            step.detail(name);
        }
        let executable = message
            .get("executable")
            .and_then(Value::as_str)
            .map(PathBuf::from);
        match name {
            "skep" if executable.is_some() => operator = executable,
            "openshift-install" if executable.is_some() => installer = executable,
            _ => {}
        }
    }
    if !child.wait().context("wait for cargo")?.success() {
        bail!("cargo build failed; its errors are above");
    }
    let operator = operator.context("cargo did not say where skep is")?;
    let installer = installer.context("cargo did not say where openshift-install is")?;
    step.done();
    Ok(Binaries {
        skep: operator,
        installer,
    })
}
