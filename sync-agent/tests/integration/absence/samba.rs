//! Parts of the rights lost in Active Directory: by dsacl on a container and on an entry, and a move to
//! where the account may list nothing.

use std::collections::BTreeSet;

use crate::{
    agent::TestAgent,
    directory::{Software, TestDirectory},
    full::everything,
    server::TestServer,
};

/// Puts an entry of an access control list first, as dsacls does, for the account that reads.
const DSACL: &str = r#"
import sys, ldb
from samba.samdb import SamDB
from samba.auth import system_session
from samba.param import LoadParm
from samba.dcerpc import security
from samba.ndr import ndr_pack, ndr_unpack
folder, reader, name, ace = sys.argv[1:5]
lp = LoadParm(); lp.load(folder + "/etc/smb.conf")
sam = SamDB(session_info=system_session(lp), lp=lp)
sid = ndr_unpack(security.dom_sid, sam.search(reader, ldb.SCOPE_BASE, attrs=["objectSid"])[0]["objectSid"][0])
found = sam.search(sam.domain_dn(), expression=name, attrs=["nTSecurityDescriptor"], controls=["sd_flags:1:4"])[0]
sd = ndr_unpack(security.descriptor, found["nTSecurityDescriptor"][0])
one = security.descriptor.from_sddl("D:" + ace % sid, security.dom_sid(sam.get_domain_sid()))
sd.dacl_add(one.dacl.aces[0], 0)
change = ldb.Message(found.dn)
change["sd"] = ldb.MessageElement(ndr_pack(sd), ldb.FLAG_MOD_REPLACE, "nTSecurityDescriptor")
sam.modify(change, controls=["sd_flags:1:4"])
if len(sys.argv) > 5:
    for user in sys.argv[5:]:
        old = sam.search(sam.domain_dn(), expression="(sAMAccountName=%s)" % user)[0].dn
        sam.rename(old, ldb.Dn(sam, "%s,%s" % (str(old).split(",")[0], str(found.dn))))
"#;

fn dsacl(directory: &TestDirectory, name: &str, ace: &str, moved: &[&str]) {
    python(directory, DSACL, &[&[name, ace], moved].concat());
}

/// Denies the reading account one attribute of every user.
const HIDE: &str = r#"
import sys, ldb
from samba.samdb import SamDB
from samba.auth import system_session
from samba.param import LoadParm
from samba.dcerpc import security
from samba.ndr import ndr_pack, ndr_unpack
folder, reader, name = sys.argv[1:4]
lp = LoadParm(); lp.load(folder + "/etc/smb.conf")
sam = SamDB(session_info=system_session(lp), lp=lp)
sid = ndr_unpack(security.dom_sid, sam.search(reader, ldb.SCOPE_BASE, attrs=["objectSid"])[0]["objectSid"][0])
guid = sam.get_schema_basedn()
guid = sam.search(guid, expression="(lDAPDisplayName=%s)" % name, attrs=["schemaIDGUID"])[0]["schemaIDGUID"][0]
from samba.dcerpc import misc
ace = "(OD;;RP;%s;;%s)" % (ndr_unpack(misc.GUID, guid), sid)
users = "(&(objectCategory=person)(objectClass=user))"
for found in sam.search(sam.domain_dn(), expression=users, attrs=["nTSecurityDescriptor"], controls=["sd_flags:1:4"]):
    sd = ndr_unpack(security.descriptor, found["nTSecurityDescriptor"][0])
    one = security.descriptor.from_sddl("D:" + ace, security.dom_sid(sam.get_domain_sid()))
    sd.dacl_add(one.dacl.aces[0], 0)
    change = ldb.Message(found.dn)
    change["sd"] = ldb.MessageElement(ndr_pack(sd), ldb.FLAG_MOD_REPLACE, "nTSecurityDescriptor")
    sam.modify(change, controls=["sd_flags:1:4"])
"#;

/// The reading account may no longer read an attribute of any user.
pub fn hide_attribute(directory: &TestDirectory, attribute: &str) {
    python(directory, HIDE, &[attribute]);
}

fn python(directory: &TestDirectory, script: &str, arguments: &[&str]) {
    let file = directory.path().join("change.py");
    std::fs::write(&file, script).expect("a file");
    let mut command = std::process::Command::new("/usr/bin/python3");
    command.arg(file).arg(directory.path()).arg(directory.get("SYNC_DN")).args(arguments);
    let output = command.output().expect("python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn users(server: &TestServer) -> BTreeSet<String> {
    server.all("Users").iter().map(|user| format!("{} {}", user["externalId"], user["active"])).collect()
}

/// The account loses something; nobody is lost by changes or in full.
#[track_caller]
fn loses_nobody(name: &str, ace: &str, moved: &[&str]) {
    let directory = TestDirectory::start(Software::Samba);
    directory.fill(12, 3);
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, &everything(Software::Samba));
    agent.run(&["apply"]);
    let before = users(&server);
    dsacl(&directory, name, ace, moved);
    for run in [&["apply"][..], &["apply", "--full"], &["apply", "--full"]] {
        let ran = agent.run(run);
        assert_eq!(users(&server), before, "{name} {ace}: {ran:?}");
    }
    // What is really deleted is still found.
    directory.change(&["delete", "u000006"]);
    let ran = agent.run(&["apply", "--full"]);
    assert_eq!(users(&server).len(), before.len() - 1, "{name} {ace}: {ran:?}");
}

#[test]
fn a_container_that_may_not_be_listed() {
    loses_nobody("(ou=Dept-01)", "(D;;LC;;;%s)", &[]);
}

#[test]
fn a_part_of_the_tree_that_is_hidden() {
    loses_nobody("(ou=Dept-01)", "(D;CIOI;GA;;;%s)", &[]);
}

#[test]
fn an_entry_that_is_hidden() {
    loses_nobody("(sAMAccountName=u000003)", "(D;;GA;;;%s)", &[]);
}

#[test]
fn moved_to_where_nothing_may_be_listed() {
    loses_nobody("(ou=Dept-02)", "(D;;LC;;;%s)", &["u000001"]);
}
