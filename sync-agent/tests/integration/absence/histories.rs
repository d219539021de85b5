//! Random histories against one OpenLDAP: access rules come and go over subtrees, entries, attributes and
//! single values; people are moved, renamed, deleted and made again; groups change; runs read changes or
//! everything. After each run, whoever is said to be gone is looked for as the administrator.
//! What LDAP cannot say is left out: that a single entry is hidden under a name which the account has never
//! seen it have. A part of the tree, and any name that a run has met, may be hidden.
//!
//! `ABSENCE_HISTORIES` says how many (200 unless it is set); `make absence` runs 2,000.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::atomic::{AtomicUsize, Ordering},
};

use ldap3::{Ldap, LdapConnAsync, Mod, Scope, SearchEntry};
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config as Cases, TestCaseError, TestRunner},
};
use sync_agent::{Config, Kept, ObservationInputs, Population, SourceId, Verdict, observe, open_source};
use tempfile::TempDir;

use crate::directory::{Software, TestDirectory};

const OUS: usize = 3;
const PEOPLE: usize = 6;
const GROUPS: usize = 3;
const DATABASE: &str = "olcDatabase={1}mdb,cn=config";

/// One step of a history. Numbers are people, organizational units and groups.
#[derive(Debug, Clone)]
enum Step {
    /// An access rule: of what, and which level is left.
    Rule(Target, &'static str),
    /// All access rules go.
    Restore,
    /// A person goes to another unit.
    Move(usize, usize),
    Rename(usize),
    Delete(usize),
    Add(usize, usize),
    Mail(usize),
    RenameUnit(usize),
    Member(usize, usize),
    DeleteGroup(usize),
    Run(bool),
}

#[derive(Debug, Clone)]
enum Target {
    Unit(usize),
    BeneathUnit(usize),
    Person(usize),
    Identity(usize),
    Identities(usize),
    Groups,
    Group(usize),
    Members(usize),
    AllMembers,
    Member(usize),
    Objectclass(usize),
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        3 => (0..OUS).prop_map(Target::Unit),
        1 => (0..OUS).prop_map(Target::BeneathUnit),
        3 => (0..PEOPLE).prop_map(Target::Person),
        1 => (0..PEOPLE).prop_map(Target::Identity),
        1 => (0..OUS).prop_map(Target::Identities),
        1 => Just(Target::Groups),
        1 => (0..GROUPS).prop_map(Target::Group),
        1 => (0..GROUPS).prop_map(Target::Members),
        1 => Just(Target::AllMembers),
        2 => (0..PEOPLE).prop_map(Target::Member),
        1 => (0..PEOPLE).prop_map(Target::Objectclass),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let level = prop_oneof![5 => Just("none"), 1 => Just("disclose"), 1 => Just("auth"), 1 => Just("compare"), 1 => Just("search")];
    prop_oneof![
        5 => (target(), level).prop_map(|(target, level)| Step::Rule(target, level)),
        1 => Just(Step::Restore),
        3 => (0..PEOPLE, 0..OUS).prop_map(|(one, unit)| Step::Move(one, unit)),
        1 => (0..PEOPLE).prop_map(Step::Rename),
        3 => (0..PEOPLE).prop_map(Step::Delete),
        1 => (0..PEOPLE, 0..OUS).prop_map(|(one, unit)| Step::Add(one, unit)),
        1 => (0..PEOPLE).prop_map(Step::Mail),
        1 => (0..OUS).prop_map(Step::RenameUnit),
        3 => (0..GROUPS, 0..PEOPLE).prop_map(|(group, one)| Step::Member(group, one)),
        1 => (0..GROUPS).prop_map(Step::DeleteGroup),
        4 => any::<bool>().prop_map(Step::Run),
    ]
}

/// Deletions that were made, and that were proved.
static DELETED: AtomicUsize = AtomicUsize::new(0);
static PROVED: AtomicUsize = AtomicUsize::new(0);

#[test]
fn nobody_who_is_there_is_gone_in_any_history() {
    let cases = std::env::var("ABSENCE_HISTORIES").ok().and_then(|text| text.parse().ok()).unwrap_or(200);
    let directory = TestDirectory::start(Software::OpenLdap);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let config = Cases { cases, failure_persistence: None, max_shrink_iters: 200, ..Cases::default() };
    let (mut runner, number) = (TestRunner::new(config), AtomicUsize::new(0));
    let steps = (vec(step(), 3..12), any::<bool>());
    let result = runner.run(&steps, |(steps, nested)| {
        let number = number.fetch_add(1, Ordering::Relaxed);
        runtime.block_on(async {
            let mut world = World::make(&directory, number, nested).await;
            let ended = world.live(&steps).await;
            world.clear().await;
            ended
        })
    });
    let (deleted, proved) = (DELETED.load(Ordering::Relaxed), PROVED.load(Ordering::Relaxed));
    println!("{cases} histories: {deleted} deletions, {proved} proved");
    result.unwrap_or_else(|error| panic!("{error}"));
    assert!(proved * 3 > deleted, "of {deleted} deletions only {proved} were proved");
}

/// What the administrator sees.
#[derive(Debug, Default)]
struct Truth {
    ids: HashSet<SourceId>,
    members: BTreeMap<SourceId, BTreeSet<SourceId>>,
}

/// One history, in a subtree of its own.
struct World {
    admin: Ldap,
    base: String,
    rules: usize,
    units: Vec<String>,
    people: Vec<Option<String>>,
    /// Where the last run could meet them.
    seen: Vec<Option<String>>,
    groups: Vec<Option<String>>,
    made: usize,
    config: Config,
    folder: TempDir,
    kept: Option<Kept>,
    known: BTreeSet<SourceId>,
}

impl World {
    async fn admin(directory: &TestDirectory) -> Self {
        let (connection, mut admin) = LdapConnAsync::new(directory.get("LDAP_URL")).await.expect("a connection");
        tokio::spawn(connection.drive());
        admin.simple_bind(directory.get("BIND_DN"), directory.get("BIND_PASSWORD")).await.expect("a bind");
        let folder = tempfile::tempdir().expect("a folder");
        let config = configured(directory, &folder, directory.get("BASE_DN"), directory.get("BASE_DN"));
        Self {
            admin,
            base: directory.get("BASE_DN").to_owned(),
            rules: 0,
            units: Vec::new(),
            people: vec![None; PEOPLE],
            seen: vec![None; PEOPLE],
            groups: vec![None; GROUPS],
            made: 0,
            config,
            folder,
            kept: None,
            known: BTreeSet::new(),
        }
    }

    async fn make(directory: &TestDirectory, number: usize, nested: bool) -> Self {
        let mut world = Self::admin(directory).await;
        world.base = format!("ou=h{number},{}", directory.get("BASE_DN"));
        let groups = format!("ou=groups,{}", world.base);
        world.config = configured(directory, &world.folder, &world.base, &groups);
        world.unit(&world.base.clone()).await;
        world.unit(&groups).await;
        for n in 0..OUS {
            // Units beside each other, or each within the last.
            let above = if nested { world.units.last() } else { None }.unwrap_or(&world.base).clone();
            let dn = format!("ou=o{n},{above}");
            world.unit(&dn).await;
            world.units.push(dn);
        }
        for n in 0..PEOPLE {
            world.add(n, n % OUS).await;
        }
        for n in 0..GROUPS {
            let dn = format!("cn=g{n},{groups}");
            let members: HashSet<String> = world.people.iter().flatten().skip(n).step_by(2).cloned().collect();
            let class = HashSet::from(["groupOfNames".to_owned()]);
            let name = HashSet::from([format!("g{n}")]);
            let added = world.admin.add(
                &dn,
                vec![("objectClass".to_owned(), class), ("cn".to_owned(), name), ("member".to_owned(), members)],
            );
            added.await.expect("an answer").success().expect("a group");
            world.groups[n] = Some(dn);
        }
        world
    }

    async fn unit(&mut self, dn: &str) {
        let ou = dn.split([',', '=']).nth(1).expect("a name").to_owned();
        let attributes = vec![one("objectClass", "organizationalUnit"), one("ou", &ou)];
        self.admin.add(dn, attributes).await.expect("an answer").success().expect("a unit");
    }

    async fn add(&mut self, n: usize, unit: usize) {
        if self.people[n].is_some() {
            return;
        }
        self.made += 1;
        let dn = format!("uid=p{n},{}", self.units[unit]);
        let name = format!("p{n}");
        let attributes =
            vec![one("objectClass", "inetOrgPerson"), one("uid", &name), one("cn", &name), one("sn", &name)];
        let added = self.admin.add(&dn, attributes).await.expect("an answer");
        if added.success().is_ok() {
            self.people[n] = Some(dn);
        }
    }

    async fn live(&mut self, steps: &[Step]) -> Result<(), TestCaseError> {
        self.run(true, "the first run").await?;
        for (n, step) in steps.iter().enumerate() {
            self.step(step).await;
            if let Step::Run(full) = step {
                self.run(*full, &format!("step {n}")).await?;
            }
        }
        self.run(false, "the end").await?;
        self.run(true, "the end, in full").await?;
        self.step(&Step::Restore).await;
        self.run(true, "all rights again").await
    }

    async fn rename(&mut self, dn: &str, rdn: &str, above: Option<&str>) -> Option<String> {
        let renamed = self.admin.modifydn(dn, rdn, true, above).await.expect("an answer");
        let parent = above.unwrap_or_else(|| dn.split_once(',').expect("a parent").1);
        renamed.success().is_ok().then(|| format!("{rdn},{parent}"))
    }

    async fn step(&mut self, step: &Step) {
        match step {
            Step::Rule(target, level) => {
                let Some(what) = self.what(target) else { return };
                self.add_rule(&format!("to {what} by dn.exact=\"{}\" {level} by * break", self.reader())).await;
            }
            Step::Restore => self.restore().await,
            Step::Move(n, unit) => {
                let (Some(dn), above) = (self.people[*n].clone(), self.units[*unit].clone()) else { return };
                let rdn = dn.split_once(',').expect("a parent").0.to_owned();
                if let Some(moved) = self.rename(&dn, &rdn, Some(&above)).await {
                    self.people[*n] = Some(moved);
                }
            }
            Step::Rename(n) => {
                let Some(dn) = self.people[*n].clone() else { return };
                self.made += 1;
                if let Some(renamed) = self.rename(&dn, &format!("uid=p{n}x{}", self.made), None).await {
                    self.people[*n] = Some(renamed);
                }
            }
            Step::Delete(n) => {
                if let Some(dn) = self.people[*n].take() {
                    self.admin.delete(&dn).await.expect("an answer").success().expect("a deletion");
                    DELETED.fetch_add(1, Ordering::Relaxed);
                }
            }
            Step::Add(n, unit) => self.add(*n, *unit).await,
            Step::Mail(n) => {
                if let Some(dn) = &self.people[*n] {
                    let mail = HashSet::from([format!("p{n}@example.test")]);
                    let _ =
                        self.admin.modify(dn, vec![Mod::Replace("mail".to_owned(), mail)]).await.expect("an answer");
                }
            }
            Step::RenameUnit(n) => {
                self.made += 1;
                let old = self.units[*n].clone();
                let Some(new) = self.rename(&old, &format!("ou=o{n}x{}", self.made), None).await else { return };
                for dn in self.units.iter_mut().chain(self.people.iter_mut().flatten()) {
                    if let Some(front) = dn.strip_suffix(&old) {
                        *dn = format!("{front}{new}");
                    }
                }
            }
            Step::Member(group, n) => {
                let (Some(group), Some(member)) = (&self.groups[*group], &self.people[*n]) else { return };
                let value = || HashSet::from([member.as_str()]);
                let added = self.admin.modify(group, vec![Mod::Add("member", value())]).await.expect("an answer");
                if added.success().is_err() {
                    let _ = self.admin.modify(group, vec![Mod::Delete("member", value())]).await.expect("an answer");
                }
            }
            Step::DeleteGroup(n) => {
                if let Some(dn) = self.groups[*n].take() {
                    self.admin.delete(&dn).await.expect("an answer").success().expect("a deletion");
                }
            }
            Step::Run(_) => {}
        }
    }

    /// What a rule is about (slapd.access(5)).
    fn what(&self, target: &Target) -> Option<String> {
        let groups = format!("ou=groups,{}", self.base);
        Some(match target {
            Target::Unit(n) => format!("dn.subtree=\"{}\"", self.units[*n]),
            Target::BeneathUnit(n) => format!("dn.children=\"{}\"", self.units[*n]),
            Target::Person(n) => format!("dn.exact=\"{}\"", self.seen[*n].as_ref()?),
            Target::Identity(n) => format!("dn.exact=\"{}\" attrs=entryUUID", self.people[*n].as_ref()?),
            Target::Identities(n) => format!("dn.subtree=\"{}\" attrs=entryUUID", self.units[*n]),
            Target::Groups => format!("dn.subtree=\"{groups}\""),
            Target::Group(n) => format!("dn.exact=\"{}\"", self.groups[*n].as_ref()?),
            Target::Members(n) => format!("dn.exact=\"{}\" attrs=member", self.groups[*n].as_ref()?),
            Target::AllMembers => format!("dn.subtree=\"{groups}\" attrs=member"),
            Target::Member(n) => {
                format!("dn.subtree=\"{groups}\" attrs=member val.exact=\"{}\"", self.people[*n].as_ref()?)
            }
            Target::Objectclass(n) => format!("dn.exact=\"{}\" attrs=objectClass", self.people[*n].as_ref()?),
        })
    }

    fn reader(&self) -> String {
        self.base.split_once(',').map_or_else(String::new, |(_, suffix)| format!("cn=sync,ou=system,{suffix}"))
    }

    /// Puts a rule before all others.
    async fn add_rule(&mut self, rule: &str) {
        let rule = HashSet::from([format!("{{0}}{rule}")]);
        let change = vec![Mod::Add("olcAccess".to_owned(), rule)];
        let added = self.admin.modify(DATABASE, change).await.expect("an answer");
        // The same rule may be the first already (20).
        self.rules += usize::from(added.rc == 0);
    }

    /// Takes away what was added.
    async fn restore(&mut self) {
        for _ in 0..std::mem::take(&mut self.rules) {
            let first = vec![Mod::Delete("olcAccess", HashSet::from(["{0}"]))];
            self.admin.modify(DATABASE, first).await.expect("an answer").success().expect("no rule");
        }
    }

    /// One run of the agent up to its plan, and what it says against what is so.
    async fn run(&mut self, everything: bool, what: &str) -> Result<(), TestCaseError> {
        let mut directory = open_source(&self.config.source, self.config.mapping.attributes()).await.expect("a bind");
        let inputs = ObservationInputs {
            canaries: &self.config.canaries(),
            known: &self.known,
            everything,
            referring: &self.config.mapping.referring(),
            names: &self.config.scope.names(),
            watched: &self.config.watched(),
            accepted: &BTreeSet::new(),
        };
        let Ok(seen) = observe(&mut *directory, self.kept.clone(), &inputs).await else {
            // A base that cannot be read ends the run, and nothing comes of it.
            return Ok(());
        };
        let truth = self.truth().await;
        self.seen.clone_from(&self.people);
        for (id, verdict) in &seen.verdicts {
            if let Verdict::Gone(proof) = verdict {
                prop_assert!(!truth.ids.contains(id), "{what}: {id} is there, and {proof}");
                PROVED.fetch_add(1, Ordering::Relaxed);
                self.known.remove(id);
            }
        }
        let before = self.kept.take().map(|kept| kept.population).unwrap_or_default();
        Self::compare_members(&before, &seen.population, &truth, what)?;
        self.known.extend(seen.population.iter().map(|observed| observed.entry.id));
        let (population, watermark, sightings) = (seen.population, seen.watermark, seen.sightings);
        self.kept = Some(Kept { population, watermark, sightings });
        Ok(())
    }

    /// No member of a group in the directory has left it at the target.
    fn compare_members(
        before: &Population,
        after: &Population,
        truth: &Truth,
        what: &str,
    ) -> Result<(), TestCaseError> {
        for old in before.iter() {
            let id = old.entry.id;
            let (Some(new), Some(members)) = (after.get(id), truth.members.get(&id)) else { continue };
            for member in old.members.iter().filter(|member| members.contains(member)) {
                let kept = after.get(*member).is_none() || new.members.contains(member);
                prop_assert!(kept, "{what}: {member} is in {} still", new.entry.dn);
            }
        }
        Ok(())
    }

    async fn truth(&mut self) -> Truth {
        let wanted = vec!["entryUUID", "member"];
        let found = self.admin.search(&self.base, Scope::Subtree, "(objectClass=*)", wanted).await;
        let (entries, _) = found.expect("an answer").success().expect("the subtree");
        let entries: Vec<SearchEntry> = entries.into_iter().map(SearchEntry::construct).collect();
        let id = |entry: &SearchEntry| SourceId::parse(&entry.attrs["entryUUID"][0]).expect("an id");
        let by_dn: BTreeMap<String, SourceId> = entries.iter().map(|entry| (entry.dn.clone(), id(entry))).collect();
        let members = entries.iter().map(|entry| {
            let members = entry.attrs.get("member").into_iter().flatten();
            (id(entry), members.filter_map(|dn| by_dn.get(dn).copied()).collect())
        });
        Truth { ids: by_dn.values().copied().collect(), members: members.collect() }
    }

    async fn clear(&mut self) {
        self.restore().await;
        let found = self.admin.search(&self.base, Scope::Subtree, "(objectClass=*)", vec!["1.1"]).await;
        let (entries, _) = found.expect("an answer").success().expect("the subtree");
        let mut names: Vec<String> = entries.into_iter().map(|entry| SearchEntry::construct(entry).dn).collect();
        names.sort_by_key(|dn| std::cmp::Reverse(dn.matches(',').count()));
        for dn in names {
            self.admin.delete(&dn).await.expect("an answer").success().expect("a deletion");
        }
        self.admin.unbind().await.expect("the end");
    }
}

/// An attribute of one value.
fn one(name: &str, value: &str) -> (String, HashSet<String>) {
    (name.to_owned(), HashSet::from([value.to_owned()]))
}

fn configured(directory: &TestDirectory, folder: &TempDir, base: &str, groups: &str) -> Config {
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    write("password", directory.get("SYNC_PASSWORD"));
    write("token", "none");
    let text = format!(
        r#"
[source]
urls = ["{url}"]
flavour = "openldap"
bind = {{ account = "{account}", password_file = "password", allow_plain_text = true }}
users = {{ bases = ["{base}"] }}
groups = {{ bases = ["{groups}"] }}
[target]
url = "http://127.0.0.1:1"
token_file = "token"
[scope]
users = ["*"]
groups = ["*"]
"#,
        url = directory.get("LDAP_URL"),
        account = directory.get("SYNC_DN"),
    );
    write("sync-agent.toml", &text);
    Config::read(&folder.path().join("sync-agent.toml")).expect("a configuration")
}
