//! Takes the steps of an attempt: one `match`, one effect per arm, each safe to take twice.

use std::collections::BTreeMap;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{PodSpec, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::ResourceExt as _;
use serde_json::json;
use skep_crds::names::skep::{
    ACKNOWLEDGE_EMPTY_ANNOTATION, CLEANED_UP_ANNOTATION, CLOUD_ACCOUNT_ANNOTATION,
};
use skep_crds::names::{annotation, label, object_name, value};
use skep_crds::{ClusterDeployment, ClusterProvision, Stage};

use super::decide::Step;
use super::observed::Observed;
use super::{Attempts, Error};
use crate::controllers::credentials::CredentialsRef;
use crate::controllers::erasure::{Request, Wishes};
use crate::controllers::owned;
use crate::controllers::receipts::Subject;
use crate::controllers::rights;
use crate::install::{job::InstallJob, rbac};
use crate::runtime::At;

pub(super) async fn act(attempts: &Attempts, observed: &Observed, step: Step) -> Result<(), Error> {
    match step {
        Step::PrepareRights => prepare_rights(attempts, observed).await,
        Step::CreateJob { name } => create_job(attempts, observed, name).await,
        Step::EndRights => {
            let (reader, writer) = (&attempts.context.reader, &attempts.context.writer);
            let Observed {
                namespace,
                name,
                uid,
                ..
            } = observed;
            rights::end(reader, writer, namespace, name, uid)
                .await
                .map_err(|source| Error::Delete {
                    what: "the installer's Role".to_owned(),
                    source,
                })
        }
        Step::MoveStage { from, to } => move_stage(attempts, observed, &from, &to).await,
        Step::StartCleanUp => start_clean_up(attempts, observed).await,
        Step::StopCleanUp => {
            attempts.erasures.abandon(&observed.uid);
            Ok(())
        }
        Step::DeleteAdminSecrets => delete_admin_secrets(attempts, observed).await,
        Step::MarkCleanedUp => {
            let now = attempts.context.clock.now().to_string();
            let patch = json!({"metadata": {"annotations": {CLEANED_UP_ANNOTATION: now}}});
            merge(attempts, observed, patch).await
        }
        Step::DeleteJob { name } => {
            let (reader, writer) = (&attempts.context.reader, &attempts.context.writer);
            owned::delete::<Job>(reader, writer, &observed.namespace, &name, &observed.uid)
                .await
                .map_err(|source| Error::Delete { what: name, source })
        }
    }
}

/// Role, binding, and the two admin Secrets; the password Secret last, because its presence says that all
/// are there.
async fn prepare_rights(attempts: &Attempts, observed: &Observed) -> Result<(), Error> {
    let (root, owner) = fresh(attempts, observed).await?;
    let pod = pod_spec(&root)?;
    let holder = rbac::Holder {
        namespace: &observed.namespace,
        cluster: &observed.cluster,
        owner: owner.clone(),
    };
    let role = rbac::install_role(
        &holder,
        &observed.name,
        root.spec.prev_provision_name.as_deref(),
        &pod,
    );
    let binding = rbac::binding(&role);
    let kubeconfig = admin_secret(
        observed,
        object_name::admin_kubeconfig_secret(&observed.name),
        value::SECRET_TYPE_KUBECONFIG,
        &owner,
    );
    let password = admin_secret(
        observed,
        object_name::admin_password_secret(&observed.name),
        value::SECRET_TYPE_KUBEADMIN_CREDENTIALS,
        &owner,
    );
    let (reader, writer) = (&attempts.context.reader, &attempts.context.writer);
    let failed = |what: &str| {
        let what = what.to_owned();
        move |source| Error::Create { what, source }
    };
    owned::create(reader, writer, &role, &owner)
        .await
        .map_err(failed("the installer's Role"))?;
    owned::create(reader, writer, &binding, &owner)
        .await
        .map_err(failed("its RoleBinding"))?;
    for secret in [kubeconfig, password] {
        owned::create(reader, writer, &secret, &owner)
            .await
            .map_err(failed("an admin Secret"))?;
    }
    Ok(())
}

fn admin_secret(observed: &Observed, name: String, kind: &str, owner: &OwnerReference) -> Secret {
    let labels = [
        (label::CLUSTER_PROVISION_NAME, observed.name.as_str()),
        (label::CLUSTER_DEPLOYMENT_NAME, observed.cluster.as_str()),
        (label::SECRET_TYPE, kind),
    ];
    Secret {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: Some(observed.namespace.clone()),
            labels: Some(
                labels
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .into(),
            ),
            owner_references: Some(vec![owner.clone()]),
            ..ObjectMeta::default()
        },
        type_: Some("Opaque".to_owned()),
        ..Secret::default()
    }
}

async fn create_job(attempts: &Attempts, observed: &Observed, name: String) -> Result<(), Error> {
    let (root, owner) = fresh(attempts, observed).await?;
    let labels: BTreeMap<String, String> = root.labels().clone();
    let job = InstallJob {
        provision: &observed.name,
        namespace: &observed.namespace,
        labels: &labels,
        owner: owner.clone(),
        pod: pod_spec(&root)?,
        scheduling: &attempts.config.get().scheduling,
        log_fields: root
            .annotations()
            .get(annotation::ADDITIONAL_LOG_FIELDS)
            .map(String::as_str),
    };
    let (reader, writer) = (&attempts.context.reader, &attempts.context.writer);
    owned::create(reader, writer, &job.build(), &owner)
        .await
        .map_err(|source| Error::Create { what: name, source })
}

async fn move_stage(
    attempts: &Attempts,
    observed: &Observed,
    from: &Stage,
    to: &Stage,
) -> Result<(), Error> {
    let (root, _) = fresh(attempts, observed).await?;
    if root.spec.stage != *from {
        return Err(Error::StageMoved {
            expected: from.as_str().to_owned(),
        });
    }
    let patch = json!({"spec": {"stage": to.as_str()}});
    attempts
        .context
        .writer
        .merge::<ClusterProvision>(&At::of(&root), patch)
        .await
        .map(drop)
        .map_err(|source| Error::Patch { source })
}

/// With this attempt's own metadata and account (docs/spec/10 §26.1 W6).
async fn start_clean_up(attempts: &Attempts, observed: &Observed) -> Result<(), Error> {
    let (root, _) = fresh(attempts, observed).await?;
    let reader = &attempts.context.reader;
    let cluster = reader
        .get_live::<ClusterDeployment>(&observed.namespace, &observed.cluster)
        .await;
    let cluster = cluster.map_err(|source| Error::Read {
        what: "the ClusterDeployment",
        source,
    })?;
    let cluster = cluster.ok_or(Error::NoCluster)?;
    let acknowledged = cluster.annotations().get(ACKNOWLEDGE_EMPTY_ANNOTATION);
    let wishes = Wishes {
        acknowledge_empty: annotation::is_true(acknowledged.map(String::as_str)),
        ..Wishes::default()
    };
    let platform = &cluster.spec.platform;
    let role = platform
        .aws
        .as_ref()
        .and_then(|aws| aws.credentials_assume_role.as_ref());
    let request = Request {
        started_by: observed.uid.clone(),
        subject: Subject {
            namespace: observed.namespace.clone(),
            cluster: observed.cluster.clone(),
            cluster_uid: cluster.uid().unwrap_or_default(),
            infra_id: root.spec.infra_id.clone().unwrap_or_default(),
        },
        platform: platform.kind(),
        metadata_json: root.spec.metadata_json().unwrap_or_default().to_vec(),
        base_domain: Some(cluster.spec.base_domain.clone()),
        account: root.annotations().get(CLOUD_ACCOUNT_ANNOTATION).cloned(),
        credentials: CredentialsRef {
            namespace: observed.namespace.clone(),
            secret: platform.credentials_secret().map(str::to_owned),
            assume_role: role.map(|role| (role.role_arn.clone(), role.external_id.clone())),
        },
    };
    attempts.erasures.start_with(request, wishes);
    Ok(())
}

async fn delete_admin_secrets(attempts: &Attempts, observed: &Observed) -> Result<(), Error> {
    let (reader, writer) = (&attempts.context.reader, &attempts.context.writer);
    let names = [
        object_name::admin_kubeconfig_secret(&observed.name),
        object_name::admin_password_secret(&observed.name),
    ];
    for name in names {
        owned::delete::<Secret>(reader, writer, &observed.namespace, &name, &observed.uid)
            .await
            .map_err(|source| Error::Delete { what: name, source })?;
    }
    Ok(())
}

async fn merge(
    attempts: &Attempts,
    observed: &Observed,
    patch: serde_json::Value,
) -> Result<(), Error> {
    let (root, _) = fresh(attempts, observed).await?;
    let writer = &attempts.context.writer;
    let written = writer
        .merge::<ClusterProvision>(&At::of(&root), patch)
        .await;
    written.map(drop).map_err(|source| Error::Patch { source })
}

/// The attempt as it is now, if it is still the same one.
async fn fresh(
    attempts: &Attempts,
    observed: &Observed,
) -> Result<(ClusterProvision, OwnerReference), Error> {
    let reader = &attempts.context.reader;
    let root = reader
        .get_live::<ClusterProvision>(&observed.namespace, &observed.name)
        .await;
    let root = root.map_err(|source| Error::Read {
        what: "the attempt",
        source,
    })?;
    let root = root.filter(|root| root.uid().as_deref() == Some(observed.uid.as_str()));
    let root = root.ok_or(Error::Gone)?;
    let owner = owned::controller_of(&root);
    Ok((root, owner))
}

fn pod_spec(root: &ClusterProvision) -> Result<PodSpec, Error> {
    serde_json::from_value(root.spec.pod_spec.clone()).map_err(|error| Error::PodSpec {
        problem: error.to_string(),
    })
}
