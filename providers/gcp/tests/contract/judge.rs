//! Google's own client drives the same emulation: both see the same, and what one does the other sees.

use serde_json::{Value, json};
use skep_kit::gcp::{Fault, Project};
use skep_providers::power::{Listing, PowerState};

use crate::{
    ask, cloud,
    machines::{INFRA, NOW, Park, succeeded},
    order,
};

/// `(name, status)` as Google's client lists it.
fn seen(project: &Project) -> Vec<(String, String)> {
    let filter = format!("name eq \"{INFRA}-.*\"");
    let answer = ask(
        project,
        "list",
        &json!({"filter": filter, "max_results": 2}),
    );
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let machines = answer["ok"]["machines"].as_array().expect("machines");
    let mut rows: Vec<_> = machines
        .iter()
        .map(|one| (text(&one["name"]), text(&one["status"])))
        .collect();
    rows.sort();
    rows
}

/// The same as we list it.
fn ours(listing: &Listing) -> Vec<(String, String)> {
    let word = |power: &PowerState| match power {
        PowerState::Pending => "STAGING",
        PowerState::Running => "RUNNING",
        PowerState::Stopping => "STOPPING",
        PowerState::Stopped => "TERMINATED",
        PowerState::Other(_) => "OTHER",
    };
    let mut rows: Vec<_> = listing
        .machines
        .iter()
        .map(|one| (one.name.clone(), word(&one.power).to_owned()))
        .collect();
    rows.sort();
    rows
}

fn switch(park: &Park, call: &str, id: &str) -> Value {
    let parts: Vec<&str> = id.split('/').collect();
    ask(
        &park.project,
        call,
        &json!({"zone": parts[1], "instance": parts[3]}),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn both_clients_see_and_do_the_same() {
    let park = Park::new().await;
    for index in 0..5 {
        park.node(INFRA, &format!("gpu-{}", "x".repeat(index + 1)));
    }
    assert_eq!(ask(&park.project, "token", &json!({})), json!({"ok": true}));
    let listing = park.list(NOW).await;
    assert_eq!(listing.machines.len(), 5);
    assert_eq!(ours(&listing), seen(&park.project));

    // We stop, they look; they start, we look.
    succeeded(&park.machines.stop(&listing.machines).await);
    assert_eq!(ours(&park.list(NOW).await), seen(&park.project));
    park.settle();
    assert_eq!(ours(&park.list(NOW).await), seen(&park.project));
    for machine in &listing.machines {
        assert!(switch(&park, "start", &machine.id)["ok"].is_object());
    }
    let waking = park.list(NOW).await;
    assert_eq!(ours(&waking), seen(&park.project));
    assert!(
        waking
            .machines
            .iter()
            .all(|one| one.power == PowerState::Pending)
    );

    // What they are refused we do not ask for.
    let refused = switch(&park, "stop", &listing.machines[0].id);
    assert_eq!(
        refused["error"]["reasons"],
        json!(["resourceNotReady"]),
        "{refused}"
    );
    // 304 has no body, which their client takes for a broken answer; we take it for success.
    let nothing = switch(&park, "start", &listing.machines[0].id);
    assert_eq!(nothing["error"]["class"], "ParseError", "{nothing}");
    succeeded(&park.machines.start(&waking.machines).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_clients_are_told_the_same_errors() {
    let park = Park::new().await;
    park.node(INFRA, "gpu-a");
    let facts = crate::facts(&park.project.id, INFRA);
    for (status, reason, theirs, label) in [
        (403, "forbidden", "Forbidden", "denied"),
        (403, "quotaExceeded", "Forbidden", "quota"),
        (429, "rateLimitExceeded", "TooManyRequests", "throttled"),
        (404, "notFound", "NotFound", "not_found"),
        (503, "backendError", "ServiceUnavailable", "transient"),
        (401, "authError", "Unauthorized", "unauthenticated"),
    ] {
        order(
            &park.project,
            &Fault::error("instances.aggregatedList", status, reason),
        );
        let error = park.machines.list(&facts, NOW).await.unwrap_err();
        assert_eq!((error.class.label(), error.code.as_str()), (label, reason));
        let answer = ask(&park.project, "list", &json!({}));
        assert_eq!(answer["error"]["class"], theirs, "{answer}");
        assert_eq!(answer["error"]["reasons"], json!([reason]), "{answer}");
        cloud().clear_faults(&park.project).unwrap();
    }
}
