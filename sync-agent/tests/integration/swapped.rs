//! Names that change hands, while the state is lost or a run does not come to its end: whatever the target holds
//! by then, the next run gives everybody the name that the directory says, and nobody keeps a temporary one.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use serde_json::{Value, json};

use crate::{
    agent::TestAgent,
    directory::{Software, TestDirectory},
    full::{EVERYTHING, writes},
    proxy::{Fault, Proxy},
    repairs::{find, patch},
    server::TestServer,
};

/// Three people and two groups, whose entries are named by something else than what swaps.
struct Swap {
    directory: TestDirectory,
    server: TestServer,
    agent: TestAgent,
}

impl Swap {
    fn new() -> Self {
        let directory = TestDirectory::start(Software::OpenLdap);
        let (people, groups) = (directory.get("USERS_DN"), directory.get("GROUPS_DN"));
        let mut ldif = String::new();
        for n in 1..=3 {
            let _ = write!(
                ldif,
                "dn: employeeNumber={n},{people}\nchangetype: add\nobjectClass: inetOrgPerson\nemployeeNumber: {n}\nuid: name{n}\ncn: Person {n}\nsn: Person\n\n"
            );
        }
        for n in 1..=2 {
            let _ = write!(
                ldif,
                "dn: ou=g{n},{groups}\nchangetype: add\nobjectClass: groupOfNames\nou: g{n}\ncn: group{n}\nmember: employeeNumber={n},{people}\n\n"
            );
        }
        directory.modify(&ldif);
        let server = TestServer::start();
        let agent = TestAgent::new(&directory, &server, EVERYTHING);
        agent.set("[target]", "[target]\nconcurrency = 1\npatience_seconds = 0");
        let swap = Self { directory, server, agent };
        swap.agent.run(&["apply"]);
        swap.holds(&[1, 2, 3], &[1, 2]);
        swap
    }

    /// The people and the groups have these names from now on, in this order.
    fn name(&self, people: &[u32], groups: &[u32]) {
        let mut ldif = String::new();
        for (n, name) in people.iter().enumerate() {
            let dn = format!("employeeNumber={},{}", n + 1, self.directory.get("USERS_DN"));
            let _ = write!(ldif, "dn: {dn}\nchangetype: modify\nreplace: uid\nuid: name{name}\n\n");
        }
        for (n, name) in groups.iter().enumerate() {
            let dn = format!("ou=g{},{}", n + 1, self.directory.get("GROUPS_DN"));
            let _ = write!(ldif, "dn: {dn}\nchangetype: modify\nreplace: cn\ncn: group{name}\n\n");
        }
        self.directory.modify(&ldif);
    }

    /// The target has them under these names, each with the others of the entry.
    #[track_caller]
    fn holds(&self, people: &[u32], groups: &[u32]) {
        let by = |endpoint: &str, one: &str, other: &str| -> BTreeMap<String, Value> {
            let all = self.server.all(endpoint);
            all.iter().map(|it| (it[one].as_str().unwrap_or_default().to_owned(), it[other].clone())).collect()
        };
        let expect = |what: &str, name: &str, numbers: &[u32]| -> BTreeMap<String, Value> {
            let each = numbers.iter().enumerate();
            each.map(|(n, number)| (format!("{what}{}", n + 1), json!(format!("{name}{number}")))).collect()
        };
        let names = by("Users", "displayName", "userName");
        assert_eq!(names, expect("Person ", "name", people), "{:?}", self.agent.run(&["status"]));
        let members = self.server.all("Groups").into_iter().map(|group| {
            let member = group["members"][0]["value"].clone();
            let member = self.server.all("Users").into_iter().find(|user| user["id"] == member).expect("a member");
            (member["displayName"].as_str().unwrap_or_default().to_owned(), group["displayName"].clone())
        });
        assert_eq!(members.collect::<BTreeMap<_, _>>(), expect("Person ", "group", groups));
    }

    /// Runs with a fault at the write of this number. Whether it came to that.
    fn faulty(&self, number: usize, fault: Fault) -> bool {
        let proxy = Proxy::start(
            &self.server,
            Box::new(move |_, write| if write == Some(number) { fault } else { Fault::None }),
        );
        self.agent.set(self.server.base(), &proxy.base());
        let mut process = self.agent.spawn(&["apply"]);
        while fault == Fault::Hang && process.try_wait().expect("the process").is_none() {
            if proxy.hangs_within(Duration::from_millis(20)) {
                process.kill().expect("SIGKILL");
            }
        }
        process.wait().expect("the process");
        self.agent.set(&proxy.base(), self.server.base());
        proxy.writes() >= number
    }

    /// The next runs repair whatever is at the target, and then have nothing left to do.
    #[track_caller]
    fn is_put_right(&self, people: &[u32], groups: &[u32]) {
        self.agent.run(&["apply"]);
        self.holds(people, groups);
        self.agent.run(&["apply"]);
        assert_eq!(writes(&self.agent), 0);
        self.holds(people, groups);
    }
}

#[test]
fn names_that_were_swapped_while_the_state_was_lost() {
    let swap = Swap::new();
    swap.name(&[2, 1, 3], &[2, 1]);
    swap.agent.lose_state();
    swap.is_put_right(&[2, 1, 3], &[2, 1]);
    swap.name(&[1, 3, 2], &[1, 2]);
    swap.agent.lose_state();
    swap.is_put_right(&[1, 3, 2], &[1, 2]);
}

#[track_caller]
fn faults_in_the_middle(fault: Fault, also: impl Fn(&Swap)) {
    let swap = Swap::new();
    let (one, other) = ([1, 2, 3], [2, 3, 1]);
    for number in 1.. {
        assert!(number < 30, "a rotation of three and a swap of two take fewer writes");
        swap.name(&other, &[2, 1]);
        let came = swap.faulty(number, fault);
        also(&swap);
        swap.is_put_right(&other, &[2, 1]);
        // And from the middle back to where it was.
        swap.name(&one, &[1, 2]);
        swap.faulty(number, fault);
        also(&swap);
        swap.name(&other, &[2, 1]);
        swap.is_put_right(&other, &[2, 1]);
        swap.name(&one, &[1, 2]);
        swap.is_put_right(&one, &[1, 2]);
        if !came {
            assert!(number > 8, "{number}");
            return;
        }
    }
}

#[test]
fn killed_between_any_two_writes() {
    faults_in_the_middle(Fault::Hang, |_| ());
}

#[test]
fn killed_and_the_state_lost() {
    faults_in_the_middle(Fault::Hang, |swap| swap.agent.lose_state());
}

#[test]
fn one_error_of_the_target() {
    faults_in_the_middle(Fault::Status(500, None), |_| ());
}

#[test]
fn an_answer_that_is_lost() {
    faults_in_the_middle(Fault::DropAfter, |_| ());
}

#[test]
fn names_that_others_changed_at_the_target() {
    let swap = Swap::new();
    // The agent remembers other names than these; a rename needs one of them.
    let rename = |from: &str, to: &str| {
        let user = find(&swap.server, "Users", "userName", from);
        patch(&swap.server, "Users", &user, &json!({"op": "replace", "path": "userName", "value": to}));
    };
    rename("name1", "free");
    rename("name2", "name1");
    rename("name3", "name2");
    swap.name(&[3, 2, 1], &[1, 2]);
    swap.is_put_right_in_full(&[3, 2, 1], &[1, 2]);
}

impl Swap {
    #[track_caller]
    fn is_put_right_in_full(&self, people: &[u32], groups: &[u32]) {
        self.agent.run(&["apply"]);
        self.agent.run(&["apply", "--full"]);
        self.is_put_right(people, groups);
    }
}

/// A name that nobody of ours has to give: whoever would get it keeps the own one, and so does whoever waits for that.
#[test]
fn a_name_that_is_not_ours_leaves_nobody_with_a_temporary_one() {
    let swap = Swap::new();
    let schemas = json!(["urn:ietf:params:scim:schemas:core:2.0:User"]);
    swap.server.send("POST", "/Users", &json!({"schemas": schemas, "userName": "name4", "displayName": "Person 4"}));
    swap.name(&[4, 1, 3], &[1, 2]);
    let ran = swap.agent.run(&["apply"]);
    assert!(ran.stderr.contains("ConflictError"), "{ran:?}");
    swap.holds(&[1, 2, 3, 4], &[1, 2]);
    let stranger = find(&swap.server, "Users", "userName", "name4");
    swap.server.send("DELETE", &format!("/Users/{}", stranger["id"].as_str().expect("an id")), &Value::Null);
    swap.is_put_right(&[4, 1, 3], &[1, 2]);
}
