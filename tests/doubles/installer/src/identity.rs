//! Infra ID, cluster ID and the first administrator's password (docs/spec/50 §4).

use rand::RngExt as _;

use crate::log::Log;

/// Consonants and digits that cannot be mistaken for each other and spell no words.
const SAFE: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
/// Letters and digits without `l`, `O`, `0` and `1`.
const PASSWORD: &[u8] = b"abcdefghijkmnopqrstuvwxyzABCDEFGHIJKLMNPQRSTUVWXYZ23456789";
/// An infra ID has at most 27 characters: this many, a dash and five random ones.
const BASE_LENGTH: usize = 21;
const SUFFIX_LENGTH: usize = 5;

/// A new infra ID for a cluster of this name.
pub(crate) fn infra_id(cluster: &str, log: &Log) -> String {
    let base = infra_base(cluster);
    if base.len() < cluster.len() {
        log.warn(&format!("Length of cluster name {cluster:?} is {} which is greater than the max {BASE_LENGTH} allowed. The name will be truncated to {base:?}", cluster.len()));
    }
    format!("{base}-{}", random(SAFE, SUFFIX_LENGTH))
}

/// The part of an infra ID that follows from the cluster's name.
pub(crate) fn infra_base(cluster: &str) -> String {
    let mut base = String::new();
    for character in cluster.chars() {
        let character = if character.is_ascii_alphanumeric() {
            character
        } else {
            '-'
        };
        if character != '-' || !base.ends_with('-') {
            base.push(character);
        }
    }
    base.truncate(BASE_LENGTH);
    base.trim_end_matches('-').to_owned()
}

/// A random suffix in the alphabet of Kubernetes' generated names.
pub(crate) fn suffix(length: usize) -> String {
    random(SAFE, length)
}

/// Random lower-case hexadecimal digits.
pub(crate) fn hex(length: usize) -> String {
    random(b"0123456789abcdef", length)
}

/// A new cluster ID.
pub(crate) fn cluster_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// A new password: four groups of five.
pub(crate) fn password() -> String {
    let groups: Vec<String> = (0..4).map(|_| random(PASSWORD, 5)).collect();
    groups.join("-")
}

fn random(alphabet: &[u8], length: usize) -> String {
    let mut source = rand::rng();
    (0..length)
        .map(|_| {
            let index = source.random_range(0..alphabet.len());
            alphabet.get(index).copied().map_or('x', char::from)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Level;

    #[test]
    fn the_base_of_an_infra_id() {
        for (cluster, expected) in [
            ("demo", "demo"),
            ("a.b_c", "a-b-c"),
            ("a..b", "a-b"),
            ("a-very-long-cluster-name-indeed", "a-very-long-cluster-n"),
            ("twenty-characters-xx-y", "twenty-characters-xx"),
            ("exactly-twenty-one-ch", "exactly-twenty-one-ch"),
        ] {
            assert_eq!(infra_base(cluster), expected, "{cluster}");
        }
    }

    #[test]
    fn an_infra_id_ends_in_five_safe_characters() {
        let log = Log::stderr_only(Level::Fatal);
        for _ in 0..100 {
            let id = infra_id("demo", &log);
            let Some(suffix) = id.strip_prefix("demo-") else {
                unreachable!("{id}")
            };
            assert_eq!(suffix.len(), 5, "{id}");
            assert!(suffix.bytes().all(|byte| SAFE.contains(&byte)), "{id}");
        }
        assert!(infra_id(&"x".repeat(60), &log).len() <= 27);
    }

    #[test]
    fn a_password_has_four_groups_of_five() {
        let password = password();
        assert_eq!(password.len(), 23);
        assert!(password.split('-').all(|group| group.len() == 5));
        assert!(!password.contains(['l', 'O', '0', '1']));
    }
}
