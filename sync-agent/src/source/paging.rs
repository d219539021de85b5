//! From page to page (RFC 2696), and when that has to end.
//!
//! The library has an adapter for this, which panics on a control that is malformed and asks for as many
//! pages as a server says there are. A server that gives the same page again and again, or one empty page
//! after the other, would keep a cycle for ever. A cookie alone says nothing: 389 Directory Server gives
//! the same one with each page. So what counts is whether a page brings anybody new.

use std::{
    collections::{BTreeSet, HashSet},
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use ldap3::controls::RawControl;

use super::ber::{self, integer, octet_string};

/// The control, of the request and of the answer.
pub const OID: &str = "1.2.840.113556.1.4.319";

/// So many pages in a row may bring nobody: a server may spend its time on a page without a find.
const FRUITLESS: usize = 1_000;

/// So many entries a search may find, page by page or at once.
const MOST: usize = 10_000_000;

/// The pages of one search.
#[derive(Debug)]
pub struct Pages {
    size: Option<i32>,
    cookie: Vec<u8>,
    cookies: BTreeSet<Vec<u8>>,
    seen: HashSet<u64>,
    found: usize,
    fresh: bool,
    fruitless: usize,
}

impl Pages {
    /// The number of entries of a page; `None` for a search without pages.
    pub fn new(size: Option<i32>) -> Self {
        let (cookie, cookies, seen, found, fresh, fruitless) = Default::default();
        Self { size, cookie, cookies, seen, found, fresh, fruitless }
    }

    /// The control that asks for the next page.
    pub fn request(&self) -> Option<RawControl> {
        let value = ber::sequence(vec![integer(self.size?.into()), octet_string(&self.cookie)]);
        Some(RawControl { ctype: OID.to_owned(), crit: false, val: Some(value) })
    }

    /// Notes an entry that came. An error says why there must not be another.
    pub fn take(&mut self, dn: &str) -> Result<(), String> {
        self.found += 1;
        if self.size.is_some() {
            let mut hasher = DefaultHasher::new();
            dn.hash(&mut hasher);
            self.fresh |= self.seen.insert(hasher.finish());
        }
        if self.found > MOST { Err(format!("more than {MOST} entries came")) } else { Ok(()) }
    }

    /// Whether there is another page, by the value of the control at the end of this one.
    pub fn is_another(&mut self, control: Option<&[u8]>) -> Result<bool, String> {
        let Some(value) = control.filter(|_| self.size.is_some()) else { return Ok(false) };
        self.cookie = cookie(value).ok_or("the control of a page could not be taken apart")?;
        if self.cookie.is_empty() {
            return Ok(false);
        }
        let fresh = std::mem::take(&mut self.fresh);
        self.fruitless = if fresh { 0 } else { self.fruitless + 1 };
        let repeated = !self.cookies.insert(self.cookie.clone());
        if repeated && !fresh {
            return Err("the pages do not go on: a cookie came again, and nobody new with it".to_owned());
        }
        if self.fruitless > FRUITLESS {
            return Err(format!("the pages do not end: {FRUITLESS} in a row brought nobody new"));
        }
        Ok(true)
    }
}

/// The cookie of `realSearchControlValue`: a size and a cookie (RFC 2696 §2).
fn cookie(value: &[u8]) -> Option<Vec<u8>> {
    ber::octets(ber::parts(ber::parse(value)?)?.into_iter().nth(1)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(cookie: &[u8]) -> Vec<u8> {
        ber::sequence(vec![integer(0), octet_string(cookie)])
    }

    /// Pages of these entries, each with its cookie; how many are read before an error, or all.
    #[track_caller]
    fn check(pages: impl IntoIterator<Item = (String, Vec<u8>)>, expect: Result<usize, usize>) {
        let (mut all, mut read) = (Pages::new(Some(1)), 0);
        for (entry, cookie) in pages {
            read += 1;
            if !entry.is_empty() {
                all.take(&entry).unwrap();
            }
            match all.is_another(Some(&done(&cookie))) {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => return assert_eq!(Err(read), expect),
            }
        }
        assert_eq!(Ok(read), expect);
    }

    #[test]
    fn pages_end() {
        let page = |entry: usize, cookie: &str| (format!("cn={entry}"), cookie.as_bytes().to_vec());
        check([page(1, "a"), page(2, "b"), page(3, "")], Ok(3));
        // The same cookie with new entries, as 389 Directory Server has it.
        check([page(1, "0"), page(2, "0"), page(3, "0"), page(4, "")], Ok(4));
        check([page(1, "a"), page(1, "a"), page(1, "a")], Err(2));
        check([page(1, "a"), page(2, "b"), page(1, "a"), page(2, "b")], Err(3));
        check((0..).map(|n| (String::new(), format!("{n}").into_bytes())), Err(FRUITLESS + 1));
        check((0..).map(|n| page(1, &n.to_string())), Err(FRUITLESS + 2));
    }

    #[test]
    fn what_is_malformed_is_an_error() {
        assert!(Pages::new(Some(1)).is_another(Some(&[0x30, 0x01, 0x02])).is_err());
        assert_eq!(Pages::new(Some(1)).is_another(None), Ok(false));
    }
}
