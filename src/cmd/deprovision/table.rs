//! Plans as tables for people.

use std::fmt::Write as _;

use comfy_table::{Table, presets};
use serde_json::Value;
use skep_providers::erase::{Action, Plan, PlannedStep};

/// What would be done, in order; what is not touched; what could not be seen.
pub(super) fn of_plan(plan: &Plan) -> String {
    let mut text = format!(
        "Plan for {} in {}\n{}\n",
        plan.infra_id, plan.account, plan.digest
    );
    if plan.is_empty() {
        text.push_str("\nNothing of the cluster was found.\n");
    } else {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["WAVE", "DO", "KIND", "RESOURCE", "NAME", "BECAUSE"]);
        for step in &plan.steps {
            table.add_row(row(step));
        }
        let _ = writeln!(text, "\n{}", table.trim_fmt());
        let counts = plan.counts();
        let total: usize = counts.values().sum();
        let by_kind: Vec<String> = counts
            .iter()
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        let _ = writeln!(text, "\n{total} resources: {}", by_kind.join(", "));
    }
    if plan.control_plane {
        text.push_str(
            "A control plane was found: after its end everything is looked for once more.\n",
        );
    }
    if !plan.untouched.is_empty() {
        text.push_str("\nFound and not touched:\n");
        for item in &plan.untouched {
            let _ = writeln!(text, "  {} {}: {}", item.kind, item.id, item.reason);
        }
    }
    if !plan.gaps.is_empty() {
        text.push_str("\nCould not be listed, so that nothing can be called empty:\n");
        for gap in &plan.gaps {
            let _ = writeln!(text, "  {gap}");
        }
    }
    text
}

/// A plan of the hub's records, which may be a shortened one.
pub(super) fn of_recorded_plan(text: &str) -> String {
    let plan: Value = serde_json::from_str(text).unwrap_or_default();
    let digest = plan.get("digest").and_then(Value::as_str).unwrap_or(text);
    match plan.get("steps").and_then(Value::as_array).map(Vec::len) {
        Some(steps) => format!("planned, no receipt yet: {steps} steps, {digest}"),
        None => format!("planned, no receipt yet: {digest}"),
    }
}

fn row(step: &PlannedStep) -> [String; 6] {
    let action = match step.action {
        Action::Release => "release",
        Action::Delete => "delete",
        Action::Wait => "wait for",
        Action::Untag => "untag",
    };
    let id = step.id.as_str();
    // Where the kind is part of the identifier, it need not be read twice.
    let id = id
        .strip_prefix(step.kind.as_str())
        .and_then(|id| id.strip_prefix('/'))
        .unwrap_or(id);
    let name = if id.ends_with(&step.name) {
        ""
    } else {
        &step.name
    };
    let because = step
        .proof
        .as_ref()
        .map_or_else(|| "shared".to_owned(), ToString::to_string);
    [
        step.wave.to_string(),
        action.to_owned(),
        step.kind.to_string(),
        id.to_owned(),
        name.to_owned(),
        because,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use skep_providers::erase::{ClusterFacts, EraseRequest, Hints, plan};
    use skep_providers::fake::{FakeCloud, cluster, metadata};
    use skep_providers::{AccountId, Cloud, ConnectRequest, CredentialSource};

    #[tokio::test(start_paused = true)]
    async fn a_plan_says_what_why_and_how_many() {
        let account = AccountId::new("aws", "123456789012");
        let cloud = FakeCloud::new("aws");
        cloud.accept("AKIAFAKE", account.clone());
        cloud.create_all(&account, cluster("demo-x7k2p", 1));
        let secret = [("aws_access_key_id", b"AKIAFAKE".to_vec())]
            .into_iter()
            .collect();
        let request = ConnectRequest {
            source: CredentialSource::from_secret(secret),
            region: "us-east-1".into(),
            endpoints: skep_providers::Endpoints::default(),
        };
        let opened = cloud.connect(request).await.unwrap();
        let metadata = metadata("demo-x7k2p", "demo", "example.com");
        let facts = ClusterFacts::from_metadata(metadata.as_bytes(), &Hints::default()).unwrap();
        let target = opened.eraser(&facts).unwrap();
        let request = EraseRequest::new(Arc::new(facts), Some(account));
        let text = of_plan(&plan(&request, &*target).await.unwrap());
        for expected in [
            "Plan for demo-x7k2p in aws:123456789012",
            "sha256:",
            "nat-gateway",
            "tag kubernetes.io/cluster/demo-x7k2p=owned",
            "1 network,",
            "A control plane was found",
        ] {
            assert!(
                text.contains(expected),
                "{expected:?} is missing in\n{text}"
            );
        }
        assert!(!text.contains("AKIAFAKE"));
    }
}
