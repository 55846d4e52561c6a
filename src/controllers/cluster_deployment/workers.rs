//! How many workers a cluster is installed with, for metrics (docs/spec/10 §23): from what is remembered of
//! its install-config; nothing is read for it.

use kube::ResourceExt as _;
use skep_crds::ClusterDeployment;

use super::observed::InstallConfigProblem;
use crate::controllers::inputs::Inputs;
use crate::install::install_config::Facts;

/// A number, or `unknown`.
pub fn workers(inputs: &Inputs, root: &ClusterDeployment) -> String {
    let wish = root.spec.provisioning.as_ref();
    let secret = wish.and_then(|wish| wish.install_config_secret());
    let namespace = root.namespace().unwrap_or_default();
    let parsed = secret.and_then(|name| {
        inputs.remembered::<Result<Facts, InstallConfigProblem>>(&namespace, name, "install-config")
    });
    match parsed {
        Some(Ok(facts)) => facts.workers.to_string(),
        Some(Err(_)) | None => "unknown".to_owned(),
    }
}
