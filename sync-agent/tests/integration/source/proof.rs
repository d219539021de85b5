//! A directory that is busy, hangs, drops or shows nothing: nobody is gone without proof.

use sync_agent::problem::Code;

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
