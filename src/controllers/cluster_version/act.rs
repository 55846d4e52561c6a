//! The two effects: one write of the metadata, one of the status.

use serde_json::json;
use skep_crds::ClusterDeployment;
use skep_crds::names::annotation;

use super::{Described, Error, Step};
use crate::runtime::Writer;
use crate::runtime::write::{add, remove};

pub(super) async fn act(writer: &Writer, step: Step) -> Result<(), Error> {
    match step {
        Step::Describe { at, difference } => {
            let Described {
                labels,
                upgrade_unavailable,
            } = difference;
            let mut metadata = json!({ "labels": labels });
            if let Some(text) = upgrade_unavailable {
                let name = annotation::MINOR_VERSION_UPGRADE_UNAVAILABLE;
                metadata["annotations"] = json!({ name: text });
            }
            let body = json!({ "metadata": metadata });
            let written = writer.merge::<ClusterDeployment>(&at, body).await;
            written.map(drop).map_err(Error::Describe)
        }
        Step::Record { at, copy, console } => {
            const COPY: &str = "/status/clusterVersionStatus";
            let copy = copy.map(|copy| match copy {
                Some(copy) => add(COPY, json!(copy)),
                None => remove(COPY),
            });
            let console = console.map(|url| add("/status/webConsoleURL", json!(url)));
            let operations = copy.into_iter().chain(console);
            // The copy has members that must be there and may be null, which a merge patch cannot say.
            let written = writer.patch_in_status::<ClusterDeployment>(&at, operations);
            written.await.map(drop).map_err(Error::Record)
        }
    }
}
