//! What can be reached, and how: connections, rights, ranges, members outside of the bases, other
//! servers.

use sync_agent::{Bind, Code, Dn, Population, examine_rights};

use super::follower::{Account, Follower, id, member};
use crate::{
    agent::TestAgent,
    directory::{Proxy, Software, TestDirectory},
    full::{everything, same_groups, same_users},
    server::TestServer,
};

#[test]
fn every_way_to_connect() {
    let directory = TestDirectory::start(Software::OpenLdap);
    directory.fill(5, 1);
    let mut follower = Follower::new(&directory, Account::Sync);
    let users = follower.observe().population.len();
    // The first server does not answer; the second wants StartTLS.
    let urls = format!("ldap://127.0.0.1:1\", \"{}", directory.get("LDAP_URL"));
    follower.configure(&urls, "tls = { start_tls = true, ca_file = \"CA\" }");
    assert_eq!(follower.observe().population.len(), users);
}

#[test]
fn a_socket_needs_no_password() {
    let directory = TestDirectory::start(Software::OpenLdap);
    directory.fill(5, 1);
    let mut follower = Follower::new(&directory, Account::Sync);
    let users = follower.observe().population.len();
    follower.config.source.urls = vec![directory.get("LDAPI_URL").to_owned()];
    follower.config.source.bind = Bind::External;
    assert_eq!(follower.try_observe(None, false).expect("a reading").population.len(), users);
}

/// SASL EXTERNAL: the certificate's name is the account, which the server maps to one that may read.
#[test]
fn a_client_certificate_needs_no_password() {
    let directory = TestDirectory::start(Software::OpenLdap);
    let seed = directory.fill(5, 1);
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, &everything(Software::OpenLdap));
    let password = format!("account = \"{}\", password_file = \"password\"", directory.get("SYNC_DN"));
    agent.set(&password, "external = true");
    agent.set("[source]", &format!("[source]\ncanary = \"{}\"", directory.get("USERS_DN")));
    // Without a certificate TLS stands, and nobody is bound.
    let nobody = agent.run(&["check"]);
    assert_eq!(nobody.code, Some(1), "{nobody:?}");
    assert!(nobody.stdout.contains("refused the bind as the external identity"), "{nobody:?}");
    let with = |key: &str| {
        let (cert, key) = (directory.get("LDAP_CLIENT_CERT"), directory.get(key));
        format!("ca.pem\", client_cert = \"{cert}\", client_key = \"{key}\" }}")
    };
    agent.set("ca.pem\" }", &with("LDAP_CLIENT_KEY"));
    let checked = agent.run(&["check"]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    agent.run(&["apply"]);
    same_users(Software::OpenLdap, &seed, &server);
    same_groups(&seed, &server);
    // It is the account of the mapping and no other: more than 1,000 a page is refused to that one.
    agent.set("[source]", "[source]\npage_size = 2000");
    let much = agent.run(&["apply", "--full"]);
    assert!(much.stderr.contains("lower source.page_size"), "{much:?}");
    agent.set(&with("LDAP_CLIENT_KEY"), &with("LDAP_CA"));
    let wrong = agent.run(&["check"]);
    assert!(wrong.stdout.contains(directory.get("LDAP_CA")), "{wrong:?}");
}

#[test]
fn what_the_account_may_do_is_found_out() {
    let directory = TestDirectory::start(Software::Samba);
    directory.fill(30, 5);
    directory.change(&["delete", "u000001"]);
    for (account, sees) in [(Account::Sync, false), (Account::Replicate, true)] {
        let follower = Follower::new(&directory, account);
        let source = &follower.config.source;
        let rights = follower.runtime.block_on(examine_rights(source, Vec::new())).expect("an answer");
        assert_eq!((rights.canary, rights.tls, rights.flavour.as_str()), (true, true, "active-directory"));
        assert_eq!((rights.sees_deletions, rights.deleted_objects), (sees, Some(sees)));
        assert!(rights.account_state["userAccountControl"] > 0 && rights.groups_with_members > 0, "{rights:?}");
    }
}

#[test]
fn large_groups_come_in_ranges() {
    let directory = TestDirectory::start(Software::Samba);
    directory.fill(1_510, 2);
    let mut follower = Follower::new(&directory, Account::Sync);
    let plain = follower.observe();
    let proxy = Proxy::start(&directory, &["--max-range", "400", "--max-page", "300"]);
    follower.configure(&proxy.url(), "");
    let limited = follower.try_observe(None, false).expect("a reading");
    let most = limited.population.iter().map(|observed| observed.members.len()).max();
    assert!(most >= Some(1_500), "{most:?}");
    for observed in plain.population.iter() {
        assert_eq!(limited.population.get(observed.entry.id), Some(observed));
    }
}

#[test]
fn members_outside_of_the_bases_are_read() {
    for software in [Software::OpenLdap, Software::Samba] {
        let directory = TestDirectory::start(software);
        let seed = directory.fill(30, 5);
        let mut follower = Follower::new(&directory, Account::Sync);
        let everybody = follower.observe().population;
        follower.config.source.users.bases =
            vec![Dn::parse(&format!("OU=Dept-01,{}", directory.get("USERS_DN"))).expect("a DN")];
        let team = id(&seed, "groups", "team-00001");
        let few = follower.observe().population;
        assert!(few.iter().any(|observed| observed.outside));
        let members = |population: &Population| population.get(team).map(|observed| observed.members.clone());
        assert_eq!(members(&few), members(&everybody));
        directory.change(&["mail", member(&seed), "other@example.test"]);
        directory.change(&["remove", "team-00001", member(&seed)]);
        follower.follows("a member outside");
    }
}

#[test]
fn references_are_reported_refused_or_followed() {
    let (directory, other) = (TestDirectory::start(Software::OpenLdap), TestDirectory::start(Software::OpenLdap));
    directory.fill(5, 1);
    other.fill(9, 1);
    let file = directory.path().join("referral.ldif");
    let people = other.get("USERS_DN");
    let text = format!(
        "dn: ou=There,{people}\nchangetype: add\nobjectClass: referral\nobjectClass: extensibleObject\nou: There\nref: {}/{people}\n",
        other.get("LDAP_URL")
    );
    std::fs::write(&file, text).expect("a file");
    directory.change(&["ldif", file.to_str().expect("a path")]);
    let mut follower = Follower::new(&directory, Account::Sync);
    let here = follower.observe();
    assert_eq!(here.problems.iter().filter(|problem| problem.code == Code::ReferralNotFollowed).count(), 1);

    let url = directory.get("LDAP_URL").to_owned();
    follower.configure(&url, "referrals = \"refuse\"");
    let error = follower.try_observe(None, false).expect_err("a refusal");
    assert!(error.to_string().contains("source.referrals"), "{error}");

    // The password goes by TLS or not at all, although this configuration allows plain text to the server
    // that it names; and the authority of the other one is not known yet.
    follower.configure(&url, "referrals = \"follow\"");
    let error = follower.try_observe(None, false).expect_err("an unknown authority");
    assert!(error.to_string().contains("certificate") && error.to_string().contains("ca_file"), "{error}");
    let authorities = [directory.get("LDAP_CA"), other.get("LDAP_CA")].map(std::fs::read_to_string);
    let authorities = authorities.map(|text| text.expect("certificates")).concat();
    std::fs::write(directory.get("LDAP_CA"), authorities).expect("a file");
    let both = follower.try_observe(None, false).expect("a reading");
    assert!(both.population.len() > here.population.len() + 9);
    assert!(both.watermark.is_none(), "no watermark covers two servers");
}
