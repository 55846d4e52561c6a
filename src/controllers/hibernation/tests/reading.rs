//! What is made of objects, of looks, and of a cloud's answers.

use std::sync::Arc;

use serde_json::{Value, json};
use skep_crds::{ClusterDeployment, ClusterSync};
use skep_providers::power::PowerOutcome;
use skep_providers::{Class as CloudClass, Error as CloudError};

use super::*;
use crate::controllers::gates;
use crate::controllers::hibernation::act::judge;
use crate::controllers::hibernation::observe::{glimpse, own_gate, parse};
use crate::remote::Known;
use crate::remote::view::{
    ConditionSeen, Failure, FailureClass, OperatorSeen, Route, Seen, VersionSeen, View,
};
use crate::runtime::{Class, Classified as _, Memory};

fn root(change: &Value) -> ClusterDeployment {
    let mut object = json!({
        "apiVersion": "hive.openshift.io/v1",
        "kind": "ClusterDeployment",
        "metadata": {"name": "demo", "namespace": "team", "uid": "u-1"},
        "spec": {
            "baseDomain": "example.com", "clusterName": "demo", "installed": true,
            "platform": {"aws": {"region": "us-east-1"}},
        },
    });
    json_patch::merge(&mut object, change);
    serde_json::from_value(object).unwrap()
}

fn parsed(change: &Value) -> Observed {
    parse(&root(change), None, None, &Memory::default())
}

/// docs/spec/21 §1 and §4.
#[test]
fn a_specification_says_what_is_wanted() {
    for (power, wanted) in [
        (json!(null), Wanted::Running),
        (json!(""), Wanted::Running),
        (json!("Running"), Wanted::Running),
        (json!("Hibernating"), Wanted::Hibernating),
    ] {
        let found = parsed(&json!({"spec": {"powerState": power}}));
        assert_eq!(found.wanted, wanted, "{power}");
    }
    let at = "2026-01-02T03:04:05Z";
    let pool = |of: Value| {
        let mut pool = json!({"namespace": "pools", "poolName": "small"});
        json_patch::merge(&mut pool, &of);
        parsed(&json!({"spec": {"clusterPoolRef": pool}}))
            .timer
            .pool
    };
    assert_eq!(pool(json!({})), Pool::Free);
    assert_eq!(pool(json!({"claimName": "mine"})), Pool::Free);
    assert_eq!(pool(json!({"claimedTimestamp": at})), Pool::Free);
    assert_eq!(
        pool(json!({"claimName": "mine", "claimedTimestamp": at})),
        Pool::Claimed(at.parse().unwrap())
    );
    let timed = parsed(&json!({
        "spec": {"hibernateAfter": "8h"}, "status": {"installedTimestamp": at},
    }));
    assert_eq!(timed.timer.after, Some(SignedDuration::from_hours(8)));
    assert_eq!(timed.timer.installed, Some(at.parse().unwrap()));
    let annotated = parsed(&json!({"metadata": {
        "annotations": {
            "skep.dev/expected-machines": "6", "skep.dev/force-hibernation": "true",
            "hive.openshift.io/fake-cluster": "true",
        },
        "labels": {"hive.openshift.io/resume-skips-cluster-operators": "true"},
    }}));
    assert_eq!(annotated.expected, Some(6));
    assert!(annotated.forced && annotated.fake && annotated.skips_operators);
}

/// docs/spec/21 §3, steps 4, 5 and 7.
#[test]
fn gates_and_syncs_are_read_as_they_are_meant() {
    let gate = |annotations: Value, platform: Value, supported: bool| {
        let change =
            json!({"metadata": {"annotations": annotations}, "spec": {"platform": platform}});
        own_gate(&root(&change), None, supported)
    };
    let paused = json!({"hive.openshift.io/powerstate-pause": "true"});
    let disabled = json!({"hive.openshift.io/infra-disabled": "true"});
    let azure = json!({"aws": null, "azure": {
        "region": "westeurope", "baseDomainResourceGroupName": "dns",
        "credentialsSecretRef": {"name": "creds"},
    }});
    assert_eq!(gate(json!({}), json!({}), true), None);
    assert_eq!(gate(paused, json!({}), true), Some(Gate::Paused));
    assert!(matches!(
        gate(disabled.clone(), azure, true),
        Some(Gate::Unsupported(_))
    ));
    assert_eq!(gate(disabled, json!({}), true), None, "of Azure alone");
    assert!(matches!(
        gate(json!({}), json!({}), false),
        Some(Gate::Unsupported(_))
    ));
    let fake = json!({"hive.openshift.io/fake-cluster": "true"});
    assert_eq!(gate(fake, json!({}), false), None);
    let closed = Some(gates::Gate::NoMetadata);
    assert_eq!(
        own_gate(&root(&json!({})), closed, true),
        Some(Gate::NoMetadata)
    );
    let sync = |status: Value| {
        let object = json!({
            "apiVersion": "hiveinternal.openshift.io/v1alpha1", "kind": "ClusterSync",
            "metadata": {"name": "demo", "namespace": "team"}, "status": status,
        });
        let sync: ClusterSync = serde_json::from_value(object).unwrap();
        parse(&root(&json!({})), None, Some(&sync), &Memory::default()).sync_sets
    };
    assert_eq!(
        parsed(&json!({})).sync_sets,
        SyncSets::Applied,
        "nothing to sync"
    );
    assert_eq!(sync(json!({})), SyncSets::Awaited);
    assert_eq!(
        sync(json!({"firstSuccessTime": "2026-01-02T03:04:05Z"})),
        SyncSets::Applied
    );
}

fn view(seen: Result<Seen, Failure>) -> View {
    View {
        at: ago(1),
        depth: Depth::Routine,
        through: Route::Primary,
        primary: Ok(()),
        seen,
    }
}

/// What was done in between may not be in a look whose beginning is not known.
#[test]
fn a_look_is_as_old_as_its_beginning() {
    let began = |tried, looking| {
        let known = Known {
            view: Some(Arc::new(view(Ok(Seen::default())))),
            tried,
            looking,
            ..Known::default()
        };
        glimpse(Some(known)).last.unwrap().began
    };
    let earliest = ago(1) - SignedDuration::from_secs(45);
    assert_eq!(began(Some(ago(2)), false), ago(2));
    assert_eq!(
        began(Some(seconds_ago(5)), true),
        earliest,
        "of the next one"
    );
    assert_eq!(
        began(Some(seconds_ago(5)), false),
        earliest,
        "it came to nothing"
    );
    assert_eq!(began(None, false), earliest);
    assert_eq!(glimpse(None), Glimpse::default());
}

#[test]
fn an_operator_is_what_its_conditions_say() {
    let condition = |type_: &str, status: &str, minutes| ConditionSeen {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: format!("{type_}Reason"),
        message: String::new(),
        since: Some(ago(minutes)),
    };
    let seen = Seen {
        version: Some(VersionSeen {
            desired: "4.19.2".into(),
            progressing: true,
            upgradeable: None,
            status_json: String::new(),
        }),
        operators: vec![OperatorSeen {
            name: "ingress".into(),
            conditions: vec![
                condition("Available", "False", 9),
                condition("Degraded", "False", 7),
                condition("Progressing", "Unknown", 8),
            ],
        }],
        ..Seen::default()
    };
    let known = |seen| Known {
        view: Some(Arc::new(view(seen))),
        ..Known::default()
    };
    let seen = glimpse(Some(known(Ok(seen)))).last.unwrap().seen.unwrap();
    assert!(seen.upgrading);
    let expected = Operator {
        name: "ingress".into(),
        unavailable: Some("AvailableReason".into()),
        degraded: None,
        progressing: None,
        disabled: false,
        changed: Some(ago(7)),
    };
    assert_eq!(seen.operators, [expected]);
    let failure = Failure::new(FailureClass::Dial, "refused");
    let last = glimpse(Some(known(Err(failure)))).last.unwrap();
    assert_eq!(last.seen, Err("refused".to_owned()));
}

/// docs/spec/21 §11: "first error ends", "surface allocation/quota error".
#[test]
fn the_clouds_answers_become_one_error_with_the_names_of_those_that_failed() {
    let outcome = |id: &str, class: Option<CloudClass>| PowerOutcome {
        id: id.to_owned(),
        result: class.map_or(Ok(()), |class| {
            let error = CloudError::new("ec2:StartInstances", class, "there is none");
            Err(error
                .with_code("InsufficientInstanceCapacity")
                .with_request_id("8f7e6d5c-1234-5678-9abc-def012345678"))
        }),
    };
    let between = CloudClass::DependencyViolation { holders: vec![] };
    let fine = [
        outcome("i-0", None),
        outcome("i-1", Some(between)),
        outcome("i-2", Some(CloudClass::NotFound)),
    ];
    assert!(judge(fine.to_vec()).is_ok(), "the next look tells");
    let mut outcomes = fine.to_vec();
    outcomes.push(outcome("i-4", Some(CloudClass::Quota)));
    outcomes.push(outcome("i-3", Some(CloudClass::Quota)));
    let error = judge(outcomes).unwrap_err();
    assert_eq!(error.class(), Class::BlockedByUser);
    assert_eq!(
        error.to_string(),
        "a quota or the capacity is used up: ec2:StartInstances: InsufficientInstanceCapacity: there \
         is none (2 machines: i-3, i-4)"
    );
}
