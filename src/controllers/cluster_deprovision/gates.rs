//! The gates before the deletion of a cluster (docs/spec/20 §3, step 3): whose order it is, and whether it
//! may be carried out now.
//!
//! They are the only protection against an order that somebody made by hand, so all of them are asked at
//! every decision, and whatever is not known for certain keeps its gate shut. Nothing is done here.

use skep_crds::names::reason;

use super::decide::Step;
use super::observed::{Cluster, Description, Observed, Owner};
use crate::plan::Note;

/// What stands in the way.
pub(super) struct Gate {
    pub(super) reason: &'static str,
    pub(super) message: String,
    pub(super) note: Note,
    pub(super) step: Option<Step>,
    /// Whether nothing rings when it opens.
    pub(super) unannounced: bool,
}

impl Gate {
    /// A person must act.
    fn blocked(reason: &'static str, message: String, by: String, fix: impl Into<String>) -> Self {
        let note = Note::blocked(reason, message.clone(), by, fix);
        Self {
            reason,
            message,
            note,
            step: None,
            unannounced: false,
        }
    }
}

/// All must be open (docs/spec/20 §3, step 3); gives the ClusterDeployment behind them.
pub(super) fn gates(observed: &Observed) -> Result<&Cluster, Gate> {
    let cluster = owner(observed)?;
    let of_cluster = || format!("ClusterDeployment {}/{}", observed.namespace, cluster.name);
    if !cluster.deleting {
        return Err(Gate::blocked(
            reason::skep::CLUSTER_NOT_BEING_DELETED,
            format!("ClusterDeployment {} is not being deleted", cluster.name),
            of_cluster(),
            "to delete the cluster delete its ClusterDeployment, else delete this ClusterDeprovision",
        ));
    }
    if cluster.protected {
        return Err(Gate::blocked(
            reason::skep::DELETE_PROTECTED,
            format!(
                "ClusterDeployment {} is protected against deletion",
                cluster.name
            ),
            of_cluster(),
            "set its annotation hive.openshift.io/protected-delete to false",
        ));
    }
    if cluster.preserved {
        return Err(Gate::blocked(
            reason::skep::PRESERVED,
            format!("ClusterDeployment {} keeps its cluster", cluster.name),
            of_cluster(),
            "set its spec.preserveOnDelete to false to have the cluster deleted",
        ));
    }
    if cluster.paused {
        let note = Note::paused().as_event();
        return Err(Gate {
            reason: reason::skep::PAUSED,
            message: note.message.clone(),
            note,
            step: None,
            unannounced: false,
        });
    }
    if observed.disabled {
        let message = "deletions from clouds are switched off for this hub".to_owned();
        let reason = reason::skep::DEPROVISIONS_DISABLED;
        let switch = "the setting deprovisionsDisabled";
        let note = Note::waiting(reason, message.clone(), switch, None).as_event();
        return Err(Gate {
            reason,
            message,
            note,
            step: None,
            unannounced: true,
        });
    }
    if !observed.supported {
        return Err(Gate::blocked(
            reason::skep::PLATFORM_NOT_SUPPORTED,
            format!(
                "clusters on {} cannot be deleted yet",
                observed.platform.label()
            ),
            format!(
                "ClusterDeprovision {}/{}",
                observed.namespace, observed.name
            ),
            "delete its resources in the cloud by other means, then set preserveOnDelete",
        ));
    }
    described(observed)?;
    Ok(cluster)
}

fn owner(observed: &Observed) -> Result<&Cluster, Gate> {
    let order = || {
        format!(
            "ClusterDeprovision {}/{}",
            observed.namespace, observed.name
        )
    };
    let cluster = match &observed.owner {
        Owner::Nobody => {
            return Err(Gate::blocked(
                reason::skep::NOT_OWNED,
                "no ClusterDeployment is the controller of this order".to_owned(),
                order(),
                "to delete a cluster delete its ClusterDeployment",
            ));
        }
        Owner::Missing { name } => {
            return Err(Gate::blocked(
                reason::skep::NOT_OWNED,
                format!("ClusterDeployment {name} does not exist"),
                order(),
                "restore it, or delete this ClusterDeprovision",
            ));
        }
        Owner::Cluster(cluster) => cluster,
    };
    let Cluster {
        name,
        uid,
        restored,
        infra_id,
        ..
    } = cluster;
    if infra_id.as_ref() != Some(&observed.infra_id) {
        let theirs = infra_id.as_ref().map_or_else(
            || "no infra ID".to_owned(),
            |theirs| format!("infra ID {theirs}"),
        );
        return Err(Gate::blocked(
            reason::skep::NOT_OWNED,
            format!(
                "ClusterDeployment {name} carries {theirs}, this order names {}",
                observed.infra_id
            ),
            order(),
            "correct spec.clusterMetadata of the ClusterDeployment, or delete this ClusterDeprovision",
        ));
    }
    if let Some(other) = &observed.used_by {
        return Err(Gate::blocked(
            reason::skep::IN_USE_BY_ANOTHER,
            format!(
                "ClusterDeployment {other} carries infra ID {} as well, and is not being deleted",
                observed.infra_id
            ),
            format!("ClusterDeployment {other}"),
            "delete that one too to have the cluster deleted, or set spec.preserveOnDelete here to \
             have it kept",
        ));
    }
    if !restored {
        return Ok(cluster);
    }
    let message = format!("ClusterDeployment {name} was restored and becomes the owner again");
    Err(Gate {
        reason: reason::skep::STARTING,
        note: Note::progress(reason::skep::STARTING, message.clone()),
        message,
        step: Some(Step::Reown { uid: uid.clone() }),
        unannounced: false,
    })
}

fn described(observed: &Observed) -> Result<(), Gate> {
    let (message, by, fix) = match &observed.description {
        Description::Metadata { .. } | Description::Legacy => return Ok(()),
        Description::MissingSecret { secret } => (
            format!("Secret {secret}, which describes the cluster, does not exist"),
            format!("Secret {}/{secret}", observed.namespace),
            "restore it, or set the annotation hive.openshift.io/legacy-deprovision to true",
        ),
        Description::Incomplete => (
            "the order names no Secret that describes the cluster, and lacks the facts to do without"
                .to_owned(),
            format!("ClusterDeprovision {}/{}", observed.namespace, observed.name),
            "fill in metadataJSONSecretRef",
        ),
    };
    Err(Gate::blocked(
        reason::skep::METADATA_INCOMPLETE,
        message,
        by,
        fix,
    ))
}
