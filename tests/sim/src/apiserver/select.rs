//! Label and field selectors, the grammar of Kubernetes.

use serde_json::Value;

use super::status::{Answer, Failure};

/// A parsed pair of selectors; the empty one selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<(String, bool, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

impl Selector {
    pub fn parse(labels: Option<&str>, fields: Option<&str>) -> Answer<Self> {
        let labels = split(labels.unwrap_or_default())
            .map(requirement)
            .collect::<Answer<_>>()?;
        let fields = fields
            .unwrap_or_default()
            .split(',')
            .filter(|term| !term.is_empty())
            .map(field)
            .collect::<Answer<_>>()?;
        Ok(Self { labels, fields })
    }

    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    pub fn matches(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        self.labels
            .iter()
            .all(|requirement| requirement.matches(labels))
            && self.fields.iter().all(|(path, equal, wanted)| {
                let found = path.split('.').fold(object, |value, step| &value[step]);
                (text(found) == *wanted) == *equal
            })
    }
}

impl Requirement {
    fn matches(&self, labels: &Value) -> bool {
        let of = |key: &String| labels.get(key).and_then(Value::as_str);
        match self {
            Self::In(key, values) => of(key).is_some_and(|found| values.iter().any(|v| v == found)),
            Self::NotIn(key, values) => {
                of(key).is_none_or(|found| values.iter().all(|v| v != found))
            }
            Self::Exists(key) => of(key).is_some(),
            Self::Absent(key) => of(key).is_none(),
        }
    }
}

/// Fields are compared as text; an absent one is empty.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Splits at commas that are not inside parentheses.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_i32;
    text.split(move |character| {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        character == ',' && depth == 0
    })
    .map(str::trim)
    .filter(|term| !term.is_empty())
}

fn requirement(term: &str) -> Answer<Requirement> {
    let set = |key: &str, list: &str| {
        let list = list
            .trim()
            .strip_prefix('(')
            .and_then(|list| list.strip_suffix(')'));
        let values = list.map(|list| {
            list.split(',')
                .map(|value| value.trim().to_owned())
                .collect()
        });
        values
            .map(|values: Vec<String>| (key.trim().to_owned(), values))
            .ok_or_else(|| Failure::bad_request(&format!("unable to parse requirement: {term}")))
    };
    if let Some((key, list)) = term.split_once(" notin ") {
        let (key, values) = set(key, list)?;
        return Ok(Requirement::NotIn(key, values));
    }
    if let Some((key, list)) = term.split_once(" in ") {
        let (key, values) = set(key, list)?;
        return Ok(Requirement::In(key, values));
    }
    let owned = |text: &str| text.trim().to_owned();
    Ok(if let Some((key, value)) = term.split_once("!=") {
        Requirement::NotIn(owned(key), vec![owned(value)])
    } else if let Some((key, value)) = term.split_once("==") {
        Requirement::In(owned(key), vec![owned(value)])
    } else if let Some((key, value)) = term.split_once('=') {
        Requirement::In(owned(key), vec![owned(value)])
    } else if let Some(key) = term.strip_prefix('!') {
        Requirement::Absent(owned(key))
    } else {
        Requirement::Exists(owned(term))
    })
}

fn field(term: &str) -> Answer<(String, bool, String)> {
    let (path, equal, value) = if let Some((path, value)) = term.split_once("!=") {
        (path, false, value)
    } else if let Some((path, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
        (path, true, value)
    } else {
        return Err(Failure::bad_request(&format!("invalid selector: {term:?}")));
    };
    Ok((path.trim().to_owned(), equal, value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Selector;

    #[test]
    fn selects_as_kubernetes_does() {
        let object = json!({
            "metadata": {"name": "a", "namespace": "n", "labels": {"env": "dev", "tier": "1"}},
        });
        for (labels, fields, expected) in [
            ("", "", true),
            ("env=dev", "", true),
            ("env==dev,tier", "", true),
            ("env!=dev", "", false),
            ("other!=dev", "", true),
            ("env in (dev, prod),!absent", "", true),
            ("env notin (dev,prod)", "", false),
            ("other notin (dev)", "", true),
            ("!env", "", false),
            ("", "metadata.name=a,metadata.namespace=n", true),
            ("", "metadata.name!=a", false),
            ("", "status.phase=Running", false),
        ] {
            let selector = Selector::parse(Some(labels), Some(fields)).unwrap();
            assert_eq!(selector.matches(&object), expected, "{labels:?} {fields:?}");
        }
        assert!(Selector::parse(Some("env in dev"), None).is_err());
    }
}
