//! A directory that was loaded anew: everybody has another identity and the same name. Nothing of it is
//! done before somebody approved, and then all.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::Value;
use sync_agent::{Plan, Step};

use super::openldap::Lost;
use crate::{
    agent::TestAgent,
    directory::{Software, TestDirectory},
    full::{EVERYTHING, writes},
    model::{World, group, id, user},
    server::TestServer,
};

const SCOPE: &str = "[scope]\nusers = [\"*\"]\ngroups = [\"*\"]\n";

fn names(server: &TestServer) -> BTreeMap<String, Value> {
    let all = server.all("Users").into_iter().chain(server.all("Groups"));
    all.map(|one| (one["externalId"].to_string(), one)).collect()
}

fn load(directory: &TestDirectory) -> String {
    let (people, groups) = (directory.get("USERS_DN"), directory.get("GROUPS_DN"));
    let mut add = String::new();
    for n in 10..22 {
        let _ = write!(
            add,
            "dn: uid=u{n},{people}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: u{n}\ncn: u{n}\nsn: Name\n\n"
        );
    }
    let _ = write!(add, "dn: cn=all,{groups}\nchangetype: add\nobjectClass: groupOfNames\ncn: all\n");
    for n in 10..22 {
        let _ = writeln!(add, "member: uid=u{n},{people}");
    }
    directory.modify(&add);
    let delete = (10..22).map(|n| format!("dn: uid=u{n},{people}\nchangetype: delete\n\n"));
    format!("dn: cn=all,{groups}\nchangetype: delete\n\n{}{add}", delete.collect::<String>())
}

#[track_caller]
fn loaded_anew(safety: &str) {
    let directory = TestDirectory::start(Software::OpenLdap);
    let anew = load(&directory);
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, &format!("{EVERYTHING}{safety}"));
    agent.run(&["apply"]);
    let before = names(&server);
    assert_eq!(before.len(), 13);
    directory.modify(&anew);
    for run in [&["apply"][..], &["apply", "--full"], &["reject"], &["apply", "--full"]] {
        let ran = agent.run(run);
        assert_eq!(names(&server), before, "{safety} {run:?}: {ran:?}");
    }
    agent.run(&["approve"]);
    let ran = agent.run(&["apply"]);
    let after = names(&server);
    assert_eq!(after.len(), 13, "{ran:?}");
    assert!(after.keys().all(|id| !before.contains_key(id)), "{ran:?}");
    let members = after.values().find_map(|one| one["members"].as_array());
    assert_eq!(members.map(Vec::len), Some(12), "{ran:?}");
    assert!(after.values().all(|one| !one["userName"].as_str().unwrap_or_default().contains('~')));
    assert_eq!(writes(&agent), 0);
}

#[test]
fn a_directory_that_was_loaded_anew_waits_as_a_whole() {
    loaded_anew("");
    loaded_anew("[safety]\nusers_removed = { number = 0 }\ngroups_removed = { number = 0 }\n");
}

/// What was approved is done only as far as it is still so.
#[test]
fn what_was_approved_is_not_done_when_its_cause_is_gone() {
    let safety =
        "[safety]\nout_of_scope_days = 0\nusers_deactivated = { number = 0 }\nmembers_removed = { number = 0 }\n";
    let lost = Lost::with(&[], safety);
    let secret = format!("ou=Secret,{}", lost.directory.get("BASE_DN"));
    lost.hide(&format!("dn.subtree=\"{secret}\""));
    let dn = lost.dn("u000003");
    let rdn = dn.split_once(',').expect("a parent").0;
    lost.directory
        .modify(&format!("dn: {dn}\nchangetype: modrdn\nnewrdn: {rdn}\ndeleteoldrdn: 0\nnewsuperior: {secret}\n"));
    let before = lost.held();
    lost.agent.run(&["apply"]);
    let held = lost.agent.run(&["held"]);
    assert!(held.stdout.contains("deactivate"), "{held:?}");
    let approved = lost.agent.run(&["approve"]);
    assert!(approved.stdout.contains("reads everything anew"), "{approved:?}");
    lost.show();
    let ran = lost.agent.run(&["apply"]);
    assert_eq!(lost.held(), before, "{ran:?}");
    assert_eq!(lost.agent.run(&["held"]).stdout.trim(), "Nothing is held back.");
    assert_eq!(writes(&lost.agent), 0);
}

fn ldif(users: &[(u32, u32)], members: &[u32]) -> String {
    let entry = |(n, id_of): &(u32, u32)| user(*n, "").replace(&id(*n).to_string(), &id(*id_of).to_string());
    users.iter().map(entry).collect::<String>() + &group(100, members.iter().copied(), "")
}

fn has(plan: &Plan, wanted: impl Fn(&Step) -> bool) -> usize {
    plan.actions.iter().filter(|action| wanted(&action.step)).count()
}

#[test]
fn whoever_would_take_a_name_along_a_chain_waits_too() {
    let mut world = World::new(&format!("{SCOPE}[safety]\nusers_removed = {{ number = 0 }}\n"));
    let first = ldif(&[(1, 1), (2, 2), (3, 3)], &[1, 2, 3]);
    world.run(&first);
    // The first is gone, the second takes that name, the third the name of the second, and somebody new
    // the name of the third.
    let next = ldif(&[(1, 2), (2, 3), (3, 4), (5, 5)], &[1, 2, 3, 5]);
    let before = world.content();
    let plan = world.run(&next);
    let (made, joined) = (has(&plan, |step| matches!(step, Step::Create { .. })), &plan.actions);
    assert_eq!(made, 1, "only the fifth, who needs nobody's name: {plan}");
    assert!(joined.iter().all(|action| !matches!(action.step, Step::Release { .. } | Step::Delete { .. })), "{plan}");
    let user_names = |content: &BTreeMap<String, Value>| -> BTreeMap<String, Value> {
        content.iter().map(|(id, one)| (id.clone(), one["userName"].clone())).collect()
    };
    let (old, mut now) = (user_names(&before), user_names(&world.content()));
    now.remove(&id(5).to_string());
    assert_eq!(now, old, "all names are as they were");
    // The same again does nothing; approved, all of it is done.
    assert_eq!(has(&world.run(&next), Step::is_write), 0);
    world.approved = plan.held_back;
    world.run(&next);
    let done = world.plan(&next);
    assert!(done.actions.is_empty() && done.held_back.is_empty(), "{done}");
    let mut fresh = World::new(SCOPE);
    fresh.run(&next);
    assert_eq!(world.content(), fresh.content());
}

#[test]
fn deactivated_first_waits_with_the_name_too() {
    let mut world = World::new(&format!(
        "{SCOPE}[safety]\non_deletion = \"deactivate-first\"\nusers_deactivated = {{ number = 0 }}\n"
    ));
    world.run(&ldif(&[(1, 1), (2, 2)], &[1, 2]));
    let plan = world.run(&ldif(&[(1, 1), (2, 4)], &[1, 2]));
    assert_eq!(
        has(&plan, |step| matches!(step, Step::Release { .. } | Step::Create { .. } | Step::Join { .. })),
        0,
        "{plan}"
    );
    world.approved = plan.held_back;
    let done = world.run(&ldif(&[(1, 1), (2, 4)], &[1, 2]));
    assert_eq!(
        has(&done, |step| matches!(step, Step::Release { .. } | Step::Create { .. } | Step::Join { .. })),
        3,
        "{done}"
    );
}
