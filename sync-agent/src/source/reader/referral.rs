//! References to other servers (RFC 4511 §4.5.3): followed, refused or reported, never lost.
//!
//! Following one opens a connection with the account and the TLS settings of the configuration: the
//! directory decides to whom the account's password goes, which is said each time. How it travels is not
//! the directory's to decide: a password follows a reference by TLS or not at all, also where the
//! configuration allows plain text to the servers that it names itself.

use ldap3::Scope;
use percent_encoding::percent_decode_str;

use crate::{
    dn::Dn,
    problem::{Code, Problem},
    source::{
        DirectoryError, Sink,
        reader::{LdapReader, SearchPlace},
        settings::{Bind, Referrals},
    },
};

/// How many references in a row are followed.
const DEPTH: usize = 3;

/// A reference, taken apart (RFC 4516).
#[derive(Debug, Clone, PartialEq)]
struct ReferralUrl {
    server: String,
    base: Option<String>,
    scope: Option<Scope>,
}

/// Does with the references of a search what the configuration says.
pub async fn handle(
    reader: &mut LdapReader,
    place: &SearchPlace,
    urls: Vec<String>,
    sink: &mut Sink<'_>,
) -> Result<(), DirectoryError> {
    for url in urls {
        let reference = ReferralUrl::parse(&url);
        if reference.as_ref().is_some_and(ReferralUrl::is_partition) {
            continue;
        }
        match (reader.settings.referrals, reference) {
            (Referrals::Refuse, _) => {
                return Err(DirectoryError::Settings(format!(
                    "the search beneath {} leads on to {url}, and source.referrals = \"refuse\" forbids to go without it",
                    place.base
                )));
            }
            (Referrals::Follow, Some(reference)) if reader.depth < DEPTH => {
                follow(reader, place, reference, sink).await?;
            }
            _ => reader.report(Problem {
                code: Code::ReferralNotFollowed,
                subject: None,
                message: format!(
                    "the search beneath {} leads on to {url}, which was not followed; say source.referrals = \"follow\", or name a base there",
                    place.base
                ),
            }),
        }
    }
    Ok(())
}

async fn follow(
    reader: &mut LdapReader,
    place: &SearchPlace,
    reference: ReferralUrl,
    sink: &mut Sink<'_>,
) -> Result<(), DirectoryError> {
    let (server, start_tls) = protected(&reference.server, &reader.connection.url, reader.settings.tls.start_tls);
    if matches!(reader.settings.bind, Bind::Simple { .. }) {
        tracing::warn!(server, "a referral is followed: the account's password is sent there by TLS");
    }
    let mut there = reader.elsewhere(server, start_tls).await?;
    let place = SearchPlace {
        base: reference.base.unwrap_or_else(|| place.base.clone()),
        scope: reference.scope.unwrap_or(place.scope),
        ..place.clone()
    };
    let read = Box::pin(there.read_place(&place, sink)).await;
    reader.followed = true;
    there.problems.drain(..).for_each(|problem| reader.report(problem));
    read
}

/// How the server of a reference is reached, and whether StartTLS is used there: by TLS, as the server
/// that named it where that has a port of its own for TLS, and else by StartTLS.
fn protected(server: &str, from: &str, start_tls: bool) -> (String, bool) {
    let Some(host) = server.strip_prefix("ldap://") else { return (server.to_owned(), start_tls) };
    let bare = host.strip_suffix(":389").unwrap_or(host);
    let has_port = bare.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
    if from.starts_with("ldaps://") && !has_port {
        return (format!("ldaps://{bare}"), start_tls);
    }
    (server.to_owned(), true)
}

impl LdapReader {
    /// Keeps a record, once.
    fn report(&mut self, problem: Problem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}

impl ReferralUrl {
    /// `ldap://host:port/dn?attributes?scope?filter`; of these, the filter stays ours.
    fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (host, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let mut parts = rest.split('?');
        let base = percent_decode_str(parts.next()?).decode_utf8().ok()?.into_owned();
        let scope = match parts.nth(1) {
            Some("base") => Some(Scope::Base),
            Some("one") => Some(Scope::OneLevel),
            Some("sub") => Some(Scope::Subtree),
            _ => None,
        };
        Some(Self {
            server: format!("{}://{host}", scheme.to_ascii_lowercase()),
            base: Some(base).filter(|base| !base.is_empty()),
            scope,
        })
    }

    /// Whether this leads to a partition of Active Directory in which there are no people: its
    /// configuration and its DNS zones. Every search from the root of a domain shows these.
    fn is_partition(&self) -> bool {
        const PARTITIONS: [&str; 3] = ["cn=configuration,dc=", "dc=domaindnszones,dc=", "dc=forestdnszones,dc="];
        self.base.as_deref().is_some_and(|base| {
            let base = base.to_ascii_lowercase();
            Dn::parse(&base).is_ok() && PARTITIONS.iter().any(|partition| base.starts_with(partition))
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::source::reader::referral::*;

    #[track_caller]
    fn check(url: &str, server: &str, base: Option<&str>, scope: Option<Scope>, partition: bool) {
        let reference = ReferralUrl::parse(url).unwrap();
        assert_eq!(reference, ReferralUrl { server: server.into(), base: base.map(Into::into), scope });
        assert_eq!(reference.is_partition(), partition, "{url}");
    }

    #[test]
    fn a_reference_is_followed_by_tls_or_not_at_all() {
        for (server, from, expect) in [
            ("ldap://b.test", "ldaps://a.test", ("ldaps://b.test", false)),
            ("ldap://b.test:389", "ldaps://a.test:636", ("ldaps://b.test", false)),
            ("ldap://[::1]:389", "ldaps://a.test", ("ldaps://[::1]", false)),
            ("ldap://[::1]", "ldaps://a.test", ("ldaps://[::1]", false)),
            ("ldap://b.test:3890", "ldaps://a.test", ("ldap://b.test:3890", true)),
            ("ldap://b.test", "ldap://a.test", ("ldap://b.test", true)),
            ("ldap://b.test", "ldapi://%2Frun%2Fldapi", ("ldap://b.test", true)),
            ("ldaps://b.test", "ldap://a.test", ("ldaps://b.test", false)),
        ] {
            let (server, start_tls) = protected(server, from, false);
            assert_eq!((server.as_str(), start_tls), expect, "{from}");
        }
    }

    #[test]
    fn references_are_taken_apart() {
        check(
            "ldap://a.test/CN=Configuration,DC=a,DC=test",
            "ldap://a.test",
            Some("CN=Configuration,DC=a,DC=test"),
            None,
            true,
        );
        check("LDAPS://b.test:636/dc=b%20c??one", "ldaps://b.test:636", Some("dc=b c"), Some(Scope::OneLevel), false);
        check("ldap://b.test", "ldap://b.test", None, None, false);
        assert_eq!(ReferralUrl::parse("nonsense"), None);
    }
}
