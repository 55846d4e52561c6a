//! One watch per kind: fills the store, for ever.
//!
//! It starts again after every error, with growing delays; it never ends by itself. An object that
//! cannot be decoded becomes an entry of the store, a metric, and an Event on the object.
//!
//! The kind is listed at the start and whenever the server says that the watch has lost its place; a watch
//! that ends goes on where it ended. It is never listed again for good measure: the server promises that no
//! event is left out, every controller in a hub relies on that, and a list of ten thousand clusters is a
//! hundred megabytes that would hardly ever find anything. If an event were lost all the same, it could
//! delay what it should have rung for until the object's next event; it could not mislead, because whatever
//! has an effect is decided from live reads.

use std::convert::Infallible;
use std::time::Duration;

use futures::{StreamExt, pin_mut};
use kube::core::ObjectMeta;
use kube::runtime::watcher;
use kube::{Api, Client};

use super::backoff::Backoff as Delays;
use super::events::Events;
use super::metrics::Metrics;
use super::{Guarded, Kind, Store};
use crate::plan::Note;

/// Objects asked for at a time.
const PAGE: u32 = 500;

/// Between two tries of a watch that fails: short at first, since the usual cause is a restarting API
/// server, and never longer than a person would wait.
const DELAYS: Delays = Delays::new(Duration::from_millis(200), Duration::from_secs(30));

/// Between two questions whether a kind that the hub lacks is there: somebody who adds it waits a minute.
const ABSENT: Duration = Duration::from_mins(1);

/// Which objects of a kind are watched.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    labels: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    optional: bool,
}

impl Selection {
    /// All objects of the kind.
    pub fn all() -> Self {
        Self::default()
    }

    /// Only those that match a label selector.
    #[must_use]
    pub fn labels(mut self, selector: &str) -> Self {
        self.labels = Some(selector.to_owned());
        self
    }

    /// Only those of one namespace.
    #[must_use]
    pub fn namespace(mut self, namespace: &str) -> Self {
        self.namespace = Some(namespace.to_owned());
        self
    }

    /// Only those of one name.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// The hub may lack the kind.
    #[must_use]
    pub(super) const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    fn fields(&self) -> String {
        let of = |field: &str, value: &Option<String>| {
            let value = value.as_ref()?;
            Some(format!("metadata.{field}={value}"))
        };
        let fields = [of("namespace", &self.namespace), of("name", &self.name)];
        fields.into_iter().flatten().collect::<Vec<_>>().join(",")
    }
}

/// Watches a kind and keeps `store` as it is. Never returns.
pub async fn watch<K: Kind>(
    client: Client,
    selection: Selection,
    store: Store<K>,
    events: Events,
    metrics: Metrics,
) -> Infallible {
    let mut config = watcher::Config::default().page_size(PAGE);
    if let Some(labels) = &selection.labels {
        config = config.labels(labels);
    }
    let fields = selection.fields();
    if !fields.is_empty() {
        config = config.fields(&fields);
    }
    let kind = K::kind(&()).into_owned();
    let seed = seed_of(&kind);
    let mut tries = 0_u32;
    let mut absent = false;
    loop {
        let stream = watcher(Api::<Guarded<K>>::all(client.clone()), config.clone());
        pin_mut!(stream);
        while let Some(event) = stream.next().await {
            match event {
                Ok(event) => {
                    // The beginning of a list is announced before it is asked for: it is no success.
                    if !matches!(event, watcher::Event::Init) {
                        tries = 0;
                        absent = false;
                    }
                    take::<K>(event, &store, &events, &metrics);
                }
                Err(error) if selection.optional && lacks_kind(&error) => {
                    if !absent {
                        tracing::warn!(%kind, "the hub lacks this kind: its definition is not installed");
                        absent = true;
                        store.list_begins();
                        store.list_ends();
                    }
                    tokio::time::sleep(ABSENT).await;
                }
                Err(error) => {
                    tries = tries.saturating_add(1);
                    metrics.watch_failed(&kind);
                    tracing::warn!(%kind, tries, error = super::error_chain(&error), "watch interrupted");
                    tokio::time::sleep(DELAYS.delay(tries, seed)).await;
                }
            }
        }
        // The stream has no end; if it had one, it would start anew.
        tokio::time::sleep(DELAYS.delay(1, seed)).await;
    }
}

/// Whether the server does not know the kind.
fn lacks_kind(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => status.code == 404,
        watcher::Error::InitialListFailed(_)
        | watcher::Error::WatchStartFailed(_)
        | watcher::Error::WatchFailed(_)
        | watcher::Error::NoResourceVersion => false,
    }
}

/// Watches do not all start again at once.
fn seed_of(kind: &str) -> u64 {
    kind.bytes()
        .fold(7, |seed: u64, byte| seed.wrapping_mul(31) ^ u64::from(byte))
}

fn take<K: Kind>(
    event: watcher::Event<Guarded<K>>,
    store: &Store<K>,
    events: &Events,
    metrics: &Metrics,
) {
    match event {
        watcher::Event::Apply(object) => {
            report_undecodable(&object, events);
            store.apply(object);
        }
        watcher::Event::Delete(object) => store.delete(&object),
        watcher::Event::Init => {
            store.list_begins();
            return;
        }
        watcher::Event::InitApply(object) => {
            report_undecodable(&object, events);
            store.listed(object);
            return;
        }
        watcher::Event::InitDone => store.list_ends(),
    }
    metrics.stored::<K>(store.undecodable());
}

fn report_undecodable<K: Kind>(object: &Guarded<K>, events: &Events) {
    let Err(undecodable) = &object.0 else { return };
    let meta: &ObjectMeta = &undecodable.meta;
    tracing::warn!(
        kind = %K::kind(&()), namespace = meta.namespace, name = meta.name,
        error = undecodable.error, "object cannot be decoded"
    );
    let note = Note::blocked(
        "CannotDecode",
        format!("this version cannot read the object: {}", undecodable.error),
        "the object's content",
        "correct the named field; until then the object is left as it is",
    );
    events.publish::<K>(meta, "Decode", &note);
}

#[cfg(test)]
mod tests {
    use skep_sim::apiserver::registry::Kind as ServedKind;
    use skep_sim::apiserver::{ApiServer, Clock as ServerClock, Latency};
    use tokio::time::timeout;

    use super::*;
    use crate::runtime::testing::{Hub, Widget};
    use crate::runtime::{Clock, StoreOptions};

    /// A watch of widgets on a hub.
    fn watching(server: &ApiServer, selection: Selection) -> (Store<Widget>, impl Future) {
        let store: Store<Widget> = Store::new(StoreOptions::default());
        let client = server.client("operator");
        let (clock, metrics) = (
            Clock::starting_at(jiff::Timestamp::UNIX_EPOCH),
            Metrics::new(),
        );
        let events = Events::new(client.clone(), clock, metrics.clone(), "skep", "operator");
        let work = watch(client, selection, store.clone(), events, metrics);
        (store, work)
    }

    /// A hub that was taken over without the kinds that Skep adds.
    #[tokio::test(start_paused = true)]
    async fn a_kind_that_the_hub_lacks_has_no_objects_until_it_is_there() {
        let start = jiff::Timestamp::UNIX_EPOCH;
        let server = ApiServer::new(3, ServerClock::starting_at(start), Latency::default());
        let (store, work) = watching(&server, Selection::all().optional());
        let (strict, strict_work) = watching(&server, Selection::all());
        let story = async {
            store.synced().await;
            assert!(store.all().is_empty());
            let waits = timeout(Duration::from_hours(1), strict.synced()).await;
            assert!(waits.is_err(), "any other kind is waited for");
            server.register(ServedKind::custom("test.dev", "v1", "widgets", "Widget"));
            let widget = serde_json::json!({
                "apiVersion": "test.dev/v1", "kind": "Widget",
                "metadata": { "namespace": "default", "name": "a" }, "spec": { "copies": 1 },
            });
            server.seed_object("test.dev", "widgets", &widget);
            tokio::time::sleep(2 * ABSENT).await;
            assert_eq!(store.all().len(), 1);
        };
        tokio::select! {
            _ = work => unreachable!("a watch never ends"),
            _ = strict_work => unreachable!("a watch never ends"),
            () = story => {}
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_optional_kind_that_is_there_is_watched_like_any_other() {
        let hub = Hub::new(3);
        hub.seed_widget("a", &serde_json::json!(1));
        let (store, work) = watching(&hub.server, Selection::all().optional());
        let story = async {
            store.synced().await;
            assert_eq!(store.all().len(), 1);
        };
        tokio::select! {
            _ = work => unreachable!("a watch never ends"),
            () = story => {}
        }
    }
}
