//! What a process tells about itself over HTTP: whether it lives, whether it is ready, its figures,
//! and the latest notes. Never a secret, never a change.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use axum::Json;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::metrics::Metrics;
use super::notes::Notes;

/// Zero is the state at the start.
const READY: u8 = 1;
const STOPPING: u8 = 2;

/// Whether the process is ready. Clones share it.
///
/// Followers are ready as well: they are warm, and a rollout must not wait for the lead.
#[derive(Clone, Debug, Default)]
pub struct Health {
    state: Arc<AtomicU8>,
}

impl Health {
    /// All stores are complete.
    pub fn set_ready(&self) {
        self.state.store(READY, Ordering::Relaxed);
    }

    /// The process was asked to stop.
    pub fn set_stopping(&self) {
        self.state.store(STOPPING, Ordering::Relaxed);
    }

    /// Whether the process is ready.
    pub fn is_ready(&self) -> bool {
        self.state.load(Ordering::Relaxed) == READY
    }
}

/// The server could not listen or accept.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    /// The address is taken or not permitted.
    #[error("could not listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Connections could not be accepted any more.
    #[error("could not serve")]
    Serve(#[source] std::io::Error),
}

#[derive(Clone)]
struct Shown {
    health: Health,
    metrics: Metrics,
    notes: Notes,
}

/// The routes: `/healthz`, `/readyz`, `/metrics`, `/debug/notes?namespace=&name=`.
pub fn routes(health: Health, metrics: Metrics, notes: Notes) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(ready))
        .route("/metrics", get(figures))
        .route("/debug/notes", get(explain))
        .with_state(Shown {
            health,
            metrics,
            notes,
        })
}

/// Serves the routes until `stop`.
///
/// # Errors
/// The address is not to be had, or the listener broke.
pub async fn serve(
    address: SocketAddr,
    routes: Router,
    stop: CancellationToken,
) -> Result<(), HealthError> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(|source| HealthError::Listen { address, source })?;
    axum::serve(listener, routes)
        .with_graceful_shutdown(async move { stop.cancelled().await })
        .await
        .map_err(HealthError::Serve)
}

async fn ready(State(shown): State<Shown>) -> impl IntoResponse {
    if shown.health.is_ready() {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready")
    }
}

async fn figures(State(shown): State<Shown>) -> impl IntoResponse {
    let format = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, format)], shown.metrics.text())
}

#[derive(Deserialize)]
struct About {
    namespace: Option<String>,
    name: Option<String>,
}

async fn explain(State(shown): State<Shown>, Query(about): Query<About>) -> impl IntoResponse {
    Json(
        shown
            .notes
            .about(about.namespace.as_deref(), about.name.as_deref()),
    )
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;

    async fn status(routes: &Router, path: &str) -> Option<StatusCode> {
        let request = Request::get(path).body(Body::empty()).ok()?;
        let answer = routes.clone().oneshot(request).await.ok()?;
        Some(answer.status())
    }

    #[tokio::test]
    async fn a_process_lives_always_and_is_ready_between_start_and_stop() {
        let health = Health::default();
        let routes = routes(health.clone(), Metrics::new(), Notes::default());
        assert_eq!(status(&routes, "/healthz").await, Some(StatusCode::OK));
        let unready = Some(StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(status(&routes, "/readyz").await, unready);
        health.set_ready();
        assert_eq!(status(&routes, "/readyz").await, Some(StatusCode::OK));
        health.set_stopping();
        assert_eq!(status(&routes, "/readyz").await, unready);
        for path in [
            "/metrics",
            "/debug/notes",
            "/debug/notes?namespace=a&name=b",
        ] {
            assert_eq!(status(&routes, path).await, Some(StatusCode::OK), "{path}");
        }
    }
}
