//! Why is a cluster as it is? The same `observe` and `decide` that the controllers run, from a person's
//! shell with that person's rights, as a tree: cluster → attempts → pods, or the deletion.
//!
//! Reads only. What the person may not read becomes a note, not an error. What lives in the operator's
//! process alone (a running check or erasure) is taken from the conditions on record.

mod events;
mod power;
mod render;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use kube::ResourceExt as _;
use serde::Serialize;
use skep_crds::condition::{ConditionStatus, is_counted, is_desired};
use skep_crds::names::{label, reason::skep::TROUBLES};
use skep_crds::{ClusterDeployment, ClusterDeprovision, ClusterProvision, Condition};

use crate::controllers::cluster_deployment::Clusters;
use crate::controllers::cluster_deprovision::Deprovisions;
use crate::controllers::cluster_provision::Attempts;
use crate::controllers::context::Shared;
use crate::install::classify::Patterns;
use crate::plan::{Note, Plan, Requeue};
use crate::runtime::{
    Config, Freshness, Kind, Memory, Observation, Reader, Reconcile, RequestError, error_chain,
};

pub use events::Told;
pub(super) use render::span;
pub use render::text;

/// One object, and why it is as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Since when it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// The reasons, most important first.
    pub notes: Vec<Note>,
    /// What is done next, in the controller's own words.
    pub steps: Vec<String>,
    /// When it is looked at again at the latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Timestamp>,
    /// Conditions on record that are not as they should be.
    pub conditions: Vec<Recorded>,
    /// What the operator told lately that keeps failing.
    pub failing: Vec<Told>,
    /// What belongs to it.
    pub children: Vec<Node>,
}

/// A condition on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recorded {
    /// Its type.
    #[serde(rename = "type")]
    pub type_: String,
    /// Its status.
    pub status: String,
    /// Its reason.
    pub reason: String,
    /// Its message.
    pub message: String,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// The settings of the operator, as its Deployment shows them; what cannot be read is assumed to be set
/// in the usual way, because a person's lack of rights is no trouble of the cluster.
pub async fn operator_settings(reader: &Reader, namespace: &str) -> (Config, Option<Note>) {
    const NAME: &str = "hive-controllers";
    let mut assumed = Config {
        hive_namespace: namespace.to_owned(),
        ..Config::default()
    };
    "unknown".clone_into(&mut assumed.operator_image.image);
    let found = reader.get_live::<Deployment>(namespace, NAME).await;
    let unread = |why: String| {
        let message = format!("the operator's settings are not known: {why}");
        Note::progress("SettingsUnread", message)
    };
    let deployment = match found {
        Ok(Some(deployment)) => deployment,
        Ok(None) => {
            let why = format!("there is no Deployment {namespace}/{NAME}");
            return (assumed, Some(unread(why)));
        }
        Err(error) => return (assumed, Some(unread(error_chain(&error)))),
    };
    let hidden = has_hidden_switch(&deployment).then(|| {
        let name = skep_crds::names::env::DEPROVISIONS_DISABLED;
        unread(format!(
            "the Deployment {namespace}/{NAME} may take {name} from elsewhere"
        ))
    });
    let variables = variables_of(deployment);
    match Config::from_variables(&variables) {
        Ok(mut config) => {
            namespace.clone_into(&mut config.hive_namespace);
            if config.operator_image.image.is_empty() {
                config.operator_image.image = assumed.operator_image.image;
            }
            (config, hidden)
        }
        Err(error) => (assumed, Some(unread(error_chain(&error)))),
    }
}

/// Whether the switch that forbids deletions may be set where only the operator reads it.
fn has_hidden_switch(deployment: &Deployment) -> bool {
    let pod = deployment.spec.as_ref();
    let pod = pod.and_then(|spec| spec.template.spec.as_ref());
    let Some(container) = pod.and_then(|pod| pod.containers.first()) else {
        return false;
    };
    let mut variables = container.env.iter().flatten();
    let is_switch = |name: &str| name == skep_crds::names::env::DEPROVISIONS_DISABLED;
    match variables.find(|variable| is_switch(&variable.name)) {
        Some(variable) => variable.value_from.is_some(),
        None => container
            .env_from
            .as_ref()
            .is_some_and(|all| !all.is_empty()),
    }
}

/// The plain variables of the first container.
fn variables_of(deployment: Deployment) -> BTreeMap<String, String> {
    let pod = deployment.spec.and_then(|spec| spec.template.spec);
    let container = pod.and_then(|pod| pod.containers.into_iter().next());
    let variables = container
        .and_then(|container| container.env)
        .unwrap_or_default();
    let plain =
        |variable: k8s_openapi::api::core::v1::EnvVar| Some((variable.name, variable.value?));
    // Variables that name files of the operator's container say nothing here.
    let readable =
        |name: &String| !name.ends_with("_FILE") && name != skep_crds::names::env::ADDITIONAL_CA;
    variables
        .into_iter()
        .filter_map(plain)
        .filter(|(name, _)| readable(name))
        .collect()
}

/// The tree of a cluster; `None` if there is no such ClusterDeployment.
///
/// # Errors
/// The ClusterDeployment itself cannot be read.
pub async fn cluster(
    shared: &Shared,
    namespace: &str,
    name: &str,
) -> Result<Option<Node>, RequestError> {
    let reader = &shared.context.reader;
    let Some(root) = reader
        .get_live::<ClusterDeployment>(namespace, name)
        .await?
    else {
        return Ok(None);
    };
    let root = Arc::new(root);
    let clusters = Clusters {
        shared: shared.clone(),
    };
    let observed = clusters
        .observe(Arc::clone(&root), Freshness::Live, &Memory::default())
        .await;
    let observed = observed.map(|observation| match observation {
        Observation::Of(mut observed) => {
            observed.assume_recorded(&root);
            Observation::Of(observed)
        }
        other @ (Observation::Absent | Observation::Skip(_)) => other,
    });
    let undesired = |condition: &&Condition| {
        // What Skep adds says again what the others say, unless something keeps failing.
        let says_more = is_counted(condition) || TROUBLES.contains(&condition.reason());
        condition.status != ConditionStatus::Unknown && !is_desired(condition) && says_more
    };
    let mut node = node::<Clusters>(shared, root.as_ref(), observed);
    // What the power's own conditions say is for a cluster that is installed, and a note there.
    let of_power = |condition: &&Condition| {
        power::TOLD.contains(&condition.type_.as_str()) && root.spec.installed
    };
    node.conditions = root
        .conditions()
        .iter()
        .filter(undesired)
        .filter(|condition| !of_power(condition))
        .map(recorded)
        .collect();
    node.notes.extend(power::note(&root));
    events::read(shared, root.as_ref(), &mut node).await;
    node.children = children(shared, namespace, name, &mut node.notes).await;
    Ok(Some(node))
}

async fn children(
    shared: &Shared,
    namespace: &str,
    name: &str,
    notes: &mut Vec<Note>,
) -> Vec<Node> {
    let reader = &shared.context.reader;
    let (provisions, by_name) = (&shared.stores.provisions, label::CLUSTER_DEPLOYMENT_NAME);
    let mut children = Vec::new();
    match reader
        .labelled(Freshness::Live, provisions, namespace, by_name, name)
        .await
    {
        Ok(mut attempts) => {
            attempts.sort_by_key(|attempt| attempt.spec.attempt);
            for attempt in attempts {
                children.push(attempt_node(shared, attempt).await);
            }
        }
        Err(error) => notes.push(unreadable(&error)),
    }
    match reader.get_live::<ClusterDeprovision>(namespace, name).await {
        Ok(None) => {}
        Ok(Some(deprovision)) => children.push(deprovision_node(shared, deprovision).await),
        Err(error) => notes.push(unreadable(&error)),
    }
    children
}

async fn attempt_node(shared: &Shared, root: Arc<ClusterProvision>) -> Node {
    let stores = &shared.stores;
    let attempts = Attempts {
        context: shared.context.clone(),
        config: shared.config.clone(),
        clusters: stores.clusters.clone(),
        jobs: stores.jobs.clone(),
        pods: stores.pods.clone(),
        secrets: stores.secrets.clone(),
        erasures: shared.erasures.clone(),
        patterns: Arc::new(Patterns::shipped()),
    };
    let observed = attempts
        .observe(Arc::clone(&root), Freshness::Live, &Memory::default())
        .await;
    let observed = observed.map(|observation| match observation {
        Observation::Of(mut observed) => {
            observed.assume_recorded(&root);
            Observation::Of(observed)
        }
        other @ (Observation::Absent | Observation::Skip(_)) => other,
    });
    let mut node = node::<Attempts>(shared, root.as_ref(), observed);
    node.conditions = root
        .conditions()
        .iter()
        .filter(|found| is_trouble(found))
        .map(recorded)
        .collect();
    events::read(shared, root.as_ref(), &mut node).await;
    node
}

async fn deprovision_node(shared: &Shared, root: ClusterDeprovision) -> Node {
    let root = Arc::new(root);
    let deprovisions = Deprovisions {
        shared: shared.clone(),
        started: Arc::default(),
    };
    let observed = deprovisions
        .observe(Arc::clone(&root), Freshness::Live, &Memory::default())
        .await;
    let mut node = node::<Deprovisions>(shared, root.as_ref(), observed);
    node.conditions = root
        .conditions()
        .iter()
        .filter(|found| found.is_true())
        .map(recorded)
        .collect();
    events::read(shared, root.as_ref(), &mut node).await;
    node
}

/// Conditions of attempts are good news or bad by their name.
fn is_trouble(condition: &Condition) -> bool {
    use skep_crds::names::condition::{provision, skep};
    let bad = [
        provision::FAILED,
        provision::INSTALL_POD_STUCK,
        skep::CLEAN_UP_STALLED,
    ];
    condition.is_true() && bad.contains(&condition.type_.as_str())
}

fn node<R: Reconcile>(
    shared: &Shared,
    root: &R::Root,
    observed: Result<Observation<R::Observed>, R::Error>,
) -> Node {
    let mut node = empty(root);
    match observed {
        Ok(Observation::Of(observed)) => {
            let now = shared.context.clock.now();
            let Plan {
                steps,
                notes,
                requeue,
                ..
            } = R::decide(&observed, now);
            node.steps = steps
                .iter()
                .map(|step| step_in_words(&format!("{step:?}")))
                .collect();
            node.notes = notes;
            node.next = match requeue {
                // The end of time stands for what only the operator's process knows.
                Requeue::At(when) => (when < Timestamp::MAX).then_some(when),
                Requeue::Wait => None,
            };
        }
        Ok(Observation::Skip(why)) => node.notes.push(why),
        Ok(Observation::Absent) => {}
        Err(error) => node
            .notes
            .push(Note::progress("CannotRead", error_chain(&error))),
    }
    node
}

fn empty<K: Kind>(object: &K) -> Node {
    Node {
        kind: K::kind(&()).into_owned(),
        name: object.name_any(),
        created: object.creation_timestamp().map(|time| time.0),
        notes: Vec::new(),
        steps: Vec::new(),
        next: None,
        conditions: Vec::new(),
        failing: Vec::new(),
        children: Vec::new(),
    }
}

/// The name of a step, as words: `CreateImageJob { … }` is "create image job".
fn step_in_words(step: &str) -> String {
    let name = step
        .split(|c: char| !c.is_alphanumeric())
        .next()
        .unwrap_or_default();
    let mut words = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(c.to_lowercase());
    }
    words
}

fn recorded(condition: &Condition) -> Recorded {
    Recorded {
        type_: condition.type_.clone(),
        status: condition.status.as_str().to_owned(),
        reason: condition.reason().to_owned(),
        message: condition.message().to_owned(),
        since: condition.last_transition_time.map(|time| time.0),
    }
}

fn unreadable(error: &RequestError) -> Note {
    Note::progress("CannotRead", error_chain(error))
}
