//! LIST: a consistent page of a resource, now, at a revision, or where a continue token left off.

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{
    partial,
    route::Target,
    status::{Answer, Failure},
    store::ObjectKey,
    verbs::{self, Core, Reply},
};

/// Answers a list; `frozen` is the revision at which a cached view of this client stands still.
pub(super) fn list(core: &mut Core, target: &Target, frozen: Option<u64>) -> Answer<Value> {
    let selector = verbs::selector(target)?;
    let newest = core.store.revision();
    let token = target.text("continue").map(decode).transpose()?;
    let wanted = target.text("resourceVersion").map(|text| {
        text.parse::<u64>()
            .map_err(|_| Failure::bad_request(&format!("invalid resource version {text:?}")))
    });
    let wanted = wanted.transpose()?;
    let exact = target.text("resourceVersionMatch") == Some("Exact");
    let revision = match (&token, wanted) {
        (Some((revision, _)), _) => *revision,
        (None, Some(0)) => frozen.unwrap_or(newest),
        (None, Some(revision)) if revision > newest => return Err(too_large(revision, newest)),
        (None, Some(revision)) if exact => revision,
        (None, _) => newest,
    };
    let objects = core.store.shelf(&target.kind).at(revision).ok_or_else(|| {
        Failure::expired(if token.is_some() {
            "The provided continue parameter is too old to display a consistent list result. You \
             can start a new list without the continue parameter."
        } else {
            "The resourceVersion for the provided list is too old."
        })
    })?;
    let start = token.map(|(_, key)| key);
    let scope = target.namespace.as_deref();
    let mut matching = objects
        .into_iter()
        .filter(|(key, _)| scope.is_none_or(|scope| scope == key.0))
        .filter(|(key, _)| start.as_ref().is_none_or(|start| key > start))
        .filter(|(_, object)| selector.matches(object));
    let limit = target
        .text("limit")
        .and_then(|text| text.parse::<usize>().ok())
        .unwrap_or(0);
    let page: BTreeMap<ObjectKey, Arc<Value>> = if limit == 0 {
        matching.by_ref().collect()
    } else {
        matching.by_ref().take(limit).collect()
    };
    let rest = matching.count();
    let last = page.keys().next_back().cloned();
    let items = page
        .into_values()
        .map(|object| Value::clone(&object))
        .collect::<Vec<_>>();
    let mut body = if target.partial {
        json!({
            "kind": "PartialObjectMetadataList",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": {"resourceVersion": revision.to_string()},
            "items": items.iter().map(partial).collect::<Vec<_>>(),
        })
    } else {
        verbs::list_of(&target.kind, revision, items)
    };
    if let Some(last) = last.filter(|_| rest > 0) {
        body["metadata"]["continue"] = encode(revision, &last).into();
        if selector.is_empty() {
            body["metadata"]["remainingItemCount"] = rest.into();
        }
    }
    Ok(body)
}

/// GET answered from a view that stands still.
pub(super) fn frozen(core: &mut Core, target: &Target, revision: u64) -> Answer<Reply> {
    let key = (
        target.scope().to_owned(),
        target.name.clone().unwrap_or_default(),
    );
    let objects = core.store.shelf(&target.kind).at(revision);
    let found = objects.and_then(|objects| objects.get(&key).cloned());
    found
        .map(|object| (200, object))
        .ok_or_else(|| Failure::not_found(&target.kind, &key.1))
}

/// The caller knows a revision that this server has not reached.
fn too_large(wanted: u64, newest: u64) -> Box<Failure> {
    let message = format!("Timeout: Too large resource version: {wanted}, current: {newest}");
    let details = json!({
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        "retryAfterSeconds": 1,
    });
    Failure::new(504, "Timeout", &message, details)
}

fn encode(revision: u64, last: &ObjectKey) -> String {
    let token = json!({"v": "meta.k8s.io/v1", "rv": revision, "namespace": last.0, "name": last.1});
    URL_SAFE_NO_PAD.encode(token.to_string())
}

fn decode(token: &str) -> Answer<(u64, ObjectKey)> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let value = bytes.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let parts = value.as_ref().and_then(|value| {
        let key = (
            value["namespace"].as_str()?.to_owned(),
            value["name"].as_str()?.to_owned(),
        );
        Some((value["rv"].as_u64()?, key))
    });
    parts.ok_or_else(|| Failure::bad_request("continue key is not valid"))
}
