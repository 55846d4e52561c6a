//! What every controller of a process shares.

use kube::Client;

use super::events::Events;
use super::lease::Claim;
use super::metrics::Metrics;
use super::notes::Notes;
use super::turns::Turns;
use super::{Clock, Reader, Writer};

/// What every controller of a process shares. Clones share it.
#[derive(Clone)]
pub struct Context {
    /// The clock.
    pub clock: Clock,
    /// The client of everything but watches and the lease.
    pub client: Client,
    /// Reads from stores or live.
    pub reader: Reader,
    /// Writes.
    pub writer: Writer,
    /// Publishes Events.
    pub events: Events,
    /// The latest notes of each object.
    pub notes: Notes,
    /// The figures.
    pub metrics: Metrics,
    /// Whether this process may act.
    pub claim: Claim,
    /// Whose turn it is at an object.
    pub(super) turns: Turns,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

impl Context {
    /// What the controllers share, from the client that they use; `instance` is this process's name in
    /// Events: the pod's.
    pub fn new(client: Client, clock: Clock, instance: &str) -> Self {
        Self::with_metrics(client, clock, instance, Metrics::new())
    }

    /// The same with figures that exist already: those that the client counts in.
    pub fn with_metrics(client: Client, clock: Clock, instance: &str, metrics: Metrics) -> Self {
        Self {
            reader: Reader::new(client.clone()),
            writer: Writer::new(
                client.clone(),
                skep_crds::names::skep::FIELD_MANAGER,
                metrics.clone(),
            ),
            events: Events::new(
                client.clone(),
                clock.clone(),
                metrics.clone(),
                skep_crds::names::skep::FIELD_MANAGER,
                instance,
            ),
            notes: Notes::default(),
            claim: Claim::none(clock.clone()),
            turns: Turns::default(),
            client,
            clock,
            metrics,
        }
    }
}
