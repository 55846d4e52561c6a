//! How a command ends when it fails: its last lines and its exit code (docs/spec/50 §7).
//!
//! The code follows from the text, as in the real installer, unless a stage or a fault says otherwise.

use crate::log::{Level, Log};

/// Any other fatal error.
pub(crate) const FATAL: u8 = 1;
/// The install configuration is invalid.
pub(crate) const INSTALL_CONFIG: u8 = 3;
/// The infrastructure could not be made.
pub(crate) const INFRASTRUCTURE: u8 = 4;
/// Bootstrapping failed.
pub(crate) const BOOTSTRAP: u8 = 5;
/// The cluster did not initialise.
pub(crate) const INITIALIZE: u8 = 6;
/// The operators did not settle.
pub(crate) const UNSTABLE: u8 = 7;

/// The end of a failed command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The process's exit code.
    pub(crate) code: u8,
    /// The last lines of the log.
    pub(crate) lines: Vec<(Level, String)>,
}

impl Failure {
    /// An asset or a target failed: the text decides the code.
    pub(crate) fn of_target(text: String) -> Self {
        let code = if text.contains("failed to create install config") {
            INSTALL_CONFIG
        } else if text.contains("failed to create cluster") {
            INFRASTRUCTURE
        } else {
            return Self::fatal(text);
        };
        Self {
            code,
            lines: vec![(Level::Error, text)],
        }
    }

    /// One fatal line.
    pub(crate) fn fatal(text: String) -> Self {
        Self {
            code: FATAL,
            lines: vec![(Level::Fatal, text)],
        }
    }

    /// Error lines and a code.
    pub(crate) fn errors(code: u8, lines: impl IntoIterator<Item = String>) -> Self {
        let lines = lines.into_iter().map(|line| (Level::Error, line)).collect();
        Self { code, lines }
    }

    /// Writes the last lines; returns the exit code.
    pub(crate) fn report(&self, log: &Log) -> u8 {
        for (level, line) in &self.lines {
            match level {
                Level::Fatal => log.fatal(line),
                Level::Warning => log.warn(line),
                Level::Info => log.info(line),
                Level::Trace | Level::Debug => log.debug(line),
                Level::Error => log.error(line),
            }
        }
        self.code
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::of_target(chain(&error))
    }
}

/// An error with its causes, as Go prints wrapped errors.
pub(crate) fn chain(error: &anyhow::Error) -> String {
    format!("{error:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_decides_the_code() {
        let code = |text: &str| Failure::of_target(text.to_owned()).code;
        assert_eq!(
            code("failed to load asset \"Install Config\": failed to create install config: x"),
            INSTALL_CONFIG
        );
        assert_eq!(
            code("failed to generate asset \"Cluster\": failed to create cluster: x"),
            INFRASTRUCTURE
        );
        assert_eq!(code("failed to fetch Bootstrap Ignition Config: x"), FATAL);
    }
}
