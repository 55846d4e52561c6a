//! The rules of docs/spec/10 §21 and docs/spec/44 §7, row by row.

use jiff::{Timestamp, ToSpan};
use skep_crds::condition::{
    self, Check, Condition, ConditionStatus, Polarity, Verdict, WhenAbsent, WritePolicy, kinds,
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
        let verdict = Verdict::new("Unreachable", status.clone(), reason, message);
        let wrote = condition::apply(&mut list, &verdict, policy, WhenAbsent::Add, at(5));
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
            let wish = Verdict::new(provision::FAILED, status.clone(), "UnknownError", "no log");
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
    let verdict = Verdict::holds_not(
        deprovision::AUTHENTICATION_FAILURE,
        "AuthenticationSucceeded",
        "Credential check succeeded",
    );
    assert!(condition::apply(
        &mut list,
        &verdict,
        WritePolicy::OnStatusChange,
        WhenAbsent::AddIfTrue,
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
    let verdict = Verdict::holds(cd::READY, "Running", "");
    let policy = WritePolicy::Always;
    condition::apply(&mut list, &verdict, policy, WhenAbsent::Add, now);
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

/// The table of docs/spec/44 §7, with what docs/spec/10 §2.5 adds, and `PrivateLinkReady` where it belongs
/// (docs/spec/44 §10, 18). Kind, positive types, negative types.
const SPECIFIED: &[(&str, &str, &str)] = &[
    (
        "ClusterDeployment",
        "ActiveAPIURLOverride, Hibernating, Ready, AWSPrivateLinkReady, PrivateLinkReady, \
         ClusterInstallCompleted, ClusterInstallRequirementsMet, RequirementsMet, Provisioned",
        "InstallerImageResolutionFailed, ControlPlaneCertificateNotFound, \
         IngressCertificateNotFound, Unreachable, DNSNotReady, InstallImagesNotResolved, \
         ProvisionFailed, SyncSetFailed, RelocationFailed, InstallLaunchError, \
         DeprovisionLaunchError, ProvisionStopped, AuthenticationFailure, AWSPrivateLinkFailed, \
         PrivateLinkFailed, ClusterInstallFailed, ClusterInstallStopped, ClusterImageSetNotFound",
    ),
    (
        "ClusterProvision",
        "ClusterProvisionInitialized, ClusterProvisionJobCreated, ClusterProvisionCompleted",
        "ClusterProvisionFailed, InstallPodStuck",
    ),
    (
        "ClusterDeprovision",
        "",
        "AuthenticationFailure, DeprovisionFailed",
    ),
    (
        "ClusterPool",
        "CapacityAvailable, AllClustersCurrent, InventoryValid, DeletionPossible",
        "MissingDependencies",
    ),
    ("ClusterClaim", "ClusterRunning", "Pending"),
    (
        "MachinePool",
        "MachineSetsGenerated, Synced",
        "NotEnoughReplicas, NoMachinePoolNameLeasesAvailable, InvalidSubnets, \
         UnsupportedConfiguration",
    ),
    (
        "DNSZone",
        "ZoneAvailable, ParentLinkCreated",
        "DomainNotManaged, InsufficientCredentials, AuthenticationFailure, APIOptInRequired, \
         DNSError",
    ),
    ("HiveConfig", "Ready", ""),
    (
        "ClusterDeploymentCustomization",
        "Available, ApplySucceeded",
        "",
    ),
    ("ClusterSync", "", "Failed"),
    (
        "ClusterInstall",
        "RequirementsMet, Completed",
        "Failed, Stopped",
    ),
];

#[test]
fn polarity_follows_the_table() {
    let split = |types: &'static str| types.split(", ").filter(|type_| !type_.is_empty());
    assert_eq!(kinds::ALL.len(), SPECIFIED.len());
    for (kind, positive, negative) in SPECIFIED {
        let list = kinds::ALL.iter().find(|list| list.kind == *kind).unwrap();
        for type_ in split(positive) {
            assert_eq!(list.polarity(type_), Polarity::Positive, "{kind} {type_}");
        }
        for type_ in split(negative).chain(["FromTheFuture"]) {
            assert_eq!(list.polarity(type_), Polarity::Negative, "{kind} {type_}");
        }
        let mut specified: Vec<_> = split(positive).chain(split(negative)).collect();
        let mut known = list.types.to_vec();
        specified.sort_unstable();
        known.sort_unstable();
        assert_eq!(known, specified, "{kind}");
        assert!(
            list.initial.iter().all(|type_| known.contains(type_)),
            "{kind} begins with a type that it does not have"
        );
    }
}

/// docs/spec/44 §7: the setters of four kinds add a type only when it holds, and these lists start empty.
#[test]
fn lists_that_start_empty_are_those_that_add_what_holds() {
    for list in kinds::ALL {
        let lazy = [
            "ClusterProvision",
            "ClusterDeprovision",
            "DNSZone",
            "ClusterSync",
        ];
        let absent = if lazy.contains(&list.kind) {
            WhenAbsent::AddIfTrue
        } else {
            WhenAbsent::Add
        };
        assert_eq!(list.absent, absent, "{}", list.kind);
        let empty =
            absent == WhenAbsent::AddIfTrue || list.kind == "ClusterDeploymentCustomization";
        assert_eq!(list.initial.is_empty(), empty, "{}", list.kind);
    }
}

#[test]
fn the_first_check_with_an_answer_wins_and_knows_the_time() {
    let chain: [Check<u8, &str>; 3] = [
        |seen, _| (*seen == 0).then_some("nothing"),
        |_, now| (now >= at(5)).then_some("late"),
        |seen, _| (*seen > 1).then_some("many"),
    ];
    for (seen, minute, answer) in [
        (0, 9, Some("nothing")),
        (2, 9, Some("late")),
        (2, 4, Some("many")),
        (1, 4, None),
    ] {
        assert_eq!(condition::first_answer(&chain, &seen, at(minute)), answer);
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
    let counted = list.iter().filter(|c| condition::is_counted(c)).count();
    assert_eq!(counted, 8, "what Skep adds is in no metric of the API's");
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
