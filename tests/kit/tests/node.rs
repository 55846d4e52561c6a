//! The node: pods run with a service account, reach the API server and this machine, can be looked
//! into, and leave nothing behind.
//!
//! A machine has one node: these tests wait for each other, and for whoever else has it.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use skep_kit::hub::{GATEWAY, Hub, HubOptions, leftovers};
use skep_kit::images;
use skep_kit::process::wait_until;
use skep_kit::progress::Progress;

/// Has a shell, and the files of a release.
const IMAGE: &str = images::RELEASE;

fn manifests() -> String {
    const INSTALLER: &str = images::INSTALLER;
    // `nc` fails when nobody listens, so the API server was reached.
    let script = format!(
        "set -e; test -s /var/run/secrets/kubernetes.io/serviceaccount/token; \
         grep -q {INSTALLER} /release-manifests/image-references; \
         ip route | grep -q 'default via {GATEWAY}'; \
         nc -w 5 $KUBERNETES_SERVICE_HOST $KUBERNETES_SERVICE_PORT </dev/null; \
         echo all is well"
    );
    format!(
        r#"
apiVersion: v1
kind: ServiceAccount
metadata: {{name: worker}}
---
apiVersion: batch/v1
kind: Job
metadata: {{name: work}}
spec:
  backoffLimit: 0
  template:
    spec:
      serviceAccountName: worker
      restartPolicy: Never
      containers:
      - {{name: work, image: "{IMAGE}", command: [/bin/sh, -c, "{script}"]}}
---
apiVersion: v1
kind: Pod
metadata: {{name: stays}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {{name: stays, image: "{IMAGE}", command: [/bin/sleep, infinity]}}
"#
    )
}

#[test]
fn pods_run_and_leave_nothing() {
    let hub = Hub::start(&HubOptions::for_test("node").with_node()).unwrap();
    let kubectl = |arguments: &[&str]| hub.run_kubectl(arguments, "").unwrap();
    hub.import(&images::release().unwrap(), &Progress::silent())
        .unwrap();
    hub.apply(&manifests()).unwrap();

    kubectl(&[
        "wait",
        "--for=condition=Complete",
        "job/work",
        "--timeout=120s",
    ]);
    assert_eq!(kubectl(&["logs", "job/work"]), "all is well\n");

    kubectl(&[
        "wait",
        "--for=condition=Ready",
        "pod/stays",
        "--timeout=120s",
    ]);
    let id = kubectl(&["exec", "stays", "--", "/bin/id", "-u"]);
    assert_eq!(id.trim(), "0");

    // A crash from outside is seen by the kubelet, which starts the container anew.
    let hit = hub
        .signal_container("default", "stays", "stays", Signal::SIGKILL)
        .unwrap();
    assert_eq!(hit, 1, "the container's one process");
    wait_until("a restart", Duration::from_mins(2), || {
        let count = "jsonpath={.status.containerStatuses[0].restartCount}";
        let count = hub.run_kubectl(&["get", "pod", "stays", "-o", count], "")?;
        Ok(if count == "1" {
            Ok(())
        } else {
            Err(format!("{count} restarts"))
        })
    })
    .unwrap();

    // With a pod still running.
    let folder = hub.run_folder().to_owned();
    hub.stop().unwrap();
    assert_eq!(leftovers(&folder, true).unwrap(), Vec::<String>::new());
}

/// What a killed supervisor cannot take away itself, the bridge and the service address, is swept by
/// the next node's. Processes and mounts are gone at once.
#[test]
fn a_node_starts_where_another_was_killed() {
    let hub = Hub::start(&HubOptions::for_test("node-killed").with_node()).unwrap();
    let folder = hub.run_folder().to_owned();
    let supervisor = i32::try_from(hub.state().supervisor).unwrap();
    kill(Pid::from_raw(supervisor), Signal::SIGKILL).unwrap();
    drop(hub);

    let next = Hub::start(&HubOptions::for_test("node-next").with_node()).unwrap();
    assert_eq!(leftovers(&folder, false).unwrap(), Vec::<String>::new());
    next.stop().unwrap();
}
