//! `cargo xtask`: everything a developer does with the checkout, one file per verb. It decides
//! nothing about the product; what tests need as well lives in `tests/kit`.
#![expect(
    clippy::print_stdout,
    reason = "the output of these commands is their product"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "these commands read the clock and the environment; the product does not see them"
)]

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod crds;
mod demo;
mod fuzz;
mod hub;
mod manifests;
mod test;

/// Development tasks of Skep.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show the main job on a real hub: create a cluster, delete it, leave nothing
    Demo(demo::Arguments),
    /// Run all tests
    Test(test::Arguments),
    /// Run a real Kubernetes on this machine: start, stop, look, kubectl
    Hub(hub::Arguments),
    /// Measure what the project promises, and print it beside its targets
    Bench(bench::Arguments),
    /// Attack the product with generated input
    Fuzz(fuzz::Arguments),
    /// Write crds/yaml from the types, or crds/facts from published definitions
    Crds(crds::Arguments),
    /// Write the generated manifests from the product's tables
    Manifests(manifests::Arguments),
}

/// Whoever reads the output may stop doing so (`| head`). That ends a command like any failure, with
/// everything put away; it is no fault of the program that would need a report.
fn end_quietly_without_a_reader() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let words = panic.payload_as_str().unwrap_or_default();
        if !words.starts_with("failed printing to stdout") {
            report(panic);
        }
    }));
}

fn main() -> ExitCode {
    end_quietly_without_a_reader();
    let outcome = match Arguments::parse().verb {
        Verb::Demo(arguments) => demo::run(&arguments),
        Verb::Test(arguments) => test::run(&arguments),
        Verb::Hub(arguments) => hub::run(arguments),
        Verb::Bench(arguments) => bench::run(&arguments),
        Verb::Fuzz(arguments) => fuzz::run(&arguments),
        Verb::Crds(arguments) => crds::run(&arguments),
        Verb::Manifests(arguments) => manifests::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The causes, and no backtrace whatever the environment says: errors here are about the
            // machine, not about this program.
            eprintln!("error: {error}");
            for cause in error.chain().skip(1) {
                eprintln!("  because: {cause}");
            }
            ExitCode::FAILURE
        }
    }
}
