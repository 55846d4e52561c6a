//! The call layer: what is repeated, what is not, and how fast.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use skep_providers::{
    Class, Clock as _, Error,
    call::{Call, Calls, Effect, Limit, NoObserver, RetryPolicy, Throttles},
    fake::FakeClock,
};

const FEW: Limit = Limit {
    per_second: 5,
    burst: 5,
};

fn throttles() -> Throttles {
    let limits = vec![("dns", FEW)];
    Throttles::new(limits, FEW, RetryPolicy::default(), Arc::new(NoObserver))
}

fn calls() -> Calls {
    Calls::new(throttles().of("aws:1"))
}

fn clock() -> FakeClock {
    FakeClock::starting_at("2026-01-01T00:00:00Z".parse().unwrap())
}

async fn failing(calls: &Calls, call: Call, class: Class) -> u32 {
    let made = AtomicU32::new(0);
    let error = calls
        .call(call, || async {
            made.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>(Error::new("x", class.clone(), "no"))
        })
        .await
        .unwrap_err();
    assert_eq!(error.class, class);
    made.into_inner()
}

#[tokio::test(start_paused = true)]
async fn only_what_may_pass_is_repeated() {
    let calls = calls();
    let read = Call::read("dns", "dns:List");
    let once = Call {
        service: "dns",
        operation: "dns:Create",
        effect: Effect::ChangeOnce,
    };
    for (call, class, attempts) in [
        (read, Class::Transient, 5),
        (read, Class::Throttled { after: None }, 5),
        (read, Class::Denied, 1),
        (read, Class::NotFound, 1),
        (read, Class::Unknown, 1),
        (Call::change("dns", "dns:Delete"), Class::Transient, 5),
        (
            Call::change("dns", "dns:Delete"),
            Class::DependencyViolation { holders: vec![] },
            1,
        ),
        (once, Class::Transient, 1),
        (once, Class::Throttled { after: None }, 5),
    ] {
        assert_eq!(
            failing(&calls, call, class.clone()).await,
            attempts,
            "{call:?} {class:?}"
        );
    }
    let counts = calls.counts();
    assert_eq!(
        (counts.reads, counts.changes, counts.repeated),
        (13, 12, 16)
    );
    assert_eq!(calls.fresh().counts().reads, 0);
}

#[tokio::test(start_paused = true)]
async fn an_account_keeps_to_its_limit_whoever_calls() {
    let throttles = throttles();
    let clock = clock();
    let before = clock.now();
    let users: Vec<Calls> = (0..10).map(|_| Calls::new(throttles.of("aws:1"))).collect();
    let read = Call::read("dns", "dns:List");
    let all = users.iter().map(|user| async move {
        for _ in 0..5 {
            user.call(read, || async { Ok::<_, Error>(()) })
                .await
                .unwrap();
        }
    });
    futures::future::join_all(all).await;
    // 50 calls, 5 at once and then 5 a second.
    let took = clock.now().duration_since(before).as_secs_f64();
    assert!((8.5..9.5).contains(&took), "took {took} s");

    let before = clock.now();
    Calls::new(throttles.of("aws:2"))
        .call(read, || async { Ok::<_, Error>(()) })
        .await
        .unwrap();
    assert_eq!(clock.now(), before, "another account does not wait");
}

#[tokio::test(start_paused = true)]
async fn what_the_cloud_asks_for_is_given() {
    let calls = calls();
    let clock = clock();
    let before = clock.now();
    let made = AtomicU32::new(0);
    calls
        .call(Call::read("dns", "dns:List"), || async {
            match made.fetch_add(1, Ordering::Relaxed) {
                0 => {
                    let after = Some(Duration::from_secs(7));
                    Err(Error::new("x", Class::Throttled { after }, "slow down"))
                }
                _ => Ok(()),
            }
        })
        .await
        .unwrap();
    assert_eq!(clock.now().duration_since(before).as_secs(), 7);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_come_is_transient() {
    let calls = calls();
    let error = calls
        .call(Call::read("dns", "dns:List"), || {
            std::future::pending::<Result<(), Error>>()
        })
        .await
        .unwrap_err();
    assert_eq!(error.class, Class::Transient);
}
