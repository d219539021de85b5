//! A run of keys that lie together.

/// A run of keys: from the first, up to but without the second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store::sled) struct Range {
    pub start: Vec<u8>,
    pub end: Vec<u8>,
}

impl Range {
    /// Every key that begins so.
    pub fn of(prefix: Vec<u8>) -> Self {
        Self { end: behind(&prefix), start: prefix }
    }

    /// What of it lies behind this key.
    pub fn after(mut self, mut key: Vec<u8>) -> Self {
        key.push(0);
        self.start = self.start.max(key);
        self
    }

    /// What of it lies before this key.
    pub fn before(mut self, key: Vec<u8>) -> Self {
        self.end = self.end.min(key);
        self
    }
}

/// The first key behind all those that begin so. No prefix consists of `0xFF` only: each has a kind.
pub(super) fn behind(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            break;
        }
    }
    end
}
