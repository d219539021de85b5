//! How durations were spread between two looks at a histogram: what half of them took, and what the slowest.

use std::time::Duration;

use super::histogram::DURATIONS;

/// How many durations fell between the bounds of a histogram; the last number is of those above all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Durations([u64; DURATIONS.len() + 1]);

impl Durations {
    /// Adds those of a histogram.
    pub(super) fn add(&mut self, counted: impl Iterator<Item = u64>) {
        for (sum, count) in self.0.iter_mut().zip(counted) {
            *sum = sum.saturating_add(count);
        }
    }

    /// Those that came since an earlier look.
    #[must_use]
    pub fn since(mut self, before: &Self) -> Self {
        for (count, earlier) in self.0.iter_mut().zip(&before.0) {
            *count = count.saturating_sub(*earlier);
        }
        self
    }

    /// What that many of a thousand took at most, the bounds of its bucket taken as evenly filled; `None` without any.
    /// Above the last bound nothing is known but the bound.
    pub fn quantile(&self, permille: u32) -> Option<Duration> {
        let all: u64 = self.0.iter().sum();
        // In thousandths, so that no part is lost.
        let wanted = u128::from(all) * u128::from(permille);
        let (mut below, mut low) = (0, 0);
        for (count, high) in self.0.iter().zip(&DURATIONS) {
            let here = u128::from(*count) * 1000;
            if *count > 0 && below + here >= wanted {
                let micros = u128::from(low) + u128::from(high - low) * wanted.saturating_sub(below) / here;
                return Some(Duration::from_micros(u64::try_from(micros).unwrap_or(*high)));
            }
            (below, low) = (below + here, *high);
        }
        (all > 0).then(|| Duration::from_micros(low))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Histogram;

    fn of(micros: &[u64]) -> Durations {
        let (histogram, mut durations) = (Histogram::durations(), Durations::default());
        for one in micros {
            histogram.observe(*one);
        }
        durations.add(histogram.counted());
        durations
    }

    #[test]
    fn half_and_the_slowest_are_told_from_the_buckets() {
        assert_eq!(Durations::default().quantile(500), None);
        // All between 2.5 and 5 ms.
        let same = of(&[3_000; 10]);
        assert_eq!(same.quantile(500), Some(Duration::from_micros(3_750)));
        assert_eq!(same.quantile(1000), Some(Duration::from_millis(5)));
        let mut some = vec![80; 98];
        some.extend([700_000, 60_000_000]);
        let some = of(&some);
        assert!(some.quantile(500) < Some(Duration::from_micros(100)));
        assert_eq!(some.quantile(990), Some(Duration::from_secs(1)));
        assert_eq!(some.quantile(1000), Some(Duration::from_secs(10)), "the last bound");
    }

    #[test]
    fn what_came_since_is_told_alone() {
        let (before, after) = (of(&[80; 5]), of(&[80, 80, 80, 80, 80, 700_000]));
        assert_eq!(after.since(&before), of(&[700_000]));
        assert_eq!(before.since(&after), Durations::default(), "counters that began anew");
    }
}
