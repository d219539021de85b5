//! A directory that is busy, hangs, drops or shows nothing: nobody is gone without proof.

use sync_agent::{Code, Dn, Key, Mode, Verdict};

use super::follower::{Account, Follower, gone, id};
use crate::directory::{Proxy, Software, TestDirectory};

/// A reading through a fault ends with an error, and the next one repairs what is to repair.
#[track_caller]
fn faulty(software: Software, account: Account, options: &[&str], more: &str) {
    let directory = TestDirectory::start(software);
    directory.fill(30, 5);
    let mut follower = Follower::new(&directory, account);
    follower.observe();
    let kept = follower.kept.clone();
    directory.change(&["mail", "u000001"]);
    {
        let proxy = Proxy::start(&directory, options);
        follower.configure(&proxy.url(), more);
        follower.try_observe(None, false).expect_err("the fault");
    }
    let url = directory.get("LDAPS_URL").to_owned();
    follower.configure(&url, "");
    follower.kept = kept;
    follower.follows("after the fault");
}

#[test]
fn a_busy_directory_proves_nothing() {
    // The first search is of the root DSE, the last that are refused are of users.
    faulty(Software::OpenLdap, Account::Sync, &["--busy", "3"], "");
}

#[test]
fn a_dropped_connection_proves_nothing() {
    faulty(Software::OpenLdap, Account::Sync, &["--drop-after", "30"], "page_size = 20");
    faulty(Software::Samba, Account::Sync, &["--drop-after", "30", "--tidy"], "page_size = 20");
}

#[test]
fn a_directory_that_hangs_proves_nothing() {
    faulty(Software::OpenLdap, Account::Sync, &["--hang-after", "30"], "timeout_seconds = 1");
}

#[test]
fn without_the_canary_nobody_is_gone() {
    let directory = TestDirectory::start(Software::OpenLdap);
    let seed = directory.fill(30, 5);
    let mut follower = Follower::new(&directory, Account::Sync);
    let before = follower.observe().population;
    directory.change(&["mass-delete", "60"]);
    let url = directory.get("LDAPS_URL").to_owned();
    follower.configure(&url, &format!("canary = \"cn=nobody,{}\"", directory.get("BASE_DN")));
    let blind = follower.try_observe(follower.kept.clone(), false).expect("a reading");
    assert!(gone(&blind).is_empty());
    assert!(blind.watermark.is_none(), "the next reading is full");
    assert_eq!(blind.population.len(), before.len(), "all stay as they were");
    let records = blind.problems.iter().filter(|problem| problem.code == Code::AbsenceUnproved);
    assert_eq!(records.count(), 1);

    follower.configure(&url, "");
    let seeing = follower.observe();
    assert_eq!(gone(&seeing).len(), before.len() - seeing.population.len());
    assert!(gone(&seeing).contains(&id(&seed, "users", "u000001")));
}

/// One user is no longer seen by a reading of changes: no tombstone, nothing but an absence. It is believed
/// only where the canary was read on the same connection.
#[track_caller]
fn unseen(software: Software, settings: &[(&str, &str)], account: Account, more: &str, change: &[&str]) {
    let directory = TestDirectory::start_with(software, settings);
    let seed = directory.fill(5, 1);
    let mut follower = Follower::with(&directory, account, more);
    // A user without an address no longer matches the filter.
    let class = if software == Software::Samba { "user" } else { "inetOrgPerson" };
    follower.config.source.users.filter = Some(format!("(&(objectClass={class})(mail=*))"));
    follower.observe();
    let user = id(&seed, "users", "u000001");
    directory.change(change);
    let what = format!("{software:?} {more} {change:?}");

    let canary = follower.config.source.canary.clone();
    let nobody = Dn::parse(&format!("cn=nobody,{}", directory.get("BASE_DN"))).expect("a DN");
    follower.config.source.canary = Key::Dn(nobody);
    let blind = follower.try_observe(follower.kept.clone(), false).expect("a reading");
    assert_eq!(blind.mode, Mode::Incremental, "{what}: {:?}", blind.restarted);
    let verdict = blind.verdicts.iter().find(|(id, _)| *id == user).map(|(_, verdict)| verdict);
    assert!(matches!(verdict, Some(Verdict::Unknown(_))), "{what}: {verdict:?}");
    assert!(blind.population.get(user).is_some(), "{what}: it stays as it was");
    assert!(blind.watermark.is_none(), "{what}: the next reading is full");
    assert_eq!(blind.problems.iter().filter(|problem| problem.code == Code::AbsenceUnproved).count(), 1, "{what}");

    follower.config.source.canary = canary;
    let seeing = follower.try_observe(follower.kept.clone(), false).expect("a reading");
    assert_eq!(seeing.mode, Mode::Incremental, "{what}: {:?}", seeing.restarted);
    let verdict = seeing.verdicts.iter().find(|(id, _)| *id == user).map(|(_, verdict)| verdict);
    assert!(matches!(verdict, Some(Verdict::Gone(_) | Verdict::Elsewhere(_))), "{what}: {verdict:?}");
    assert!(seeing.population.get(user).is_none() && seeing.watermark.is_some(), "{what}");
}

#[test]
fn a_reading_of_changes_believes_no_absence_without_the_canary() {
    let (openldap, samba) = (Software::OpenLdap, Software::Samba);
    let (hidden, deleted): (&[&str], &[&str]) = (&["mail", "u000001"], &["delete", "u000001"]);
    unseen(openldap, &[], Account::Sync, "", deleted);
    unseen(openldap, &[("SYNC_LOG", "none")], Account::Sync, "", deleted);
    unseen(openldap, &[], Account::Sync, "flavour = \"generic\"", hidden);
    unseen(samba, &[], Account::Sync, "", hidden);
    unseen(samba, &[], Account::Replicate, "", hidden);
}

#[test]
fn without_the_canary_silence_is_told() {
    let directory = TestDirectory::start(Software::Samba);
    directory.fill(5, 1);
    let mut follower = Follower::new(&directory, Account::Sync);
    follower.observe();
    let nobody = Dn::parse(&format!("cn=nobody,{}", directory.get("BASE_DN"))).expect("a DN");
    follower.config.source.canary = Key::Dn(nobody);
    let blind = follower.try_observe(follower.kept.clone(), false).expect("a reading");
    assert!(blind.changed.is_empty() && blind.watermark.is_none());
    let told: Vec<_> = blind.problems.iter().filter(|problem| problem.code == Code::AbsenceUnproved).collect();
    assert!(told.len() == 1 && told[0].message.contains("source.canary"), "{told:?}");
}

#[test]
fn what_a_limit_cuts_is_not_used() {
    let directory = TestDirectory::start(Software::OpenLdap);
    directory.fill(5, 1);
    let mut follower = Follower::new(&directory, Account::Sync);
    let url = directory.get("LDAPS_URL").to_owned();
    follower.configure(&url, "page_size = 2000");
    let error = follower.try_observe(None, false).expect_err("pages that are refused");
    assert!(error.to_string().contains("lower source.page_size"), "{error}");
}
