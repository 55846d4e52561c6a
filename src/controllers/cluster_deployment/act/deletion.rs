//! The end: Secrets held and let go, the ClusterDeprovision, the erasure without one.

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt as _;
use skep_crds::names::skep::{ACKNOWLEDGE_EMPTY_ANNOTATION, CLOUD_ACCOUNT_SECRET_KEY};
use skep_crds::names::{annotation, label, object_name, secret_key};
use skep_crds::platform::{DeprovisionPlatform, PlatformKind, aws, azure, gcp};
use skep_crds::{
    ClusterDeployment, ClusterDeprovision, ClusterDeprovisionSpec, LocalObjectReference,
};

use super::super::observed::{Identity, Observed};
use super::super::reading::credentials_ref;
use super::super::{Clusters, Error};
use super::fresh;
use crate::controllers::erasure::{Request, Wishes};
use crate::controllers::held_secrets::set_held;
use crate::controllers::inputs::data_of;
use crate::controllers::owned;
use crate::controllers::receipts::Subject;

pub(super) async fn hold(
    clusters: &Clusters,
    observed: &Observed,
    names: &[String],
) -> Result<(), Error> {
    each_secret(clusters, observed, names, true).await
}

pub(super) async fn release(
    clusters: &Clusters,
    observed: &Observed,
    names: &[String],
) -> Result<(), Error> {
    each_secret(clusters, observed, names, false).await
}

async fn each_secret(
    clusters: &Clusters,
    observed: &Observed,
    names: &[String],
    hold: bool,
) -> Result<(), Error> {
    let (reader, writer) = (
        &clusters.shared.context.reader,
        &clusters.shared.context.writer,
    );
    for name in names {
        set_held(reader, writer, observed.namespace(), name, None, hold)
            .await
            .map_err(|source| Error::Write {
                what: format!("Secret {name}"),
                source,
            })?;
    }
    Ok(())
}

pub(super) async fn create_deprovision(
    clusters: &Clusters,
    observed: &Observed,
) -> Result<(), Error> {
    let root = fresh(clusters, observed).await?;
    let Some(identity) = &observed.identity else {
        return Err(Error::Changed {
            what: "spec.clusterMetadata".to_owned(),
        });
    };
    let owner = owned::controller_of(&root);
    let kept = [
        annotation::ADDITIONAL_LOG_FIELDS,
        annotation::LEGACY_DEPROVISION,
    ];
    let annotations = kept.iter().filter_map(|name| {
        root.annotations()
            .get(*name)
            .map(|value| ((*name).to_owned(), value.clone()))
    });
    let deprovision = ClusterDeprovision {
        metadata: ObjectMeta {
            name: Some(object_name::cluster_deprovision(observed.name())),
            namespace: Some(observed.namespace().to_owned()),
            labels: label::can_hold(observed.name()).then(|| {
                let (label, name) = (label::CLUSTER_DEPLOYMENT_NAME, observed.name());
                [(label.to_owned(), name.to_owned())].into()
            }),
            annotations: Some(annotations.collect()),
            owner_references: Some(vec![owner.clone()]),
            ..ObjectMeta::default()
        },
        spec: ClusterDeprovisionSpec {
            infra_id: identity.infra_id.clone(),
            cluster_id: Some(identity.cluster_id.clone()),
            cluster_name: Some(root.spec.cluster_name.clone()),
            base_domain: Some(root.spec.base_domain.clone()),
            metadata_json_secret_ref: identity
                .metadata_secret
                .as_ref()
                .map(LocalObjectReference::new),
            platform: Some(platform(&root, identity)),
        },
        status: None,
    };
    let (reader, writer) = (
        &clusters.shared.context.reader,
        &clusters.shared.context.writer,
    );
    owned::create(reader, writer, &deprovision, &owner)
        .await
        .map_err(|source| Error::Create {
            what: "the ClusterDeprovision".to_owned(),
            source,
        })
}

/// The platform section (docs/spec/10 §19 step 6). Of platforms that this version cannot delete, only the
/// kind matters to its readers; their sections stay empty until it can.
fn platform(root: &ClusterDeployment, identity: &Identity) -> DeprovisionPlatform {
    let platform = &root.spec.platform;
    let mut section = DeprovisionPlatform::default();
    match platform.kind() {
        PlatformKind::Aws => {
            section.aws = platform.aws.as_ref().map(|from| aws::Deprovision {
                region: from.region.clone(),
                credentials_secret_ref: from.credentials_secret_ref.clone(),
                credentials_assume_role: from.credentials_assume_role.clone(),
                hosted_zone_role: identity.facts.hosted_zone_role.clone(),
            });
        }
        PlatformKind::Azure => {
            section.azure = platform.azure.as_ref().map(|from| azure::Deprovision {
                base_domain_resource_group_name: from.base_domain_resource_group_name.clone(),
                cloud_name: from.cloud_name.clone(),
                credentials_secret_ref: Some(from.credentials_secret_ref.clone()),
                resource_group_name: identity.facts.resource_group.clone(),
            });
        }
        PlatformKind::Gcp => {
            section.gcp = platform.gcp.as_ref().map(|from| gcp::Deprovision {
                credentials_secret_ref: from.credentials_secret_ref.clone(),
                network_project_id: identity.facts.network_project.clone(),
                region: from.region.clone(),
            });
        }
        PlatformKind::OpenStack
        | PlatformKind::VSphere
        | PlatformKind::BareMetal
        | PlatformKind::AgentBareMetal
        | PlatformKind::IbmCloud
        | PlatformKind::None
        | PlatformKind::Nutanix
        | PlatformKind::Unknown => {}
    }
    section
}

/// With the metadata Secret, which is held until the erasure is over.
pub(super) async fn start_erasure(clusters: &Clusters, observed: &Observed) -> Result<(), Error> {
    let root = fresh(clusters, observed).await?;
    let Some(identity) = &observed.identity else {
        return Err(Error::Changed {
            what: "spec.clusterMetadata".to_owned(),
        });
    };
    let name = observed.metadata_secret();
    let reader = &clusters.shared.context.reader;
    let found = reader.get_live::<Secret>(observed.namespace(), &name).await;
    let found = found.map_err(|source| Error::Read {
        what: "the metadata Secret",
        source,
    })?;
    let data = found.map(data_of).unwrap_or_default();
    let account = data.text(CLOUD_ACCOUNT_SECRET_KEY).map(str::to_owned);
    let acknowledged = root.annotations().get(ACKNOWLEDGE_EMPTY_ANNOTATION);
    let wishes = Wishes {
        acknowledge_empty: annotation::is_true(acknowledged.map(String::as_str)),
        ..Wishes::default()
    };
    let request = Request {
        started_by: observed.at.key.uid.clone(),
        subject: Subject {
            namespace: observed.namespace().to_owned(),
            cluster: observed.name().to_owned(),
            cluster_uid: observed.at.key.uid.clone(),
            infra_id: identity.infra_id.clone(),
        },
        platform: observed.platform.kind,
        metadata_json: data
            .get(secret_key::METADATA_JSON)
            .unwrap_or_default()
            .to_vec(),
        base_domain: Some(root.spec.base_domain.clone()),
        account: account.or_else(|| observed.account.clone()),
        credentials: credentials_ref(&root),
    };
    clusters.shared.erasures.start_with(request, wishes);
    Ok(())
}
