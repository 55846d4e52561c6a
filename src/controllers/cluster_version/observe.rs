//! Reads what is known of a cluster's version, from the ClusterDeployment and the memory of looks. Nothing
//! leaves the process.

use kube::ResourceExt as _;
use skep_crds::ClusterDeployment;
use skep_crds::names::annotation;

use super::version::LABELS;
use super::{Described, Observed, Recorded, Sight};
use crate::controllers::gates;
use crate::remote::Remotes;
use crate::remote::view::Part;
use crate::runtime::{At, Observation};

pub(super) fn observe(remotes: &Remotes, root: &ClusterDeployment) -> Observation<Observed> {
    if let Some(gate) = gates::closed(root) {
        return Observation::Skip(gate.note());
    }
    let annotation = |name: &str| root.annotations().get(name);
    let present = Described {
        labels: LABELS
            .iter()
            .map(|label| (*label, root.labels().get(*label).cloned()))
            .collect(),
        upgrade_unavailable: annotation(annotation::MINOR_VERSION_UPGRADE_UNAVAILABLE).cloned(),
    };
    let mirror = annotation(annotation::SYNC_CLUSTER_VERSION_STATUS);
    let at = At::of(root);
    let seen = match remotes.view(&at.key.uid) {
        None => Sight::None,
        Some(view) => match &view.seen {
            Err(failure) => Sight::Failed(failure.clone()),
            Ok(seen) => Sight::Of {
                version: seen
                    .version
                    .clone()
                    .filter(|_| seen.has_read(Part::ClusterVersion)),
                console: seen.console.clone(),
            },
        },
    };
    let status = root.status.as_ref();
    let copy = status.and_then(|status| status.cluster_version_status.clone());
    Observation::Of(Observed {
        at,
        present,
        recorded: Recorded {
            copy: copy.map(Box::new),
            console: status.and_then(|status| status.web_console_url.clone()),
        },
        mirrors: annotation::is_true(mirror.map(String::as_str)),
        seen,
    })
}
