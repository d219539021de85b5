//! Whether an account may be used, as its directory and the configuration say.

use scim_protocol::Timestamp;

use crate::{
    scope::filter::Filter,
    source::{
        Entry,
        account::{self, Counts, Ends},
        flavour::Flavour,
    },
};

/// What makes an account inactive, besides what its directory says of it by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountRules {
    /// Attributes that end it at a time.
    pub ends: Ends,
    /// `mapping.inactive`: whoever matches may not use the account. A shell that lets nobody in, a word in
    /// `employeeType`: what such a thing means differs from place to place, so nothing is assumed.
    pub inactive: Option<Filter>,
}

impl AccountRules {
    /// Whether the account of an entry may be used.
    pub fn is_active(&self, entry: &Entry, now: Timestamp) -> bool {
        let excepted = self.inactive.as_ref().is_some_and(|filter| filter.matches(entry));
        !excepted && account::is_active(Flavour::account_attributes(), entry.attributes(), self.ends, now)
    }

    /// All attributes that decide, in lower case.
    pub fn deciding(&self) -> impl Iterator<Item = String> {
        let of_directories = Flavour::account_attributes().iter().filter(|attribute| self.ends.count(attribute));
        of_directories.map(|attribute| attribute.name.to_ascii_lowercase()).chain(self.of_filter())
    }

    /// The attributes that are read for it besides those that every reading asks for, in lower case.
    pub fn attributes(&self) -> impl Iterator<Item = String> {
        let set = Flavour::account_attributes().iter().filter(|attribute| attribute.counts != Counts::Always);
        let set = set.filter(|attribute| self.ends.count(attribute));
        set.map(|attribute| attribute.name.to_ascii_lowercase()).chain(self.of_filter())
    }

    fn of_filter(&self) -> impl Iterator<Item = String> {
        self.inactive.iter().flat_map(Filter::attributes)
    }
}
