//! The scope: which users and groups of the population are in scope, through which chain, and
//! which users each group has at the target.
//!
//! Pure: a population and a [`Scope`] go in, a [`Selection`] comes out. The chain of each choice is
//! kept, because `explain` must be able to tell it. [`graph`] knows the memberships: direct ones,
//! those through primary groups, and their closure through nested groups and cycles.

pub mod filter;
pub mod graph;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use scim_protocol::value::fold_cow;

use crate::{
    dn::Dn,
    identity::{Kind, SourceId},
    population::{Observed, Population, Unresolved},
    problem::{Code, Problem, Subject},
    spaces::insignificant_removed,
};

use filter::Filter;
use graph::Graph;

/// One line of a list in `[scope]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// `*`: every entry that the source reads.
    Everything,
    /// The identity.
    Id(SourceId),
    /// A login or a common name, without regard to case or Unicode normalisation; and where the text
    /// is one, the DN. A name may look like a DN (`R=D`), so both are tried.
    Name {
        /// As it is written.
        text: String,
        /// What it is as a DN.
        dn: Option<Dn>,
    },
    /// `(department=Sales)`: a filter over the attributes of the entry.
    Filter(Filter),
}

impl Selector {
    /// Reads `*`, a UUID, a filter in parentheses, or else a name or DN.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text == "*" {
            return Ok(Self::Everything);
        }
        if text.is_empty() {
            return Err("an empty name means nobody".to_owned());
        }
        if text.starts_with('(') {
            return Filter::parse(text).map(Self::Filter);
        }
        let name = || Self::Name { text: text.to_owned(), dn: Dn::parse(text).ok() };
        Ok(SourceId::parse(text).map_or_else(name, Self::Id))
    }

    /// Whether it means this entry.
    pub fn matches(&self, observed: &Observed) -> bool {
        let entry = &observed.entry;
        match self {
            Self::Everything => true,
            Self::Id(id) => *id == entry.id,
            Self::Filter(filter) => filter.matches(entry),
            Self::Name { text, dn } => {
                let name = spelt(text);
                let named = |attribute| entry.attributes().texts(attribute).any(|text| spelt(text) == name);
                dn.as_ref() == Some(&entry.dn) || NAMES.into_iter().any(named)
            }
        }
    }
}

/// A name as it is compared: without regard to case, Unicode normalisation, and spaces that do not count.
fn spelt(text: &str) -> Cow<'_, str> {
    match insignificant_removed(text) {
        Cow::Borrowed(text) => fold_cow(text),
        Cow::Owned(text) => Cow::Owned(fold_cow(&text).into_owned()),
    }
}

/// The attributes by which an entry is named.
pub const NAMES: [&str; 4] = ["samaccountname", "userprincipalname", "uid", "cn"];

impl std::fmt::Display for Selector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Everything => f.write_str("*"),
            Self::Id(id) => id.fmt(f),
            Self::Name { text, .. } => f.write_str(text),
            Self::Filter(filter) => filter.fmt(f),
        }
    }
}

/// How nested groups appear at the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Nesting {
    /// Each group has every user that it holds through other groups.
    #[default]
    Flattened,
    /// A group has its direct users, and groups as members.
    Nested,
}

/// `[scope]`, as meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Users in scope for themselves.
    pub users: Vec<Selector>,
    /// Groups in scope, with their members and the groups within them.
    pub groups: Vec<Selector>,
    /// The group whose members are in scope, all of them, but which is not itself at the target.
    pub parent: Option<Selector>,
    /// What is never in scope, whatever else says so.
    pub exclude: Vec<Selector>,
    /// Members of groups that mean nobody and are not told: a directory's filling for empty groups.
    pub nobodies: Vec<Dn>,
    /// How nested groups appear.
    pub nesting: Nesting,
}

impl Scope {
    /// The DNs that its lines name, or may name.
    pub fn names(&self) -> Vec<Dn> {
        let lists = [&self.users, &self.groups, &self.exclude].into_iter().flatten().chain(&self.parent);
        let names = lists.filter_map(|selector| match selector {
            Selector::Name { text, dn } if text.contains('=') => dn.clone(),
            _ => None,
        });
        names.collect()
    }

    /// The attributes that its filters read, in lower case.
    pub fn attributes(&self) -> Vec<String> {
        let lists = [&self.users, &self.groups, &self.exclude].into_iter().flatten().chain(&self.parent);
        let filters = lists.filter_map(|selector| match selector {
            Selector::Filter(filter) => Some(filter.attributes()),
            _ => None,
        });
        filters.flatten().collect()
    }
}

/// Why an object is in scope. Following `Member` from group to group gives the whole chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    /// A line of the scope means it.
    Selector(Selector),
    /// It is a member of the parent group.
    Parent(SourceId),
    /// It is a member, direct or nested, of this group in scope.
    Member(SourceId),
}

/// A group in scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// Why.
    pub via: Via,
    /// Its members at the target: users, and with [`Nesting::Nested`] also groups. Sorted.
    pub members: Vec<SourceId>,
    /// Those who may be members; it cannot be determined. Those who are members at the target stay. Sorted.
    pub undecided: Vec<SourceId>,
    /// Whether it names somebody who cannot be read, itself or by a group within.
    pub names_unseen: bool,
}

/// The users and groups in scope.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Users, and why.
    pub users: BTreeMap<SourceId, Via>,
    /// Groups, why, and with whom.
    pub groups: BTreeMap<SourceId, Chosen>,
    /// Users of whom it cannot be said whether a group in scope holds them, and whom nothing else brings
    /// in: whoever was written stays as he is.
    pub undecided: BTreeSet<SourceId>,
    /// SelectorIndex of the scope that mean nobody; members that could not be resolved.
    pub problems: Vec<Problem>,
}

/// Finds who is in scope.
pub fn select(population: &Population, scope: &Scope) -> Selection {
    let graph = Graph::new(population);
    let exclude = SelectorIndex::new(&scope.exclude, population);
    let excluded: BTreeSet<SourceId> = population
        .iter()
        .filter(|observed| !exclude.meaning(observed).is_empty())
        .map(|observed| observed.entry.id)
        .collect();
    let mut selection = Selection::default();
    let mut groups = chosen(population, &scope.groups, Kind::Group, &mut selection.problems);
    selection.users = chosen(population, &scope.users, Kind::User, &mut selection.problems);
    if let Some(parent) = &scope.parent {
        for (top, _) in chosen(population, std::slice::from_ref(parent), Kind::Group, &mut selection.problems) {
            selection.undecided.extend(graph.undecided(top));
            for &member in graph.direct(top) {
                let within = if graph.is_group(member) { &mut groups } else { &mut selection.users };
                within.entry(member).or_insert(Via::Parent(top));
            }
        }
    }
    groups.retain(|id, _| !excluded.contains(id));
    let mut open: Vec<SourceId> = groups.keys().copied().collect();
    while let Some(group) = open.pop() {
        for &member in graph.direct(group) {
            if graph.is_group(member) && !excluded.contains(&member) && !groups.contains_key(&member) {
                groups.insert(member, Via::Member(group));
                open.push(member);
            }
        }
    }
    let blind: BTreeSet<SourceId> =
        population.of(Kind::Group).filter(|group| names_unseen(group, scope)).map(|group| group.entry.id).collect();
    for (id, via) in groups {
        let closure = graph.users_within(id, &excluded);
        for &user in &closure {
            selection.users.entry(user).or_insert(Via::Member(id));
        }
        let (mut members, mut undecided) = match scope.nesting {
            Nesting::Flattened => (closure, graph.undecided_within(id, &excluded)),
            Nesting::Nested => (graph.direct(id).to_vec(), graph.undecided(id).to_vec()),
        };
        members.retain(|member| *member != id && !excluded.contains(member));
        members.sort_unstable();
        members.dedup();
        undecided.retain(|member| members.binary_search(member).is_err() && !excluded.contains(member));
        undecided.sort_unstable();
        undecided.dedup();
        selection.undecided.extend(graph.undecided_within(id, &excluded));
        selection.problems.extend(unresolved(population, scope, id));
        selection.problems.extend(ambiguous(population, id));
        let names_unseen = graph.any_within(id, &blind);
        selection.groups.insert(id, Chosen { via, members, undecided, names_unseen });
    }
    selection.users.retain(|id, _| !excluded.contains(id));
    let users = &selection.users;
    selection.undecided.retain(|id| !excluded.contains(id) && !users.contains_key(id));
    selection.problems.extend(shared_numbers(population, &graph, &selection.groups));
    selection
}

/// The entries that the lines of a list mean, and for each the first such line.
fn chosen(
    population: &Population,
    selectors: &[Selector],
    kind: Kind,
    problems: &mut Vec<Problem>,
) -> BTreeMap<SourceId, Via> {
    let lines = SelectorIndex::new(selectors, population);
    let mut used = BTreeSet::new();
    let mut chosen = BTreeMap::new();
    for observed in population.of(kind) {
        let meant = lines.meaning(observed);
        if let Some(selector) = meant.first().and_then(|n| selectors.get(*n)) {
            chosen.insert(observed.entry.id, Via::Selector(selector.clone()));
        }
        used.extend(meant);
    }
    let unused = selectors.iter().enumerate().filter(|(n, _)| !used.contains(n));
    problems.extend(unused.filter(|(_, selector)| **selector != Selector::Everything).map(|(_, selector)| Problem {
        code: Code::ScopeNotFound,
        subject: None,
        message: format!(
            "the scope names the {kind} {selector}, and the directory shows no such {kind} beneath the bases"
        ),
    }));
    chosen
}

/// The lines of a list, so that an entry finds those that mean it without asking each: a scope may
/// name thousands.
#[derive(Debug, Default)]
struct SelectorIndex<'a> {
    by_name: HashMap<Cow<'a, str>, Vec<usize>>,
    by_dn: HashMap<&'a Dn, Vec<usize>>,
    /// SelectorIndex whose DN the directory spells in another way.
    by_id: HashMap<SourceId, Vec<usize>>,
    others: Vec<(usize, &'a Selector)>,
}

impl<'a> SelectorIndex<'a> {
    fn new(selectors: &'a [Selector], population: &Population) -> Self {
        let mut lines = Self::default();
        for (n, selector) in selectors.iter().enumerate() {
            if let Selector::Name { text, dn } = selector {
                lines.by_name.entry(spelt(text)).or_default().push(n);
                if let Some(dn) = dn {
                    lines.by_dn.entry(dn).or_default().push(n);
                    if let Some(id) = population.called(dn) {
                        lines.by_id.entry(id).or_default().push(n);
                    }
                }
            } else {
                lines.others.push((n, selector));
            }
        }
        lines
    }

    /// The lines that mean an entry, by number, sorted.
    fn meaning(&self, observed: &Observed) -> Vec<usize> {
        let entry = &observed.entry;
        let others = self.others.iter().filter(|(_, selector)| selector.matches(observed));
        let mut meant: Vec<usize> = others.map(|(n, _)| *n).collect();
        if !self.by_name.is_empty() {
            let names = NAMES.iter().flat_map(|attribute| entry.attributes().texts(attribute));
            meant.extend(names.filter_map(|name| self.by_name.get(&spelt(name))).flatten());
            meant.extend(self.by_dn.get(&entry.dn).into_iter().flatten());
            meant.extend(self.by_id.get(&entry.id).into_iter().flatten());
        }
        meant.sort_unstable();
        meant.dedup();
        meant
    }
}

fn unresolved(population: &Population, scope: &Scope, group: SourceId) -> Option<Problem> {
    let observed = population.get(group)?;
    let mut nobodies = nobodies(observed, scope);
    let first = nobodies.next()?;
    let more = match nobodies.count() {
        0 => String::new(),
        more => format!(" and {more} more (`sync-agent explain` of the group lists them)"),
    };
    // What is known to be something else need not be made readable.
    let advice = match first {
        Unresolved::Dn(_) => ". Let the account read it, if it should be there",
        _ => "",
    };
    Some(Problem {
        code: Code::UnresolvedMember,
        subject: Some(Subject { id: group, kind: Kind::Group, name: observed.entry.dn.to_string() }),
        message: format!("its member {first}{more} is no user or group that can be read; it is left out{advice}"),
    })
}

/// Members of a group that are neither a user nor a group that was read, but for those of which the scope says
/// that they mean nobody.
pub fn nobodies<'a>(observed: &'a Observed, scope: &'a Scope) -> impl Iterator<Item = &'a Unresolved> {
    let meant = |member: &Unresolved| member.dn().is_some_and(|dn| scope.nobodies.contains(&dn));
    observed.unresolved.iter().filter(move |member| !meant(member))
}

/// Whether a group may hold somebody who cannot be read: it has a name that leads to nobody, or a number that is
/// the primary group of whoever has it.
fn names_unseen(group: &Observed, scope: &Scope) -> bool {
    let attributes = group.entry.attributes();
    let numbered = !attributes.bytes("gidNumber").is_empty() && attributes.bytes("objectSid").is_empty();
    numbered || nobodies(group, scope).any(|one| matches!(one, Unresolved::Dn(_) | Unresolved::Login(_)))
}

/// Members of a group whose login several people have.
fn ambiguous(population: &Population, group: SourceId) -> Option<Problem> {
    let observed = population.get(group)?;
    let first = observed.ambiguous.first()?;
    let more = match observed.ambiguous.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more of its members are ambiguous)"),
    };
    Some(Problem {
        code: Code::AmbiguousMember,
        subject: Some(Subject { id: group, kind: Kind::Group, name: observed.entry.dn.to_string() }),
        message: format!(
            "its memberUid {:?} is the uid of {}{more}. Whoever of them is in the group at the target stays, and nobody joins. Give one of them another uid",
            first.login,
            names(population, &first.people)
        ),
    })
}

/// Primary groups of which nobody can say which of several they are.
fn shared_numbers(population: &Population, graph: &Graph, groups: &BTreeMap<SourceId, Chosen>) -> Vec<Problem> {
    let shared = graph.shared().filter(|(_, sharing)| sharing.iter().any(|group| groups.contains_key(group)));
    let problem = |(gid, sharing): (&str, &[SourceId])| Problem {
        code: Code::AmbiguousMember,
        subject: None,
        message: format!(
            "the gidNumber {gid}, which is a primary group, is that of {}. Whoever has it stays where he is, and nobody joins. Give one of the groups another gidNumber",
            names(population, sharing)
        ),
    };
    shared.map(problem).collect()
}

fn names(population: &Population, ids: &[SourceId]) -> String {
    let names = ids.iter().filter_map(|id| population.get(*id)).map(|observed| observed.entry.dn.to_string());
    names.collect::<Vec<_>>().join(" and of ")
}
