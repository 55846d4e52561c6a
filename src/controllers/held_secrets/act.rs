//! The one effect: the finalizer of a Secret.

use kube::ResourceExt as _;
use skep_crds::names::skep::IN_USE_FINALIZER;

use super::Meta;
use crate::runtime::{At, Reader, RequestError, Writer};

/// Puts the finalizer on a Secret or takes it off; one that is gone, or is not the one of this uid, is left
/// alone.
pub async fn set_held(
    reader: &Reader,
    writer: &Writer,
    namespace: &str,
    name: &str,
    uid: Option<&str>,
    held: bool,
) -> Result<(), RequestError> {
    let found = reader.get_live::<Meta>(namespace, name).await?;
    let found = found.filter(|found| uid.is_none() || found.metadata.uid.as_deref() == uid);
    let Some(found) = found else { return Ok(()) };
    let (at, present) = (At::of(&found), found.finalizers());
    if held {
        writer
            .add_finalizer::<Meta>(&at, present, IN_USE_FINALIZER)
            .await
    } else {
        writer
            .remove_finalizer::<Meta>(&at, present, IN_USE_FINALIZER)
            .await
    }
}
