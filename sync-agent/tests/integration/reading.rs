//! What an entry is, what it is called, and whom a name in another entry means: as each real directory
//! has it, in runs that continue and in full ones.

mod dynamic;
mod entries;
mod names;
mod times;

use std::{collections::BTreeSet, fmt::Write as _, process::Command};

use serde_json::Value;

use crate::{
    agent::{Ran, TestAgent},
    directory::{Software, TestDirectory},
    full::{EVERYTHING, writes},
    server::TestServer,
};

const PEOPLE: &str = "ou=people,dc=example,dc=test";
const GROUPS: &str = "ou=groups,dc=example,dc=test";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// Those that write names as they like.
const LDAP: [Software; 2] = [Software::OpenLdap, Software::Ds389];

/// A person of such a directory; `more` is further lines.
fn person(rdn: &str, uid: &str, more: &str) -> String {
    let mut ldif = format!(
        "dn: {rdn},{PEOPLE}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: {uid}\nsn: {uid}\ngivenName: {uid}\nmail: {uid}@example.test\n"
    );
    if !rdn.starts_with("cn=") {
        let _ = writeln!(ldif, "cn: {uid}");
    }
    lines(ldif, more)
}

fn group(cn: &str, class: &str, more: &str) -> String {
    lines(format!("dn: cn={cn},{GROUPS}\nchangetype: add\nobjectClass: {class}\n"), more)
}

fn lines(mut ldif: String, more: &str) -> String {
    for line in more.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let _ = writeln!(ldif, "{line}");
    }
    ldif + "\n"
}

#[track_caller]
fn of_name(server: &TestServer, endpoint: &str, attribute: &str, name: &str) -> Value {
    let found = server.all(endpoint).into_iter().find(|one| one[attribute] == name);
    found.unwrap_or_else(|| panic!("{name} is not among {endpoint}"))
}

fn user(server: &TestServer, name: &str) -> Value {
    of_name(server, "Users", "userName", name)
}

/// The user names of a group's members.
#[track_caller]
fn members(server: &TestServer, group: &str) -> BTreeSet<String> {
    let group = of_name(server, "Groups", "displayName", group);
    let ids: Vec<&Value> = group["members"].as_array().into_iter().flatten().map(|member| &member["value"]).collect();
    let users = server.all("Users");
    let named = users.iter().filter(|user| ids.contains(&&user["id"]));
    named.map(|user| user["userName"].as_str().expect("a name").to_owned()).collect()
}

#[track_caller]
fn has_members(server: &TestServer, group: &str, expect: &[&str]) {
    assert_eq!(members(server, group), expect.iter().map(|name| (*name).to_owned()).collect());
}

#[track_caller]
fn clean(ran: &Ran) {
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

/// Runs that continue and full ones, with the check that the second of each writes nothing.
#[track_caller]
fn in_every_run(agent: &TestAgent, check: impl Fn(&str)) {
    for arguments in [&["apply"][..], &["apply", "--full"]] {
        let ran = agent.run(arguments);
        assert!(matches!(ran.code, Some(0 | 1)), "{ran:?}");
        check(&format!("{arguments:?}"));
        assert_eq!(writes(agent), 0, "{arguments:?} leaves nothing to do: {}", agent.run(&["plan"]).stdout);
    }
}

#[test]
fn a_manager_who_gets_another_name_stays_the_manager() {
    for software in LDAP {
        let directory = TestDirectory::start(software);
        let referring = format!("manager: UID=boss,  {PEOPLE}\nsecretary: uid=aide,{PEOPLE}");
        directory.modify(
            &(person("uid=boss", "boss", "") + &person("uid=aide", "aide", "") + &person("uid=one", "one", &referring)),
        );
        let server = TestServer::start();
        let agent = TestAgent::new(&directory, &server, &format!("{EVERYTHING}[mapping]\nenterprise = true\n"));
        clean(&agent.run(&["apply"]));
        let boss = user(&server, "boss")["id"].clone();
        let is_boss =
            |what: &str| assert_eq!(user(&server, "one")[ENTERPRISE]["manager"]["value"], boss, "{software:?} {what}");
        is_boss("at first");
        // Another login, as after a marriage; then another place.
        directory.modify(&format!("dn: uid=boss,{PEOPLE}\nchangetype: modrdn\nnewrdn: uid=chief\ndeleteoldrdn: 1\n"));
        in_every_run(&agent, is_boss);
        directory
            .modify(&format!("dn: ou=away,{PEOPLE}\nchangetype: add\nobjectClass: organizationalUnit\nou: away\n"));
        clean(&agent.run(&["apply"]));
        directory.modify(&format!(
            "dn: uid=chief,{PEOPLE}\nchangetype: modrdn\nnewrdn: uid=chief\ndeleteoldrdn: 1\nnewsuperior: ou=away,{PEOPLE}\n"
        ));
        in_every_run(&agent, is_boss);
        // Somebody new with the old name is not the manager of those who had the old one.
        directory.modify(&person("uid=late", "late", &format!("manager: uid=next,{PEOPLE}")));
        clean(&agent.run(&["apply"]));
        directory.modify(&person("uid=next", "next", ""));
        in_every_run(&agent, |what| {
            let next = &user(&server, "next")["id"];
            assert_eq!(user(&server, "late")[ENTERPRISE]["manager"]["value"], *next, "{software:?} {what}");
        });
    }
}

#[test]
fn any_attribute_may_name_a_person() {
    for software in LDAP {
        let directory = TestDirectory::start(software);
        directory.modify(
            &(person("uid=aide", "aide", "") + &person("uid=one", "one", &format!("secretary: uid=aide,{PEOPLE}"))),
        );
        let server = TestServer::start();
        let more =
            format!("{EVERYTHING}[mapping.user]\n\"enterprise.manager\" = [\"${{manager}}\", \"${{secretary}}\"]\n");
        let agent = TestAgent::new(&directory, &server, &more);
        clean(&agent.run(&["apply"]));
        directory.modify(&format!("dn: uid=aide,{PEOPLE}\nchangetype: modrdn\nnewrdn: uid=aid\ndeleteoldrdn: 1\n"));
        in_every_run(&agent, |what| {
            let aide = &user(&server, "aid")["id"];
            assert_eq!(user(&server, "one")[ENTERPRISE]["manager"]["value"], *aide, "{software:?} {what}");
        });
        // A deleted person is nobody's manager.
        directory.modify(&format!("dn: uid=aid,{PEOPLE}\nchangetype: delete\n"));
        agent.run(&["apply", "--full"]);
        assert!(user(&server, "one")[ENTERPRISE]["manager"].is_null(), "{software:?}");
    }
}

#[test]
fn active_directory_has_managers_too() {
    let directory = TestDirectory::start(Software::Samba);
    let people = directory.get("USERS_DN").to_owned();
    let add = |cn: &str, more: &str| {
        lines(
            format!(
                "dn: CN={cn},{people}\nchangetype: add\nobjectClass: user\nsAMAccountName: {cn}\ndisplayName: {cn}\n"
            ),
            more,
        )
    };
    directory.modify(&(add("boss", "") + &add("one", &format!("manager: CN=boss,{people}"))));
    let server = TestServer::start();
    let agent = TestAgent::new(
        &directory,
        &server,
        "[scope]\nusers = [\"boss\", \"one\"]\n[mapping]\nenterprise = true\n[mapping.user]\nuserName = \"${sAMAccountName}\"\n",
    );
    clean(&agent.run(&["apply"]));
    let boss = user(&server, "boss")["id"].clone();
    directory.modify(&format!("dn: CN=boss,{people}\nchangetype: modrdn\nnewrdn: CN=Chief Officer\ndeleteoldrdn: 1\n"));
    in_every_run(&agent, |what| assert_eq!(user(&server, "one")[ENTERPRISE]["manager"]["value"], boss, "{what}"));
}

#[test]
fn names_are_compared_as_the_directory_compares_them() {
    for software in LDAP {
        let directory = TestDirectory::start(software);
        let everybody = person("cn=Two  Spaces", "two", "")
            + &person("cn=T\\20", "tee", "")
            + &person("cn=Jos\u{e9}", "jose", "")
            + &person("cn=Case Of It", "case", "")
            + &person("cn=Out  There", "out", "");
        directory.modify(&everybody);
        let tee = if software == Software::OpenLdap { "cn=t" } else { "cn=t\\20\\20" };
        let all = group(
            "all",
            "groupOfNames",
            &format!(
                "member: cn=two spaces,{PEOPLE}\nmember: CN=case  of it,{PEOPLE}\nmember: {tee},{PEOPLE}\nmember: cn=Jose\u{301},{PEOPLE}\nmember: cn=out there,{PEOPLE}"
            ),
        );
        directory.modify(&all);
        let server = TestServer::start();
        // Also where the configuration names somebody.
        let scope = format!("[scope]\ngroups = [\"cn=ALL , {GROUPS}\"]\nexclude = [\"cn=out there,{PEOPLE}\"]\n");
        let agent = TestAgent::new(&directory, &server, &scope);
        let first = agent.run(&["apply"]);
        // The server decides: 389 Directory Server does not find a name in another normal form.
        let spelt = [("case", "CN=case  of it"), ("two", "cn=two spaces"), ("tee", tee), ("jose", "cn=Jose\u{301}")];
        let found = spelt.iter().filter(|(_, rdn)| is_found(&directory, &format!("{rdn},{PEOPLE}")));
        let mut expect: Vec<&str> = found.map(|(name, _)| *name).collect();
        assert!(expect.len() >= 2, "{software:?} {expect:?}");
        if software == Software::OpenLdap {
            assert_eq!(expect.len(), 4);
            clean(&first);
        }
        has_members(&server, "all", &expect);
        assert!(server.all("Users").iter().all(|user| user["userName"] != "out"), "{software:?}");
        in_every_run(&agent, |_| has_members(&server, "all", &expect));
        // A new entry, and a member that was there before under another spelling.
        directory
            .modify(&format!("dn: cn=all,{GROUPS}\nchangetype: modify\nadd: member\nmember: cn=new one,{PEOPLE}\n"));
        agent.run(&["apply"]);
        directory.modify(&person("cn=New  One", "new", ""));
        expect.push("new");
        in_every_run(&agent, |_| has_members(&server, "all", &expect));
    }
}

/// Whether the directory finds an entry under this name.
fn is_found(directory: &TestDirectory, dn: &str) -> bool {
    let mut command = Command::new("ldapsearch");
    command.args(["-x", "-LLL", "-H", directory.get("LDAP_URL"), "-D", directory.get("BIND_DN")]);
    command.args(["-w", directory.get("BIND_PASSWORD"), "-s", "base", "-b", dn, "1.1"]);
    command.output().expect("ldapsearch").status.success()
}

#[test]
fn one_login_of_two_people_moves_nobody() {
    for (software, user_name) in [(Software::OpenLdap, "uid"), (Software::OpenLdap, "mail"), (Software::Ds389, "mail")]
    {
        let directory = TestDirectory::start(software);
        let mut ldif = String::new();
        for ou in ["a", "b"] {
            let _ =
                write!(ldif, "dn: ou={ou},{PEOPLE}\nchangetype: add\nobjectClass: organizationalUnit\nou: {ou}\n\n");
        }
        directory.modify(&ldif);
        let twin =
            |ou: &str| person(&format!("uid=jdoe,ou={ou}"), "jdoe", "").replace("mail: jdoe@", &format!("mail: {ou}@"));
        directory.modify(&(twin("a") + &group("admins", "posixGroup", "gidNumber: 700\nmemberUid: jdoe")));
        let server = TestServer::start();
        // Nothing but the group brings anybody in.
        let more = format!("[scope]\ngroups = [\"*\"]\n[mapping.user]\nuserName = \"${{{user_name}}}\"\n");
        let agent = TestAgent::new(&directory, &server, &more);
        clean(&agent.run(&["apply"]));
        let first = if user_name == "uid" { "jdoe" } else { "a@example.test" };
        has_members(&server, "admins", &[first]);
        directory.modify(&twin("b"));
        for arguments in [&["apply"][..], &["apply", "--full"]] {
            let ran = agent.run(arguments);
            assert_eq!(ran.code, Some(1), "{ran:?}");
            for words in ["AmbiguousMember", "uid=jdoe,ou=a,", "uid=jdoe,ou=b,"] {
                assert!(ran.stderr.contains(words), "{words}: {ran:?}");
            }
            has_members(&server, "admins", &[first]);
            assert_eq!(server.all("Users").len(), 1, "nobody new");
        }
        // When it can be said again, it is.
        directory.modify(&format!("dn: uid=jdoe,ou=a,{PEOPLE}\nchangetype: delete\n"));
        agent.run(&["apply", "--full"]);
        let second = if user_name == "uid" { "jdoe" } else { "b@example.test" };
        has_members(&server, "admins", &[second]);
        // The target shows too that the user exists.
        directory.modify(&twin("a"));
        agent.lose_state();
        for _ in 0..2 {
            agent.run(&["apply"]);
            has_members(&server, "admins", &[second]);
        }
    }
}

#[test]
fn posix_groups_hold_whose_primary_group_they_are() {
    for software in LDAP {
        let directory = TestDirectory::start(software);
        let posix = |uid: &str, gid: u32| {
            person(
                &format!("uid={uid}"),
                uid,
                &format!("objectClass: posixAccount\nuidNumber: 1\ngidNumber: {gid}\nhomeDirectory: /"),
            )
        };
        directory.modify(
            &(posix("ann", 5000)
                + &posix("bob", 5000)
                + &posix("cyd", 6000)
                + &group("staff", "posixGroup", "gidNumber: 5000")
                + &group(
                    "other",
                    "posixGroup",
                    &format!("gidNumber: 6000\nmemberUid: ann\nmemberUid: uid=bob,{PEOPLE}"),
                )),
        );
        let server = TestServer::start();
        let agent = TestAgent::new(&directory, &server, EVERYTHING);
        clean(&agent.run(&["apply"]));
        has_members(&server, "staff", &["ann", "bob"]);
        has_members(&server, "other", &["ann", "bob", "cyd"]);
        directory.modify(&format!("dn: uid=bob,{PEOPLE}\nchangetype: modify\nreplace: gidNumber\ngidNumber: 7000\n"));
        in_every_run(&agent, |_| has_members(&server, "staff", &["ann"]));
        // Two groups of one number: nobody can say which, so whoever is in stays.
        directory.modify(&(group("twin", "posixGroup", "gidNumber: 5000") + &posix("dan", 5000)));
        for _ in 0..2 {
            let ran = agent.run(&["apply", "--full"]);
            assert!(ran.stderr.contains("AmbiguousMember") && ran.stderr.contains("cn=twin"), "{ran:?}");
            has_members(&server, "staff", &["ann"]);
            has_members(&server, "twin", &[]);
        }
    }
}

/// Where one entry is both: 389 Directory Server lets a person be a POSIX group (RFC 2307bis).
#[test]
fn a_person_who_is_a_group_too_is_a_person() {
    let directory = TestDirectory::start(Software::Ds389);
    let both = "objectClass: posixAccount\nobjectClass: posixGroup\nuidNumber: 1\ngidNumber: 5000\nhomeDirectory: /";
    directory.modify(
        &(person("uid=pat", "pat", both) + &group("team", "groupOfNames", &format!("member: uid=pat,{PEOPLE}"))),
    );
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, EVERYTHING);
    let base = format!("groups = {{ bases = [\"{GROUPS}\"] }}");
    let configured = std::fs::read_to_string(agent.file("sync-agent.toml")).expect("the configuration");
    // One base for both kinds.
    if configured.contains(&base) {
        agent.set(&base, "groups = { bases = [\"dc=example,dc=test\"] }");
    }
    clean(&agent.run(&["apply"]));
    has_members(&server, "team", &["pat"]);
    assert_eq!(server.all("Groups").len(), 1);
    directory.modify(&format!("dn: uid=pat,{PEOPLE}\nchangetype: modify\nreplace: mail\nmail: new@example.test\n"));
    in_every_run(&agent, |_| {
        has_members(&server, "team", &["pat"]);
        assert_eq!(user(&server, "pat")["emails"][0]["value"], "new@example.test");
    });
}

#[test]
fn the_losers_of_replication_conflicts_are_nobody() {
    let directory = TestDirectory::start(Software::Samba);
    let people = directory.get("USERS_DN").to_owned();
    let loser = "\\0ACNF:8b3c1f0e-5d0c-4c57-9a3e-0f6f4e5d1c2b";
    let groups = directory.get("GROUPS_DN").to_owned();
    let add = |class: &str, cn: &str, login: &str, more: &str| {
        let base = if class == "group" { &groups } else { &people };
        lines(format!("dn: CN={cn},{base}\nchangetype: add\nobjectClass: {class}\nsAMAccountName: {login}\n"), more)
    };
    directory.modify(
        &(add("user", "Ann Bee", "ann", "")
            + &add("user", &format!("Ann Bee{loser}"), "ann2", "")
            + &add("user", "Twice", "$DUPLICATE-452", "")
            + &add("group", &format!("Team{loser}"), "team2", "")
            + &add(
                "group",
                "Team",
                "team",
                &format!("member: CN=Ann Bee,{people}\nmember: CN=Ann Bee{loser},{people}"),
            )),
    );
    let server = TestServer::start();
    let agent = TestAgent::new(
        &directory,
        &server,
        "[scope]\nusers = [\"*\"]\ngroups = [\"Team\"]\n[mapping.user]\nuserName = \"${sAMAccountName}\"\n[mapping.group]\ndisplayName = \"${sAMAccountName}\"\n",
    );
    let first = agent.run(&["apply"]);
    assert!(first.stderr.contains("the loser of a replication conflict"), "{first:?}");
    let names: BTreeSet<String> = server.all("Users").iter().map(|user| user["userName"].to_string()).collect();
    assert!(names.contains("\"ann\""), "{names:?}");
    assert!(!names.iter().any(|name| name.contains("ann2") || name.contains("DUPLICATE")), "{names:?}");
    has_members(&server, "team", &["ann"]);
}

#[test]
fn the_name_in_the_rdn_counts() {
    for software in LDAP {
        let directory = TestDirectory::start(software);
        directory.modify(
            &(person("uid=jdoe", "jdoe", "") + &group("old", "groupOfNames", &format!("member: uid=jdoe,{PEOPLE}"))),
        );
        let server = TestServer::start();
        let agent = TestAgent::new(&directory, &server, EVERYTHING);
        clean(&agent.run(&["apply"]));
        let id = user(&server, "jdoe")["id"].clone();
        directory.modify(&format!(
            "dn: uid=jdoe,{PEOPLE}\nchangetype: modrdn\nnewrdn: uid=jsmith\ndeleteoldrdn: 0\n\n\
             dn: cn=old,{GROUPS}\nchangetype: modrdn\nnewrdn: cn=new\ndeleteoldrdn: 0\n"
        ));
        in_every_run(&agent, |_| {
            assert_eq!(user(&server, "jsmith")["id"], id);
            of_name(&server, "Groups", "displayName", "new");
        });
        // The name that was freed is free, for a person and for a group.
        directory.modify(
            &(person("uid=jdoe,ou=x", "jdoe", "")
                .replace(&format!("uid=jdoe,ou=x,{PEOPLE}"), &format!("cn=another,{PEOPLE}"))
                .replace("\ncn: jdoe", "")
                + &group("old", "groupOfNames", &format!("member: cn=another,{PEOPLE}"))),
        );
        in_every_run(&agent, |what| {
            assert_ne!(user(&server, "jdoe")["id"], id, "{what}");
            has_members(&server, "old", &["jdoe"]);
        });
    }
}

#[test]
fn a_group_that_left_the_scope_lets_its_name_go() {
    for software in LDAP {
        let directory = TestDirectory::start(software);
        directory.modify(
            &(person("uid=ann", "ann", "")
                + &person("uid=bob", "bob", "")
                + &group("gb", "groupOfNames", &format!("member: uid=ann,{PEOPLE}"))),
        );
        let server = TestServer::start();
        let agent = TestAgent::new(&directory, &server, "[scope]\ngroups = [\"gb\"]\nusers = [\"ann\", \"bob\"]\n");
        clean(&agent.run(&["apply"]));
        let old = of_name(&server, "Groups", "displayName", "gb")["id"].clone();
        directory.modify(&format!("dn: cn=gb,{GROUPS}\nchangetype: modrdn\nnewrdn: cn=gb-old\ndeleteoldrdn: 1\n"));
        directory.modify(&group("gb", "groupOfNames", &format!("member: uid=bob,{PEOPLE}")));
        let ran = agent.run(&["apply"]);
        assert!(ran.stderr.contains("NameReleased") && ran.stderr.contains("gb-old"), "{ran:?}");
        in_every_run(&agent, |what| {
            let new = of_name(&server, "Groups", "displayName", "gb");
            assert_ne!(new["id"], old, "{what}");
            has_members(&server, "gb", &["bob"]);
            assert_eq!(server.all("Groups").len(), 2, "{what}");
        });
    }
}

#[test]
fn who_loses_a_name_that_the_target_requires_stays() {
    let directory = TestDirectory::start(Software::OpenLdap);
    directory.modify(
        &(person("uid=ann", "ann", "")
            + &person("uid=bob", "bob", "")
            + &group("team", "groupOfNames", &format!("member: uid=ann,{PEOPLE}\nmember: uid=bob,{PEOPLE}"))),
    );
    let server = TestServer::with_profile("identity-center");
    let agent = TestAgent::new(&directory, &server, "[scope]\ngroups = [\"team\"]\n[safety]\nout_of_scope_days = 0\n");
    agent.set("[target]", "[target]\nprofile = \"identity-center\"");
    clean(&agent.run(&["apply"]));
    assert_eq!(server.all("Users").len(), 2);
    directory.modify(&format!("dn: uid=ann,{PEOPLE}\nchangetype: modify\ndelete: givenName\n"));
    for arguments in [&["apply"][..], &["apply", "--full"]] {
        let ran = agent.run(arguments);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.contains("MissingAttribute") && ran.stderr.contains("name.givenName"), "{ran:?}");
        assert!(ran.stdout.contains("0 writes"), "{ran:?}");
        assert_eq!(user(&server, "ann")["active"], true);
    }
}
