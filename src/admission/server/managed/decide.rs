//! What must be made anew: a plain function of dates.
//!
//! The authority signs the serving certificates of this one Service. Its certificate is published to the
//! API server long before anything relies on it, and a serving certificate is renewed long before it
//! ends; so a rotation is two changes, weeks apart, each of which old and new agree on:
//!
//! | When | What | Who trusts what |
//! |---|---|---|
//! | two thirds of the authority's life are over | a new authority joins the bundle | the serving certificate is still the old authority's, which stays in the bundle |
//! | two thirds of the serving certificate's life are over, and the authority has been published for a day | a new serving certificate, of the newest authority | every API server has had the new bundle for a day |

use std::time::Duration;

use jiff::Timestamp;

use super::super::certificate::Validity;
use crate::runtime::clock::after;

/// How long a new authority is published before a certificate relies on it. API servers learn of a new
/// bundle within seconds; a day outlasts one that is cut off from the others for a while.
pub(super) const SETTLED: Duration = Duration::from_hours(24);

/// What is stored, as far as it can be used at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stored {
    /// The newest authority, if its key is there.
    pub(super) authority: Option<Validity>,
    /// The serving certificate, if it is right for the Service's names and trusted by the bundle.
    pub(super) serving: Option<Validity>,
}

/// What is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing.
    Nothing,
    /// A new authority beside the old ones.
    Authority,
    /// A new serving certificate of the newest authority.
    Serving,
    /// Both at once: there is nothing to rely on.
    Everything,
}

pub(super) fn decide(stored: Stored, now: Timestamp) -> Need {
    let authority = stored.authority.filter(|validity| validity.holds(now));
    let serving = stored.serving.filter(|validity| validity.holds(now));
    match (authority, serving) {
        (None, None) => Need::Everything,
        // Its certificate serves on; the next one needs an authority that is known by then.
        (None, Some(_)) => Need::Authority,
        // The names have changed, or somebody removed it: no reason to distrust the authority.
        (Some(_), None) => Need::Serving,
        (Some(authority), Some(_)) if is_old(authority, now) => Need::Authority,
        (Some(authority), Some(serving))
            if is_old(serving, now) && after(authority.from, SETTLED) <= now =>
        {
            Need::Serving
        }
        (Some(_), Some(_)) => Need::Nothing,
    }
}

/// Two thirds of its life are over.
fn is_old(validity: Validity, now: Timestamp) -> bool {
    let life = validity.until.duration_since(validity.from);
    let lived = now.duration_since(validity.from);
    lived >= life / 3 * 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: u64) -> Timestamp {
        after(Timestamp::UNIX_EPOCH, Duration::from_hours(24 * day))
    }

    #[expect(clippy::unnecessary_wraps, reason = "as the table has it")]
    fn days(from: u64, until: u64) -> Option<Validity> {
        Some(Validity {
            from: day(from),
            until: day(until),
        })
    }

    #[test]
    fn what_is_missing_or_old_is_made_anew() {
        use Need::{Authority, Everything, Nothing, Serving};
        let table = [
            ("nothing is there", None, None, 10, Everything),
            ("all is fresh", days(0, 900), days(9, 99), 10, Nothing),
            ("all is past", days(0, 9), days(0, 9), 10, Everything),
            (
                "nothing is valid yet",
                days(11, 99),
                days(11, 99),
                10,
                Everything,
            ),
            ("the serving one is lost", days(0, 900), None, 10, Serving),
            (
                "the serving one is past",
                days(0, 900),
                days(0, 9),
                10,
                Serving,
            ),
            (
                "the serving one is old",
                days(0, 900),
                days(0, 90),
                60,
                Serving,
            ),
            ("it is not old yet", days(0, 900), days(0, 90), 59, Nothing),
            ("the authority is lost", None, days(0, 90), 10, Authority),
            (
                "the authority is old",
                days(0, 900),
                days(590, 680),
                600,
                Authority,
            ),
            ("both are old", days(0, 900), days(540, 630), 600, Authority),
            (
                "the authority is too new to rely on",
                days(600, 1500),
                days(540, 630),
                600,
                Nothing,
            ),
            (
                "it is known by now",
                days(600, 1500),
                days(540, 630),
                601,
                Serving,
            ),
        ];
        for (what, authority, serving, at, wanted) in table {
            let stored = Stored { authority, serving };
            assert_eq!(decide(stored, day(at)), wanted, "{what}");
        }
    }

    /// Whatever day it is looked at, over years: there is always a serving certificate, and it is never
    /// of an authority that was published less than a day before.
    #[test]
    fn a_rotation_never_relies_on_what_is_not_known_yet() {
        let mut stored = Stored::default();
        let mut renewals = 0;
        for today in 0..3000 {
            let now = day(today);
            match decide(stored, now) {
                Need::Nothing => {}
                Need::Everything => {
                    assert_eq!(today, 0, "nothing was left to rely on");
                    stored.authority = days(today, today + 730);
                    stored.serving = days(today, today + 90);
                }
                Need::Authority => stored.authority = days(today, today + 730),
                Need::Serving => {
                    assert!(
                        stored
                            .authority
                            .is_some_and(|known| after(known.from, SETTLED) <= now)
                    );
                    stored.serving = days(today, today + 90);
                    renewals += 1;
                }
            }
            assert!(stored.serving.is_some_and(|serving| serving.holds(now)));
        }
        assert_eq!(renewals, 49, "one each 60 days, some of them a day later");
    }
}
