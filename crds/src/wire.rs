//! Small values that many kinds share: references, points in time, enums that survive unknown values.
//!
//! Everything here decides only how a value looks on the wire (docs/spec/44 §6); none of it gives
//! the value a meaning.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::{Timestamp, Unit};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Declares an enum of wire strings with an `Other` arm for values that this version does not know.
///
/// `open` declares a string without an `enum` in the schema (the API accepts any value there);
/// `closed` lists the known values, as the API server enforces them.
macro_rules! wire_enum {
    (
        $(#[$meta:meta])*
        $openness:ident $name:ident {
            $( $(#[$vmeta:meta])* $variant:ident => $text:literal ),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $( $(#[$vmeta])* $variant, )+
            /// A value that this version does not know, kept as it was.
            Other(String),
        }

        impl $name {
            /// Every value that this version knows, as it stands on the wire.
            pub const KNOWN: &'static [&'static str] = &[$($text),+];

            /// The value as it stands on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$variant => $text, )+
                    Self::Other(other) => other,
                }
            }
        }

        impl Default for $name {
            /// The first value of the list.
            fn default() -> Self {
                let first: &str = Self::KNOWN[0];
                Self::from(first)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $( $text => Self::$variant, )+
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <::std::borrow::Cow<'de, str> as ::serde::Deserialize>::deserialize(from)?;
                Ok(Self::from(text.as_ref()))
            }
        }

        impl ::schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> ::std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut ::schemars::SchemaGenerator) -> ::schemars::Schema {
                $crate::wire::string_schema(stringify!($openness), Self::KNOWN)
            }
        }
    };
}
pub(crate) use wire_enum;

/// The schema of a [`wire_enum`].
pub(crate) fn string_schema(openness: &str, known: &[&str]) -> Schema {
    match openness {
        "closed" => json_schema!({"type": "string", "enum": known}),
        _ => json_schema!({"type": "string"}),
    }
}

/// A duration of several units, as most of the API's duration fields accept it.
pub(crate) const DURATION: &str = r"^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$";

/// Lets a spec that requires nothing be absent altogether, as the API allows; it reads as an empty one.
///
/// The spec derives its serialisation with `#[serde(remote = "Self")]`; this supplies the traits.
macro_rules! absent_spec_is_empty {
    ($spec:ident) => {
        impl ::serde::Serialize for $spec {
            fn serialize<S: ::serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                Self::serialize(self, to)
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $spec {
            fn deserialize<D: ::serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                struct Present($spec);
                impl<'de> ::serde::Deserialize<'de> for Present {
                    fn deserialize<D: ::serde::Deserializer<'de>>(
                        from: D,
                    ) -> Result<Self, D::Error> {
                        $spec::deserialize(from).map(Self)
                    }
                }
                // An `Option` is what serde accepts to be missing.
                let spec = Option::<Present>::deserialize(from)?;
                Ok(spec.map_or_else(Self::default, |Present(spec)| spec))
            }
        }
    };
}
pub(crate) use absent_spec_is_empty;

/// Reads a field that may be absent, null or there, with `#[serde(default)]` for the first.
pub(crate) fn null_is_present<'de, T, D>(from: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(from).map(Some)
}

/// A point in time as the API writes it: RFC 3339 in UTC.
///
/// Decoding keeps whatever precision was written; what Skep writes itself goes through
/// [`Time::whole_seconds`], because the API's other writers keep seconds only and would otherwise
/// see a change where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Time(pub Timestamp);

impl Time {
    /// `at`, without its fraction of a second.
    pub fn whole_seconds(at: Timestamp) -> Self {
        // Rounding fails only at the very ends of jiff's range, where the exact value serves too.
        let cut = jiff::TimestampRound::new()
            .smallest(Unit::Second)
            .mode(jiff::RoundMode::Floor);
        Self(at.round(cut).unwrap_or(at))
    }

    /// The point in time itself.
    pub fn timestamp(self) -> Timestamp {
        self.0
    }
}

impl From<Timestamp> for Time {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl From<Time> for Timestamp {
    fn from(time: Time) -> Self {
        time.0
    }
}

impl From<&k8s_openapi::apimachinery::pkg::apis::meta::v1::Time> for Time {
    fn from(time: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Time) -> Self {
        Self(time.0)
    }
}

impl From<Time> for k8s_openapi::apimachinery::pkg::apis::meta::v1::Time {
    fn from(time: Time) -> Self {
        Self(time.0)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(from)?;
        Timestamp::from_str(&text)
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Time {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

/// A point in time of which the API writes exactly six digits of the second, and reads no other form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MicroTime(pub Timestamp);

impl Serialize for MicroTime {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{:.6}", self.0))
    }
}

impl<'de> Deserialize<'de> for MicroTime {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Time::deserialize(from).map(|time| Self(time.0))
    }
}

impl JsonSchema for MicroTime {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "MicroTime".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Time::json_schema(generator)
    }
}

/// A number or its text, as quantities are written (`1`, `"1"`, `"500m"`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Quantity {
    /// Written as a number.
    Int(i64),
    /// Written as text.
    Text(String),
}

impl Default for Quantity {
    fn default() -> Self {
        Self::Int(0)
    }
}

impl JsonSchema for Quantity {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Quantity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "pattern": r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$",
            "x-kubernetes-int-or-string": true,
        })
    }
}

/// The name of another object in the same namespace.
///
/// The API server fills in an empty name when there is none, so "no name" and "empty name" are the
/// same thing here as well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct LocalObjectReference {
    /// Name of the object; an empty one refers to nothing.
    #[serde(default)]
    #[schemars(extend("x-skep-default" = ""))]
    pub name: String,
}

impl LocalObjectReference {
    /// A reference to the object of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }

    /// The name, unless it is empty.
    pub fn name(&self) -> Option<&str> {
        Some(self.name.as_str()).filter(|name| !name.is_empty())
    }
}

/// The name that an optional reference gives, unless it gives none or an empty one.
pub fn referenced_name(reference: Option<&LocalObjectReference>) -> Option<&str> {
    reference.and_then(LocalObjectReference::name)
}

/// A query over labels; all parts must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct LabelSelector {
    /// Requirements on keys and values, all of which must hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub match_expressions: Option<Vec<LabelSelectorRequirement>>,
    /// Labels that must be present with exactly these values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub match_labels: Option<BTreeMap<String, String>>,
}

/// One requirement of a label selector.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelectorRequirement {
    /// Label key that the requirement is about.
    pub key: String,
    /// One of In, `NotIn`, Exists and `DoesNotExist`.
    pub operator: String,
    /// Values for In and `NotIn`; empty for the other operators.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub values: Option<Vec<String>>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, to_value};

    use super::*;

    #[test]
    fn six_digits_are_written_whatever_was_read() -> Result<(), serde_json::Error> {
        for (read, written) in [
            ("2026-03-01T10:00:00.123456Z", "2026-03-01T10:00:00.123456Z"),
            ("2026-03-01T10:00:00.5Z", "2026-03-01T10:00:00.500000Z"),
            ("2026-03-01T12:00:00+02:00", "2026-03-01T10:00:00.000000Z"),
        ] {
            let time: MicroTime = from_value(Value::from(read))?;
            assert_eq!(to_value(time)?, written, "{read}");
        }
        assert!(from_value::<MicroTime>(Value::from("yesterday")).is_err());
        Ok(())
    }

    #[test]
    fn a_quantity_stays_the_number_or_text_that_it_was() -> Result<(), serde_json::Error> {
        for read in [
            Value::from(1),
            Value::from("1"),
            Value::from("500m"),
            Value::from(""),
        ] {
            assert_eq!(to_value(from_value::<Quantity>(read.clone())?)?, read);
        }
        Ok(())
    }
}
