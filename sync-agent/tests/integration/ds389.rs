//! 389 Directory Server: bound with the least rights, read in full and by changes, and nobody lost
//! without proof.

use std::fmt::Write as _;

use serde_json::Value;

use crate::{
    agent::TestAgent,
    directory::{Software, TestDirectory},
    full::{EVERYTHING, writes},
    server::TestServer,
};

const PEOPLE: &str = "ou=people,dc=example,dc=test";
const GROUPS: &str = "ou=groups,dc=example,dc=test";

/// Twenty people, of whom the last is locked; a group of five, and one that holds it.
fn population() -> String {
    let mut ldif = String::new();
    for n in 1..=20 {
        let lock = if n == 20 { "nsAccountLock: true\n" } else { "" };
        let _ = write!(
            ldif,
            "dn: uid=p{n},{PEOPLE}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: p{n}\ncn: Person {n}\n\
             sn: Name {n}\nmail: p{n}@example.test\n{lock}\n"
        );
    }
    let _ = writeln!(ldif, "dn: cn=inner,{GROUPS}\nchangetype: add\nobjectClass: groupOfNames\ncn: inner");
    for n in 1..=5 {
        let _ = writeln!(ldif, "member: uid=p{n},{PEOPLE}");
    }
    ldif.push('\n');
    let _ = write!(
        ldif,
        "dn: cn=outer,{GROUPS}\nchangetype: add\nobjectClass: groupOfNames\ncn: outer\n\
         member: cn=inner,{GROUPS}\nmember: uid=p6,{PEOPLE}\n"
    );
    ldif
}

#[track_caller]
fn user(server: &TestServer, name: &str) -> Option<Value> {
    server.all("Users").into_iter().find(|user| user["userName"] == name)
}

#[track_caller]
fn members(server: &TestServer, name: &str) -> usize {
    let group = server.all("Groups").into_iter().find(|group| group["displayName"] == name).expect("the group");
    group["members"].as_array().map_or(0, Vec::len)
}

#[test]
fn everything_changes_and_deletions() {
    let directory = TestDirectory::start(Software::Ds389);
    directory.modify(&population());
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, EVERYTHING);
    let checked = agent.run(&["check"]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    for words in ["read as 389ds", "nsAccountLock", "modifyTimestamp"] {
        assert!(checked.stdout.contains(words), "{words}: {checked:?}");
    }
    let first = agent.run(&["apply"]);
    assert_eq!(first.code, Some(0), "{first:?}");
    assert_eq!(server.all("Users").len(), 20);
    assert_eq!((members(&server, "inner"), members(&server, "outer")), (5, 6));
    let active = |name: &str| user(&server, name).expect("the user")["active"] == true;
    assert!(active("p1") && !active("p20"), "locked is not active");
    assert_eq!(writes(&agent), 0, "nothing has changed");
    agent.lose_state();
    assert_eq!(writes(&agent), 0, "everything is adopted");

    // By changes: a new address, a new name of the same person, somebody new in the inner group.
    let id = user(&server, "p2").expect("the user")["id"].clone();
    directory.modify(&format!(
        "dn: uid=p1,{PEOPLE}\nchangetype: modify\nreplace: mail\nmail: new@example.test\n\n\
         dn: uid=p2,{PEOPLE}\nchangetype: modrdn\nnewrdn: uid=renamed\ndeleteoldrdn: 1\n\n\
         dn: cn=inner,{GROUPS}\nchangetype: modify\nadd: member\nmember: uid=p7,{PEOPLE}\n-\n\
         delete: member\nmember: uid=p2,{PEOPLE}\n-\nadd: member\nmember: uid=renamed,{PEOPLE}\n"
    ));
    let changed = agent.run(&["apply"]);
    assert_eq!(changed.code, Some(0), "{changed:?}");
    assert_eq!(user(&server, "p1").expect("the user")["emails"][0]["value"], "new@example.test");
    assert_eq!(user(&server, "renamed").expect("the renamed")["id"], id, "the same resource");
    assert_eq!((members(&server, "inner"), members(&server, "outer")), (6, 7));

    // It shows no deletions: a full comparison finds them, and proves them one by one.
    directory.modify(&format!("dn: uid=p9,{PEOPLE}\nchangetype: delete\n"));
    agent.run(&["apply", "--full"]);
    assert!(user(&server, "p9").is_none(), "it is gone");
    assert_eq!(server.all("Users").len(), 19);
}

#[test]
fn an_account_that_lost_its_rights_loses_nobody() {
    let directory = TestDirectory::start(Software::Ds389);
    directory.modify(&population());
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, EVERYTHING);
    agent.run(&["apply"]);
    directory.modify("dn: dc=example,dc=test\nchangetype: modify\ndelete: aci\n");
    for run in [&["apply"][..], &["apply", "--full"]] {
        let ran = agent.run(run);
        assert_ne!(ran.code, Some(0), "{ran:?}");
        assert_eq!(server.all("Users").iter().filter(|user| user["active"] == true).count(), 19);
        assert_eq!((members(&server, "inner"), members(&server, "outer")), (5, 6));
    }
}
