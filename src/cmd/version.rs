//! `skep version`.

use std::io::Write as _;

use anyhow::Result;

/// Prints the version to stdout.
pub fn run() -> Result<()> {
    writeln!(std::io::stdout(), "skep {}", env!("CARGO_PKG_VERSION"))?;
    Ok(())
}
