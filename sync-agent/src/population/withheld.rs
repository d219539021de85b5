//! Attributes that an entry no longer shows, although it had them when it was read before.
//!
//! A directory that lets an account no longer read an attribute says so by silence: the entry comes without it,
//! as if it had none. So what is no longer shown is lost only when the directory says so; until then the values
//! that were read before stay, for the scope, the mapping and the memberships alike. An attribute of which
//! nothing was ever read is only noted: whatever depends on it is left as the target has it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Observed, Population, PopulationBuilder};
use crate::{
    dn::Dn,
    identity::{Kind, SourceId},
};

/// An attribute that is not shown and may be there.
#[derive(Debug, Clone)]
pub struct Unshown {
    pub id: SourceId,
    pub kind: Kind,
    pub dn: Dn,
    /// In lower case.
    pub attribute: String,
    /// A value that it had; `None` where none was ever read.
    pub value: Option<Vec<u8>>,
}

/// How many of those who showed an attribute show it still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shown {
    pub before: usize,
    pub now: usize,
}

/// The attributes that count, in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watched {
    pub users: BTreeSet<String>,
    pub groups: BTreeSet<String>,
    /// Those of users that decide whether an account may be used.
    pub deciding: BTreeSet<String>,
}

impl Watched {
    /// Those of a kind.
    pub const fn of(&self, kind: Kind) -> &BTreeSet<String> {
        match kind {
            Kind::User => &self.users,
            Kind::Group => &self.groups,
        }
    }
}

impl PopulationBuilder {
    /// With the attributes whose loss has to be proved.
    #[must_use]
    pub fn watching(self, watched: Watched) -> Self {
        Self { watched, ..self }
    }

    /// What was taken without an attribute that it had, since this was asked last.
    pub fn take_unshown(&mut self) -> Vec<Unshown> {
        let fresh = std::mem::take(&mut self.fresh);
        let mut all = Vec::new();
        for id in fresh {
            let Some(taken) = self.upserts.get(&id) else { continue };
            let Some(before) = self.before.get(id) else { continue };
            let (shown, had) = (taken.entry.attributes().names(), before.entry.attributes().names());
            let has = |names: &[&str], name: &str| names.binary_search(&name).is_ok();
            for attribute in self.watched.of(taken.entry.kind).iter().filter(|name| !has(&shown, name)) {
                let value = has(&had, attribute).then(|| before.entry.attributes().bytes(attribute));
                let value = value.and_then(|values| values.first().map(|value| value.to_vec()));
                if value.is_some() || before.withheld.contains(attribute) {
                    all.push(Unshown {
                        id,
                        kind: taken.entry.kind,
                        dn: taken.entry.dn.clone(),
                        attribute: attribute.clone(),
                        value,
                    });
                }
            }
        }
        all
    }

    /// Among the entries that were taken since the last call, and never before: those without an attribute, in each
    /// container together. What holds for one of them holds for all.
    pub fn unknown(&mut self) -> Vec<(Unshown, Vec<SourceId>)> {
        let mut alike: BTreeMap<(Kind, &str, Option<Dn>), Vec<SourceId>> = BTreeMap::new();
        for (id, taken) in self.fresh.iter().filter_map(|id| Some((*id, self.upserts.get(id)?))) {
            if self.before.get(id).is_some() {
                continue;
            }
            let (kind, shown, container) =
                (taken.entry.kind, taken.entry.attributes().names(), taken.entry.dn.parent());
            let hidden = self.watched.of(kind).iter().filter(|name| shown.binary_search(&name.as_str()).is_err());
            for attribute in hidden {
                alike.entry((kind, attribute, container.clone())).or_default().push(id);
            }
        }
        let sample = |((kind, attribute, _), ids): ((Kind, &str, Option<Dn>), Vec<SourceId>)| {
            let id = *ids.first()?;
            let dn = self.upserts.get(&id)?.entry.dn.clone();
            Some((Unshown { id, kind, dn, attribute: attribute.to_owned(), value: None }, ids))
        };
        alike.into_iter().filter_map(sample).collect()
    }

    /// Whether an attribute decides whether an account may be used.
    pub fn decides(&self, attribute: &str) -> bool {
        self.watched.deciding.contains(attribute)
    }

    /// What an entry that is seen no longer had of an attribute.
    pub fn had(&self, id: SourceId, attribute: &str) -> Option<Vec<u8>> {
        Some(self.before.get(id)?.entry.attributes().bytes(attribute).first()?.to_vec())
    }

    /// How many show an attribute, of those in one container or of all.
    pub fn shown(&self, kind: Kind, attribute: &str, container: Option<&Dn>) -> Shown {
        let mut shown = Shown::default();
        let within = |dn: &Dn| container.is_none_or(|container| dn.parent().as_ref() == Some(container));
        for observed in self.before.of(kind).filter(|observed| within(&observed.entry.dn)) {
            if observed.entry.attributes().bytes(attribute).is_empty() {
                continue;
            }
            shown.before += 1;
            shown.now += match self.upserts.get(&observed.entry.id) {
                Some(taken) => usize::from(!taken.entry.attributes().bytes(attribute).is_empty()),
                None => 1,
            };
        }
        shown
    }

    /// Keeps what an entry had of an attribute, and notes that it is no longer shown.
    pub fn keep_values(&mut self, id: SourceId, attribute: &str) {
        self.kept_values.entry(id).or_default().insert(attribute.to_owned());
        self.restore(id);
    }

    /// Gives an entry back what it does not show and is known to have.
    pub(super) fn restore(&mut self, id: SourceId) {
        let Some(names) = self.kept_values.get(&id) else { return };
        let Some(taken) = self.upserts.get_mut(&id) else { return };
        for name in names {
            let values = self.before.get(id).map(|before| before.entry.attributes().bytes(name)).unwrap_or_default();
            if taken.entry.attributes().bytes(name).is_empty() {
                taken.entry.give_back(name, values.into_iter().map(<[u8]>::to_vec));
                taken.withheld.insert(name.clone());
            }
        }
    }
}

impl Observed {
    /// Whether it may have an attribute of which nothing could be read, now or before.
    pub fn hides(&self, attribute: &str) -> bool {
        self.withheld.contains(attribute) && self.entry.attributes().bytes(attribute).is_empty()
    }

    /// What it had of attributes that it does not show: their names.
    pub fn kept(&self) -> impl Iterator<Item = &String> {
        self.withheld.iter().filter(|name| !self.entry.attributes().bytes(name).is_empty())
    }
}

impl Population {
    /// Whether anybody has something that the account may not read.
    pub fn withholds_anything(&self) -> bool {
        self.iter().any(|observed| !observed.withheld.is_empty())
    }
}
