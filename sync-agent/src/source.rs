//! The directory: what is read from it, and what a reading proves.
//!
//! Directories have been emptied at the target because a search was cut and nobody looked. So a
//! reading is given to the caller change by change while it runs, but is worth something only when
//! [`Directory::read`] returns a [`Reading`]: every search in it ended with result 0 on a connection
//! that was still there. On an error all that was given before is to be dropped.
//!
//! - [`entry`]: an entry and its identity; [`absence`]: the proof that one is gone.
//! - [`connection`]: servers in order of preference, TLS, bind. [`search`]: the one way to search.
//! - [`active_directory`], [`openldap`]: how each kind of directory is read and what is special
//!   there. What is common to both (a full read by paged searches) is in [`full`].
//! - [`ldif`]: a file as a directory, for plan snapshots and dry runs.

pub mod absence;
pub mod active_directory;
pub mod connection;
pub mod entry;
pub mod full;
pub mod ldif;
pub mod openldap;
pub mod search;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use absence::Proof;
pub use entry::{Attributes, Entry, Kind, Member, SourceId};

use crate::{
    config::{Flavour, SourceSettings},
    dn::Dn,
};

/// Connects to the directory of the settings. `mapped` are the attributes that the mapping reads.
pub async fn open(settings: &SourceSettings, mapped: Vec<String>) -> Result<Box<dyn Directory>, DirectoryError> {
    let connection = connection::Connection::open(settings).await?;
    let settings = settings.clone();
    Ok(match settings.flavour {
        Flavour::ActiveDirectory => {
            Box::new(full::Reader { connection, settings, mapped, shape: active_directory::ActiveDirectory })
        }
        Flavour::OpenLdap => Box::new(full::Reader { connection, settings, mapped, shape: openldap::OpenLdap }),
    })
}

/// How the entries of a kind of directory are written.
pub(in crate::source) fn shape(flavour: Flavour) -> &'static dyn full::Shape {
    match flavour {
        Flavour::ActiveDirectory => &active_directory::ActiveDirectory,
        Flavour::OpenLdap => &openldap::OpenLdap,
    }
}

/// Why a directory could not be read. Nothing that was read before the error may be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// No server of the list answered. One line for each, in order.
    #[error("no directory server could be reached:\n  {}", .0.join("\n  "))]
    Unreachable(Vec<String>),
    /// The server refused the bind. The words say what to change.
    #[error("{url} refused the bind as {account}: {reason}")]
    Bind {
        /// The server.
        url: String,
        /// The account, or how it would have been named.
        account: String,
        /// The result in words.
        reason: String,
    },
    /// A search ended with something other than result 0.
    #[error(
        "the search beneath {base} for {filter} ended with result {code} ({reason}); what it had returned is not used"
    )]
    Search {
        /// The search base.
        base: String,
        /// The filter.
        filter: String,
        /// The result code of RFC 4511.
        code: u32,
        /// The result in words.
        reason: String,
    },
    /// The connection went away in the middle.
    #[error("the connection to the directory was lost during {during}: {reason}; what had been read is not used")]
    Lost {
        /// What was being done.
        during: String,
        /// What the connection said.
        reason: String,
    },
    /// The server will not continue from this watermark. A full read is the answer.
    #[error("the directory does not continue from where the last run ended: {0}")]
    WatermarkRefused(String),
    /// TLS material or settings that cannot be used.
    #[error("{0}")]
    Settings(String),
}

/// One thing that a reading says.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The entry, whole: what it does not have, it has not.
    Upsert(Entry),
    /// Some attributes of an entry; the others are as they were. A named attribute without values
    /// was removed. This is what DirSync reports.
    Amend(Entry),
    /// The entry exists and has not changed: a presence phase (RFC 4533 §3.3.2).
    Present(SourceId),
    /// The directory showed that the entry is gone.
    Delete(SourceId, Proof),
}

/// What a finished reading covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Coverage {
    /// Everything there is. An entry that was not reported is a candidate for absence, which
    /// [`absence`] must still prove.
    Everything,
    /// What changed since the watermark. An entry that was not reported is as it was.
    Changes,
}

/// The certificate of a reading: it ended, and everything in it is true together.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// What it covers.
    pub coverage: Coverage,
    /// Where the next reading continues, where the directory can do that. Saved after the writes.
    pub watermark: Option<Watermark>,
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

/// What each mechanism remembers. DirSync's cookie, the sync cookie of RFC 4533 and
/// `modifyTimestamp` get a variant each here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// DirSync's cookie.
    DirSync(Vec<u8>),
    /// `highestCommittedUSN` of one domain controller.
    Usn(u64),
    /// The cookie of RFC 4533.
    SyncCookie(Vec<u8>),
    /// `modifyTimestamp` up to which all was read, as generalized time.
    Modified(String),
}

/// How one entry is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// By what never changes.
    Id(SourceId),
    /// By name.
    Dn(Dn),
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

    /// The server that is being read, for people: `ldaps://dc1.corp.example.test`.
    fn server(&self) -> &str;
}
