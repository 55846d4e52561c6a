//! `ClusterDeployment`s that are made and deleted, and the platforms that they share with pools.

use serde_json::{Value, json};
use skep_crds::names::{annotation, label};

use super::harness::{CANARY, Object, Trial};
use crate::admission::verdict::Cause::{self, Forbidden, Invalid, NotSupported, Required};

pub(super) const CD: &str = "clusterdeployments";

/// A platform block that is whole.
pub(super) fn platform(name: &str) -> Value {
    let secret = json!({"name": "credentials"});
    let block = match name {
        "aws" => json!({"credentialsSecretRef": secret, "region": "us-east-1"}),
        "azure" => {
            json!({"credentialsSecretRef": secret, "region": "eastus", "baseDomainResourceGroupName": "dns"})
        }
        "gcp" => json!({"credentialsSecretRef": secret, "region": "us-east1"}),
        "openstack" => json!({"credentialsSecretRef": secret, "cloud": "main"}),
        "vsphere" => json!({
            "credentialsSecretRef": secret,
            "certificatesSecretRef": {"name": "certificates"},
            "infrastructure": {"vcenters": [
                {"server": "v.example", "user": "", "password": "", "datacenters": ["d"]},
                {"server": "w.example", "user": "", "password": "", "datacenters": ["d"]},
            ]},
        }),
        "ibmcloud" => json!({"credentialsSecretRef": secret, "region": "eu-de"}),
        "nutanix" => json!({
            "credentialsSecretRef": secret,
            "prismCentral": {"address": "prism.example", "port": 9440},
        }),
        "baremetal" => json!({"libvirtSSHPrivateKeySecretRef": {"name": "key"}}),
        "agentBareMetal" => json!({"agentSelector": {"matchLabels": {"rack": "1"}}}),
        _ => json!({}),
    };
    json!({name: block})
}

pub(super) const PLATFORMS: [&str; 10] = [
    "aws",
    "azure",
    "gcp",
    "openstack",
    "vsphere",
    "ibmcloud",
    "nutanix",
    "baremetal",
    "agentBareMetal",
    "none",
];

/// A cluster that is to be installed on a platform.
pub(super) fn cluster_on(name: &str) -> Object {
    let cluster = Object::new(
        "ClusterDeployment",
        "c1",
        json!({
            "baseDomain": "hive.example",
            "clusterName": "c1",
            "platform": platform(name),
            "provisioning": {
                "installConfigSecretRef": {"name": "install-config"},
                "imageSetRef": {"name": "openshift"},
            },
            "pullSecretRef": {"name": "pull-secret"},
        }),
    );
    if name == "ibmcloud" {
        return cluster.with(
            "spec.provisioning.manifestsSecretRef",
            json!({"name": "manifests"}),
        );
    }
    cluster
}

pub(super) fn cluster() -> Object {
    cluster_on("aws")
}

/// A cluster that is installed.
pub(super) fn installed() -> Object {
    cluster()
        .with("spec.installed", true)
        .with("spec.clusterMetadata", metadata())
}

pub(super) fn metadata() -> Value {
    json!({
        "adminKubeconfigSecretRef": {"name": "kubeconfig"},
        "adminPasswordSecretRef": {"name": "password"},
        "clusterID": "id",
        "infraID": "c1-x7k2p",
    })
}

pub(super) fn ingress(name: &str, domain: &str) -> Value {
    json!({"name": name, "domain": domain})
}

fn agent() -> Object {
    cluster_on("agentBareMetal")
        .without("spec.provisioning")
        .with(
            "spec.clusterInstallRef",
            json!({
                "group": "extensions.hive.openshift.io",
                "version": "v1beta1",
                "kind": "AgentClusterInstall",
                "name": "c1",
            }),
        )
}

/// What is wrong with a platform: the same for clusters and for pools of clusters.
pub(super) fn platform_trials(resource: &'static str, on: fn(&str) -> Object) -> Vec<Trial> {
    let mut trials: Vec<Trial> = PLATFORMS
        .iter()
        .map(|name| Trial::create(resource, format!("{name} is a platform"), on(name)))
        .collect();
    let one = "platform/exactly-one";
    let nothing = on("aws").with("spec.platform", json!({}));
    trials.push(
        Trial::create(resource, "no platform is refused", nothing).refused(
            422,
            one,
            "spec.platform",
            Required,
        ),
    );
    let two = on("aws").with("spec.platform.none", json!({}));
    trials.push(
        Trial::create(resource, "two platforms are refused", two).refused(
            422,
            one,
            "spec.platform",
            Invalid,
        ),
    );
    // Rule, platform, and the field whose emptiness it refuses.
    for (rule, name, field) in [
        (
            "platform/aws-credentials",
            "aws",
            "credentialsSecretRef.name",
        ),
        ("platform/aws-region", "aws", "region"),
        (
            "platform/azure-credentials",
            "azure",
            "credentialsSecretRef.name",
        ),
        ("platform/azure-region", "azure", "region"),
        (
            "platform/gcp-credentials",
            "gcp",
            "credentialsSecretRef.name",
        ),
        ("platform/gcp-region", "gcp", "region"),
        (
            "platform/openstack-credentials",
            "openstack",
            "credentialsSecretRef.name",
        ),
        ("platform/openstack-cloud", "openstack", "cloud"),
        (
            "platform/openstack-certificates",
            "openstack",
            "certificatesSecretRef.name",
        ),
        (
            "platform/vsphere-credentials",
            "vsphere",
            "credentialsSecretRef.name",
        ),
        (
            "platform/vsphere-certificates",
            "vsphere",
            "certificatesSecretRef.name",
        ),
        (
            "platform/ibmcloud-credentials",
            "ibmcloud",
            "credentialsSecretRef.name",
        ),
        ("platform/ibmcloud-region", "ibmcloud", "region"),
        (
            "platform/nutanix-credentials",
            "nutanix",
            "credentialsSecretRef.name",
        ),
        (
            "platform/nutanix-address",
            "nutanix",
            "prismCentral.address",
        ),
    ] {
        let path = format!("spec.platform.{name}.{field}");
        let what = format!("{name} with an empty {field} is refused");
        trials.push(
            Trial::create(resource, what, on(name).with(&path, ""))
                .refused(422, rule, &path, Required),
        );
    }
    let role = json!({"roleARN": "arn:aws:iam::1:role/r"});
    let assumed = on("aws").with("spec.platform.aws.credentialsAssumeRole", role);
    let vsphere = "spec.platform.vsphere";
    let port = "spec.platform.nutanix.prismCentral.port";
    let passwords = (
        "spec.platform.vsphere.infrastructure.password",
        "spec.platform.vsphere.infrastructure.vcenters[1].password",
    );
    trials.extend([
        Trial::create(
            resource,
            "aws with credentials and a role is refused",
            assumed.clone(),
        )
        .refused(
            422,
            "platform/aws-one-credential",
            "spec.platform.aws.credentialsAssumeRole",
            Required,
        ),
        Trial::create(
            resource,
            "aws with a role alone is fine",
            assumed
                .clone()
                .without("spec.platform.aws.credentialsSecretRef"),
        ),
        Trial::create(
            resource,
            "aws with a role and an empty reference is fine",
            assumed.with("spec.platform.aws.credentialsSecretRef.name", ""),
        ),
        Trial::create(
            resource,
            "several empty fields are told at once",
            on("aws")
                .with("spec.platform.aws.region", "")
                .with("spec.platform.aws.credentialsSecretRef.name", ""),
        )
        .refused(
            422,
            "platform/aws-region",
            "spec.platform.aws.region",
            Required,
        )
        .and(
            "platform/aws-credentials",
            "spec.platform.aws.credentialsSecretRef.name",
            Required,
        ),
        Trial::create(
            resource,
            "gcp without a reference is refused",
            on("gcp").without("spec.platform.gcp.credentialsSecretRef"),
        )
        .refused(
            422,
            "platform/gcp-credentials",
            "spec.platform.gcp.credentialsSecretRef.name",
            Required,
        ),
        Trial::create(
            resource,
            "openstack with certificates is fine",
            on("openstack").with("spec.platform.openstack.certificatesSecretRef.name", "ca"),
        ),
        Trial::create(
            resource,
            "vsphere with a password is refused",
            on("vsphere").with(passwords.0, CANARY),
        )
        .refused(422, "platform/vsphere-no-password", passwords.0, Forbidden),
        Trial::create(
            resource,
            "vsphere with a password of a vCenter is refused",
            on("vsphere").with(
                "spec.platform.vsphere.infrastructure.vcenters.1.password",
                CANARY,
            ),
        )
        .refused(422, "platform/vsphere-no-password", passwords.1, Forbidden),
        Trial::create(
            resource,
            "vsphere with a user of a vCenter is warned of",
            on("vsphere").with(
                "spec.platform.vsphere.infrastructure.vcenters.0.user",
                "admin",
            ),
        )
        .warned(
            "platform/vsphere-user",
            "spec.platform.vsphere.infrastructure",
        ),
        Trial::create(
            resource,
            "vsphere with a user is warned of",
            on("vsphere").with("spec.platform.vsphere.infrastructure.username", "admin"),
        )
        .warned(
            "platform/vsphere-user",
            "spec.platform.vsphere.infrastructure",
        ),
        Trial::create(
            resource,
            "vsphere without a vCenter is refused",
            on("vsphere").with("spec.platform.vsphere.infrastructure.vcenters", json!([])),
        )
        .refused(
            422,
            "platform/vsphere-vcenter",
            "spec.platform.vsphere.infrastructure.vcenters",
            Required,
        ),
        Trial::create(
            resource,
            "vsphere with the old field for the vCenter is fine",
            on("vsphere")
                .without(&format!("{vsphere}.infrastructure"))
                .with(&format!("{vsphere}.vCenter"), "v.example"),
        ),
        Trial::create(
            resource,
            "nutanix without a port is refused",
            on("nutanix").with(port, 0),
        )
        .refused(422, "platform/nutanix-port", port, Required),
    ]);
    trials
}

pub(super) fn trials() -> Vec<Trial> {
    [
        platform_trials(CD, cluster_on),
        names(),
        ingresses(),
        installing(),
        dns(),
        offers(),
        deletions(),
    ]
    .concat()
}

fn create(name: &'static str, object: Object) -> Trial {
    Trial::create(CD, name, object)
}

fn names() -> Vec<Trial> {
    let long = "a".repeat(64);
    let most = "a".repeat(63);
    vec![
        create(
            "63 characters of name are fine",
            cluster().with("metadata.name", most.clone()),
        ),
        create(
            "64 characters of name are refused",
            cluster().with("metadata.name", long.clone()),
        )
        .refused(
            400,
            "clusterdeployment/name-length",
            "metadata.name",
            Invalid,
        ),
        create(
            "63 characters of cluster name are fine",
            cluster().with("spec.clusterName", most),
        ),
        create(
            "64 characters of cluster name are refused",
            cluster().with("spec.clusterName", long.clone()),
        )
        .refused(
            400,
            "clusterdeployment/cluster-name-length",
            "spec.clusterName",
            Invalid,
        ),
        create(
            "all early refusals are told at once",
            cluster()
                .with("spec.clusterName", long.clone())
                .with("metadata.name", long.clone()),
        )
        .refused(
            400,
            "clusterdeployment/name-length",
            "metadata.name",
            Invalid,
        )
        .and(
            "clusterdeployment/cluster-name-length",
            "spec.clusterName",
            Invalid,
        ),
        create(
            "an early refusal decides the code, and later ones are told with it",
            cluster()
                .with("metadata.name", long)
                .with("spec.platform.aws.region", ""),
        )
        .refused(
            400,
            "clusterdeployment/name-length",
            "metadata.name",
            Invalid,
        )
        .and("platform/aws-region", "spec.platform.aws.region", Required),
        create(
            "letters that mean something in expressions are only letters",
            {
                cluster().with("spec.clusterName", "c(1").with(
                    "spec.ingress",
                    json!([ingress("default", "apps.c(1.hive.example")]),
                )
            },
        ),
    ]
}

fn ingresses() -> Vec<Trial> {
    let with = |entries: Value| cluster().with("spec.ingress", entries);
    let apps = "apps.c1.hive.example";
    let bundle = |name: &str, secret: &str| {
        cluster().with(
            "spec.certificateBundles",
            json!([{"name": name, "certificateSecretRef": {"name": secret}}]),
        )
    };
    let domain = |name, domain: &str| {
        create(
            name,
            with(json!([ingress("default", apps), ingress("more", domain)])),
        )
    };
    let foreign = |trial: Trial| {
        trial.refused(
            400,
            "clusterdeployment/ingress-domain",
            "spec.ingress[1].domain",
            Invalid,
        )
    };
    vec![
        create(
            "an ingress called default is fine",
            with(json!([ingress("default", apps)])),
        ),
        create("no entries are fine", with(json!([]))),
        create(
            "entries without default are refused",
            with(json!([ingress("more", apps)])),
        )
        .refused(
            400,
            "clusterdeployment/ingress-default",
            "spec.ingress",
            Required,
        ),
        domain(
            "an ingress deeper below the cluster is fine",
            "a.b.c1.hive.example",
        ),
        domain(
            "letters of domains compare without case",
            "Apps.C1.Hive.EXAMPLE",
        ),
        foreign(domain(
            "an ingress of another domain is refused",
            "apps.c1.example.com",
        )),
        foreign(domain(
            "an ingress of another cluster is refused",
            "apps.c2.hive.example",
        )),
        foreign(domain(
            "the cluster's own domain is refused",
            "c1.hive.example",
        )),
        foreign(domain(
            "a domain that only ends like the cluster's is refused",
            "appsc1.hive.example",
        )),
        foreign(domain("a dot stands for itself", "apps.c1.hivexexample")),
        domain("an empty domain is refused", "").refused(
            400,
            "clusterdeployment/ingress-domain-set",
            "spec.ingress[1].domain",
            Required,
        ),
        domain("a wildcard is refused", "*.apps.c1.hive.example").refused(
            400,
            "clusterdeployment/ingress-no-wildcard",
            "spec.ingress[1].domain",
            Invalid,
        ),
        domain(
            "a wildcard of another domain is refused twice",
            "*.example.com",
        )
        .refused(
            400,
            "clusterdeployment/ingress-no-wildcard",
            "spec.ingress[1].domain",
            Invalid,
        )
        .and(
            "clusterdeployment/ingress-domain",
            "spec.ingress[1].domain",
            Invalid,
        ),
        create("a bundle is fine", bundle("serving", "certificate")),
        create(
            "an ingress with a bundle's certificate is fine",
            bundle("serving", "certificate").with(
                "spec.ingress",
                json!([{"name": "default", "domain": apps, "servingCertificate": "serving"}]),
            ),
        ),
        create(
            "an ingress with an empty certificate is fine",
            with(json!([{"name": "default", "domain": apps, "servingCertificate": ""}])),
        ),
        create(
            "an ingress with a certificate that is no bundle's is refused",
            bundle("other", "certificate").with(
                "spec.ingress",
                json!([{"name": "default", "domain": apps, "servingCertificate": "serving"}]),
            ),
        )
        .refused(
            400,
            "clusterdeployment/ingress-certificate",
            "spec.ingress[0].servingCertificate",
            Invalid,
        ),
        create(
            "a bundle without a name is refused",
            bundle("", "certificate"),
        )
        .refused(
            400,
            "clusterdeployment/certificate-bundle",
            "spec.certificateBundles[0].name",
            Required,
        ),
        create(
            "a bundle without a Secret is refused",
            bundle("serving", ""),
        )
        .refused(
            400,
            "clusterdeployment/certificate-bundle",
            "spec.certificateBundles[0].certificateSecretRef.name",
            Required,
        ),
    ]
}

fn dns() -> Vec<Trial> {
    let managed = |base: &str| {
        cluster()
            .with("spec.manageDNS", true)
            .with("spec.baseDomain", base)
    };
    let refused = |trial: Trial| {
        trial.refused(
            400,
            "clusterdeployment/managed-domain",
            "spec.baseDomain",
            Invalid,
        )
    };
    let azure = "spec.platform.azure.baseDomainResourceGroupName";
    let unable = |name: &'static str| {
        let object = cluster_on(name)
            .with("spec.manageDNS", true)
            .with("spec.baseDomain", "a.hive.example");
        Trial::create(CD, format!("{name} with managed DNS is refused"), object).refused(
            422,
            "clusterdeployment/manage-dns-platform",
            "spec.manageDNS",
            Invalid,
        )
    };
    let able = |name: &'static str| {
        let object = cluster_on(name)
            .with("spec.manageDNS", true)
            .with("spec.baseDomain", "a.hive.example");
        Trial::create(CD, format!("{name} with managed DNS is fine"), object)
    };
    let mut trials = vec![
        create(
            "a child of a managed domain is fine",
            managed("a.hive.example"),
        ),
        create(
            "a child of another managed domain is fine",
            managed("a.other.example"),
        ),
        refused(create(
            "a foreign domain is refused",
            managed("a.example.com"),
        )),
        refused(create(
            "a grandchild of a managed domain is refused",
            managed("a.b.hive.example"),
        )),
        refused(create(
            "a base domain without a first label is refused",
            managed(".hive.example"),
        )),
        refused(create(
            "a managed domain itself is refused",
            managed("other.example"),
        )),
        create(
            "a managed domain that is a child of another is fine",
            managed("aws.hive.example"),
        ),
        create(
            "a child of the inner managed domain is fine",
            managed("a.aws.hive.example"),
        ),
        refused(create(
            "a domain that only ends like a managed one is refused",
            managed("ahive.example"),
        )),
        refused(create(
            "no managed domain, no managed DNS",
            managed("a.hive.example"),
        ))
        .on(|settings| settings.managed_domains.clear()),
        create(
            "managed DNS that is switched off needs no managed domain",
            {
                cluster()
                    .with("spec.manageDNS", false)
                    .with("spec.baseDomain", "a.example.com")
            },
        ),
        create(
            "azure with managed DNS and without a resource group is refused",
            cluster_on("azure")
                .with("spec.manageDNS", true)
                .with("spec.baseDomain", "a.hive.example")
                .without(azure),
        )
        .refused(
            422,
            "clusterdeployment/azure-base-domain-group",
            azure,
            Required,
        ),
        create(
            "azure without managed DNS needs no resource group",
            cluster_on("azure").without(azure),
        ),
    ];
    trials.extend(["aws", "azure", "gcp"].map(able));
    trials.extend(
        [
            "openstack",
            "vsphere",
            "ibmcloud",
            "nutanix",
            "baremetal",
            "agentBareMetal",
            "none",
        ]
        .map(unable),
    );
    trials
}

fn installing() -> Vec<Trial> {
    let reference = "spec.provisioning.installConfigSecretRef";
    let name = "spec.provisioning.installConfigSecretRef.name";
    let key = "spec.provisioning.sshPrivateKeySecretRef";
    let map = "spec.provisioning.manifestsConfigMapRef";
    let secret = "spec.provisioning.manifestsSecretRef";
    let image = "spec.provisioning.releaseImage";
    let digest = "quay.example/release@sha256:0123abcd";
    let pool = |claim: &str| {
        cluster().with(
            "spec.clusterPoolRef",
            json!({"namespace": "pools", "poolName": "p", "claimName": claim}),
        )
    };
    let only_digests = |settings: &mut crate::admission::settings::Settings| {
        settings.release_verification = true;
    };
    vec![
        create(
            "an install-config is required",
            cluster().without(reference),
        )
        .refused(422, "clusterdeployment/install-config", name, Required),
        create(
            "an install-config with a name is required",
            cluster().with(name, ""),
        )
        .refused(422, "clusterdeployment/install-config", name, Required),
        create(
            "a way to install is required",
            cluster().without("spec.provisioning"),
        )
        .refused(
            422,
            "clusterdeployment/a-way-to-install",
            "spec.provisioning",
            Required,
        ),
        create(
            "an installed cluster needs no way to install",
            installed().without("spec.provisioning"),
        ),
        create(
            "an installed cluster needs no install-config",
            installed().with("spec.provisioning", json!({})),
        ),
        create(
            "an installed cluster needs metadata",
            installed().without("spec.clusterMetadata"),
        )
        .refused(
            422,
            "clusterdeployment/metadata-when-installed",
            "spec.clusterMetadata",
            Required,
        ),
        create(
            "metadata before the installation is fine",
            cluster().with("spec.clusterMetadata", metadata()),
        ),
        create(
            "an SSH key is fine",
            cluster().with(key, json!({"name": "ssh"})),
        ),
        create(
            "an SSH key without a name is refused",
            cluster().with(key, json!({"name": ""})),
        )
        .refused(
            422,
            "clusterdeployment/ssh-key",
            "spec.provisioning.sshPrivateKeySecretRef.name",
            Required,
        ),
        create(
            "manifests from a ConfigMap are fine",
            cluster().with(map, json!({"name": "m"})),
        ),
        create(
            "manifests from a Secret are fine",
            cluster().with(secret, json!({"name": "m"})),
        ),
        create(
            "manifests from both are refused",
            cluster()
                .with(map, json!({"name": "m"}))
                .with(secret, json!({"name": "m"})),
        )
        .refused(
            422,
            "clusterdeployment/one-source-of-manifests",
            map,
            Invalid,
        ),
        create(
            "ibmcloud without manifests is refused",
            cluster_on("ibmcloud").without(secret),
        )
        .refused(
            422,
            "clusterdeployment/ibmcloud-manifests",
            "spec.provisioning",
            Required,
        ),
        create(
            "ibmcloud with manifests from a ConfigMap is fine",
            cluster_on("ibmcloud")
                .without(secret)
                .with(map, json!({"name": "m"})),
        ),
        create("an installed ibmcloud cluster needs no manifests", {
            cluster_on("ibmcloud")
                .without("spec.provisioning")
                .with("spec.installed", true)
                .with("spec.clusterMetadata", metadata())
        }),
        create("a cluster of a pool is fine", pool("")),
        create("a cluster that is claimed is refused", pool("claim")).refused(
            422,
            "clusterdeployment/not-claimed",
            "spec.clusterPoolRef.claimName",
            Invalid,
        ),
        create(
            "a cluster that is claimed can be restored",
            pool("claim").labelled(label::DISABLE_CREATION_WEBHOOK_FOR_DR, "true"),
        ),
        create(
            "only a label that means yes lets it be restored",
            pool("claim").labelled(label::DISABLE_CREATION_WEBHOOK_FOR_DR, "yes"),
        )
        .refused(
            422,
            "clusterdeployment/not-claimed",
            "spec.clusterPoolRef.claimName",
            Invalid,
        ),
        create(
            "the label lifts no other rule",
            cluster()
                .without("spec.provisioning")
                .labelled(label::DISABLE_CREATION_WEBHOOK_FOR_DR, "true"),
        )
        .refused(
            422,
            "clusterdeployment/a-way-to-install",
            "spec.provisioning",
            Required,
        ),
        create(
            "a release without a digest is fine",
            cluster()
                .without("spec.provisioning.imageSetRef")
                .with(image, "quay.example/release:4.20"),
        ),
        create(
            "a release without a digest is refused while releases are verified",
            cluster()
                .without("spec.provisioning.imageSetRef")
                .with(image, "quay.example/release:4.20"),
        )
        .on(only_digests)
        .refused(422, "clusterdeployment/release-digest", image, Invalid),
        create(
            "a release with a digest is fine while releases are verified",
            cluster()
                .without("spec.provisioning.imageSetRef")
                .with(image, digest),
        )
        .on(only_digests),
        create(
            "a release with a broken digest is refused",
            cluster()
                .without("spec.provisioning.imageSetRef")
                .with(image, "quay.example/release@sha256"),
        )
        .refused(422, "clusterdeployment/release-digest", image, Invalid),
        create(
            "an installed cluster keeps its tag while releases are verified",
            installed()
                .without("spec.provisioning.imageSetRef")
                .with(image, "quay.example/release:4.20"),
        )
        .on(only_digests),
        create(
            "a cluster is restored with its tag while releases are verified",
            cluster()
                .without("spec.provisioning.imageSetRef")
                .with(image, "quay.example/release:4.20")
                .labelled(label::DISABLE_CREATION_WEBHOOK_FOR_DR, "true"),
        )
        .on(only_digests),
        create(
            "an installed cluster is restored without metadata",
            cluster()
                .with("spec.installed", true)
                .labelled(label::DISABLE_CREATION_WEBHOOK_FOR_DR, "true"),
        ),
        create("a tuning that cannot be counted is left to the cluster", {
            cluster().with(
                "spec.ingress",
                json!([{
                    "name": "default",
                    "domain": "apps.c1.hive.example",
                    "tuningOptions": {"connectTimeout": "9999999999h"},
                }]),
            )
        }),
        create("a resource without a name is the resource", {
            cluster().with("spec.platform", json!({}))
        })
        .about("")
        .refused(422, "platform/exactly-one", "spec.platform", Required),
        create("a part of the resource is not judged", {
            cluster().with("spec.platform", json!({}))
        })
        .about("status"),
        create(
            "a release beside an image set is warned of",
            cluster().with(image, digest),
        )
        .warned("clusterdeployment/two-releases", image),
        create(
            "no attempts at all are warned of",
            cluster().with("spec.installAttemptsLimit", 0),
        )
        .warned("clusterdeployment/no-attempts", "spec.installAttemptsLimit"),
        create(
            "two attempts are fine",
            cluster().with("spec.installAttemptsLimit", 2),
        ),
        create(
            "the specification may not be missing",
            Object(json!({"metadata": {"name": "c1"}})),
        )
        .refused(
            422,
            "clusterdeployment/a-way-to-install",
            "spec.provisioning",
            Required,
        )
        .and("platform/exactly-one", "spec.platform", Required),
        create(
            "a field of the wrong type cannot be read",
            cluster().with("spec.installed", CANARY),
        )
        .unreadable("spec.installed"),
        create(
            "a field that is missing is named",
            cluster().without("spec.platform.aws.region"),
        )
        .unreadable("spec.platform.aws"),
    ]
}

fn offers() -> Vec<Trial> {
    let path = "spec.platform.aws.privateLink.enabled";
    let link = |region: &str| {
        cluster()
            .with("spec.platform.aws.region", region)
            .with(path, true)
    };
    let refused =
        |trial: Trial| trial.refused(422, "clusterdeployment/private-link", path, Forbidden);
    let kind =
        |field: &str, value: &str| agent().with(&format!("spec.clusterInstallRef.{field}"), value);
    let unknown = |trial: Trial| {
        trial.refused(
            422,
            "clusterdeployment/install-kind",
            "spec.clusterInstallRef.kind",
            NotSupported,
        )
    };
    vec![
        create(
            "a private link in an offered region is fine",
            link("us-west-2"),
        ),
        refused(create(
            "a private link in another region is refused",
            link("eu-west-1"),
        )),
        refused(create(
            "a private link on a hub that offers none is refused",
            link("us-east-1"),
        ))
        .on(|settings| settings.private_link_regions.clear()),
        create(
            "a private link that is switched off is fine",
            link("eu-west-1").with(path, false),
        ),
        create("an installing kind is fine", agent()),
        unknown(create(
            "another kind is refused",
            kind("kind", "OtherInstall"),
        )),
        unknown(create("another version is refused", kind("version", "v1"))),
        unknown(create(
            "another group is refused",
            kind("group", "example.com"),
        )),
        create("a hub without installing kinds refuses all", agent())
            .on(|settings| settings.cluster_install.clear())
            .refused(
                422,
                "clusterdeployment/install-kind",
                "spec.clusterInstallRef",
                Forbidden,
            ),
        create(
            "two ways to install are refused",
            agent().with(
                "spec.provisioning.installConfigSecretRef.name",
                "install-config",
            ),
        )
        .refused(
            422,
            "clusterdeployment/one-way-to-install",
            "spec.provisioning",
            Forbidden,
        ),
        create(
            "two ways to install an installed cluster are fine",
            agent()
                .with(
                    "spec.provisioning.installConfigSecretRef.name",
                    "install-config",
                )
                .with("spec.installed", true)
                .with("spec.clusterMetadata", metadata()),
        ),
    ]
}

fn deletions() -> Vec<Trial> {
    let path = format!("metadata.annotations.{}", annotation::PROTECTED_DELETE);
    let protected = |value: &str| installed().annotated(annotation::PROTECTED_DELETE, value);
    let mut trials = vec![
        Trial::delete(CD, "a cluster is deleted", installed()),
        Trial::delete(
            CD,
            "a cluster that cannot be read is deleted",
            installed().with("spec.installed", "x"),
        ),
        Trial::delete(
            CD,
            "what is no object cannot be deleted",
            Object(json!(CANARY)),
        )
        .unreadable("oldObject"),
    ];
    for value in ["true", "1", "T"] {
        let name = format!("a cluster whose protection is {value:?} is not deleted");
        let trial = Trial::delete(CD, name, protected(value));
        trials.push(trial.refused(
            422,
            "clusterdeployment/protected-delete",
            &path,
            Cause::Invalid,
        ));
    }
    for value in ["false", "0", "", "yes"] {
        trials.push(Trial::delete(
            CD,
            format!("protection {value:?} is none"),
            protected(value),
        ));
    }
    trials
}
