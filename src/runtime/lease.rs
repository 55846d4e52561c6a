//! Who may act on the hub: one process at a time, by a Lease that Hive respects as well.
//!
//! [`next`] decides, given what the Lease says and when that was first seen; [`campaign`] reads,
//! writes and waits. Expiry is judged by the time that has passed here since the Lease last changed,
//! never by the times that stand in it, because clocks differ. A claim is current for as long as
//! nobody else can have taken over; what acts asks [`Claim::is_current`] before each effect, and a
//! process whose claim has ended ends too. A lease is no lock: effects are fenced by uid and version
//! besides.
//!
//! The times: others take over [`LEASE`] after the last renewal that they saw. A leader renews every
//! second and considers itself deposed three seconds after it began its last successful renewal, a
//! second before anybody else may act: there is time for more tries when one is lost. Followers look twice a
//! second and at the very moment of expiry, so a killed leader is replaced within 4.5 seconds plus two
//! requests; a leader that ends orderly gives the Lease back and is replaced within half a second.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::core::{ObjectMeta, Request};
use kube::{Client, Resource};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::metrics::Metrics;
use super::{Clock, error_chain};

/// After which others take over.
pub const LEASE: Duration = Duration::from_secs(4);
/// Between two renewals.
const RENEW: Duration = Duration::from_secs(1);
/// How long a claim holds after the beginning of the renewal that won it.
const HOLD: Duration = Duration::from_secs(3);
/// Between two looks of a follower.
const LOOK: Duration = Duration::from_millis(500);
/// Before a lost renewal is tried again.
const RETRY: Duration = Duration::from_millis(100);
/// What one request may take, so that a lost one leaves time for another.
const REQUEST: Duration = Duration::from_millis(900);

/// What the Lease says, as far as it matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Record {
    /// Who holds it; empty: nobody.
    pub holder: String,
    /// After which the holder wants to be replaced.
    pub duration: Duration,
    /// How often it changed hands.
    pub transitions: i32,
    /// The version that a write must name.
    pub version: String,
}

/// A record, and when this very version was first seen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Seen {
    /// What was seen.
    pub record: Record,
    /// When, on this process's clock.
    pub at: Duration,
}

/// What to do about the Lease.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Next {
    /// There is none: create it.
    Create,
    /// It is ours: renew it.
    Renew,
    /// It is nobody's, or its holder has been silent for too long: take it.
    Take {
        /// How often it will have changed hands then.
        transitions: i32,
    },
    /// It is another's: look again at this time at the latest.
    Follow {
        /// When the holder's time is up, if it stays silent.
        until: Duration,
    },
}

/// What to do, given the last look at the Lease. `None`: there is none.
pub fn next(seen: Option<&Seen>, now: Duration, me: &str) -> Next {
    let Some(Seen { record, at }) = seen else {
        return Next::Create;
    };
    // A holder that wants longer gets longer: Hive's leases last two minutes.
    let until = *at + record.duration.max(LEASE);
    match record.holder.as_str() {
        holder if holder == me => Next::Renew,
        "" => Next::Take {
            transitions: record.transitions.saturating_add(1),
        },
        _ if now >= until => Next::Take {
            transitions: record.transitions.saturating_add(1),
        },
        _ => Next::Follow { until },
    }
}

/// Whether this process may act. Clones share it.
#[derive(Clone)]
pub struct Claim {
    clock: Clock,
    /// Until when, on the clock.
    until: Arc<Mutex<Duration>>,
    held: watch::Sender<bool>,
}

impl std::fmt::Debug for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Claim").finish_non_exhaustive()
    }
}

impl Claim {
    /// No claim yet.
    pub fn none(clock: Clock) -> Self {
        Self {
            clock,
            until: Arc::default(),
            held: watch::Sender::new(false),
        }
    }

    /// A claim for ever: for a process that is alone by construction, and for tests.
    pub fn granted(clock: Clock) -> Self {
        let claim = Self::none(clock);
        claim.grant();
        claim
    }

    /// Grants the claim for ever.
    pub fn grant(&self) {
        self.renew(Duration::MAX);
    }

    /// Whether this process may act now.
    pub fn is_current(&self) -> bool {
        self.clock.elapsed() < *self.until.lock()
    }

    /// Waits until this process may act for the first time.
    pub async fn held(&self) {
        let mut held = self.held.subscribe();
        // The sender lives in the claim that is borrowed here.
        let _ = held.wait_for(|held| *held).await;
    }

    fn renew(&self, until: Duration) {
        *self.until.lock() = until;
        self.held.send_replace(true);
    }

    fn end(&self) {
        *self.until.lock() = Duration::ZERO;
    }
}

/// Why a campaign ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CampaignEnd {
    /// It was asked to; the Lease was given back if it was held.
    Stopped,
    /// The claim ran out or another took over: the process must end.
    Deposed,
}

/// Who campaigns, and for what.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Namespace of the Lease.
    pub namespace: String,
    /// Its name.
    pub lease: String,
    /// This process: its pod's name. A restarted container is its own successor at once.
    pub identity: String,
}

/// Campaigns, leads and renews until `stop`, or until the lead is lost. `client` is this campaign's
/// own: its requests never queue behind others.
pub async fn campaign(
    client: Client,
    candidate: Candidate,
    claim: Claim,
    metrics: Metrics,
    stop: CancellationToken,
) -> CampaignEnd {
    let mut campaign = Campaign {
        client,
        candidate,
        clock: claim.clock.clone(),
        seen: None,
    };
    let mut leads = false;
    let end = loop {
        let began = campaign.clock.elapsed();
        let turn = campaign.turn().await;
        match turn {
            Turn::Held => {
                claim.renew(began + HOLD);
                if !leads {
                    tracing::info!(identity = campaign.candidate.identity, "leading");
                }
                leads = true;
                metrics.leads(true);
            }
            Turn::Followed if leads => {
                tracing::error!("another process leads now");
                break CampaignEnd::Deposed;
            }
            Turn::Followed | Turn::Unknown => {}
        }
        if leads && !claim.is_current() {
            tracing::error!("the lease could not be renewed in time");
            break CampaignEnd::Deposed;
        }
        let now = campaign.clock.elapsed();
        let again = match (leads, turn) {
            (true, Turn::Held) => (began + RENEW).max(now),
            // A lost renewal is tried again at once: it, or its answer, may have been all that was lost.
            (true, Turn::Followed | Turn::Unknown) => now + RETRY,
            (false, _) => campaign.look_again(now),
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => break CampaignEnd::Stopped,
            () = campaign.clock.sleep_until(again) => {}
        }
    };
    claim.end();
    metrics.leads(false);
    if leads && end == CampaignEnd::Stopped {
        campaign.give_back().await;
    }
    end
}

struct Campaign {
    client: Client,
    candidate: Candidate,
    clock: Clock,
    seen: Option<Seen>,
}

/// What one look at the Lease came to.
#[derive(Clone, Copy)]
enum Turn {
    Held,
    Followed,
    /// The API server could not be asked, or somebody was faster.
    Unknown,
}

impl Campaign {
    async fn turn(&mut self) -> Turn {
        // A renewal needs no look: its version tells whether somebody else wrote.
        let mine = self
            .seen
            .as_ref()
            .is_some_and(|seen| seen.record.holder == self.candidate.identity);
        if !mine && self.look().await.is_err() {
            return Turn::Unknown;
        }
        let now = self.clock.elapsed();
        let seen = self.seen.as_ref();
        let transitions = seen.map_or(0, |seen| seen.record.transitions);
        let result = match next(seen, now, &self.candidate.identity) {
            Next::Follow { .. } => return Turn::Followed,
            Next::Create => self.create().await,
            Next::Renew => self.write(transitions, None).await,
            Next::Take { transitions } => self.write(transitions, Some(self.clock.now())).await,
        };
        match result {
            Ok(record) => {
                self.seen = Some(Seen {
                    record,
                    at: self.clock.elapsed(),
                });
                Turn::Held
            }
            Err(LeaseError::Beaten) => {
                // Whose it is now shows a look.
                self.seen = None;
                match self.look().await {
                    Ok(()) if self.is_mine() => Turn::Unknown,
                    Ok(()) => Turn::Followed,
                    Err(_) => Turn::Unknown,
                }
            }
            Err(error) => {
                tracing::warn!(error = error_chain(&error), "lease not written");
                Turn::Unknown
            }
        }
    }

    fn is_mine(&self) -> bool {
        self.seen
            .as_ref()
            .is_some_and(|seen| seen.record.holder == self.candidate.identity)
    }

    /// When a follower looks again: soon, and at the moment of expiry.
    fn look_again(&self, now: Duration) -> Duration {
        match next(self.seen.as_ref(), now, &self.candidate.identity) {
            Next::Follow { until } => until.min(now + LOOK),
            Next::Create | Next::Renew | Next::Take { .. } => now + LOOK,
        }
    }

    async fn look(&mut self) -> Result<(), LeaseError> {
        let request = self.collection().get(
            &self.candidate.lease,
            &kube::core::params::GetParams::default(),
        );
        match self.send(request.map_err(LeaseError::Build)?).await {
            Ok(lease) => {
                let record = record_of(&lease);
                let same = self
                    .seen
                    .as_ref()
                    .is_some_and(|seen| seen.record.version == record.version);
                if !same {
                    self.seen = Some(Seen {
                        record,
                        at: self.clock.elapsed(),
                    });
                }
                Ok(())
            }
            Err(LeaseError::Missing) => {
                self.seen = None;
                Ok(())
            }
            Err(error) => {
                tracing::warn!(error = error_chain(&error), "lease not read");
                Err(error)
            }
        }
    }

    async fn create(&self) -> Result<Record, LeaseError> {
        let now = self.clock.now();
        let lease = Lease {
            metadata: ObjectMeta {
                namespace: Some(self.candidate.namespace.clone()),
                name: Some(self.candidate.lease.clone()),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(self.candidate.identity.clone()),
                lease_duration_seconds: Some(whole_seconds(LEASE)),
                acquire_time: Some(MicroTime(now)),
                renew_time: Some(MicroTime(now)),
                lease_transitions: Some(0),
                ..LeaseSpec::default()
            }),
        };
        let body = serde_json::to_vec(&lease).map_err(LeaseError::Encode)?;
        let request = self
            .collection()
            .create(&kube::api::PostParams::default(), body);
        let lease = self.send(request.map_err(LeaseError::Build)?).await?;
        Ok(record_of(&lease))
    }

    /// Renews or takes the Lease as it was seen.
    async fn write(
        &self,
        transitions: i32,
        acquired: Option<Timestamp>,
    ) -> Result<Record, LeaseError> {
        let mut spec = serde_json::json!({
            "holderIdentity": self.candidate.identity,
            "leaseDurationSeconds": whole_seconds(LEASE),
            "leaseTransitions": transitions,
            "renewTime": micro_time(self.clock.now()),
        });
        if let Some(acquired) = acquired {
            spec["acquireTime"] = micro_time(acquired).into();
        }
        self.patch(spec).await
    }

    /// Leaves the Lease to whoever looks next, the way client-go does.
    async fn give_back(&self) {
        let spec = serde_json::json!({
            "holderIdentity": "",
            "leaseDurationSeconds": 1,
            "renewTime": micro_time(self.clock.now()),
        });
        match self.patch(spec).await {
            Ok(_) => tracing::info!("lease given back"),
            Err(error) => tracing::warn!(error = error_chain(&error), "lease not given back"),
        }
    }

    async fn patch(&self, spec: serde_json::Value) -> Result<Record, LeaseError> {
        let version = self.seen.as_ref().map(|seen| seen.record.version.clone());
        let body = serde_json::json!({ "metadata": { "resourceVersion": version }, "spec": spec });
        let request = self.collection().patch(
            &self.candidate.lease,
            &kube::api::PatchParams::default(),
            &kube::api::Patch::Merge(body),
        );
        let lease = self.send(request.map_err(LeaseError::Build)?).await?;
        Ok(record_of(&lease))
    }

    async fn send(&self, request: http::Request<Vec<u8>>) -> Result<Lease, LeaseError> {
        match tokio::time::timeout(REQUEST, self.client.request(request)).await {
            Err(_) => Err(LeaseError::TimedOut),
            Ok(Ok(lease)) => Ok(lease),
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => Err(LeaseError::Missing),
            Ok(Err(kube::Error::Api(status))) if status.code == 409 => Err(LeaseError::Beaten),
            Ok(Err(error)) => Err(LeaseError::Request(Box::new(error))),
        }
    }

    fn collection(&self) -> Request {
        Request::new(Lease::url_path(&(), Some(&self.candidate.namespace)))
    }
}

#[derive(Debug, thiserror::Error)]
enum LeaseError {
    #[error("there is no lease")]
    Missing,
    #[error("another process was faster")]
    Beaten,
    #[error("no answer in time")]
    TimedOut,
    #[error("the request could not be built")]
    Build(#[source] kube::core::request::Error),
    #[error("the lease could not be encoded")]
    Encode(#[source] serde_json::Error),
    #[error("the request failed")]
    Request(#[source] Box<kube::Error>),
}

fn record_of(lease: &Lease) -> Record {
    let spec = lease.spec.as_ref();
    let seconds = spec
        .and_then(|spec| spec.lease_duration_seconds)
        .unwrap_or_default();
    Record {
        holder: spec
            .and_then(|spec| spec.holder_identity.clone())
            .unwrap_or_default(),
        duration: Duration::from_secs(u64::try_from(seconds).unwrap_or_default()),
        transitions: spec
            .and_then(|spec| spec.lease_transitions)
            .unwrap_or_default(),
        version: lease.metadata.resource_version.clone().unwrap_or_default(),
    }
}

fn whole_seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}

fn micro_time(at: Timestamp) -> String {
    format!("{at:.6}")
}
