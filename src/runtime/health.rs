//! What a process tells about itself over HTTP: whether it lives, whether it is ready, its figures,
//! and the latest notes. Never a secret, never a change.
//!
//! The notes name clusters, accounts and errors of all namespaces, so only callers on the process's own
//! machine see them: in a pod that is `kubectl port-forward`, which needs a right of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use axum::Extension;
use axum::Json;
use axum::Router;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
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

/// The routes: `/healthz`, `/readyz`, `/metrics`, and for local callers `/debug/notes?namespace=&name=`.
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
    let routes = routes.into_make_service_with_connect_info::<SocketAddr>();
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

/// Whoever calls from an unknown place calls from elsewhere.
async fn explain(
    State(shown): State<Shown>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    Query(about): Query<About>,
) -> Response {
    let is_local =
        |ConnectInfo(peer): &ConnectInfo<SocketAddr>| peer.ip().to_canonical().is_loopback();
    if !peer.is_some_and(|Extension(peer)| is_local(&peer)) {
        return (StatusCode::FORBIDDEN, "only from this machine").into_response();
    }
    let (namespace, name) = (about.namespace.as_deref(), about.name.as_deref());
    Json(shown.notes.about(namespace, name)).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
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
        assert_eq!(status(&routes, "/metrics").await, Some(StatusCode::OK));
    }

    /// Any pod of the hub reaches the port, and the notes are about everybody's clusters.
    #[tokio::test]
    async fn notes_are_told_on_the_own_machine_only() {
        let routes = routes(Health::default(), Metrics::new(), Notes::default());
        for path in ["/debug/notes", "/debug/notes?namespace=a&name=b"] {
            let from = async |peer: &str| {
                let peer: SocketAddr = peer.parse().ok()?;
                let known = routes.clone().layer(Extension(ConnectInfo(peer)));
                status(&known, path).await
            };
            for peer in ["127.0.0.1:4000", "[::1]:4000", "[::ffff:127.0.0.1]:4000"] {
                assert_eq!(from(peer).await, Some(StatusCode::OK), "{peer}");
            }
            for peer in ["10.0.0.7:4000", "[fd00::7]:4000", "[::ffff:10.0.0.7]:4000"] {
                assert_eq!(from(peer).await, Some(StatusCode::FORBIDDEN), "{peer}");
            }
            let unknown = status(&routes, path).await;
            assert_eq!(unknown, Some(StatusCode::FORBIDDEN));
        }
    }

    /// The server says from where a caller comes.
    #[tokio::test]
    async fn a_local_caller_of_the_server_is_known() {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let stop = CancellationToken::new();
        let routes = routes(Health::default(), Metrics::new(), Notes::default());
        let served = tokio::spawn(serve(address, routes, stop.clone()));
        let mut stream = loop {
            assert!(!served.is_finished(), "the server listens");
            match tokio::net::TcpStream::connect(address).await {
                Ok(stream) => break stream,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        let request = b"GET /debug/notes HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        stop.cancel();
        assert!(served.await.unwrap().is_ok());
    }
}
