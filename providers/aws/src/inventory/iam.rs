//! Roles, instance profiles and users (`docs/spec/20 §9.3, §9.8`).
//!
//! IAM cannot be searched by tag, so names come first: the account is listed once per discovery, and
//! only what is called `<infra ID>-…` is looked at. Names that the installer gives prove themselves;
//! of others the tags are read. Roles that an owned profile holds and that are not the cluster's may
//! carry the shared mark.

use aws_sdk_iam::types::{InstanceProfile, Role, Tag, User};
use futures::future::try_join_all;
use skep_providers::{
    Class, Error,
    call::Call,
    erase::{Kind, Proof, Resource},
};

use crate::{
    client::{Api, list_iam, service},
    inventory::timestamp,
    kinds::{self, rid},
    ownership::{Mark, Ownership, Tags},
};

/// Pages of a thousand.
const PAGE: i32 = 1000;

/// What was found, with tags where they had to be read.
#[derive(Debug, Default)]
pub(crate) struct Identities {
    pub(crate) roles: Vec<(Role, Option<Tags>)>,
    pub(crate) profiles: Vec<(InstanceProfile, Option<Tags>)>,
    pub(crate) users: Vec<(User, Tags)>,
}

/// Machines for which the installer makes a role and a profile.
const MACHINES: &[&str] = &["master", "worker", "bootstrap"];

fn installers_own(infra_id: &str, name: &str, suffix: &str) -> bool {
    MACHINES
        .iter()
        .any(|machine| name == format!("{infra_id}-{machine}-{suffix}"))
}

/// Roles with the prefix, and those that owned profiles hold.
pub(crate) async fn roles_and_profiles(
    api: &Api,
    ownership: &Ownership,
) -> Result<Identities, Error> {
    let iam = api.clients.iam();
    let roles = async {
        let request = iam.list_roles().max_items(PAGE);
        Ok::<_, Error>(list_iam!(api, "iam:ListRoles", request, roles))
    };
    let (infra_id, prefix) = (ownership.infra_id(), ownership.prefix());
    let (roles, profiles) = futures::try_join!(roles, profiles(api, infra_id))?;

    let profiles = try_join_all(
        profiles
            .into_iter()
            .filter(|profile| profile.instance_profile_name.starts_with(&prefix))
            .map(|profile| async move {
                let name = &profile.instance_profile_name;
                if installers_own(infra_id, name, "profile") {
                    return Ok::<_, Error>(Some((profile, None)));
                }
                // The listing of all leaves tags out.
                let found = self::profile(api, name).await?;
                Ok(found.map(|found| {
                    let tags = to_map(found.tags.clone());
                    (found, Some(tags))
                }))
            }),
    )
    .await?
    .into_iter()
    .flatten()
    .filter(|(_, tags)| {
        tags.as_ref()
            .is_none_or(|tags| ownership.mark(tags) != Mark::None)
    })
    .collect::<Vec<_>>();

    let held = |name: &str| {
        profiles
            .iter()
            .flat_map(|(profile, _)| &profile.roles)
            .any(|role| role.role_name == name)
    };
    let roles = try_join_all(
        roles
            .into_iter()
            .filter(|role| role.role_name.starts_with(&prefix) || held(&role.role_name))
            .map(|role| async move {
                let name = &role.role_name;
                if installers_own(infra_id, name, "role") {
                    return Ok::<_, Error>(Some((role, None)));
                }
                let tags = role_tags(api, name).await?;
                Ok(tags.map(|tags| (role, Some(tags))))
            }),
    )
    .await?;
    Ok(Identities {
        roles: roles.into_iter().flatten().collect(),
        profiles,
        users: Vec::new(),
    })
}

pub(crate) async fn users(api: &Api, ownership: &Ownership) -> Result<Vec<(User, Tags)>, Error> {
    let request = api.clients.iam().list_users().max_items(PAGE);
    let users = list_iam!(api, "iam:ListUsers", request, users);
    let prefix = ownership.prefix();
    let users = users
        .into_iter()
        .filter(|user| user.user_name.starts_with(&prefix));
    let tagged = try_join_all(users.map(|user| async move {
        let tags = user_tags(api, &user.user_name).await?;
        Ok::<_, Error>(tags.map(|tags| (user, tags)))
    }))
    .await?;
    Ok(tagged.into_iter().flatten().collect())
}

/// Tags of a role; `None` when it went in between. Read by the call that the installer's list of
/// permissions has, not by the one made for tags.
async fn role_tags(api: &Api, name: &str) -> Result<Option<Tags>, Error> {
    let call = Call::read(service::IAM, "iam:GetRole");
    let answer = api
        .call(call, || api.clients.iam().get_role().role_name(name).send())
        .await;
    there(answer.map(|answer| answer.role.and_then(|role| role.tags)))
}

async fn user_tags(api: &Api, name: &str) -> Result<Option<Tags>, Error> {
    let call = Call::read(service::IAM, "iam:GetUser");
    let answer = api
        .call(call, || api.clients.iam().get_user().user_name(name).send())
        .await;
    there(answer.map(|answer| answer.user.and_then(|user| user.tags)))
}

async fn profile(api: &Api, name: &str) -> Result<Option<InstanceProfile>, Error> {
    let call = Call::read(service::IAM, "iam:GetInstanceProfile");
    let answer = api
        .call(call, || {
            api.clients
                .iam()
                .get_instance_profile()
                .instance_profile_name(name)
                .send()
        })
        .await;
    match answer {
        Ok(answer) => Ok(answer.instance_profile),
        Err(error) if error.class == Class::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn there(tags: Result<Option<Vec<Tag>>, Error>) -> Result<Option<Tags>, Error> {
    match tags {
        Ok(tags) => Ok(Some(to_map(tags))),
        Err(error) if error.class == Class::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn to_map(tags: Option<Vec<Tag>>) -> Tags {
    tags.unwrap_or_default()
        .into_iter()
        .map(|tag| (tag.key, tag.value))
        .collect()
}

/// All profiles of the account, or those of the installer's names where listing is not permitted.
async fn profiles(api: &Api, infra_id: &str) -> Result<Vec<InstanceProfile>, Error> {
    let all = async {
        let request = api.clients.iam().list_instance_profiles().max_items(PAGE);
        Ok(list_iam!(
            api,
            "iam:ListInstanceProfiles",
            request,
            instance_profiles
        ))
    };
    match all.await {
        Err(Error {
            class: Class::Denied,
            ..
        }) => {
            let names: Vec<String> = MACHINES
                .iter()
                .map(|machine| format!("{infra_id}-{machine}-profile"))
                .collect();
            let found = try_join_all(names.iter().map(|name| profile(api, name))).await?;
            Ok(found.into_iter().flatten().collect())
        }
        other => other,
    }
}

pub(crate) fn resources(ownership: &Ownership, found: &Identities) -> Vec<Resource> {
    let mut resources = Vec::new();
    for (role, tags) in &found.roles {
        if let Some(mut resource) = label(ownership, &kinds::ROLE, &role.role_name, tags.as_ref()) {
            resource.created = timestamp(&role.create_date);
            resources.push(resource);
        }
    }
    for (profile, tags) in &found.profiles {
        let name = &profile.instance_profile_name;
        let Some(mut resource) = label(ownership, &kinds::INSTANCE_PROFILE, name, tags.as_ref())
        else {
            continue;
        };
        resource.created = timestamp(&profile.create_date);
        let roles: Vec<&str> = profile
            .roles
            .iter()
            .map(|role| role.role_name.as_str())
            .collect();
        for role in &roles {
            resource = resource.using(rid(&kinds::ROLE, role));
        }
        resources.push(resource.with_data("roles", roles.join(",")));
    }
    for (user, tags) in &found.users {
        if let Some(mut resource) = label(ownership, &kinds::USER, &user.user_name, Some(tags)) {
            resource.created = timestamp(&user.create_date);
            resources.push(resource);
        }
    }
    resources
}

/// `tags` are absent where the name itself is the installer's.
fn label(ownership: &Ownership, kind: &Kind, name: &str, tags: Option<&Tags>) -> Option<Resource> {
    let id = rid(kind, name);
    let Some(tags) = tags else {
        let proof = Proof::NamePrefix {
            prefix: ownership.prefix(),
        };
        return Some(Resource::owned(id, kind.clone(), name, proof));
    };
    match ownership.mark(tags) {
        Mark::Owned(proof) => Some(Resource::owned(id, kind.clone(), name, proof)),
        Mark::Shared(key) => Some(Resource::shared(id, kind.clone(), name).with_data("key", key)),
        Mark::None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_installers_names_prove_themselves() {
        for (name, expected) in [
            ("demo-x7k2p-master-role", true),
            ("demo-x7k2p-worker-role", true),
            ("demo-x7k2p-bootstrap-role", true),
            ("demo-x7k2p-master-role-2", false),
            ("demo-x7k2p-audit-role", false),
            ("other-master-role", false),
        ] {
            assert_eq!(
                installers_own("demo-x7k2p", name, "role"),
                expected,
                "{name}"
            );
        }
    }
}
