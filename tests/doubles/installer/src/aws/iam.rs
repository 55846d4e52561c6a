//! Roles and instance profiles of control plane and compute nodes. They carry only the owner's tag and
//! the user's.

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{AwsResult as _, Site, Tags};

/// Creates both pairs.
pub(crate) async fn create(site: Site<'_>, info: &dyn Fn(&str)) -> Result<()> {
    info("Reconciling IAM roles for control-plane and compute nodes");
    for role in ["master", "worker"] {
        info(&format!("Creating IAM role for {role}"));
        create_role(site, role)
            .await
            .with_context(|| format!("failed to create IAM {role} role"))?;
    }
    Ok(())
}

async fn create_role(site: Site<'_>, role: &str) -> Result<()> {
    let iam = &site.cloud.iam;
    let name = site.name(&format!("{role}-role"));
    let profile = site.name(&format!("{role}-profile"));
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Action": "sts:AssumeRole",
            "Effect": "Allow",
            "Principal": {"Service": "ec2.amazonaws.com"},
        }],
    });
    let tags = iam_tags(&site.owned_tags())?;
    iam.create_role()
        .role_name(&name)
        .assume_role_policy_document(trust.to_string())
        .set_tags(Some(tags.clone()))
        .send()
        .await
        .aws("IAM: CreateRole")?;
    iam.put_role_policy()
        .role_name(&name)
        .policy_name(site.name(&format!("{role}-policy")))
        .policy_document(policy(role).to_string())
        .send()
        .await
        .aws("IAM: PutRolePolicy")?;
    iam.create_instance_profile()
        .instance_profile_name(&profile)
        .set_tags(Some(tags))
        .send()
        .await
        .aws("IAM: CreateInstanceProfile")?;
    iam.add_role_to_instance_profile()
        .instance_profile_name(&profile)
        .role_name(&name)
        .send()
        .await
        .aws("IAM: AddRoleToInstanceProfile")?;
    Ok(())
}

fn policy(role: &str) -> serde_json::Value {
    let actions: &[&str] = if role == "master" {
        &[
            "ec2:AttachVolume",
            "ec2:AuthorizeSecurityGroupIngress",
            "ec2:CreateSecurityGroup",
            "ec2:CreateTags",
            "ec2:CreateVolume",
            "ec2:DeleteSecurityGroup",
            "ec2:DeleteVolume",
            "ec2:Describe*",
            "ec2:DetachVolume",
            "elasticloadbalancing:*",
            "kms:DescribeKey",
        ]
    } else {
        &["ec2:DescribeInstances", "ec2:DescribeRegions"]
    };
    json!({
        "Version": "2012-10-17",
        "Statement": [{"Action": actions, "Effect": "Allow", "Resource": "*"}],
    })
}

/// Tags as IAM takes them.
pub(crate) fn iam_tags(tags: &Tags) -> Result<Vec<aws_sdk_iam::types::Tag>> {
    tags.iter()
        .map(|(key, value)| {
            let tag = aws_sdk_iam::types::Tag::builder()
                .key(key)
                .value(value)
                .build();
            tag.context("an incomplete tag")
        })
        .collect()
}
