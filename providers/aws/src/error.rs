//! Decides what class an answer of AWS belongs to. The tables below are the only place where an
//! error code of AWS is looked at.
//!
//! Must never let a secret through: messages are what AWS said, without the encoded blob of a
//! refused authorisation; request bodies and headers are never read. Mirrors `docs/spec/20 §9.6`
//! and `docs/spec/24 §5`.

use std::{error::Error as StdError, time::Duration};

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use skep_providers::{Class, Error};

/// "It is not there", beside every code that ends in `NotFound`. These are the codes that AWS really
/// returns; several differ from what the reference installer waits for (`docs/spec/20 §9.6`).
const NOT_FOUND: &[&str] = &[
    "404",
    "Gateway.NotAttached",
    "InvalidPlacementGroup.Unknown",
    "NoSuchBucket",
    "NoSuchEntity",
    "NoSuchHostedZone",
    "NoSuchKey",
    "NoSuchUpload",
    "NoSuchVersion",
];

/// Calls come too fast.
const THROTTLED: &[&str] = &[
    "BandwidthLimitExceeded",
    "Client.RequestLimitExceeded",
    "EC2ThrottledException",
    "PriorRequestNotComplete",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// AWS does not believe that we are who we say. `AuthFailure` is EC2's word for wrong keys; where it
/// means "somebody else's image" the operation says so itself.
const UNAUTHENTICATED: &[&str] = &[
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSecurity",
    "InvalidToken",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "NotSignedUp",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
    "UnrecognizedClientException",
];

/// We are known and may not.
const DENIED: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "AllAccessDisabled",
    "AuthorizationError",
    "Blocked",
    "Client.UnauthorizedOperation",
    "Forbidden",
    "NotAuthorized",
    "OptInRequired",
    "PendingVerification",
    "UnauthorizedAccess",
    "UnauthorizedOperation",
];

/// Something still uses it, or it is on its way to a state in which it can be deleted; beside every
/// code that ends in `.InUse`.
const DEPENDENCY: &[&str] = &[
    "BucketNotEmpty",
    "ConcurrentModification",
    "DeleteConflict",
    "DependencyViolation",
    "ExistingVpcEndpointConnections",
    "FileSystemInUse",
    "HostedZoneNotEmpty",
    "IncorrectState",
    "IncorrectInstanceState",
    "IncorrectFileSystemLifeCycleState",
    "InUse",
    "InvalidAddress.Locked",
    "Resource.AlreadyAssociated",
    "ResourceInUse",
    "VolumeInUse",
];

/// It exists.
const EXISTS: &[&str] = &[
    "BucketAlreadyExists",
    "BucketAlreadyOwnedByYou",
    "DuplicateLoadBalancerName",
    "DuplicateTargetGroupName",
    "EntityAlreadyExists",
    "HostedZoneAlreadyExists",
];

/// A limit of the account, beside every code that ends in `LimitExceeded`.
const QUOTA: &[&str] = &[
    "InstanceLimitExceeded",
    "InsufficientInstanceCapacity",
    "InsufficientFreeAddressesInSubnet",
    "LimitExceeded",
    "LimitExceededException",
    "MaxSpotInstanceCountExceeded",
    "TooManyBuckets",
    "TooManyLoadBalancers",
    "TooManyTargetGroups",
];

/// The request as it is can never succeed; beside every code that ends in `.Malformed`.
const INVALID: &[&str] = &[
    "InvalidArgument",
    "InvalidBucketName",
    "InvalidChangeBatch",
    "InvalidDomainName",
    "InvalidInput",
    "InvalidParameter",
    "InvalidParameterCombination",
    "InvalidParameterException",
    "InvalidParameterValue",
    "InvalidRequest",
    "InvalidConfigurationRequest",
    "MalformedPolicyDocument",
    "MissingParameter",
    "OperationNotPermitted",
    "UnsupportedOperation",
    "ValidationError",
    "ValidationException",
];

/// AWS or the way to it is in trouble.
const TRANSIENT: &[&str] = &[
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "InternalServiceError",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServerInternal",
    "ServiceFailure",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "Unavailable",
];

/// The class of an error code; `None` when the code says nothing and the HTTP status must decide.
pub(crate) fn class_of_code(code: &str) -> Option<Class> {
    let listed = |table: &[&str]| table.contains(&code);
    // Query protocols sometimes carry the type's name instead of the code.
    let family = code.strip_suffix("Exception").unwrap_or(code);
    if listed(NOT_FOUND) || family.ends_with("NotFound") {
        Some(Class::NotFound)
    } else if listed(THROTTLED) {
        Some(Class::Throttled { after: None })
    } else if listed(UNAUTHENTICATED) {
        Some(Class::Unauthenticated)
    } else if listed(DENIED) {
        Some(Class::Denied)
    } else if listed(DEPENDENCY) || code.ends_with(".InUse") {
        Some(Class::DependencyViolation {
            holders: Vec::new(),
        })
    } else if listed(EXISTS) || code.ends_with(".Duplicate") || code.ends_with("AlreadyExists") {
        Some(Class::AlreadyExists)
    } else if listed(QUOTA) || code.ends_with("LimitExceeded") {
        Some(Class::Quota)
    } else if listed(TRANSIENT) {
        Some(Class::Transient)
    } else if listed(INVALID) || code.ends_with(".Malformed") {
        Some(Class::Invalid)
    } else {
        None
    }
}

fn class_of_status(status: u16) -> Class {
    match status {
        401 => Class::Unauthenticated,
        403 => Class::Denied,
        404 => Class::NotFound,
        429 => Class::Throttled { after: None },
        408 | 500..=599 => Class::Transient,
        400 => Class::Invalid,
        _ => Class::Unknown,
    }
}

/// The class of an answer: the code decides, else the HTTP status. A code of our tables is never
/// overruled, a 5xx with an unknown code is transient.
fn class_of_answer(code: &str, status: u16, after: Option<Duration>) -> Class {
    let class = match class_of_code(code) {
        Some(class) => class,
        // An unknown code of a 400 may mean anything: shown to a person, not taken for final.
        None if status == 400 && !code.is_empty() => Class::Unknown,
        None => class_of_status(status),
    };
    match class {
        Class::Throttled { .. } => Class::Throttled { after },
        other => other,
    }
}

/// What AWS said, fit to be shown: the encoded message of a refused authorisation is cut away (it is
/// long, and decoding it tells about the account's policies).
pub(crate) fn presentable(message: &str) -> String {
    const BLOB: &str = "Encoded authorization failure message:";
    let kept = message.find(BLOB).map_or(message, |at| &message[..at]);
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// An item that failed inside an answer that succeeded (`DeleteVpcEndpoints`, `DeleteObjects`).
pub(crate) fn from_item(operation: &str, code: &str, message: &str) -> Error {
    let class = class_of_code(code).unwrap_or(Class::Unknown);
    Error::new(operation, class, presentable(message)).with_code(code)
}

/// Any error of a call.
pub(crate) fn from_sdk<E>(operation: &str, error: &SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    match error {
        SdkError::ServiceError(answer) => {
            let response = answer.raw();
            let meta = answer.err().meta();
            let code = meta.code().unwrap_or_default();
            let after = response
                .headers()
                .get("retry-after")
                .and_then(|value| value.parse().ok())
                .map(Duration::from_secs);
            let class = class_of_answer(code, response.status().as_u16(), after);
            let message = presentable(meta.message().unwrap_or_default());
            let id = ["x-amzn-requestid", "x-amz-request-id", "x-amzn-request-id"]
                .iter()
                .find_map(|name| response.headers().get(*name))
                .or_else(|| meta.extra("aws_request_id"));
            let error = Error::new(operation, class, message).with_code(code);
            match id {
                Some(id) => error.with_request_id(id),
                None => error,
            }
        }
        SdkError::ConstructionFailure(_) => {
            // Credentials are fetched while the request is built: what their provider said counts.
            inner(error).map_or_else(
                || Error::new(operation, Class::Invalid, chain(error)),
                |inner| adopt(operation, inner),
            )
        }
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) => inner(error).map_or_else(
            || Error::new(operation, Class::Transient, chain(error)),
            |inner| adopt(operation, inner),
        ),
        SdkError::ResponseError(answer) => {
            let status = answer.raw().status().as_u16();
            let class = match class_of_status(status) {
                Class::Unknown | Class::Invalid => Class::Transient,
                class => class,
            };
            Error::new(
                operation,
                class,
                format!("unreadable answer with status {status}"),
            )
        }
        _ => Error::new(operation, Class::Unknown, chain(error)),
    }
}

/// An error of our own that travelled through the SDK (an assumed role that was refused).
fn inner<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e Error> {
    let mut next = Some(error);
    while let Some(current) = next {
        if let Some(found) = current.downcast_ref::<Error>() {
            return Some(found);
        }
        next = current.source();
    }
    None
}

fn adopt(operation: &str, inner: &Error) -> Error {
    let mut error = inner.clone();
    if inner.operation != operation {
        error.operation = format!("{operation} (by {})", inner.operation);
    }
    error
}

/// The texts of an error and its sources, each once. Errors of the transport name hosts and
/// system errors, never headers or bodies.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(current) = next {
        let text = current.to_string();
        if !text.is_empty() && !texts.iter().any(|known| known.ends_with(&text)) {
            texts.push(text);
        }
        next = current.source();
    }
    texts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(code: &str) -> &'static str {
        class_of_code(code).map_or("none", |class| class.label())
    }

    #[test]
    fn each_not_found_code_of_aws_is_one() {
        for code in [
            "InvalidAllocationID.NotFound",
            "InvalidAMIID.NotFound",
            "InvalidDhcpOptionID.NotFound",
            "InvalidDhcpOptionsID.NotFound",
            "InvalidEgressOnlyInternetGatewayId.NotFound",
            "InvalidGroup.NotFound",
            "InvalidHostID.NotFound",
            "InvalidInstanceID.NotFound",
            "InvalidInternetGatewayID.NotFound",
            "InvalidNetworkInterfaceID.NotFound",
            "InvalidPermission.NotFound",
            "InvalidPlacementGroup.Unknown",
            "InvalidRouteTableID.NotFound",
            "InvalidSnapshot.NotFound",
            "InvalidSubnetID.NotFound",
            "InvalidVolume.NotFound",
            "InvalidVpcEndpointId.NotFound",
            "InvalidVpcEndpointService.NotFound",
            "InvalidVpcID.NotFound",
            "InvalidVpcPeeringConnectionID.NotFound",
            "NatGatewayNotFound",
            "LoadBalancerNotFound",
            "TargetGroupNotFound",
            "ListenerNotFound",
            "LoadBalancerNotFoundException",
            "FileSystemNotFound",
            "MountTargetNotFound",
            "AccessPointNotFound",
            "NoSuchEntity",
            "NoSuchBucket",
            "NoSuchHostedZone",
            "NoSuchUpload",
            "Gateway.NotAttached",
        ] {
            assert_eq!(label(code), "not_found", "{code}");
        }
    }

    #[test]
    fn the_other_families() {
        for (code, expected) in [
            ("RequestLimitExceeded", "throttled"),
            ("Throttling", "throttled"),
            ("SlowDown", "throttled"),
            ("PriorRequestNotComplete", "throttled"),
            ("TooManyRequestsException", "throttled"),
            ("InvalidClientTokenId", "unauthenticated"),
            ("SignatureDoesNotMatch", "unauthenticated"),
            ("AuthFailure", "unauthenticated"),
            ("ExpiredToken", "unauthenticated"),
            ("UnauthorizedOperation", "denied"),
            ("AccessDenied", "denied"),
            ("AccessDeniedException", "denied"),
            ("OptInRequired", "denied"),
            ("DependencyViolation", "dependency_violation"),
            ("DeleteConflict", "dependency_violation"),
            ("ResourceInUse", "dependency_violation"),
            ("VolumeInUse", "dependency_violation"),
            ("HostedZoneNotEmpty", "dependency_violation"),
            ("BucketNotEmpty", "dependency_violation"),
            ("InvalidIPAddress.InUse", "dependency_violation"),
            ("InvalidSnapshot.InUse", "dependency_violation"),
            ("InvalidNetworkInterface.InUse", "dependency_violation"),
            ("IncorrectState", "dependency_violation"),
            ("EntityAlreadyExists", "already_exists"),
            ("InvalidGroup.Duplicate", "already_exists"),
            ("VpcLimitExceeded", "quota"),
            ("AddressLimitExceeded", "quota"),
            ("LimitExceeded", "quota"),
            ("InvalidParameterValue", "invalid"),
            ("InvalidInstanceID.Malformed", "invalid"),
            ("ValidationError", "invalid"),
            ("InternalError", "transient"),
            ("ServiceUnavailable", "transient"),
            ("SomethingNew", "none"),
        ] {
            assert_eq!(label(code), expected, "{code}");
        }
    }

    #[test]
    fn a_code_belongs_to_one_table() {
        let tables = [
            NOT_FOUND,
            THROTTLED,
            UNAUTHENTICATED,
            DENIED,
            DEPENDENCY,
            EXISTS,
            QUOTA,
            INVALID,
            TRANSIENT,
        ];
        let mut seen = std::collections::BTreeSet::new();
        for code in tables.iter().flat_map(|table| table.iter()) {
            assert!(seen.insert(code), "{code} stands in two tables");
        }
    }

    #[test]
    fn the_status_decides_only_without_a_known_code() {
        assert_eq!(class_of_answer("", 503, None), Class::Transient);
        assert_eq!(class_of_answer("Odd", 503, None), Class::Transient);
        assert_eq!(class_of_answer("Odd", 400, None), Class::Unknown);
        assert_eq!(class_of_answer("", 403, None), Class::Denied);
        assert_eq!(class_of_answer("", 404, None), Class::NotFound);
        let after = Some(Duration::from_secs(3));
        assert_eq!(
            class_of_answer("Throttling", 400, after),
            Class::Throttled { after }
        );
    }

    #[test]
    fn the_encoded_blob_of_a_refusal_is_cut() {
        let said = "You are not authorized to perform this operation. User: u is not authorized. \
                    Encoded authorization failure message: kzR8-sEcReT_blob";
        let shown = presentable(said);
        assert_eq!(
            shown,
            "You are not authorized to perform this operation. User: u is not authorized."
        );
    }
}
