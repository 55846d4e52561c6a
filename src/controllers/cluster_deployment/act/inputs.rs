//! What an attempt needs: authorities, credentials, the merged pull secret, the images.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt as _;
use skep_crds::names::skep::{INPUTS_ANNOTATION, SOURCES_ANNOTATION, TRIES_ANNOTATION};
use skep_crds::names::{label, object_name, secret_key, value};
use zeroize::Zeroizing;

use super::super::observed::{Observed, Release};
use super::super::reading::{content_digest, credentials_ref};
use super::super::{Clusters, Error};
use super::fresh;
use super::pods::{own_image, prepare_pods, proxy};
use crate::controllers::checks::Question;
use crate::controllers::inputs::data_of;
use crate::controllers::owned;
use crate::controllers::secrets::merge_pull_secrets;
use crate::install::install_config::Facts as InstallConfig;
use crate::install::job::ImageSetJob;
use crate::install::rbac;

/// Applied, not created: all clusters of a namespace share it, and several may come at once.
pub(super) async fn create_trusted_ca(
    clusters: &Clusters,
    observed: &Observed,
) -> Result<(), Error> {
    let name = object_name::TRUSTED_CA_CONFIG_MAP;
    let config_map = ConfigMap {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(observed.namespace().to_owned()),
            labels: Some(
                [(
                    label::INJECT_TRUSTED_CA_BUNDLE.to_owned(),
                    value::TRUE.to_owned(),
                )]
                .into(),
            ),
            ..ObjectMeta::default()
        },
        data: Some([(secret_key::CA_BUNDLE.to_owned(), String::new())].into()),
        ..ConfigMap::default()
    };
    let applied = clusters.shared.context.writer.apply(&config_map).await;
    applied.map(drop).map_err(|source| Error::Write {
        what: format!("ConfigMap {name}"),
        source,
    })
}

pub(super) async fn check_credentials(
    clusters: &Clusters,
    observed: &Observed,
    fingerprint: String,
) -> Result<(), Error> {
    let root = fresh(clusters, observed).await?;
    let config = observed
        .inputs
        .install_config_secret
        .as_deref()
        .unwrap_or_default();
    let config = read(clusters, observed.namespace(), config).await?;
    let config = config
        .as_ref()
        .and_then(|data| data.text(secret_key::INSTALL_CONFIG));
    let endpoints = config.and_then(|yaml| InstallConfig::parse(yaml).ok());
    clusters.shared.checks.ask(Question {
        uid: observed.at.key.uid.clone(),
        fingerprint,
        platform: observed.platform.kind,
        credentials: credentials_ref(&root),
        region: root.spec.platform.region().unwrap_or_default().to_owned(),
        endpoints: endpoints.map(|facts| facts.endpoints).unwrap_or_default(),
    });
    Ok(())
}

/// Applied: the Secret is Skep's own whole, and its content is whatever its sources give.
pub(super) async fn store_pull_secret(
    clusters: &Clusters,
    observed: &Observed,
    sources: &str,
) -> Result<(), Error> {
    let root = fresh(clusters, observed).await?;
    let config = clusters.shared.config.get();
    let own = match root.spec.pull_secret() {
        Some(name) => read(clusters, observed.namespace(), name).await?,
        None => None,
    };
    let global = match &config.global_pull_secret {
        Some(name) => read(clusters, &config.hive_namespace, name).await?,
        None => None,
    };
    let key = secret_key::DOCKER_CONFIG_JSON;
    let text = |data: &Option<skep_providers::SecretData>| {
        data.as_ref()
            .and_then(|data| data.get(key))
            .map(|text| Zeroizing::new(text.to_vec()))
    };
    let (global, own) = (text(&global), text(&own));
    let merged = merge_pull_secrets(
        global.as_ref().map(|text| text.as_slice()),
        own.as_ref().map(|text| text.as_slice()),
    )
    .map_err(|_| Error::Changed {
        what: "a pull secret".to_owned(),
    })?;
    let name = object_name::merged_pull_secret(observed.name());
    let sources = format!("{sources}/{}", content_digest(&merged));
    let labels = [
        (label::CLUSTER_DEPLOYMENT_NAME, observed.name()),
        (label::SECRET_TYPE, value::SECRET_TYPE_MERGED_PULL_SECRET),
    ];
    let secret = Secret {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            namespace: Some(observed.namespace().to_owned()),
            labels: Some(
                labels
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .into(),
            ),
            annotations: Some([(SOURCES_ANNOTATION.to_owned(), sources)].into()),
            owner_references: Some(vec![owned::controller_of(&root)]),
            ..ObjectMeta::default()
        },
        type_: Some(secret_key::DOCKER_CONFIG_JSON_TYPE.to_owned()),
        data: Some(BTreeMap::from([(key.to_owned(), ByteString(merged))])),
        ..Secret::default()
    };
    let applied = clusters.shared.context.writer.apply(&secret).await;
    applied.map(drop).map_err(|source| Error::Write {
        what: format!("Secret {name}"),
        source,
    })
}

/// The Job with everything that its pod needs, the Job last.
pub(super) async fn run_image_job(
    clusters: &Clusters,
    observed: &Observed,
    tries: u32,
) -> Result<(), Error> {
    let root = fresh(clusters, observed).await?;
    let Release::Image(release_image) = &observed.inputs.release else {
        return Err(Error::Changed {
            what: "the release image".to_owned(),
        });
    };
    let config = clusters.shared.config.get();
    let owner = owned::controller_of(&root);
    prepare_pods(clusters, observed, &root, value::JOB_TYPE_IMAGE_SET).await?;
    let job_name = object_name::image_set_job(observed.name());
    let holder = rbac::Holder {
        namespace: observed.namespace(),
        cluster: observed.name(),
        owner: owner.clone(),
    };
    let role = rbac::image_set_role(&holder, &job_name);
    let binding = rbac::binding(&role);
    let writer = &clusters.shared.context.writer;
    let failed = |what: &str| {
        let what = what.to_owned();
        move |source| Error::Write { what, source }
    };
    writer
        .apply(&role)
        .await
        .map_err(failed("the Role of the image set Job"))?;
    writer
        .apply(&binding)
        .await
        .map_err(failed("its RoleBinding"))?;
    let mut job = ImageSetJob {
        cluster: observed.name(),
        namespace: observed.namespace(),
        cluster_type: root.labels().get(label::CLUSTER_TYPE).map(String::as_str),
        owner: owner.clone(),
        own: own_image(&config),
        release_image,
        pull_secret: &object_name::merged_pull_secret(observed.name()),
        private_image_pull_secret: config.private_image_pull_secret.as_ref(),
        proxy: &proxy(&config),
        scheduling: &config.scheduling,
    }
    .build();
    job.metadata.annotations = Some(BTreeMap::from([
        (TRIES_ANNOTATION.to_owned(), tries.to_string()),
        (INPUTS_ANNOTATION.to_owned(), observed.images.inputs.clone()),
    ]));
    owned::create(&clusters.shared.context.reader, writer, &job, &owner)
        .await
        .map_err(|source| Error::Create {
            what: format!("Job {job_name}"),
            source,
        })
}

async fn read(
    clusters: &Clusters,
    namespace: &str,
    name: &str,
) -> Result<Option<skep_providers::SecretData>, Error> {
    let found = clusters
        .shared
        .context
        .reader
        .get_live::<Secret>(namespace, name)
        .await;
    Ok(found
        .map_err(|source| Error::Read {
            what: "a Secret",
            source,
        })?
        .map(data_of))
}
