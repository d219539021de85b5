//! A run of keys that lie together.

/// A range of keys: from the first (included) to the second (excluded).
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

    /// The part after this key.
    pub fn after(mut self, mut key: Vec<u8>) -> Self {
        key.push(0);
        self.start = self.start.max(key);
        self
    }

    /// The part before this key.
    pub fn before(mut self, key: Vec<u8>) -> Self {
        self.end = self.end.min(key);
        self
    }
}

/// The first key after all keys with this prefix. No prefix consists of `0xFF` only: each has a kind.
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
