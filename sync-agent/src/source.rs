//! The directory: what is read from it, and what a reading proves.
//!
//! Directories have been emptied at the target because a search was cut and nobody looked. So a
//! reading is given to the caller change by change while it runs, but is worth something only when
//! [`Directory::read`] returns a [`Reading`]: every search in it ended with result 0 on a connection
//! that was still there. On an error all that was given before is to be dropped.
//!
//! - [`settings`]: what the configuration says of a directory.
//! - [`entry`]: an entry and its attributes. [`passed_over`]: what else a directory holds. [`account`]: whether an
//!   account may be used.
//! - [`connection`]: servers in order of preference, and the bind. [`transport`]: the way there, with TLS; [`depth`]
//!   checks what comes back before it is parsed. [`search`]: the one way to search; [`paging`] goes from page to
//!   page. [`root_dse`]: what a server says about itself.
//! - [`flavour`]: all in which the kinds of directories differ. [`filters`]: the filters that the agent makes.
//! - [`reader`]: reads everything, what changed, some entries again, or one. [`ranges`]: members in ranges.
//! - [`absence`]: the proof that an entry is gone. [`trace`]: what a server says of what it does not show.
//!   [`sightings`]: what is remembered for that.
//! - [`watch`]: notification of changes. [`rights`]: what the account may do, for `check`.
//! - [`forest`]: several directories as one. [`foreign`]: members that stand for somebody of another domain.
//! - [`ldif`]: a file as a directory, for plan snapshots and dry runs.

pub mod absence;
pub mod account;
pub mod ber;
pub mod connection;
pub mod depth;
pub mod entry;
pub mod filters;
pub mod flavour;
pub mod foreign;
pub mod forest;
pub mod ldif;
pub mod paging;
pub mod passed_over;
pub mod ranges;
pub mod reader;
pub mod rights;
pub mod root_dse;
pub mod search;
pub mod settings;
pub mod sightings;
pub mod trace;
pub mod transport;
pub mod watch;

use std::{collections::BTreeSet, fmt};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    dn::Dn,
    identity::{Kind, SourceId},
    mode::Mode,
    problem::Problem,
    source::settings::SourceSettings,
    tls::TlsError,
};

pub use absence::Proof;
pub use entry::{Attributes, Entry, Member};
pub use filters::HeldAs;
pub use passed_over::PassedOver;
pub use trace::Trace;

/// Connects to the directory of the settings. `mapped` are the attributes that the mapping reads.
pub async fn open(settings: &SourceSettings, mapped: Vec<String>) -> Result<Box<dyn Directory>, DirectoryError> {
    Ok(Box::new(reader::LdapReader::open(settings, mapped).await?))
}

/// Connects to each directory of the settings. `mapped` are the attributes that the mapping reads.
pub async fn open_all<'a>(
    sources: impl Iterator<Item = &'a SourceSettings> + Clone,
    mapped: Vec<String>,
) -> Result<Box<dyn Directory>, DirectoryError> {
    let mut each = sources.clone();
    match (each.next(), each.next()) {
        (Some(only), None) => open(only, mapped).await,
        _ => Ok(Box::new(forest::Forest::open(sources, &mapped).await?)),
    }
}

/// What the directory of the settings says about itself.
pub async fn root(settings: &SourceSettings) -> Result<root_dse::RootDse, DirectoryError> {
    let mut connection = connection::Connection::open(settings).await?;
    root_dse::RootDse::read(&mut connection.ldap, settings.timeout).await
}

/// Why a directory could not be read. Nothing that was read before the error may be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// No server of the list answered.
    #[error(transparent)]
    Unreachable(#[from] connection::Unreachable),
    /// The server refused the bind. The words say what to change.
    #[error("{url} refused the bind as {account}: {reason}")]
    Bind {
        /// The server.
        url: String,
        /// The account, or how it would have been named.
        account: String,
        /// The result code of RFC 4511.
        code: u32,
        /// The result in words.
        reason: String,
    },
    /// A search ended with something other than result 0.
    #[error("{}", search_ended(base, filter, *code, reason))]
    Search {
        /// The search base.
        base: String,
        filter: String,
        /// The result code of RFC 4511.
        code: u32,
        /// The result in words.
        reason: String,
    },
    /// The connection went away in the middle.
    #[error("the connection to the directory was lost during {during}: {source}; what had been read is not used")]
    Lost {
        /// What was being done.
        during: String,
        /// What the connection said. Boxed, since errors are small.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server will not continue from this watermark. A full read is the answer.
    #[error("the directory does not continue from where the last run ended: {0}")]
    WatermarkRefused(String),
    /// TLS material that cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Settings that forbid to go on, or an entry that is shown only in part.
    #[error("{0}")]
    Settings(String),
}

impl DirectoryError {
    /// The connection was lost while something was done.
    pub fn lost(during: impl Into<String>, source: ldap3::LdapError) -> Self {
        Self::Lost { during: during.into(), source: Box::new(source) }
    }
}

/// noSuchObject (RFC 4511 appendix A.2) is about the base, whatever was searched for.
fn search_ended(base: &str, filter: &str, code: u32, reason: &str) -> String {
    match code {
        32 => format!(
            "the directory shows no entry {base}: correct source.bases, source.users.bases or source.groups.bases, or let the account read it ({reason})"
        ),
        _ => format!(
            "the search beneath {base} for {filter} ended with result {code} ({reason}); what it had returned is not used"
        ),
    }
}

/// One thing that a reading says.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The entry, whole: what it does not have, it has not.
    Upsert(Entry),
    /// The entry exists and has not changed: a presence phase (RFC 4533 §3.3.2).
    Present(SourceId),
    /// The entry is no longer where the reading looks. What became of it is to be proved.
    Missing(SourceId),
    /// All that still exists of this kind beneath this base was named, as [`Self::Upsert`] or as
    /// [`Self::Present`]; anything else of it is missing.
    Swept { kind: Kind, base: Dn },
    /// The directory showed that the entry is gone.
    Delete(SourceId, Proof),
}

/// The certificate of a reading: it ended, and everything in it is true together.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// What it covers.
    pub mode: Mode,
    /// Where the next reading continues, where the directory can do that. Saved after the writes.
    pub watermark: Option<Watermark>,
    /// What could not be read, without harm to the rest.
    pub problems: Vec<Problem>,
}

/// How far a directory has been read, in the form of the mechanism that made it.
///
/// It is good only for the server, base, filter and attributes that it was made with; `fingerprint`
/// is a digest of these. Another fingerprint means a full read, and is no error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watermark {
    /// Digest of server and search, in hexadecimal.
    pub fingerprint: String,
    /// The mark itself.
    pub mark: Mark,
}

impl Watermark {
    /// The mark of each source, in the order of the configuration.
    pub fn each(&self) -> &[Self] {
        match &self.mark {
            Mark::Each(marks) => marks,
            _ => std::slice::from_ref(self),
        }
    }
}

/// What each mechanism of [`reader::changes`] remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// DirSync's cookie.
    DirSync {
        cookie: Vec<u8>,
        /// Whether it shows only what the account may see: then deletions may be hidden.
        object_security: bool,
    },
    /// `highestCommittedUSN` of one domain controller.
    Usn {
        /// The number.
        highest: u64,
        /// The invocation id of the controller's database.
        invocation: String,
    },
    /// The cookie of RFC 4533.
    SyncCookie(Vec<u8>),
    /// The newest `modifyTimestamp` that was read, as generalized time.
    Modified(String),
    /// The watermarks of several sources, in the order of the configuration.
    Each(Vec<Watermark>),
}

impl Mark {
    /// Whether readings that continue from it show every deletion. Where they may not, the full
    /// comparison finds what was deleted.
    pub fn shows_deletions(&self) -> bool {
        match self {
            Self::DirSync { object_security, .. } => !object_security,
            Self::SyncCookie(_) => true,
            Self::Usn { .. } | Self::Modified(_) => false,
            Self::Each(marks) => marks.iter().all(|watermark| watermark.mark.shows_deletions()),
        }
    }

    /// The mechanism, for people.
    pub const fn mechanism(&self) -> &'static str {
        match self {
            Self::DirSync { object_security: false, .. } => "DirSync",
            Self::DirSync { object_security: true, .. } => "DirSync with object security",
            Self::Usn { .. } => "uSNChanged",
            Self::SyncCookie(_) => "content synchronisation (RFC 4533)",
            Self::Modified(_) => "modifyTimestamp",
            Self::Each(_) => "the mechanism of each source",
        }
    }
}

/// How one entry is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// By what never changes.
    Id(SourceId),
    /// By name.
    Dn(Dn),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "{id}"),
            Self::Dn(dn) => write!(f, "{dn}"),
        }
    }
}

/// What a member is that is not among what was read.
#[derive(Debug, Clone, PartialEq)]
pub enum Outside {
    /// A user or a group.
    Member(Entry),
    /// Something else: a computer.
    Other {
        /// Its identity, where that can be read: it may be an entry that was read, under another spelling
        /// of its name.
        id: Option<SourceId>,
        what: PassedOver,
    },
    /// It is not there, or not to be read: this proves nothing.
    Unknown,
}

impl Outside {
    /// The identity of the entry that the server returned.
    pub fn id(&self) -> Option<SourceId> {
        match self {
            Self::Member(entry) => Some(entry.id),
            Self::Other { id, .. } => *id,
            Self::Unknown => None,
        }
    }
}

/// Takes what a reading says, one change at a time. It must be quick: the reading waits.
pub type Sink<'a> = dyn FnMut(Change) + Send + 'a;

/// A directory that is connected. One value lives for one cycle: message ids of finished searches
/// are never freed by the LDAP library, and a new connection is how a cycle forgets an old failure.
#[async_trait]
pub trait Directory: Send {
    /// Reads everything, or what changed since a watermark, into `sink`.
    ///
    /// `Ok` means that it is whole. [`DirectoryError::WatermarkRefused`] asks for the same without a
    /// watermark. After any error what the sink has got must be dropped.
    async fn read(&mut self, since: Option<&Watermark>, sink: &mut Sink<'_>) -> Result<Reading, DirectoryError>;

    /// One entry. `Ok(None)` only where the server said that there is none; a failure is an error.
    async fn find(&mut self, key: &Key) -> Result<Option<Entry>, DirectoryError>;

    /// The same in one source of several, by its number.
    async fn find_at(&mut self, _home: usize, key: &Key) -> Result<Option<Entry>, DirectoryError> {
        self.find(key).await
    }

    /// The sources that an object belongs to which stood here last, by their numbers: all where nobody can
    /// say. What proves its absence is asked of these.
    fn homes(&self, _last: Option<&Dn>) -> BTreeSet<usize> {
        BTreeSet::from([0])
    }

    /// Reads these entries again. Those that are no longer where the reading looks are
    /// [`Change::Missing`].
    async fn again(&mut self, ids: &BTreeSet<SourceId>, sink: &mut Sink<'_>) -> Result<(), DirectoryError>;

    /// Reads the groups that hold any of these, and the people who refer to one by these attributes. A
    /// directory does not report a group when one of its members appears, or gets another name, and the
    /// group does not follow; nor a person whose manager does.
    async fn holders(
        &mut self,
        held: &[HeldAs],
        referring: &[String],
        sink: &mut Sink<'_>,
    ) -> Result<(), DirectoryError>;

    /// A member that is not among what was read: it stands outside of the bases, or is something else.
    async fn outside(&mut self, dn: &Dn) -> Result<Outside, DirectoryError>;

    /// What is known of an object that no search shows, and that stood here last. A file shows all it has.
    async fn trace(&mut self, _id: SourceId, _last: Option<&Dn>) -> Result<Trace, DirectoryError> {
        Ok(Trace::Nowhere)
    }

    /// The same of a name.
    async fn trace_name(&mut self, _dn: &Dn) -> Result<Trace, DirectoryError> {
        Ok(Trace::Vacant)
    }

    /// Whether a group still has a member that it no longer shows. `None` where nobody can say.
    async fn still_has(&mut self, _group: &Dn, _member: &HeldAs) -> Result<Option<bool>, DirectoryError> {
        Ok(Some(false))
    }

    /// Whether an entry has an attribute that it does not show, of which `value` was read before, if anything
    /// was. `None` where nobody can say. A file shows all it has.
    async fn withholds(
        &mut self,
        _dn: &Dn,
        _kind: Kind,
        _attribute: &str,
        _value: Option<&[u8]>,
    ) -> Result<Option<bool>, DirectoryError> {
        Ok(Some(false))
    }

    /// The attributes by which the configured filter of a kind chooses, in lower case.
    fn filtered_by(&self, _dn: &Dn, _kind: Kind) -> Vec<String> {
        Vec::new()
    }

    /// Whether the directory may give a group the new name of a member some time after that one was renamed.
    /// One that does it in the same step, or not at all, has said everything when it is read.
    fn rewrites_names_later(&self, _group: &Dn) -> bool {
        false
    }

    /// All containers that the account sees, with their identity where it is shown.
    async fn containers(&mut self) -> Result<Vec<(Option<SourceId>, Dn)>, DirectoryError> {
        Ok(Vec::new())
    }

    /// Every entry that the account sees, or `None` where an absence is proved by identity.
    async fn everything_seen(&mut self) -> Result<Option<Vec<(Option<SourceId>, Dn)>>, DirectoryError> {
        Ok(None)
    }

    /// Whether an absence here is proved by identity, although [`Self::everything_seen`] is there for others.
    fn proves_by_identity(&self, _dn: &Dn) -> bool {
        false
    }

    /// Whether the bases hold this name.
    fn covers(&self, _dn: &Dn) -> bool {
        true
    }

    /// Whether nobody can have been moved into a container that is seen no longer.
    fn ignores(&self, _container: &Dn) -> bool {
        false
    }

    /// The server that is being read, for people: `ldaps://dc1.corp.example.test`.
    fn server(&self) -> &str;
}
