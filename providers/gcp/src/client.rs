//! Decides which client and endpoint a call goes to, and lets every call pass through the one call
//! layer.
//!
//! Must never retry by itself (Google's client is told not to, so that counts and limits are ours), and
//! never use an endpoint that the cluster did not name. Mirrors `docs/spec/24 §1`.

use std::{future::Future, sync::Arc, time::Duration};

use google_cloud_auth::credentials::Credentials;
use google_cloud_compute_v1::client::{Instances, ZoneOperations};
use google_cloud_gax::{
    client_builder::Result as BuildResult, error::Error as SdkError, retry_policy::NeverRetry,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use skep_providers::{
    Class, Endpoints, Error,
    call::{Call, Calls, Limit},
};

use crate::{
    error,
    token::{Bearer, Tokens},
};

/// Names by which rate limits, metrics and endpoints know the services.
pub(crate) mod service {
    pub(crate) const COMPUTE: &str = "compute";
    pub(crate) const OAUTH: &str = "oauth2";
    pub(crate) const PROJECTS: &str = "cloudresourcemanager";
}

/// What one operator may use of a project's limits, so that other users of the project keep some.
/// Compute allows a project 25 calls a second of each kind, Resource Manager 10.
pub const LIMITS: &[(&str, Limit)] = &[
    (
        service::COMPUTE,
        Limit {
            per_second: 15,
            burst: 50,
        },
    ),
    (
        service::OAUTH,
        Limit {
            per_second: 20,
            burst: 50,
        },
    ),
    (
        service::PROJECTS,
        Limit {
            per_second: 4,
            burst: 10,
        },
    ),
];

/// The limit of services that are not in [`LIMITS`].
pub const OTHER_LIMIT: Limit = Limit {
    per_second: 5,
    burst: 10,
};

pub(crate) const USER_AGENT: &str = "skep";
/// Name of a Private Service Connect endpoint, instead of a service's URL.
const PRIVATE: &str = "psc";
const CONNECT: Duration = Duration::from_secs(5);
const ATTEMPT: Duration = Duration::from_secs(45);

/// What is wanted of a page of instances; `fields` in the query means the same, but the client has no
/// parameter for it.
const FIELDS: &str = "items/*/instances(name,zone,status,labels,scheduling/preemptible,\
     scheduling/provisioningModel),items/*/warning(code,message),nextPageToken,unreachables,\
     warning(code,message)";

/// One pool of connections for the calls that are made without Google's client.
pub(crate) fn connections() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(CONNECT)
        .timeout(ATTEMPT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
}

/// Where a service is.
pub(crate) fn endpoint(endpoints: &Endpoints, service: &str) -> Result<String, Error> {
    if let Some(url) = endpoints.url(service) {
        return Ok(url.trim_end_matches('/').to_owned());
    }
    let Some(name) = endpoints.url(PRIVATE).filter(|_| service != service::OAUTH) else {
        return Ok(format!("https://{service}.googleapis.com"));
    };
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if name.is_empty() || !name.bytes().all(plain) {
        let why = "the name of a private endpoint has small letters and digits only";
        return Err(Error::new("endpoint", Class::Invalid, why));
    }
    Ok(format!("https://{service}-{name}.p.googleapis.com"))
}

/// Clients of one service account.
pub(crate) struct Clients {
    /// Gives only what [`FIELDS`] name.
    pub(crate) lists: Instances,
    pub(crate) instances: Instances,
    pub(crate) operations: ZoneOperations,
}

impl Clients {
    pub(crate) async fn new(url: &str, tokens: &Arc<Tokens>) -> Result<Self, Error> {
        let made = Self::made(url, tokens).await;
        made.map_err(|fault| Error::new("client", Class::Invalid, fault.to_string()))
    }

    async fn made(url: &str, tokens: &Arc<Tokens>) -> BuildResult<Self> {
        let credentials = || Credentials::from(Bearer(Arc::clone(tokens)));
        let fields = [(
            HeaderName::from_static("x-goog-fieldmask"),
            HeaderValue::from_static(FIELDS),
        )];
        let instances = || {
            Instances::builder()
                .with_endpoint(url)
                .with_credentials(credentials())
                .with_retry_policy(NeverRetry)
                .with_attempt_timeout(ATTEMPT)
        };
        Ok(Self {
            lists: instances()
                .with_extension(HeaderMap::from_iter(fields))
                .build()
                .await?,
            instances: instances().build().await?,
            operations: ZoneOperations::builder()
                .with_endpoint(url)
                .with_credentials(credentials())
                .with_retry_policy(NeverRetry)
                .with_attempt_timeout(ATTEMPT)
                .build()
                .await?,
        })
    }
}

/// Clients together with the layer that their calls go through.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) clients: Arc<Clients>,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) calls: Calls,
}

impl Api {
    /// Makes a call; `send` is one attempt of it. `None`: there was nothing to change (304).
    pub(crate) async fn call<T, Send, Sent>(
        &self,
        call: Call,
        send: Send,
    ) -> Result<Option<T>, Error>
    where
        Send: Fn() -> Sent,
        Sent: Future<Output = Result<T, SdkError>>,
    {
        // A failure to get one is no failure of this call's service.
        self.tokens.bearer().await?;
        let result = self
            .calls
            .call(call, || {
                // On the heap: the client's futures are large.
                let answer = Box::pin(send());
                async {
                    match answer.await {
                        Ok(value) => Ok(Some(value)),
                        Err(fault) if fault.http_status_code() == Some(304) => Ok(None),
                        Err(fault) => Err(error::from_sdk(call.operation, &fault)),
                    }
                }
            })
            .await;
        self.unless_refused(result)
    }

    fn unless_refused<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(fault) = &result
            && fault.class == Class::Unauthenticated
        {
            self.tokens.forget();
        }
        result
    }
}

/// `projects.get`: who one is, in Google's words.
pub(crate) async fn project(
    http: &reqwest::Client,
    url: &str,
    tokens: &Tokens,
    calls: &Calls,
    name: &str,
) -> Result<Value, Error> {
    const CALL: Call = Call::read(service::PROJECTS, "cloudresourcemanager:projects.get");
    let bearer = tokens.bearer().await?;
    let attempt = || async {
        let request = http
            .get(format!("{url}/v3/projects/{name}"))
            .header(http::header::AUTHORIZATION, bearer.clone());
        let lost = |fault| error::from_http(CALL.operation, fault);
        let answer = request.send().await.map_err(lost)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.bytes().await.map_err(lost)?;
        if !status.is_success() {
            return Err(error::from_answer(
                CALL.operation,
                status.as_u16(),
                &headers,
                &body,
            ));
        }
        serde_json::from_slice(&body)
            .map_err(|_| Error::new(CALL.operation, Class::Unknown, "the answer is no project"))
    };
    let result = calls.call(CALL, attempt).await;
    if let Err(fault) = &result
        && fault.class == Class::Unauthenticated
    {
        tokens.forget();
    }
    result
}

#[cfg(test)]
mod tests {
    use skep_providers::Endpoint;

    use super::*;

    fn at(endpoints: &[(&str, &str)], service: &str) -> Result<String, Class> {
        let of = |(service, url): &(&str, &str)| Endpoint {
            service: (*service).to_owned(),
            url: (*url).to_owned(),
        };
        let endpoints = Endpoints(endpoints.iter().map(of).collect());
        endpoint(&endpoints, service).map_err(|error| error.class)
    }

    #[test]
    fn endpoints_are_googles_unless_the_cluster_names_others() {
        let is = |url: &str| Ok(url.to_owned());
        let compute = service::COMPUTE;
        assert_eq!(at(&[], compute), is("https://compute.googleapis.com"));
        let own = [("compute", "http://127.0.0.1:1/"), ("psc", "hub")];
        assert_eq!(at(&own, compute), is("http://127.0.0.1:1"));
        let private = [("psc", "hub")];
        assert_eq!(
            at(&private, compute),
            is("https://compute-hub.p.googleapis.com")
        );
        assert_eq!(
            at(&private, service::OAUTH),
            is("https://oauth2.googleapis.com")
        );
        for name in ["", "hub.example.com/", "a b", "Hub"] {
            assert_eq!(at(&[("psc", name)], compute), Err(Class::Invalid), "{name}");
        }
    }
}
