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
use http_body_util::Full;
use hyper::{
    Method, Uri,
    header::{ACCEPT_ENCODING, HeaderName, HeaderValue},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{client::legacy::Client as HyperClient, rt::TokioExecutor};

use super::{
    Answer, NotSent, Request, Settings,
    bearer::Bearer,
    body::{self, Unread},
    connection::Connector,
    patience, proxy, tls,
};

/// How often a request that was limited is sent again.
const MOST_RETRIES: u32 = 5;
/// How long a connection is kept for another request.
const MOST_IDLE: Duration = Duration::from_secs(1);
/// After this many consecutive timeouts the server counts as dead; otherwise a run would wait for hundreds of
/// timeouts.
const MOST_SILENCE: u32 = 5;

/// The connections to one server.
#[derive(Debug, Clone)]
pub struct Client {
    /// For what may be sent twice: connections are kept for the next request.
    kept: Connections,
    /// For what may not: each request has a connection of its own.
    own: Connections,
    settings: Arc<Settings>,
    bearer: Arc<Bearer>,
    /// For a proxy that forwards; one that opens a tunnel gets it with the tunnel.
    proxy_authorization: Option<HeaderValue>,
    /// Requests without an answer in time since the last answer.
    silence: Arc<AtomicU32>,
}

type Connections = HyperClient<HttpsConnector<Connector>, Full<Bytes>>;

impl Client {
    /// A client for a server at that base URL. Errors: a certificate, key or proxy that cannot be used.
    pub fn new(base: &str, settings: &Settings) -> Result<Self, NotSent> {
        let proxy = proxy::of(base, settings)?;
        let forwards = base.starts_with("http:");
        let proxy_authorization = proxy.clone().filter(|_| forwards).and_then(|proxy| proxy.authorization);
        let https = HttpsConnectorBuilder::new().with_tls_config(tls::config(base, settings)?).https_or_http();
        let connector = https.enable_all_versions().wrap_connector(Connector::new(proxy));
        // A server may close an idle connection whenever it likes, and a request that meets this is lost.
        // That says nothing about its answers, which are what is judged.
        let kept = HyperClient::builder(TokioExecutor::new()).pool_idle_timeout(MOST_IDLE).build(connector.clone());
        let own = HyperClient::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        let bearer = Arc::new(Bearer::new(settings));
        let settings = Arc::new(settings.clone());
        Ok(Self { kept, own, settings, bearer, proxy_authorization, silence: Arc::default() })
    }

    /// The bearer token, where the server takes one.
    pub fn token(&self) -> Option<String> {
        self.bearer.token()
    }

    /// Whether a server can know it by its certificate alone.
    pub fn is_known_by_certificate(&self) -> bool {
        let settings = &self.settings;
        let has_others = settings.token.is_some() || settings.basic.is_some() || !settings.headers.is_empty();
        settings.identity.is_some() && !has_others
    }

    /// What no report may hold.
    pub fn secrets(&self) -> Arc<[String]> {
        self.bearer.secrets()
    }

    /// Sends a request and reads the whole answer. An answer with an error status is an answer, but 429 and 503 are
    /// waited out, for a while: a server may limit its clients, or be away for a moment.
    pub async fn send(&self, request: Arc<Request>) -> Result<Answer, NotSent> {
        for attempt in 0..MOST_RETRIES {
            let answer = self.send_known(&request).await?;
            match patience::wait(&answer, attempt) {
                Some(wait) if wait <= self.settings.timeout => tokio::time::sleep(wait).await,
                _ => return Ok(answer),
            }
        }
        self.send_known(&request).await
    }

    /// Sends once more with another token where the server takes the run's own no more, and another can be got.
    async fn send_known(&self, request: &Arc<Request>) -> Result<Answer, NotSent> {
        let used = self.bearer.token();
        let answer = self.send_anew(request).await?;
        let has_own = request.anonymous || request.headers.iter().any(|(name, _)| name == "authorization");
        if answer.status != 401 || has_own || !self.bearer.renew(used).await? {
            return Ok(answer);
        }
        self.send_anew(request).await
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
        let timeout = self.settings.timeout;
        let sent = tokio::time::timeout(timeout, self.exchange(request, connections)).await;
        if let Ok(answer) = sent {
            self.silence.store(0, Ordering::Relaxed);
            return answer;
        }
        self.silence.fetch_add(1, Ordering::Relaxed);
        let seconds = timeout.as_secs();
        Err(NotSent(format!("No answer to {} {} within {seconds} s (--timeout).", request.method, request.url)))
    }

    async fn exchange(&self, request: &Arc<Request>, connections: &Connections) -> Result<Answer, NotSent> {
        let about = |what: &str, error: &dyn fmt::Display| {
            let error = error.to_string();
            NotSent(format!("{} {}: {what}: {error}.{}", request.method, request.url, advice(&error)))
        };
        let uri: Uri = request.url.parse().map_err(|error| about("this is no URL", &error))?;
        let method = Method::from_bytes(request.method.as_bytes()).map_err(|error| about("no method", &error))?;
        let mut message = hyper::Request::builder().method(method).uri(uri);
        for (name, value) in request.headers.iter().chain(&self.own_headers(request)) {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| about("no header name", &error))?;
            let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|error| about("no header", &error))?;
            message = message.header(name, value);
        }
        // Without this header a server may choose any coding (RFC 9110 §12.5.3).
        message = message.header(ACCEPT_ENCODING, "identity");
        if let Some(value) = &self.proxy_authorization {
            message = message.header("proxy-authorization", value);
        }
        let body = Full::new(request.body.clone().unwrap_or_default());
        let message = message.body(body).map_err(|error| about("this cannot be sent", &error))?;
        let answer = connections.request(message).await.map_err(|error| about("no answer", &Chain(&error)))?;
        let (head, body) = answer.into_parts();
        let body = body::read(&head, body, self.settings.most_body).await.map_err(|why| match why {
            Unread::BrokeOff(error) => about("the answer broke off", &Chain(error.as_ref())),
            other => NotSent(format!("{} {}: {other}", request.method, request.url)),
        })?;
        Ok(Answer::new(Arc::clone(request), head.status.as_u16(), head.headers, body))
    }
}

impl Client {
    /// The headers that make the client known. A request that has one of them by itself keeps its own; an anonymous one
    /// has no credential, which headers of the settings are where there is no other.
    fn own_headers(&self, request: &Request) -> Vec<(String, String)> {
        let authorization = self.settings.authorization(self.bearer.token().as_deref());
        let is_credential = authorization.is_none();
        let mut headers = Vec::new();
        if let Some(value) = authorization.filter(|_| !request.anonymous) {
            headers.push(("authorization".to_owned(), value));
        }
        if !(request.anonymous && is_credential) {
            let further = self.settings.headers.iter().filter(|(name, _)| {
                // A second Authorization header would be none.
                !name.eq_ignore_ascii_case("authorization") || (is_credential && !request.anonymous)
            });
            headers.extend(further.map(|(name, value)| (name.to_ascii_lowercase(), value.clone())));
        }
        headers.retain(|(name, _)| !request.headers.iter().any(|(known, _)| known == name));
        headers
    }

    /// Those headers as reports show them.
    pub fn hidden_headers(&self, request: &Request) -> Vec<(String, String)> {
        let shown = |(name, value): (String, String)| match value.split_once(' ') {
            Some((scheme, _)) if name == "authorization" => (name, format!("{scheme} ***")),
            _ => (name, "***".to_owned()),
        };
        self.own_headers(request).into_iter().map(shown).collect()
    }
}

/// What a request meets on a connection that the server has just closed.
const HUNG_UP: [&str; 3] = ["Connection reset by peer", "Broken pipe", "connection closed before message completed"];

/// Advice for frequent errors. It compares the texts of the system and of rustls.
fn advice(error: &str) -> &'static str {
    let known = [
        ("UnknownIssuer", " The certificate is not signed by an authority that is known here: give it with --ca."),
        ("CaUsedAsEndEntity", " The server shows a certificate that it made itself: give it with --ca."),
        ("CertificateRequired", " The server wants a certificate of the client: give one with --cert and --key."),
        ("certificate not valid for name", " The certificate is for another host name than the one in --url."),
        ("NotValidForName", " The certificate is for another host name than the one in --url."),
        ("Expired", " The server's certificate has expired."),
        ("InvalidContentType", " This port does not speak TLS: is it http:// and not https://?"),
        ("invalid HTTP version", " This port does not speak HTTP: is it https:// and not http://?"),
        ("connection closed before message completed", " The server hung up: is it https:// and not http://?"),
        ("onnection refused", " Does the server run, and is the port right?"),
        ("proxy authorization required", " The proxy wants a name and a password: --proxy http://NAME:PASSWORD@HOST."),
        ("unsuccessful", " The proxy does not connect to this server."),
        ("dns error", " The host name is not known here."),
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
