//! Where frames begin, and the two of them that are looked into.

/// The types of frames that matter here (RFC 9113 §6).
pub(super) mod kind {
    pub(in super::super) const DATA: u8 = 0;
    pub(in super::super) const HEADERS: u8 = 1;
    pub(in super::super) const RST_STREAM: u8 = 3;
    pub(in super::super) const SETTINGS: u8 = 4;
    pub(in super::super) const WINDOW_UPDATE: u8 = 8;
    pub(in super::super) const CONTINUATION: u8 = 9;
}

/// The last frame of a stream.
pub(super) const END_STREAM: u8 = 1;
/// The last frame of a head.
pub(super) const END_HEADERS: u8 = 4;

/// SETTINGS_INITIAL_WINDOW_SIZE (§6.5.2)
const INITIAL_WINDOW_SIZE: u16 = 4;

/// The head of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Of the payload.
    pub length: usize,
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
}

impl Head {
    /// Its own length.
    pub(super) const LENGTH: usize = 9;

    pub(super) fn encode(self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        let (length, rest) = bytes.split_at_mut(3);
        let (marks, stream) = rest.split_at_mut(2);
        // Four bytes of which the first is nought: no frame is so long.
        length.copy_from_slice(&u32::try_from(self.length).unwrap_or_default().to_be_bytes()[1..]);
        marks.copy_from_slice(&[self.kind, self.flags]);
        stream.copy_from_slice(&self.stream.to_be_bytes());
        bytes
    }

    fn decode([length @ .., kind, flags, _, _, _, _]: [u8; Self::LENGTH], stream: [u8; 4]) -> Self {
        let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        Self { length, kind, flags, stream: u32::from_be_bytes(stream) & 0x7fff_ffff }
    }
}

/// Finds the frames in bytes that arrive in pieces.
#[derive(Debug, Clone, Default)]
pub(super) struct Scanner {
    /// Bytes until the next frame begins.
    skip: usize,
    /// A head that has come in part.
    part: [u8; Head::LENGTH],
    have: usize,
}

impl Scanner {
    /// One whose first frame begins behind so many bytes.
    pub(super) fn behind(skip: usize) -> Self {
        Self { skip, ..Self::default() }
    }

    /// The next head that ends among these bytes, and where its payload begins. `from` is where to go
    /// on; at the end all bytes have been taken in.
    pub(super) fn next(&mut self, bytes: &[u8], from: &mut usize) -> Option<(Head, usize)> {
        let skipped = self.skip.min(bytes.len() - *from);
        self.skip -= skipped;
        *from += skipped;
        let rest = bytes.get(*from..)?;
        let taken = rest.len().min(Head::LENGTH - self.have);
        self.part.get_mut(self.have..self.have + taken)?.copy_from_slice(rest.get(..taken)?);
        self.have += taken;
        *from += taken;
        if self.have < Head::LENGTH {
            return None;
        }
        self.have = 0;
        let [.., a, b, c, d] = self.part;
        let head = Head::decode(self.part, [a, b, c, d]);
        self.skip = head.length;
        Some((head, *from))
    }
}

/// The window of new streams after these settings; none if they are not seen whole.
pub(super) fn initial_window(payload: Option<&mut [u8]>, before: u32) -> u32 {
    let Some(payload) = payload else { return 0 };
    let (settings, _) = payload.as_chunks::<6>();
    settings.iter().fold(before, |window, [a, b, value @ ..]| {
        if u16::from_be_bytes([*a, *b]) == INITIAL_WINDOW_SIZE { u32::from_be_bytes(*value) } else { window }
    })
}

/// Reduces the increment of a WINDOW_UPDATE by up to `most`, but not to zero; returns by how much.
pub(super) fn keep_back(payload: &mut [u8], most: u32) -> u32 {
    let Ok(payload) = <&mut [u8; 4]>::try_from(payload) else { return 0 };
    let increment = u32::from_be_bytes(*payload) & 0x7fff_ffff;
    let taken = most.min(increment.saturating_sub(1));
    *payload = (increment - taken).to_be_bytes();
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_however_the_bytes_are_cut() {
        let heads = [(0, kind::SETTINGS, 0), (5, kind::HEADERS, 1), (8, kind::RST_STREAM, 0x0102_0304)];
        let heads = heads.map(|(length, kind, stream)| Head { length, kind, flags: END_HEADERS, stream });
        let mut bytes = b"PRI".to_vec();
        for head in heads {
            bytes.extend(head.encode());
            bytes.extend(vec![0xff; head.length]);
        }
        for size in 1..=bytes.len() {
            let mut scanner = Scanner::behind(3);
            let mut found = Vec::new();
            for piece in bytes.chunks(size) {
                let mut from = 0;
                while let Some((head, _)) = scanner.next(piece, &mut from) {
                    found.push(head);
                }
                assert_eq!(from, piece.len());
            }
            assert_eq!(found, heads, "{size}");
        }
    }

    #[test]
    fn windows_are_read_and_kept_back() {
        assert_eq!(initial_window(Some(&mut [0, 3, 0, 0, 0, 9, 0, 4, 0, 0, 1, 0]), 7), 256);
        assert_eq!(initial_window(Some(&mut []), 7), 7);
        assert_eq!(initial_window(None, 7), 0);
        let mut increment = [0, 0, 1, 0];
        assert_eq!((keep_back(&mut increment, 56), increment), (56, [0, 0, 0, 200]));
        assert_eq!((keep_back(&mut increment, 1000), increment), (199, [0, 0, 0, 1]));
        assert_eq!(keep_back(&mut increment, 1000), 0);
    }
}
