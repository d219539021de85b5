//! Two domains, one agent: members by foreign security principal and by name.
//!
//! A trust cannot be made here in a moment, so the two domains know nothing of each other. The member is
//! added by SID, as the tools do it: the domain controller makes the foreign principal itself.

use std::{collections::BTreeSet, process::Command};

use serde_json::Value;

use crate::{
    agent::TestAgent,
    directory::{Software, TestDirectory},
    full::{EVERYTHING, writes},
    server::TestServer,
};

/// Prints the SID of somebody, or puts a SID into a group, which is made where there is none, or takes it out.
const FOREIGN: &str = r#"
import sys, ldb
from samba.samdb import SamDB
from samba.auth import system_session
from samba.param import LoadParm
from samba.dcerpc import security
from samba.ndr import ndr_unpack
folder, what, name = sys.argv[1:4]
lp = LoadParm(); lp.load(folder + "/etc/smb.conf")
sam = SamDB(session_info=system_session(lp), lp=lp)
found = sam.search(sam.domain_dn(), expression="(sAMAccountName=%s)" % name, attrs=["objectSid"])
if what == "sid":
    print(ndr_unpack(security.dom_sid, found[0]["objectSid"][0]))
    sys.exit()
sid = sys.argv[4]
at = "CN=%s,OU=Groups,%s" % (name, sam.domain_dn())
if not found:
    sam.add({"dn": at, "objectClass": "group", "sAMAccountName": name})
change = ldb.Message(ldb.Dn(sam, at))
# By SID: the controller makes the foreign principal itself.
if what == "add":
    change["member"] = ldb.MessageElement(["<SID=%s>" % sid], ldb.FLAG_MOD_ADD, "member")
else:
    name = "CN=%s,CN=ForeignSecurityPrincipals,%s" % (sid, sam.domain_dn())
    change["member"] = ldb.MessageElement([name], ldb.FLAG_MOD_DELETE, "member")
sam.modify(change)
"#;

fn samba(directory: &TestDirectory, arguments: &[&str]) -> String {
    let script = directory.path().join("foreign.py");
    std::fs::write(&script, FOREIGN).expect("a file");
    let mut command = Command::new("/usr/bin/python3");
    let output = command.arg(script).arg(directory.path()).args(arguments).output().expect("python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

/// Puts somebody of the second domain into a group of the first, or takes him out.
fn foreign(what: &str, here: &TestDirectory, there: &TestDirectory, group: &str, user: &str) {
    let sid = samba(there, &["sid", user]);
    samba(here, &[what, group, &sid]);
}

/// Another domain, with identities and SIDs of its own.
fn second_domain() -> TestDirectory {
    TestDirectory::start_with(Software::Samba, &[("REALM", "LAB.EXAMPLE.TEST")])
}

/// A second source, before the scope.
pub fn and(agent: &TestAgent, directory: &TestDirectory, scope: &str) {
    std::fs::write(agent.file("password-2"), directory.get("SYNC_PASSWORD")).expect("a file");
    let source = format!(
        r#"[[source]]
urls = ["{url}"]
flavour = "{flavour}"
bind = {{ account = "{account}", password_file = "password-2" }}
tls = {{ ca_file = "{ca}" }}
users = {{ bases = ["{base}"] }}
groups = {{ bases = ["{groups}"] }}
"#,
        url = directory.get("LDAPS_URL"),
        flavour = directory.software().flavour(),
        account = directory.get("SYNC_DN"),
        ca = directory.get("LDAP_CA"),
        base = directory.get("BASE_DN"),
        groups = directory.get("GROUPS_DN"),
    );
    agent.set("[source]", "[[source]]");
    agent.set(scope, &format!("{source}\n{scope}"));
}

/// The members of a group at the target, by their identity in the directory.
fn members(server: &TestServer, group: &str) -> BTreeSet<String> {
    let users = server.all("Users");
    let groups = server.all("Groups");
    let found: Vec<&Value> = groups.iter().filter(|one| one["displayName"] == group).collect();
    let names: Vec<&Value> = groups.iter().map(|one| &one["displayName"]).collect();
    assert_eq!(found.len(), 1, "{group}: {names:?}");
    let members = found[0]["members"].as_array().into_iter().flatten();
    let who = |member: &Value| {
        let user = users.iter().find(|user| user["id"] == member["value"]).expect("a user");
        user["externalId"].as_str().expect("an identity").to_owned()
    };
    members.map(who).collect()
}

fn id(seed: &Value, user: &str) -> String {
    seed["users"][user]["id"].as_str().expect("an id").to_owned()
}

fn ids(server: &TestServer) -> Vec<String> {
    let mut ids: Vec<String> =
        server.all("Users").iter().map(|user| user["externalId"].as_str().expect("an identity").to_owned()).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn people_of_the_second_domain_arrive_once() {
    let (corp, lab) = (TestDirectory::start(Software::Samba), second_domain());
    let (corps, labs) = (corp.fill(12, 3), lab.fill(6, 2));
    foreign("add", &corp, &lab, "Partners", "u000001");
    let server = TestServer::start();
    let agent = TestAgent::new(&corp, &server, EVERYTHING);
    and(&agent, &lab, "[scope]");
    let checked = agent.run(&["check"]);
    for directory in [&corp, &lab] {
        assert!(checked.stdout.contains(directory.get("LDAPS_URL")), "{checked:?}");
    }

    // Everybody of both, once; the member too.
    agent.run(&["apply"]);
    let all = ids(&server);
    let users = |seed: &Value| seed["users"].as_object().expect("users").len();
    assert!(all.len() >= users(&corps) + users(&labs), "{}", all.len());
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    assert_eq!(members(&server, "Partners"), BTreeSet::from([id(&labs, "u000001")]));
    assert_eq!(writes(&agent), 0, "nothing has changed");
    assert_eq!(crate::incremental::status(&agent)["cycles"][0]["full"], false);

    // By changes: who joins, who is renamed, who leaves.
    foreign("add", &corp, &lab, "Partners", "u000002");
    agent.run(&["apply"]);
    assert_eq!(members(&server, "Partners"), [id(&labs, "u000001"), id(&labs, "u000002")].into());
    lab.change(&["mail", "u000002", "other@lab.example.test"]);
    assert_eq!(writes(&agent), 1);
    foreign("remove", &corp, &lab, "Partners", "u000001");
    agent.run(&["apply"]);
    assert_eq!(members(&server, "Partners"), [id(&labs, "u000002")].into());
    assert_eq!(writes(&agent), 0);

    // The names of groups that both have say whose they are; others are plain.
    let names: BTreeSet<String> =
        server.all("Groups").iter().map(|group| group["displayName"].as_str().expect("a name").to_owned()).collect();
    let one =
        |seed: &Value| -> BTreeSet<String> { seed["groups"].as_object().expect("groups").keys().cloned().collect() };
    let mut both = &one(&corps) & &one(&labs);
    both.retain(|name| name.starts_with("team-") || name == "flat");
    assert!(both.len() == 3 && names.contains("Partners"), "{names:?}");
    for name in both {
        let name = name.to_lowercase();
        for domain in ["corp.example.test", "lab.example.test"] {
            let domain = format!("@{domain}");
            assert!(names.iter().any(|known| known.to_lowercase() == format!("{name}{domain}")), "{name}: {names:?}");
        }
    }
}

#[test]
fn what_is_gone_is_said_by_the_domain_that_held_it() {
    let (corp, lab) = (TestDirectory::start(Software::Samba), second_domain());
    corp.fill(12, 3);
    let labs = lab.fill(12, 2);
    foreign("add", &corp, &lab, "Partners", "u000001");
    foreign("add", &corp, &lab, "Partners", "u000002");
    let server = TestServer::start();
    let agent = TestAgent::new(&corp, &server, EVERYTHING);
    and(&agent, &lab, "[scope]");
    agent.run(&["apply"]);
    let (before, partners) = (ids(&server), members(&server, "Partners"));
    assert_eq!(partners.len(), 2, "{:?}", agent.run(&["explain", "Partners"]));

    // The second is down: nothing is written, also not what the first says.
    corp.change(&["delete", "u000003"]);
    let url = lab.get("LDAPS_URL").to_owned();
    agent.set(&url, "ldaps://127.0.0.1:1");
    for run in [&["apply"][..], &["apply", "--full"]] {
        let ran = agent.run(run);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.stderr.contains("127.0.0.1:1"), "{ran:?}");
        assert_eq!((ids(&server), members(&server, "Partners")), (before.clone(), partners.clone()));
    }
    agent.set("ldaps://127.0.0.1:1", &url);
    agent.run(&["apply", "--full"]);
    assert_eq!(ids(&server).len(), before.len() - 1);

    // Somebody of the second is deleted there.
    lab.change(&["delete", "u000001"]);
    let ran = agent.run(&["apply", "--full"]);
    let left = ids(&server);
    assert!(!left.contains(&id(&labs, "u000001")), "{ran:?}");
    assert_eq!(left.len(), before.len() - 2, "{ran:?}");
    assert_eq!(members(&server, "Partners"), [id(&labs, "u000002")].into());

    // A source that is none any more: its people are out of scope, and nobody says that they are gone.
    let text = std::fs::read_to_string(agent.file("sync-agent.toml")).expect("the configuration");
    let at = text.rfind("[[source]]").expect("a second source");
    let end = text.find("[scope]").expect("a scope");
    std::fs::write(agent.file("sync-agent.toml"), format!("{}{}", &text[..at], &text[end..])).expect("a file");
    let ran = agent.run(&["apply", "--full"]);
    let now = ids(&server);
    assert!(left.iter().all(|id| now.contains(id)), "{ran:?}");
}

#[test]
fn a_domain_and_another_directory() {
    let (corp, ldap) = (TestDirectory::start(Software::Samba), TestDirectory::start(Software::OpenLdap));
    let (corps, ldaps) = (corp.fill(8, 2), ldap.fill(8, 2));
    let server = TestServer::start();
    let agent = TestAgent::new(&ldap, &server, EVERYTHING);
    // The names of both are alike, and say nothing of the directory.
    agent.set("[scope]", "[mapping.user]\nuserName = \"${dn}\"\n\n[mapping.group]\ndisplayName = \"${dn}\"\n\n[scope]");
    and(&agent, &corp, "[mapping.user]");
    agent.run(&["apply"]);
    let all = ids(&server);
    for seed in [&corps, &ldaps] {
        for user in ["u000001", "u000002"] {
            assert!(all.contains(&id(seed, user)), "{user}");
        }
    }
    assert_eq!(writes(&agent), 0);
    ldap.change(&["delete", "u000001"]);
    corp.change(&["delete", "u000002"]);
    let ran = agent.run(&["apply", "--full"]);
    let left = ids(&server);
    assert!(!left.contains(&id(&ldaps, "u000001")) && !left.contains(&id(&corps, "u000002")), "{ran:?}");
    assert_eq!(left.len(), all.len() - 2, "{ran:?}");
    assert_eq!(writes(&agent), 0);
}
