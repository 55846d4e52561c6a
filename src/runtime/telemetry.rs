//! Logs: where they go and what they look like.
//!
//! To stderr, one line each, as text for people or as JSON for machines. Nothing that is logged holds
//! a secret, because what holds secrets does not print; request bodies are never logged, at any level.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// What log lines look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
}

impl std::str::FromStr for LogFormat {
    type Err = TelemetryError;

    fn from_str(text: &str) -> Result<Self, TelemetryError> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => Err(TelemetryError::Format(other.to_owned())),
        }
    }
}

/// The logs cannot be set up as asked.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// No such format.
    #[error("no log format {0:?}: text or json")]
    Format(String),
    /// No such level.
    #[error("no log level {0:?}: error, warn, info, debug, trace or off")]
    Level(String),
    /// The filter cannot be read.
    #[error("cannot read the log filter {0:?}")]
    Filter(String, #[source] tracing_subscriber::filter::ParseError),
    /// Logs have been set up before.
    #[error("logs are set up already")]
    Twice(#[source] tracing_subscriber::util::TryInitError),
}

/// Sets up the logs of this process. `filter` is a level, or directives like
/// `info,skep::runtime=debug`.
///
/// # Errors
/// There is no such level, the filter cannot be read, or logs have been set up before.
pub fn init(format: LogFormat, filter: &str) -> Result<(), TelemetryError> {
    let directives = quieted(filter)?;
    let filter = EnvFilter::try_new(&directives)
        .map_err(|source| TelemetryError::Filter(filter.to_owned(), source))?;
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_span_events(FmtSpan::NONE);
    match format {
        LogFormat::Text => registry.with(layer.with_ansi(false)).try_init(),
        LogFormat::Json => registry
            .with(layer.json().flatten_event(true).with_current_span(true))
            .try_init(),
    }
    .map_err(TelemetryError::Twice)
}

/// A level applies to Skep; libraries tell what goes wrong only, unless they are named. kube logs each
/// failed request as an error of its own, which the caller tells better.
fn quieted(filter: &str) -> Result<String, TelemetryError> {
    if filter.contains('=') || filter.contains(',') {
        return Ok(filter.to_owned());
    }
    // The filter would take any other word for the name of a target, and log nothing of Skep.
    if filter.parse::<LevelFilter>().is_err() {
        return Err(TelemetryError::Level(filter.to_owned()));
    }
    Ok(format!(
        "warn,kube_client::client::builder=off,kube_runtime=error,skep={filter},skep_providers={filter},skep_aws={filter}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_makes_a_filter() {
        for level in ["error", "warn", "info", "debug", "trace", "off"] {
            let directives = quieted(level).unwrap();
            assert!(EnvFilter::try_new(directives).is_ok(), "{level}");
        }
        assert_eq!(quieted("info,kube=debug").unwrap(), "info,kube=debug");
        let refused = quieted("nonsense").unwrap_err().to_string();
        assert!(refused.contains("\"nonsense\""), "{refused}");
        assert!("yaml".parse::<LogFormat>().is_err());
    }
}
