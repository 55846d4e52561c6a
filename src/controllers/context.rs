//! What the controllers of this process share: one store per kind, the clouds, and the long-running work.
//!
//! Builds values only; nothing here watches or acts before [`super::run`] says so.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, Secret};
use kube::ResourceExt as _;
use kube::core::PartialObjectMeta;
use skep_crds::names::{label, skep};
use skep_crds::platform::PlatformKind;
use skep_crds::{
    ClusterDeployment, ClusterDeprovision, ClusterImageSet, ClusterProvision, ClusterState,
    ClusterSync, SelectorSyncSet, SyncSet,
};
use skep_providers::Cloud;

use super::checks::Checks;
use super::credentials::Clouds;
use super::erasure::Erasures;
use super::inputs::{self, Inputs};
use super::receipts::Receipts;
use super::secrets::{self, HubSecrets};
use super::sync_outcome;
use super::{cluster_deprovision, cluster_state};
use crate::remote::{Remotes, connection};
use crate::runtime::{Config, ConfigStore, Context, Store, StoreOptions, bell};

/// One store per kind that the controllers read.
#[derive(Clone)]
pub struct Stores {
    /// `ClusterDeployment`s, by the Secrets and the image set that they refer to.
    pub clusters: Store<ClusterDeployment>,
    /// `ClusterProvision`s, by their cluster.
    pub provisions: Store<ClusterProvision>,
    /// `ClusterDeprovision`s, by the Secrets that they name.
    pub deprovisions: Store<ClusterDeprovision>,
    /// `ClusterImageSet`s.
    pub image_sets: Store<ClusterImageSet>,
    /// Jobs of ours, by cluster and attempt.
    pub jobs: Store<Job>,
    /// Their pods, likewise.
    pub pods: Store<Pod>,
    /// Metadata of Secrets; the held ones by namespace.
    pub secrets: Store<PartialObjectMeta<Secret>>,
    /// Metadata of the `ConfigMap`s with trusted authorities.
    pub config_maps: Store<PartialObjectMeta<ConfigMap>>,
    /// `ClusterState`s without words that nobody compares.
    pub states: Store<ClusterState>,
    /// `ClusterSync`s.
    pub cluster_syncs: Store<ClusterSync>,
    /// `SyncSet`s without what they sync, by the clusters that they name.
    pub sync_sets: Store<SyncSet>,
    /// `SelectorSyncSet`s, likewise.
    pub selector_sync_sets: Store<SelectorSyncSet>,
    /// Metadata of namespaces.
    pub namespaces: Store<PartialObjectMeta<Namespace>>,
}

impl Stores {
    /// Empty stores, indexed.
    pub fn new(config: &Config) -> Self {
        let of_hub = |name: &Option<String>| {
            let name = name.as_deref();
            name.map(|name| bell::reference(&config.hive_namespace, name))
        };
        let hub = HubSecrets {
            pull: of_hub(&config.global_pull_secret),
            service_provider: of_hub(&config.aws_service_provider_credentials_secret),
        };
        let clusters = StoreOptions::default()
            .index(secrets::REFERS, move |cluster| {
                secrets::refers(cluster, &hub)
            })
            .index(secrets::NEEDS, secrets::needs)
            .index(secrets::IMAGE_SET, secrets::image_set)
            .index(secrets::INFRA_ID, |cluster| {
                cluster.infra_id().map(str::to_owned).into_iter().collect()
            })
            .index(secrets::NAMESPACE, |cluster| {
                cluster.namespace().into_iter().collect()
            });
        let held = |secret: &PartialObjectMeta<Secret>| {
            let held = inputs::is_held(secret, skep::IN_USE_FINALIZER);
            secret.namespace().filter(|_| held).into_iter().collect()
        };
        Self {
            clusters: Store::new(clusters),
            provisions: Store::new(StoreOptions::default().label(label::CLUSTER_DEPLOYMENT_NAME)),
            deprovisions: Store::new(StoreOptions::default().index(
                cluster_deprovision::SECRETS_INDEX,
                cluster_deprovision::secrets_of,
            )),
            image_sets: Store::new(StoreOptions::default()),
            jobs: Store::new(
                StoreOptions::default()
                    .label(label::CLUSTER_DEPLOYMENT_NAME)
                    .label(label::CLUSTER_PROVISION),
            ),
            pods: Store::new(
                StoreOptions::default()
                    .label(label::CLUSTER_DEPLOYMENT_NAME)
                    .label(label::CLUSTER_PROVISION),
            ),
            secrets: Store::new(StoreOptions::default().index(secrets::HELD, held)),
            config_maps: Store::new(StoreOptions::default()),
            states: Store::new(StoreOptions::default().prune(cluster_state::prune)),
            cluster_syncs: Store::new(StoreOptions::default()),
            sync_sets: Store::new(
                StoreOptions::default()
                    .index(sync_outcome::CLUSTERS, sync_outcome::clusters_of)
                    .prune(sync_outcome::prune),
            ),
            selector_sync_sets: Store::new(
                StoreOptions::default().prune(sync_outcome::prune_selecting),
            ),
            namespaces: Store::new(StoreOptions::default()),
        }
    }
}

/// What the controllers share. Clones share it.
#[derive(Clone)]
pub struct Shared {
    /// The runtime's part.
    pub context: Context,
    /// The settings.
    pub config: ConfigStore,
    /// The stores.
    pub stores: Stores,
    /// The clouds that clusters can be created in and deleted from.
    pub clouds: Clouds,
    /// Facts of Secrets.
    pub inputs: Inputs,
    /// Checks of credentials.
    pub checks: Checks,
    /// Erasures.
    pub erasures: Erasures,
    /// Managed clusters.
    pub remotes: Remotes,
}

impl Shared {
    /// Everything that is shared, from the runtime's part, the settings, and the clouds.
    pub fn new(
        context: Context,
        config: ConfigStore,
        clouds: BTreeMap<PlatformKind, Arc<dyn Cloud>>,
    ) -> Self {
        let now = config.get();
        let stores = Stores::new(&now);
        let clouds = Clouds::new(clouds, context.reader.clone(), config.clone());
        let receipts = Receipts::new(
            context.reader.clone(),
            context.writer.clone(),
            context.clock.clone(),
            now.hive_namespace.clone(),
        );
        let secrets = stores.secrets.clone();
        let dial = connection::over_tls();
        Self {
            remotes: Remotes::new(&context, secrets, config.clone(), dial),
            inputs: Inputs::new(context.reader.clone(), stores.secrets.clone()),
            checks: Checks::new(clouds.clone(), context.clock.clone()),
            erasures: Erasures::new(clouds.clone(), receipts, context.clock.clone()),
            context,
            config,
            stores,
            clouds,
        }
    }
}
