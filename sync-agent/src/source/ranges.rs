//! Members in ranges: a group of more than 1,500 members (MaxValRange of Active Directory) comes with
//! an empty `member` beside `member;range=0-1499`. The rest is asked for range by range after the
//! search, since a search within a search is what servers handle worst.

use std::time::Duration;

use ldap3::Ldap;

use super::{
    Attributes, DirectoryError, Entry, Member,
    search::{self, Search},
};

/// So many members a group may have.
const MOST: usize = 50_000_000;

/// Some of the members of a group.
#[derive(Debug, Default)]
pub struct Range {
    members: Vec<Member>,
    /// Where the next range begins; `None` after the last.
    next: Option<u64>,
}

/// Takes a range out of an entry that has one.
pub fn take(attributes: &mut Attributes) -> Option<Range> {
    let name = attributes.iter().map(|(name, _)| name).find(|name| name.starts_with("member;range="))?.to_owned();
    let (_, end) = name.strip_prefix("member;range=")?.split_once('-')?;
    let next = end.parse::<u64>().ok().map(|last| last + 1);
    Some(Range { members: attributes.take(&name).into_iter().map(Member::named).collect(), next })
}

/// Gives a group the members of its first range, and reads the others.
pub async fn complete(
    ldap: &mut Ldap,
    base: &str,
    timeout: Duration,
    entry: &mut Entry,
    first: Range,
) -> Result<(), DirectoryError> {
    entry.members.extend(first.members);
    let mut next = first.next;
    while let Some(from) = next {
        let attributes = [format!("member;range={from}-*")];
        let mut range = None;
        let search = Search::one(base, &attributes, timeout);
        search::search(ldap, &search, &mut |mut raw| range = take(&mut raw.attributes)).await?;
        // A group that has shrunk meanwhile has no such range: it ends here.
        let Range { members, next: following } = range.unwrap_or_default();
        // Members in a range that was not received would be removed from the group.
        let stuck = following.is_some_and(|following| following <= from);
        if stuck || entry.members.len() > MOST {
            return Err(search.refused(0, "the ranges of a group's members do not go on, or do not end"));
        }
        next = following;
        entry.members.extend(members);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expect: &str) {
        let mut attributes = Attributes::default();
        attributes.extend("member", []);
        attributes.extend(name, [b"cn=a".to_vec()]);
        let range = take(&mut attributes).map(|range| range.next);
        assert_eq!(format!("{range:?}"), expect, "{name}");
    }

    #[test]
    fn where_the_next_range_begins() {
        check("member;range=0-1499", "Some(Some(1500))");
        check("member;Range=1500-*", "Some(None)");
        check("memberUid", "None");
    }
}
