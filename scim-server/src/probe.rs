//! A request to a server by the way that providers take: its public URL, with TLS as others see it.
//!
//! `doctor` sends one for an operator, and the pages of setup links send some for a customer. Nothing is followed: a
//! server of this kind never leads elsewhere.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    HeaderMap, Request, Response, Uri,
    body::Incoming,
    client::conn::http1,
    header::{CONTENT_TYPE, HOST, HeaderName, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, crypto::ring, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use crate::roots;

/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest answer that is read, in bytes.
const LARGEST: usize = 1 << 20;

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// A header, empty where there is none.
    pub fn header(&self, name: &HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Whether it is a SCIM message (RFC 7644 §8.1), as a server of this kind sends and another program does not.
    pub fn is_scim(&self) -> bool {
        self.header(&CONTENT_TYPE).starts_with("application/scim+json")
    }
}

/// Sends a GET with these headers, or a POST where there is a form (`application/x-www-form-urlencoded`). The error says
/// why no answer came, and what to look at.
pub async fn send(url: &str, headers: &[(HeaderName, &str)], form: Option<String>) -> Result<Answer, String> {
    match timeout(PATIENCE, answer(url, headers, form)).await {
        Ok(answered) => answered,
        Err(_) => Err(format!("no answer within {} s; look at the proxy and the firewall", PATIENCE.as_secs())),
    }
}

async fn answer(url: &str, headers: &[(HeaderName, &str)], form: Option<String>) -> Result<Answer, String> {
    let uri: Uri = url.parse().map_err(|error| format!("{url} is no URL: {error}"))?;
    let request = request(&uri, headers, form).map_err(|error| error.to_string())?;
    let (parts, body) = exchange(&uri, request).await?.into_parts();
    let body = Limited::new(body, LARGEST).collect().await;
    let body = body.map_err(|error| format!("the answer has no end: {error}"))?.to_bytes();
    Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
}

fn request(
    uri: &Uri,
    headers: &[(HeaderName, &str)],
    form: Option<String>,
) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::builder()
        .method(if form.is_some() { "POST" } else { "GET" })
        .uri(path)
        .header(HOST, uri.authority().map_or("", |authority| authority.as_str()))
        .header(USER_AGENT, concat!("scim-server/", env!("CARGO_PKG_VERSION")));
    if form.is_some() {
        request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    }
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    request.body(Full::from(form.unwrap_or_default()))
}

async fn exchange(uri: &Uri, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, String> {
    let (host, is_tls) = (uri.host().unwrap_or_default().trim_matches(['[', ']']), uri.scheme_str() == Some("https"));
    let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let stream = TcpStream::connect((host, port)).await;
    let stream = stream
        .map_err(|error| format!("cannot connect: {error}; does the server run, and does the name lead to it?"))?;
    if !is_tls {
        return by(stream, request).await;
    }
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    let roots = roots::load(None).map_err(|error| error.to_string())?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let stream =
        stream.map_err(|error| format!("{error}; providers refuse it too, unless they know your authority"))?;
    by(stream, request).await
}

async fn by<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let broken = |error: hyper::Error| format!("the answer is no HTTP: {error}");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    tokio::spawn(connection);
    sender.send_request(request).await.map_err(broken)
}
