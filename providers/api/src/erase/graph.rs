//! The order of deletion, as a graph: an edge from A to B says that B can go only after A has gone.
//!
//! Pure. Edges come from explicit holders, from rules between kinds, and from what follows what;
//! cycles are opened by releasing references, as few as possible. The executor adds edges when a
//! cloud names a holder that nobody knew.
//!
//! Wave order of `docs/spec/20 §9.9` is not written down anywhere: it results.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use petgraph::{
    Direction,
    algo::{tarjan_scc, toposort},
    graph::{DiGraph, NodeIndex},
    visit::{EdgeRef, NodeFiltered},
};

use super::{
    facts::ClusterFacts,
    inventory::{KindSpec, Scope},
    plan::{Action, Untouched},
    resource::{Disposal, Hold, Kind, Proof, Resource, ResourceId},
};

/// The discovery contradicts the description of kinds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// A resource is of a kind that the inventory does not describe.
    #[error("kind {0} has no description")]
    UnknownKind(Kind),
}

/// A step of the graph.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) action: Action,
    pub(crate) resource: Arc<Resource>,
}

/// Why an edge is there; in the order in which a cycle gives them up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Because {
    Reference,
    Rule,
    Uses,
    Follows,
}

/// Steps and their order.
#[derive(Debug, Clone)]
pub(crate) struct Graph {
    kinds: BTreeMap<Kind, KindSpec>,
    dag: DiGraph<Node, Because>,
    index: BTreeMap<ResourceId, NodeIndex>,
    releases: BTreeMap<ResourceId, NodeIndex>,
    by_kind: BTreeMap<Kind, Vec<NodeIndex>>,
    /// Found and not touched; ours if it claims to be and cannot prove it.
    pub(crate) untouched: BTreeMap<ResourceId, Untouched>,
    /// Resource of ours → who else holds it.
    pub(crate) foreign_holders: BTreeMap<ResourceId, BTreeSet<String>>,
}

impl Graph {
    pub(crate) fn new(kinds: &[KindSpec]) -> Self {
        Self {
            kinds: kinds
                .iter()
                .map(|spec| (spec.kind.clone(), spec.clone()))
                .collect(),
            dag: DiGraph::new(),
            index: BTreeMap::new(),
            releases: BTreeMap::new(),
            by_kind: BTreeMap::new(),
            untouched: BTreeMap::new(),
            foreign_holders: BTreeMap::new(),
        }
    }

    /// Adds what was found and is not in the graph yet, connects it, and opens cycles. Returns the
    /// new nodes.
    pub(crate) fn add(
        &mut self,
        facts: &ClusterFacts,
        found: Vec<Resource>,
    ) -> Result<Vec<NodeIndex>, GraphError> {
        let found = self.unproven_set_aside(facts, unified(found));
        let before = self.dag.node_count();
        for resource in &found {
            if let Some(action) = action_of(resource) {
                if action != Action::Untag && !self.kinds.contains_key(&resource.kind) {
                    return Err(GraphError::UnknownKind(resource.kind.clone()));
                }
                self.add_node(action, Arc::new(resource.clone()));
            }
        }
        for resource in &found {
            if let (None, Disposal::Leave { reason }) = (action_of(resource), &resource.disposal) {
                self.set_aside(resource, reason, resource.proof.is_some());
            }
        }
        for index in self.dag.node_indices().skip(before).collect::<Vec<_>>() {
            self.connect(index);
        }
        self.open_cycles(|_| false);
        Ok(self.dag.node_indices().skip(before).collect())
    }

    pub(crate) fn nodes(&self) -> impl Iterator<Item = NodeIndex> + use<> {
        self.dag.node_indices()
    }

    pub(crate) fn node(&self, index: NodeIndex) -> &Node {
        &self.dag[index]
    }

    /// The step that makes a resource go.
    pub(crate) fn find(&self, id: &ResourceId) -> Option<NodeIndex> {
        self.index.get(id).copied()
    }

    pub(crate) fn spec(&self, kind: &Kind) -> Option<&KindSpec> {
        self.kinds.get(kind)
    }

    /// Steps that must have ended before `index`.
    pub(crate) fn before(&self, index: NodeIndex) -> impl Iterator<Item = NodeIndex> {
        self.dag.neighbors_directed(index, Direction::Incoming)
    }

    /// Steps that wait for `index`.
    pub(crate) fn waiting_for(&self, index: NodeIndex) -> impl Iterator<Item = NodeIndex> {
        self.dag.neighbors_directed(index, Direction::Outgoing)
    }

    /// Records that `holder` has to go before `held`, or let it go if it only refers to it, and opens
    /// the cycles that this closes. `over` tells steps that have ended: nothing waits for them.
    pub(crate) fn hold(
        &mut self,
        holder: NodeIndex,
        held: NodeIndex,
        manner: Hold,
        over: impl Fn(NodeIndex) -> bool,
    ) {
        self.edge(Some(holder), Some(held), because(manner));
        self.open_cycles(over);
    }

    /// Steps in an order that keeps every edge, sorted by wave, kind and identifier, with their
    /// waves; untagging last of all.
    pub(crate) fn ordered(&self) -> Vec<(NodeIndex, usize)> {
        let mut waves = vec![0; self.dag.node_count()];
        // Cycles were opened, so the order exists.
        for index in toposort(&self.dag, None).unwrap_or_default() {
            let wave = self
                .before(index)
                .map(|before| waves[before.index()] + 1)
                .max();
            waves[index.index()] = wave.unwrap_or(0);
        }
        let last = waves.iter().copied().max().unwrap_or(0) + 1;
        let mut ordered: Vec<_> = self
            .dag
            .node_indices()
            .map(|index| match self.dag[index].action {
                Action::Untag => (index, last),
                Action::Delete | Action::Wait | Action::Release => (index, waves[index.index()]),
            })
            .collect();
        ordered.sort_by(|(a, wave_a), (b, wave_b)| {
            let key = |index: &NodeIndex| {
                let Node { action, resource } = &self.dag[*index];
                (resource.kind.clone(), resource.id.clone(), *action)
            };
            wave_a.cmp(wave_b).then_with(|| key(a).cmp(&key(b)))
        });
        ordered
    }

    /// The longest chain of usual waits among steps that are not over, given how much of each is
    /// left.
    pub(crate) fn longest_wait(&self, left: impl Fn(NodeIndex) -> Option<Duration>) -> Duration {
        let mut ends = vec![Duration::ZERO; self.dag.node_count()];
        for index in toposort(&self.dag, None).unwrap_or_default() {
            let begin = self.before(index).map(|before| ends[before.index()]).max();
            if let Some(own) = left(index) {
                ends[index.index()] = begin.unwrap_or_default() + own;
            }
        }
        ends.into_iter().max().unwrap_or_default()
    }

    fn add_node(&mut self, action: Action, resource: Arc<Resource>) {
        if self.index.contains_key(&resource.id) {
            return;
        }
        let (id, kind) = (resource.id.clone(), resource.kind.clone());
        self.untouched.remove(&id);
        let index = self.dag.add_node(Node { action, resource });
        self.index.insert(id, index);
        self.by_kind.entry(kind).or_default().push(index);
    }

    /// Sets aside whatever claims to be ours and is not proven by the facts, or only by a parent
    /// that is not proven itself.
    fn unproven_set_aside(
        &mut self,
        facts: &ClusterFacts,
        found: BTreeMap<ResourceId, Resource>,
    ) -> Vec<Resource> {
        let mut proven: BTreeSet<ResourceId> = self
            .dag
            .node_weights()
            .filter(|node| node.action != Action::Untag)
            .map(|node| node.resource.id.clone())
            .collect();
        loop {
            let before = proven.len();
            for resource in found.values() {
                let holds = match &resource.proof {
                    None => false,
                    Some(Proof::MemberOf { parent }) => proven.contains(parent),
                    Some(proof) => facts.bear_out(proof, &resource.name),
                };
                let ours = match &resource.disposal {
                    Disposal::Delete => holds,
                    // What goes by itself needs no proof of its own; its owner does.
                    Disposal::Follows(owner) => holds || proven.contains(owner),
                    Disposal::Untag | Disposal::Leave { .. } => false,
                };
                if ours {
                    proven.insert(resource.id.clone());
                }
            }
            if proven.len() == before {
                break;
            }
        }
        let mut kept = Vec::new();
        for resource in found.into_values() {
            match &resource.disposal {
                Disposal::Delete | Disposal::Follows(_) if !proven.contains(&resource.id) => {
                    self.set_aside(&resource, "its proof of ownership does not hold", true);
                }
                Disposal::Delete
                | Disposal::Follows(_)
                | Disposal::Untag
                | Disposal::Leave { .. } => kept.push(resource),
            }
        }
        kept
    }

    fn set_aside(&mut self, resource: &Resource, reason: &str, ours: bool) {
        for held in resource.uses.keys() {
            let holder = format!("{} {}", resource.kind, resource.id);
            self.foreign_holders
                .entry(held.clone())
                .or_default()
                .insert(holder);
        }
        if !self.index.contains_key(&resource.id) {
            self.untouched.insert(
                resource.id.clone(),
                Untouched {
                    id: resource.id.clone(),
                    kind: resource.kind.clone(),
                    name: resource.name.clone(),
                    reason: reason.to_owned(),
                    ours,
                },
            );
        }
    }

    /// Edges between a new node and all others.
    fn connect(&mut self, new: NodeIndex) {
        let Node { action, resource } = self.dag[new].clone();
        if action == Action::Untag {
            return;
        }
        for (held, hold) in &resource.uses {
            self.edge(Some(new), self.find(held), because(*hold));
        }
        if let Disposal::Follows(owner) = &resource.disposal {
            self.edge(self.find(owner), Some(new), Because::Follows);
        }
        for other in self
            .dag
            .node_indices()
            .filter(|other| *other != new)
            .collect::<Vec<_>>()
        {
            let node = self.dag[other].clone();
            if let Some(hold) = node.resource.uses.get(&resource.id) {
                self.edge(Some(other), Some(new), because(*hold));
            }
            if node.resource.disposal == Disposal::Follows(resource.id.clone()) {
                self.edge(Some(new), Some(other), Because::Follows);
            }
        }
        for (first, then) in self.pairs_by_rules(new) {
            self.edge(Some(first), Some(then), Because::Rule);
        }
    }

    /// Pairs with `new` that the rules of kinds join. What goes by itself waits for no rule.
    fn pairs_by_rules(&self, new: NodeIndex) -> Vec<(NodeIndex, NodeIndex)> {
        let mut pairs = Vec::new();
        let deletes = |index: NodeIndex| self.dag[index].action == Action::Delete;
        let mut join = |first: NodeIndex, then: NodeIndex, scope: Scope| {
            let (a, b) = (&self.dag[first].resource, &self.dag[then].resource);
            if first != then && deletes(then) && in_scope(a, b, scope) {
                pairs.push((first, then));
            }
        };
        let kind = &self.dag[new].resource.kind;
        for rule in self
            .kinds
            .get(kind)
            .into_iter()
            .flat_map(|spec| &spec.after)
        {
            for first in self.by_kind.get(&rule.kind).into_iter().flatten() {
                join(*first, new, rule.scope);
            }
        }
        for spec in self.kinds.values() {
            for rule in spec.after.iter().filter(|rule| rule.kind == *kind) {
                for then in self.by_kind.get(&spec.kind).into_iter().flatten() {
                    join(new, *then, rule.scope);
                }
            }
        }
        pairs
    }

    fn edge(&mut self, first: Option<NodeIndex>, then: Option<NodeIndex>, because: Because) {
        let (Some(first), Some(then)) = (first, then) else {
            return;
        };
        let untag = |index: NodeIndex| self.dag[index].action == Action::Untag;
        if first == then || untag(first) || untag(then) {
            return;
        }
        match self.dag.find_edge(first, then) {
            Some(edge) => {
                if because > self.dag[edge] {
                    self.dag[edge] = because;
                }
            }
            None => {
                self.dag.add_edge(first, then, because);
            }
        }
    }

    /// Opens every cycle: by releasing references where there are any, else by giving up the weakest
    /// edge, and then the cloud has the last word.
    fn open_cycles(&mut self, over: impl Fn(NodeIndex) -> bool) {
        loop {
            let live = NodeFiltered::from_fn(&self.dag, |index| !over(index));
            let cycle = tarjan_scc(&live)
                .into_iter()
                .find(|component| component.len() > 1);
            let Some(cycle) = cycle else { return };
            let cycle: BTreeSet<NodeIndex> = cycle.into_iter().collect();
            let inside: Vec<_> = self
                .dag
                .edge_references()
                .filter(|edge| cycle.contains(&edge.source()) && cycle.contains(&edge.target()))
                .map(|edge| (*edge.weight(), edge.source(), edge.target()))
                .collect();
            let mut references: BTreeMap<NodeIndex, usize> = BTreeMap::new();
            for (because, source, _) in &inside {
                if *because == Because::Reference && self.dag[*source].action == Action::Delete {
                    *references.entry(*source).or_default() += 1;
                }
            }
            let name = |index: &NodeIndex| self.dag[*index].resource.id.clone();
            let holder = references
                .into_iter()
                .max_by_key(|(index, count)| (*count, std::cmp::Reverse(name(index))));
            if let Some((holder, _)) = holder {
                self.release(holder, &over);
                continue;
            }
            let weakest = inside
                .into_iter()
                .min_by_key(|(because, source, target)| (*because, name(source), name(target)));
            let Some((_, source, target)) = weakest else {
                return;
            };
            tracing::debug!(
                first = %name(&source), then = %name(&target),
                "a cycle of dependencies is opened without knowing how; the cloud decides"
            );
            if let Some(edge) = self.dag.find_edge(source, target) {
                self.dag.remove_edge(edge);
            }
        }
    }

    /// Puts a step before `holder` that takes all its references away; what was held by them waits
    /// for that step only. A step that is over released what was there then: what holds now has come
    /// since, and takes another.
    fn release(&mut self, holder: NodeIndex, over: impl Fn(NodeIndex) -> bool) -> NodeIndex {
        let resource = Arc::clone(&self.dag[holder].resource);
        let step = match self.releases.get(&resource.id) {
            Some(step) if !over(*step) => *step,
            Some(_) | None => self.dag.add_node(Node {
                action: Action::Release,
                resource: Arc::clone(&resource),
            }),
        };
        self.releases.insert(resource.id.clone(), step);
        let held: Vec<NodeIndex> = self
            .dag
            .edges(holder)
            .filter(|edge| *edge.weight() == Because::Reference)
            .map(|edge| edge.target())
            .collect();
        for target in held {
            if let Some(edge) = self.dag.find_edge(holder, target) {
                self.dag.remove_edge(edge);
            }
            self.dag.update_edge(step, target, Because::Follows);
        }
        self.dag.update_edge(step, holder, Because::Follows);
        step
    }
}

/// What is done about a resource; `None` if it is not touched.
fn action_of(resource: &Resource) -> Option<Action> {
    match resource.disposal {
        Disposal::Delete => Some(Action::Delete),
        Disposal::Follows(_) => Some(Action::Wait),
        Disposal::Untag => Some(Action::Untag),
        Disposal::Leave { .. } => None,
    }
}

fn because(hold: Hold) -> Because {
    match hold {
        Hold::Existence => Because::Uses,
        Hold::Reference => Because::Reference,
    }
}

fn in_scope(first: &Resource, then: &Resource, scope: Scope) -> bool {
    match scope {
        Scope::Everywhere => true,
        Scope::Within => {
            first.within.contains(&then.id)
                || then.within.contains(&first.id)
                || !first.within.is_disjoint(&then.within)
        }
        Scope::ControlPlane => first.control_plane,
    }
}

/// Two services may list the same resource: what they know is put together.
fn unified(found: Vec<Resource>) -> BTreeMap<ResourceId, Resource> {
    let mut unified: BTreeMap<ResourceId, Resource> = BTreeMap::new();
    for resource in found {
        match unified.get_mut(&resource.id) {
            None => {
                unified.insert(resource.id.clone(), resource);
            }
            Some(known) => {
                if known.proof.is_none() && resource.proof.is_some() {
                    known.proof = resource.proof;
                    known.disposal = resource.disposal;
                }
                known.within.extend(resource.within);
                for (held, hold) in resource.uses {
                    let known = known.uses.entry(held).or_insert(hold);
                    *known = (*known).min(hold);
                }
                known.control_plane |= resource.control_plane;
                known.created = known.created.or(resource.created);
                for (key, value) in resource.data {
                    known.data.entry(key).or_insert(value);
                }
            }
        }
    }
    unified
}
