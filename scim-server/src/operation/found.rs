//! The result of a query, before it is written.

use super::scan::Match;
use crate::{
    budget::Share,
    cursor::Cursor,
    store::{Moment, Position},
};

/// The result of a query: the resources of one page, and the total.
#[derive(Default)]
pub(super) struct Found {
    /// The target's ordinal, and the match.
    pub matches: Vec<(usize, Match)>,
    pub total: Option<u64>,
    pub start: Option<u64>,
    pub next: Option<Cursor>,
    pub previous: Option<Cursor>,
    /// The memory that the matches take, until they are sent.
    pub share: Option<Share>,
    /// Since when it was read, where what is shown may be kept.
    pub since: Option<Moment>,
}

impl Found {
    /// The same, without the resources and their memory.
    pub fn without_matches(&self) -> Self {
        let (next, previous) = (self.next.clone(), self.previous.clone());
        Self { total: self.total, start: self.start, next, previous, ..Self::default() }
    }
}

/// A cursor that continues after a position, among the resources of the type with that ordinal.
pub(super) fn forward(ordinal: usize, position: &Position) -> Cursor {
    let type_ordinal = u8::try_from(ordinal).unwrap_or(u8::MAX);
    Cursor { type_ordinal, backward: false, position: position.clone(), count: None }
}
