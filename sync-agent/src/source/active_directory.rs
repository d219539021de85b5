//! How Active Directory writes entries: `objectGUID`, members by DN.
//!
//! Primary groups are resolved by [`crate::scope::graph`] from `primaryGroupID` and `objectSid`,
//! which are read here.

use std::fmt::Write as _;

use super::{Entry, Kind, Member, SourceId, search::RawEntry, shape::Shape};
use crate::dn::Dn;

/// How Active Directory writes entries.
pub struct ActiveDirectory;

impl Shape for ActiveDirectory {
    fn filter(&self, kind: Kind) -> &'static str {
        match kind {
            Kind::User => "(&(objectCategory=person)(objectClass=user))",
            Kind::Group => "(objectCategory=group)",
        }
    }

    fn id_attribute(&self) -> &'static str {
        "objectGUID"
    }

    fn attributes(&self, kind: Kind) -> &'static [&'static str] {
        match kind {
            Kind::User => &["objectGUID", "objectSid", "primaryGroupID", "sAMAccountName", "userPrincipalName", "cn"],
            Kind::Group => &["objectGUID", "objectSid", "sAMAccountName", "cn", "member"],
        }
    }

    fn member_attributes(&self) -> (&'static [&'static str], Option<&'static str>) {
        (&["member"], None)
    }

    fn id(&self, raw: &RawEntry) -> Option<SourceId> {
        SourceId::from_object_guid(raw.attributes.bytes("objectGUID").first()?)
    }

    fn entry(&self, kind: Kind, mut raw: RawEntry) -> Option<Entry> {
        let id = self.id(&raw)?;
        let dn = Dn::parse(&raw.dn).ok()?;
        let members = raw.attributes.take("member");
        let mut entry = Entry::new(id, kind, dn, raw.attributes);
        entry.members.extend(members.into_iter().map(Member::named));
        Some(entry)
    }

    fn by_id(&self, id: SourceId) -> String {
        let mut filter = "(objectGUID=".to_owned();
        for byte in id.to_object_guid() {
            let _ = write!(filter, "\\{byte:02x}");
        }
        filter + ")"
    }

    fn base_of(&self, id: SourceId) -> Option<String> {
        Some(format!("<GUID={id}>"))
    }
}
