//! What the API's metrics show beside the figures: the file that the operator writes from its own
//! configuration (docs/spec/10 §23, docs/spec/33 §8).

use std::collections::BTreeMap;

use serde::Deserialize;

/// Settings of the API's metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default)]
pub struct MetricsConfig {
    /// Labels of metrics, each with the label of the object that gives its value. `None`: the type of the
    /// cluster and nothing else.
    #[serde(rename = "additionalClusterDeploymentLabels")]
    pub additional_labels: Option<BTreeMap<String, String>>,
}

impl MetricsConfig {
    /// A name that no metric's label can have: one of them makes all figures unreadable.
    pub(super) fn impossible_label(&self) -> Option<&str> {
        let names = self.additional_labels.iter().flat_map(BTreeMap::keys);
        names.map(String::as_str).find(|name| !is_label_name(name))
    }
}

fn is_label_name(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(letter) && name.chars().all(|c| letter(c) || c.is_ascii_digit())
}
