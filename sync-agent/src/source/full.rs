//! A full read: what every LDAP directory can do, by paged searches beneath the bases.
//!
//! What differs between directories is a [`Shape`]: where the identity stands, how members are
//! named, whether values come in ranges.

use ldap3::Scope;

use super::{
    Change, Coverage, DirectoryError, Entry, Key, Kind, Reading, Sink, SourceId,
    connection::Connection,
    search::{self, End, RawEntry, Search},
};
use crate::{
    config::{Flavour, SearchSettings, SourceSettings},
    mapping::active,
};

/// What is special to a kind of directory.
pub trait Shape: Send + Sync {
    /// Attributes that are read besides those of the mapping.
    fn attributes(&self, kind: Kind) -> &'static [&'static str];
    /// What a raw entry is; `None` where it has no identity.
    fn entry(&self, kind: Kind, raw: RawEntry) -> Option<Entry>;
    /// Base and filter that find the entry of an identity.
    fn by_id(&self, id: SourceId) -> (String, String);
}

/// The filters that find users and groups where the configuration has none.
pub const fn default_filters(flavour: Flavour) -> (&'static str, &'static str) {
    match flavour {
        Flavour::ActiveDirectory => ("(&(objectCategory=person)(objectClass=user))", "(objectCategory=group)"),
        Flavour::OpenLdap => (
            "(objectClass=inetOrgPerson)",
            "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup))",
        ),
    }
}

/// A directory that is read by searches.
pub struct Reader<S> {
    /// The connection.
    pub connection: Connection,
    /// The settings.
    pub settings: SourceSettings,
    /// The attributes of the mapping.
    pub mapped: Vec<String>,
    /// The kind of directory.
    pub shape: S,
}

impl<S: Shape> Reader<S> {
    /// The attributes to ask for.
    pub fn attributes(&self, kind: Kind) -> Vec<String> {
        let fixed = self.shape.attributes(kind).iter().chain(&active::ATTRIBUTES);
        let mut names: Vec<String> = fixed.map(|name| name.to_ascii_lowercase()).chain(self.mapped.clone()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Reads every user and every group.
    pub async fn read(&mut self, sink: &mut Sink<'_>) -> Result<Reading, DirectoryError> {
        for (kind, place) in [(Kind::User, self.settings.users.clone()), (Kind::Group, self.settings.groups.clone())] {
            self.read_kind(kind, &place, sink).await?;
        }
        Ok(Reading { coverage: Coverage::Everything, watermark: None })
    }

    async fn read_kind(
        &mut self,
        kind: Kind,
        place: &SearchSettings,
        sink: &mut Sink<'_>,
    ) -> Result<(), DirectoryError> {
        let attributes = self.attributes(kind);
        for base in &place.bases {
            let search = Search {
                base: base.as_str(),
                scope: Scope::Subtree,
                filter: &place.filter,
                attributes: &attributes,
                page_size: Some(self.settings.page_size),
                timeout: self.settings.timeout,
            };
            let shape = &self.shape;
            let mut take = |raw: RawEntry| {
                let dn = raw.dn.clone();
                if let Some(entry) = shape.entry(kind, raw) {
                    sink(Change::Upsert(entry));
                } else {
                    tracing::warn!(%dn, "an entry has no identity that can be read; it is left out");
                }
            };
            match search::search(&mut self.connection.ldap, &search, &mut take).await? {
                End::Whole(referrals) => {
                    for referral in referrals {
                        tracing::warn!(%referral, base = %base, "a referral was not followed");
                    }
                }
                End::NoSuchObject => {
                    return Err(DirectoryError::Search {
                        base: base.to_string(),
                        filter: place.filter.clone(),
                        code: 32,
                        reason: "the base does not exist, or the account may not see it".to_owned(),
                    });
                }
            }
        }
        Ok(())
    }

    /// One entry, of whichever kind it is.
    pub async fn find(&mut self, key: &Key) -> Result<Option<Entry>, DirectoryError> {
        let (base, filter) = match key {
            Key::Id(id) => self.shape.by_id(*id),
            Key::Dn(dn) => (dn.as_str().to_owned(), "(objectClass=*)".to_owned()),
        };
        let bases: Vec<(String, Scope)> = if base.is_empty() {
            let places = [&self.settings.users.bases, &self.settings.groups.bases];
            let mut bases: Vec<_> = places.into_iter().flatten().map(|base| base.as_str().to_owned()).collect();
            bases.dedup();
            bases.into_iter().map(|base| (base, Scope::Subtree)).collect()
        } else {
            vec![(base, Scope::Base)]
        };
        let mut attributes = self.attributes(Kind::Group);
        attributes.push("objectclass".to_owned());
        for (base, scope) in bases {
            let search = Search {
                base: &base,
                scope,
                filter: &filter,
                attributes: &attributes,
                page_size: None,
                timeout: self.settings.timeout,
            };
            let mut found = None;
            search::search(&mut self.connection.ldap, &search, &mut |raw| found = Some(raw)).await?;
            if let Some(raw) = found {
                let group =
                    raw.attributes.texts("objectClass").any(|class| class.to_ascii_lowercase().contains("group"));
                return Ok(self.shape.entry(if group { Kind::Group } else { Kind::User }, raw));
            }
        }
        Ok(None)
    }
}
