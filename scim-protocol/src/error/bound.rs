//! How much an error says: it quotes what was sent, which may be as long as a body.

/// The longest sentence of an error, in bytes: far more than any of ours needs, far less than a client may send.
pub const LONGEST: usize = 4096;

/// How much of a longer one stays on each side.
const SIDE: usize = LONGEST / 2 - 64;

/// A sentence without its middle, if it is longer than [`LONGEST`]: what is wrong stands at its beginning, what to do at its
/// end, and a long quotation between. The gap is between quotes, so that a log that hides what is quoted hides both sides.
pub fn bounded(sentence: String) -> String {
    if sentence.len() <= LONGEST {
        return sentence;
    }
    let begin = (0..=SIDE).rev().find(|at| sentence.is_char_boundary(*at)).unwrap_or_default();
    let end =
        (sentence.len() - SIDE..sentence.len()).find(|at| sentence.is_char_boundary(*at)).unwrap_or(sentence.len());
    let side = |range| sentence.get(range).unwrap_or_default();
    format!("{}\" … {} bytes are left out … \"{}", side(0..begin), end - begin, side(end..sentence.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_quotation_loses_its_middle_and_a_sentence_does_not() {
        assert_eq!(bounded("\"anna\" is taken.".to_owned()), "\"anna\" is taken.");
        let whole = "x".repeat(LONGEST);
        assert_eq!(bounded(whole.clone()), whole);
        for quoted in ["x", "é", "😀"].map(|one| one.repeat(1_000_000)) {
            let told = bounded(format!("The name \"{quoted}\" is taken. Choose another."));
            assert!(told.len() <= LONGEST, "{}", told.len());
            assert!(told.starts_with("The name \"") && told.ends_with("\" is taken. Choose another."), "{told}");
            assert!(told.contains("bytes are left out"), "{told}");
        }
    }
}
