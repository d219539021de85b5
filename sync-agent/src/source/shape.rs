//! How a kind of directory writes entries: where the identity stands, how members are named, and how
//! an entry is asked for. No connection is needed for any of it.

pub mod active_directory;
pub mod openldap;

use ldap3::ldap_escape;

use super::{Entry, PassedOver, search::RawEntry};
use crate::{
    identity::{Kind, SourceId},
    source::{settings::Flavour, shape::active_directory::ActiveDirectory},
};

/// What is special to a kind of directory.
pub trait Shape: Send + Sync {
    /// The filter that finds entries of a kind where the configuration has none.
    fn filter(&self, kind: Kind) -> &'static str;
    /// The attribute that holds the identity.
    fn id_attribute(&self) -> &'static str;
    /// Attributes that are read besides those of the mapping.
    fn attributes(&self, kind: Kind) -> &'static [&'static str];
    /// The attributes of a group that name members by DN, and the one that names them by login.
    fn member_attributes(&self) -> (&'static [&'static str], Option<&'static str>);
    /// The attributes by which it says that an account may not be used.
    fn account_state(&self) -> &'static [&'static str];
    /// Attributes that every entry of a kind has: one that does not show them hides them.
    fn always_shows(&self, _kind: Kind) -> &'static [&'static str] {
        &[]
    }
    /// What a comparison with an attribute says that is not shown.
    fn comparison(&self) -> Comparison {
        Comparison::Nothing
    }
    /// The identity of a raw entry.
    fn id(&self, raw: &RawEntry) -> Option<SourceId>;
    /// What a raw entry is; `None` where it has no identity that can be read.
    fn entry(&self, kind: Kind, raw: RawEntry) -> Option<Entry>;
    /// What an entry is that a search finds as a user or group and that is neither: a trust between domains,
    /// the loser of a conflict between replicas. `None` for anybody else.
    fn passes_over(&self, raw: &RawEntry) -> Option<PassedOver>;
    /// The filter that finds the entry of an identity.
    fn by_id(&self, id: SourceId) -> String;
    /// A search base that names the entry of an identity, where the directory has such a thing.
    fn base_of(&self, _id: SourceId) -> Option<String> {
        None
    }
}

/// Whether some kind of directory is read with an attribute besides those of the mapping, and this one is not:
/// then nobody has it here.
pub fn is_of_others(shape: &dyn Shape, kind: Kind, attribute: &str) -> bool {
    let reads = |shape: &dyn Shape| shape.attributes(kind).iter().any(|name| name.eq_ignore_ascii_case(attribute));
    let all: [&dyn Shape; 2] = [&ActiveDirectory, &openldap::OPENLDAP];
    all.into_iter().any(reads) && !reads(shape)
}

/// The attributes that a filter (RFC 4515) reads, in lower case. It was parsed before.
pub fn attributes_of(filter: &str) -> Vec<String> {
    let item = |text: &str| {
        let end = text.find(['=', '<', '>', '~', ':'])?;
        let name = text.get(..end)?.trim().to_ascii_lowercase();
        (!name.is_empty() && !name.starts_with(['&', '|', '!'])).then_some(name)
    };
    let mut names: Vec<String> = filter.split('(').filter_map(item).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// What the answer to a comparison says of an attribute that is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Nothing: of what is hidden it is the same as of what is not there.
    Nothing,
    /// It may say that the attribute is hidden; "no such attribute" may be said of a hidden one too.
    Hidden,
    /// The rights are looked at first: it says which of both is so.
    Both,
}

/// The shape of a kind of directory.
pub fn of(flavour: Flavour) -> &'static dyn Shape {
    match flavour {
        Flavour::ActiveDirectory => &ActiveDirectory,
        Flavour::OpenLdap => &openldap::OPENLDAP,
        Flavour::Generic => &openldap::GENERIC,
        Flavour::Ds389 => &openldap::DS389,
    }
}

/// How a group may name an entry as its member.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum HeldAs {
    Dn(String),
    Login(String),
    /// By SID, in another domain of the same agent.
    Sid(String),
}

/// The filter of groups that hold any of these. Each name is escaped (RFC 4515 §3).
pub fn holders_filter(shape: &dyn Shape, groups: &str, held: &[HeldAs]) -> String {
    let (by_dn, by_login) = shape.member_attributes();
    let mut any = String::new();
    for name in held {
        match name {
            HeldAs::Dn(dn) => {
                let dn = ldap_escape(dn.as_str());
                any.extend(by_dn.iter().chain(&by_login).map(|attribute| format!("({attribute}={dn})")));
            }
            HeldAs::Login(login) => {
                let login = ldap_escape(login.as_str());
                any.extend(by_login.map(|attribute| format!("({attribute}={login})")));
            }
            HeldAs::Sid(_) => {}
        }
    }
    format!("(&{groups}(|{any}))")
}

/// The filter of people who refer to any of these by one of the attributes; `None` where nobody can.
pub fn referring_filter(people: &str, held: &[HeldAs], attributes: &[String]) -> Option<String> {
    let names = held.iter().filter_map(|name| match name {
        HeldAs::Dn(dn) => Some(ldap_escape(dn.as_str())),
        HeldAs::Login(_) | HeldAs::Sid(_) => None,
    });
    let each = names.flat_map(|dn| attributes.iter().map(move |attribute| format!("({attribute}={dn})")));
    let any: String = each.collect();
    (!any.is_empty()).then(|| format!("(&{people}(|{any}))"))
}

#[cfg(test)]
mod tests {
    use crate::source::shape::attributes_of;

    #[test]
    fn what_a_filter_reads() {
        let filter =
            "(&(objectClass=person)(|(employeeType=a=b)(!(Mail=*)))(userAccountControl:1.2.840:=2)(n>=1)(o~=x))";
        assert_eq!(attributes_of(filter), ["employeetype", "mail", "n", "o", "objectclass", "useraccountcontrol"]);
        assert!(attributes_of("").is_empty());
    }
}
