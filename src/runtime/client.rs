//! Clients of the API server: how patient they are, and how polite.
//!
//! kube's own retries are off: they repeat everything, creations included, for minutes, while the
//! object's queue would know better. What is repeated here is what certainly had no effect, a few
//! times within two seconds; the rest is the queue's back-off. Watches pass unlimited, since each is
//! one request for minutes; so does the lease's client, which must not queue behind anybody.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use kube::client::Body;
use kube::{Client, Config as KubeConfig};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tower::service_fn;

use super::Clock;
use super::backoff::Backoff;
use super::metrics::Metrics;

/// Until the answer's head of an ordinary request; a list of 500 large objects takes a few seconds on
/// a busy server.
const ANSWER: Duration = Duration::from_secs(15);

/// Tries of one request.
const TRIES: u32 = 4;

/// Between tries: together below two seconds.
const DELAYS: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));

/// Requests under way at a time. Each has a connection of its own (HTTP/1.1), and a live observation asks
/// for a dozen things at once: without a bound a busy moment would leave hundreds of connections behind.
const AT_ONCE: usize = 16;

/// Longest pause that a server may ask of a single request; what is longer is the queue's to wait.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The API server cannot be reached in principle.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Neither a kubeconfig nor a pod's service account was found.
    #[error("no configuration for the API server was found")]
    Infer(#[source] kube::config::InferConfigError),
    /// The configuration cannot be used.
    #[error("the configuration for the API server cannot be used")]
    Build(#[source] Box<kube::Error>),
}

/// How much a client may ask for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Requests a second, on average.
    pub rate: f64,
    /// Requests at once after a pause.
    pub burst: u32,
}

impl Default for Limits {
    /// Generous: the API server's own priority and fairness protects it, and a queue that waits here
    /// is a queue that nobody sees.
    fn default() -> Self {
        Self {
            rate: 500.0,
            burst: 1000,
        }
    }
}

/// The three clients of a process.
#[derive(Clone)]
pub struct Clients {
    /// For everything but watches and the lease.
    pub requests: Client,
    /// For watches.
    pub watches: Client,
    /// For the lease.
    pub lease: Client,
}

impl Clients {
    /// Clients from the pod's service account or the person's kubeconfig.
    ///
    /// # Errors
    /// There is no usable configuration.
    pub async fn infer(
        limits: Limits,
        clock: &Clock,
        metrics: &Metrics,
    ) -> Result<Self, ClientError> {
        let config = KubeConfig::infer().await.map_err(ClientError::Infer)?;
        Self::from_config(&config, limits, clock, metrics)
    }

    /// Clients from a configuration.
    ///
    /// # Errors
    /// The configuration cannot be used.
    pub fn from_config(
        config: &KubeConfig,
        limits: Limits,
        clock: &Clock,
        metrics: &Metrics,
    ) -> Result<Self, ClientError> {
        let build = |connect: Duration, read: Option<Duration>| {
            let mut config = config.clone();
            config.default_retry = false;
            config.connect_timeout = Some(connect);
            config.read_timeout = read;
            config.reset_reader_on_write = read.is_some();
            Client::try_from(config).map_err(|error| ClientError::Build(Box::new(error)))
        };
        let requests = build(Duration::from_secs(5), Some(Duration::from_secs(30)))?;
        Ok(Self {
            requests: polite(requests, limits, clock, metrics),
            // The watcher itself notices a connection that has gone silent.
            watches: build(Duration::from_secs(5), None)?,
            // A renewal may be answered late; another is sent beside it meanwhile, by another connection.
            lease: build(Duration::from_secs(2), Some(Duration::from_secs(4)))?,
        })
    }

    /// One client for everything, as it is: for simulations.
    pub fn same(client: Client) -> Self {
        Self {
            requests: client.clone(),
            watches: client.clone(),
            lease: client,
        }
    }
}

/// A client that keeps to `limits`, repeats what had no effect, and counts.
pub fn polite(inner: Client, limits: Limits, clock: &Clock, metrics: &Metrics) -> Client {
    let namespace = inner.default_namespace().to_owned();
    let asker = Asker {
        inner,
        bucket: Arc::new(Bucket::new(limits, clock.clone())),
        places: Arc::new(Semaphore::new(AT_ONCE)),
        clock: clock.clone(),
        metrics: metrics.clone(),
    };
    let service = service_fn(move |request: Request<Body>| {
        let asker = asker.clone();
        async move { asker.ask(request).await }
    });
    Client::new(service, namespace)
}

#[derive(Clone)]
struct Asker {
    inner: Client,
    bucket: Arc<Bucket>,
    places: Arc<Semaphore>,
    clock: Clock,
    metrics: Metrics,
}

impl Asker {
    async fn ask(&self, request: Request<Body>) -> Result<Response<Body>, kube::Error> {
        let (parts, body) = request.into_parts();
        let method = parts.method.clone();
        let mut body = Some(body);
        let mut tried = 0;
        loop {
            tried += 1;
            // A body that cannot be repeated is sent once.
            let again = body.as_ref().and_then(Body::try_clone);
            let Some(this) = body.take() else {
                // Only reached without a repeatable body, and then the loop has ended.
                return Err(kube::Error::Service(
                    "the request cannot be repeated".into(),
                ));
            };
            body = again;
            let began = self.bucket.pass().await;
            // Never closed.
            let _place = self.places.acquire().await;
            let request = Request::from_parts(parts.clone(), this);
            let answer = tokio::time::timeout(ANSWER, self.inner.send(request)).await;
            let took = self.clock.elapsed().saturating_sub(began);
            let answer =
                answer.unwrap_or_else(|_| Err(kube::Error::Service("no answer in time".into())));
            let code = answer.as_ref().ok().map(|answer| answer.status().as_u16());
            self.metrics
                .requested("requests", method.as_str(), code, took);
            let Some(pause) = pause_before_next(&method, &answer, tried) else {
                return answer;
            };
            if tried >= TRIES || body.is_none() {
                return answer;
            }
            self.clock.sleep(pause).await;
        }
    }
}

/// How long to wait before the same request is sent again; `None`: it is not.
fn pause_before_next(
    method: &Method,
    answer: &Result<Response<Body>, kube::Error>,
    tried: u32,
) -> Option<Duration> {
    let own = DELAYS.delay(tried, 0);
    match answer {
        // Refused at the door: nothing has happened, whatever was asked.
        Ok(answer) if answer.status() == StatusCode::TOO_MANY_REQUESTS => {
            let asked = answer.headers().get(http::header::RETRY_AFTER);
            let asked = asked.and_then(|value| value.to_str().ok()?.parse().ok());
            let pause = asked.map_or(own, Duration::from_secs);
            (pause <= LONGEST_PAUSE).then_some(pause)
        }
        Ok(answer)
            if matches!(
                answer.status(),
                StatusCode::SERVICE_UNAVAILABLE
                    | StatusCode::GATEWAY_TIMEOUT
                    | StatusCode::BAD_GATEWAY
            ) =>
        {
            (method == Method::GET).then_some(own)
        }
        Ok(_) => None,
        // Whether the server saw it is unknown.
        Err(_) => (method == Method::GET).then_some(own),
    }
}

/// A bucket of tokens, in order of arrival.
struct Bucket {
    clock: Clock,
    limits: Limits,
    /// When the next request may pass if nothing had been saved up.
    next: Mutex<Duration>,
}

impl Bucket {
    fn new(limits: Limits, clock: Clock) -> Self {
        Self {
            clock,
            limits,
            next: Mutex::default(),
        }
    }

    /// Waits for a token; tells when it was had.
    async fn pass(&self) -> Duration {
        let turn = self.reserve(self.clock.elapsed());
        self.wait(turn).await;
        self.clock.elapsed()
    }

    fn wait(&self, turn: Duration) -> impl Future<Output = ()> + '_ {
        self.clock.sleep_until(turn)
    }

    /// When a request that arrives now may pass.
    fn reserve(&self, now: Duration) -> Duration {
        let each = Duration::from_secs_f64(1.0 / self.limits.rate.max(0.001));
        let saved = each * self.limits.burst;
        let mut next = self.next.lock();
        let turn = (*next).max(now.saturating_sub(saved));
        *next = turn + each;
        turn.max(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "as a client gives it")]
    fn answer(code: u16) -> Result<Response<Body>, kube::Error> {
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = StatusCode::from_u16(code).unwrap_or_default();
        Ok(answer)
    }

    #[test]
    fn only_what_had_no_effect_is_repeated() {
        assert!(pause_before_next(&Method::POST, &answer(429), 1).is_some());
        assert!(pause_before_next(&Method::GET, &answer(503), 1).is_some());
        assert!(pause_before_next(&Method::POST, &answer(503), 1).is_none());
        assert!(pause_before_next(&Method::PATCH, &answer(504), 1).is_none());
        assert!(pause_before_next(&Method::GET, &answer(404), 1).is_none());
        let broken = Err(kube::Error::Service("reset".into()));
        assert!(pause_before_next(&Method::POST, &broken, 1).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_at_once_and_the_rest_at_the_rate() {
        let clock = Clock::starting_at(jiff::Timestamp::UNIX_EPOCH);
        clock.sleep(Duration::from_secs(60)).await;
        let bucket = Bucket::new(
            Limits {
                rate: 10.0,
                burst: 5,
            },
            clock.clone(),
        );
        let began = clock.elapsed();
        for _ in 0..5 {
            bucket.pass().await;
        }
        assert_eq!(clock.elapsed(), began);
        for _ in 0..10 {
            bucket.pass().await;
        }
        let took = clock.elapsed() - began;
        assert!(
            (Duration::from_millis(800)..=Duration::from_millis(1100)).contains(&took),
            "{took:?}"
        );
    }
}
