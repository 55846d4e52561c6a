//! Determinism: every choice the simulation makes is a hash of the seed and of *what* is chosen,
//! never of *when*, so that a variant of a run (one crash more) keeps all other choices.

use sha2::{Digest, Sha256};

/// The first eight bytes of a hash over the seed and `parts`.
pub fn hash(seed: u64, parts: &[&str]) -> u64 {
    let digest = digest(seed, parts);
    u64::from_be_bytes(digest[..8].try_into().unwrap())
}

/// A number below `bound` (at least 1) chosen by the seed and `parts`.
pub fn below(bound: u64, seed: u64, parts: &[&str]) -> u64 {
    hash(seed, parts) % bound.max(1)
}

/// A UUID in the form of Kubernetes' (version 4 bits set), chosen by the seed and `parts`.
pub fn uuid(seed: u64, parts: &[&str]) -> String {
    let mut bytes = digest(seed, parts);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = hex(&bytes[..16]);
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..32]
    )
}

/// Five characters of the alphabet that the API server's `generateName` uses.
pub fn suffix(seed: u64, parts: &[&str]) -> String {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    digest(seed, parts)[..5]
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]))
        .collect()
}

/// The first twelve hexadecimal digits of a hash of `bytes`, for logs.
pub fn short(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes)[..6])
}

fn digest(seed: u64, parts: &[&str]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(seed.to_be_bytes());
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    hasher.finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
