//! Tells of an id that it is not in a block, without reading the block.
//!
//! A Bloom filter. Ids are UUIDs with 62 random bits or more, so their own bits take the place of a hash; and the form
//! on disk is ours, which a crate's next version might change.

use uuid::Uuid;

/// Bits for each id. With seven of them set, one foreign id of 120 seems to be there.
const BITS: usize = 10;
const HASHES: u64 = 7;

/// The filter of these ids, each of which is there once.
pub(super) fn of(ids: impl ExactSizeIterator<Item = Uuid>) -> Vec<u8> {
    let mut filter = vec![0_u8; (ids.len() * BITS).div_ceil(8)];
    for id in ids {
        for (byte, bit) in places(id, filter.len()) {
            if let Some(byte) = filter.get_mut(byte) {
                *byte |= bit;
            }
        }
    }
    filter
}

/// Whether the id may be among those that the filter was made of.
pub(super) fn may_have(filter: &[u8], id: Uuid) -> bool {
    !filter.is_empty() && places(id, filter.len()).all(|(byte, bit)| filter.get(byte).is_some_and(|is| is & bit != 0))
}

/// The bits of an id: a byte's place, and the bit in it.
fn places(id: Uuid, bytes: usize) -> impl Iterator<Item = (usize, u8)> {
    let (high, low) = id.as_u64_pair();
    let (first, step) = (mixed(high ^ low.rotate_left(32)), mixed(low) | 1);
    let bits = (bytes as u64).max(1) * 8;
    (0..HASHES).map(move |n| {
        let bit = first.wrapping_add(step.wrapping_mul(n)) % bits;
        (usize::try_from(bit / 8).unwrap_or_default(), 1 << (bit % 8))
    })
}

/// Spreads what differs over all bits (the finaliser of SplitMix64).
const fn mixed(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_found_and_few_others_are() {
        let id = |n: u64| crate::ids::ResourceId::derived(&[&n.to_le_bytes()]).0;
        let filter = of((0..5000).map(id).collect::<Vec<_>>().into_iter());
        assert_eq!(filter.len(), 6250);
        assert!((0..5000).all(|n| may_have(&filter, id(n))));
        let others = (5000..25_000).filter(|n| may_have(&filter, id(*n))).count();
        assert!(others < 400, "{others} of 20000");
        assert!(!may_have(&of(std::iter::empty()), id(1)));
    }
}
