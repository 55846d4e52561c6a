//! Objects that this version cannot read, and objects that nobody would write: each is told about, and stops
//! nobody (docs/spec/10 §5). They were written while no schema was enforced; it is enforced again when the
//! operator meets them.

use serde_json::{Value, json};
use skep_kit::cache;
use skep_kit::fleet::Installed;
use skep_kit::objects::{Of, hive};
use skep_kit::process::wait_until;

use crate::world::{CD, PATIENCE, World, condition, finalizers};

const EVENT: Of<'static> = Of {
    version: "events.k8s.io/v1",
    kind: "Event",
};

/// The shipped definitions without any schema: what another version may have let in.
fn lax_definitions(folder: &std::path::Path) {
    for file in std::fs::read_dir(cache::checkout().join("crds/yaml")).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut definition: Value = serde_saphyr::from_str(&text).unwrap();
        for version in definition["spec"]["versions"].as_array_mut().unwrap() {
            version["schema"]["openAPIV3Schema"] =
                json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        }
        let target = folder.join(path.file_name().unwrap());
        std::fs::write(target, definition.to_string()).unwrap();
    }
}

/// The shipped definitions, in force from now on.
fn enforce_schemas(world: &World) {
    let folder = cache::checkout().join("crds/yaml");
    let apply = ["apply", "--server-side", "--force-conflicts", "-f"];
    let arguments: Vec<&str> = apply
        .into_iter()
        .chain([folder.to_str().unwrap()])
        .collect();
    world.hub.run_kubectl(&arguments, "").unwrap();
    let refused = wait_until("schemas in force", PATIENCE, || {
        let probe = json!({
            "apiVersion": "hive.openshift.io/v1", "kind": "ClusterImageSet",
            "metadata": {"name": "probe"}, "spec": {"releaseImage": 7},
        });
        Ok(match world.objects.create(&probe) {
            Ok(_) => {
                world.objects.delete(hive("ClusterImageSet"), "", "probe")?;
                Err("a number was taken for a text".to_owned())
            }
            Err(_) => Ok(()),
        })
    });
    refused.unwrap();
}

/// One object that stands badly beside good ones.
struct Bad {
    kind: &'static str,
    name: &'static str,
    /// Merged into an object of the kind that is as it should be.
    patch: Value,
    /// Whether this version can read it.
    readable: bool,
}

fn bad(kind: &'static str, readable: bool, name: &'static str, patch: Value) -> Bad {
    Bad {
        kind,
        name,
        patch,
        readable,
    }
}

/// The kinds that controllers act on, and the one that they refer to.
fn zoo() -> Vec<Bad> {
    let megabyte = "m".repeat(1 << 20);
    let never = "9999-12-30T00:00:00Z";
    let aged = json!([{
        "type": "Hibernating", "status": "Sometimes", "reason": "", "message": "x",
        "lastProbeTime": never, "lastTransitionTime": never,
    }]);
    vec![
        bad(
            "ClusterDeployment",
            false,
            "text-for-flag",
            json!({"spec": {"installed": "perhaps"}}),
        ),
        bad(
            "ClusterDeployment",
            false,
            "megabyte-for-flag",
            json!({"spec": {"installed": megabyte}}),
        ),
        bad(
            "ClusterDeployment",
            false,
            "list-for-spec",
            json!({"spec": ["a", "b"]}),
        ),
        bad("ClusterDeployment", false, "no-spec", json!({"spec": null})),
        bad(
            "ClusterDeployment",
            false,
            "list-for-platform",
            json!({"spec": {"platform": ["aws"]}}),
        ),
        bad(
            "ClusterDeployment",
            false,
            "list-for-metadata",
            json!({"spec": {"clusterMetadata": []}}),
        ),
        bad(
            "ClusterDeployment",
            false,
            "object-for-number",
            json!({"spec": {"installAttemptsLimit": {}}}),
        ),
        bad(
            "ClusterDeployment",
            false,
            "beyond-all-numbers",
            json!({"spec": {"installAttemptsLimit": 1e300}}),
        ),
        bad(
            "ClusterDeployment",
            false,
            "text-for-conditions",
            json!({"status": {"conditions": "none"}}),
        ),
        bad(
            "ClusterDeployment",
            false,
            "no-time",
            json!({"status": {"installedTimestamp": "yesterday"}}),
        ),
        // The last two days of the calendar are beyond what times are computed with.
        bad(
            "ClusterDeployment",
            false,
            "past-the-end-of-time",
            json!({"status": {"installedTimestamp": "9999-12-31T23:59:59Z"}}),
        ),
        bad(
            "ClusterDeployment",
            true,
            "unknown-power",
            json!({"spec": {"powerState": "Dreaming"}}),
        ),
        bad(
            "ClusterDeployment",
            true,
            "megabyte",
            json!({"spec": {"baseDomain": megabyte}}),
        ),
        bad(
            "ClusterDeployment",
            true,
            "the-end-of-time",
            json!({
                "spec": {"installed": true},
                "status": {"installedTimestamp": never, "installStartedTimestamp": never, "conditions": aged},
            }),
        ),
        bad(
            "ClusterDeployment",
            true,
            "absurd",
            json!({
                "metadata": {"annotations": {"hive.openshift.io/delete-after": "99999999999999999999h"}},
                "spec": {
                    "hibernateAfter": "99999999999999999999h", "installAttemptsLimit": -2_147_483_648_i64,
                    "platform": {"mars": {"crater": 7}},
                    "provisioning": {"installerEnv": [
                        {"name": "X", "valueFrom": {"resourceFieldRef": {"resource": "x", "divisor": "1e99999999"}}},
                    ]},
                },
                "status": {"installRestarts": i64::MAX, "powerState": "Dreaming"},
            }),
        ),
        bad(
            "ClusterProvision",
            false,
            "text-for-number",
            json!({"spec": {"attempt": "one"}}),
        ),
        bad(
            "ClusterProvision",
            false,
            "number-for-stage",
            json!({"spec": {"stage": 7}}),
        ),
        bad(
            "ClusterProvision",
            false,
            "text-for-reference",
            json!({"status": {"jobRef": "a job"}}),
        ),
        bad(
            "ClusterProvision",
            false,
            "no-base64",
            json!({"spec": {"metadataJSON": "no base64 %"}}),
        ),
        bad(
            "ClusterProvision",
            true,
            "unknown-stage",
            json!({"spec": {"stage": "resting"}}),
        ),
        bad(
            "ClusterProvision",
            true,
            "absurd-attempt",
            json!({
                "spec": {"attempt": 2_147_483_647, "installLog": megabyte},
                "status": {"conditions": aged},
            }),
        ),
        bad(
            "ClusterDeprovision",
            false,
            "number-for-text",
            json!({"spec": {"infraID": 5}}),
        ),
        bad(
            "ClusterDeprovision",
            false,
            "text-for-platform",
            json!({"spec": {"platform": {"aws": "us-east-1"}}}),
        ),
        bad(
            "ClusterDeprovision",
            false,
            "text-for-completed",
            json!({"status": {"completed": "yes"}}),
        ),
        bad(
            "ClusterDeprovision",
            true,
            "absurd-names",
            json!({
                "spec": {
                    "infraID": "x".repeat(1 << 16), "clusterID": "\u{0}\u{202e}",
                    "platform": {"aws": {"region": "x".repeat(1 << 16)}},
                },
            }),
        ),
        bad(
            "ClusterDeprovision",
            true,
            "unknown-platform",
            json!({
                "spec": {"platform": {"mars": {}}, "clusterName": megabyte}, "status": {"conditions": aged},
            }),
        ),
        bad(
            "ClusterImageSet",
            false,
            "number-for-image",
            json!({"spec": {"releaseImage": 7}}),
        ),
        bad(
            "ClusterImageSet",
            false,
            "text-for-spec",
            json!({"spec": "an image"}),
        ),
        bad(
            "ClusterImageSet",
            true,
            "megabyte-of-image",
            json!({"spec": {"releaseImage": megabyte}}),
        ),
    ]
}

/// The other kinds, with their version and whether they are in a namespace: nobody acts on them by
/// themselves, and of each there is one that cannot be read.
const OTHERS: [(&str, &str, bool); 17] = [
    (HIVE, "Checkpoint", true),
    (HIVE, "ClusterClaim", true),
    (HIVE, "ClusterDeploymentCustomization", true),
    (HIVE, "ClusterPool", true),
    (HIVE, "ClusterRelocate", true),
    (HIVE, "ClusterState", true),
    (HIVE, "DNSZone", true),
    (HIVE, "HiveConfig", false),
    (HIVE, "MachinePool", true),
    (HIVE, "MachinePoolNameLease", true),
    (HIVE, "SelectorSyncIdentityProvider", false),
    (HIVE, "SelectorSyncSet", false),
    (HIVE, "SyncIdentityProvider", true),
    (HIVE, "SyncSet", true),
    (INTERNAL, "ClusterSync", true),
    (INTERNAL, "ClusterSyncLease", true),
    (INTERNAL, "FakeClusterInstall", true),
];
const HIVE: &str = "hive.openshift.io/v1";
const INTERNAL: &str = "hiveinternal.openshift.io/v1alpha1";
const SPOILT: &str = "spoilt";

fn write_others(world: &World) {
    for (version, kind, namespaced) in OTHERS {
        let namespace = if namespaced { NAMESPACE } else { "" };
        let list = json!(["a", "list"]);
        let spec = match kind {
            // The API server itself reads how many there are.
            "ClusterPool" | "MachinePool" => json!({ "platform": list }),
            _ => list,
        };
        let spoilt = json!({
            "apiVersion": version, "kind": kind, "spec": spec,
            "metadata": {"name": SPOILT, "namespace": namespace},
        });
        world.objects.create(&spoilt).unwrap();
    }
}

/// An object of a kind as it should be, of which nothing is to be had from any cloud.
fn sound(kind: &str, namespace: &str, name: &str) -> Value {
    let metadata = json!({"name": name, "namespace": namespace});
    match kind {
        "ClusterDeployment" => json!({
            "apiVersion": "hive.openshift.io/v1", "kind": kind, "metadata": metadata,
            "spec": {
                "baseDomain": "example.com", "clusterName": name,
                "platform": {"aws": {"region": "us-east-1", "credentialsSecretRef": {"name": "none"}}},
                "provisioning": {"installConfigSecretRef": {"name": "none"}},
                "preserveOnDelete": true,
            },
        }),
        "ClusterProvision" => json!({
            "apiVersion": "hive.openshift.io/v1", "kind": kind, "metadata": metadata,
            "spec": {
                "attempt": 0, "stage": "provisioning", "infraID": "x-aaaaa", "podSpec": {"containers": []},
                "clusterDeploymentRef": {"name": "nobody"},
            },
        }),
        "ClusterDeprovision" => json!({
            "apiVersion": "hive.openshift.io/v1", "kind": kind, "metadata": metadata,
            "spec": {
                "infraID": "x-aaaaa",
                "platform": {"aws": {"region": "us-east-1", "credentialsSecretRef": {"name": "none"}}},
            },
        }),
        _ => json!({
            "apiVersion": "hive.openshift.io/v1", "kind": kind, "metadata": {"name": name},
            "spec": {"releaseImage": "registry.example.com/release@sha256:0"},
        }),
    }
}

/// Objects are merged, everything else is replaced; `null` replaces, too.
fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

const NAMESPACE: &str = "zoo";

fn place(kind: &str) -> &'static str {
    if kind == "ClusterImageSet" {
        ""
    } else {
        NAMESPACE
    }
}

impl Bad {
    fn write(&self, world: &World) {
        let mut object = sound(self.kind, NAMESPACE, self.name);
        merge(&mut object, &self.patch);
        world.objects.create(&object).unwrap();
        // The status is a resource of its own, with or without a schema.
        if let Some(status) = self.patch.get("status") {
            let of = hive(self.kind);
            let place = place(self.kind);
            let written = world.objects.merge_status(of, place, self.name, status);
            written.unwrap();
        }
    }
}

/// An Event about an object.
fn event(
    world: &World,
    kind: &str,
    name: &str,
    place: &str,
    reason: Option<&str>,
) -> anyhow::Result<Option<Value>> {
    let all = world.objects.list(EVENT, place)?;
    Ok(all.into_iter().find(|event| {
        let regarding = &event["regarding"];
        let same = regarding["kind"] == kind && regarding["name"] == name;
        same && reason.is_none_or(|reason| event["reason"] == reason)
    }))
}

impl Bad {
    /// Waits until the operator has done with a readable one what it does with any: a verdict, or what is
    /// written first.
    fn until_met(&self, world: &World) {
        match self.kind {
            "ClusterDeployment" => {
                world.until(CD, NAMESPACE, self.name, "a finalizer", |found| {
                    found.is_some_and(|found| !finalizers(found).is_empty())
                });
            }
            // Nobody acts on an image set by itself; a cluster that names it is answered.
            "ClusterImageSet" => {
                let name = format!("wants-{}", self.name);
                let mut cluster = sound("ClusterDeployment", NAMESPACE, &name);
                cluster["spec"]["provisioning"]["imageSetRef"] = json!({"name": self.name});
                world.objects.create(&cluster).unwrap();
                world.until(CD, NAMESPACE, &name, "a verdict", |found| {
                    found.is_some_and(|found| {
                        condition(found, "RequirementsMet")
                            .is_some_and(|met| met["status"] != "Unknown")
                    })
                });
            }
            kind => {
                let told = wait_until("a verdict or an Event", PATIENCE, || {
                    let found = world.objects.get(hive(kind), NAMESPACE, self.name)?;
                    let conditions = found.map(|found| found["status"]["conditions"].clone());
                    let judged = conditions.as_ref().and_then(Value::as_array);
                    // One of them was written with the object.
                    let judged = judged
                        .is_some_and(|list| list.iter().any(|it| it["type"] != "Hibernating"));
                    let told = event(world, kind, self.name, NAMESPACE, None)?.is_some();
                    Ok(if judged || told {
                        Ok(())
                    } else {
                        Err(format!("nothing is said about {kind} {}", self.name))
                    })
                });
                told.unwrap();
            }
        }
    }
}

#[test]
fn unreadable_and_absurd_objects_are_told_about_and_stop_nobody() {
    let folder = tempfile::tempdir().unwrap();
    lax_definitions(folder.path());
    let mut world = World::new("it-zoo", folder.path());
    let namespace =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    world.objects.create(&namespace).unwrap();
    let zoo = zoo();
    for bad in &zoo {
        bad.write(&world);
    }
    write_others(&world);
    enforce_schemas(&world);
    world.start("zoo");
    world.operators.first().unwrap().await_lead().unwrap();

    // A good one of each kind, begun after the bad ones were met.
    let cluster = Installed::new("zoo-good");
    world.adopt(&cluster);
    world.until_adopted(&cluster);
    for (kind, name) in [
        ("ClusterProvision", "good-attempt"),
        ("ClusterDeprovision", "good-order"),
    ] {
        world.objects.create(&sound(kind, NAMESPACE, name)).unwrap();
        world.until(hive(kind), NAMESPACE, name, "a verdict", |found| {
            found.is_some_and(|found| found["status"]["conditions"].is_array())
        });
    }
    let waiting = sound("ClusterDeployment", NAMESPACE, "good-cluster");
    world.objects.create(&waiting).unwrap();
    let judged = |found: Option<&Value>| {
        found.is_some_and(|found| {
            condition(found, "RequirementsMet").is_some_and(|met| met["status"] == "False")
        })
    };
    world.until(CD, NAMESPACE, "good-cluster", "a verdict", judged);

    let others = OTHERS.map(|(_, kind, _)| (kind, 1));
    let acted_on = [
        "ClusterDeployment",
        "ClusterProvision",
        "ClusterDeprovision",
        "ClusterImageSet",
    ];
    let acted_on = acted_on.map(|kind| {
        let unreadable = |bad: &&Bad| bad.kind == kind && !bad.readable;
        (kind, zoo.iter().filter(unreadable).count())
    });
    let shipped = std::fs::read_dir(cache::checkout().join("crds/yaml")).unwrap();
    let shipped = shipped.filter(|file| {
        let name = file.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with("hive")
    });
    assert_eq!(others.len() + acted_on.len(), shipped.count());
    for (kind, unreadable) in others.into_iter().chain(acted_on) {
        let counted = format!("skep_undecodable_objects{{kind=\"{kind}\"}} {unreadable}");
        let metrics = world.operators.first().unwrap().metrics().unwrap();
        let figures: Vec<&str> = metrics
            .lines()
            .filter(|line| line.starts_with("skep_undecodable_objects{"))
            .collect();
        assert!(
            figures.contains(&counted.as_str()),
            "{counted}: {figures:#?}"
        );
    }
    let unreadable = zoo.iter().filter(|bad| !bad.readable);
    let unreadable = unreadable.map(|bad| (bad.kind, bad.name, place(bad.kind)));
    let others = OTHERS.map(|(_, kind, namespaced)| {
        let place = if namespaced { NAMESPACE } else { "" };
        (kind, SPOILT, place)
    });
    for (kind, name, place) in unreadable.chain(others) {
        // Events about objects without a namespace are in the default one.
        let place = if place.is_empty() { "default" } else { place };
        let told = wait_until("an Event", PATIENCE, || {
            let about = event(&world, kind, name, place, Some("CannotDecode"))?;
            Ok(about.ok_or_else(|| format!("none about {kind} {name}")))
        });
        assert_eq!(told.unwrap()["type"], "Warning", "{kind} {name}");
    }
    // Nobody was restarted meanwhile, and what is absurd but readable is looked at like any other.
    assert!(world.operators.first().unwrap().leads());
    for bad in zoo.iter().filter(|bad| bad.readable) {
        bad.until_met(&world);
    }

    // The policies let it be mended, and once it can be read it is taken over like any other.
    let whole = sound("ClusterDeployment", NAMESPACE, "list-for-spec")["spec"].clone();
    for (name, mend) in [
        ("text-for-flag", json!({"installed": false})),
        ("list-for-metadata", json!({"clusterMetadata": null})),
        ("list-for-spec", whole),
    ] {
        let mend = json!({ "spec": mend });
        world.objects.merge(CD, NAMESPACE, name, &mend).unwrap();
        world.until(CD, NAMESPACE, name, "a finalizer", |found| {
            found.is_some_and(|found| !finalizers(found).is_empty())
        });
    }
    // What cannot be compared holds up no change of something else.
    let change = json!({"spec": {"powerState": "Hibernating"}});
    let changed = world
        .objects
        .merge(CD, NAMESPACE, "list-for-platform", &change);
    changed.unwrap();
    world.assert_nothing_refused();
}
