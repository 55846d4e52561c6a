//! The API server of an installed cluster, as far as the operator reads it: it is well, or silent.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use http::{Request, Response, StatusCode};
use kube::client::Body;
use serde_json::{Value, json};
use skep::remote::connection::Dial;
use tower::service_fn;

/// The API server of every installed cluster of a story.
#[derive(Clone, Default)]
pub(crate) struct Spoke {
    is_silent: Arc<AtomicBool>,
}

impl Spoke {
    /// From now on nobody is answered, or everybody is again.
    pub(crate) fn silence(&self, is_silent: bool) {
        self.is_silent.store(is_silent, Ordering::Relaxed);
    }

    /// Leads every way into a cluster here.
    pub(crate) fn dial(&self) -> Dial {
        let is_silent = Arc::clone(&self.is_silent);
        Arc::new(move |_, _| {
            let is_silent = Arc::clone(&is_silent);
            let service = service_fn(move |request: Request<Body>| {
                let answer = if is_silent.load(Ordering::Relaxed) {
                    Err(io::Error::from(io::ErrorKind::ConnectionRefused))
                } else {
                    Ok(answered(request.uri().path()))
                };
                async move { answer }
            });
            Ok(kube::Client::new(service, "default"))
        })
    }
}

fn answered(path: &str) -> Response<Body> {
    let answer = answer(path);
    let status = match &answer {
        Some(_) => StatusCode::OK,
        None => StatusCode::NOT_FOUND,
    };
    let body = answer.unwrap_or_else(|| json!({"message": "not found"}));
    let mut answer = Response::new(Body::from(body.to_string().into_bytes()));
    *answer.status_mut() = status;
    answer
}

fn answer(path: &str) -> Option<Value> {
    let operator = |name: &str| {
        json!({"metadata": {"name": name}, "status": {"conditions": [
            condition("Available", "True"), condition("Degraded", "False"),
        ]}})
    };
    Some(match path {
        "/apis/config.openshift.io/v1/clusterversions/version" => json!({"status": {
            "desired": {"version": "4.19.2", "image": "release"},
            "conditions": [condition("Upgradeable", "True")],
        }}),
        "/apis/config.openshift.io/v1/clusteroperators" => {
            json!({"items": [operator("dns"), operator("network")]})
        }
        "/apis/route.openshift.io/v1/namespaces/openshift-console/routes/console" => {
            json!({"spec": {"host": "console-openshift-console.apps.demo.example.com"}})
        }
        _ => return None,
    })
}

fn condition(kind: &str, status: &str) -> Value {
    json!({
        "type": kind, "status": status, "reason": "AsExpected",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    })
}
