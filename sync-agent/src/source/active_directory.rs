//! Active Directory: `objectGUID`, members in ranges, primary groups.
//!
//! A group of more than 1,500 members (MaxValRange) comes with an empty `member` beside
//! `member;range=0-1499`; the rest is asked for range by range after the search, since a search
//! within a search is what servers handle worst. Primary groups are resolved by
//! [`crate::scope::graph`] from `primaryGroupID` and `objectSid`, which are read here.
//!
//! DirSync has its place in `source/active_directory/dirsync.rs`, `uSNChanged` with tombstones in
//! `source/active_directory/usn.rs`.

use async_trait::async_trait;
use ldap3::Scope;

use super::{
    Change, Directory, DirectoryError, Entry, Key, Kind, Member, Reading, Sink, SourceId, Watermark,
    full::{Reader, Shape},
    search::{self, RawEntry, Search},
};
use crate::dn::Dn;

/// How Active Directory writes entries.
pub struct ActiveDirectory;

impl Shape for ActiveDirectory {
    fn attributes(&self, kind: Kind) -> &'static [&'static str] {
        match kind {
            Kind::User => &["objectGUID", "objectSid", "primaryGroupID", "sAMAccountName", "userPrincipalName", "cn"],
            Kind::Group => &["objectGUID", "objectSid", "sAMAccountName", "cn", "member"],
        }
    }

    fn entry(&self, kind: Kind, mut raw: RawEntry) -> Option<Entry> {
        let id = SourceId::from_object_guid(raw.attributes.bytes("objectGUID").first()?)?;
        let dn = Dn::parse(&raw.dn).ok()?;
        let members = raw.attributes.take("member");
        let mut entry = Entry::new(id, kind, dn, raw.attributes);
        entry.members.extend(members.into_iter().map(member));
        Some(entry)
    }

    fn by_id(&self, id: SourceId) -> (String, String) {
        (format!("<GUID={id}>"), "(objectClass=*)".to_owned())
    }
}

fn member(bytes: Vec<u8>) -> Member {
    Member::Dn(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// A range of members, and where the next one begins; `None` after the last.
fn take_range(attributes: &mut super::Attributes) -> Option<(Vec<Member>, Option<u64>)> {
    let name = attributes.iter().map(|(name, _)| name).find(|name| name.starts_with("member;range="))?.to_owned();
    let (_, end) = name.strip_prefix("member;range=")?.split_once('-')?;
    let next = end.parse::<u64>().ok().map(|last| last + 1);
    Some((attributes.take(&name).into_iter().map(member).collect(), next))
}

impl Reader<ActiveDirectory> {
    /// Reads what remains of a group's members.
    async fn complete(&mut self, entry: &mut Entry, mut next: Option<u64>) -> Result<(), DirectoryError> {
        let base = format!("<GUID={}>", entry.id);
        while let Some(from) = next {
            let attributes = [format!("member;range={from}-*")];
            let search = Search {
                base: &base,
                scope: Scope::Base,
                filter: "(objectClass=*)",
                attributes: &attributes,
                page_size: None,
                timeout: self.settings.timeout,
            };
            let mut range = None;
            search::search(&mut self.connection.ldap, &search, &mut |mut raw| range = take_range(&mut raw.attributes))
                .await?;
            // A group that has shrunk meanwhile has no such range: it ends here.
            let (members, following) = range.unwrap_or_default();
            next = following.filter(|following| *following > from);
            entry.members.extend(members);
        }
        Ok(())
    }
}

#[async_trait]
impl Directory for Reader<ActiveDirectory> {
    async fn read(&mut self, _since: Option<&Watermark>, sink: &mut Sink<'_>) -> Result<Reading, DirectoryError> {
        let mut partial = Vec::new();
        let mut sort = |change| match change {
            Change::Upsert(mut entry) => match take_range(entry.attributes_mut()) {
                Some((members, next)) => {
                    entry.members.extend(members);
                    partial.push((entry, next));
                }
                None => sink(Change::Upsert(entry)),
            },
            other => sink(other),
        };
        let reading = Self::read(self, &mut sort).await?;
        for (mut entry, next) in partial {
            self.complete(&mut entry, next).await?;
            sink(Change::Upsert(entry));
        }
        Ok(reading)
    }

    async fn find(&mut self, key: &Key) -> Result<Option<Entry>, DirectoryError> {
        let Some(mut entry) = Self::find(self, key).await? else { return Ok(None) };
        if let Some((members, next)) = take_range(entry.attributes_mut()) {
            entry.members.extend(members);
            self.complete(&mut entry, next).await?;
        }
        Ok(Some(entry))
    }

    fn server(&self) -> &str {
        &self.connection.url
    }
}
