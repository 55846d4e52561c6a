//! The rules, case by case.
//!
//! A [`Trial`] is one request and what must become of it: allowed, allowed with a warning, or refused
//! with exactly these findings. Every trial is run as it is, and again with each rule that it names left
//! out, when it must fail: a rule that no trial misses is not tested, and so is no rule.

#![expect(
    clippy::needless_pass_by_value,
    reason = "cases read better when objects are handed over"
)]

mod cluster_deployment;
mod cluster_deployment_updates;
mod docs;
mod gates;
mod harness;
mod machine_pool;
mod others;
mod properties;
mod sync_set;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use self::harness::Trial;
use crate::admission::verdict::Verdict;

fn trials() -> Vec<Trial> {
    [
        cluster_deployment::trials(),
        cluster_deployment_updates::trials(),
        machine_pool::trials(),
        sync_set::trials(),
        others::trials(),
        harness::strangers(),
        harness::unreadable(),
    ]
    .concat()
}

#[test]
fn every_case_is_judged_as_it_should_be() {
    let failed: Vec<String> = trials()
        .iter()
        .filter_map(|trial| trial.problem(&trial.run(None)))
        .collect();
    assert!(
        failed.is_empty(),
        "{} cases:\n{}",
        failed.len(),
        failed.join("\n")
    );
}

/// For each rule the first case that fails without it.
fn coverage() -> BTreeMap<&'static str, Option<String>> {
    let trials = trials();
    let fails = |trial: &Trial, id: &str| trial.problem(&trial.run(Some(id))).is_some();
    super::all()
        .into_iter()
        .map(|rule| {
            let covering = trials
                .iter()
                .find(|trial| trial.names(rule.id) && fails(trial, rule.id));
            (rule.id, covering.map(|trial| trial.name.clone()))
        })
        .collect()
}

#[test]
fn every_rule_is_missed_when_it_is_gone() {
    let coverage = coverage();
    let unneeded: Vec<&&str> = coverage
        .iter()
        .filter(|(_, trial)| trial.is_none())
        .map(|(id, _)| id)
        .collect();
    assert!(
        unneeded.is_empty(),
        "no case fails without these rules: {unneeded:?}"
    );
}

#[test]
fn every_finding_is_of_a_rule_that_is_listed() {
    let listed: BTreeSet<&str> = super::all().into_iter().map(|rule| rule.id).collect();
    for trial in trials() {
        let Verdict { denial, .. } = trial.run(None);
        for finding in denial.into_iter().flat_map(|denial| denial.findings) {
            assert!(
                listed.contains(finding.rule),
                "{}: {}",
                trial.name,
                finding.rule
            );
        }
        for id in &trial.rules {
            assert!(
                listed.contains(id),
                "{} names the unknown rule {id}",
                trial.name
            );
        }
    }
}

#[test]
fn cases_have_names_of_their_own() {
    let mut names = BTreeSet::new();
    for trial in trials() {
        let name = format!("{}: {}", trial.hook.resource, trial.name);
        assert!(names.insert(name.clone()), "two cases are called {name:?}");
    }
}

#[test]
fn there_are_at_least_as_many_cases_as_hive_has() {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for trial in trials() {
        *counts.entry(trial.hook.resource).or_default() += 1;
    }
    // docs/spec/41 §14
    for (resource, at_least) in [
        ("clusterdeployments", 127),
        ("machinepools", 55),
        ("syncsets", 52),
        ("clusterprovisions", 46),
        ("selectorsyncsets", 43),
        ("clusterpools", 20),
        ("clusterimagesets", 13),
        ("dnszones", 12),
    ] {
        let count = counts.get(resource).copied().unwrap_or_default();
        assert!(
            count >= at_least,
            "{resource}: {count} cases, Hive has {at_least}"
        );
    }
}

/// An answer repeats no secret, wherever it stands in the object.
#[test]
fn no_answer_repeats_a_secret() {
    for trial in trials() {
        let verdict = trial.run(None);
        let answer = serde_json::to_string(&verdict.response("uid")).unwrap();
        assert!(
            !answer.contains(harness::CANARY),
            "{}: {answer}",
            trial.name
        );
    }
}

fn trial(name: &str) -> Trial {
    trials()
        .into_iter()
        .find(|trial| trial.name == name)
        .unwrap()
}

/// The answer as the API server reads it.
#[test]
fn a_refused_change_tells_old_and_new_and_what_may_change() {
    let verdict = trial("several forbidden changes are told at once").run(None);
    let answer = serde_json::to_value(verdict.response("u")).unwrap();
    assert_eq!(
        (&answer["uid"], &answer["allowed"]),
        (&json!("u"), &json!(false))
    );
    let status = &answer["status"];
    assert_eq!(
        (&status["code"], &status["reason"]),
        (&json!(400), &json!("BadRequest"))
    );
    assert_eq!(status["status"], "Failure");
    assert_eq!(status["details"]["kind"], "ClusterDeployment");
    assert_eq!(
        status["details"]["causes"][0]["reason"],
        "FieldValueInvalid"
    );
    assert_eq!(status["details"]["causes"][0]["field"], "spec.baseDomain");
    let message = status["message"].as_str().unwrap();
    for told in [
        r#"spec.baseDomain: "hive.example" ⇒ "b""#,
        r#"spec.pullSecretRef.name: "pull-secret" ⇒ "b""#,
        "spec.powerState",
        "spec.clusterMetadata",
        "spec.platform.aws.privateLink.additionalAllowedPrincipals",
    ] {
        assert!(message.contains(told), "{told} is not in {message}");
    }
    assert!(!message.contains("Some("), "{message}");
}

#[test]
fn an_allowed_request_is_answered_without_a_status() {
    let verdict = trial("a cluster of a pool is fine").run(None);
    let answer = serde_json::to_value(verdict.response("u")).unwrap();
    assert_eq!(answer, json!({"uid": "u", "allowed": true}));
}

/// An answer has bounds, whatever the object.
#[test]
fn a_thousand_findings_are_not_all_told() {
    let resources = vec![json!({"apiVersion": "v1"}); 1000];
    let object = harness::Object::new(
        "SyncSet",
        "s",
        json!({"clusterDeploymentRefs": [], "resources": resources}),
    );
    let verdict = Trial::create("syncsets", "many", object).run(None);
    let status = verdict.denial.unwrap().status;
    assert!(
        status.message.ends_with("and 980 more]"),
        "{}",
        status.message
    );
    assert_eq!(status.details.unwrap().causes.len(), 500);
}
