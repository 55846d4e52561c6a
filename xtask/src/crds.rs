//! `cargo xtask crds`: writes the definitions of the kinds from their types, or the facts of the
//! definitions that they must equal.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use skep_kit::cache;

/// Write crds/yaml from the types in crds/src
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Write crds/facts instead, from the published definitions of the API in this folder
    #[arg(long, value_name = "DIR")]
    facts: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.facts {
        Some(reference) => write_facts(reference),
        None => write_definitions(),
    }
}

fn write_definitions() -> Result<()> {
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

/// One file for each definition, named like it; files of definitions that are gone are removed.
fn write_facts(reference: &Path) -> Result<()> {
    let folder = cache::checkout().join("crds/facts");
    let facts = read_facts(reference)?;
    if facts.is_empty() {
        bail!("no custom resource definition in {}", reference.display());
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    for path in files(&folder, "facts")? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !facts.contains_key(name.as_ref()) {
            std::fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
        }
    }
    for (name, text) in &facts {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    }
    println!("wrote {} files to {}", facts.len(), folder.display());
    Ok(())
}

/// File names and facts of the definitions in a folder.
fn read_facts(reference: &Path) -> Result<BTreeMap<String, String>> {
    let mut facts = BTreeMap::new();
    for path in files(reference, "yaml")? {
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let document: Value =
            serde_saphyr::from_str(&text).with_context(|| format!("parse {}", path.display()))?;
        if document["kind"] == "CustomResourceDefinition" {
            facts.insert(
                skep_crds::facts::file_name(&document),
                skep_crds::facts::of(&document),
            );
        }
    }
    Ok(facts)
}

/// The files of a folder with this extension, in order.
fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry
            .with_context(|| format!("list {}", folder.display()))?
            .path();
        if path.extension().is_some_and(|found| found == extension) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
