//! Inventory and eraser of the fake cloud. A model of how a cloud's own crate implements them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;

use super::{FakeResource, Shared, identity};
use crate::{
    account::AccountId,
    call::{Call, CallCounts, Calls},
    credentials::Credentials,
    erase::{
        ClusterFacts, Deletion, Discovery, Disposal, Eraser, Gap, Hold, Inventory, KindSpec,
        Outcome, Presence, Proof, Resource, ResourceId, Untagging,
    },
    error::Error,
};

pub(crate) struct FakeTarget {
    pub(crate) shared: Arc<Shared>,
    pub(crate) key: String,
    pub(crate) facts: ClusterFacts,
    pub(crate) kinds: Vec<KindSpec>,
    pub(crate) calls: Calls,
}

impl FakeTarget {
    /// The account of the key; known without a call, as a session knows it.
    fn account(&self) -> AccountId {
        let account = self.shared.lock().keys.get(&self.key).cloned();
        account.unwrap_or_else(|| AccountId::new("fake", "unknown"))
    }

    fn proof(&self, resource: &FakeResource) -> Option<Proof> {
        self.facts.proof_by_tags(&resource.tags).or_else(|| {
            resource
                .member_of
                .clone()
                .map(|parent| Proof::MemberOf { parent })
        })
    }

    fn is_shared(&self, resource: &FakeResource) -> bool {
        let mark = resource.tags.get(&self.facts.cluster_tag_key());
        mark.map(String::as_str) == Some("shared")
    }

    /// What a listing tells of a resource; `None` if it is of no concern.
    fn resource(
        &self,
        fake: &FakeResource,
        presence: Presence,
        ours: &BTreeSet<ResourceId>,
        hidden_too: bool,
    ) -> Option<Resource> {
        let (id, kind, name) = (fake.id.clone(), fake.kind.clone(), fake.name.clone());
        let mut resource = match self.proof(fake) {
            Some(proof) => Resource::owned(id, kind, name, proof),
            None if self.is_shared(fake) => Resource::shared(id, kind, name),
            None if fake.holds.keys().any(|held| ours.contains(held)) => {
                Resource::foreign(id, kind, name, "somebody else's")
            }
            None => return None,
        };
        if let (Disposal::Delete, Some(owner)) = (&resource.disposal, &fake.follows) {
            resource.disposal = Disposal::Follows(owner.clone());
        }
        resource.presence = presence;
        resource.within.clone_from(&fake.within);
        resource.control_plane = fake.control_plane;
        resource.uses = fake
            .holds
            .iter()
            .filter(|(held, _)| hidden_too || !fake.hidden.contains(*held))
            .map(|(held, hold)| (held.clone(), *hold))
            .collect::<BTreeMap<ResourceId, Hold>>();
        Some(resource)
    }

    async fn list(&self, service: &'static str) -> Result<(Vec<Resource>, bool), Error> {
        let account = self.account();
        let operation = format!("discover:{service}");
        self.calls
            .call(Call::read(service, "discover"), || {
                self.shared
                    .call(&account, &operation, &[], |world, _, now| {
                        let listed = world.listed(now);
                        let ours: BTreeSet<ResourceId> = listed
                            .iter()
                            .filter(|(fake, _)| self.proof(fake).is_some())
                            .map(|(fake, _)| fake.id.clone())
                            .collect();
                        let of_service = |fake: &FakeResource| {
                            let spec = self.kinds.iter().find(|spec| spec.kind == fake.kind);
                            spec.map_or_else(
                                || {
                                    self.kinds
                                        .first()
                                        .is_some_and(|first| first.service == service)
                                },
                                |spec| spec.service == service,
                            )
                        };
                        let resources = listed
                            .into_iter()
                            .filter(|(fake, _)| of_service(fake))
                            .filter_map(|(fake, presence)| {
                                self.resource(&fake, presence, &ours, false)
                            })
                            .collect();
                        Ok((resources, world.control_plane_ended()))
                    })
            })
            .await
    }

    async fn change<Item>(
        &self,
        verb: &'static str,
        operation: String,
        batch: &[Item],
        id: impl Fn(&Item) -> ResourceId + Sync,
        effect: impl Fn(
            &mut super::World,
            &super::Settings,
            std::time::Duration,
            &ResourceId,
        ) -> Outcome
        + Sync,
    ) -> Vec<Outcome>
    where
        Item: Sync,
    {
        let account = self.account();
        let ids: Vec<ResourceId> = batch.iter().map(&id).collect();
        let done = self
            .calls
            .call(Call::change("changes", verb), || {
                self.shared
                    .call(&account, &operation, &ids, |world, settings, now| {
                        Ok(ids
                            .iter()
                            .map(|id| effect(world, settings, now, id))
                            .collect::<Vec<Outcome>>())
                    })
            })
            .await;
        done.unwrap_or_else(|error| ids.iter().map(|_| Outcome::Failed(error.clone())).collect())
    }
}

#[async_trait]
impl Credentials for FakeTarget {
    async fn identity(&self) -> Result<AccountId, Error> {
        identity(&self.shared, &self.key).await
    }
}

#[async_trait]
impl Inventory for FakeTarget {
    fn kinds(&self) -> &[KindSpec] {
        &self.kinds
    }

    async fn discover(&self) -> Result<Discovery, Error> {
        let services: BTreeSet<&'static str> = self.kinds.iter().map(|spec| spec.service).collect();
        let listings = services
            .into_iter()
            .map(|service| async move { (service, self.list(service).await) });
        let mut discovery = Discovery::default();
        for (service, listing) in futures::future::join_all(listings).await {
            match listing {
                Ok((resources, ended)) => {
                    discovery.resources.extend(resources);
                    discovery.control_plane_ended |= ended;
                }
                Err(error) => discovery.gaps.push(Gap {
                    source: service.to_owned(),
                    error,
                }),
            }
        }
        Ok(discovery)
    }

    async fn describe(&self, resources: &[Resource]) -> Result<Vec<Presence>, Error> {
        let account = self.account();
        let ids: Vec<ResourceId> = resources
            .iter()
            .map(|resource| resource.id.clone())
            .collect();
        let kind = resources
            .first()
            .map(|resource| resource.kind.to_string())
            .unwrap_or_default();
        let operation = format!("describe:{kind}");
        self.calls
            .call(Call::read("reads", "describe"), || {
                self.shared.call(&account, &operation, &ids, |world, _, _| {
                    Ok(ids.iter().map(|id| world.presence(id)).collect())
                })
            })
            .await
    }

    async fn holders(&self, resource: &Resource) -> Result<Vec<Resource>, Error> {
        let account = self.account();
        let operation = format!("holders:{}", resource.kind);
        let ids = [resource.id.clone()];
        self.calls
            .call(Call::read("reads", "holders"), || {
                self.shared.call(&account, &operation, &ids, |world, _, _| {
                    let ours = BTreeSet::from([resource.id.clone()]);
                    let holders = world.holders(&resource.id);
                    Ok(holders
                        .iter()
                        .filter_map(|fake| {
                            self.resource(fake, world.presence(&fake.id), &ours, true)
                        })
                        .collect())
                })
            })
            .await
    }

    fn calls(&self) -> CallCounts {
        self.calls.counts()
    }
}

#[async_trait]
impl Eraser for FakeTarget {
    async fn delete(&self, batch: &[Deletion]) -> Vec<Outcome> {
        let kind = batch
            .first()
            .map(|item| item.resource().kind.to_string())
            .unwrap_or_default();
        self.change(
            "delete",
            format!("delete:{kind}"),
            batch,
            |item| item.resource().id.clone(),
            |world, settings, now, id| world.delete(id, settings, now),
        )
        .await
    }

    async fn release(&self, batch: &[Deletion]) -> Vec<Outcome> {
        let kind = batch
            .first()
            .map(|item| item.resource().kind.to_string())
            .unwrap_or_default();
        self.change(
            "release",
            format!("release:{kind}"),
            batch,
            |item| item.resource().id.clone(),
            |world, _, _, id| world.release(id),
        )
        .await
    }

    async fn untag(&self, batch: &[Untagging]) -> Vec<Outcome> {
        let key = self.facts.cluster_tag_key();
        self.change(
            "untag",
            "untag".to_owned(),
            batch,
            |item| item.resource().id.clone(),
            |world, _, _, id| world.untag(id, &key),
        )
        .await
    }
}
