//! `skep update-installer-image`: reads the release image that it runs in, and reports the images to the
//! ClusterDeployment (docs/spec/10 §8.3).
//!
//! Success and failure are one status write each; a failure is also a non-zero exit, so that the pod is
//! started anew within its Job's deadline.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, ResourceExt as _};
use serde_json::{Value, json};
use skep_crds::condition::{
    ConditionStatus, Verdict, WhenAbsent, WritePolicy, apply, sort_cluster_deployment,
};
use skep_crds::names::{annotation, condition, reason, skep::FIELD_MANAGER};
use skep_crds::{ClusterDeployment, Condition};

use crate::install::release::{Images, Wishes, resolve};
use crate::runtime::Clock;

/// Tries of the status write, when others write at the same time.
const TRIES: usize = 10;

/// Report the images of the release image that this runs in.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder with image-references and release-metadata.
    #[arg(long, default_value = "/release-manifests")]
    work_dir: PathBuf,
    /// Name of the ClusterDeployment.
    #[arg(long)]
    cluster_deployment_name: String,
    /// Its namespace.
    #[arg(long)]
    cluster_deployment_namespace: String,
}

/// Resolves and reports.
pub async fn run(args: Args) -> Result<()> {
    let client = Client::try_default()
        .await
        .context("cannot connect to the hub")?;
    let api: Api<ClusterDeployment> = Api::namespaced(client, &args.cluster_deployment_namespace);
    let name = &args.cluster_deployment_name;
    let cluster = api
        .get(name)
        .await
        .context("cannot read the ClusterDeployment")?;
    let resolved = images(&args.work_dir, &wishes(&cluster));
    let outcome = resolved.as_ref().map_err(|error| format!("{error:#}"));
    report(&api, name, outcome, Clock::real().now()).await?;
    let images = resolved?;
    tracing::info!(?images, "the images were reported");
    Ok(())
}

fn images(folder: &Path, wishes: &Wishes) -> Result<Images> {
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read_to_string(&path)
            .with_context(|| format!("the release image has no {}", path.display()))
    };
    Ok(resolve(
        &read("image-references")?,
        &read("release-metadata")?,
        wishes,
    )?)
}

fn wishes(cluster: &ClusterDeployment) -> Wishes {
    let of = |name: &str| cluster.annotations().get(name).map(String::as_str);
    let provisioning = cluster.spec.provisioning.as_ref();
    let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Wishes {
        installer_image_override: provisioning
            .and_then(|p| p.installer_image_override.as_deref())
            .and_then(filled),
        installer_tag: of(annotation::INSTALLER_IMAGE_NAME_OVERRIDE).and_then(filled),
        cli_domain_from_installer: annotation::is_true(of(
            annotation::CLI_DOMAIN_FROM_INSTALLER_IMAGE,
        )),
    }
}

async fn report(
    api: &Api<ClusterDeployment>,
    name: &str,
    outcome: Result<&Images, String>,
    now: Timestamp,
) -> Result<()> {
    let parameters = PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    for _ in 0..TRIES {
        let cluster = api
            .get(name)
            .await
            .context("cannot read the ClusterDeployment")?;
        let patch = json!({
            "metadata": {"resourceVersion": cluster.resource_version()},
            "status": status(cluster.conditions(), &outcome, now),
        });
        #[expect(
            clippy::disallowed_methods,
            reason = "guarded by the resource version, outside the controllers"
        )]
        match api
            .patch_status(name, &parameters, &Patch::Merge(patch))
            .await
        {
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            other => {
                return other
                    .map(drop)
                    .context("cannot write the ClusterDeployment's status");
            }
        }
    }
    bail!("the ClusterDeployment's status changed {TRIES} times while it was written")
}

fn status(conditions: &[Condition], outcome: &Result<&Images, String>, now: Timestamp) -> Value {
    let mut conditions = conditions.to_vec();
    let (failed, reason, message) = match outcome {
        Ok(_) => (
            ConditionStatus::False,
            reason::INSTALLER_IMAGE_RESOLVED,
            "the images of the release are known",
        ),
        Err(problem) => (
            ConditionStatus::True,
            reason::INSTALLER_IMAGE_RESOLUTION_FAILED,
            problem.as_str(),
        ),
    };
    let type_ = condition::cd::INSTALLER_IMAGE_RESOLUTION_FAILED;
    let verdict = Verdict::new(type_, failed, reason, message);
    let policy = WritePolicy::OnAnyChange;
    apply(&mut conditions, &verdict, policy, WhenAbsent::Add, now);
    sort_cluster_deployment(&mut conditions);
    let mut status = json!({"conditions": conditions});
    if let Ok(images) = outcome {
        status["installerImage"] = json!(images.installer);
        status["cliImage"] = json!(images.cli);
        status["installVersion"] = json!(images.version);
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    /// docs/spec/10 §8.3: success writes images, version and condition in one status update.
    #[test]
    fn success_is_one_status() {
        let images = Images {
            installer: "i".into(),
            cli: "c".into(),
            version: "4.19.2".into(),
        };
        let status = status(&[], &Ok(&images), Timestamp::UNIX_EPOCH);
        assert_eq!(status["installerImage"], "i");
        assert_eq!(status["cliImage"], "c");
        assert_eq!(status["installVersion"], "4.19.2");
        assert_eq!(
            status["conditions"][0]["type"],
            "InstallerImageResolutionFailed"
        );
        assert_eq!(status["conditions"][0]["status"], "False");
        assert_eq!(status["conditions"][0]["reason"], "InstallerImageResolved");
    }

    /// docs/spec/10 §8.3: failure writes the condition with the error and no image.
    #[test]
    fn failure_says_why_and_leaves_the_images_alone() {
        let status = status(&[], &Err("no tag".to_owned()), Timestamp::UNIX_EPOCH);
        assert_eq!(status["conditions"][0]["status"], "True");
        assert_eq!(status["conditions"][0]["message"], "no tag");
        assert!(status.get("installerImage").is_none(), "{status}");
    }

    #[test]
    fn a_folder_without_the_files_is_named() {
        let error = images(Path::new("/nowhere"), &Wishes::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the release image has no /nowhere/image-references"
        );
    }
}
