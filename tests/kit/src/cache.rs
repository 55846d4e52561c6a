//! The one folder outside the checkout that holds everything worth keeping between two runs, and
//! everything a run needs while it lasts. It decides where things lie, nothing else, and must never
//! be asked for by the product.
//!
//! | Folder | Holds |
//! |---|---|
//! | `hub/<hash>/` | the hub's binary, by the hash of its sources |
//! | `venv/<hash>/` | Python virtual environments, by the hash of their requirements |
//! | `images/` | image archives and stripped binaries, by digest |
//! | `run/<name>/` | one running hub or cloud: state, sockets, logs; gone when it ends |
//! | `failed/<name>/` | the logs of runs that a failing test or start left behind |
//! | `locks/` | locks between processes that build the same thing |

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

/// `$SKEP_CACHE`, else `$XDG_CACHE_HOME/skep`, else `~/.cache/skep`.
pub fn root() -> Result<PathBuf> {
    let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let root = if let Some(own) = from("SKEP_CACHE") {
        PathBuf::from(own)
    } else if let Some(xdg) = from("XDG_CACHE_HOME") {
        Path::new(&xdg).join("skep")
    } else if let Some(home) = from("HOME") {
        Path::new(&home).join(".cache/skep")
    } else {
        bail!("no cache folder: set SKEP_CACHE or HOME");
    };
    std::path::absolute(&root).with_context(|| format!("resolve {}", root.display()))
}

/// A folder below [`root`], created when it is missing.
pub fn folder(below: impl AsRef<Path>) -> Result<PathBuf> {
    let path = root()?.join(below);
    fs::create_dir_all(&path).with_context(|| format!("create {}", path.display()))?;
    Ok(path)
}

/// Takes the lock of a name among all processes that share this cache folder, waiting for it. The
/// lock is held until the returned file is dropped or the process ends.
pub fn lock(name: &str) -> Result<File> {
    let path = folder("locks")?.join(name);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("open {}", path.display()))?;
    file.lock()
        .with_context(|| format!("lock {}", path.display()))?;
    Ok(file)
}

/// Whether some living process holds the lock on a file. A missing file is held by nobody. Looking
/// takes the lock for an instant.
pub fn is_locked(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| file.try_lock().is_err())
}

/// The SHA-256 of several parts, in hexadecimal. Parts are delimited, so that moving a byte from one
/// to the next changes the result.
pub fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The root of the checkout that this kit was compiled from.
pub fn checkout() -> PathBuf {
    let kit = Path::new(env!("CARGO_MANIFEST_DIR"));
    kit.parent()
        .and_then(Path::parent)
        .unwrap_or(kit)
        .to_owned()
}
