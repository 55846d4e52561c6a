//! What patches look like: JSON patches, merge patches, and the pointers in them.
//!
//! Decides the form only. Whether a patch applies depends on the object it meets, which is not here.

use serde_json::Value;

/// What is wrong with a JSON pointer (RFC 6901).
pub(super) fn pointer_problem(pointer: &str) -> Option<&'static str> {
    if !pointer.is_empty() && !pointer.starts_with('/') {
        return Some("must be empty or begin with /");
    }
    let escapes = pointer.split('~').skip(1);
    let broken = escapes
        .into_iter()
        .any(|rest| !rest.starts_with(['0', '1']));
    broken.then_some("has a ~ that is neither ~0 (for ~) nor ~1 (for /)")
}

/// Reads a patch as the controllers do: JSON, or YAML that says the same.
fn tree(text: &str) -> Option<Value> {
    serde_json::from_str(text)
        .ok()
        .or_else(|| serde_saphyr::from_str(text).ok())
}

/// Operations of a JSON patch (RFC 6902) and whether they need a value or a source.
const OPERATIONS: [(&str, bool, bool); 6] = [
    ("add", true, false),
    ("remove", false, false),
    ("replace", true, false),
    ("move", false, true),
    ("copy", false, true),
    ("test", true, false),
];

/// What is wrong with the text of a JSON patch.
pub(super) fn json_patch_problem(text: &str) -> Option<String> {
    let Some(Value::Array(operations)) = tree(text) else {
        return Some("is not a list of operations, which a JSON patch is".to_owned());
    };
    operations
        .iter()
        .enumerate()
        .find_map(|(index, operation)| {
            operation_problem(operation).map(|problem| format!("operation {index} {problem}"))
        })
}

fn operation_problem(operation: &Value) -> Option<String> {
    let Value::Object(fields) = operation else {
        return Some("is not an object".to_owned());
    };
    let text = |key: &str| fields.get(key).and_then(Value::as_str);
    let Some((name, value, source)) =
        text("op").and_then(|op| OPERATIONS.into_iter().find(|(name, ..)| *name == op))
    else {
        let names = OPERATIONS.map(|(name, ..)| name).join(", ");
        return Some(format!("has an op that is none of {names}"));
    };
    for (key, needed) in [("path", true), ("from", source)] {
        match text(key) {
            None if needed => return Some(format!("is {name} and lacks {key}")),
            Some(pointer) => {
                if let Some(problem) = pointer_problem(pointer) {
                    return Some(format!("has a {key} that {problem}"));
                }
            }
            None => {}
        }
    }
    (value && !fields.contains_key("value")).then(|| format!("is {name} and lacks value"))
}

/// What is wrong with the text of a merge patch or a strategic merge patch.
pub(super) fn merge_patch_problem(text: &str) -> Option<String> {
    match tree(text) {
        Some(Value::Object(_)) => None,
        Some(_) => Some("is not an object, which a merge patch is".to_owned()),
        None => Some("is neither JSON nor YAML".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers() {
        for good in ["", "/", "/a/0", "/a~1b/~0"] {
            assert_eq!(pointer_problem(good), None, "{good}");
        }
        for bad in ["a", "a/b", "/~", "/~2", "/a~"] {
            assert!(pointer_problem(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn json_patches() {
        for good in [
            "[]",
            r#"[{"op":"add","path":"/a","value":null}]"#,
            r#"[{"op":"move","path":"/a","from":"/b"},{"op":"remove","path":"/c"}]"#,
            "- op: replace\n  path: /a\n  value: 1\n",
        ] {
            assert_eq!(json_patch_problem(good), None, "{good}");
        }
        for bad in [
            "",
            "{}",
            "[1]",
            r#"[{"op":"add","path":"/a"}]"#,
            r#"[{"op":"put","path":"/a","value":1}]"#,
            r#"[{"op":"remove"}]"#,
            r#"[{"op":"remove","path":"a"}]"#,
            r#"[{"op":"copy","path":"/a"}]"#,
            "[{",
        ] {
            assert!(json_patch_problem(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn merge_patches() {
        for good in ["{}", r#"{"a":null}"#, "a:\n  b: 1\n"] {
            assert_eq!(merge_patch_problem(good), None, "{good}");
        }
        for bad in ["", "[]", "text", "{", "a: [1"] {
            assert!(merge_patch_problem(bad).is_some(), "{bad}");
        }
    }

    /// Texts that are made to cost: what reads them must neither overflow nor grow.
    #[test]
    fn hostile_texts_are_only_wrong() {
        let bomb = (1..30).fold(
            "a0: &a0 [x, x, x, x, x, x, x, x]\n".to_owned(),
            |text, n| {
                let above = n - 1;
                format!(
                    "{text}a{n}: &a{n} [*a{above}, *a{above}, *a{above}, *a{above}, *a{above}]\n"
                )
            },
        );
        for text in [
            "[".repeat(300_000),
            "{a: ".repeat(300_000),
            "- ".repeat(300_000),
            bomb,
        ] {
            assert!(json_patch_problem(&text).is_some());
            assert!(merge_patch_problem(&text).is_some());
        }
    }
}
