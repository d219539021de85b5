//! Sending: HTTPS to public addresses, without redirects, for a bounded time.
//!
//! Whoever may name an endpoint could make the server ask its own neighbours. So a name is resolved here, each
//! address is looked at, and the connection is made to that very address. Networks that are allowed by the setting
//! `webhook_networks` are reached all the same, also by plain HTTP.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Collected, Full, Limited};
use hyper::{
    Request, Uri,
    client::conn::http1::{self, SendRequest},
    header::{CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    task::JoinError,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use traces::{Kind, Span, TRACEPARENT, Traces};

use super::{low_priority::LowPriority, schedule::RetryAfter};
use crate::public_address::is_public;

/// How long an endpoint has, from the first byte to the last.
const PATIENCE: Duration = Duration::from_secs(15);
/// The longest answer that is read.
const ANSWER: usize = 64 * 1024;
/// Connections to one endpoint that are kept for the next message.
const IDLE: usize = 16;

/// What an endpoint has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    pub status: u16,
    /// The body; empty when it is too long.
    pub body: Bytes,
    /// For how long it asks for patience.
    pub retry_after: Option<RetryAfter>,
}

const PLAIN: &str = "http:// is for networks of the setting webhook_networks; use https://";

type Connection = SendRequest<Full<Bytes>>;

/// Sends messages. Connections are kept for the next.
pub struct Sender {
    /// Made when it is first wanted: the system's certificates are many.
    tls: OnceLock<TlsConnector>,
    allowed: Vec<IpNet>,
    idle: Mutex<HashMap<String, Vec<Connection>>>,
    /// Where messages are made and sent; started when it is first wanted.
    thread: OnceLock<Option<LowPriority>>,
    traces: Option<Arc<Traces>>,
}

impl Sender {
    /// One that also reaches these networks. It trusts the certificates that the system trusts.
    pub fn new(allowed: Vec<IpNet>) -> Self {
        let (tls, idle, thread) = (OnceLock::new(), Mutex::default(), OnceLock::new());
        Self { tls, allowed, idle, thread, traces: None }
    }

    /// The same, with spans of what is sent.
    #[must_use]
    pub fn traced(self, traces: Option<Arc<Traces>>) -> Self {
        Self { traces, ..self }
    }

    /// The span of a message, for [`Self::send`]; `None` unless it is recorded.
    pub fn span(&self, name: &'static str) -> Option<Span> {
        self.traces.as_ref()?.begin(name, Kind::Client, None)
    }

    /// Makes and sends messages without taking the processors from those who wait for answers. Fails when the work
    /// panics.
    pub async fn aside<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, JoinError> {
        let start =
            || LowPriority::start("sender").inspect_err(|error| tracing::warn!(%error, "cannot start a thread")).ok();
        match self.thread.get_or_init(start) {
            Some(thread) => thread.run(work).await,
            None => Ok(work.await),
        }
    }

    /// Sends a message of a media type within its span, and gives what the endpoint has answered; in words why it has
    /// not.
    pub async fn send(
        &self,
        span: Option<Span>,
        url: &str,
        media_type: &str,
        headers: &[(&str, String)],
        body: Bytes,
    ) -> Result<Answered, String> {
        let url = check_url(url)?;
        let traceparent = span.as_ref().map(Span::traceparent);
        let sending = self.exchange(&url, media_type, headers, traceparent.as_deref(), body);
        let late = || Err(format!("no answer within {} s", PATIENCE.as_secs()));
        let answered = timeout(PATIENCE, sending).await.unwrap_or_else(|_| late());
        if let Some(span) = span {
            end(span, &url, &answered);
        }
        answered
    }

    async fn exchange(
        &self,
        url: &Uri,
        media_type: &str,
        headers: &[(&str, String)],
        traceparent: Option<&str>,
        body: Bytes,
    ) -> Result<Answered, String> {
        let authority = url.authority().map(ToString::to_string).unwrap_or_default();
        let request = || {
            let path = url.path_and_query().map_or("/", |path| path.as_str());
            let mut request = Request::post(path).header(HOST, &authority).header(CONTENT_TYPE, media_type);
            request = request.header(USER_AGENT, concat!("scim-server/", env!("CARGO_PKG_VERSION")));
            for (name, value) in headers {
                request = request.header(*name, value);
            }
            if let Some(traceparent) = traceparent {
                request = request.header(TRACEPARENT, traceparent);
            }
            request.body(Full::new(body.clone())).map_err(|error| error.to_string())
        };
        let place = format!("{}://{authority}", url.scheme_str().unwrap_or_default());
        // A connection that was kept may be closed by now; then nothing was sent.
        if let Some(mut connection) = self.kept(&place)
            && connection.ready().await.is_ok()
            && let Ok(response) = connection.send_request(request()?).await
        {
            return self.answered(&place, connection, response).await;
        }
        let mut connection = self.connect(url).await?;
        let response = connection.send_request(request()?).await.map_err(|error| format!("no answer: {error}"))?;
        self.answered(&place, connection, response).await
    }

    async fn answered(
        &self,
        place: &str,
        connection: Connection,
        response: hyper::Response<hyper::body::Incoming>,
    ) -> Result<Answered, String> {
        let status = response.status().as_u16();
        let header = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = header.and_then(RetryAfter::parse);
        let read = Limited::new(response.into_body(), ANSWER).collect().await;
        if read.is_ok() {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            let kept = idle.entry(place.to_owned()).or_default();
            if kept.len() < IDLE {
                kept.push(connection);
            }
        }
        Ok(Answered { status, retry_after, body: read.map(Collected::to_bytes).unwrap_or_default() })
    }

    fn kept(&self, place: &str) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle.get_mut(place)?;
        kept.retain(|connection| !connection.is_closed());
        kept.pop()
    }

    async fn connect(&self, url: &Uri) -> Result<Connection, String> {
        let is_tls = url.scheme_str() == Some("https");
        let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
        let port = url.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let found = lookup_host((host, port)).await.map_err(|error| format!("{host} cannot be resolved: {error}"))?;
        let mut why = format!("{host} has no address");
        for address in found {
            if let Err(refused) = self.admit(address.ip(), is_tls) {
                why = refused;
                continue;
            }
            match open(address).await {
                Ok(stream) if is_tls => {
                    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
                    let stream = self
                        .tls
                        .get_or_init(tls)
                        .connect(name, stream)
                        .await
                        .map_err(|error| format!("TLS: {error}"))?;
                    return handshake(stream).await;
                }
                Ok(stream) => return handshake(stream).await,
                Err(error) => why = format!("cannot connect: {error}"),
            }
        }
        Err(why)
    }

    /// Whether a URL can be that of an endpoint: what a look at it tells. In words what to change.
    pub fn check(&self, text: &str) -> Result<(), String> {
        let url = check_url(text)?;
        let is_tls = url.scheme_str() == Some("https");
        let host = url.host().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
        let host = host.strip_suffix('.').unwrap_or(&host);
        let is_here = LOCAL.contains(&host) || host.ends_with(".localhost");
        let address = if is_here { Ok(IpAddr::from(std::net::Ipv4Addr::LOCALHOST)) } else { host.parse() };
        match address {
            Ok(address) => self.admit(address, is_tls),
            Err(_) if host.contains(['%', ':']) => {
                Err(format!("{host} is no address; write it without a zone, as 2001:db8::1"))
            }
            Err(_) if is_number(host) => {
                Err(format!("{host} is an address in another notation; write it as 192.0.2.1"))
            }
            Err(_) if !host.contains('.') && self.allowed.is_empty() => Err(format!(
                "{host} is a name of this machine or of its network; the setting webhook_networks allows networks"
            )),
            Err(_) if is_tls || !self.allowed.is_empty() => Ok(()),
            Err(_) => Err(PLAIN.to_owned()),
        }
        .map_err(|why| format!("messages cannot be sent to {text}: {why}"))
    }

    /// Whether messages may go to that address.
    fn admit(&self, address: IpAddr, is_tls: bool) -> Result<(), String> {
        let address = address.to_canonical();
        if self.allowed.iter().any(|network| network.contains(&address)) {
            return Ok(());
        }
        if !is_public(address) {
            return Err(format!("{address} is no public address; the setting webhook_networks allows networks"));
        }
        if is_tls { Ok(()) } else { Err(PLAIN.to_owned()) }
    }
}

/// Notes in the span of a message what has come of it. The path of the URL is not told: some endpoints have a secret in
/// it.
fn end(mut span: Span, url: &Uri, answered: &Result<Answered, String>) {
    span.note("http.request.method", "POST");
    span.note("server.address", url.host().unwrap_or_default().to_owned());
    span.note("url.scheme", if url.scheme_str() == Some("https") { "https" } else { "http" });
    match answered {
        Ok(Answered { status, .. }) => {
            span.note("http.response.status_code", i64::from(*status));
            if *status >= 400 {
                span.fail(status.to_string());
            }
        }
        Err(_) => span.fail("no_answer"),
    }
}

/// What machines call themselves, in most files of host names.
const LOCAL: [&str; 7] = [
    "localhost",
    "localhost.localdomain",
    "localhost4",
    "localhost6",
    "localhost6.localdomain6",
    "ip6-localhost",
    "ip6-loopback",
];

/// Whether a resolver may read a host as an IPv4 address: its last part is a number, also in base 8 or 16 (WHATWG URL,
/// "ends in a number"). No name does.
fn is_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_decimal = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    is_decimal || last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn tls() -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    TlsConnector::from(Arc::new(config))
}

/// A URL that can be an endpoint: `https`, or `http`, without user and fragment.
fn check_url(text: &str) -> Result<Uri, String> {
    let url: Uri = text.parse().map_err(|_| format!("{text:?} is no URL"))?;
    if text.contains('#') {
        return Err(format!("{text:?} has a fragment, which is never sent: leave out what stands behind #"));
    }
    let is_plain = url.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    match url.scheme_str() {
        Some("https" | "http") if is_plain && url.host().is_some_and(|host| !host.is_empty()) => {
            // One that is no port would be passed over.
            let behind = url.authority().map(|all| all.as_str().strip_prefix(url.host().unwrap_or_default()));
            match (behind, url.port_u16()) {
                (Some(Some("")), _) | (_, Some(1..)) => Ok(url),
                _ => Err(format!("{text:?} has no port that can be: it is a number from 1 to 65535")),
            }
        }
        _ => Err(format!("{text:?} is no URL of an endpoint: it begins with https:// and names a host and no user")),
    }
}

async fn open(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn handshake(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<Connection, String> {
    let shaken = http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let (connection, driver) = shaken;
    tokio::spawn(driver);
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_reached() {
        let sender = Sender::new(vec!["10.1.0.0/16".parse().unwrap()]);
        for address in [
            "127.0.0.1",
            "10.0.0.1",
            "169.254.169.254",
            "192.168.1.1",
            "172.31.0.1",
            "100.64.0.1",
            "0.0.0.0",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "224.0.0.1",
            "fec0::1",
            "::ffff:0:7f00:1",
        ] {
            assert!(sender.admit(address.parse().unwrap(), true).is_err(), "{address}");
        }
        for (address, is_tls, expect) in [
            ("93.184.215.14", true, true),
            ("2606:2800:21f:cb07::1", true, true),
            ("93.184.215.14", false, false),
            ("10.1.2.3", false, true),
            ("10.2.0.1", true, false),
        ] {
            assert_eq!(sender.admit(address.parse().unwrap(), is_tls).is_ok(), expect, "{address}");
        }
    }

    #[test]
    fn what_cannot_be_reached_is_told_by_its_url() {
        let (public, private) = (Sender::new(Vec::new()), Sender::new(vec!["127.0.0.0/8".parse().unwrap()]));
        for (url, of_public, of_private) in [
            ("https://app.example.com/hook", true, true),
            ("http://app.example.com/hook", false, true),
            ("http://127.0.0.1:9000/", false, true),
            ("https://127.0.0.1/", false, true),
            ("https://localhost/", false, true),
            ("https://LocalHost:8443/", false, true),
            ("http://[::1]:9000/", false, false),
            ("https://[fd00::1]/", false, false),
            ("https://93.184.215.14/", true, true),
            ("http://93.184.215.14/", false, false),
            ("https://example.com", true, true),
            // What a resolver reads as 127.0.0.1 although it is written otherwise.
            ("https://0x7f000001/", false, false),
            ("https://2130706433/", false, false),
            ("https://127.1/", false, false),
            ("https://0177.0.0.1/", false, false),
            ("https://127.0.0.0x1./", false, false),
            ("https://localhost./", false, true),
            ("https://a.localhost./", false, true),
            ("https://127.0.0.1./", false, true),
            ("https://[::ffff:127.0.0.1]/", false, true),
            ("https://[::127.0.0.1]/", false, false),
            // Further names of this machine, and of its network.
            ("https://ip6-localhost/", false, true),
            ("https://localhost.localdomain./", false, true),
            ("https://intranet/", false, true),
            ("https://[::1%25lo]/", false, false),
            ("https://[fe80::1%25eth0]/", false, false),
            ("https://example.com:0/", false, false),
            ("https://example.com:99999/", false, false),
            ("https://example.com:/", false, false),
            ("https://example.com:8443/", true, true),
            ("https://4.example.com/", true, true),
            ("https://0x7f.example.com/", true, true),
            ("example.com", false, false),
        ] {
            assert_eq!((public.check(url).is_ok(), private.check(url).is_ok()), (of_public, of_private), "{url}");
        }
    }

    #[test]
    fn an_endpoint_is_a_url_with_a_host() {
        assert!(check_url("https://example.com/hook?a=1").is_ok() && check_url("http://[::1]:8080/").is_ok());
        for wrong in ["example.com", "/hook", "ftp://example.com", "https://user:pass@example.com/", "https://", ""] {
            assert!(check_url(wrong).is_err(), "{wrong}");
        }
    }
}
