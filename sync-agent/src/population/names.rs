//! The names by which groups hold members and people refer to others, and whom each of them means.
//!
//! While a reading runs each name is a number of four bytes and is held once: a million memberships
//! cost four megabytes and not a hundred. At its end each number becomes an identity, once.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
};

use super::{
    Observed,
    unresolved::{Unresolved, as_dn},
};
use crate::{
    dn::Dn,
    identity::{Kind, SourceId},
    source::{Entry, Member, PassedOver},
    spaces::insignificant_removed,
};

/// The entry that a name means.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Meaning {
    /// This entry.
    One(SourceId),
    /// A login that several people have.
    Several(String, Vec<SourceId>),
    /// No entry that was read.
    Nobody(Unresolved),
}

/// A name as a directory writes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Name {
    Dn(Dn),
    /// Without the spaces that do not count.
    Login(String),
    /// What the directory wrote is no DN; kept to be reported.
    Broken(String),
}

impl Name {
    pub(super) fn login(uid: &str) -> Self {
        Self::Login(insignificant_removed(uid).into_owned())
    }
}

/// The names of one reading.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: HashMap<Name, u32>,
    /// Those by which a group holds somebody; the others only refer to a person.
    holding: HashSet<u32>,
    /// What a member is that is neither a user nor a group.
    others: HashMap<Dn, PassedOver>,
    /// Names under which the server found an entry that spells its own in another way.
    aliases: HashMap<Dn, SourceId>,
}

impl Names {
    /// The number of a group's member.
    pub(super) fn member(&mut self, member: Member) -> u32 {
        let number = self.number(match member {
            Member::Dn(text) => Dn::parse(&text).map_or(Name::Broken(text), Name::Dn),
            Member::Uid(uid) => Name::login(&uid),
        });
        self.holding.insert(number);
        number
    }

    /// The number of somebody who is referred to; `None` where the text is no name.
    pub(super) fn reference(&mut self, text: &str) -> Option<u32> {
        Dn::parse(text).ok().map(|dn| self.number(Name::Dn(dn)))
    }

    fn number(&mut self, name: Name) -> u32 {
        let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        *self.numbers.entry(name).or_insert(next)
    }

    /// Each name at its number.
    pub(super) fn numbered(&self) -> Vec<Option<&Name>> {
        let mut names = vec![None; self.numbers.len()];
        for (name, number) in &self.numbers {
            if let Some(slot) = names.get_mut(*number as usize) {
                *slot = Some(name);
            }
        }
        names
    }

    /// Whether the server has said what stands under this name: somebody who spells it in another way, or
    /// neither a user nor a group.
    pub(super) fn is_explained(&self, dn: &Dn) -> bool {
        self.others.contains_key(dn) || self.aliases.contains_key(dn)
    }

    /// The entry that the server returned for this name in another spelling.
    pub(super) fn alias(&self, name: &Name) -> Option<SourceId> {
        match name {
            Name::Dn(dn) => self.aliases.get(dn).copied(),
            Name::Login(_) | Name::Broken(_) => None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Whether a group holds somebody by this name.
    pub(super) fn holds(&self, dn: &Dn) -> bool {
        let known = [Name::Dn(dn.clone()), Name::login(dn.as_str())];
        known.iter().filter_map(|name| self.numbers.get(name)).any(|number| self.holding.contains(number))
    }

    pub(super) fn is_other(&mut self, dn: Dn, what: PassedOver) {
        self.others.insert(dn, what);
    }

    pub(super) fn is_called(&mut self, id: SourceId, dn: Dn) {
        self.aliases.insert(dn, id);
    }

    /// The DNs that are none of these. A login that is written like a DN is one too.
    pub(super) fn unknown(&self, known: &HashSet<&Dn>, logins: &HashSet<Cow<'_, str>>) -> Vec<Dn> {
        let dn = |name: &Name| match name {
            Name::Dn(dn) => Some(dn.clone()),
            Name::Login(login) if !logins.contains(login.as_str()) => as_dn(login),
            Name::Login(_) | Name::Broken(_) => None,
        };
        let names = self.numbers.keys().filter_map(dn);
        names.filter(|dn| !known.contains(dn) && !self.aliases.contains_key(dn)).collect()
    }

    /// For each number whom it means.
    pub(super) fn resolve(&mut self, entries: &BTreeMap<SourceId, Observed>) -> Vec<Meaning> {
        let by_dn: HashMap<&Dn, SourceId> = entries.values().map(|one| (&one.entry.dn, one.entry.id)).collect();
        let names = std::mem::take(&mut self.numbers);
        let logins = owners(&names, entries);
        let mut resolved: Vec<_> =
            (0..names.len()).map(|_| Meaning::Nobody(Unresolved::Malformed(String::new()))).collect();
        let find = |dn: &Dn| {
            let alias = self.aliases.get(dn).filter(|id| entries.contains_key(id));
            by_dn.get(dn).or(alias).copied()
        };
        for (name, number) in &names {
            let meaning = match name {
                Name::Dn(dn) => find(dn).map_or_else(|| Meaning::Nobody(self.unresolved(dn)), Meaning::One),
                Name::Broken(text) => Meaning::Nobody(Unresolved::Malformed(text.clone())),
                Name::Login(login) => match logins.get(login.as_str()) {
                    Some(ids) if ids.len() > 1 => Meaning::Several(login.clone(), ids.iter().copied().collect()),
                    Some(ids) => ids.first().copied().map_or_else(|| nobody(login), Meaning::One),
                    None => as_dn(login).and_then(|dn| find(&dn)).map_or_else(|| nobody(login), Meaning::One),
                },
            };
            if let Some(slot) = resolved.get_mut(*number as usize) {
                *slot = meaning;
            }
        }
        resolved
    }

    /// A name that leads to nobody, with what stands there where that is known.
    fn unresolved(&self, dn: &Dn) -> Unresolved {
        match self.others.get(dn) {
            Some(what) => Unresolved::Other(dn.clone(), *what),
            None => Unresolved::Dn(dn.clone()),
        }
    }
}

fn nobody(login: &str) -> Meaning {
    Meaning::Nobody(Unresolved::Login(login.to_owned()))
}

/// The users who have each of the logins that groups name. Letter by letter, as `memberUid` is compared
/// (RFC 2307 §3, caseExactIA5Match), but for the spaces that no such comparison counts.
fn owners<'a>(
    names: &'a HashMap<Name, u32>,
    entries: &BTreeMap<SourceId, Observed>,
) -> HashMap<&'a str, BTreeSet<SourceId>> {
    let logins = names.keys().filter_map(|name| match name {
        Name::Login(login) => Some(login.as_str()),
        Name::Dn(_) | Name::Broken(_) => None,
    });
    let asked: HashSet<&str> = logins.collect();
    let mut owners: HashMap<&str, BTreeSet<SourceId>> = HashMap::new();
    if asked.is_empty() {
        return owners;
    }
    // An account of Windows is in a POSIX group of another directory by its DN or not at all.
    let posix = |entry: &Entry| entry.kind == Kind::User && entry.attributes().bytes("objectSid").is_empty();
    for observed in entries.values().filter(|observed| posix(&observed.entry)) {
        for uid in observed.entry.attributes().texts("uid") {
            if let Some(login) = asked.get(insignificant_removed(uid).as_ref()) {
                owners.entry(login).or_default().insert(observed.entry.id);
            }
        }
    }
    owners
}
