//! Builds the pod that installs a cluster (docs/spec/10 §13).
//!
//! One init container copies this binary into a shared volume; the installer image then runs it. No user
//! Secret is mounted: the install manager reads what it needs through the API and projects it as files, so
//! that the pod never hangs on a missing Secret. The order of everything here is fixed, so that the same
//! inputs give the same bytes (docs/spec/10 §26.3 E5).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, Container, EmptyDirVolumeSource, EnvVar, LocalObjectReference, PodSpec,
    ResourceRequirements, SecurityContext, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use skep_crds::names::object_name::{INSTALLER_SERVICE_ACCOUNT, TRUSTED_CA_CONFIG_MAP};
use skep_crds::names::{env, path, value};

/// The installer holds the whole asset graph in memory (docs/spec/10 §13).
const INSTALLER_MEMORY: &str = "800Mi";

/// How Skep's own binary gets into pods.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OwnImage {
    /// Pull specification of the operator's image.
    pub image: String,
    /// `Always`, `IfNotPresent` or `Never`.
    pub pull_policy: String,
}

/// Everything the pod depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct Inputs {
    /// Namespace of the ClusterDeployment.
    pub namespace: String,
    /// Name of the ClusterProvision.
    pub provision: String,
    /// The operator's own image.
    pub own: OwnImage,
    /// `status.installerImage`.
    pub installer_image: String,
    /// Release image, passed on so that an overridden installer installs the right release.
    pub release_image: Option<String>,
    /// Secret with `install-config.yaml`.
    pub install_config_secret: String,
    /// The merged pull secret.
    pub pull_secret: String,
    /// Pull secret of the operator's own image, if it is private.
    pub private_image_pull_secret: Option<String>,
    /// Secret with the platform's credentials.
    pub credentials_secret: Option<String>,
    /// Secret with the platform's certificates.
    pub certificates_secret: Option<String>,
    /// Secret or ConfigMap with extra manifests.
    pub manifests: Option<Manifests>,
    /// Secret with the bound service-account signing key.
    pub signing_key_secret: Option<String>,
    /// Secret with `ssh-privatekey`.
    pub ssh_key_secret: Option<String>,
    /// Proxy variables of the operator's own process.
    pub proxy: Vec<(String, String)>,
    /// Whether nothing is deleted from any cloud on this hub, remains of an earlier attempt included.
    pub deprovisions_disabled: bool,
    /// `provisioning.installerEnv`; the last of a name wins, and it wins over everything else.
    pub installer_env: Vec<EnvVar>,
}

/// Where extra manifests come from; a Secret wins over a ConfigMap (docs/spec/10 §2.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Manifests {
    /// Name of a Secret.
    Secret(String),
    /// Name of a ConfigMap.
    ConfigMap(String),
}

/// The pod's spec, without nodeSelector and tolerations, which the Job adds.
pub fn build(inputs: &Inputs) -> PodSpec {
    let environment = environment(inputs);
    PodSpec {
        restart_policy: Some("Never".to_owned()),
        dns_policy: Some("ClusterFirst".to_owned()),
        service_account_name: Some(INSTALLER_SERVICE_ACCOUNT.to_owned()),
        image_pull_secrets: Some(pull_secrets(inputs)),
        init_containers: Some(vec![inject(&inputs.own, path::OUTPUT, environment.clone())]),
        containers: vec![installer(inputs, environment)],
        volumes: Some(volumes()),
        ..PodSpec::default()
    }
}

/// The init container that puts Skep's binary into the shared volume at `directory`.
pub fn inject(own: &OwnImage, directory: &str, environment: Vec<EnvVar>) -> Container {
    Container {
        name: "skep".to_owned(),
        image: Some(own.image.clone()),
        image_pull_policy: Some(own.pull_policy.clone()),
        command: Some(words(&["/usr/bin/skep", "inject", directory])),
        env: Some(environment),
        volume_mounts: Some(vec![mount("output", directory)]),
        security_context: Some(unprivileged()),
        ..Container::default()
    }
}

/// No container of ours needs to gain privileges.
pub fn unprivileged() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        ..SecurityContext::default()
    }
}

/// The pull secrets of every pod of a cluster.
pub fn pull_secret_references(merged: &str, private: Option<&String>) -> Vec<LocalObjectReference> {
    std::iter::once(merged)
        .chain(private.map(String::as_str))
        .map(|name| LocalObjectReference {
            name: name.to_owned(),
        })
        .collect()
}

/// A variable with a plain value.
pub fn variable(name: &str, value: impl Into<String>) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: Some(value.into()),
        value_from: None,
    }
}

/// An empty directory that lives as long as the pod.
pub fn empty_dir(name: &str) -> Volume {
    Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource::default()),
        ..Volume::default()
    }
}

/// Mounts a volume.
pub fn mount(name: &str, path: &str) -> VolumeMount {
    VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        ..VolumeMount::default()
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn pull_secrets(inputs: &Inputs) -> Vec<LocalObjectReference> {
    pull_secret_references(
        &inputs.pull_secret,
        inputs.private_image_pull_secret.as_ref(),
    )
}

fn installer(inputs: &Inputs, mut environment: Vec<EnvVar>) -> Container {
    environment.extend(
        inputs
            .proxy
            .iter()
            .map(|(name, value)| variable(name, value)),
    );
    environment.extend(inputs.installer_env.iter().cloned());
    let command = [
        "/output/skep",
        "install-manager",
        "--work-dir",
        path::OUTPUT,
        "--logs-dir",
        path::LOGS,
        &inputs.namespace,
        &inputs.provision,
    ];
    let memory = BTreeMap::from([("memory".to_owned(), Quantity(INSTALLER_MEMORY.to_owned()))]);
    Container {
        name: value::CONTAINER_INSTALLER.to_owned(),
        image: Some(inputs.installer_image.clone()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        command: Some(words(&command)),
        env: Some(last_wins(environment)),
        resources: Some(ResourceRequirements {
            requests: Some(memory),
            ..ResourceRequirements::default()
        }),
        volume_mounts: Some(
            MOUNTS
                .iter()
                .map(|(name, path)| mount(name, path))
                .collect(),
        ),
        security_context: Some(unprivileged()),
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        ..Container::default()
    }
}

/// The API server refuses nothing here, but a list in which each name stands once can be read.
fn last_wins(variables: Vec<EnvVar>) -> Vec<EnvVar> {
    let mut kept: Vec<EnvVar> = Vec::with_capacity(variables.len());
    for variable in variables {
        kept.retain(|earlier| earlier.name != variable.name);
        kept.push(variable);
    }
    kept
}

fn environment(inputs: &Inputs) -> Vec<EnvVar> {
    let optional = [
        (env::CREDS_SECRET_NAME, inputs.credentials_secret.as_ref()),
        (env::CERTS_SECRET_NAME, inputs.certificates_secret.as_ref()),
        (
            env::OPENSHIFT_INSTALL_RELEASE_IMAGE_OVERRIDE,
            inputs.release_image.as_ref(),
        ),
        (
            env::BOUND_TOKEN_SIGNING_KEY_SECRET_NAME,
            inputs.signing_key_secret.as_ref(),
        ),
        // The variable's name says PATH; it holds the name of a Secret (docs/spec/10 §13).
        (
            env::SSH_PRIVATE_KEY_SECRET_PATH,
            inputs.ssh_key_secret.as_ref(),
        ),
    ];
    let mut environment = vec![
        variable(env::OPENSHIFT_INSTALL_INVOKER, value::INSTALL_INVOKER),
        variable(env::CLUSTERDEPLOYMENT_NAMESPACE, &inputs.namespace),
        variable(
            env::INSTALLCONFIG_SECRET_NAME,
            &inputs.install_config_secret,
        ),
        variable(env::PULLSECRET_SECRET_NAME, &inputs.pull_secret),
        variable(env::SSL_CERT_DIR, env::SSL_CERT_DIR_VALUE),
        variable(env::HOME, path::HOME),
    ];
    environment.extend(
        optional
            .into_iter()
            .filter_map(|(name, value)| value.map(|value| variable(name, value))),
    );
    environment.extend(inputs.manifests.as_ref().map(|manifests| match manifests {
        Manifests::Secret(name) => variable(env::MANIFESTS_SECRET_NAME, name),
        Manifests::ConfigMap(name) => variable(env::MANIFESTS_CONFIGMAP_NAME, name),
    }));
    let disabled = || variable(env::DEPROVISIONS_DISABLED, value::TRUE);
    environment.extend(inputs.deprovisions_disabled.then(disabled));
    environment
}

/// Volumes that the install manager fills; the paths are an interface to users' debugging habits.
const MOUNTS: [(&str, &str); 13] = [
    (TRUSTED_CA_CONFIG_MAP, path::TRUSTED_CA_BUNDLE),
    ("output", path::OUTPUT),
    ("logs", path::LOGS),
    ("installconfig", path::INSTALL_CONFIG),
    ("pullsecret", path::PULL_SECRET),
    ("home", path::HOME),
    ("manifests", path::MANIFESTS),
    ("boundsasigningkey", path::BOUND_SA_SIGNING_KEY),
    ("sshkeys", path::SSH_KEYS),
    ("aws", path::AWS_CREDENTIALS),
    ("azure", path::AZURE_CREDENTIALS),
    ("gcp", path::GCP_CREDENTIALS),
    ("tmp", "/tmp"),
];

fn volumes() -> Vec<Volume> {
    MOUNTS
        .iter()
        .map(|(name, _path)| {
            if *name == TRUSTED_CA_CONFIG_MAP {
                trusted_ca_bundle()
            } else {
                empty_dir(name)
            }
        })
        .collect()
}

fn trusted_ca_bundle() -> Volume {
    Volume {
        name: TRUSTED_CA_CONFIG_MAP.to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: TRUSTED_CA_CONFIG_MAP.to_owned(),
            optional: Some(true),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn inputs() -> Inputs {
        Inputs {
            namespace: "team".into(),
            provision: "demo-0-abcde".into(),
            own: OwnImage {
                image: "skep:1".into(),
                pull_policy: "IfNotPresent".into(),
            },
            installer_image: "installer:1".into(),
            release_image: Some("release:1".into()),
            install_config_secret: "demo-install-config".into(),
            pull_secret: "demo-merged-pull-secret".into(),
            private_image_pull_secret: None,
            credentials_secret: Some("demo-aws-creds".into()),
            certificates_secret: None,
            manifests: None,
            signing_key_secret: None,
            ssh_key_secret: Some("demo-ssh-key".into()),
            proxy: vec![("HTTPS_PROXY".into(), "http://proxy".into())],
            deprovisions_disabled: false,
            installer_env: vec![variable("HOME", "/elsewhere")],
        }
    }

    fn value<'a>(container: &'a Container, name: &str) -> Vec<&'a str> {
        let variables = container
            .env
            .iter()
            .flatten()
            .filter(|variable| variable.name == name);
        variables
            .filter_map(|variable| variable.value.as_deref())
            .collect()
    }

    /// docs/spec/10 §13: the variables that users' scripts and the installer read.
    #[test]
    fn the_environment_is_the_specified_one() {
        let spec = build(&inputs());
        let installer = &spec.containers[0];
        for (name, expected) in [
            ("OPENSHIFT_INSTALL_INVOKER", "hive"),
            ("CLUSTERDEPLOYMENT_NAMESPACE", "team"),
            ("INSTALLCONFIG_SECRET_NAME", "demo-install-config"),
            ("PULLSECRET_SECRET_NAME", "demo-merged-pull-secret"),
            ("CREDS_SECRET_NAME", "demo-aws-creds"),
            ("OPENSHIFT_INSTALL_RELEASE_IMAGE_OVERRIDE", "release:1"),
            ("SSH_PRIVATE_KEY_SECRET_PATH", "demo-ssh-key"),
            ("HTTPS_PROXY", "http://proxy"),
        ] {
            assert_eq!(value(installer, name), [expected], "variable {name}");
        }
        let switch = env::DEPROVISIONS_DISABLED;
        assert_eq!(value(installer, switch), Vec::<&str>::new());
        let disabled = build(&Inputs {
            deprovisions_disabled: true,
            ..inputs()
        });
        assert_eq!(value(&disabled.containers[0], switch), ["true"]);
    }

    /// docs/spec/10 §13: installerEnv comes last and wins; init containers get no proxy variables.
    #[test]
    fn installer_env_wins_and_the_proxy_reaches_the_installer_only() {
        let spec = build(&inputs());
        assert_eq!(value(&spec.containers[0], "HOME"), ["/elsewhere"]);
        let init = &spec.init_containers.as_ref().unwrap()[0];
        assert_eq!(value(init, "HOME"), ["/home/hive"]);
        assert_eq!(value(init, "HTTPS_PROXY"), Vec::<&str>::new());
    }

    /// docs/spec/10 §26.3 E5: the Go operator orders volumes at random.
    #[test]
    fn the_same_inputs_give_the_same_pod() {
        assert_eq!(build(&inputs()), build(&inputs()));
    }

    /// docs/spec/10 §13: no user Secret is mounted.
    #[test]
    fn no_secret_is_mounted() {
        let spec = build(&inputs());
        assert!(
            spec.volumes
                .unwrap()
                .iter()
                .all(|volume| volume.secret.is_none())
        );
    }

    #[test]
    fn every_mount_has_its_volume() {
        let spec = build(&inputs());
        let volumes: Vec<String> = spec
            .volumes
            .unwrap()
            .into_iter()
            .map(|volume| volume.name)
            .collect();
        let all = spec
            .init_containers
            .unwrap()
            .into_iter()
            .chain(spec.containers);
        for mount in all.flat_map(|container| container.volume_mounts.unwrap_or_default()) {
            assert!(
                volumes.contains(&mount.name),
                "no volume for mount {}",
                mount.name
            );
        }
    }
}
