//! `cargo xtask crds`: writes the definitions of the kinds from their types.

use std::process::Command;

use anyhow::{Context as _, Result, bail};
use skep_kit::cache;

/// Write crds/yaml from the types in crds/src.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(Arguments {}: Arguments) -> Result<()> {
    let folder = cache::checkout().join("crds/yaml");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args([
            "run",
            "--quiet",
            "--package",
            "skep-crds",
            "--bin",
            "crdgen",
            "--",
        ])
        .arg(&folder)
        .current_dir(cache::checkout())
        .status()
        .context("start cargo")?;
    if !status.success() {
        bail!("crdgen ended with {status}");
    }
    println!("wrote {}", folder.display());
    Ok(())
}
