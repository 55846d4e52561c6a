//! Debian packages: installed when root, else the exact command is the error. It must never start a
//! service: only the programs in the packages are used.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cache;
use crate::progress::Progress;

/// Makes sure that packages are installed.
///
/// # Errors
/// When one is missing and this process is not root: the text holds the command to run.
pub fn install(packages: &[&str], progress: &Progress) -> Result<()> {
    let missing = missing(packages)?;
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    let command = format!("apt-get update && apt-get install -y --no-install-recommends {list}");
    if !nix::unistd::geteuid().is_root() {
        bail!("Debian packages are missing; install them as root:\n  {command}");
    }
    // Two test binaries may find the same package missing; apt's own lock would fail the second.
    let _lock = cache::lock("apt")?;
    let step = progress.step(format!("install Debian packages {list}"), "half a minute");
    apt(&["update", "-q"]).with_context(|| format!("by hand: {command}"))?;
    let mut arguments = vec!["install", "-q", "-y", "--no-install-recommends"];
    arguments.extend(&missing);
    apt(&arguments).with_context(|| format!("by hand: {command}"))?;
    step.done();
    Ok(())
}

fn missing<'a>(packages: &[&'a str]) -> Result<Vec<&'a str>> {
    let mut missing = Vec::new();
    for package in packages {
        let output = Command::new("dpkg-query")
            .args(["-W", "-f", "${db:Status-Status}", package])
            .output()
            .context("run dpkg-query: this needs a Debian machine")?;
        if output.stdout != b"installed" {
            missing.push(*package);
        }
    }
    Ok(missing)
}

fn apt(arguments: &[&str]) -> Result<()> {
    let output = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .output()
        .context("run apt-get")?;
    if !output.status.success() {
        bail!(
            "apt-get {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}
