//! The installer's logs: shown while they grow, kept when the pod ends.

use std::io::SeekFrom;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio::sync::watch;

use super::milestones;
use super::redact::Redactor;

/// What of a log is kept in `spec.installLog`: the end, where the error is (docs/spec/10 §26.3 E2).
pub const KEPT_BYTES: usize = 32 * 1024;

/// A file has no change to wait for without a helper thread; this is how late a line may be shown.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Follows a log file that another process appends to.
pub struct Follower {
    path: PathBuf,
    position: u64,
    rest: Vec<u8>,
}

impl Follower {
    /// Follows the file from its beginning. It need not exist yet.
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            position: 0,
            rest: Vec::new(),
        }
    }

    /// The whole lines that were added since the last call.
    pub async fn new_lines(&mut self) -> Vec<String> {
        let mut added = Vec::new();
        // A file that does not exist yet has no lines.
        if let Ok(mut file) = File::open(&self.path).await
            && file.seek(SeekFrom::Start(self.position)).await.is_ok()
            && let Ok(read) = file.read_to_end(&mut added).await
        {
            self.position = self.position.saturating_add(read as u64);
        }
        self.rest.extend_from_slice(&added);
        let mut lines = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            lines.push(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
        lines
    }
}

/// Shows a growing log on stdout, redacted, and tells the latest milestone, until `done` turns true; then
/// once more, so that the last lines are not lost.
pub async fn show(
    path: PathBuf,
    redactor: Arc<Redactor>,
    milestone: watch::Sender<Option<String>>,
    mut done: watch::Receiver<bool>,
) {
    let mut follower = Follower::new(path);
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    loop {
        let last_look = tokio::select! {
            _ = ticks.tick() => false,
            _ = done.wait_for(|done| *done) => true,
        };
        for line in follower.new_lines().await {
            let line = redactor.line(&line);
            tracing::info!(target: "skep::installer", "{line}");
            if let Some(reached) = milestones::of_line(&line) {
                milestone.send_replace(Some(reached.message));
            }
        }
        if last_look {
            return;
        }
    }
}

/// The end of a log, redacted; `None` when it was never written.
pub async fn tail(path: &Path, redactor: &Redactor) -> Option<String> {
    let bytes = tokio::fs::read(path)
        .await
        .ok()
        .filter(|bytes| !bytes.is_empty())?;
    let text = redactor.text(&String::from_utf8_lossy(&bytes));
    Some(end_of(&text, KEPT_BYTES).to_owned())
}

/// The last whole lines that fit.
fn end_of(text: &str, limit: usize) -> &str {
    let Some(cut) = text.len().checked_sub(limit).filter(|cut| *cut > 0) else {
        return text;
    };
    let cut = text.ceil_char_boundary(cut);
    let end = &text[cut..];
    end.split_once('\n').map_or(end, |(_, whole)| whole)
}

#[cfg(test)]
mod tests {
    use super::super::redact::Shown;
    use super::*;

    #[test]
    fn only_whole_lines_of_the_end_are_kept() {
        assert_eq!(end_of("one\ntwo\nthree\n", 10), "three\n");
        assert_eq!(end_of("one\n", 10), "one\n");
        assert_eq!(end_of("ééééé", 5), "éé");
    }

    #[tokio::test]
    async fn a_follower_gives_each_line_once_and_waits_for_its_end() {
        let path = std::env::temp_dir().join(format!("skep-follow-{}", std::process::id()));
        let mut follower = Follower::new(path.clone());
        assert_eq!(follower.new_lines().await, Vec::<String>::new());
        tokio::fs::write(&path, "a\nb").await.unwrap();
        assert_eq!(follower.new_lines().await, ["a"]);
        tokio::fs::write(&path, "a\nb\nc\n").await.unwrap();
        assert_eq!(follower.new_lines().await, ["b", "c"]);
        tokio::fs::remove_file(&path).await.unwrap();
    }

    /// The operator's classification sees what is kept, so nothing secret may be in it.
    #[tokio::test]
    async fn what_is_kept_is_redacted() {
        let path = std::env::temp_dir().join(format!("skep-tail-{}", std::process::id()));
        tokio::fs::write(&path, "ok\nthe token is abcdefgh\n")
            .await
            .unwrap();
        let mut redactor = Redactor::new(false);
        redactor.learn(b"abcdefgh", Shown::All);
        assert_eq!(
            tail(&path, &redactor).await.unwrap(),
            "ok\nthe token is REDACTED\n"
        );
        tokio::fs::remove_file(&path).await.unwrap();
        assert_eq!(tail(&path, &redactor).await, None);
    }
}
