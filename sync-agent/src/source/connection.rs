//! A connection to the first server of the list that answers: TLS, then bind.
//!
//! A server that cannot be reached is passed over; one that refuses the bind ends the search for
//! one, since the next would refuse it too and failed binds lock accounts.

use std::{fmt, io, sync::Arc};

use ldap3::{Ldap, LdapResult};
use rustls::{CertificateError, ClientConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{
    DirectoryError,
    search::in_words,
    settings::{Bind, SourceSettings},
    transport::{self, START_TLS},
};
use crate::tls::{TlsSettings, client_config};

/// A bound connection. Dropped at the end of a cycle.
pub struct Connection {
    /// The library's handle.
    pub ldap: Ldap,
    /// The server.
    pub url: String,
}

impl Connection {
    /// Connects to the first server that answers, and binds.
    pub async fn open(settings: &SourceSettings) -> Result<Self, DirectoryError> {
        let tls = Arc::new(client_config(&settings.tls)?);
        let mut failures = Vec::new();
        for url in &settings.urls {
            match connect(url, settings, Arc::clone(&tls)).await {
                Ok(mut ldap) => {
                    bind(&mut ldap, url, settings).await?;
                    return Ok(Self { ldap, url: url.clone() });
                }
                Err(source) => {
                    let known = advice(&source).map(str::to_owned);
                    let advice: Vec<String> = known.into_iter().chain(wrong_scheme(url, settings).await).collect();
                    let failure = ServerFailure { url: url.clone(), source, advice: advice.join("; ") };
                    tracing::warn!("the directory server cannot be reached: {failure}");
                    failures.push(failure);
                }
            }
        }
        Err(Unreachable(failures).into())
    }
}

/// Why no server of the list could be used: one failure for each, in order.
#[derive(Debug)]
pub struct Unreachable(Vec<ServerFailure>);

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no directory server could be reached:")?;
        self.0.iter().try_for_each(|failure| write!(f, "\n  {failure}"))
    }
}

impl std::error::Error for Unreachable {
    /// The failure of the last server. The text has all of them.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.last().map(|failure| failure as &dyn std::error::Error)
    }
}

/// Why one server could not be reached.
#[derive(Debug, thiserror::Error)]
#[error("{url}: {source}{}{advice}", if advice.is_empty() { "" } else { "; " })]
struct ServerFailure {
    url: String,
    source: io::Error,
    /// What to change; empty if that is not known.
    advice: String,
}

/// What to write where a server speaks TLS and the URL does not, or the other way round. Asked of the server
/// only when a connection has failed: the two look like silence to each other.
async fn wrong_scheme(url: &str, settings: &SourceSettings) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let place = rest.split('/').next()?;
    let (opening, port) = match scheme {
        "ldap" => (client_hello()?, 389),
        "ldaps" => (START_TLS.to_vec(), 636),
        _ => return None,
    };
    let address = if place.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
        place.to_owned()
    } else {
        format!("{place}:{port}")
    };
    let first = tokio::time::timeout(settings.connect_timeout, async {
        let mut stream = tokio::net::TcpStream::connect(address.as_str()).await.ok()?;
        stream.write_all(&opening).await.ok()?;
        stream.read_u8().await.ok()
    });
    match (scheme, first.await.ok()??) {
        // A record of type handshake (RFC 8446 §5.1): the server has answered the hello.
        ("ldap", 0x16) => Some(format!(
            "this port speaks TLS from the first byte: write ldaps://{place}, without source.tls.start_tls"
        )),
        // An LDAPMessage (RFC 4511 §4.1.1): the server has answered the request for StartTLS.
        ("ldaps", 0x30) => Some(format!(
            "this port does not begin with TLS: write ldap://{place} with source.tls.start_tls = true, or name the port of ldaps, usually 636"
        )),
        _ => None,
    }
}

/// The first bytes of a TLS client.
fn client_hello() -> Option<Vec<u8>> {
    let config = client_config(&TlsSettings::default()).ok()?;
    let name = rustls::pki_types::ServerName::try_from("directory.invalid").ok()?;
    let mut hello = Vec::new();
    rustls::ClientConnection::new(Arc::new(config), name).ok()?.write_tls(&mut hello).ok()?;
    Some(hello)
}

async fn connect(url: &str, settings: &SourceSettings, tls: Arc<ClientConfig>) -> io::Result<Ldap> {
    #[cfg(feature = "gssapi")]
    if matches!(settings.bind, Bind::Gssapi { .. }) {
        return kerberos(url, settings, tls).await;
    }
    transport::open(url, settings.tls.start_tls, tls, settings.connect_timeout).await
}

/// A connection that the library makes by itself: Kerberos is bound to the TLS connection, or seals
/// what is sent without one, and both are the library's to do. What such a server sends is not looked
/// at before; but then it has proved who it is before it is asked for anything.
#[cfg(feature = "gssapi")]
async fn kerberos(url: &str, settings: &SourceSettings, tls: Arc<ClientConfig>) -> io::Result<Ldap> {
    let connect = ldap3::LdapConnSettings::new()
        .set_conn_timeout(settings.connect_timeout)
        .set_starttls(settings.tls.start_tls && url.starts_with("ldap://"))
        .set_config(tls);
    let connected = ldap3::LdapConnAsync::with_settings(connect, url).await;
    let (connection, ldap) = connected.map_err(|error| match error {
        ldap3::LdapError::Io { source } => source,
        other => io::Error::other(other),
    })?;
    tokio::spawn(async move {
        if let Err(error) = connection.drive().await {
            tracing::debug!(%error, "the connection to the directory ended");
        }
    });
    Ok(ldap)
}

/// What to change so that a server can be reached, where the error tells it.
fn advice(error: &io::Error) -> Option<&'static str> {
    match error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>()) {
        // A signature is bad where another authority has the name of the one that is known.
        Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature)) => {
            Some("name the authority that signed its certificate in source.tls.ca_file")
        }
        Some(rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => Some(
            "its certificate is for another name: let source.urls use the name that the certificate has, or give it one with that name (subjectAltName)",
        ),
        Some(rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        )) => Some("its certificate has expired: renew it on the directory server"),
        Some(rustls::Error::InvalidCertificate(CertificateError::Other(other)))
            if other.to_string().contains("CaUsedAsEndEntity") =>
        {
            Some(
                "the server presents the certificate of an authority (CA:TRUE) as its own: give it one that the authority has signed, and name the authority in source.tls.ca_file",
            )
        }
        _ => None,
    }
}

async fn bind(ldap: &mut Ldap, url: &str, settings: &SourceSettings) -> Result<(), DirectoryError> {
    ldap.with_timeout(settings.connect_timeout);
    let (account, answer) = match &settings.bind {
        Bind::Simple { account, password } => (account.as_str(), ldap.simple_bind(account, password.expose()).await),
        Bind::External => ("the external identity", ldap.sasl_external_bind().await),
        #[cfg(feature = "gssapi")]
        Bind::Gssapi { server } => {
            let server = server.as_deref().unwrap_or_else(|| host(url));
            ("the holder of the Kerberos ticket", ldap.sasl_gssapi_bind(server).await)
        }
    };
    let LdapResult { rc, text, .. } = answer.map_err(|source| DirectoryError::lost("the bind", source))?;
    if rc == 0 {
        return Ok(());
    }
    let reason = in_words(rc, &text);
    Err(DirectoryError::Bind { url: url.to_owned(), account: account.to_owned(), code: rc, reason })
}

/// The host of a URL, without its port.
#[cfg(feature = "gssapi")]
fn host(url: &str) -> &str {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or(host);
    host.rsplit_once(':').map_or(host, |(host, _)| host)
}
