//! `skep inject DIR`: puts this binary into a volume that another container shares, so that it can run
//! inside an image that knows nothing of Skep and may hold no shell.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Copy this binary into a directory that another container shares.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory; the binary becomes DIR/skep.
    directory: PathBuf,
}

/// Copies under a temporary name and renames, so that nobody ever starts half a binary.
pub fn run(args: &Args) -> Result<()> {
    let target = args.directory.join("skep");
    inject(Path::new("/proc/self/exe"), &target)
        .with_context(|| format!("cannot copy this binary to {}", target.display()))?;
    tracing::info!(target = %target.display(), "injected");
    Ok(())
}

fn inject(source: &Path, target: &Path) -> std::io::Result<()> {
    let partial = target.with_extension("partial");
    fs::copy(source, &partial)?;
    fs::set_permissions(&partial, fs::Permissions::from_mode(0o755))?;
    fs::rename(&partial, target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_is_whole_executable_and_leaves_no_partial_file() {
        let folder = std::env::temp_dir().join(format!("skep-inject-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let source = folder.join("source");
        fs::write(&source, b"binary").unwrap();
        for _again in 0..2 {
            inject(&source, &folder.join("skep")).unwrap();
        }
        assert_eq!(fs::read(folder.join("skep")).unwrap(), b"binary");
        let mode = fs::metadata(folder.join("skep"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o755);
        assert!(
            !folder.join("skep.partial").exists(),
            "a partial file was left"
        );
        fs::remove_dir_all(folder).unwrap();
    }
}
