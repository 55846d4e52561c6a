//! The one binary of Skep: operator, install manager and command line.

use std::process::ExitCode;

use clap::Parser as _;

/// Thousands of small objects live long here; the system's allocator keeps far more memory for them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Other crates bring a second provider along; without a choice rustls refuses to work.
    if rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .is_err()
    {
        eprintln!("error: a TLS provider was installed before main");
        return ExitCode::FAILURE;
    }
    skep::cmd::run(skep::cmd::Arguments::parse())
}
