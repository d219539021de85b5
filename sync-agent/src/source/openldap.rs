//! OpenLDAP, and other directories with `entryUUID` (RFC 4530) and groups of names.
//!
//! A full read so far; content synchronisation (RFC 4533), refreshOnly and refreshAndPersist, has
//! its place in `source/openldap/syncrepl.rs` and `modifyTimestamp` in `source/modified.rs`. What
//! must hold there: a `SyncDone` without a cookie keeps the old one; a refresh with a part that was
//! cut must not be used; deletions by presence phase are [`Change::Present`](super::Change) marks in
//! a reading of everything.

use async_trait::async_trait;

use super::{
    Directory, DirectoryError, Entry, Key, Kind, Member, Reading, Sink, SourceId, Watermark,
    full::{Reader, Shape},
    search::RawEntry,
};
use crate::dn::Dn;

/// How such a directory writes entries.
pub struct OpenLdap;

impl Shape for OpenLdap {
    fn attributes(&self, kind: Kind) -> &'static [&'static str] {
        match kind {
            Kind::User => &["entryUUID", "uid", "cn"],
            Kind::Group => &["entryUUID", "cn", "member", "uniqueMember", "memberUid"],
        }
    }

    fn entry(&self, kind: Kind, mut raw: RawEntry) -> Option<Entry> {
        let id = SourceId::parse(raw.attributes.text("entryUUID")?)?;
        let dn = Dn::parse(&raw.dn).ok()?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let names: Vec<_> = ["member", "uniqueMember"].iter().flat_map(|name| raw.attributes.take(name)).collect();
        let logins = raw.attributes.take("memberUid");
        let mut entry = Entry::new(id, kind, dn, raw.attributes);
        entry.members.extend(names.into_iter().map(|name| Member::Dn(text(name))));
        entry.members.extend(logins.into_iter().map(|uid| Member::Uid(text(uid))));
        Some(entry)
    }

    fn by_id(&self, id: SourceId) -> (String, String) {
        (String::new(), format!("(entryUUID={id})"))
    }
}

#[async_trait]
impl Directory for Reader<OpenLdap> {
    async fn read(&mut self, _since: Option<&Watermark>, sink: &mut Sink<'_>) -> Result<Reading, DirectoryError> {
        Self::read(self, sink).await
    }

    async fn find(&mut self, key: &Key) -> Result<Option<Entry>, DirectoryError> {
        Self::find(self, key).await
    }

    fn server(&self) -> &str {
        &self.connection.url
    }
}
