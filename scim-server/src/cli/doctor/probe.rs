//! A request through the public URL, as a provider would send it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::{
    Request, Response, Uri,
    body::Incoming,
    client::conn::http1,
    header::{CONTENT_TYPE, DATE, HOST, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, crypto::ring, pki_types::ServerName};
use scim_protocol::Timestamp;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::Check;
use crate::{cli::fault, roots};

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A path below the base URL of a tenant that there is not: every server of this kind answers it alike.
const PATH: &str = "/00000000-0000-4000-8000-000000000000/scim/v2/Users";

/// Sends it. Gives what came of it, and the time that the answer tells.
pub(super) async fn probe(base: &str) -> (Check, Option<Timestamp>) {
    let failing = |why: String| (Check::failing("probe", format!("a request to {base} fails: {why}")), None);
    let response = match timeout(PATIENCE, get(&format!("{base}{PATH}"))).await {
        Ok(Ok(response)) => response,
        Ok(Err(why)) => return failing(why),
        Err(_) => {
            return failing(format!("no answer within {} s; look at the proxy and the firewall", PATIENCE.as_secs()));
        }
    };
    let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text(DATE)).ok();
    let date = date.map(|date| Timestamp::from_millis(date.as_millisecond()));
    let status = response.status().as_u16();
    if status != 401 || !text(CONTENT_TYPE).starts_with("application/scim+json") {
        let why = format!(
            "the status is {status} and the media type {:?}, as of another program: the URL or the proxy leads elsewhere",
            text(CONTENT_TYPE)
        );
        return failing(why);
    }
    (Check::ok("probe", format!("a request to {base} reaches a server of this kind")), date)
}

async fn get(url: &str) -> Result<Response<Incoming>, String> {
    let uri: Uri = url.parse().map_err(|error| format!("{url} is no URL: {error}"))?;
    let (host, is_tls) = (uri.host().unwrap_or_default().trim_matches(['[', ']']), uri.scheme_str() == Some("https"));
    let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let stream = TcpStream::connect((host, port)).await;
    let stream = stream
        .map_err(|error| format!("cannot connect: {error}; does the server run, and does the name lead to it?"))?;
    if !is_tls {
        return exchange(stream, &uri).await;
    }
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    let roots = roots::load(None).map_err(|error| error.to_string())?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let stream = stream.map_err(|error| {
        format!("{}; providers refuse it too, unless they know your authority", fault::chain(&error))
    })?;
    exchange(stream, &uri).await
}

async fn exchange<S>(stream: S, uri: &Uri) -> Result<Response<Incoming>, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let broken = |error: hyper::Error| format!("the answer is no HTTP: {error}");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    tokio::spawn(connection);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path)
        .header(HOST, uri.authority().map_or("", |authority| authority.as_str()))
        .header(USER_AGENT, concat!("scim-server/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    sender.send_request(request).await.map_err(broken)
}
