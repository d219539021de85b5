//! Turns entries into the resources that the target should hold.
//!
//! Pure: a population, a selection and a [`Mapping`] go in, a [`Snapshot`] comes out. A mapping is a
//! list of rules, each an [`expression::Expression`] over attributes of the entry and a
//! [`slot::Slot`] of the resource that takes its value. [`account`] reads the many ways in which
//! directories say that an account may not be used.

pub mod account;
pub mod defaults;
pub mod expression;
pub mod slot;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use scim_protocol::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    dn::Dn,
    document::{Digest, Document},
    identity::{Kind, SourceId},
    population::{Observed, Population},
    problem::{Code, Problem, Subject},
    scope::Selection,
    source::Entry,
    spaces::insignificant_removed,
};

use account::AccountRules;
use expression::{Expression, Given};
use slot::Slot;

/// What one attribute of the resource is made from.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Where the value goes.
    pub slot: Slot,
    pub expression: Expression,
}

/// The rules for users and those for groups.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mapping {
    /// `[mapping.user]`, over the defaults.
    pub user: Vec<Rule>,
    /// `[mapping.group]`, over the defaults.
    pub group: Vec<Rule>,
    /// The same for groups whose name another group in scope has too: `None` where the configuration names
    /// groups itself, or no directory has a domain to tell them apart.
    pub apart: Option<Vec<Rule>>,
    /// What makes an account inactive, besides what always does.
    pub account: AccountRules,
}

impl Mapping {
    /// The rules of a kind.
    pub fn of(&self, kind: Kind) -> &[Rule] {
        match kind {
            Kind::User => &self.user,
            Kind::Group => &self.group,
        }
    }

    /// The rules for one entry. `alike` are the groups of [`alike`].
    pub fn for_entry(&self, entry: &Entry, alike: &HashSet<SourceId>) -> &[Rule] {
        let apart = self.apart.as_deref().filter(|_| alike.contains(&entry.id));
        apart.unwrap_or_else(|| self.of(entry.kind))
    }

    /// The attributes of a resource that the rules speak of, by the names of the whole ones.
    pub fn attributes_at_target(&self, kind: Kind) -> HashSet<String> {
        let fixed = ["schemas", "externalId", "active"].map(str::to_owned);
        fixed.into_iter().chain(self.of(kind).iter().map(|rule| rule.slot.top().to_owned())).collect()
    }

    /// The attributes of people whose values name others, in lower case, without repetition.
    pub fn referring(&self) -> Vec<String> {
        let rules = self.user.iter().filter(|rule| rule.slot.is_reference());
        let mut names: Vec<String> = rules.flat_map(|rule| rule.expression.attributes()).map(str::to_owned).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The attributes that the rules of a kind read, in lower case.
    pub fn attributes_of(&self, kind: Kind) -> impl Iterator<Item = String> {
        let apart = self.apart.iter().flatten().filter(move |_| kind == Kind::Group);
        self.of(kind).iter().chain(apart).flat_map(|rule| rule.expression.attributes()).map(str::to_owned)
    }

    /// The attributes that the rules read, in lower case, without repetition.
    pub fn attributes(&self) -> Vec<String> {
        let rules = self.user.iter().chain(&self.group).chain(self.apart.iter().flatten());
        let mut names: Vec<String> = rules.flat_map(|rule| rule.expression.attributes()).map(str::to_owned).collect();
        names.extend(self.account.attributes());
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// The resource that the target should hold for one object.
#[derive(Debug, Clone, PartialEq)]
pub struct Desired {
    /// The object.
    pub subject: Subject,
    /// Its attributes. One that is mapped and has no value stands there as `null`: it is removed
    /// where the target has it. What is not mapped is not mentioned, and not touched.
    pub document: Document,
    /// Attributes whose value is the resource of another object, by path: `manager`. They are set
    /// when that resource is there, and count in the digest.
    pub references: BTreeMap<String, SourceId>,
    /// The members of a group, sorted.
    pub members: Vec<SourceId>,
    /// Those who may be members; it cannot be determined, so they neither join nor leave. Sorted.
    pub undecided: Vec<SourceId>,
    /// Whether a group has members that the account may not read, itself or by a group within: then
    /// nobody is known to have left.
    pub partial: bool,
    /// Whether a group names somebody who cannot be read, itself or by a group within: it may be whoever went out
    /// of sight.
    pub names_unseen: bool,
}

impl Desired {
    /// Digest of everything but the members, which are compared one by one.
    pub fn digest(&self) -> Digest {
        let mut hasher = Sha256::new();
        hasher.update(self.document.as_str());
        for (path, id) in &self.references {
            hasher.update([0]);
            hasher.update(path);
            hasher.update(id.as_bytes());
        }
        Digest::of(hasher)
    }
}

/// Everything that the target should hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    pub resources: BTreeMap<SourceId, Desired>,
    /// The attributes of each kind that the documents may have, by the names of the whole ones.
    pub attributes: BTreeMap<Kind, HashSet<String>>,
    /// Objects that are in scope and cannot be mapped, or may be in scope, which nobody can say. What
    /// was written for them stays as it is.
    pub unmapped: BTreeSet<SourceId>,
    /// What objects that were written and are no longer in scope would be called by now, where they are
    /// called anything: the names that they were written with may be somebody else's.
    pub outside: BTreeMap<SourceId, String>,
    /// Attributes whose values are kept, although the directory does not show them any more.
    pub withheld: BTreeMap<SourceId, (Subject, BTreeSet<String>)>,
    /// Objects that cannot be mapped, and what the scope reported.
    pub problems: Vec<Problem>,
}

impl Snapshot {
    /// Whether an object is in scope, be it possible to map it or not.
    pub fn wants(&self, id: SourceId) -> bool {
        self.resources.contains_key(&id) || self.unmapped.contains(&id)
    }
}

/// Maps everything that is in scope. `now` decides which accounts have expired.
pub fn map(population: &Population, selection: Selection, mapping: &Mapping, now: Timestamp) -> Snapshot {
    let managers = Referred::new(population, &selection, mapping);
    let alike = alike(population, &selection, mapping, now);
    let Selection { users, groups, undecided, problems } = selection;
    let attributes = [Kind::User, Kind::Group].map(|kind| (kind, mapping.attributes_at_target(kind))).into();
    let mut snapshot = Snapshot { attributes, problems, unmapped: undecided, ..Snapshot::default() };
    let users = users.into_keys().map(|id| (id, Vec::new(), Vec::new()));
    let unseen: HashSet<SourceId> =
        groups.iter().filter(|(_, chosen)| chosen.names_unseen).map(|(id, _)| *id).collect();
    let groups = groups.into_iter().map(|(id, chosen)| (id, chosen.members, chosen.undecided));
    let partial = partial(population);
    for (id, members, undecided) in users.chain(groups) {
        let Some(observed) = population.get(id) else { continue };
        let kept: BTreeSet<String> = observed.kept().cloned().collect();
        if !kept.is_empty() {
            let subject = Subject { id, kind: observed.entry.kind, name: observed.entry.dn.to_string() };
            snapshot.withheld.insert(id, (subject, kept));
        }
        match resource(observed, mapping, mapping.for_entry(&observed.entry, &alike), &managers, now) {
            Ok(mut desired) => {
                (desired.members, desired.undecided) = (members, undecided);
                desired.partial = partial.contains(&id);
                desired.names_unseen = unseen.contains(&id);
                snapshot.resources.insert(id, desired);
            }
            Err(problem) => {
                snapshot.problems.push(problem);
                snapshot.unmapped.insert(id);
            }
        }
    }
    snapshot
}

/// The groups in scope that would have the name of another one in scope, in whatever case: all of them, so
/// that it does not matter which was there first. None where nothing could tell them apart.
pub fn alike(population: &Population, selection: &Selection, mapping: &Mapping, now: Timestamp) -> HashSet<SourceId> {
    let naming = mapping.group.iter().find(|rule| rule.slot.path() == Kind::Group.naming_attribute());
    let (Some(rule), Some(_)) = (naming, &mapping.apart) else { return HashSet::new() };
    let mut by_name: HashMap<String, Vec<SourceId>> = HashMap::new();
    for entry in selection.groups.keys().filter_map(|id| population.get(*id)).map(|observed| &observed.entry) {
        if let Some(name) = rule.expression.evaluate(Given { entry, now, account: &mapping.account }) {
            by_name.entry(insignificant_removed(&name).to_lowercase()).or_default().push(entry.id);
        }
    }
    by_name.into_values().filter(|groups| groups.len() > 1).flatten().collect()
}

/// What each of these objects is called, where the mapping gives it a name.
pub fn names(
    population: &Population,
    ids: impl Iterator<Item = SourceId>,
    mapping: &Mapping,
    now: Timestamp,
) -> BTreeMap<SourceId, String> {
    let observed = ids.filter_map(|id| population.get(id));
    let named = observed.filter_map(|observed| {
        let rules = mapping.of(observed.entry.kind);
        let desired = resource(observed, mapping, rules, &Referred::default(), now).ok()?;
        Some((observed.entry.id, desired.subject.name))
    });
    named.collect()
}

/// Groups that hide members, and those that hold one of these.
fn partial(population: &Population) -> HashSet<SourceId> {
    let groups = || population.of(Kind::Group);
    let mut open: Vec<SourceId> = groups().filter(|group| group.partial).map(|group| group.entry.id).collect();
    let mut partial = HashSet::new();
    let mut holders: HashMap<SourceId, Vec<SourceId>> = HashMap::new();
    if !open.is_empty() {
        for group in groups() {
            for member in &group.members {
                holders.entry(*member).or_default().push(group.entry.id);
            }
        }
    }
    while let Some(id) = open.pop() {
        if partial.insert(id) {
            open.extend(holders.get(&id).into_iter().flatten());
        }
    }
    partial
}

/// The users in scope, to whom references can point. Empty if the mapping has no references.
#[derive(Debug, Default)]
pub struct Referred<'a> {
    by_dn: HashMap<&'a Dn, SourceId>,
    ids: HashSet<SourceId>,
}

impl<'a> Referred<'a> {
    /// These people, by the names that they had when they were read.
    pub fn to(ids: HashSet<SourceId>) -> Self {
        Self { ids, ..Self::default() }
    }

    pub fn new(population: &'a Population, selection: &Selection, mapping: &Mapping) -> Self {
        if !mapping.user.iter().any(|rule| rule.slot.is_reference()) {
            return Self::default();
        }
        let users = selection.users.keys().filter_map(|id| population.get(*id));
        let by_dn: HashMap<&Dn, SourceId> = users.map(|user| (&user.entry.dn, user.entry.id)).collect();
        Self { ids: by_dn.values().copied().collect(), by_dn }
    }

    /// The user that a DN or an id means, if that user is in scope. A value of an attribute means
    /// whoever bore that name when it was read: a person who gets another name is still the manager,
    /// although no directory says so of those who have one. A name that the mapping puts together is
    /// looked for among those who are there now.
    fn find(&self, observed: &Observed, text: &str) -> Option<SourceId> {
        if let Some(id) = observed.references.get(text) {
            return Some(*id).filter(|id| self.ids.contains(id));
        }
        let dn = || Dn::parse(text).ok().and_then(|dn| self.by_dn.get(&dn).copied());
        SourceId::parse(text).filter(|id| self.ids.contains(id)).or_else(dn)
    }
}

/// The resource for one entry, without members.
pub fn resource(
    observed: &Observed,
    mapping: &Mapping,
    rules: &[Rule],
    referred: &Referred<'_>,
    now: Timestamp,
) -> Result<Desired, Problem> {
    let entry = &observed.entry;
    let given = Given { entry, now, account: &mapping.account };
    let mut document = Map::new();
    let mut references = BTreeMap::new();
    document.insert("schemas".to_owned(), Value::Null);
    document.insert("externalId".to_owned(), json!(entry.id.to_string()));
    let mut left_alone: Vec<&Slot> = Vec::new();
    for Rule { slot, expression } in rules {
        if expression.depends_on(given, &|name| observed.hides(name)) {
            left_alone.push(slot);
        } else if slot.is_reference() {
            match expression.evaluate(given).and_then(|text| referred.find(observed, &text)) {
                Some(id) => drop(references.insert(slot.path(), id)),
                None => slot.clear(&mut document),
            }
        } else if slot.takes_all() {
            slot.put_all(&mut document, expression.evaluate_all(given));
        } else {
            slot.put(&mut document, expression.evaluate(given));
        }
    }
    if entry.kind == Kind::User && document.get("active").is_none_or(Value::is_null) {
        document.insert("active".to_owned(), json!(mapping.account.is_active(entry, now)));
    }
    // What the account may not read says nothing against an account, and nothing for it.
    let blind = || mapping.account.deciding().any(|name| observed.hides(&name));
    if document.get("active") == Some(&json!(true)) && blind() {
        document.remove("active");
    }
    for slot in left_alone {
        slot.leave_alone(&mut document);
    }
    document.insert("schemas".to_owned(), schemas(entry.kind, &document));
    let naming = entry.kind.naming_attribute();
    if let Some(Value::String(name)) = document.get_mut(naming) {
        *name = insignificant_removed(name).into_owned();
    }
    let subject = |name: &str| Subject { id: entry.id, kind: entry.kind, name: name.to_owned() };
    match document.get(naming).and_then(Value::as_str) {
        Some(name) => {
            let document = Document::new(&document);
            let (members, undecided) = (Vec::new(), Vec::new());
            let (partial, names_unseen) = (false, false);
            Ok(Desired { subject: subject(name), document, references, members, undecided, partial, names_unseen })
        }
        None => Err(Problem {
            code: Code::MissingAttribute,
            subject: Some(subject(entry.dn.as_str())),
            message: format!(
                "the mapping gives it no {naming}: none of the attributes that [mapping.{}] names has a value; add a fallback",
                entry.kind
            ),
        }),
    }
}

fn schemas(kind: Kind, document: &Map<String, Value>) -> Value {
    let core = match kind {
        Kind::User => "urn:ietf:params:scim:schemas:core:2.0:User",
        Kind::Group => "urn:ietf:params:scim:schemas:core:2.0:Group",
    };
    let extensions = document.keys().filter(|name| name.starts_with("urn:")).map(String::as_str);
    std::iter::once(core).chain(extensions).collect()
}
