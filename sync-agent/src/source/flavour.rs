//! Flavours of directories: all that one kind of directory does in another way than the others.
//!
//! A new flavour is a type with [`Behaviour`], or a value of one that is here, and a row in [`Flavour::all`]. Other
//! modules ask a flavour and name none: the types are private to this module, and a test of the architecture holds it.

mod active_directory;
mod standard;

use std::{fmt, ops::Deref, sync::LazyLock};

use serde::{Deserialize, Deserializer, de::Error as _};

use super::{Attributes, Entry, PassedOver, account::AccountAttribute, search::RawEntry};
use crate::identity::{Kind, SourceId};

/// A slot of a SCIM resource, and the expressions for it in order of preference.
pub type DefaultRule = (&'static str, &'static [&'static str]);

/// A kind of directory, as `source.flavour` names it. It answers by [`Behaviour`].
#[derive(Clone, Copy)]
pub struct Flavour(&'static dyn Behaviour);

impl Flavour {
    /// Every flavour, in the order in which a server is compared with them. The last one is any other directory.
    pub fn all() -> [Self; 4] {
        [
            Self(&active_directory::ActiveDirectory),
            Self(&standard::OPENLDAP),
            Self(&standard::DS389),
            Self(&standard::GENERIC),
        ]
    }

    /// The flavour of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|flavour| flavour.name() == name)
    }

    /// The flavour of the server with this root DSE.
    pub fn of_server(root: &Attributes) -> Self {
        let all = Self::all();
        let last = all[all.len() - 1];
        all.into_iter().find(|flavour| flavour.is_server(root)).unwrap_or(last)
    }

    /// The attributes of every flavour that say whether an account may be used. Each is looked at wherever it is there: a
    /// directory of one flavour may hold what was copied from another.
    pub fn account_attributes() -> &'static [AccountAttribute] {
        static ALL: LazyLock<Vec<AccountAttribute>> = LazyLock::new(|| {
            let mut all: Vec<AccountAttribute> = Vec::new();
            for attribute in Flavour::all().iter().flat_map(|flavour| flavour.account_state()) {
                if !all.iter().any(|known| known.name == attribute.name) {
                    all.push(*attribute);
                }
            }
            all
        });
        &ALL
    }

    /// Whether an attribute of any flavour says whether an account may be used.
    pub fn decides_account(attribute: &str) -> bool {
        Self::account_attributes().iter().any(|known| known.name.eq_ignore_ascii_case(attribute))
    }

    /// Whether only other flavours read an attribute besides those of the mapping. Then no entry has it here.
    pub fn leaves_to_others(self, kind: Kind, attribute: &str) -> bool {
        let reads = |flavour: Self| flavour.attributes(kind).iter().any(|name| name.eq_ignore_ascii_case(attribute));
        !reads(self) && Self::all().into_iter().any(reads)
    }
}

impl Deref for Flavour {
    type Target = dyn Behaviour;

    fn deref(&self) -> &Self::Target {
        self.0
    }
}

impl PartialEq for Flavour {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Flavour {}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flavour({})", self.name())
    }
}

impl<'de> Deserialize<'de> for Flavour {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::named(&name).ok_or_else(|| {
            let names = Self::all().map(|flavour| format!("`{flavour}`"));
            D::Error::custom(format!("unknown variant `{name}`, expected one of {}", names.join(", ")))
        })
    }
}

/// What a flavour does. The methods without a default differ between all flavours.
pub trait Behaviour: Send + Sync {
    /// The value of `source.flavour`.
    fn name(&self) -> &'static str;
    /// What the reference of the configuration says of it: one sentence.
    fn description(&self) -> &'static str;
    /// Whether the server with this root DSE (RFC 4512 §5.1) is of this flavour.
    fn is_server(&self, root: &Attributes) -> bool;
    /// How changes are found.
    fn change_tracking(&self) -> ChangeTracking;

    /// The filter that finds entries of a kind if the configuration has none.
    fn filter(&self, kind: Kind) -> &'static str;
    /// The attribute that holds the identity.
    fn id_attribute(&self) -> &'static str;
    /// The attributes that are read besides those of the mapping.
    fn attributes(&self, kind: Kind) -> &'static [&'static str];
    /// The attributes by which one entry of a kind is told from another one, in lower case.
    fn distinguishing(&self, kind: Kind) -> &'static [&'static str];
    /// The attributes of a group that name members by DN, and the one that names them by login.
    fn member_attributes(&self) -> (&'static [&'static str], Option<&'static str>);
    /// The attributes that say whether an account may be used. The first one tells whether the agent may read them.
    fn account_state(&self) -> &'static [AccountAttribute];
    /// The rules for a kind if the configuration has none.
    fn default_rules(&self, kind: Kind) -> &'static [DefaultRule];
    /// The default name of a group if another group in scope has the same name.
    fn group_name_apart(&self) -> Option<&'static str> {
        None
    }

    /// The identity of a raw entry.
    fn id(&self, raw: &RawEntry) -> Option<SourceId>;
    /// The entry of a raw entry; `None` if it has no identity that can be read.
    fn entry(&self, kind: Kind, raw: RawEntry) -> Option<Entry>;
    /// What an entry is that a search finds as a user or group and that is neither: a trust between domains, the
    /// loser of a conflict between replicas. `None` for every user and group.
    fn passes_over(&self, raw: &RawEntry) -> Option<PassedOver>;
    /// The filter that finds the entry of an identity.
    fn by_id(&self, id: SourceId) -> String;
    /// The search base that names the entry of an identity, if the directory has one.
    fn base_of(&self, _id: SourceId) -> Option<String> {
        None
    }
    /// Whether [`Self::base_of`] names every entry. Then an absence is proved by identity.
    fn names_by_identity(&self) -> bool {
        false
    }

    /// Attributes that every entry of a kind has. An entry without one hides it.
    fn always_shows(&self, _kind: Kind) -> &'static [&'static str] {
        &[]
    }
    /// What a comparison says about an attribute that is not shown.
    fn comparison(&self) -> Comparison {
        Comparison::Nothing
    }
    /// What it proves that the server finds no entry of a name, and does not say where the name ends.
    fn unmatched(&self) -> Unmatched;
    /// Whether a group with these attributes has at least one member by its schema. One that shows none hides them.
    fn must_have_members(&self, _group: &Attributes) -> bool {
        false
    }
    /// Whether a group may get the new name of a member later than the member itself.
    fn rewrites_names_later(&self) -> bool {
        false
    }
    /// Whether a server holds a domain: other domains know its accounts by their SID.
    fn has_domain(&self) -> bool {
        false
    }
}

/// How the changes of a directory are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeTracking {
    /// DirSync, or `uSNChanged` if the server refuses it. Deleted objects are kept, and the server notifies of changes.
    DirSync,
    /// Content synchronisation (RFC 4533), or `modifyTimestamp` if the server refuses it.
    ContentSync,
    /// `modifyTimestamp` alone.
    ModifyTimestamp,
}

/// What the answer to a comparison says about an attribute that is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Nothing: the answer is the same for a hidden attribute and for one that the entry does not have.
    Nothing,
    /// It may say that the attribute is hidden; "no such attribute" may be said of a hidden one too.
    Hidden,
    /// The server checks the rights first, so it says which of both is true.
    Both,
}

/// What it proves that a server finds no entry of a name, and does not say where the name ends (`matchedDN`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmatched {
    /// No entry has the name.
    Vacant,
    /// No entry has the name if the account may list its container.
    VacantWhereListed,
    /// Nothing: the server answers the same for an entry that is hidden.
    Nothing,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(pairs: &[(&str, &str)]) -> Attributes {
        let mut root = Attributes::default();
        for (name, value) in pairs {
            root.extend(name, [value.as_bytes().to_vec()]);
        }
        root
    }

    #[test]
    fn a_server_says_which_flavour_it_is() {
        for (pairs, name) in [
            (&[("supportedCapabilities", "1.2.840.113556.1.4.800")][..], "active-directory"),
            (&[("objectClass", "OpenLDAProotDSE")], "openldap"),
            (&[("vendorName", "389 Project")], "389ds"),
            (&[("vendorName", "Somebody")], "generic"),
            (&[], "generic"),
        ] {
            assert_eq!(Flavour::of_server(&root(pairs)).name(), name);
        }
    }

    #[test]
    fn names_are_read_and_others_refused() {
        for flavour in Flavour::all() {
            assert_eq!(toml::Value::from(flavour.name()).try_into::<Flavour>().unwrap(), flavour);
        }
        let error = toml::Value::from("novell").try_into::<Flavour>().unwrap_err();
        assert!(error.message().starts_with("unknown variant `novell`, expected one of `active-directory`"), "{error}");
    }

    #[test]
    fn an_attribute_of_another_flavour_is_left_to_it() {
        let [active_directory, openldap, ..] = Flavour::all();
        assert!(openldap.leaves_to_others(Kind::User, "objectsid"));
        assert!(!active_directory.leaves_to_others(Kind::User, "objectSid"));
        assert!(!openldap.leaves_to_others(Kind::User, "mail"));
    }
}
