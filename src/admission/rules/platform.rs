//! Rules about the platform block that clusters and pools of clusters share.
//!
//! Decides whether exactly one platform is named and whether what every installation there needs is
//! named with it. Never looks whether the named Secrets exist: they may be made later.
//!
//! Mirrors docs/spec/41 §3.2.

use std::marker::PhantomData;

use skep_crds::platform::Platform;
use skep_crds::wire::{LocalObjectReference, referenced_name};
use skep_crds::{ClusterDeploymentSpec, v1::cluster_pool::ClusterPoolSpec};

use super::{Binds, Case, On, Rule};
use crate::admission::verdict::Findings;

/// A specification with a platform at `spec.platform`.
pub(super) trait OnPlatform: 'static {
    /// What of an update the rules bind.
    const BINDS: Binds;

    fn platform(&self) -> &Platform;
}

impl OnPlatform for ClusterDeploymentSpec {
    // Hive judges these rules only when the object is made.
    const BINDS: Binds = Binds::Changes;

    fn platform(&self) -> &Platform {
        &self.platform
    }
}

impl OnPlatform for ClusterPoolSpec {
    const BINDS: Binds = Binds::Object;

    fn platform(&self) -> &Platform {
        &self.platform
    }
}

/// The rules, for any such specification.
pub(super) struct Shared<S>(PhantomData<S>);

const fn rule<S: OnPlatform>(
    id: &'static str,
    says: &'static str,
    check: super::Check<S>,
) -> Rule<S> {
    let mut rule = Rule::new(On::Write, id, says, check);
    rule.binds = S::BINDS;
    rule
}

impl<S: OnPlatform> Shared<S> {
    pub(super) const RULES: &'static [Rule<S>] = &[
        rule(
            "platform/exactly-one",
            "exactly one platform is named",
            exactly_one,
        ),
        rule(
            "platform/aws-credentials",
            "AWS: credentials or a role to assume are named",
            aws_credentials,
        ),
        rule(
            "platform/aws-one-credential",
            "AWS: not both credentials and a role",
            aws_one_credential,
        ),
        rule("platform/aws-region", "AWS: a region is named", aws_region),
        rule(
            "platform/azure-credentials",
            "Azure: credentials are named",
            azure_credentials,
        ),
        rule(
            "platform/azure-region",
            "Azure: a region is named",
            azure_region,
        ),
        rule(
            "platform/gcp-credentials",
            "Google Cloud: credentials are named",
            gcp_credentials,
        ),
        rule(
            "platform/gcp-region",
            "Google Cloud: a region is named",
            gcp_region,
        ),
        rule(
            "platform/openstack-credentials",
            "OpenStack: credentials are named",
            openstack_credentials,
        ),
        rule(
            "platform/openstack-certificates",
            "OpenStack: a reference to certificates has a name",
            openstack_certificates,
        ),
        rule(
            "platform/openstack-cloud",
            "OpenStack: an entry of the credentials is named",
            openstack_cloud,
        ),
        rule(
            "platform/vsphere-no-password",
            "vSphere: no password stands in the object",
            vsphere_no_password,
        ),
        rule(
            "platform/vsphere-credentials",
            "vSphere: credentials are named",
            vsphere_credentials,
        ),
        rule(
            "platform/vsphere-certificates",
            "vSphere: certificates are named",
            vsphere_certificates,
        ),
        rule(
            "platform/vsphere-vcenter",
            "vSphere: a vCenter server is named",
            vsphere_vcenter,
        ),
        rule(
            "platform/vsphere-user",
            "vSphere: no user name should stand in the object",
            vsphere_user,
        )
        .advice(),
        rule(
            "platform/ibmcloud-credentials",
            "IBM Cloud: credentials are named",
            ibm_credentials,
        ),
        rule(
            "platform/ibmcloud-region",
            "IBM Cloud: a region is named",
            ibm_region,
        ),
        rule(
            "platform/nutanix-credentials",
            "Nutanix: credentials are named",
            nutanix_credentials,
        ),
        rule(
            "platform/nutanix-address",
            "Nutanix: Prism Central's address is named",
            nutanix_address,
        ),
        rule(
            "platform/nutanix-port",
            "Nutanix: Prism Central's port is named",
            nutanix_port,
        ),
    ];
}

fn exactly_one<S: OnPlatform>(case: &Case<'_, S>, to: &mut Findings) {
    let p = case.spec.platform();
    let blocks = [
        (p.agent_bare_metal.is_some(), "agentBareMetal"),
        (p.aws.is_some(), "aws"),
        (p.azure.is_some(), "azure"),
        (p.baremetal.is_some(), "baremetal"),
        (p.gcp.is_some(), "gcp"),
        (p.ibmcloud.is_some(), "ibmcloud"),
        (p.none.is_some(), "none"),
        (p.nutanix.is_some(), "nutanix"),
        (p.openstack.is_some(), "openstack"),
        (p.vsphere.is_some(), "vsphere"),
    ];
    match blocks.iter().filter(|(set, _)| *set).count() {
        0 => {
            let all = blocks.map(|(_, name)| name).join(", ");
            to.required("spec.platform", format!("needs exactly one of {all}"));
        }
        1 => {}
        _ => {
            let set: Vec<&str> = blocks
                .iter()
                .filter(|(set, _)| *set)
                .map(|(_, n)| *n)
                .collect();
            to.invalid(
                "spec.platform",
                format!("names {}, but one only is allowed", set.join(" and ")),
            );
        }
    }
}

fn present(value: &str, path: &'static str, what: &'static str, to: &mut Findings) {
    if value.is_empty() {
        to.required(path, what);
    }
}

fn named(
    reference: &LocalObjectReference,
    path: &'static str,
    what: &'static str,
    to: &mut Findings,
) {
    present(&reference.name, path, what, to);
}

fn aws_credentials<S: OnPlatform>(case: &Case<'_, S>, to: &mut Findings) {
    let Some(aws) = &case.spec.platform().aws else {
        return;
    };
    let secret = referenced_name(aws.credentials_secret_ref.as_ref());
    if secret.is_none() && aws.credentials_assume_role.is_none() {
        to.required(
            "spec.platform.aws.credentialsSecretRef.name",
            "must name the Secret with the account's credentials, unless credentialsAssumeRole is set",
        );
    }
}

fn aws_one_credential<S: OnPlatform>(case: &Case<'_, S>, to: &mut Findings) {
    let Some(aws) = &case.spec.platform().aws else {
        return;
    };
    let secret = referenced_name(aws.credentials_secret_ref.as_ref());
    if secret.is_some() && aws.credentials_assume_role.is_some() {
        // Hive's word for the cause, which clients may match on.
        to.required(
            "spec.platform.aws.credentialsAssumeRole",
            "must not be set together with credentialsSecretRef",
        );
    }
}

fn aws_region<S: OnPlatform>(case: &Case<'_, S>, to: &mut Findings) {
    if let Some(aws) = &case.spec.platform().aws {
        present(&aws.region, "spec.platform.aws.region", REGION, to);
    }
}

const SECRET: &str = "must name the Secret with the cloud's credentials";
const REGION: &str = "must name the region that the cluster runs in";

fn azure_credentials<S: OnPlatform>(case: &Case<'_, S>, to: &mut Findings) {
    if let Some(azure) = &case.spec.platform().azure {
        let path = "spec.platform.azure.credentialsSecretRef.name";
        named(&azure.credentials_secret_ref, path, SECRET, to);
    }
}

fn azure_region<S: OnPlatform>(case: &Case<'_, S>, to: &mut Findings) {
    if let Some(azure) = &case.spec.platform().azure {
        present(&azure.region, "spec.platform.azure.region", REGION, to);
    }
}

fn gcp_credentials<S: OnPlatform>(case: &Case<'_, S>, to: &mut Findings) {
    let Some(gcp) = &case.spec.platform().gcp else {
        return;
    };
    if referenced_name(gcp.credentials_secret_ref.as_ref()).is_none() {
        to.required("spec.platform.gcp.credentialsSecretRef.name", SECRET);
    }
}

fn gcp_region<S: OnPlatform>(case: &Case<'_, S>, to: &mut Findings) {
    if let Some(gcp) = &case.spec.platform().gcp {
        present(&gcp.region, "spec.platform.gcp.region", REGION, to);
    }
}

fn openstack_credentials<S: OnPlatform>(case: &Case<'_, S>, to: &mut Findings) {
    if let Some(openstack) = &case.spec.platform().openstack {
        let path = "spec.platform.openstack.credentialsSecretRef.name";
        named(&openstack.credentials_secret_ref, path, SECRET, to);
    }
}

fn openstack_certificates<S: OnPlatform>(case: &Case<'_, S>, to: &mut Findings) {
    let Some(openstack) = &case.spec.platform().openstack else {
        return;
    };
    if let Some(reference) = &openstack.certificates_secret_ref {
        let path = "spec.platform.openstack.certificatesSecretRef.name";
        named(
            reference,
            path,
            "must name a Secret, or the reference be removed",
            to,
        );
    }
}

fn openstack_cloud<S: OnPlatform>(case: &Case<'_, S>, to: &mut Findings) {
    if let Some(openstack) = &case.spec.platform().openstack {
        let what = "must name the entry of clouds.yaml in the credentials to use";
        present(&openstack.cloud, "spec.platform.openstack.cloud", what, to);
    }
}

fn vsphere_no_password<S: OnPlatform>(case: &Case<'_, S>, to: &mut Findings) {
    let vsphere = case.spec.platform().vsphere.as_ref();
    let Some(infrastructure) = vsphere.and_then(|v| v.infrastructure.as_ref()) else {
        return;
    };
    let what = "must be empty: passwords belong into the Secret that credentialsSecretRef names";
    if infrastructure
        .password
        .as_ref()
        .is_some_and(|password| !password.is_empty())
    {
        to.forbidden("spec.platform.vsphere.infrastructure.password", what);
    }
    for (index, vcenter) in infrastructure.vcenters.iter().flatten().enumerate() {
        if !vcenter.password.is_empty() {
            let path = format!("spec.platform.vsphere.infrastructure.vcenters[{index}].password");
            to.forbidden(path, what);
        }
    }
}

fn vsphere_user<S: OnPlatform>(case: &Case<'_, S>, to: &mut Findings) {
    let vsphere = case.spec.platform().vsphere.as_ref();
    let Some(infrastructure) = vsphere.and_then(|v| v.infrastructure.as_ref()) else {
        return;
    };
    let user = infrastructure
        .username
        .as_ref()
        .is_some_and(|user| !user.is_empty());
    let users = infrastructure
        .vcenters
        .iter()
        .flatten()
        .any(|vcenter| !vcenter.user.is_empty());
    if user || users {
        to.warn(
            "spec.platform.vsphere.infrastructure",
            "user names are readable by everyone who may read this object, and the Secret that \
             credentialsSecretRef names is used instead: leave them empty",
        );
    }
}

fn vsphere_credentials<S: OnPlatform>(case: &Case<'_, S>, to: &mut Findings) {
    if let Some(vsphere) = &case.spec.platform().vsphere {
        let path = "spec.platform.vsphere.credentialsSecretRef.name";
        named(&vsphere.credentials_secret_ref, path, SECRET, to);
    }
}

fn vsphere_certificates<S: OnPlatform>(case: &Case<'_, S>, to: &mut Findings) {
    if let Some(vsphere) = &case.spec.platform().vsphere {
        let path = "spec.platform.vsphere.certificatesSecretRef.name";
        let what = "must name the Secret with the vCenter servers' certificate authorities";
        named(&vsphere.certificates_secret_ref, path, what, to);
    }
}

fn vsphere_vcenter<S: OnPlatform>(case: &Case<'_, S>, to: &mut Findings) {
    let Some(vsphere) = &case.spec.platform().vsphere else {
        return;
    };
    let legacy = vsphere
        .v_center
        .as_ref()
        .is_some_and(|server| !server.is_empty());
    let listed = vsphere
        .infrastructure
        .as_ref()
        .and_then(|i| i.vcenters.as_ref());
    if !legacy && listed.is_none_or(Vec::is_empty) {
        to.required(
            "spec.platform.vsphere.infrastructure.vcenters",
            "must name at least one vCenter server",
        );
    }
}

fn ibm_credentials<S: OnPlatform>(case: &Case<'_, S>, to: &mut Findings) {
    if let Some(ibm) = &case.spec.platform().ibmcloud {
        let path = "spec.platform.ibmcloud.credentialsSecretRef.name";
        named(&ibm.credentials_secret_ref, path, SECRET, to);
    }
}

fn ibm_region<S: OnPlatform>(case: &Case<'_, S>, to: &mut Findings) {
    if let Some(ibm) = &case.spec.platform().ibmcloud {
        present(&ibm.region, "spec.platform.ibmcloud.region", REGION, to);
    }
}

fn nutanix_credentials<S: OnPlatform>(case: &Case<'_, S>, to: &mut Findings) {
    if let Some(nutanix) = &case.spec.platform().nutanix {
        let path = "spec.platform.nutanix.credentialsSecretRef.name";
        named(&nutanix.credentials_secret_ref, path, SECRET, to);
    }
}

fn nutanix_address<S: OnPlatform>(case: &Case<'_, S>, to: &mut Findings) {
    if let Some(nutanix) = &case.spec.platform().nutanix {
        let what = "must name Prism Central's host";
        present(
            &nutanix.prism_central.address,
            "spec.platform.nutanix.prismCentral.address",
            what,
            to,
        );
    }
}

fn nutanix_port<S: OnPlatform>(case: &Case<'_, S>, to: &mut Findings) {
    let nutanix = case.spec.platform().nutanix.as_ref();
    if nutanix.is_some_and(|nutanix| nutanix.prism_central.port == 0) {
        let what = "must name Prism Central's port, which is 9440 by default";
        to.required("spec.platform.nutanix.prismCentral.port", what);
    }
}
