//! An attempt, and the pod that makes it.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt as _;
use skep_crds::names::{annotation, label, object_name, secret_key, value};
use skep_crds::wire::referenced_name;
use skep_crds::{
    ClusterDeployment, ClusterProvision, ClusterProvisionSpec, LocalObjectReference, Stage,
};
use skep_providers::SecretData;
use zeroize::Zeroizing;

use super::super::observed::{Observed, Release};
use super::super::{Clusters, Error};
use super::fresh;
use super::metadata::{apply, owner_of, secret};
use super::pods::{own_image, prepare_pods, proxy};
use crate::controllers::inputs::data_of;
use crate::controllers::{credentials, owned};
use crate::install::pod_spec::{self, Manifests};

/// The ClusterProvision, last of all that its pod needs.
pub(super) async fn create(
    clusters: &Clusters,
    observed: &Observed,
    name: &str,
    number: i64,
    previous: Option<&str>,
) -> Result<(), Error> {
    let root = fresh(clusters, observed).await?;
    prepare_pods(clusters, observed, &root, value::JOB_TYPE_PROVISION).await?;
    let credentials = match root.spec.credentials_secret() {
        Some(name) => Some(name.to_owned()),
        None => write_assumed_role(clusters, observed, &root).await?,
    };
    let pod = pod_inputs(clusters, observed, &root, name, credentials)?;
    let pod_spec = serde_json::to_value(pod_spec::build(&pod)).map_err(|_| Error::Changed {
        what: "the install pod".to_owned(),
    })?;
    let owner = owned::controller_of(&root);
    let before = observed
        .attempts
        .iter()
        .find(|attempt| Some(attempt.name.as_str()) == previous);
    let reported = before.and_then(|attempt| attempt.reported.as_ref());
    let provision = ClusterProvision {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(observed.namespace().to_owned()),
            labels: Some(labels(&root)),
            annotations: root
                .annotations()
                .get(annotation::ADDITIONAL_LOG_FIELDS)
                .map(|fields| {
                    [(annotation::ADDITIONAL_LOG_FIELDS.to_owned(), fields.clone())].into()
                }),
            owner_references: Some(vec![owner.clone()]),
            ..ObjectMeta::default()
        },
        spec: ClusterProvisionSpec {
            attempt: number,
            cluster_deployment_ref: LocalObjectReference::new(observed.name()),
            pod_spec,
            stage: Stage::Initializing,
            prev_provision_name: previous.map(str::to_owned),
            prev_infra_id: reported.map(|reported| reported.infra_id.clone()),
            prev_cluster_id: reported.map(|reported| reported.cluster_id.clone()),
            ..ClusterProvisionSpec::default()
        },
        status: None,
    };
    let (reader, writer) = (
        &clusters.shared.context.reader,
        &clusters.shared.context.writer,
    );
    owned::create(reader, writer, &provision, &owner)
        .await
        .map_err(|source| Error::Create {
            what: format!("attempt {name}"),
            source,
        })
}

/// All labels of the ClusterDeployment, and its name (docs/spec/10 §3).
fn labels(root: &ClusterDeployment) -> BTreeMap<String, String> {
    let mut labels = root.labels().clone();
    labels.insert(label::CLUSTER_DEPLOYMENT_NAME.to_owned(), root.name_any());
    labels
}

fn pod_inputs(
    clusters: &Clusters,
    observed: &Observed,
    root: &ClusterDeployment,
    provision: &str,
    credentials_secret: Option<String>,
) -> Result<pod_spec::Inputs, Error> {
    let changed = |what: &str| Error::Changed {
        what: what.to_owned(),
    };
    let wish = root
        .spec
        .provisioning
        .as_ref()
        .ok_or_else(|| changed("spec.provisioning"))?;
    let status = root.status.as_ref();
    let installer_image = status
        .and_then(|status| status.installer_image.clone())
        .ok_or_else(|| changed("status.installerImage"))?;
    let config = clusters.shared.config.get();
    let manifests = referenced_name(wish.manifests_secret_ref.as_ref())
        .map(|name| Manifests::Secret(name.to_owned()))
        .or_else(|| {
            let name = referenced_name(wish.manifests_config_map_ref.as_ref())?;
            Some(Manifests::ConfigMap(name.to_owned()))
        });
    let installer_env = wish.installer_env.clone().unwrap_or_default();
    let installer_env = serde_json::to_value(installer_env)
        .and_then(serde_json::from_value)
        .map_err(|_| changed("spec.provisioning.installerEnv"))?;
    let owned =
        |reference: Option<&LocalObjectReference>| referenced_name(reference).map(str::to_owned);
    Ok(pod_spec::Inputs {
        namespace: observed.namespace().to_owned(),
        provision: provision.to_owned(),
        own: own_image(&config),
        installer_image,
        release_image: match &observed.inputs.release {
            Release::Image(image) => Some(image.clone()),
            Release::Unnamed | Release::NoImageSet(_) => None,
        },
        install_config_secret: observed
            .inputs
            .install_config_secret
            .clone()
            .unwrap_or_default(),
        pull_secret: object_name::merged_pull_secret(observed.name()),
        private_image_pull_secret: config.private_image_pull_secret.clone(),
        credentials_secret,
        certificates_secret: root.spec.platform.certificates_secret().map(str::to_owned),
        manifests,
        signing_key_secret: owned(
            root.spec
                .bound_service_account_signing_key_secret_ref
                .as_ref(),
        ),
        ssh_key_secret: owned(wish.ssh_private_key_secret_ref.as_ref()),
        proxy: proxy(&config),
        deprovisions_disabled: config.deprovisions_disabled,
        installer_env,
    })
}

/// An AWS configuration that assumes the cluster's role with the service provider's profile
/// (docs/spec/10 §11.1 step 8); its name.
async fn write_assumed_role(
    clusters: &Clusters,
    observed: &Observed,
    root: &ClusterDeployment,
) -> Result<Option<String>, Error> {
    let aws = root.spec.platform.aws.as_ref();
    let Some(role) = aws.and_then(|aws| aws.credentials_assume_role.as_ref()) else {
        return Ok(None);
    };
    let failed = |source| Error::Credentials { source };
    let config = clusters.shared.config.get();
    let named = config.aws_service_provider_credentials_secret.clone();
    let name = named.ok_or_else(|| failed(credentials::Error::NotNamed))?;
    let namespace = config.hive_namespace.clone();
    let reader = &clusters.shared.context.reader;
    let found = reader.get_live::<Secret>(&namespace, &name).await;
    let found = found.map_err(|source| Error::Read {
        what: "the service provider's Secret",
        source,
    })?;
    let Some(provider) = found.map(data_of) else {
        return Err(failed(credentials::Error::NoSecret { namespace, name }));
    };
    let source = source_profile(&provider)
        .ok_or_else(|| failed(credentials::Error::NoProfile { namespace, name }))?;
    let content = assumed_role(&role.role_arn, role.external_id.as_deref(), &source);
    let name = object_name::aws_assume_role_secret(observed.name());
    let data = [(
        secret_key::AWS_CONFIG.to_owned(),
        ByteString(content.into_bytes()),
    )];
    let secret = secret(
        observed,
        &name,
        owner_of(root),
        BTreeMap::new(),
        data.into(),
    );
    apply(clusters, &secret).await?;
    Ok(Some(name))
}

fn assumed_role(role_arn: &str, external_id: Option<&str>, source: &str) -> String {
    let external_id = external_id.map_or_else(String::new, |id| format!("external_id = {id}\n"));
    format!("[default]\nsource_profile = source\nrole_arn = {role_arn}\n{external_id}\n{source}\n")
}

/// The service provider's credentials as a profile `source`: of its configuration file, which counts before
/// its keys as everywhere, or of those. None when there is neither.
fn source_profile(provider: &SecretData) -> Option<Zeroizing<String>> {
    const DEFAULT: [&str; 2] = ["[default]", "[profile default]"];
    let value = |key| provider.text(key).filter(|text| !text.is_empty());
    if let Some(config) = value(secret_key::AWS_CONFIG) {
        let default = DEFAULT.into_iter().find(|name| config.contains(name))?;
        return Some(Zeroizing::new(config.replace(default, "[profile source]")));
    }
    let setting = |key: &str, value: &str| format!("{key} = {value}\n");
    let keys = [
        secret_key::AWS_ACCESS_KEY_ID,
        secret_key::AWS_SECRET_ACCESS_KEY,
    ];
    let mut profile = Zeroizing::new("[profile source]\n".to_owned());
    for key in keys {
        profile.push_str(&setting(key, value(key)?));
    }
    if let Some(token) = value(secret_key::AWS_SESSION_TOKEN) {
        profile.push_str(&setting(secret_key::AWS_SESSION_TOKEN, token));
    }
    Some(profile)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(entries: &[(&str, &str)]) -> SecretData {
        let bytes = |(key, value): &(&str, &str)| ((*key).to_owned(), value.as_bytes().to_vec());
        entries.iter().map(bytes).collect()
    }

    /// docs/spec/10 §11.1 step 8.
    #[test]
    fn the_assumed_role_reaches_over_the_providers_profile() {
        let provider = provider(&[(secret_key::AWS_CONFIG, "[default]\nrole_arn = x\n")]);
        let source = source_profile(&provider).unwrap();
        let text = assumed_role("arn:role", Some("word"), &source);
        assert!(
            text.starts_with("[default]\nsource_profile = source\nrole_arn = arn:role\n"),
            "{text}"
        );
        assert!(text.contains("external_id = word\n"), "{text}");
        assert!(text.contains("[profile source]\nrole_arn = x"), "{text}");
    }

    /// The check of the credentials accepts plain keys, so an attempt must be able to use them.
    #[test]
    fn plain_keys_of_the_provider_become_the_profile() {
        let keys = [
            (secret_key::AWS_ACCESS_KEY_ID, "AKIA1\n"),
            (secret_key::AWS_SECRET_ACCESS_KEY, "skep-canary-7f3a"),
        ];
        let source = source_profile(&provider(&keys)).unwrap();
        let expected = "[profile source]\naws_access_key_id = AKIA1\n\
                        aws_secret_access_key = skep-canary-7f3a\n";
        assert_eq!(*source, expected);
        let token = (secret_key::AWS_SESSION_TOKEN, "skep-canary-7f3a-token");
        let source = source_profile(&provider(&[keys[0], keys[1], token])).unwrap();
        assert_eq!(
            *source,
            format!("{expected}aws_session_token = skep-canary-7f3a-token\n")
        );
    }

    #[test]
    fn without_a_source_no_profile_is_made_up() {
        for entries in [
            &[][..],
            &[(secret_key::AWS_ACCESS_KEY_ID, "AKIA1")],
            &[(
                secret_key::AWS_CONFIG,
                "[profile other]\nrole_arn = skep-canary-7f3a\n",
            )],
        ] {
            assert_eq!(source_profile(&provider(entries)), None);
        }
    }
}
