//! `gather bootstrap`: a bundle of the bootstrap host's logs, or an error when it cannot be reached
//! (docs/spec/50 §13). The environment says which: nobody listens on an emulated instance.

use std::fs::File;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;

use crate::environment::Environment;
use crate::log::Log;

/// Gathers into the working directory.
pub(crate) fn bootstrap(environment: &Environment, dir: &Path, log: &Log) -> Result<()> {
    log.info("Pulling debug logs from the bootstrap machine");
    if !environment.bootstrap_reachable {
        bail!(
            "failed to create SSH client: failed to use the provided keys for authentication: \
             dial tcp :22: connect: connection timed out"
        );
    }
    let stamp = Timestamp::now().strftime("%Y%m%d%H%M%S").to_string();
    let path = dir.join(format!("log-bundle-{stamp}.tar.gz"));
    write(&path, &format!("log-bundle-{stamp}")).context("failed to write the log bundle")?;
    log.info(&format!(
        "Bootstrap gather logs captured here {:?}",
        path.display().to_string()
    ));
    Ok(())
}

fn write(path: &Path, folder: &str) -> Result<()> {
    let mut archive = tar::Builder::new(GzEncoder::new(File::create(path)?, Compression::fast()));
    for (name, text) in [
        (
            "bootstrap/journals/bootkube.log",
            "bootkube.service: started\n",
        ),
        (
            "bootstrap/journals/kubelet.log",
            "kubelet.service: started\n",
        ),
        ("failed-units.txt", "0 loaded units listed.\n"),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(text.len())?);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append_data(&mut header, format!("{folder}/{name}"), text.as_bytes())?;
    }
    archive.into_inner()?.finish()?;
    Ok(())
}
