//! Decides whether a thing in the account belongs to the cluster. Nothing is deleted without a proof
//! that comes from here or from membership in something that has one.
//!
//! A resource is the cluster's when it has all tags of any one identifier of the metadata; a shared
//! mark outweighs that, since losing somebody else's network is worse than leaving one thing.
//! Mirrors `docs/spec/20 §9.1, §9.7` and `docs/spec/50 §3`.

use std::collections::{BTreeMap, BTreeSet};

use skep_providers::erase::{AwsFacts, Proof, TagFilter};

/// Tags of a resource.
pub(crate) type Tags = BTreeMap<String, String>;

/// Prefix of the tag keys that may say `shared`.
const CLUSTER_KEY: &str = "kubernetes.io/cluster/";
const SHARED: &str = "shared";

/// What the tags of a resource say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The cluster's own.
    Owned(Proof),
    /// Somebody else's, used by the cluster; the key carries the mark.
    Shared(String),
    /// Not of the cluster.
    None,
}

/// What selects the cluster.
#[derive(Debug, Clone)]
pub(crate) struct Ownership {
    infra_id: String,
    filters: Vec<TagFilter>,
}

impl Ownership {
    pub(crate) fn new(infra_id: &str, facts: &AwsFacts) -> Self {
        // Facts refuse empty filters; an empty one here would match everything.
        let filters = facts
            .filters
            .iter()
            .filter(|filter| !filter.is_empty())
            .cloned()
            .collect();
        Self {
            infra_id: infra_id.to_owned(),
            filters,
        }
    }

    pub(crate) fn infra_id(&self) -> &str {
        &self.infra_id
    }

    /// `<infra ID>-`, with which the names of the cluster's things begin.
    pub(crate) fn prefix(&self) -> String {
        format!("{}-", self.infra_id)
    }

    pub(crate) fn filters(&self) -> &[TagFilter] {
        &self.filters
    }

    /// Keys of all filters.
    pub(crate) fn keys(&self) -> BTreeSet<&str> {
        self.filters
            .iter()
            .flat_map(|filter| filter.keys().map(String::as_str))
            .collect()
    }

    /// Values that tags with those keys may have to be of interest.
    pub(crate) fn values(&self) -> BTreeSet<&str> {
        let wanted = self
            .filters
            .iter()
            .flat_map(|filter| filter.values().map(String::as_str));
        wanted.chain([SHARED]).collect()
    }

    /// Keys that mark shared resources.
    pub(crate) fn shared_keys(&self) -> impl Iterator<Item = &str> {
        self.keys()
            .into_iter()
            .filter(|key| key.starts_with(CLUSTER_KEY))
    }

    pub(crate) fn mark(&self, tags: &Tags) -> Mark {
        let is_shared = |key: &&str| tags.get(*key).is_some_and(|value| value == SHARED);
        if let Some(key) = self.shared_keys().find(is_shared) {
            return Mark::Shared(key.to_owned());
        }
        let all = |filter: &&TagFilter| {
            filter
                .iter()
                .all(|(key, value)| tags.get(key).is_some_and(|found| found == value))
        };
        match self.filters.iter().find(all) {
            Some(filter) => self.proof_of(filter),
            None => Mark::None,
        }
    }

    /// The pair of a filter that names the cluster, or else its first.
    fn proof_of(&self, filter: &TagFilter) -> Mark {
        let names = |(key, value): &(&String, &String)| {
            key.contains(&self.infra_id) || value.contains(&self.infra_id)
        };
        match filter.iter().find(names).or_else(|| filter.iter().next()) {
            Some((key, value)) => Mark::Owned(Proof::OwnedTag {
                key: key.clone(),
                value: value.clone(),
            }),
            None => Mark::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use skep_providers::Endpoints;

    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn ownership(filters: &[&[(&str, &str)]]) -> Ownership {
        let facts = AwsFacts {
            region: "us-east-1".into(),
            endpoints: Endpoints::default(),
            filters: filters.iter().map(|filter| tags(filter)).collect(),
            cluster_domain: None,
            hosted_zone_role: None,
        };
        Ownership::new("demo-x7k2p", &facts)
    }

    #[test]
    fn any_identifier_matches_and_all_its_pairs_must() {
        let ours = ownership(&[
            &[("kubernetes.io/cluster/demo-x7k2p", "owned")],
            &[("openshiftClusterID", "u-1"), ("stage", "test")],
        ]);
        let owned = |pairs| matches!(ours.mark(&tags(pairs)), Mark::Owned(_));
        assert!(owned(&[
            ("kubernetes.io/cluster/demo-x7k2p", "owned"),
            ("Name", "x")
        ]));
        assert!(owned(&[("openshiftClusterID", "u-1"), ("stage", "test")]));
        assert!(!owned(&[("openshiftClusterID", "u-1")]));
        assert!(!owned(&[("openshiftClusterID", "u-10"), ("stage", "test")]));
        assert!(!owned(&[("kubernetes.io/cluster/demo-x7k2", "owned")]));
        assert!(!owned(&[("kubernetes.io/cluster/demo-x7k2p2", "owned")]));
        assert!(!owned(&[("kubernetes.io/cluster/demo-x7k2p", "Owned")]));
        assert!(!owned(&[("Name", "demo-x7k2p-vpc")]));
        assert!(!owned(&[]));
    }

    #[test]
    fn shared_outweighs_owned() {
        let ours = ownership(&[
            &[("kubernetes.io/cluster/demo-x7k2p", "owned")],
            &[("openshiftClusterID", "u-1")],
        ]);
        let found = ours.mark(&tags(&[
            ("kubernetes.io/cluster/demo-x7k2p", "shared"),
            ("openshiftClusterID", "u-1"),
        ]));
        assert_eq!(
            found,
            Mark::Shared("kubernetes.io/cluster/demo-x7k2p".into())
        );
        let other = ours.mark(&tags(&[("kubernetes.io/cluster/other", "shared")]));
        assert_eq!(other, Mark::None);
    }

    #[test]
    fn an_empty_filter_matches_nothing() {
        assert_eq!(ownership(&[&[]]).mark(&tags(&[("a", "b")])), Mark::None);
    }
}
