//! Dynamic groups: members that the directory computes when they are read, by the overlay `dynlist`.

use super::{GROUPS, PEOPLE, clean, group, has_members, in_every_run, person};
use crate::{
    agent::TestAgent,
    directory::{Software, TestDirectory},
    full::{EVERYTHING, writes},
    server::TestServer,
};

/// With the overlay, before (`{0}`) or behind the one that follows changes, and a group of all chiefs.
fn with_dynlist(place: &str) -> TestDirectory {
    let directory = TestDirectory::start(Software::OpenLdap);
    let schema = std::fs::read_to_string("/etc/ldap/schema/dyngroup.ldif").expect("a schema");
    directory.modify(&schema.replacen("objectClass:", "changetype: add\nobjectClass:", 1));
    directory.modify(&format!(
        "dn: cn=module{{0}},cn=config\nchangetype: modify\nadd: olcModuleLoad\nolcModuleLoad: dynlist\n\n\
         dn: olcOverlay={place}dynlist,olcDatabase={{1}}mdb,cn=config\nchangetype: add\n\
         objectClass: olcOverlayConfig\nobjectClass: olcDynListConfig\nolcOverlay: {place}dynlist\n\
         olcDynListAttrSet: groupOfURLs memberURL member\n"
    ));
    let url = format!("memberURL: ldap:///{PEOPLE}??sub?(title=chief)");
    directory.modify(
        &(person("uid=ann", "ann", "title: chief")
            + &person("uid=bob", "bob", "title: clerk")
            + &person("uid=cyd", "cyd", "title: chief")
            + &group("chiefs", "groupOfURLs", &url)
            + &group("still", "groupOfNames", &format!("member: uid=bob,{PEOPLE}"))),
    );
    directory
}

fn agent(directory: &TestDirectory, server: &TestServer, flavour: &str) -> TestAgent {
    let agent = TestAgent::new(directory, server, EVERYTHING);
    agent.set("flavour = \"openldap\"", &format!("flavour = \"{flavour}\""));
    agent.set(
        "groups = { bases",
        "groups = { filter = \"(|(objectClass=groupOfURLs)(objectClass=groupOfNames))\", bases",
    );
    agent
}

fn title(directory: &TestDirectory, uid: &str, title: &str) {
    directory.modify(&format!("dn: uid={uid},{PEOPLE}\nchangetype: modify\nreplace: title\ntitle: {title}\n"));
}

/// The group itself does not change when somebody else is in it.
#[test]
fn who_is_computed_follows_in_every_run() {
    for (place, flavour) in [("", "generic"), ("{0}", "generic"), ("{0}", "openldap")] {
        let directory = with_dynlist(place);
        let server = TestServer::start();
        let agent = agent(&directory, &server, flavour);
        clean(&agent.run(&["apply"]));
        let which = format!("{place}dynlist as {flavour}");
        has_members(&server, "chiefs", &["ann", "cyd"]);
        assert_eq!(writes(&agent), 0, "{which}");
        title(&directory, "bob", "chief");
        title(&directory, "cyd", "clerk");
        clean(&agent.run(&["apply"]));
        has_members(&server, "chiefs", &["ann", "bob"]);
        assert_eq!(writes(&agent), 0, "{which}");
        clean(&agent.run(&["apply", "--full"]));
        let status = crate::incremental::status(&agent);
        let cycles = status["cycles"].as_array().expect("cycles");
        assert!(cycles.iter().all(|cycle| cycle["drift"].as_u64().unwrap_or(0) == 0), "{which}: {status}");
        directory.modify(&format!("dn: uid=ann,{PEOPLE}\nchangetype: delete\n"));
        // Not every mechanism shows a deletion before the full run.
        clean(&agent.run(&["apply", "--full"]));
        in_every_run(&agent, |_| {
            has_members(&server, "chiefs", &["bob"]);
            has_members(&server, "still", &["bob"]);
        });
        directory.modify(&format!("dn: cn=chiefs,{GROUPS}\nchangetype: delete\n"));
        agent.run(&["apply", "--full"]);
        assert_eq!(server.all("Groups").len(), 1, "{which}");
    }
}

/// Behind `syncprov` slapd answers the question for changes with what cannot be read, and may end by it. Then
/// everything is read, or nothing is done; and with the flavour that the guide names it is right.
#[test]
fn changes_that_the_overlay_spoils_are_read_whole() {
    let directory = with_dynlist("");
    let server = TestServer::start();
    let agent = agent(&directory, &server, "openldap");
    clean(&agent.run(&["apply"]));
    has_members(&server, "chiefs", &["ann", "cyd"]);
    for _ in 0..3 {
        let ran = agent.run(&["apply"]);
        let read = ran.code == Some(0) && ran.stdout.contains("0 writes");
        assert!(read || ran.code == Some(2) && !directory.is_up(), "{ran:?}");
        has_members(&server, "chiefs", &["ann", "cyd"]);
        has_members(&server, "still", &["bob"]);
        directory.start_again();
    }
    agent.set("flavour = \"openldap\"", "flavour = \"generic\"");
    title(&directory, "bob", "chief");
    in_every_run(&agent, |_| has_members(&server, "chiefs", &["ann", "bob", "cyd"]));
}
