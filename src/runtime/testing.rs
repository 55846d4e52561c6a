//! What the tests of the runtime share: a kind of their own, and a hub to keep it in.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use kube::client::Body;
use kube::{Client, CustomResource};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use skep_sim::apiserver::effects::{Effect, Process as Life};
use skep_sim::apiserver::registry::Kind as ServedKind;
use skep_sim::apiserver::{ApiServer, Clock as ServerClock, Latency};
use tower::service_fn;

use super::Clock;

/// Something that wants copies of itself.
#[derive(CustomResource, Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[kube(
    group = "test.dev",
    version = "v1",
    kind = "Widget",
    plural = "widgets",
    namespaced
)]
#[kube(status = "WidgetStatus", schema = "disabled")]
#[serde(rename_all = "camelCase")]
pub(super) struct WidgetSpec {
    pub(super) copies: u32,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq, Hash)]
#[serde(rename_all = "camelCase")]
pub(super) struct WidgetStatus {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) phase: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<Timestamp>,
}

/// A hub in memory, with a virtual clock.
pub(super) struct Hub {
    pub(super) server: ApiServer,
    pub(super) clock: Clock,
}

impl Hub {
    pub(super) fn new(seed: u64) -> Self {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a timestamp");
        let server = ApiServer::new(seed, ServerClock::starting_at(start), Latency::default());
        server.register(ServedKind::custom("test.dev", "v1", "widgets", "Widget"));
        Self {
            server,
            clock: Clock::starting_at(start),
        }
    }

    /// A client of the operator, and the life that ends it.
    pub(super) fn operator(&self, name: &str) -> (Client, Arc<Life>) {
        let life = Life::new(name, 1);
        (self.server.client_of(&life), life)
    }

    /// The same over a line of which the delay can be set.
    pub(super) fn operator_over(&self, name: &str, line: &Line) -> (Client, Arc<Life>) {
        let (client, life) = self.operator(name);
        (line.clone().before(client), life)
    }

    pub(super) fn seed_widget(&self, name: &str, copies: &Value) {
        let widget = json!({
            "apiVersion": "test.dev/v1", "kind": "Widget",
            "metadata": { "namespace": "default", "name": name },
            "spec": { "copies": copies },
        });
        self.server.seed_object("test.dev", "widgets", &widget);
    }

    pub(super) fn phase(&self, name: &str) -> Option<String> {
        let widget = self.server.object("test.dev", "widgets", "default", name)?;
        widget["status"]["phase"].as_str().map(ToOwned::to_owned)
    }

    /// The names of the copies of a widget.
    pub(super) fn copies(&self, widget: &str) -> Vec<String> {
        let maps = self.server.objects("", "configmaps");
        let of = maps
            .iter()
            .filter(|map| map["metadata"]["labels"]["widget"] == widget);
        of.filter_map(|map| map["metadata"]["name"].as_str())
            .map(ToOwned::to_owned)
            .collect()
    }

    /// What was asked for that changes something, leases and Events left out.
    pub(super) fn effects(&self) -> Vec<Effect> {
        let counts =
            |effect: &&Effect| !matches!(effect.request.plural.as_str(), "leases" | "events");
        self.server
            .effects()
            .log()
            .iter()
            .filter(counts)
            .cloned()
            .collect()
    }

    pub(super) async fn pass(&self, duration: Duration) {
        self.clock.sleep(duration).await;
    }
}

/// How long a request and its answer take together, in milliseconds, over a line between an operator and
/// the hub. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Line(Arc<AtomicU64>);

impl Line {
    pub(super) fn takes(&self, milliseconds: u64) {
        self.0.store(milliseconds, Ordering::Relaxed);
    }

    fn before(self, client: Client) -> Client {
        let service = service_fn(move |request: http::Request<Body>| {
            let (client, line) = (client.clone(), self.clone());
            async move {
                line.pass().await;
                let answer = client.send(request).await;
                line.pass().await;
                answer
            }
        });
        Client::new(service, "default")
    }

    async fn pass(&self) {
        let half = Duration::from_millis(self.0.load(Ordering::Relaxed)) / 2;
        tokio::time::sleep(half).await;
    }
}
