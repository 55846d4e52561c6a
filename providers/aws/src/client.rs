//! Decides which client, region and endpoint a call goes to, and lets every call pass through the
//! one call layer.
//!
//! Must never retry by itself (the SDK's own retries are off, so that counts and limits are ours),
//! read the environment for credentials or regions, or use an endpoint that the cluster did not
//! name. Clients are made when they are first used; all of them share one pool of connections.
//! Mirrors `docs/spec/20 §9.1` and `docs/spec/24 §1`.

use std::{
    error::Error as StdError,
    future::Future,
    sync::{Arc, OnceLock},
    time::Duration,
};

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::config::RequestChecksumCalculation;
use aws_sdk_sts::config::{BehaviorVersion, IdentityCache};
use aws_smithy_http_client::{Builder, Connector, proxy::ProxyConfig, tls};
use aws_smithy_runtime_api::client::{
    http::SharedHttpClient, orchestrator::HttpResponse, result::SdkError,
};
use aws_smithy_types::{
    error::metadata::ProvideErrorMetadata, retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_types::{SdkConfig, app_name::AppName, region::Region};
use skep_providers::{
    Endpoints, Error,
    call::{Call, Calls, Limit},
};

use crate::error;

/// Names by which rate limits and metrics know the services.
pub(crate) mod service {
    pub(crate) const EC2: &str = "ec2";
    pub(crate) const EFS: &str = "efs";
    pub(crate) const ELB: &str = "elasticloadbalancing";
    pub(crate) const IAM: &str = "iam";
    pub(crate) const ROUTE53: &str = "route53";
    pub(crate) const S3: &str = "s3";
    pub(crate) const STS: &str = "sts";
    pub(crate) const TAGGING: &str = "tagging";
}

/// What one operator may use of an account's limits, so that other users of the account keep some.
/// Route 53 allows an account 5 requests a second; EC2's buckets for describes are about 100 at once
/// and 20 a second, for changes 50 and 5 (most) a second.
pub const LIMITS: &[(&str, Limit)] = &[
    (
        service::EC2,
        Limit {
            per_second: 40,
            burst: 100,
        },
    ),
    (
        service::EFS,
        Limit {
            per_second: 5,
            burst: 10,
        },
    ),
    (
        service::ELB,
        Limit {
            per_second: 10,
            burst: 30,
        },
    ),
    (
        service::IAM,
        Limit {
            per_second: 10,
            burst: 30,
        },
    ),
    (
        service::ROUTE53,
        Limit {
            per_second: 4,
            burst: 5,
        },
    ),
    (
        service::S3,
        Limit {
            per_second: 50,
            burst: 100,
        },
    ),
    (
        service::STS,
        Limit {
            per_second: 20,
            burst: 50,
        },
    ),
    (
        service::TAGGING,
        Limit {
            per_second: 5,
            burst: 10,
        },
    ),
];

/// The limit of services that are not in [`LIMITS`].
pub const OTHER_LIMIT: Limit = Limit {
    per_second: 5,
    burst: 10,
};

/// One pool of connections for all accounts. Honours the proxy settings of the process, as every
/// client of it does.
pub(crate) fn connections() -> SharedHttpClient {
    Builder::new().build_with_connector_fn(|settings, components| {
        let mut builder = Connector::builder()
            .tls_provider(tls::Provider::Rustls(
                tls::rustls_provider::CryptoMode::AwsLc,
            ))
            .proxy_config(ProxyConfig::from_env());
        if let Some(settings) = settings {
            builder = builder.connector_settings(settings.clone());
        }
        if let Some(components) = components {
            builder.set_sleep_impl(components.sleep_impl());
        }
        builder.build()
    })
}

/// Region in which a partition's global services live, as seen from `region`: where their requests
/// are signed for, and where the tagging API knows their resources.
pub(crate) fn global_region(region: &str) -> &'static str {
    if region.starts_with("us-gov-") {
        "us-gov-west-1"
    } else if region.starts_with("cn-") {
        "cn-northwest-1"
    } else if region.starts_with("us-iso-") {
        "us-iso-east-1"
    } else if region.starts_with("us-isob-") {
        "us-isob-east-1"
    } else {
        "us-east-1"
    }
}

/// Region of a second tagging API that must be asked, if there is one. China's and the isolated
/// partitions' global resources are not in any.
pub(crate) fn second_tagging_region(region: &str) -> Option<&'static str> {
    if region.starts_with("cn-") || region.starts_with("us-iso") {
        return None;
    }
    Some(global_region(region)).filter(|global| *global != region)
}

/// The clients of one identity in one region.
pub(crate) struct Clients {
    region: String,
    endpoints: Endpoints,
    base: SdkConfig,
    ec2: OnceLock<aws_sdk_ec2::Client>,
    efs: OnceLock<aws_sdk_efs::Client>,
    elb: OnceLock<aws_sdk_elasticloadbalancing::Client>,
    elbv2: OnceLock<aws_sdk_elasticloadbalancingv2::Client>,
    iam: OnceLock<aws_sdk_iam::Client>,
    route53: OnceLock<aws_sdk_route53::Client>,
    s3: OnceLock<aws_sdk_s3::Client>,
    sts: OnceLock<aws_sdk_sts::Client>,
    tagging: OnceLock<aws_sdk_resourcegroupstagging::Client>,
    tagging_global: OnceLock<aws_sdk_resourcegroupstagging::Client>,
}

impl Clients {
    pub(crate) fn new(
        http: SharedHttpClient,
        credentials: SharedCredentialsProvider,
        region: &str,
        endpoints: Endpoints,
    ) -> Self {
        let base = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(http)
            .credentials_provider(credentials)
            .identity_cache(IdentityCache::lazy().build())
            .retry_config(RetryConfig::disabled())
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(5))
                    .read_timeout(Duration::from_secs(45))
                    .build(),
            )
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
        let base = match AppName::new("skep") {
            Ok(name) => base.app_name(name),
            Err(_) => base,
        };
        Self {
            region: region.to_owned(),
            endpoints,
            base: base.build(),
            ec2: OnceLock::new(),
            efs: OnceLock::new(),
            elb: OnceLock::new(),
            elbv2: OnceLock::new(),
            iam: OnceLock::new(),
            route53: OnceLock::new(),
            s3: OnceLock::new(),
            sts: OnceLock::new(),
            tagging: OnceLock::new(),
            tagging_global: OnceLock::new(),
        }
    }

    fn config(&self, service: &str, region: &str) -> SdkConfig {
        let builder = self
            .base
            .clone()
            .into_builder()
            .region(Region::new(region.to_owned()));
        match self.endpoint(service) {
            Some(url) => builder.endpoint_url(url).build(),
            None => builder.build(),
        }
    }

    fn endpoint(&self, service: &str) -> Option<&str> {
        let other = match service {
            service::EFS => "elasticfilesystem",
            service::TAGGING => "resourcegroupstaggingapi",
            _ => service,
        };
        self.endpoints
            .url(service)
            .or_else(|| self.endpoints.url(other))
    }

    fn here(&self, service: &str) -> SdkConfig {
        self.config(service, &self.region)
    }

    fn global(&self, service: &str) -> SdkConfig {
        self.config(service, global_region(&self.region))
    }

    pub(crate) fn ec2(&self) -> &aws_sdk_ec2::Client {
        self.ec2
            .get_or_init(|| aws_sdk_ec2::Client::new(&self.here(service::EC2)))
    }

    pub(crate) fn efs(&self) -> &aws_sdk_efs::Client {
        self.efs
            .get_or_init(|| aws_sdk_efs::Client::new(&self.here(service::EFS)))
    }

    pub(crate) fn elb(&self) -> &aws_sdk_elasticloadbalancing::Client {
        self.elb
            .get_or_init(|| aws_sdk_elasticloadbalancing::Client::new(&self.here(service::ELB)))
    }

    pub(crate) fn elbv2(&self) -> &aws_sdk_elasticloadbalancingv2::Client {
        self.elbv2
            .get_or_init(|| aws_sdk_elasticloadbalancingv2::Client::new(&self.here(service::ELB)))
    }

    pub(crate) fn iam(&self) -> &aws_sdk_iam::Client {
        self.iam
            .get_or_init(|| aws_sdk_iam::Client::new(&self.global(service::IAM)))
    }

    pub(crate) fn route53(&self) -> &aws_sdk_route53::Client {
        self.route53
            .get_or_init(|| aws_sdk_route53::Client::new(&self.global(service::ROUTE53)))
    }

    /// Replaced endpoints rarely have a host name per bucket, so buckets go into the path there.
    pub(crate) fn s3(&self) -> &aws_sdk_s3::Client {
        self.s3.get_or_init(|| {
            let config = aws_sdk_s3::config::Builder::from(&self.here(service::S3))
                .force_path_style(self.endpoint(service::S3).is_some())
                .build();
            aws_sdk_s3::Client::from_conf(config)
        })
    }

    pub(crate) fn sts(&self) -> &aws_sdk_sts::Client {
        self.sts
            .get_or_init(|| aws_sdk_sts::Client::new(&self.here(service::STS)))
    }

    pub(crate) fn tagging(&self) -> &aws_sdk_resourcegroupstagging::Client {
        self.tagging.get_or_init(|| {
            aws_sdk_resourcegroupstagging::Client::new(&self.here(service::TAGGING))
        })
    }

    /// The tagging API of the region of global services, where that is another one.
    pub(crate) fn tagging_global(&self) -> Option<&aws_sdk_resourcegroupstagging::Client> {
        let region = second_tagging_region(&self.region)?;
        Some(self.tagging_global.get_or_init(|| {
            aws_sdk_resourcegroupstagging::Client::new(&self.config(service::TAGGING, region))
        }))
    }
}

/// Clients together with the layer that their calls go through.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) clients: Arc<Clients>,
    pub(crate) calls: Calls,
}

impl Api {
    /// Makes a call; `send` is one attempt of it.
    pub(crate) async fn call<T, E, Send, Sent>(&self, call: Call, send: Send) -> Result<T, Error>
    where
        E: ProvideErrorMetadata + StdError + 'static,
        Send: Fn() -> Sent,
        Sent: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        // On the heap: the SDK's futures are several kilobytes each.
        self.calls
            .call(call, || {
                let answer = Box::pin(send());
                async {
                    answer
                        .await
                        .map_err(|fault| error::from_sdk(call.operation, &fault))
                }
            })
            .await
    }
}

/// All pages of a listing whose answer has `next_token`: the only way lists are read here.
macro_rules! list {
    ($api:expr, $service:expr, $operation:literal, $request:expr, $items:ident) => {{
        let request = $request;
        let mut token: Option<String> = None;
        let mut all = Vec::new();
        loop {
            let page = $api
                .call(
                    skep_providers::call::Call::read($service, $operation),
                    || request.clone().set_next_token(token.clone()).send(),
                )
                .await?;
            all.extend(page.$items.unwrap_or_default());
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                break all;
            }
        }
    }};
}

/// The same for answers with `next_marker` (load balancers).
macro_rules! list_by_marker {
    ($api:expr, $service:expr, $operation:literal, $request:expr, $items:ident) => {{
        let request = $request;
        let mut marker: Option<String> = None;
        let mut all = Vec::new();
        loop {
            let page = $api
                .call(
                    skep_providers::call::Call::read($service, $operation),
                    || request.clone().set_marker(marker.clone()).send(),
                )
                .await?;
            all.extend(page.$items.unwrap_or_default());
            marker = page.next_marker.filter(|marker| !marker.is_empty());
            if marker.is_none() {
                break all;
            }
        }
    }};
}

/// The same for answers of IAM: items are always there, `is_truncated` tells of more.
macro_rules! list_iam {
    ($api:expr, $operation:literal, $request:expr, $items:ident) => {{
        let request = $request;
        let mut marker: Option<String> = None;
        let mut all = Vec::new();
        loop {
            let page = $api
                .call(
                    skep_providers::call::Call::read($crate::client::service::IAM, $operation),
                    || request.clone().set_marker(marker.clone()).send(),
                )
                .await?;
            all.extend($crate::client::items(page.$items));
            marker = page.marker.filter(|_| page.is_truncated);
            if marker.is_none() {
                break all;
            }
        }
    }};
}

pub(crate) use {list, list_by_marker, list_iam};

/// Items of an answer, whether the SDK types them as mandatory or not.
pub(crate) fn items<T>(items: impl Into<Option<Vec<T>>>) -> Vec<T> {
    items.into().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn global_services_live_where_the_partition_says() {
        for (region, global, second) in [
            ("us-east-1", "us-east-1", None),
            ("eu-west-1", "us-east-1", Some("us-east-1")),
            ("us-gov-west-1", "us-gov-west-1", None),
            ("us-gov-east-1", "us-gov-west-1", Some("us-gov-west-1")),
            ("cn-north-1", "cn-northwest-1", None),
            ("cn-northwest-1", "cn-northwest-1", None),
            ("us-iso-west-1", "us-iso-east-1", None),
        ] {
            assert_eq!(global_region(region), global, "{region}");
            assert_eq!(second_tagging_region(region), second, "{region}");
        }
    }
}
