//! Decides whose an instance is, by its labels and its name.
//!
//! The name alone is not enough: `demo-x7k2p-a1b2c-master-0` begins with `demo-x7k2p-` and may be of the
//! cluster `demo-x7k2p-a1b2c`, whose infra ID extends the other. So an instance that says by a label whose
//! it is belongs to that cluster and to no other, and one without such a label (old clusters have them)
//! only if its name is one that the installer gives, of which only one infra ID can be the beginning.
//! Must never take an instance for a cluster's of which it is not. Mirrors `docs/spec/20 §11.1` and
//! `docs/spec/21 §8`.

use std::collections::{BTreeMap, BTreeSet};

/// Keys of the labels that say whose an instance is, before the infra ID: that of everything in a
/// cluster, and that of Cluster API.
const MARKS: [&str; 2] = ["kubernetes-io-cluster-", "capg-cluster-"];
const OWNED: &str = "owned";

/// Labels of an instance.
pub(crate) type Labels = BTreeMap<String, String>;

/// Infra IDs of the clusters that an instance is of: hardly ever more than one.
pub(crate) fn owners(name: &str, labels: &Labels) -> BTreeSet<String> {
    let marked = labels.iter().filter_map(|(key, value)| {
        let infra_id = MARKS.iter().find_map(|mark| key.strip_prefix(mark))?;
        Some((infra_id, value == OWNED))
    });
    let mut found: BTreeMap<&str, bool> = BTreeMap::new();
    for (infra_id, owned) in marked {
        // What is marked as shared anywhere is not the cluster's.
        let all = found.entry(infra_id).or_insert(true);
        *all &= owned;
    }
    if found.is_empty() {
        return by_name(name).map(str::to_owned).into_iter().collect();
    }
    found
        .into_iter()
        .filter(|(infra_id, owned)| *owned && rest(infra_id, name).is_some())
        .map(|(infra_id, _)| infra_id.to_owned())
        .collect()
}

/// By the name that the installer gives.
pub(crate) fn is_control_plane(infra_id: &str, name: &str) -> bool {
    rest(infra_id, name).is_some_and(|rest| rest.starts_with("master-"))
}

/// What a name says after an infra ID and its dash.
fn rest<'a>(infra_id: &str, name: &'a str) -> Option<&'a str> {
    let rest = name.strip_prefix(infra_id)?.strip_prefix('-')?;
    (!infra_id.is_empty() && !rest.is_empty()).then_some(rest)
}

/// The infra ID in a name that the installer or its first machine sets gave:
/// `<infra>-bootstrap`, `<infra>-master-<number>`, `<infra>-worker-<zone>-<five characters>`.
fn by_name(name: &str) -> Option<&str> {
    let (head, last) = name.rsplit_once('-')?;
    let infra_id = if last == "bootstrap" {
        Some(head)
    } else if !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()) {
        head.strip_suffix("-master")
    } else if last.len() == 5 && last.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        let (head, zone) = head.rsplit_once('-')?;
        let one_letter = zone.len() == 1 && zone.bytes().all(|byte| byte.is_ascii_lowercase());
        head.strip_suffix("-worker").filter(|_| one_letter)
    } else {
        None
    };
    infra_id.filter(|infra_id| !infra_id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, labels: &[(&str, &str)]) -> Vec<String> {
        let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        owners(name, &labels.iter().map(pair).collect())
            .into_iter()
            .collect()
    }

    #[test]
    fn a_label_decides_together_with_the_name() {
        const OWN: &str = "kubernetes-io-cluster-demo-x7k2p";
        const CAPG: &str = "capg-cluster-demo-x7k2p";
        const LONGER: &str = "kubernetes-io-cluster-demo-x7k2p-a1b2c";
        const SHORTER: &str = "kubernetes-io-cluster-demo";
        for (name, labels, expected) in [
            (
                "demo-x7k2p-gpu-a-7hk2z",
                &[(OWN, "owned")][..],
                "demo-x7k2p",
            ),
            ("demo-x7k2p-master-0", &[(CAPG, "owned")], "demo-x7k2p"),
            (
                "demo-x7k2p-master-0",
                &[(OWN, "owned"), (CAPG, "owned")],
                "demo-x7k2p",
            ),
            (
                "demo-x7k2p-master-0",
                &[(OWN, "owned"), ("team", "a")],
                "demo-x7k2p",
            ),
            // Somebody else's machine in the cluster's network, and one that lost its mark.
            ("demo-x7k2p-master-0", &[(OWN, "shared")], ""),
            (
                "demo-x7k2p-master-0",
                &[(OWN, "shared"), (CAPG, "owned")],
                "",
            ),
            ("demo-x7k2p-master-0", &[(OWN, "Owned")], ""),
            ("demo-x7k2p-master-0", &[(OWN, "")], ""),
            // A label without the name, and names that only look alike.
            ("jump-host", &[(OWN, "owned")], ""),
            ("demo-x7k2pp-master-0", &[(OWN, "owned")], ""),
            ("demo-x7k2p", &[(OWN, "owned")], ""),
            ("demo-x7k2p-", &[(OWN, "owned")], ""),
            // Infra IDs that extend one another.
            (
                "demo-x7k2p-a1b2c-master-0",
                &[(LONGER, "owned")],
                "demo-x7k2p-a1b2c",
            ),
            ("demo-x7k2p-a1b2c-master-0", &[(OWN, "owned")], "demo-x7k2p"),
            ("demo-x7k2p-master-0", &[(SHORTER, "owned")], "demo"),
            (
                "demo-x7k2p-master-0",
                &[("kubernetes-io-cluster-", "owned")],
                "",
            ),
        ] {
            let expected: Vec<String> = if expected.is_empty() {
                Vec::new()
            } else {
                vec![expected.to_owned()]
            };
            assert_eq!(of(name, labels), expected, "{name} {labels:?}");
        }
    }

    #[test]
    fn without_a_label_only_the_installers_names_count() {
        for (name, expected) in [
            ("demo-x7k2p-master-0", Some("demo-x7k2p")),
            ("demo-x7k2p-master-12", Some("demo-x7k2p")),
            ("demo-x7k2p-bootstrap", Some("demo-x7k2p")),
            ("demo-x7k2p-worker-a-7hk2z", Some("demo-x7k2p")),
            ("demo-x7k2p-a1b2c-master-0", Some("demo-x7k2p-a1b2c")),
            ("demo-x7k2p-a1b2c-worker-b-7hk2z", Some("demo-x7k2p-a1b2c")),
            (
                "demo-x7k2p-worker-7hk2z-master-0",
                Some("demo-x7k2p-worker-7hk2z"),
            ),
            ("demo-x7k2p-gpu-a-7hk2z", None),
            ("demo-x7k2p-masterful-0", None),
            ("demo-x7k2p-master-x", None),
            ("demo-x7k2p-worker-ab-7hk2z", None),
            ("demo-x7k2p-worker-a-7hk2", None),
            ("-master-0", None),
            ("master-0", None),
            ("bootstrap", None),
            ("", None),
        ] {
            let expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
            assert_eq!(of(name, &[("team", "a")]), expected, "{name}");
        }
    }

    #[test]
    fn the_control_plane_is_known_by_its_name() {
        assert!(is_control_plane("demo-x7k2p", "demo-x7k2p-master-2"));
        assert!(!is_control_plane("demo-x7k2p", "demo-x7k2p-worker-a-7hk2z"));
        assert!(!is_control_plane("demo-x7k2p", "demo-x7k2p-a1b2c-master-0"));
        assert!(!is_control_plane("demo-x7k2p", "demo-x7k2pp-master-0"));
    }
}
