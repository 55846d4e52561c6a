//! Takes identities apart: what hangs on them goes first, in one step with them (`docs/spec/20
//! §9.4`). More than the reference does: attached policies, groups, certificates, multi-factor devices
//! and passwords of users, any of which would otherwise keep a user for ever.

use futures::future::try_join_all;
use skep_providers::{Class, Error, call::Call, erase::Resource};

use crate::{
    client::{Api, list_iam, service},
    delete::gone,
    kinds::native,
};

const fn change(operation: &'static str) -> Call {
    Call::change(service::IAM, operation)
}

pub(crate) async fn delete_role(api: &Api, name: &str) -> Result<(), Error> {
    gone(Box::pin(strip_role(api, name)).await)?;
    let iam = api.clients.iam();
    let delete = || {
        api.call(change("iam:DeleteRole"), || {
            iam.delete_role().role_name(name).send()
        })
    };
    match gone(delete().await) {
        // A profile that discovery did not know still holds it.
        Err(error) if matches!(error.class, Class::DependencyViolation { .. }) => {
            let request = iam.list_instance_profiles_for_role().role_name(name);
            let profiles = list_iam!(
                api,
                "iam:ListInstanceProfilesForRole",
                request,
                instance_profiles
            );
            for profile in profiles {
                remove_from_profile(api, &profile.instance_profile_name, name).await?;
            }
            gone(delete().await)
        }
        other => other,
    }
}

async fn strip_role(api: &Api, name: &str) -> Result<(), Error> {
    let iam = api.clients.iam();
    let inline = async {
        let request = iam.list_role_policies().role_name(name);
        let policies = list_iam!(api, "iam:ListRolePolicies", request, policy_names);
        try_join_all(policies.iter().map(|policy| async move {
            gone(
                api.call(change("iam:DeleteRolePolicy"), || {
                    iam.delete_role_policy()
                        .role_name(name)
                        .policy_name(policy)
                        .send()
                })
                .await,
            )
        }))
        .await
    };
    let attached = async {
        let request = iam.list_attached_role_policies().role_name(name);
        let policies = list_iam!(
            api,
            "iam:ListAttachedRolePolicies",
            request,
            attached_policies
        );
        try_join_all(
            policies
                .iter()
                .filter_map(|policy| policy.policy_arn.as_deref())
                .map(|arn| async move {
                    gone(
                        api.call(change("iam:DetachRolePolicy"), || {
                            iam.detach_role_policy()
                                .role_name(name)
                                .policy_arn(arn)
                                .send()
                        })
                        .await,
                    )
                }),
        )
        .await
    };
    futures::try_join!(inline, attached).map(drop)
}

async fn remove_from_profile(api: &Api, profile: &str, role: &str) -> Result<(), Error> {
    let iam = api.clients.iam();
    gone(
        api.call(change("iam:RemoveRoleFromInstanceProfile"), || {
            iam.remove_role_from_instance_profile()
                .instance_profile_name(profile)
                .role_name(role)
                .send()
        })
        .await,
    )
}

pub(crate) async fn delete_profile(api: &Api, resource: &Resource) -> Result<(), Error> {
    let iam = api.clients.iam();
    let name = native(resource);
    let roles = resource.data.get("roles").map_or("", String::as_str);
    for role in roles.split(',').filter(|role| !role.is_empty()) {
        remove_from_profile(api, name, role).await?;
    }
    let delete = || {
        api.call(change("iam:DeleteInstanceProfile"), || {
            iam.delete_instance_profile()
                .instance_profile_name(name)
                .send()
        })
    };
    match gone(delete().await) {
        // It holds another role than discovery saw.
        Err(error) if matches!(error.class, Class::DependencyViolation { .. }) => {
            let call = Call::read(service::IAM, "iam:GetInstanceProfile");
            let answer = api
                .call(call, || {
                    iam.get_instance_profile()
                        .instance_profile_name(name)
                        .send()
                })
                .await?;
            for role in answer
                .instance_profile
                .into_iter()
                .flat_map(|profile| profile.roles)
            {
                remove_from_profile(api, name, &role.role_name).await?;
            }
            gone(delete().await)
        }
        other => other,
    }
}

pub(crate) async fn delete_user(api: &Api, name: &str) -> Result<(), Error> {
    gone(Box::pin(strip_user(api, name)).await)?;
    let iam = api.clients.iam();
    let delete = || {
        api.call(change("iam:DeleteUser"), || {
            iam.delete_user().user_name(name).send()
        })
    };
    match gone(delete().await) {
        Err(error) if matches!(error.class, Class::DependencyViolation { .. }) => {
            gone(Box::pin(strip_person(api, name)).await)?;
            gone(delete().await)
        }
        other => other,
    }
}

/// What machines' users have: keys and policies of their own.
async fn strip_user(api: &Api, name: &str) -> Result<(), Error> {
    let iam = api.clients.iam();
    let keys = async {
        let request = iam.list_access_keys().user_name(name);
        let keys = list_iam!(api, "iam:ListAccessKeys", request, access_key_metadata);
        try_join_all(
            keys.iter()
                .filter_map(|key| key.access_key_id.as_deref())
                .map(|key| async move {
                    gone(
                        api.call(change("iam:DeleteAccessKey"), || {
                            iam.delete_access_key()
                                .user_name(name)
                                .access_key_id(key)
                                .send()
                        })
                        .await,
                    )
                }),
        )
        .await
    };
    let inline = async {
        let request = iam.list_user_policies().user_name(name);
        let policies = list_iam!(api, "iam:ListUserPolicies", request, policy_names);
        try_join_all(policies.iter().map(|policy| async move {
            gone(
                api.call(change("iam:DeleteUserPolicy"), || {
                    iam.delete_user_policy()
                        .user_name(name)
                        .policy_name(policy)
                        .send()
                })
                .await,
            )
        }))
        .await
    };
    futures::try_join!(keys, inline).map(drop)
}

/// What people's users have besides. Rare, so asked for only when the user could not be deleted.
async fn strip_person(api: &Api, name: &str) -> Result<(), Error> {
    let iam = api.clients.iam();
    let request = iam.list_attached_user_policies().user_name(name);
    for policy in list_iam!(
        api,
        "iam:ListAttachedUserPolicies",
        request,
        attached_policies
    ) {
        let Some(arn) = policy.policy_arn else {
            continue;
        };
        let call = change("iam:DetachUserPolicy");
        let sent = api.call(call, || {
            iam.detach_user_policy()
                .user_name(name)
                .policy_arn(&arn)
                .send()
        });
        gone(sent.await)?;
    }
    let request = iam.list_groups_for_user().user_name(name);
    for group in list_iam!(api, "iam:ListGroupsForUser", request, groups) {
        let call = change("iam:RemoveUserFromGroup");
        let sent = api.call(call, || {
            iam.remove_user_from_group()
                .user_name(name)
                .group_name(&group.group_name)
                .send()
        });
        gone(sent.await)?;
    }
    let request = iam.list_mfa_devices().user_name(name);
    for device in list_iam!(api, "iam:ListMFADevices", request, mfa_devices) {
        let call = change("iam:DeactivateMFADevice");
        let sent = api.call(call, || {
            iam.deactivate_mfa_device()
                .user_name(name)
                .serial_number(&device.serial_number)
                .send()
        });
        gone(sent.await)?;
    }
    let request = iam.list_signing_certificates().user_name(name);
    for certificate in list_iam!(api, "iam:ListSigningCertificates", request, certificates) {
        let call = change("iam:DeleteSigningCertificate");
        let sent = api.call(call, || {
            iam.delete_signing_certificate()
                .user_name(name)
                .certificate_id(&certificate.certificate_id)
                .send()
        });
        gone(sent.await)?;
    }
    let call = change("iam:DeleteLoginProfile");
    gone(
        api.call(call, || iam.delete_login_profile().user_name(name).send())
            .await,
    )
}
