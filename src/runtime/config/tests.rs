use super::*;

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn nothing_set_means_the_defaults() {
    let config = Config::from_variables(&variables(&[("HIVE_NS", "")]));
    assert_eq!(config.ok(), Some(Config::default()));
}

#[test]
fn throttles_are_found_whatever_their_case_and_fall_back() {
    let set = variables(&[
        ("clusterDeployment-concurrent-reconciles", "20"),
        ("default-concurrent-reconciles", "7"),
        ("default-client-qps", "12.5"),
    ]);
    let config = Config::from_variables(&set).unwrap_or_default();
    let own = config.throttle("clusterdeployment");
    assert_eq!(
        (own.concurrent_reconciles, own.client_qps),
        (Some(20), Some(12.5))
    );
    assert_eq!(
        config.throttle("clusterProvision").concurrent_reconciles,
        Some(7)
    );
}

#[test]
fn a_typo_is_an_error() {
    for pair in [
        ("default-concurrent-reconciles", "many"),
        ("default-client-qps", "0"),
        ("PROTECTED_DELETE", "yes please"),
    ] {
        assert!(
            Config::from_variables(&variables(&[pair])).is_err(),
            "{pair:?}"
        );
    }
}

#[test]
fn files_are_read_and_judged() {
    let set = variables(&[("FAILED_PROVISION_CONFIG_FILE", "/f")]);
    let with = |text: &'static str| read::from_variables(&set, &move |_| Ok(text.to_owned()));
    let config = with(r#"{"retryReasons":["A"],"aws":{"bucket":"b"}}"#).unwrap_or_default();
    assert_eq!(
        config.failed_provision.retry_reasons,
        Some(vec!["A".to_owned()])
    );
    assert_eq!(
        config.failed_provision.aws.map(|aws| aws.bucket),
        Some("b".to_owned())
    );
    assert!(with("{").is_err());
    assert!(with("").is_ok_and(|config| config.failed_provision.retry_reasons.is_none()));
}

#[test]
fn a_change_is_seen_and_told() {
    let store = ConfigStore::new(Config::default());
    let mut changes = store.subscribe();
    store.set(Config {
        deprovisions_disabled: true,
        ..Config::default()
    });
    assert!(store.get().deprovisions_disabled);
    assert!(changes.has_changed().unwrap_or_default());
    changes.mark_unchanged();
}

#[test]
fn labels_of_metrics_are_read_and_judged() {
    let set = variables(&[("METRICS_CONFIG_FILE", "/m")]);
    let with = |text: &'static str| read::from_variables(&set, &move |_| Ok(text.to_owned()));
    let labels = |text| with(text).map(|config| config.metrics.additional_labels);
    assert!(labels("{}").is_ok_and(|labels| labels.is_none()));
    let some =
        r#"{"metricsWithDuration":[],"additionalClusterDeploymentLabels":{"team":"x/team"}}"#;
    assert_eq!(
        labels(some).ok().flatten(),
        Some(variables(&[("team", "x/team")]))
    );
    assert!(with(r#"{"additionalClusterDeploymentLabels":{"my-team":"x"}}"#).is_err());
}
