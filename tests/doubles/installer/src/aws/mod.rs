//! AWS as the stand-in uses it: clients of checked endpoints, tags, and errors worded as the real
//! installer's providers word them.
//!
//! Everything that is created here can be found again by its tags or its name's prefix alone; no list
//! of it is kept anywhere (docs/spec/50 §14, point 9).

pub(crate) mod aged;
pub(crate) mod bootstrap;
pub(crate) mod destroy;
pub(crate) mod dns;
pub(crate) mod facts;
pub(crate) mod iam;
pub(crate) mod load_balancers;
pub(crate) mod machines;
pub(crate) mod network;
pub(crate) mod security_groups;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::assets::{Facts, Identity, metadata};
use crate::faults::Faults;
use crate::guard::Endpoints;
use crate::install_config::InstallConfig;
use crate::profile::{Keys, Source};

/// How often a change of state is asked for. Not scaled: the emulated cloud has a speed of its own.
const POLL: Duration = Duration::from_millis(200);
/// How often at most. Together with the interval, far above what the emulated cloud ever takes.
const POLLS: u32 = 3000;

/// The clients of one account and region.
#[derive(Clone, Debug)]
pub(crate) struct Cloud {
    pub(crate) ec2: aws_sdk_ec2::Client,
    pub(crate) elb: aws_sdk_elasticloadbalancing::Client,
    pub(crate) elbv2: aws_sdk_elasticloadbalancingv2::Client,
    pub(crate) iam: aws_sdk_iam::Client,
    pub(crate) route53: aws_sdk_route53::Client,
    pub(crate) s3: aws_sdk_s3::Client,
    pub(crate) sts: aws_sdk_sts::Client,
    pub(crate) region: String,
    endpoints: Endpoints,
    faults: Faults,
}

macro_rules! client {
    ($sdk:ident, $service:literal, $region:expr, $endpoints:expr, $credentials:expr, $faults:expr $(, $option:ident)*) => {
        $sdk::Client::from_conf(
            $sdk::Config::builder()
                .behavior_version($sdk::config::BehaviorVersion::latest())
                .region($sdk::config::Region::new($region.to_owned()))
                .credentials_provider($credentials.clone())
                .endpoint_url($endpoints.url($service))
                .interceptor($faults.clone())
                $(.$option(true))*
                .build(),
        )
    };
}

impl Cloud {
    /// Makes the clients, and assumes the roles that the credentials ask for.
    pub(crate) async fn connect(
        region: &str,
        endpoints: Endpoints,
        source: &Source,
        faults: &Faults,
    ) -> Result<Self> {
        let mut cloud = Self::of_keys(region, endpoints, &source.keys, faults);
        for role in &source.roles {
            cloud = cloud
                .assuming(&role.arn, role.external_id.as_deref(), &role.session)
                .await?;
        }
        Ok(cloud)
    }

    fn of_keys(region: &str, endpoints: Endpoints, keys: &Keys, faults: &Faults) -> Self {
        let (id, secret) = (keys.id.clone(), keys.secret.clone());
        let own = Credentials::new(id, secret, keys.token.clone(), None, "openshift-install");
        Self {
            ec2: client!(aws_sdk_ec2, "ec2", region, endpoints, own, faults),
            elb: client!(
                aws_sdk_elasticloadbalancing,
                "elasticloadbalancing",
                region,
                endpoints,
                own,
                faults
            ),
            elbv2: client!(
                aws_sdk_elasticloadbalancingv2,
                "elasticloadbalancing",
                region,
                endpoints,
                own,
                faults
            ),
            iam: client!(aws_sdk_iam, "iam", region, endpoints, own, faults),
            route53: client!(aws_sdk_route53, "route53", region, endpoints, own, faults),
            s3: client!(
                aws_sdk_s3,
                "s3",
                region,
                endpoints,
                own,
                faults,
                force_path_style
            ),
            sts: client!(aws_sdk_sts, "sts", region, endpoints, own, faults),
            region: region.to_owned(),
            endpoints,
            faults: faults.clone(),
        }
    }

    /// The same cloud as somebody else.
    pub(crate) async fn assuming(
        &self,
        role: &str,
        external_id: Option<&str>,
        session: &str,
    ) -> Result<Self> {
        let answer = self
            .sts
            .assume_role()
            .role_arn(role)
            .role_session_name(session)
            .set_external_id(external_id.map(str::to_owned))
            .send()
            .await
            .aws("STS: AssumeRole")?;
        let given = answer.credentials.context("STS gave no credentials")?;
        let keys = Keys {
            id: given.access_key_id,
            secret: given.secret_access_key,
            token: Some(given.session_token),
        };
        Ok(Self::of_keys(
            &self.region,
            self.endpoints.clone(),
            &keys,
            &self.faults,
        ))
    }
}

/// One cluster in one cloud.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site<'a> {
    pub(crate) cloud: &'a Cloud,
    pub(crate) config: &'a InstallConfig,
    pub(crate) identity: &'a Identity,
    pub(crate) facts: &'a Facts,
}

/// Keys and values of tags.
pub(crate) type Tags = BTreeMap<String, String>;

impl Site<'_> {
    /// A name that begins with the infra ID.
    pub(crate) fn name(&self, suffix: &str) -> String {
        format!("{}-{suffix}", self.identity.infra_id)
    }

    /// The tags of what Cluster API creates.
    pub(crate) fn tags(&self, name: &str, role: &str) -> Tags {
        let mut tags = self.owned_tags();
        tags.insert("Name".to_owned(), name.to_owned());
        tags.insert(
            metadata::provider_tag(&self.identity.infra_id),
            "owned".to_owned(),
        );
        let key = "sigs.k8s.io/cluster-api-provider-aws/role";
        tags.insert(key.to_owned(), role.to_owned());
        tags
    }

    /// The tags of everything else: the owner's and the user's.
    pub(crate) fn owned_tags(&self) -> Tags {
        let mut tags: Tags = self.config.aws().user_tags;
        tags.insert(
            metadata::cluster_tag(&self.identity.infra_id),
            "owned".to_owned(),
        );
        tags
    }
}

/// Tags as EC2 takes them at creation.
pub(crate) fn specification(
    kind: aws_sdk_ec2::types::ResourceType,
    tags: &Tags,
) -> aws_sdk_ec2::types::TagSpecification {
    aws_sdk_ec2::types::TagSpecification::builder()
        .resource_type(kind)
        .set_tags(Some(ec2_tags(tags)))
        .build()
}

/// Tags as EC2 takes them.
pub(crate) fn ec2_tags(tags: &Tags) -> Vec<aws_sdk_ec2::types::Tag> {
    tags.iter()
        .map(|(key, value)| {
            aws_sdk_ec2::types::Tag::builder()
                .key(key)
                .value(value)
                .build()
        })
        .collect()
}

/// A filter of EC2's describe calls.
pub(crate) fn filter(name: &str, value: &str) -> aws_sdk_ec2::types::Filter {
    aws_sdk_ec2::types::Filter::builder()
        .name(name)
        .values(value)
        .build()
}

/// The id that a creation must have answered.
pub(crate) fn id(value: Option<String>, what: &str) -> Result<String> {
    value.with_context(|| format!("AWS answered no id of the new {what}"))
}

/// Asks again and again until `done` says true.
pub(crate) async fn until<F>(what: &str, mut done: impl FnMut() -> F) -> Result<()>
where
    F: Future<Output = Result<bool>>,
{
    for _ in 0..POLLS {
        if done().await? {
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
    anyhow::bail!("timed out waiting for {what}")
}

/// Results of the SDK in the installer's words.
pub(crate) trait AwsResult<T> {
    /// An error becomes `operation error <service>: <operation>, … api error <code>: <message>`.
    fn aws(self, operation: &str) -> Result<T>;
    /// The same, except that one of these codes is None.
    fn aws_unless(self, operation: &str, codes: &[&str]) -> Result<Option<T>>;
}

impl<T, E> AwsResult<T> for Result<T, SdkError<E, HttpResponse>>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    fn aws(self, operation: &str) -> Result<T> {
        self.map_err(|error| anyhow::anyhow!(words(operation, &error)))
    }

    fn aws_unless(self, operation: &str, codes: &[&str]) -> Result<Option<T>> {
        match self {
            Err(SdkError::ServiceError(service))
                if service
                    .err()
                    .code()
                    .is_some_and(|code| codes.contains(&code)) =>
            {
                Ok(None)
            }
            other => other.aws(operation).map(Some),
        }
    }
}

fn words<E>(operation: &str, error: &SdkError<E, HttpResponse>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    if let SdkError::ServiceError(service) = error
        && let Some(code) = service.err().code()
    {
        let status = service.raw().status().as_u16();
        let message = service.err().message().unwrap_or_default();
        return format!(
            "operation error {operation}, https response error StatusCode: {status}, \
             api error {code}: {message}"
        );
    }
    format!(
        "operation error {operation}, {}",
        DisplayErrorContext(error)
    )
}
