//! The one way to search. Nothing else in the program may ask the LDAP library for entries.
//!
//! The library makes it easy to take a failure for the end. When the server ends a search with an
//! error, the stream just ends, and only its result has the code; when the connection drops in a
//! later page, the stream gives an error, and the result says 0: that of the page before. So here
//! both are looked at, in this order: no error from the stream, then result 0. Everything else is an
//! error, and what was returned until then is to be dropped.
//!
//! Searches are paged (RFC 2696): the library has no back-pressure, and servers refuse large
//! answers. Entries are taken apart here, without the library's own function, which panics on an
//! answer that is malformed.

use std::time::Duration;

use ldap3::{
    Ldap, LdapError, Scope,
    adapters::{Adapter, PagedResults},
    asn1::{PL, StructureTag},
};

use super::{DirectoryError, entry::Attributes};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Search<'a> {
    /// The base: a DN, or `<GUID=…>` on Active Directory.
    pub base: &'a str,
    /// How deep.
    pub scope: Scope,
    /// The filter (RFC 4515).
    pub filter: &'a str,
    /// The attributes.
    pub attributes: &'a [String],
    /// Entries a page; `None` for a search of one entry.
    pub page_size: Option<i32>,
    /// How long the server may be silent.
    pub timeout: Duration,
}

/// An entry, not yet understood.
#[derive(Debug, Clone)]
pub struct RawEntry {
    /// Its DN.
    pub dn: String,
    /// Its attributes.
    pub attributes: Attributes,
}

/// How a search ended well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It was whole; these are the referrals in it, which were not followed.
    Whole(Vec<String>),
    /// The base does not exist (result 32). For a search of one entry this is an answer; for any
    /// other it is a mistake in the configuration, or a loss of rights.
    NoSuchObject,
}

/// Searches, gives each entry to `take`, and returns only when the end is proved.
pub async fn search(
    ldap: &mut Ldap,
    search: &Search<'_>,
    take: &mut (dyn FnMut(RawEntry) + Send),
) -> Result<End, DirectoryError> {
    let lost = |error: &LdapError| DirectoryError::Lost {
        during: format!("the search beneath {}", search.base),
        reason: error.to_string(),
    };
    let refused = |code, reason: String| DirectoryError::Search {
        base: search.base.to_owned(),
        filter: search.filter.to_owned(),
        code,
        reason,
    };
    let paging: Vec<Box<dyn Adapter<'_, String, Vec<String>>>> =
        search.page_size.into_iter().map(|size| Box::new(PagedResults::new(size)) as Box<_>).collect();
    let opened = ldap
        .with_timeout(search.timeout)
        .streaming_search_with(paging, search.base, search.scope, search.filter, search.attributes.to_vec())
        .await;
    let mut stream = match opened {
        Ok(stream) => stream,
        Err(LdapError::FilterParsing) => return Err(refused(0, "the filter cannot be parsed".to_owned())),
        Err(error) => return Err(lost(&error)),
    };
    let mut referrals = Vec::new();
    while let Some(answer) = stream.next().await.map_err(|error| lost(&error))? {
        if answer.is_ref() {
            referrals.extend(texts(answer.0));
        } else if !answer.is_intermediate() {
            let entry = entry(answer.0);
            take(entry.ok_or_else(|| refused(0, "an answer could not be taken apart".to_owned()))?);
        }
    }
    let result = stream.finish().await;
    match result.rc {
        0 => Ok(End::Whole(referrals)),
        32 => Ok(End::NoSuchObject),
        code => Err(refused(code, in_words(code, &result.text))),
    }
}

/// A result code in words, with what the server said and what to do about it.
pub fn in_words(code: u32, said: &str) -> String {
    let words = match code {
        1 => "operations error: Active Directory says this before a bind",
        3 => "the server's time limit was reached",
        4 => "the server's size limit was reached: grant the account paged searches, or lower source.page_size",
        8 | 13 => "the server wants TLS: use ldaps:// or source.tls.start_tls",
        10 => "the server refers to another one",
        11 => "an administrative limit was reached: lower source.page_size",
        34 => "the DN is malformed",
        49 => "the name or the password is wrong, or the account is disabled, expired or locked",
        50 => "the account has no right to this",
        51 => "the server is busy",
        52 => "the server is unavailable",
        53 => "the server is unwilling",
        _ => "an error of the server",
    };
    let said = said.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    if said.is_empty() { words.to_owned() } else { format!("{words}; it said: {said}") }
}

/// SearchResultEntry (RFC 4511 §4.5.2): a name, and a sequence of type and set of values.
fn entry(tag: StructureTag) -> Option<RawEntry> {
    let mut parts = children(tag)?.into_iter();
    let dn = String::from_utf8(octets(parts.next()?)?).ok()?;
    let mut attributes = Attributes::default();
    for attribute in children(parts.next()?)? {
        let mut parts = children(attribute)?.into_iter();
        let name = String::from_utf8(octets(parts.next()?)?).ok()?;
        let values = children(parts.next()?)?.into_iter().map(octets).collect::<Option<Vec<_>>>()?;
        attributes.extend(&name, values);
    }
    Some(RawEntry { dn, attributes })
}

/// SearchResultReference (RFC 4511 §4.5.3): a sequence of URIs.
fn texts(tag: StructureTag) -> Vec<String> {
    let parts = children(tag).unwrap_or_default().into_iter().filter_map(octets);
    parts.filter_map(|bytes| String::from_utf8(bytes).ok()).collect()
}

fn children(tag: StructureTag) -> Option<Vec<StructureTag>> {
    match tag.payload {
        PL::C(children) => Some(children),
        PL::P(_) => None,
    }
}

fn octets(tag: StructureTag) -> Option<Vec<u8>> {
    match tag.payload {
        PL::P(octets) => Some(octets),
        PL::C(_) => None,
    }
}
