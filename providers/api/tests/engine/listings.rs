//! One listing for many questions.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use skep_providers::{Class, Clock as _, Error, Listings, fake::FakeClock};

const HOUR: Duration = Duration::from_hours(1);
const SECOND: Duration = Duration::from_secs(1);

/// An account whose listing takes a second and says how often it was asked for.
struct Asked {
    listings: Listings<&'static str, u32>,
    times: AtomicU32,
}

impl Asked {
    fn new(most: usize) -> Arc<Self> {
        let clock = FakeClock::starting_at("2026-01-01T00:00:00Z".parse().unwrap());
        Arc::new(Self {
            listings: Listings::new(Arc::new(clock), most),
            times: AtomicU32::new(0),
        })
    }

    async fn list(&self, key: &'static str, max_age: Duration) -> u32 {
        let listed = self.listings.within(&key, max_age, || async {
            tokio::time::sleep(SECOND).await;
            Ok(self.times.fetch_add(1, Ordering::Relaxed) + 1)
        });
        listed.await.unwrap().items
    }

    async fn fail(&self) -> Result<(), Error> {
        let listed = self.listings.within(&"a", HOUR, || async {
            tokio::time::sleep(SECOND).await;
            self.times.fetch_add(1, Ordering::Relaxed);
            Err(Error::new("list", Class::Denied, "no"))
        });
        listed.await.map(drop)
    }

    fn times(&self) -> u32 {
        self.times.load(Ordering::Relaxed)
    }
}

#[tokio::test(start_paused = true)]
async fn a_listing_serves_until_it_is_too_old_for_the_asker() {
    let asked = Asked::new(8);
    let minute = Duration::from_mins(1);
    assert_eq!(asked.list("a", minute).await, 1);
    tokio::time::advance(Duration::from_secs(50)).await;
    assert_eq!(asked.list("a", minute).await, 1);
    // It is as old as its question, which was 51 seconds ago.
    assert_eq!(asked.list("a", Duration::from_secs(50)).await, 2);
    tokio::time::advance(minute).await;
    assert_eq!(asked.list("a", HOUR).await, 2);
    assert_eq!(asked.list("a", minute).await, 3);
}

#[tokio::test(start_paused = true)]
async fn a_listing_says_when_it_was_asked_for() {
    let clock = FakeClock::starting_at("2026-01-01T00:00:00Z".parse().unwrap());
    let listings: Listings<&str, ()> = Listings::new(Arc::new(clock), 8);
    let began = clock.now();
    let slow = || async {
        tokio::time::sleep(Duration::from_secs(9)).await;
        Ok(())
    };
    let first = listings.within(&"a", HOUR, slow).await.unwrap();
    let second = listings.within(&"a", HOUR, slow).await.unwrap();
    assert_eq!((first.at, second.at), (began, began));
}

#[tokio::test(start_paused = true)]
async fn a_thousand_askers_at_once_cost_one_listing() {
    let asked = Asked::new(8);
    let all = join_all((0..1000).map(|_| asked.list("a", HOUR))).await;
    assert_eq!(all, vec![1; 1000]);
}

#[tokio::test(start_paused = true)]
async fn accounts_do_not_wait_for_one_another() {
    let asked = Asked::new(8);
    let clock = FakeClock::starting_at("2026-01-01T00:00:00Z".parse().unwrap());
    let began = clock.now();
    join_all(["a", "b", "c", "d"].map(|key| asked.list(key, HOUR))).await;
    assert_eq!(asked.times(), 4);
    assert_eq!(clock.now().duration_since(began).as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_shared_by_those_who_waited_and_not_kept() {
    let asked = Asked::new(8);
    let all = join_all((0..100).map(|_| asked.fail())).await;
    assert!(all.iter().all(Result::is_err));
    assert_eq!(asked.times(), 1, "those who waited share the failure");
    assert!(asked.fail().await.is_err());
    assert_eq!(asked.times(), 2, "whoever comes later tries anew");
    assert_eq!(asked.list("a", HOUR).await, 3);
    assert_eq!(asked.list("a", HOUR).await, 3);
}

#[tokio::test(start_paused = true)]
async fn a_failure_does_not_take_what_is_good_enough_for_others() {
    let asked = Asked::new(8);
    assert_eq!(asked.list("a", HOUR).await, 1);
    tokio::time::advance(HOUR).await;
    assert!(asked.fail().await.is_err());
    assert_eq!(asked.list("a", HOUR * 2).await, 1);
}

#[tokio::test(start_paused = true)]
async fn if_the_asker_gives_up_the_next_one_asks() {
    let asked = Asked::new(8);
    let (first, second) = (Arc::clone(&asked), Arc::clone(&asked));
    let first = tokio::spawn(async move { first.list("a", HOUR).await });
    let second = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        second.list("a", HOUR).await
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    first.abort();
    assert_eq!(second.await.unwrap(), 1);
    assert!(first.await.unwrap_err().is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn after_a_change_older_listings_are_not_given_away() {
    let asked = Asked::new(8);
    assert_eq!(asked.list("a", HOUR).await, 1);
    asked.listings.outdate(&"a");
    assert_eq!(asked.list("a", HOUR).await, 2);
    // One that is being made while the change happens serves only who asked before it.
    asked.listings.outdate(&"a");
    let before = Arc::clone(&asked);
    let before = tokio::spawn(async move { before.list("a", HOUR).await });
    tokio::time::sleep(SECOND / 2).await;
    asked.listings.outdate(&"a");
    assert_eq!(asked.list("a", HOUR).await, 4);
    assert_eq!(before.await.unwrap(), 3);
    assert_eq!(asked.list("b", HOUR).await, 5);
    asked.listings.outdate(&"a");
    assert_eq!(asked.list("b", HOUR).await, 5, "another account's change");
}

#[tokio::test(start_paused = true)]
async fn what_was_not_asked_for_longest_is_forgotten() {
    let asked = Asked::new(2);
    assert_eq!(asked.list("a", HOUR).await, 1);
    assert_eq!(asked.list("b", HOUR).await, 2);
    assert_eq!(asked.list("a", HOUR).await, 1);
    assert_eq!(asked.list("c", HOUR).await, 3);
    assert_eq!(asked.list("a", HOUR).await, 1);
    assert_eq!(asked.list("b", HOUR).await, 4, "b had to make room for c");
}
