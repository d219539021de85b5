//! Parts of the rights lost on 389 Directory Server, which answers a search for something hidden as one for
//! nothing.

use std::fmt::Write as _;

use crate::{
    agent::TestAgent,
    directory::{Software, TestDirectory},
    full::EVERYTHING,
    server::TestServer,
};

const BASE: &str = "dc=example,dc=test";

#[test]
fn hidden_is_not_gone_and_gone_is_found() {
    let directory = TestDirectory::start(Software::Ds389);
    let mut ldif = format!("dn: ou=a,ou=people,{BASE}\nchangetype: add\nobjectClass: organizationalUnit\nou: a\n\n");
    for (n, unit) in [(1, "ou=a,"), (2, "ou=a,"), (3, ""), (4, ""), (5, "")] {
        let _ = write!(
            ldif,
            "dn: uid=p{n},{unit}ou=people,{BASE}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: p{n}\ncn: p{n}\nsn: p{n}\n\n"
        );
    }
    directory.modify(&ldif);
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, EVERYTHING);
    agent.run(&["apply"]);
    let users = || server.all("Users").len();
    assert_eq!(users(), 5);
    let deny = format!(
        "(targetattr = \"*\")(version 3.0; acl \"no\"; deny (all) userdn = \"ldap:///cn=sync,ou=system,{BASE}\";)"
    );
    for entry in [format!("uid=p3,ou=people,{BASE}"), format!("ou=a,ou=people,{BASE}")] {
        directory.modify(&format!("dn: {entry}\nchangetype: modify\nadd: aci\naci: {deny}\n"));
        for run in [&["apply"][..], &["apply", "--full"]] {
            let ran = agent.run(run);
            assert_eq!(users(), 5, "{entry}: {ran:?}");
        }
        directory.modify(&format!("dn: {entry}\nchangetype: modify\ndelete: aci\n"));
        agent.run(&["apply", "--full"]);
    }
    directory.modify(&format!("dn: uid=p4,ou=people,{BASE}\nchangetype: delete\n"));
    let ran = agent.run(&["apply", "--full"]);
    assert_eq!(users(), 4, "{ran:?}");
}
