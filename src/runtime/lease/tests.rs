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
    CampaignEnd, Candidate, Claim, HOLD, HURRY, LEASE, LOOK, Next, RENEW, Record, STEP_DOWN, Seen,
    WITNESSED, campaign, next,
};
use crate::runtime::metrics::Metrics;
use crate::runtime::testing::{Hub, Line};

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
        looked: Duration::from_secs(at),
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
        RENEW + Duration::from_millis(2400) < HOLD,
        "an answer may take this long, as the simulation shows"
    );
    assert!(
        HURRY < RENEW,
        "what is not answered is not waited for, and may be lost"
    );
    assert!(
        LOOK + LEASE < Duration::from_secs(5),
        "a killed leader's successor writes in time"
    );
    assert!(
        LOOK < WITNESSED,
        "a follower that is answered at once misses nothing"
    );
}

#[test]
fn only_witnessed_silence_counts() {
    let mut seen = seen("other", 4, 10);
    let mut look = |milliseconds: u64| {
        let now = Duration::from_millis(milliseconds);
        seen.again(now);
        next(Some(&seen), now, "me") != Next::Take { transitions: 4 }
    };
    for now in [10_500, 11_000, 12_000, 13_000] {
        assert!(look(now), "{now}");
    }
    // Half a minute without an answer counts as the second that may always pass between two.
    assert!(!look(43_000));
    let mut late = self::seen("other", 4, 10);
    for (now, follows) in [
        (11_000, true),
        (41_000, true),
        (42_000, true),
        (43_000, false),
    ] {
        let now = Duration::from_millis(now);
        late.again(now);
        let taken = next(Some(&late), now, "me") == Next::Take { transitions: 4 };
        assert_eq!(taken, !follows, "{now:?} {late:?}");
    }
}

/// One candidate in the property: what it saw, until when it believes to lead, and the renewals of which
/// it does not know the outcome.
#[derive(Clone, Debug, Default)]
struct Player {
    seen: Option<Seen>,
    since: Duration,
    claim: Duration,
    sent: Vec<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Move {
    Look,
    Take,
    Send,
    Arrive,
    GiveBack,
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        4 => Just(Move::Look),
        2 => Just(Move::Take),
        4 => Just(Move::Send),
        4 => Just(Move::Arrive),
        1 => Just(Move::GiveBack),
    ]
}

proptest! {
    /// Candidates look, take, renew and give back at any time and with any delay between sending and
    /// arriving; taking is guarded by the version, the rest by the holder. Never do two believe to lead.
    #[test]
    fn never_two_leaders(
        turns in prop::collection::vec((0usize..3, 1u64..1500, moves(), 0usize..8), 1..300),
    ) {
        let mut players = vec![Player::default(); 3];
        let mut lease: Option<Record> = None;
        let mut version = 0_u64;
        let mut now = Duration::from_secs(100);
        let mut write = |lease: &mut Option<Record>, holder: &str| {
            version += 1;
            *lease = Some(Record {
                holder: holder.to_owned(),
                duration: LEASE,
                transitions: 0,
                version: version.to_string(),
            });
        };
        for (who, pass, what, which) in turns {
            now += Duration::from_millis(pass);
            let me = format!("p{who}");
            let player = &mut players[who];
            let mine = lease.as_ref().is_some_and(|lease| lease.holder == me);
            match what {
                Move::Look => match (&mut player.seen, &lease) {
                    (Some(seen), Some(lease)) if seen.record == *lease => seen.again(now),
                    (seen, lease) => {
                        *seen = lease.clone().map(|record| Seen { record, at: now, looked: now });
                    }
                },
                Move::Take if now >= player.claim => {
                    let wants = match next(player.seen.as_ref(), now, &me) {
                        Next::Follow { .. } => false,
                        Next::Create => lease.is_none(),
                        Next::Renew | Next::Take { .. } => true,
                    };
                    if wants && player.seen.as_ref().map(|seen| &seen.record) == lease.as_ref() {
                        write(&mut lease, &me);
                        player.since = now;
                        player.claim = now + HOLD;
                    }
                }
                Move::Send if now < player.claim => player.sent.push(now),
                Move::Arrive if which < player.sent.len() => {
                    let sent = player.sent.remove(which);
                    if mine {
                        write(&mut lease, &me);
                        // What belongs to an earlier lead is not heard any more.
                        if now < player.claim && sent >= player.since {
                            player.claim = player.claim.max(sent + HOLD);
                        }
                    } else {
                        player.claim = Duration::ZERO;
                    }
                }
                Move::GiveBack if now < player.claim => {
                    player.claim = Duration::ZERO;
                    if mine {
                        write(&mut lease, "");
                    }
                }
                Move::Take | Move::Send | Move::Arrive | Move::GiveBack => {}
            }
            let leaders = players.iter().filter(|player| now < player.claim).count();
            prop_assert!(leaders <= 1, "{players:?} at {now:?}");
        }
    }
}

struct Runner {
    line: Line,
    claim: Claim,
    life: Arc<Life>,
    stop: CancellationToken,
    task: JoinHandle<CampaignEnd>,
}

fn run(hub: &Hub, name: &str) -> Runner {
    let line = Line::default();
    let (client, life) = hub.operator_over(name, &line);
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
        line,
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
async fn a_leader_that_is_not_answered_stops_before_another_leads_and_follows() {
    let hub = Hub::new(1);
    let first = run(&hub, "a");
    hub.pass(Duration::from_secs(2)).await;
    let second = run(&hub, "b");
    hub.pass(Duration::from_secs(5)).await;
    first.line.takes(600_000);
    let took = until_current(&hub, &second.claim, &first.claim).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    first.line.takes(0);
    hub.pass(Duration::from_secs(30)).await;
    assert!(second.claim.is_current() && !first.claim.is_current());
    assert!(!first.task.is_finished(), "it follows");
    second.life.kill();
    let took = until_current(&hub, &first.claim, &second.claim).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_hub_deposes_nobody() {
    for takes in [300, 900, 1900, 2400] {
        let hub = Hub::new(takes);
        let first = run(&hub, "a");
        hub.pass(Duration::from_secs(2)).await;
        let second = run(&hub, "b");
        hub.pass(Duration::from_secs(5)).await;
        first.line.takes(takes);
        second.line.takes(takes);
        for _ in 0..6000 {
            hub.pass(Duration::from_millis(10)).await;
            assert!(first.claim.is_current(), "{takes}");
            assert!(!second.claim.is_current(), "{takes}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_stands_still_changes_no_leader() {
    let hub = Hub::new(5);
    let first = run(&hub, "a");
    hub.pass(Duration::from_secs(2)).await;
    let second = run(&hub, "b");
    hub.pass(Duration::from_secs(5)).await;
    let reign = first.claim.reign().await;
    for runner in [&first, &second] {
        runner.line.takes(60_000);
    }
    hub.pass(HOLD).await;
    let over = tokio::time::timeout(Duration::ZERO, reign.over()).await;
    assert!(over.is_ok(), "it ends when the claim does");
    assert!(!first.claim.is_current());
    drop(reign);
    hub.pass(Duration::from_secs(20)).await;
    // The follower is answered a second earlier, and the leader's silence is not held against it.
    second.line.takes(0);
    hub.pass(Duration::from_secs(1)).await;
    first.line.takes(0);
    let took = until_current(&hub, &first.claim, &second.claim).await;
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert!(!second.claim.is_current());
}

#[tokio::test(start_paused = true)]
async fn nobody_leads_anew_while_something_acts_on_an_old_claim() {
    for lets_go in [true, false] {
        let hub = Hub::new(6);
        let first = run(&hub, "a");
        hub.pass(Duration::from_secs(2)).await;
        let reign = first.claim.reign().await;
        first.line.takes(600_000);
        reign.over().await;
        first.line.takes(0);
        hub.pass(STEP_DOWN / 2).await;
        assert!(!first.claim.is_current() && !first.task.is_finished());
        if lets_go {
            drop(reign);
            hub.pass(Duration::from_secs(3)).await;
            assert!(first.claim.is_current());
        } else {
            let end = first.task.await;
            assert_eq!(end.ok(), Some(CampaignEnd::Unyielding));
            assert!(!first.claim.is_current());
            drop(reign);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_has_run_out_is_not_prolonged() {
    let hub = Hub::new(7);
    let claim = Claim::none(hub.clock.clone());
    assert_eq!(claim.renew(Duration::from_secs(9)), None, "never won");
    claim.take(Duration::from_secs(2));
    hub.pass(Duration::from_secs(1)).await;
    let longer = Duration::from_secs(3);
    assert_eq!(claim.renew(longer), Some(longer));
    assert_eq!(
        claim.renew(Duration::from_secs(2)),
        Some(longer),
        "never shorter"
    );
    let reign = claim.reign().await;
    hub.pass(Duration::from_secs(2)).await;
    assert_eq!(claim.renew(Duration::from_secs(9)), None);
    reign.over().await;
    let mut again = at_once(claim.reign()).await;
    assert!(again.is_none(), "what has run out is nobody's");
    claim.end();
    claim.take(Duration::from_secs(9));
    again = at_once(claim.reign()).await;
    assert!(again.is_some());
}

/// What a future comes to at once, if anything.
async fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(Duration::ZERO, future).await.ok()
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
