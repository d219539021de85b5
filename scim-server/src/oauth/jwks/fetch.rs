//! One question to an identity provider, such as for its JWK Set: over TLS, at an allowed host, without redirects,
//! within bounds.
//!
//! The address is written by an administrator, and still it must not become a way into the network that this
//! server stands in: what the host's name resolves to is looked at, and connected to, here.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Method, Request, StatusCode, Uri,
    client::conn::http1,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT},
    http::request::Builder,
};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::{
    public_address::is_public,
    roots::{self, RootsError},
};

/// How long a fetch may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest answer.
const MOST: usize = 512 * 1024;

/// From which hosts keys may be fetched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// The hosts, each with its port: `login.microsoftonline.com:443`.
    pub hosts: Vec<String>,
    /// Whether their addresses may be private ones.
    pub private: bool,
    /// The authorities that their certificates must be issued by, in a PEM file; those of the system without it.
    pub ca: Option<PathBuf>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// What came is too long, is no HTTP, or broke off.
    #[error("the answer is no HTTP, is longer than {MOST} bytes, or broke off")]
    Answer,
    /// No connection.
    #[error("cannot connect: {0}")]
    Connect(std::io::Error),
    /// The host may not be asked.
    #[error("{0} is not in jwks_hosts, the hosts that keys may be fetched from")]
    Host(String),
    /// It took too long.
    #[error("it took longer than {} s", PATIENCE.as_secs())]
    Late,
    /// The host has none but private addresses.
    #[error("the host has no public address; jwks_private allows private ones")]
    Private,
    /// Another status than 200, such as that of a redirect.
    #[error("the status is {0}, and not 200")]
    Status(u16),
    /// The address of the keys has another form.
    #[error("the address must be an https URL without a user or a fragment")]
    Uri,
}

/// Asks.
#[derive(Clone)]
pub struct Fetcher {
    rules: Rules,
    /// None when there is no TLS, and so no fetch.
    tls: Option<TlsConnector>,
}

impl Fetcher {
    /// By these rules. Without a host there is nothing to fetch, and no authority is read.
    pub fn new(rules: Rules) -> Result<Self, RootsError> {
        let roots = if rules.hosts.is_empty() { RootCertStore::empty() } else { roots::load(rules.ca.as_deref())? };
        Ok(Self::trusting(rules, roots))
    }

    /// The same with these authorities.
    pub fn trusting(rules: Rules, roots: RootCertStore) -> Self {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map(|builder| builder.with_root_certificates(roots).with_no_client_auth());
        Self { rules, tls: config.ok().map(|config| TlsConnector::from(Arc::new(config))) }
    }

    /// The bytes at that address.
    pub async fn fetch(&self, address: &str) -> Result<Bytes, FetchError> {
        self.ask(address, Request::builder(), String::new()).await
    }

    /// What that address answers to a form; `authorization` is the header of that name.
    pub async fn post(&self, address: &str, form: String, authorization: Option<&str>) -> Result<Bytes, FetchError> {
        let mut request =
            Request::builder().method(Method::POST).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        self.ask(address, request, form).await
    }

    async fn ask(&self, address: &str, request: Builder, body: String) -> Result<Bytes, FetchError> {
        let uri = self.rules.check(address)?;
        tokio::time::timeout(PATIENCE, self.send(&uri, request, body)).await.map_err(|_| FetchError::Late)?
    }

    async fn send(&self, uri: &Uri, request: Builder, body: String) -> Result<Bytes, FetchError> {
        let host = uri.host().ok_or(FetchError::Uri)?;
        let port = uri.port_u16().unwrap_or(443);
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(|_| FetchError::Uri)?;
        let stream = self.connect(host.trim_matches(['[', ']']), port).await?;
        let tls = self.tls.as_ref().ok_or_else(|| FetchError::Connect(std::io::ErrorKind::Unsupported.into()))?;
        let stream = tls.connect(name, stream).await.map_err(FetchError::Connect)?;
        let handshake = http1::handshake::<_, Full<Bytes>>(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|_| FetchError::Answer)?;
        let connection = tokio::spawn(connection);
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let authority = uri.authority().ok_or(FetchError::Uri)?.as_str();
        let request = request
            .uri(path)
            .header(HOST, authority)
            .header(ACCEPT, "application/jwk-set+json, application/json")
            .header(USER_AGENT, concat!("scim-server/", env!("CARGO_PKG_VERSION")))
            .body(Full::from(body))
            .map_err(|_| FetchError::Uri)?;
        let answer = async {
            let response = sender.send_request(request).await.map_err(|_| FetchError::Answer)?;
            if response.status() != StatusCode::OK {
                return Err(FetchError::Status(response.status().as_u16()));
            }
            let body = Limited::new(response.into_body(), MOST).collect().await;
            Ok(body.map_err(|_| FetchError::Answer)?.to_bytes())
        };
        let answer = answer.await;
        connection.abort();
        answer
    }

    /// Connects to an address of the host that may be connected to.
    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, FetchError> {
        let found = tokio::net::lookup_host((host, port)).await.map_err(FetchError::Connect)?;
        let allowed: Vec<SocketAddr> = found.filter(|at| self.rules.private || is_public(at.ip())).collect();
        if allowed.is_empty() {
            return Err(FetchError::Private);
        }
        TcpStream::connect(allowed.as_slice()).await.map_err(FetchError::Connect)
    }
}

impl Rules {
    /// An address from which keys may be fetched.
    pub fn check(&self, address: &str) -> Result<Uri, FetchError> {
        let uri: Uri = address.parse().map_err(|_| FetchError::Uri)?;
        let authority = uri.authority().ok_or(FetchError::Uri)?;
        if uri.scheme_str() != Some("https") || authority.as_str().contains('@') || address.contains('#') {
            return Err(FetchError::Uri);
        }
        let host = format!("{}:{}", authority.host().to_ascii_lowercase(), uri.port_u16().unwrap_or(443));
        if self.hosts.contains(&host) { Ok(uri) } else { Err(FetchError::Host(host)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_of_an_allowed_host_is_asked() {
        let rules = Rules { hosts: vec!["login.example:443".into(), "other.example:8443".into()], ..Rules::default() };
        for good in ["https://login.example/keys", "https://LOGIN.example:443/a?b=c", "https://other.example:8443/"] {
            assert!(rules.check(good).is_ok(), "{good}");
        }
        for bad in [
            "http://login.example/keys",
            "https://login.example:8443/",
            "https://other.example/",
            "https://example/",
            "https://login.example@evil.example/",
            "https://evil.example#login.example",
            "https://login.example/#x",
            "https://a:b@login.example/",
            "login.example/keys",
            "file:///etc/passwd",
            "",
            "https://login.example.evil.example/",
            "https://sub.login.example/",
        ] {
            assert!(rules.check(bad).is_err(), "{bad}");
        }
        assert!(Rules::default().check("https://login.example/keys").is_err());
    }
}
