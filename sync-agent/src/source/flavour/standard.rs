//! Directories with the standard schema (RFC 2798, RFC 4519): OpenLDAP, 389 Directory Server and other LDAP servers. They
//! have `inetOrgPerson`, groups of names, POSIX groups, and an operational attribute for the identity.

use super::{Behaviour, ChangeTracking, Comparison, DefaultRule, Unmatched};
use crate::{
    dn::Dn,
    identity::{Kind, SourceId},
    source::{
        Attributes, Entry, Member, PassedOver,
        account::{self, AccountAttribute, Counts, Says},
        search::RawEntry,
    },
};

/// A directory with the standard schema, and in what it differs from the others.
pub struct StandardSchema {
    name: &'static str,
    description: &'static str,
    is_server: fn(&Attributes) -> bool,
    change_tracking: ChangeTracking,
    /// The attribute that holds the identity: `entryUUID` (RFC 4530), or `nsUniqueId` of 389 Directory Server, which
    /// writes the same sixteen bytes with fewer dashes.
    id: &'static str,
    account_state: &'static [AccountAttribute],
    comparison: Comparison,
    unmatched: Unmatched,
    /// Whether the schema lets a group of names be empty, other than RFC 4519.
    empty_groups: bool,
    rewrites_names_later: bool,
}

/// What OpenLDAP's password policy says of an account (draft-behera-ldap-password-policy), and RFC 2307.
const PASSWORD_POLICY: &[AccountAttribute] = &[
    // The year 0 locks for good (section 5.3.3). Any other value is the time of the last of too many failed binds.
    AccountAttribute {
        name: "pwdAccountLockedTime",
        counts: Counts::Always,
        says: Says::Locked(|text| text.trim().starts_with("0000")),
    },
    AccountAttribute {
        name: "pwdStartTime",
        counts: Counts::WithPolicy,
        says: Says::Begins(account::generalized_time),
    },
    AccountAttribute { name: "pwdEndTime", counts: Counts::WithPolicy, says: Says::Ends(account::generalized_time) },
    SHADOW_EXPIRE,
];

const SHADOW_EXPIRE: AccountAttribute =
    AccountAttribute { name: "shadowExpire", counts: Counts::WithShadow, says: Says::Ends(account::days) };

/// `true`, of the account or of a role that it has.
const ACCOUNT_LOCK: AccountAttribute = AccountAttribute {
    name: "nsAccountLock",
    counts: Counts::Always,
    says: Says::Locked(|text| text.eq_ignore_ascii_case("true")),
};

pub const OPENLDAP: StandardSchema = StandardSchema {
    name: "openldap",
    description: "OpenLDAP.",
    is_server: |root| root.texts("objectClass").any(|class| class.eq_ignore_ascii_case("OpenLDAProotDSE")),
    change_tracking: ChangeTracking::ContentSync,
    id: "entryUUID",
    account_state: PASSWORD_POLICY,
    comparison: Comparison::Both,
    unmatched: Unmatched::Nothing,
    empty_groups: false,
    // The overlay that renames members works after the change of the name.
    rewrites_names_later: true,
};

pub const DS389: StandardSchema = StandardSchema {
    name: "389ds",
    description: "389 Directory Server.",
    is_server: |root| root.texts("vendorName").any(|vendor| vendor.contains("389 Project")),
    change_tracking: ChangeTracking::ModifyTimestamp,
    id: "nsUniqueId",
    account_state: &[ACCOUNT_LOCK, SHADOW_EXPIRE],
    comparison: Comparison::Both,
    unmatched: Unmatched::Vacant,
    empty_groups: true,
    // The plugin that renames members works within the change of the name.
    rewrites_names_later: false,
};

/// Any other directory with `entryUUID`. It supposes the least of each.
pub const GENERIC: StandardSchema = StandardSchema {
    name: "generic",
    description: "Any other LDAP directory.",
    is_server: |_| true,
    change_tracking: ChangeTracking::ModifyTimestamp,
    id: "entryUUID",
    account_state: PASSWORD_POLICY,
    comparison: Comparison::Hidden,
    unmatched: Unmatched::Nothing,
    empty_groups: false,
    rewrites_names_later: true,
};

/// The rules for users, with `inetOrgPerson` (RFC 2798).
const USER_RULES: &[DefaultRule] = &[
    ("userName", &["${uid}"]),
    ("displayName", &["${displayName}", "${cn}"]),
    ("name.givenName", &["${givenName}"]),
    ("name.familyName", &["${sn}"]),
    ("name.middleName", &["${initials}"]),
    ("emails[work,primary].value", &["${mail}"]),
];

/// The rules for groups (RFC 4519).
const GROUP_RULES: &[DefaultRule] = &[("displayName", &["${cn}"]), ("description", &["${description}"])];

impl Behaviour for StandardSchema {
    fn name(&self) -> &'static str {
        self.name
    }

    fn description(&self) -> &'static str {
        self.description
    }

    fn is_server(&self, root: &Attributes) -> bool {
        (self.is_server)(root)
    }

    fn change_tracking(&self) -> ChangeTracking {
        self.change_tracking
    }

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

    fn distinguishing(&self, kind: Kind) -> &'static [&'static str] {
        match kind {
            Kind::User => &["cn", "gidnumber", "uid"],
            Kind::Group => &["cn", "gidnumber"],
        }
    }

    fn member_attributes(&self) -> (&'static [&'static str], Option<&'static str>) {
        (&["member", "uniqueMember"], Some("memberUid"))
    }

    fn account_state(&self) -> &'static [AccountAttribute] {
        self.account_state
    }

    fn default_rules(&self, kind: Kind) -> &'static [DefaultRule] {
        match kind {
            Kind::User => USER_RULES,
            Kind::Group => GROUP_RULES,
        }
    }

    fn comparison(&self) -> Comparison {
        self.comparison
    }

    fn unmatched(&self) -> Unmatched {
        self.unmatched
    }

    fn must_have_members(&self, group: &Attributes) -> bool {
        let classes = ["groupOfNames", "groupOfUniqueNames"];
        // RFC 4519 §3.5, §3.6.
        let must = |class: &str| classes.iter().any(|one| class.eq_ignore_ascii_case(one));
        !self.empty_groups && group.texts("objectClass").any(must)
    }

    fn rewrites_names_later(&self) -> bool {
        self.rewrites_names_later
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
        entry.hides_members = names.is_empty() && self.must_have_members(entry.attributes());
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

#[cfg(test)]
mod tests {
    use super::*;

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
