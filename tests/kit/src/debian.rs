//! Debian packages: installed when root, else the exact command is the error. It must never start a
//! service: only the programs in the packages are used.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cache;
use crate::progress::Progress;

/// Debian's folders of programs, whatever the caller's `PATH` is.
const FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// A package, and what of it is needed.
#[derive(Clone, Copy, Debug)]
pub struct Package {
    /// Name of the package.
    pub name: &'static str,
    /// The program (or, with slashes, the file) that it is needed for. A machine that has it from
    /// elsewhere, such as Docker's containerd, needs no package.
    pub provides: &'static str,
}

impl Package {
    /// Where the needed file is.
    pub fn find(&self) -> Option<PathBuf> {
        let mut places = FOLDERS
            .iter()
            .map(|folder| Path::new(folder).join(self.provides));
        places.find(|place| place.exists())
    }
}

/// Makes sure that the programs of packages are installed.
///
/// # Errors
/// When one is missing and this process is not root: the text holds the command to run.
pub fn install(packages: &[Package], progress: &Progress) -> Result<()> {
    if missing(packages).is_empty() {
        return Ok(());
    }
    // Two test binaries may find the same package missing; apt's own lock would fail the second.
    let _lock = cache::lock("apt")?;
    let missing = missing(packages);
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    // Never at the price of a package that somebody else installed.
    let options = ["-y", "--no-install-recommends", "--no-remove"];
    let command = format!(
        "apt-get update && apt-get install {} {list}",
        options.join(" ")
    );
    if !nix::unistd::geteuid().is_root() {
        bail!("Debian packages are missing; install them as root:\n  {command}");
    }
    let step = progress.step(format!("install Debian packages {list}"), "half a minute");
    apt(&["update", "-q"]).with_context(|| format!("by hand: {command}"))?;
    let arguments = [&["install", "-q"], options.as_slice(), &missing].concat();
    apt(&arguments).with_context(|| format!("by hand: {command}"))?;
    step.done();
    Ok(())
}

fn missing(packages: &[Package]) -> Vec<&'static str> {
    let missing = packages.iter().filter(|package| package.find().is_none());
    missing.map(|package| package.name).collect()
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
