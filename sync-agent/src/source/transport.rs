//! The way to a server: TCP or a local socket, TLS, and a watch over what comes back.
//!
//! The LDAP library could open connections by itself, but then nothing stands between the network and
//! its parser, which recurses as deep as a message is nested. So the connection is made here, and the
//! library gets one end of a pair of local sockets. What the server sends goes through [`Depth`] before
//! it goes on; at the first byte of a message that must not be taken apart, the connection ends, which
//! the library reports as any other loss of it.

use std::{io, sync::Arc, time::Duration};

use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, StdStream};
use percent_encoding::percent_decode_str;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpStream, UnixStream},
};
use tokio_rustls::TlsConnector;

use super::{ber, depth::Depth, search::in_words};

/// A connection to a server, however it is made.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// How a URL names a server (RFC 4516, and `ldapi` as OpenLDAP has it).
#[derive(Debug, PartialEq, Eq)]
enum ServerAddress {
    Socket(String),
    Host { host: String, port: u16, tls: bool },
}

impl ServerAddress {
    fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let host = rest.split(['/', '?']).next().filter(|host| !host.is_empty());
        if scheme.eq_ignore_ascii_case("ldapi") {
            return Some(Self::Socket(percent_decode_str(host?).decode_utf8().ok()?.into_owned()));
        }
        let tls = scheme.eq_ignore_ascii_case("ldaps");
        let standard = if tls { 636 } else { 389 };
        let host = host.unwrap_or("localhost");
        // The colons of an IPv6 address stand in brackets.
        let (host, port) = match host.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
            _ => (host, standard),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Some(Self::Host { host, port, tls })
    }
}

/// Connects, and gives the library's handle. The connection ends with it.
pub async fn open(url: &str, start_tls: bool, tls: Arc<ClientConfig>, timeout: Duration) -> io::Result<Ldap> {
    let connected = tokio::time::timeout(timeout, connect(url, start_tls, tls)).await;
    let server = connected.map_err(|_| {
        io::Error::new(io::ErrorKind::TimedOut, format!("timeout: no answer within {} s", timeout.as_secs()))
    })??;
    let (ours, theirs) = UnixStream::pair()?;
    let settings = LdapConnSettings::new().set_std_stream(StdStream::Unix(theirs.into_std()?));
    let (connection, ldap) = LdapConnAsync::with_settings(settings, "ldapi:///").await.map_err(io::Error::other)?;
    let url = url.to_owned();
    tokio::spawn(async move {
        if let Err(error) = pass(server, ours).await {
            tracing::error!(url, %error, "the connection to the directory was ended");
        }
    });
    tokio::spawn(async move {
        if let Err(error) = connection.drive().await {
            tracing::debug!(%error, "the connection to the directory ended");
        }
    });
    Ok(ldap)
}

async fn connect(url: &str, start_tls: bool, tls: Arc<ClientConfig>) -> io::Result<Box<dyn Stream>> {
    let wrong = || io::Error::new(io::ErrorKind::InvalidInput, "this is no URL of a directory server");
    let (host, port, from_the_start) = match ServerAddress::parse(url).ok_or_else(wrong)? {
        ServerAddress::Socket(path) => return Ok(Box::new(UnixStream::connect(path).await?)),
        ServerAddress::Host { host, port, tls } => (host, port, tls),
    };
    let mut stream = TcpStream::connect((host.as_str(), port)).await?;
    stream.set_nodelay(true)?;
    if !from_the_start {
        if !start_tls {
            return Ok(Box::new(stream));
        }
        ask_for_tls(&mut stream).await?;
    }
    let name = ServerName::try_from(host).map_err(io::Error::other)?;
    Ok(Box::new(TlsConnector::from(tls).connect(name, stream).await?))
}

/// StartTLS (RFC 4511 §4.14): an ExtendedRequest of this name, with the message id 1.
pub const START_TLS: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";

/// The longest answer to StartTLS that is read.
const LONGEST_ANSWER: usize = 4096;

/// Asks for TLS on a connection without it. No byte behind the answer is read: what somebody in between
/// adds in plain text must not be taken for something that came by TLS.
async fn ask_for_tls(stream: &mut TcpStream) -> io::Result<()> {
    let malformed = || io::Error::new(io::ErrorKind::InvalidData, "the answer to StartTLS could not be taken apart");
    stream.write_all(START_TLS).await?;
    let mut message = vec![0; 2];
    stream.read_exact(&mut message).await?;
    let mut length = message.get(1).copied().map_or(0, usize::from);
    if length > 127 {
        let mut bytes = vec![0; (length & 0x7f).min(8)];
        stream.read_exact(&mut bytes).await?;
        length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        message.extend(bytes);
    }
    if length > LONGEST_ANSWER {
        return Err(malformed());
    }
    let head = message.len();
    message.resize(head + length, 0);
    stream.read_exact(message.get_mut(head..).unwrap_or_default()).await?;
    let (code, said) = result(&message).ok_or_else(malformed)?;
    match code {
        0 => Ok(()),
        code => Err(io::Error::other(format!("StartTLS was refused: {}", in_words(code, &said)))),
    }
}

/// The result code and the diagnostic message of an extended response (RFC 4511 §4.12).
fn result(message: &[u8]) -> Option<(u32, String)> {
    let response = ber::parts(ber::parse(message)?)?.into_iter().nth(1)?;
    let mut parts = ber::parts(response)?.into_iter();
    let code = u32::try_from(ber::number(parts.next()?)?).ok()?;
    let said = ber::octets(parts.nth(1)?)?;
    Some((code, String::from_utf8_lossy(&said).into_owned()))
}

/// Passes bytes both ways until one side ends.
async fn pass(server: Box<dyn Stream>, library: UnixStream) -> io::Result<()> {
    let (mut from_server, mut to_server) = tokio::io::split(server);
    let (mut from_library, mut to_library) = library.into_split();
    let out = async {
        tokio::io::copy(&mut from_library, &mut to_server).await?;
        to_server.shutdown().await
    };
    let back = async {
        let (mut depth, mut buffer) = (Depth::default(), vec![0; 64 << 10]);
        loop {
            let length = from_server.read(&mut buffer).await?;
            let bytes = buffer.get(..length).unwrap_or_default();
            if bytes.is_empty() {
                return Ok(());
            }
            depth.feed(bytes).map_err(|malformed| io::Error::new(io::ErrorKind::InvalidData, malformed))?;
            to_library.write_all(bytes).await?;
        }
    };
    // A side that goes away is how every connection ends; only what was refused is an error.
    let ended: io::Result<()> = tokio::select! {
        ended = out => ended,
        ended = back => ended,
    };
    ended.or_else(|error| if error.kind() == io::ErrorKind::InvalidData { Err(error) } else { Ok(()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expect: Option<(&str, u16, bool)>) {
        let host = |(host, port, tls): (&str, u16, bool)| ServerAddress::Host { host: host.to_owned(), port, tls };
        assert_eq!(ServerAddress::parse(url), expect.map(host), "{url}");
    }

    #[test]
    fn urls_name_places() {
        check("ldap://dc1.example.test", Some(("dc1.example.test", 389, false)));
        check("LDAPS://dc1.example.test/", Some(("dc1.example.test", 636, true)));
        check("ldaps://127.0.0.1:1636/dc=x?sub", Some(("127.0.0.1", 1636, true)));
        check("ldap://[::1]:3890", Some(("::1", 3890, false)));
        check("ldap://[fe80::1]", Some(("fe80::1", 389, false)));
        check("ldap:///", Some(("localhost", 389, false)));
        check("ldap://host:port", None);
        assert_eq!(
            ServerAddress::parse("ldapi://%2Frun%2Fldapi/"),
            Some(ServerAddress::Socket("/run/ldapi".to_owned()))
        );
        assert_eq!(ServerAddress::parse("ldapi:///"), None);
    }

    #[test]
    fn the_answer_to_start_tls_is_taken_apart() {
        let good = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00";
        assert_eq!(result(good), Some((0, String::new())));
        let refused = b"\x30\x0f\x02\x01\x01\x78\x0a\x0a\x01\x02\x04\x00\x04\x03not";
        assert_eq!(result(refused), Some((2, "not".to_owned())));
        assert_eq!(result(b"\x30\x03\x02\x01\x01"), None);
        assert_eq!(result(b"\x04\x00"), None);
    }
}
