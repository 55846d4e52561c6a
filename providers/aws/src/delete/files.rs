//! Deletes file systems with their mount targets and access points (`docs/spec/20 §9.4`).

use futures::future::try_join_all;
use skep_providers::{Class, Error, call::Call, erase::Outcome};

use crate::{
    client::{Api, service},
    delete::{gone, started},
};

/// Mount targets go in the background; until they have gone the file system is in use, and the engine
/// comes back.
pub(crate) async fn delete_system(api: &Api, id: &str) -> Outcome {
    if let Err(error) = gone(Box::pin(strip(api, id)).await) {
        return Outcome::Failed(error);
    }
    let efs = api.clients.efs();
    let call = Call::change(service::EFS, "elasticfilesystem:DeleteFileSystem");
    started(
        api.call(call, || efs.delete_file_system().file_system_id(id).send())
            .await,
    )
}

async fn strip(api: &Api, id: &str) -> Result<(), Error> {
    let efs = api.clients.efs();
    let targets = async {
        let call = Call::read(service::EFS, "elasticfilesystem:DescribeMountTargets");
        let found = api
            .call(call, || {
                efs.describe_mount_targets().file_system_id(id).send()
            })
            .await?;
        let found = found.mount_targets.unwrap_or_default();
        try_join_all(found.iter().map(|target| async move {
            let call = Call::change(service::EFS, "elasticfilesystem:DeleteMountTarget");
            let sent = api.call(call, || {
                efs.delete_mount_target()
                    .mount_target_id(&target.mount_target_id)
                    .send()
            });
            match gone(sent.await) {
                // On its way already.
                Err(error) if matches!(error.class, Class::DependencyViolation { .. }) => Ok(()),
                other => other,
            }
        }))
        .await
    };
    let points = async {
        let call = Call::read(service::EFS, "elasticfilesystem:DescribeAccessPoints");
        let found = api
            .call(call, || {
                efs.describe_access_points().file_system_id(id).send()
            })
            .await?;
        let found = found.access_points.unwrap_or_default();
        try_join_all(
            found
                .iter()
                .filter_map(|point| point.access_point_id.as_deref())
                .map(|point| async move {
                    let call = Call::change(service::EFS, "elasticfilesystem:DeleteAccessPoint");
                    let sent = api
                        .call(call, || {
                            efs.delete_access_point().access_point_id(point).send()
                        })
                        .await;
                    gone(sent)
                }),
        )
        .await
    };
    futures::try_join!(targets, points).map(drop)
}

pub(crate) async fn delete_access_point(api: &Api, id: &str) -> Outcome {
    let efs = api.clients.efs();
    let call = Call::change(service::EFS, "elasticfilesystem:DeleteAccessPoint");
    started(
        api.call(call, || {
            efs.delete_access_point().access_point_id(id).send()
        })
        .await,
    )
}
