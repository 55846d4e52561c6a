//! Elastic file systems and access points (`docs/spec/20 §9.4`), as far as the tagging API names
//! them. Mount targets belong to the deletion of their file system.

use futures::future::try_join_all;
use skep_providers::{
    Class, Error,
    call::Call,
    erase::{Presence, Resource, ResourceId},
};

use crate::{
    client::{Api, service},
    inventory::label,
    inventory::tagged::Tagged,
    kinds::{self, rid},
    ownership::Ownership,
};

/// State of a file system: `None` when it is not there.
pub(crate) async fn file_system(api: &Api, id: &str) -> Result<Option<Presence>, Error> {
    let call = Call::read(service::EFS, "elasticfilesystem:DescribeFileSystems");
    let answer = api
        .call(call, || {
            api.clients
                .efs()
                .describe_file_systems()
                .file_system_id(id)
                .send()
        })
        .await;
    let found = match answer {
        Ok(answer) => answer.file_systems.unwrap_or_default(),
        Err(error) if error.class == Class::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(found
        .first()
        .and_then(|found| match found.life_cycle_state.as_str() {
            "deleted" => None,
            "deleting" => Some(Presence::Going),
            _ => Some(Presence::Present),
        }))
}

/// State and file system of an access point.
pub(crate) async fn access_point(
    api: &Api,
    id: &str,
) -> Result<Option<(Presence, Option<ResourceId>)>, Error> {
    let call = Call::read(service::EFS, "elasticfilesystem:DescribeAccessPoints");
    let answer = api
        .call(call, || {
            api.clients
                .efs()
                .describe_access_points()
                .access_point_id(id)
                .send()
        })
        .await;
    let found = match answer {
        Ok(answer) => answer.access_points.unwrap_or_default(),
        Err(error) if error.class == Class::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(found.first().and_then(|found| {
        let presence = match found
            .life_cycle_state
            .as_ref()
            .map(aws_sdk_efs::types::LifeCycleState::as_str)
        {
            Some("deleted") => return None,
            Some("deleting") => Presence::Going,
            _ => Presence::Present,
        };
        let system = found
            .file_system_id
            .as_deref()
            .map(|id| rid(&kinds::FILE_SYSTEM, id));
        Some((presence, system))
    }))
}

pub(crate) async fn discover(
    api: &Api,
    ownership: &Ownership,
    tagged: &Tagged,
) -> Result<Vec<Resource>, Error> {
    let systems = tagged
        .of("elasticfilesystem", "file-system/")
        .filter_map(|(_, id, tags)| {
            let resource = label(ownership, &kinds::FILE_SYSTEM, id, tags, None)?;
            Some((id, resource))
        });
    let systems = try_join_all(systems.map(|(id, mut resource)| async move {
        Ok::<_, Error>(file_system(api, id).await?.map(|presence| {
            resource.presence = presence;
            resource
        }))
    }));
    let points = tagged
        .of("elasticfilesystem", "access-point/")
        .filter_map(|(_, id, tags)| {
            let resource = label(ownership, &kinds::ACCESS_POINT, id, tags, None)?;
            Some((id, resource))
        });
    let points = try_join_all(points.map(|(id, mut resource)| async move {
        Ok::<_, Error>(access_point(api, id).await?.map(|(presence, system)| {
            resource.presence = presence;
            match system {
                Some(system) => resource.using(system),
                None => resource,
            }
        }))
    }));
    let (systems, points) = futures::try_join!(systems, points)?;
    Ok(systems.into_iter().chain(points).flatten().collect())
}
