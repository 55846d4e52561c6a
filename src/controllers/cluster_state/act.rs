//! The two effects: creating the `ClusterState`, and writing what the operators report.

use serde_json::json;
use skep_crds::external::cluster_version::OperatorCondition;
use skep_crds::names::label;
use skep_crds::v1::cluster_state::ClusterOperatorState;
use skep_crds::{ClusterDeployment, ClusterState, ClusterStateSpec, ConditionStatus, Time};

use super::{Error, Observed, Seen, Step};
use crate::controllers::context::Shared;
use crate::controllers::owned;
use crate::remote::view::{ConditionSeen, OperatorSeen};
use crate::runtime::StatusPlace;

pub(super) async fn act(shared: &Shared, observed: &Observed, step: Step) -> Result<(), Error> {
    let (reader, writer) = (&shared.context.reader, &shared.context.writer);
    match step {
        Step::Create => {
            let key = &observed.at.key;
            let root = reader.get_live::<ClusterDeployment>(&key.namespace, &key.name);
            let root = root.await.map_err(Error::Read)?;
            let root = root.filter(|root| root.metadata.uid.as_ref() == Some(&key.uid));
            let root = root.ok_or(Error::Changed)?;
            let owner = owned::controller_of(&root);
            let mut state = ClusterState::new(&key.name, ClusterStateSpec::default());
            state.metadata.namespace = Some(key.namespace.clone());
            if label::can_hold(&key.name) {
                let label = (label::CLUSTER_DEPLOYMENT_NAME.to_owned(), key.name.clone());
                state.metadata.labels = Some([label].into());
            }
            state.metadata.owner_references = Some(vec![owner.clone()]);
            owned::create(reader, writer, &state, &owner)
                .await
                .map_err(Error::Create)
        }
        Step::Tell { at, seen } => {
            let Seen {
                at: seen_at,
                operators,
            } = seen;
            let operators: Vec<ClusterOperatorState> = operators
                .into_iter()
                .map(|OperatorSeen { name, conditions }| ClusterOperatorState {
                    name,
                    conditions: Some(
                        conditions
                            .into_iter()
                            .map(|one| told(one, seen_at.into()))
                            .collect(),
                    ),
                })
                .collect();
            let status = json!({
                "clusterOperators": operators,
                "lastUpdated": Time::whole_seconds(seen_at),
            });
            let place = StatusPlace::Subresource;
            let written = writer
                .patch_status::<ClusterState>(&at, place, status)
                .await;
            written.map(drop).map_err(Error::Tell)
        }
    }
}

/// A condition as the API has it; one without a moment has had its status since it was seen, at least.
fn told(condition: ConditionSeen, seen_at: Time) -> OperatorCondition {
    let ConditionSeen {
        type_,
        status,
        reason,
        message,
        since,
    } = condition;
    let text = |text: String| Some(text).filter(|text| !text.is_empty());
    OperatorCondition {
        last_transition_time: Time::whole_seconds(since.unwrap_or_else(|| seen_at.timestamp())),
        message: text(message),
        reason: text(reason),
        status: ConditionStatus::from(status.as_str()),
        r#type: type_,
    }
}
