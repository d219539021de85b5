//! Who is meant: which users and groups of the population are in scope, through which chain, and
//! which users each group has at the target.
//!
//! Pure: a population and a [`Scope`] go in, a [`Selection`] comes out. The chain of each choice is
//! kept, because `explain` must be able to tell it. [`graph`] knows the memberships: direct ones,
//! those through primary groups, and their closure through nested groups and cycles.

pub mod graph;

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    dn::Dn,
    population::{Observed, Population},
    problem::{Code, Problem, Subject},
    source::{Kind, SourceId},
};

use graph::Graph;

/// One line of a list in `[scope]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// `*`: every entry that the source reads.
    Everything,
    /// The identity.
    Id(SourceId),
    /// The DN.
    Dn(Dn),
    /// A login or a common name, without regard to case or Unicode normalisation.
    Name(String),
}

impl Selector {
    /// Reads `*`, a UUID, a DN, or else a name.
    pub fn parse(text: &str) -> Self {
        if text == "*" {
            return Self::Everything;
        }
        match (SourceId::parse(text), Dn::parse(text)) {
            (Some(id), _) => Self::Id(id),
            (None, Ok(dn)) if !text.is_empty() => Self::Dn(dn),
            _ => Self::Name(scim_protocol::value::fold(text)),
        }
    }

    /// Whether it means this entry.
    pub fn matches(&self, observed: &Observed) -> bool {
        const NAMES: [&str; 4] = ["samaccountname", "userprincipalname", "uid", "cn"];
        let entry = &observed.entry;
        match self {
            Self::Everything => true,
            Self::Id(id) => *id == entry.id,
            Self::Dn(dn) => *dn == entry.dn,
            Self::Name(name) => NAMES
                .iter()
                .flat_map(|attribute| entry.attributes().texts(attribute))
                .any(|text| scim_protocol::value::fold(text) == *name),
        }
    }
}

impl std::fmt::Display for Selector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Everything => f.write_str("*"),
            Self::Id(id) => id.fmt(f),
            Self::Dn(dn) => dn.fmt(f),
            Self::Name(name) => f.write_str(name),
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
    /// How nested groups appear.
    pub nesting: Nesting,
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
    /// Who its members at the target are: users, and with [`Nesting::Nested`] groups. Sorted.
    pub members: Vec<SourceId>,
}

/// Who is in scope.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Users, and why.
    pub users: BTreeMap<SourceId, Via>,
    /// Groups, why, and with whom.
    pub groups: BTreeMap<SourceId, Chosen>,
    /// Lines of the scope that mean nobody; members that could not be resolved.
    pub problems: Vec<Problem>,
}

/// Finds who is in scope.
pub fn select(population: &Population, scope: &Scope) -> Selection {
    let graph = Graph::new(population);
    let excluded: BTreeSet<SourceId> = population
        .iter()
        .filter(|observed| scope.exclude.iter().any(|selector| selector.matches(observed)))
        .map(|observed| observed.entry.id)
        .collect();
    let mut selection = Selection::default();
    let mut groups = chosen(population, &scope.groups, Kind::Group, &mut selection.problems);
    selection.users = chosen(population, &scope.users, Kind::User, &mut selection.problems);
    if let Some(parent) = &scope.parent {
        for (top, _) in chosen(population, std::slice::from_ref(parent), Kind::Group, &mut selection.problems) {
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
    for (id, via) in groups {
        let closure = graph.users_within(id, &excluded);
        for &user in &closure {
            selection.users.entry(user).or_insert(Via::Member(id));
        }
        let mut members = match scope.nesting {
            Nesting::Flattened => closure,
            Nesting::Nested => graph.direct(id).to_vec(),
        };
        members.retain(|member| *member != id && !excluded.contains(member));
        members.sort_unstable();
        members.dedup();
        selection.problems.extend(unresolved(population, id));
        selection.groups.insert(id, Chosen { via, members });
    }
    selection.users.retain(|id, _| !excluded.contains(id));
    selection
}

fn chosen(
    population: &Population,
    selectors: &[Selector],
    kind: Kind,
    problems: &mut Vec<Problem>,
) -> BTreeMap<SourceId, Via> {
    let mut chosen = BTreeMap::new();
    for selector in selectors {
        let mut found = population.of(kind).filter(|observed| selector.matches(observed)).peekable();
        if found.peek().is_none() && *selector != Selector::Everything {
            problems.push(Problem {
                code: Code::ScopeNotFound,
                subject: None,
                message: format!(
                    "the scope names the {kind} {selector}, and the directory shows no such {kind} beneath the bases"
                ),
            });
        }
        for observed in found {
            chosen.entry(observed.entry.id).or_insert_with(|| Via::Selector(selector.clone()));
        }
    }
    chosen
}

fn unresolved(population: &Population, group: SourceId) -> Option<Problem> {
    let observed = population.get(group)?;
    let first = observed.unresolved.first()?;
    let more = match observed.unresolved.len() - 1 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(Problem {
        code: Code::UnresolvedMember,
        subject: Some(Subject { id: group, kind: Kind::Group, name: observed.entry.dn.to_string() }),
        message: format!(
            "its member {first:?}{more} is no user or group beneath the bases; it is left out. Add its base to the source if it should be there"
        ),
    })
}
