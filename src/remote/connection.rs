//! A client of a managed cluster's API server, from a checked kubeconfig.
//!
//! rustls, short timeouts, no retries of the transport's own, and connections that close when nobody uses
//! them. Where the cluster says so, TCP goes to another address while the name in TLS stays
//! (docs/spec/32 §1.1, "IP override"). Every request names the controller that makes it and is counted.

use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::uri::{Authority, Uri};
use http::{HeaderValue, Request, header};
use hyper_rustls::{FixedServerNameResolver, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Transport;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::Client;
use kube::client::{Body, ConfigExt as _};
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use serde_json::json;
use tower::{BoxError, Service, ServiceBuilder, service_fn};

use super::failure;
use super::figures::Requests;
use super::kubeconfig::Access;
use super::view::Failure;
use crate::runtime::ControllerName;

/// Until TCP stands: a black hole must not hold a place for long.
const CONNECT: Duration = Duration::from_secs(5);

/// docs/spec/32 §1.1.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// An unused connection closes: a look is over in seconds, and the next one comes in ten minutes.
const IDLE: Duration = Duration::from_secs(30);

/// Makes a client from a way in and the address that TCP goes to instead of the URL's host.
pub type Dial = Arc<dyn Fn(&Access, Option<IpAddr>) -> Result<Client, Failure> + Send + Sync>;

/// The real one.
pub fn over_tls() -> Dial {
    Arc::new(client)
}

fn client(access: &Access, towards: Option<IpAddr>) -> Result<Client, Failure> {
    let config = config(access)?;
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(CONNECT));
    tcp.set_keepalive(Some(KEEP_ALIVE));
    tcp.set_nodelay(true);
    let mut tls = config
        .rustls_client_config()
        .map_err(|error| unusable(&error))?;
    // The default keeps room for dozens of servers; behind each of these connections is one.
    tls.resumption = Resumption::in_memory_sessions(1);
    let mut tls = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http();
    if let Some(name) = &config.tls_server_name {
        let name = ServerName::try_from(name.clone());
        let name = name.map_err(|error| failure::refused(&error))?;
        tls = tls.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    let tls = tls.enable_http1().wrap_connector(Towards { tcp, towards });
    let transport: Transport<_, Body> = Transport::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .build(tls);
    let login = config.auth_layer().map_err(|error| unusable(&error))?;
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(login)
        .map_err(BoxError::from)
        .service(transport);
    Ok(Client::new(service, config.default_namespace))
}

/// What kube says about a key that it cannot use holds none of it.
fn unusable(error: &kube::Error) -> Failure {
    failure::refused(error)
}

fn config(access: &Access) -> Result<kube::Config, Failure> {
    let Access {
        server,
        tls_name,
        authorities,
        unverified,
        login,
    } = access;
    let mut config = kube::Config::new(server.clone());
    config.root_cert = Some(authorities.clone()).filter(|all| !all.is_empty());
    config.tls_server_name.clone_from(tls_name);
    config.accept_invalid_certs = *unverified;
    let mut auth = json!({});
    if let Some((certificate, key)) = &login.certificate {
        auth["client-certificate-data"] = json!(BASE64.encode(certificate));
        auth["client-key-data"] = json!(BASE64.encode(key.as_slice()));
    }
    if let Some(token) = &login.token {
        auth["token"] = json!(token.as_str());
    } else if let Some((user, password)) = &login.password {
        auth["username"] = json!(user);
        auth["password"] = json!(password.as_str());
    }
    // Its error could quote what it was given.
    config.auth_info = serde_json::from_value(auth)
        .map_err(|_| failure::refused(&"its credentials are not understood"))?;
    Ok(config)
}

/// The client as one controller uses it: its requests name the controller and are counted as its own.
pub(super) fn named(client: Client, controller: ControllerName, figures: &Requests) -> Client {
    let namespace = client.default_namespace().to_owned();
    let agent = format!("skep/{} ({controller})", env!("CARGO_PKG_VERSION"));
    let agent = HeaderValue::from_str(&agent).unwrap_or(HeaderValue::from_static("skep"));
    let figures = figures.clone();
    let service = service_fn(move |mut request: Request<Body>| {
        request
            .headers_mut()
            .insert(header::USER_AGENT, agent.clone());
        let (client, figures) = (client.clone(), figures.clone());
        async move {
            let asked = figures.asked(controller, request.method(), request.uri().path());
            let answer = client.send(request).await;
            if let Ok(answer) = &answer {
                asked.answered(answer.status());
            }
            answer
        }
    });
    Client::new(service, namespace)
}

/// TCP to another address than the URL's host; the port stays.
#[derive(Clone)]
struct Towards {
    tcp: HttpConnector,
    towards: Option<IpAddr>,
}

impl Service<Uri> for Towards {
    type Response = <HttpConnector as Service<Uri>>::Response;
    type Error = <HttpConnector as Service<Uri>>::Error;
    type Future = <HttpConnector as Service<Uri>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.tcp.poll_ready(context)
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        let moved = self.towards.and_then(|address| moved(&url, address));
        self.tcp.call(moved.unwrap_or(url))
    }
}

fn moved(url: &Uri, address: IpAddr) -> Option<Uri> {
    let host = match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    let authority = match url.port_u16() {
        Some(port) => format!("{host}:{port}"),
        None => host,
    };
    let mut parts = url.clone().into_parts();
    parts.authority = Some(authority.parse::<Authority>().ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// docs/spec/32 §1.1: "TCP connections go to that IP with the port of the URL".
    #[test]
    fn only_the_host_moves() {
        let at = |url: &str, address: &str| {
            let moved = moved(&url.parse().unwrap(), address.parse().unwrap());
            moved.unwrap().to_string()
        };
        let api = "https://api.demo.example.com:6443/readyz";
        assert_eq!(at(api, "10.0.0.7"), "https://10.0.0.7:6443/readyz");
        assert_eq!(at(api, "fd00::7"), "https://[fd00::7]:6443/readyz");
        assert_eq!(at("https://api/", "10.0.0.7"), "https://10.0.0.7/");
    }
}
