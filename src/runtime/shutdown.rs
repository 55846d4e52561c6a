//! From a signal to an orderly end.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The process cannot listen for signals.
#[derive(Debug, thiserror::Error)]
#[error("could not listen for {signal}")]
pub struct SignalError {
    signal: &'static str,
    #[source]
    source: std::io::Error,
}

/// A token that is cancelled by SIGTERM or SIGINT. A second signal has its usual effect again only by
/// the grace's end: the runs under way are worth finishing.
///
/// # Errors
/// The signals cannot be listened for.
pub fn on_signal() -> Result<CancellationToken, SignalError> {
    let listen = |kind, name| {
        signal(kind).map_err(|source| SignalError {
            signal: name,
            source,
        })
    };
    let mut terminate = listen(SignalKind::terminate(), "SIGTERM")?;
    let mut interrupt = listen(SignalKind::interrupt(), "SIGINT")?;
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        cancelled.cancel();
    });
    Ok(token)
}
