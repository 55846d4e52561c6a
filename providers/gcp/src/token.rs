//! The access token of a service account: asked for with an assertion that its key signed, kept until
//! shortly before it ends.
//!
//! Must never show the key, an assertion or a token, nor send an assertion anywhere but to Google's token
//! endpoint or the one that the cluster names. Mirrors `docs/spec/24 §1`.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use google_cloud_auth::{
    credentials::{CacheableResource, CredentialsProvider, EntityTag, service_account},
    errors::CredentialsError,
};
use http::{Extensions, HeaderMap, HeaderValue, header::AUTHORIZATION};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::json;
use skep_providers::{
    Class, Clock, Error,
    call::{Call, Calls},
};
use zeroize::Zeroizing;

use crate::{client::service, error, key::Key};

const CALL: Call = Call::read(service::OAUTH, "oauth2:token");
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Whom an assertion is for, wherever it is sent.
const AUDIENCE: &str = "https://oauth2.googleapis.com/token";
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// The longest that Google takes.
const ASSERTION_LIFE: SignedDuration = SignedDuration::from_hours(1);
/// A token is renewed so long before its end: longer than any call lasts.
const EARLY: SignedDuration = SignedDuration::from_mins(5);

/// Tokens of one service account.
pub(crate) struct Tokens {
    key: Key,
    url: String,
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
    calls: Calls,
    kept: Mutex<Option<Token>>,
    /// Held while one is asked for, so that the others wait for it.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Token {
    bearer: HeaderValue,
    until: Timestamp,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    expires_in: i64,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tokens").field(&self.key).finish()
    }
}

impl Tokens {
    pub(crate) fn new(
        key: Key,
        url: String,
        http: reqwest::Client,
        clock: Arc<dyn Clock>,
        calls: Calls,
    ) -> Self {
        Self {
            key,
            url,
            http,
            clock,
            calls,
            kept: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
        }
    }

    /// The `Authorization` of a call; asks for a token if none is left.
    pub(crate) async fn bearer(&self) -> Result<HeaderValue, Error> {
        if let Some(bearer) = self.fresh() {
            return Ok(bearer);
        }
        let _asking = self.asking.lock().await;
        if let Some(bearer) = self.fresh() {
            return Ok(bearer);
        }
        let token = self.calls.call(CALL, || self.ask()).await?;
        *self.kept() = Some(token.clone());
        Ok(token.bearer)
    }

    /// The token was refused: the next call asks for another.
    pub(crate) fn forget(&self) {
        *self.kept() = None;
    }

    fn kept(&self) -> MutexGuard<'_, Option<Token>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fresh(&self) -> Option<HeaderValue> {
        let now = self.clock.now();
        let fresh = |token: &&Token| now.duration_until(token.until) > EARLY;
        self.kept()
            .as_ref()
            .filter(fresh)
            .map(|token| token.bearer.clone())
    }

    async fn ask(&self) -> Result<Token, Error> {
        let asked = self.clock.now();
        let assertion = self.assertion(asked).await?;
        let form = [("grant_type", GRANT), ("assertion", &assertion)];
        let request = self.http.post(&self.url).form(&form);
        let answer = request
            .send()
            .await
            .map_err(|fault| error::from_http(CALL.operation, fault))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer
            .bytes()
            .await
            .map_err(|fault| error::from_http(CALL.operation, fault))?;
        if !status.is_success() {
            return Err(error::from_answer(
                CALL.operation,
                status.as_u16(),
                &headers,
                &body,
            ));
        }
        // The parser's own text may quote the token.
        let unreadable = || Error::new(CALL.operation, Class::Unknown, "the answer is no token");
        let answer: Answer = serde_json::from_slice(&body).map_err(|_| unreadable())?;
        let secret = Zeroizing::new(answer.access_token);
        let text = Zeroizing::new(format!("Bearer {}", *secret));
        let mut bearer = HeaderValue::from_str(&text).map_err(|_| unreadable())?;
        bearer.set_sensitive(true);
        let until = asked
            .checked_add(SignedDuration::from_secs(answer.expires_in))
            .map_err(|_| unreadable())?;
        Ok(Token { bearer, until })
    }

    async fn assertion(&self, now: Timestamp) -> Result<Zeroizing<String>, Error> {
        let Key {
            email,
            project,
            id,
            private,
        } = &self.key;
        let unusable = || {
            let why = "the private key of the service account cannot be read";
            Error::new(CALL.operation, Class::Unauthenticated, why)
        };
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": **id});
        let issued = now.as_second();
        let claims = json!({
            "iss": email, "scope": SCOPE, "aud": AUDIENCE,
            "iat": issued, "exp": issued + ASSERTION_LIFE.as_secs(),
        });
        let part = |value: &serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let file = json!({
            "client_email": email, "project_id": project,
            "private_key_id": **id, "private_key": **private,
        });
        let signer = service_account::Builder::new(file)
            .build_signer()
            .map_err(|_| unusable())?;
        let signature = signer.sign(&signed).await.map_err(|_| unusable())?;
        let signature = BASE64_URL_SAFE_NO_PAD.encode(signature);
        Ok(Zeroizing::new(format!("{signed}.{signature}")))
    }
}

/// What Google's client asks for the header of each call. The token is fetched before a call begins,
/// where a failure has its class; here it is only handed over.
#[derive(Debug, Clone)]
pub(crate) struct Bearer(pub(crate) Arc<Tokens>);

impl CredentialsProvider for Bearer {
    async fn headers(
        &self,
        _: Extensions,
    ) -> Result<CacheableResource<HeaderMap>, CredentialsError> {
        let bearer = self
            .0
            .bearer()
            .await
            .map_err(|fault| CredentialsError::from_msg(true, fault.to_string()))?;
        Ok(CacheableResource::New {
            entity_tag: EntityTag::new(),
            data: HeaderMap::from_iter([(AUTHORIZATION, bearer)]),
        })
    }

    async fn universe_domain(&self) -> Option<String> {
        None
    }
}
