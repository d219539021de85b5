//! The connections that have not shown a valid token yet, by address: how many one address may have, and who of those that
//! have asked nothing makes room.
//!
//! A client without a token can still open connections and leave them idle. Without a bound one address could take all
//! connections and shut everybody else out, and with the bound alone all others behind the same address. So where there is no
//! room, a connection on which no request has come yet ends: the one that has waited longest.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use tokio::sync::oneshot;

use crate::http::limit::AddressKey;

/// The connections without a valid token so far, by address.
#[derive(Debug)]
pub(in crate::http) struct Strangers {
    /// For one address.
    most: usize,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Never longer than there are connections.
    by_source: HashMap<AddressKey, Source>,
    /// How many there have been.
    arrived: u64,
}

/// Those of one address.
#[derive(Debug, Default)]
struct Source {
    count: usize,
    /// How those end that have asked nothing yet, in the order in which they came.
    silent: BTreeMap<u64, oneshot::Sender<()>>,
}

impl Source {
    /// Ends the one that has been silent for longest; false if none is.
    fn makes_room(&mut self) -> bool {
        while let Some((_, end)) = self.silent.pop_first() {
            // Perhaps it has just ended by itself.
            if end.send(()).is_ok() {
                return true;
            }
        }
        false
    }
}

/// One of these connections, until it shows a valid token or ends.
#[derive(Debug)]
pub(in crate::http) struct Stranger {
    all: Arc<Strangers>,
    source: AddressKey,
    number: u64,
    counted: AtomicBool,
    silent: AtomicBool,
}

/// Resolves to `Ok` when its connection is to end because another needs the room.
pub(in crate::http) type End = oneshot::Receiver<()>;

impl Strangers {
    pub(in crate::http) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, known: Mutex::default() })
    }

    /// Counts a connection of this address. If the address is at its limit, one of its silent connections ends; `None` if it
    /// has none.
    pub(in crate::http) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<(Stranger, End)> {
        let source = AddressKey::from(address);
        let mut known = self.known();
        let number = known.arrived;
        let of_source = known.by_source.entry(source).or_default();
        // Who makes room is counted until its connection has ended.
        if of_source.count >= self.most && !of_source.makes_room() {
            return None;
        }
        let (end, ends) = oneshot::channel();
        of_source.count += 1;
        of_source.silent.insert(number, end);
        known.arrived += 1;
        let (counted, silent) = (AtomicBool::new(true), AtomicBool::new(true));
        Some((Stranger { all: Arc::clone(self), source, number, counted, silent }, ends))
    }

    /// Ends a silent connection of the address that has the most of them, if there is one.
    pub(in crate::http) fn make_room(&self) {
        let mut known = self.known();
        if let Some(most) = known.by_source.values_mut().max_by_key(|source| source.silent.len()) {
            most.makes_room();
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stranger {
    /// Whether the connection still counts.
    pub(in crate::http) fn is_counted(&self) -> bool {
        self.counted.load(Relaxed)
    }

    /// A request has come, so the connection no longer makes room for others.
    pub(in crate::http) fn speak(&self) {
        // A read is enough for all requests but the first.
        if !self.silent.load(Relaxed) || !self.silent.swap(false, Relaxed) {
            return;
        }
        if let Some(source) = self.all.known().by_source.get_mut(&self.source) {
            source.silent.remove(&self.number);
        }
    }

    /// The connection has shown a valid token and no longer counts.
    pub(in crate::http) fn introduce(&self) {
        if !self.counted.load(Relaxed) || !self.counted.swap(false, Relaxed) {
            return;
        }
        let mut known = self.all.known();
        if let Some(source) = known.by_source.get_mut(&self.source) {
            source.silent.remove(&self.number);
            source.count -= 1;
            if source.count == 0 {
                known.by_source.remove(&self.source);
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

    fn enter(strangers: &Arc<Strangers>, address: &str) -> Option<(Stranger, End)> {
        strangers.enter(address.parse().unwrap())
    }

    /// One that has asked something.
    fn speaking(strangers: &Arc<Strangers>, address: &str) -> Option<(Stranger, End)> {
        enter(strangers, address).inspect(|(stranger, _)| stranger.speak())
    }

    #[test]
    fn an_address_has_room_again_when_a_connection_ends_or_shows_a_token() {
        let strangers = Strangers::new(2);
        let enter = |address: &str| speaking(&strangers, address);
        let (one, two) = (enter("2001:db8::1").unwrap(), enter("2001:db8::2").unwrap());
        assert!(enter("2001:db8::3").is_none(), "one /64 is one client");
        assert!(enter("2001:db8:0:1::1").is_some() && enter("192.0.2.1").is_some());
        two.0.introduce();
        two.0.introduce();
        let three = enter("2001:db8::3").unwrap();
        assert!(enter("2001:db8::3").is_none());
        drop((one, two, three));
        assert!(strangers.known().by_source.is_empty());
    }

    #[test]
    fn who_has_been_silent_for_longest_makes_room() {
        let strangers = Strangers::new(3);
        let (_asked, mut spoken) = speaking(&strangers, "192.0.2.1").unwrap();
        let (first, mut ends) = enter(&strangers, "192.0.2.1").unwrap();
        let (_second, mut later) = enter(&strangers, "192.0.2.1").unwrap();
        let third = enter(&strangers, "192.0.2.1").unwrap();
        assert_eq!(ends.try_recv(), Ok(()));
        assert_eq!(later.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        drop(first);
        let fourth = enter(&strangers, "192.0.2.1").unwrap();
        assert_eq!(later.try_recv(), Ok(()));
        // Who has asked something makes no room.
        for (stranger, _) in [&third, &fourth] {
            stranger.speak();
        }
        assert!(enter(&strangers, "192.0.2.1").is_none());
        assert!(spoken.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Closed));
    }

    #[test]
    fn the_address_with_the_most_silent_ones_makes_room_for_all() {
        let strangers = Strangers::new(usize::MAX);
        strangers.make_room();
        let (_one, mut only) = enter(&strangers, "192.0.2.1").unwrap();
        let mut many: Vec<_> = (0..3).map(|_| enter(&strangers, "192.0.2.2").unwrap()).collect();
        strangers.make_room();
        strangers.make_room();
        let ended: Vec<_> = many.iter_mut().map(|(_, ends)| ends.try_recv().is_ok()).collect();
        assert_eq!((ended, only.try_recv().is_ok()), (vec![true, true, false], false));
    }
}
