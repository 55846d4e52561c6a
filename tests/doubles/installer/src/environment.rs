//! The stand-in's own settings. All of them have names that the real installer does not read, so that
//! a manifest written for the stand-in does no harm to a real installation.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

const TIME_SCALE: &str = "OPENSHIFT_INSTALL_STANDIN_TIME_SCALE";
const FAULTS: &str = "OPENSHIFT_INSTALL_STANDIN_FAULTS";
const AGED: &str = "OPENSHIFT_INSTALL_STANDIN_AGED";
const ATTEMPT: &str = "OPENSHIFT_INSTALL_STANDIN_ATTEMPT";
const SPOKE: &str = "OPENSHIFT_INSTALL_STANDIN_SPOKE_KUBECONFIG";
const REACHABLE: &str = "OPENSHIFT_INSTALL_STANDIN_BOOTSTRAP_REACHABLE";
/// Where faults are read from when the environment names no place: a mounted volume.
const MOUNTED_FAULTS: &str = "/etc/openshift-install-standin/faults.json";
/// A real installation takes about 40 minutes: at this scale, less than three seconds of waiting.
const DEFAULT_SCALE: f64 = 0.001;

/// What the environment asks the stand-in for.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[derive(Clone, Debug)]
pub(crate) struct Environment {
    /// Fraction of real time that a wait lasts.
    scale: f64,
    /// The document of faults, if there is one.
    pub(crate) faults: Option<String>,
    /// Whether the cluster shall look as if it had been in use.
    pub(crate) aged: bool,
    /// Which attempt at this cluster it is, if that can be known.
    pub(crate) attempt: Option<u32>,
    /// A kubeconfig of the API server that plays the new cluster's.
    pub(crate) spoke: Option<String>,
    /// Whether gathering logs from the bootstrap host works.
    pub(crate) bootstrap_reachable: bool,
    /// Keep the bootstrap resources.
    pub(crate) preserve_bootstrap: bool,
    /// Gather the bootstrap host's logs even after success.
    pub(crate) gather_bootstrap: bool,
    /// The release image instead of the built-in one.
    pub(crate) release_image: Option<String>,
}

impl Environment {
    /// Reads it, once.
    pub(crate) fn read() -> Result<Self> {
        let scale = match variable(TIME_SCALE) {
            None => DEFAULT_SCALE,
            Some(text) => match text.parse::<f64>() {
                Ok(scale) if scale.is_finite() && scale >= 0.0 => scale,
                _ => bail!("{TIME_SCALE} is {text:?}, not a fraction of real time such as 0.01"),
            },
        };
        let faults = match variable(FAULTS) {
            Some(text) if text.trim_start().starts_with(['{', '[']) => Some(text),
            Some(path) => Some(read(&PathBuf::from(path)).context(FAULTS)?),
            None => match std::fs::read_to_string(MOUNTED_FAULTS) {
                Ok(text) => Some(text),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                Err(error) => return Err(error).context(MOUNTED_FAULTS),
            },
        };
        let attempt = match variable(ATTEMPT) {
            Some(text) => Some(
                text.parse()
                    .with_context(|| format!("{ATTEMPT} is {text:?}"))?,
            ),
            None => host_name().as_deref().and_then(attempt_of),
        };
        let spoke = match variable(SPOKE) {
            Some(text) if text.contains('\n') || text.trim_start().starts_with('{') => Some(text),
            Some(path) => Some(read(&PathBuf::from(path)).context(SPOKE)?),
            None => None,
        };
        Ok(Self {
            scale,
            faults,
            aged: flag(AGED),
            attempt,
            spoke,
            bootstrap_reachable: flag(REACHABLE),
            preserve_bootstrap: variable("OPENSHIFT_INSTALL_PRESERVE_BOOTSTRAP").is_some(),
            gather_bootstrap: variable("OPENSHIFT_INSTALL_GATHER_BOOTSTRAP").is_some(),
            release_image: variable("OPENSHIFT_INSTALL_RELEASE_IMAGE_OVERRIDE"),
        })
    }

    /// Waits as long as the real installer would, scaled.
    pub(crate) async fn wait(&self, seconds: u32) {
        tokio::time::sleep(Duration::from_secs_f64(f64::from(seconds) * self.scale)).await;
    }
}

/// A variable that is set and not empty.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn flag(name: &str) -> bool {
    variable(name).is_some_and(|value| !matches!(value.as_str(), "0" | "false" | "no"))
}

fn read(path: &std::path::Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}

fn host_name() -> Option<String> {
    variable("HOSTNAME").or_else(|| {
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
        Some(name.trim().to_owned())
    })
}

/// The attempt in the name of an install pod: a provision is called `<cluster>-<attempt>-<5 characters>`,
/// its pod `<provision>-provision-<random>`, and a host name is cut after 63 characters.
fn attempt_of(host: &str) -> Option<u32> {
    let provision = host
        .rfind("-provision")
        .map_or(host, |at| host.get(..at).unwrap_or(host));
    let mut parts = provision.rsplit('-');
    let suffix = parts.next()?;
    let attempt = parts.next()?;
    // A cluster's own name must remain, or this is some other kind of host name.
    parts.next()?;
    let is_suffix = suffix.len() == 5 && suffix.bytes().all(|b| b.is_ascii_alphanumeric());
    if is_suffix {
        attempt.parse().ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attempt_is_in_the_pods_name() {
        for (host, expected) in [
            ("demo-0-x7k2p-provision-8xkq4", Some(0)),
            ("demo-12-x7k2p-provision-8xkq4", Some(12)),
            ("my-cluster-3-abcde-provision", Some(3)),
            ("my-cluster-3-abcde", Some(3)),
            ("laptop", None),
            ("0-x7k2p-provision-8xkq4", None),
            ("demo-x-x7k2p-provision-8xkq4", None),
            ("demo-0-x7k2-provision-8xkq4", None),
        ] {
            assert_eq!(attempt_of(host), expected, "{host}");
        }
    }
}
