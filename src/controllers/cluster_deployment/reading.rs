//! Reads what an attempt needs: install-config, release, pull secrets, credentials.
//!
//! Only for clusters that are still to be installed: an installed one must not fail over a pull secret
//! that is gone (docs/spec/10 §9).

use futures::future::try_join_all;
use futures::try_join;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use skep_crds::names::skep::SOURCES_ANNOTATION;
use skep_crds::names::{annotation, object_name, secret_key};
use skep_crds::{ClusterDeployment, ClusterImageSet};
use skep_providers::SecretData;

use super::observed::{Credentials, Inputs, InstallConfigProblem, PullSecret, Release};
use super::{Clusters, Error};
use crate::controllers::checks::Check;
use crate::controllers::credentials::CredentialsRef;
use crate::controllers::inputs::{Read, digest, full_name};
use crate::controllers::secrets::{merge_pull_secrets, taken_along};
use crate::install::install_config::{Expected, Facts as InstallConfig};
use crate::runtime::{Freshness, RequestError};

type ParsedConfig = Result<InstallConfig, InstallConfigProblem>;

pub(super) async fn inputs(
    clusters: &Clusters,
    root: &ClusterDeployment,
    how: Freshness,
) -> Result<(Inputs, Option<InstallConfig>), Error> {
    let failed = |source| Error::Read {
        what: "what the cluster refers to",
        source,
    };
    let provisioning = root.spec.provisioning.as_ref();
    let config_secret = provisioning.and_then(|wish| wish.install_config_secret());
    let deleting = root.metadata.deletion_timestamp.is_some();
    let zone_role_known = super::parse::identity(root)
        .is_none_or(|identity| identity.facts.gap(root.spec.platform.kind()).is_none());
    if deleting || provisioning.is_none() || (root.spec.installed && zone_role_known) {
        return Ok((unneeded(config_secret), None));
    }
    let facts_of = |parsed: &Read<ParsedConfig>| {
        let parsed = parsed.known().and_then(|parsed| parsed.as_ref().ok());
        parsed.cloned()
    };
    let parsed = install_config(clusters, root, how, config_secret);
    if root.spec.installed {
        let parsed = parsed.await.map_err(failed)?;
        return Ok((unneeded(config_secret), facts_of(&parsed)));
    }
    let (parsed, (pull_secret, merged), release, credentials, not_there) = try_join!(
        parsed,
        pull_secrets(clusters, root, how),
        release(clusters, root, how),
        credentials(clusters, root, how),
        not_there(clusters, root, how),
    )
    .map_err(failed)?;
    let facts = facts_of(&parsed);
    let install_config = parsed.map(|parsed| {
        parsed.and_then(|facts| {
            facts
                .check(&expected(root))
                .map_err(InstallConfigProblem::Invalid)
        })
    });
    let (credentials, check) = checked(clusters, root, credentials, facts.as_ref());
    let inputs = Inputs {
        install_config_secret: config_secret.map(str::to_owned),
        install_config,
        customization: provisioning
            .and_then(|wish| wish.customization_ref.as_ref()?.name())
            .map(str::to_owned),
        not_there,
        release,
        pull_secret,
        merged,
        credentials,
        check,
    };
    Ok((inputs, facts))
}

/// See [`Inputs::not_there`].
async fn not_there(
    clusters: &Clusters,
    root: &ClusterDeployment,
    how: Freshness,
) -> Result<Option<(&'static str, String)>, RequestError> {
    let namespace = root.namespace().unwrap_or_default();
    let (reader, stores) = (&clusters.shared.context.reader, &clusters.shared.stores);
    for (field, name) in taken_along(root) {
        let found = reader.get(how, &stores.secrets, &namespace, name).await?;
        if found.is_none() {
            return Ok(Some((field, name.to_owned())));
        }
    }
    Ok(None)
}

/// Nothing is looked at, because nothing depends on it.
fn unneeded(install_config_secret: Option<&str>) -> Inputs {
    Inputs {
        install_config_secret: install_config_secret.map(str::to_owned),
        install_config: Read::Absent,
        customization: None,
        not_there: None,
        release: Release::Unnamed,
        pull_secret: PullSecret::Unnamed,
        merged: Read::Absent,
        credentials: Credentials::Unnamed,
        check: Check::Unchecked,
    }
}

fn expected(root: &ClusterDeployment) -> Expected<'_> {
    Expected {
        platform: root.spec.platform.kind(),
        region: root.spec.platform.region(),
        cluster_name: &root.spec.cluster_name,
        base_domain: &root.spec.base_domain,
    }
}

async fn install_config(
    clusters: &Clusters,
    root: &ClusterDeployment,
    how: Freshness,
    name: Option<&str>,
) -> Result<Read<ParsedConfig>, RequestError> {
    let Some(name) = name else {
        return Ok(Read::Absent);
    };
    let namespace = root.namespace().unwrap_or_default();
    let parse = |data: &SecretData| match data.text(secret_key::INSTALL_CONFIG) {
        None => Err(InstallConfigProblem::NoKey),
        Some(yaml) => InstallConfig::parse(yaml).map_err(InstallConfigProblem::Invalid),
    };
    clusters
        .shared
        .inputs
        .secret(how, (&namespace, name), "install-config", parse)
        .await
}

async fn release(
    clusters: &Clusters,
    root: &ClusterDeployment,
    how: Freshness,
) -> Result<Release, RequestError> {
    let Some(wish) = &root.spec.provisioning else {
        return Ok(Release::Unnamed);
    };
    if let Some(image) = wish
        .release_image
        .as_deref()
        .filter(|image| !image.is_empty())
    {
        return Ok(Release::Image(image.to_owned()));
    }
    let Some(name) = wish.image_set() else {
        return Ok(Release::Unnamed);
    };
    let (reader, stores) = (&clusters.shared.context.reader, &clusters.shared.stores);
    let found: Option<std::sync::Arc<ClusterImageSet>> =
        reader.get(how, &stores.image_sets, "", name).await?;
    Ok(found.map_or_else(
        || Release::NoImageSet(name.to_owned()),
        |set| Release::Image(set.spec.release_image.clone()),
    ))
}

/// Digest of a usable source, or why it cannot be used.
type Source = Result<String, &'static str>;

/// What the merged Secret was made from, if its content is what was made.
fn made_from(data: &SecretData) -> String {
    content_digest(data.get(secret_key::DOCKER_CONFIG_JSON).unwrap_or_default())
}

/// Digest of a merged pull secret's content.
pub(super) fn content_digest(content: &[u8]) -> String {
    digest([content])
}

async fn pull_secrets(
    clusters: &Clusters,
    root: &ClusterDeployment,
    how: Freshness,
) -> Result<(PullSecret, Read<String>), RequestError> {
    let namespace = root.namespace().unwrap_or_default();
    let config = clusters.shared.config.get();
    let own = root
        .spec
        .pull_secret()
        .map(|name| (namespace.clone(), name.to_owned()));
    let global = config
        .global_pull_secret
        .clone()
        .map(|name| (config.hive_namespace.clone(), name));
    if own.is_none() && global.is_none() {
        return Ok((PullSecret::Unnamed, Read::Absent));
    }
    let parse = |data: &SecretData| -> Source {
        let text = data
            .get(secret_key::DOCKER_CONFIG_JSON)
            .ok_or("it has no key .dockerconfigjson")?;
        merge_pull_secrets(None, Some(text)).map_err(|invalid| invalid.problem)?;
        Ok(digest([text]))
    };
    let inputs = &clusters.shared.inputs;
    let sources: Vec<_> = [("global", global), ("own", own)]
        .into_iter()
        .filter_map(|(kind, source)| source.map(|source| (kind, source)))
        .collect();
    let reads = sources.iter().map(|(_, (namespace, name))| {
        inputs.secret(
            how,
            (namespace.as_str(), name.as_str()),
            "pull-secret",
            parse,
        )
    });
    let merged = object_name::merged_pull_secret(&root.name_any());
    let (reads, merged) = try_join!(
        try_join_all(reads),
        merged_digest(clusters, how, &namespace, &merged),
    )?;
    let mut parts: Vec<String> = Vec::new();
    let mut unread = false;
    for ((kind, (namespace, name)), read) in sources.iter().zip(reads) {
        let secret = full_name(namespace, name);
        match read {
            Read::Absent => return Ok((PullSecret::Missing(secret), Read::Absent)),
            Read::Unread => unread = true,
            Read::Known(Ok(digest)) => parts.push(format!("{kind}={digest}")),
            Read::Known(Err(problem)) => {
                let problem = problem.to_owned();
                return Ok((PullSecret::Invalid { secret, problem }, Read::Absent));
            }
        }
    }
    if unread {
        return Ok((PullSecret::Unread, Read::Absent));
    }
    let wanted = digest(parts.iter().map(String::as_bytes));
    Ok((PullSecret::Ready(wanted), merged))
}

/// The sources that the merged Secret was made from; something else if its content was changed since.
async fn merged_digest(
    clusters: &Clusters,
    how: Freshness,
    namespace: &str,
    name: &str,
) -> Result<Read<String>, RequestError> {
    let (reader, stores) = (&clusters.shared.context.reader, &clusters.shared.stores);
    let (content, meta) = try_join!(
        clusters
            .shared
            .inputs
            .secret(how, (namespace, name), "merged", made_from),
        reader.get(how, &stores.secrets, namespace, name),
    )?;
    let said = meta.and_then(|meta| meta.annotations().get(SOURCES_ANNOTATION).cloned());
    Ok(content.map(|content| {
        let said = said.unwrap_or_default();
        match said.split_once('/') {
            Some((sources, of)) if of == content => sources.to_owned(),
            Some(_) | None => String::new(),
        }
    }))
}

/// Which credentials a cluster uses.
pub fn credentials_ref(root: &ClusterDeployment) -> CredentialsRef {
    let platform = &root.spec.platform;
    let role = platform
        .aws
        .as_ref()
        .and_then(|aws| aws.credentials_assume_role.as_ref());
    CredentialsRef {
        namespace: root.namespace().unwrap_or_default(),
        secret: platform.credentials_secret().map(str::to_owned),
        assume_role: role.map(|role| (role.role_arn.clone(), role.external_id.clone())),
    }
}

/// The credentials as they are stored: the fingerprint is that of their content.
async fn credentials(
    clusters: &Clusters,
    root: &ClusterDeployment,
    how: Freshness,
) -> Result<Credentials, RequestError> {
    let wanted = credentials_ref(root);
    let config = clusters.shared.config.get();
    let role = wanted.assume_role.as_ref().map(|(arn, _)| arn);
    let source = match (&wanted.secret, role) {
        (Some(name), _) => (wanted.namespace, name.clone()),
        (None, Some(arn)) => match &config.aws_service_provider_credentials_secret {
            Some(name) => (config.hive_namespace.clone(), name.clone()),
            None => {
                return Ok(Credentials::Present {
                    what: format!("role {arn}"),
                    fingerprint: String::new(),
                });
            }
        },
        (None, None) => return Ok(Credentials::Unnamed),
    };
    let named = full_name(&source.0, &source.1);
    let parse = |data: &SecretData| digest([data.fingerprint().as_slice()]);
    let content = clusters
        .shared
        .inputs
        .secret(how, (&source.0, &source.1), "credentials", parse);
    Ok(match content.await? {
        Read::Absent => Credentials::Missing(named),
        Read::Unread => Credentials::Unread,
        Read::Known(fingerprint) => Credentials::Present {
            what: match (&wanted.secret, role) {
                (None, Some(arn)) => format!("role {arn}"),
                _ => format!("Secret {named}"),
            },
            fingerprint,
        },
    })
}

/// The same with the fingerprint of everything that a check of them depends on, and what the check said.
fn checked(
    clusters: &Clusters,
    root: &ClusterDeployment,
    credentials: Credentials,
    install_config: Option<&InstallConfig>,
) -> (Credentials, Check) {
    let Credentials::Present { what, fingerprint } = credentials else {
        return (credentials, Check::Unchecked);
    };
    let (arn, external_id) = credentials_ref(root).assume_role.unwrap_or_default();
    let region = root.spec.platform.region().unwrap_or_default();
    let external_id = external_id.unwrap_or_default();
    let endpoints = install_config.map(|facts| facts.endpoints.0.as_slice());
    let urls: Vec<String> = endpoints
        .unwrap_or_default()
        .iter()
        .map(|endpoint| format!("{}={}", endpoint.service, endpoint.url))
        .collect();
    let parts = [fingerprint.as_str(), region, &arn, &external_id];
    let parts = parts.into_iter().chain(urls.iter().map(String::as_str));
    let fingerprint = digest(parts.map(str::as_bytes));
    let uid = root.metadata.uid.clone().unwrap_or_default();
    let check = clusters.shared.checks.state(&uid, &fingerprint);
    (Credentials::Present { what, fingerprint }, check)
}

/// What the result of resolving images depends on.
pub(super) fn image_inputs(root: &ClusterDeployment, inputs: &Inputs) -> String {
    let of = |name: &str| root.annotations().get(name).map_or("", String::as_str);
    let release = match &inputs.release {
        Release::Image(image) => image.as_str(),
        Release::Unnamed | Release::NoImageSet(_) => "",
    };
    let pull = match &inputs.pull_secret {
        PullSecret::Ready(digest) => digest.as_str(),
        PullSecret::Unnamed
        | PullSecret::Missing(_)
        | PullSecret::Invalid { .. }
        | PullSecret::Unread => "",
    };
    let wish = root.spec.provisioning.as_ref();
    let given = wish
        .and_then(|wish| wish.installer_image_override.as_deref())
        .unwrap_or_default();
    let tag = of(annotation::INSTALLER_IMAGE_NAME_OVERRIDE);
    let domain = of(annotation::CLI_DOMAIN_FROM_INSTALLER_IMAGE);
    let mut text = digest([release, pull, given, tag, domain].map(str::as_bytes));
    // It stands in an annotation that people look at.
    text.truncate(16);
    text
}

/// What a pod's container waits for, if it does not pass by itself.
pub(super) fn stuck(pod: &Pod) -> Option<String> {
    const STUCK: [&str; 6] = [
        "ImagePullBackOff",
        "ErrImagePull",
        "ErrImageNeverPull",
        "InvalidImageName",
        "CreateContainerConfigError",
        "CreateContainerError",
    ];
    let status = pod.status.as_ref()?;
    let containers = status
        .init_container_statuses
        .iter()
        .chain(&status.container_statuses)
        .flatten();
    containers.into_iter().find_map(|container| {
        let waiting = container.state.as_ref()?.waiting.as_ref()?;
        let reason = waiting
            .reason
            .as_deref()
            .filter(|reason| STUCK.contains(reason))?;
        let detail = waiting.message.as_deref().unwrap_or(&container.image);
        Some(format!("container {}: {reason}: {detail}", container.name))
    })
}
