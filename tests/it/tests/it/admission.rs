//! The admission webhook beside a real API server, registered as its manifests say (docs/spec/41).

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};
use skep_kit::admission::{self, Caller, OWN_SECRET, Webhook};
use skep_kit::cache;
use skep_kit::fleet::Installed;
use skep_kit::hub::{Hub, HubOptions};
use skep_kit::objects::{Objects, Of, hive, refusal};
use skep_kit::process::wait_until;

use crate::world::{CD, PATIENCE, SKEP};

const SECRET: Of<'static> = Of {
    version: "v1",
    kind: "Secret",
};
const IMAGE_SET: Of<'static> = hive("ClusterImageSet");

/// The hub of the tests that leave the webhook alone. Only one operator's part of it: nothing reconciles.
static GUARDED: LazyLock<Guarded> = LazyLock::new(|| Guarded::new("it-admission"));

/// A hub whose API is guarded by a webhook.
struct Guarded {
    webhook: Webhook,
    objects: Objects,
    hub: Hub,
}

impl Guarded {
    fn new(name: &str) -> Self {
        let crds = cache::checkout().join("crds/yaml");
        let options = HubOptions::for_test(name)
            .with_crds(crds)
            .without_controllers();
        let hub = Hub::start(&options).expect("an API server boots");
        let address = admission::free_address().unwrap();
        admission::register(&hub, address).expect("the shipped manifests apply");
        let webhook = Webhook::beside(&hub, &SKEP, name, address).expect("the webhook gets ready");
        admission::await_trust(&hub).expect("the API server trusts it");
        let objects = Objects::new(&hub).unwrap();
        let guarded = Self {
            webhook,
            objects,
            hub,
        };
        guarded.until_called();
        guarded
    }

    fn space(&self, name: &str) {
        let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        self.objects.create(&space).unwrap();
    }

    /// The API server learns of configurations a little later.
    fn until_called(&self) {
        let bad = image_set("bad-probe", "quay.io/release@sha256");
        wait_until("a refusal by the webhook", PATIENCE, || {
            Ok(match self.objects.create(&bad) {
                Ok(_) => {
                    self.objects.delete(IMAGE_SET, "", "bad-probe")?;
                    Err("nobody asked the webhook".to_owned())
                }
                Err(error) if is_refusal(&error) => Ok(()),
                Err(error) => Err(format!("{error:#}")),
            })
        })
        .unwrap();
    }

    fn dry_run(&self, manifest: &Value) -> anyhow::Result<String> {
        let arguments = ["create", "--dry-run=server", "-f", "-"];
        self.hub.run_kubectl(&arguments, &manifest.to_string())
    }

    fn secret(&self) -> Value {
        self.objects
            .get(SECRET, "hive", OWN_SECRET)
            .unwrap()
            .unwrap()
    }

    /// The authorities that the API server trusts.
    fn authorities(&self) -> String {
        let data = self.secret()["data"]["ca.crt"].as_str().unwrap().to_owned();
        String::from_utf8(decoded(&data)).unwrap()
    }

    fn caller(&self) -> anyhow::Result<Caller> {
        Caller::connect(self.webhook.address, &self.authorities())
    }
}

fn decoded(text: &str) -> Vec<u8> {
    skep_kit::admission::from_base64(text).unwrap()
}

fn image_set(name: &str, image: &str) -> Value {
    json!({
        "apiVersion": "hive.openshift.io/v1",
        "kind": "ClusterImageSet",
        "metadata": {"name": name},
        "spec": {"releaseImage": image},
    })
}

pub(crate) fn cluster(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "hive.openshift.io/v1",
        "kind": "ClusterDeployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "baseDomain": "example.com",
            "clusterName": name,
            "platform": {"aws": {"region": "us-east-1", "credentialsSecretRef": {"name": "creds"}}},
            "provisioning": {
                "installConfigSecretRef": {"name": "install-config"},
                "imageSetRef": {"name": "images"},
            },
            "pullSecretRef": {"name": "pull"},
        },
    })
}

/// Refused by the webhook, and not by something on the way to it.
fn is_refusal(error: &anyhow::Error) -> bool {
    refusal(error).is_some_and(|status| matches!(status["code"].as_u64(), Some(400 | 422)))
}

/// Reason, code and fields of a refusal.
fn told(outcome: anyhow::Result<Value>) -> (u64, Vec<String>, String) {
    let error = outcome.expect_err("it should have been refused");
    let status = refusal(&error).unwrap_or_else(|| panic!("no refusal: {error:#}"));
    let causes = status["details"]["causes"].as_array();
    let fields = causes
        .into_iter()
        .flatten()
        .filter_map(|cause| cause["field"].as_str().map(str::to_owned))
        .collect();
    let message = status["message"].as_str().unwrap_or_default().to_owned();
    (status["code"].as_u64().unwrap_or_default(), fields, message)
}

#[test]
fn what_people_write_is_judged_before_it_is_stored() {
    let guarded = &*GUARDED;
    guarded.space("judged");
    guarded.objects.create(&cluster("judged", "good")).unwrap();
    let mut bad = cluster("judged", "bad");
    bad["spec"]["platform"] = json!({"aws": {"region": ""}, "none": {}});
    bad["spec"]["provisioning"] = json!({"sshPrivateKeySecretRef": {"name": ""}});
    let (code, fields, message) = told(guarded.objects.create(&bad));
    assert_eq!(code, 422, "{message}");
    // Everything that is wrong is told at once.
    assert!(fields.len() > 2, "{fields:?}");
    assert!(
        fields.iter().any(|field| field == "spec.platform"),
        "{fields:?}"
    );
    assert!(message.contains("admission.hive.openshift.io"), "{message}");
    assert_eq!(guarded.objects.get(CD, "judged", "bad").unwrap(), None);
    // A field that stays.
    let moved = json!({"spec": {"baseDomain": "elsewhere.com"}});
    let (code, fields, message) = told(guarded.objects.merge(CD, "judged", "good", &moved));
    assert_eq!(
        (code, fields.as_slice()),
        (400, ["spec.baseDomain".to_owned()].as_slice()),
        "{message}"
    );
    assert!(
        message.contains("example.com") && message.contains("elsewhere.com"),
        "{message}"
    );
    // One that may change.
    let powered = json!({"spec": {"powerState": "Hibernating"}});
    let stored = guarded
        .objects
        .merge(CD, "judged", "good", &powered)
        .unwrap();
    assert_eq!(stored["spec"]["powerState"], "Hibernating");
}

/// What the demo and the other tests create, and what an old hub holds.
#[test]
fn what_was_always_taken_is_taken() {
    let guarded = &*GUARDED;
    for manifest in crate::schema::scenario("taken-scenario").manifests() {
        guarded.objects.create(&manifest).unwrap();
    }
    let installed = Installed::new("taken-installed");
    installed.create(&guarded.objects).unwrap();
    let mut azure = cluster("taken-installed", "azure");
    azure["spec"]["platform"] = json!({"azure": {
        "region": "eastus",
        "credentialsSecretRef": {"name": "creds"},
        "baseDomainResourceGroupName": "dns",
    }});
    guarded.objects.create(&azure).unwrap();
}

#[test]
fn a_protected_cluster_is_not_deleted() {
    let guarded = &*GUARDED;
    guarded.space("protected");
    guarded
        .objects
        .create(&cluster("protected", "kept"))
        .unwrap();
    let annotation = "hive.openshift.io/protected-delete";
    let protect = |value: Value| json!({"metadata": {"annotations": {annotation: value}}});
    guarded
        .objects
        .merge(CD, "protected", "kept", &protect(json!("true")))
        .unwrap();
    let refused = guarded
        .objects
        .delete(CD, "protected", "kept")
        .map(|()| Value::Null);
    let (code, _, message) = told(refused);
    assert_eq!(code, 422, "{message}");
    assert!(message.contains(annotation), "{message}");
    guarded
        .objects
        .merge(CD, "protected", "kept", &protect(Value::Null))
        .unwrap();
    guarded.objects.delete(CD, "protected", "kept").unwrap();
}

#[test]
fn a_dry_run_is_judged_and_leaves_nothing() {
    let guarded = &*GUARDED;
    guarded
        .dry_run(&image_set("dry", "quay.io/release:4.19"))
        .unwrap();
    assert_eq!(guarded.objects.get(IMAGE_SET, "", "dry").unwrap(), None);
    let refused = guarded
        .dry_run(&image_set("dry", ""))
        .unwrap_err()
        .to_string();
    assert!(refused.contains("releaseImage"), "{refused}");
}

/// The number of replicas by itself never comes to the webhook, and need not: the API server refuses what would
/// conflict with the rest of a pool.
#[test]
fn scaling_cannot_leave_a_pool_that_nobody_may_change() {
    let guarded = &*GUARDED;
    guarded.space("scaled");
    let pool = |name: &str, how: Value| {
        let mut pool = json!({
            "apiVersion": "hive.openshift.io/v1",
            "kind": "MachinePool",
            "metadata": {"name": format!("good-{name}"), "namespace": "scaled"},
            "spec": {
                "clusterDeploymentRef": {"name": "good"},
                "name": name,
                "platform": {"aws": {"type": "m6i.large", "rootVolume": {"size": 100, "type": "gp3"}}},
            },
        });
        let spec = pool["spec"].as_object_mut().unwrap();
        spec.extend(how.as_object().unwrap().clone());
        pool
    };
    let autoscaling = json!({"minReplicas": 1, "maxReplicas": 3});
    for pool in [
        pool("fixed", json!({"replicas": 1})),
        pool("free", json!({"autoscaling": autoscaling})),
    ] {
        guarded.objects.create(&pool).unwrap();
    }
    let scale = |name: &str, replicas: i32| {
        let patch = json!({"spec": {"replicas": replicas}}).to_string();
        let pool = format!("machinepool/good-{name}");
        let arguments = [
            "patch",
            "-n",
            "scaled",
            &pool,
            "--subresource=scale",
            "--type=merge",
            "--patch",
            &patch,
        ];
        guarded.hub.run_kubectl(&arguments, "")
    };
    scale("fixed", 3).unwrap();
    let of = hive("MachinePool");
    let stored = guarded.objects.get(of, "scaled", "good-fixed").unwrap();
    assert_eq!(stored.unwrap()["spec"]["replicas"], 3);
    for (name, replicas) in [("fixed", -1), ("free", 3)] {
        let refused = format!("{:#}", scale(name, replicas).unwrap_err());
        assert!(
            refused.contains("replicas") && !refused.contains("admission webhook"),
            "{name}: {refused}"
        );
    }
    // Nor can both be written by whoever writes the pool.
    let both = json!({"replicas": 3, "autoscaling": autoscaling});
    let (code, fields, message) = told(guarded.objects.create(&pool("both", both)));
    assert_eq!(
        (code, fields),
        (422, vec!["spec.replicas".to_owned()]),
        "{message}"
    );
}

/// What docs/examples shows, with the defaults that the API server fills in on the way.
#[test]
fn each_example_passes_the_webhook() {
    let guarded = &*GUARDED;
    guarded.space("team-blue");
    for file in crate::examples::files() {
        for object in crate::examples::objects(&file) {
            if object["apiVersion"] == "hive.openshift.io/v1" {
                guarded
                    .dry_run(&object)
                    .unwrap_or_else(|error| panic!("{}: {error:#}", file.display()));
            }
        }
    }
}

/// The three posts of docs/spec/41 §14.
#[test]
fn reviews_can_be_posted_by_hand() {
    let guarded = &*GUARDED;
    let zone = |zone: &str| {
        json!({
            "apiVersion": "hive.openshift.io/v1",
            "kind": "DNSZone",
            "metadata": {"name": "zone", "namespace": "team"},
            "spec": {"zone": zone},
        })
    };
    let review = |operation, old: Option<&Value>, new: &Value| {
        admission::review("dnszones", "DNSZone", operation, old, Some(new))
    };
    let mut caller = guarded.caller().unwrap();
    let aggregated = "/apis/admission.hive.openshift.io/v1/dnszonevalidators";
    for path in ["/dnszonevalidators", aggregated] {
        let (a, b) = (zone("a.example.com"), zone("b.example.com"));
        for (posted, allowed) in [
            (review("CREATE", None, &a), true),
            (review("CREATE", None, &zone("a_b.example.com")), false),
            (review("UPDATE", Some(&a), &b), false),
        ] {
            let response = caller.review(path, &posted).unwrap();
            assert_eq!(response["allowed"], allowed, "{response}");
            assert_eq!(response["uid"], posted["request"]["uid"]);
        }
    }
    let (code, body) = caller.post("/dnszonevalidators", b"{").unwrap();
    assert_eq!(code, 400, "{}", String::from_utf8_lossy(&body));
}

/// What controllers write, and what frees an object, never waits for a webhook.
#[test]
fn status_and_clean_up_go_on_without_the_webhook() {
    let mut guarded = Guarded::new("it-admission-down");
    guarded.space("down");
    let mut manifest = cluster("down", "left");
    manifest["metadata"]["finalizers"] = json!(["hive.openshift.io/deprovision"]);
    guarded.objects.create(&manifest).unwrap();
    guarded.objects.create(&cluster("down", "right")).unwrap();
    guarded.objects.delete(CD, "down", "left").unwrap();
    guarded.webhook.process.kill().unwrap();
    let change = json!({"spec": {"powerState": "Hibernating"}});
    let refused = guarded
        .objects
        .merge(CD, "down", "right", &change)
        .unwrap_err();
    assert!(!is_refusal(&refused), "{refused:#}");
    let refused = guarded.objects.create(&cluster("down", "new")).unwrap_err();
    assert!(
        format!("{refused:#}").contains("failed calling webhook"),
        "{refused:#}"
    );

    let status = json!({"installRestarts": 1});
    let stored = guarded
        .objects
        .merge_status(CD, "down", "right", &status)
        .unwrap();
    assert_eq!(stored["status"]["installRestarts"], 1);
    let labelled = json!({"metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}}});
    guarded
        .objects
        .merge(CD, "down", "right", &labelled)
        .unwrap();
    let freed = json!({"metadata": {"finalizers": null}});
    guarded.objects.merge(CD, "down", "left", &freed).unwrap();
    assert_eq!(guarded.objects.get(CD, "down", "left").unwrap(), None);
}

/// While somebody writes without pause, the serving certificate is replaced several times.
#[test]
fn certificates_change_without_a_failed_request() {
    let guarded = Guarded::new("it-admission-rotation");
    let (done, written) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            // A client of its own, for whom each write is a call of the webhook.
            let objects = Objects::new(&guarded.hub).unwrap();
            let mut number = 0;
            while !done.load(Ordering::Relaxed) {
                let image = format!("quay.io/release:{number}");
                let change = json!({"spec": {"releaseImage": image}});
                if number == 0 {
                    objects.create(&image_set("written", &image)).unwrap();
                } else {
                    objects.merge(IMAGE_SET, "", "written", &change).unwrap();
                }
                number += 1;
                written.store(number, Ordering::Relaxed);
            }
        });
        for _ in 0..3 {
            let before = guarded.caller().unwrap().shown();
            let start = written.load(Ordering::Relaxed);
            // As good as old: it is made anew, and the authority stays.
            let empty = json!({"data": {"tls.crt": "", "tls.key": ""}});
            guarded
                .objects
                .merge(SECRET, "hive", OWN_SECRET, &empty)
                .unwrap();
            wait_until("another certificate, and writes under it", PATIENCE, || {
                let shown = guarded.caller()?.shown();
                let writes = written.load(Ordering::Relaxed) - start;
                Ok(if shown != before && writes > 50 {
                    Ok(())
                } else {
                    Err(format!("{writes} writes, another: {}", shown != before))
                })
            })
            .unwrap();
            assert!(!writer.is_finished(), "a write has failed");
        }
        done.store(true, Ordering::Relaxed);
        writer.join().unwrap();
    });
    // Everything lost at once is made anew as well, and trusted a moment later.
    let authority = guarded.authorities();
    guarded
        .objects
        .merge(SECRET, "hive", OWN_SECRET, &json!({"data": null}))
        .unwrap();
    wait_until("a new authority", PATIENCE, || {
        let data = guarded.secret()["data"]["ca.crt"].clone();
        Ok(if data.is_string() {
            Ok(())
        } else {
            Err("none yet".to_owned())
        })
    })
    .unwrap();
    assert_ne!(guarded.authorities(), authority);
    guarded.until_called();
}

/// With files instead, as a volume of a pod brings them.
#[test]
fn mounted_certificates_are_followed_and_bad_ones_are_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let authority = admission::Authority::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    for version in ["one", "two", "bad"] {
        std::fs::create_dir(at(version)).unwrap();
        authority.issue(&at(version)).unwrap();
    }
    std::fs::copy(at("one/tls.key"), at("bad/tls.key")).unwrap();
    // As a kubelet does it: names that lead through a link, which is swapped.
    let mount = |version: &str| {
        std::os::unix::fs::symlink(version, at("new")).unwrap();
        std::fs::rename(at("new"), at("data")).unwrap();
    };
    mount("one");
    for name in ["tls.crt", "tls.key"] {
        std::os::unix::fs::symlink(format!("data/{name}"), at(name)).unwrap();
    }
    let mut webhook = Webhook::alone(&SKEP, folder.path(), admission::How::default()).unwrap();
    let shown =
        |address: SocketAddr| Caller::connect(address, authority.pem()).map(|it| it.shown());
    let first = shown(webhook.address).unwrap();
    let mut open = Caller::connect(webhook.address, authority.pem()).unwrap();
    mount("two");
    wait_until("another certificate", PATIENCE, || {
        let now = shown(webhook.address)?;
        Ok(if now == first {
            Err("the same".to_owned())
        } else {
            Ok(())
        })
    })
    .unwrap();
    let second = shown(webhook.address).unwrap();
    mount("bad");
    wait_until("a complaint", PATIENCE, || {
        let metrics = webhook.process.metrics()?;
        let line = r#"skep_admission_reloads_total{files="certificate",outcome="refused"} 1"#;
        Ok(if metrics.contains(line) {
            Ok(())
        } else {
            Err("none yet".to_owned())
        })
    })
    .unwrap();
    assert_eq!(shown(webhook.address).unwrap(), second);
    assert!(webhook.process.answer("readyz").is_some());
    // A connection from before all this is still served, and the process ends in order.
    assert_eq!(open.post("/dnszonevalidators", b"{").unwrap().0, 400);
    drop(open);
    webhook.process.terminate().unwrap();
    let log = webhook.process.log();
    assert!(
        log.contains("do not belong together") && !log.contains("PRIVATE KEY"),
        "{log}"
    );
}
