//! The state of one account of the fake cloud. Time passes when somebody looks.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    erase::{Hold, Kind, Outcome, Presence, ResourceId},
    error::{Class, Error},
};

use super::{Settings, machines::Park};

/// A resource of the fake cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FakeResource {
    /// Identifier.
    pub id: ResourceId,
    /// Kind.
    pub kind: Kind,
    /// Name.
    pub name: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Containers.
    pub within: BTreeSet<ResourceId>,
    /// What it holds: deleting those is refused while it exists.
    pub holds: BTreeMap<ResourceId, Hold>,
    /// Of `holds`, those that a listing does not tell.
    pub hidden: BTreeSet<ResourceId>,
    /// It goes by itself after this one.
    pub follows: Option<ResourceId>,
    /// It is ours because that one is.
    pub member_of: Option<ResourceId>,
    /// It is a machine of the control plane.
    pub control_plane: bool,
    /// How long it takes to go.
    pub takes: Duration,
    /// How long listings still show it when it is gone.
    pub ghost_for: Duration,
    /// How long listings do not show it yet after its creation.
    pub unlisted_for: Duration,
    /// Every deletion of it fails like this.
    pub undeletable: Option<Class>,
}

impl FakeResource {
    /// A resource without tags that is gone at once when deleted.
    pub fn new(id: &str, kind: &str) -> Self {
        Self {
            id: ResourceId::new(id),
            kind: Kind::from(kind.to_owned()),
            name: id.to_owned(),
            tags: BTreeMap::new(),
            within: BTreeSet::new(),
            holds: BTreeMap::new(),
            hidden: BTreeSet::new(),
            follows: None,
            member_of: None,
            control_plane: false,
            takes: Duration::ZERO,
            ghost_for: Duration::ZERO,
            unlisted_for: Duration::ZERO,
            undeletable: None,
        }
    }

    /// With a tag.
    #[must_use]
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }

    /// With a name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// In a container.
    #[must_use]
    pub fn within(mut self, container: &str) -> Self {
        self.within.insert(container.into());
        self
    }

    /// Holding another one as long as it exists.
    #[must_use]
    pub fn holding(mut self, other: &str) -> Self {
        self.holds.insert(other.into(), Hold::Existence);
        self
    }

    /// Holding another one by a reference.
    #[must_use]
    pub fn referring_to(mut self, other: &str) -> Self {
        self.holds.insert(other.into(), Hold::Reference);
        self
    }

    /// Holding another one without any listing telling so.
    #[must_use]
    pub fn secretly_holding(mut self, other: &str) -> Self {
        self.hidden.insert(other.into());
        self.holding(other)
    }

    /// Going by itself after another one.
    #[must_use]
    pub fn following(mut self, owner: &str) -> Self {
        self.follows = Some(owner.into());
        self
    }

    /// Ours because that one is.
    #[must_use]
    pub fn member_of(mut self, parent: &str) -> Self {
        self.member_of = Some(parent.into());
        self
    }

    /// A machine of the control plane.
    #[must_use]
    pub fn control_plane(mut self) -> Self {
        self.control_plane = true;
        self
    }

    /// Taking this long to go.
    #[must_use]
    pub fn takes(mut self, time: Duration) -> Self {
        self.takes = time;
        self
    }

    /// Listed for this long after it is gone.
    #[must_use]
    pub fn ghost_for(mut self, time: Duration) -> Self {
        self.ghost_for = time;
        self
    }

    /// Not listed for this long after its creation.
    #[must_use]
    pub fn unlisted_for(mut self, time: Duration) -> Self {
        self.unlisted_for = time;
        self
    }

    /// Every deletion fails like this.
    #[must_use]
    pub fn undeletable(mut self, class: Class) -> Self {
        self.undeletable = Some(class);
        self
    }
}

/// A fault to inject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Calls whose operation begins with this: `discover`, `delete:network`, `describe`.
    pub operation: String,
    /// This many matching calls are let through first.
    pub skip: u32,
    /// Then this many fail.
    pub count: u32,
    /// Like this.
    pub class: Class,
}

/// A call that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedCall {
    /// When its effect was, since the cloud was made.
    pub at: Duration,
    /// `identity`, `discover:<service>`, `describe:<kind>`, `holders:<kind>`, `delete:<kind>`,
    /// `release:<kind>`, `untag`, `list:machines` (of the account), `list:machines-of-cluster`,
    /// `start:machines`, `stop:machines`.
    pub operation: String,
    /// Resources it was about.
    pub ids: Vec<ResourceId>,
    /// How it failed as a whole.
    pub class: Option<Class>,
}

impl LoggedCall {
    /// Whether it changes anything.
    pub fn is_change(&self) -> bool {
        ["delete", "release", "untag", "start", "stop"]
            .iter()
            .any(|verb| self.operation.starts_with(verb))
    }
}

#[derive(Debug, Clone)]
struct Existing {
    resource: FakeResource,
    created: Duration,
    gone_at: Option<Duration>,
}

#[derive(Debug, Clone)]
struct Later {
    resource: FakeResource,
    at: Duration,
    controller: ResourceId,
    late: Duration,
}

/// One account.
#[derive(Debug, Default)]
pub(crate) struct World {
    existing: BTreeMap<ResourceId, Existing>,
    removed: BTreeMap<ResourceId, (FakeResource, Duration)>,
    later: Vec<Later>,
    pub(crate) park: Park,
    pub(crate) faults: Vec<Fault>,
    pub(crate) log: Vec<LoggedCall>,
    /// Deletions that were refused because of a dependency.
    pub(crate) violations: u32,
}

impl World {
    pub(crate) fn create(&mut self, resource: FakeResource, now: Duration) {
        let existing = Existing {
            created: now,
            gone_at: None,
            resource,
        };
        self.existing.insert(existing.resource.id.clone(), existing);
    }

    pub(crate) fn create_later(
        &mut self,
        resource: FakeResource,
        at: Duration,
        controller: ResourceId,
        late: Duration,
    ) {
        self.later.push(Later {
            resource,
            at,
            controller,
            late,
        });
    }

    pub(crate) fn existing(&self) -> BTreeMap<ResourceId, FakeResource> {
        self.existing
            .iter()
            .map(|(id, existing)| (id.clone(), existing.resource.clone()))
            .collect()
    }

    /// Lets time pass until `now`.
    pub(crate) fn settle(&mut self, now: Duration) {
        self.park.settle(now);
        let (due, later): (Vec<Later>, Vec<Later>) = std::mem::take(&mut self.later)
            .into_iter()
            .partition(|later| later.at <= now);
        self.later = later;
        for Later {
            resource,
            at,
            controller,
            late,
        } in due
        {
            let alive = match self.existing.get(&controller) {
                Some(controller) => controller.gone_at.is_none_or(|gone| at <= gone + late),
                None => self
                    .removed
                    .get(&controller)
                    .is_some_and(|(_, gone)| at <= *gone + late),
            };
            let has_place = resource
                .within
                .iter()
                .all(|container| self.existing.contains_key(container));
            if alive && has_place {
                self.create(resource, at);
            }
        }
        loop {
            let over: Vec<ResourceId> = self
                .existing
                .iter()
                .filter(|(_, existing)| existing.gone_at.is_some_and(|at| at <= now))
                .map(|(id, _)| id.clone())
                .collect();
            if over.is_empty() {
                return;
            }
            for id in over {
                let Some(existing) = self.existing.remove(&id) else {
                    continue;
                };
                let at = existing.gone_at.unwrap_or(now);
                for follower in self.existing.values_mut() {
                    if follower.resource.follows.as_ref() == Some(&id) {
                        follower.gone_at = Some(at + follower.resource.takes);
                    }
                }
                self.removed.insert(id, (existing.resource, at));
            }
        }
    }

    pub(crate) fn unlock(&mut self, id: &ResourceId) {
        if let Some(existing) = self.existing.get_mut(id) {
            existing.resource.undeletable = None;
        }
    }

    /// The fault that hits this call, if any.
    pub(crate) fn fault(&mut self, operation: &str) -> Option<Class> {
        for fault in &mut self.faults {
            if !operation.starts_with(&fault.operation) || fault.count == 0 {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            fault.count -= 1;
            return Some(fault.class.clone());
        }
        None
    }

    pub(crate) fn presence(&self, id: &ResourceId) -> Presence {
        match self.existing.get(id) {
            None => Presence::Gone,
            Some(existing) if existing.gone_at.is_some() => Presence::Going,
            Some(_) => Presence::Present,
        }
    }

    /// What a listing shows, ghosts included.
    pub(crate) fn listed(&self, now: Duration) -> Vec<(FakeResource, Presence)> {
        let visible = self
            .existing
            .values()
            .filter(|existing| existing.created + existing.resource.unlisted_for <= now)
            .map(|existing| {
                (
                    existing.resource.clone(),
                    self.presence(&existing.resource.id),
                )
            });
        let ghosts = self
            .removed
            .iter()
            .filter(|(id, (ghost, at))| {
                !self.existing.contains_key(*id) && now < *at + ghost.ghost_for
            })
            .map(|(_, (ghost, _))| (ghost.clone(), Presence::Present));
        visible.chain(ghosts).collect()
    }

    pub(crate) fn control_plane_ended(&self) -> bool {
        self.removed
            .values()
            .any(|(resource, _)| resource.control_plane)
    }

    pub(crate) fn holders(&self, id: &ResourceId) -> Vec<FakeResource> {
        self.existing
            .values()
            .filter(|existing| existing.resource.holds.contains_key(id))
            .filter(|existing| existing.resource.id != *id)
            .map(|existing| existing.resource.clone())
            .collect()
    }

    pub(crate) fn delete(
        &mut self,
        id: &ResourceId,
        settings: &Settings,
        now: Duration,
    ) -> Outcome {
        let refuse = |class, message: String| {
            Outcome::Failed(Error::new("delete", class, message).with_code("Refused"))
        };
        let Some(existing) = self.existing.get(id) else {
            return Outcome::Done;
        };
        if existing.gone_at.is_some() {
            return Outcome::Started;
        }
        if let Some(class) = &existing.resource.undeletable {
            return refuse(class.clone(), format!("{id} cannot be deleted"));
        }
        let holders: Vec<ResourceId> = self
            .holders(id)
            .into_iter()
            .map(|holder| holder.id)
            .collect();
        if !holders.is_empty() {
            self.violations += 1;
            let holders = if settings.names_holders {
                holders
            } else {
                Vec::new()
            };
            return refuse(
                Class::DependencyViolation { holders },
                format!("{id} has dependent objects"),
            );
        }
        let takes = existing.resource.takes;
        if let Some(existing) = self.existing.get_mut(id) {
            existing.gone_at = Some(now + takes);
        }
        self.settle(now);
        if takes.is_zero() {
            Outcome::Done
        } else {
            Outcome::Started
        }
    }

    pub(crate) fn release(&mut self, id: &ResourceId) -> Outcome {
        if let Some(existing) = self.existing.get_mut(id) {
            existing
                .resource
                .holds
                .retain(|_, hold| *hold != Hold::Reference);
        }
        Outcome::Done
    }

    pub(crate) fn untag(&mut self, id: &ResourceId, key: &str) -> Outcome {
        if let Some(existing) = self.existing.get_mut(id) {
            existing.resource.tags.remove(key);
        }
        Outcome::Done
    }
}
