//! Requests about one object, for kinds in namespaces and without: the part that reading and writing
//! share.

use kube::Client;
use kube::core::Request;

use super::key::Key;
use super::{Kind, RequestError};

/// The collection that an object belongs to.
pub(super) fn collection<K: Kind>(namespace: &str) -> Request {
    let namespace = (!namespace.is_empty()).then_some(namespace);
    Request::new(K::url_path(&(), namespace))
}

/// "Job demo/x-provision".
pub(super) fn describe<K: Kind>(namespace: &str, name: &str) -> String {
    let kind = K::kind(&());
    if namespace.is_empty() {
        format!("{kind} {name}")
    } else {
        format!("{kind} {namespace}/{name}")
    }
}

/// "Job demo/x-provision".
pub(super) fn describe_key<K: Kind>(key: &Key) -> String {
    describe::<K>(&key.namespace, &key.name)
}

/// Sends a request and decodes its answer.
pub(super) async fn send<T: serde::de::DeserializeOwned>(
    client: &Client,
    verb: &'static str,
    object: &(dyn Fn() -> String + Sync),
    request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
) -> Result<T, RequestError> {
    let request = request
        .map_err(|error| RequestError::unsent(verb, object(), super::error_chain(&error)))?;
    client
        .request(request)
        .await
        .map_err(|error| RequestError::new(verb, object(), &error))
}
