//! In which order the operations of a bulk request run: each after those that make what it refers to.
//!
//! What an operation waits for is counted once, and counted down as resources are made. So each reference
//! is looked at twice, however many operations wait for whatever: asking again and again of all that wait
//! whether they may run is the square of what a client sends.

use std::collections::{BTreeSet, HashMap};

/// The operations that are still to be done, by their number.
pub(super) struct Order {
    /// Those whose references are settled.
    ready: BTreeSet<usize>,
    /// The others.
    waiting: BTreeSet<usize>,
    /// How many resources each operation waits for.
    open: Vec<usize>,
    /// Which operations wait for the resource that has a bulkId in this request.
    waiters: HashMap<String, Vec<usize>>,
    /// How often anything was looked at.
    #[cfg(test)]
    steps: usize,
}

impl Order {
    /// From the bulkIds that each operation refers to, each once. `made_here` says whether an operation of
    /// this request is to make the resource: nobody waits for any other.
    pub fn new<'a>(references: impl Iterator<Item = &'a [String]>, made_here: impl Fn(&str) -> bool) -> Self {
        let mut waiters: HashMap<String, Vec<usize>> = HashMap::new();
        let mut open = Vec::new();
        for (i, references) in references.enumerate() {
            let awaited = references.iter().filter(|id| made_here(id));
            open.push(awaited.map(|id| waiters.entry(id.clone()).or_default().push(i)).count());
        }
        let (ready, waiting) = (0..open.len()).partition(|i| open.get(*i) == Some(&0));
        Self {
            ready,
            waiting,
            #[cfg(test)]
            steps: open.iter().sum(),
            open,
            waiters,
        }
    }

    /// The next operation, and whether all is settled that it refers to: the first of which that is so,
    /// or, where operations refer to each other in a circle, simply the first.
    pub fn next(&mut self) -> Option<(usize, bool)> {
        let ready = self.ready.pop_first().map(|i| (i, true));
        ready.or_else(|| self.waiting.pop_first().map(|i| (i, false)))
    }

    /// The resource with that bulkId is there, or will never be.
    pub fn settle(&mut self, bulk_id: &str) {
        for i in self.waiters.remove(bulk_id).unwrap_or_default() {
            #[cfg(test)]
            {
                self.steps += 1;
            }
            let Some(open) = self.open.get_mut(i) else { continue };
            *open = open.saturating_sub(1);
            if *open == 0 && self.waiting.remove(&i) {
                self.ready.insert(i);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs operations, each of which makes the resource of its own number, in their order.
    fn run(references: &[Vec<String>]) -> (Vec<usize>, usize) {
        let mut order = Order::new(references.iter().map(Vec::as_slice), |id| id.parse::<usize>().is_ok());
        let mut ran = Vec::new();
        while let Some((i, _)) = order.next() {
            ran.push(i);
            order.settle(&i.to_string());
        }
        (ran, order.steps)
    }

    fn ids(ids: impl IntoIterator<Item = usize>) -> Vec<String> {
        ids.into_iter().map(|id| id.to_string()).collect()
    }

    #[test]
    fn what_is_referred_to_comes_before() {
        assert_eq!(run(&[ids([2]), ids([]), ids([1]), ids([0, 2])]).0, [1, 2, 0, 3]);
        assert_eq!(run(&[vec!["elsewhere".to_owned()], ids([])]).0, [0, 1]);
    }

    #[test]
    fn a_circle_is_begun_at_its_first() {
        assert_eq!(run(&[ids([1]), ids([2]), ids([0]), ids([])]).0, [3, 0, 2, 1]);
        assert_eq!(run(&[ids([0])]).0, [0]);
    }

    #[test]
    fn twice_as_many_references_are_twice_the_work() {
        for many in [250, 500, 1000] {
            // Each waits for all that come after it: as many references as the square of the operations.
            let references: Vec<_> = (0..many).map(|i| ids(i + 1..many)).collect();
            let total: usize = references.iter().map(Vec::len).sum();
            let (ran, steps) = run(&references);
            assert_eq!(ran, (0..many).rev().collect::<Vec<_>>());
            assert_eq!(steps, 2 * total);
        }
    }
}
