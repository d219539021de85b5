//! What the server has counted in the last 24 hours, minute by minute: in memory, for charts.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, time::MissedTickBehavior};

use crate::{
    clock::Clock,
    metrics::{self, Durations, Metrics},
};

/// Between two looks at the counters.
const MINUTE: Duration = Duration::from_secs(60);
/// How many looks are kept: those of 24 hours, and one before.
const KEPT: usize = 24 * 60 + 1;

/// What was counted since the start, at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sample {
    /// Seconds since 1970.
    pub at: i64,
    /// Requests that did what was asked.
    pub answered: u64,
    /// Requests answered with 4xx.
    pub refused: u64,
    /// Requests answered with 5xx.
    pub failed: u64,
    /// Requests without a valid token.
    pub strangers: u64,
    /// Commits of the store.
    pub commits: u64,
    /// How long requests took.
    pub durations: Durations,
    /// The resident memory in bytes, at the moment itself; `None` where the system does not tell.
    pub memory: Option<u64>,
}

/// The samples.
#[derive(Debug, Default)]
pub struct Ring(Mutex<VecDeque<Sample>>);

impl Ring {
    /// Looks at the counters now and each minute, until the server stops.
    pub async fn fill(&self, metrics: Arc<Metrics>, clock: Arc<dyn Clock>, mut stopped: watch::Receiver<bool>) {
        let mut minutes = tokio::time::interval(MINUTE);
        minutes.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = minutes.tick() => self.push(look(&metrics, &*clock)),
                _ = stopped.changed() => return,
            }
        }
    }

    fn push(&self, sample: Sample) {
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.len() == KEPT {
            samples.pop_front();
        }
        samples.push_back(sample);
    }

    /// What happened in each minute: the differences, each with the moment at its end.
    pub fn minutes(&self) -> Vec<Sample> {
        let samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let difference = |(before, after): (&Sample, &Sample)| Sample {
            at: after.at,
            answered: after.answered.saturating_sub(before.answered),
            refused: after.refused.saturating_sub(before.refused),
            failed: after.failed.saturating_sub(before.failed),
            strangers: after.strangers.saturating_sub(before.strangers),
            commits: after.commits.saturating_sub(before.commits),
            durations: after.durations.since(&before.durations),
            memory: after.memory,
        };
        samples.iter().zip(samples.iter().skip(1)).map(difference).collect()
    }
}

/// What the counters say now.
pub fn look(metrics: &Metrics, clock: &dyn Clock) -> Sample {
    let [answered, refused, failed] = metrics.requests.outcomes();
    Sample {
        at: clock.now().as_millis() / 1000,
        answered,
        refused,
        failed,
        strangers: metrics.authentication_failures.get(),
        commits: metrics.store.commits.get(),
        durations: metrics.requests.durations(),
        memory: metrics::resident(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_minute_has_what_came_in_it_and_a_day_is_kept() {
        let ring = Ring::default();
        assert_eq!(ring.minutes(), []);
        for minute in 0..2000_i64 {
            let (answered, memory) = (minute.unsigned_abs() * 3, Some(7));
            ring.push(Sample { at: minute * 60, answered, memory, ..Sample::default() });
        }
        let minutes = ring.minutes();
        assert_eq!(minutes.len(), 24 * 60);
        assert!(minutes.iter().all(|minute| minute.answered == 3 && minute.memory == Some(7)));
        assert_eq!(minutes.last().map(|minute| minute.at), Some(1999 * 60));
    }
}
