//! The memory that requests and their responses may use together.
//!
//! Each body, each page and the number of connections have limits, but all of them at once would exceed the memory of
//! any machine. So memory is counted in one place; when it is used up, further requests get 503 and try again later.
//! One tenant gets only a part, and a part is reserved for small bodies, so that clients that send much cannot block
//! others.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use scim_protocol::{Error, ErrorKind};

use crate::store::TenantId;

/// Up to here, in bytes, something is small.
const SMALL: usize = 64 * 1024;

/// Memory that is divided into shares.
#[derive(Debug)]
pub struct Budget {
    most: AtomicUsize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_tenant: HashMap<TenantId, usize>,
}

/// A part of the budget, released when this is dropped.
#[derive(Debug)]
pub struct Share {
    budget: Arc<Budget>,
    tenant: TenantId,
    bytes: usize,
}

impl Budget {
    /// A budget of so many bytes.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most: most.into(), taken: Mutex::default() })
    }

    /// Makes it one of so many bytes. What is taken stays taken.
    pub fn resize(&self, most: usize) {
        self.most.store(most, Relaxed);
    }

    /// An empty share for something of that tenant.
    pub fn share(self: &Arc<Self>, tenant: TenantId) -> Share {
        Share { budget: Arc::clone(self), tenant, bytes: 0 }
    }

    /// How many bytes are taken now.
    #[cfg(test)]
    pub fn taken(&self) -> usize {
        self.lock().all
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // The numbers are consistent whenever the lock is released, also after a panic.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The limit for all together, and for one tenant with a share of that size.
    fn bounds(&self, share: usize) -> (usize, usize) {
        let most = self.most.load(Relaxed);
        let quarter = most / 4;
        if share <= SMALL { (most, 3 * quarter) } else { (3 * quarter, 2 * quarter) }
    }
}

impl Share {
    /// Takes more bytes. 503 with `Retry-After` if there are not enough.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Error> {
        let grown = self.bytes.saturating_add(bytes);
        let (of_all, of_tenant) = self.budget.bounds(grown);
        let mut taken = self.budget.lock();
        let mine = taken.by_tenant.get(&self.tenant).copied().unwrap_or_default().saturating_add(bytes);
        let all = taken.all.saturating_add(bytes);
        if all > of_all || mine > of_tenant {
            return Err(used_up());
        }
        taken.all = all;
        taken.by_tenant.insert(self.tenant, mine);
        drop(taken);
        self.bytes = grown;
        Ok(())
    }

    /// Counts more bytes even if there is no room: for the response to a finished operation, which cannot be refused
    /// any more.
    pub fn count(&mut self, bytes: usize) {
        let mut taken = self.budget.lock();
        taken.all = taken.all.saturating_add(bytes);
        let mine = taken.by_tenant.entry(self.tenant).or_default();
        *mine = mine.saturating_add(bytes);
        drop(taken);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Releases bytes, at most all.
    pub fn shrink(&mut self, bytes: usize) {
        drop(self.split(bytes));
    }

    /// Splits off a share with some of these bytes, at most all.
    #[must_use]
    pub fn split(&mut self, bytes: usize) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Self { budget: Arc::clone(&self.budget), tenant: self.tenant, bytes }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let mut taken = self.budget.lock();
        taken.all = taken.all.saturating_sub(self.bytes);
        let mine = taken.by_tenant.get(&self.tenant).copied().unwrap_or_default().saturating_sub(self.bytes);
        if mine == 0 {
            taken.by_tenant.remove(&self.tenant);
        } else {
            taken.by_tenant.insert(self.tenant, mine);
        }
    }
}

fn used_up() -> Error {
    Error::new(
        ErrorKind::Unavailable(1),
        "The server holds as much of requests and answers as it may (request_memory). Send less at a time, or repeat the request in a moment.",
    )
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn tenant(number: u128) -> TenantId {
        TenantId(Uuid::from_u128(number))
    }

    #[test]
    fn what_is_taken_goes_back() {
        let budget = Budget::new(4 << 20);
        let mut share = budget.share(tenant(1));
        share.grow(1 << 20).unwrap();
        share.grow(1 << 20).unwrap();
        assert_eq!(budget.taken(), 2 << 20);
        assert_eq!(share.grow(1).unwrap_err().kind(), ErrorKind::Unavailable(1));
        drop(share);
        assert_eq!(budget.taken(), 0);
        assert!(budget.lock().by_tenant.is_empty());
    }

    #[test]
    fn a_share_is_parted_and_goes_back_in_parts() {
        let budget = Budget::new(4 << 20);
        let mut share = budget.share(tenant(1));
        share.grow(1000).unwrap();
        let part = share.split(300);
        assert_eq!(budget.taken(), 1000);
        share.shrink(200);
        assert_eq!(budget.taken(), 800);
        share.shrink(9000);
        assert_eq!(budget.taken(), 300);
        drop((share, part));
        assert_eq!(budget.taken(), 0);
    }

    #[test]
    fn nobody_keeps_others_out() {
        let budget = Budget::new(4 << 20);
        let large = |number, bytes| {
            let mut share = budget.share(tenant(number));
            share.grow(bytes).map(|()| share)
        };
        // One tenant gets the half, two of them three quarters.
        let _first = large(1, 2 << 20).unwrap();
        assert!(large(1, SMALL + 1).is_err());
        let _second = large(2, 1 << 20).unwrap();
        assert!(large(3, SMALL + 1).is_err());
        // What is done already is counted all the same.
        let mut done = budget.share(tenant(4));
        done.count(2 << 20);
        assert_eq!(budget.taken(), 5 << 20);
        drop(done);
        // What is small finds room, also of a tenant that has much.
        let _small: Vec<_> = (0..15).map(|_| large(1, SMALL).unwrap()).collect();
        assert!(large(3, SMALL).is_ok());
    }
}
