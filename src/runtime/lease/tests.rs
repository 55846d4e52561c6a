//! The decision by rows and by a property over any interleaving of candidates; the campaign against
//! the model of the API server.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use skep_sim::apiserver::effects::Process as Life;
use skep_sim::apiserver::faults::{Kind as Fault, Rule};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{
    CampaignEnd, Candidate, Claim, HOLD, LEASE, LOOK, Next, RENEW, REQUEST, Record, Seen, campaign,
    next,
};
use crate::runtime::metrics::Metrics;
use crate::runtime::testing::Hub;

fn seen(holder: &str, seconds: u64, at: u64) -> Seen {
    let record = Record {
        holder: holder.to_owned(),
        duration: Duration::from_secs(seconds),
        transitions: 3,
        version: "1".to_owned(),
    };
    Seen {
        record,
        at: Duration::from_secs(at),
    }
}

#[test]
fn the_decision_by_rows() {
    let rows = [
        (None, 0, Next::Create),
        (Some(seen("me", 4, 0)), 100, Next::Renew),
        (Some(seen("", 1, 0)), 0, Next::Take { transitions: 4 }),
        (
            Some(seen("other", 4, 10)),
            13,
            Next::Follow {
                until: Duration::from_secs(14),
            },
        ),
        (
            Some(seen("other", 4, 10)),
            14,
            Next::Take { transitions: 4 },
        ),
        // Nobody is hurried, and who wants longer gets longer.
        (
            Some(seen("other", 1, 10)),
            13,
            Next::Follow {
                until: Duration::from_secs(14),
            },
        ),
        (
            Some(seen("hive", 120, 10)),
            100,
            Next::Follow {
                until: Duration::from_secs(130),
            },
        ),
    ];
    for (seen, now, expected) in rows {
        assert_eq!(
            next(seen.as_ref(), Duration::from_secs(now), "me"),
            expected,
            "{seen:?} {now}"
        );
    }
}

#[test]
fn the_times_fit() {
    assert!(HOLD < LEASE, "a leader is silent before anybody takes over");
    assert!(
        RENEW + REQUEST * 2 < HOLD,
        "a lost renewal leaves time for another"
    );
    assert!(
        LOOK + LEASE < Duration::from_secs(5),
        "a killed leader's successor writes in time"
    );
}

/// One candidate in the property: what it saw, and until when it believes to lead.
#[derive(Clone, Debug, Default)]
struct Player {
    seen: Option<Seen>,
    claim: Duration,
}

proptest! {
    /// Candidates look and write at any time, with any delay between looking and writing; writes are
    /// guarded by the version. Never do two believe to lead.
    #[test]
    fn never_two_leaders(turns in prop::collection::vec((0usize..3, 1u64..1500, any::<bool>()), 1..200)) {
        let mut players = vec![Player::default(); 3];
        let mut lease: Option<Record> = None;
        let mut version = 0_u64;
        let mut now = Duration::from_secs(100);
        for (who, pass, looks) in turns {
            now += Duration::from_millis(pass);
            let me = format!("p{who}");
            let player = &mut players[who];
            if looks {
                let unchanged = player.seen.as_ref().map(|seen| &seen.record) == lease.as_ref();
                if !unchanged {
                    player.seen = lease.clone().map(|record| Seen { record, at: now });
                }
            } else {
                let holder = match next(player.seen.as_ref(), now, &me) {
                    Next::Follow { .. } => None,
                    Next::Create if lease.is_some() => None,
                    Next::Create | Next::Renew | Next::Take { .. } => Some(me),
                };
                let current = player.seen.as_ref().map(|seen| &seen.record) == lease.as_ref();
                if let Some(holder) = holder.filter(|_| current) {
                    version += 1;
                    let record = Record {
                        holder, duration: LEASE, transitions: 0, version: version.to_string(),
                    };
                    lease = Some(record.clone());
                    player.seen = Some(Seen { record, at: now });
                    player.claim = now + HOLD;
                }
            }
            let leaders = players.iter().filter(|player| now < player.claim).count();
            prop_assert!(leaders <= 1, "{players:?} at {now:?}");
        }
    }
}

struct Runner {
    claim: Claim,
    life: Arc<Life>,
    stop: CancellationToken,
    task: JoinHandle<CampaignEnd>,
}

fn run(hub: &Hub, name: &str) -> Runner {
    let (client, life) = hub.operator(name);
    let claim = Claim::none(hub.clock.clone());
    let stop = CancellationToken::new();
    let candidate = Candidate {
        namespace: "hive".to_owned(),
        lease: "hive-controllers-leader".to_owned(),
        identity: name.to_owned(),
    };
    let task = tokio::spawn(campaign(
        client,
        candidate,
        claim.clone(),
        Metrics::new(),
        stop.clone(),
    ));
    Runner {
        claim,
        life,
        stop,
        task,
    }
}

/// How long until `claim` is current, looked at every ten milliseconds; `other` must not be then.
async fn until_current(hub: &Hub, claim: &Claim, other: &Claim) -> Duration {
    let began = hub.clock.elapsed();
    while !claim.is_current() && hub.clock.elapsed() - began < Duration::from_mins(5) {
        hub.pass(Duration::from_millis(10)).await;
        assert!(!(claim.is_current() && other.is_current()), "two leaders");
    }
    hub.clock.elapsed() - began
}

#[tokio::test(start_paused = true)]
async fn a_killed_leader_is_replaced_in_time() {
    for offset in [0, 250, 500, 750, 990] {
        let hub = Hub::new(offset);
        let first = run(&hub, "a");
        hub.pass(Duration::from_secs(2)).await;
        let second = run(&hub, "b");
        hub.pass(Duration::from_millis(5000 + offset)).await;
        assert!(first.claim.is_current() && !second.claim.is_current());
        first.life.kill();
        first.task.abort();
        let took = until_current(&hub, &second.claim, &first.claim).await;
        assert!(took < Duration::from_secs(5), "{took:?} at offset {offset}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_orderly_end_gives_the_lease_back() {
    let hub = Hub::new(1);
    let first = run(&hub, "a");
    hub.pass(Duration::from_secs(2)).await;
    let second = run(&hub, "b");
    hub.pass(Duration::from_secs(5)).await;
    first.stop.cancel();
    let took = until_current(&hub, &second.claim, &first.claim).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(first.task.await.ok(), Some(CampaignEnd::Stopped));
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_not_answered_is_deposed_before_another_leads() {
    let hub = Hub::new(1);
    let first = run(&hub, "a");
    hub.pass(Duration::from_secs(2)).await;
    let second = run(&hub, "b");
    hub.pass(Duration::from_secs(5)).await;
    first.life.kill();
    let took = until_current(&hub, &second.claim, &first.claim).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(first.task.await.ok(), Some(CampaignEnd::Deposed));
}

#[tokio::test(start_paused = true)]
async fn a_restarted_container_of_the_same_pod_goes_on_at_once() {
    let hub = Hub::new(1);
    let first = run(&hub, "a");
    hub.pass(Duration::from_secs(2)).await;
    first.life.kill();
    first.task.abort();
    // Its last renewal is still believed in for a moment; the process is gone, though.
    hub.pass(HOLD).await;
    let again = run(&hub, "a");
    let took = until_current(&hub, &again.claim, &first.claim).await;
    assert!(took < Duration::from_millis(100), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn lost_answers_do_not_depose() {
    let hub = Hub::new(1);
    let first = run(&hub, "a");
    hub.pass(Duration::from_secs(2)).await;
    for kind in [Fault::AnswerLost, Fault::InternalError, Fault::AnswerLost] {
        hub.server.faults().add(Rule {
            agent: "a".to_owned(),
            ..Rule::times(1, "PATCH", "leases", kind)
        });
        hub.pass(Duration::from_secs(2)).await;
        assert!(first.claim.is_current(), "{kind:?}");
    }
    assert!(!first.task.is_finished());
}
