//! Reading, from the stores or live: the two look the same to `observe`.
//!
//! A live read asks the API server for the most recent state. It never changes a store.

use std::sync::Arc;

use kube::api::ListParams;
use kube::core::ObjectList;
use kube::core::params::GetParams;
use kube::{Client, Resource as _};
use skep_crds::names::label;

use super::request::{collection, describe, send};
use super::{Freshness, Guarded, IndexName, Kind, RequestError, Store, Undecodable};

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
    /// Only a live read can fail; an object that cannot be decoded fails it. The store leaves such objects
    /// out, which is why a plan with steps is made again from a live read.
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

    /// The objects that match a label selector as they are now, in order of their names. An empty
    /// namespace means all.
    ///
    /// # Errors
    /// The API server could not be asked, or an object cannot be decoded: what is decided from a list must
    /// not take it for absent.
    pub async fn list_live<K: Kind>(
        &self,
        namespace: &str,
        selector: &str,
    ) -> Result<Vec<Arc<K>>, RequestError> {
        let params = ListParams::default().labels(selector);
        decoded(self.list(namespace, selector, params).await?)
    }

    /// The same with what cannot be decoded as an entry of its own: for whoever can do without it.
    ///
    /// # Errors
    /// The API server could not be asked.
    pub async fn list_live_guarded<K: Kind>(
        &self,
        namespace: &str,
        selector: &str,
    ) -> Result<Vec<Guarded<K>>, RequestError> {
        let params = ListParams::default().labels(selector);
        self.list(namespace, selector, params).await
    }

    /// The same for a field selector.
    ///
    /// # Errors
    /// As for labels.
    pub async fn list_live_by_fields<K: Kind>(
        &self,
        namespace: &str,
        fields: &str,
    ) -> Result<Vec<Arc<K>>, RequestError> {
        let params = ListParams::default().fields(fields);
        decoded(self.list(namespace, fields, params).await?)
    }

    async fn list<K: Kind>(
        &self,
        namespace: &str,
        selector: &str,
        params: ListParams,
    ) -> Result<Vec<Guarded<K>>, RequestError> {
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
            objects.extend(page.items);
            match page.metadata.continue_ {
                Some(token) if !token.is_empty() => params = params.continue_token(&token),
                Some(_) | None => break,
            }
        }
        objects.sort_by(|a: &Guarded<K>, b| {
            let place = |object: &Guarded<K>| {
                let meta = object.meta();
                (meta.namespace.clone(), meta.name.clone())
            };
            place(a).cmp(&place(b))
        });
        Ok(objects)
    }
}

fn decoded<K: Kind>(found: Vec<Guarded<K>>) -> Result<Vec<Arc<K>>, RequestError> {
    let object = |found: Guarded<K>| {
        found.0.map_err(|why| {
            let Undecodable { meta, error: _ } = why.as_ref();
            let part = |part: &Option<String>| part.clone().unwrap_or_default();
            let object = describe::<K>(&part(&meta.namespace), &part(&meta.name));
            RequestError::undecodable("read", object, &why)
        })
    };
    found.into_iter().map(object).collect()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{ConfigMap, Pod};
    use serde_json::{Value, json};

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

    fn pod(name: &str, spec: &Value) -> Guarded<Pod> {
        let metadata = json!({"namespace": "team", "name": name});
        serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap()
    }

    /// A decision that takes it for absent could make a second attempt, or let its Secrets go.
    #[test]
    fn an_object_that_cannot_be_decoded_is_no_gap_in_a_list() {
        let good = pod("a", &json!({"containers": []}));
        assert_eq!(decoded(vec![good.clone()]).unwrap().len(), 1);
        let bad = pod("b", &json!({"containers": "none"}));
        let error = decoded(vec![good, bad]).map(drop).unwrap_err();
        assert!(error.to_string().contains("Pod team/b"), "{error}");
    }
}
