//! Active Directory, Microsoft's or Samba's: `objectGUID`, members by DN.
//!
//! Primary groups are resolved by [`crate::scope::graph`] from `primaryGroupID` and `objectSid`,
//! which are read here.

use std::fmt::Write as _;

use super::{Behaviour, ChangeTracking, DefaultRule, Unmatched};
use crate::{
    dn::Dn,
    identity::{Kind, SourceId},
    source::{
        Attributes, Entry, Member, PassedOver,
        account::{self, AccountAttribute, Counts, Says},
        search::RawEntry,
    },
};

pub struct ActiveDirectory;

/// LDAP_CAP_ACTIVE_DIRECTORY_OID ([MS-ADTS] 3.1.1.3.4.3).
const CAPABILITY: &str = "1.2.840.113556.1.4.800";

/// The rules for users, those of the reference profile.
const USER_RULES: &[DefaultRule] = &[
    ("userName", &["${userPrincipalName}", "${sAMAccountName}@${domain}"]),
    ("displayName", &["${displayName}"]),
    ("name.givenName", &["${givenName}"]),
    ("name.familyName", &["${sn}"]),
    ("name.middleName", &["${initials}"]),
    ("emails[work,primary].value", &["${mail}"]),
];

/// The rules for groups. The name is unique within a domain. SCIM's own group has no description; a target that has
/// one gets it.
const GROUP_RULES: &[DefaultRule] = &[("displayName", &["${sAMAccountName}"]), ("description", &["${description}"])];

/// ADS_UF_ACCOUNTDISABLE ([MS-ADTS] 2.2.16).
const DISABLED: i64 = 0x2;

const ACCOUNT_STATE: [AccountAttribute; 2] = [
    AccountAttribute {
        name: "userAccountControl",
        counts: Counts::Always,
        says: Says::Locked(|text| text.parse::<i64>().is_ok_and(|flags| flags & DISABLED != 0)),
    },
    AccountAttribute { name: "accountExpires", counts: Counts::Always, says: Says::Ends(account::nt_time) },
];

/// SAM_TRUST_ACCOUNT ([MS-SAMR] 2.2.1.9): the account by which another domain signs in.
const TRUST: i64 = 0x3000_0002;
/// ADS_UF_INTERDOMAIN_TRUST_ACCOUNT ([MS-ADTS] 2.2.16): the same, among the flags of an account.
const TRUST_FLAG: i64 = 0x800;

impl Behaviour for ActiveDirectory {
    fn name(&self) -> &'static str {
        "active-directory"
    }

    fn description(&self) -> &'static str {
        "Active Directory or Samba."
    }

    fn is_server(&self, root: &Attributes) -> bool {
        root.texts("supportedCapabilities").any(|oid| oid == CAPABILITY)
    }

    fn change_tracking(&self) -> ChangeTracking {
        ChangeTracking::DirSync
    }

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
            Kind::User => &[
                "objectGUID",
                "objectSid",
                "primaryGroupID",
                "sAMAccountName",
                "sAMAccountType",
                "userPrincipalName",
                "cn",
            ],
            Kind::Group => &["objectGUID", "objectSid", "sAMAccountName", "cn", "member"],
        }
    }

    fn distinguishing(&self, kind: Kind) -> &'static [&'static str] {
        match kind {
            Kind::User => &["cn", "objectsid", "primarygroupid", "samaccountname"],
            Kind::Group => &["cn", "objectsid", "samaccountname"],
        }
    }

    fn member_attributes(&self) -> (&'static [&'static str], Option<&'static str>) {
        (&["member"], None)
    }

    fn account_state(&self) -> &'static [AccountAttribute] {
        &ACCOUNT_STATE
    }

    fn default_rules(&self, kind: Kind) -> &'static [DefaultRule] {
        match kind {
            Kind::User => USER_RULES,
            Kind::Group => GROUP_RULES,
        }
    }

    fn group_name_apart(&self) -> Option<&'static str> {
        // The domain tells them apart.
        Some("${sAMAccountName}@${associatedDomain}")
    }

    fn always_shows(&self, kind: Kind) -> &'static [&'static str] {
        match kind {
            Kind::User => {
                &["objectSid", "primaryGroupID", "sAMAccountName", "cn", "userAccountControl", "accountExpires"]
            }
            Kind::Group => &["objectSid", "sAMAccountName", "cn"],
        }
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

    fn passes_over(&self, raw: &RawEntry) -> Option<PassedOver> {
        let number = |name| raw.attributes.text(name).and_then(|text| text.parse::<i64>().ok()).unwrap_or_default();
        if number("sAMAccountType") == TRUST || number("userAccountControl") & TRUST_FLAG != 0 {
            return Some(PassedOver::Trust);
        }
        lost_a_conflict(&raw.attributes).then_some(PassedOver::ConflictLoser)
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

    fn names_by_identity(&self) -> bool {
        true
    }

    fn unmatched(&self) -> Unmatched {
        Unmatched::VacantWhereListed
    }

    fn has_domain(&self) -> bool {
        true
    }
}

/// Whether two controllers made an object of this name, or with this login, and another one won
/// ([MS-ADTS] 3.1.1.5.1.4): the loser is renamed, and the other one is who is meant.
fn lost_a_conflict(attributes: &Attributes) -> bool {
    let login = attributes.text("sAMAccountName").unwrap_or_default();
    let name = attributes.text("cn").unwrap_or_default();
    name.contains("\nCNF:") || login.get(..11).is_some_and(|start| start.eq_ignore_ascii_case("$DUPLICATE-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(attributes: &[(&str, &str)], expect: Option<PassedOver>) {
        let mut raw = RawEntry { dn: "CN=a,DC=test".to_owned(), attributes: Attributes::default() };
        for (name, value) in attributes {
            raw.attributes.extend(name, [value.as_bytes().to_vec()]);
        }
        assert_eq!(ActiveDirectory.passes_over(&raw), expect, "{attributes:?}");
    }

    #[test]
    fn who_is_nobody() {
        check(&[("sAMAccountType", "805306368"), ("userAccountControl", "512"), ("cn", "CNF:")], None);
        check(&[("sAMAccountType", "805306370"), ("sAMAccountName", "CHILD$")], Some(PassedOver::Trust));
        check(&[("userAccountControl", "2080"), ("sAMAccountName", "CHILD$")], Some(PassedOver::Trust));
        check(&[("sAMAccountName", "$DUPLICATE-452")], Some(PassedOver::ConflictLoser));
        check(&[("sAMAccountName", "$money$")], None);
        check(&[("cn", "Ann Bee\nCNF:8b3c1f0e-0000-4000-8000-000000000001")], Some(PassedOver::ConflictLoser));
    }
}
