//! `Reconciling` and `Stalled`: what follows from which list, and what they cost.
#![expect(clippy::unwrap_used, reason = "a broken object ends the test")]

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use skep_crds::condition::standing::{Standing, of_cluster, of_deprovision, of_provision, record};
use skep_crds::condition::{self, Condition, ConditionStatus};
use skep_crds::{ClusterDeployment, ClusterDeprovision};

fn at(minutes: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + minutes.minutes()
}

/// `Type=Status/Reason`.
fn conditions(said: &[&str]) -> Vec<Condition> {
    let parse = |said: &&str| {
        let (type_, rest) = said.split_once('=').unwrap();
        let (status, reason) = rest.split_once('/').unwrap();
        let status: ConditionStatus = serde_json::from_value(json!(status)).unwrap();
        Condition::new(type_, status, reason, &format!("about {type_}"), at(0))
    };
    said.iter().map(parse).collect()
}

fn cluster(spec: &Value, deleting: bool) -> ClusterDeployment {
    let mut object = json!({
        "metadata": {"name": "demo"},
        "spec": {"baseDomain": "example.com", "clusterName": "demo", "platform": {}},
    });
    json_patch_merge(&mut object["spec"], spec);
    if deleting {
        object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    }
    serde_json::from_value(object).unwrap()
}

fn json_patch_merge(into: &mut Value, from: &Value) {
    for (key, value) in from.as_object().unwrap() {
        into[key] = value.clone();
    }
}

/// `R/Reason`, `S/Reason`, or `-`.
fn short(standing: &Standing) -> String {
    match standing {
        Standing::Settled => "-".to_owned(),
        Standing::Reconciling { reason, .. } => format!("R/{reason}"),
        Standing::Stalled { reason, .. } => format!("S/{reason}"),
    }
}

#[test]
fn a_cluster_that_is_not_installed_stalls_where_nothing_helps_it() {
    let table: &[(&[&str], &str)] = &[
        (&[], "R/Preparing"),
        (
            &[
                "Provisioned=Unknown/Initialized",
                "RequirementsMet=Unknown/Initialized",
            ],
            "R/Preparing",
        ),
        (&["Provisioned=False/Provisioning"], "R/Provisioning"),
        (
            &[
                "Provisioned=False/Provisioning",
                "ProvisionFailed=True/Quota",
            ],
            "R/Provisioning",
        ),
        (
            &[
                "Provisioned=False/ProvisionStopped",
                "ProvisionStopped=True/InstallOnlyOnceSet",
            ],
            "S/InstallOnlyOnceSet",
        ),
        (&["ClusterInstallStopped=True/Broken"], "S/Broken"),
        (
            &["RequirementsMet=False/ClusterImageSetNotFound"],
            "S/ClusterImageSetNotFound",
        ),
        (
            &[
                "RequirementsMet=True/AllRequirementsMet",
                "AuthenticationFailure=True/PlatformAuthError",
            ],
            "S/PlatformAuthError",
        ),
        (&["DNSNotReady=True/DNSNotReady"], "R/DNSNotReady"),
        (
            &["DNSNotReady=True/InsufficientCredentials"],
            "S/InsufficientCredentials",
        ),
        (
            &["InstallImagesNotResolved=True/JobToResolveImagesFailed"],
            "R/Preparing",
        ),
        (
            &["InstallImagesNotResolved=True/MinimalInstallModeWithoutImageOverride"],
            "S/MinimalInstallModeWithoutImageOverride",
        ),
        (
            &["InstallLaunchError=True/PodInPendingPhase"],
            "R/Preparing",
        ),
    ];
    for (said, expected) in table {
        let found = of_cluster(&cluster(&json!({}), false), &conditions(said), at(0));
        assert_eq!(short(&found), *expected, "{said:?}");
    }
}

#[test]
fn an_installed_cluster_is_settled_unless_its_machines_are_between_two_states() {
    let installed = json!({
        "installed": true,
        "clusterMetadata": {"infraID": "i", "clusterID": "c", "adminKubeconfigSecretRef": {"name": "k"}},
    });
    let table: &[(&[&str], &str)] = &[
        (&[], "-"),
        (
            &["Ready=True/Running", "Hibernating=False/ResumingOrRunning"],
            "-",
        ),
        (
            &[
                "Hibernating=True/Hibernating",
                "Ready=False/StoppingOrHibernating",
            ],
            "-",
        ),
        (
            &[
                "Hibernating=True/Hibernating",
                "Unreachable=True/ErrorConnectingToCluster",
            ],
            "-",
        ),
        (
            &[
                "Hibernating=False/ResumingOrRunning",
                "Unreachable=True/ErrorConnectingToCluster",
            ],
            "R/ErrorConnectingToCluster",
        ),
        (
            &[
                "Hibernating=False/Stopping",
                "Ready=False/StoppingOrHibernating",
            ],
            "R/Stopping",
        ),
        (&["Hibernating=False/FailedToStop"], "R/FailedToStop"),
        (&["Hibernating=False/Unsupported"], "-"),
        (
            &[
                "Hibernating=False/ResumingOrRunning",
                "Ready=False/WaitingForNodes",
            ],
            "R/WaitingForNodes",
        ),
        (&["Ready=Unknown/PowerStatePaused"], "-"),
        // What was said about the installation is over.
        (&["ProvisionStopped=True/InstallOnlyOnceSet"], "-"),
    ];
    for (said, expected) in table {
        let found = of_cluster(&cluster(&installed, false), &conditions(said), at(0));
        assert_eq!(short(&found), *expected, "{said:?}");
    }
    let adopted = cluster(&json!({"installed": true}), false);
    let found = of_cluster(&adopted, &[], at(0));
    assert_eq!(short(&found), "S/MetadataIncomplete");
    // The last write before `spec.installed` settles it already.
    let mut completing = installed;
    completing["installed"] = json!(false);
    let said = conditions(&["Provisioned=True/Provisioned"]);
    assert_eq!(
        short(&of_cluster(&cluster(&completing, false), &said, at(0))),
        "-"
    );
}

#[test]
fn a_cluster_that_is_deleted_is_never_settled() {
    let table: &[(&[&str], &str)] = &[
        (&["Provisioned=True/Provisioned"], "R/Deprovisioning"),
        (&["Provisioned=False/Deprovisioning"], "R/Deprovisioning"),
        (
            &[
                "Hibernating=True/Hibernating",
                "Provisioned=False/Deprovisioning",
            ],
            "R/Deprovisioning",
        ),
        (&["Provisioned=False/Deprovisioned"], "R/Deprovisioned"),
        (
            &[
                "Provisioned=False/DeprovisionFailed",
                "DeprovisionLaunchError=True/AuthenticationFailed",
            ],
            "S/AuthenticationFailed",
        ),
        (
            &["DeprovisionLaunchError=True/DeleteProtected"],
            "S/DeleteProtected",
        ),
    ];
    for (said, expected) in table {
        let deleting = cluster(&json!({"installed": true}), true);
        let found = of_cluster(&deleting, &conditions(said), at(0));
        assert_eq!(short(&found), *expected, "{said:?}");
    }
}

#[test]
fn attempts_and_orders_to_delete_stand_as_their_conditions_say() {
    let table: &[(&[&str], &str)] = &[
        (
            &["ClusterProvisionJobCreated=True/JobCreated"],
            "R/Provisioning",
        ),
        (
            &["InstallPodStuck=True/PodInPendingPhase"],
            "R/Provisioning",
        ),
        (&["ClusterProvisionFailed=True/Quota"], "S/Quota"),
        (&["ClusterProvisionCompleted=True/InstallComplete"], "-"),
    ];
    for (said, expected) in table {
        assert_eq!(
            short(&of_provision(&conditions(said))),
            *expected,
            "{said:?}"
        );
    }
    let order: ClusterDeprovision = serde_json::from_value(json!({
        "metadata": {"name": "demo"}, "spec": {"infraID": "i"},
    }))
    .unwrap();
    let table: &[(&[&str], &str)] = &[
        (&[], "R/Deprovisioning"),
        (
            &["DeprovisionProgressing=True/Deleting"],
            "R/Deprovisioning",
        ),
        (
            &[
                "DeprovisionProgressing=False/UnknownError",
                "DeprovisionFailed=True/UnknownError",
            ],
            "R/UnknownError",
        ),
        (
            &["DeprovisionProgressing=False/AccountMismatch"],
            "S/AccountMismatch",
        ),
        (
            &[
                "DeprovisionProgressing=False/AuthenticationFailed",
                "AuthenticationFailure=True/AuthenticationFailed",
            ],
            "S/AuthenticationFailed",
        ),
    ];
    for (said, expected) in table {
        let found = of_deprovision(&order, false, &conditions(said));
        assert_eq!(short(&found), *expected, "{said:?}");
    }
    assert_eq!(of_deprovision(&order, true, &[]), Standing::Settled);
}

#[test]
fn an_object_at_rest_pays_nothing_and_words_alone_are_never_written() {
    let on_its_way = |message: &str| Standing::Reconciling {
        reason: "Provisioning".to_owned(),
        message: message.to_owned(),
    };
    let stalled = Standing::Stalled {
        reason: "Quota".to_owned(),
        message: "full".to_owned(),
    };
    let mut list = Vec::new();
    assert!(!record(&mut list, &Standing::Settled, true, at(0)));
    assert_eq!(list, [], "absent counts as False");

    assert!(record(&mut list, &on_its_way("first"), false, at(1)));
    assert_eq!(list.len(), 1);
    let before = list.clone();
    assert!(!record(&mut list, &on_its_way("second"), false, at(2)));
    assert_eq!(list, before, "new words wait for a write");
    assert!(record(&mut list, &on_its_way("second"), true, at(3)));
    assert_eq!(
        condition::find(&list, "Reconciling").unwrap().message(),
        "second"
    );
    assert!(
        !record(&mut list, &on_its_way("second"), true, at(4)),
        "a write for others does not move its times"
    );

    assert!(record(&mut list, &stalled, false, at(5)));
    assert!(condition::is_true(&list, "Stalled") && condition::is_false(&list, "Reconciling"));
    assert!(record(&mut list, &Standing::Settled, false, at(6)));
    assert!(condition::is_false(&list, "Stalled") && condition::is_false(&list, "Reconciling"));
    assert!(!record(&mut list, &Standing::Settled, true, at(7)));
}
