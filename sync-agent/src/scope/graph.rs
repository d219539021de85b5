//! Who is in which group: direct members, primary groups, and everybody within.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use crate::{
    population::Population,
    source::{Entry, Kind, SourceId},
};

/// The memberships of a population.
#[derive(Debug)]
pub struct Graph {
    groups: HashMap<SourceId, Vec<SourceId>>,
}

impl Graph {
    /// Builds it. A user's primary group holds the user, although its `member` does not say so.
    pub fn new(population: &Population) -> Self {
        let mut groups: HashMap<SourceId, Vec<SourceId>> =
            population.of(Kind::Group).map(|group| (group.entry.id, group.members.clone())).collect();
        let sids: BTreeMap<&[u8], SourceId> = population
            .of(Kind::Group)
            .filter_map(|group| Some((*group.entry.attributes().bytes("objectSid").first()?, group.entry.id)))
            .collect();
        for user in population.of(Kind::User) {
            let group = primary_group(&user.entry).and_then(|sid| sids.get(sid.as_slice()));
            if let Some(members) = group.and_then(|group| groups.get_mut(group)) {
                members.push(user.entry.id);
            }
        }
        Self { groups }
    }

    /// The direct members of a group.
    pub fn direct(&self, group: SourceId) -> &[SourceId] {
        self.groups.get(&group).map_or(&[], Vec::as_slice)
    }

    /// The shortest way from a group to somebody within it, both ends included.
    pub fn path(&self, from: SourceId, to: SourceId) -> Option<Vec<SourceId>> {
        let mut before: HashMap<SourceId, SourceId> = HashMap::new();
        let mut open = VecDeque::from([from]);
        while let Some(group) = open.pop_front() {
            for &member in self.direct(group) {
                if member != from && !before.contains_key(&member) {
                    before.insert(member, group);
                    open.push_back(member);
                }
            }
            if before.contains_key(&to) {
                let mut path = vec![to];
                while let Some(outer) = path.last().and_then(|last| before.get(last)) {
                    path.push(*outer);
                }
                path.reverse();
                return Some(path);
            }
        }
        None
    }

    /// Whether this is a group.
    pub fn is_group(&self, id: SourceId) -> bool {
        self.groups.contains_key(&id)
    }

    /// Every user within a group, through any number of groups, each once and sorted. Cycles end;
    /// an excluded group hides whom it holds, and an excluded user is left out.
    pub fn users_within(&self, group: SourceId, excluded: &BTreeSet<SourceId>) -> Vec<SourceId> {
        let mut seen = HashSet::from([group]);
        let mut open = vec![group];
        let mut users = Vec::new();
        while let Some(group) = open.pop() {
            for &member in self.direct(group) {
                if !excluded.contains(&member) && seen.insert(member) {
                    if self.is_group(member) { open.push(member) } else { users.push(member) }
                }
            }
        }
        users.sort_unstable();
        users
    }
}

/// The SID of a user's primary group: the user's own domain, and `primaryGroupID` as the last part
/// ([MS-ADTS] 3.1.1.4.5). A SID is two bytes, an authority of six, and parts of four bytes each.
fn primary_group(user: &Entry) -> Option<Vec<u8>> {
    let rid: u32 = user.attributes().text("primaryGroupID")?.parse().ok()?;
    let sid = user.attributes().bytes("objectSid").first().copied()?;
    let domain = sid.get(..sid.len().checked_sub(4)?)?;
    Some([domain, &rid.to_le_bytes()].concat())
}
