//! From the bytes of an object to what the rules look at.
//!
//! Decides how little is decoded: metadata and specification apart, the specification only by the kind
//! that is judged. An object that cannot be read is named by the path of the offending field and by
//! what was expected there, never by the value that was found: it may be a secret in the wrong place.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

/// Something that cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    /// Path of the field.
    pub(super) field: String,
    /// What is wrong with it.
    pub(super) message: String,
}

/// What rules look at in an object's metadata.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Meta {
    name: Option<String>,
    namespace: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
    deletion_timestamp: Option<String>,
}

impl Meta {
    pub(super) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    pub(super) fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or_default()
    }

    pub(super) fn label(&self, key: &str) -> Option<&str> {
        self.labels.as_ref()?.get(key).map(String::as_str)
    }

    pub(super) fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(key).map(String::as_str)
    }

    /// Whether the object is on its way out.
    pub(super) const fn is_being_deleted(&self) -> bool {
        self.deletion_timestamp.is_some()
    }
}

/// An object of which only the metadata is decoded.
#[derive(Debug)]
pub(super) struct Object<'a> {
    pub(super) meta: Meta,
    spec: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Parts<'a> {
    #[serde(borrow, default)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow, default)]
    spec: Option<&'a RawValue>,
}

impl<'a> Object<'a> {
    /// Takes an object apart; `called` is what the request calls it.
    pub(super) fn read(raw: Option<&'a RawValue>, called: &str) -> Result<Self, Unreadable> {
        let raw = raw.ok_or_else(|| Unreadable {
            field: called.to_owned(),
            message: "is missing".to_owned(),
        })?;
        // A derived struct would be read from a list as well.
        if !raw.get().trim_start().starts_with('{') {
            return Err(Unreadable {
                field: called.to_owned(),
                message: "is not an object".to_owned(),
            });
        }
        let parts: Parts<'a> = serde_json::from_str(raw.get()).map_err(|error| Unreadable {
            field: called.to_owned(),
            message: explain(&error),
        })?;
        let meta = parts
            .metadata
            .map(|raw| typed(raw, "metadata"))
            .transpose()?;
        Ok(Self {
            meta: meta.unwrap_or_default(),
            spec: parts.spec,
        })
    }

    /// The specification; what a missing one means is that kind's default.
    pub(super) fn spec<S: DeserializeOwned + Default>(&self) -> Result<S, Unreadable> {
        self.spec
            .map_or_else(|| Ok(S::default()), |raw| typed(raw, "spec"))
    }

    /// The specification as a tree.
    pub(super) fn tree(&self) -> Result<Value, Unreadable> {
        self.spec.map_or(Ok(Value::Null), |raw| typed(raw, "spec"))
    }

    /// Whether both say the same, to the letter.
    pub(super) fn spec_is_that_of(&self, other: &Self) -> bool {
        self.spec.map(RawValue::get) == other.spec.map(RawValue::get)
    }
}

/// Decodes, and finds the path of what cannot be decoded by doing it again.
fn typed<T: DeserializeOwned>(raw: &RawValue, at: &str) -> Result<T, Unreadable> {
    serde_json::from_str(raw.get()).map_err(|first| {
        let message = explain(&first);
        let mut again = serde_json::Deserializer::from_str(raw.get());
        let path = serde_path_to_error::deserialize::<_, T>(&mut again)
            .err()
            .map(|error| error.path().to_string())
            .filter(|path| path != ".")
            .or_else(|| blamed::<T>(raw, &message));
        let field = path.map_or_else(|| at.to_owned(), |path| format!("{at}.{path}"));
        Unreadable { field, message }
    })
}

/// The same for a part of a specification, as it stands in a tree.
pub(super) fn typed_tree<T: DeserializeOwned>(tree: &Value, at: &str) -> Result<T, Unreadable> {
    serde_path_to_error::deserialize(tree).map_err(|error| {
        let path = Some(error.path().to_string()).filter(|path| path != ".");
        let field = path.map_or_else(|| at.to_owned(), |path| format!("{at}.{path}"));
        let message = explain(error.inner());
        Unreadable { field, message }
    })
}

/// The field without which the rest decodes, or fails for another reason: for types whose fields are
/// gathered before they are decoded, which costs the decoder their paths.
fn blamed<T: DeserializeOwned>(raw: &RawValue, message: &str) -> Option<String> {
    let fields: serde_json::Map<String, Value> = serde_json::from_str(raw.get()).ok()?;
    let helps = |key: &&String| {
        let rest = fields.iter().filter(|(other, _)| other != key);
        let rest = Value::Object(rest.map(|(k, v)| (k.clone(), v.clone())).collect());
        T::deserialize(rest)
            .map_err(|error| explain(&error))
            .err()
            .is_none_or(|other| other != message && !other.starts_with(LACKS))
    };
    fields.keys().find(helps).cloned()
}

const LACKS: &str = "lacks the field ";

/// What the decoder found, as it names kinds of values.
const FOUND: [(&str, &str); 8] = [
    ("string", "a string"),
    ("integer", "an integer"),
    ("floating point", "a number with a fraction"),
    ("boolean", "a boolean"),
    ("null", "null"),
    ("unit", "null"),
    ("sequence", "a list"),
    ("map", "an object"),
];

/// The decoder's text without the value that it quotes.
fn explain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text
        .rfind(" at line ")
        .map_or(text.as_str(), |end| &text[..end]);
    if let Some(field) = text.strip_prefix("missing field ") {
        return format!("{LACKS}{field}");
    }
    let told = ["invalid type: ", "invalid value: "]
        .into_iter()
        .find_map(|prefix| text.strip_prefix(prefix))
        .and_then(|rest| Some((rest, rest.rfind(", expected ")?)));
    let Some((rest, at)) = told else {
        return "cannot be decoded".to_owned();
    };
    let expected = match &rest[at + ", expected ".len()..] {
        number if number.starts_with(['i', 'u']) && number[1..].parse::<u8>().is_ok() => {
            "an integer"
        }
        object if object.starts_with("struct ") => "an object",
        "a map" => "an object",
        "a sequence" => "a list",
        other => other,
    };
    let found = FOUND
        .into_iter()
        .find_map(|(word, name)| rest.starts_with(word).then_some(name));
    match found {
        Some(found) => format!("cannot be decoded: expected {expected}, found {found}"),
        None => format!("cannot be decoded: expected {expected}"),
    }
}

#[cfg(test)]
mod tests {
    use skep_crds::ClusterDeploymentSpec;

    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    fn unreadable(object: &str) -> (String, String) {
        let raw = raw(object);
        let error = Object::read(Some(&raw), "object")
            .and_then(|object| object.spec::<ClusterDeploymentSpec>())
            .unwrap_err();
        (error.field, error.message)
    }

    #[test]
    fn the_field_is_named_and_the_value_is_not() {
        let (field, message) = unreadable(
            r#"{"spec":{"baseDomain":"a","clusterName":"b","installed":"skep-canary-7f3a, expected x","platform":{}}}"#,
        );
        assert_eq!(field, "spec.installed");
        assert_eq!(
            message,
            "cannot be decoded: expected a boolean, found a string"
        );
        let (field, message) =
            unreadable(r#"{"spec":{"platform":{"aws":{"region":["skep-canary-7f3a"]}}}}"#);
        assert_eq!(field, "spec.platform.aws.region");
        assert!(!message.contains("canary"), "{message}");
    }

    #[test]
    fn what_is_no_object_is_told() {
        for (text, path) in [
            (r#""skep-canary-7f3a""#, "object"),
            ("[]", "object"),
            ("7", "object"),
            (r#"{"metadata":"x"}"#, "metadata"),
            (r#"{"metadata":{"labels":{"a":1}}}"#, "metadata.labels.a"),
            (r#"{"spec":"x"}"#, "spec"),
        ] {
            assert_eq!(unreadable(text).0, path, "{text}");
        }
        assert_eq!(
            Object::read(None, "oldObject").unwrap_err().field,
            "oldObject"
        );
    }

    #[test]
    fn a_missing_field_is_named() {
        let (field, message) = unreadable(r#"{"spec":{"clusterName":"b","platform":{}}}"#);
        assert_eq!(
            (field.as_str(), message.as_str()),
            ("spec", "lacks the field `baseDomain`")
        );
    }
}
