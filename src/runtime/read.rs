//! Reading, from the stores or live: the two look the same to `observe`.
//!
//! A live read asks the API server for the most recent state. It never changes a store.

use std::sync::Arc;

use kube::Client;
use kube::api::ListParams;
use kube::core::ObjectList;
use kube::core::params::GetParams;
use skep_crds::names::label;

use super::request::{collection, describe, send};
use super::{Freshness, Guarded, IndexName, Kind, RequestError, Store};

/// Objects asked for at a time.
const PAGE: u32 = 500;

/// Reads objects as fresh as is asked for.
#[derive(Clone)]
pub struct Reader {
    client: Client,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

impl Reader {
    /// A reader whose live reads go through `client`.
    pub const fn new(client: Client) -> Self {
        Self { client }
    }

    /// The object of this name, if there is one that can be decoded.
    ///
    /// # Errors
    /// Only a live read can fail; an object that cannot be decoded is an error too.
    pub async fn get<K: Kind>(
        &self,
        how: Freshness,
        store: &Store<K>,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Arc<K>>, RequestError> {
        match how {
            Freshness::Cached => Ok(store.get(namespace, name)),
            Freshness::Live => Ok(self.get_live(namespace, name).await?.map(Arc::new)),
        }
    }

    /// The objects with this value of a label that the store indexes, in order of their names. A value
    /// that no label can have is asked for nowhere: the API would refuse the question.
    ///
    /// # Errors
    /// Only a live read can fail. Objects that cannot be decoded are left out.
    pub async fn labelled<K: Kind>(
        &self,
        how: Freshness,
        store: &Store<K>,
        namespace: &str,
        index: IndexName,
        value: &str,
    ) -> Result<Vec<Arc<K>>, RequestError> {
        match how {
            Freshness::Cached => Ok(store.labelled(namespace, index, value)),
            Freshness::Live if !label::can_hold(value) => Ok(Vec::new()),
            Freshness::Live => self.list_live(namespace, &format!("{index}={value}")).await,
        }
    }

    /// The object of this name as it is now. For what no store holds (a Secret's content), too.
    ///
    /// # Errors
    /// The API server could not be asked, or its answer could not be decoded.
    pub async fn get_live<K: Kind>(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<K>, RequestError> {
        let collection = collection::<K>(namespace);
        let request = if K::metadata_api() {
            collection.get_metadata(name, &GetParams::default())
        } else {
            collection.get(name, &GetParams::default())
        };
        match send(
            &self.client,
            "read",
            &|| describe::<K>(namespace, name),
            request,
        )
        .await
        {
            Ok(object) => Ok(Some(object)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The objects that match a label selector as they are now, in order of their names. Objects that
    /// cannot be decoded are left out. An empty namespace means all.
    ///
    /// # Errors
    /// The API server could not be asked.
    pub async fn list_live<K: Kind>(
        &self,
        namespace: &str,
        selector: &str,
    ) -> Result<Vec<Arc<K>>, RequestError> {
        let params = ListParams::default().labels(selector);
        self.list(namespace, selector, params).await
    }

    /// The same for a field selector.
    ///
    /// # Errors
    /// The API server could not be asked.
    pub async fn list_live_by_fields<K: Kind>(
        &self,
        namespace: &str,
        fields: &str,
    ) -> Result<Vec<Arc<K>>, RequestError> {
        let params = ListParams::default().fields(fields);
        self.list(namespace, fields, params).await
    }

    async fn list<K: Kind>(
        &self,
        namespace: &str,
        selector: &str,
        params: ListParams,
    ) -> Result<Vec<Arc<K>>, RequestError> {
        let mut objects = Vec::new();
        let mut params = params.limit(PAGE);
        loop {
            let collection = collection::<K>(namespace);
            let request = if K::metadata_api() {
                collection.list_metadata(&params)
            } else {
                collection.list(&params)
            };
            let what = || describe::<K>(namespace, selector);
            let page: ObjectList<Guarded<K>> = send(&self.client, "list", &what, request).await?;
            objects.extend(page.items.into_iter().filter_map(|item| item.0.ok()));
            match page.metadata.continue_ {
                Some(token) if !token.is_empty() => params = params.continue_token(&token),
                Some(_) | None => break,
            }
        }
        objects.sort_by(|a: &Arc<K>, b| {
            let place =
                |object: &Arc<K>| (object.meta().namespace.clone(), object.meta().name.clone());
            place(a).cmp(&place(b))
        });
        Ok(objects)
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;

    use super::*;
    use crate::runtime::StoreOptions;
    use crate::runtime::testing::Hub;

    #[tokio::test(start_paused = true)]
    async fn a_value_that_no_label_can_have_is_not_asked_for() {
        let hub = Hub::new(1);
        let reader = Reader::new(hub.operator("a").0);
        let store = Store::<ConfigMap>::new(StoreOptions::default().label("widget"));
        for (length, requests) in [(63, 1), (64, 0), (253, 0)] {
            let before = hub.server.requests();
            let name = "a".repeat(length);
            let found = reader.labelled(Freshness::Live, &store, "default", "widget", &name);
            assert!(found.await.is_ok_and(|found| found.is_empty()));
            assert_eq!(hub.server.requests() - before, requests, "{length}");
        }
    }
}
