//! What an install pod may do on the hub: read what this attempt needs and fill in this attempt's results,
//! by name and nothing else (docs/spec/10 §26.5 X1: the Go operator lets it read and delete every Secret of
//! the namespace).
//!
//! The ServiceAccount keeps its name, because hubs bind security constraints to it. Each attempt has a Role
//! of its own, owned by it, so that a right ends with what it was for. `create` cannot be limited by name;
//! therefore the operator creates the two admin Secrets empty, and the pod only patches them.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{PodSpec, ServiceAccount};
use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use skep_crds::names::object_name::{
    INSTALLER_SERVICE_ACCOUNT, TRUSTED_CA_CONFIG_MAP, admin_kubeconfig_secret,
    admin_password_secret, object_name,
};
use skep_crds::names::{GROUP, env};

const RBAC_GROUP: &str = "rbac.authorization.k8s.io";

/// Variables of the install pod that name a Secret.
const SECRET_VARIABLES: [&str; 8] = [
    env::INSTALLCONFIG_SECRET_NAME,
    env::PULLSECRET_SECRET_NAME,
    env::CREDS_SECRET_NAME,
    env::CERTS_SECRET_NAME,
    env::MANIFESTS_SECRET_NAME,
    env::BOUND_TOKEN_SIGNING_KEY_SECRET_NAME,
    env::SSH_PRIVATE_KEY_SECRET_PATH,
    env::HIVE_AWS_SERVICE_PROVIDER_CREDENTIALS_SECRET,
];

/// The ServiceAccount of a namespace's install and image-resolution pods. It has no owner: all clusters of
/// the namespace share it.
pub fn service_account(namespace: &str) -> ServiceAccount {
    ServiceAccount {
        metadata: ObjectMeta {
            name: Some(INSTALLER_SERVICE_ACCOUNT.to_owned()),
            namespace: Some(namespace.to_owned()),
            ..ObjectMeta::default()
        },
        ..ServiceAccount::default()
    }
}

/// Name of the Role and RoleBinding of one attempt or one image resolution.
pub fn role_name(of: &str) -> String {
    object_name(INSTALLER_SERVICE_ACCOUNT, of)
}

/// Whose rights these are.
pub struct Holder<'a> {
    /// Namespace of everything.
    pub namespace: &'a str,
    /// The ClusterDeployment.
    pub cluster: &'a str,
    /// What owns the rights and ends them.
    pub owner: OwnerReference,
}

/// The rights of the pod that runs attempt `provision`: what its pod spec names, its own results, and a look
/// at the attempt before it, of which it may find remains.
pub fn install_role(
    holder: &Holder<'_>,
    provision: &str,
    before: Option<&str>,
    pod: &PodSpec,
) -> Role {
    let results = [
        admin_kubeconfig_secret(provision),
        admin_password_secret(provision),
    ];
    let named = |variables: &[&str]| names_in(pod, variables);
    let mut config_maps = named(&[env::MANIFESTS_CONFIGMAP_NAME]);
    config_maps.push(TRUSTED_CA_CONFIG_MAP.to_owned());
    let rules = vec![
        rule("", &["secrets"], &named(&SECRET_VARIABLES), &["get"]),
        rule("", &["secrets"], &results, &["get", "patch"]),
        rule("", &["configmaps"], &config_maps, &["get"]),
        rule(
            GROUP,
            &["clusterdeployments"],
            &[holder.cluster.to_owned()],
            &["get"],
        ),
        rule(
            GROUP,
            &["clusterprovisions"],
            &[provision.to_owned()],
            &["get", "list", "watch", "patch"],
        ),
        rule(
            GROUP,
            &["clusterprovisions/status"],
            &[provision.to_owned()],
            &["get", "patch"],
        ),
        rule(
            GROUP,
            &["clusterprovisions"],
            &before.map(str::to_owned).into_iter().collect::<Vec<_>>(),
            &["get"],
        ),
    ];
    role(holder, provision, rules)
}

/// The rights of the pod that resolves a cluster's images: its ClusterDeployment's status.
pub fn image_set_role(holder: &Holder<'_>, job: &str) -> Role {
    let cluster = [holder.cluster.to_owned()];
    let rules = vec![
        rule(GROUP, &["clusterdeployments"], &cluster, &["get"]),
        rule(
            GROUP,
            &["clusterdeployments/status"],
            &cluster,
            &["get", "patch"],
        ),
    ];
    role(holder, job, rules)
}

/// Binds the Role of the same name to the ServiceAccount.
pub fn binding(role: &Role) -> RoleBinding {
    let name = role.metadata.name.clone().unwrap_or_default();
    RoleBinding {
        metadata: role.metadata.clone(),
        role_ref: RoleRef {
            api_group: RBAC_GROUP.to_owned(),
            kind: "Role".to_owned(),
            name,
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: INSTALLER_SERVICE_ACCOUNT.to_owned(),
            namespace: role.metadata.namespace.clone(),
            api_group: None,
        }]),
    }
}

fn role(holder: &Holder<'_>, of: &str, rules: Vec<Option<PolicyRule>>) -> Role {
    Role {
        metadata: ObjectMeta {
            name: Some(role_name(of)),
            namespace: Some(holder.namespace.to_owned()),
            owner_references: Some(vec![holder.owner.clone()]),
            ..ObjectMeta::default()
        },
        rules: Some(rules.into_iter().flatten().collect()),
    }
}

/// A rule without names would cover every object of the kind; such a rule is never made.
fn rule(group: &str, resources: &[&str], names: &[String], verbs: &[&str]) -> Option<PolicyRule> {
    let owned = |words: &[&str]| {
        words
            .iter()
            .map(|word| (*word).to_owned())
            .collect::<Vec<_>>()
    };
    (!names.is_empty()).then(|| PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(owned(resources)),
        resource_names: Some(names.to_vec()),
        verbs: owned(verbs),
        ..PolicyRule::default()
    })
}

/// From the init container, whose variables are the operator's own: the installer's container also has those
/// of `installerEnv`, which whoever wrote them may not be allowed to read.
fn names_in(pod: &PodSpec, variables: &[&str]) -> Vec<String> {
    let names: BTreeSet<String> = pod
        .init_containers
        .iter()
        .flatten()
        .flat_map(|container| container.env.iter().flatten())
        .filter(|variable| variables.contains(&variable.name.as_str()))
        .filter_map(|variable| variable.value.clone().filter(|value| !value.is_empty()))
        .collect();
    names.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::install::pod_spec;

    fn holder() -> Holder<'static> {
        Holder {
            namespace: "team",
            cluster: "demo",
            owner: OwnerReference::default(),
        }
    }

    /// docs/spec/10 §26.5 X1: every rule is limited by name.
    #[test]
    fn no_rule_reaches_beyond_the_attempt() {
        let pod = pod_spec::build(&pod_spec::tests::inputs());
        let role = install_role(&holder(), "demo-1-abcde", Some("demo-0-abcde"), &pod);
        for rule in role.rules.unwrap() {
            let names = rule.resource_names.clone().unwrap_or_default();
            assert!(!names.is_empty(), "a rule without names: {rule:?}");
            assert!(
                !rule
                    .verbs
                    .iter()
                    .any(|verb| verb == "create" || verb == "*"),
                "{rule:?}"
            );
        }
    }

    /// docs/spec/10 §14.2: the pod can read what its variables name, and write its two results.
    #[test]
    fn the_pod_reads_its_inputs_and_writes_its_results() {
        let pod = pod_spec::build(&pod_spec::tests::inputs());
        let rules = install_role(&holder(), "demo-0-abcde", None, &pod)
            .rules
            .unwrap();
        assert_eq!(rules.len(), 6, "nothing about an attempt before the first");
        assert_eq!(
            rules[0].resource_names.as_deref().unwrap(),
            [
                "demo-aws-creds",
                "demo-install-config",
                "demo-merged-pull-secret",
                "demo-ssh-key"
            ]
        );
        assert_eq!(rules[0].verbs, ["get"]);
        assert_eq!(
            rules[1].resource_names.as_deref().unwrap(),
            [
                "demo-0-abcde-admin-kubeconfig",
                "demo-0-abcde-admin-password"
            ]
        );
        assert_eq!(rules[1].verbs, ["get", "patch"]);
    }

    /// `installerEnv` wins in the pod, and gives it no rights.
    #[test]
    fn a_users_variable_opens_no_secret() {
        let mut inputs = pod_spec::tests::inputs();
        for name in SECRET_VARIABLES
            .iter()
            .chain([&env::MANIFESTS_CONFIGMAP_NAME])
        {
            let variable = pod_spec::variable(name, "somebody-elses");
            inputs.installer_env.push(variable);
        }
        let with = names_in(&pod_spec::build(&inputs), &SECRET_VARIABLES);
        let without = pod_spec::build(&pod_spec::tests::inputs());
        assert_eq!(with, names_in(&without, &SECRET_VARIABLES));
        let config_maps = [env::MANIFESTS_CONFIGMAP_NAME];
        let none: [String; 0] = [];
        assert_eq!(names_in(&pod_spec::build(&inputs), &config_maps), none);
    }

    #[test]
    fn a_long_attempt_name_still_gives_a_valid_role_name() {
        let name = role_name(&format!("{}-0-abcde", "x".repeat(60)));
        assert!(name.len() <= 63, "{name}");
    }
}
