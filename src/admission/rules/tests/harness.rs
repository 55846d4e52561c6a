//! Requests in few words, and what is expected of them.

use serde_json::{Value, json};

use crate::admission::review::{HOOKS, Hook, Operation, Request, review_without};
use crate::admission::settings::{ContractImplementation, Settings};
use crate::admission::verdict::{Cause, Verdict};

/// Stands where a secret stands.
pub(super) const CANARY: &str = "skep-canary-7f3a";

/// An object in the making.
#[derive(Clone, Debug)]
pub(super) struct Object(pub(super) Value);

impl Object {
    pub(super) fn new(kind: &str, name: &str, spec: Value) -> Self {
        Self(json!({
            "apiVersion": "hive.openshift.io/v1",
            "kind": kind,
            "metadata": {"name": name, "namespace": "team"},
            "spec": spec,
        }))
    }

    fn slot(&mut self, path: &str) -> &mut Value {
        let mut at = &mut self.0;
        for key in path.split('.') {
            at = match key.parse::<usize>() {
                Ok(index) => &mut at[index],
                Err(_) => &mut at[key],
            };
        }
        at
    }

    /// The same with a value at this path; `0`, `1` are places in lists.
    pub(super) fn with(mut self, path: &str, value: impl Into<Value>) -> Self {
        *self.slot(path) = value.into();
        self
    }

    /// The same without the field.
    pub(super) fn without(mut self, path: &str) -> Self {
        let (above, key) = path.rsplit_once('.').unwrap();
        self.slot(above).as_object_mut().unwrap().remove(key);
        self
    }

    pub(super) fn annotated(mut self, key: &str, value: &str) -> Self {
        self.0["metadata"]["annotations"][key] = value.into();
        self
    }

    pub(super) fn labelled(mut self, key: &str, value: &str) -> Self {
        self.0["metadata"]["labels"][key] = value.into();
        self
    }

    pub(super) fn being_deleted(self) -> Self {
        self.with("metadata.deletionTimestamp", "2026-01-01T00:00:00Z")
            .with(
                "metadata.finalizers",
                json!(["hive.openshift.io/deprovision"]),
            )
    }
}

/// What must become of a request.
#[derive(Clone, Debug)]
enum Expected {
    Allowed,
    Warned(Vec<&'static str>),
    Unreadable(&'static str),
    Refused(u16, Vec<(&'static str, String, Cause)>),
}

/// One request and what must become of it.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    pub(super) name: String,
    pub(super) hook: &'static Hook,
    pub(super) rules: Vec<&'static str>,
    operation: Operation,
    resource: (String, String, String),
    sub_resource: Option<&'static str>,
    pub(super) object: Option<Value>,
    pub(super) old: Option<Value>,
    settings: Settings,
    expected: Expected,
}

fn hook(resource: &str) -> &'static Hook {
    HOOKS.iter().find(|hook| hook.resource == resource).unwrap()
}

impl Trial {
    fn new(resource: &'static str, name: impl Into<String>, operation: Operation) -> Self {
        Self {
            name: name.into(),
            hook: hook(resource),
            rules: Vec::new(),
            operation,
            resource: ("hive.openshift.io".into(), "v1".into(), resource.into()),
            sub_resource: None,
            object: None,
            old: None,
            settings: settings(),
            expected: Expected::Allowed,
        }
    }

    pub(super) fn create(resource: &'static str, name: impl Into<String>, object: Object) -> Self {
        let mut trial = Self::new(resource, name, Operation::Create);
        trial.object = Some(object.0);
        trial
    }

    pub(super) fn update(
        resource: &'static str,
        name: impl Into<String>,
        old: Object,
        new: Object,
    ) -> Self {
        let mut trial = Self::new(resource, name, Operation::Update);
        trial.object = Some(new.0);
        trial.old = Some(old.0);
        trial
    }

    pub(super) fn delete(resource: &'static str, name: impl Into<String>, old: Object) -> Self {
        let mut trial = Self::new(resource, name, Operation::Delete);
        trial.old = Some(old.0);
        trial
    }

    /// About a part of the resource; the empty one is how some callers say that there is none.
    pub(super) fn about(mut self, part: &'static str) -> Self {
        self.sub_resource = Some(part);
        self
    }

    /// On a hub with other settings.
    pub(super) fn on(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Allowed because of this rule, which is an exception from another.
    pub(super) fn allowed_by(mut self, rule: &'static str) -> Self {
        self.rules.push(rule);
        self
    }

    /// Allowed with one warning, about this field.
    pub(super) fn warned(mut self, rule: &'static str, field: &'static str) -> Self {
        self.rules.push(rule);
        self.expected = match self.expected {
            Expected::Warned(mut fields) => {
                fields.push(field);
                Expected::Warned(fields)
            }
            _ => Expected::Warned(vec![field]),
        };
        self
    }

    /// Allowed with a warning that comes from no rule, about this field.
    pub(super) fn told(mut self, field: &'static str) -> Self {
        self.expected = Expected::Warned(vec![field]);
        self
    }

    /// Refused with one finding.
    pub(super) fn refused(self, code: u16, rule: &'static str, field: &str, cause: Cause) -> Self {
        let mut trial = self;
        trial.expected = Expected::Refused(code, Vec::new());
        trial.and(rule, field, cause)
    }

    /// And with one more.
    pub(super) fn and(mut self, rule: &'static str, field: &str, cause: Cause) -> Self {
        self.rules.push(rule);
        if let Expected::Refused(_, findings) = &mut self.expected {
            findings.push((rule, field.to_owned(), cause));
        }
        self
    }

    /// Refused because this field cannot be read.
    pub(super) fn unreadable(mut self, field: &'static str) -> Self {
        self.expected = Expected::Unreadable(field);
        self
    }

    /// Whether the case says something about a rule.
    pub(super) fn names(&self, rule: &str) -> bool {
        self.rules.contains(&rule)
    }

    /// The request as the API server would send it.
    fn wire(&self) -> String {
        let (group, version, resource) = &self.resource;
        let object = self.object.as_ref().or(self.old.as_ref());
        let name = object.and_then(|object| object.pointer("/metadata/name"));
        json!({
            "uid": "c9e8b1f0-0000-4000-8000-000000000000",
            "kind": {"group": group, "version": version, "kind": self.hook.kind},
            "resource": {"group": group, "version": version, "resource": resource},
            "subResource": self.sub_resource,
            "name": name,
            "namespace": "team",
            "operation": self.operation.as_str(),
            "userInfo": {"username": "kim", "groups": ["system:authenticated"]},
            "object": self.object,
            "oldObject": self.old,
            "dryRun": false,
            "options": {"apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions"},
        })
        .to_string()
    }

    /// The verdict, with one rule left out.
    pub(super) fn run(&self, without: Option<&str>) -> Verdict {
        let wire = self.wire();
        let request: Request<'_> = serde_json::from_str(&wire).unwrap();
        review_without(self.hook, &request, &self.settings, without)
    }

    /// What is not as expected about a verdict.
    pub(super) fn problem(&self, verdict: &Verdict) -> Option<String> {
        let complain =
            |what: String| Some(format!("{} {:?}: {what}", self.hook.resource, self.name));
        match (&self.expected, &verdict.denial) {
            (Expected::Allowed, None) if verdict.warnings.is_empty() => None,
            (Expected::Warned(fields), None) => {
                let told = &verdict.warnings;
                let same = told.len() == fields.len()
                    && fields
                        .iter()
                        .all(|f| told.iter().any(|w| w.starts_with(&format!("{f}: "))));
                if same {
                    None
                } else {
                    complain(format!("warned {told:?}, not of {fields:?}"))
                }
            }
            (Expected::Unreadable(field), Some(denial)) => {
                let details = denial.status.details.as_ref();
                let told = details
                    .and_then(|d| d.causes.first())
                    .map(|c| c.field.as_str());
                if denial.status.code == 400 && told == Some(field) && denial.findings.is_empty() {
                    None
                } else {
                    complain(format!("{:?}", denial.status))
                }
            }
            (Expected::Refused(code, expected), Some(denial)) => {
                let mut expected = expected.clone();
                let mut found: Vec<(&str, String, Cause)> = denial
                    .findings
                    .iter()
                    .map(|f| (f.rule, f.field.clone(), f.cause))
                    .collect();
                let key = |f: &(&str, String, Cause)| (f.0.to_owned(), f.1.clone(), f.2.as_str());
                expected.sort_by_key(key);
                found.sort_by_key(key);
                let status = &denial.status;
                let causes = status.details.as_ref().map(|details| details.causes.len());
                if found != expected || causes != Some(found.len()) {
                    return complain(format!("found {found:?}, not {expected:?}"));
                }
                let reason = if *code == 400 {
                    "BadRequest"
                } else {
                    "Invalid"
                };
                if status.code != *code || status.reason != reason {
                    return complain(format!("answered {} {}", status.code, status.reason));
                }
                None
            }
            (Expected::Allowed, None) => complain(format!("warned {:?}", verdict.warnings)),
            (_, None) => complain("allowed".to_owned()),
            (_, Some(denial)) => complain(denial.status.message.clone()),
        }
    }
}

/// The settings of a hub that offers everything.
fn settings() -> Settings {
    Settings {
        managed_domains: ["hive.example", "aws.hive.example", "other.example"]
            .map(str::to_owned)
            .to_vec(),
        private_link_regions: ["us-east-1".to_owned(), "us-west-2".to_owned()].into(),
        cluster_install: vec![ContractImplementation {
            group: "extensions.hive.openshift.io".to_owned(),
            version: "v1beta1".to_owned(),
            kind: "AgentClusterInstall".to_owned(),
        }],
        ..Settings::default()
    }
}

/// Requests that a hook is asked about although they are not about its resource.
pub(super) fn strangers() -> Vec<Trial> {
    let bad = || Object(json!({"metadata": {"name": "A"}, "spec": {}}));
    let mut trials = Vec::new();
    for hook in &HOOKS {
        for (name, resource) in [
            ("another group", ("example.com", "v1", hook.resource)),
            (
                "another version",
                ("hive.openshift.io", "v2", hook.resource),
            ),
            ("another resource", ("hive.openshift.io", "v1", "strangers")),
        ] {
            let mut trial = Trial::create(hook.resource, format!("{name} is allowed"), bad());
            trial.resource = (resource.0.into(), resource.1.into(), resource.2.into());
            trials.push(trial);
        }
    }
    trials
}

/// Requests with objects that cannot be read.
pub(super) fn unreadable() -> Vec<Trial> {
    let good = |hook: &Hook| Object::new(hook.kind, "a", json!({}));
    let text = || Object(json!(CANARY));
    let mut trials = Vec::new();
    for hook in &HOOKS {
        let new = Trial::create(
            hook.resource,
            "a new object that is none is refused",
            text(),
        );
        trials.push(new.unreadable("object"));
        let update = "an update to what is no object is refused";
        trials.push(Trial::update(hook.resource, update, good(hook), text()).unreadable("object"));
        let old = "an update of what is no object is refused";
        trials.push(Trial::update(hook.resource, old, text(), good(hook)).unreadable("oldObject"));
        let spec = Object::new(hook.kind, "a", json!(CANARY));
        let name = "a specification that is none is refused";
        trials.push(Trial::create(hook.resource, name, spec).unreadable("spec"));
        let mut nothing = Trial::create(
            hook.resource,
            "a creation without an object is refused",
            text(),
        );
        nothing.object = None;
        trials.push(nothing.unreadable("object"));
    }
    trials
}
