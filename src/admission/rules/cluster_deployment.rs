//! Rules about `ClusterDeployment`s.
//!
//! Decides by the object alone, and by what the hub offers (managed domains, private links, installing
//! kinds). What the install-config says, and whether referenced objects exist, shows when the cluster
//! is reconciled.
//!
//! Mirrors docs/spec/41 §3. The order is Hive's; what must not change is in [`super::fields`].

use skep_crds::ClusterDeploymentSpec;
use skep_crds::names::annotation;

use super::names::{LABEL, direct_child_of, duration_problem, ends_in};
use super::platform::Shared;
use super::{Case, On, Rule, Table, cluster_image_set, is_restored};
use crate::admission::verdict::{Findings, quoted};

type Spec = ClusterDeploymentSpec;

pub(super) const TABLE: Table<Spec> = Table(&[BEFORE, Shared::<Spec>::RULES, AFTER]);

const BEFORE: &[Rule<Spec>] = &[
    Rule::new(
        On::Create,
        "clusterdeployment/name-length",
        "the name has at most 63 characters",
        name_length,
    )
    .bad_request(),
    Rule::new(
        On::Create,
        "clusterdeployment/cluster-name-length",
        "`spec.clusterName` has at most 63 characters",
        cluster_name_length,
    )
    .bad_request(),
    Rule::new(
        On::Write,
        "clusterdeployment/hibernate-after",
        "`spec.hibernateAfter` can be read",
        hibernate_after,
    )
    .bad_request()
    .changes(),
    Rule::new(
        On::Write,
        "clusterdeployment/ingress-default",
        "a list of ingresses has an entry named default",
        ingress_default,
    )
    .bad_request(),
    Rule::new(
        On::Write,
        "clusterdeployment/ingress-domain-set",
        "an ingress has a domain",
        ingress_domain_set,
    )
    .bad_request()
    .mends(2),
    Rule::new(
        On::Write,
        "clusterdeployment/ingress-no-wildcard",
        "an ingress's domain does not begin with *",
        ingress_no_wildcard,
    )
    .bad_request(),
    Rule::new(
        On::Write,
        "clusterdeployment/ingress-domain",
        "an ingress's domain is below the cluster's",
        ingress_domain,
    )
    .bad_request()
    .mends(2),
    Rule::new(
        On::Write,
        "clusterdeployment/ingress-certificate",
        "an ingress's certificate is one of the bundles",
        ingress_certificate,
    )
    .bad_request(),
    Rule::new(
        On::Create,
        "clusterdeployment/certificate-bundle",
        "a certificate bundle has a name and a Secret",
        certificate_bundle,
    )
    .bad_request(),
    Rule::new(
        On::Update,
        "clusterdeployment/certificate-bundle-stays-whole",
        "a certificate bundle keeps a name and a Secret",
        certificate_bundle,
    )
    .mends(7),
    Rule::new(
        On::Create,
        "clusterdeployment/managed-domain",
        "with `spec.manageDNS`, `spec.baseDomain` is a direct child of a managed domain",
        managed_domain,
    )
    .bad_request(),
    Rule::new(
        On::Create,
        "clusterdeployment/one-way-to-install",
        "not both `spec.provisioning` and `spec.clusterInstallRef`, until installed",
        one_way_to_install,
    ),
    Rule::new(
        On::Create,
        "clusterdeployment/a-way-to-install",
        "`spec.provisioning` or `spec.clusterInstallRef`, until installed",
        a_way_to_install,
    ),
    Rule::new(
        On::Create,
        "clusterdeployment/install-config",
        "`spec.provisioning` names an install-config, until installed",
        install_config,
    ),
];

const AFTER: &[Rule<Spec>] = &[
    Rule::new(
        On::Create,
        "clusterdeployment/azure-base-domain-group",
        "Azure with `spec.manageDNS`: the base domain's resource group is named",
        azure_base_domain_group,
    ),
    Rule::new(
        On::Create,
        "clusterdeployment/manage-dns-platform",
        "`spec.manageDNS` only on AWS, Azure and Google Cloud",
        manage_dns_platform,
    ),
    Rule::new(
        On::Create,
        "clusterdeployment/private-link",
        "an AWS private link is offered in the region",
        private_link,
    ),
    Rule::new(
        On::Create,
        "clusterdeployment/ssh-key",
        "a reference to an SSH key has a name",
        ssh_key,
    ),
    Rule::new(
        On::Create,
        "clusterdeployment/ibmcloud-manifests",
        "IBM Cloud: manifests are named",
        ibm_manifests,
    ),
    Rule::new(
        On::Create,
        "clusterdeployment/one-source-of-manifests",
        "manifests come from a ConfigMap or a Secret, not both",
        one_source_of_manifests,
    ),
    Rule::new(
        On::Create,
        "clusterdeployment/install-kind",
        "`spec.clusterInstallRef` is of a kind that may install",
        install_kind,
    ),
    Rule::new(
        On::Create,
        "clusterdeployment/not-claimed",
        "is not made as a claimed cluster of a pool, except in a restore",
        not_claimed,
    ),
    Rule::new(
        On::Write,
        "clusterdeployment/metadata-when-installed",
        "an installed cluster has `spec.clusterMetadata`",
        metadata_when_installed,
    )
    .mends(1)
    .spares_restored(),
    Rule::new(
        On::Create,
        "clusterdeployment/release-digest",
        "`spec.provisioning.releaseImage` has a digest while releases are verified, and a well-formed one, until installed",
        release_digest,
    )
    .mends(18)
    .spares_restored(),
    Rule::new(
        On::Delete,
        "clusterdeployment/protected-delete",
        "is not deleted while it is protected",
        protected_delete,
    ),
    Rule::new(
        On::Any,
        "clusterdeployment/protection-lifted",
        "protection from deletion is removed",
        protection_lifted,
    )
    .advice(),
    Rule::new(
        On::Write,
        "clusterdeployment/no-attempts",
        "no attempt to install will be made",
        no_attempts,
    )
    .advice(),
    Rule::new(
        On::Create,
        "clusterdeployment/two-releases",
        "a release image hides the image set",
        two_releases,
    )
    .advice(),
];

fn name_length(case: &Case<'_, Spec>, to: &mut Findings) {
    let length = case.meta.name().len();
    if length > LABEL {
        to.invalid("metadata.name", too_long(length));
    }
}

fn cluster_name_length(case: &Case<'_, Spec>, to: &mut Findings) {
    let length = case.spec.cluster_name.len();
    if length > LABEL {
        to.invalid("spec.clusterName", too_long(length));
    }
}

pub(super) fn too_long(length: usize) -> String {
    format!("has {length} characters, but may have at most {LABEL}")
}

/// Hive reads durations while it decodes the object: what it cannot read is a bad request.
fn hibernate_after(case: &Case<'_, Spec>, to: &mut Findings) {
    if let Some(problem) = case
        .spec
        .hibernate_after
        .as_deref()
        .and_then(duration_problem)
    {
        to.invalid("spec.hibernateAfter", problem);
    }
}

fn ingress_default(case: &Case<'_, Spec>, to: &mut Findings) {
    let ingresses = case.spec.ingress.as_deref().unwrap_or_default();
    if !ingresses.is_empty() && ingresses.iter().all(|ingress| ingress.name != "default") {
        to.required(
            "spec.ingress",
            "must have an entry named default when it has entries at all",
        );
    }
}

/// The domain of each ingress, with its path.
fn domains(spec: &Spec) -> impl Iterator<Item = (String, &str)> {
    spec.ingress
        .iter()
        .flatten()
        .enumerate()
        .map(|(index, ingress)| {
            (
                format!("spec.ingress[{index}].domain"),
                ingress.domain.as_str(),
            )
        })
}

fn ingress_domain_set(case: &Case<'_, Spec>, to: &mut Findings) {
    for (path, _) in domains(case.spec).filter(|(_, domain)| domain.is_empty()) {
        to.required(path, "must not be empty");
    }
}

fn ingress_no_wildcard(case: &Case<'_, Spec>, to: &mut Findings) {
    for (path, domain) in domains(case.spec).filter(|(_, domain)| domain.starts_with('*')) {
        let domain = quoted(domain);
        to.invalid(
            path,
            format!("{domain} must not begin with *: an ingress serves all names below its domain"),
        );
    }
}

fn ingress_domain(case: &Case<'_, Spec>, to: &mut Findings) {
    let cluster = format!("{}.{}", case.spec.cluster_name, case.spec.base_domain);
    for (path, domain) in domains(case.spec) {
        if !domain.is_empty() && !ends_in(domain, &cluster) {
            to.invalid(
                path,
                format!(
                    "{} must be below the cluster's domain {cluster}",
                    quoted(domain)
                ),
            );
        }
    }
}

fn ingress_certificate(case: &Case<'_, Spec>, to: &mut Findings) {
    let bundles = case.spec.certificate_bundles.as_deref().unwrap_or_default();
    for (index, ingress) in case.spec.ingress.iter().flatten().enumerate() {
        let wanted = ingress.serving_certificate.as_deref().unwrap_or_default();
        if !wanted.is_empty() && bundles.iter().all(|bundle| bundle.name != wanted) {
            to.invalid(
                format!("spec.ingress[{index}].servingCertificate"),
                format!(
                    "{} is the name of no entry of spec.certificateBundles",
                    quoted(wanted)
                ),
            );
        }
    }
}

fn certificate_bundle(case: &Case<'_, Spec>, to: &mut Findings) {
    for (index, bundle) in case.spec.certificate_bundles.iter().flatten().enumerate() {
        let path = format!("spec.certificateBundles[{index}]");
        if bundle.name.is_empty() {
            to.required(format!("{path}.name"), "must not be empty");
        }
        if bundle.certificate_secret_ref.name.is_empty() {
            let what = "must name the Secret with certificate and key";
            to.required(format!("{path}.certificateSecretRef.name"), what);
        }
    }
}

fn managed_domain(case: &Case<'_, Spec>, to: &mut Findings) {
    let (base, managed) = (
        case.spec.base_domain.as_str(),
        &case.settings.managed_domains,
    );
    if !case.spec.manages_dns() || managed.iter().any(|domain| direct_child_of(base, domain)) {
        return;
    }
    let base_shown = quoted(base);
    let message = if managed.is_empty() {
        "needs a managed domain, and this hub has none: set spec.manageDNS to false or add one to HiveConfig"
            .to_owned()
    } else if managed.iter().any(|domain| domain == base) {
        format!(
            "{base_shown} is itself a managed domain, whose zone other clusters share: must be a direct child of one"
        )
    } else if let Some(above) = managed.iter().find(|domain| ends_in(base, domain)) {
        format!(
            "{base_shown} is more than one label below the managed domain {above}: must be a direct child of it"
        )
    } else {
        format!(
            "{base_shown} must be a direct child of a managed domain: {}",
            managed.join(", ")
        )
    };
    to.invalid("spec.baseDomain", message);
}

fn one_way_to_install(case: &Case<'_, Spec>, to: &mut Findings) {
    let spec = case.spec;
    if !spec.installed && spec.provisioning.is_some() && spec.cluster_install_ref.is_some() {
        to.forbidden(
            "spec.provisioning",
            "must not be set together with clusterInstallRef",
        );
    }
}

fn a_way_to_install(case: &Case<'_, Spec>, to: &mut Findings) {
    let spec = case.spec;
    if !spec.installed && spec.provisioning.is_none() && spec.cluster_install_ref.is_none() {
        to.required(
            "spec.provisioning",
            "must be set for a cluster that is not installed, unless clusterInstallRef is",
        );
    }
}

fn install_config(case: &Case<'_, Spec>, to: &mut Findings) {
    let Some(provisioning) = &case.spec.provisioning else {
        return;
    };
    if !case.spec.installed && provisioning.install_config_secret().is_none() {
        to.required(
            "spec.provisioning.installConfigSecretRef.name",
            "must name the Secret with the install-config",
        );
    }
}

fn azure_base_domain_group(case: &Case<'_, Spec>, to: &mut Findings) {
    let Some(azure) = &case.spec.platform.azure else {
        return;
    };
    let group = azure
        .base_domain_resource_group_name
        .as_deref()
        .unwrap_or_default();
    if case.spec.manages_dns() && group.is_empty() {
        to.required(
            "spec.platform.azure.baseDomainResourceGroupName",
            "must name the resource group for the base domain's zone, which manageDNS asks for",
        );
    }
}

fn manage_dns_platform(case: &Case<'_, Spec>, to: &mut Findings) {
    let platform = &case.spec.platform;
    let able = platform.aws.is_some() || platform.azure.is_some() || platform.gcp.is_some();
    if case.spec.manages_dns() && !able {
        to.invalid(
            "spec.manageDNS",
            "true is possible on aws, azure and gcp only",
        );
    }
}

fn private_link(case: &Case<'_, Spec>, to: &mut Findings) {
    let Some(aws) = &case.spec.platform.aws else {
        return;
    };
    if !aws.private_link.as_ref().is_some_and(|link| link.enabled) {
        return;
    }
    let offered = &case.settings.private_link_regions;
    let path = "spec.platform.aws.privateLink.enabled";
    if offered.is_empty() {
        to.forbidden(
            path,
            "this hub offers no private links: HiveConfig has no endpoint VPC inventory",
        );
    } else if !offered.contains(&aws.region) {
        let regions: Vec<&str> = offered.iter().map(String::as_str).collect();
        let regions = regions.join(", ");
        to.forbidden(
            path,
            format!(
                "is offered in {regions} only, not in {}",
                quoted(&aws.region)
            ),
        );
    }
}

fn ssh_key(case: &Case<'_, Spec>, to: &mut Findings) {
    let Some(provisioning) = &case.spec.provisioning else {
        return;
    };
    if provisioning
        .ssh_private_key_secret_ref
        .as_ref()
        .is_some_and(|key| key.name.is_empty())
    {
        to.required(
            "spec.provisioning.sshPrivateKeySecretRef.name",
            "must name a Secret, or the reference be removed",
        );
    }
}

fn ibm_manifests(case: &Case<'_, Spec>, to: &mut Findings) {
    let Some(provisioning) = &case.spec.provisioning else {
        return;
    };
    let manifests = provisioning.manifests_config_map_ref.is_some()
        || provisioning.manifests_secret_ref.is_some();
    if case.spec.platform.ibmcloud.is_some() && !manifests {
        to.required(
            "spec.provisioning",
            "needs manifestsConfigMapRef or manifestsSecretRef on IBM Cloud: credentials of the \
             cluster's operators come from there",
        );
    }
}

fn one_source_of_manifests(case: &Case<'_, Spec>, to: &mut Findings) {
    let Some(provisioning) = &case.spec.provisioning else {
        return;
    };
    if provisioning.manifests_config_map_ref.is_some()
        && provisioning.manifests_secret_ref.is_some()
    {
        to.invalid(
            "spec.provisioning.manifestsConfigMapRef",
            "must not be set together with manifestsSecretRef",
        );
    }
}

fn install_kind(case: &Case<'_, Spec>, to: &mut Findings) {
    let Some(reference) = &case.spec.cluster_install_ref else {
        return;
    };
    let known = &case.settings.cluster_install;
    if known.is_empty() {
        to.forbidden(
            "spec.clusterInstallRef",
            "no kind on this hub may install clusters",
        );
        return;
    }
    let same = known.iter().any(|known| {
        known.group == reference.group
            && known.version == reference.version
            && known.kind == reference.kind
    });
    if !same {
        let name = |group: &str, version: &str, kind: &str| format!("{group}/{version} {kind}");
        to.not_supported(
            "spec.clusterInstallRef.kind",
            &name(&reference.group, &reference.version, &reference.kind),
            known
                .iter()
                .map(|known| name(&known.group, &known.version, &known.kind)),
        );
    }
}

fn not_claimed(case: &Case<'_, Spec>, to: &mut Findings) {
    if is_restored(case.meta) {
        return;
    }
    let pool = case.spec.cluster_pool_ref.as_ref();
    let claim = pool
        .and_then(|pool| pool.claim_name.as_deref())
        .unwrap_or_default();
    if !claim.is_empty() {
        to.invalid(
            "spec.clusterPoolRef.claimName",
            format!(
                "{} must be empty: a new cluster cannot be claimed already",
                quoted(claim)
            ),
        );
    }
}

fn metadata_when_installed(case: &Case<'_, Spec>, to: &mut Findings) {
    if case.spec.installed && case.spec.cluster_metadata.is_none() {
        to.required(
            "spec.clusterMetadata",
            "must be set when spec.installed is true",
        );
    }
}

fn release_digest(case: &Case<'_, Spec>, to: &mut Findings) {
    let Some(provisioning) = &case.spec.provisioning else {
        return;
    };
    let image = provisioning.release_image.as_deref().unwrap_or_default();
    // What is installed has long been verified, or not.
    if image.is_empty() || case.spec.installed {
        return;
    }
    if let Some(problem) = cluster_image_set::digest_problem(image, case.settings) {
        to.invalid("spec.provisioning.releaseImage", problem);
    }
}

fn protected_delete(case: &Case<'_, Spec>, to: &mut Findings) {
    if annotation::is_true(case.meta.annotation(annotation::PROTECTED_DELETE)) {
        to.invalid(
            format!("metadata.annotations.{}", annotation::PROTECTED_DELETE),
            "protects the object from deletion: remove the annotation first, or set it to \"false\"",
        );
    }
}

fn protection_lifted(case: &Case<'_, Spec>, to: &mut Findings) {
    let Some((old, _)) = case.old else { return };
    let protected = |annotation: Option<&str>| annotation::is_true(annotation);
    let was = protected(old.annotation(annotation::PROTECTED_DELETE));
    if was && !protected(case.meta.annotation(annotation::PROTECTED_DELETE)) {
        to.warn(
            "metadata.annotations",
            "the cluster is no longer protected from deletion",
        );
    }
}

fn no_attempts(case: &Case<'_, Spec>, to: &mut Findings) {
    let spec = case.spec;
    if !spec.installed && spec.provisioning.is_some() && spec.install_attempts_limit == Some(0) {
        to.warn(
            "spec.installAttemptsLimit",
            "0 means that no attempt to install is made",
        );
    }
}

fn two_releases(case: &Case<'_, Spec>, to: &mut Findings) {
    let Some(provisioning) = &case.spec.provisioning else {
        return;
    };
    let image = provisioning.release_image.as_deref().unwrap_or_default();
    let set = provisioning.image_set_ref.as_ref();
    if !image.is_empty() && set.is_some_and(|set| !set.name.is_empty()) {
        to.warn(
            "spec.provisioning.releaseImage",
            "is used, and imageSetRef is not looked at",
        );
    }
}
