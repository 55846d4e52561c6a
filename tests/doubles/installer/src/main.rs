//! Skep.
fn main() {}
