//! The text of a token: `scim_`, 43 characters that are random, 6 that check them.
//!
//! The prefix lets secret scanners and people recognise a token that has leaked: `\bscim_[0-9A-Za-z]{49}\b`. The
//! checksum (CRC-32 of the text before it) distinguishes a mistyped or truncated token from an unknown one without
//! reading the store. After the prefix there are only letters and digits, so that a double click selects the whole
//! token and no URL, shell or CSV changes it.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// What every token begins with.
pub const PREFIX: &str = "scim_";

/// How many characters of base 62 hold 256 random bits.
const RANDOM: usize = 43;

/// How many characters of base 62 hold a CRC-32.
const CHECKSUM: usize = 6;

/// How long a token is.
pub const LENGTH: usize = PREFIX.len() + RANDOM + CHECKSUM;

/// What the secret of an OAuth client begins with. All else of it is as in a token.
pub const CLIENT_PREFIX: &str = "scimcs_";

/// What an administrator's token begins with. All else of it is as in a tenant's.
pub const ADMIN_PREFIX: &str = "scimadm_";

/// What the code of a setup link begins with. All else of it is as in a token.
pub const SETUP_PREFIX: &str = "scimsl_";

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The stored form of a token: the SHA-256 of its text. A token has 256 random bits, so a slow password hash would
/// only make every request slower.
pub type Digest = [u8; 32];

/// The text of a token. `Debug` and `Display` hide it; only [`Secret::reveal`] returns it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The token made of these random bytes, which must come from the system's generator.
    pub fn new(random: [u8; 32]) -> Self {
        Self::beginning(PREFIX, random)
    }

    /// The secret of an OAuth client, made of random bytes of the same kind.
    pub fn of_client(random: [u8; 32]) -> Self {
        Self::beginning(CLIENT_PREFIX, random)
    }

    /// An administrator's token, made of random bytes of the same kind.
    pub fn of_administrator(random: [u8; 32]) -> Self {
        Self::beginning(ADMIN_PREFIX, random)
    }

    /// The code of a setup link, made of random bytes of the same kind.
    pub fn of_setup_link(random: [u8; 32]) -> Self {
        Self::beginning(SETUP_PREFIX, random)
    }

    fn beginning(prefix: &str, random: [u8; 32]) -> Self {
        let mut text = String::with_capacity(prefix.len() + RANDOM + CHECKSUM);
        text.push_str(prefix);
        push_base62(&mut text, random, RANDOM);
        let sum = checksum(&text);
        text.push_str(&sum);
        Self(text)
    }

    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    pub fn digest(&self) -> Digest {
        digest(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("scim_…")
    }
}

/// Why a text is not a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It begins otherwise.
    #[error("this is not a token of this server: it does not begin with {PREFIX}")]
    Prefix,
    /// It is so many characters long.
    #[error(
        "the token has the wrong length: {0} characters, and a token has {LENGTH}; it was cut off, or something was added"
    )]
    Length(usize),
    /// It has characters that no token has.
    #[error("the token was altered: it has other characters than letters and digits")]
    Characters,
    /// It has the form, but its checksum is wrong.
    #[error("the token was altered or mistyped: its checksum is wrong")]
    Checksum,
}

/// The digest of a text that has the form and the checksum of a token. Does not read the store.
pub fn parse(text: &str) -> Result<Digest, Malformed> {
    let body = text.strip_prefix(PREFIX).ok_or(Malformed::Prefix)?;
    let length = text.chars().count();
    if length != LENGTH {
        return Err(Malformed::Length(length));
    }
    if !body.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Malformed::Characters);
    }
    let (random, sum) = text.split_at(LENGTH - CHECKSUM);
    if checksum_digits(random) != sum.as_bytes() {
        return Err(Malformed::Checksum);
    }
    Ok(digest(text))
}

/// The digest of a text that has the form and the checksum of a client's secret.
pub fn parse_client(text: &str) -> Option<Digest> {
    parse_beginning(CLIENT_PREFIX, text)
}

/// The digest of a text that has the form and the checksum of an administrator's token.
pub fn parse_administrator(text: &str) -> Option<Digest> {
    parse_beginning(ADMIN_PREFIX, text)
}

/// The digest of a text that has the form and the checksum of a setup link's code.
pub fn parse_setup_link(text: &str) -> Option<Digest> {
    parse_beginning(SETUP_PREFIX, text)
}

fn parse_beginning(prefix: &str, text: &str) -> Option<Digest> {
    let body = text.strip_prefix(prefix)?;
    let has_form = body.len() == RANDOM + CHECKSUM && body.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let (random, sum) = text.split_at_checked(prefix.len() + RANDOM).filter(|_| has_form)?;
    (checksum_digits(random) == sum.as_bytes()).then(|| digest(text))
}

/// The digest of any text: equal texts, equal digests.
pub fn digest(text: &str) -> Digest {
    Sha256::digest(text.as_bytes()).into()
}

fn checksum(text: &str) -> String {
    checksum_digits(text).iter().map(|&digit| char::from(digit)).collect()
}

fn checksum_digits(text: &str) -> [u8; CHECKSUM] {
    let mut rest = crc32fast::hash(text.as_bytes());
    let mut digits = [b'0'; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = base62_digit(rest % 62);
        rest /= 62;
    }
    digits
}

/// Writes a 256-bit number in base 62 by long division, most significant digit first.
fn push_base62(text: &mut String, mut number: [u8; 32], width: usize) {
    let mut digits = vec![b'0'; width];
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0_u32;
        for byte in &mut number {
            let dividend = remainder << 8 | u32::from(*byte);
            // A remainder below 62 makes each quotient fit in a byte.
            *byte = u8::try_from(dividend / 62).unwrap_or(u8::MAX);
            remainder = dividend % 62;
        }
        *digit = base62_digit(remainder);
    }
    text.extend(digits.into_iter().map(char::from));
}

fn base62_digit(value: u32) -> u8 {
    usize::try_from(value).ok().and_then(|index| DIGITS.get(index)).copied().unwrap_or(b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Result<(), Malformed>) {
        assert_eq!(parse(text).map(|_| ()), expect, "{text}");
    }

    fn sample() -> Secret {
        Secret::new([0x5a; 32])
    }

    #[test]
    fn a_new_token_has_the_documented_form() {
        for random in [[0; 32], [0xff; 32], [0x5a; 32], *b"thirty-two bytes, all different."] {
            let secret = Secret::new(random);
            assert_eq!(secret.reveal().len(), LENGTH);
            assert_eq!(LENGTH, 54);
            assert_eq!(parse(secret.reveal()), Ok(secret.digest()));
        }
    }

    #[test]
    fn different_bytes_make_different_tokens() {
        assert_ne!(Secret::new([0xff; 32]).reveal(), Secret::new([0xfe; 32]).reveal());
        let mut last = [0xff; 32];
        last[31] = 0xfe;
        assert_ne!(Secret::new([0xff; 32]).reveal(), Secret::new(last).reveal());
    }

    #[test]
    fn what_is_no_token_is_told_apart_from_what_is_mistyped() {
        let good = sample();
        let good = good.reveal();
        check(good, Ok(()));
        check("", Err(Malformed::Prefix));
        check("scim_", Err(Malformed::Length(5)));
        check("eyJhbGciOiJIUzI1NiJ9.e30.x", Err(Malformed::Prefix));
        check(&good[..LENGTH - 1], Err(Malformed::Length(LENGTH - 1)));
        check(&format!("{good}0"), Err(Malformed::Length(LENGTH + 1)));
        check(&good.replace("scim_", "SCIM_"), Err(Malformed::Prefix));
        check(&format!("{}-{}", &good[..20], &good[21..]), Err(Malformed::Characters));
        check(&format!("{}é{}", &good[..20], &good[21..]), Err(Malformed::Characters));
    }

    #[test]
    fn every_single_wrong_character_is_noticed() {
        let good = sample();
        let good = good.reveal();
        for at in PREFIX.len()..LENGTH {
            let other = if good.as_bytes()[at] == b'x' { "y" } else { "x" };
            check(&format!("{}{other}{}", &good[..at], &good[at + 1..]), Err(Malformed::Checksum));
        }
    }

    #[test]
    fn a_clients_secret_is_told_from_a_token_and_from_a_mistyped_one() {
        let secret = Secret::of_client([0x5a; 32]);
        let text = secret.reveal();
        assert_eq!(parse_client(text), Some(secret.digest()));
        for wrong in [&text[..text.len() - 1], &format!("{text}0"), sample().reveal(), "", "scimcs_", "scimcs_é"] {
            assert_eq!(parse_client(wrong), None, "{wrong}");
        }
        assert_eq!(parse(text), Err(Malformed::Prefix));
        let other = if text.as_bytes()[20] == b'x' { "y" } else { "x" };
        assert_eq!(parse_client(&format!("{}{other}{}", &text[..20], &text[21..])), None);
    }

    #[test]
    fn a_setup_links_code_is_told_from_other_secrets() {
        let code = Secret::of_setup_link([0x5a; 32]);
        assert_eq!(parse_setup_link(code.reveal()), Some(code.digest()));
        assert_eq!(parse_client(code.reveal()), None);
        for wrong in [&code.reveal()[1..], Secret::of_client([0x5a; 32]).reveal(), "scimsl_", ""] {
            assert_eq!(parse_setup_link(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn neither_debug_nor_display_shows_it() {
        let shown = format!("{:?} {}", sample(), sample());
        assert!(!shown.contains(&sample().reveal()[PREFIX.len()..PREFIX.len() + 4]), "{shown}");
    }
}
