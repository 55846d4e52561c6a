//! Reads a kind of EC2 resources by the two ways in which they are known: as members of the
//! cluster's own networks, and by the identifiers that carry the mark.

use std::collections::BTreeSet;

/// Identifiers that were asked for and are not among the found.
pub(crate) fn missing<'f>(ids: &[String], found: impl IntoIterator<Item = &'f str>) -> Vec<String> {
    let found: BTreeSet<&str> = found.into_iter().collect();
    ids.iter()
        .filter(|id| !found.contains(id.as_str()))
        .cloned()
        .collect()
}

/// Members of `$vpcs` and what `$ids` names, all pages, each once. Filters instead of lists of
/// identifiers: a filter that names what is gone is no error.
macro_rules! select {
    ($api:expr, $operation:literal, $describe:ident, $items:ident, $id:ident,
     by $by_vpc:literal in $vpcs:expr, or $by_id:literal in $ids:expr) => {{
        let mut found = Vec::new();
        if !$vpcs.is_empty() {
            let request = $api
                .clients
                .ec2()
                .$describe()
                .filters($crate::inventory::filter($by_vpc, $vpcs));
            found.extend($crate::client::list!(
                $api,
                $crate::client::service::EC2,
                $operation,
                request,
                $items
            ));
        }
        let missing = $crate::inventory::select::missing(
            $ids,
            found.iter().filter_map(|found| found.$id.as_deref()),
        );
        for chunk in missing.chunks($crate::kinds::FILTER_VALUES) {
            let request = $api
                .clients
                .ec2()
                .$describe()
                .filters($crate::inventory::filter($by_id, chunk));
            found.extend($crate::client::list!(
                $api,
                $crate::client::service::EC2,
                $operation,
                request,
                $items
            ));
        }
        Ok(found)
    }};
}

pub(crate) use select;
