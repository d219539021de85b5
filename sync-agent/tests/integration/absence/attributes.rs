//! An attribute that the account may no longer read: nobody is activated, renamed, emptied or taken out of a group
//! for that, and `check` says so.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::Value;

use super::openldap::Lost;
use crate::{
    agent::TestAgent,
    directory::{Software, TestDirectory},
    full::{EVERYTHING, everything},
    server::TestServer,
};

/// All that the target holds.
fn content(server: &TestServer) -> BTreeMap<String, Value> {
    let all = server.all("Users").into_iter().chain(server.all("Groups"));
    let stable = all.map(|mut one| {
        one["meta"] = Value::Null;
        if let Some(members) = one["members"].as_array_mut() {
            members.sort_by_key(|member| member["value"].to_string());
        }
        (one["id"].to_string(), one)
    });
    stable.collect()
}

/// Hidden, nothing changes: by changes, in full, and after the state was lost; and `check` names the attribute.
#[track_caller]
fn changes_nothing(lost: &Lost, attribute: &str) {
    changes_nothing_beneath(lost, lost.directory.get("USERS_DN"), attribute);
}

#[track_caller]
fn changes_nothing_beneath(lost: &Lost, base: &str, attribute: &str) {
    let before = content(&lost.server);
    lost.hide(&format!("dn.subtree=\"{base}\" attrs={attribute}"));
    for run in [&["apply"][..], &["apply", "--full"], &["apply"]] {
        let ran = lost.agent.run(run);
        assert_eq!(content(&lost.server), before, "{attribute} {run:?}: {ran:?}");
    }
    let ran = lost.agent.run(&["apply", "--full"]);
    let name = attribute.to_lowercase();
    assert!(ran.stderr.contains("AttributeHidden") && ran.stderr.contains(&name), "{attribute}: {ran:?}");
    let checked = lost.agent.run(&["check"]);
    assert_eq!(checked.code, Some(1), "{attribute}: {checked:?}");
    assert!(checked.stdout.contains(&format!("BAD   {name}")) && checked.stdout.contains("Not ready"), "{checked:?}");
    lost.show();
    let ran = lost.agent.run(&["apply"]);
    assert_eq!(content(&lost.server), before, "{attribute}: {ran:?}");
    assert!(!ran.stderr.contains("AttributeHidden"), "{attribute}: {ran:?}");
}

#[test]
fn a_lock_that_is_hidden_activates_nobody() {
    let lost = Lost::new(&[]);
    lost.directory.change(&["disable", "u000001"]);
    lost.directory.change(&["disable", "u000002"]);
    lost.agent.run(&["apply"]);
    changes_nothing(&lost, "pwdAccountLockedTime");
}

#[test]
fn a_lock_that_is_hidden_activates_nobody_after_the_state_was_lost() {
    let lost = Lost::new(&[]);
    lost.directory.change(&["disable", "u000001"]);
    lost.agent.run(&["apply"]);
    let before = lost.held();
    lost.hide(&format!("dn.subtree=\"{}\" attrs=pwdAccountLockedTime,mail", lost.directory.get("USERS_DN")));
    lost.agent.lose_state();
    let mails = |server: &TestServer| server.all("Users").iter().filter(|user| user["emails"].is_array()).count();
    let had = mails(&lost.server);
    for _ in 0..2 {
        let ran = lost.agent.run(&["apply"]);
        assert_eq!((lost.held(), mails(&lost.server)), (before.clone(), had), "{ran:?}");
        assert!(ran.stderr.contains("AttributeHidden"), "{ran:?}");
    }
    lost.show();
    lost.agent.run(&["apply", "--full"]);
    assert_eq!(lost.held(), before);
}

#[test]
fn what_decides_in_the_configuration_and_is_hidden_activates_nobody() {
    let lost = Lost::with(&[], "[mapping]\ninactive = \"(employeeType=former)\"\n");
    let dn = lost.dn("u000003");
    lost.directory.modify(&format!("dn: {dn}\nchangetype: modify\nreplace: employeeType\nemployeeType: former\n"));
    lost.agent.run(&["apply"]);
    assert!(!lost.held().0["u000003"]);
    changes_nothing(&lost, "employeeType");
    // What is really taken away is taken away.
    lost.directory.modify(&format!("dn: {dn}\nchangetype: modify\ndelete: employeeType\n"));
    let ran = lost.agent.run(&["apply"]);
    assert!(lost.held().0["u000003"], "{ran:?}");
}

#[test]
fn a_mapped_attribute_that_is_hidden_empties_and_renames_nobody() {
    let lost = Lost::with(&[], "[mapping.user]\nuserName = [\"${mail}\", \"${uid}\"]\n");
    changes_nothing(&lost, "mail");
    changes_nothing(&lost, "givenName");
}

#[test]
fn a_scope_that_asks_for_what_is_hidden_loses_nobody() {
    let lost = Lost::with(&[], "[safety]\nout_of_scope_days = 0\n");
    lost.agent.set("users = [\"*\"]\ngroups = [\"*\"]", "users = [\"(givenName=*)\"]\ngroups = [\"*\"]");
    lost.agent.run(&["apply"]);
    changes_nothing(&lost, "givenName");
}

#[test]
fn a_primary_group_that_is_hidden_keeps_its_members() {
    let lost = Lost::new(&[]);
    let groups = lost.directory.get("GROUPS_DN");
    lost.directory.modify(&format!(
        "dn: cn=primary,{groups}\nchangetype: add\nobjectClass: posixGroup\ncn: primary\ndescription: primary\ngidNumber: 10000\n"
    ));
    lost.agent.run(&["apply"]);
    assert!(lost.held().1["primary"] > 20, "{:?}", lost.held().1);
    changes_nothing(&lost, "gidNumber");
    let before = lost.held();
    lost.hide(&format!("dn.subtree=\"{}\" attrs=gidNumber", lost.directory.get("USERS_DN")));
    lost.agent.lose_state();
    let ran = lost.agent.run(&["apply"]);
    assert_eq!(lost.held(), before, "{ran:?}");
}

#[test]
fn names_of_groups_and_logins_that_are_hidden_rename_nobody() {
    let lost = Lost::new(&[]);
    changes_nothing_beneath(&lost, lost.directory.get("GROUPS_DN"), "description");
    // `memberUid` holds logins.
    changes_nothing(&lost, "uid");
}

/// The source itself finds nobody by what is hidden.
#[test]
fn a_filter_of_the_source_that_asks_for_what_is_hidden_loses_nobody() {
    let lost = Lost::with(&[], "[safety]\nout_of_scope_days = 0\n");
    lost.agent.set("users = { bases", "users = { filter = \"(&(objectClass=inetOrgPerson)(givenName=*))\", bases");
    lost.agent.run(&["apply"]);
    let before = content(&lost.server);
    lost.hide(&format!("dn.subtree=\"{}\" attrs=givenName", lost.directory.get("USERS_DN")));
    for run in [&["apply"][..], &["apply", "--full"], &["apply"]] {
        let ran = lost.agent.run(run);
        assert_eq!(content(&lost.server), before, "{run:?}: {ran:?}");
    }
    lost.show();
    let ran = lost.agent.run(&["apply"]);
    assert_eq!(content(&lost.server), before, "{ran:?}");
    // A user who really loses it leaves.
    lost.directory.modify(&format!("dn: {}\nchangetype: modify\ndelete: givenName\n", lost.dn("u000003")));
    let ran = lost.agent.run(&["apply"]);
    assert!(!lost.held().0["u000003"], "{ran:?}");
}

/// A person says that the values are gone, or that they are not; nothing else is done either way.
#[test]
fn a_person_can_say_that_hidden_values_are_gone() {
    let lost = Lost::new(&[]);
    let mails = || lost.server.all("Users").iter().filter(|user| user["emails"].is_array()).count();
    let all = mails();
    lost.hide(&format!("dn.subtree=\"{}\" attrs=mail", lost.directory.get("BASE_DN")));
    lost.agent.run(&["apply", "--full"]);
    let held = lost.agent.run(&["held"]);
    assert!(held.stdout.contains("mail is no longer shown of"), "{held:?}");
    assert_eq!(held.stdout.matches("give up mail of").count(), all, "{all} {held:?}");
    lost.agent.run(&["reject"]);
    for run in [&["apply"][..], &["apply", "--full"]] {
        let ran = lost.agent.run(run);
        assert_eq!(mails(), all, "{ran:?}");
    }
    let planned = lost.agent.run(&["plan"]);
    assert!(
        planned.stdout.contains("Rejected:") && !planned.stdout.contains("sync-agent approve` to have"),
        "{planned:?}"
    );
    lost.agent.run(&["approve"]);
    let status = lost.agent.run(&["status"]);
    assert!(status.stdout.contains("approved: mail") && !status.stdout.contains("waits for approval"), "{status:?}");
    let planned = lost.agent.run(&["plan"]);
    assert!(planned.stdout.contains("emails"), "{planned:?}");
    let ran = lost.agent.run(&["apply"]);
    assert_eq!(mails(), 0, "{ran:?}");
    let again = lost.agent.run(&["apply"]);
    assert!(again.stdout.starts_with("0 writes") && !again.stderr.contains("AttributeHidden"), "{again:?}");
}

#[test]
fn values_that_are_gone_are_gone_at_once() {
    let lost = Lost::new(&[]);
    let mut ldif = String::new();
    for n in 1..=12 {
        let dn = lost.dn(&format!("u{n:06}"));
        let _ = write!(ldif, "dn: {dn}\nchangetype: modify\ndelete: mail\n\n");
    }
    let mails = || lost.server.all("Users").iter().filter(|user| user["emails"].is_array()).count();
    let all = mails();
    lost.directory.modify(&ldif);
    let ran = lost.agent.run(&["apply"]);
    assert_eq!(mails(), all - 12, "{ran:?}");
}

/// 389 Directory Server says it in the same way.
#[test]
fn ds389_says_what_is_hidden() {
    const BASE: &str = "dc=example,dc=test";
    let directory = TestDirectory::start(Software::Ds389);
    let mut ldif = String::new();
    for n in 1..=8 {
        let lock = if n < 3 { "nsAccountLock: true\n" } else { "" };
        let _ = write!(
            ldif,
            "dn: uid=p{n},ou=people,{BASE}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: p{n}\ncn: p{n}\nsn: p{n}\nmail: p{n}@example.test\n{lock}\n"
        );
    }
    directory.modify(&ldif);
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, EVERYTHING);
    let ran = agent.run(&["apply"]);
    let before = content(&server);
    assert_eq!(before.values().filter(|user| user["active"] == false).count(), 2, "{ran:?}");
    assert_eq!(agent.run(&["check"]).code, Some(0), "{:?}", agent.run(&["check"]));
    let deny = format!(
        "(targetattr = \"mail || nsAccountLock\")(version 3.0; acl \"no\"; deny (all) userdn = \"ldap:///cn=sync,ou=system,{BASE}\";)"
    );
    directory.modify(&format!("dn: ou=people,{BASE}\nchangetype: modify\nadd: aci\naci: {deny}\n"));
    for run in [&["apply"][..], &["apply", "--full"], &["apply"]] {
        let ran = agent.run(run);
        assert_eq!(content(&server), before, "{run:?}: {ran:?}");
    }
    let checked = agent.run(&["check"]);
    assert!(checked.code == Some(1) && checked.stdout.contains("nsaccountlock"), "{checked:?}");
    agent.lose_state();
    let ran = agent.run(&["apply"]);
    assert_eq!(content(&server), before, "{ran:?}");
    directory.modify(&format!("dn: ou=people,{BASE}\nchangetype: modify\ndelete: aci\n"));
    directory.modify(&format!("dn: uid=p1,ou=people,{BASE}\nchangetype: modify\ndelete: nsAccountLock\n"));
    let ran = agent.run(&["apply", "--full"]);
    assert_eq!(server.all("Users").iter().filter(|user| user["active"] == false).count(), 1, "{ran:?}");
}

/// Active Directory does not say it: what goes from everybody waits for a person.
#[test]
fn active_directory_that_hides_an_attribute() {
    for attribute in ["userAccountControl", "mail"] {
        let directory = TestDirectory::start(Software::Samba);
        directory.fill(12, 3);
        directory.change(&["disable", "u000001"]);
        let server = TestServer::start();
        let agent = TestAgent::new(&directory, &server, &everything(Software::Samba));
        agent.run(&["apply"]);
        let before = content(&server);
        super::samba::hide_attribute(&directory, attribute);
        for run in [&["apply"][..], &["apply", "--full"], &["apply", "--full"]] {
            let ran = agent.run(run);
            assert_eq!(content(&server), before, "{attribute} {run:?}: {ran:?}");
        }
        let ran = agent.run(&["apply", "--full"]);
        assert!(ran.stderr.contains("AttributeHidden"), "{attribute}: {ran:?}");
        if attribute == "userAccountControl" {
            let checked = agent.run(&["check"]);
            assert!(checked.code == Some(1) && checked.stdout.contains(attribute), "{checked:?}");
            agent.lose_state();
            let ran = agent.run(&["apply"]);
            assert_eq!(content(&server), before, "{attribute}: {ran:?}");
        }
    }
}
