//! Where each tenant is kept, as this process knows it.

use std::collections::{HashMap, HashSet};

use arc_swap::ArcSwap;

use crate::store::TenantId;

/// The version of a record that is not there yet: its tenant is about to be made.
const UNMADE: u64 = 0;

/// By their homes: the number of the database, and the version of the record that says so.
type Known = HashMap<TenantId, (usize, u64)>;

/// See the module's documentation.
#[derive(Default)]
pub(super) struct Places(ArcSwap<Known>);

impl Places {
    pub fn of(&self, tenant: TenantId) -> Option<usize> {
        self.0.load().get(&tenant).map(|(place, _)| *place)
    }

    /// Notes some, unless a newer record says something else.
    pub fn settle(&self, tenants: &[(TenantId, usize, u64)]) {
        let is_news = |known: &Known, tenant: &TenantId, version: u64| {
            known.get(tenant).is_none_or(|(_, known)| *known < version)
        };
        let known = self.0.load();
        if tenants.iter().any(|(tenant, _, version)| is_news(&known, tenant, *version)) {
            self.0.rcu(|known| {
                let mut places = Known::clone(known);
                for (tenant, place, version) in tenants {
                    if is_news(&places, tenant, *version) {
                        places.insert(*tenant, (*place, *version));
                    }
                }
                places
            });
        }
    }

    /// Notes one that is about to be made.
    pub fn announce(&self, tenant: TenantId, place: usize) {
        self.settle(&[(tenant, place, UNMADE)]);
    }

    /// Those whose records were read.
    pub fn recorded(&self) -> HashSet<TenantId> {
        let known = self.0.load();
        known.iter().filter(|(_, (_, version))| *version != UNMADE).map(|(tenant, _)| *tenant).collect()
    }

    pub fn forget(&self, gone: &HashSet<TenantId>) {
        if !gone.is_empty() {
            self.0.rcu(|known| {
                let mut places = Known::clone(known);
                places.retain(|tenant, _| !gone.contains(tenant));
                places
            });
        }
    }
}
