//! An entry, and the identity that outlives its names.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    dn::{self, Dn},
    identity::{Kind, SourceId},
    spaces::insignificant_removed,
};

/// The kind of an entry by its object classes; `None` for a computer, a contact, a foreign
/// principal, an alias or a container. A person whose entry is a POSIX group too (RFC 2307bis) is
/// a person: one entry has one identity, and can be one resource.
pub fn kind_of(attributes: &Attributes) -> Option<Kind> {
    let mut kind = None;
    for class in attributes.texts("objectClass") {
        match class.to_ascii_lowercase().as_str() {
            "computer" | "contact" | "foreignsecurityprincipal" | "alias" => return None,
            "group" | "groupofnames" | "groupofuniquenames" | "posixgroup" => kind = kind.or(Some(Kind::Group)),
            "user" | "inetorgperson" => kind = Some(Kind::User),
            _ => {}
        }
    }
    kind
}

/// An entry as it was read: its attributes are bytes, since a directory does not say which are text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its identity.
    pub id: SourceId,
    pub kind: Kind,
    /// Its name at the moment.
    pub dn: Dn,
    attributes: Attributes,
    /// The direct members as the directory wrote them, until
    /// [`PopulationBuilder`](crate::population::PopulationBuilder) resolves them. Only groups have any.
    #[serde(skip)]
    pub members: Vec<Member>,
    /// It is a group that must have members (RFC 4519 §3.5, §3.6) and shows none: the account lacks the right.
    #[serde(skip)]
    pub hides_members: bool,
}

/// How a group names one of its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Member {
    /// By name, as the server wrote it: `member`, `uniqueMember`.
    Dn(String),
    /// By login: `memberUid` of a POSIX group (RFC 2307).
    Uid(String),
}

/// The attributes of an entry, by name in lower case (names are case-insensitive, RFC 4512 §2.5).
///
/// All are in one run of bytes, since a directory of 100,000 people has more than a million of
/// attributes, and each as an object of its own would cost ten times its value. In the order of their
/// names: length and bytes of the name, number of values, then length and bytes of each.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attributes(Box<[u8]>);

impl Attributes {
    /// Adds values to an attribute; without values it is named and empty.
    pub fn extend(&mut self, name: &str, values: impl IntoIterator<Item = Vec<u8>>) {
        let name = name.to_ascii_lowercase();
        let values: Vec<Vec<u8>> = values.into_iter().collect();
        let mut all: BTreeMap<&str, Vec<&[u8]>> = self.iter().collect();
        all.entry(&name).or_default().extend(values.iter().map(Vec::as_slice));
        self.0 = encode(&all);
    }

    /// From all attributes at once.
    pub fn new(attributes: &[(String, Vec<Vec<u8>>)]) -> Self {
        let named = attributes.iter().map(|(name, values)| (name.to_ascii_lowercase(), values));
        let named: Vec<(String, &Vec<Vec<u8>>)> = named.collect();
        let mut all: BTreeMap<&str, Vec<&[u8]>> = BTreeMap::new();
        for (name, values) in &named {
            all.entry(name).or_default().extend(values.iter().map(Vec::as_slice));
        }
        Self(encode(&all))
    }

    /// Takes an attribute out.
    pub fn take(&mut self, name: &str) -> Vec<Vec<u8>> {
        let name = name.to_ascii_lowercase();
        let mut all: BTreeMap<&str, Vec<&[u8]>> = self.iter().collect();
        let Some(values) = all.remove(name.as_str()) else { return Vec::new() };
        let values = values.into_iter().map(<[u8]>::to_vec).collect();
        self.0 = encode(&all);
        values
    }

    /// The values of an attribute, as bytes, in the order of the server.
    pub fn bytes(&self, name: &str) -> Vec<&[u8]> {
        let mut all = self.iter();
        all.find(|(known, _)| known.eq_ignore_ascii_case(name)).map_or_else(Vec::new, |(_, values)| values)
    }

    /// The values that are text. A value that is not UTF-8 is left out, and so is an empty one,
    /// which for SCIM is no value (RFC 7643 §2.5).
    pub fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        let values = self.bytes(name).into_iter();
        values.filter_map(|value| std::str::from_utf8(value).ok()).filter(|value| !value.is_empty())
    }

    /// The names of the attributes that have a value, in lower case, sorted.
    pub fn names(&self) -> Vec<&str> {
        self.iter().filter(|(_, values)| !values.is_empty()).map(|(name, _)| name).collect()
    }

    /// The first value that is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts(name).next()
    }

    /// Puts the value that is meant before the others: values have no order (RFC 4512 §2.3), and the
    /// first is the one that counts.
    fn put_first(&mut self, name: &str, is_meant: impl Fn(&str) -> bool) {
        let values = self.bytes(name);
        let meant = |value: &&[u8]| std::str::from_utf8(value).is_ok_and(&is_meant);
        let Some(at) = values.iter().position(meant).filter(|at| *at > 0) else { return };
        let mut all: BTreeMap<&str, Vec<&[u8]>> = self.iter().collect();
        if let Some(values) = all.get_mut(name) {
            values.get_mut(..=at).into_iter().for_each(|values| values.rotate_right(1));
        }
        self.0 = encode(&all);
    }

    /// Whether both have the same values, in whatever order.
    pub fn same_values(&self, other: &Self) -> bool {
        let sorted = |(name, mut values): (_, Vec<_>)| {
            values.sort_unstable();
            (name, values)
        };
        self == other || self.iter().map(sorted).eq(other.iter().map(sorted))
    }

    /// All attributes, names in lower case.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Vec<&[u8]>)> {
        let mut rest: &[u8] = &self.0;
        std::iter::from_fn(move || {
            let name = std::str::from_utf8(piece(&mut rest)?).ok()?;
            let count = length(&mut rest)?;
            let values = (0..count).map(|_| piece(&mut rest)).collect::<Option<Vec<_>>>()?;
            Some((name, values))
        })
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        f.debug_map()
            .entries(self.iter().map(|(name, values)| (name, values.into_iter().map(text).collect::<Vec<_>>())))
            .finish()
    }
}

fn encode(all: &BTreeMap<&str, Vec<&[u8]>>) -> Box<[u8]> {
    let mut bytes = Vec::new();
    let size = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
    for (name, values) in all {
        bytes.extend(size(name.len()));
        bytes.extend(name.as_bytes());
        bytes.extend(size(values.len()));
        for value in values {
            bytes.extend(size(value.len()));
            bytes.extend(*value);
        }
    }
    bytes.into_boxed_slice()
}

/// The next length.
fn length(rest: &mut &[u8]) -> Option<usize> {
    let (head, tail) = rest.split_first_chunk::<4>()?;
    *rest = tail;
    usize::try_from(u32::from_le_bytes(*head)).ok()
}

/// The next run of bytes.
fn piece<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = length(rest)?;
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(head)
}

impl Entry {
    /// An entry. Where an attribute of its RDN has several values, the one in the RDN stands first: it
    /// is the name by which the directory itself knows the entry, and the others are what it was called
    /// before, or besides.
    pub fn new(id: SourceId, kind: Kind, dn: Dn, mut attributes: Attributes) -> Self {
        for (name, value) in dn.rdn() {
            let counted = insignificant_removed(value);
            attributes.put_first(name, |text| insignificant_removed(&dn::folded(text)) == counted);
        }
        Self { id, kind, dn, attributes, members: Vec::new(), hides_members: false }
    }

    /// Puts values back that it had when it was read before.
    pub fn give_back(&mut self, attribute: &str, values: impl Iterator<Item = Vec<u8>>) {
        let values: Vec<Vec<u8>> = values.collect();
        if !values.is_empty() {
            self.attributes.extend(attribute, values);
        }
    }

    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }
}

impl Member {
    /// From the value of `member`.
    pub(in crate::source) fn named(value: Vec<u8>) -> Self {
        Self::Dn(text(value))
    }

    /// From the value of `memberUid`.
    pub(in crate::source) fn login(value: Vec<u8>) -> Self {
        Self::Uid(text(value))
    }
}

fn text(value: Vec<u8>) -> String {
    String::from_utf8(value).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_kind(classes: &[&str], expect: Option<Kind>) {
        let mut attributes = Attributes::default();
        attributes.extend("objectClass", classes.iter().map(|class| class.as_bytes().to_vec()));
        assert_eq!(kind_of(&attributes), expect, "{classes:?}");
    }

    #[test]
    fn one_entry_is_one_thing() {
        check_kind(&["inetOrgPerson", "posixAccount", "posixGroup"], Some(Kind::User));
        check_kind(&["posixGroup", "groupOfNames", "inetOrgPerson"], Some(Kind::User));
        check_kind(&["groupOfNames", "posixGroup"], Some(Kind::Group));
        check_kind(&["top", "alias", "inetOrgPerson"], None);
        check_kind(&["user", "computer"], None);
        check_kind(&["organizationalUnit"], None);
    }

    #[track_caller]
    fn check_first(dn: &str, name: &str, values: &[&str], expect: &str) {
        let mut attributes = Attributes::default();
        attributes.extend(name, values.iter().map(|value| value.as_bytes().to_vec()));
        let id = SourceId::from_object_guid(b"ABCDEFGHIJKLMNOP").unwrap();
        let entry = Entry::new(id, Kind::User, Dn::parse(dn).unwrap(), attributes);
        assert_eq!(entry.attributes().text(name), Some(expect), "{dn}");
        assert_eq!(entry.attributes().bytes(name).len(), values.len());
    }

    #[test]
    fn the_value_of_the_rdn_stands_first() {
        check_first("uid=jsmith,dc=test", "uid", &["jdoe", "jsmith"], "jsmith");
        check_first("uid=c,dc=test", "uid", &["a", "b", "C", "d"], "C");
        check_first("cn=New  Name+uid=x,dc=test", "cn", &["Old", "new name"], "new name");
        check_first("2.5.4.3=b,dc=test", "cn", &["a", "b"], "b");
        check_first("cn=b,dc=test", "uid", &["a", "b"], "a");
        check_first("uid=Doe\\2c J,dc=test", "uid", &["x", "doe, j"], "doe, j");
    }

    #[test]
    fn names_of_attributes_have_no_case_and_empty_values_are_none() {
        let mut attributes = Attributes::default();
        attributes.extend("givenName", [b"Ada".to_vec(), Vec::new(), vec![0xff]]);
        assert_eq!(attributes.texts("GIVENNAME").collect::<Vec<_>>(), ["Ada"]);
        assert_eq!(attributes.bytes("givenname").len(), 3);
        assert_eq!(attributes.text("sn"), None);
    }
}
