//! Files that others change while the process runs: mounted Secrets and `ConfigMaps`.
//!
//! They are looked at once a second by their fingerprints, through symbolic links: that notices a file
//! written in place, one put in the place of another, and the swap of a whole mounted volume alike, on
//! every file system. A notification could miss each of these in another way, and a second is nothing
//! beside the minute in which a kubelet brings a change.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::runtime::Clock;

/// How often files are looked at.
pub const LOOK: Duration = Duration::from_secs(1);

/// What differs when a file is another than before: device, inode, length, and times of change.
type Fingerprint = (u64, u64, u64, i64, i64, i64, i64);

/// Files and what they were like when they were last looked at.
#[derive(Debug)]
pub struct Files {
    paths: Vec<PathBuf>,
    seen: Vec<Option<Fingerprint>>,
}

impl Files {
    /// These files; none of them was seen yet.
    pub fn new(paths: Vec<PathBuf>) -> Self {
        Self {
            paths,
            seen: Vec::new(),
        }
    }

    /// Whether any is another than at the last look, or there was no look yet. To be asked before the
    /// files are read: what changes in between is then noticed at the next look.
    pub async fn have_changed(&mut self) -> bool {
        let mut seen = Vec::with_capacity(self.paths.len());
        for path in &self.paths {
            seen.push(fingerprint(path).await);
        }
        let changed = seen != self.seen;
        self.seen = seen;
        changed
    }

    /// Returns at the next look at which any is another.
    pub async fn changed(&mut self, clock: &Clock) {
        if self.paths.is_empty() {
            std::future::pending::<()>().await;
        }
        while !self.have_changed().await {
            clock.sleep(LOOK).await;
        }
    }
}

/// A file that cannot be looked at has none.
async fn fingerprint(path: &Path) -> Option<Fingerprint> {
    let found = tokio::fs::metadata(path).await.ok()?;
    Some((
        found.dev(),
        found.ino(),
        found.size(),
        found.mtime(),
        found.mtime_nsec(),
        found.ctime(),
        found.ctime_nsec(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_way_of_changing_a_file_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let mut files = Files::new(vec![at("link/file"), at("plain")]);
        assert!(files.have_changed().await, "the first look");
        assert!(!files.have_changed().await, "both are absent");
        std::fs::create_dir(at("one")).unwrap();
        std::fs::create_dir(at("two")).unwrap();
        std::fs::write(at("one/file"), "same").unwrap();
        std::fs::write(at("two/file"), "same").unwrap();
        std::os::unix::fs::symlink("one", at("link")).unwrap();
        assert!(files.have_changed().await, "a volume was mounted");
        // As a kubelet swaps the contents of a mounted Secret.
        std::os::unix::fs::symlink("two", at("other")).unwrap();
        std::fs::rename(at("other"), at("link")).unwrap();
        assert!(files.have_changed().await, "a volume was swapped");
        std::fs::write(at("plain"), "a").unwrap();
        assert!(files.have_changed().await, "a file was made");
        std::fs::write(at("plain"), "bb").unwrap();
        assert!(files.have_changed().await, "a file was written");
        assert!(!files.have_changed().await, "nothing happened");
        std::fs::remove_file(at("plain")).unwrap();
        assert!(files.have_changed().await, "a file was removed");
    }
}
