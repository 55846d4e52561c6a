//! The plan on record: what will be done, in which order, and a digest of it.
//!
//! Pure: made of facts, descriptions of kinds and a discovery, without a call. Whatever the
//! discovery claims is checked here once more against the facts: a proof that the facts do not bear
//! out turns a resource into one that is only shown.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

use petgraph::graph::NodeIndex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    facts::ClusterFacts,
    graph::{Graph, GraphError, Node},
    inventory::{Discovery, Gap, KindSpec},
    resource::{Kind, Proof, ResourceId},
};
use crate::account::AccountId;

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// Takes references away so that a cycle opens.
    Release,
    /// Deletes.
    Delete,
    /// Waits until it goes by itself.
    Wait,
    /// Takes the cluster's mark off.
    Untag,
}

/// A step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedStep {
    /// What is done.
    pub action: Action,
    /// To which resource.
    pub id: ResourceId,
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Why it is ours; absent for shared resources.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub proof: Option<Proof>,
    /// Indexes of the steps that must have ended before, in this plan.
    pub after: Vec<usize>,
    /// Length of the longest chain of steps before this one.
    pub wave: usize,
}

/// A resource that is found and not touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Untouched {
    /// Which.
    pub id: ResourceId,
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
    /// It claims to be the cluster's, and its proof does not hold: the erasure cannot be complete.
    pub ours: bool,
}

/// What an erasure will do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Plan {
    /// Infra ID of the cluster.
    pub infra_id: String,
    /// The verified account.
    pub account: AccountId,
    /// Why it was made: `initial`, `sweep`, `holder of …`.
    pub reason: String,
    /// Steps, in an order that keeps every dependency.
    pub steps: Vec<PlannedStep>,
    /// What is found and not touched.
    pub untouched: Vec<Untouched>,
    /// Listings that failed.
    pub gaps: Vec<String>,
    /// SHA-256 over the sorted content, as `sha256:<hex>`; the order in which a cloud listed does
    /// not matter.
    pub digest: String,
    /// A control plane was found: there will be a sweep.
    pub control_plane: bool,
}

impl Plan {
    /// Makes a plan of what was found.
    pub fn build(
        facts: &ClusterFacts,
        account: &AccountId,
        kinds: &[KindSpec],
        discovery: Discovery,
        reason: &str,
    ) -> Result<Self, GraphError> {
        let mut graph = Graph::new(kinds);
        let Discovery {
            resources,
            gaps,
            control_plane_ended,
        } = discovery;
        graph.add(facts, resources)?;
        Ok(Self::of_graph(
            facts,
            account,
            &graph,
            &gaps,
            control_plane_ended,
            reason,
        ))
    }

    pub(crate) fn of_graph(
        facts: &ClusterFacts,
        account: &AccountId,
        graph: &Graph,
        gaps: &[Gap],
        control_plane_ended: bool,
        reason: &str,
    ) -> Self {
        let ordered = graph.ordered();
        let nodes: Vec<NodeIndex> = ordered.iter().map(|(index, _)| *index).collect();
        let mut plan = Self::of_nodes(facts, account, graph, &nodes, reason);
        for (step, (_, wave)) in plan.steps.iter_mut().zip(&ordered) {
            step.wave = *wave;
        }
        plan.untouched = graph.untouched.values().cloned().collect();
        plan.gaps = gaps
            .iter()
            .map(|gap| format!("{}: {}", gap.source, gap.error))
            .collect();
        plan.control_plane |= control_plane_ended;
        plan.digest = plan.compute_digest();
        plan
    }

    /// A plan of some nodes only: an addition.
    pub(crate) fn of_nodes(
        facts: &ClusterFacts,
        account: &AccountId,
        graph: &Graph,
        nodes: &[NodeIndex],
        reason: &str,
    ) -> Self {
        let places: BTreeMap<NodeIndex, usize> = nodes
            .iter()
            .enumerate()
            .map(|(place, index)| (*index, place))
            .collect();
        let step = |index: &NodeIndex| {
            let Node { action, resource } = graph.node(*index);
            let mut after: Vec<usize> = graph
                .before(*index)
                .filter_map(|before| places.get(&before).copied())
                .collect();
            after.sort_unstable();
            PlannedStep {
                action: *action,
                id: resource.id.clone(),
                kind: resource.kind.clone(),
                name: resource.name.clone(),
                proof: resource.proof.clone(),
                after,
                wave: 0,
            }
        };
        let mut plan = Self {
            infra_id: facts.infra_id.clone(),
            account: account.clone(),
            reason: reason.to_owned(),
            steps: nodes.iter().map(step).collect(),
            untouched: Vec::new(),
            gaps: Vec::new(),
            digest: String::new(),
            control_plane: nodes
                .iter()
                .any(|index| graph.node(*index).resource.control_plane),
        };
        plan.digest = plan.compute_digest();
        plan
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Resources to be deleted, waited for or untagged, per kind.
    pub fn counts(&self) -> BTreeMap<Kind, usize> {
        let mut counts = BTreeMap::new();
        for step in self
            .steps
            .iter()
            .filter(|step| step.action != Action::Release)
        {
            *counts.entry(step.kind.clone()).or_default() += 1;
        }
        counts
    }

    fn compute_digest(&self) -> String {
        let mut lines: Vec<String> = self
            .steps
            .iter()
            .map(|step| {
                let proof = step
                    .proof
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                format!("{:?}\t{}\t{}\t{proof}", step.action, step.kind, step.id)
            })
            .collect();
        lines.sort();
        let mut hash = Sha256::new();
        hash.update(self.infra_id.as_bytes());
        hash.update([0]);
        hash.update(self.account.as_str().as_bytes());
        for line in lines {
            hash.update([0]);
            hash.update(line.as_bytes());
        }
        let mut digest = String::from("sha256:");
        for byte in hash.finalize() {
            // Writing to a String cannot fail.
            let _ = write!(digest, "{byte:02x}");
        }
        digest
    }
}

impl fmt::Display for Plan {
    /// A table for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            infra_id,
            account,
            steps,
            untouched,
            gaps,
            digest,
            ..
        } = self;
        writeln!(
            f,
            "Plan for {infra_id} in {account}, {} steps, {digest}",
            steps.len()
        )?;
        let rows: Vec<[String; 5]> = steps
            .iter()
            .map(|step| {
                let action = match step.action {
                    Action::Release => "release",
                    Action::Delete => "delete",
                    Action::Wait => "wait for",
                    Action::Untag => "untag",
                };
                let name = if step.id.as_str().ends_with(&step.name) {
                    step.id.to_string()
                } else {
                    format!("{} ({})", step.id, step.name)
                };
                let proof = step
                    .proof
                    .as_ref()
                    .map_or_else(|| "shared".to_owned(), ToString::to_string);
                [
                    step.wave.to_string(),
                    action.to_owned(),
                    step.kind.to_string(),
                    name,
                    proof,
                ]
            })
            .collect();
        table(f, ["WAVE", "DO", "KIND", "RESOURCE", "BECAUSE"], &rows)?;
        if !untouched.is_empty() {
            writeln!(f, "\nFound and not touched:")?;
            for item in untouched {
                writeln!(f, "  {} {}: {}", item.kind, item.id, item.reason)?;
            }
        }
        if !gaps.is_empty() {
            writeln!(
                f,
                "\nListings that failed, so that nothing can be called empty:"
            )?;
            for gap in gaps {
                writeln!(f, "  {gap}")?;
            }
        }
        Ok(())
    }
}

/// Writes rows under headings, columns aligned.
pub(crate) fn table<const N: usize>(
    f: &mut fmt::Formatter<'_>,
    headings: [&str; N],
    rows: &[[String; N]],
) -> fmt::Result {
    let mut widths = headings.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |f: &mut fmt::Formatter<'_>, cells: [&str; N]| {
        let mut text = String::new();
        for (cell, width) in cells.iter().zip(widths) {
            let _ = write!(text, "{cell:<width$}  ");
        }
        writeln!(f, "{}", text.trim_end())
    };
    line(f, headings)?;
    for row in rows {
        line(f, row.each_ref().map(String::as_str))?;
    }
    Ok(())
}
