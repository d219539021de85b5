//! Following a directory: what was kept and continued says the same as a full reading, by every
//! mechanism, and a mark that is refused costs a full reading.

use std::collections::BTreeSet;

use sync_agent::{LdapReader, Mark, Mode, State, Verdict, Watch, Watermark, usn_mark};

use super::follower::{Account, Follower, gone, gone_of, id, member};
use crate::directory::{Software, TestDirectory};

/// Every kind of change, one reading each.
#[track_caller]
fn follow(software: Software, account: Account, mechanism: &str) {
    let directory = TestDirectory::start(software);
    let seed = directory.fill(30, 5);
    let mut follower = Follower::new(&directory, account);
    assert_eq!(follower.observe().mode, Mode::Full);
    assert_eq!(follower.mark().mechanism(), mechanism);
    let unchanged = follower.follows("nothing");
    assert!(unchanged.changed.is_empty(), "{:?}", unchanged.changed);

    let member = member(&seed);
    for change in [
        &["mail", "u000001", "new@corp.example.test"][..],
        &["mail", "u000002"],
        &["disable", "u000003"],
        &["rename", "u000004", "Another Name"],
        &["login", "u000005", "fifth"],
        &["remove", "team-00001", member],
        &["add", "team-00001", member],
        &["add-group", "team-00001", "team-00002"],
        &["rename-group", "team-00003", "Third"],
    ] {
        directory.change(change);
        follower.follows(&change.join(" "));
    }
    // A container that is made in the second up to which was read may be one that was renamed, and
    // then everything is read. This one is made in a later second, and is known to be new.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    directory.change(&["move", "u000007", "Moved"]);
    follower.follows("move");

    // A member of a group, which does not change when its member is deleted.
    let gone = id(&seed, "users", "u000008");
    directory.change(&["delete", "u000008"]);
    let observation = follower.observe();
    let sees = follower.mark().shows_deletions();
    let verdict = observation.verdicts.iter().find(|(id, _)| *id == gone).map(|(_, verdict)| verdict);
    assert_eq!(matches!(verdict, Some(Verdict::Gone(_))), sees, "{verdict:?}");
    let everything = follower.try_observe(follower.kept.clone(), true).expect("a full reading");
    assert_eq!(everything.verdicts.iter().any(|(id, _)| *id == gone), !sees);
    assert_eq!(everything.drift.as_ref().map(BTreeSet::is_empty), Some(sees), "{:?}", everything.drift);
    follower.keep(&everything);
    follower.same_as_full("delete");
    assert_eq!(everything.population.get(gone), None);

    directory.change(&["recreate", "u000008"]);
    follower.follows("recreate");
}

#[test]
fn active_directory_with_the_right_to_replicate() {
    follow(Software::Samba, Account::Replicate, "DirSync");
}

#[test]
fn active_directory_with_a_plain_account() {
    follow(Software::Samba, Account::Sync, "DirSync with object security");
}

#[test]
fn openldap_with_a_limited_account() {
    follow(Software::OpenLdap, Account::Sync, "content synchronisation (RFC 4533)");
}

#[test]
fn openldap_that_keeps_no_log_names_what_is_there() {
    let directory = TestDirectory::start_with(Software::OpenLdap, &[("SYNC_LOG", "none")]);
    let seed = directory.fill(30, 5);
    let mut follower = Follower::new(&directory, Account::Sync);
    follower.observe();
    assert!(follower.follows("nothing").changed.is_empty());
    directory.change(&["mail", "u000001"]);
    directory.change(&["delete", "u000002"]);
    let observation = follower.follows("presence");
    assert_eq!(gone(&observation), [id(&seed, "users", "u000002")]);
}

#[test]
fn any_ldap_directory_is_followed_by_its_timestamps() {
    let directory = TestDirectory::start(Software::OpenLdap);
    let seed = directory.fill(30, 5);
    let mut follower = Follower::with(&directory, Account::Sync, "flavour = \"generic\"");
    follower.observe();
    assert_eq!(follower.mark().mechanism(), "modifyTimestamp");
    for change in [&["mail", "u000001"][..], &["login", "u000003", "third"], &["remove", "team-00001", member(&seed)]] {
        directory.change(change);
        follower.follows(&change.join(" "));
    }
    directory.change(&["delete", "u000002"]);
    assert_eq!(gone(&follower.observe()), []);
    let everything = follower.try_observe(follower.kept.clone(), true).expect("a full reading");
    assert_eq!(gone(&everything), [id(&seed, "users", "u000002")]);
}

#[test]
fn update_numbers_where_dirsync_is_refused() {
    let directory = TestDirectory::start(Software::Samba);
    let seed = directory.fill(30, 5);
    let mut follower = Follower::new(&directory, Account::Replicate);
    let first = follower.observe();
    let mark = follower.runtime.block_on(async {
        let mut reader = LdapReader::open(&follower.config.source, follower.config.mapping.attributes()).await?;
        usn_mark(&mut reader).await
    });
    let fingerprint = first.watermark.expect("a watermark").fingerprint;
    let mark = mark.expect("an answer").expect("numbers");
    follower.kept.as_mut().expect("kept").watermark = Some(Watermark { fingerprint: fingerprint.clone(), mark });
    assert!(follower.follows("nothing").changed.is_empty());
    for change in
        [&["mail", "u000001"][..], &["rename", "u000003", "Third"], &["add-group", "team-00001", "team-00002"]]
    {
        directory.change(change);
        follower.follows(&change.join(" "));
    }
    directory.change(&["delete", "u000002"]);
    assert_eq!(gone(&follower.follows("delete")), [id(&seed, "users", "u000002")]);
    let elsewhere = Mark::Usn { highest: 1, invocation: "of another server".to_owned() };
    follower.kept.as_mut().expect("kept").watermark = Some(Watermark { fingerprint, mark: elsewhere });
    assert!(follower.observe().restarted.is_some());
}

/// What refuses a watermark costs a full reading and is no error.
#[track_caller]
fn restarts(software: Software, rename: &str) {
    let directory = TestDirectory::start(software);
    directory.fill(30, 5);
    let mut follower = Follower::new(&directory, Account::Replicate);
    follower.observe();
    let file = directory.path().join("rename.ldif");
    std::fs::write(&file, rename.replace("BASE", directory.get("USERS_DN"))).expect("a file");
    directory.change(&["ldif", file.to_str().expect("a path")]);
    let renamed = follower.observe();
    assert!(renamed.restarted.is_some_and(|reason| reason.contains("container")));
    assert!(gone_of(&renamed.verdicts).is_empty());
    follower.same_as_full("a renamed container");

    let kept = follower.kept.as_mut().expect("kept");
    match &mut kept.watermark.as_mut().expect("a watermark").mark {
        Mark::DirSync { cookie, .. } | Mark::SyncCookie(cookie) => *cookie = b"nonsense".to_vec(),
        other => panic!("{other:?}"),
    }
    let broken = follower.observe();
    assert!(broken.restarted.is_some());
    assert!(broken.changed.is_empty());

    follower.config.source.users.filter = Some("(|(uid=u*)(sAMAccountName=u*))".to_owned());
    assert!(follower.observe().restarted.is_some_and(|reason| reason.contains("configuration")));
}

#[test]
fn a_renamed_container_and_a_broken_cookie_on_active_directory() {
    restarts(Software::Samba, "dn: OU=Dept-01,BASE\nchangetype: modrdn\nnewrdn: OU=Department-01\ndeleteoldrdn: 1\n");
}

#[test]
fn a_renamed_container_and_a_broken_cookie_on_openldap() {
    restarts(
        Software::OpenLdap,
        "dn: ou=Dept-01,BASE\nchangetype: modrdn\nnewrdn: ou=Department-01\ndeleteoldrdn: 1\n",
    );
}

#[test]
fn the_bell_rings_for_a_change() {
    rings(Software::OpenLdap, &[&["mail", "u000001"], &["delete", "u000002"]]);
}

#[test]
fn the_bell_of_active_directory() {
    rings(Software::Samba, &[&["mail", "u000001"]]);
}

/// Each change rings, one after the other.
#[track_caller]
fn rings(software: Software, changes: &[&[&str]]) {
    let directory = TestDirectory::start(software);
    directory.fill(5, 1);
    let mut follower = Follower::new(&directory, Account::Sync);
    follower.observe();
    let kept = follower.kept.as_ref().expect("kept");
    follower.runtime.block_on(async {
        let watermark = kept.watermark.as_ref().expect("a watermark");
        let mut watch = Watch::open(&follower.config.source, watermark).await.expect("an answer").expect("a bell");
        for change in changes {
            directory.change(change);
            watch.changed().await.expect("a ring");
        }
    });
}

#[test]
fn what_is_kept_is_read_again_as_it_was() {
    let directory = TestDirectory::start(Software::OpenLdap);
    directory.fill(30, 5);
    let folder = tempfile::tempdir().expect("a folder");
    let state = State::open(folder.path()).expect("a state");
    let mut follower = Follower::new(&directory, Account::Sync);
    for change in [&["delete", "u000001"], &["mail", "u000002"]] {
        let observation = follower.observe();
        state.keep(&observation).expect("kept");
        let kept = state.kept().expect("an answer").expect("something");
        assert_eq!(kept.population, observation.population);
        assert_eq!((kept.watermark, kept.sightings), (observation.watermark, observation.sightings));
        directory.change(change);
    }
}
