//! Holds no code: see `Cargo.toml` of this crate.
