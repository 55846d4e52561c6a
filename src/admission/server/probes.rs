//! Health, readiness and figures over plain HTTP, on a port of their own: a probe must not depend on the
//! certificate that it is to tell about.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;

use super::Desk;
use crate::runtime::metrics::Metrics;

#[derive(Clone)]
struct Shown {
    desk: Arc<Desk>,
    metrics: Metrics,
}

/// The routes: `/healthz`, `/readyz`, `/metrics`.
pub fn routes(desk: Arc<Desk>, metrics: Metrics) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(ready))
        .route("/metrics", get(figures))
        .with_state(Shown { desk, metrics })
}

async fn ready(State(shown): State<Shown>) -> impl IntoResponse {
    match shown.desk.unready() {
        None => (StatusCode::OK, "ok"),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

async fn figures(State(shown): State<Shown>) -> impl IntoResponse {
    let format = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, format)], shown.metrics.text())
}
