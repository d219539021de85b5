//! Limits how much of each tenant runs at a time. Further work waits behind work of the same tenant, and delays no
//! other.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::Semaphore;

use crate::ids::TenantId;

/// The turns of all tenants. An idle tenant takes no memory here.
pub(crate) struct Turns {
    each: usize,
    tenants: Mutex<HashMap<TenantId, Weak<Semaphore>>>,
}

impl Turns {
    /// So many turns for each tenant.
    pub fn of_each(each: usize) -> Self {
        Self { each, tenants: Mutex::default() }
    }

    /// The turns of one tenant, in the order of the requests.
    pub fn of(&self, tenant: TenantId) -> Arc<Semaphore> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turns) = tenants.get(&tenant).and_then(Weak::upgrade) {
            return turns;
        }
        tenants.retain(|_, turns| turns.strong_count() > 0);
        let turns = Arc::new(Semaphore::new(self.each));
        tenants.insert(tenant, Arc::downgrade(&turns));
        turns
    }

    /// How many turns each tenant has.
    #[cfg(test)]
    pub fn each(&self) -> usize {
        self.each
    }

    /// How many tenants are known.
    #[cfg(test)]
    pub fn tenants(&self) -> usize {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}
