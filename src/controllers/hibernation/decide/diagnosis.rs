//! What is missing, in words: which machines, which nodes, which operators, and why.
//!
//! The words are sorted and short, so that they are the same while the cause is: they stand in conditions
//! and Events.

use crate::controllers::hibernation::csr;
use crate::controllers::hibernation::observed::Operator;
use crate::remote::view::WakingSeen;

/// So many are named; more would be read by nobody.
const NAMED: usize = 5;

/// "a, b, c, d, e and 3 more".
pub(super) fn few(items: &[String]) -> String {
    let named = items.iter().take(NAMED).map(String::as_str);
    let named = named.collect::<Vec<_>>().join(", ");
    match items.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// "etcd is degraded (Reason)", if it is not as it should be.
pub(super) fn operator(operator: &Operator) -> Option<String> {
    let (word, reason) = operator.trouble()?;
    Some(format!("{} is {word}{}", operator.name, bracketed(reason)))
}

/// The nodes that are not ready.
pub(super) fn nodes(seen: &WakingSeen) -> Vec<String> {
    let waiting = seen.nodes.iter().filter(|node| !node.ready);
    waiting
        .map(|node| format!("{}{}", node.name, bracketed(&node.reason)))
        .collect()
}

/// The certificate requests that wait for somebody, and why they were not approved.
pub(super) fn requests(seen: &WakingSeen) -> Vec<String> {
    let open = seen
        .requests
        .iter()
        .filter(|request| request.settled.is_none());
    open.filter_map(|request| {
        let why = csr::check(request, &seen.nodes, &seen.machines).err()?;
        Some(format!("{} ({why})", request.name))
    })
    .collect()
}

fn bracketed(reason: &str) -> String {
    if reason.is_empty() {
        String::new()
    } else {
        format!(" ({reason})")
    }
}
