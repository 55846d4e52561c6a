//! The reconcilers: `observe`, `decide`, `act` of each kind, and the one place where they are put
//! together into a process ([`add_with`]): one row per controller, one per watch.

pub mod bells;
pub mod checks;
pub mod cluster_deployment;
pub mod cluster_deprovision;
pub mod cluster_provision;
pub mod cluster_state;
pub mod cluster_version;
pub mod context;
pub mod credentials;
pub mod erasure;
pub mod figures;
pub mod gates;
pub mod held_secrets;
pub mod hibernation;
pub mod inputs;
pub mod log_patterns;
pub mod owned;
pub mod receipts;
pub mod rights;
pub mod secrets;
pub mod sync_outcome;
pub mod unreachable;
pub mod unread;

use std::sync::Arc;

use skep_crds::names::label;

use self::cluster_deployment::Clusters;
use self::cluster_deprovision::Deprovisions;
use self::cluster_provision::Attempts;
use self::cluster_state::States;
use self::cluster_version::Versions;
use self::context::{Shared, Stores};
use self::held_secrets::HeldSecrets;
use self::hibernation::Hibernation;
use self::hibernation::fleets::Fleets;
use self::sync_outcome::SyncOutcomes;
use self::unreachable::Unreachable;
use crate::install::classify::Patterns;
use crate::runtime::{ControllerName, Driver, DriverOptions, Process, Reconcile, Selection, bell};

/// How each controller is run.
type Options<'a> = &'a dyn Fn(ControllerName) -> DriverOptions;

/// Adds all watches and controllers to a process.
pub fn add_with(
    process: &mut Process,
    shared: &Shared,
    patterns: Arc<Patterns>,
    options: Options<'_>,
) {
    watch(process, &shared.stores);
    unread::watch(process);
    figures::register(shared);
    process.controller(cluster_deployments(shared, options));
    process.controller(cluster_provisions(shared, patterns, options));
    process.controller(cluster_deprovisions(shared, options));
    process.controller(held_secrets(shared, options));
    process.controller(unreachable(shared, options));
    process.controller(cluster_versions(shared, options));
    process.controller(cluster_states(shared, options));
    process.controller(hibernation(shared, options));
    process.controller(sync_outcomes(shared, options));
}

/// One watch per kind.
fn watch(process: &mut Process, stores: &Stores) {
    let Stores {
        clusters,
        provisions,
        deprovisions,
        image_sets,
        jobs,
        pods,
        secrets,
        config_maps,
        states,
        cluster_syncs,
        sync_sets,
        selector_sync_sets,
        namespaces,
    } = stores;
    process.watch(clusters, Selection::all());
    process.watch(provisions, Selection::all());
    process.watch(deprovisions, Selection::all());
    process.watch(image_sets, Selection::all());
    process.watch(jobs, Selection::all().labels(label::JOB_TYPE));
    process.watch(pods, Selection::all().labels(label::JOB_TYPE));
    process.watch(secrets, Selection::all());
    process.watch(
        config_maps,
        Selection::all().labels(label::INJECT_TRUSTED_CA_BUNDLE),
    );
    process.watch(states, Selection::all());
    process.watch(cluster_syncs, Selection::all());
    process.watch(sync_sets, Selection::all());
    process.watch(selector_sync_sets, Selection::all());
    process.watch(namespaces, Selection::all());
}

fn cluster_deployments(shared: &Shared, options: Options<'_>) -> Driver<Clusters> {
    let stores = &shared.stores;
    let controller = Clusters {
        shared: shared.clone(),
    };
    let of_cluster = || bell::label(label::CLUSTER_DEPLOYMENT_NAME);
    let driver = Driver::new(
        controller,
        &stores.clusters,
        &shared.context,
        throttled::<Clusters>(shared, options),
    )
    .rung_by(&stores.provisions, of_cluster())
    .rung_by(&stores.deprovisions, bell::namesake())
    .rung_by(&stores.jobs, of_cluster())
    .rung_by(&stores.pods, of_cluster())
    .rung_by_input(&stores.image_sets, bell::index(secrets::IMAGE_SET))
    .rung_by_input(&stores.secrets, bell::index(secrets::REFERS))
    .rung_by(&stores.config_maps, bells::beside_trusted_ca)
    .rung_by(&stores.namespaces, bells::in_dying_namespace);
    shared.checks.rings(shared.erasures.rings(driver))
}

fn cluster_provisions(
    shared: &Shared,
    patterns: Arc<Patterns>,
    options: Options<'_>,
) -> Driver<Attempts> {
    let stores = &shared.stores;
    let controller = Attempts {
        context: shared.context.clone(),
        config: shared.config.clone(),
        clusters: stores.clusters.clone(),
        jobs: stores.jobs.clone(),
        pods: stores.pods.clone(),
        secrets: stores.secrets.clone(),
        erasures: shared.erasures.clone(),
        patterns,
    };
    let of_attempt = || bell::label(label::CLUSTER_PROVISION);
    let driver = Driver::new(
        controller,
        &stores.provisions,
        &shared.context,
        throttled::<Attempts>(shared, options),
    )
    .rung_by(&stores.jobs, of_attempt())
    .rung_by(&stores.pods, of_attempt())
    .rung_by(&stores.secrets, bell::owner())
    .rung_by(&stores.clusters, bells::attempts_of_cluster);
    shared.erasures.rings(driver)
}

fn cluster_deprovisions(shared: &Shared, options: Options<'_>) -> Driver<Deprovisions> {
    let stores = &shared.stores;
    let controller = Deprovisions {
        shared: shared.clone(),
        started: Arc::default(),
    };
    let options = throttled::<Deprovisions>(shared, options);
    let driver = Driver::new(controller, &stores.deprovisions, &shared.context, options)
        .rung_by(&stores.clusters, bell::namesake())
        .rung_by_input(
            &stores.secrets,
            bell::index(cluster_deprovision::SECRETS_INDEX),
        );
    shared.erasures.rings(driver)
}

fn held_secrets(shared: &Shared, options: Options<'_>) -> Driver<HeldSecrets> {
    let stores = &shared.stores;
    let controller = HeldSecrets {
        shared: shared.clone(),
    };
    let options = throttled::<HeldSecrets>(shared, options);
    Driver::new(controller, &stores.namespaces, &shared.context, options)
        .rung_by(&stores.clusters, bells::its_namespace)
        .rung_by(&stores.secrets, bells::namespace_of_held)
}

fn unreachable(shared: &Shared, options: Options<'_>) -> Driver<Unreachable> {
    let stores = &shared.stores;
    let controller = Unreachable {
        shared: shared.clone(),
    };
    let options = throttled::<Unreachable>(shared, options);
    let driver = Driver::new(controller, &stores.clusters, &shared.context, options)
        .rung_by_input(&stores.secrets, bell::index(secrets::REFERS));
    shared.remotes.rings(driver)
}

fn cluster_versions(shared: &Shared, options: Options<'_>) -> Driver<Versions> {
    let controller = Versions {
        shared: shared.clone(),
    };
    let options = throttled::<Versions>(shared, options);
    let clusters = &shared.stores.clusters;
    let driver = Driver::new(controller, clusters, &shared.context, options);
    shared.remotes.rings(driver)
}

fn cluster_states(shared: &Shared, options: Options<'_>) -> Driver<States> {
    let stores = &shared.stores;
    let controller = States {
        shared: shared.clone(),
    };
    let options = throttled::<States>(shared, options);
    let driver = Driver::new(controller, &stores.clusters, &shared.context, options)
        .rung_by(&stores.states, bell::namesake());
    shared.remotes.rings(driver)
}

fn sync_outcomes(shared: &Shared, options: Options<'_>) -> Driver<SyncOutcomes> {
    let stores = &shared.stores;
    let controller = SyncOutcomes {
        shared: shared.clone(),
    };
    let options = throttled::<SyncOutcomes>(shared, options);
    Driver::new(controller, &stores.clusters, &shared.context, options)
        .rung_by(&stores.cluster_syncs, bell::namesake())
        .rung_by(&stores.sync_sets, bells::beside)
        .rung_by(&stores.selector_sync_sets, bell::all())
}

fn hibernation(shared: &Shared, options: Options<'_>) -> Driver<Hibernation> {
    let stores = &shared.stores;
    let (clouds, context) = (shared.clouds.clone(), &shared.context);
    let fleets = Fleets::new(clouds, context.reader.clone(), context.clock.clone());
    let controller = Hibernation {
        shared: shared.clone(),
        fleets: fleets.clone(),
    };
    let options = throttled::<Hibernation>(shared, options);
    let driver = Driver::new(controller, &stores.clusters, context, options)
        .rung_by(&stores.cluster_syncs, bell::namesake())
        .rung_by_input(&stores.secrets, bell::index(secrets::REFERS));
    shared.remotes.rings(fleets.rings(driver))
}

/// With the number of runs that the settings name for this controller.
fn throttled<R: Reconcile>(shared: &Shared, options: Options<'_>) -> DriverOptions {
    let options = options(R::NAME);
    let throttle = shared.config.get().throttle(R::NAME);
    match throttle.concurrent_reconciles {
        Some(concurrency) => options.concurrency(concurrency),
        None => options,
    }
}
