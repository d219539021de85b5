//! The memberships of groups: direct members, primary groups, and the members of nested groups.
//!
//! Where it cannot be said whom a membership means (two people of one login, two groups of one number)
//! it is undecided: such a membership brings nobody in, and sends nobody away.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use crate::{
    identity::{Kind, SourceId},
    population::{Observed, Population},
    source::Entry,
};

/// The memberships of a population.
#[derive(Debug)]
pub struct Graph {
    groups: HashMap<SourceId, Vec<SourceId>>,
    undecided: HashMap<SourceId, Vec<SourceId>>,
    /// Numbers of POSIX groups that several groups have, and that are somebody's primary group.
    shared: BTreeMap<String, Vec<SourceId>>,
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
        let ambiguous = |group: &Observed| group.ambiguous.iter().flat_map(|one| one.people.clone()).collect();
        let undecided = population.of(Kind::Group).filter(|group| !group.ambiguous.is_empty());
        let undecided = undecided.map(|group| (group.entry.id, ambiguous(group))).collect();
        let mut graph = Self { groups, undecided, shared: BTreeMap::new() };
        graph.add_posix(population);
        graph
    }

    /// The members by `gidNumber`: a POSIX group holds the accounts whose primary group it is, although
    /// `memberUid` does not name them (RFC 2307 §2). Active Directory has `primaryGroupID` for that.
    fn add_posix(&mut self, population: &Population) {
        let gid = |observed: &Observed| {
            let attributes = observed.entry.attributes();
            let windows = !attributes.bytes("objectSid").is_empty();
            attributes.text("gidNumber").filter(|_| !windows).and_then(|text| text.trim().parse::<u32>().ok())
        };
        let mut by_gid: HashMap<u32, Vec<SourceId>> = HashMap::new();
        for group in population.of(Kind::Group) {
            if let Some(gid) = gid(group) {
                by_gid.entry(gid).or_default().push(group.entry.id);
            }
        }
        for user in population.of(Kind::User) {
            if user.hides("gidnumber") {
                for group in by_gid.values().flatten() {
                    self.undecided.entry(*group).or_default().push(user.entry.id);
                }
            }
            let Some(gid) = gid(user) else { continue };
            match by_gid.get(&gid).map_or(&[][..], Vec::as_slice) {
                [] => {}
                [group] => self.groups.entry(*group).or_default().push(user.entry.id),
                several => {
                    self.shared.entry(gid.to_string()).or_insert_with(|| several.to_vec());
                    for group in several {
                        self.undecided.entry(*group).or_default().push(user.entry.id);
                    }
                }
            }
        }
    }

    /// Numbers that several POSIX groups share while they are somebody's primary group.
    pub fn shared(&self) -> impl Iterator<Item = (&str, &[SourceId])> {
        self.shared.iter().map(|(gid, groups)| (gid.as_str(), groups.as_slice()))
    }

    /// Those who may be direct members of a group; it cannot be determined.
    pub fn undecided(&self, group: SourceId) -> &[SourceId] {
        self.undecided.get(&group).map_or(&[], Vec::as_slice)
    }

    /// Those who may be in a group or in one nested in it; it cannot be determined.
    pub fn undecided_within(&self, group: SourceId, excluded: &BTreeSet<SourceId>) -> Vec<SourceId> {
        if self.undecided.is_empty() {
            return Vec::new();
        }
        let mut seen = HashSet::from([group]);
        let mut open = vec![group];
        let mut undecided = Vec::new();
        while let Some(group) = open.pop() {
            undecided.extend(self.undecided(group));
            let groups = self.direct(group).iter().filter(|id| self.is_group(**id) && !excluded.contains(id));
            open.extend(groups.filter(|id| seen.insert(**id)));
        }
        undecided
    }

    /// Whether a group is one of these, or has one of them within it.
    pub fn any_within(&self, group: SourceId, these: &BTreeSet<SourceId>) -> bool {
        if these.is_empty() {
            return false;
        }
        let mut seen = HashSet::from([group]);
        let mut open = vec![group];
        while let Some(group) = open.pop() {
            if these.contains(&group) {
                return true;
            }
            open.extend(self.direct(group).iter().copied().filter(|id| self.is_group(*id) && seen.insert(*id)));
        }
        false
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
