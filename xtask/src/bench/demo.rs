//! The demo as a whole, warm: what a newcomer waits for.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use super::Record;

pub(super) fn measure(record: &mut Record) -> Result<()> {
    let (took, smooth) = (run(&[])?, run(&["--smooth"])?);
    record.figure(
        "demo_s",
        took,
        "below 240",
        "cargo xtask demo, from start to end",
    );
    record.figure(
        "demo_smooth_s",
        smooth,
        "below 120",
        "cargo xtask demo --smooth",
    );
    Ok(())
}

fn run(arguments: &[&str]) -> Result<f64> {
    let program = std::env::current_exe().context("find this program")?;
    let begun = Instant::now();
    let status = Command::new(program)
        .arg("demo")
        .args(arguments)
        .stdout(Stdio::null())
        .status()
        .context("run the demo")?;
    ensure!(
        status.success(),
        "the demo ({}) ended with {status}",
        arguments.join(" ")
    );
    Ok(begun.elapsed().as_secs_f64())
}
