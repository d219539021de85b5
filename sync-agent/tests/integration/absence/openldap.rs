//! Parts of the rights lost on OpenLDAP, through the program.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    agent::{Ran, TestAgent},
    directory::{Software, TestDirectory},
    full::everything,
    server::TestServer,
};

/// A directory that was brought to a target, whose rights then change.
pub struct Lost {
    pub directory: TestDirectory,
    pub server: TestServer,
    pub agent: TestAgent,
}

impl Lost {
    pub fn new(settings: &[(&str, &str)]) -> Self {
        Self::with(settings, "")
    }

    /// With more in the configuration.
    pub fn with(settings: &[(&str, &str)], more: &str) -> Self {
        let directory = TestDirectory::start_with(Software::OpenLdap, settings);
        directory.fill(30, 5);
        let base = directory.get("BASE_DN").to_owned();
        directory.modify(&format!(
            "dn: ou=Secret,{base}\nchangetype: add\nobjectClass: organizationalUnit\nou: Secret\n\n\
             dn: uid=alone,ou=Secret,{base}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: alone\ncn: alone\n\
             sn: Alone\ngivenName: Al\nmail: alone@example.test\n"
        ));
        let server = TestServer::start();
        let agent = TestAgent::new(&directory, &server, &format!("{}{more}", everything(Software::OpenLdap)));
        agent.run(&["apply"]);
        Self { directory, server, agent }
    }

    /// Puts a rule before all others: what the reading account may no longer do.
    pub fn hide(&self, what: &str) {
        let reader = self.directory.get("SYNC_DN");
        self.directory.modify(&format!(
            "dn: olcDatabase={{1}}mdb,cn=config\nchangetype: modify\nadd: olcAccess\nolcAccess: {{0}}to {what} by dn.exact=\"{reader}\" none by * break\n"
        ));
    }

    pub fn show(&self) {
        self.directory
            .modify("dn: olcDatabase={1}mdb,cn=config\nchangetype: modify\ndelete: olcAccess\nolcAccess: {0}\n");
    }

    pub fn dn(&self, uid: &str) -> String {
        let arguments = ["-x", "-LLL", "-o", "ldif-wrap=no", "-H", self.directory.get("LDAP_URL"), "-D"];
        let output = std::process::Command::new("ldapsearch")
            .args(arguments)
            .args([self.directory.get("BIND_DN"), "-w", self.directory.get("BIND_PASSWORD")])
            .args(["-b", self.directory.get("BASE_DN"), &format!("(uid={uid})"), "1.1"])
            .output()
            .expect("ldapsearch");
        let text = String::from_utf8(output.stdout).expect("text");
        text.lines().find_map(|line| line.strip_prefix("dn: ")).unwrap_or_else(|| panic!("no {uid}")).to_owned()
    }

    /// Everybody, active or not, and who is in which group.
    pub fn held(&self) -> (BTreeMap<String, bool>, BTreeMap<String, usize>) {
        let name = |value: &Value, name: &str| value[name].as_str().expect("a name").to_owned();
        let users = self.server.all("Users");
        let groups = self.server.all("Groups");
        let users = users.iter().map(|user| (name(user, "userName"), user["active"] == true)).collect();
        let members = |group: &Value| group["members"].as_array().map_or(0, Vec::len);
        (users, groups.iter().map(|group| (name(group, "displayName"), members(group))).collect())
    }

    /// Nothing of this loses anybody: by changes, in full, and after the state was lost.
    #[track_caller]
    fn loses_nobody(&self, what: &str) {
        let before = self.held();
        self.hide(what);
        for run in [&["apply"][..], &["apply", "--full"], &["apply"]] {
            let ran = self.agent.run(run);
            assert_eq!(self.held(), before, "{what}: {ran:?}");
        }
        self.show();
        let ran = self.agent.run(&["apply", "--full"]);
        assert_eq!(self.held(), before, "{what}: {ran:?}");
    }
}

#[test]
fn whatever_is_hidden_is_not_gone() {
    let lost = Lost::new(&[]);
    let people = lost.directory.get("USERS_DN").to_owned();
    let groups = lost.directory.get("GROUPS_DN").to_owned();
    let one = lost.dn("u000003");
    lost.loses_nobody(&format!("dn.subtree=\"ou=Dept-01,{people}\""));
    lost.loses_nobody(&format!("dn.exact=\"{one}\""));
    lost.loses_nobody(&format!("dn.exact=\"{one}\" attrs=entryUUID"));
    lost.loses_nobody(&format!("dn.exact=\"{one}\" attrs=objectClass"));
    lost.loses_nobody(&format!("dn.exact=\"uid=alone,ou=Secret,{}\"", lost.directory.get("BASE_DN")));
    lost.loses_nobody(&format!("dn.subtree=\"{groups}\" attrs=member"));
    lost.loses_nobody(&format!("dn.subtree=\"{groups}\" attrs=member val.exact=\"{one}\""));
    lost.loses_nobody("dn.regex=\"^cn=team-.*\" attrs=entry");
}

/// Moved to where the account sees nothing: out of scope, by changes and in full, with and without a log.
#[track_caller]
fn moved(settings: &[(&str, &str)], run: &[&str]) {
    let lost = Lost::new(settings);
    let secret = format!("ou=Secret,{}", lost.directory.get("BASE_DN"));
    lost.hide(&format!("dn.subtree=\"{secret}\""));
    let dn = lost.dn("u000003");
    let rdn = dn.split_once(',').expect("a parent").0;
    lost.directory
        .modify(&format!("dn: {dn}\nchangetype: modrdn\nnewrdn: {rdn}\ndeleteoldrdn: 0\nnewsuperior: {secret}\n"));
    // Those groups still name him, by the old name or by the new one.
    let before = lost.held();
    let ran: Ran = lost.agent.run(run);
    assert_eq!(lost.held(), before, "{ran:?}");
    assert!(ran.stderr.contains("AbsenceUnproved"), "{ran:?}");
    for _ in 0..2 {
        let again = lost.agent.run(&["apply", "--full"]);
        assert_eq!(lost.held(), before, "{again:?}");
    }
    lost.show();
    lost.agent.run(&["apply", "--full"]);
    assert_eq!(lost.held(), before);
}

/// A hidden user to whom no entry refers any more leaves the scope. A user in a group that was hidden does not.
#[test]
fn out_of_sight_and_out_of_the_group() {
    let lost = Lost::new(&[]);
    let (groups, secret) = (lost.directory.get("GROUPS_DN"), format!("ou=Secret,{}", lost.directory.get("BASE_DN")));
    let (one, other) = (lost.dn("u000003"), lost.dn("u000004"));
    let group = |name: &str, member: &str| {
        format!(
            "dn: cn={name},{groups}\nchangetype: add\nobjectClass: groupOfNames\ncn: {name}\ndescription: {name}\n{member}\n"
        )
    };
    lost.directory.modify(&group("within", &format!("member: {other}\n")));
    lost.directory.modify(&group("around", &format!("member: cn=within,{groups}\nmember: {one}\n")));
    lost.agent.run(&["apply"]);
    assert_eq!(lost.held().1["around"], 2);
    lost.hide(&format!("dn.subtree=\"{secret}\""));
    lost.directory.modify(&format!(
        "dn: cn=within,{groups}\nchangetype: modrdn\nnewrdn: cn=within\ndeleteoldrdn: 0\nnewsuperior: {secret}\n"
    ));
    for run in [&["apply"][..], &["apply", "--full"]] {
        let ran = lost.agent.run(run);
        assert_eq!((lost.held().1["around"], lost.held().1["within"]), (2, 1), "{ran:?}");
    }
    lost.directory
        .modify(&format!("dn: cn=around,{groups}\nchangetype: modify\ndelete: member\nmember: cn=within,{secret}\n"));
    let ran = lost.agent.run(&["apply"]);
    assert_eq!(lost.held().1["around"], 1, "{ran:?}");
}

#[test]
fn moved_out_of_sight_is_out_of_scope() {
    moved(&[], &["apply"]);
    moved(&[], &["apply", "--full"]);
    moved(&[("SYNC_LOG", "none")], &["apply"]);
}

#[test]
fn a_group_of_names_without_a_member_is_a_missing_right() {
    let lost = Lost::new(&[]);
    let before = lost.held();
    lost.hide(&format!("dn.subtree=\"{}\" attrs=member", lost.directory.get("GROUPS_DN")));
    let checked = lost.agent.run(&["check"]);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    assert!(checked.stdout.contains("BAD") && checked.stdout.contains("show no member"), "{checked:?}");
    lost.agent.lose_state();
    let ran = lost.agent.run(&["apply"]);
    assert_eq!(lost.held(), before, "{ran:?}");
}

#[test]
fn a_deletion_is_still_a_deletion_while_something_else_is_hidden() {
    let lost = Lost::new(&[]);
    let one = lost.dn("u000003");
    lost.hide(&format!("dn.exact=\"{one}\""));
    lost.directory.change(&["delete", "u000005"]);
    let ran = lost.agent.run(&["apply"]);
    let users = lost.held().0;
    assert!(users.contains_key("u000003") && !users.contains_key("u000005"), "{ran:?}");
}
