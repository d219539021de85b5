//! What entries are: managers, aliases, machines, accounts that may not be used.

use serde_json::{Value, json};

use super::{ENTERPRISE, LDAP, PEOPLE, clean, group, has_members, in_every_run, person, user};
use crate::{
    agent::TestAgent,
    directory::{Software, TestDirectory},
    full::{EVERYTHING, writes},
    server::TestServer,
};

#[test]
fn what_member_uid_holds_beside_logins() {
    for software in LDAP {
        let directory = TestDirectory::start(software);
        let posix = "objectClass: posixAccount\nuidNumber: 4711\ngidNumber: 1\nhomeDirectory: /";
        directory
            .modify(&(person("uid=ann", "ann", posix) + &person("uid=bob", "bob", "") + &person("uid=cyd", "cyd", "")));
        let values = ["memberUid: ann", &format!("memberUid: uid=bob,{PEOPLE}"), "memberUid: 4711", "memberUid: CYD"];
        directory.modify(&group("team", "posixGroup", &format!("gidNumber: 9\n{}", values.join("\n"))));
        let server = TestServer::start();
        let agent = TestAgent::new(&directory, &server, EVERYTHING);
        let ran = agent.run(&["apply"]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(
            ran.stderr.contains("memberUid holds logins") && !ran.stderr.contains("Let the account read"),
            "{ran:?}"
        );
        has_members(&server, "team", &["ann", "bob"]);
        let explained = agent.run(&["explain", "team"]).stdout;
        assert!(
            explained.contains("4711") && explained.contains("CYD") && !explained.contains("uid=bob"),
            "{explained}"
        );
    }
}

/// An alias is another name of an entry, which may be read under its own.
#[test]
fn an_alias_is_told_and_not_followed() {
    let directory = TestDirectory::start(Software::OpenLdap);
    let alias = format!(
        "dn: uid=other,{PEOPLE}\nchangetype: add\nobjectClass: alias\nobjectClass: extensibleObject\nuid: other\n\
         aliasedObjectName: uid=ann,{PEOPLE}\n\n"
    );
    directory.modify(
        &(person("uid=ann", "ann", "")
            + &alias
            + &group("team", "groupOfNames", &format!("member: uid=ann,{PEOPLE}\nmember: uid=other,{PEOPLE}"))),
    );
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, EVERYTHING);
    let ran = agent.run(&["apply"]);
    assert!(ran.stderr.contains("an alias, which is not followed"), "{ran:?}");
    has_members(&server, "team", &["ann"]);
    assert_eq!(server.all("Users").len(), 1);
    assert_eq!(writes(&agent), 0);
}

#[test]
fn managers_wherever_they_are() {
    for software in LDAP {
        let directory = TestDirectory::start(software);
        let managed = |uid: &str, manager: &str| person(&format!("uid={uid}"), uid, &format!("manager: {manager}"));
        let at = |uid: &str| format!("uid={uid},{PEOPLE}");
        directory.modify(
            &(managed("a-early", &at("z-late"))
                + &managed("c1", &at("c2"))
                + &managed("c2", &at("c1"))
                + &managed("self", &at("self"))
                + &managed("orphan", &at("nobody"))
                + &managed("outsider", &at("away"))
                + &managed("spelt", &format!("UID = Z-Late , {}", PEOPLE.to_uppercase()))
                + &person("uid=z-late", "z-late", "")
                + &person("uid=away", "away", "")),
        );
        let server = TestServer::start();
        let more = "[scope]\nusers = [\"*\"]\nexclude = [\"away\"]\n[mapping]\nenterprise = true\n";
        let agent = TestAgent::new(&directory, &server, more);
        clean(&agent.run(&["apply"]));
        let expect = [
            ("a-early", "z-late"),
            ("c1", "c2"),
            ("c2", "c1"),
            ("self", "self"),
            ("orphan", ""),
            ("outsider", ""),
            ("spelt", "z-late"),
        ];
        let check = |expect: &[(&str, &str)]| {
            for (who, manager) in expect {
                let id = if manager.is_empty() { Value::Null } else { user(&server, manager)["id"].clone() };
                assert_eq!(user(&server, who)[ENTERPRISE]["manager"]["value"], id, "{software:?} {who}");
            }
        };
        check(&expect);
        assert_eq!(writes(&agent), 0, "{software:?}");
        directory.modify(&format!("dn: {}\nchangetype: delete\n", at("z-late")));
        agent.run(&["apply", "--full"]);
        check(&[("a-early", ""), ("spelt", ""), ("c1", "c2"), ("self", "self")]);
        assert_eq!(writes(&agent), 0, "{software:?}");
    }
}

/// Trust accounts and computers are not users.
#[test]
fn accounts_of_machines_and_trusts_are_nobody() {
    const MAKE: &str = r#"
import sys, ldb
from samba.samdb import SamDB
from samba.auth import system_session
from samba.param import LoadParm
folder = sys.argv[1]
lp = LoadParm(); lp.load(folder + "/etc/smb.conf")
sam = SamDB(session_info=system_session(lp), lp=lp)
base = sam.domain_dn()
people = "OU=People," + base if sam.search(base, expression="(ou=People)") else "CN=Users," + base
def add(cn, **attributes):
    attributes["dn"] = "CN=%s,CN=Users,%s" % (cn, base)
    sam.add(attributes, controls=["local_oid:1.3.6.1.4.1.7165.4.3.23:0", "relax:0"])
add("CHILD$", objectClass="user", sAMAccountName="CHILD$", userAccountControl="2080")
add("PC1", objectClass="computer", sAMAccountName="PC1$", userAccountControl="4096")
"#;
    let directory = TestDirectory::start(Software::Samba);
    directory.fill(2, 1);
    let script = directory.path().join("make.py");
    std::fs::write(&script, MAKE).expect("a file");
    let made =
        std::process::Command::new("/usr/bin/python3").arg(script).arg(directory.path()).output().expect("python");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let server = TestServer::start();
    let base = directory.get("BASE_DN");
    let agent = TestAgent::new(&directory, &server, "[scope]\nusers = [\"*\"]\ngroups = [\"Domain Users\"]\n");
    agent.set(
        &format!("groups = {{ bases = [\"{}\"] }}", directory.get("GROUPS_DN")),
        &format!("groups = {{ bases = [\"{base}\"] }}"),
    );
    let ran = agent.run(&["apply"]);
    let names: Vec<String> = server.all("Users").iter().map(|user| user["userName"].to_string()).collect();
    assert!(names.iter().any(|name| name.contains("u000001")), "{ran:?}");
    assert!(!names.iter().any(|name| name.contains('$')), "{names:?}");
}

#[test]
fn a_shell_that_lets_nobody_in() {
    for software in LDAP {
        let directory = TestDirectory::start(software);
        let shell = |shell: &str| {
            format!("objectClass: posixAccount\nuidNumber: 1\ngidNumber: 1\nhomeDirectory: /\nloginShell: {shell}")
        };
        directory.modify(
            &(person("uid=ann", "ann", &shell("/usr/sbin/nologin"))
                + &person("uid=bob", "bob", &shell("/bin/bash"))
                + &person("uid=cyd", "cyd", &shell("/bin/false"))),
        );
        if software == Software::Ds389 {
            directory.modify(&format!(
                "dn: dc=example,dc=test\nchangetype: modify\nadd: aci\naci: (targetattr = \"loginShell\")(version 3.0; acl \"shell\"; allow (read, search, compare) userdn = \"ldap:///{}\";)\n",
                directory.get("SYNC_DN")
            ));
        }
        let server = TestServer::start();
        let agent = TestAgent::new(&directory, &server, &format!("{EVERYTHING}[mapping]\nenterprise = false\n"));
        let active = || ["ann", "bob", "cyd"].map(|name| user(&server, name)["active"] == json!(true));
        clean(&agent.run(&["apply"]));
        assert_eq!(active(), [true, true, true], "a shell says nothing by itself");
        agent.set("enterprise = false", "inactive = \"(|(loginShell=*/nologin)(loginShell=/bin/false))\"");
        in_every_run(&agent, |what| assert_eq!(active(), [false, true, false], "{software:?} {what}"));
        directory.modify(&format!(
            "dn: uid=ann,{PEOPLE}\nchangetype: modify\nreplace: loginShell\nloginShell: /bin/sh\n\n\
             dn: uid=bob,{PEOPLE}\nchangetype: modify\nreplace: loginShell\nloginShell: /sbin/nologin\n"
        ));
        in_every_run(&agent, |what| assert_eq!(active(), [true, false, false], "{software:?} {what}"));
        agent.set("(|(loginShell", "|(loginShell");
        let wrong = agent.run(&["check"]);
        assert!(wrong.code == Some(2) && wrong.stderr.contains("mapping.inactive"), "{wrong:?}");
    }
}

/// A timestamp has no more than seconds, and more than one change may be in one.
#[test]
fn two_changes_within_one_second_are_two() {
    for software in LDAP {
        let directory = TestDirectory::start(software);
        directory.modify(&person("uid=ann", "ann", ""));
        let server = TestServer::start();
        let agent = TestAgent::new(&directory, &server, EVERYTHING);
        if software == Software::OpenLdap {
            agent.set("flavour = \"openldap\"", "flavour = \"generic\"");
        }
        clean(&agent.run(&["apply"]));
        for n in 0..8 {
            let title = |title: &str| {
                let title = format!("replace: displayName\ndisplayName: {title}");
                directory.modify(&format!("dn: uid=ann,{PEOPLE}\nchangetype: modify\n{title}\n"));
            };
            title(&format!("first {n}"));
            assert_eq!(writes(&agent), 1, "{software:?} {n}");
            title(&format!("second {n}"));
            assert_eq!(writes(&agent), 1, "{software:?} {n}");
            assert_eq!(user(&server, "ann")["displayName"], format!("second {n}"), "{software:?}");
        }
        assert_eq!(writes(&agent), 0, "{software:?}");
    }
}
