//! One thing that chosen events changed.

/// An event that was not chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Other {
    pub sequence: u64,
    /// What people call the actor.
    pub actor: String,
}

/// One thing that chosen events changed: how it was before the first of them, and how the last of them left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step<T> {
    pub before: T,
    pub after: T,
    /// Who has changed it since.
    pub other: Option<Other>,
}

impl<T> Step<T> {
    /// What a chosen event does comes to what those before it did. If somebody else has come between, only what
    /// happened after that can be put back without losing theirs. `begins` is whether there is something to put back that
    /// begins with this event: of losses, what came before the first of them is to stay.
    pub fn extend(slot: &mut Option<Self>, before: T, after: T, begins: bool) {
        match slot {
            Some(step) if step.other.is_none() => step.after = after,
            _ => *slot = begins.then_some(Self { before, after, other: None }),
        }
    }
}

impl<T: PartialEq> Step<T> {
    pub fn is_nothing(&self) -> bool {
        self.before == self.after
    }
}
