//! What holds for every sequence of changes in a directory.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, prelude::*};
use sync_agent::{Kind, SourceId, Step, drift};

use crate::model::{World, group, id, user};

const USERS: u32 = 6;
const GROUPS: u32 = 3;

const EVERYBODY: &str = "[scope]\nusers = [\"*\"]\ngroups = [\"*\"]\n[mapping]\nenterprise = true\n";
const NO_LIMITS: &str = "[safety]\nusers_removed = { always = 100 }\nusers_deactivated = { always = 100 }\ngroups_removed = { always = 100 }\nmembers_removed = { always = 100 }\n";

/// A directory that can change.
#[derive(Debug, Clone, Default)]
struct Directory {
    absent: BTreeSet<u32>,
    generation: BTreeMap<u32, u32>,
    login: BTreeMap<u32, u32>,
    title: BTreeMap<u32, u32>,
    manager: BTreeMap<u32, u32>,
    locked: BTreeSet<u32>,
    members: BTreeSet<(u32, u32)>,
    nested: BTreeSet<(u32, u32)>,
}

/// One change. Numbers are users or groups, from 0.
#[derive(Debug, Clone)]
enum Change {
    Title(u32, u32),
    Manager(u32, u32),
    Lock(u32),
    SwapLogins(u32, u32),
    Member(u32, u32),
    Nest(u32, u32),
    DeleteOrRestore(u32),
    Recreate(u32),
}

impl Directory {
    fn change(&mut self, change: &Change) {
        fn toggle<T: Ord>(set: &mut BTreeSet<T>, one: T) {
            if !set.remove(&one) {
                set.insert(one);
            }
        }
        match *change {
            Change::Title(user, title) => drop(self.title.insert(user, title)),
            Change::Manager(user, other) => drop(self.manager.insert(user, other)),
            Change::Lock(user) => toggle(&mut self.locked, user),
            Change::SwapLogins(one, other) => {
                let (a, b) = (self.login(one), self.login(other));
                self.login.extend([(one, b), (other, a)]);
            }
            Change::Member(group, user) => toggle(&mut self.members, (group, user)),
            Change::Nest(outer, inner) => toggle(&mut self.nested, (outer, inner)),
            // Somebody always stays: an empty directory never passes.
            Change::DeleteOrRestore(0) => {}
            Change::DeleteOrRestore(user) => toggle(&mut self.absent, user),
            Change::Recreate(user) => *self.generation.entry(user).or_default() += 1,
        }
    }

    fn login(&self, user: u32) -> u32 {
        self.login.get(&user).copied().unwrap_or(user)
    }

    fn ldif(&self) -> String {
        let present = || (0..USERS).filter(|user| !self.absent.contains(user));
        let mut text = String::new();
        for n in present() {
            let mut more = String::new();
            if let Some(title) = self.title.get(&n).filter(|title| **title > 0) {
                more = more + "departmentNumber: " + &title.to_string() + "\n";
            }
            if let Some(manager) = self.manager.get(&n) {
                more = more + "manager: uid=u" + &manager.to_string() + ",ou=people,dc=test\n";
            }
            if self.locked.contains(&n) {
                more += "pwdAccountLockedTime: 000001010000Z\n";
            }
            let generation = self.generation.get(&n).copied().unwrap_or_default();
            let entry = user(n, &more).replace(&id(n).to_string(), &id(n + 1000 * generation).to_string());
            text += &entry.replace(&format!("uid: u{n}\n"), &format!("uid: u{}\n", self.login(n)));
        }
        for n in 0..GROUPS {
            let members = present().filter(|user| self.members.contains(&(n, *user)));
            let nested = (0..GROUPS).filter(|inner| self.nested.contains(&(n, *inner)));
            let nested: Vec<String> =
                nested.map(|inner| format!("member: cn=g{},ou=groups,dc=test", 100 + inner)).collect();
            text += &group(100 + n, members, &nested.join("\n"));
        }
        text
    }
}

/// A change of what exists.
fn edit() -> impl Strategy<Value = Change> {
    prop_oneof![
        (0..USERS, 0..3_u32).prop_map(|(user, title)| Change::Title(user, title)),
        (0..USERS, 0..USERS).prop_map(|(user, manager)| Change::Manager(user, manager)),
        (0..USERS).prop_map(Change::Lock),
        (0..USERS, 0..USERS).prop_map(|(one, other)| Change::SwapLogins(one, other)),
        (0..GROUPS, 0..USERS).prop_map(|(group, user)| Change::Member(group, user)),
        (0..GROUPS, 0..GROUPS).prop_map(|(outer, inner)| Change::Nest(outer, inner)),
    ]
}

/// Any change.
fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => edit(),
        1 => (0..USERS).prop_map(Change::DeleteOrRestore),
        1 => (0..USERS).prop_map(Change::Recreate),
    ]
}

fn applied(changes: &[Change]) -> Directory {
    let mut directory = Directory::default();
    for change in changes {
        directory.change(change);
    }
    directory
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_into_cycles_ends_as_one_run(changes in vec((change(), any::<bool>()), 0..25)) {
        let more = format!("{EVERYBODY}{NO_LIMITS}");
        let mut world = World::new(&more);
        let mut directory = Directory::default();
        for (change, cycle) in &changes {
            directory.change(change);
            if *cycle {
                world.run(&directory.ldif());
            }
        }
        let ldif = directory.ldif();
        world.run(&ldif);
        let again = world.plan(&ldif);
        prop_assert!(again.actions.is_empty(), "a second run does something: {again}");
        let mut fresh = World::new(&more);
        fresh.run(&ldif);
        prop_assert_eq!(world.content(), fresh.content());
    }

    #[test]
    fn losing_the_state_writes_nothing(changes in vec(change(), 0..25)) {
        let ldif = applied(&changes).ldif();
        let mut world = World::new(EVERYBODY);
        world.run(&ldif);
        world.known.clear();
        let plan = world.run(&ldif);
        prop_assert!(plan.writes_nothing(), "{plan}");
        prop_assert!(world.plan(&ldif).actions.is_empty());
    }

    #[test]
    fn without_proof_nobody_is_lost(before in vec(change(), 0..15), gone in vec(1..USERS, 0..5)) {
        let mut directory = applied(&before);
        let mut world = World::new(EVERYBODY);
        world.run(&directory.ldif());
        directory.absent.extend(gone);
        let plan = world.plan_without_rights(&directory.ldif());
        let seen: BTreeSet<SourceId> = world.population(&directory.ldif()).iter().map(|one| one.entry.id).collect();
        for action in &plan.actions {
            match &action.step {
                Step::Delete { .. } | Step::Deactivate => prop_assert!(false, "{plan}"),
                Step::Leave { members } => prop_assert!(members.iter().all(|member| seen.contains(member)), "{plan}"),
                _ => {}
            }
        }
    }

    #[test]
    fn no_run_loses_more_than_the_limits_allow(
        before in vec(change(), 0..15), after in vec(change(), 0..15), number in 0..4_usize, always in 0..4_usize,
    ) {
        let kinds = ["users_removed", "users_deactivated", "groups_removed", "members_removed"];
        let limits = kinds.map(|kind| format!("{kind} = {{ number = {number}, percent = 30, always = {always} }}"));
        let mut world = World::new(&format!("{EVERYBODY}[safety]\n{}", limits.join("\n")));
        let mut directory = applied(&before);
        world.run(&directory.ldif());
        let known = world.known.clone();
        for change in &after {
            directory.change(change);
        }
        let plan = world.run(&directory.ldif());
        let limit = world.config.safety.users_removed;
        let users = known.values().filter(|written| written.kind == Kind::User).count();
        let (mut removed, mut deactivated) = (0, 0);
        for action in &plan.actions {
            match &action.step {
                Step::Delete { .. } => removed += 1,
                Step::Modify { changes, .. } => {
                    deactivated += changes.iter().filter(|one| one.path == "active" && one.new == Some(false.into())).count();
                }
                Step::Leave { members } => {
                    let of = known[&action.subject.id].members.len();
                    let staying = members.iter().filter(|member| world.known.contains_key(*member)).count();
                    prop_assert!(staying <= limit.allows(of), "{plan}");
                }
                _ => {}
            }
        }
        prop_assert!(removed <= limit.allows(users) && deactivated <= limit.allows(users), "{plan}");
        // What was approved is done, and then nothing is left of it.
        world.approved.clone_from(&plan.held_back);
        world.run(&directory.ldif());
        let left = world.plan(&directory.ldif());
        prop_assert!(left.actions.is_empty() && left.held_back.is_empty(), "{left}");
    }

    #[test]
    fn incremental_runs_miss_nothing(changes in vec(vec(edit(), 0..4), 0..8)) {
        let world = World::new(EVERYBODY);
        let mut directory = Directory::default();
        let mut ldif = directory.ldif();
        let mut population = world.population(&ldif);
        for changes in &changes {
            for change in changes {
                directory.change(change);
            }
            let next = directory.ldif();
            population = world.continued(population, &ldif, &next);
            ldif = next;
        }
        let full = world.desired(&world.population(&ldif));
        let drift = drift(&world.desired(&population), &full);
        prop_assert!(drift.is_empty(), "{drift:?}");
    }
}
