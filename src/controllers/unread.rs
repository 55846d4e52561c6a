//! The kinds of the API that no controller reads yet: only what cannot be decoded is kept of them, so that
//! it is told about and counted like any other object that this version cannot read.

use skep_crds::{
    Checkpoint, ClusterClaim, ClusterDeploymentCustomization, ClusterPool, ClusterRelocate,
    ClusterSyncLease, DnsZone, FakeClusterInstall, HiveConfig, MachinePool, MachinePoolNameLease,
    SelectorSyncIdentityProvider, SyncIdentityProvider,
};

use crate::runtime::{Kind, Process, Selection, Store, StoreOptions};

/// One watch of each.
pub fn watch(process: &mut Process) {
    of::<Checkpoint>(process);
    of::<ClusterClaim>(process);
    of::<ClusterDeploymentCustomization>(process);
    of::<ClusterPool>(process);
    of::<ClusterRelocate>(process);
    of::<ClusterSyncLease>(process);
    of::<DnsZone>(process);
    of::<FakeClusterInstall>(process);
    of::<HiveConfig>(process);
    of::<MachinePool>(process);
    of::<MachinePoolNameLease>(process);
    of::<SelectorSyncIdentityProvider>(process);
    of::<SyncIdentityProvider>(process);
}

fn of<K: Kind>(process: &mut Process) {
    let unreadable = Store::<K>::new(StoreOptions::default().undecodable_only());
    process.watch_optional(&unreadable, Selection::all());
}
