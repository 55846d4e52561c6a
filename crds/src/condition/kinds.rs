//! What differs between the condition lists of the kinds: a row per kind (docs/spec/44 §7).
//!
//! Decides which status of a condition is the good one, which types a list has from the beginning, and
//! whether a type that is not in the list yet is added although it does not hold.

use super::{Condition, ConditionStatus, WhenAbsent};
use crate::names::condition as types;

/// Which status of a condition is the good one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Polarity {
    /// True is good.
    Positive,
    /// False is good.
    Negative,
}

/// The rules of a kind's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List {
    /// The kind.
    pub kind: &'static str,
    /// The API's types.
    pub types: &'static [&'static str],
    /// Those for which True is good.
    pub positive: &'static [&'static str],
    /// Those that are there from the beginning, as Unknown.
    pub initial: &'static [&'static str],
    /// What happens to a verdict whose type is not in the list.
    pub absent: WhenAbsent,
}

impl List {
    /// The polarity of a type. Types that nobody knows count as negative, as they always have for
    /// readers of this API.
    pub fn polarity(&self, type_: &str) -> Polarity {
        if self.positive.contains(&type_) {
            Polarity::Positive
        } else {
            Polarity::Negative
        }
    }

    /// Whether a condition has the status that its polarity calls good.
    pub fn is_desired(&self, condition: &Condition) -> bool {
        match (self.polarity(&condition.type_), &condition.status) {
            (Polarity::Positive, ConditionStatus::True)
            | (Polarity::Negative, ConditionStatus::False) => true,
            (Polarity::Positive, ConditionStatus::False | ConditionStatus::Other(_))
            | (Polarity::Negative, ConditionStatus::True | ConditionStatus::Other(_))
            | (_, ConditionStatus::Unknown) => false,
        }
    }
}

/// `PrivateLinkReady` is positive here: the list that others use lacks it, so that a healthy private
/// connection was sorted first as if it were an error (docs/spec/44 §10, 18). Each of the writers
/// brings its own types into the list; what stands here is what the first of them brings.
pub const CLUSTER_DEPLOYMENT: List = List {
    kind: "ClusterDeployment",
    types: types::cd::ALL,
    positive: types::cd::POSITIVE,
    initial: types::cd::INITIALIZED_BY_CLUSTER_DEPLOYMENT,
    absent: WhenAbsent::Add,
};

/// `ClusterProvision`.
pub const CLUSTER_PROVISION: List = List {
    kind: "ClusterProvision",
    types: types::provision::ALL,
    positive: types::provision::POSITIVE,
    initial: &[],
    absent: WhenAbsent::AddIfTrue,
};

/// `ClusterDeprovision`.
pub const CLUSTER_DEPROVISION: List = List {
    kind: "ClusterDeprovision",
    types: types::deprovision::ALL,
    positive: &[],
    initial: &[],
    absent: WhenAbsent::AddIfTrue,
};

/// `ClusterPool`.
pub const CLUSTER_POOL: List = List {
    kind: "ClusterPool",
    types: types::cluster_pool::ALL,
    positive: types::cluster_pool::POSITIVE,
    initial: types::cluster_pool::ALL,
    absent: WhenAbsent::Add,
};

/// `ClusterClaim`.
pub const CLUSTER_CLAIM: List = List {
    kind: "ClusterClaim",
    types: types::cluster_claim::ALL,
    positive: types::cluster_claim::POSITIVE,
    initial: types::cluster_claim::ALL,
    absent: WhenAbsent::Add,
};

/// `MachinePool`.
pub const MACHINE_POOL: List = List {
    kind: "MachinePool",
    types: types::machine_pool::ALL,
    positive: types::machine_pool::POSITIVE,
    initial: types::machine_pool::ALL,
    absent: WhenAbsent::Add,
};

/// `DNSZone`.
pub const DNS_ZONE: List = List {
    kind: "DNSZone",
    types: types::dns_zone::ALL,
    positive: types::dns_zone::POSITIVE,
    initial: &[],
    absent: WhenAbsent::AddIfTrue,
};

/// `HiveConfig`.
pub const HIVE_CONFIG: List = List {
    kind: "HiveConfig",
    types: types::hive_config::ALL,
    positive: types::hive_config::ALL,
    initial: types::hive_config::ALL,
    absent: WhenAbsent::Add,
};

/// `ClusterDeploymentCustomization`, whose conditions have the platform's own shape.
pub const CLUSTER_DEPLOYMENT_CUSTOMIZATION: List = List {
    kind: "ClusterDeploymentCustomization",
    types: types::customization::ALL,
    positive: types::customization::ALL,
    initial: &[],
    absent: WhenAbsent::Add,
};

/// `ClusterSync`.
pub const CLUSTER_SYNC: List = List {
    kind: "ClusterSync",
    types: types::cluster_sync::ALL,
    positive: &[],
    initial: &[],
    absent: WhenAbsent::AddIfTrue,
};

/// Installations by other controllers, whatever their kind.
pub const CLUSTER_INSTALL: List = List {
    kind: "ClusterInstall",
    types: types::cluster_install::ALL,
    positive: types::cluster_install::POSITIVE,
    initial: types::cluster_install::ALL,
    absent: WhenAbsent::Add,
};

/// Every list.
pub const ALL: &[List] = &[
    CLUSTER_DEPLOYMENT,
    CLUSTER_PROVISION,
    CLUSTER_DEPROVISION,
    CLUSTER_POOL,
    CLUSTER_CLAIM,
    MACHINE_POOL,
    DNS_ZONE,
    HIVE_CONFIG,
    CLUSTER_DEPLOYMENT_CUSTOMIZATION,
    CLUSTER_SYNC,
    CLUSTER_INSTALL,
];
