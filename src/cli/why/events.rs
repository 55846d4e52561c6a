//! What the operator keeps failing of, from its Events: the one form in which every controller tells it,
//! whatever it may still write.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::events::v1::Event;
use kube::ResourceExt as _;
use serde::Serialize;
use skep_crds::names::reason::skep::{RECOVERED, TROUBLES};

use super::{Node, unreadable};
use crate::controllers::context::Shared;
use crate::runtime::{Kind, events};

/// What still fails is told again about this often; what was not is over, whoever ended it.
const LATELY: SignedDuration = SignedDuration::from_mins(10);

/// Something that keeps failing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// Why, in one word.
    pub reason: String,
    /// What fails, and what to do.
    pub text: String,
    /// When it was told first.
    pub since: Timestamp,
    /// When it was told last.
    pub last: Timestamp,
}

/// Reads the Events of an object into its node, but for what its conditions tell already.
pub(super) async fn read<K: Kind>(shared: &Shared, object: &K, node: &mut Node) {
    let uid = object.uid().unwrap_or_default();
    let namespace = object.namespace().unwrap_or_default();
    let fields = format!("regarding.uid={uid}");
    let reader = &shared.context.reader;
    match reader
        .list_live_by_fields::<Event>(&namespace, &fields)
        .await
    {
        Ok(found) => {
            let found: Vec<&Event> = found.iter().map(AsRef::as_ref).collect();
            node.failing = failing(&found, shared.context.clock.now());
            let conditions = &node.conditions;
            node.failing
                .retain(|told| conditions.iter().all(|known| known.reason != told.reason));
        }
        Err(error) => node.notes.push(unreadable(&error)),
    }
}

/// Of an object's Events, what still fails; the latest first.
pub(super) fn failing(events: &[&Event], now: Timestamp) -> Vec<Told> {
    let told = |event: &&Event| {
        let since = event.event_time.as_ref()?.0;
        let series = event.series.as_ref();
        Some(Told {
            reason: event.reason.clone()?,
            text: event.note.clone().unwrap_or_default(),
            since,
            last: series.map_or(since, |series| series.last_observed_time.0),
        })
    };
    let mut all: Vec<Told> = events.iter().filter_map(told).collect();
    let over = all
        .iter()
        .filter(|told| told.reason == RECOVERED)
        .map(|told| told.last)
        .max();
    let repeated = SignedDuration::try_from(events::QUIET).unwrap_or(SignedDuration::MAX);
    all.retain(|told| {
        TROUBLES.contains(&told.reason.as_str())
            && over.is_none_or(|over| told.last > over)
            && now.duration_since(told.last) <= repeated.saturating_add(LATELY)
    });
    all.sort_by_key(|told| std::cmp::Reverse(told.last));
    all
}
