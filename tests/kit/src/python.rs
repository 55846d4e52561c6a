//! Python virtual environments of the project's own, made by the machine's `python3` with pinned
//! versions and kept by the hash of their requirements. Nothing is ever installed for the machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cache;
use crate::debian::{self, Package};
use crate::progress::Progress;

/// The virtual environment that holds exactly the requirements of a file (one pinned requirement a
/// line). Returns its folder; programs are in its `bin`.
pub fn venv(requirements: &Path, progress: &Progress) -> Result<PathBuf> {
    let text =
        fs::read(requirements).with_context(|| format!("read {}", requirements.display()))?;
    // A new interpreter needs a new environment as well.
    let version = run(Command::new("python3").arg("--version"))?;
    let hash = cache::digest([text.as_slice(), version.as_bytes()]);
    let folder = cache::folder("venv")?.join(&hash[..16]);
    let complete = folder.join("complete");
    if complete.exists() {
        return Ok(folder);
    }
    let _lock = cache::lock("venv")?;
    if complete.exists() {
        return Ok(folder);
    }
    let step = progress.step(
        "install Python packages in an own environment",
        "half a minute",
    );
    // What an interrupted run left is of unknown state.
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("remove {}", folder.display()))?;
    }
    let make = || run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
    if make().is_err() {
        // Debian splits the module from the interpreter.
        let module = Package {
            name: "python3-venv",
            provides: "/usr/share/doc/python3-venv",
        };
        debian::install(&[module], progress)?;
        make()?;
    }
    run(Command::new(folder.join("bin/python"))
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--requirement",
        ])
        .arg(requirements))?;
    fs::write(&complete, "").with_context(|| format!("write {}", complete.display()))?;
    step.done();
    Ok(folder)
}

fn run(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("run {command:?}"))?;
    if !output.status.success() {
        bail!(
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
