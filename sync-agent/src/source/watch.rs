//! Notification: the directory says that something changed.
//!
//! So the daemon need not wait for its next cycle. An ordinary reading that continues from the watermark then reads
//! what changed, so changes arrive by one way and not by two. A notification may be lost, doubled or false; that
//! costs no more than the time of a cycle.
//!
//! - OpenLDAP: content synchronisation that persists (RFC 4533, refreshAndPersist). What changed since the watermark
//!   is notified at once.
//! - Active Directory: change notification ([MS-ADTS] 3.1.1.3.4.1.9). Every change in the domain is notified,
//!   whoever it is about, so wait a moment before reading.

use ldap3::{
    Scope,
    controls::{RawControl, RefreshMode},
};

use super::{
    DirectoryError, Mark, Watermark,
    reader::LdapReader,
    search::{Endless, Search, SearchMessage},
};
use crate::{
    identity::Kind,
    source::{
        flavour::ChangeTracking,
        reader::changes::syncrepl::{self, SyncInfo},
        settings::SourceSettings,
    },
};

/// LDAP_SERVER_NOTIFICATION_OID.
const NOTIFICATION: &str = "1.2.840.113556.1.4.528";

/// A search that goes on, on a connection of its own.
pub struct Watch {
    stream: Endless,
    /// Holds the connection open.
    _reader: LdapReader,
}

impl Watch {
    /// Begins to watch for what changes after a watermark. `None` where the directory cannot notify.
    pub async fn open(settings: &SourceSettings, since: &Watermark) -> Result<Option<Self>, DirectoryError> {
        let mut reader = LdapReader::open(settings, Vec::new()).await?;
        let base = reader.root.naming_context(reader.bases());
        let Some(base) = base else { return Ok(None) };
        let (control, filter) = match (&since.mark, reader.flavour.change_tracking()) {
            (Mark::SyncCookie(cookie), _) => (
                syncrepl::request(RefreshMode::RefreshAndPersist, Some(cookie)),
                format!("(|{}{})", reader.filter(Kind::User), reader.filter(Kind::Group)),
            ),
            (_, ChangeTracking::DirSync) if reader.root.supports(NOTIFICATION) => (
                RawControl { ctype: NOTIFICATION.to_owned(), crit: true, val: None },
                // The only filter that a notification may have.
                "(objectClass=*)".to_owned(),
            ),
            _ => return Ok(None),
        };
        let (attributes, controls) = (["1.1".to_owned()], [control]);
        let search = Search {
            scope: Scope::Subtree,
            filter: &filter,
            controls: &controls,
            ..Search::one(base.as_str(), &attributes, settings.timeout)
        };
        let stream = Endless::open(&mut reader.connection.ldap, &search).await?;
        Ok(Some(Self { stream, _reader: reader }))
    }

    /// Waits until something changed. It may be dropped while it waits, and called again. An error
    /// means that the connection or the search ended: open another one, after a pause.
    pub async fn changed(&mut self) -> Result<(), DirectoryError> {
        loop {
            match self.stream.next().await? {
                SearchMessage::Entry(..) => return Ok(()),
                SearchMessage::Info(tag) => {
                    if let Some(SyncInfo::Deleted(_)) = SyncInfo::parse(tag) {
                        return Ok(());
                    }
                }
            }
        }
    }
}
