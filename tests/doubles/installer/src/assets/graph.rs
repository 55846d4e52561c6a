//! The debug entries of the asset graph (docs/spec/50 §6): which asset is loaded, reused or generated,
//! indented by its depth. The graph decides nothing here; commands know what they make.

use std::collections::BTreeSet;

use crate::log::Log;

struct Node {
    name: &'static str,
    parents: &'static [&'static str],
}

const NODES: &[Node] = &[
    Node {
        name: "SSH Key",
        parents: &[],
    },
    Node {
        name: "Base Domain",
        parents: &["Platform"],
    },
    Node {
        name: "Platform",
        parents: &[],
    },
    Node {
        name: "Cluster Name",
        parents: &["Base Domain", "Platform"],
    },
    Node {
        name: "Networking",
        parents: &["Platform"],
    },
    Node {
        name: "Pull Secret",
        parents: &[],
    },
    Node {
        name: "Install Config",
        parents: &[
            "SSH Key",
            "Base Domain",
            "Cluster Name",
            "Networking",
            "Pull Secret",
            "Platform",
        ],
    },
    Node {
        name: "Cluster ID",
        parents: &["Install Config"],
    },
    Node {
        name: "Platform Credentials Check",
        parents: &["Install Config"],
    },
    Node {
        name: "Root CA",
        parents: &[],
    },
    Node {
        name: "Kubeadmin Password",
        parents: &["Install Config"],
    },
    Node {
        name: "Master Machines",
        parents: &[
            "Platform Credentials Check",
            "Cluster ID",
            "Install Config",
            "Root CA",
        ],
    },
    Node {
        name: "Worker Machines",
        parents: &[
            "Platform Credentials Check",
            "Cluster ID",
            "Install Config",
            "Root CA",
        ],
    },
    Node {
        name: "Common Manifests",
        parents: &["Cluster ID", "Install Config", "Root CA", "Pull Secret"],
    },
    Node {
        name: "Openshift Manifests",
        parents: &["Install Config", "Cluster ID", "Kubeadmin Password"],
    },
    Node {
        name: "Cluster API Manifests",
        parents: &["Install Config", "Cluster ID"],
    },
    Node {
        name: "Kubeconfig Admin Client",
        parents: &["Root CA", "Install Config"],
    },
    Node {
        name: "Bootstrap Ignition Config",
        parents: &[
            "Install Config",
            "Common Manifests",
            "Openshift Manifests",
            "Master Machines",
            "Worker Machines",
        ],
    },
    Node {
        name: "Master Ignition Config",
        parents: &["Install Config", "Root CA"],
    },
    Node {
        name: "Worker Ignition Config",
        parents: &["Install Config", "Root CA"],
    },
    Node {
        name: "Metadata",
        parents: &["Cluster ID", "Install Config", "Bootstrap Ignition Config"],
    },
    Node {
        name: "Terraform Variables",
        parents: &["Cluster ID", "Install Config"],
    },
    Node {
        name: "Platform Permissions Check",
        parents: &["Install Config"],
    },
    Node {
        name: "Platform Provisioning Check",
        parents: &["Install Config"],
    },
    Node {
        name: "Platform Quota Check",
        parents: &["Install Config", "Master Machines", "Worker Machines"],
    },
    Node {
        name: "Cluster",
        parents: &[
            "Cluster ID",
            "Install Config",
            "Platform Credentials Check",
            "Platform Permissions Check",
            "Platform Provisioning Check",
            "Platform Quota Check",
            "Terraform Variables",
            "Kubeadmin Password",
            "Kubeconfig Admin Client",
            "Metadata",
        ],
    },
];

/// Walks the graph of some targets. `known` says which assets are in the state or on disk.
pub(crate) fn fetch(log: &Log, targets: &[&str], known: &dyn Fn(&str) -> bool) {
    let mut done = BTreeSet::new();
    for target in targets {
        load(log, target, 0, &mut done, known);
    }
    let mut done = BTreeSet::new();
    for target in targets {
        generate(log, target, 0, &mut done, known);
    }
}

fn parents(name: &str) -> &'static [&'static str] {
    NODES
        .iter()
        .find(|node| node.name == name)
        .map_or(&[], |node| node.parents)
}

fn load(
    log: &Log,
    name: &str,
    depth: usize,
    done: &mut BTreeSet<String>,
    known: &dyn Fn(&str) -> bool,
) {
    if !done.insert(name.to_owned()) {
        return;
    }
    let indent = "  ".repeat(depth);
    log.debug(&format!("{indent}Loading {name}..."));
    for parent in parents(name) {
        load(log, parent, depth + 1, done, known);
    }
    if known(name) {
        log.debug(&format!("{indent}Using {name} loaded from state file"));
    }
}

fn generate(
    log: &Log,
    name: &str,
    depth: usize,
    done: &mut BTreeSet<String>,
    known: &dyn Fn(&str) -> bool,
) {
    let indent = "  ".repeat(depth);
    log.debug(&format!("{indent}Fetching {name}..."));
    if !done.insert(name.to_owned()) || known(name) {
        log.debug(&format!("{indent}Reusing previously-fetched {name}"));
        return;
    }
    for parent in parents(name) {
        generate(log, parent, depth + 1, done, known);
    }
    log.debug(&format!("{indent}Generating {name}..."));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parent_is_a_node() {
        for node in NODES {
            for parent in node.parents {
                assert!(NODES.iter().any(|other| other.name == *parent), "{parent}");
            }
        }
    }
}
