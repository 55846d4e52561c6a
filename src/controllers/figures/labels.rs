//! Labels of the API's metrics: some are fixed, others are taken from the object's own labels as the
//! settings say (docs/spec/33 §8).

use std::collections::BTreeMap;

use skep_crds::names::label;

use crate::runtime::Config;

/// Names and values, in the order in which they are shown.
pub(super) type Labels = Vec<(&'static str, String)>;

/// The value of a label that is missing or empty.
pub(super) const UNSPECIFIED: &str = "unspecified";

/// The value of an object's label, as metrics show it.
pub(super) fn value(labels: &BTreeMap<String, String>, name: &str) -> String {
    specified(labels.get(name).map(String::as_str))
}

/// A value, as metrics show it.
pub(super) fn specified(value: Option<&str>) -> String {
    value
        .filter(|value| !value.is_empty())
        .unwrap_or(UNSPECIFIED)
        .to_owned()
}

/// The fixed labels of a metric and those that the settings add. Without a setting there is one:
/// `cluster_type`. A fixed one wins over an added one of the same name.
pub(super) fn with_added(
    fixed: &[(&'static str, String)],
    config: &Config,
    object: &BTreeMap<String, String>,
) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = fixed
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    let by_default =
        || BTreeMap::from([("cluster_type".to_owned(), label::CLUSTER_TYPE.to_owned())]);
    let added = config.metrics.additional_labels.clone();
    for (name, source) in added.unwrap_or_else(by_default) {
        if all.iter().all(|(known, _)| *known != name) {
            all.push((name, value(object, &source)));
        }
    }
    all
}
