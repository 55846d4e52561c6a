//! The control plane: boots, serves, collects garbage, runs beside others, and leaves nothing behind.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use skep_kit::hub::{self, Hub, HubOptions, leftovers};
use skep_kit::process::wait_until;

const DEADLINE: Duration = Duration::from_mins(1);

fn config_map(name: &str, owner: Option<(&str, &str)>) -> String {
    let owners = owner.map_or_else(String::new, |(name, uid)| {
        format!(
            "\n  ownerReferences: [{{apiVersion: v1, kind: ConfigMap, name: {name}, uid: {uid}}}]"
        )
    });
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}{owners}\ndata: {{a: b}}\n")
}

/// Waits until nothing is left of a hub.
fn expect_nothing_left(folder: &Path) {
    wait_until("an empty machine", DEADLINE, || {
        let left = leftovers(folder, false)?;
        Ok(if left.is_empty() {
            Ok(())
        } else {
            Err(left.join("\n"))
        })
    })
    .unwrap();
}

/// A process that owns a hub, and the run folder of that hub.
fn owner_process(name: &str) -> (Child, PathBuf) {
    let mut owner = Command::new(env!("CARGO_BIN_EXE_hub-owner"))
        .arg(HubOptions::for_test(name).name)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(owner.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert!(!line.is_empty(), "the owner could not start its hub");
    (owner, PathBuf::from(line.trim()))
}

#[test]
fn serves_collects_garbage_and_leaves_nothing() {
    let hub = Hub::start(&HubOptions::for_test("hub-serves")).unwrap();
    let version = hub.run_kubectl(&["version"], "").unwrap();
    assert!(
        version.contains(&format!("Server Version: {}", hub::KUBERNETES)),
        "{version}"
    );

    hub.apply(&config_map("owner", None)).unwrap();
    let uid = [
        "get",
        "configmap",
        "owner",
        "-o",
        "jsonpath={.metadata.uid}",
    ];
    let uid = hub.run_kubectl(&uid, "").unwrap();
    hub.apply(&config_map("dependent", Some(("owner", &uid))))
        .unwrap();
    hub.run_kubectl(&["delete", "configmap", "owner"], "")
        .unwrap();
    let gone = [
        "wait",
        "--for=delete",
        "configmap/dependent",
        "--timeout=60s",
    ];
    hub.run_kubectl(&gone, "").unwrap();

    let folder = hub.run_folder().to_owned();
    hub.stop().unwrap();
    assert_eq!(leftovers(&folder, false).unwrap(), Vec::<String>::new());
}

#[test]
fn service_accounts_have_tokens_and_only_the_rights_they_were_given() {
    let hub = Hub::start(&HubOptions::for_test("hub-accounts")).unwrap();
    hub.run_kubectl(&["create", "serviceaccount", "reader"], "")
        .unwrap();
    let binding = ["create", "rolebinding", "reader", "--clusterrole=view"];
    let subject = ["--serviceaccount=default:reader"];
    hub.run_kubectl(&[binding.as_slice(), subject.as_slice()].concat(), "")
        .unwrap();

    let kubeconfig = hub.service_account_kubeconfig("default", "reader").unwrap();
    let may = |verb: &str| {
        // The last --kubeconfig wins.
        let own = format!("--kubeconfig={}", kubeconfig.display());
        let output = hub
            .kubectl(&[&own, "auth", "can-i", verb, "pods"])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(
        (may("list").as_str(), may("delete").as_str()),
        ("yes", "no")
    );
    hub.stop().unwrap();
}

#[test]
fn own_kinds_are_collected_from_the_start_and_requests_are_recorded() {
    let crd = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.test.skep.dev}
spec:
  group: test.skep.dev
  scope: Namespaced
  names: {plural: things, singular: thing, kind: Thing, listKind: ThingList}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("things.yaml");
    std::fs::write(&file, crd).unwrap();
    let options = HubOptions::for_test("hub-kinds").with_crds(&file).audited();
    let hub = Hub::start(&options).unwrap();

    let thing = "{apiVersion: test.skep.dev/v1, kind: Thing, metadata: {name: owner}}";
    hub.apply(thing).unwrap();
    let uid = ["get", "thing", "owner", "-o", "jsonpath={.metadata.uid}"];
    let uid = hub.run_kubectl(&uid, "").unwrap();
    let owned = config_map("dependent", Some(("owner", &uid))).replace(
        "apiVersion: v1, kind: ConfigMap",
        "apiVersion: test.skep.dev/v1, kind: Thing",
    );
    hub.apply(&owned).unwrap();
    hub.run_kubectl(&["delete", "thing", "owner"], "").unwrap();
    // The collector looks for new kinds every 30 s: this one it must have known before.
    let gone = [
        "wait",
        "--for=delete",
        "configmap/dependent",
        "--timeout=20s",
    ];
    hub.run_kubectl(&gone, "").unwrap();

    wait_until("the record of the deletion", DEADLINE, || {
        let log = std::fs::read_to_string(hub.audit_log())?;
        let deleted = log.lines().any(|line| {
            line.contains(r#""verb":"delete""#) && line.contains(r#""resource":"things""#)
        });
        Ok(if deleted { Ok(()) } else { Err(log) })
    })
    .unwrap();
    hub.stop().unwrap();
}

#[test]
fn two_at_once_do_not_see_each_other() {
    let (one, two) = std::thread::scope(|scope| {
        let start = || Hub::start(&HubOptions::for_test("hub-pair").without_controllers());
        let one = scope.spawn(start);
        let two = scope.spawn(start);
        (one.join().unwrap().unwrap(), two.join().unwrap().unwrap())
    });
    assert_ne!(one.server(), two.server());
    one.apply(&config_map("here", None)).unwrap();
    let list = ["get", "configmaps", "-o", "name"];
    assert!(
        one.run_kubectl(&list, "")
            .unwrap()
            .contains("configmap/here")
    );
    assert!(
        !two.run_kubectl(&list, "")
            .unwrap()
            .contains("configmap/here")
    );

    let again = HubOptions::control_plane(one.name());
    let refusal = format!("{:#}", Hub::start(&again).unwrap_err());
    assert!(refusal.contains("runs already"), "{refusal}");
    one.stop().unwrap();
    two.run_kubectl(&list, "").unwrap();
    two.stop().unwrap();
}

#[test]
fn a_detached_hub_is_found_and_stopped_by_name() {
    let hub = Hub::start(&HubOptions::for_test("hub-detached").without_controllers()).unwrap();
    let (name, folder) = (hub.name().to_owned(), hub.run_folder().to_owned());
    hub.detach().unwrap();
    let found = hub::attach(&name).unwrap();
    found.run_kubectl(&["get", "namespaces"], "").unwrap();
    found.stop().unwrap();
    expect_nothing_left(&folder);
    assert!(
        hub::attach(&name).is_err(),
        "a hub that was stopped is not found"
    );
}

#[test]
fn nothing_outlives_an_owner_that_is_killed() {
    let (mut owner, folder) = owner_process("hub-killed-owner");
    assert!(folder.join("kubeconfig").exists());
    owner.kill().unwrap();
    owner.wait().unwrap();
    expect_nothing_left(&folder);
}

#[test]
fn nothing_outlives_a_supervisor_that_is_killed() {
    let hub = Hub::start(&HubOptions::for_test("hub-killed-supervisor")).unwrap();
    let folder = hub.run_folder().to_owned();
    let supervisor = i32::try_from(hub.state().supervisor).unwrap();
    kill(Pid::from_raw(supervisor), Signal::SIGKILL).unwrap();
    drop(hub);
    // The kernel ends the programs; the folder falls to the next hub that starts, or to this.
    hub::sweep().unwrap();
    expect_nothing_left(&folder);
}
