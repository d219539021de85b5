//! The limit on connections of one address that have not shown a valid token yet.
//!
//! A client without a token can still open connections and leave them idle. Without this bound one address
//! could take all connections and shut everybody else out.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use crate::http::limit::AddressKey;

/// The connections without a valid token so far, by address.
#[derive(Debug)]
pub(in crate::http) struct Strangers {
    /// For one address.
    most: usize,
    /// Never longer than there are connections.
    by_source: Mutex<HashMap<AddressKey, usize>>,
}

/// One of these connections, until it shows a valid token or ends.
#[derive(Debug)]
pub(in crate::http) struct Stranger {
    all: Arc<Strangers>,
    source: AddressKey,
    counted: AtomicBool,
}

impl Strangers {
    pub(in crate::http) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, by_source: Mutex::default() })
    }

    /// Counts a connection of this address; `None` if the address is at its limit.
    pub(in crate::http) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Stranger> {
        let source = AddressKey::from(address);
        let mut by_source = self.by_source.lock().unwrap_or_else(PoisonError::into_inner);
        let count = by_source.entry(source).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Stranger { all: Arc::clone(self), source, counted: AtomicBool::new(true) })
    }
}

impl Stranger {
    /// Whether the connection still counts.
    pub(in crate::http) fn is_counted(&self) -> bool {
        self.counted.load(Relaxed)
    }

    /// The connection has shown a valid token and no longer counts.
    pub(in crate::http) fn introduce(&self) {
        // A read is enough for all requests but the first.
        if !self.counted.load(Relaxed) || !self.counted.swap(false, Relaxed) {
            return;
        }
        let mut by_source = self.all.by_source.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_source.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                by_source.remove(&self.source);
            }
        }
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.introduce();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_room_again_when_a_connection_ends_or_shows_a_token() {
        let strangers = Strangers::new(2);
        let enter = |address: &str| strangers.enter(address.parse().unwrap());
        let (one, two) = (enter("2001:db8::1").unwrap(), enter("2001:db8::2").unwrap());
        assert!(enter("2001:db8::3").is_none(), "one /64 is one client");
        assert!(enter("2001:db8:0:1::1").is_some() && enter("192.0.2.1").is_some());
        two.introduce();
        two.introduce();
        let three = enter("2001:db8::3").unwrap();
        assert!(enter("2001:db8::3").is_none());
        drop((one, two, three));
        assert!(strangers.by_source.lock().unwrap().is_empty());
    }
}
