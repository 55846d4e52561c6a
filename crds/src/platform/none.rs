//! No platform integration: the block says only that it is so.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A cluster without platform integration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Platform {}
