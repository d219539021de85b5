//! A bind by Kerberos ticket, against the key distribution centre of the Samba domain.

use std::process::Command;

use crate::{
    agent::TestAgent,
    directory::{Software, TestDirectory},
    full::{everything, same_groups, same_users, writes},
    server::TestServer,
};

#[test]
fn a_ticket_binds_over_tls_and_sealed_without_it() {
    let directory = TestDirectory::start_with(Software::Samba, &[("KERBEROS", "1")]);
    let seed = directory.fill(20, 3);
    let server = TestServer::start();
    let password = format!("account = \"{}\", password_file = \"password\"", directory.get("SYNC_DN"));
    let ticket = format!("gssapi = true, server = \"{}\"", directory.get("KRB5_SERVER"));
    let canary = format!("[source]\ncanary = \"{}\"\n", directory.get("SYNC_DN"));
    let cache = directory.path().join("ticket");
    let mut agent = TestAgent::new(&directory, &server, &everything(Software::Samba));
    agent.set(&password, &ticket);
    agent.set("[source]\n", &canary);
    agent.with_env("KRB5_CONFIG", directory.get("KRB5_CONFIG"));
    agent.with_env("KRB5CCNAME", &cache.display().to_string());

    let without = agent.run(&["apply"]);
    assert_eq!(without.code, Some(2), "{without:?}");
    assert!(without.stderr.contains("during the bind"), "{without:?}");

    let kinit = Command::new("kinit")
        .args(["-k", "-t", directory.get("KRB5_KEYTAB"), "svc-sync"])
        .env("KRB5_CONFIG", directory.get("KRB5_CONFIG"))
        .env("KRB5CCNAME", &cache)
        .status();
    assert!(kinit.expect("kinit, of the package krb5-user").success());
    let ran = agent.run(&["apply"]);
    assert!(matches!(ran.code, Some(0 | 1)), "{ran:?}");
    same_users(Software::Samba, &seed, &server);
    same_groups(&seed, &server);
    // Without TLS the connection is sealed by Kerberos itself, so no password and no content is in the clear.
    agent.set(directory.get("LDAPS_URL"), directory.get("LDAP_URL"));
    assert_eq!(writes(&agent), 0);
}
