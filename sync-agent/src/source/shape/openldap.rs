//! How OpenLDAP, 389 Directory Server and other LDAP servers write entries: groups of names, POSIX
//! groups, and an operational attribute for the identity.

use crate::{
    dn::Dn,
    identity::{Kind, SourceId},
    source::{
        Attributes, Entry, Member, PassedOver,
        search::RawEntry,
        shape::{Comparison, Shape},
    },
};

/// How such a directory writes entries.
pub struct Named {
    /// The attribute that holds the identity: `entryUUID` (RFC 4530), or `nsUniqueId` of 389
    /// Directory Server, which writes the same sixteen bytes with fewer dashes.
    pub id: &'static str,
    /// The attributes by which it says that an account may not be used.
    account_state: &'static [&'static str],
    /// What a comparison says.
    comparison: Comparison,
}

const PASSWORD_POLICY: &[&str] = &["pwdAccountLockedTime", "pwdStartTime", "pwdEndTime", "shadowExpire"];

/// OpenLDAP.
pub const OPENLDAP: Named = Named { id: "entryUUID", account_state: PASSWORD_POLICY, comparison: Comparison::Both };

/// Any other with `entryUUID`.
pub const GENERIC: Named = Named { id: "entryUUID", account_state: PASSWORD_POLICY, comparison: Comparison::Hidden };

/// 389 Directory Server.
pub const DS389: Named =
    Named { id: "nsUniqueId", account_state: &["nsAccountLock", "shadowExpire"], comparison: Comparison::Both };

impl Shape for Named {
    fn filter(&self, kind: Kind) -> &'static str {
        match kind {
            Kind::User => "(objectClass=inetOrgPerson)",
            Kind::Group => {
                "(&(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup))(!(objectClass=inetOrgPerson)))"
            }
        }
    }

    fn id_attribute(&self) -> &'static str {
        self.id
    }

    fn attributes(&self, kind: Kind) -> &'static [&'static str] {
        match kind {
            Kind::User => &["uid", "cn", "gidNumber"],
            Kind::Group => &["cn", "gidNumber", "member", "uniqueMember", "memberUid", "memberURL", "objectClass"],
        }
    }

    fn member_attributes(&self) -> (&'static [&'static str], Option<&'static str>) {
        (&["member", "uniqueMember"], Some("memberUid"))
    }

    fn account_state(&self) -> &'static [&'static str] {
        self.account_state
    }

    fn comparison(&self) -> Comparison {
        self.comparison
    }

    fn id(&self, raw: &RawEntry) -> Option<SourceId> {
        let text = raw.attributes.text(self.id)?;
        SourceId::parse(text).or_else(|| SourceId::parse(&text.replace('-', "")))
    }

    fn entry(&self, kind: Kind, mut raw: RawEntry) -> Option<Entry> {
        let id = self.id(&raw)?;
        let dn = Dn::parse(&raw.dn).ok()?;
        let names: Vec<_> = ["member", "uniqueMember"].iter().flat_map(|name| raw.attributes.take(name)).collect();
        let logins = raw.attributes.take("memberUid");
        let mut entry = Entry::new(id, kind, dn, raw.attributes);
        // The schema of 389 Directory Server lets a group of names be empty.
        entry.hides_members = self.id == "entryUUID" && names.is_empty() && must_have_members(entry.attributes());
        entry.members.extend(names.into_iter().map(Member::named));
        entry.members.extend(logins.into_iter().map(Member::login));
        Some(entry)
    }

    fn passes_over(&self, raw: &RawEntry) -> Option<PassedOver> {
        // 389 Directory Server puts the identity of the loser into its name.
        let lost = Dn::parse(&raw.dn).is_ok_and(|dn| dn.rdn().any(|(name, _)| name == "nsuniqueid"));
        lost.then_some(PassedOver::ConflictLoser)
    }

    fn by_id(&self, id: SourceId) -> String {
        let text = id.to_string();
        if self.id == "entryUUID" {
            return format!("(entryUUID={text})");
        }
        // nsUniqueId is written in four groups of eight digits.
        let digits = text.replace('-', "");
        let groups: Vec<&str> = (0..4).filter_map(|n| digits.get(n * 8..n * 8 + 8)).collect();
        format!("({}={})", self.id, groups.join("-"))
    }
}

/// Whether a group of these classes has at least one member (RFC 4519 §3.5, §3.6).
pub fn must_have_members(attributes: &Attributes) -> bool {
    let must = |class: &str| ["groupOfNames", "groupOfUniqueNames"].iter().any(|one| class.eq_ignore_ascii_case(one));
    attributes.texts("objectClass").any(must)
}

#[cfg(test)]
mod tests {
    use crate::source::shape::openldap::*;

    #[test]
    fn the_loser_of_a_conflict_is_nobody() {
        let named = |dn: &str| RawEntry { dn: dn.to_owned(), attributes: Attributes::default() };
        let shape = DS389;
        assert!(shape.passes_over(&named("nsuniqueid=66446001-1dd211b2+uid=ann,ou=people,dc=test")).is_some());
        assert!(shape.passes_over(&named("uid=ann+nsuniqueid=66446001-1dd211b2,dc=test")).is_some());
        assert!(shape.passes_over(&named("uid=nsuniqueid,ou=people,dc=test")).is_none());
    }

    #[test]
    fn both_ways_of_writing_an_identity() {
        let raw = |name: &str, text: &str| {
            let mut attributes = Attributes::default();
            attributes.extend(name, [text.as_bytes().to_vec()]);
            RawEntry { dn: "cn=a".to_owned(), attributes }
        };
        let (rfc, unique) = (OPENLDAP, DS389);
        let id = rfc.id(&raw("entryUUID", "44434241-4645-4847-494a-4b4c4d4e4f50")).unwrap();
        assert_eq!(unique.id(&raw("nsUniqueId", "44434241-46454847-494a4b4c-4d4e4f50")), Some(id));
        assert_eq!(rfc.by_id(id), "(entryUUID=44434241-4645-4847-494a-4b4c4d4e4f50)");
        assert_eq!(unique.by_id(id), "(nsUniqueId=44434241-46454847-494a4b4c-4d4e4f50)");
    }
}
