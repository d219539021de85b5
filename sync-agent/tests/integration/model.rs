//! The agent's decisions against a target in memory: LDIF in, plan out, and what the plan does.
//!
//! Everything between the directory and the requests is the real thing. The target is a map, so that
//! a thousand cycles take no longer than one run of the program.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use scim_protocol::{Timestamp, value::fold};
use serde_json::{Map, Value, json};
use sync_agent::{
    Action, Change, Config, Deprovisionings, Digest, Directory as _, Dn, Document, Finished, HeldBack, Key, Kind, Ldif,
    LossCount, Lost, Mode, ObservationInputs, Plan, PlanInputs, Population, PopulationBuilder, ResourceId, Snapshot,
    SourceId, Step, Synced, SyncedObjects, TargetResource, TargetResources, deprovisionings, make_plan, map,
    mapped_names, observe, select,
};

/// A resource of the target in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// What it is.
    pub kind: Kind,
    /// Its attributes.
    pub document: Map<String, Value>,
    /// Its members.
    pub members: Vec<ResourceId>,
}

/// An agent and its target.
pub struct World {
    /// The configuration.
    pub config: Config,
    /// What the agent remembers.
    pub known: SyncedObjects,
    /// What the target holds.
    pub target: BTreeMap<ResourceId, Resource>,
    /// What was approved.
    pub approved: Vec<HeldBack>,
    /// What was lost in the last day.
    pub lost: Lost,
    /// The time.
    pub now: Timestamp,
    made: usize,
}

/// The entry that proves that the account can read.
pub const CANARY: &str = "cn=svc-sync,dc=test";

/// Its record; in every directory of these tests.
const CANARY_RECORD: &str = "dn: cn=svc-sync,dc=test\nobjectClass: account\nobjectClass: inetOrgPerson\nentryUUID: ffffffff-0000-4000-8000-000000000000\nuid: svc-sync\nsn: Sync\n\n";

/// A day, in milliseconds.
pub const DAY: i64 = 24 * 60 * 60 * 1000;

impl World {
    /// For OpenLDAP; `more` is the rest of the configuration, `[scope]` in it.
    pub fn new(more: &str) -> Self {
        Self::of("openldap", more)
    }

    /// For a flavour.
    pub fn of(flavour: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let file = folder.path().join("sync-agent.toml");
        std::fs::write(folder.path().join("secret"), "secret").expect("a file");
        let text = format!(
            r#"
[source]
urls = ["ldaps://directory.example.test"]
flavour = "{flavour}"
bases = ["dc=test"]
bind = {{ account = "{CANARY}", password_file = "secret" }}
[target]
url = "https://scim.example.test"
token_file = "secret"
{more}"#
        );
        std::fs::write(&file, text).expect("a file");
        let config = Config::read(&file).unwrap_or_else(|error| panic!("{error}"));
        let now = Timestamp::parse("2026-01-01T00:00:00Z").expect("an instant");
        Self {
            config,
            known: SyncedObjects::new(),
            target: BTreeMap::new(),
            approved: Vec::new(),
            lost: Lost::new(),
            now,
            made: 0,
        }
    }

    /// Days go by.
    pub fn wait(&mut self, days: i64) {
        self.lost.clear();
        self.now = Timestamp::from_millis(self.now.as_millis() + days * DAY);
    }

    /// What is in a directory.
    pub fn population(&self, ldif: &str) -> Population {
        read(&mut self.directory(ldif, true)).population
    }

    fn directory(&self, ldif: &str, canary: bool) -> Ldif {
        let canary = if canary { CANARY_RECORD } else { "" };
        let flavour = self.config.source.flavour;
        let flavour = flavour.expect("the configuration names it");
        let identity = flavour.id_attribute();
        let record = canary.replace("entryUUID", identity);
        Ldif::parse(&format!("{record}{ldif}"), flavour).unwrap_or_else(|error| panic!("{error}"))
    }

    /// What a run would do with this directory.
    pub fn plan(&self, ldif: &str) -> Plan {
        self.plan_from(&mut self.directory(ldif, true))
    }

    /// The same when the account has lost its rights: it sees these entries, and not even itself.
    pub fn plan_without_rights(&self, ldif: &str) -> Plan {
        self.plan_from(&mut self.directory(ldif, false))
    }

    fn plan_from(&self, directory: &mut Ldif) -> Plan {
        let known = self.known.keys().copied().collect();
        let canary = Key::Dn(Dn::parse(CANARY).expect("a DN"));
        let (referring, names) = (self.config.mapping.referring(), self.config.scope.names());
        let inputs = ObservationInputs {
            canaries: &[&canary],
            known: &known,
            everything: false,
            referring: &referring,
            names: &names,
            watched: &self.config.watched(),
            accepted: &BTreeSet::new(),
        };
        let seen = block_on(observe(directory, None, &inputs)).expect("an observation");
        let mut desired = self.desired(&seen.population);
        let wanted = |id| desired.wants(id);
        let deprovisionings = deprovisionings(&self.known, &seen.population, &wanted, &seen.verdicts);
        desired.outside =
            mapped_names(&seen.population, deprovisionings.keys().copied(), &self.config.mapping, self.now);
        self.make(&desired, &deprovisionings)
    }

    /// What an incremental reading makes of what was read before, when the directory went from one
    /// state to another.
    pub fn continued(&self, before: Population, old: &str, new: &str) -> Population {
        let entries = |ldif| {
            let mut entries = BTreeMap::new();
            let mut take = |change| {
                if let Change::Upsert(entry) = change {
                    entries.insert(entry.id, entry);
                }
            };
            block_on(self.directory(ldif, true).read(None, &mut take)).expect("a reading");
            entries
        };
        let old = entries(old);
        let mut builder = PopulationBuilder::new(before).referring(&self.config.mapping.referring());
        for (id, entry) in entries(new) {
            if old.get(&id) != Some(&entry) {
                builder.take(Change::Upsert(entry));
            }
        }
        builder.finish(Mode::Incremental).population
    }

    /// What the target should hold.
    pub fn desired(&self, population: &Population) -> Snapshot {
        let selection = select(population, &self.config.scope);
        map(population, selection, &self.config.mapping, self.now)
    }

    fn make(&self, desired: &Snapshot, deprovisionings: &Deprovisionings) -> Plan {
        make_plan(PlanInputs {
            desired,
            deprovisionings,
            known: &self.known,
            held: &self.look(desired),
            safety: &self.config.safety,
            approved: &self.approved,
            lost: &self.lost,
            now: self.now,
        })
    }

    fn look(&self, desired: &Snapshot) -> TargetResources {
        let mut at_target = TargetResources::default();
        let mut unknown = false;
        for (id, desired) in &desired.resources {
            match self.known.get(id) {
                None => unknown = true,
                Some(written) if written.digest.as_ref() == Some(&desired.digest()) => continue,
                Some(written) => self.show(&written.resource, &mut at_target),
            }
            at_target.looked_for(*id);
        }
        if unknown {
            self.target.keys().for_each(|id| self.show(id, &mut at_target));
        }
        at_target
    }

    fn show(&self, id: &ResourceId, at_target: &mut TargetResources) {
        let Some(resource) = self.target.get(id) else { return };
        let mut document = resource.document.clone();
        document.insert("id".to_owned(), json!(id));
        at_target.add(
            resource.kind,
            TargetResource {
                resource: id.clone(),
                document: Document::new(&document),
                members: resource.members.clone(),
            },
        );
    }

    /// One run: plans and applies. Gives the plan.
    pub fn run(&mut self, ldif: &str) -> Plan {
        let plan = self.plan(ldif);
        self.apply(&plan);
        plan
    }

    /// Does what a plan says. A user name that is taken fails, as at every target.
    #[track_caller]
    pub fn apply(&mut self, plan: &Plan) {
        let count = LossCount::new(plan, &self.approved);
        for action in &plan.actions {
            self.perform(action);
            if let Some((loss, group, number)) = count.of(action) {
                *self.lost.entry((loss, group)).or_default() += number;
            }
        }
    }

    #[track_caller]
    fn perform(&mut self, action: &Action) {
        let id = action.subject.id;
        match &action.step {
            Step::Create { document, digest } => {
                let document = document.attributes();
                self.free(action.subject.kind, &document, None);
                self.made += 1;
                let resource = ResourceId(format!("{}-{}", action.subject.kind, self.made).into());
                let new = Resource { kind: action.subject.kind, document, members: Vec::new() };
                self.target.insert(resource.clone(), new);
                self.becomes(action, resource, Vec::new(), Some(digest.clone()));
            }
            Step::Adopt { resource, members, .. } => {
                self.becomes(action, resource.clone(), members.clone(), None);
            }
            Step::Confirm { digest } => self.says(action, digest),
            Step::Recall { members } => self.written(id).members.clone_from(members),
            Step::Remember { left } => self.written(id).left.clone_from(left),
            Step::Modify { changes, digest } => {
                for change in changes {
                    self.set(id, &change.path, change.new.clone());
                }
                self.says(action, digest);
            }
            Step::Release { new, .. } => {
                self.set(id, action.subject.kind.naming_attribute(), Some(json!(new)));
                let written = self.written(id);
                written.name.clone_from(new);
                written.digest = None;
            }
            Step::Refer { references, digest } => {
                for reference in references {
                    let resource = self.written(reference.to).resource.clone();
                    self.set(id, &reference.path, Some(json!({"value": resource})));
                }
                self.says(action, digest);
            }
            Step::Join { members } => {
                let resources: Vec<ResourceId> =
                    members.iter().map(|member| self.written(*member).resource.clone()).collect();
                self.resource(id).members.extend(resources);
                let written = self.written(id);
                written.members.extend(members);
                written.members.sort_unstable();
            }
            Step::Leave { members } => {
                let resources: Vec<ResourceId> =
                    members.iter().map(|member| self.written(*member).resource.clone()).collect();
                self.resource(id).members.retain(|member| !resources.contains(member));
                self.written(id).members.retain(|member| !members.contains(member));
            }
            Step::GiveUp { .. } => {}
            Step::Deactivate => {
                self.set(id, "active", Some(json!(false)));
                let written = self.written(id);
                written.digest = None;
                written.left.iter_mut().for_each(|left| left.deactivated = true);
            }
            Step::Delete { .. } => {
                let resource = self.known.remove(&id).expect("what is deleted is ours").resource;
                self.target.remove(&resource).expect("what is deleted is there");
                self.known.values_mut().for_each(|written| written.members.retain(|member| *member != id));
                for group in self.target.values_mut() {
                    group.members.retain(|member| *member != resource);
                }
            }
        }
    }

    fn becomes(&mut self, action: &Action, resource: ResourceId, members: Vec<SourceId>, digest: Option<Digest>) {
        let (kind, name) = (action.subject.kind, action.subject.name.clone());
        self.known.insert(action.subject.id, Synced { resource, kind, name, digest, left: None, members });
    }

    fn says(&mut self, action: &Action, digest: &Digest) {
        let written = self.written(action.subject.id);
        written.digest = Some(digest.clone());
        written.name.clone_from(&action.subject.name);
    }

    #[track_caller]
    fn written(&mut self, id: SourceId) -> &mut Synced {
        self.known.get_mut(&id).unwrap_or_else(|| panic!("{id} is not ours"))
    }

    #[track_caller]
    fn resource(&mut self, id: SourceId) -> &mut Resource {
        let resource = self.written(id).resource.clone();
        self.target.get_mut(&resource).expect("it is at the target")
    }

    #[track_caller]
    fn set(&mut self, id: SourceId, path: &str, value: Option<Value>) {
        let resource = self.written(id).resource.clone();
        let kind = self.resource(id).kind;
        if let (Some(value), true) = (&value, path == kind.naming_attribute()) {
            self.free(kind, &Map::from_iter([(path.to_owned(), value.clone())]), Some(&resource));
        }
        let document = &mut self.resource(id).document;
        let (parent, name) = match path.rsplit_once(':').or_else(|| path.split_once('.')) {
            Some((parent, name)) => {
                let inner = document.entry(parent).or_insert_with(|| json!({}));
                (inner.as_object_mut().expect("a complex attribute"), name)
            }
            None => (document, path),
        };
        match value {
            Some(value) => parent.insert(name.to_owned(), value),
            None => parent.remove(name),
        };
    }

    /// Asserts that a user name is free.
    #[track_caller]
    fn free(&self, kind: Kind, document: &Map<String, Value>, but: Option<&ResourceId>) {
        if kind != Kind::User {
            return;
        }
        let name = |document: &Map<String, Value>| document["userName"].as_str().map(fold);
        let other = self
            .target
            .iter()
            .find(|(id, other)| Some(*id) != but && other.kind == kind && name(&other.document) == name(document));
        assert!(other.is_none(), "409: {document:?} has the name of {other:?}");
    }

    /// What the target holds, in a form that does not depend on the ids which it gave.
    pub fn content(&self) -> BTreeMap<String, Value> {
        let external = |resource: &ResourceId| self.target.get(resource).map(|one| one.document["externalId"].clone());
        let content = self.target.values().map(|resource| {
            let mut document = Value::Object(resource.document.clone());
            let mut members: Vec<Value> = resource.members.iter().filter_map(external).collect();
            members.sort_by_key(Value::to_string);
            document["members"] = json!(members);
            let manager = "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/manager/value";
            if let Some(value) = document.pointer_mut(manager) {
                *value = json!(external(&ResourceId(value.as_str().unwrap_or_default().into())));
            }
            if let Value::Object(document) = &mut document {
                document.retain(|_, value| value.as_object().is_none_or(|inner| !inner.is_empty()));
            }
            (document["externalId"].as_str().unwrap_or_default().to_owned(), document)
        });
        content.collect()
    }
}

fn read(directory: &mut Ldif) -> Finished {
    let mut builder = PopulationBuilder::new(Population::default()).referring(&["manager".to_owned()]);
    let reading = block_on(directory.read(None, &mut |change| builder.take(change))).expect("a reading");
    builder.finish(reading.mode)
}

/// The `n`th identity.
pub fn id(n: u32) -> SourceId {
    SourceId::parse(&format!("00000000-0000-4000-8000-{n:012}")).expect("an id")
}

/// A user `n` of OpenLDAP, with further lines.
pub fn user(n: u32, more: &str) -> String {
    let mut text = format!(
        "dn: uid=u{n},ou=people,dc=test\nobjectClass: inetOrgPerson\nentryUUID: {}\nuid: u{n}\nsn: Name{n}\n",
        id(n)
    );
    finish(&mut text, more)
}

/// A group `n` of OpenLDAP, with users as members, and further lines.
pub fn group(n: u32, members: impl IntoIterator<Item = u32>, more: &str) -> String {
    let mut text =
        format!("dn: cn=g{n},ou=groups,dc=test\nobjectClass: groupOfNames\nentryUUID: {}\ncn: g{n}\n", id(n));
    for member in members {
        writeln!(text, "member: uid=u{member},ou=people,dc=test").expect("a text");
    }
    finish(&mut text, more)
}

fn finish(text: &mut String, more: &str) -> String {
    for line in more.lines().map(str::trim).filter(|line| !line.is_empty()) {
        writeln!(text, "{line}").expect("a text");
    }
    text.push('\n');
    std::mem::take(text)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}
