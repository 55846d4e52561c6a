//! Owns a hub until it is killed: the test of what outlives a killed owner starts it.
#![expect(clippy::print_stdout, reason = "the test reads where the hub is")]

use skep_kit::hub::{Hub, HubOptions};

fn main() -> anyhow::Result<()> {
    let name = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "owned".to_owned());
    let options = HubOptions::control_plane(name);
    let node = std::env::args().nth(2).is_some_and(|kind| kind == "node");
    let hub = Hub::start(&if node { options.with_node() } else { options })?;
    println!("{}", hub.run_folder().display());
    // Until whoever started this closes the pipe, which a killer never gets to do.
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    hub.stop()
}
