//! Empties and deletes buckets: objects, all versions, delete markers and uploads that were never
//! finished (`docs/spec/20 §9.4, §13.2`).

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use futures::future::try_join_all;
use skep_providers::{Class, Error, call::Call};

use crate::{
    client::{Api, service},
    delete::gone,
    error,
};

/// Rounds of emptying before what is written anew all the time is reported.
const ROUNDS: usize = 3;

pub(crate) async fn delete(api: &Api, name: &str) -> Result<(), Error> {
    let s3 = api.clients.s3();
    let mut round = 0;
    loop {
        round += 1;
        gone(Box::pin(versions(api, name)).await)?;
        // Rarely needed, and not in every list of permissions: a refusal counts only if the bucket
        // turns out not to be empty.
        let uploads = Box::pin(uploads(api, name)).await;
        let call = Call::change(service::S3, "s3:DeleteBucket");
        let sent = api.call(call, || s3.delete_bucket().bucket(name).send());
        match gone(sent.await) {
            Err(Error {
                class: Class::DependencyViolation { .. },
                ..
            }) if uploads.is_err() => {
                return gone(uploads);
            }
            // Written to in between.
            Err(Error {
                class: Class::DependencyViolation { .. },
                ..
            }) if round < ROUNDS => {}
            other => return other,
        }
    }
}

/// Pages of a thousand are as much as one deletion takes. Without versioning, the listing of
/// versions has the plain objects, with `null` for their version.
async fn versions(api: &Api, name: &str) -> Result<(), Error> {
    let s3 = api.clients.s3();
    let (mut key, mut version) = (None::<String>, None::<String>);
    loop {
        let request = s3
            .list_object_versions()
            .bucket(name)
            .set_key_marker(key.clone())
            .set_version_id_marker(version.clone());
        let call = Call::read(service::S3, "s3:ListObjectVersions");
        let page = api.call(call, || request.clone().send()).await?;
        let found = page.versions.unwrap_or_default().into_iter();
        let markers = page.delete_markers.unwrap_or_default().into_iter();
        let objects: Vec<ObjectIdentifier> = found
            .map(|found| (found.key, found.version_id))
            .chain(markers.map(|found| (found.key, found.version_id)))
            .filter_map(|(key, version)| {
                ObjectIdentifier::builder()
                    .key(key?)
                    .set_version_id(version)
                    .build()
                    .ok()
            })
            .collect();
        for chunk in objects.chunks(1000) {
            delete_objects(api, name, chunk.to_vec()).await?;
        }
        if page.is_truncated != Some(true) {
            return Ok(());
        }
        (key, version) = (page.next_key_marker, page.next_version_id_marker);
    }
}

async fn delete_objects(
    api: &Api,
    name: &str,
    objects: Vec<ObjectIdentifier>,
) -> Result<(), Error> {
    let call = Call::change(service::S3, "s3:DeleteObjects");
    let delete = Delete::builder()
        .set_objects(Some(objects))
        .quiet(true)
        .build()
        .map_err(|fault| Error::new(call.operation, Class::Invalid, fault.to_string()))?;
    let request = api
        .clients
        .s3()
        .delete_objects()
        .bucket(name)
        .delete(delete);
    let answer = api.call(call, || request.clone().send()).await?;
    for refused in answer.errors.unwrap_or_default() {
        let code = refused.code.unwrap_or_default();
        // Object lock says "denied" whoever asks; the key tells a person where to look.
        let message = format!(
            "{} ({})",
            refused.message.unwrap_or_default(),
            refused.key.unwrap_or_default()
        );
        gone::<()>(Err(error::from_item(call.operation, &code, &message)))?;
    }
    Ok(())
}

async fn uploads(api: &Api, name: &str) -> Result<(), Error> {
    let s3 = api.clients.s3();
    let (mut key, mut upload) = (None::<String>, None::<String>);
    loop {
        let request = s3
            .list_multipart_uploads()
            .bucket(name)
            .set_key_marker(key.clone())
            .set_upload_id_marker(upload.clone());
        let call = Call::read(service::S3, "s3:ListMultipartUploads");
        let page = api.call(call, || request.clone().send()).await?;
        let found = page.uploads.unwrap_or_default();
        try_join_all(found.iter().filter_map(|found| {
            let (key, upload) = (found.key.as_deref()?, found.upload_id.as_deref()?);
            Some(async move {
                let call = Call::change(service::S3, "s3:AbortMultipartUpload");
                let sent = api.call(call, || {
                    s3.abort_multipart_upload()
                        .bucket(name)
                        .key(key)
                        .upload_id(upload)
                        .send()
                });
                gone(sent.await)
            })
        }))
        .await?;
        if page.is_truncated != Some(true) {
            return Ok(());
        }
        (key, upload) = (page.next_key_marker, page.next_upload_id_marker);
    }
}
