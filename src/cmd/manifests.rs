//! `skep manifests`: writes the manifests that are generated from the product's tables.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::admission::policy;

/// Write the generated manifests.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder `manifests/base` of a checkout
    folder: PathBuf,
}

/// Writes each file in its place.
pub fn run(args: &Args) -> Result<()> {
    for (file, text) in policy::files().context("write the manifests as YAML")? {
        let path = args.folder.join(file);
        std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}
