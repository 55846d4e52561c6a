//! Decides what labels, annotation and status say about a cluster's version. The clock has no part in it.

use skep_crds::external::cluster_version::ClusterVersionStatus;

use super::version::labels;
use super::{Described, Observed, Sight, Step};
use crate::plan::{Note, Plan};
use crate::remote::view::{ConditionSeen, VersionSeen};

/// A copy, or none.
type Copy = Option<Box<ClusterVersionStatus>>;

pub(super) fn decide(observed: &Observed) -> Plan<(), Step> {
    let (version, console) = match &observed.seen {
        Sight::None => (Err("nobody has looked at the cluster yet"), None),
        Sight::Failed(_) => (Err("the cluster does not answer"), None),
        Sight::Of { version, console } => {
            let missing = "the cluster has no ClusterVersion that can be read";
            (version.as_ref().ok_or(missing), console.as_ref())
        }
    };
    let mut plan = match version {
        Err(why) => {
            Plan::nothing().because(Note::waiting("NotSeen", why, "a look at the cluster", None))
        }
        Ok(version) => {
            let words = format!("the cluster runs {}", version.desired);
            let plan = Plan::nothing().because(Note::done("VersionKnown", words));
            match difference(&observed.present, version) {
                None => plan,
                Some(difference) => plan.and_step(Step::Describe {
                    at: observed.at.clone(),
                    difference,
                }),
            }
        }
    };
    let copy = match (observed.mirrors, version) {
        (false, _) => Some(None),
        // What was not seen is not gone.
        (true, Err(_)) => None,
        (true, Ok(version)) => match copy(&version.status_json) {
            Ok(copy) => copy.map(Some),
            Err(why) => {
                let message = format!("the status of the ClusterVersion cannot be copied: {why}");
                let next = "tried again at the next look";
                plan = plan.because(Note::failed("NotMirrored", message, next));
                None
            }
        },
    };
    let copy = copy.filter(|copy| *copy != observed.recorded.copy);
    let console = console.map(|host| format!("https://{host}"));
    let console = console.filter(|url| observed.recorded.console.as_ref() != Some(url));
    if copy.is_none() && console.is_none() {
        return plan;
    }
    plan.and_step(Step::Record {
        at: observed.at.clone(),
        copy,
        console,
    })
}

/// What is to be written of labels and annotation; `None`: nothing.
fn difference(present: &Described, version: &VersionSeen) -> Option<Described> {
    let mut wanted = labels(&version.desired);
    wanted.retain(|label, value| present.labels.get(label).unwrap_or(&None) != value);
    let text = upgrade_unavailable(version.upgradeable.as_ref());
    let annotation = Some(text).filter(|text| present.upgrade_unavailable.as_ref() != Some(text));
    let difference = Described {
        labels: wanted,
        upgrade_unavailable: annotation,
    };
    (difference != Described::default()).then_some(difference)
}

/// docs/spec/32 §3: always there, empty when the next minor version is within reach.
fn upgrade_unavailable(condition: Option<&ConditionSeen>) -> String {
    match condition {
        None => String::new(),
        Some(condition) if condition.status == "True" => String::new(),
        Some(condition) if condition.message.is_empty() => {
            format!("{}: {}", condition.type_, condition.status)
        }
        Some(condition) => condition.message.clone(),
    }
}

/// The status as the ClusterDeployment holds it; `None`: the look was not asked for it.
fn copy(json: &str) -> Result<Copy, String> {
    if json.is_empty() {
        return Ok(None);
    }
    // The error's text could quote what a cluster says; the place is enough to find it.
    let copy = serde_json::from_str(json)
        .map_err(|error| format!("something at its character {} is odd", error.column()))?;
    Ok(Some(Box::new(copy)))
}
