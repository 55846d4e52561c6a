//! `ClusterDeployment`s that are changed.

use serde_json::{Value, json};
use skep_crds::names::annotation;

use super::cluster_deployment::{CD, cluster, cluster_on, ingress, installed, metadata, platform};
use super::harness::{CANARY, Object, Trial};
use crate::admission::verdict::Cause::{Forbidden, Invalid, Required};

fn update(name: impl Into<String>, old: Object, new: Object) -> Trial {
    Trial::update(CD, name, old, new)
}

pub(super) fn trials() -> Vec<Trial> {
    [
        immutable(),
        mutable(),
        platforms(),
        metadata_changes(),
        pool_changes(),
        ingress_changes(),
        presences(),
        stored(),
    ]
    .concat()
}

/// Fields that never change: changed, added and removed.
fn immutable() -> Vec<Trial> {
    let mut trials = Vec::new();
    let reference = |name: &str| json!({"name": name});
    let install = |name: &str| json!({"group": "extensions.hive.openshift.io", "version": "v1beta1", "kind": "K", "name": name});
    let provisioning = |name: &str| json!({"installConfigSecretRef": {"name": name}});
    // Rule, field, two values; none: the field cannot be absent.
    for (rule, field, one, other, optional) in [
        (
            "base-domain-stays",
            "baseDomain",
            json!("a"),
            json!("b"),
            false,
        ),
        (
            "cluster-name-stays",
            "clusterName",
            json!("a"),
            json!("b"),
            false,
        ),
        (
            "manage-dns-stays",
            "manageDNS",
            json!(true),
            json!(false),
            true,
        ),
        (
            "pull-secret-stays",
            "pullSecretRef",
            reference("a"),
            reference("b"),
            true,
        ),
        (
            "signing-key-stays",
            "boundServiceAccountSigningKeySecretRef",
            reference("a"),
            reference("b"),
            true,
        ),
        (
            "install-ref-stays",
            "clusterInstallRef",
            install("a"),
            install("b"),
            true,
        ),
        (
            "provisioning-stays",
            "provisioning",
            provisioning("a"),
            provisioning("b"),
            true,
        ),
        (
            "platform-stays",
            "platform",
            json!({"aws": {"region": "a", "credentialsSecretRef": {"name": "a"}}}),
            json!({"aws": {"region": "b", "credentialsSecretRef": {"name": "a"}}}),
            false,
        ),
    ] {
        let path = format!("spec.{field}");
        let rule: &'static str = super::super::FIELDS
            .iter()
            .find(|known| known.id.strip_prefix("clusterdeployment/") == Some(rule))
            .map(|known| known.id)
            .unwrap();
        let mut refuse = |what: &str, old: Object, new: Object| {
            let name = format!("{field} is not {what}");
            trials.push(update(name, old, new).refused(400, rule, &path, Invalid));
        };
        let with = |value: &Value| installed().with(&path, value.clone());
        refuse("changed", with(&one), with(&other));
        refuse("changed back", with(&other), with(&one));
        if optional {
            refuse("added", installed().without(&path), with(&one));
            refuse("removed", with(&one), installed().without(&path));
        }
    }
    trials
}

fn mutable() -> Vec<Trial> {
    let mut trials = Vec::new();
    for (field, one, other) in [
        (
            "controlPlaneConfig",
            json!({"apiURLOverride": "a"}),
            json!({"apiURLOverride": "b"}),
        ),
        ("hibernateAfter", json!("1h"), json!("2h")),
        ("installAttemptsLimit", json!(1), json!(2)),
        ("powerState", json!("Running"), json!("Hibernating")),
        ("preserveOnDelete", json!(true), json!(false)),
        (
            "certificateBundles",
            json!([{"name": "a", "certificateSecretRef": {"name": "a"}}]),
            json!([{"name": "b", "certificateSecretRef": {"name": "b"}}]),
        ),
    ] {
        let path = format!("spec.{field}");
        let with = |value: &Value| installed().with(&path, value.clone());
        trials.push(update(
            format!("{field} is changed"),
            with(&one),
            with(&other),
        ));
        trials.push(update(format!("{field} is added"), installed(), with(&one)));
        trials.push(update(
            format!("{field} is removed"),
            with(&one),
            installed(),
        ));
    }
    let bundle = |name: &str, secret: &str| json!([{"name": name, "certificateSecretRef": {"name": secret}}]);
    let path = "spec.certificateBundles";
    let whole = "clusterdeployment/certificate-bundle-stays-whole";
    trials.extend([
        update(
            "no attempts are warned of",
            cluster(),
            cluster().with("spec.installAttemptsLimit", 0),
        )
        .warned("clusterdeployment/no-attempts", "spec.installAttemptsLimit"),
        update(
            "a duration that cannot be told is refused",
            cluster(),
            cluster().with("spec.hibernateAfter", "9999999999h"),
        )
        .refused(
            400,
            "clusterdeployment/hibernate-after",
            "spec.hibernateAfter",
            Invalid,
        ),
        update(
            "a bundle does not lose its name",
            installed().with(path, bundle("a", "a")),
            installed().with(path, bundle("", "a")),
        )
        .refused(422, whole, "spec.certificateBundles[0].name", Required),
        update(
            "a bundle does not lose its Secret",
            installed().with(path, bundle("a", "a")),
            installed().with(path, bundle("a", "")),
        )
        .refused(
            422,
            whole,
            "spec.certificateBundles[0].certificateSecretRef.name",
            Required,
        ),
        update(
            "a bundle that was stored without a name stays as it is",
            installed().with(path, bundle("", "a")),
            installed()
                .with(path, bundle("", "a"))
                .with("spec.powerState", "Hibernating"),
        ),
        update(
            "absent and empty are the same",
            installed(),
            installed()
                .with("spec.manageDNS", false)
                .with("spec.platform.aws.userTags", json!({})),
        ),
        update(
            "null is absent",
            installed(),
            installed().with("spec.clusterInstallRef", Value::Null),
        ),
        update(
            "several forbidden changes are told at once",
            installed(),
            installed()
                .with("spec.baseDomain", "b")
                .with("spec.pullSecretRef.name", "b"),
        )
        .refused(
            400,
            "clusterdeployment/base-domain-stays",
            "spec.baseDomain",
            Invalid,
        )
        .and(
            "clusterdeployment/pull-secret-stays",
            "spec.pullSecretRef",
            Invalid,
        ),
        update(
            "an early refusal decides the code of an update too",
            installed(),
            installed()
                .with("spec.baseDomain", "b")
                .with("spec.installed", false),
        )
        .refused(
            400,
            "clusterdeployment/base-domain-stays",
            "spec.baseDomain",
            Invalid,
        )
        .and(
            "clusterdeployment/installed-stays",
            "spec.installed",
            Invalid,
        ),
    ]);
    trials
}

fn platforms() -> Vec<Trial> {
    let stays = |trial: Trial| {
        trial.refused(
            400,
            "clusterdeployment/platform-stays",
            "spec.platform",
            Invalid,
        )
    };
    let principals = "spec.platform.aws.privateLink.additionalAllowedPrincipals";
    let linked = || cluster().with("spec.platform.aws.privateLink.enabled", true);
    let selector = "spec.platform.agentBareMetal.agentSelector";
    let agent = || cluster_on("agentBareMetal");
    let discard = "spec.platform.gcp.discardLocalSsdOnHibernate";
    let flat = || {
        cluster_on("vsphere")
            .without("spec.platform.vsphere.infrastructure")
            .with("spec.platform.vsphere.vCenter", "v.example")
            .with("spec.platform.vsphere.datacenter", "d")
    };
    let converted = || cluster_on("vsphere");
    let once = "clusterdeployment/vsphere-converts-once";
    let vsphere = "spec.platform.vsphere";
    let infrastructure = "spec.platform.vsphere.infrastructure";
    vec![
        stays(update(
            "a platform is not added",
            cluster(),
            cluster().with("spec.platform.none", json!({})),
        ))
        .and("platform/exactly-one", "spec.platform", Invalid),
        stays(update(
            "a platform is not exchanged",
            cluster_on("none"),
            cluster_on("none").with(
                "spec.platform",
                json!({"baremetal": {"libvirtSSHPrivateKeySecretRef": {"name": ""}}}),
            ),
        )),
        stays(update(
            "credentials stay the same Secret",
            cluster(),
            cluster().with("spec.platform.aws.credentialsSecretRef.name", "other"),
        )),
        stays(update(
            "a tag is not added",
            cluster(),
            cluster().with("spec.platform.aws.userTags", json!({"team": ""})),
        )),
        stays(update(
            "a private link is not switched off",
            linked(),
            cluster(),
        )),
        update(
            "principals of a private link may change",
            linked(),
            linked().with(principals, json!(["arn:aws:iam::1:root"])),
        )
        .allowed_by("clusterdeployment/allowed-principals-may-change"),
        update(
            "principals of a private link may go",
            linked().with(principals, json!(["a"])),
            linked(),
        ),
        update(
            "the selector of agents may change",
            agent(),
            agent().with(selector, json!({"matchLabels": {"rack": "2"}})),
        )
        .allowed_by("clusterdeployment/agent-selector-may-change"),
        update(
            "the selector of agents may go",
            agent(),
            agent().with("spec.platform.agentBareMetal", json!({"agentSelector": {}})),
        ),
        update(
            "what becomes of local disks may change",
            cluster_on("gcp"),
            cluster_on("gcp").with(discard, true),
        )
        .allowed_by("clusterdeployment/discard-local-ssd-may-change"),
        stays(update(
            "the region beside what may change stays",
            cluster_on("gcp"),
            cluster_on("gcp")
                .with(discard, true)
                .with("spec.platform.gcp.region", "eu"),
        )),
        stays(update(
            "a private link is not added",
            cluster(),
            cluster().with("spec.platform.aws.privateLink.enabled", false),
        )),
        update(
            "vsphere is not added to another platform",
            cluster(),
            cluster().with(vsphere, platform("vsphere")["vsphere"].clone()),
        )
        .refused(400, once, vsphere, Invalid)
        .and("platform/exactly-one", "spec.platform", Invalid),
        update("vsphere is converted once", flat(), converted()).allowed_by(once),
        update(
            "vsphere is converted with other Secrets",
            flat(),
            converted()
                .with("spec.platform.vsphere.credentialsSecretRef.name", "b")
                .with("spec.platform.vsphere.certificatesSecretRef.name", "b"),
        ),
        update(
            "vsphere is converted to the shape that a cluster must have",
            flat(),
            converted().with("spec.platform.vsphere.infrastructure.vcenters", json!([])),
        )
        .refused(
            422,
            "platform/vsphere-vcenter",
            "spec.platform.vsphere.infrastructure.vcenters",
            Required,
        ),
        update(
            "vsphere is converted without a password",
            flat(),
            converted().with(
                "spec.platform.vsphere.infrastructure.vcenters.0.password",
                CANARY,
            ),
        )
        .refused(
            422,
            "platform/vsphere-no-password",
            "spec.platform.vsphere.infrastructure.vcenters[0].password",
            Forbidden,
        ),
        update("vsphere is not converted back", converted(), flat())
            .refused(400, once, vsphere, Invalid),
        update(
            "vsphere is not converted twice",
            converted(),
            converted().with(
                "spec.platform.vsphere.infrastructure.vcenters.0.server",
                "x.example",
            ),
        )
        .refused(400, once, vsphere, Invalid),
        update(
            "old fields of vsphere stay",
            flat(),
            flat().with("spec.platform.vsphere.datacenter", "e"),
        )
        .refused(400, once, vsphere, Invalid),
        update(
            "a conversion changes nothing beside it",
            flat(),
            converted().with("spec.platform", {
                let mut both = platform("vsphere");
                both["none"] = json!({});
                both
            }),
        )
        .refused(
            400,
            "clusterdeployment/platform-stays",
            "spec.platform",
            Invalid,
        )
        .and("platform/exactly-one", "spec.platform", Invalid),
        update(
            "a password that is stored is not shown when it is changed",
            converted().with(&format!("{infrastructure}.password"), CANARY),
            converted().with(&format!("{infrastructure}.password"), format!("{CANARY}-2")),
        )
        .refused(400, once, vsphere, Invalid),
    ]
}

fn metadata_changes() -> Vec<Trial> {
    let stays = "clusterdeployment/metadata-stays";
    let path = "spec.clusterMetadata";
    let at = |field: &str| format!("{path}.{field}");
    let refused = |trial: Trial| trial.refused(422, stays, path, Invalid);
    let leaf = |rule, field: &str| (rule, at(field));
    let group = leaf(
        "clusterdeployment/resource-group-not-cleared",
        "platform.azure.resourceGroupName",
    );
    let role = leaf(
        "clusterdeployment/hosted-zone-role-not-cleared",
        "platform.aws.hostedZoneRole",
    );
    let project = leaf(
        "clusterdeployment/network-project-not-cleared",
        "platform.gcp.networkProjectID",
    );
    let json_ref = leaf(
        "clusterdeployment/metadata-json-not-cleared",
        "metadataJSONSecretRef",
    );
    let bare = || installed().without(path);
    let empty = json!({"clusterID": "", "infraID": "", "adminKubeconfigSecretRef": {"name": ""}});
    let mut trials = vec![
        update(
            "metadata is set during the installation",
            cluster(),
            cluster().with(path, metadata()),
        ),
        update(
            "metadata changes before the installation is over",
            cluster().with(path, metadata()),
            cluster()
                .with(path, metadata())
                .with(&at("infraID"), "c1-other"),
        ),
        update(
            "metadata goes before the installation is over",
            cluster().with(path, metadata()),
            cluster(),
        ),
        update("a cluster becomes installed", cluster(), installed()),
        update(
            "a cluster becomes installed and its metadata changes",
            cluster()
                .with(path, metadata())
                .with(&at("infraID"), "c1-other"),
            installed(),
        ),
        update(
            "a cluster does not become installed without metadata",
            cluster(),
            cluster().with("spec.installed", true),
        )
        .refused(
            422,
            "clusterdeployment/metadata-when-installed",
            path,
            Required,
        ),
        update(
            "a cluster stays installed",
            installed(),
            installed().with("spec.installed", false),
        )
        .refused(
            422,
            "clusterdeployment/installed-stays",
            "spec.installed",
            Invalid,
        ),
        update(
            "a cluster stays installed when the field goes",
            installed(),
            installed().without("spec.installed"),
        )
        .refused(
            422,
            "clusterdeployment/installed-stays",
            "spec.installed",
            Invalid,
        ),
        update(
            "metadata of an installed cluster does not go",
            installed(),
            installed().without(path),
        )
        .refused(
            422,
            "clusterdeployment/metadata-when-installed",
            path,
            Required,
        )
        .and(stays, path, Invalid),
        update(
            "what was stored without metadata can be changed",
            bare(),
            bare().with("spec.powerState", "Hibernating"),
        ),
        update(
            "what was stored without metadata gets it",
            bare(),
            installed(),
        ),
        update(
            "metadata that was stored empty gets filled",
            installed().with(path, empty),
            installed(),
        ),
        update(
            "a platform is added to metadata",
            installed(),
            installed().with(&at("platform"), json!({"aws": {"hostedZoneRole": "r"}})),
        )
        .allowed_by("clusterdeployment/hosted-zone-role-not-cleared"),
        update(
            "a platform of any kind is added to metadata",
            installed(),
            installed().with(
                &at("platform"),
                json!({"azure": {"resourceGroupName": "g"}, "gcp": {"networkProjectID": "p"}}),
            ),
        ),
    ];
    for field in [
        "infraID",
        "clusterID",
        "adminKubeconfigSecretRef.name",
        "adminPasswordSecretRef.name",
    ] {
        let changed = installed().with(&at(field), "other");
        trials.push(refused(update(
            format!("{field} of an installed cluster stays"),
            installed(),
            changed,
        )));
    }
    trials.push(refused(update(
        "the password's reference of an installed cluster does not go",
        installed(),
        installed().without(&at("adminPasswordSecretRef")),
    )));
    for (rule, field) in [group, role, project, json_ref] {
        let value = |text: &str| {
            if field.ends_with("Ref") {
                json!({"name": text})
            } else {
                json!(text)
            }
        };
        let with = |text: &str| installed().with(&field, value(text));
        let short = field.strip_prefix("spec.clusterMetadata.").unwrap();
        trials.push(update(format!("{short} is set"), installed(), with("a")).allowed_by(rule));
        trials.push(update(format!("{short} is changed"), with("a"), with("b")).allowed_by(rule));
        // An empty fact means that there is none, which is something else than not to know.
        let emptied = update(format!("{short} is emptied"), with("a"), with(""));
        trials.push(if field.ends_with("Ref") {
            emptied.refused(422, rule, &field, Invalid)
        } else {
            emptied.allowed_by(rule)
        });
        for (what, text) in [("does not go", "a"), ("does not go when it is empty", "")] {
            let gone = with(text).without(&field);
            let trial = update(format!("{short} {what}"), with(text), gone);
            // To Hive's types a reference without a name is none.
            trials.push(if field.ends_with("Ref") && text.is_empty() {
                trial
            } else {
                trial.refused(422, rule, &field, Invalid)
            });
        }
    }
    let with_platform = |platform: Value| installed().with(&at("platform"), platform);
    trials.push(
        update(
            "what else is in the platform of metadata stays",
            with_platform(json!({"gcp": {"networkProjectID": "p", "other": "a"}})),
            with_platform(json!({"gcp": {"networkProjectID": "p", "other": "b"}})),
        )
        .refused(
            422,
            "clusterdeployment/metadata-platform-once",
            "spec.clusterMetadata.platform",
            Invalid,
        ),
    );
    trials.push(
        update(
            "a fact is added to the platform of metadata",
            with_platform(json!({"aws": {"hostedZoneRole": "r"}})),
            with_platform(
                json!({"aws": {"hostedZoneRole": "r"}, "azure": {"resourceGroupName": "g"}}),
            ),
        )
        .allowed_by("clusterdeployment/resource-group-not-cleared"),
    );
    trials
}

/// Blocks that say something by being there: they neither come nor go, with nothing in them either.
fn presences() -> Vec<Trial> {
    let mut trials = Vec::new();
    for (name, path, rule, platform) in [
        (
            "pull-secret-stays",
            "pullSecretRef",
            "spec.pullSecretRef",
            "aws",
        ),
        (
            "signing-key-stays",
            "boundServiceAccountSigningKeySecretRef",
            "spec.boundServiceAccountSigningKeySecretRef",
            "aws",
        ),
        (
            "provisioning-stays",
            "provisioning.imageSetRef",
            "spec.provisioning",
            "aws",
        ),
        (
            "provisioning-stays",
            "provisioning.manifestsConfigMapRef",
            "spec.provisioning",
            "aws",
        ),
        (
            "provisioning-stays",
            "provisioning.manifestsSecretRef",
            "spec.provisioning",
            "aws",
        ),
        (
            "provisioning-stays",
            "provisioning.sshPrivateKeySecretRef",
            "spec.provisioning",
            "aws",
        ),
        (
            "platform-stays",
            "platform.gcp.privateServiceConnect",
            "spec.platform",
            "gcp",
        ),
    ] {
        let id = super::super::FIELDS
            .iter()
            .find(|known| known.id.strip_prefix("clusterdeployment/") == Some(name))
            .map(|known| known.id)
            .unwrap();
        let full = format!("spec.{path}");
        let empty = if path.ends_with("Ref") {
            json!({"name": ""})
        } else {
            json!({"enabled": false})
        };
        let with = cluster_on(platform).with(&full, empty);
        let without = with.clone().without(&full);
        let refused = |trial: Trial| trial.refused(400, id, rule, Invalid);
        trials.push(refused(update(
            format!("an empty {path} is not added"),
            without.clone(),
            with.clone(),
        )));
        trials.push(refused(update(
            format!("an empty {path} does not go"),
            with,
            without,
        )));
    }
    trials
}

fn pool_changes() -> Vec<Trial> {
    let path = "spec.clusterPoolRef";
    let of = |claim: &str| {
        installed().with(
            path,
            json!({
                "namespace": "pools",
                "poolName": "p",
                "claimName": claim,
                "clusterDeploymentCustomization": {"name": "c"},
            }),
        )
    };
    let presence = "clusterdeployment/pool-ref-presence";
    let refused = |name: &str, rule, field: &str, old: Object, value: Value| {
        let path = format!("{path}.{field}");
        update(name, old.clone(), old.with(&path, value)).refused(422, rule, &path, Invalid)
    };
    vec![
        update("a cluster leaves no pool", of(""), installed())
            .refused(422, presence, path, Invalid),
        update("a cluster joins no pool", installed(), of(""))
            .refused(422, presence, path, Invalid),
        update("a cluster is claimed", of(""), of("claim")),
        refused(
            "a claimed cluster is claimed by no other",
            "clusterdeployment/claim-stays",
            "claimName",
            of("claim"),
            json!("other"),
        ),
        refused(
            "a claimed cluster is not given back",
            "clusterdeployment/claim-stays",
            "claimName",
            of("claim"),
            json!(""),
        ),
        refused(
            "a pool's namespace stays",
            "clusterdeployment/pool-namespace-stays",
            "namespace",
            of(""),
            json!("other"),
        ),
        refused(
            "a pool's name stays",
            "clusterdeployment/pool-name-stays",
            "poolName",
            of(""),
            json!("other"),
        ),
        update(
            "the customization stays",
            of(""),
            of("").with(
                "spec.clusterPoolRef.clusterDeploymentCustomization.name",
                "other",
            ),
        )
        .refused(
            422,
            "clusterdeployment/pool-customization-stays",
            "spec.clusterPoolRef.clusterDeploymentCustomization",
            Invalid,
        ),
        update(
            "the time of the claim is set",
            of("claim"),
            of("claim").with(
                "spec.clusterPoolRef.claimedTimestamp",
                "2026-01-01T00:00:00Z",
            ),
        ),
    ]
}

fn ingress_changes() -> Vec<Trial> {
    let apps = "apps.c1.hive.example";
    let with = |entries: Value| installed().with("spec.ingress", entries);
    let default = || with(json!([ingress("default", apps)]));
    let two = |domain: &str| with(json!([ingress("default", apps), ingress("more", domain)]));
    vec![
        update(
            "an ingress is added",
            default(),
            two("more.c1.hive.example"),
        ),
        update("a first ingress is added", installed(), default()),
        update(
            "an ingress is removed",
            two("more.c1.hive.example"),
            default(),
        ),
        update(
            "the list of ingresses is not emptied",
            default(),
            with(json!([])),
        )
        .refused(
            400,
            "clusterdeployment/ingress-not-emptied",
            "spec.ingress",
            Invalid,
        ),
        update("the list of ingresses does not go", default(), installed()).refused(
            400,
            "clusterdeployment/ingress-not-emptied",
            "spec.ingress",
            Invalid,
        ),
        update(
            "the default is not replaced",
            default(),
            with(json!([ingress("more", apps)])),
        )
        .refused(
            400,
            "clusterdeployment/ingress-default",
            "spec.ingress",
            Required,
        ),
        update(
            "a foreign ingress is not added",
            default(),
            two("apps.example.com"),
        )
        .refused(
            400,
            "clusterdeployment/ingress-domain",
            "spec.ingress[1].domain",
            Invalid,
        ),
        update("an empty ingress is not added", default(), two("")).refused(
            400,
            "clusterdeployment/ingress-domain-set",
            "spec.ingress[1].domain",
            Required,
        ),
        update(
            "a wildcard is not added",
            default(),
            two("*.c1.hive.example"),
        )
        .refused(
            400,
            "clusterdeployment/ingress-no-wildcard",
            "spec.ingress[1].domain",
            Invalid,
        ),
        update(
            "a certificate that is no bundle's is not added",
            default(),
            with(json!([{"name": "default", "domain": apps, "servingCertificate": "serving"}])),
        )
        .refused(
            400,
            "clusterdeployment/ingress-certificate",
            "spec.ingress[0].servingCertificate",
            Invalid,
        ),
        update(
            "a foreign ingress that is stored moves in the list",
            two("apps.c1.hivexexample"),
            with(json!([
                ingress("more", "apps.c1.hivexexample"),
                ingress("default", apps)
            ])),
        ),
        update(
            "a foreign ingress that is stored does not hold up other changes",
            two("apps.c1.hivexexample"),
            two("apps.c1.hivexexample").with("spec.powerState", "Hibernating"),
        ),
    ]
}

/// What is stored can always be relabelled, repaired and deleted.
fn stored() -> Vec<Trial> {
    let broken = || installed().with("spec.hibernateAfter", 7);
    let invalid = || {
        cluster()
            .with("spec.platform", json!({}))
            .with("spec.ingress", json!([ingress("a", "")]))
    };
    let finalizer = |object: Object| {
        object.with(
            "metadata.finalizers",
            json!(["hive.openshift.io/deprovision"]),
        )
    };
    // Stored while the schema did not ask for a region.
    let homeless = || installed().without("spec.platform.aws.region");
    let protected = || installed().annotated(annotation::PROTECTED_DELETE, "true");
    vec![
        update("nothing changes", installed(), installed()),
        update(
            "a cluster that lacks what it must have is changed",
            homeless(),
            homeless().with("spec.powerState", "Hibernating"),
        )
        .told("spec.platform.aws"),
        update(
            "a cluster that lacks what it must have is not exchanged",
            homeless(),
            homeless().with("spec.baseDomain", "other.example"),
        )
        .refused(
            400,
            "clusterdeployment/base-domain-stays",
            "spec.baseDomain",
            Invalid,
        ),
        update(
            "a label changes",
            installed(),
            installed().labelled("a", "b"),
        ),
        update("a finalizer goes", finalizer(installed()), installed()),
        update(
            "a finalizer of an invalid cluster goes",
            finalizer(invalid()),
            invalid(),
        ),
        update(
            "a finalizer of an unreadable cluster goes",
            finalizer(broken()),
            broken(),
        ),
        update("an unreadable cluster is repaired", broken(), installed()),
        update(
            "an unreadable cluster is repaired, and not exchanged",
            broken(),
            installed().with("spec.baseDomain", "other.example"),
        )
        .refused(
            400,
            "clusterdeployment/base-domain-stays",
            "spec.baseDomain",
            Invalid,
        ),
        update(
            "a cluster does not become unreadable",
            installed(),
            broken(),
        )
        .unreadable("spec.hibernateAfter"),
        update(
            "an invalid cluster is changed while it is deleted",
            invalid().being_deleted(),
            invalid().being_deleted().with("spec.powerState", "Running"),
        ),
        update(
            "an unreadable cluster is changed while it is deleted",
            broken().being_deleted(),
            broken().being_deleted().with("spec.powerState", "Running"),
        ),
        update(
            "what identifies a cluster stays while it is deleted",
            installed().being_deleted(),
            installed()
                .being_deleted()
                .with("spec.clusterMetadata.infraID", "c2"),
        )
        .refused(
            422,
            "clusterdeployment/metadata-stays",
            "spec.clusterMetadata",
            Invalid,
        ),
        update(
            "protection is removed with a warning",
            protected(),
            installed(),
        )
        .warned(
            "clusterdeployment/protection-lifted",
            "metadata.annotations",
        ),
        update("protection is set", installed(), protected()),
        update(
            "protection is removed with a change",
            protected(),
            installed().with("spec.powerState", "Hibernating"),
        )
        .warned(
            "clusterdeployment/protection-lifted",
            "metadata.annotations",
        ),
        update(
            "a user name that is stored is not warned of again",
            cluster_on("vsphere").with("spec.platform.vsphere.infrastructure.username", "u"),
            {
                cluster_on("vsphere")
                    .with("spec.platform.vsphere.infrastructure.username", "u")
                    .with("spec.powerState", "Running")
            },
        ),
    ]
}
