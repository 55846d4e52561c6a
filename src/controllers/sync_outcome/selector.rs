//! Whether a label selector selects an object. Plain functions.

use std::collections::BTreeMap;

use skep_crds::wire::{LabelSelector, LabelSelectorRequirement};

/// Whether all requirements hold; there may be none. One that nobody knows does not hold.
pub(super) fn selects(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let LabelSelector {
        match_expressions,
        match_labels,
    } = selector;
    let mut values = match_labels.iter().flatten();
    let mut expressions = match_expressions.iter().flatten();
    values.all(|(key, value)| labels.get(key) == Some(value))
        && expressions.all(|requirement| holds(requirement, labels))
}

fn holds(requirement: &LabelSelectorRequirement, labels: &BTreeMap<String, String>) -> bool {
    let LabelSelectorRequirement {
        key,
        operator,
        values,
    } = requirement;
    let present = labels.get(key);
    let among = || present.is_some_and(|value| values.iter().flatten().any(|one| one == value));
    match operator.as_str() {
        "In" => among(),
        "NotIn" => !among(),
        "Exists" => present.is_some(),
        "DoesNotExist" => present.is_none(),
        _ => false,
    }
}
