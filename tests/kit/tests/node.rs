//! The node: pods run with a ServiceAccount, reach the API server and this machine, can be looked
//! into, and leave nothing behind.
//!
//! A machine has one node, so this is one test; it waits for whoever has it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use nix::sys::signal::Signal;
use skep_kit::hub::{GATEWAY, Hub, HubOptions, leftovers};
use skep_kit::images;
use skep_kit::process::wait_until;
use skep_kit::progress::Progress;

const IMAGE: &str = "localhost/skep-node-test:1";

fn manifests() -> String {
    // The API server's answer to a request without a token is a refusal: it was reached.
    let script = format!(
        "set -e; test -s /var/run/secrets/kubernetes.io/serviceaccount/token; \
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
    hub.import(&images::busybox(IMAGE).unwrap(), &Progress::silent())
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
    wait_until("a restart", Duration::from_secs(120), || {
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
