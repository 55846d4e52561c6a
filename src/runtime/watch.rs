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

/// Which objects of a kind are watched.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    labels: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
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
    loop {
        let stream = watcher(Api::<Guarded<K>>::all(client.clone()), config.clone());
        pin_mut!(stream);
        while let Some(event) = stream.next().await {
            match event {
                Ok(event) => {
                    // The beginning of a list is announced before it is asked for: it is no success.
                    if !matches!(event, watcher::Event::Init) {
                        tries = 0;
                    }
                    take::<K>(event, &store, &events, &metrics);
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
