//! Lists what carries the cluster's mark: EC2's own index of tags, and the tagging API as a second
//! opinion about everything else. Both may still name what is gone; nothing is deleted on their word
//! alone, each find is described by its own service first. Mirrors `docs/spec/20 §9.3`.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::Filter;
use aws_sdk_resourcegroupstagging::types::TagFilter as ApiFilter;
use skep_providers::{
    Error,
    call::Call,
    erase::{Kind, Resource},
};

use crate::{
    client::{Api, list, service},
    inventory::filter,
    kinds,
    ownership::{Mark, Ownership, Tags},
};

/// Identifiers of EC2 resources that carry the mark, owned or shared, by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TaggedIds {
    by_kind: BTreeMap<Kind, BTreeSet<String>>,
    /// Owned networks.
    pub(crate) owned_vpcs: BTreeSet<String>,
    /// Owned things of kinds that this crate does not delete, by identifier.
    pub(crate) unhandled: BTreeMap<String, String>,
}

impl TaggedIds {
    pub(crate) fn of(&self, kind: &Kind) -> Vec<String> {
        self.by_kind
            .get(kind)
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }

    fn insert(&mut self, id: &str, mark: &Mark) {
        match (kind_of(id), mark) {
            (Some(kind), Mark::Owned(_) | Mark::Shared(_)) => {
                if kind == kinds::VPC && matches!(mark, Mark::Owned(_)) {
                    self.owned_vpcs.insert(id.to_owned());
                }
                self.by_kind.entry(kind).or_default().insert(id.to_owned());
            }
            // Rules live and die with their group.
            (None, Mark::Owned(_)) if !id.starts_with("sgr-") => {
                self.unhandled
                    .insert(id.to_owned(), "not deleted by Skep".to_owned());
            }
            (_, Mark::None) | (None, Mark::Owned(_) | Mark::Shared(_)) => {}
        }
    }
}

/// The kind that an identifier of EC2 belongs to.
pub(crate) fn kind_of(id: &str) -> Option<Kind> {
    // Longer prefixes come before those they begin with.
    const PREFIXES: &[(&str, Kind)] = &[
        ("acl-", kinds::NETWORK_ACL),
        ("ami-", kinds::IMAGE),
        ("cagw-", kinds::CARRIER_GATEWAY),
        ("dopt-", kinds::DHCP_OPTIONS),
        ("eigw-", kinds::EGRESS_GATEWAY),
        ("eipalloc-", kinds::ELASTIC_IP),
        ("eni-", kinds::INTERFACE),
        ("h-", kinds::DEDICATED_HOST),
        ("i-", kinds::INSTANCE),
        ("igw-", kinds::INTERNET_GATEWAY),
        ("nat-", kinds::NAT_GATEWAY),
        ("pcx-", kinds::PEERING),
        ("pg-", kinds::PLACEMENT_GROUP),
        ("rtb-", kinds::ROUTE_TABLE),
        ("sg-", kinds::SECURITY_GROUP),
        ("snap-", kinds::SNAPSHOT),
        ("subnet-", kinds::SUBNET),
        ("vol-", kinds::VOLUME),
        ("vpc-", kinds::VPC),
        ("vpce-svc-", kinds::ENDPOINT_SERVICE),
        ("vpce-", kinds::ENDPOINT),
    ];
    PREFIXES
        .iter()
        .find(|(prefix, _)| id.starts_with(prefix))
        .map(|(_, kind)| kind.clone())
}

/// Everything in EC2 that carries the mark, by one call per thousand tags.
pub(crate) async fn ec2(api: &Api, ownership: &Ownership) -> Result<TaggedIds, Error> {
    let request = api
        .clients
        .ec2()
        .describe_tags()
        .filters(filter("key", ownership.keys()))
        .filters(filter("value", ownership.values()))
        .max_results(1000);
    let found = list!(api, service::EC2, "ec2:DescribeTags", request, tags);
    let mut by_id: BTreeMap<String, Tags> = BTreeMap::new();
    for tag in found {
        if let (Some(id), Some(key), Some(value)) = (tag.resource_id, tag.key, tag.value) {
            by_id.entry(id).or_default().insert(key, value);
        }
    }
    let mut ids = TaggedIds::default();
    for (id, tags) in by_id {
        ids.insert(&id, &ownership.mark(&tags));
    }
    Ok(ids)
}

/// Marked resources as the tagging API sees them: ARN → tags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tagged(pub(crate) BTreeMap<String, Tags>);

/// An ARN taken apart: `arn:partition:service:region:account:resource`.
pub(crate) fn parse_arn(arn: &str) -> Option<(&str, &str)> {
    let mut parts = arn.splitn(6, ':');
    let (scheme, _, service) = (parts.next()?, parts.next()?, parts.next()?);
    let resource = parts.nth(2)?;
    (scheme == "arn").then_some((service, resource))
}

impl Tagged {
    /// Resources of `service` whose resource part begins with `prefix`: what follows it, and tags.
    pub(crate) fn of<'t>(
        &'t self,
        service: &'t str,
        prefix: &'t str,
    ) -> impl Iterator<Item = (&'t str, &'t str, &'t Tags)> {
        self.0.iter().filter_map(move |(arn, tags)| {
            let (found, resource) = parse_arn(arn)?;
            let name = resource.strip_prefix(prefix)?;
            (found == service).then_some((arn.as_str(), name, tags))
        })
    }

    /// EC2 identifiers in it, for when EC2's own index could not be read.
    pub(crate) fn ec2_ids(&self, ownership: &Ownership) -> TaggedIds {
        let mut ids = TaggedIds::default();
        for (arn, tags) in &self.0 {
            if let Some(("ec2", resource)) = parse_arn(arn)
                && let Some((_, id)) = resource.split_once('/')
            {
                ids.insert(id, &ownership.mark(tags));
            }
        }
        ids
    }

    /// Owned resources of services that nothing here deletes from: shown, never touched.
    pub(crate) fn unknown(&self, ownership: &Ownership) -> Vec<Resource> {
        const KNOWN: &[&str] = &[
            "ec2",
            "elasticloadbalancing",
            "route53",
            "s3",
            "elasticfilesystem",
        ];
        const KNOWN_IAM: &[&str] = &["role/", "user/", "instance-profile/"];
        self.0
            .iter()
            .filter(|(_, tags)| matches!(ownership.mark(tags), Mark::Owned(_)))
            .filter_map(|(arn, _)| {
                let (service, resource) = parse_arn(arn)?;
                let known = KNOWN.contains(&service)
                    || (service == "iam"
                        && KNOWN_IAM.iter().any(|kind| resource.starts_with(kind)));
                let reason =
                    format!("tagged as the cluster's; Skep does not delete from {service}");
                (!known).then(|| {
                    Resource::foreign(
                        kinds::rid(&kinds::OTHER, arn),
                        kinds::OTHER,
                        resource,
                        reason,
                    )
                })
            })
            .collect()
    }
}

/// Asks the tagging API of the region, and of the global region where that is another one, once per
/// identifier. Owned and shared resources come in one answer.
pub(crate) async fn tagging(api: &Api, ownership: &Ownership) -> Result<Tagged, Error> {
    let clients = [Some(api.clients.tagging()), api.clients.tagging_global()];
    let queries = clients.into_iter().flatten().flat_map(|client| {
        ownership.filters().iter().map(move |filter| async move {
            let filters = filter
                .iter()
                .map(|(key, value)| {
                    let values = BTreeSet::from([value.clone(), "shared".to_owned()]);
                    ApiFilter::builder()
                        .key(key)
                        .set_values(Some(values.into_iter().collect()))
                })
                .map(aws_sdk_resourcegroupstagging::types::builders::TagFilterBuilder::build)
                .collect();
            let request = client
                .get_resources()
                .set_tag_filters(Some(filters))
                .resources_per_page(100);
            let mut token: Option<String> = None;
            let mut all = Vec::new();
            loop {
                let call = Call::read(service::TAGGING, "tagging:GetResources");
                let page = api
                    .call(call, || {
                        request.clone().set_pagination_token(token.clone()).send()
                    })
                    .await?;
                all.extend(page.resource_tag_mapping_list.unwrap_or_default());
                token = page.pagination_token.filter(|token| !token.is_empty());
                if token.is_none() {
                    break Ok::<_, Error>(all);
                }
            }
        })
    });
    let mut tagged = Tagged::default();
    for mapping in futures::future::try_join_all(queries)
        .await?
        .into_iter()
        .flatten()
    {
        let Some(arn) = mapping.resource_arn else {
            continue;
        };
        let tags = mapping
            .tags
            .unwrap_or_default()
            .into_iter()
            .map(|tag| (tag.key, tag.value));
        tagged.0.entry(arn).or_default().extend(tags);
    }
    Ok(tagged)
}

/// A filter of EC2.
pub(super) fn build_filter<T: Into<String>>(
    name: &str,
    values: impl IntoIterator<Item = T>,
) -> Filter {
    let values = values.into_iter().map(Into::into).collect();
    Filter::builder()
        .name(name)
        .set_values(Some(values))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_tell_their_kind() {
        assert_eq!(kind_of("vpce-svc-1"), Some(kinds::ENDPOINT_SERVICE));
        assert_eq!(kind_of("vpce-1"), Some(kinds::ENDPOINT));
        assert_eq!(kind_of("vpc-1"), Some(kinds::VPC));
        assert_eq!(kind_of("igw-1"), Some(kinds::INTERNET_GATEWAY));
        assert_eq!(kind_of("i-1"), Some(kinds::INSTANCE));
        assert_eq!(kind_of("sgr-1"), None);
        assert_eq!(kind_of("lt-1"), None);
    }

    #[test]
    fn arns_are_taken_apart() {
        let arn = "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/net/x/50dc";
        assert_eq!(
            parse_arn(arn),
            Some(("elasticloadbalancing", "loadbalancer/net/x/50dc"))
        );
        assert_eq!(parse_arn("arn:aws:s3:::bucket"), Some(("s3", "bucket")));
        assert_eq!(parse_arn("x"), None);
    }
}
