//! The hub's binary: built once from `tests/hub` by the machine's Go, kept by the hash of its sources.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cache;
use crate::process;
use crate::progress::Progress;

/// The release that the servers report and that `tests/hub/go.mod` requires.
pub const KUBERNETES: &str = "v1.34.4";

/// Builds the hub's binary, unless the cache has it, and returns its path.
pub fn build(progress: &Progress) -> Result<PathBuf> {
    let source = cache::checkout().join("tests/hub");
    let folder = cache::folder(Path::new("hub").join(&hash(&source)?[..16]))?;
    let binary = folder.join("skep-hub");
    if binary.exists() {
        return Ok(binary);
    }
    let _lock = cache::lock("hub-build")?;
    if binary.exists() {
        return Ok(binary);
    }
    let usually = "7 minutes the first time, seconds once Go's own cache is warm";
    let step = progress.step(
        format!("build Kubernetes {KUBERNETES} from Go modules"),
        usually,
    );
    let fresh = folder.join("skep-hub.new");
    let log = folder.join("build.log");
    let output = fs::File::create(&log).with_context(|| format!("create {}", log.display()))?;
    let status = Command::new("go")
        .args(["build", "-tags", "providerless,grpcnotrace", "-ldflags"])
        // Without the version the server calls itself v0.0.0-master, and clients warn.
        .arg(format!(
            "-s -w -X k8s.io/component-base/version.gitVersion={KUBERNETES}"
        ))
        .arg("-o")
        .arg(&fresh)
        .arg(".")
        .current_dir(&source)
        .env("CGO_ENABLED", "0")
        .stdout(output.try_clone().context("share the build's log")?)
        .stderr(output)
        .status()
        .context("run go: Go 1.25 or newer is needed (https://go.dev/dl)")?;
    if !status.success() {
        bail!("go build failed ({status}):\n{}", process::tail(&log));
    }
    // The rename makes a half-written binary impossible.
    fs::rename(&fresh, &binary).with_context(|| format!("rename to {}", binary.display()))?;
    step.done();
    remove_old(&folder);
    Ok(binary)
}

/// Removes the binaries of earlier sources, except those that a running hub still answers with. Best
/// effort: it only saves space.
fn remove_old(current: &Path) {
    let Some(all) = current.parent() else { return };
    let runs = super::list().unwrap_or_default();
    let used = |folder: &Path| {
        let mut states = runs.iter().filter_map(|run| run.state.as_ref());
        states.any(|state| state.binary.starts_with(folder))
    };
    for entry in fs::read_dir(all).into_iter().flatten().flatten() {
        let folder = entry.path();
        if folder != current && !used(&folder) {
            drop(fs::remove_dir_all(&folder));
        }
    }
}

fn hash(source: &Path) -> Result<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(source).with_context(|| format!("read {}", source.display()))? {
        let path = entry.context("read an entry of the hub's sources")?.path();
        let kind = path.extension().and_then(|e| e.to_str());
        if matches!(kind, Some("go" | "mod" | "sum")) {
            names.push(path);
        }
    }
    names.sort();
    let mut parts = vec![KUBERNETES.as_bytes().to_vec()];
    for path in names {
        parts.push(fs::read(&path).with_context(|| format!("read {}", path.display()))?);
    }
    Ok(cache::digest(parts.iter().map(Vec::as_slice)))
}
