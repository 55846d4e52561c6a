//! The end of a pod's rights: its Role and RoleBinding go when what they were for is over.
//!
//! All pods of a namespace share one ServiceAccount, so that a right that stays is everybody's.

use k8s_openapi::api::rbac::v1::{Role, RoleBinding};

use super::owned;
use crate::install::rbac::role_name;
use crate::runtime::{Reader, RequestError, Writer};

/// Deletes the Role and the RoleBinding of an attempt or an image resolution, if `owner_uid` owns them. The
/// binding first: it is what gives the right.
///
/// # Errors
/// The API server could not be asked.
pub async fn end(
    reader: &Reader,
    writer: &Writer,
    namespace: &str,
    of: &str,
    owner_uid: &str,
) -> Result<(), RequestError> {
    let name = role_name(of);
    owned::delete::<RoleBinding>(reader, writer, namespace, &name, owner_uid).await?;
    owned::delete::<Role>(reader, writer, namespace, &name, owner_uid).await
}
