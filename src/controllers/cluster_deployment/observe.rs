//! Reads one ClusterDeployment and all that belongs to it into an [`Observed`].
//!
//! Secrets' contents are read only where a decision may depend on them, and leave as facts and digests.

use std::collections::BTreeMap;

use futures::try_join;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::ResourceExt as _;
use kube::core::PartialObjectMeta;
use skep_crds::names::condition::{cd, deprovision};
use skep_crds::names::skep::{
    CLOUD_ACCOUNT_ANNOTATION, CLOUD_ACCOUNT_SECRET_KEY, IN_USE_FINALIZER, INPUTS_ANNOTATION,
    TRIES_ANNOTATION,
};
use skep_crds::names::{label, object_name, secret_key, value};
use skep_crds::platform::PlatformKind;
use skep_crds::{ClusterDeployment, ClusterDeprovision, condition};

use super::observed::{
    Deprovision, Identity, ImageJob, Images, Limits, Observed, Origin, Platform, PlatformFacts,
    Progress, Recorded, Secrets, Settings,
};
use super::{Clusters, Error, parse, reading};
use crate::controllers::erasure;
use crate::controllers::inputs::{Read, is_held};
use crate::controllers::secrets::{self, HELD, NEEDS};
use crate::install::install_config::Facts as InstallConfig;
use crate::runtime::{At, Freshness, RequestError, bell};

pub(super) async fn observe(
    clusters: &Clusters,
    root: &ClusterDeployment,
    how: Freshness,
) -> Result<Observed, Error> {
    let at = At::of(root);
    let (namespace, name) = (at.key.namespace.as_str(), at.key.name.as_str());
    let (reader, stores) = (&clusters.shared.context.reader, &clusters.shared.stores);
    let by_name = label::CLUSTER_DEPLOYMENT_NAME;
    let (provisions, jobs, pods, deprovision, space, trusted_ca) = try_join!(
        reader.labelled(how, &stores.provisions, namespace, by_name, name),
        reader.labelled(how, &stores.jobs, namespace, by_name, name),
        reader.labelled(how, &stores.pods, namespace, by_name, name),
        reader.get(how, &stores.deprovisions, namespace, name),
        reader.get(how, &stores.namespaces, "", namespace),
        reader.get(
            how,
            &stores.config_maps,
            namespace,
            object_name::TRUSTED_CA_CONFIG_MAP
        ),
    )
    .map_err(|source| Error::Read {
        what: "what belongs to the cluster",
        source,
    })?;
    let config = clusters.shared.config.get();
    let created = parse::created_of(root);
    let kind = root.spec.platform.kind();
    let wishes = parse::wishes(root, created);
    let identity = parse::identity(root);
    let mut attempts: Vec<_> = provisions
        .iter()
        .map(|provision| parse::attempt(provision, kind))
        .collect();
    attempts.sort_by(|a, b| (a.number, &a.name).cmp(&(b.number, &b.name)));
    let (inputs, endpoints) = reading::inputs(clusters, root, how).await?;
    let images = images(root, &jobs, &pods, &inputs);
    let secrets =
        observed_secrets(clusters, root, how, identity.as_ref(), endpoints.as_ref()).await?;
    let status = root.status.as_ref();
    let recorded = |type_: &str| condition::find(root.conditions(), type_);
    let holds = |type_: &str| condition::is_true(root.conditions(), type_);
    let reason = |type_| recorded(type_).map_or(String::new(), |found| found.reason().to_owned());
    Ok(Observed {
        created,
        deleting_since: root.metadata.deletion_timestamp.as_ref().map(|time| time.0),
        stale_labels: stale_labels(root, kind),
        finalizers: root.finalizers().to_vec(),
        platform: Platform {
            kind,
            supported: clusters.shared.clouds.supports(kind),
            manage_dns: root.spec.manages_dns(),
        },
        origin: origin(root),
        installed: root.spec.installed,
        account: root.annotations().get(CLOUD_ACCOUNT_ANNOTATION).cloned(),
        preserve: root.spec.preserves_on_delete(),
        progress: Progress {
            provision: root.provision().map(str::to_owned),
            restarts: root.install_restarts(),
            started: status.is_some_and(|status| status.install_started_timestamp.is_some()),
            stamped: status.is_some_and(|status| status.installed_timestamp.is_some()),
            api_url_known: status.is_some_and(|status| status.api_url.is_some()),
        },
        limits: Limits {
            attempts: root.spec.install_attempts_limit,
            retry_reasons: config.failed_provision.retry_reasons.clone(),
        },
        living_pods: living(&jobs, &pods),
        deprovision: deprovision.as_deref().map(deprovision_of),
        erasure: erasure_state(clusters, &at.key.uid),
        namespace_terminating: space
            .is_some_and(|space| space.metadata.deletion_timestamp.is_some()),
        trusted_ca: trusted_ca.is_some(),
        settings: Settings {
            protect: config.protected_delete,
            deprovisions_disabled: config.deprovisions_disabled,
            image_known: !config.operator_image.image.is_empty(),
        },
        recorded: Recorded {
            requirements: reason(cd::REQUIREMENTS_MET),
            provisioned: reason(cd::PROVISIONED),
            launch_error: holds(cd::DEPROVISION_LAUNCH_ERROR),
            install_launch_error: holds(cd::INSTALL_LAUNCH_ERROR),
        },
        wishes,
        identity,
        inputs,
        images,
        attempts,
        secrets,
        at,
    })
}

fn erasure_state(clusters: &Clusters, uid: &str) -> erasure::State {
    clusters.shared.erasures.state(uid)
}

fn origin(root: &ClusterDeployment) -> Origin {
    match (&root.spec.provisioning, &root.spec.cluster_install_ref) {
        (Some(_), _) => Origin::Provisioning,
        (None, Some(_)) => Origin::ClusterInstall,
        (None, None) => Origin::Unsaid,
    }
}

fn stale_labels(root: &ClusterDeployment, kind: PlatformKind) -> BTreeMap<String, String> {
    let wanted = [
        Some((label::CLUSTER_PLATFORM, kind.label())),
        root.spec
            .platform
            .region_label()
            .map(|region| (label::CLUSTER_REGION, region)),
    ];
    let stale =
        |(key, wanted): &(&str, &str)| root.labels().get(*key).map(String::as_str) != Some(*wanted);
    let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    wanted
        .into_iter()
        .flatten()
        .filter(stale)
        .map(owned)
        .collect()
}

/// Install pods that may still call the cloud, and install Jobs that may still make one.
fn living(jobs: &[std::sync::Arc<Job>], pods: &[std::sync::Arc<Pod>]) -> usize {
    let installs = |labels: &BTreeMap<String, String>| {
        labels.get(label::JOB_TYPE).map(String::as_str) == Some(value::JOB_TYPE_PROVISION)
    };
    let pods = pods.iter().filter(|pod| {
        let phase = pod
            .status
            .as_ref()
            .and_then(|status| status.phase.as_deref());
        installs(pod.labels()) && !matches!(phase, Some("Succeeded" | "Failed"))
    });
    let jobs = jobs
        .iter()
        .filter(|job| installs(job.labels()) && ended(job).is_none());
    pods.count() + jobs.count()
}

fn deprovision_of(found: &ClusterDeprovision) -> Deprovision {
    let conditions = found.conditions();
    let authentication = condition::find(conditions, deprovision::AUTHENTICATION_FAILURE);
    let failed = condition::find(conditions, deprovision::DEPROVISION_FAILED);
    let summary = conditions
        .iter()
        .find(|found| found.type_ == skep_crds::names::condition::skep::DEPROVISION_PROGRESSING)
        .or_else(|| failed.filter(|failed| failed.is_true()));
    Deprovision {
        uid: found.uid().unwrap_or_default(),
        created: parse::created_of(found),
        deleting: found.metadata.deletion_timestamp.is_some(),
        completed: found.is_completed(),
        authentication: authentication.map(|found| {
            (
                found.is_true(),
                found.reason().to_owned(),
                found.message().to_owned(),
            )
        }),
        summary: summary.map(|found| found.message().to_owned()),
    }
}

fn images(
    root: &ClusterDeployment,
    jobs: &[std::sync::Arc<Job>],
    pods: &[std::sync::Arc<Pod>],
    inputs: &super::observed::Inputs,
) -> Images {
    let status = root.status.as_ref();
    let resolved =
        status.is_some_and(|status| status.installer_image.is_some() && status.cli_image.is_some());
    let provisioning = root.spec.provisioning.as_ref();
    let reported = condition::find(root.conditions(), cd::INSTALLER_IMAGE_RESOLUTION_FAILED);
    let name = object_name::image_set_job(&root.name_any());
    let job = jobs.iter().find(|job| job.name_any() == name);
    Images {
        resolved,
        installer_override: provisioning
            .and_then(|provisioning| provisioning.installer_image_override.clone())
            .filter(|image| !image.is_empty()),
        job: job.map_or(ImageJob::Absent, |job| image_job(job, pods)),
        inputs: reading::image_inputs(root, inputs),
        reported_failure: reported
            .filter(|reported| reported.is_true())
            .map(|reported| reported.message().to_owned()),
    }
}

fn image_job(job: &Job, pods: &[std::sync::Arc<Pod>]) -> ImageJob {
    let uid = job.uid().unwrap_or_default();
    if job.metadata.deletion_timestamp.is_some() {
        return ImageJob::Leaving;
    }
    let annotation = |name: &str| job.annotations().get(name).cloned().unwrap_or_default();
    match ended(job) {
        None => {
            let of_job = |pod: &&std::sync::Arc<Pod>| {
                pod.owner_references().iter().any(|owner| owner.uid == uid)
            };
            let stuck = pods
                .iter()
                .filter(of_job)
                .find_map(|pod| reading::stuck(pod));
            ImageJob::Running {
                since: parse::created_of(job),
                stuck,
                uid,
            }
        }
        Some(Ended { at, failure }) => ImageJob::Ended {
            uid,
            at,
            tries: annotation(TRIES_ANNOTATION).parse().unwrap_or_default(),
            inputs: annotation(INPUTS_ANNOTATION),
            failure,
        },
    }
}

struct Ended {
    at: jiff::Timestamp,
    failure: Option<(String, String)>,
}

fn ended(job: &Job) -> Option<Ended> {
    let conditions = job.status.as_ref()?.conditions.as_ref()?;
    let over = conditions.iter().find(|condition| {
        condition.status == "True" && matches!(condition.type_.as_str(), "Complete" | "Failed")
    })?;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    Some(Ended {
        at: over
            .last_transition_time
            .as_ref()
            .map_or_else(|| parse::created_of(job), |time| time.0),
        failure: (over.type_ == "Failed").then(|| (text(&over.reason), text(&over.message))),
    })
}

/// The Secrets around an installed or running cluster.
async fn observed_secrets(
    clusters: &Clusters,
    root: &ClusterDeployment,
    how: Freshness,
    identity: Option<&Identity>,
    install_config: Option<&InstallConfig>,
) -> Result<Secrets, Error> {
    let failed = |source| Error::Read {
        what: "the cluster's Secrets",
        source,
    };
    let namespace = root.namespace().unwrap_or_default();
    let deleting = root.metadata.deletion_timestamp.is_some();
    let metadata = metadata_facts(clusters, root, how, identity)
        .await
        .map_err(failed)?;
    let zone_role = match (&metadata, install_config) {
        (Read::Known(facts), _) => Read::Known(facts.facts.hosted_zone_role.clone()),
        (Read::Unread, _) => Read::Unread,
        (Read::Absent, Some(config)) => Read::Known(config.hosted_zone_role.clone()),
        (Read::Absent, None) => Read::Absent,
    };
    let mut secrets = Secrets {
        to_hold: Vec::new(),
        to_release: Vec::new(),
        metadata: metadata.map(|facts| facts.digest),
        unclaimed: Vec::new(),
        api_url: Read::Absent,
        discovered_zone_role: zone_role,
    };
    if deleting {
        secrets.to_release = to_release(clusters, root, how).await.map_err(failed)?;
        return Ok(secrets);
    }
    for name in secrets::needed(root) {
        let meta = meta_of(clusters, how, &namespace, &name)
            .await
            .map_err(failed)?;
        if meta.is_some_and(|meta| {
            meta.metadata.deletion_timestamp.is_none() && !is_held(&meta, IN_USE_FINALIZER)
        }) {
            secrets.to_hold.push(name);
        }
    }
    if let Some(identity) = identity.filter(|_| root.spec.installed) {
        for name in [Some(&identity.kubeconfig), identity.password.as_ref()]
            .into_iter()
            .flatten()
        {
            let meta = meta_of(clusters, how, &namespace, name)
                .await
                .map_err(failed)?;
            if meta.is_some_and(|meta| !is_claimed(&meta, root)) {
                secrets.unclaimed.push(name.clone());
            }
        }
        if root
            .status
            .as_ref()
            .is_none_or(|status| status.api_url.is_none())
        {
            let at = (namespace.as_str(), identity.kubeconfig.as_str());
            let url = clusters.shared.inputs.secret(how, at, "api-url", |data| {
                data.text(secret_key::KUBECONFIG).and_then(parse::api_url)
            });
            secrets.api_url = url.await.map_err(failed)?;
        }
    }
    Ok(secrets)
}

async fn meta_of(
    clusters: &Clusters,
    how: Freshness,
    namespace: &str,
    name: &str,
) -> Result<Option<std::sync::Arc<PartialObjectMeta<Secret>>>, RequestError> {
    let (reader, stores) = (&clusters.shared.context.reader, &clusters.shared.stores);
    if name.is_empty() {
        return Ok(None);
    }
    reader.get(how, &stores.secrets, namespace, name).await
}

fn is_claimed(secret: &PartialObjectMeta<Secret>, root: &ClusterDeployment) -> bool {
    let labelled =
        secret.labels().get(label::CLUSTER_DEPLOYMENT_NAME) == root.metadata.name.as_ref();
    let uid = root.metadata.uid.as_deref();
    labelled
        && secret
            .owner_references()
            .iter()
            .any(|owner| Some(owner.uid.as_str()) == uid)
}

#[derive(Clone)]
struct MetadataFacts {
    digest: String,
    facts: PlatformFacts,
}

async fn metadata_facts(
    clusters: &Clusters,
    root: &ClusterDeployment,
    how: Freshness,
    identity: Option<&Identity>,
) -> Result<Read<MetadataFacts>, RequestError> {
    let namespace = root.namespace().unwrap_or_default();
    let name = identity
        .and_then(|identity| identity.metadata_secret.clone())
        .unwrap_or_else(|| object_name::metadata_json_secret(&root.name_any()));
    let kind = root.spec.platform.kind();
    let infra_id = identity
        .map_or("", |identity| identity.infra_id.as_str())
        .to_owned();
    let parse = move |data: &skep_providers::SecretData| {
        let metadata = data.get(secret_key::METADATA_JSON).unwrap_or_default();
        MetadataFacts {
            digest: parse::metadata_digest(metadata, data.text(CLOUD_ACCOUNT_SECRET_KEY)),
            facts: parse::facts_of_metadata(metadata, kind, &infra_id),
        }
    };
    clusters
        .shared
        .inputs
        .secret(how, (&namespace, &name), "metadata", parse)
        .await
}

/// Held Secrets of the namespace that no other cluster needs.
async fn to_release(
    clusters: &Clusters,
    root: &ClusterDeployment,
    how: Freshness,
) -> Result<Vec<String>, RequestError> {
    let (reader, stores) = (&clusters.shared.context.reader, &clusters.shared.stores);
    let namespace = root.namespace().unwrap_or_default();
    let uid = root.metadata.uid.clone();
    let neighbours = match how {
        Freshness::Cached => None,
        Freshness::Live => Some(
            reader
                .list_live::<ClusterDeployment>(&namespace, "")
                .await?,
        ),
    };
    let held: Vec<_> = match how {
        Freshness::Cached => stores.secrets.indexed(HELD, &namespace),
        Freshness::Live => {
            let all = reader
                .list_live::<PartialObjectMeta<Secret>>(&namespace, "")
                .await?;
            all.into_iter()
                .filter(|secret| is_held(secret, IN_USE_FINALIZER))
                .collect()
        }
    };
    let needed_by_others = |name: &str| match &neighbours {
        Some(all) => all
            .iter()
            .any(|other| other.metadata.uid != uid && secrets::needed(other).contains(name)),
        None => stores
            .clusters
            .indexed(NEEDS, &bell::reference(&namespace, name))
            .iter()
            .any(|other| other.metadata.uid != uid),
    };
    Ok(held
        .iter()
        .map(|secret| secret.name_any())
        .filter(|name| !needed_by_others(name))
        .collect())
}
