//! `MachinePoolNameLease`: one of the short names that machine pools of a cluster may have.
//!
//! Mirrors docs/spec/22 §8. Shapes only: the object's name and labels are all that it says.

#![expect(
    clippy::duplicated_attributes,
    reason = "each printer column names its type; the lint reads them as one attribute"
)]

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wire::absent_spec_is_empty;

/// Nothing is wanted: the object reserves its name.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, CustomResource,
)]
#[kube(
    group = "hive.openshift.io",
    version = "v1",
    kind = "MachinePoolNameLease",
    plural = "machinepoolnameleases",
    namespaced,
    status = "MachinePoolNameLeaseStatus",
    schema = "disabled",
    doc = "A `MachinePoolNameLease` as it is stored.",
    derive = "PartialEq",
    derive = "Default",
    printcolumn(
        name = "MachinePool",
        type_ = "string",
        json_path = r".metadata.labels.hive\.openshift\.io/machine-pool-name"
    ),
    printcolumn(
        name = "Cluster",
        type_ = "string",
        json_path = r".metadata.labels.hive\.openshift\.io/cluster-deployment-name"
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct MachinePoolNameLeaseSpec {}

absent_spec_is_empty!(MachinePoolNameLeaseSpec);

/// Nothing is recorded about a lease.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MachinePoolNameLeaseStatus {}
