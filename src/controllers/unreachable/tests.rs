//! Table of docs/spec/32 §2, and when a cluster is looked at.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use skep_crds::condition::ConditionStatus;
use skep_crds::names::condition::cd;
use skep_crds::{ClusterDeployment, condition};

use super::decide::{ASLEEP, IN_A_ROW, ROUTINE};
use super::*;
use crate::plan::Requeue;
use crate::remote::{Failure, FailureClass, Route, Seen, View};
use crate::runtime::{Key, Reconcile as _};

fn start() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn failure(class: FailureClass) -> Failure {
    Failure::new(class, format!("{class:?}"))
}

/// A cluster that nobody has looked at.
fn cluster(url_override: Option<&str>) -> Observed {
    Observed {
        target: Target {
            key: Key {
                namespace: "team".into(),
                name: "demo".into(),
                uid: "u-1".into(),
            },
            kubeconfig: "demo-admin-kubeconfig".into(),
            url_override: url_override.map(str::to_owned),
            ip_override: None,
            wants_console: false,
            wants_version: false,
            pretended: None,
        },
        known: Known::default(),
        reported: None,
        asleep: false,
    }
}

impl Observed {
    /// Looked at just now.
    fn seen(
        mut self,
        through: Route,
        primary: Result<(), Failure>,
        seen: Result<Seen, Failure>,
    ) -> Self {
        self.known.failures = if seen.is_ok() {
            0
        } else {
            self.known.failures + 1
        };
        self.known.tried = Some(start());
        self.known.view = Some(Arc::new(View {
            at: start(),
            depth: Depth::Routine,
            through,
            primary,
            seen,
        }));
        self
    }

    fn answers(self) -> Self {
        self.seen(Route::Primary, Ok(()), Ok(Seen::default()))
    }

    fn fails(self, class: FailureClass) -> Self {
        self.seen(Route::Primary, Err(failure(class)), Err(failure(class)))
    }

    fn reported(mut self, unreachable: bool) -> Self {
        self.reported = Some(ConditionStatus::from(unreachable));
        self
    }
}

/// "Unreachable=False ActiveAPIURLOverride=True".
fn says(observed: &Observed) -> String {
    let plan = Unreachable::decide(observed, start());
    let verdicts = plan
        .outcome
        .map(|status| status.verdicts)
        .unwrap_or_default();
    let said = verdicts
        .iter()
        .map(|verdict| format!("{}={} {}", verdict.type_, verdict.status, verdict.reason));
    said.collect::<Vec<_>>().join(", ")
}

/// docs/spec/32 §2.
#[test]
fn what_a_look_came_to_is_what_the_conditions_say() {
    let url = Some("https://private.example.com:6443");
    let dial = || Err(failure(FailureClass::Dial));
    let seen = || Ok(Seen::default());
    let reachable = "Unreachable=False ClusterReachable";
    let unreachable = "Unreachable=True ErrorConnectingToCluster";
    let active = "ActiveAPIURLOverride=True ClusterReachable";
    let inactive = "ActiveAPIURLOverride=False ErrorConnectingToCluster";
    for (observed, expected) in [
        // Primary ok.
        (cluster(None).answers(), reachable.to_owned()),
        (cluster(url).answers(), format!("{reachable}, {active}")),
        // Primary fails, no override.
        (
            cluster(None).fails(FailureClass::Dial),
            unreachable.to_owned(),
        ),
        // Primary fails, override: the secondary is asked.
        (
            cluster(url).seen(Route::Secondary, dial(), seen()),
            format!("{reachable}, {inactive}"),
        ),
        (
            cluster(url).seen(
                Route::Secondary,
                dial(),
                Err(failure(FailureClass::Timeout)),
            ),
            format!("{unreachable}, {inactive}"),
        ),
        // Nobody has looked.
        (cluster(url), String::new()),
    ] {
        assert_eq!(says(&observed), expected, "{observed:?}");
    }
}

#[test]
fn both_errors_are_told_where_there_are_two_ways() {
    let observed = cluster(Some("https://a")).seen(
        Route::Secondary,
        Err(failure(FailureClass::Dial)),
        Err(failure(FailureClass::Tls)),
    );
    let plan = Unreachable::decide(&observed, start());
    let message = plan.outcome.unwrap().verdicts[0].message.clone();
    assert!(
        message.contains("Dial") && message.contains("Tls"),
        "{message}"
    );
}

/// docs/spec/32, weakness 3: one failure is none.
#[test]
fn a_cluster_that_answered_is_unreachable_after_several_failures_in_a_row() {
    let mut observed = cluster(None).reported(false);
    for count in 1..IN_A_ROW {
        observed = observed.fails(FailureClass::Timeout);
        assert_eq!(says(&observed), "", "after {count}");
        // The next one that is under way does not count yet.
        let mut looking = observed.clone();
        looking.known.looking = true;
        looking.known.failures += 1;
        assert_eq!(says(&looking), "");
    }
    observed = observed.fails(FailureClass::Timeout);
    assert_eq!(says(&observed), "Unreachable=True ErrorConnectingToCluster");
    // Whatever no second try can mend is said at once.
    for class in [
        FailureClass::Refused,
        FailureClass::NoKubeconfig,
        FailureClass::Unauthorized,
    ] {
        let observed = cluster(None).reported(false).fails(class);
        assert_eq!(
            says(&observed),
            "Unreachable=True ErrorConnectingToCluster",
            "{class:?}"
        );
    }
}

/// When the next look begins, in seconds; `None`: now.
fn wait(observed: &Observed) -> Option<u64> {
    let plan = Unreachable::decide(observed, start());
    let next = match plan.requeue {
        Requeue::Wait => None,
        Requeue::At(at) => u64::try_from(at.duration_since(start()).as_secs()).ok(),
    };
    assert_eq!(next.is_none(), plan.steps.len() == 1, "{plan:?}");
    next
}

#[test]
fn a_cluster_that_answers_is_looked_at_every_ten_minutes_and_never_more_often() {
    assert_eq!(wait(&cluster(None)), None, "at first sight");
    let routine = ROUTINE.as_secs();
    let waits: Vec<u64> = (0..100)
        .map(|number| {
            let mut observed = cluster(None).answers();
            observed.target.key.uid = format!("u-{number}");
            wait(&observed).unwrap()
        })
        .collect();
    let (first, last) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
    assert!(
        *first >= routine && *last <= routine * 5 / 4,
        "{first} to {last}"
    );
    assert!(
        last - first > routine / 8,
        "a fleet is spread: {first} to {last}"
    );
    let due = Unreachable::decide(
        &cluster(None).answers(),
        start() + SignedDuration::from_mins(13),
    );
    assert_eq!(due.steps.len(), 1);
}

#[test]
fn an_unreachable_cluster_is_looked_at_with_growing_delays_up_to_a_thousand_seconds() {
    let mut observed = cluster(None).reported(true);
    let mut before = 0;
    for _ in 0..20 {
        observed = observed.fails(FailureClass::Dial);
        let next = wait(&observed).unwrap();
        assert!(next > before || next >= 750, "{next} after {before}");
        assert!(next <= 1000, "{next}");
        before = next;
    }
}

/// docs/spec/32, weakness 5.
#[test]
fn a_sleeping_cluster_is_looked_at_rarely_whatever_it_answers() {
    let rare = ASLEEP.as_secs();
    for mut observed in [
        cluster(None).reported(true).fails(FailureClass::Timeout),
        cluster(None).reported(false).answers(),
    ] {
        observed.asleep = true;
        assert!(wait(&observed).unwrap() >= rare);
        // Woken: what is old by then is not waited for.
        observed.asleep = false;
        let woken = Unreachable::decide(&observed, start() + SignedDuration::from_hours(1));
        assert_eq!(woken.steps.len(), 1);
    }
}

#[test]
fn a_changed_kubeconfig_is_tried_at_once_and_a_look_under_way_is_waited_for() {
    let mut observed = cluster(None).reported(true).fails(FailureClass::Refused);
    assert!(wait(&observed).is_some());
    observed.known.changed = true;
    assert_eq!(wait(&observed), None);
    observed.known.looking = true;
    let plan = Unreachable::decide(&observed, start());
    assert_eq!((plan.steps.len(), plan.requeue), (0, Requeue::Wait));
}

fn deployment(conditions: &[(&str, &str)]) -> ClusterDeployment {
    let conditions: Vec<Value> = conditions
        .iter()
        .map(|(type_, status)| {
            json!({"type": type_, "status": status, "reason": "R", "message": "M",
                "lastProbeTime": "2024-01-01T00:00:00Z", "lastTransitionTime": "2024-01-01T00:00:00Z"})
        })
        .collect();
    serde_json::from_value(json!({
        "metadata": {"name": "demo", "namespace": "team"},
        "spec": {"baseDomain": "b", "clusterName": "demo", "platform": {}},
        "status": {"conditions": conditions},
    }))
    .unwrap()
}

/// The list after a merge, as "type=status"; `None`: nothing is written.
fn merged(before: &[(&str, &str)], observed: &Observed) -> Option<String> {
    let status = Unreachable::decide(observed, start()).outcome.unwrap();
    let patch = Unreachable::merge_status(&deployment(before), &status, start())?;
    let after: Vec<condition::Condition> =
        serde_json::from_value(patch["conditions"].clone()).unwrap();
    let after = after
        .iter()
        .map(|one| format!("{}={}", one.type_, one.status));
    Some(after.collect::<Vec<_>>().join(" "))
}

#[test]
fn nothing_is_written_while_a_cluster_answers() {
    let reachable = [(cd::UNREACHABLE, "False"), (cd::PROVISIONED, "True")];
    assert_eq!(merged(&reachable, &cluster(None).answers()), None);
    let initial = [(cd::UNREACHABLE, "Unknown"), (cd::PROVISIONED, "True")];
    let told = merged(&initial, &cluster(None).answers()).unwrap();
    assert_eq!(told, "Provisioned=True Unreachable=False");
    // New words of a failure are worth a write, the same are not.
    let observed = cluster(None).reported(true).fails(FailureClass::Dial);
    let broken = [(cd::UNREACHABLE, "True")];
    assert!(merged(&broken, &observed).is_some());
    let status = Unreachable::decide(&observed, start()).outcome.unwrap();
    let mut root = deployment(&broken);
    let patch = Unreachable::merge_status(&root, &status, start()).unwrap();
    root.status.as_mut().unwrap().conditions =
        serde_json::from_value(patch["conditions"].clone()).unwrap();
    let later = start() + SignedDuration::from_hours(1);
    assert_eq!(Unreachable::merge_status(&root, &status, later), None);
}

/// docs/spec/32, weakness 7.
#[test]
fn the_condition_of_an_override_is_only_there_with_an_override() {
    let url = Some("https://a");
    let reachable = (cd::UNREACHABLE, "False");
    let active = (cd::ACTIVE_API_URL_OVERRIDE, "True");
    assert_eq!(merged(&[reachable], &cluster(None).answers()), None);
    let told = merged(&[reachable], &cluster(url).answers()).unwrap();
    assert_eq!(told, "ActiveAPIURLOverride=True Unreachable=False");
    let told = merged(&[reachable, active], &cluster(None).answers()).unwrap();
    assert_eq!(told, "Unreachable=False ActiveAPIURLOverride=Unknown");
    let unknown = (cd::ACTIVE_API_URL_OVERRIDE, "Unknown");
    assert_eq!(
        merged(&[reachable, unknown], &cluster(None).answers()),
        None
    );
}
