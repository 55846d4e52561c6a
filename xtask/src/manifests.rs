//! `cargo xtask manifests`: writes the manifests that are generated from the product's tables.

use std::process::Command;

use anyhow::{Context as _, Result, bail};
use skep_kit::{binaries, cache, progress::Progress};

/// Write manifests/base/admission/webhooks.yaml and manifests/base/policies/policies.yaml
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Arguments) -> Result<()> {
    let skep = binaries::build(&Progress::new())?.skep;
    let folder = cache::checkout().join("manifests/base");
    let status = Command::new(skep).arg("manifests").arg(&folder).status();
    let status = status.context("run skep")?;
    if !status.success() {
        bail!("skep manifests ended with {status}");
    }
    println!("wrote into {}", folder.display());
    Ok(())
}
