//! A process of the operator: its watches, controllers, lease and health, from start to end.
//!
//! The order: watches fill the stores; when all are complete the process is ready and campaigns; while
//! it leads, the controllers run. A lead that is lost stops them and they follow, warm, until it is won
//! again. Whatever of these ends by itself ends the process, because a process that does half its work
//! looks healthy and is not. Asked to stop, it takes no more work, lets runs end within the grace, and
//! gives the lease back.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures::FutureExt;
use kube::Client;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::health::Health;
use super::lease::{CampaignEnd, Candidate, campaign};
use super::watch::{Selection, watch};
use super::{Context, Driver, Kind, Reconcile, Store};

/// How long runs may take to end after the process was asked to stop: below the grace that
/// Kubernetes gives by default.
pub const GRACE: Duration = Duration::from_secs(20);

type Work = Pin<Box<dyn Future<Output = &'static str> + Send>>;

/// A process under construction.
pub struct Process {
    context: Context,
    /// The client of watches: without a request limit, since each is one request for minutes.
    watching: Client,
    watches: Vec<Work>,
    synced: Vec<Pin<Box<dyn Future<Output = ()> + Send>>>,
    controllers: Vec<Box<dyn FnOnce(CancellationToken) -> Work + Send>>,
    health: Health,
}

/// Why a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProcessError {
    /// The lead was lost, and something went on acting.
    #[error("the lead was lost, and something would not stop")]
    Unyielding,
    /// A part that should run for ever has ended.
    #[error("{0} has ended")]
    Ended(&'static str),
    /// Runs were still under way when the grace was over.
    #[error("work was still under way after {GRACE:?}")]
    Grace,
}

impl Process {
    /// A process without parts.
    pub fn new(context: Context, watching: Client) -> Self {
        Self {
            context,
            watching,
            watches: Vec::new(),
            synced: Vec::new(),
            controllers: Vec::new(),
            health: Health::default(),
        }
    }

    /// What the parts share.
    pub const fn context(&self) -> &Context {
        &self.context
    }

    /// The process's health, for the server that tells it.
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Keeps `store` as the selected objects of its kind are. One watch per kind.
    pub fn watch<K: Kind>(&mut self, store: &Store<K>, selection: Selection) {
        self.context.writer.keeps(store);
        self.follow(store, selection);
    }

    /// The same for a kind that the hub may lack: then there are no objects of it, which is told once, and the
    /// kind is asked for again from time to time.
    pub fn watch_optional<K: Kind>(&mut self, store: &Store<K>, selection: Selection) {
        self.watch(store, selection.optional());
    }

    /// The same for objects of others: what this process itself writes of the kind is no part of the store.
    pub fn follow<K: Kind>(&mut self, store: &Store<K>, selection: Selection) {
        let work = watch(
            self.watching.clone(),
            selection,
            store.clone(),
            self.context.events.clone(),
            self.context.metrics.clone(),
        );
        self.watches
            .push(Box::pin(work.map(|never| match never {})));
        let store = store.clone();
        self.synced
            .push(Box::pin(async move { store.synced().await }));
    }

    /// Runs a controller once the process leads.
    pub fn controller<R: Reconcile>(&mut self, driver: Driver<R>) {
        if !driver.is_enabled() {
            tracing::warn!(controller = R::NAME, "this controller is disabled");
            return;
        }
        self.controllers.push(Box::new(|stop| {
            Box::pin(async move {
                driver.run(stop).await;
                R::NAME
            })
        }));
    }

    /// Runs until `stop`. `candidate`: who campaigns with which client; `None`: the process is alone
    /// and leads at once.
    ///
    /// # Errors
    /// The process must end although nobody asked.
    pub async fn run(
        self,
        candidate: Option<(Candidate, Client)>,
        stop: CancellationToken,
    ) -> Result<(), ProcessError> {
        let Self {
            context,
            watches,
            synced,
            controllers,
            health,
            watching: _,
        } = self;
        // Everything ends with this set: dropping the process leaves nothing behind.
        let mut parts = JoinSet::new();
        for watch in watches {
            parts.spawn(watch);
        }
        let events = context.events.clone();
        parts.spawn(async move { match events.run().await {} });
        let controllers_stop = CancellationToken::new();
        let mut running = JoinSet::new();
        for controller in controllers {
            running.spawn(controller(controllers_stop.clone()));
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            _ = futures::future::join_all(synced) => {}
            ended = parts.join_next() => return Err(ended_part(ended.as_ref())),
        }
        health.set_ready();
        tracing::info!("all stores are complete");
        let campaign_stop = CancellationToken::new();
        let mut campaigning = if let Some((candidate, client)) = candidate {
            let (claim, metrics) = (context.claim.clone(), context.metrics.clone());
            let stop = campaign_stop.clone();
            campaign(client, candidate, claim, metrics, stop).boxed()
        } else {
            context.claim.grant();
            futures::future::pending().boxed()
        };
        let failed = tokio::select! {
            biased;
            () = stop.cancelled() => None,
            end = &mut campaigning => Some(match end {
                CampaignEnd::Unyielding => ProcessError::Unyielding,
                CampaignEnd::Stopped => ProcessError::Ended("the campaign"),
            }),
            ended = parts.join_next() => Some(ended_part(ended.as_ref())),
            ended = running.join_next(), if !running.is_empty() => Some(ended_part(ended.as_ref())),
        };
        if let Some(failed) = failed {
            return Err(failed);
        }
        tracing::info!("stopping: no more work is taken");
        health.set_stopping();
        controllers_stop.cancel();
        let mut over = std::pin::pin!(tokio::time::timeout(GRACE, async {
            while running.join_next().await.is_some() {}
        }));
        // The lease is renewed while runs come to their ends.
        let result = tokio::select! {
            biased;
            over = &mut over => over.map_err(|_| ProcessError::Grace),
            _ = &mut campaigning => Err(ProcessError::Unyielding),
        };
        campaign_stop.cancel();
        if result != Err(ProcessError::Unyielding) {
            // Without a candidate there is nothing to give back.
            let _ = tokio::time::timeout(Duration::from_secs(2), campaigning).await;
        }
        result
    }
}

/// The name of a part that ended; a part that panicked has none.
fn ended_part(ended: Option<&Result<&'static str, tokio::task::JoinError>>) -> ProcessError {
    match ended {
        Some(Ok(name)) => ProcessError::Ended(name),
        Some(Err(_)) | None => ProcessError::Ended("a part of the process"),
    }
}
