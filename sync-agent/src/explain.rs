//! Explains why an object is at the target or not, from the scope to the next run.
//!
//! It decides nothing itself: the selection knows the line and the groups, the mapping the expression that gave a
//! value, the plan what is next. So an explanation cannot differ from what a run does.

use std::fmt;

use scim_protocol::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::{
    clock::Clock,
    config::Config,
    cycle::{self, Prepared},
    identity::{Kind, SourceId},
    mapping::{self, Mapping, Rule, expression::Given},
    mode::Mode,
    plan::{Action, Plan, Synced, SyncedObjects, TargetResource},
    population::{Observed, Population},
    problem::{Problem, Subject},
    scope::{self, Scope, Selection, Selector, Via, graph::Graph},
    state::State,
};

/// The explanation of one object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The object, by its DN.
    pub subject: Subject,
    /// Why it is in scope, or why not: one step a line.
    pub scope: Vec<String>,
    /// Whether it is in scope.
    pub in_scope: bool,
    /// What each attribute is made from.
    pub attributes: Vec<Mapped>,
    /// Members of a group that are neither a user nor a group that can be read, as the directory writes them.
    pub nobodies: Vec<String>,
    /// What the agent remembers to have written.
    pub written: Option<Synced>,
    /// What the target holds, where that was looked at.
    pub target: Option<Value>,
    /// What the next run would do.
    pub next: Vec<Action>,
    /// Until when scheduled cycles leave it alone, since it failed before.
    pub waits_until: Option<Timestamp>,
    /// What the limits would hold back of it.
    pub held_back: Vec<String>,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

/// One attribute, its value, and where that comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mapped {
    /// The place in the resource.
    pub path: String,
    /// The values; none where no alternative has any.
    pub values: Vec<String>,
    /// The alternative that gave them.
    pub from: Option<String>,
}

/// What an explanation is made from.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The directory.
    pub population: &'a Population,
    /// What was written.
    pub known: &'a SyncedObjects,
    /// What the next run would do.
    pub plan: &'a Plan,
    /// The time.
    pub now: Timestamp,
}

/// The object that a name means: a login, a common name, a DN or an id, as in the scope.
pub fn find<'a>(population: &'a Population, name: &str) -> Result<Vec<&'a Observed>, String> {
    let selector = Selector::parse(name)?;
    Ok(population.iter().filter(|observed| selector.matches(observed)).collect())
}

/// Reads both sides, and explains the object that the name means. Writes nothing.
pub async fn look(config: &Config, state: &State, clock: &dyn Clock, name: &str) -> anyhow::Result<Vec<Explanation>> {
    let prepared = cycle::prepare(config, state, clock, Mode::Incremental).await?;
    let Prepared { observation, known, plan, target, .. } = &prepared;
    let found = find(&observation.population, name).map_err(anyhow::Error::msg)?;
    if found.is_empty() {
        anyhow::bail!(
            "the directory shows no user or group {name:?} beneath the bases; it may be elsewhere, or hidden from the account"
        );
    }
    let mut explanations = Vec::new();
    for observed in found {
        let entry = &observed.entry;
        let held = match known.get(&entry.id) {
            Some(written) => target.retrieve(entry.kind, &written.resource).await?,
            None => None,
        };
        let facts = Facts { config, population: &observation.population, known, plan, now: clock.now() };
        explanations.push(explain(observed, facts, held.as_ref()));
    }
    Ok(explanations)
}

/// As text, or as JSON for programs.
pub fn told(explanations: &[Explanation], json: bool) -> anyhow::Result<String> {
    if json {
        return Ok(serde_json::to_string_pretty(explanations)?);
    }
    Ok(explanations.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

/// Explains one object. `held` is its resource, where there is one.
pub fn explain(observed: &Observed, facts: Facts<'_>, held: Option<&TargetResource>) -> Explanation {
    let entry = &observed.entry;
    let Facts { config, population, known, plan, now } = facts;
    let selection = scope::select(population, &config.scope);
    let graph = Graph::new(population);
    let (in_scope, scope) = reasons(observed, population, &config.scope, &selection, &graph);
    let about = |subject: &Subject| subject.id == entry.id;
    let held_back = plan.held_back.iter().filter(|held| held.actions.iter().any(|action| about(&action.subject)));
    Explanation {
        subject: Subject { id: entry.id, kind: entry.kind, name: entry.dn.to_string() },
        scope,
        in_scope,
        nobodies: scope::nobodies(observed, &config.scope).map(ToString::to_string).collect(),
        attributes: {
            let alike = mapping::alike(population, &selection, &config.mapping, now);
            attributes(observed, &config.mapping, config.mapping.for_entry(entry, &alike), now)
        },
        written: known.get(&entry.id).cloned(),
        target: held.map(|held| Value::Object(held.document.attributes())),
        next: plan.actions.iter().filter(|action| about(&action.subject)).cloned().collect(),
        waits_until: plan.waiting.iter().find(|one| about(&one.subject)).map(|one| one.until),
        held_back: held_back.map(|held| held.because.clone()).collect(),
        problems: plan.problems.iter().filter(|one| one.subject.as_ref().is_some_and(about)).cloned().collect(),
    }
}

fn attributes(observed: &Observed, mapping: &Mapping, rules: &[Rule], now: Timestamp) -> Vec<Mapped> {
    let given = Given { entry: &observed.entry, now, account: &mapping.account };
    let mapped = rules.iter().map(|rule| Mapped {
        path: rule.slot.to_string(),
        values: if rule.slot.takes_all() {
            rule.expression.evaluate_all(given)
        } else {
            rule.expression.evaluate(given).into_iter().collect()
        },
        from: rule.expression.told(given),
    });
    mapped.collect()
}

fn reasons(
    observed: &Observed,
    population: &Population,
    scope: &Scope,
    selection: &Selection,
    graph: &Graph,
) -> (bool, Vec<String>) {
    let id = observed.entry.id;
    let via = match observed.entry.kind {
        Kind::User => selection.users.get(&id),
        Kind::Group => selection.groups.get(&id).map(|chosen| &chosen.via),
    };
    if let Some(via) = via {
        return (true, chain(id, via, population, selection, graph));
    }
    if let Some(line) = scope.exclude.iter().find(|selector| selector.matches(observed)) {
        return (false, vec![format!("scope.exclude names it: {line}")]);
    }
    if selection.undecided.contains(&id) {
        let line = "nobody can say whether a group in scope holds it: see AmbiguousMember; it stays as it is";
        return (false, vec![line.to_owned()]);
    }
    let mut lines = vec!["no line of the scope means it, and no group in scope holds it".to_owned()];
    for group in population.of(Kind::Group).filter(|group| graph.direct(group.entry.id).contains(&id)) {
        let excluded = scope.exclude.iter().any(|selector| selector.matches(group));
        let why = if excluded { "excluded" } else { "not in scope" };
        lines.push(format!("it is a member of {}, which is {why}", group.entry.dn));
    }
    (false, lines)
}

/// From the line of the scope down to the object.
fn chain(id: SourceId, via: &Via, population: &Population, selection: &Selection, graph: &Graph) -> Vec<String> {
    let name = |id: SourceId| population.get(id).map_or_else(|| id.to_string(), |one| one.entry.dn.to_string());
    let holds = |from: SourceId, to: SourceId| {
        let path = graph.path(from, to).unwrap_or_default();
        path.windows(2)
            .map(|pair| match pair {
                [outer, inner] => format!("{} holds {}", name(*outer), name(*inner)),
                _ => String::new(),
            })
            .collect::<Vec<_>>()
    };
    let mut links = Vec::new();
    let (mut id, mut via) = (id, via.clone());
    // Each group is entered once; a chain is no longer than there are groups.
    for _ in 0..=selection.groups.len() {
        match via {
            Via::Selector(line) => {
                links.push(vec![format!("the scope names {}: {line}", name(id))]);
                break;
            }
            Via::Parent(parent) => {
                links.push(holds(parent, id));
                links.push(vec![format!("{} is the parent group of the scope", name(parent))]);
                break;
            }
            Via::Member(group) => {
                links.push(holds(group, id));
                id = group;
                match selection.groups.get(&group) {
                    Some(chosen) => via = chosen.via.clone(),
                    None => break,
                }
            }
        }
    }
    links.into_iter().rev().flatten().collect()
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}\n  {}", self.subject.kind, self.subject.name, self.subject.id)?;
        writeln!(f, "\nIn scope: {}", if self.in_scope { "yes" } else { "no" })?;
        self.scope.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        if !self.nobodies.is_empty() {
            f.write_str("\nMembers that are no user or group that can be read:\n")?;
            self.nobodies.iter().try_for_each(|name| writeln!(f, "  {name}"))?;
        }
        f.write_str("\nMapping:\n")?;
        for Mapped { path, values, from } in &self.attributes {
            match from {
                Some(from) => writeln!(f, "  {path} = {} from {from}", shortened(values.join(", ")))?,
                None => writeln!(f, "  {path} has no value")?,
            }
        }
        match &self.written {
            None => f.write_str("\nAt the target: nothing that the agent has written or adopted\n")?,
            Some(written) => {
                writeln!(f, "\nAt the target: {} {:?}", written.resource, written.name)?;
                if let Some(left) = &written.left {
                    let inactive = if left.deactivated { ", and was deactivated" } else { "" };
                    writeln!(f, "  left on {}{inactive}", left.since)?;
                }
            }
        }
        if let Some(Value::Object(document)) = &self.target {
            document.iter().try_for_each(|(name, value)| writeln!(f, "  {name}: {}", short(value)))?;
        }
        f.write_str("\nThe next run:\n")?;
        let told: Vec<&Action> = self.next.iter().filter(|action| action.step.is_write()).collect();
        if told.is_empty() {
            f.write_str(match (self.in_scope, self.held_back.is_empty() && self.problems.is_empty()) {
                (true, true) => "  no change needed: the target has all of it\n",
                (true, false) => "  writes nothing for it, for the reason below\n",
                (false, _) => "  writes nothing for it: it is not in scope\n",
            })?;
        }
        told.iter().try_for_each(|action| writeln!(f, "  {action}"))?;
        if let Some(until) = self.waits_until {
            writeln!(
                f,
                "  but not before {until}, since the same failed before: `sync-agent sync-one` of it tries it now"
            )?;
        }
        self.held_back.iter().try_for_each(|because| writeln!(f, "  held back: {because}"))?;
        self.problems.iter().try_for_each(|problem| writeln!(f, "  ! {problem}"))
    }
}

/// So many characters of a value are shown; a user in many groups has thousands. JSON has all.
const SHOWN: usize = 200;

fn short(value: &Value) -> String {
    shortened(value.to_string())
}

fn shortened(text: String) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}
