//! What `deny.toml` bans is in no build, and all packages come from one registry. `cargo deny check` looks at
//! more (licences, advisories); this much needs no tool.
#![expect(
    clippy::unwrap_used,
    reason = "a file of the checkout that cannot be read ends the test"
)]

use std::path::Path;

fn file(name: &str) -> String {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    std::fs::read_to_string(checkout.join(name)).unwrap()
}

/// The quoted value of `key` in a line of TOML.
fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!("{key} = \""))?;
    rest.split('"').next()
}

/// Name and version of each package.
fn packages(lock: &str) -> Vec<(&str, &str)> {
    let blocks = lock.split("[[package]]").skip(1);
    blocks
        .map(|block| {
            (
                value(block, "name").unwrap(),
                value(block, "version").unwrap(),
            )
        })
        .collect()
}

fn numbers(version: &str) -> Vec<u64> {
    let parts = version.split(['.', '-', '+']);
    parts.map_while(|part| part.parse().ok()).collect()
}

/// Whether a ban, `name` or `name@<version`, is about a package.
fn bans(ban: &str, (name, version): (&str, &str)) -> bool {
    match ban.split_once("@<") {
        None => name == ban,
        Some((banned, below)) => name == banned && numbers(version) < numbers(below),
    }
}

#[test]
fn no_banned_package_is_built() {
    let (deny, lock) = (file("deny.toml"), file("Cargo.lock"));
    let banned: Vec<&str> = deny
        .lines()
        .filter_map(|line| value(line, "crate"))
        .collect();
    assert!(banned.contains(&"openssl"), "{banned:?}");
    let packages = packages(&lock);
    assert!(packages.len() > 100, "only {} packages", packages.len());
    for package in packages {
        let ban = banned.iter().find(|ban| bans(ban, package));
        assert_eq!(ban, None, "{package:?} is banned");
    }
}

#[test]
fn a_ban_of_old_versions_spares_new_ones() {
    assert!(bans("hyper@<1", ("hyper", "0.14.32")));
    assert!(!bans("hyper@<1", ("hyper", "1.0.0")));
    assert!(bans("rustls@<0.23", ("rustls", "0.21.12")));
    assert!(!bans("rustls@<0.23", ("rustls", "0.23.46")));
    assert!(!bans("openssl", ("openssl-probe", "0.1.0")));
}

#[test]
fn all_packages_come_from_one_registry() {
    let lock = file("Cargo.lock");
    let sources = lock.lines().filter_map(|line| value(line, "source"));
    let mut sources: Vec<&str> = sources.collect();
    sources.sort_unstable();
    sources.dedup();
    assert!(
        matches!(sources.as_slice(), [only] if only.starts_with("registry+")),
        "{sources:?}"
    );
}
