//! Load balancers, classic and of the second generation, and target groups (`docs/spec/20 §9.4,
//! §9.5, §9.8`). Listeners go with their load balancer and are not looked at.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_elasticloadbalancing::types::LoadBalancerDescription;
use aws_sdk_elasticloadbalancingv2::types::{LoadBalancer, TargetGroup};
use skep_providers::{
    Class, Error,
    call::Call,
    erase::{Resource, ResourceId},
};

use crate::{
    client::{Api, list_by_marker, service},
    inventory::{label, network::Labels, tagged::Tagged, timestamp},
    kinds::{self, rid},
    ownership::Tags,
};

/// `DescribeTags` of load balancers takes 20.
const TAGS_BATCH: usize = 20;

/// What the region has: load balancers cannot be filtered by the service.
#[derive(Debug, Default)]
pub(crate) struct Balancers {
    pub(crate) classic: Vec<LoadBalancerDescription>,
    pub(crate) second: Vec<LoadBalancer>,
    pub(crate) groups: Vec<TargetGroup>,
}

pub(crate) async fn classic(api: &Api) -> Result<Vec<LoadBalancerDescription>, Error> {
    let request = api.clients.elb().describe_load_balancers().page_size(400);
    Ok(list_by_marker!(
        api,
        service::ELB,
        "elb:DescribeLoadBalancers",
        request,
        load_balancer_descriptions
    ))
}

pub(crate) async fn balancers(api: &Api) -> Result<Vec<LoadBalancer>, Error> {
    let request = api.clients.elbv2().describe_load_balancers().page_size(400);
    Ok(list_by_marker!(
        api,
        service::ELB,
        "elbv2:DescribeLoadBalancers",
        request,
        load_balancers
    ))
}

pub(crate) async fn groups(api: &Api) -> Result<Vec<TargetGroup>, Error> {
    let request = api.clients.elbv2().describe_target_groups().page_size(400);
    Ok(list_by_marker!(
        api,
        service::ELB,
        "elbv2:DescribeTargetGroups",
        request,
        target_groups
    ))
}

/// `net/<name>/<id>` or `<group>/<id>`: the end of an ARN, by which interfaces name their balancer.
pub(crate) fn name_in_arn(arn: &str) -> Option<&str> {
    arn.split_once(":loadbalancer/")
        .or_else(|| arn.split_once(":targetgroup/"))
        .map(|(_, name)| name)
}

/// Tags by name (classic) and ARN. Everything that the tagging API said, and for what lives in
/// networks that the cluster shares with others, where only tags can tell, the service's own word.
pub(crate) async fn tags(
    api: &Api,
    found: &Balancers,
    owned: &BTreeSet<String>,
    shared: &BTreeSet<String>,
    tagged: &Tagged,
) -> Result<BTreeMap<String, Tags>, Error> {
    let mut tags: BTreeMap<String, Tags> = BTreeMap::new();
    for (arn, name, said) in tagged.of("elasticloadbalancing", "") {
        let classic = name
            .strip_prefix("loadbalancer/")
            .filter(|name| !name.contains('/'));
        tags.insert(classic.unwrap_or(arn).to_owned(), said.clone());
    }
    let unclear =
        |vpc: Option<&String>| vpc.is_some_and(|vpc| shared.contains(vpc) && !owned.contains(vpc));
    let names: Vec<String> = found
        .classic
        .iter()
        .filter(|balancer| unclear(balancer.vpc_id.as_ref()))
        .filter_map(|balancer| balancer.load_balancer_name.clone())
        .filter(|name| !tags.contains_key(name))
        .collect();
    let balancers = found
        .second
        .iter()
        .filter(|balancer| unclear(balancer.vpc_id.as_ref()))
        .filter_map(|balancer| balancer.load_balancer_arn.clone());
    let groups = found
        .groups
        .iter()
        .filter(|group| unclear(group.vpc_id.as_ref()))
        .filter_map(|group| group.target_group_arn.clone());
    let arns: Vec<String> = balancers
        .chain(groups)
        .filter(|arn| !tags.contains_key(arn))
        .collect();
    for chunk in names.chunks(TAGS_BATCH) {
        let request = api
            .clients
            .elb()
            .describe_tags()
            .set_load_balancer_names(Some(chunk.to_vec()));
        let call = Call::read(service::ELB, "elb:DescribeTags");
        let answer = match api.call(call, || request.clone().send()).await {
            // Gone in between.
            Err(error) if error.class == Class::NotFound => continue,
            other => other?,
        };
        for said in answer.tag_descriptions.unwrap_or_default() {
            let pairs = said.tags.unwrap_or_default();
            let pairs = pairs
                .into_iter()
                .map(|tag| (tag.key, tag.value.unwrap_or_default()));
            tags.entry(said.load_balancer_name.unwrap_or_default())
                .or_default()
                .extend(pairs);
        }
    }
    for chunk in arns.chunks(TAGS_BATCH) {
        let request = api
            .clients
            .elbv2()
            .describe_tags()
            .set_resource_arns(Some(chunk.to_vec()));
        let call = Call::read(service::ELB, "elbv2:DescribeTags");
        let answer = match api.call(call, || request.clone().send()).await {
            Err(error) if error.class == Class::NotFound => continue,
            other => other?,
        };
        for said in answer.tag_descriptions.unwrap_or_default() {
            let pairs = said.tags.unwrap_or_default();
            let pairs = pairs
                .into_iter()
                .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())));
            tags.entry(said.resource_arn.unwrap_or_default())
                .or_default()
                .extend(pairs);
        }
    }
    Ok(tags)
}

impl Labels<'_> {
    pub(crate) fn balancers(
        &self,
        found: &Balancers,
        tags: &BTreeMap<String, Tags>,
    ) -> Vec<Resource> {
        let none = Tags::new();
        let tags_of = |key: &str| tags.get(key).unwrap_or(&none);
        let mut resources = Vec::new();
        for balancer in &found.classic {
            let Some(name) = balancer.load_balancer_name.as_deref() else {
                continue;
            };
            let parent = self.parent(balancer.vpc_id.as_deref());
            let labelled = label(
                self.ownership,
                &kinds::CLASSIC_BALANCER,
                name,
                tags_of(name),
                parent.as_ref(),
            );
            let Some(mut resource) = labelled else {
                continue;
            };
            resource.created = balancer.created_time.as_ref().and_then(timestamp);
            name.clone_into(&mut resource.name);
            if let Some(host) = &balancer.dns_name {
                resource = resource.with_data("host", host);
            }
            let lives_in = LivesIn {
                vpc: balancer.vpc_id.as_deref(),
                subnets: balancer
                    .subnets
                    .iter()
                    .flatten()
                    .map(String::as_str)
                    .collect(),
                groups: balancer
                    .security_groups
                    .iter()
                    .flatten()
                    .map(String::as_str)
                    .collect(),
            };
            resources.push(lives_in.put(resource));
        }
        for balancer in &found.second {
            let Some(arn) = balancer.load_balancer_arn.as_deref() else {
                continue;
            };
            let Some(id) = name_in_arn(arn) else { continue };
            let parent = self.parent(balancer.vpc_id.as_deref());
            let labelled = label(
                self.ownership,
                &kinds::BALANCER,
                id,
                tags_of(arn),
                parent.as_ref(),
            );
            let Some(mut resource) = labelled else {
                continue;
            };
            resource.created = balancer.created_time.as_ref().and_then(timestamp);
            if let Some(name) = &balancer.load_balancer_name {
                resource.name.clone_from(name);
            }
            resource = resource.with_data("arn", arn);
            if let Some(host) = &balancer.dns_name {
                resource = resource.with_data("host", host);
            }
            for group in &found.groups {
                let uses = group
                    .load_balancer_arns
                    .iter()
                    .flatten()
                    .any(|used| used == arn);
                let name = group.target_group_arn.as_deref().and_then(name_in_arn);
                if let (true, Some(name)) = (uses, name) {
                    resource = resource.using(rid(&kinds::TARGET_GROUP, name));
                }
            }
            let zones = balancer.availability_zones.iter().flatten();
            let lives_in = LivesIn {
                vpc: balancer.vpc_id.as_deref(),
                subnets: zones.filter_map(|zone| zone.subnet_id.as_deref()).collect(),
                groups: balancer
                    .security_groups
                    .iter()
                    .flatten()
                    .map(String::as_str)
                    .collect(),
            };
            resources.push(lives_in.put(resource));
        }
        for group in &found.groups {
            let Some(arn) = group.target_group_arn.as_deref() else {
                continue;
            };
            let Some(id) = name_in_arn(arn) else { continue };
            let parent = self.parent(group.vpc_id.as_deref());
            let labelled = label(
                self.ownership,
                &kinds::TARGET_GROUP,
                id,
                tags_of(arn),
                parent.as_ref(),
            );
            let Some(mut resource) = labelled else {
                continue;
            };
            if let Some(name) = &group.target_group_name {
                resource.name.clone_from(name);
            }
            resources.push(resource.with_data("arn", arn));
        }
        resources
    }
}

struct LivesIn<'b> {
    vpc: Option<&'b str>,
    subnets: Vec<&'b str>,
    groups: Vec<&'b str>,
}

impl LivesIn<'_> {
    fn put(self, mut resource: Resource) -> Resource {
        if let Some(vpc) = self.vpc {
            resource = resource.within(rid(&kinds::VPC, vpc));
        }
        for subnet in self.subnets {
            resource = resource.using(rid(&kinds::SUBNET, subnet));
        }
        for group in self.groups {
            resource = resource.using(rid(&kinds::SECURITY_GROUP, group));
        }
        resource
    }
}

/// Balancers that in-cluster controllers would make again: all but the installer's own two.
pub(crate) fn remade(resources: &[Resource], infra_id: &str) -> Vec<ResourceId> {
    let own = [format!("{infra_id}-int"), format!("{infra_id}-ext")];
    resources
        .iter()
        .filter(|resource| resource.kind == kinds::BALANCER && !own.contains(&resource.name))
        .map(|resource| resource.id.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_arn_names_a_balancer() {
        let name = |end: &str| {
            let arn = format!("arn:aws:elasticloadbalancing:us-east-1:1:{end}");
            name_in_arn(&arn).map(str::to_owned)
        };
        assert_eq!(
            name("loadbalancer/net/i-int/50d").as_deref(),
            Some("net/i-int/50d")
        );
        assert_eq!(name("targetgroup/x/73e").as_deref(), Some("x/73e"));
        assert_eq!(name("listener/net/x/1/2"), None);
    }
}
