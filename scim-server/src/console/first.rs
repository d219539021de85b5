//! The first of many rows: what a page shows of them, and how it says that there are more.

use serde_json::Value;

use super::{ask::MOST, row::thousands};
use crate::web::{Piece, Section};

/// Rows that a preview shows at most.
const SHOWN: usize = 200;

/// The first of some rows, and how many there are.
#[derive(Debug, Default)]
pub struct First {
    pub rows: Vec<Value>,
    all: usize,
}

impl First {
    /// Counts a row, and keeps one of the first.
    pub fn add(&mut self, row: Value) {
        self.all += 1;
        if self.rows.len() < SHOWN {
            self.rows.push(row);
        }
    }

    /// How many there are.
    pub fn all(&self) -> u64 {
        self.all as u64
    }

    /// A section that shows the first, with the command that lists all: where that lists more, it is said so.
    pub fn of(&self, section: Section, command: String) -> Section {
        let cut = self.all > self.rows.len();
        let some = || format!("{} of {}", self.rows.len(), thousands(self.all()));
        ended(section, cut.then(some)).command(command)
    }
}

/// A section that lists these rows ([`Ask::rows`](super::ask::Ask::rows)), with the command that lists all: where a page
/// takes no more, it is said so.
pub fn listed(section: Section, rows: &[Value], command: String) -> Section {
    ended(section, (rows.len() >= MOST).then(|| thousands(MOST as u64))).command(command)
}

/// A section that shows only `some` of its rows, or all.
fn ended(section: Section, some: Option<String>) -> Section {
    let said = some.map(|some| Piece::Text(format!("The first {some} are shown. This command lists all:")));
    said.into_iter().fold(section, Section::with)
}

impl FromIterator<Value> for First {
    fn from_iter<T: IntoIterator<Item = Value>>(rows: T) -> Self {
        let mut first = Self::default();
        rows.into_iter().for_each(|row| first.add(row));
        first
    }
}

#[cfg(test)]
mod tests {
    use askama::Template as _;

    use super::*;

    #[test]
    fn what_is_not_shown_is_said_with_the_command_that_lists_it() {
        for (all, says) in [(200, None), (10_001, Some("The first 200 of 10,001 are shown. This command lists all:"))] {
            let first: First = std::iter::repeat_n(Value::Null, all).collect();
            let html = first.of(Section::new("Preview"), "scim-server undo --dry-run".to_owned()).render().unwrap();
            assert_eq!((first.rows.len(), html.contains("lists all")), (200, says.is_some()));
            assert!(html.contains(says.unwrap_or_default()) && html.contains("undo --dry-run"), "{html}");
        }
    }

    #[test]
    fn a_list_that_is_as_long_as_a_page_takes_says_so() {
        for (rows, is_said) in [(MOST - 1, false), (MOST, true)] {
            let command = "scim-server webhook dead-letters ID".to_owned();
            let html = listed(Section::new("Given up"), &vec![Value::Null; rows], command).render().unwrap();
            assert_eq!(html.contains("The first 10,000 are shown. This command lists all:"), is_said, "{html}");
            assert!(html.contains("webhook dead-letters ID"), "{html}");
        }
    }
}
