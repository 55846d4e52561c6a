//! Rows for what people rely on, and a property against the plainest model of a queue.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use super::state::State;
use super::{Hold, Priority};
use crate::runtime::Key;

fn key(n: u8) -> Key {
    Key {
        namespace: "n".to_owned(),
        name: format!("o{n}"),
        uid: format!("u{n}"),
    }
}

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn leading() -> State {
    let mut state = State::default();
    state.lead();
    state
}

fn take(state: &mut State, now: Duration) -> Option<Key> {
    state.take(now).map(|taken| taken.key)
}

#[test]
fn rings_are_one_entry_and_one_run_at_a_time() {
    let mut state = leading();
    for _ in 0..3 {
        state.ring(&key(1), Priority::Event, ms(0));
    }
    assert_eq!(take(&mut state, ms(1)), Some(key(1)));
    assert_eq!(take(&mut state, ms(1)), None);
    state.ring(&key(1), Priority::Event, ms(2));
    assert_eq!(take(&mut state, ms(2)), None, "it is running");
    state.done(&key(1), None, ms(3));
    assert_eq!(
        take(&mut state, ms(3)),
        Some(key(1)),
        "the ring during the run is not lost"
    );
    state.done(&key(1), None, ms(4));
    assert_eq!(take(&mut state, ms(9)), None);
}

#[test]
fn a_firm_hold_is_not_cut_short_and_a_soft_one_only_by_a_request() {
    for (soft, priority, early) in [
        (false, Priority::Event, false),
        (false, Priority::Request, false),
        (true, Priority::Event, false),
        (true, Priority::Request, true),
    ] {
        let mut state = leading();
        state.ring(&key(1), Priority::Event, ms(0));
        let _ = state.take(ms(0));
        state.done(
            &key(1),
            Some(Hold {
                until: ms(100),
                soft,
            }),
            ms(1),
        );
        state.ring(&key(1), priority, ms(2));
        assert_eq!(state.take(ms(50)).is_some(), early, "{soft} {priority:?}");
        if !early {
            assert_eq!(state.next_wake(), Some(ms(100)));
            assert!(state.take(ms(100)).is_some());
        }
    }
}

#[test]
fn a_request_during_the_run_outlives_a_soft_hold() {
    let mut state = leading();
    state.ring(&key(1), Priority::Event, ms(0));
    let _ = state.take(ms(0));
    state.ring(&key(1), Priority::Request, ms(1));
    state.done(
        &key(1),
        Some(Hold {
            until: ms(100),
            soft: true,
        }),
        ms(2),
    );
    assert_eq!(take(&mut state, ms(2)), Some(key(1)));
}

#[test]
fn a_follower_marks_and_a_leader_finds_the_marks() {
    let mut state = State::default();
    state.ring(&key(1), Priority::Event, ms(0));
    state.ring_at(&key(2), ms(5));
    assert_eq!((take(&mut state, ms(9)), state.next_wake()), (None, None));
    state.lead();
    assert_eq!(take(&mut state, ms(9)), Some(key(1)));
    assert_eq!(take(&mut state, ms(9)), Some(key(2)));
}

#[test]
fn a_flood_of_requests_starves_nobody() {
    let mut state = leading();
    for n in 0..200 {
        state.ring(&key(n), Priority::Request, ms(0));
    }
    state.ring(&key(201), Priority::Event, ms(0));
    state.ring(&key(202), Priority::Resync, ms(0));
    let first: Vec<_> = (0..8).filter_map(|_| take(&mut state, ms(1))).collect();
    assert!(
        first.contains(&key(201)) && first.contains(&key(202)),
        "{first:?}"
    );
    assert_eq!(first.first(), Some(&key(0)), "requests come first");
}

#[test]
fn waiting_counts_from_when_it_could_have_run() {
    let mut state = leading();
    state.ring(&key(1), Priority::Event, ms(0));
    let _ = state.take(ms(0));
    state.done(
        &key(1),
        Some(Hold {
            until: ms(100),
            soft: false,
        }),
        ms(1),
    );
    state.ring(&key(1), Priority::Event, ms(2));
    assert_eq!(state.take(ms(130)).map(|taken| taken.since), Some(ms(100)));
}

#[test]
fn what_was_put_back_waits_since_it_was_rung_for() {
    let mut state = leading();
    state.ring(&key(1), Priority::Event, ms(100));
    let taken = state.take(ms(110)).expect("one is ready");
    assert_eq!(state.take(ms(115)), None, "it was handed out");
    state.ring(&key(1), Priority::Request, ms(120));
    state.put_back(&taken, ms(130));
    let again = state
        .take(ms(140))
        .map(|again| (again.priority, again.since));
    assert_eq!(again, Some((Priority::Request, ms(100))));
}

#[test]
fn what_is_forgotten_during_its_run_is_gone_after_it() {
    let mut state = leading();
    state.ring(&key(1), Priority::Event, ms(0));
    let _ = state.take(ms(0));
    state.forget(&key(1));
    state.done(
        &key(1),
        Some(Hold {
            until: ms(5),
            soft: false,
        }),
        ms(1),
    );
    assert_eq!(take(&mut state, ms(9)), None);
    assert_eq!(state.next_wake(), None);
}

#[derive(Clone, Debug)]
enum Op {
    Ring(u8, Priority),
    RingAt(u8, u64),
    Take,
    Done(u8, Option<(u64, bool)>),
    Forget(u8),
    Pass(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let priority = prop_oneof![
        Just(Priority::Resync),
        Just(Priority::Event),
        Just(Priority::Request)
    ];
    prop_oneof![
        4 => (0u8..4, priority).prop_map(|(key, priority)| Op::Ring(key, priority)),
        2 => (0u8..4, 0u64..60).prop_map(|(key, after)| Op::RingAt(key, after)),
        4 => Just(Op::Take),
        3 => (0u8..4, prop::option::of((0u64..60, any::<bool>())))
            .prop_map(|(key, hold)| Op::Done(key, hold)),
        1 => (0u8..4).prop_map(Op::Forget),
        2 => (1u64..40).prop_map(Op::Pass),
    ]
}

/// The plainest model: what must be handed out some time, what may not be handed out now.
#[derive(Default)]
struct Model {
    asked: BTreeSet<u8>,
    due: BTreeMap<u8, Duration>,
    held: BTreeMap<u8, (Duration, bool)>,
    running: BTreeSet<u8>,
}

impl Model {
    fn ready(&self, now: Duration) -> BTreeSet<u8> {
        (0u8..4)
            .filter(|key| !self.running.contains(key))
            .filter(|key| self.held.get(key).is_none_or(|(until, _)| *until <= now))
            .filter(|key| {
                self.asked.contains(key) || self.due.get(key).is_some_and(|due| *due <= now)
            })
            .collect()
    }
}

proptest! {
    #[test]
    fn exactly_what_is_ready_is_handed_out(ops in prop::collection::vec(op(), 1..120)) {
        let mut state = leading();
        let mut model = Model::default();
        let mut now = ms(0);
        for op in ops {
            match op {
                Op::Ring(n, priority) => {
                    state.ring(&key(n), priority, now);
                    model.asked.insert(n);
                    let soft = model.held.get(&n).is_some_and(|(_, soft)| *soft);
                    if soft && priority == Priority::Request {
                        model.held.remove(&n);
                    }
                }
                Op::RingAt(n, after) => {
                    let when = now + ms(after);
                    state.ring_at(&key(n), when);
                    let due = model.due.entry(n).or_insert(when);
                    *due = (*due).min(when);
                }
                Op::Take => {
                    let ready = model.ready(now);
                    let taken = state.take(now).map(|taken| taken.key);
                    prop_assert_eq!(taken.is_none(), ready.is_empty(), "ready: {:?}", ready);
                    if let Some(taken) = taken {
                        let n = (0u8..4).find(|n| key(*n) == taken);
                        prop_assert!(n.is_some_and(|n| ready.contains(&n)), "{taken} of {ready:?}");
                        if let Some(n) = n {
                            model.asked.remove(&n);
                            model.due.remove(&n);
                            model.held.remove(&n);
                            model.running.insert(n);
                        }
                    }
                }
                Op::Done(n, hold) => {
                    if !model.running.remove(&n) {
                        continue;
                    }
                    let hold = hold.map(|(until, soft)| Hold { until: now + ms(until), soft });
                    // Whether a request came during the run is the state's to know: soft holds are
                    // left out where something was asked, because the model does not keep by whom.
                    let hold = hold.filter(|hold| !(hold.soft && model.asked.contains(&n)));
                    state.done(&key(n), hold, now);
                    if let Some(hold) = hold.filter(|hold| hold.until > now) {
                        model.held.insert(n, (hold.until, hold.soft));
                    }
                }
                Op::Forget(n) => {
                    state.forget(&key(n));
                    model.asked.remove(&n);
                    model.due.remove(&n);
                    model.held.remove(&n);
                }
                Op::Pass(by) => now += ms(by),
            }
            if model.ready(now).is_empty()
                && let Some(wake) = state.next_wake()
            {
                prop_assert!(!model.ready(wake).is_empty(), "woken for nothing at {wake:?}");
            }
        }
    }
}
