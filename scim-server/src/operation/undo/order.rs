//! In which order is told what becomes of each resource. What is known first depends on who had to wait for whom, which is
//! another thing at each run; what is told follows one order, so that a dry run and the run say the same.

use std::collections::BTreeMap;

use super::Piece;
use crate::store::ResourceId;

/// Keeps what is known before its turn.
pub(super) struct Order {
    places: BTreeMap<ResourceId, usize>,
    /// What is known of each from the next on.
    known: BTreeMap<usize, Vec<Piece>>,
    /// Whose turn it is.
    next: usize,
}

impl Order {
    /// Resources have their turns in this order; one that is named twice has the later.
    pub fn new(all: impl IntoIterator<Item = ResourceId>) -> Self {
        let (mut places, mut known) = (BTreeMap::new(), BTreeMap::new());
        for (place, id) in all.into_iter().enumerate() {
            // Nobody stands at the earlier place any more.
            known.extend(places.insert(id, place).map(|earlier| (earlier, Vec::new())));
        }
        Self { places, known, next: 0 }
    }

    /// Notes what became of a resource. Gives what has its turn now.
    pub fn known(&mut self, id: ResourceId, pieces: Vec<Piece>) -> Vec<Piece> {
        let place = self.places.get(&id).copied().unwrap_or(usize::MAX);
        self.known.entry(place).or_default().extend(pieces);
        let mut told = Vec::new();
        while let Some(pieces) = self.known.remove(&self.next) {
            told.extend(pieces);
            self.next += 1;
        }
        told
    }

    /// What is left when nothing more comes.
    pub fn rest(&mut self) -> Vec<Piece> {
        std::mem::take(&mut self.known).into_values().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{super::Undone, *};

    fn id(number: u128) -> ResourceId {
        ResourceId(Uuid::from_u128(number))
    }

    fn piece(number: u128) -> Vec<Piece> {
        vec![Piece::Undone(Undone { resource_type: "User".into(), id: id(number), name: None, changes: Vec::new() })]
    }

    #[test]
    fn each_is_told_in_its_turn() {
        let mut order = Order::new([3, 1, 3, 2].map(id));
        assert_eq!(order.known(id(2), piece(2)), []);
        assert_eq!(order.known(id(1), piece(1)), piece(1));
        assert_eq!(order.known(id(3), Vec::new()), piece(2));
        assert_eq!(order.rest(), []);
        // It ended early.
        let mut order = Order::new([1, 2, 3].map(id));
        assert_eq!(order.known(id(3), piece(3)), []);
        assert_eq!(order.known(id(2), piece(2)), []);
        assert_eq!(order.rest(), [piece(2), piece(3)].concat());
    }
}
