//! What every pod of a cluster needs beside its Job.

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use skep_crds::ClusterDeployment;
use skep_crds::names::env;

use super::super::observed::Observed;
use super::super::{Clusters, Error};
use crate::controllers::owned;
use crate::install::job::network_policy_for;
use crate::install::pod_spec::OwnImage;
use crate::install::rbac;
use crate::runtime::Config;

/// `ServiceAccount` and network policy of a cluster's pods of one type, and the pull secret of the
/// operator's own image.
pub(super) async fn prepare_pods(
    clusters: &Clusters,
    observed: &Observed,
    root: &ClusterDeployment,
    job_type: &str,
) -> Result<(), Error> {
    let writer = &clusters.shared.context.writer;
    let owner = owned::controller_of(root);
    let account = rbac::service_account(observed.namespace());
    let failed = |what: &str| {
        let what = what.to_owned();
        move |source| Error::Write { what, source }
    };
    writer
        .apply(&account)
        .await
        .map_err(failed("the installer's ServiceAccount"))?;
    let policy = network_policy_for(observed.name(), observed.namespace(), job_type, owner);
    writer
        .apply(&policy)
        .await
        .map_err(failed("the network policy"))?;
    copy_private_pull_secret(clusters, observed).await
}

/// Under the same name; shared by all clusters of the namespace, so that the deletion of one does not
/// take it from the others.
async fn copy_private_pull_secret(clusters: &Clusters, observed: &Observed) -> Result<(), Error> {
    let config = clusters.shared.config.get();
    let Some(name) = &config.private_image_pull_secret else {
        return Ok(());
    };
    if config.hive_namespace == observed.namespace() {
        return Ok(());
    }
    let reader = &clusters.shared.context.reader;
    let found = reader
        .get_live::<Secret>(&config.hive_namespace, name)
        .await;
    let found = found.map_err(|source| Error::Read {
        what: "the operator's pull secret",
        source,
    })?;
    let Some(found) = found else { return Ok(()) };
    let copy = Secret {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            namespace: Some(observed.namespace().to_owned()),
            ..ObjectMeta::default()
        },
        type_: found.type_,
        data: found.data,
        ..Secret::default()
    };
    let applied = clusters.shared.context.writer.apply(&copy).await;
    applied.map(drop).map_err(|source| Error::Write {
        what: format!("Secret {name}"),
        source,
    })
}

pub(super) fn own_image(config: &Config) -> OwnImage {
    OwnImage {
        image: config.operator_image.image.clone(),
        pull_policy: config.operator_image.pull_policy.clone(),
    }
}

pub(super) fn proxy(config: &Config) -> Vec<(String, String)> {
    let proxy = &config.proxy;
    let variables = [
        (env::HTTP_PROXY, &proxy.http),
        (env::HTTPS_PROXY, &proxy.https),
        (env::NO_PROXY, &proxy.none),
    ];
    let set = variables
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_ref()?)));
    set.map(|(name, value)| (name.to_owned(), value.clone()))
        .collect()
}
