//! How long a hub takes to boot when its binary is in the cache.

use std::time::Instant;

use anyhow::Result;
use skep_kit::hub::{self, Hub, HubOptions, Parts};
use skep_kit::progress::Progress;

use super::Record;

pub(super) fn measure(record: &mut Record, progress: &Progress) -> Result<()> {
    hub::prepare(false, progress)?;
    let step = progress.step("boot a control plane", "3 s");
    let begun = Instant::now();
    let plane = Hub::start(&HubOptions::for_test("bench-boot"))?;
    let took = begun.elapsed().as_secs_f64();
    plane.stop()?;
    step.done();
    record.figure(
        "hub_boot_control_plane_s",
        took,
        "below 10",
        "until ready, without a node",
    );
    let mut with_node = HubOptions::for_test("bench-node").with_node();
    // One node per machine: another one is not waited for, and then there is no figure.
    with_node.parts = Parts::Node;
    let begun = Instant::now();
    match hub::prepare(true, progress).and_then(|_| Hub::start(&with_node)) {
        Ok(whole) => {
            let took = begun.elapsed().as_secs_f64();
            whole.stop()?;
            record.figure("hub_boot_s", took, "below 10", "until its node takes pods");
        }
        Err(error) => record.condition("hub_with_node", format!("not measured: {error:#}")),
    }
    Ok(())
}
