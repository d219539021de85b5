//! Traces of an object that is not seen.

/// What is known of an object that no search shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trace {
    /// The directory shows its tombstone.
    Deleted,
    /// Nothing has this identity, wherever it may stand and whatever the account may read.
    Nowhere,
    /// Nothing has this name. What had it is gone, or stands elsewhere under another.
    Vacant,
    /// Another entry has this name, and shows its own identity.
    Taken,
    /// Something is there that the account may not read. In words.
    Hidden(String),
    /// No source of the configuration holds the name that it had: none can say what became of it.
    Foreign,
    /// The answers are those of a hidden entry as well as of a deleted one. In words.
    Silent(String),
}
