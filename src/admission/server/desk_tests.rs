//! What the desk answers (docs/spec/41 §2, §14).

use std::convert::Infallible;

use http_body_util::StreamBody;
use hyper::body::Frame;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::runtime::metrics::Metrics;

fn desk() -> (Arc<Desk>, Metrics) {
    let metrics = Metrics::new();
    let clock = Clock::starting_at(Timestamp::UNIX_EPOCH);
    let figures = Figures::new(&metrics);
    let desk = Desk::new(Settings::default(), Served::default(), figures, clock);
    (Arc::new(desk), metrics)
}

fn review(resource: &str, kind: &str, operation: &str, objects: &Value) -> Value {
    let mut review = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "5fd9f8a1-0000-4000-8000-3a7fca9a6d3e",
            "kind": {"group": "hive.openshift.io", "version": "v1", "kind": kind},
            "resource": {"group": "hive.openshift.io", "version": "v1", "resource": resource},
            "name": "example",
            "namespace": "team",
            "operation": operation,
            "userInfo": {"username": "admin"},
        },
    });
    if let (Some(request), Some(objects)) = (review["request"].as_object_mut(), objects.as_object())
    {
        request.extend(objects.clone());
    }
    review
}

fn zone(zone: &str) -> Value {
    json!({
        "apiVersion": "hive.openshift.io/v1",
        "kind": "DNSZone",
        "metadata": {"name": "example", "namespace": "team"},
        "spec": {"zone": zone},
    })
}

fn post(path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post(path)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(body.into()))
        .unwrap()
}

async fn told(desk: &Arc<Desk>, request: Request<Full<Bytes>>) -> (u16, HeaderMap, Value) {
    let response = desk.clone().answer(request).await;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body = serde_json::from_slice(&body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
    (parts.status.as_u16(), parts.headers, body)
}

const ZONES: &str = "/dnszonevalidators";

/// The three posts of docs/spec/41 §14, on both paths.
#[tokio::test]
async fn a_review_gets_a_review() {
    let (desk, metrics) = desk();
    let valid = review(
        "dnszones",
        "DNSZone",
        "CREATE",
        &json!({"object": zone("a.example.com")}),
    );
    let underscore = review(
        "dnszones",
        "DNSZone",
        "CREATE",
        &json!({"object": zone("a_b.example.com")}),
    );
    let changed = json!({"object": zone("b.example.com"), "oldObject": zone("a.example.com")});
    let changed = review("dnszones", "DNSZone", "UPDATE", &changed);
    for path in [ZONES.to_owned(), format!("{AGGREGATED}{ZONES}?timeout=10s")] {
        for (posted, allowed) in [(&valid, true), (&underscore, false), (&changed, false)] {
            let (code, headers, answered) = told(&desk, post(&path, posted.to_string())).await;
            assert_eq!(code, 200, "{answered}");
            assert_eq!(headers[header::CONTENT_TYPE], "application/json");
            assert_eq!(answered["apiVersion"], "admission.k8s.io/v1");
            assert_eq!(answered["kind"], "AdmissionReview");
            assert_eq!(answered["response"]["uid"], posted["request"]["uid"]);
            assert_eq!(answered["response"]["allowed"], allowed, "{answered}");
            if !allowed {
                assert_eq!(answered["response"]["status"]["code"], 400, "{answered}");
                let message = answered["response"]["status"]["message"].as_str();
                assert!(
                    message.is_some_and(|message| message.contains("zone")),
                    "{answered}"
                );
            }
        }
    }
    let text = metrics.text();
    for line in [
        r#"skep_admission_reviews_total{kind="DNSZone",operation="CREATE",verdict="allowed"} 2"#,
        r#"skep_admission_reviews_total{kind="DNSZone",operation="CREATE",verdict="refused"} 2"#,
        r#"skep_admission_refusals_total{kind="DNSZone",rule="dnszone/zone-stays"} 2"#,
        r#"skep_admission_review_seconds_count{kind="DNSZone"} 6"#,
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

/// A hook judges its own resource only.
#[tokio::test]
async fn what_is_not_the_hooks_own_is_allowed() {
    let (desk, _) = desk();
    for (at, value) in [
        ("group", "other.io"),
        ("version", "v2"),
        ("resource", "others"),
    ] {
        let mut posted = review(
            "dnszones",
            "DNSZone",
            "CREATE",
            &json!({"object": zone("a_b")}),
        );
        posted["request"]["resource"][at] = json!(value);
        let (code, _, answered) = told(&desk, post(ZONES, posted.to_string())).await;
        assert_eq!(
            (code, &answered["response"]["allowed"]),
            (200, &json!(true)),
            "{at}"
        );
    }
    let undecodable = review(
        "dnszones",
        "DNSZone",
        "CREATE",
        &json!({"object": {"spec": 7}}),
    );
    let (code, _, answered) = told(&desk, post(ZONES, undecodable.to_string())).await;
    assert_eq!(
        (code, &answered["response"]["status"]["code"]),
        (200, &json!(400)),
        "{answered}"
    );
}

#[tokio::test]
async fn what_is_no_review_gets_an_error_that_says_why() {
    let (desk, metrics) = desk();
    let good = review(
        "dnszones",
        "DNSZone",
        "CREATE",
        &json!({"object": zone("a.b")}),
    );
    let good = good.to_string();
    let other = |change: &dyn Fn(&mut Value)| {
        let mut other = serde_json::from_str(&good).unwrap();
        change(&mut other);
        other.to_string()
    };
    let as_text = Request::post(ZONES)
        .header(header::CONTENT_TYPE, "application/vnd.kubernetes.protobuf")
        .body(Full::new(Bytes::from(good.clone())))
        .unwrap();
    let got = Request::get(ZONES).body(Full::default()).unwrap();
    let table = [
        ("unknown path", 404, post("/others", good.clone())),
        ("root", 404, post("/", good.clone())),
        (
            "hook below a hook",
            404,
            post("/dnszonevalidators/x", good.clone()),
        ),
        ("wrong method", 405, got),
        ("wrong type", 415, as_text),
        ("too large", 413, post(ZONES, vec![b' '; LARGEST + 1])),
        ("nothing", 400, post(ZONES, "")),
        ("no JSON", 400, post(ZONES, "{")),
        ("a list", 400, post(ZONES, format!("[{good}]"))),
        ("no text", 400, post(ZONES, vec![b'{', 0xff, 0xfe, b'}'])),
        (
            "another kind",
            400,
            post(ZONES, other(&|it| it["kind"] = json!("Status"))),
        ),
        (
            "another version",
            400,
            post(
                ZONES,
                other(&|it| it["apiVersion"] = json!("admission.k8s.io/v1beta1")),
            ),
        ),
        (
            "no request",
            400,
            post(ZONES, other(&|it| it["request"] = Value::Null)),
        ),
        (
            "no operation",
            400,
            post(ZONES, other(&|it| it["request"]["operation"] = Value::Null)),
        ),
        (
            "an unknown operation",
            400,
            post(
                ZONES,
                other(&|it| it["request"]["operation"] = json!("PATCH")),
            ),
        ),
    ];
    for (what, wanted, request) in table {
        let (code, headers, answered) = told(&desk, request).await;
        assert_eq!(code, wanted, "{what}: {answered}");
        assert_eq!(headers[header::CONTENT_TYPE], "application/json", "{what}");
        assert_eq!(answered["kind"], "Status", "{what}");
        assert_eq!(answered["code"], wanted, "{what}");
        assert!(
            answered["message"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{what}"
        );
        assert_eq!(headers.contains_key(header::ALLOW), wanted == 405, "{what}");
    }
    assert!(
        metrics
            .text()
            .contains(r#"skep_admission_problems_total{code="400"} 9"#)
    );
}

/// A body whose length is not told is cut as well, and one that never comes is not waited for.
#[tokio::test(start_paused = true)]
async fn bodies_are_bounded_in_length_and_time() {
    let (desk, _) = desk();
    let chunk = Bytes::from(vec![b' '; 1 << 20]);
    let endless =
        futures::stream::repeat_with(move || Ok::<_, Infallible>(Frame::data(chunk.clone())));
    let request = Request::post(ZONES).body(StreamBody::new(endless)).unwrap();
    assert_eq!(
        desk.clone().answer(request).await.status(),
        StatusCode::PAYLOAD_TOO_LARGE
    );
    let silent = futures::stream::pending::<Result<Frame<Bytes>, Infallible>>();
    let request = Request::post(ZONES).body(StreamBody::new(silent)).unwrap();
    assert_eq!(
        desk.clone().answer(request).await.status(),
        StatusCode::REQUEST_TIMEOUT
    );
    let broken = futures::stream::iter([Err::<Frame<Bytes>, _>(std::io::Error::other("reset"))]);
    let request = Request::post(ZONES).body(StreamBody::new(broken)).unwrap();
    assert_eq!(
        desk.clone().answer(request).await.status(),
        StatusCode::BAD_REQUEST
    );
    let more = (0..9).map(|_| Ok::<_, Infallible>(Frame::data(Bytes::from(vec![b' '; 1 << 20]))));
    let request = Request::post(ZONES)
        .body(StreamBody::new(futures::stream::iter(more)))
        .unwrap();
    assert_eq!(
        desk.clone().answer(request).await.status(),
        StatusCode::PAYLOAD_TOO_LARGE
    );
    // The room of all of them is free again.
    assert_eq!(desk.held.available_permits(), HELD_KIB as usize);
}

/// As large as the API server would send it, and as deep as JSON may be.
#[tokio::test]
async fn the_largest_and_the_deepest_review_are_answered() {
    let (desk, _) = desk();
    let mut large = zone("a.example.com");
    large["metadata"]["annotations"] = json!({"large": "x".repeat(3 << 20)});
    let objects = json!({"object": large, "oldObject": large});
    let posted = review("dnszones", "DNSZone", "UPDATE", &objects).to_string();
    let (code, _, answered) = told(&desk, post(ZONES, posted)).await;
    assert_eq!(
        (code, &answered["response"]["allowed"]),
        (200, &json!(true))
    );
    let deep = format!("{}{}", "[".repeat(1 << 20), "]".repeat(1 << 20));
    let posted =
        format!(r#"{{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","deep":{deep}}}"#);
    let (code, _, answered) = told(&desk, post(ZONES, posted)).await;
    assert_eq!(code, 400, "{answered}");
}

#[tokio::test]
async fn probes_tell_what_is_missing() {
    let (desk, _) = desk();
    let get = |path: &str| Request::get(path).body(Full::default()).unwrap();
    assert_eq!(told(&desk, get("/healthz")).await.0, 200);
    let (code, _, why) = told(&desk, get("/readyz")).await;
    assert_eq!((code, why), (503, json!("there is no certificate")));
    let served = |from: i32, until: i32| {
        let mut params = rcgen::CertificateParams::new(vec!["a".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let chain = params.self_signed(&key).unwrap().pem();
        let key = key.serialize_pem();
        desk.served.set(
            super::super::certificate::Certificate::from_pem(chain.as_bytes(), key.as_bytes())
                .unwrap(),
        );
    };
    // It is 1970.
    served(1960, 1969);
    let (code, _, why) = told(&desk, get("/readyz")).await;
    assert_eq!(
        (code, why),
        (503, json!("the certificate is not valid now"))
    );
    served(1960, 1980);
    assert_eq!(told(&desk, get("/readyz")).await.0, 200);
    desk.set_stopping();
    let (code, headers, why) = told(&desk, get("/readyz")).await;
    assert_eq!((code, why), (503, json!("stopping")));
    assert_eq!(headers[header::CONNECTION], "close");
}

#[tokio::test]
async fn the_aggregated_api_lists_every_hook() {
    let (desk, _) = desk();
    let request = Request::get(AGGREGATED).body(Full::default()).unwrap();
    let (code, _, answered) = told(&desk, request).await;
    assert_eq!(code, 200);
    let names: Vec<&str> = answered["resources"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|resource| resource["name"].as_str())
        .collect();
    let hooks: Vec<&str> = HOOKS.iter().map(|hook| hook.plural).collect();
    assert_eq!(names, hooks);
}

/// Every body of the corpus to every hook: none makes a rule fall, each gets its answer, and no answer
/// repeats what may be a secret. What a campaign of `cargo xtask fuzz admission` finds is added to it.
#[tokio::test]
async fn the_corpus_is_answered() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/admission");
    let mut bodies = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        let file = entry.unwrap().path();
        let body = Bytes::from(std::fs::read(&file).unwrap());
        bodies += 1;
        for hook in &HOOKS {
            let (desk, _) = desk();
            let (code, _, answered) =
                told(&desk, post(&format!("/{}", hook.plural), body.clone())).await;
            let what = format!("{} to {}: {code} {answered}", file.display(), hook.plural);
            match code {
                200 => assert!(answered["response"]["allowed"].is_boolean(), "{what}"),
                400 => assert_eq!(answered["kind"], "Status", "{what}"),
                _ => panic!("{what}"),
            }
            assert!(!answered.to_string().contains("skep-canary-7f3a"), "{what}");
        }
    }
    assert!(bodies > 60, "{bodies} bodies");
}
