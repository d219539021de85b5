//! The connection: hyper with rustls, a deadline for each request, and errors that say what to do.

use std::{
    error::Error,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Uri,
    header::{HeaderName, HeaderValue},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{client::legacy::Client as HyperClient, rt::TokioExecutor};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::{Answer, Request, connection::Connector};

/// The largest body that is read.
const MOST_BODY: usize = 16 * 1024 * 1024;
/// How often a request that was limited is sent again.
const MOST_RETRIES: usize = 5;
/// How long a connection is kept for another request.
const MOST_IDLE: Duration = Duration::from_secs(1);
/// After this many consecutive timeouts the server counts as dead; otherwise a run would wait for hundreds of
/// timeouts.
const MOST_SILENCE: u32 = 5;

/// How to reach the server.
#[derive(Debug, Clone)]
pub struct Settings {
    pub token: Option<String>,
    /// How long one request may take.
    pub timeout: Duration,
    /// PEM certificates to trust beside those of the system.
    pub ca: Option<Vec<u8>>,
}

/// The connections to one server.
#[derive(Debug, Clone)]
pub struct Client {
    /// For what may be sent twice: connections are kept for the next request.
    kept: Connections,
    /// For what may not: each request has a connection of its own.
    own: Connections,
    token: Option<String>,
    timeout: Duration,
    /// Requests without an answer in time since the last answer.
    silence: Arc<AtomicU32>,
}

type Connections = HyperClient<HttpsConnector<Connector>, Full<Bytes>>;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotSent(pub String);

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for NotSent {}

impl Client {
    /// A client for a server at that base URL. Errors: `ca` holds no certificate.
    pub fn new(base: &str, settings: &Settings) -> Result<Self, NotSent> {
        let mut roots = RootCertStore::empty();
        // Reading the system's takes longer than a whole run against a server without TLS.
        if base.starts_with("https:") {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        if let Some(pem) = &settings.ca {
            let given: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
            let given = given.map_err(|error| NotSent(format!("The CA file is not PEM: {error}.")))?;
            if roots.add_parsable_certificates(given).0 == 0 {
                return Err(NotSent("The CA file holds no certificate.".to_owned()));
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| NotSent(format!("TLS cannot be set up: {error}.")))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
        let connector = https.wrap_connector(Connector::new());
        // A server may close an idle connection whenever it likes, and a request that meets this is lost.
        // That says nothing about its answers, which are what is judged.
        let kept = HyperClient::builder(TokioExecutor::new()).pool_idle_timeout(MOST_IDLE).build(connector.clone());
        let own = HyperClient::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Ok(Self { kept, own, token: settings.token.clone(), timeout: settings.timeout, silence: Arc::default() })
    }

    /// The token, which reports hide.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Sends a request and reads the whole answer. An answer with an error status is an answer, but
    /// 429 with a `Retry-After` in seconds is waited out, for a while: a server may limit its clients.
    pub async fn send(&self, request: Arc<Request>) -> Result<Answer, NotSent> {
        for _ in 0..MOST_RETRIES {
            let answer = self.send_anew(&request).await?;
            let wait = answer.header("retry-after").and_then(|wait| wait.parse::<u64>().ok());
            match wait {
                Some(wait) if answer.status == 429 && Duration::from_secs(wait) <= self.timeout => {
                    tokio::time::sleep(Duration::from_secs(wait.max(1))).await;
                }
                _ => return Ok(answer),
            }
        }
        self.send_anew(&request).await
    }

    /// A server may close a connection just when the next request goes out on it. What may be sent twice
    /// without harm (RFC 9110 §9.2.2) is sent once more; the rest never goes out on a connection that
    /// was used.
    async fn send_anew(&self, request: &Arc<Request>) -> Result<Answer, NotSent> {
        if !matches!(request.method.as_str(), "GET" | "PUT" | "DELETE") {
            return self.send_once(request, &self.own).await;
        }
        match self.send_once(request, &self.kept).await {
            Err(NotSent(why)) if HUNG_UP.iter().any(|words| why.contains(words)) => {
                self.send_once(request, &self.own).await
            }
            first => first,
        }
    }

    async fn send_once(&self, request: &Arc<Request>, connections: &Connections) -> Result<Answer, NotSent> {
        if self.silence.load(Ordering::Relaxed) >= MOST_SILENCE {
            let asked = format!("{} {}", request.method, request.url);
            return Err(NotSent(format!("The server has stopped answering, so {asked} was not sent.")));
        }
        let seconds = self.timeout.as_secs();
        let sent = tokio::time::timeout(self.timeout, self.exchange(request, connections)).await;
        if let Ok(answer) = sent {
            self.silence.store(0, Ordering::Relaxed);
            return answer;
        }
        self.silence.fetch_add(1, Ordering::Relaxed);
        Err(NotSent(format!("No answer to {} {} within {seconds} s (--timeout).", request.method, request.url)))
    }

    async fn exchange(&self, request: &Arc<Request>, connections: &Connections) -> Result<Answer, NotSent> {
        let about = |what: &str, error: &dyn fmt::Display| {
            let error = error.to_string();
            NotSent(format!("{} {}: {what}: {error}.{}", request.method, request.url, advice(&error)))
        };
        let uri: Uri = request.url.parse().map_err(|error| about("this is no URL", &error))?;
        let method = Method::from_bytes(request.method.as_bytes()).map_err(|error| about("no method", &error))?;
        let body = request.body.clone().map(Bytes::from).unwrap_or_default();
        let mut message = hyper::Request::builder().method(method).uri(uri);
        for (name, value) in &request.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| about("no header name", &error))?;
            let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|error| about("no header", &error))?;
            message = message.header(name, value);
        }
        let own = request.headers.iter().any(|(name, _)| name == "authorization");
        if let (false, false, Some(token)) = (request.anonymous, own, &self.token) {
            message = message.header("authorization", format!("Bearer {token}"));
        }
        let message = message.body(Full::new(body)).map_err(|error| about("this cannot be sent", &error))?;
        let answer = connections.request(message).await.map_err(|error| about("no answer", &Chain(&error)))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MOST_BODY).collect().await;
        let body = body.map_err(|error| about("the answer broke off", &Chain(error.as_ref())))?.to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok(Answer::new(Arc::clone(request), head.status.as_u16(), head.headers, body))
    }
}

/// What a request meets on a connection that the server has just closed.
const HUNG_UP: [&str; 3] = ["Connection reset by peer", "Broken pipe", "connection closed before message completed"];

/// Advice for frequent errors. It compares the texts of the system and of rustls.
fn advice(error: &str) -> &'static str {
    let known = [
        ("UnknownIssuer", " The certificate is not signed by an authority that is known here: give it with --ca."),
        ("CaUsedAsEndEntity", " The server shows its authority's certificate as its own: it needs one of its own."),
        ("certificate not valid for name", " The certificate is for another host name than the one in --url."),
        ("NotValidForName", " The certificate is for another host name than the one in --url."),
        ("Expired", " The server's certificate has expired."),
        ("InvalidContentType", " This port does not speak TLS: is it http:// and not https://?"),
        ("invalid HTTP version", " This port does not speak HTTP: is it https:// and not http://?"),
        ("connection closed before message completed", " The server hung up: is it https:// and not http://?"),
        ("onnection refused", " Does the server run, and is the port right?"),
        ("dns error", " The host name is not known here."),
        ("length limit exceeded", " The answer is longer than any SCIM answer should be."),
    ];
    known.iter().find(|(words, _)| error.contains(words)).map_or("", |(_, advice)| advice)
}

/// An error with its causes, so that "connection refused" and "unknown issuer" are seen.
struct Chain<'a>(&'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut said = self.0.to_string();
        let mut source = self.0.source();
        while let Some(error) = source {
            let words = error.to_string();
            if !said.contains(&words) {
                write!(f, ": {words}")?;
            }
            said = words;
            source = error.source();
        }
        Ok(())
    }
}
