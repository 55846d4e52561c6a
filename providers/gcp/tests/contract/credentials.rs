//! `Credentials`: who one is, and in which words one is told that it is not so.

use serde_json::json;
use skep_kit::{
    cloud::CANARY,
    gcp::{Fault, Project},
};
use skep_providers::{AccountId, Class, Cloud as _, ConnectRequest, Error};

use crate::{cloud, connect, endpoints, factory, facts, order, source};

async fn identity(project: &Project) -> Result<AccountId, Error> {
    connect(&factory(), &project.key).await?.identity().await
}

fn count(project: &Project, method: &str) -> u64 {
    let counts = cloud().counts(project).unwrap();
    counts.methods.get(method).copied().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_is_told_and_asked_for_once() {
    let project = cloud().project().unwrap();
    let gcp = factory();
    for _ in 0..3 {
        let account = connect(&gcp, &project.key).await.unwrap();
        let expected = AccountId::new("gcp", &project.id);
        assert_eq!(account.identity().await.unwrap(), expected);
    }
    assert_eq!(count(&project, "oauth2.token"), 1);
    assert_eq!(count(&project, "projects.get"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn connecting_makes_no_call() {
    let project = cloud().project().unwrap();
    connect(&factory(), &project.key).await.unwrap();
    let counts = cloud().counts(&project).unwrap();
    assert!(counts.methods.is_empty(), "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_credentials_has_a_class() {
    let (project, other) = (cloud().project().unwrap(), cloud().project().unwrap());
    let with = |field: &str, value: &str| {
        let mut project = project.clone();
        project.key[field] = json!(value);
        project
    };
    let stolen = other.key["private_key"].as_str().unwrap();
    for wrong in [
        with("private_key", stolen),
        with("private_key", "no PEM"),
        with(
            "private_key",
            &format!("-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----\n"),
        ),
        with("private_key_id", "unknown"),
        with("client_email", "nobody@demo.iam.gserviceaccount.com"),
        with("type", "authorized_user"),
    ] {
        let error = identity(&wrong).await.unwrap_err();
        assert_eq!(error.class, Class::Unauthenticated, "{error}");
        assert!(!format!("{error:?}").contains(CANARY), "{error:?}");
    }
    // A key of one project is not one of another.
    let error = identity(&with("project_id", &other.id)).await.unwrap_err();
    assert_eq!(error.class, Class::Denied, "{error}");

    let fault = |reason| Fault::error("projects.get", 403, reason);
    for (reason, class) in [
        ("IAM_PERMISSION_DENIED", Class::Denied),
        ("SERVICE_DISABLED", Class::Denied),
        ("RATE_LIMIT_EXCEEDED", Class::Throttled { after: None }),
    ] {
        order(&project, &fault(reason));
        let error = identity(&project).await.unwrap_err();
        assert_eq!(error.class, class, "{error}");
        assert_eq!(error.code, reason);
        cloud().clear_faults(&project).unwrap();
    }
    order(
        &project,
        &Fault::error("oauth2.token", 503, "backend_error").times(2),
    );
    assert!(identity(&project).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ended_is_replaced_and_a_withdrawn_key_is_told() {
    let project = cloud().project().unwrap();
    let account = connect(&factory(), &project.key).await.unwrap();
    let machines = account.machines().unwrap();
    let facts = facts(&project.id, "demo-x7k2p");
    let list = || machines.list(&facts, std::time::Duration::ZERO);
    list().await.unwrap();
    cloud().revoke(&project, false).unwrap();
    let error = list().await.unwrap_err();
    assert_eq!(error.class, Class::Unauthenticated, "{error}");
    list().await.unwrap();
    cloud().revoke(&project, true).unwrap();
    for _ in 0..2 {
        let error = list().await.unwrap_err();
        assert_eq!(error.class, Class::Unauthenticated, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_that_does_not_answer_is_in_trouble() {
    let project = cloud().project().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let request = ConnectRequest {
        source: source(&project.key),
        region: String::new(),
        endpoints: endpoints(&format!("http://{address}")),
    };
    let account = factory().connect(request).await.unwrap();
    let error = account.identity().await.unwrap_err();
    assert_eq!(error.class, Class::Transient, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_built_says_so() {
    let project = cloud().project().unwrap();
    let account = connect(&factory(), &project.key).await.unwrap();
    assert_eq!(account.zones().err().unwrap().capability, "zones");
    let error = account
        .eraser(&facts(&project.id, "demo-x7k2p"))
        .err()
        .unwrap();
    assert_eq!(error.class, Class::Invalid, "{error}");
}
