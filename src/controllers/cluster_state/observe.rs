//! Reads the `ClusterState` of a cluster, and what the last look at the cluster saw.

use kube::ResourceExt as _;
use skep_crds::external::cluster_version::OperatorCondition;
use skep_crds::{ClusterDeployment, ClusterState};

use super::{Error, Observed, Seen, State};
use crate::controllers::context::Shared;
use crate::controllers::gates;
use crate::remote::View;
use crate::remote::view::{ConditionSeen, OperatorSeen, Part};
use crate::runtime::{At, Freshness, Observation};

pub(super) async fn observe(
    shared: &Shared,
    root: &ClusterDeployment,
    how: Freshness,
) -> Result<Observation<Observed>, Error> {
    if let Some(gate) = gates::closed(root) {
        return Ok(Observation::Skip(gate.note()));
    }
    let at = At::of(root);
    let (store, key) = (&shared.stores.states, &at.key);
    let reader = &shared.context.reader;
    let found = reader.get(how, store, &key.namespace, &key.name).await;
    let state = found.map_err(Error::Read)?.map(|found| State {
        at: At::of(found.as_ref()),
        deleting: found.metadata.deletion_timestamp.is_some(),
        owned: found
            .owner_references()
            .iter()
            .any(|owner| owner.uid == key.uid),
        operators: operators(&found),
        is_told: found.status.is_some(),
    });
    let seen = shared.remotes.view(&key.uid).and_then(|view| seen(&view));
    Ok(Observation::Of(Observed { at, state, seen }))
}

/// A list that could not be read as a whole says nothing about who is missing from it.
pub(super) fn seen(view: &View) -> Option<Seen> {
    let seen = view.seen.as_ref().ok()?;
    let is_whole = seen.has_read(Part::ClusterOperators);
    is_whole.then(|| Seen {
        at: view.at,
        operators: seen.operators.clone(),
    })
}

pub(super) fn operators(state: &ClusterState) -> Vec<OperatorSeen> {
    let status = state.status.as_ref();
    let told = status.and_then(|status| status.cluster_operators.as_ref());
    let told = told.into_iter().flatten();
    let mut operators: Vec<OperatorSeen> = told
        .map(|operator| OperatorSeen {
            name: operator.name.clone(),
            conditions: operator
                .conditions
                .iter()
                .flatten()
                .map(condition)
                .collect(),
        })
        .collect();
    operators.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    operators
}

fn condition(condition: &OperatorCondition) -> ConditionSeen {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    ConditionSeen {
        type_: condition.r#type.clone(),
        status: condition.status.as_str().to_owned(),
        reason: text(&condition.reason),
        message: text(&condition.message),
        since: Some(condition.last_transition_time.timestamp()),
    }
}
