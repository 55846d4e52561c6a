//! `Checkpoint`: what was last backed up of a namespace.
//!
//! Mirrors docs/spec/32 §10. Shapes only.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wire::Time;

/// What was last backed up of a namespace.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, CustomResource,
)]
#[kube(
    group = "hive.openshift.io",
    version = "v1",
    kind = "Checkpoint",
    plural = "checkpoints",
    namespaced,
    status = "CheckpointStatus",
    schema = "disabled",
    doc = "A `Checkpoint` as it is stored.",
    derive = "PartialEq",
    derive = "Default"
)]
#[serde(rename_all = "camelCase")]
pub struct CheckpointSpec {
    /// Checksum of the namespace's objects at that time.
    pub last_backup_checksum: String,
    /// The backup that was made.
    pub last_backup_ref: BackupReference,
    /// When it was made.
    pub last_backup_time: Time,
}

/// A backup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupReference {
    /// Name of the backup.
    pub name: String,
    /// Namespace of the backup.
    pub namespace: String,
}

/// Nothing is recorded here: the spec is the record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckpointStatus {}
