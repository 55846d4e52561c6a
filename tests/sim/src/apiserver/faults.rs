//! Requests that fail because a rule says so: the refusals and losses of a busy or restarting hub.

use std::time::Duration;

use serde_json::json;

use super::{
    route::{Target, Verb},
    status::Failure,
};
use crate::seed;

/// How a request fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 409 to an update or patch, as if somebody had written in between; nothing is written.
    Conflict,
    /// 500; nothing is written.
    InternalError,
    /// 429 with a time to wait; nothing is written.
    TooManyRequests(Duration),
    /// 403, as if a right had been taken away; nothing is written.
    Forbidden,
    /// The request is carried out, and its answer is a 504.
    AnswerLost,
}

/// One rule. Empty `agent`, `verb` and `plural` match everything.
#[derive(Clone, Debug)]
pub struct Rule {
    pub agent: String,
    pub verb: String,
    pub plural: String,
    pub kind: Kind,
    /// Of a hundred matching requests so many fail, chosen by the seed.
    pub percent: u64,
    /// At most so many fail.
    pub limit: u64,
}

impl Rule {
    /// Every request of the operator of this verb and resource fails, `limit` times.
    pub fn times(limit: u64, verb: &str, plural: &str, kind: Kind) -> Self {
        Self {
            agent: "operator".into(),
            verb: verb.into(),
            plural: plural.into(),
            kind,
            percent: 100,
            limit,
        }
    }
}

/// The rules in force; the first that matches decides.
#[derive(Debug)]
pub struct Faults {
    seed: u64,
    rolled: u64,
    /// Failures injected so far.
    pub injected: u64,
    rules: Vec<Rule>,
}

impl Faults {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            rolled: 0,
            injected: 0,
            rules: Vec::new(),
        }
    }

    pub fn add(&mut self, rule: Rule) {
        self.rules.push(rule);
    }

    pub fn clear(&mut self) {
        self.rules.clear();
    }

    pub(super) fn before(
        &mut self,
        agent: &str,
        verb: Verb,
        target: &Target,
    ) -> Option<Box<Failure>> {
        self.roll(agent, verb, target, |kind| kind != Kind::AnswerLost)
    }

    pub(super) fn after(
        &mut self,
        agent: &str,
        verb: Verb,
        target: &Target,
    ) -> Option<Box<Failure>> {
        self.roll(agent, verb, target, |kind| kind == Kind::AnswerLost)
    }

    fn roll(
        &mut self,
        agent: &str,
        verb: Verb,
        target: &Target,
        wanted: impl Fn(Kind) -> bool,
    ) -> Option<Box<Failure>> {
        let matches = |given: &str, found: &str| given.is_empty() || given == found;
        let seed = self.seed;
        let rolled = &mut self.rolled;
        let rule = self.rules.iter_mut().find(|rule| {
            wanted(rule.kind)
                && rule.limit > 0
                && (rule.kind != Kind::Conflict || matches!(verb, Verb::Update | Verb::Patch))
                && matches(&rule.agent, agent)
                && matches(&rule.verb, verb.label())
                && matches(&rule.plural, &target.kind.plural)
        })?;
        *rolled += 1;
        if seed::below(100, seed, &["fault", &rolled.to_string()]) >= rule.percent {
            return None;
        }
        rule.limit -= 1;
        self.injected += 1;
        Some(failure(rule.kind, verb, target))
    }
}

fn failure(kind: Kind, verb: Verb, target: &Target) -> Box<Failure> {
    match kind {
        Kind::Conflict => {
            Failure::modified(&target.kind, target.name.as_deref().unwrap_or_default())
        }
        Kind::InternalError => {
            let message = "Internal error occurred: etcdserver: leader changed";
            let details = json!({"causes": [{"message": "etcdserver: leader changed"}]});
            Failure::new(500, "InternalError", message, details)
        }
        Kind::TooManyRequests(after) => {
            let message = "too many requests, please try again later";
            let details = json!({"retryAfterSeconds": after.as_secs().max(1)});
            Failure::new(429, "TooManyRequests", message, details)
        }
        Kind::Forbidden => {
            let (plural, group) = (&target.kind.plural, &target.kind.group);
            let verb = verb.label().to_ascii_lowercase();
            let namespace = target.namespace.as_deref().unwrap_or_default();
            let message = format!(
                "{plural}.{group} is forbidden: User \"system:serviceaccount:hive:hive-controllers\" \
                 cannot {verb} resource \"{plural}\" in API group \"{group}\" in the namespace \
                 \"{namespace}\""
            );
            Failure::new(403, "Forbidden", &message, json!({}))
        }
        Kind::AnswerLost => {
            let message = "Timeout: request did not complete within the allotted timeout";
            Failure::new(504, "Timeout", message, json!({}))
        }
    }
}
