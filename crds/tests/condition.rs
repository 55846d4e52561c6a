//! The rules of docs/spec/10 §21, row by row.

use jiff::{Timestamp, ToSpan};
use skep_crds::condition::{
    self, Condition, ConditionStatus, Polarity, WhenAbsent, Wish, WritePolicy,
};
use skep_crds::names::condition::{cd, deprovision, provision, skep};
use skep_crds::wire::Time;

/// A point in time `minutes` after some beginning.
fn at(minutes: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + minutes.minutes()
}

fn known(type_: &str, status: ConditionStatus) -> Condition {
    Condition::new(type_, status, "Reason", "message", at(0))
}

fn times(condition: &Condition) -> (Option<Time>, Option<Time>) {
    (condition.last_transition_time, condition.last_probe_time)
}

#[test]
fn a_write_happens_when_the_policy_says_so_and_moves_the_right_times() {
    use ConditionStatus::{False, True};
    use WritePolicy::{Always, OnAnyChange, OnStatusChange};

    // The list holds True/Reason/message, written at minute 0; the wish comes at minute 5.
    // policy, wished status, reason, message → written?, transition, probe (minutes)
    let table = [
        (OnStatusChange, True, "Reason", "message", false, 0, 0),
        (OnStatusChange, True, "Other", "message", false, 0, 0),
        (OnStatusChange, True, "Reason", "other", false, 0, 0),
        (OnStatusChange, False, "Other", "other", true, 5, 5),
        (OnAnyChange, True, "Reason", "message", false, 0, 0),
        (OnAnyChange, True, "Other", "message", true, 0, 5),
        (OnAnyChange, True, "Reason", "other", true, 0, 5),
        (OnAnyChange, False, "Reason", "message", true, 5, 5),
        (Always, True, "Reason", "message", true, 0, 5),
        (Always, True, "Other", "other", true, 0, 5),
        (Always, False, "Reason", "message", true, 5, 5),
    ];
    for (policy, status, reason, message, written, transition, probe) in table {
        let case = format!("{policy:?} {status} {reason} {message}");
        let mut list = vec![known("Unreachable", True)];
        let before = list.clone();
        let wrote = condition::set_condition(
            &mut list,
            "Unreachable",
            status.clone(),
            reason,
            message,
            policy,
            at(5),
        );
        assert_eq!(wrote, written, "{case}");
        let expected = (Some(Time(at(transition))), Some(Time(at(probe))));
        assert_eq!(times(&list[0]), expected, "{case}");
        if written {
            assert_eq!(list[0].status, status, "{case}");
            assert_eq!(
                (list[0].reason(), list[0].message()),
                (reason, message),
                "{case}"
            );
        } else {
            assert_eq!(list, before, "{case}");
        }
    }
}

#[test]
fn an_absent_condition_is_added_as_its_kind_demands() {
    use ConditionStatus::{False, True, Unknown};
    let table = [
        (WhenAbsent::Add, True, true),
        (WhenAbsent::Add, False, true),
        (WhenAbsent::Add, Unknown, true),
        (WhenAbsent::AddIfTrue, True, true),
        (WhenAbsent::AddIfTrue, False, false),
        (WhenAbsent::AddIfTrue, Unknown, false),
    ];
    for (absent, status, added) in table {
        for policy in [
            WritePolicy::OnStatusChange,
            WritePolicy::OnAnyChange,
            WritePolicy::Always,
        ] {
            let mut list = vec![known(provision::JOB_CREATED, True)];
            let wish = Wish {
                type_: provision::FAILED,
                status: status.clone(),
                reason: "UnknownError",
                message: "no log",
            };
            let case = format!("{absent:?} {status} {policy:?}");
            let wrote = condition::apply(&mut list, &wish, policy, absent, at(3));
            assert_eq!(wrote, added, "{case}");
            assert_eq!(list.len(), if added { 2 } else { 1 }, "{case}");
            let found = condition::find(&list, provision::FAILED);
            let time = Some(Time(at(3)));
            assert_eq!(found.map(times), added.then_some((time, time)), "{case}");
        }
    }
}

#[test]
fn a_condition_that_holds_becomes_false_in_lists_that_start_empty() {
    let mut list = vec![known(
        deprovision::AUTHENTICATION_FAILURE,
        ConditionStatus::True,
    )];
    assert!(condition::set_condition_if_true_or_present(
        &mut list,
        deprovision::AUTHENTICATION_FAILURE,
        ConditionStatus::False,
        "AuthenticationSucceeded",
        "Credential check succeeded",
        WritePolicy::OnStatusChange,
        at(1),
    ));
    assert!(condition::is_false(
        &list,
        deprovision::AUTHENTICATION_FAILURE
    ));
    assert!(!condition::is_true(
        &list,
        deprovision::AUTHENTICATION_FAILURE
    ));
    assert!(
        !condition::is_false(&list, deprovision::DEPROVISION_FAILED),
        "absent is not False"
    );
}

#[test]
fn conditions_start_unknown_once() {
    let mut list = vec![known(cd::PROVISIONED, ConditionStatus::False)];
    let types = cd::INITIALIZED_BY_CLUSTER_DEPLOYMENT;
    assert!(condition::initialize(&mut list, types, at(0)));
    assert_eq!(list.len(), types.len());
    assert_eq!(
        list[0],
        known(cd::PROVISIONED, ConditionStatus::False),
        "what is there stays"
    );
    for fresh in &list[1..] {
        assert_eq!(fresh.status, ConditionStatus::Unknown, "{}", fresh.type_);
        assert_eq!(fresh.reason(), "Initialized", "{}", fresh.type_);
        assert_eq!(fresh.message(), "Condition Initialized", "{}", fresh.type_);
    }
    assert!(
        !condition::initialize(&mut list, types, at(9)),
        "nothing is missing any more"
    );
}

#[test]
fn written_times_are_whole_seconds() {
    let now = at(1) + 999.milliseconds();
    let mut list = Vec::new();
    let status = ConditionStatus::True;
    let policy = WritePolicy::Always;
    condition::set_condition(&mut list, "Ready", status, "Running", "", policy, now);
    assert_eq!(times(&list[0]), (Some(Time(at(1))), Some(Time(at(1)))));
}

#[test]
fn types_and_statuses_that_nobody_knows_stay() {
    let strange = Condition {
        status: ConditionStatus::Other("Perhaps".into()),
        type_: "FromTheFuture".into(),
        ..Condition::default()
    };
    let mut list = vec![strange.clone()];
    condition::initialize(&mut list, &[cd::READY], at(0));
    condition::sort_cluster_deployment(&mut list);
    assert_eq!(condition::find(&list, "FromTheFuture"), Some(&strange));
    assert!(condition::remove(&mut list, cd::READY));
    assert!(!condition::remove(&mut list, cd::READY));
    assert_eq!(list, [strange]);
}

#[test]
fn polarity_follows_the_table() {
    let positive = [
        "ActiveAPIURLOverride",
        "Hibernating",
        "Ready",
        "AWSPrivateLinkReady",
        "PrivateLinkReady",
        "ClusterInstallCompleted",
        "ClusterInstallRequirementsMet",
        "RequirementsMet",
        "Provisioned",
    ];
    assert_eq!(cd::ALL.len(), 27);
    for type_ in cd::ALL.iter().chain(skep::ALL).chain(&["FromTheFuture"]) {
        let expected = if positive.contains(type_) {
            Polarity::Positive
        } else {
            Polarity::Negative
        };
        assert_eq!(condition::polarity(type_), expected, "{type_}");
    }
}

#[test]
fn what_needs_attention_comes_first() {
    use ConditionStatus::{False, Other, True, Unknown};
    let mut list = vec![
        known(skep::STALLED, True),
        known(cd::UNREACHABLE, Unknown),
        known(cd::READY, True),
        known(cd::HIBERNATING, False),
        known(cd::PROVISION_FAILED, False),
        known(cd::PROVISIONED, False),
        known(cd::AUTHENTICATION_FAILURE, True),
        known(cd::REQUIREMENTS_MET, Unknown),
        known(skep::RECONCILING, False),
        known(cd::DNS_NOT_READY, Other("Perhaps".into())),
    ];
    condition::sort_cluster_deployment(&mut list);
    let order: Vec<_> = list.iter().map(|c| c.type_.as_str()).collect();
    let expected = [
        // Not as desired, by name.
        cd::AUTHENTICATION_FAILURE,
        cd::DNS_NOT_READY,
        cd::HIBERNATING,
        cd::PROVISIONED,
        // As desired.
        cd::PROVISION_FAILED,
        cd::READY,
        // Unknown.
        cd::REQUIREMENTS_MET,
        cd::UNREACHABLE,
        // Added by Skep, in the same order among themselves.
        skep::STALLED,
        skep::RECONCILING,
    ];
    assert_eq!(order, expected);
}

#[test]
fn equality_does_not_look_at_clocks() {
    let early = known(cd::READY, ConditionStatus::True);
    let late = Condition {
        last_probe_time: Some(Time(at(60))),
        last_transition_time: None,
        ..early.clone()
    };
    assert!(early.same_but_for_time(&late));
    let (before, after) = ([early.clone()], [late]);
    assert!(condition::same_but_for_time(&before, &after));
    assert!(!condition::same_but_for_time(&before, &[]));
    let silent = Condition {
        reason: None,
        message: None,
        ..early.clone()
    };
    let empty = Condition {
        reason: Some(String::new()),
        message: None,
        ..early.clone()
    };
    assert!(silent.same_but_for_time(&empty), "an empty reason is none");
    assert!(!early.same_but_for_time(&silent));
}

#[test]
fn a_list_computed_afresh_keeps_the_times_of_what_did_not_change() {
    use ConditionStatus::{False, True};
    let current = [
        known("Same", True),
        known("Reworded", True),
        known("Moved", True),
    ];
    let fresh =
        |type_: &str, status, reason: &str| Condition::new(type_, status, reason, "message", at(5));
    let mut wanted = vec![
        fresh("New", True, "Reason"),
        fresh("Same", True, "Reason"),
        fresh("Reworded", True, "Other"),
        fresh("Moved", False, "Reason"),
    ];
    condition::keep_times(&mut wanted, &current);
    let minutes = |transition, probe| (Some(Time(at(transition))), Some(Time(at(probe))));
    let all: Vec<_> = wanted.iter().map(times).collect();
    assert_eq!(
        all,
        [minutes(5, 5), minutes(0, 0), minutes(0, 5), minutes(5, 5)]
    );
}
