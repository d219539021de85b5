//! Every state that two groups can be in, one behind the other.

use std::{
    ops::Range,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use tokio::sync::oneshot::{Receiver, channel, error::TryRecvError};

use super::{KeyChanges, WORTH};
use crate::{
    metrics::StoreMetrics,
    store::{
        Committed, StoreError,
        sled::{
            overlay::Overlay,
            tree::{Habit, Tree},
        },
    },
};

/// An overlay on a disk of its own.
struct Fixture {
    overlay: Overlay,
    metrics: Arc<StoreMetrics>,
    answers: Vec<Receiver<Result<Committed, StoreError>>>,
    directory: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let metrics = Arc::<StoreMetrics>::default();
        let tree = Arc::new(Tree::open(directory.path(), 1 << 20).unwrap());
        Self { overlay: Overlay::start(tree, &metrics).unwrap(), metrics, answers: Vec::new(), directory }
    }

    /// Whose first commit is applied and not durable, because the disk stalls.
    fn stalled() -> Self {
        let mut place = Self::new();
        place.disk(Habit::Stalls);
        place.decide(0..1);
        place.until(|place| place.overlay.group_commit.state().syncing);
        place
    }

    fn disk(&self, habit: Habit) {
        self.overlay.tree.disk.set(habit);
    }

    /// Leaves commits in the group_commit, of one key each.
    fn decide(&mut self, numbers: Range<usize>) {
        for number in numbers {
            let (sender, answer) = channel();
            let changes = KeyChanges::from([(number.to_be_bytes().to_vec(), Some([1].as_slice().into()))]);
            let committed = Committed { changed: true, header: None, sequence: number as u64 };
            self.overlay.group_commit.add(changes, Ok(committed), sender);
            self.answers.push(answer);
        }
        self.overlay.group_commit.release();
    }

    /// Whether a reader of the tree sees a commit.
    fn has(&self, number: usize) -> bool {
        self.overlay.tree.contains(&number.to_be_bytes()).unwrap()
    }

    /// Whether the next decision sees it.
    fn will_have(&self, number: usize) -> bool {
        self.overlay.value(&number.to_be_bytes()).unwrap().is_some()
    }

    fn until(&self, what: impl Fn(&Self) -> bool) {
        let patience = Instant::now() + Duration::from_secs(30);
        while !what(self) {
            assert!(Instant::now() < patience, "it never happens");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// How many were answered, from the last to the first: if a later one is, each before it must be.
    fn answered(&mut self) -> usize {
        let is_answered = |answer: &mut Receiver<_>| match answer.try_recv() {
            Err(TryRecvError::Empty) => false,
            Ok(Ok(Committed { .. })) => true,
            other => panic!("{other:?}"),
        };
        let answered: Vec<bool> = self.answers.iter_mut().rev().map(is_answered).collect();
        assert!(answered.is_sorted(), "{answered:?}");
        let count = answered.iter().filter(|answered| **answered).count();
        self.answers.drain(..count);
        count
    }

    /// All answers, in the end.
    fn told(self) -> Vec<Result<u64, String>> {
        self.overlay.group_commit.release();
        let told = self.answers.into_iter().map(|answer| match answer.blocking_recv() {
            Ok(Ok(committed)) => Ok(committed.sequence),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("nobody answers".to_owned()),
        });
        let told = told.collect();
        self.overlay.end();
        told
    }
}

#[test]
fn a_full_group_is_applied_while_the_disk_has_the_one_before() {
    let mut place = Fixture::stalled();
    place.decide(1..WORTH + 1);
    place.until(|place| place.has(WORTH));
    assert!(place.overlay.group_commit.state().answers.is_empty());
    assert_eq!(place.answered(), 0, "nobody is answered before the disk has it");
    place.disk(Habit::Works);
    place.overlay.group_commit.drain().unwrap();
    let told = place.told();
    assert_eq!(told, (0..=WORTH as u64).map(Ok).collect::<Vec<_>>());
}

#[test]
fn a_few_wait_for_more_and_are_decided_on_meanwhile() {
    let mut place = Fixture::stalled();
    place.decide(1..WORTH);
    assert!(!place.overlay.group_commit.state().is_due());
    assert!(place.will_have(WORTH - 1) && !place.has(WORTH - 1));
    place.decide(WORTH..WORTH + 1);
    place.until(|place| place.has(WORTH));
    place.disk(Habit::Works);
    place.overlay.group_commit.drain().unwrap();
    assert_eq!(place.metrics.commits.get(), WORTH as u64 + 1);
}

#[test]
fn what_is_left_goes_when_the_disk_is_free() {
    let mut place = Fixture::stalled();
    place.decide(1..3);
    place.disk(Habit::Works);
    assert_eq!(place.told(), [Ok(0), Ok(1), Ok(2)]);
}

#[test]
fn answers_come_in_order() {
    let mut place = Fixture::new();
    let (mut decided, mut answered) = (0, 0);
    for round in 0..200 {
        let next = decided + round % (2 * WORTH);
        place.decide(decided..next);
        decided = next;
        answered += place.answered();
    }
    place.overlay.group_commit.drain().unwrap();
    place.until(|place| place.overlay.group_commit.state().is_idle());
    let told = place.told();
    assert_eq!(told, (answered as u64..decided as u64).map(Ok).collect::<Vec<_>>());
}

#[test]
fn a_failure_is_everybodys_who_is_not_durable() {
    let mut place = Fixture::stalled();
    place.decide(1..WORTH + 1);
    place.until(|place| place.has(WORTH));
    place.decide(WORTH + 1..WORTH + 3);
    place.disk(Habit::Fails);
    place.until(|place| place.overlay.group_commit.whole().is_err());
    // Also when the disk works again: what it has is not known.
    place.disk(Habit::Works);
    place.decide(WORTH + 3..2 * WORTH + 4);
    let Err(StoreError::Unavailable(why)) = place.overlay.group_commit.drain() else { panic!("it goes on") };
    assert!(why.to_string().starts_with("a write failed (a disk that fails)"), "{why}");
    assert!(!place.has(2 * WORTH), "nothing is applied any more");
    let told = place.told();
    assert_eq!(told.len(), 2 * WORTH + 4);
    assert!(
        told.iter().all(|told| told.as_ref().is_err_and(|reason| reason == "the store is not available")),
        "{told:?}"
    );
}

#[test]
fn what_was_durable_before_a_failure_stays() {
    let mut place = Fixture::new();
    place.decide(0..3);
    place.overlay.group_commit.drain().unwrap();
    place.disk(Habit::Fails);
    place.decide(3..4);
    assert!(place.overlay.group_commit.drain().is_err());
    let Fixture { overlay, mut answers, directory, .. } = place;
    let told: Vec<bool> = answers.drain(..).map(|answer| answer.blocking_recv().unwrap().is_ok()).collect();
    assert_eq!(told, [true, true, true, false]);
    overlay.end();
    let tree = Tree::open(directory.path(), 1 << 20).unwrap();
    assert!((0..3_usize).all(|number| tree.contains(&number.to_be_bytes()).unwrap()));
}

#[test]
fn nobody_waits_for_a_thread_that_is_gone() {
    let mut place = Fixture::stalled();
    place.decide(1..WORTH + 1);
    place.until(|place| place.has(WORTH));
    place.disk(Habit::Panics);
    place.until(|place| place.overlay.group_commit.whole().is_err());
    place.decide(WORTH + 1..WORTH + 2);
    assert!(place.overlay.group_commit.drain().is_err());
    assert!(place.told().iter().all(Result::is_err));
}

#[test]
fn all_is_durable_that_was_decided_before_the_end() {
    let mut place = Fixture::stalled();
    place.decide(1..WORTH + 5);
    let disk = Arc::clone(&place.overlay.tree);
    let Fixture { overlay, answers, .. } = place;
    let ended = thread::spawn(move || overlay.end());
    disk.disk.set(Habit::Works);
    ended.join().unwrap();
    assert!(answers.into_iter().all(|answer| answer.blocking_recv().unwrap().is_ok()));
}
