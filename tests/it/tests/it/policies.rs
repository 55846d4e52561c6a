//! The policies that protect the data of clusters where no webhook answers: the API server enforces them by
//! itself, and they say the same as the webhook (docs/spec/41 §13).

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::{Value, json};
use skep_kit::admission::{self, Authority, Caller, Webhook};
use skep_kit::cache;
use skep_kit::hub::{Hub, HubOptions};
use skep_kit::objects::{Objects, Of, hive, refusal};
use skep_kit::outside;
use skep_kit::process::wait_until;

use crate::admission::cluster;
use crate::world::{CD, PATIENCE, SKEP};

pub(crate) const SPACE: &str = "guarded";
const PROTECTED: &str = "hive.openshift.io/protected-delete";

/// A hub with the policies and no webhook, and beside it a webhook that judges what it is asked.
pub(crate) struct Guard {
    pub(crate) objects: Objects,
    pub(crate) hub: Hub,
    webhook: Webhook,
    authority: Authority,
}

pub(crate) static GUARD: LazyLock<Guard> = LazyLock::new(|| {
    let crds = cache::checkout().join("crds/yaml");
    let options = HubOptions::for_test("it-policies")
        .with_crds(crds)
        .without_controllers();
    let hub = Hub::start(&options).expect("an API server boots");
    outside::apply(&hub, "base/policies", &[]).expect("the policies apply");
    let objects = Objects::new(&hub).unwrap();
    let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}});
    objects.create(&space).unwrap();

    let authority = Authority::new().unwrap();
    let folder = hub.run_folder();
    authority.issue(folder).unwrap();
    let webhook = Webhook::alone(&SKEP, folder, admission::How::default()).unwrap();
    let guard = Guard {
        objects,
        hub,
        webhook,
        authority,
    };
    guard.until_known();
    guard
});

impl Guard {
    /// The API server learns of policies a little later, of all of them at once.
    fn until_known(&self) {
        for id in ["clusterdeployment/base-domain-stays", "dnszone/zone-stays"] {
            let mut object = objects(id);
            object["metadata"]["name"] = json!("probe");
            self.objects.create(&object).unwrap();
            let change = json!({"spec": {"baseDomain": "x.example.com", "zone": "x.example.com"}});
            let refused = wait_until("a refusal by the policy", PATIENCE, || {
                let outcome = asked(&self.hub, &object, &change);
                Ok(outcome.err().map(drop).ok_or_else(|| id.to_owned()))
            });
            refused.unwrap();
        }
    }

    pub(crate) fn caller(&self) -> Caller {
        Caller::connect(self.webhook.address, self.authority.pem()).unwrap()
    }
}

/// What the webhook says about an update.
pub(crate) fn judge(caller: &mut Caller, object: &Value, patch: &Value) -> Value {
    let (kind, new) = (of(object).0.kind, merged(object, patch));
    ask(caller, kind, "UPDATE", Some(object), &new)
}

/// What the webhook says about a request.
pub(crate) fn ask(
    caller: &mut Caller,
    kind: &str,
    operation: &str,
    old: Option<&Value>,
    new: &Value,
) -> Value {
    let singular = kind.to_lowercase();
    let path = format!("/{singular}validators");
    let review = admission::review(&format!("{singular}s"), kind, operation, old, Some(new));
    caller.review(&path, &review).unwrap()
}

/// An update that an entry of the table is about.
struct Change {
    /// Id of the entry.
    id: &'static str,
    object: Value,
    patch: Value,
}

/// An object of each kind with everything in it that the table protects.
fn objects(id: &str) -> Value {
    let name = id.replace(['/', '#'], "-");
    let kind = id.split('/').next().unwrap_or_default();
    let object = |kind: &str, name: &str, spec: Value| {
        json!({
            "apiVersion": "hive.openshift.io/v1",
            "kind": kind,
            "metadata": {"name": name, "namespace": SPACE},
            "spec": spec,
        })
    };
    match kind {
        "clusterprovision" => object(
            "ClusterProvision",
            &name,
            json!({
                "clusterDeploymentRef": {"name": "a"},
                "attempt": 1,
                "stage": "provisioning",
                "podSpec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "i", "resources": {}}]},
                "clusterID": "c",
                "infraID": "a-x7k2p",
                "prevClusterID": "p",
                "prevInfraID": "a-00000",
                "adminKubeconfigSecretRef": {"name": "k"},
                "adminPasswordSecretRef": {"name": "p"},
            }),
        ),
        "machinepool" => object(
            "MachinePool",
            "a-worker",
            json!({
                "clusterDeploymentRef": {"name": "a"},
                "name": "worker",
                "replicas": 1,
                "platform": {"aws": {"type": "m6i.large", "zones": ["z"], "rootVolume": {"size": 100, "type": "gp3"}}},
            }),
        ),
        "dnszone" => object("DNSZone", &name, json!({"zone": "a.example.com"})),
        _ => {
            let mut cluster = cluster(SPACE, &name);
            let spec = &mut cluster["spec"];
            spec["installed"] = json!(true);
            spec["platform"]["aws"]["privateLink"] = json!({"enabled": false});
            spec["ingress"] =
                json!([{"name": "default", "domain": format!("apps.{name}.example.com")}]);
            spec["clusterPoolRef"] = json!({"namespace": "pools", "poolName": "p", "claimName": "c", "clusterDeploymentCustomization": {"name": "d"}});
            spec["clusterMetadata"] = json!({
                "clusterID": "c",
                "infraID": "a-x7k2p",
                "adminKubeconfigSecretRef": {"name": "k"},
                "adminPasswordSecretRef": {"name": "p"},
                "metadataJSONSecretRef": {"name": "m"},
                "platform": {
                    "aws": {"hostedZoneRole": "r"},
                    "azure": {"resourceGroupName": "g"},
                    "gcp": {"networkProjectID": "n"},
                },
            });
            if id.ends_with("vsphere-converts-once") {
                spec["platform"] = json!({"vsphere": {
                    "credentialsSecretRef": {"name": "c"},
                    "certificatesSecretRef": {"name": "c"},
                    "vCenter": "v.example.com",
                    "datacenter": "d",
                    "defaultDatastore": "s",
                }});
            }
            cluster
        }
    }
}

/// For each entry an update that it refuses.
fn changes() -> Vec<Change> {
    let metadata = |change: Value| json!({"clusterMetadata": change});
    let pool = |change: Value| json!({"clusterPoolRef": change});
    let table = [
        (
            "clusterdeployment/base-domain-stays",
            json!({"baseDomain": "elsewhere.com"}),
        ),
        (
            "clusterdeployment/signing-key-stays",
            json!({"boundServiceAccountSigningKeySecretRef": {"name": "k"}}),
        ),
        (
            "clusterdeployment/install-ref-stays",
            json!({"clusterInstallRef": {"group": "g", "version": "v1", "kind": "K", "name": "n"}}),
        ),
        (
            "clusterdeployment/cluster-name-stays",
            json!({"clusterName": "other"}),
        ),
        (
            "clusterdeployment/manage-dns-stays",
            json!({"manageDNS": true}),
        ),
        (
            "clusterdeployment/platform-stays",
            json!({"platform": {"aws": {"region": "us-west-2"}}}),
        ),
        (
            "clusterdeployment/vsphere-converts-once",
            json!({"platform": {"vsphere": {"vCenter": "w.example.com"}}}),
        ),
        // An empty block counts as well, and so does a second platform that looks like a conversion.
        (
            "clusterdeployment/platform-stays",
            json!({"platform": {"none": {}}}),
        ),
        (
            "clusterdeployment/vsphere-converts-once#added",
            json!({"platform": {"vsphere": {
                "credentialsSecretRef": {"name": "c"},
                "certificatesSecretRef": {"name": "c"},
                "infrastructure": {"vcenters": [{"server": "v.example.com", "user": "u", "password": "", "datacenters": ["d"]}]},
            }}}),
        ),
        (
            "clusterdeployment/provisioning-stays",
            json!({"provisioning": {"imageSetRef": {"name": "other"}}}),
        ),
        (
            "clusterdeployment/pull-secret-stays",
            json!({"pullSecretRef": {"name": "other"}}),
        ),
        (
            "clusterdeployment/ingress-not-emptied",
            json!({"ingress": null}),
        ),
        (
            "clusterdeployment/installed-stays",
            json!({"installed": false}),
        ),
        (
            "clusterdeployment/metadata-stays",
            metadata(json!({"infraID": "b-x7k2p"})),
        ),
        (
            "clusterdeployment/resource-group-not-cleared",
            metadata(json!({"platform": {"azure": null}})),
        ),
        (
            "clusterdeployment/hosted-zone-role-not-cleared",
            metadata(json!({"platform": {"aws": null}})),
        ),
        (
            "clusterdeployment/network-project-not-cleared",
            metadata(json!({"platform": {"gcp": {"networkProjectID": null}}})),
        ),
        (
            "clusterdeployment/metadata-json-not-cleared",
            metadata(json!({"metadataJSONSecretRef": null})),
        ),
        (
            "clusterdeployment/pool-ref-presence",
            json!({"clusterPoolRef": null}),
        ),
        (
            "clusterdeployment/pool-namespace-stays",
            pool(json!({"namespace": "other"})),
        ),
        (
            "clusterdeployment/pool-name-stays",
            pool(json!({"poolName": "other"})),
        ),
        (
            "clusterdeployment/pool-customization-stays",
            pool(json!({"clusterDeploymentCustomization": {"name": "other"}})),
        ),
        (
            "clusterdeployment/claim-stays",
            pool(json!({"claimName": "other"})),
        ),
        (
            "clusterprovision/cluster-stays",
            json!({"clusterDeploymentRef": {"name": "b"}}),
        ),
        (
            "clusterprovision/pod-stays",
            json!({"podSpec": {"containers": [{"name": "a", "image": "j", "resources": {}}]}}),
        ),
        ("clusterprovision/attempt-stays", json!({"attempt": 2})),
        (
            "clusterprovision/previous-cluster-stays",
            json!({"prevClusterID": "q"}),
        ),
        (
            "clusterprovision/previous-infra-stays",
            json!({"prevInfraID": null}),
        ),
        (
            "clusterprovision/cluster-id-once",
            json!({"clusterID": "d"}),
        ),
        ("clusterprovision/infra-id-once", json!({"infraID": null})),
        (
            "clusterprovision/kubeconfig-once",
            json!({"adminKubeconfigSecretRef": {"name": "l"}}),
        ),
        (
            "clusterprovision/password-once",
            json!({"adminPasswordSecretRef": null}),
        ),
        (
            "machinepool/cluster-stays",
            json!({"clusterDeploymentRef": {"name": "b"}}),
        ),
        ("machinepool/name-stays", json!({"name": "other"})),
        (
            "machinepool/platform-stays",
            json!({"platform": {"aws": {"zones": ["z", "y"]}}}),
        ),
        (
            "machinepool/platform-stays",
            json!({"platform": {"aws": {"spotMarketOptions": {}}}}),
        ),
        ("dnszone/zone-stays", json!({"zone": "b.example.com"})),
    ];
    table
        .into_iter()
        .map(|(id, spec)| Change {
            id: id.split('#').next().unwrap_or(id),
            object: objects(id),
            patch: json!({"spec": spec}),
        })
        .collect()
}

/// Updates that nobody minds, of the same objects.
fn harmless() -> Vec<(&'static str, Value)> {
    vec![
        (
            "clusterdeployment",
            json!({"spec": {"powerState": "Hibernating", "preserveOnDelete": true}}),
        ),
        (
            "clusterdeployment",
            json!({"spec": {"installAttemptsLimit": 3, "hibernateAfter": "8h"}}),
        ),
        (
            "clusterdeployment",
            json!({"spec": {"platform": {"aws": {"privateLink": {"additionalAllowedPrincipals": ["p"]}}}}}),
        ),
        (
            "clusterdeployment",
            json!({"spec": {"manageDNS": false, "provisioning": {"releaseImage": "", "installerEnv": []}}}),
        ),
        (
            "clusterdeployment",
            json!({"spec": {"clusterMetadata": {"platform": {"aws": {"hostedZoneRole": "other"}}}}}),
        ),
        (
            "clusterdeployment",
            json!({"spec": {"clusterMetadata": {"platform": {"aws": {"hostedZoneRole": ""}}}}}),
        ),
        (
            "clusterdeployment-vsphere",
            json!({"spec": {"platform": {"vsphere": {"infrastructure": {"vcenters": [{"server": "v.example.com", "user": "u", "password": "", "datacenters": ["d"]}]}}}}}),
        ),
        (
            "clusterprovision",
            json!({"spec": {"stage": "complete", "installLog": "done"}}),
        ),
        (
            "machinepool",
            json!({"spec": {"replicas": 5, "labels": {"a": "b"}}}),
        ),
        (
            "machinepool",
            json!({
                "metadata": {"annotations": {"hive.openshift.io/override-machinepool-platform": "true"}},
                "spec": {"platform": {"aws": {"type": "m6i.xlarge"}}},
            }),
        ),
        ("dnszone", json!({"spec": {"linkToParentDomain": true}})),
        (
            "dnszone",
            json!({"metadata": {"labels": {"a": "b"}, "finalizers": ["example.com/kept"]}}),
        ),
    ]
}

fn of(object: &Value) -> (Of<'static>, &str) {
    let kind = match object["kind"].as_str() {
        Some("ClusterProvision") => "ClusterProvision",
        Some("MachinePool") => "MachinePool",
        Some("DNSZone") => "DNSZone",
        _ => "ClusterDeployment",
    };
    (
        hive(kind),
        object["metadata"]["name"].as_str().unwrap_or_default(),
    )
}

pub(crate) fn merged(object: &Value, patch: &Value) -> Value {
    match (object, patch) {
        (Value::Object(object), Value::Object(patch)) => {
            let mut merged = object.clone();
            for (key, value) in patch {
                if value.is_null() {
                    merged.remove(key);
                } else {
                    let old = object.get(key).unwrap_or(&Value::Null);
                    merged.insert(key.clone(), self::merged(old, value));
                }
            }
            Value::Object(merged)
        }
        _ => patch.clone(),
    }
}

/// What the API server says about an update that is not carried out.
fn asked(hub: &Hub, object: &Value, patch: &Value) -> anyhow::Result<String> {
    let (of, name) = of(object);
    let patch = patch.to_string();
    let arguments = [
        "patch",
        of.kind,
        name,
        "-n",
        SPACE,
        "--type=merge",
        "--dry-run=server",
        "--patch",
        &patch,
    ];
    hub.run_kubectl(&arguments, "")
}

fn shipped_ids() -> BTreeSet<String> {
    let file = cache::checkout().join("manifests/base/policies/policies.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    let after = text.split('(').skip(1);
    let inside = after.filter_map(|rest| rest.split(')').next());
    let id = |c: char| c.is_ascii_lowercase() || matches!(c, '/' | '-');
    inside
        .filter(|text| text.contains('/') && text.chars().all(id))
        .map(str::to_owned)
        .collect()
}

#[test]
fn policies_and_webhook_agree_about_every_entry_of_the_table() {
    let guard = &*GUARD;
    let (hub, objects_of) = (&guard.hub, &guard.objects);
    let mut caller = guard.caller();
    let mut judge = |object: &Value, patch: &Value| judge(&mut caller, object, patch);

    let mut known = BTreeSet::new();
    let mut tried = BTreeSet::new();
    for change in changes() {
        let (_, name) = of(&change.object);
        if known.insert(name.to_owned()) {
            objects_of.create(&change.object).unwrap();
        }
        let refused = asked(hub, &change.object, &change.patch);
        let refused = refused.expect_err(change.id);
        let refused = format!("{refused:#}");
        let policy = format!(
            "{}.fields.skep.dev",
            of(&change.object).0.kind.to_lowercase() + "s"
        );
        assert!(
            refused.contains(&format!("ValidatingAdmissionPolicy '{policy}'")),
            "{refused}"
        );
        assert!(refused.contains(change.id), "{}: {refused}", change.id);
        let judged = judge(&change.object, &change.patch);
        assert_eq!(
            judged["allowed"], false,
            "{}: the webhook allows it",
            change.id
        );
        tried.insert(change.id.to_owned());
    }
    assert_eq!(tried, shipped_ids(), "every entry is tried");

    let all = changes();
    for (kind, patch) in harmless() {
        let id = kind.split('-').next().unwrap_or_default();
        let object = all
            .iter()
            .find(|change| {
                change.id.starts_with(id)
                    && change.id.contains("vsphere") == kind.contains("vsphere")
            })
            .map(|change| &change.object)
            .unwrap();
        asked(hub, object, &patch).unwrap();
        let judged = judge(object, &patch);
        // The webhook minds more than the policies do: that nothing is half converted.
        assert!(
            judged["allowed"] == true || kind.contains("vsphere"),
            "{patch}: {judged}"
        );
    }
    deletion(hub, objects_of);
}

/// Protection from deletion, and that nothing else is in the way of one.
fn deletion(hub: &Hub, objects: &Objects) {
    let mut kept = cluster(SPACE, "kept");
    kept["metadata"]["annotations"] = json!({PROTECTED: "True"});
    kept["metadata"]["finalizers"] = json!(["example.com/held"]);
    objects.create(&kept).unwrap();
    let refused = objects.delete(CD, SPACE, "kept").unwrap_err();
    let message = refusal(&refused).unwrap()["message"].to_string();
    assert!(
        message.contains("clusterdeployments.deletion.skep.dev") && message.contains(PROTECTED),
        "{message}"
    );
    let freed = json!({"metadata": {"annotations": {PROTECTED: "false"}}});
    objects.merge(CD, SPACE, "kept", &freed).unwrap();
    objects.delete(CD, SPACE, "kept").unwrap();
    // It is being deleted: what the deletion reads stays, and its finalizers go.
    let moved = json!({"spec": {"baseDomain": "elsewhere.com"}});
    assert!(asked(hub, &kept, &moved).is_err());
    objects
        .merge(
            CD,
            SPACE,
            "kept",
            &json!({"metadata": {"finalizers": null}}),
        )
        .unwrap();
    assert_eq!(objects.get(CD, SPACE, "kept").unwrap(), None);
}
