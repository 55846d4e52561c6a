//! Who may act on the hub: one process at a time, by a Lease that Hive respects as well.
//!
//! [`next`] decides, given what the Lease says and when that was first seen; [`campaign`] reads,
//! writes and waits. Expiry is judged by the time that has passed here since the Lease last changed,
//! never by the times that stand in it, because clocks differ. A claim is current for as long as
//! nobody else can have taken over; what acts asks [`Claim::is_current`] before each effect and holds a
//! [`Reign`]. A lease is no lock: effects are fenced by uid and version besides.
//!
//! The times: others take over [`LEASE`] after the last renewal that they saw. A claim holds [`HOLD`]
//! from the moment at which its last successful renewal was sent, half a second less. A leader sends a
//! renewal every second, and more of them, side by side, while one is not answered: an answer may take
//! two seconds and a half, and any number may be lost meanwhile. Renewals test that the holder is still
//! this process instead of naming a version, so that they do not get into each other's way.
//!
//! A claim that has run out, because the API server or this machine is slow, costs a pause and not the
//! process: everything that acts stops where it waits, and only when all of it has stopped does this
//! process campaign again, with its stores warm. Were the process to end instead, kubelet would let
//! each next one wait longer, and a busy hub would be without a leader for minutes.
//!
//! Followers look twice a second and at the very moment of expiry, so a killed leader is replaced within
//! 4.5 seconds plus two requests; a leader that ends orderly gives the Lease back and is replaced within
//! half a second. Silence counts only while it is witnessed: time in which a follower got no answer
//! itself says nothing about the leader.

mod claim;
#[cfg(test)]
mod tests;

use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::core::{ObjectMeta, Request};
use kube::{Client, Resource};
use serde_json::json;
use tokio_util::sync::CancellationToken;

pub use self::claim::{Claim, Reign};
use super::metrics::Metrics;
use super::{Clock, error_chain};

/// After which others take over.
pub const LEASE: Duration = Duration::from_secs(4);
/// How long a claim holds after the renewal was sent that won it: what acts has the rest of [`LEASE`] to
/// stop, a machine that is too busy to run it at once included.
const HOLD: Duration = Duration::from_millis(3500);
/// Between two renewals.
const RENEW: Duration = Duration::from_secs(1);
/// Between two renewals while the answer to the last is outstanding: it, or its connection, may be lost.
const HURRY: Duration = Duration::from_millis(500);
/// Before a renewal that failed is tried again.
const RETRY: Duration = Duration::from_millis(100);
/// Between two looks of a follower.
const LOOK: Duration = Duration::from_millis(500);
/// How long a follower waits for an answer before it asks again.
const ANSWER: Duration = Duration::from_secs(2);
/// Between two answers to a follower, up to which it has witnessed all that lay between: two looks.
const WITNESSED: Duration = Duration::from_secs(1);
/// How long what acts may take to stop. It stops where it waits, which takes no time; what has not
/// stopped by then never will, and only the end of the process ends it.
const STEP_DOWN: Duration = Duration::from_secs(10);

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

/// A record, and since when this very version has been seen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Seen {
    /// What was seen.
    pub record: Record,
    /// When it was first seen, on this process's clock, moved by all the time in which nothing was seen.
    pub at: Duration,
    /// When it was last seen.
    pub looked: Duration,
}

impl Seen {
    /// The same version is seen again: what lies between is its holder's silence, as far as this process
    /// was answered.
    fn again(&mut self, now: Duration) {
        self.at += now.saturating_sub(self.looked + WITNESSED);
        self.looked = now;
    }
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
    let Some(Seen { record, at, .. }) = seen else {
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

/// Why a campaign ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CampaignEnd {
    /// It was asked to; the Lease was given back if it was held.
    Stopped,
    /// The claim is over and something still acts on it: the process must end.
    Unyielding,
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

/// Campaigns, leads and renews until `stop`; a lead that is lost is campaigned for again. `client` is
/// this campaign's own: its requests never queue behind others.
pub async fn campaign(
    client: Client,
    candidate: Candidate,
    claim: Claim,
    metrics: Metrics,
    stop: CancellationToken,
) -> CampaignEnd {
    let mut campaign = Campaign {
        clock: claim.clock().clone(),
        client,
        candidate,
        seen: None,
    };
    loop {
        let Some(sent) = campaign.win(&stop).await else {
            return CampaignEnd::Stopped;
        };
        claim.take(sent + HOLD);
        metrics.leads(true);
        tracing::info!(identity = campaign.candidate.identity, "leading");
        let end = campaign.lead(&claim, sent, &stop).await;
        claim.end();
        metrics.leads(false);
        match end {
            LeadEnd::Stopped => {
                campaign.give_back().await;
                return CampaignEnd::Stopped;
            }
            LeadEnd::RanOut => tracing::warn!("the lease could not be renewed in time"),
            LeadEnd::Beaten => tracing::warn!("another process leads now"),
        }
        // Nothing of the last lead may be under way when the next one begins.
        if tokio::time::timeout(STEP_DOWN, claim.idle()).await.is_err() {
            tracing::error!("something still acts although this process does not lead");
            return CampaignEnd::Unyielding;
        }
        tracing::info!("nothing acts any more: following");
        campaign.seen = None;
    }
}

struct Campaign {
    client: Client,
    candidate: Candidate,
    clock: Clock,
    seen: Option<Seen>,
}

/// Why a lead ended.
enum LeadEnd {
    /// This process was asked to stop.
    Stopped,
    /// No renewal was answered in time.
    RanOut,
    /// The Lease is another's, or is gone.
    Beaten,
}

impl Campaign {
    /// Follows until the Lease is this process's; tells when the write was sent that won it. `None`: this
    /// process was asked to stop.
    async fn win(&mut self, stop: &CancellationToken) -> Option<Duration> {
        loop {
            if let Some(sent) = self.turn().await {
                return Some(sent);
            }
            let again = self.look_again(self.clock.elapsed());
            tokio::select! {
                biased;
                () = stop.cancelled() => return None,
                () = self.clock.sleep_until(again) => {}
            }
        }
    }

    /// Renews for as long as it can.
    async fn lead(&self, claim: &Claim, won: Duration, stop: &CancellationToken) -> LeadEnd {
        let mut tries = FuturesUnordered::new();
        let (mut last, mut next, mut until) = (won, won + RENEW, won + HOLD);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return LeadEnd::Stopped,
                Some((sent, answer)) = tries.next(), if !tries.is_empty() => match answer {
                    Ok(_) => match claim.renew(sent + HOLD) {
                        Some(longer) => {
                            until = longer;
                            if sent == last {
                                next = sent + RENEW;
                            }
                        }
                        None => return LeadEnd::RanOut,
                    },
                    Err(LeaseError::Missing | LeaseError::NotMine) => return LeadEnd::Beaten,
                    Err(error) => {
                        tracing::warn!(error = error_chain(&error), "lease not renewed");
                        next = next.min(self.clock.elapsed() + RETRY);
                    }
                },
                () = self.clock.sleep_until(until) => return LeadEnd::RanOut,
                () = self.clock.sleep_until(next) => {
                    last = self.clock.elapsed();
                    next = last + HURRY;
                    tries.push(self.renew(last));
                }
            }
        }
    }

    /// Looks, and creates or takes the Lease if it is to be had; tells when the write was sent that won.
    async fn turn(&mut self) -> Option<Duration> {
        self.look().await.ok()?;
        let sent = self.clock.elapsed();
        let transitions = self.seen.as_ref().map_or(0, |seen| seen.record.transitions);
        let result = match next(self.seen.as_ref(), sent, &self.candidate.identity) {
            Next::Follow { .. } => return None,
            Next::Create => self.create().await,
            // A restarted container, or a write of which the answer was lost.
            Next::Renew => self.take(transitions, None).await,
            Next::Take { transitions } => self.take(transitions, Some(self.clock.now())).await,
        };
        match result {
            Ok(_) => return Some(sent),
            // Whose it is now shows the next look.
            Err(LeaseError::Conflict) => {}
            Err(error) => tracing::warn!(error = error_chain(&error), "lease not written"),
        }
        None
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
        match self.send(request, ANSWER).await {
            Ok(lease) => {
                let (record, now) = (record_of(&lease), self.clock.elapsed());
                match &mut self.seen {
                    Some(seen) if seen.record.version == record.version => seen.again(now),
                    seen => {
                        *seen = Some(Seen {
                            record,
                            at: now,
                            looked: now,
                        });
                    }
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

    async fn create(&self) -> Result<Lease, LeaseError> {
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
        self.send(request, ANSWER).await
    }

    /// Takes the Lease as it was seen.
    async fn take(
        &self,
        transitions: i32,
        acquired: Option<Timestamp>,
    ) -> Result<Lease, LeaseError> {
        let mut spec = json!({
            "holderIdentity": self.candidate.identity,
            "leaseDurationSeconds": whole_seconds(LEASE),
            "leaseTransitions": transitions,
            "renewTime": micro_time(self.clock.now()),
        });
        if let Some(acquired) = acquired {
            spec["acquireTime"] = micro_time(acquired).into();
        }
        let version = self.seen.as_ref().map(|seen| seen.record.version.clone());
        let body = json!({ "metadata": { "resourceVersion": version }, "spec": spec });
        let patch = kube::api::Patch::<serde_json::Value>::Merge(body);
        self.patch(&patch, ANSWER).await
    }

    /// Renews the Lease if it is still this process's; tells when that was sent.
    async fn renew(&self, sent: Duration) -> (Duration, Result<Lease, LeaseError>) {
        let spec = [("renewTime", micro_time(self.clock.now()).into())];
        // An answer that comes later helps no more.
        (sent, self.write_mine(spec, HOLD).await)
    }

    /// Leaves the Lease to whoever looks next, the way client-go does.
    async fn give_back(&self) {
        let spec = [
            ("renewTime", micro_time(self.clock.now()).into()),
            ("leaseDurationSeconds", json!(1)),
            ("holderIdentity", json!("")),
        ];
        match self.write_mine(spec, ANSWER).await {
            Ok(_) => tracing::info!("lease given back"),
            Err(error) => tracing::warn!(error = error_chain(&error), "lease not given back"),
        }
    }

    /// Writes fields of the Lease's spec if this process holds it, whatever its version.
    async fn write_mine(
        &self,
        spec: impl IntoIterator<Item = (&str, serde_json::Value)>,
        limit: Duration,
    ) -> Result<Lease, LeaseError> {
        let test = json!({
            "op": "test", "path": "/spec/holderIdentity", "value": self.candidate.identity,
        });
        let add = |(field, value)| json!({ "op": "add", "path": format!("/spec/{field}"), "value": value });
        let operations = std::iter::once(test)
            .chain(spec.into_iter().map(add))
            .collect();
        let operations = serde_json::from_value(serde_json::Value::Array(operations))
            .map_err(LeaseError::Encode)?;
        let patch = kube::api::Patch::<serde_json::Value>::Json(operations);
        self.patch(&patch, limit).await
    }

    async fn patch(
        &self,
        patch: &kube::api::Patch<serde_json::Value>,
        limit: Duration,
    ) -> Result<Lease, LeaseError> {
        let params = kube::api::PatchParams::default();
        let request = self
            .collection()
            .patch(&self.candidate.lease, &params, patch);
        self.send(request, limit).await
    }

    async fn send(
        &self,
        request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
        limit: Duration,
    ) -> Result<Lease, LeaseError> {
        let request = request.map_err(LeaseError::Build)?;
        match tokio::time::timeout(limit, self.client.request(request)).await {
            Err(_) => Err(LeaseError::TimedOut),
            Ok(Ok(lease)) => Ok(lease),
            Ok(Err(kube::Error::Api(status))) => Err(match status.code {
                404 => LeaseError::Missing,
                409 => LeaseError::Conflict,
                422 => LeaseError::NotMine,
                _ => LeaseError::Request(Box::new(kube::Error::Api(status))),
            }),
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
    #[error("somebody else wrote at the same time")]
    Conflict,
    #[error("another process holds it")]
    NotMine,
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
