//! Names of derived objects (docs/spec/10 §3, docs/spec/20 §3–4, docs/spec/22 §8, docs/spec/30 §1.5 and §3.5,
//! docs/spec/32 §0.2).
//!
//! Upgrades and restores find existing objects by these names, so each rule is exact. Functions named
//! after an object give its name; those marked *plain* concatenate without shortening, as always.

/// Longest name that also fits into a label's value.
pub const MAX_LENGTH: usize = 63;

/// Length of a hash as it stands in a name.
const HASH_LENGTH: usize = 8;

/// Alphabet of random parts of names: no vowels, so that no words arise, and nothing that looks like
/// another character.
const RANDOM_ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// Length of the part of an attempt's name that tells recreated clusters apart.
const RANDOM_LENGTH: usize = 5;

/// `<base>-<suffix>`, shortened to [`MAX_LENGTH`] characters.
///
/// If it does not fit, the base is cut and followed by its hash; if not even the suffix fits, what
/// remains is the cut base and the hash of the whole.
pub fn object_name(base: &str, suffix: &str) -> String {
    let whole = format!("{base}-{suffix}");
    if whole.len() <= MAX_LENGTH {
        return whole;
    }
    // Two hyphens and the hash stand between the cut base and the suffix.
    match MAX_LENGTH.checked_sub(HASH_LENGTH + 2 + suffix.len()) {
        Some(room) => format!("{}-{:08x}-{suffix}", cut(base, room), fnv1a_32(base)),
        None => format!(
            "{}-{:08x}",
            cut(base, MAX_LENGTH - HASH_LENGTH - 1),
            fnv1a_32(&whole)
        ),
    }
}

/// The Job that resolves a cluster's images.
pub fn image_set_job(cluster_deployment: &str) -> String {
    object_name(cluster_deployment, "imageset")
}

/// The network policy of Jobs of one type (a value of the job-type label).
pub fn network_policy(cluster_deployment: &str, job_type: &str) -> String {
    object_name(cluster_deployment, job_type)
}

/// The Secret with a cluster's merged registry credentials.
pub fn merged_pull_secret(cluster_deployment: &str) -> String {
    object_name(cluster_deployment, "merged-pull-secret")
}

/// The zone of a cluster's base domain.
pub fn dns_zone(cluster_deployment: &str) -> String {
    object_name(cluster_deployment, "zone")
}

/// An attempt, counted from zero.
///
/// Where other operators put five random characters stands a hash of the cluster's UID and the
/// attempt: a second creation of the same attempt meets the first, and a recreated cluster does not
/// meet its namesake's.
pub fn cluster_provision(cluster_deployment: &str, uid: &str, attempt: i64) -> String {
    let mut rest = fnv1a_64(&format!("{uid}/{attempt}"));
    let mut tail = String::with_capacity(RANDOM_LENGTH);
    for _ in 0..RANDOM_LENGTH {
        let letters = RANDOM_ALPHABET.len() as u64;
        // The remainder is below the alphabet's length, so the default is never taken.
        let at = usize::try_from(rest % letters).unwrap_or_default();
        tail.push(char::from(RANDOM_ALPHABET[at]));
        rest /= letters;
    }
    object_name(cluster_deployment, &format!("{attempt}-{tail}"))
}

/// The Job of an attempt.
pub fn provision_job(cluster_provision: &str) -> String {
    object_name(cluster_provision, "provision")
}

/// The Secret with the administrator's kubeconfig of an attempt; plain.
pub fn admin_kubeconfig_secret(cluster_provision: &str) -> String {
    format!("{cluster_provision}-admin-kubeconfig")
}

/// The Secret with the administrator's password of an attempt; plain.
pub fn admin_password_secret(cluster_provision: &str) -> String {
    format!("{cluster_provision}-admin-password")
}

/// The Secret with the installer's description of a cluster, unless its reference names another;
/// plain.
pub fn metadata_json_secret(cluster_deployment: &str) -> String {
    format!("{cluster_deployment}-metadata-json")
}

/// The Secret with the AWS configuration of an assumed role, of a cluster or its deprovision; plain.
pub fn aws_assume_role_secret(owner: &str) -> String {
    format!("{owner}-aws-assume-role-config")
}

/// A cluster's copy of the hub's AWS service provider Secret; plain.
pub fn aws_service_provider_secret(cluster_deployment: &str, hub_secret: &str) -> String {
    format!("{cluster_deployment}-{hub_secret}")
}

/// A deprovision's copy of the hub's AWS service provider Secret; plain.
pub fn deprovision_aws_service_provider_secret(cluster_deprovision: &str) -> String {
    format!("{cluster_deprovision}-aws-service-provider-secret")
}

/// A cluster's copy of the Secret for uploading install logs; plain.
pub fn install_logs_secret(cluster_deployment: &str, hub_secret: &str) -> String {
    format!("{cluster_deployment}-{hub_secret}")
}

/// The deprovision of a cluster.
pub fn cluster_deprovision(cluster_deployment: &str) -> String {
    cluster_deployment.to_owned()
}

/// The Job of a deprovision.
pub fn uninstall_job(cluster_deprovision: &str) -> String {
    object_name(cluster_deprovision, "uninstall")
}

/// The sets with which controllers configure a cluster: its API's certificates.
pub fn control_plane_certs_sync_set(cluster_deployment: &str) -> String {
    object_name(cluster_deployment, "cp-certs")
}

/// The same for a cluster's ingress.
pub fn ingress_sync_set(cluster_deployment: &str) -> String {
    object_name(cluster_deployment, "clusteringress")
}

/// The same for a cluster's identity providers.
pub fn identity_provider_sync_set(cluster_deployment: &str) -> String {
    object_name(cluster_deployment, "idp")
}

/// Inside a cluster, the copy of a Secret of the hub.
pub fn copied_secret(cluster_deployment: &str, hub_secret: &str) -> String {
    object_name(cluster_deployment, hub_secret)
}

/// A machine pool of a cluster; plain. Admission demands it.
pub fn machine_pool(cluster_deployment: &str, pool: &str) -> String {
    format!("{cluster_deployment}-{pool}")
}

/// What takes one of a cluster's short names for machine pools; plain.
pub fn machine_pool_name_lease(infra_id: &str, character: char) -> String {
    format!("{infra_id}-{character}")
}

/// In a pool's cluster, the Secret with its install-config; plain, like the ones below.
pub fn pool_install_config_secret(cluster: &str) -> String {
    format!("{cluster}-install-config")
}

/// In a pool's cluster, the Secret with its registry credentials.
pub fn pool_pull_secret(cluster: &str) -> String {
    format!("{cluster}-pull-secret")
}

/// In a pool's cluster, the Secret with its cloud credentials; `platform` as in the API.
pub fn pool_credentials_secret(cluster: &str, platform: &str) -> String {
    format!("{cluster}-{platform}-creds")
}

/// The role and binding of whoever claimed a cluster, in its namespace. Set and read by the claim controller.
pub const CLAIM_OWNER: &str = "hive-claim-owner";
/// The binding of a pool's administrators, in the namespaces of its clusters. Set and read by the pool
/// controller.
pub const CLUSTER_POOL_ADMIN_BINDING: &str = "hive-cluster-pool-admin-binding";
/// The `ConfigMap` with trusted authorities, in every namespace with clusters.
pub const TRUSTED_CA_CONFIG_MAP: &str = "hive-trusted-cabundle";
/// The service account, role and binding of installing pods.
pub const INSTALLER_SERVICE_ACCOUNT: &str = "cluster-installer";
/// The service account, role and binding of deleting pods.
pub const UNINSTALLER_SERVICE_ACCOUNT: &str = "cluster-uninstaller";
/// The operator's list of patterns for the installer's log, in its own namespace.
pub const INSTALL_LOG_REGEXES_CONFIG_MAP: &str = "install-log-regexes";
/// The user's list of patterns for the installer's log, in the operator's namespace.
pub const ADDITIONAL_INSTALL_LOG_REGEXES_CONFIG_MAP: &str = "additional-install-log-regexes";
/// The operator's rules for failed attempts.
pub const FAILED_PROVISION_CONFIG_MAP: &str = "hive-failed-provision-config";

/// The first `length` bytes, or fewer where a character would be torn apart.
fn cut(text: &str, length: usize) -> &str {
    &text[..text.floor_char_boundary(length)]
}

/// FNV-1a, 32 bits.
fn fnv1a_32(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

/// FNV-1a, 64 bits.
fn fnv1a_64(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_match_published_test_values() {
        // From the FNV authors' test suite.
        assert_eq!(fnv1a_32(""), 0x811c_9dc5);
        assert_eq!(fnv1a_32("a"), 0xe40c_292c);
        assert_eq!(fnv1a_32("foobar"), 0xbf9c_f968);
        assert_eq!(fnv1a_64("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a_64("foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn what_fits_is_joined() {
        assert_eq!(object_name("c1", "imageset"), "c1-imageset");
        let longest = "b".repeat(MAX_LENGTH - 1 - "imageset".len());
        assert_eq!(
            object_name(&longest, "imageset"),
            format!("{longest}-imageset")
        );
    }

    #[test]
    fn what_does_not_fit_loses_the_end_of_its_base_and_gains_its_hash() {
        let base = "b".repeat(60);
        let name = object_name(&base, "imageset");
        let expected = format!("{}-{:08x}-imageset", "b".repeat(45), fnv1a_32(&base));
        assert_eq!(name, expected);
        assert_eq!(name.len(), MAX_LENGTH);
    }

    #[test]
    fn a_suffix_that_does_not_fit_is_only_in_the_hash() {
        let suffix = "s".repeat(54);
        let name = object_name("base-that-is-cut-nowhere", &suffix);
        let whole = format!("base-that-is-cut-nowhere-{suffix}");
        assert_eq!(
            name,
            format!("base-that-is-cut-nowhere-{:08x}", fnv1a_32(&whole))
        );
        let long = object_name(&"b".repeat(70), &suffix);
        assert_eq!(long.len(), MAX_LENGTH);
        assert!(long.starts_with(&format!("{}-", "b".repeat(54))));
        // The longest suffix that still leaves room: nothing remains of the base.
        let edge = "s".repeat(53);
        assert_eq!(
            object_name("base-longer", &edge),
            format!("-{:08x}-{edge}", fnv1a_32("base-longer"))
        );
    }

    #[test]
    fn characters_are_never_torn_apart() {
        let base = "é".repeat(40);
        let name = object_name(&base, "imageset");
        assert!(name.len() <= MAX_LENGTH, "{name} is too long");
    }

    #[test]
    fn an_attempt_keeps_its_name_and_shares_it_with_no_other() {
        let name = cluster_provision("c1", "8e6b6b3c-1f0a-4c7e-9a57-3d2f0a4b5c6d", 0);
        assert_eq!(
            name,
            cluster_provision("c1", "8e6b6b3c-1f0a-4c7e-9a57-3d2f0a4b5c6d", 0)
        );
        assert_ne!(
            name,
            cluster_provision("c1", "8e6b6b3c-1f0a-4c7e-9a57-3d2f0a4b5c6e", 0)
        );
        assert_ne!(
            name,
            cluster_provision("c1", "8e6b6b3c-1f0a-4c7e-9a57-3d2f0a4b5c6d", 1)
        );
        let tail = name.strip_prefix("c1-0-").unwrap_or_default();
        assert_eq!(tail.len(), RANDOM_LENGTH, "{name}");
        assert!(tail.bytes().all(|b| RANDOM_ALPHABET.contains(&b)), "{name}");
    }

    #[test]
    fn derived_objects_have_the_names_of_the_table() {
        let rows = [
            (image_set_job("c1"), "c1-imageset"),
            (network_policy("c1", "provision"), "c1-provision"),
            (merged_pull_secret("c1"), "c1-merged-pull-secret"),
            (dns_zone("c1"), "c1-zone"),
            (provision_job("c1-0-bcdfg"), "c1-0-bcdfg-provision"),
            (
                admin_kubeconfig_secret("c1-0-bcdfg"),
                "c1-0-bcdfg-admin-kubeconfig",
            ),
            (
                admin_password_secret("c1-0-bcdfg"),
                "c1-0-bcdfg-admin-password",
            ),
            (metadata_json_secret("c1"), "c1-metadata-json"),
            (aws_assume_role_secret("c1"), "c1-aws-assume-role-config"),
            (aws_service_provider_secret("c1", "hub-aws"), "c1-hub-aws"),
            (
                deprovision_aws_service_provider_secret("c1"),
                "c1-aws-service-provider-secret",
            ),
            (install_logs_secret("c1", "logs"), "c1-logs"),
            (cluster_deprovision("c1"), "c1"),
            (uninstall_job("c1"), "c1-uninstall"),
            (control_plane_certs_sync_set("c1"), "c1-cp-certs"),
            (ingress_sync_set("c1"), "c1-clusteringress"),
            (identity_provider_sync_set("c1"), "c1-idp"),
            (copied_secret("c1", "tls"), "c1-tls"),
            (machine_pool("c1", "worker"), "c1-worker"),
            (machine_pool_name_lease("c1-abcde", 'w'), "c1-abcde-w"),
            (
                pool_install_config_secret("p-abcde"),
                "p-abcde-install-config",
            ),
            (pool_pull_secret("p-abcde"), "p-abcde-pull-secret"),
            (
                pool_credentials_secret("p-abcde", "gcp"),
                "p-abcde-gcp-creds",
            ),
        ];
        for (name, expected) in rows {
            assert_eq!(name, expected);
        }
    }
}
