//! Names as people have them: signs that mean something elsewhere, words that look like nothing, spaces, case.

use std::fmt::Write as _;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::json;

use super::{ENTERPRISE, GROUPS, LDAP, PEOPLE, clean, group, has_members, in_every_run, of_name, person, user};
use crate::{
    agent::TestAgent,
    directory::{Software, TestDirectory},
    full::{EVERYTHING, writes},
    server::TestServer,
};

/// A line of LDIF, whatever is in the value (RFC 2849).
fn line(name: &str, value: &str) -> String {
    format!("{name}:: {}\n", BASE64_STANDARD.encode(value))
}

/// A value within a DN (RFC 4514 §2.4).
fn escaped(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut text = String::new();
    for (n, c) in value.chars().enumerate() {
        let at_end = c == ' ' && (n == 0 || n == last) || c == '#' && n == 0;
        if at_end || r#",+"\<>;="#.contains(c) {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

/// Somebody whose entry is named by `cn`, with whatever is in it.
fn named(cn: &str, uid: &str) -> String {
    line("dn", &format!("cn={},{PEOPLE}", escaped(cn)))
        + "changetype: add\nobjectClass: inetOrgPerson\n"
        + &line("uid", uid)
        + &line("cn", cn)
        + "sn: x\ngivenName: x\n\n"
}

fn group_of(cn: &str, members: &[String]) -> String {
    let members: String = members.iter().map(|dn| line("member", dn)).collect();
    format!("dn: cn={cn},{GROUPS}\nchangetype: add\nobjectClass: groupOfNames\ncn: {cn}\n{members}\n")
}

const ODD: [&str; 18] = [
    " lead",
    "trail ",
    "#hash",
    "quo\"te",
    "eq=ual",
    "semi;colon",
    "<angle>",
    "back\\slash",
    "slash/ed",
    "com, ma",
    "plu+s",
    "st*ar",
    "(brackets)",
    "Ирина",
    "王小明",
    "O'Neil & Sons",
    "a\\2Cb",
    "100% [x]",
];

/// One name, written in one of the ways that RFC 4514 and its readers know.
fn spelt(value: &str, way: usize) -> String {
    match way % 4 {
        0 => format!("cn={},{PEOPLE}", escaped(value)),
        1 => {
            let hex = value.bytes().fold(String::new(), |mut text, byte| {
                let _ = write!(text, "\\{byte:02X}");
                text
            });
            format!("CN={hex}, {}", PEOPLE.to_uppercase())
        }
        2 => format!("2.5.4.3={},OU=People,{}", escaped(value), PEOPLE.split_once(',').expect("a base").1),
        _ => format!("cn = {} , {PEOPLE}", escaped(value)),
    }
}

#[test]
fn every_way_of_writing_a_name() {
    for software in LDAP {
        let directory = TestDirectory::start(software);
        let uids: Vec<String> = (0..ODD.len()).map(|n| format!("u{n}")).collect();
        let mut ldif: String = ODD.iter().zip(&uids).map(|(cn, uid)| named(cn, uid)).collect();
        ldif += &person("cn=Two+uid=two", "two", "");
        directory.modify(&ldif);
        for way in 0..4 {
            // 389 Directory Server takes no number of an attribute in a name.
            let ways = |n: usize| if software == Software::Ds389 && (n + way) % 4 == 2 { 0 } else { n + way };
            let mut members: Vec<String> = ODD.iter().enumerate().map(|(n, cn)| spelt(cn, ways(n))).collect();
            members.push(format!("UID=Two+CN=two,{PEOPLE}"));
            directory.modify(&group_of(&format!("way {way}"), &members));
        }
        let server = TestServer::start();
        let agent = TestAgent::new(&directory, &server, EVERYTHING);
        clean(&agent.run(&["apply"]));
        let everybody: Vec<&str> = uids.iter().map(String::as_str).chain(["two"]).collect();
        for way in 0..4 {
            has_members(&server, &format!("way {way}"), &everybody);
        }
        assert_eq!(writes(&agent), 0, "{software:?}");
        // An entry that is found by a name is still found after another change of the entry.
        directory.modify(&format!("{}changetype: modify\nadd: title\ntitle: new\n", line("dn", &spelt(ODD[7], 0))));
        in_every_run(&agent, |_| has_members(&server, "way 0", &everybody));
    }
}

#[test]
fn brackets_in_names_change_like_any_other() {
    let directory = TestDirectory::start(Software::OpenLdap);
    let unit = format!("ou={},{PEOPLE}", escaped("(A*B)\\"));
    let place = |cn: &str| format!("cn={},{unit}", escaped(cn));
    let names =
        ["(a)", "a)(uid=*", "*", "\\", "x(y)z*", "(|(uid=*))", "\\28a\\29", "a\\", "&(b)", "!c", "a=*", "d*e*f"];
    let mut ldif =
        line("dn", &unit) + "changetype: add\nobjectClass: organizationalUnit\n" + &line("ou", "(A*B)\\") + "\n";
    for (n, name) in names.iter().enumerate() {
        ldif += &named(name, &format!("u{n}"))
            .replace(&line("dn", &format!("cn={},{PEOPLE}", escaped(name))), &line("dn", &place(name)));
    }
    directory.modify(&ldif);
    directory.modify(&group_of("all", &names.map(place)));
    let server = TestServer::start();
    let scope = "[scope]\ngroups = [\"all\"]\nusers = ['(cn=\\28a\\29)', '(cn=*\\2a*)']\n";
    let agent = TestAgent::new(&directory, &server, scope);
    clean(&agent.run(&["apply"]));
    let all: Vec<String> = (0..names.len()).map(|n| format!("u{n}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    has_members(&server, "all", &all);
    assert_eq!(writes(&agent), 0);
    let id = user(&server, "u0")["id"].clone();

    // Another name, another place, and gone; then the container itself.
    let rename =
        line("dn", &place("(a)")) + "changetype: modrdn\n" + &line("newrdn", "cn=(b)*") + "deleteoldrdn: 1\n\n";
    let moved = line("dn", &place("*"))
        + "changetype: modrdn\n"
        + &line("newrdn", "cn=*")
        + "deleteoldrdn: 1\n"
        + &format!("newsuperior: {PEOPLE}\n\n");
    let gone = line("dn", &place("\\")) + "changetype: delete\n\n";
    directory.modify(&(rename + &moved + &gone));
    let left: Vec<&str> = all.iter().copied().filter(|uid| *uid != "u3").collect();
    in_every_run(&agent, |what| {
        has_members(&server, "all", &left);
        assert_eq!(user(&server, "u0")["id"], id, "{what}");
        assert_eq!(server.all("Users").len(), left.len(), "{what}");
    });
    directory.modify(&(line("dn", &unit) + "changetype: modrdn\n" + &line("newrdn", "ou=)*(") + "deleteoldrdn: 1\n"));
    in_every_run(&agent, |_| has_members(&server, "all", &left));
}

#[test]
fn values_that_look_like_nothing_are_values() {
    let directory = TestDirectory::start(Software::OpenLdap);
    let logins = ["0", "null", "true", "-", "None", "me", "NaN", "00", "1e3", ".", "Users"];
    let mails = [
        "plainaddress",
        "@no-local",
        "no-at.example.test",
        "two@@ats",
        "sp ace@example.test",
        "a@b",
        "a@[127.0.0.1]",
        "\"quoted @\"@example.test",
        "umlaut@b\u{fc}cher.test",
        "a@example.test.",
        "a..b@example.test",
        ",@example.test",
        "mailto:a@example.test",
        "<a@example.test>",
        "a@example.test, b@example.test",
        "a@-x",
        "x".repeat(300).leak(),
    ];
    // Where the schema lets an address be no more than ASCII, that is the directory's word.
    let mut ldif = String::new();
    for login in logins {
        ldif += &person(&format!("uid={login}"), login, "employeeNumber: 00042");
    }
    for (n, mail) in mails.iter().enumerate().filter(|(_, mail)| mail.is_ascii()) {
        let uid = format!("m{n}");
        ldif += &person(&format!("uid={uid}"), &uid, "")
            .replace(&format!("mail: {uid}@example.test"), line("mail", mail).trim());
    }
    directory.modify(&ldif);
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, &format!("{EVERYTHING}[mapping]\nenterprise = true\n"));
    clean(&agent.run(&["apply"]));
    for login in logins {
        assert_eq!(user(&server, login)[ENTERPRISE]["employeeNumber"], "00042", "{login}");
    }
    for (n, mail) in mails.iter().enumerate().filter(|(_, mail)| mail.is_ascii()) {
        assert_eq!(user(&server, &format!("m{n}"))["emails"][0]["value"], *mail);
    }
    assert_eq!(writes(&agent), 0);
    // One of them by each name that the scope may have for it.
    agent.set("users = [\"*\"]\ngroups = [\"*\"]", "users = [\"0\", \"null\", \"true\", \"-\", \"None\", \"me\"]");
    assert!(agent.run(&["explain", "null"]).stdout.contains("In scope: yes"));
}

#[test]
fn case_alone_is_a_change_of_the_value_and_nobody_new() {
    for software in LDAP {
        let directory = TestDirectory::start(software);
        directory.modify(
            &(person("uid=ann", "ann", "") + &group("team", "groupOfNames", &format!("member: uid=ann,{PEOPLE}"))),
        );
        let server = TestServer::start();
        let agent = TestAgent::new(&directory, &server, EVERYTHING);
        clean(&agent.run(&["apply"]));
        let id = user(&server, "ann")["id"].clone();
        directory.modify(&format!(
            "dn: uid=ann,{PEOPLE}\nchangetype: modrdn\nnewrdn: uid=Ann\ndeleteoldrdn: 1\n\n\
             dn: uid=Ann,{PEOPLE}\nchangetype: modify\nreplace: mail\nmail: ANN@Example.test\n\n\
             dn: cn=team,{GROUPS}\nchangetype: modrdn\nnewrdn: cn=TEAM\ndeleteoldrdn: 1\n"
        ));
        in_every_run(&agent, |what| {
            let ann = user(&server, "Ann");
            assert_eq!(
                (&ann["id"], &ann["emails"][0]["value"]),
                (&id, &json!("ANN@Example.test")),
                "{software:?} {what}"
            );
            assert_eq!((server.all("Users").len(), server.all("Groups").len()), (1, 1), "{software:?} {what}");
            has_members(&server, "TEAM", &["Ann"]);
        });
        // The same by hand at the target: the full comparison gives the directory's spelling back.
        let path = format!("/Users/{}", id.as_str().expect("an id"));
        server.send("PATCH", &path, &json!({"Operations": [{"op": "replace", "path": "userName", "value": "ann"}]}));
        agent.run(&["apply", "--full"]);
        let ann = user(&server, "Ann");
        assert_eq!((&ann["id"], server.all("Users").len()), (&id, 1), "{software:?}");
        has_members(&server, "TEAM", &["Ann"]);
    }
}

/// For the directory these are one name with other spaces, so they are one at the target.
#[test]
fn spaces_that_do_not_count_are_not_written() {
    for software in LDAP {
        let directory = TestDirectory::start(software);
        let mut logins = vec![("trail ", "trail"), (" lead", "lead"), ("two  in", "two in")];
        if software == Software::OpenLdap {
            // The other one takes ASCII only.
            logins.push(("no\u{a0}break", "no break"));
        }
        let mut ldif = String::new();
        for (n, (login, _)) in logins.iter().enumerate() {
            ldif += &named(&format!("p{n}"), login);
        }
        ldif += &group("logins", "posixGroup", "gidNumber: 7\nmemberUid: trail\nmemberUid: lead\nmemberUid: two in");
        directory.modify(&ldif);
        let server = TestServer::start();
        let agent = TestAgent::new(
            &directory,
            &server,
            "[scope]\ngroups = [\"logins\"]\nusers = [\"trail\", \"lead\", \"two in\", \"*\"]\n",
        );
        clean(&agent.run(&["apply"]));
        for (_, name) in &logins {
            user(&server, name);
        }
        has_members(&server, "logins", &["trail", "lead", "two in"]);
        assert_eq!(writes(&agent), 0, "{software:?}");
        // The same login, written in another way: nothing to do.
        directory.modify(&format!(
            "dn: cn=p0,{PEOPLE}\nchangetype: modify\nreplace: uid\nuid: trail\n\n\
             dn: cn=p2,{PEOPLE}\nchangetype: modify\nreplace: uid\nuid: two   in\n"
        ));
        in_every_run(&agent, |_| has_members(&server, "logins", &["trail", "lead", "two in"]));
        // Somebody else with it: both are told, and whoever has it keeps it.
        directory.modify(&named("p9", "two in"));
        let ran = agent.run(&["apply"]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.contains("ConflictError"), "{ran:?}");
        assert_eq!(server.all("Users").len(), logins.len(), "{software:?}");
        // Nothing but spaces is no login.
        directory.modify(&named("p8", "  "));
        let ran = agent.run(&["apply", "--full"]);
        assert!(ran.stderr.contains("MissingAttribute") && ran.stderr.contains("cn=p8,"), "{ran:?}");
    }
}

#[test]
fn names_of_groups_in_active_directory() {
    let directory = TestDirectory::start(Software::Samba);
    let groups = directory.get("GROUPS_DN").to_owned();
    let names =
        ["#IT", "!50-\u{958b}\u{767c}(\u{958b}\u{767c}\u{4e00}\u{90e8})", "R&D", "100%", "a'b", "x".repeat(60).leak()];
    let mut ldif = String::new();
    for name in names {
        ldif += &(line("dn", &format!("CN={},{groups}", escaped(name)))
            + "changetype: add\nobjectClass: group\n"
            + &line("sAMAccountName", name)
            + "\n");
    }
    directory.modify(&ldif);
    let server = TestServer::start();
    let list: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    let agent = TestAgent::new(&directory, &server, &format!("[scope]\ngroups = [{}]\n", list.join(", ")));
    clean(&agent.run(&["apply"]));
    for name in names {
        of_name(&server, "Groups", "displayName", name);
    }
    assert_eq!(writes(&agent), 0);
    // Each is explained by its name.
    assert!(agent.run(&["explain", "#IT"]).stdout.contains("In scope: yes"));
}

#[test]
fn every_way_to_name_the_account_of_active_directory() {
    let directory = TestDirectory::start(Software::Samba);
    directory.fill(2, 1);
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, EVERYTHING);
    clean_or_told(&agent);
    let dn = directory.get("SYNC_DN").to_owned();
    let login = directory.get("SYNC_DN").split(['=', ',']).nth(1).expect("a name").to_owned();
    let realm = "corp.example.test";
    let mut before = dn.clone();
    agent.set("[source]", &format!("[source]\ncanary = \"{dn}\""));
    for account in [format!("{login}@{realm}"), format!("CORP\\\\{login}"), format!("corp\\\\{login}"), dn] {
        agent.set(&format!("account = \"{before}\""), &format!("account = \"{account}\""));
        let checked = agent.run(&["check"]);
        assert!(checked.stdout.contains("connected and bound"), "{account}: {checked:?}");
        before = account;
    }
}

#[track_caller]
fn clean_or_told(agent: &TestAgent) {
    let ran = agent.run(&["apply"]);
    assert!(matches!(ran.code, Some(0 | 1)), "{ran:?}");
}
