//! What one read gives at most.

use super::StoreError;

/// How many bytes of resources, or of the names of members, one read gives: it ends with the one that goes
/// beyond them. So what a read holds is bounded, however large a client has made what it finds.
pub const PAGE_BYTES: usize = 1 << 20;

/// Some of what a read names, in its order: at most as many as were asked for, fewer where they have
/// [`PAGE_BYTES`] before, and at least one where there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// What was found.
    pub items: Vec<T>,
    /// Whether nothing is left behind it.
    pub done: bool,
}

impl<T> Page<T> {
    /// Takes items as they come, up to `limit` of them, or until they have [`PAGE_BYTES`].
    pub(crate) fn take(
        items: impl Iterator<Item = Result<T, StoreError>>,
        limit: usize,
        bytes_of: impl Fn(&T) -> usize,
    ) -> Result<Self, StoreError> {
        let mut page = Self { items: Vec::new(), done: false };
        let mut bytes = 0;
        let mut items = items.fuse();
        while page.items.len() < limit && bytes < PAGE_BYTES {
            let Some(item) = items.next().transpose()? else {
                page.done = true;
                break;
            };
            bytes += bytes_of(&item);
            page.items.push(item);
        }
        Ok(page)
    }
}

impl<T> std::ops::Deref for Page<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.items
    }
}

impl<T> IntoIterator for Page<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}
