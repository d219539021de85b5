//! What an operator meets: a first configuration, a check that says what to change, words for what is wrong.

use std::net::TcpListener;

use crate::{
    agent::{Ran, TestAgent},
    daemon::{Daemon, until},
    directory::{Software, TestDirectory},
    full::EVERYTHING,
    server::TestServer,
};

#[track_caller]
fn says(ran: &Ran, words: &[&str]) {
    let all = format!("{}{}", ran.stdout, ran.stderr);
    for words in words {
        assert!(all.contains(words), "{words:?} in {ran:?}");
    }
}

/// `init` with everything that it would ask for on a terminal.
fn init(agent: &TestAgent, directory: &TestDirectory, server: &TestServer, more: &[&str]) -> Ran {
    let (password, token) = (agent.file("password"), server.token_file());
    let mut arguments = vec![
        "init",
        "--source",
        directory.get("LDAPS_URL"),
        "--account",
        directory.get("SYNC_DN"),
        "--ca-file",
        directory.get("LDAP_CA"),
        "--target",
        server.base(),
        "--password-file",
        password.to_str().expect("a path of text"),
        "--token-file",
        token.to_str().expect("a path of text"),
    ];
    arguments.extend(more);
    agent.run(&arguments)
}

#[track_caller]
fn a_first_configuration(software: Software) {
    let directory = TestDirectory::start(software);
    directory.fill(10, 2);
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, EVERYTHING);
    let kept = init(&agent, &directory, &server, &[]);
    assert_eq!(kept.code, Some(2), "{kept:?}");
    says(&kept, &["is there already", "--force"]);

    let made = init(&agent, &directory, &server, &["--force"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    says(&made, &["is written", "Ready"]);
    let text = std::fs::read_to_string(agent.file("sync-agent.toml")).expect("the configuration");
    assert!(text.contains("# Who is synchronised") && text.contains(software.flavour()), "{text}");
    let checked = agent.run(&["check"]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    says(&checked, &["users, ", "memberships", "a user is an entry that matches", "in scope: "]);
    let planned = agent.run(&["plan"]);
    assert_eq!(planned.code, Some(0), "{planned:?}");
    says(&planned, &["to create"]);

    let nobody = init(&agent, &directory, &server, &["--force", "--group", "no such group"]);
    assert_eq!(nobody.code, Some(2), "{nobody:?}");
    says(&nobody, &["no group \"no such group\""]);
    let wrong = init(&agent, &directory, &server, &["--force", "--base", "ou=nowhere,dc=example,dc=test"]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    assert_eq!(agent.run(&["check"]).code, Some(0), "a failed init leaves what was there");
}

#[test]
fn a_first_configuration_for_openldap() {
    a_first_configuration(Software::OpenLdap);
}

#[test]
fn a_first_configuration_for_active_directory() {
    a_first_configuration(Software::Samba);
}

#[test]
fn check_says_what_to_change() {
    let directory = TestDirectory::start(Software::OpenLdap);
    directory.fill(5, 1);
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, "[scope]\ngroups = [\"*\", \"no such group\"]\n");
    let nobody = agent.run(&["check"]);
    assert_eq!(nobody.code, Some(1), "{nobody:?}");
    says(&nobody, &["no such group", "Not ready"]);
    agent.set("[\"*\", \"no such group\"]", "[\"*\"]");

    agent.set("[source]", "[source]\ncanary = \"cn=nobody,dc=example,dc=test\"");
    let blind = agent.run(&["check"]);
    assert_eq!(blind.code, Some(1), "{blind:?}");
    says(&blind, &["the canary cn=nobody,dc=example,dc=test cannot be read", "source.canary"]);
    agent.set("canary = \"cn=nobody,dc=example,dc=test\"", "");

    // The two ways of TLS, each on the port of the other.
    let (plain, secured) = (directory.get("LDAP_URL").to_owned(), directory.get("LDAPS_URL").to_owned());
    agent.set(&secured, &plain.replace("ldap://", "ldaps://"));
    let checked = agent.run(&["check"]);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    says(&checked, &["does not begin with TLS", "source.tls.start_tls = true"]);
    agent.set(&plain.replace("ldap://", "ldaps://"), &secured.replace("ldaps://", "ldap://"));
    agent.set("tls = { ", "tls = { start_tls = true, ");
    let checked = agent.run(&["check"]);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    says(&checked, &["speaks TLS from the first byte", "write ldaps://"]);
    agent.set("start_tls = true, ", "");

    // A port that accepts and says nothing, and one where nobody is.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = format!("ldaps://{}", silent.local_addr().expect("an address"));
    agent.set(&secured.replace("ldaps://", "ldap://"), &place);
    let checked = agent.run(&["check"]);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    says(&checked, &["no directory server could be reached"]);
    drop(silent);
    let checked = agent.run(&["check"]);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    says(&checked, &["no directory server could be reached"]);
    agent.set(&place, &secured);

    agent.set(directory.get("GROUPS_DN"), "ou=misspelt,dc=example,dc=test");
    let checked = agent.run(&["check"]);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    says(&checked, &["ou=misspelt,dc=example,dc=test", "source.groups.bases"]);
}

#[test]
fn members_that_are_nobody_are_listed_and_a_dummy_can_be_named() {
    let directory = TestDirectory::start(Software::OpenLdap);
    let base = directory.get("GROUPS_DN");
    let members = ["cn=dummy", "cn=back\\5Cslash,dc=example,dc=test", "cn=one more,dc=example,dc=test"];
    let lines = members.map(|member| format!("member: {member}\n")).concat();
    directory.modify(&format!(
        "dn: cn=odd,{base}\nchangetype: add\nobjectClass: groupOfNames\ncn: odd\n{lines}\n\
         dn: cn=empty,{base}\nchangetype: add\nobjectClass: groupOfNames\ncn: empty\nmember: cn=dummy\n"
    ));
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, "[scope]\ngroups = [\"odd\", \"empty\"]\n");
    let ran = agent.run(&["apply"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    says(&ran, &["UnresolvedMember", "and 2 more", "sync-agent explain"]);
    says(&agent.run(&["explain", "odd"]), &members);

    agent.set("[scope]", "[scope]\nignore_members = [\"cn=dummy\"]");
    let ran = agent.run(&["apply", "--full"]);
    assert!(!ran.stderr.contains("cn=empty"), "{ran:?}");
    assert!(!agent.run(&["explain", "empty"]).stdout.contains("cn=dummy"));
    agent.set("[\"odd\", \"empty\"]", "[\"empty\"]");
    let ran = agent.run(&["apply", "--full"]);
    assert_eq!(ran.code, Some(0), "a dummy that is named is no problem: {ran:?}");
}

/// A command that changes the scope leaves a configuration that can be used, or the old one.
#[test]
fn the_last_line_of_a_scope_is_not_removed() {
    let directory = TestDirectory::start(Software::OpenLdap);
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, "[scope]\nusers = [\"*\"]\n");
    let before = std::fs::read_to_string(agent.file("sync-agent.toml")).expect("the configuration");
    let removed = agent.run(&["scope", "remove", "*"]);
    assert_eq!(removed.code, Some(2), "{removed:?}");
    says(&removed, &["names nobody", "write groups"]);
    assert_eq!(std::fs::read_to_string(agent.file("sync-agent.toml")).expect("the configuration"), before);
    assert_eq!(agent.run(&["scope", "add", "group", "*"]).code, Some(0));
    assert_eq!(agent.run(&["scope", "remove", "*"]).code, Some(2), "it is in both lists");
}

#[track_caller]
fn wants_tls(software: Software) {
    let directory = TestDirectory::start_with(software, &[("REQUIRE_TLS", "1")]);
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, EVERYTHING);
    agent.set(directory.get("LDAPS_URL"), directory.get("LDAP_URL"));
    agent.set("password_file = \"password\"", "password_file = \"password\", allow_plain_text = true");
    let ran = agent.run(&["apply"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    says(&agent.run(&["errors"]), &["DirectoryRequiresTls", "ldaps://"]);
}

#[test]
fn an_openldap_that_wants_tls_is_not_told_as_a_wrong_password() {
    wants_tls(Software::OpenLdap);
}

#[test]
fn an_active_directory_that_wants_tls_is_not_told_as_a_wrong_password() {
    wants_tls(Software::Samba);
}

#[test]
fn a_refused_bind_of_active_directory_is_told_in_words() {
    let directory = TestDirectory::start(Software::Samba);
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, EVERYTHING);
    std::fs::write(agent.file("password"), "wrong").expect("the password");
    says(&agent.run(&["check"]), &["the password is wrong"]);
}

#[test]
fn a_filter_that_cannot_be_parsed_is_told_with_what_to_write() {
    let directory = TestDirectory::start(Software::OpenLdap);
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, EVERYTHING);
    agent.set("users = { bases", "users = { filter = \"(&(uid=*)(!userAccountControl=2))\", bases");
    let checked = agent.run(&["check"]);
    assert_eq!(checked.code, Some(2), "{checked:?}");
    says(&checked, &["source.users.filter", "write (!(userAccountControl=2))"]);
}

/// A write that fails as on a full disk: the state is sound, and whoever deletes it loses what it has.
#[test]
fn a_state_without_room_is_kept() {
    let directory = TestDirectory::start(Software::OpenLdap);
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, EVERYTHING);
    // The first pause is not told as done when it could not be written.
    let reason = "x".repeat(4096);
    let paused = agent.run_within(1, &["pause", "--reason", &reason]);
    assert_eq!(paused.code, Some(2), "{paused:?}");
    assert_eq!(agent.run(&["pause"]).code, Some(0));
    for command in [&["status"][..], &["resume"], &["apply"]] {
        let ran = agent.run_within(64, command);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        says(&ran, &["ulimit -f", "keep the state"]);
        assert!(!ran.stderr.contains("deleted") && !ran.stderr.contains("sled::"), "{ran:?}");
    }
    says(&agent.run(&["status"]), &["paused since"]);
}

/// The cycle itself may have gone well; whoever looks into the log learns that it is not whole.
#[test]
fn an_error_log_that_cannot_be_written_is_told() {
    let directory = TestDirectory::start(Software::OpenLdap);
    let server = TestServer::start();
    let more = format!("{EVERYTHING}[service]\nerror_log = \"away/errors.jsonl\"\n");
    let agent = TestAgent::new(&directory, &server, &more);
    std::fs::write(agent.file("password"), "wrong").expect("the password");
    let ran = agent.run(&["apply"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    says(&ran, &["not in the error log", "service.error_log"]);
    says(&agent.run(&["status"]), &["not in the error log"]);
    says(&agent.run(&["errors"]), &["`sync-agent status` says"]);

    let daemon = Daemon::start(&agent);
    until("the daemon tells it", || {
        let told = agent.run(&["errors"]);
        told.stderr.contains("not in the error log") && !told.stdout.contains("No errors")
    });
    drop(daemon);

    std::fs::create_dir(agent.file("away")).expect("a folder");
    agent.run(&["apply"]);
    says(&agent.run(&["errors"]), &["InvalidDirectoryCredentials"]);
}
