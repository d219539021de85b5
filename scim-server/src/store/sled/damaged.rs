//! Stores that a disk has damaged: one flipped bit, or a file that was cut short.
//!
//! Whatever happens to one of its files, a store either says so, when it is opened, read or checked, or has
//! everything that was acknowledged. `DAMAGES=500` makes so many flips, and a fifth as many cuts, of a store
//! that was closed and of one whose process was killed; the tests by themselves make a few.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    time::Duration,
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::{Damage, OpenError, Options, Reopen, SledStore};
use crate::{
    clock::ManualClock,
    store::{
        Body, EntriesOf, Item, Record, ResourceKey, Store, StoreError, Write,
        contract::{commit, entries_of, entry, group, join, user},
    },
};

/// How long anything may take before it is said to hang.
const PATIENCE: Duration = Duration::from_secs(120);

fn open(path: &Path) -> Result<SledStore, OpenError> {
    // Opened anew only when it is closed.
    let reopen = Reopen { after: u64::MAX, bound: u64::MAX, quiet: Duration::from_secs(3600) };
    let options = Options { cache: 1 << 20, reopen, accept_loss: None };
    SledStore::open_with(path, Arc::new(ManualClock::default()), options)
}

/// A user of some kilobytes, so that the log has several segments.
fn put_user(number: u128) -> Vec<Write> {
    let key = user(number);
    let values = format!("userName=user{number} title~clerk");
    let body = Body {
        display: format!("User {number}").into(),
        hidden: vec![b'h'; 500 + usize::try_from(number * 37 % 4000).unwrap()].into(),
        visible: values.into(),
    };
    let entries = entries_of(&key, &body).into_iter().map(Write::Index);
    entries.chain([Write::Put(key.clone(), body)]).collect()
}

/// Writes of each kind, each answered; three hundred users more and some fewer.
async fn fill(store: &SledStore, round: u128) {
    let numbers = round * 300..(round + 1) * 300;
    for number in numbers.clone() {
        store.commit(commit(&user(number), put_user(number))).await.unwrap();
    }
    let staff = group(round);
    let body = crate::store::contract::body("Staff", "");
    store.commit(commit(&staff, [Write::Put(staff.clone(), body)])).await.unwrap();
    for members in numbers.clone().collect::<Vec<_>>().chunks(50) {
        store.commit(commit(&staff, members.iter().map(|number| join(&staff, &user(*number))))).await.unwrap();
    }
    for number in numbers.step_by(10) {
        let gone = ["userName", "title"].map(|name| {
            let value = if name == "title" { "clerk".to_owned() } else { format!("user{number}") };
            Write::Unindex(entry(&user(number), name, &value, name == "userName"))
        });
        store.commit(commit(&user(number), gone.into_iter().chain([Write::Delete(user(number))]))).await.unwrap();
    }
}

async fn export(store: &SledStore) -> Result<Vec<Item>, StoreError> {
    let (sender, receiver) = mpsc::channel();
    store.export(None, Box::new(move |item| sender.send(item).is_ok())).await?;
    Ok(receiver.into_iter().collect())
}

/// What is wrong, in words; an error is something wrong.
async fn check(store: &SledStore) -> Option<String> {
    let (sender, receiver) = mpsc::channel();
    let entries: EntriesOf = Arc::new(|key: &ResourceKey, record: &Record| Ok(entries_of(key, &record.body)));
    if let Err(error) = store.check(entries, false, Box::new(move |finding| sender.send(finding).is_ok())).await {
        return Some(error.to_string());
    }
    receiver.into_iter().next().map(|finding| finding.kind)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let there = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &there);
        } else {
            fs::copy(entry.path(), there).unwrap();
        }
    }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.metadata().unwrap().len() > 0 {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Damages one of the files, and says how. Half of the time each file is as likely, else each byte.
fn damage(directory: &Path, random: &mut StdRng, cut: bool) -> String {
    let files = files(directory);
    let length = |path: &PathBuf| path.metadata().unwrap().len();
    let path = if random.random_bool(0.5) {
        &files[random.random_range(0..files.len())]
    } else {
        let mut at = random.random_range(0..files.iter().map(length).sum());
        files.iter().find(|path| at.checked_sub(length(path)).map(|rest| at = rest).is_none()).unwrap()
    };
    let at = random.random_range(0..length(path));
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    if cut {
        fs::OpenOptions::new().write(true).open(path).unwrap().set_len(at).unwrap();
        return format!("{name} cut at {at}");
    }
    let bit = random.random_range(0..8);
    let mut bytes = fs::read(path).unwrap();
    bytes[usize::try_from(at).unwrap()] ^= 1 << bit;
    fs::write(path, bytes).unwrap();
    format!("{name} flipped at {at}, bit {bit}")
}

/// How a store that was damaged was found out: what it said, or nothing when all is there.
fn examine(directory: PathBuf, sound: Arc<Vec<Item>>) -> Result<Option<String>, &'static str> {
    let (sender, outcome) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let found = runtime.block_on(async {
            let store = match open(&directory) {
                Ok(store) => store,
                Err(error) => return Ok(Some(error.to_string())),
            };
            if let Some(found) = check(&store).await {
                return Ok(Some(found));
            }
            match export(&store).await {
                Err(error) => Ok(Some(error.to_string())),
                Ok(items) if items == *sound => Ok(None),
                Ok(_) => Err("something is lost, and nobody says so"),
            }
        });
        let _ = sender.send(found);
    });
    outcome.recv_timeout(PATIENCE).unwrap_or(Err("it panics, or hangs"))
}

/// A store that was killed after `first` users, with the journal of one that has `more`.
async fn shortened(live: &Path, at: &Path, first: u128, more: u128) {
    let store = open(live).unwrap();
    for number in 0..first {
        store.commit(commit(&user(number), put_user(number))).await.unwrap();
    }
    copy(live, at);
    for number in first..more {
        store.commit(commit(&user(number), put_user(number))).await.unwrap();
    }
    fs::copy(live.join("journal"), at.join("journal")).unwrap();
}

#[tokio::test]
async fn a_loss_is_accepted_by_its_number_only() {
    let scratch = tempfile::tempdir().unwrap();
    let at = scratch.path().join("killed");
    shortened(&scratch.path().join("live"), &at, 5, 8).await;
    let accepting = |number| {
        let options = Options { accept_loss: Some(number), ..Options::default() };
        SledStore::open_with(&at, Arc::new(ManualClock::default()), options)
    };
    let Err(OpenError::Damaged { damage, stands }) = open(&at) else { panic!("it is opened") };
    assert_eq!(damage, Damage::Ends { stands, acknowledged: stands + 3 });
    assert!(matches!(accepting(stands + 3), Err(OpenError::Damaged { .. })));
    let store = accepting(stands).unwrap();
    assert!(store.get(&user(4)).await.unwrap().is_some());
    assert!(store.get(&user(5)).await.unwrap().is_none());
    assert_eq!(check(&store).await, None);
    store.close().await.unwrap();
    open(&at).unwrap();
}

/// The refusal names a number, and with it the store opens, also where the file of the log was cut short. The refused opening
/// has written to the log, so the next one may find another last commit and name that.
#[tokio::test]
async fn a_log_that_was_cut_short_is_opened_by_what_the_refusal_says() {
    for cut in [5_000, 60_000, 200_000] {
        let scratch = tempfile::tempdir().unwrap();
        let at = scratch.path();
        let store = open(at).unwrap();
        fill(&store, 0).await;
        store.close().await.unwrap();
        drop(store);
        let log = at.join("db");
        let length = log.metadata().unwrap().len();
        fs::OpenOptions::new().write(true).open(&log).unwrap().set_len(length - cut).unwrap();
        let Err(OpenError::Damaged { mut stands, .. }) = open(at) else { panic!("{cut} bytes are not missed") };
        let mut named = 1;
        let store = loop {
            let options = Options { accept_loss: Some(stands), ..Options::default() };
            match SledStore::open_with(at, Arc::new(ManualClock::default()), options) {
                Ok(store) => break store,
                Err(OpenError::Damaged { stands: another, .. }) if named < 3 => stands = another,
                Err(error) => panic!("{cut} bytes are cut off, {named}: {error}"),
            }
            named += 1;
        };
        assert!(export(&store).await.is_ok());
        store.close().await.unwrap();
        open(at).unwrap();
    }
}

#[tokio::test]
async fn without_its_journal_a_store_is_not_trusted() {
    let scratch = tempfile::tempdir().unwrap();
    let store = open(scratch.path()).unwrap();
    store.commit(commit(&user(1), put_user(1))).await.unwrap();
    store.close().await.unwrap();
    fs::remove_file(scratch.path().join("journal")).unwrap();
    assert!(matches!(open(scratch.path()), Err(OpenError::Damaged { damage: Damage::Journal("missing"), .. })));
}

#[tokio::test]
async fn a_journal_that_ends_early_is_what_a_power_failure_leaves() {
    let scratch = tempfile::tempdir().unwrap();
    let store = open(scratch.path()).unwrap();
    for number in 0..5 {
        store.commit(commit(&user(number), put_user(number))).await.unwrap();
    }
    store.close().await.unwrap();
    let path = scratch.path().join("journal");
    let mut bytes = fs::read(&path).unwrap();
    bytes.truncate(bytes.len() * 2 / 3);
    fs::write(&path, &bytes).unwrap();
    open(scratch.path()).unwrap().close().await.unwrap();
    // The file had grown, and nothing was written there yet.
    let mut bytes = fs::read(&path).unwrap();
    bytes.resize(bytes.len() + 5000, 0);
    fs::write(&path, bytes).unwrap();
    let store = open(scratch.path()).unwrap();
    assert!(store.get(&user(4)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_check_compares_while_the_store_is_open() {
    let scratch = tempfile::tempdir().unwrap();
    let store = open(scratch.path()).unwrap();
    for number in 0..5 {
        store.commit(commit(&user(number), put_user(number))).await.unwrap();
    }
    assert_eq!(check(&store).await, None);
    // As if the tree had lost a batch: the journal knows of one more.
    store.handle.tree().await.unwrap().intend_nothing();
    assert_eq!(check(&store).await.as_deref(), Some("acknowledged-lost"));
}

#[test]
fn no_damage_is_silent() {
    let flips: u64 = option_env_number("DAMAGES").unwrap_or(12);
    let scratch = tempfile::tempdir().unwrap();
    let live = scratch.path().join("live");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let (killed, closed) = (scratch.path().join("killed"), scratch.path().join("closed"));
    let sound = runtime.block_on(async {
        for round in 0..3 {
            let store = open(&live).unwrap();
            fill(&store, round).await;
            if round == 2 {
                // Nothing is under way: what a process leaves that is killed now.
                copy(&live, &killed);
            }
            let sound = export(&store).await.unwrap();
            store.close().await.unwrap();
            if round == 2 {
                copy(&live, &closed);
                return Arc::new(sound);
            }
        }
        unreachable!()
    });
    let mut told = 0;
    let mut silent = Vec::new();
    for (state, from) in [("closed", &closed), ("killed", &killed)] {
        assert_eq!(examine(from.clone(), Arc::clone(&sound)), Ok(None), "{state}, without damage");
        for seed in 0..flips + flips.div_ceil(5) {
            let place = tempfile::tempdir_in(scratch.path()).unwrap();
            copy(from, place.path());
            let what = damage(place.path(), &mut StdRng::seed_from_u64(seed), seed >= flips);
            match examine(place.path().to_owned(), Arc::clone(&sound)) {
                Ok(found) => {
                    told += u64::from(found.is_some());
                    println!("{state} {seed}: {what}: {}", found.unwrap_or_default());
                }
                Err(fault) => silent.push(format!("{state} {seed}: {what}: {fault}")),
            }
        }
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));
    assert!(told > 0);
}

#[expect(clippy::disallowed_methods, reason = "how much a test does is nobody's setting")]
fn option_env_number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
