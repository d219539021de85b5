//! Accounts that time locks, ends or begins.

use std::process::Command;

use serde_json::json;

use super::{PEOPLE, clean, in_every_run, person, user};
use crate::{
    agent::TestAgent,
    directory::{Software, TestDirectory},
    full::EVERYTHING,
    server::TestServer,
};

#[test]
fn a_lock_by_wrong_passwords_makes_nobody_inactive() {
    let directory = TestDirectory::start(Software::OpenLdap);
    let base = directory.get("BASE_DN").to_owned();
    directory.modify(&format!(
        "dn: cn=policy,ou=system,{base}\nchangetype: add\nobjectClass: device\nobjectClass: pwdPolicy\ncn: policy\n\
         pwdAttribute: userPassword\npwdLockout: TRUE\npwdMaxFailure: 3\npwdLockoutDuration: 3\n\n\
         dn: olcOverlay={{3}}ppolicy,olcDatabase={{1}}mdb,cn=config\nchangetype: modify\nadd: olcPPolicyDefault\n\
         olcPPolicyDefault: cn=policy,ou=system,{base}\n"
    ));
    directory.modify(&person("uid=ann", "ann", "userPassword: right"));
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, EVERYTHING);
    clean(&agent.run(&["apply"]));
    for _ in 0..4 {
        let dn = format!("uid=ann,{PEOPLE}");
        let wrong =
            Command::new("ldapwhoami").args(["-x", "-H", directory.get("LDAP_URL"), "-D", &dn, "-w", "wrong"]).output();
        assert!(!wrong.expect("ldapwhoami").status.success());
    }
    in_every_run(&agent, |what| assert_eq!(user(&server, "ann")["active"], true, "{what}"));
    relaxed(
        &directory,
        &format!(
            "dn: uid=ann,{PEOPLE}\nchangetype: modify\nreplace: pwdAccountLockedTime\npwdAccountLockedTime: 000001010000Z\n"
        ),
    );
    in_every_run(&agent, |what| assert_eq!(user(&server, "ann")["active"], false, "{what}"));
}

/// As the administrator, also what only the server itself writes.
fn relaxed(directory: &TestDirectory, ldif: &str) {
    let file = directory.path().join("relaxed.ldif");
    std::fs::write(&file, ldif).expect("a file");
    let mut command = Command::new("ldapmodify");
    command.args(["-e", "relax", "-x", "-H", directory.get("LDAP_URL")]);
    command.args(["-D", directory.get("BIND_DN"), "-w", directory.get("BIND_PASSWORD"), "-f"]).arg(file);
    let output = command.output().expect("ldapmodify");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn an_account_ends_when_its_time_is_over() {
    let directory = TestDirectory::start(Software::OpenLdap);
    let posix = "objectClass: posixAccount\nobjectClass: shadowAccount\nuidNumber: 1\ngidNumber: 1\nhomeDirectory: /";
    directory.modify(&(person("uid=ann", "ann", &format!("{posix}\nshadowExpire: 1")) + &person("uid=bob", "bob", "")));
    relaxed(
        &directory,
        &format!("dn: uid=bob,{PEOPLE}\nchangetype: modify\nadd: pwdEndTime\npwdEndTime: 20200101000000Z\n"),
    );
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, &format!("{EVERYTHING}[mapping]\nenterprise = false\n"));
    let active = |name: &str| user(&server, name)["active"] == json!(true);
    clean(&agent.run(&["apply"]));
    assert!(active("ann") && !active("bob"), "what the directory itself goes by");
    agent.set("enterprise = false", "ends = [\"shadowExpire\"]");
    clean(&agent.run(&["apply"]));
    assert!(!active("ann") && active("bob"), "what the setting says");
}

/// It runs out while nothing changes in the directory, and a cycle that finds no change notices.
#[test]
fn a_time_that_runs_out_is_noticed() {
    let directory = TestDirectory::start(Software::OpenLdap);
    directory.modify(&person("uid=ann", "ann", ""));
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, EVERYTHING);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time").as_millis();
    let soon = scim_protocol::Timestamp::from_millis(i64::try_from(now).expect("a time") + 10_000).to_string();
    let digits: String = soon.split('.').next().unwrap_or_default().chars().filter(char::is_ascii_digit).collect();
    relaxed(&directory, &format!("dn: uid=ann,{PEOPLE}\nchangetype: modify\nadd: pwdEndTime\npwdEndTime: {digits}Z\n"));
    clean(&agent.run(&["apply"]));
    assert_eq!(user(&server, "ann")["active"], true);
    let begun = std::time::Instant::now();
    while user(&server, "ann")["active"] == true {
        assert!(begun.elapsed() < std::time::Duration::from_secs(90), "it was not noticed");
        std::thread::sleep(std::time::Duration::from_millis(500));
        clean(&agent.run(&["apply"]));
    }
}
