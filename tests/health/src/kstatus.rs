//! kstatus' generic rules, for objects of kinds that it has no rules of their own for.
//!
//! In this order: a deletion timestamp; a generation that the status has not seen; the first of
//! `Reconciling` and `Stalled` in the list that is True; the condition `Ready`; and an object that says
//! nothing of all this is taken to be as it should be.

use serde_json::Value;

/// A verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The object is not what it should be yet.
    InProgress,
    /// The object will not become what it should be by itself.
    Failed,
    /// The object is what it should be.
    Current,
    /// The object is being deleted.
    Terminating,
}

/// The verdict on an object.
pub fn verdict(object: &Value) -> Verdict {
    if object["metadata"]["deletionTimestamp"].is_string() {
        return Verdict::Terminating;
    }
    let seen = &object["status"]["observedGeneration"];
    let is = &object["metadata"]["generation"];
    if seen.is_i64() && is.is_i64() && seen != is {
        return Verdict::InProgress;
    }
    let none = Vec::new();
    let conditions = object["status"]["conditions"].as_array().unwrap_or(&none);
    let unusual = conditions.iter().find_map(|condition| {
        match (condition["type"].as_str()?, condition["status"].as_str()?) {
            ("Reconciling", "True") => Some(Verdict::InProgress),
            ("Stalled", "True") => Some(Verdict::Failed),
            _ => None,
        }
    });
    let ready = || {
        let ready = conditions.iter().find(|found| found["type"] == "Ready")?;
        match ready["status"].as_str()? {
            "True" => Some(Verdict::Current),
            "False" | "Unknown" => Some(Verdict::InProgress),
            _ => None,
        }
    };
    unusual.or_else(ready).unwrap_or(Verdict::Current)
}
