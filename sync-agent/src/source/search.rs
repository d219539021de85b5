//! The one way to search. Nothing else in the program may ask the LDAP library for entries.
//!
//! The library makes it easy to take a failure for the end. When the server ends a search with an
//! error, the stream just ends, and only its result has the code; when the connection drops in a
//! later page, the stream gives an error, and the result says 0: that of the page before. So here
//! both are looked at, in this order: no error from the stream, then result 0. Everything else is an
//! error, and what was returned until then is to be dropped.
//!
//! Searches are paged ([`super::paging`]): the library has no back-pressure, and servers refuse large
//! answers. Entries are taken apart here, without the library's own function, which panics on an
//! answer that is malformed.

use std::{mem, time::Duration};

use ldap3::{
    Ldap, LdapError, ResultEntry, Scope, SearchOptions, SearchStream,
    asn1::StructureTag,
    controls::{Control, RawControl},
};
use traces::Kind;

use super::{
    DirectoryError,
    ber::{octets, parts},
    entry::Attributes,
    paging::{self, Pages},
};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Search<'a> {
    /// The base: a DN, or `<GUID=…>` on Active Directory.
    pub base: &'a str,
    /// How deep.
    pub scope: Scope,
    /// The filter (RFC 4515).
    pub filter: &'a str,
    pub attributes: &'a [String],
    /// Entries a page; `None` for a search of one entry.
    pub page_size: Option<i32>,
    /// At most so many entries, after which the server ends with result 4; 0 for all.
    pub size_limit: i32,
    /// Request controls.
    pub controls: &'a [RawControl],
    /// How long the server may be silent.
    pub timeout: Duration,
}

impl<'a> Search<'a> {
    /// A search of one entry.
    pub const fn one(base: &'a str, attributes: &'a [String], timeout: Duration) -> Self {
        Self {
            base,
            scope: Scope::Base,
            filter: "(objectClass=*)",
            attributes,
            page_size: None,
            size_limit: 0,
            controls: &[],
            timeout,
        }
    }
}

/// One message of an answer.
#[derive(Debug, Clone)]
pub enum SearchMessage {
    /// An entry, with the controls on it.
    Entry(RawEntry, Vec<Control>),
    /// An intermediate message (RFC 4511 §4.13).
    Info(StructureTag),
}

/// What stands at the end of an answer that was whole.
#[derive(Debug, Clone, Default)]
pub struct SearchDone {
    /// References to other servers, which were not followed.
    pub referrals: Vec<String>,
    /// The controls of the result.
    pub controls: Vec<Control>,
}

impl SearchDone {
    /// The value of a response control.
    pub fn control(&self, oid: &str) -> Option<&[u8]> {
        value(&self.controls, oid)
    }
}

/// The value of the control of this name.
pub fn value<'a>(controls: &'a [Control], oid: &str) -> Option<&'a [u8]> {
    controls.iter().find(|Control(_, raw)| raw.ctype == oid).and_then(|Control(_, raw)| raw.val.as_deref())
}

/// An entry, not yet understood.
#[derive(Debug, Clone)]
pub struct RawEntry {
    pub dn: String,
    pub attributes: Attributes,
}

/// How a search ended well.
#[derive(Debug, Clone)]
pub enum End {
    Whole(SearchDone),
    /// The base does not exist (result 32). For a search of one entry this is an answer; for any
    /// other it is a mistake in the configuration, or a loss of rights.
    NoSuchObject,
}

impl Search<'_> {
    fn lost(&self, source: LdapError) -> DirectoryError {
        DirectoryError::lost(format!("the search beneath {}", self.base), source)
    }

    /// The error of a result code.
    pub fn refused(&self, code: u32, reason: impl Into<String>) -> DirectoryError {
        DirectoryError::Search {
            base: self.base.to_owned(),
            filter: self.filter.to_owned(),
            code,
            reason: reason.into(),
        }
    }
}

/// Searches, gives each entry to `take`, and returns only when the end is proved.
pub async fn search(
    ldap: &mut Ldap,
    search: &Search<'_>,
    take: &mut (dyn FnMut(RawEntry) + Send),
) -> Result<End, DirectoryError> {
    answers(ldap, search, &mut |answer| {
        if let SearchMessage::Entry(entry, _) = answer {
            take(entry);
        }
    })
    .await
}

/// Searches, gives each message to `take`, and returns only when the end is proved.
pub async fn answers(
    ldap: &mut Ldap,
    search: &Search<'_>,
    take: &mut (dyn FnMut(SearchMessage) + Send),
) -> Result<End, DirectoryError> {
    let Some(mut span) = traces::child("ldap.search", Kind::Client) else { return all(ldap, search, take).await };
    span.note("ldap.scope", words(search.scope));
    let mut entries = 0_i64;
    let mut counted = |message: SearchMessage| {
        entries += i64::from(matches!(message, SearchMessage::Entry(..)));
        take(message);
    };
    let end = all(ldap, search, &mut counted).await;
    span.note("ldap.entries", entries);
    match &end {
        Ok(_) => {}
        Err(DirectoryError::Search { code, .. }) => span.fail(code.to_string()),
        Err(_) => span.fail("lost"),
    }
    end
}

/// How deep a search goes, as in a URL (RFC 4516 §2).
fn words(scope: Scope) -> &'static str {
    match scope {
        Scope::Base => "base",
        Scope::OneLevel => "one",
        Scope::Subtree => "sub",
    }
}

async fn all(
    ldap: &mut Ldap,
    search: &Search<'_>,
    take: &mut (dyn FnMut(SearchMessage) + Send),
) -> Result<End, DirectoryError> {
    let endless = |reason| search.refused(0, reason);
    let mut pages = Pages::new(search.page_size);
    let mut referrals = Vec::new();
    loop {
        ldap.with_timeout(search.timeout);
        let mut stream = open(ldap, search, pages.request()).await?;
        while let Some(answer) = stream.next().await.map_err(|error| search.lost(error))? {
            match sort(answer) {
                Sorted::Reference(urls) => referrals.extend(urls),
                Sorted::Message(answer) => {
                    if let SearchMessage::Entry(entry, _) = &answer {
                        pages.take(&entry.dn).map_err(endless)?;
                    }
                    take(answer);
                }
                Sorted::Malformed => return Err(search.refused(0, "an answer could not be taken apart")),
            }
        }
        let result = stream.finish().await;
        match result.rc {
            0 => {}
            32 => return Ok(End::NoSuchObject),
            code => return Err(search.refused(code, in_words(code, &result.text))),
        }
        let done = SearchDone { referrals: mem::take(&mut referrals), controls: result.ctrls };
        if !pages.is_another(done.control(paging::OID)).map_err(endless)? {
            return Ok(End::Whole(done));
        }
        referrals = done.referrals;
    }
}

/// A search that does not end by itself: each message is awaited for as long as it takes.
pub struct Endless {
    stream: SearchStream<'static, String, Vec<String>>,
    base: String,
    filter: String,
}

impl Endless {
    /// Begins one.
    pub async fn open(ldap: &mut Ldap, search: &Search<'_>) -> Result<Self, DirectoryError> {
        let stream = open(ldap, search, None).await?;
        Ok(Self { stream, base: search.base.to_owned(), filter: search.filter.to_owned() })
    }

    /// The next message. That the search ended is an error, whatever its result.
    pub async fn next(&mut self) -> Result<SearchMessage, DirectoryError> {
        let search = Search { filter: &self.filter, ..Search::one(&self.base, &[], Duration::ZERO) };
        loop {
            let Some(answer) = self.stream.next().await.map_err(|error| search.lost(error))? else {
                let result = self.stream.finish().await;
                return Err(search.refused(result.rc, in_words(result.rc, &result.text)));
            };
            match sort(answer) {
                Sorted::Message(answer) => return Ok(answer),
                Sorted::Reference(_) => {}
                Sorted::Malformed => return Err(search.refused(0, "an answer could not be taken apart")),
            }
        }
    }
}

async fn open(
    ldap: &mut Ldap,
    search: &Search<'_>,
    page: Option<RawControl>,
) -> Result<SearchStream<'static, String, Vec<String>>, DirectoryError> {
    let controls: Vec<RawControl> = search.controls.iter().cloned().chain(page).collect();
    if search.size_limit > 0 {
        ldap.with_search_options(SearchOptions::new().sizelimit(search.size_limit));
    }
    if !controls.is_empty() {
        ldap.with_controls(controls);
    }
    let opened = ldap.streaming_search(search.base, search.scope, search.filter, search.attributes.to_vec()).await;
    opened.map_err(|error| match error {
        LdapError::FilterParsing => search.refused(0, "the filter cannot be parsed"),
        error => search.lost(error),
    })
}

enum Sorted {
    Message(SearchMessage),
    Reference(Vec<String>),
    Malformed,
}

fn sort(answer: ResultEntry) -> Sorted {
    if answer.is_ref() {
        Sorted::Reference(texts(answer.0))
    } else if answer.is_intermediate() {
        Sorted::Message(SearchMessage::Info(answer.0))
    } else {
        entry(answer.0).map_or(Sorted::Malformed, |entry| Sorted::Message(SearchMessage::Entry(entry, answer.1)))
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
        32 => "there is no such entry",
        34 => "the DN is malformed",
        49 => active_directory_says(said)
            .unwrap_or("the name or the password is wrong, or the account is disabled, expired or locked"),
        50 => "the account has no right to this",
        51 => "the server is busy",
        52 => "the server is unavailable",
        53 => "the server is unwilling",
        _ => "an error of the server",
    };
    let said = said.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    if said.is_empty() { words.to_owned() } else { format!("{words}; it said: {said}") }
}

/// What Active Directory says of a refused bind: `…, data 533, v4563`. The numbers are error codes of Windows
/// ([MS-ERREF] 2.2), in hexadecimal.
fn active_directory_says(said: &str) -> Option<&'static str> {
    let code = said.split_once("data ")?.1.split(|c: char| !c.is_ascii_alphanumeric()).next()?;
    Some(match code.to_ascii_lowercase().as_str() {
        "525" => "there is no such account",
        "52e" => "the password is wrong",
        "52f" | "531" => "the account may not sign in from here: look at its restrictions",
        "530" => "the account may not sign in at this time: look at its logon hours",
        "532" => "the password of the account has expired: set a new one",
        "533" => "the account is disabled: enable it",
        "534" => "the account has not been granted this kind of sign-in",
        "701" => "the account has expired: prolong it",
        "773" => "the account must change its password first: set one, without \"must change at next logon\"",
        "775" => "the account is locked: unlock it, and see who tries wrong passwords",
        _ => return None,
    })
}

/// SearchResultEntry (RFC 4511 §4.5.2): a name, and a sequence of type and set of values.
fn entry(tag: StructureTag) -> Option<RawEntry> {
    let mut inner = parts(tag)?.into_iter();
    let dn = String::from_utf8(octets(inner.next()?)?).ok()?;
    let mut attributes = Vec::new();
    for attribute in parts(inner.next()?)? {
        let mut inner = parts(attribute)?.into_iter();
        let name = String::from_utf8(octets(inner.next()?)?).ok()?;
        let values = parts(inner.next()?)?.into_iter().map(octets).collect::<Option<Vec<_>>>()?;
        attributes.push((name, values));
    }
    Some(RawEntry { dn, attributes: Attributes::new(&attributes) })
}

/// SearchResultReference (RFC 4511 §4.5.3): a sequence of URIs.
fn texts(tag: StructureTag) -> Vec<String> {
    let parts = parts(tag).unwrap_or_default().into_iter().filter_map(octets);
    parts.filter_map(|bytes| String::from_utf8(bytes).ok()).collect()
}
