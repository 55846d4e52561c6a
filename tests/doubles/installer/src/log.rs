//! The two log streams of the installer: stderr, and `.openshift_install.log` (docs/spec/50 §6).
//!
//! Decides the format of each entry and nothing else. It must never redact: what the real installer
//! prints, its consumers have to be able to handle.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

/// Name of the log file in the working directory.
pub(crate) const FILE: &str = ".openshift_install.log";

/// Severity, least severe first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Trace,
    Debug,
    Info,
    Warning,
    Error,
    Fatal,
}

impl Level {
    /// The name in entries.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }

    /// Reads the value of `--log-level`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "trace" => Some(Self::Trace),
            "debug" => Some(Self::Debug),
            "info" => Some(Self::Info),
            "warn" | "warning" => Some(Self::Warning),
            "error" => Some(Self::Error),
            "fatal" => Some(Self::Fatal),
            _ => None,
        }
    }
}

/// Writes to both streams.
#[derive(Debug)]
pub(crate) struct Log {
    level: Level,
    file: Option<Mutex<File>>,
}

impl Log {
    /// Appends to the log file in `dir`; an unwritable one silences the file only.
    pub(crate) fn open(dir: &Path, level: Level) -> Self {
        // A created file has mode 0666 minus the umask, as the consumers of the log expect.
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(dir.join(FILE));
        Self {
            level,
            file: file.ok().map(Mutex::new),
        }
    }

    /// Only stderr, for failures before the working directory is known.
    pub(crate) fn stderr_only(level: Level) -> Self {
        Self { level, file: None }
    }

    pub(crate) fn debug(&self, message: &str) {
        self.entry(Level::Debug, message);
    }

    pub(crate) fn info(&self, message: &str) {
        self.entry(Level::Info, message);
    }

    pub(crate) fn warn(&self, message: &str) {
        self.entry(Level::Warning, message);
    }

    pub(crate) fn error(&self, message: &str) {
        self.entry(Level::Error, message);
    }

    pub(crate) fn fatal(&self, message: &str) {
        self.entry(Level::Fatal, message);
    }

    fn entry(&self, level: Level, message: &str) {
        if let Some(file) = &self.file {
            let line = file_line(Timestamp::now(), level, message);
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            // There is nowhere left to complain about a log that cannot be written.
            let _ = file.write_all(line.as_bytes());
        }
        if level >= self.level {
            let stderr = std::io::stderr();
            let terminal = stderr.is_terminal();
            let text: String = message
                .split('\n')
                .map(|part| {
                    if terminal {
                        terminal_line(level, part)
                    } else {
                        stderr_line(level, part)
                    }
                })
                .collect();
            let _ = stderr.lock().write_all(text.as_bytes());
        }
    }
}

/// A line in the format of another library: only on stderr, whatever the level.
pub(crate) fn foreign(message: &str) {
    let time = Timestamp::now().strftime("%m%d %H:%M:%S%.6f");
    let process = std::process::id();
    let line = format!("W{time} {process:>7} {message}\n");
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}

/// Prints the product of a command that has one.
#[expect(
    clippy::print_stdout,
    reason = "the text of --help and version is these commands' product"
)]
pub(crate) fn print(text: &str) {
    println!("{}", text.trim_end_matches('\n'));
}

/// One entry of the log file.
fn file_line(now: Timestamp, level: Level, message: &str) -> String {
    let time = now.strftime("%Y-%m-%dT%H:%M:%SZ");
    format!(
        "time=\"{time}\" level={} msg={}\n",
        level.name(),
        value(message)
    )
}

/// One entry of stderr when nobody watches.
fn stderr_line(level: Level, message: &str) -> String {
    format!("level={} msg={}\n", level.name(), value(message))
}

/// One entry of stderr on a terminal.
fn terminal_line(level: Level, message: &str) -> String {
    let colour = match level {
        Level::Trace | Level::Debug => 37,
        Level::Info => 36,
        Level::Warning => 33,
        Level::Error | Level::Fatal => 31,
    };
    let name = level.name().to_uppercase();
    format!("\x1b[{colour}m{name:<7}\x1b[0m {message}\n")
}

/// A value of an entry: bare when it consists of harmless characters, else quoted as Go quotes.
fn value(text: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "-._/@^+".contains(c);
    if text.chars().all(harmless) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            control if u32::from(control) < 0x20 || control == '\x7f' => {
                // Writing into a String cannot fail.
                let _ = write!(quoted, "\\x{:02x}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_bare_and_a_sentence_is_quoted() {
        assert_eq!(stderr_line(Level::Info, "Hello"), "level=info msg=Hello\n");
        assert_eq!(
            stderr_line(Level::Info, "Install complete!"),
            "level=info msg=\"Install complete!\"\n"
        );
        assert_eq!(
            stderr_line(Level::Warning, "user: \"kubeadmin\""),
            "level=warning msg=\"user: \\\"kubeadmin\\\"\"\n"
        );
    }

    #[test]
    fn the_file_has_the_time_and_keeps_line_breaks_in_one_entry() {
        let time: Timestamp = "2026-08-12T14:37:46.25Z"
            .parse()
            .unwrap_or(Timestamp::UNIX_EPOCH);
        assert_eq!(
            file_line(time, Level::Info, "Creating infrastructure resources..."),
            "time=\"2026-08-12T14:37:46Z\" level=info msg=\"Creating infrastructure resources...\"\n"
        );
        assert_eq!(
            file_line(time, Level::Error, "one\ntwo\t\\"),
            "time=\"2026-08-12T14:37:46Z\" level=error msg=\"one\\ntwo\\t\\\\\"\n"
        );
    }

    #[test]
    fn a_terminal_gets_padded_names() {
        assert_eq!(
            terminal_line(Level::Info, "x"),
            "\x1b[36mINFO   \x1b[0m x\n"
        );
    }
}
