//! The node: containerd, kubelet and the pods' network (docs/spec/60 §3). It decides configuration
//! only; starting and waiting are the hub's. The bridge and the service address are the supervisor's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::control_plane::build_environment;
use super::{GATEWAY, NODE_NAME, PAUSE_IMAGE, POD_NETWORK};
use crate::debian::Package;
use crate::process::Program;

/// Debian packages that a node needs, with one program of each.
pub(super) const PACKAGES: [Package; 5] = [
    Package {
        name: "containerd",
        provides: "containerd",
    },
    Package {
        name: "runc",
        provides: "runc",
    },
    Package {
        name: "containernetworking-plugins",
        provides: "/usr/lib/cni/bridge",
    },
    Package {
        name: "iproute2",
        provides: "ip",
    },
    Package {
        name: "busybox-static",
        provides: "busybox",
    },
];

/// The longest path of a socket, in bytes: 107, less what kubelet and containerd append.
const LONGEST_FOLDER: usize = 107 - "/kubelet/pod-resources/kubelet.sock".len();

/// Refuses a run folder that is too deep for the sockets in it, which would fail obscurely.
pub(super) fn check_folder(folder: &Path) -> Result<()> {
    if folder.as_os_str().len() > LONGEST_FOLDER {
        bail!(
            "{} is longer than {LONGEST_FOLDER} bytes, too long for sockets in it: \
             set SKEP_CACHE to a shorter folder",
            folder.display()
        );
    }
    Ok(())
}

/// Debian's folder of the CNI plugins.
const CNI_PLUGINS: &str = "/usr/lib/cni";

/// Where containerd listens.
pub(super) fn socket(folder: &Path) -> PathBuf {
    folder.join("containerd.sock")
}

/// overlayfs where the kernel has it and the folder's file system carries it, else plain copies.
pub(super) fn snapshotter(folder: &Path) -> &'static str {
    let known = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    let has_overlay = known.lines().any(|line| line.ends_with("\toverlay"));
    // A container's own root often is an overlay, which cannot carry another one.
    let kind = Command::new("stat")
        .args(["-f", "-c", "%T"])
        .arg(folder)
        .output();
    let on_overlay = kind.is_ok_and(|kind| kind.stdout.starts_with(b"overlay"));
    if has_overlay && !on_overlay {
        "overlayfs"
    } else {
        "native"
    }
}

/// Writes containerd's configuration and says how to start it.
pub(super) fn containerd(folder: &Path) -> Result<Program> {
    let cni = folder.join("cni");
    fs::create_dir_all(&cni).with_context(|| format!("create {}", cni.display()))?;
    let network = json!({
        "cniVersion": "0.4.0",
        "name": "skep",
        "plugins": [{
            "type": "bridge",
            "bridge": "skep0",
            "isGateway": true,
            "ipMasq": false,
            "ipam": {
                "type": "host-local",
                "dataDir": folder.join("addresses"),
                "ranges": [[{ "subnet": POD_NETWORK, "gateway": GATEWAY }]],
                "routes": [{ "dst": "0.0.0.0/0" }],
            },
        }],
    });
    write(&cni.join("10-skep.conflist"), &network.to_string())?;

    let config = format!(
        r#"version = 2
root = "{root}"
state = "{state}"
# Only what the kubelet needs.
disabled_plugins = [
  "io.containerd.internal.v1.opt", "io.containerd.internal.v1.tracing",
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp",
]
[grpc]
address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE_IMAGE}"
# Hosts that forbid lowering the score kill every sandbox otherwise.
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{CNI_PLUGINS}"
conf_dir = "{cni}"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "{snapshotter}"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
"#,
        root = folder.join("containerd").display(),
        state = folder.join("containerd-state").display(),
        socket = socket(folder).display(),
        cni = cni.display(),
        snapshotter = snapshotter(folder),
    );
    let file = folder.join("containerd.toml");
    write(&file, &config)?;
    Ok(Program {
        name: "containerd".to_owned(),
        argv: vec![
            "/usr/bin/containerd".to_owned(),
            format!("--config={}", file.display()),
        ],
        env: build_environment(),
        folder: folder.to_owned(),
        log: folder.join("containerd.log"),
    })
}

/// Writes the kubelet's configuration and gives its arguments.
pub(super) fn kubelet(
    folder: &Path,
    kubeconfig: &Path,
    authority: &Path,
    port: u16,
) -> Result<Vec<String>> {
    let config = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": GATEWAY,
        "port": port,
        "healthzPort": 0,
        "readOnlyPort": 0,
        "authentication": {
            "anonymous": { "enabled": false },
            "webhook": { "enabled": true },
            "x509": { "clientCAFile": authority },
        },
        "authorization": { "mode": "Webhook" },
        "containerRuntimeEndpoint": format!("unix://{}", socket(folder).display()),
        "podLogsDir": folder.join("pod-logs"),
        "volumePluginDir": folder.join("volume-plugins"),
        // Nothing answers there, and says so at once: pods have no way out of this machine.
        "clusterDNS": [GATEWAY],
        "clusterDomain": "cluster.local",
        "cgroupDriver": "cgroupfs",
        "cgroupsPerQOS": false,
        "enforceNodeAllocatable": [],
        // Without control groups of its own kubelet 1.34 falls over a container that is killed in place: it
        // takes the pod for one to be resized, and has nothing to resize it with.
        "featureGates": { "InPlacePodVerticalScaling": false },
        "failCgroupV1": false,
        "failSwapOn": false,
        "maxPods": 500,
        "makeIPTablesUtilChains": false,
        "serializeImagePulls": false,
        // A developer's disk is often nearly full; that must not evict anything.
        "evictionHard": {
            "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%",
            "memory.available": "10Mi",
        },
        "imageGCHighThresholdPercent": 100,
        "localStorageCapacityIsolation": false,
        "eventRecordQPS": 0,
        "registerNode": true,
    });
    let file = folder.join("kubelet.json");
    write(&file, &config.to_string())?;
    Ok(vec![
        format!("--config={}", file.display()),
        format!("--kubeconfig={}", kubeconfig.display()),
        format!("--root-dir={}", folder.join("kubelet").display()),
        format!(
            "--cert-dir={}",
            folder.join("kubelet-certificates").display()
        ),
        format!("--hostname-override={NODE_NAME}"),
        // Loopback is refused; the bridge's address is there before the first pod.
        format!("--node-ip={GATEWAY}"),
    ])
}

/// `ctr` against this hub's containerd.
pub(super) fn ctr(folder: &Path) -> Command {
    let mut ctr = Command::new("/usr/bin/ctr");
    ctr.arg("--address")
        .arg(socket(folder))
        .args(["--namespace", "k8s.io"]);
    ctr
}

/// The processes of a container as the host knows them, by their control group.
pub(super) fn host_processes(container_id: &str) -> Result<Vec<i32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("read /proc")? {
        let entry = entry.context("read an entry of /proc")?;
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<i32>().ok())
        else {
            continue;
        };
        // A process may end while it is looked at.
        let groups = fs::read_to_string(entry.path().join("cgroup")).unwrap_or_default();
        if groups.contains(container_id) {
            found.push(pid);
        }
    }
    Ok(found)
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("write {}", path.display()))
}
