//! What the configuration says of a directory (`[source]`).

use std::time::Duration;

use serde::Deserialize;

use super::{Key, flavour::Flavour};
use crate::{dn::Dn, secret::Secret, tls::TlsSettings};

/// What is done with references to other servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Referrals {
    /// Each is reported, and not followed.
    #[default]
    Report,
    /// Followed, with the same account. What is read then has no watermark: each reading is full.
    Follow,
    /// The reading ends with an error.
    Refuse,
}

/// How the agent proves who it is.
#[derive(Debug, Clone)]
pub enum Bind {
    /// A name and a password.
    Simple {
        /// DN, or on Active Directory also UPN or `DOMAIN\name`.
        account: String,
        password: Secret,
    },
    /// By client certificate or by the socket's peer (RFC 4422 appendix A).
    External,
    /// By Kerberos ticket (RFC 4752).
    #[cfg(feature = "gssapi")]
    Gssapi {
        /// The server's name in the realm, where that is not the host of the URL.
        server: Option<String>,
    },
}

/// Where one kind of entry is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchSettings {
    /// The bases, none within another.
    pub bases: Vec<Dn>,
    /// The filter (RFC 4515); `None` for that of the flavour.
    pub filter: Option<String>,
}

/// `[source]`.
#[derive(Debug, Clone)]
pub struct SourceSettings {
    /// Servers, in order of preference.
    pub urls: Vec<String>,
    /// The kind of directory; `None` to ask the server.
    pub flavour: Option<Flavour>,
    /// What is done with references.
    pub referrals: Referrals,
    pub bind: Bind,
    /// How connections are protected.
    pub tls: TlsSettings,
    /// Where users are.
    pub users: SearchSettings,
    /// Where groups are.
    pub groups: SearchSettings,
    /// What is read to prove that the account can read.
    pub canary: Key,
    /// Containers that are seen no longer, and into which nobody can have been moved.
    pub ignored_containers: Vec<Dn>,
    /// Entries a page.
    pub page_size: i32,
    /// How long a server may take to accept a connection, and then the bind.
    pub connect_timeout: Duration,
    /// How long one operation may take.
    pub timeout: Duration,
}
