//! Quantities: one amount has many spellings (`1Gi`, `1024Mi`), and writers exchange them freely.
//!
//! Decides when two spellings mean the same, and where quantities stand. An amount that is too large or
//! too small to be counted in billionths is only the same as itself.

use serde_json::Value;

/// Whether a quantity stands at a path.
pub(super) fn is_one(path: &str) -> bool {
    let mut names = path.rsplit('.');
    let name = names.next().unwrap_or_default();
    let above = names.next().unwrap_or_default();
    matches!(name, "diskSize" | "divisor" | "sizeLimit") || is_list(above)
}

/// Whether a map of this name is one of quantities.
fn is_list(name: &str) -> bool {
    matches!(name, "limits" | "requests" | "overhead")
}

/// Whether two values are spellings of one quantity.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    let nanos = |value: &Value| match value {
        Value::Number(number) => nanos(&number.to_string()),
        Value::String(text) => nanos(text),
        _ => None,
    };
    nanos(one).is_some_and(|amount| nanos(other) == Some(amount))
}

/// The amount in billionths, if it is a quantity and a whole number of them.
pub(super) fn nanos(text: &str) -> Option<i128> {
    let digits_end = text
        .char_indices()
        .find(|(at, c)| !(c.is_ascii_digit() || *c == '.' || *at == 0 && matches!(c, '+' | '-')))
        .map_or(text.len(), |(at, _)| at);
    let (number, suffix) = text.split_at(digits_end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if !number.contains(|c: char| c.is_ascii_digit()) || fraction.contains('.') {
        return None;
    }
    let (binary, decimal) = factor(suffix)?;
    let mut amount: i128 = format!("{whole}{fraction}").parse().ok()?;
    amount = amount.checked_mul(1024_i128.checked_pow(binary)?)?;
    let power = decimal
        .checked_add(9)?
        .checked_sub(i32::try_from(fraction.len()).ok()?)?;
    if amount == 0 {
        return Some(0);
    }
    let ten = 10_i128.checked_pow(power.unsigned_abs())?;
    if power >= 0 {
        amount.checked_mul(ten)
    } else {
        (amount % ten == 0).then(|| amount / ten)
    }
}

/// What a suffix multiplies by: a power of 1024 and a power of ten.
fn factor(suffix: &str) -> Option<(u32, i32)> {
    const BINARY: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    const DECIMAL: [(&str, i32); 10] = [
        ("n", -9),
        ("u", -6),
        ("m", -3),
        ("", 0),
        ("k", 3),
        ("M", 6),
        ("G", 9),
        ("T", 12),
        ("P", 15),
        ("E", 18),
    ];
    if let Some(at) = BINARY.iter().position(|known| *known == suffix) {
        return Some((u32::try_from(at).ok()? + 1, 0));
    }
    if let Some((_, power)) = DECIMAL.iter().find(|(known, _)| *known == suffix) {
        return Some((0, *power));
    }
    let exponent = suffix.strip_prefix(['e', 'E'])?;
    Some((0, exponent.parse().ok()?))
}

/// Turns quantities that are numbers into texts, which every reader takes.
pub(super) fn write_as_text(tree: &mut Value) {
    fn descend(tree: &mut Value, name: &str, above: &str) {
        match tree {
            Value::Object(fields) => {
                for (key, value) in fields {
                    descend(value, key, name);
                }
            }
            Value::Array(items) => {
                for item in items {
                    descend(item, "", "");
                }
            }
            Value::Number(number) if matches!(name, "divisor" | "sizeLimit") || is_list(above) => {
                *tree = Value::String(number.to_string());
            }
            _ => {}
        }
    }
    descend(tree, "", "");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn spellings_of_one_amount_are_the_same() {
        for (one, other) in [
            (json!("1024Mi"), json!("1Gi")),
            (json!("0.5"), json!("500m")),
            (json!(5), json!("5")),
            (json!("5000m"), json!(5)),
            (json!("1e3"), json!("1k")),
            (json!("1E3"), json!("1000")),
            (json!(".5Ki"), json!("512")),
            (json!("+1."), json!(1)),
            (json!("0Ei"), json!("0e3")),
            (json!("-1k"), json!(-1000)),
        ] {
            assert!(same(&one, &other) && same(&other, &one), "{one} {other}");
        }
        for (one, other) in [
            (json!("1024M"), json!("1Gi")),
            (json!("1"), json!("1m")),
            (json!("a"), json!("a")),
            (json!(""), json!("0")),
            (json!("1.2.3"), json!("1.2.3")),
            (json!("1e999999999999"), json!("1e999999999999")),
            (json!("9999999999999999999E"), json!("9999999999999999999E")),
            (json!(true), json!(true)),
        ] {
            assert!(!same(&one, &other), "{one} {other}");
        }
    }

    #[test]
    fn places_of_quantities_are_known() {
        for path in [
            "spec.platform.nutanix.dataDisks[0].diskSize",
            "spec.podSpec.containers[0].resources.requests.cpu",
            "spec.podSpec.overhead.memory",
        ] {
            assert!(is_one(path), "{path}");
        }
        for path in ["spec.podSpec.containers[0].name", "spec.baseDomain"] {
            assert!(!is_one(path), "{path}");
        }
        let mut pod = json!({"containers": [{"ports": [{"containerPort": 1}], "resources": {"limits": {"cpu": 2}}}]});
        write_as_text(&mut pod);
        assert_eq!(
            pod,
            json!({"containers": [{"ports": [{"containerPort": 1}], "resources": {"limits": {"cpu": "2"}}}]})
        );
    }
}
