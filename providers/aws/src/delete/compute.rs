//! Ends instances and what outlives them (`docs/spec/20 §9.2, §9.4`).

use std::collections::BTreeMap;

use skep_providers::{
    Class, Error,
    call::Call,
    erase::{Outcome, Presence, Resource},
};

use crate::{
    client::{Api, service},
    delete::{done, gone},
    error,
    inventory::compute,
    kinds::{self, native},
    target::failed,
};

/// Terminates many by one call. A single one that is not there fails the whole call; then those that
/// are left are asked for and the call is made for them.
pub(crate) async fn terminate(api: &Api, batch: &[&Resource]) -> Vec<Outcome> {
    let mut ids: Vec<String> = batch
        .iter()
        .map(|resource| native(resource).to_owned())
        .collect();
    let all = ids.clone();
    let mut result = send_terminate(api, &ids).await;
    if result
        .as_ref()
        .is_err_and(|error| error.class == Class::NotFound)
    {
        let left = match compute::instances(api, &[], &ids).await {
            Ok(left) => left,
            Err(error) => return failed(&error, batch.len()),
        };
        ids = left
            .iter()
            .filter(|found| compute::instance_presence(found) != Presence::Gone)
            .filter_map(|found| found.instance_id.clone())
            .collect();
        result = if ids.is_empty() {
            Ok(())
        } else {
            send_terminate(api, &ids).await
        };
    }
    // One that is protected from termination must not keep the others alive.
    if let Err(error) = &result
        && ids.len() > 1
        && matches!(error.class, Class::Invalid | Class::Unknown | Class::Denied)
    {
        let mut each = BTreeMap::new();
        for id in &ids {
            let result = send_terminate(api, std::slice::from_ref(id)).await;
            each.insert(id.clone(), result);
        }
        return all
            .iter()
            .map(|id| match each.remove(id) {
                Some(Ok(())) => Outcome::Started,
                Some(Err(error)) if error.class != Class::NotFound => Outcome::Failed(error),
                Some(Err(_)) | None => Outcome::Done,
            })
            .collect();
    }
    all.iter()
        .map(|id| match &result {
            _ if !ids.contains(id) => Outcome::Done,
            Ok(()) => Outcome::Started,
            Err(error) => Outcome::Failed(error.clone()),
        })
        .collect()
}

async fn send_terminate(api: &Api, ids: &[String]) -> Result<(), Error> {
    let call = Call::change(service::EC2, "ec2:TerminateInstances");
    let request = api
        .clients
        .ec2()
        .terminate_instances()
        .set_instance_ids(Some(ids.to_vec()));
    api.call(call, || request.clone().send()).await.map(drop)
}

pub(crate) async fn release_hosts(api: &Api, batch: &[&Resource]) -> Vec<Outcome> {
    let ids: Vec<String> = batch
        .iter()
        .map(|resource| native(resource).to_owned())
        .collect();
    let call = Call::change(service::EC2, "ec2:ReleaseHosts");
    let request = api
        .clients
        .ec2()
        .release_hosts()
        .set_host_ids(Some(ids.clone()));
    let answer = match api.call(call, || request.clone().send()).await {
        Ok(answer) => answer,
        Err(error) => return failed(&error, batch.len()),
    };
    let refused: BTreeMap<String, Error> = answer
        .unsuccessful
        .unwrap_or_default()
        .into_iter()
        .filter_map(|item| {
            let said = item
                .error
                .unwrap_or_else(|| aws_sdk_ec2::types::UnsuccessfulItemError::builder().build());
            let (code, message) = (
                said.code.unwrap_or_default(),
                said.message.unwrap_or_default(),
            );
            Some((
                item.resource_id?,
                error::from_item(call.operation, &code, &message),
            ))
        })
        .collect();
    ids.iter()
        .map(|id| match refused.get(id) {
            Some(error) => done(gone::<()>(Err(error.clone()))),
            None => Outcome::Done,
        })
        .collect()
}

/// Kinds that are deleted one by one; `None` for kinds of other files.
pub(crate) async fn delete(api: &Api, resource: &Resource) -> Option<Outcome> {
    let (kind, id) = (&resource.kind, native(resource));
    let ec2 = api.clients.ec2();
    Some(if *kind == kinds::VOLUME {
        let call = Call::change(service::EC2, "ec2:DeleteVolume");
        done(gone(
            api.call(call, || ec2.delete_volume().volume_id(id).send())
                .await,
        ))
    } else if *kind == kinds::SNAPSHOT {
        let call = Call::change(service::EC2, "ec2:DeleteSnapshot");
        match api
            .call(call, || ec2.delete_snapshot().snapshot_id(id).send())
            .await
        {
            // In a vault of AWS Backup, which owns it from then on.
            Err(error) if error.code == "InvalidParameterValue" => Outcome::Done,
            other => done(gone(other)),
        }
    } else if *kind == kinds::IMAGE {
        let call = Call::change(service::EC2, "ec2:DeregisterImage");
        match api
            .call(call, || ec2.deregister_image().image_id(id).send())
            .await
        {
            // Of an image, this code says that it is somebody else's; wrong keys would have failed
            // before.
            Err(error) if error.code == "AuthFailure" => Outcome::Failed(Error {
                class: Class::Denied,
                message: "the image belongs to another account".to_owned(),
                ..error
            }),
            Err(error) if error.code == "InvalidAMIID.Unavailable" => Outcome::Done,
            other => done(gone(other)),
        }
    } else if *kind == kinds::PLACEMENT_GROUP {
        let name = resource
            .data
            .get("name")
            .map_or(resource.name.as_str(), String::as_str);
        let call = Call::change(service::EC2, "ec2:DeletePlacementGroup");
        done(gone(
            api.call(call, || {
                ec2.delete_placement_group().group_name(name).send()
            })
            .await,
        ))
    } else {
        return None;
    })
}
