//! Reads one ClusterDeployment and all that belongs to it into an [`Observed`].
//!
//! Secrets' contents are read only where a decision may depend on them, and leave as facts and digests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::try_join_all;
use futures::try_join;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::core::PartialObjectMeta;
use kube::{Resource as _, ResourceExt as _};
use skep_crds::names::condition::{cd, deprovision};
use skep_crds::names::skep::{
    CLOUD_ACCOUNT_ANNOTATION, CLOUD_ACCOUNT_SECRET_KEY, IN_USE_FINALIZER, INPUTS_ANNOTATION,
    TRIES_ANNOTATION,
};
use skep_crds::names::{label, object_name, reason, secret_key, value};
use skep_crds::platform::PlatformKind;
use skep_crds::{ClusterDeployment, ClusterDeprovision, condition};

use super::observed::{
    Deprovision, Identity, ImageJob, Images, Limits, Observed, Origin, Platform, PlatformFacts,
    Progress, Recorded, Secrets, Settings,
};
use super::{Clusters, Error, parse, reading};
use crate::controllers::erasure;
use crate::controllers::inputs::{Read, is_held};
use crate::controllers::receipts::Subject;
use crate::controllers::secrets::{self, HELD, NEEDS};
use crate::runtime::{At, Freshness, Guarded, RequestError, bell};

pub(super) async fn observe(
    clusters: &Clusters,
    root: &ClusterDeployment,
    how: Freshness,
) -> Result<Observed, Error> {
    let at = At::of(root);
    let (namespace, name) = (at.key.namespace.as_str(), at.key.name.as_str());
    let (reader, stores) = (&clusters.shared.context.reader, &clusters.shared.stores);
    let by_name = label::CLUSTER_DEPLOYMENT_NAME;
    let identity = parse::identity(root);
    let trusted_ca = object_name::TRUSTED_CA_CONFIG_MAP;
    let belongings = async {
        try_join!(
            reader.labelled(how, &stores.provisions, namespace, by_name, name),
            reader.labelled(how, &stores.jobs, namespace, by_name, name),
            reader.labelled(how, &stores.pods, namespace, by_name, name),
            reader.get(how, &stores.deprovisions, namespace, name),
            reader.get(how, &stores.namespaces, "", namespace),
            reader.get(how, &stores.config_maps, namespace, trusted_ca),
        )
        .map_err(|source| Error::Read {
            what: "what belongs to the cluster",
            source,
        })
    };
    // A live observation is as long as its longest chain of requests, so all start at once.
    let (belongings, (inputs, install_config), mut secrets, receipt) = try_join!(
        belongings,
        reading::inputs(clusters, root, how),
        observed_secrets(clusters, root, how, identity.as_ref()),
        proof(clusters, root, how, identity.as_ref()),
    )?;
    let (provisions, jobs, pods, deprovision, space, trusted_ca) = belongings;
    if let (Read::Absent, Some(config)) = (&secrets.discovered_zone_role, install_config) {
        secrets.discovered_zone_role = Read::Known(config.hosted_zone_role);
    }
    let config = clusters.shared.config.get();
    let created = parse::created_of(root);
    let kind = root.spec.platform.kind();
    let wishes = parse::wishes(root, created);
    let mut attempts: Vec<_> = provisions
        .iter()
        .map(|provision| parse::attempt(provision, kind))
        .collect();
    attempts.sort_by(|a, b| (a.number, &a.name).cmp(&(b.number, &b.name)));
    let images = images(root, &jobs, &pods, &inputs);
    let status = root.status.as_ref();
    let recorded = |type_: &str| condition::find(root.conditions(), type_);
    let holds = |type_: &str| condition::is_true(root.conditions(), type_);
    let reason_of =
        |type_| recorded(type_).map_or(String::new(), |found| found.reason().to_owned());
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
        used_by: identity.as_ref().and_then(|identity| {
            let own = root.uid();
            secrets::used_by(&stores.clusters, &identity.infra_id, own.as_deref())
        }),
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
        trouble: None,
        settings: Settings {
            protect: config.protected_delete,
            deprovisions_disabled: config.deprovisions_disabled,
            image_known: !config.operator_image.image.is_empty(),
        },
        recorded: Recorded {
            requirements: reason_of(cd::REQUIREMENTS_MET),
            provisioned: reason_of(cd::PROVISIONED),
            receipt,
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

/// See [`Recorded::receipt`].
async fn proof(
    clusters: &Clusters,
    root: &ClusterDeployment,
    how: Freshness,
    identity: Option<&Identity>,
) -> Result<bool, Error> {
    let provisioned = condition::find(root.conditions(), cd::PROVISIONED);
    let said = provisioned.is_some_and(|found| found.reason() == reason::DEPROVISIONED);
    let (true, Some(identity)) = (said, identity) else {
        return Ok(false);
    };
    if how == Freshness::Cached {
        return Ok(true);
    }
    let subject = Subject {
        namespace: root.namespace().unwrap_or_default(),
        cluster: root.name_any(),
        cluster_uid: root.uid().unwrap_or_default(),
        infra_id: identity.infra_id.clone(),
    };
    let receipts = clusters.shared.erasures.receipts();
    receipts
        .prove(&subject)
        .await
        .map_err(|source| Error::Read {
            what: "the receipt of the erasure",
            source,
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
        infra_id: found.spec.infra_id.clone(),
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
) -> Result<Secrets, Error> {
    let (metadata, to_release, (to_hold, leaving), unclaimed, api_url) = try_join!(
        metadata_facts(clusters, root, how, identity),
        to_release(clusters, root, how),
        needed(clusters, root, how),
        unclaimed(clusters, root, how, identity),
        api_url(clusters, root, how, identity),
    )
    .map_err(|source| Error::Read {
        what: "the cluster's Secrets",
        source,
    })?;
    let discovered_zone_role = metadata
        .clone()
        .map(|facts| facts.facts.hosted_zone_role.clone());
    Ok(Secrets {
        to_hold,
        leaving,
        to_release,
        metadata: metadata.map(|facts| facts.digest),
        unclaimed,
        api_url,
        discovered_zone_role,
    })
}

/// Secrets that the cluster needs: those that may be deleted with their namespace, and those that somebody
/// deletes in vain.
async fn needed(
    clusters: &Clusters,
    root: &ClusterDeployment,
    how: Freshness,
) -> Result<(Vec<String>, Vec<String>), RequestError> {
    if root.metadata.deletion_timestamp.is_some() {
        return Ok((Vec::new(), Vec::new()));
    }
    let (mut to_hold, mut leaving) = (Vec::new(), Vec::new());
    for secret in those(clusters, root, how, secrets::needed(root)).await? {
        let deleted = secret.metadata.deletion_timestamp.is_some();
        match (deleted, is_held(&secret, IN_USE_FINALIZER)) {
            (false, false) => to_hold.push(secret.name_any()),
            (true, true) => leaving.push(secret.name_any()),
            // As it should be; and too late to hold.
            (false, true) | (true, false) => {}
        }
    }
    Ok((to_hold, leaving))
}

/// Secrets of an installed cluster that do not name it as their owner yet.
async fn unclaimed(
    clusters: &Clusters,
    root: &ClusterDeployment,
    how: Freshness,
    identity: Option<&Identity>,
) -> Result<Vec<String>, RequestError> {
    let Some(identity) = identity.filter(|_| is_running(root)) else {
        return Ok(Vec::new());
    };
    let names = [Some(&identity.kubeconfig), identity.password.as_ref()];
    let names = names.into_iter().flatten().cloned();
    let mut unclaimed = those(clusters, root, how, names).await?;
    unclaimed.retain(|secret| !is_claimed(secret, root));
    Ok(unclaimed.iter().map(|secret| secret.name_any()).collect())
}

/// The address of the cluster's API, as long as its status does not say it.
async fn api_url(
    clusters: &Clusters,
    root: &ClusterDeployment,
    how: Freshness,
    identity: Option<&Identity>,
) -> Result<Read<Option<String>>, RequestError> {
    let said = root
        .status
        .as_ref()
        .is_some_and(|status| status.api_url.is_some());
    let Some(identity) = identity.filter(|_| is_running(root) && !said) else {
        return Ok(Read::Absent);
    };
    let namespace = root.namespace().unwrap_or_default();
    let at = (namespace.as_str(), identity.kubeconfig.as_str());
    let parse = |data: &skep_providers::SecretData| {
        data.text(secret_key::KUBECONFIG).and_then(parse::api_url)
    };
    clusters
        .shared
        .inputs
        .secret(how, at, "api-url", parse)
        .await
}

fn is_running(root: &ClusterDeployment) -> bool {
    root.spec.installed && root.metadata.deletion_timestamp.is_none()
}

/// Those of the named Secrets that exist.
async fn those(
    clusters: &Clusters,
    root: &ClusterDeployment,
    how: Freshness,
    names: impl IntoIterator<Item = String>,
) -> Result<Vec<Arc<Meta>>, RequestError> {
    let (reader, stores) = (&clusters.shared.context.reader, &clusters.shared.stores);
    let namespace = root.namespace().unwrap_or_default();
    let names = names.into_iter().filter(|name| !name.is_empty());
    let read = names.map(async |name| reader.get(how, &stores.secrets, &namespace, &name).await);
    let read = try_join_all(read).await?;
    Ok(read.into_iter().flatten().collect())
}

type Meta = PartialObjectMeta<Secret>;

fn is_claimed(secret: &Meta, root: &ClusterDeployment) -> bool {
    let labelled = !label::can_hold(&root.name_any())
        || secret.labels().get(label::CLUSTER_DEPLOYMENT_NAME) == root.metadata.name.as_ref();
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

/// What a cluster that goes gives free: held Secrets of the namespace that no other cluster needs.
async fn to_release(
    clusters: &Clusters,
    root: &ClusterDeployment,
    how: Freshness,
) -> Result<Vec<String>, RequestError> {
    if root.metadata.deletion_timestamp.is_none() {
        return Ok(Vec::new());
    }
    let (reader, stores) = (&clusters.shared.context.reader, &clusters.shared.stores);
    let namespace = root.namespace().unwrap_or_default();
    let uid = root.metadata.uid.clone();
    if how == Freshness::Cached {
        let free = |name: &String| {
            let needing = bell::reference(&namespace, name);
            let mut needing = stores.clusters.indexed(NEEDS, &needing).into_iter();
            needing.all(|other| other.metadata.uid == uid)
        };
        let held = stores.secrets.indexed(HELD, &namespace);
        return Ok(held
            .iter()
            .map(|secret| secret.name_any())
            .filter(free)
            .collect());
    }
    let (neighbours, secrets) = try_join!(
        reader.list_live_guarded::<ClusterDeployment>(&namespace, ""),
        reader.list_live::<Meta>(&namespace, ""),
    )?;
    let others = neighbours.iter().filter(|other| other.meta().uid != uid);
    let others: Option<Vec<_>> = others.map(Guarded::decoded).collect();
    let Some(others) = others else {
        // One that cannot be read may need any of them. The held-Secrets controller lets them go once it
        // can be read; this cluster need not wait for that.
        return Ok(Vec::new());
    };
    let needed: BTreeSet<String> = others
        .iter()
        .flat_map(|other| secrets::needed(other))
        .collect();
    let held = secrets
        .iter()
        .filter(|secret| is_held(secret, IN_USE_FINALIZER));
    Ok(held
        .map(|secret| secret.name_any())
        .filter(|name| !needed.contains(name))
        .collect())
}
