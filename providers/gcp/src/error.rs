//! Decides what class an answer of Google belongs to. The table below is the only place where a reason
//! or an error code of Google is looked at.
//!
//! Must never let a secret through: messages are what Google said; request bodies and headers are never
//! read. Mirrors `docs/spec/24 §5`.

use std::{error::Error as StdError, time::Duration};

use google_cloud_compute_v1::model::Operation;
use google_cloud_gax::error::{Error as SdkError, rpc::StatusDetails};
use http::{HeaderMap, header::RETRY_AFTER};
use serde_json::Value;
use skep_providers::{Class, Error};

/// The class of a reason, with the reasons. Compute says `rateLimitExceeded` where newer services say
/// `RATE_LIMIT_EXCEEDED`; the reasons of failed operations look like the latter. Compared without case
/// and underscores, so that each is listed once. What stands in no row is decided by the HTTP status:
/// among these `required`, which is a missing login with 401 and a missing field with 400.
const REASONS: &[(Class, &[&str])] = &[
    (Class::NotFound, &["notFound", "resourceNotFound"]),
    (
        Class::AlreadyExists,
        &["alreadyExists", "duplicate", "resourceAlreadyExists"],
    ),
    (
        Class::Throttled { after: None },
        &[
            "operationRateExceeded",
            "rateLimitExceeded",
            "resourceOperationRateExceeded",
            "tooManyRequests",
            "userRateLimitExceeded",
        ],
    ),
    // A zone without machines of the kind is a limit as well: it passes, or another kind must be taken.
    (
        Class::Quota,
        &[
            "dailyLimitExceeded",
            "limitExceeded",
            "quotaExceeded",
            "resourcePoolExhausted",
            "resourcePoolExhaustedWithDetails",
            "stockout",
            "zoneResourcePoolExhausted",
            "zoneResourcePoolExhaustedWithDetails",
        ],
    ),
    (
        Class::Unauthenticated,
        &[
            "accessTokenExpired",
            "accountStateInvalid",
            "authError",
            "credentialsMissing",
            "expired",
            "invalidClient",
            "invalidGrant",
        ],
    ),
    (
        Class::Denied,
        &[
            "accessDenied",
            "accessNotConfigured",
            "accessTokenScopeInsufficient",
            "billingDisabled",
            "billingNotEnabled",
            "consumerInvalid",
            "forbidden",
            "iamPermissionDenied",
            "insufficientPermissions",
            "permissionDenied",
            "permissionsError",
            "serviceDisabled",
            "unauthorizedClient",
            "userProjectDenied",
        ],
    ),
    (
        Class::DependencyViolation {
            holders: Vec::new(),
        },
        &[
            "operationInProgress",
            "resourceInUse",
            "resourceInUseByAnotherResource",
            "resourceNotReady",
        ],
    ),
    (
        Class::Transient,
        &["backendError", "internalError", "timeout", "unavailable"],
    ),
    (
        Class::Invalid,
        &[
            "badRequest",
            "conditionNotMet",
            "invalid",
            "invalidFieldValue",
            "invalidParameter",
            "invalidRequest",
            "invalidScope",
            "invalidUsage",
            "parseError",
            "unsupportedGrantType",
            "unsupportedOperation",
        ],
    ),
];

/// As long as a message may be; answers that are no JSON may be whole pages.
const LONGEST: usize = 500;

/// An answer with an error status.
pub(crate) fn from_answer(
    operation: &'static str,
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
) -> Error {
    let text = || String::from_utf8_lossy(body).into_owned();
    let Ok(answer) = serde_json::from_slice::<Value>(body) else {
        return classed(operation, status, headers, "", &text());
    };
    let error = &answer["error"];
    let of = |value: &Value| value.as_str().map(str::to_owned);
    // The token endpoint has a word and a description, the services an object.
    let reason = of(error)
        .or_else(|| of(&error["errors"][0]["reason"]))
        .or_else(|| {
            let details = error["details"].as_array()?;
            details.iter().find_map(|detail| of(&detail["reason"]))
        })
        .or_else(|| of(&error["status"]));
    let message = of(&error["message"]).or_else(|| of(&answer["error_description"]));
    let message = message.unwrap_or_else(text);
    classed(
        operation,
        status,
        headers,
        &reason.unwrap_or_default(),
        &message,
    )
}

/// No answer, or none that can be read.
pub(crate) fn from_http(operation: &'static str, error: reqwest::Error) -> Error {
    let class = if error.is_builder() {
        Class::Invalid
    } else {
        Class::Transient
    };
    Error::new(operation, class, chain(&error.without_url()))
}

/// What Google's own client says.
pub(crate) fn from_sdk(operation: &'static str, error: &SdkError) -> Error {
    let none = HeaderMap::new();
    let headers = error.http_headers().unwrap_or(&none);
    match (
        error.http_status_code(),
        error.status(),
        error.http_payload(),
    ) {
        (Some(status), Some(said), _) => {
            let reason = said.details.iter().find_map(|detail| match detail {
                StatusDetails::ErrorInfo(info) => Some(info.reason.as_str()),
                _ => None,
            });
            let reason = reason.unwrap_or_else(|| said.code.name());
            classed(operation, status, headers, reason, &said.message)
        }
        (Some(status), None, Some(body)) => from_answer(operation, status, headers, body),
        (Some(status), None, None) => classed(operation, status, headers, "", ""),
        (None, _, _) => {
            let class = if error.is_binding() || error.is_serialization() {
                Class::Invalid
            } else if error.is_deserialization() {
                Class::Unknown
            } else {
                Class::Transient
            };
            Error::new(operation, class, chain(error))
        }
    }
}

/// What became of an operation that is done.
pub(crate) fn of_operation(operation: &'static str, done: &Operation) -> Result<(), Error> {
    let status = done.http_error_status_code.unwrap_or_default();
    let status = u16::try_from(status).unwrap_or_default();
    let first = done.error.as_ref().and_then(|error| error.errors.first());
    if first.is_none() && status < 400 {
        return Ok(());
    }
    let code = first.and_then(|error| error.code.as_deref());
    let code = code.or(done.http_error_message.as_deref());
    let message = first.and_then(|error| error.message.as_deref());
    Err(classed(
        operation,
        status,
        &HeaderMap::new(),
        code.unwrap_or_default(),
        message.unwrap_or_default(),
    ))
}

fn classed(
    operation: &'static str,
    status: u16,
    headers: &HeaderMap,
    reason: &str,
    message: &str,
) -> Error {
    let class = match class_of_reason(reason).unwrap_or_else(|| class_of_status(status)) {
        Class::Throttled { after: None } => Class::Throttled {
            after: retry_after(headers),
        },
        other => other,
    };
    let message: String = message.trim().chars().take(LONGEST).collect();
    let code = if reason.is_empty() {
        status.to_string()
    } else {
        reason.to_owned()
    };
    Error::new(operation, class, message).with_code(code)
}

fn class_of_reason(reason: &str) -> Option<Class> {
    let plain = |text: &str| text.replace('_', "").to_ascii_lowercase();
    let reason = plain(reason);
    REASONS
        .iter()
        .find(|(_, reasons)| reasons.iter().any(|listed| plain(listed) == reason))
        .map(|(class, _)| class.clone())
}

fn class_of_status(status: u16) -> Class {
    match status {
        400 | 412 => Class::Invalid,
        401 => Class::Unauthenticated,
        403 => Class::Denied,
        404 => Class::NotFound,
        429 => Class::Throttled { after: None },
        408 | 500..=599 => Class::Transient,
        _ => Class::Unknown,
    }
}

/// Only seconds: a date would need a clock, and Google sends none.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

/// An error with its causes, each said once.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use google_cloud_compute_v1::model::operation;
    use http::HeaderValue;
    use serde_json::json;

    use super::*;

    const OPERATION: &str = "compute:instances.start";

    fn label(status: u16, body: &Value) -> (&'static str, String) {
        let body = body.to_string();
        let error = from_answer(OPERATION, status, &HeaderMap::new(), body.as_bytes());
        (error.class.label(), error.code)
    }

    fn compute(status: u16, reason: &str) -> &'static str {
        let errors = json!([{"domain": "global", "reason": reason, "message": "why"}]);
        label(
            status,
            &json!({"error": {"code": status, "message": "why", "errors": errors}}),
        )
        .0
    }

    #[test]
    fn reasons_of_compute() {
        for (status, reason, expected) in [
            (404, "notFound", "not_found"),
            (409, "alreadyExists", "already_exists"),
            (403, "rateLimitExceeded", "throttled"),
            (403, "quotaExceeded", "quota"),
            (403, "forbidden", "denied"),
            (403, "accessNotConfigured", "denied"),
            (401, "authError", "unauthenticated"),
            (401, "required", "unauthenticated"),
            (400, "required", "invalid"),
            (400, "invalid", "invalid"),
            (400, "resourceNotReady", "dependency_violation"),
            (
                400,
                "resourceInUseByAnotherResource",
                "dependency_violation",
            ),
            (412, "conditionNotMet", "invalid"),
            (500, "somethingNew", "transient"),
            (503, "backendError", "transient"),
            (418, "somethingNew", "unknown"),
        ] {
            assert_eq!(compute(status, reason), expected, "{status} {reason}");
        }
    }

    #[test]
    fn other_services_say_it_otherwise() {
        let info = json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "SERVICE_DISABLED", "domain": "googleapis.com"}]);
        let error = json!({"error": {"code": 403, "status": "PERMISSION_DENIED", "details": info}});
        assert_eq!(
            label(403, &error),
            ("denied", "SERVICE_DISABLED".to_owned())
        );
        let error = json!({"error": {"code": 403, "status": "PERMISSION_DENIED"}});
        assert_eq!(
            label(403, &error),
            ("denied", "PERMISSION_DENIED".to_owned())
        );
        let error = json!({"error": "invalid_grant", "error_description": "why"});
        assert_eq!(
            label(400, &error),
            ("unauthenticated", "invalid_grant".to_owned())
        );
        let page = from_answer(OPERATION, 502, &HeaderMap::new(), b"<html>");
        assert_eq!(
            (page.class, page.message),
            (Class::Transient, "<html>".to_owned())
        );
    }

    #[test]
    fn how_long_to_wait_is_read() {
        for (text, after) in [("7", Some(7)), ("soon", None)] {
            let headers = [(RETRY_AFTER, HeaderValue::from_static(text))]
                .into_iter()
                .collect();
            let error = from_answer(OPERATION, 429, &headers, b"{}");
            let after = after.map(Duration::from_secs);
            assert_eq!(error.class, Class::Throttled { after }, "{text}");
        }
    }

    #[test]
    fn operations_fail_in_their_own_words() {
        let failed = |code: &str, status: i32| {
            let one = operation::error::Errors::new()
                .set_code(code)
                .set_message("why");
            let error = operation::Error::new().set_errors([one]);
            let done = Operation::new()
                .set_error(error)
                .set_http_error_status_code(status);
            of_operation(OPERATION, &done).unwrap_err().class.label()
        };
        assert_eq!(failed("ZONE_RESOURCE_POOL_EXHAUSTED", 503), "quota");
        assert_eq!(
            failed("ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS", 503),
            "quota"
        );
        assert_eq!(failed("QUOTA_EXCEEDED", 403), "quota");
        assert_eq!(failed("RESOURCE_NOT_READY", 400), "dependency_violation");
        assert_eq!(failed("SOMETHING_NEW", 400), "invalid");
        assert_eq!(of_operation(OPERATION, &Operation::new()), Ok(()));
        let bare = Operation::new().set_http_error_status_code(503);
        assert_eq!(
            of_operation(OPERATION, &bare).unwrap_err().class,
            Class::Transient
        );
    }

    #[test]
    fn no_reason_stands_in_two_rows() {
        let plain = |text: &&str| text.replace('_', "").to_ascii_lowercase();
        let mut all: Vec<String> = REASONS
            .iter()
            .flat_map(|(_, of)| of.iter().map(plain))
            .collect();
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
