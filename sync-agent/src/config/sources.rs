//! One directory or several: what holds between them.

use std::path::Path;

use super::{ConfigError, raw::RawSource, source, wrong};
use crate::source::{flavour::Flavour, settings::SourceSettings};

/// The first and the others. With several each mistake names the one in which it stands.
pub(super) fn sources(
    raw: Vec<RawSource>,
    folder: &Path,
) -> Result<(SourceSettings, Vec<SourceSettings>), ConfigError> {
    let several = raw.len() > 1;
    let number = |n: usize, error: ConfigError| match error {
        ConfigError::Value { setting, reason } if several => {
            let setting = setting.strip_prefix("source").unwrap_or(&setting);
            ConfigError::Value { setting: format!("[[source]] {}: source{setting}", n + 1), reason }
        }
        other => other,
    };
    let read = raw.into_iter().enumerate().map(|(n, raw)| source(raw, folder).map_err(|error| number(n, error)));
    let mut read = read.collect::<Result<Vec<_>, _>>()?.into_iter();
    let first = read.next().ok_or_else(|| wrong("source", "names no directory; write a section [source]"))?;
    let others: Vec<SourceSettings> = read.collect();
    if several {
        together(&first, &others)?;
    }
    Ok((first, others))
}

/// A name has to say which directory holds it, and a login of a POSIX group whose account it is.
fn together(first: &SourceSettings, others: &[SourceSettings]) -> Result<(), ConfigError> {
    let all: Vec<&SourceSettings> = std::iter::once(first).chain(others).collect();
    for (n, one) in all.iter().enumerate() {
        let before = all.iter().take(n);
        let shared = before.flat_map(|other| bases(other)).find(|base| bases(one).any(|own| own == *base));
        if let Some(base) = shared {
            return Err(wrong(
                &format!("[[source]] {}: source.bases", n + 1),
                format!("{base} is a base of another source too; an entry belongs to one of them"),
            ));
        }
        if one.flavour.is_none() {
            return Err(wrong(
                &format!("[[source]] {}: source.flavour", n + 1),
                "is needed where there are several sources; write for example \"active-directory\"",
            ));
        }
    }
    let by_login = |flavour: &Flavour| flavour.member_attributes().1.is_some();
    if let [one, other, ..] = all.iter().filter_map(|one| one.flavour).filter(by_login).collect::<Vec<_>>()[..] {
        return Err(wrong(
            "source",
            format!(
                "two sources ({one} and {other}) can have POSIX groups, whose logins and numbers would be taken for those of the other directory; run one agent for each"
            ),
        ));
    }
    Ok(())
}

fn bases(source: &SourceSettings) -> impl Iterator<Item = &crate::dn::Dn> {
    source.users.bases.iter().chain(&source.groups.bases)
}

/// The kinds of directory that may be read. Where a server is to be asked for its own, it may be any.
pub(super) fn flavours(first: &SourceSettings, others: &[SourceSettings]) -> Vec<Flavour> {
    let mut flavours = Vec::new();
    for source in std::iter::once(first).chain(others) {
        let own = source.flavour.map_or_else(|| Flavour::all().to_vec(), |one| vec![one]);
        flavours.extend(own);
    }
    flavours
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::raw;

    fn read(sections: &[(&str, &str)]) -> Result<(SourceSettings, Vec<SourceSettings>), ConfigError> {
        let section = |(flavour, base): &(&str, &str)| {
            format!(
                "[[source]]\nurls = [\"ldapi://%2Frun\"]\n{flavour}\nbases = [\"{base}\"]\nbind = {{ external = true }}\ncanary = \"{base}\"\n"
            )
        };
        let text: String = sections.iter().map(section).collect();
        let rest = "[target]\nurl = \"https://a\"\ntoken_file = \"t\"\n[scope]\nusers = [\"*\"]\n";
        let path = Path::new("a.toml");
        sources(raw::parse(path, &format!("{text}{rest}"))?.source.0, path)
    }

    #[track_caller]
    fn check(sections: &[(&str, &str)], expect: Result<usize, &str>) {
        match (read(sections), expect) {
            (Ok((_, others)), Ok(number)) => assert_eq!(others.len() + 1, number),
            (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{error}"),
            (found, _) => panic!("{found:?}"),
        }
    }

    #[test]
    fn several_sources_are_told_apart() {
        let (ad, ldap) = ("flavour = \"active-directory\"", "flavour = \"openldap\"");
        check(&[("", "dc=a")], Ok(1));
        check(&[(ad, "dc=a"), (ad, "dc=b,dc=a"), (ldap, "dc=c")], Ok(3));
        check(&[(ad, "dc=a"), (ad, "DC=A")], Err("[[source]] 2: source.bases: dc=a is a base of another source"));
        check(&[(ad, "dc=a"), ("", "dc=b")], Err("[[source]] 2: source.flavour: is needed"));
        check(&[(ldap, "dc=a"), (ldap, "dc=b")], Err("two sources (openldap and openldap) can have POSIX groups"));
        check(&[(ad, "dc=a"), (ad, "nothing")], Err("[[source]] 2: source.canary"));
        check(&[(ad, "dc=a"), ("flavor = 1", "dc=b")], Err("did you mean \"flavour\"?"));
    }
}
