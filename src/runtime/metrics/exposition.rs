//! From the `OpenMetrics` text that the registry writes to the classic text format of Prometheus.
//!
//! `OpenMetrics` forces the suffix `_total` on counters; some counters of the API have never had one, and
//! people's dashboards ask for them by their names. The classic format leaves names alone, and every
//! scraper reads it.

use skep_crds::names::metric;

/// The same figures; what the classic format does not know is left out.
pub(super) fn classic(text: &str) -> String {
    let mut classic = String::with_capacity(text.len());
    let mut help: Option<&str> = None;
    // The counter whose samples follow, if its name must not carry the suffix.
    let mut bare: Option<&str> = None;
    for line in text.lines() {
        if line.starts_with("# HELP ") {
            help = Some(line);
            continue;
        }
        if let Some(family) = line.strip_prefix("# TYPE ") {
            let (name, kind) = family.split_once(' ').unwrap_or((family, "untyped"));
            let is_bare = metric::COUNTERS_WITHOUT_SUFFIX.contains(&name);
            bare = Some(name).filter(|_| kind == "counter" && is_bare);
            let suffix = if kind == "counter" && !is_bare {
                "_total"
            } else {
                ""
            };
            let kind = if kind == "unknown" { "untyped" } else { kind };
            let words = help.take().and_then(|help| help.splitn(4, ' ').nth(3));
            push(
                &mut classic,
                &["# HELP ", name, suffix, " ", words.unwrap_or_default()],
            );
            push(&mut classic, &["# TYPE ", name, suffix, " ", kind]);
            continue;
        }
        if line.starts_with('#') {
            continue;
        }
        let total =
            bare.and_then(|name| Some((name, line.strip_prefix(name)?.strip_prefix("_total")?)));
        match total {
            Some((name, rest)) => push(&mut classic, &[name, rest]),
            None => push(&mut classic, &[line]),
        }
    }
    classic
}

fn push(text: &mut String, parts: &[&str]) {
    text.extend(parts.iter().copied().chain(["\n"]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_people_ask_for() {
        let open = "\
# HELP skep_steps Steps taken.
# TYPE skep_steps counter
skep_steps_total{step=\"A\"} 1
# HELP hive_install_errors Why attempts failed.
# TYPE hive_install_errors counter
hive_install_errors_total{reason=\"X\"} 2
# HELP hive_cluster_deployment_install_failure_total Seconds.
# TYPE hive_cluster_deployment_install_failure_total histogram
hive_cluster_deployment_install_failure_total_sum{} 1.0
# EOF
";
        let expected = "\
# HELP skep_steps_total Steps taken.
# TYPE skep_steps_total counter
skep_steps_total{step=\"A\"} 1
# HELP hive_install_errors Why attempts failed.
# TYPE hive_install_errors counter
hive_install_errors{reason=\"X\"} 2
# HELP hive_cluster_deployment_install_failure_total Seconds.
# TYPE hive_cluster_deployment_install_failure_total histogram
hive_cluster_deployment_install_failure_total_sum{} 1.0
";
        assert_eq!(classic(open), expected);
    }
}
