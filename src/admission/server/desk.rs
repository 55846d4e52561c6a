//! From an HTTP request to its answer: which hook is called, whether the body is a review at all, and
//! what the answer looks like on the wire.
//!
//! A review that can be read gets an `AdmissionReview`, whatever it says. Everything else gets an HTTP
//! error with a `Status` that says what was expected. Neither a panic of a rule nor the largest or
//! strangest body may cost more than the one request. Never logs what an object holds: a refusal is
//! logged by its rules and fields.
//!
//! Mirrors docs/spec/41 §1–2.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Body;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Semaphore;

use super::certificate::Served;
use super::figures::{Figures, Outcome};
use crate::admission::{self, HOOKS, Hook, Settings, Verdict};
use crate::runtime::Clock;

/// An API server takes objects of up to 3 MiB. A review holds the old and the new one, and what is said
/// about the request.
pub const LARGEST: usize = 7 << 20;
/// A larger body is read to its end, up to here, and thrown away: a caller that is cut off while it sends does
/// not read why.
const DRAINED: usize = 4 * LARGEST;
/// Bodies that are held at a time, in KiB, all connections together.
const HELD_KIB: u32 = 64 << 10;
/// How long a body may take to arrive: an API server waits for the whole answer no longer.
const BODY: Duration = Duration::from_secs(10);
/// A body from here on is judged beside the threads that serve connections.
const HEAVY: usize = 256 << 10;
/// Characters of a name or user that a log line repeats.
const LOGGED: usize = 253;

/// Path of the aggregated API that Hive's registrations call; the plain path is ours.
const AGGREGATED: &str = "/apis/admission.hive.openshift.io/v1";
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Everything that answering needs.
#[derive(Debug)]
pub struct Desk {
    settings: ArcSwap<Settings>,
    served: Served,
    figures: Figures,
    clock: Clock,
    held: Semaphore,
    stopping: AtomicBool,
}

/// A request that is no review.
#[derive(Debug, PartialEq, Eq)]
enum Problem {
    UnknownPath,
    Method,
    MediaType,
    TooLarge,
    TooSlow,
    Broken,
    Unreadable(String),
    Panicked,
}

impl Problem {
    fn status(&self) -> (StatusCode, &'static str, Cow<'_, str>) {
        let plain = |code, reason, text: &'static str| (code, reason, Cow::Borrowed(text));
        match self {
            Self::UnknownPath => plain(
                StatusCode::NOT_FOUND,
                "NotFound",
                "no such path: a review is posted to /<plural of the hook>",
            ),
            Self::Method => plain(
                StatusCode::METHOD_NOT_ALLOWED,
                "MethodNotAllowed",
                "a review is posted",
            ),
            Self::MediaType => plain(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "UnsupportedMediaType",
                "a review is sent as application/json",
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestEntityTooLarge",
                Cow::Owned(format!("a review has at most {LARGEST} bytes")),
            ),
            Self::TooSlow => plain(
                StatusCode::REQUEST_TIMEOUT,
                "Timeout",
                "the review did not arrive in time",
            ),
            Self::Broken => plain(
                StatusCode::BAD_REQUEST,
                "BadRequest",
                "the review did not arrive whole",
            ),
            Self::Unreadable(why) => (StatusCode::BAD_REQUEST, "BadRequest", Cow::Borrowed(why)),
            Self::Panicked => plain(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalError",
                "the review could not be judged; this is a defect, and logged",
            ),
        }
    }

    fn response(&self) -> Response<Full<Bytes>> {
        let (code, reason, message) = self.status();
        let status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "message": message,
            "reason": reason,
            "code": code.as_u16(),
        });
        let mut response = answer(code, status.to_string());
        if *self == Self::Method {
            let allowed = HeaderValue::from_static("POST");
            response.headers_mut().insert(header::ALLOW, allowed);
        }
        response
    }
}

/// The envelope; the version is checked before the request is looked at.
#[derive(Deserialize)]
struct Review<'a> {
    #[serde(rename = "apiVersion", borrow, default)]
    version: Cow<'a, str>,
    #[serde(borrow, default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    request: Option<admission::Request<'a>>,
}

/// The envelope of an answer.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Reviewed<'a> {
    api_version: &'static str,
    kind: &'static str,
    response: admission::Response<'a>,
}

const REVIEW_VERSION: &str = "admission.k8s.io/v1";
const REVIEW_KIND: &str = "AdmissionReview";

impl Desk {
    /// A desk that judges by these settings.
    pub fn new(settings: Settings, served: Served, figures: Figures, clock: Clock) -> Self {
        Self {
            settings: ArcSwap::from_pointee(settings),
            served,
            figures,
            clock,
            held: Semaphore::new(HELD_KIB as usize),
            stopping: AtomicBool::new(false),
        }
    }

    /// Judges by these from the next review on.
    pub fn set_settings(&self, settings: Settings) {
        self.settings.store(Arc::new(settings));
    }

    /// What it judges by at the moment.
    #[cfg(test)]
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.load_full()
    }

    /// From now on it is not ready, and each answer asks the caller to go elsewhere next time.
    pub fn set_stopping(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Why it is not ready; nothing if it is.
    pub fn unready(&self) -> Option<&'static str> {
        if self.stopping.load(Ordering::Relaxed) {
            return Some("stopping");
        }
        if self.served.get().is_none() {
            return Some("there is no certificate");
        }
        (!self.served.is_valid(self.clock.now())).then_some("the certificate is not valid now")
    }

    /// Answers one request.
    pub async fn answer<B>(self: Arc<Self>, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes> + Send + Unpin,
    {
        let mut response = match self.handle(request).await {
            Ok(response) => response,
            Err(problem) => {
                self.figures.problem(problem.status().0.as_u16());
                tracing::debug!(?problem, "no review");
                problem.response()
            }
        };
        if self.stopping.load(Ordering::Relaxed) {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        response
    }

    async fn handle<B>(
        self: &Arc<Self>,
        request: Request<B>,
    ) -> Result<Response<Full<Bytes>>, Problem>
    where
        B: Body<Data = Bytes> + Send + Unpin,
    {
        let path = request.uri().path();
        match path {
            "/healthz" | "/livez" => return Ok(answer(StatusCode::OK, "ok")),
            "/readyz" => return Ok(self.readiness()),
            AGGREGATED => return Ok(answer(StatusCode::OK, discovery())),
            _ => {}
        }
        let plural = path.strip_prefix(AGGREGATED).unwrap_or(path);
        let plural = plural.strip_prefix('/').unwrap_or_default();
        let hook = Hook::served_as(plural).ok_or(Problem::UnknownPath)?;
        if request.method() != Method::POST {
            return Err(Problem::Method);
        }
        if !is_json(request.headers()) {
            return Err(Problem::MediaType);
        }
        // Who does not say how much it is gets room for the largest.
        let told = content_length(request.headers()).unwrap_or(LARGEST);
        let room = u32::try_from(told.min(LARGEST).div_ceil(1 << 10)).unwrap_or(HELD_KIB);
        let read = async {
            // Never closed.
            let permit = self.held.acquire_many(room).await.ok();
            (permit, collect(request.into_body()).await)
        };
        let (_held, body) = self.within(BODY, read).await.ok_or(Problem::TooSlow)?;
        let body = body?;
        let judged = if body.len() < HEAVY {
            self.judge(hook, &body)
        } else {
            let desk = self.clone();
            tokio::task::spawn_blocking(move || desk.judge(hook, &body))
                .await
                .unwrap_or(Err(Problem::Panicked))
        };
        judged.map(|text| answer(StatusCode::OK, text))
    }

    async fn within<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.clock.sleep(limit) => None,
        }
    }

    fn readiness(&self) -> Response<Full<Bytes>> {
        match self.unready() {
            None => answer(StatusCode::OK, "ok"),
            Some(why) => answer(StatusCode::SERVICE_UNAVAILABLE, why),
        }
    }

    /// The answer to a body that was posted to a hook.
    fn judge(&self, hook: &'static Hook, body: &[u8]) -> Result<Vec<u8>, Problem> {
        let began = self.clock.elapsed();
        let judged = catch_unwind(AssertUnwindSafe(|| self.judge_unguarded(hook, body)));
        let judged = judged.unwrap_or_else(|_| {
            tracing::error!(kind = hook.kind, "a rule has panicked");
            Err(Problem::Panicked)
        });
        if judged.is_ok() {
            let took = self.clock.elapsed().saturating_sub(began);
            self.figures.took(hook.kind, took);
        }
        judged
    }

    fn judge_unguarded(&self, hook: &'static Hook, body: &[u8]) -> Result<Vec<u8>, Problem> {
        let request = read(body)?;
        let settings = self.settings.load();
        let verdict = admission::review(hook, &request, &settings);
        self.tell(hook, &request, &verdict);
        let reviewed = Reviewed {
            api_version: REVIEW_VERSION,
            kind: REVIEW_KIND,
            response: verdict.response(&request.uid),
        };
        // Texts and numbers can always be encoded.
        serde_json::to_vec(&reviewed).map_err(|_| Problem::Panicked)
    }

    fn tell(&self, hook: &Hook, request: &admission::Request<'_>, verdict: &Verdict) {
        let (kind, operation) = (hook.kind, request.operation.as_str());
        let namespace = short(request.namespace.as_deref().unwrap_or_default());
        let name = short(request.name());
        let Some(denial) = &verdict.denial else {
            self.figures.reviewed(kind, operation, Outcome::Allowed);
            tracing::debug!(kind, operation, ?namespace, ?name, "allowed");
            return;
        };
        let outcome = if denial.findings.is_empty() {
            Outcome::Unreadable
        } else {
            Outcome::Refused
        };
        self.figures.reviewed(kind, operation, outcome);
        let mut rules: Vec<&'static str> = Vec::new();
        for finding in &denial.findings {
            if !rules.contains(&finding.rule) {
                rules.push(finding.rule);
                self.figures.refused(kind, finding.rule);
            }
        }
        let user = short(&request.user_info.username);
        let dry_run = request.dry_run.unwrap_or_default();
        let code = denial.status.code;
        tracing::info!(
            kind,
            operation,
            ?namespace,
            ?name,
            ?user,
            dry_run,
            code,
            ?rules,
            "refused"
        );
    }
}

/// A whole body, if it is not too large.
async fn collect<B>(mut body: B) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes> + Send + Unpin,
{
    let told = usize::try_from(body.size_hint().lower()).unwrap_or(LARGEST);
    let mut whole = Vec::with_capacity(told.min(LARGEST));
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Problem::Broken)?.into_data() else {
            continue;
        };
        length += data.len();
        if length <= LARGEST {
            whole.extend_from_slice(&data);
        } else {
            whole = Vec::new();
        }
        if length > DRAINED {
            break;
        }
    }
    if length > LARGEST {
        return Err(Problem::TooLarge);
    }
    Ok(Bytes::from(whole))
}

/// The request of a review.
fn read(body: &[u8]) -> Result<admission::Request<'_>, Problem> {
    // A struct would also be read from a list.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Problem::Unreadable(
            "the body is not a JSON object".to_owned(),
        ));
    }
    let review: Review<'_> = serde_json::from_slice(body).map_err(|error| {
        // Only where it is: the text could repeat what an object holds.
        let (line, column) = (error.line(), error.column());
        Problem::Unreadable(format!(
            "the body is no AdmissionReview (line {line}, column {column})"
        ))
    })?;
    if review.kind != REVIEW_KIND || review.version != REVIEW_VERSION {
        let wanted = format!("the body is no {REVIEW_KIND} of {REVIEW_VERSION}");
        return Err(Problem::Unreadable(wanted));
    }
    review
        .request
        .ok_or_else(|| Problem::Unreadable("the review has no request".to_owned()))
}

/// The beginning of a text that a stranger wrote.
fn short(text: &str) -> &str {
    text.char_indices()
        .nth(LOGGED)
        .map_or(text, |(end, _)| text.get(..end).unwrap_or_default())
}

/// Who says nothing means JSON, as for any API server.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return true;
    };
    let value = value.to_str().unwrap_or_default();
    let media = value.split(';').next().unwrap_or_default().trim();
    media.eq_ignore_ascii_case("application/json")
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

fn answer(code: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let text = text.into();
    let is_object = text.first() == Some(&b'{');
    let mut response = Response::new(Full::new(text));
    *response.status_mut() = code;
    if is_object {
        response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    }
    response
}

/// What the aggregation layer asks for before it passes on the reviews of an older registration.
fn discovery() -> String {
    let resources: Vec<_> = HOOKS
        .iter()
        .map(|hook| {
            json!({
                "name": hook.plural,
                "singularName": hook.plural.trim_end_matches('s'),
                "namespaced": false,
                "group": "admission.k8s.io",
                "version": "v1",
                "kind": REVIEW_KIND,
                "verbs": ["create"],
            })
        })
        .collect();
    json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": "admission.hive.openshift.io/v1",
        "resources": resources,
    })
    .to_string()
}

#[cfg(test)]
#[path = "desk_tests.rs"]
mod tests;
