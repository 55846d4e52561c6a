//! Objects of a hub as plain JSON, for tests and benches that act as people do. Knows no kind beforehand.
//! The calls block.

use anyhow::{Context as _, Result};
use kube::Client;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::hub::Hub;

/// A kind.
#[derive(Clone, Copy, Debug)]
pub struct Of<'a> {
    /// `v1`, or group and version.
    pub version: &'a str,
    /// Such as `Secret`.
    pub kind: &'a str,
}

/// A kind of Hive's API.
pub const fn hive(kind: &str) -> Of<'_> {
    Of {
        version: "hive.openshift.io/v1",
        kind,
    }
}

/// The administrator's hands.
pub struct Objects {
    runtime: Runtime,
    client: Option<Client>,
}

impl Objects {
    /// Those of a hub.
    pub fn new(hub: &Hub) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .context("start a runtime")?;
        let client = runtime.block_on(hub.client())?;
        Ok(Self {
            runtime,
            client: Some(client),
        })
    }

    fn api(&self, of: Of<'_>, namespace: &str) -> Result<Api<DynamicObject>> {
        let (group, version) = of.version.split_once('/').unwrap_or(("", of.version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, of.kind));
        let client = self.client.clone().context("the client is gone")?;
        Ok(match namespace {
            "" => Api::all_with(client, &resource),
            _ => Api::namespaced_with(client, namespace, &resource),
        })
    }

    /// Creates an object from its manifest.
    pub fn create(&self, manifest: &Value) -> Result<Value> {
        let text = |path: &str| {
            manifest
                .pointer(path)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let of = Of {
            version: text("/apiVersion"),
            kind: text("/kind"),
        };
        let api = self.api(of, text("/metadata/namespace"))?;
        let object = serde_json::from_value(manifest.clone()).context("read a manifest")?;
        let created = self
            .runtime
            .block_on(api.create(&PostParams::default(), &object));
        let created = created
            .with_context(|| format!("create {} {}", text("/kind"), text("/metadata/name")))?;
        serde_json::to_value(created).context("encode an object")
    }

    /// Merges into an object.
    pub fn merge(&self, of: Of<'_>, namespace: &str, name: &str, patch: &Value) -> Result<Value> {
        let api = self.api(of, namespace)?;
        let patch = Patch::Merge(patch);
        let params = PatchParams::default();
        let merged = self.runtime.block_on(api.patch(name, &params, &patch));
        let merged = merged.with_context(|| format!("patch {} {name}", of.kind))?;
        serde_json::to_value(merged).context("encode an object")
    }

    /// Merges into an object's status.
    pub fn merge_status(
        &self,
        of: Of<'_>,
        namespace: &str,
        name: &str,
        status: &Value,
    ) -> Result<Value> {
        let api = self.api(of, namespace)?;
        let body = Patch::Merge(serde_json::json!({ "status": status }));
        let params = PatchParams::default();
        let work = api.patch_subresource("status", name, &params, &body);
        let merged = self.runtime.block_on(work);
        let merged = merged.with_context(|| format!("patch the status of {} {name}", of.kind))?;
        serde_json::to_value(merged).context("encode an object")
    }

    /// An object, if there is one.
    pub fn get(&self, of: Of<'_>, namespace: &str, name: &str) -> Result<Option<Value>> {
        let api = self.api(of, namespace)?;
        let found = self.runtime.block_on(api.get_opt(name));
        let found = found.with_context(|| format!("get {} {name}", of.kind))?;
        found
            .map(serde_json::to_value)
            .transpose()
            .context("encode an object")
    }

    /// All objects of a kind in a namespace, or in all for the empty one.
    pub fn list(&self, of: Of<'_>, namespace: &str) -> Result<Vec<Value>> {
        let api = self.api(of, namespace)?;
        let found = self.runtime.block_on(api.list(&ListParams::default()));
        let found = found.with_context(|| format!("list {}", of.kind))?;
        found
            .items
            .into_iter()
            .map(|object| serde_json::to_value(object).context("encode an object"))
            .collect()
    }

    /// Asks for the deletion of an object; does not wait for it.
    pub fn delete(&self, of: Of<'_>, namespace: &str, name: &str) -> Result<()> {
        let api = self.api(of, namespace)?;
        let asked = self
            .runtime
            .block_on(api.delete(name, &DeleteParams::default()));
        asked
            .map(drop)
            .with_context(|| format!("delete {} {name}", of.kind))
    }
}

/// What the API server said when it refused.
pub fn refusal(error: &anyhow::Error) -> Option<Value> {
    error.chain().find_map(|cause| match cause.downcast_ref() {
        Some(kube::Error::Api(status)) => serde_json::to_value(status).ok(),
        _ => None,
    })
}

impl std::fmt::Debug for Objects {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Objects").finish_non_exhaustive()
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        // The client's worker lives in the runtime and must go first.
        let _inside = self.runtime.enter();
        self.client = None;
    }
}
