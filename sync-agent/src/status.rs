//! How it stands: what `sync-agent status` shows, with a daemon and without one.

pub mod report;

use std::fmt;

use scim_protocol::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    config::Config,
    number,
    plan::{deprovisioning, held_back::Decision},
    state::{CycleRecord, Pause, Quarantined, State, StateError, held::Pending},
};

/// What is said after a pause.
pub const PAUSED: &str = "Paused. Nothing is written until `sync-agent resume`; what changes meanwhile arrives then. \
A pause longer than the time of grace of [safety] counts as leaving the scope: users are then made inactive.";

/// What is said to whoever wants to write meanwhile.
pub const IS_PAUSED: &str = "the synchronisation is paused; `sync-agent resume` ends the pause";

/// What is said after its end.
pub const RESUMED: &str = "Resumed. The next cycle brings what has changed meanwhile.";

/// So many past cycles are shown.
const SHOWN: usize = 5;

/// What is going on, for whoever asks.
#[derive(Debug, Clone, Default)]
pub struct Live {
    /// Since when the present cycle runs.
    pub running_since: Option<Timestamp>,
    /// Actions done, and all of them, of the present cycle.
    pub progress: (usize, usize),
    /// When the next cycle begins.
    pub next_run: Option<Timestamp>,
}

/// How it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// `name` of the configuration.
    pub name: String,
    /// The time of the answer.
    pub now: Timestamp,
    /// Whether a daemon runs.
    pub daemon: bool,
    /// Since when a cycle runs.
    pub running_since: Option<Timestamp>,
    /// Actions done, and all of them, of the present cycle.
    pub progress: (usize, usize),
    /// When the next cycle begins.
    pub next_run: Option<Timestamp>,
    pub pause: Option<Pause>,
    /// When the pause has lasted so long that users are made inactive.
    pub pause_ends: Option<Timestamp>,
    /// When everything was last compared.
    pub last_full: Option<Timestamp>,
    /// By what the next reading continues; `None` where it reads everything.
    pub watermark: Option<String>,
    /// The last cycles, the newest first.
    pub cycles: Vec<CycleRecord>,
    /// What a person must approve or reject.
    pub held_back: Vec<String>,
    /// What a person has approved, and the next run does.
    #[serde(default)]
    pub approved: Vec<String>,
    /// What a person has rejected, and what is left undone for that reason.
    #[serde(default)]
    pub rejected: Vec<String>,
    /// Objects that wait for another try, and problems that last.
    pub quarantine: Vec<Quarantined>,
}

impl Status {
    /// From the state, and from the daemon where there is one.
    pub fn read(config: &Config, state: &State, now: Timestamp, live: Option<&Live>) -> Result<Self, StateError> {
        let pending = state.pending()?;
        let decided = |decision: Decision| {
            let pending = pending.as_ref().filter(|pending| pending.decision == decision);
            pending.map(Pending::because).unwrap_or_default()
        };
        Ok(Self {
            name: config.name.clone(),
            now,
            daemon: live.is_some(),
            running_since: live.and_then(|live| live.running_since),
            progress: live.map(|live| live.progress).unwrap_or_default(),
            next_run: live.and_then(|live| live.next_run),
            pause_ends: state.pause()?.map(|pause| deprovisioning::end_of_pause(pause.since, &config.safety)),
            pause: state.pause()?,
            last_full: state.last_full()?,
            watermark: state.watermark()?.map(|watermark| watermark.mark.mechanism().to_owned()),
            cycles: state.cycles()?,
            held_back: decided(Decision::Open),
            approved: decided(Decision::Approved),
            rejected: decided(Decision::Rejected),
            quarantine: state.quarantine()?.0.into_values().collect(),
        })
    }

    /// What the last full reconciliation found that the cycles before it had missed.
    pub fn drift(&self) -> Option<usize> {
        self.cycles.iter().find_map(|cycle| cycle.drift)
    }
}

impl fmt::Display for CycleRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = std::time::Duration::from_millis(self.millis).as_secs_f64();
        let kind = if self.full { "full" } else { "changes" };
        write!(
            f,
            "{}  {kind:<7}  {seconds:>7.1} s  {:>6} {}",
            self.started,
            self.writes,
            number::noun_of(self.writes, "write")
        )?;
        if self.problems > 0 {
            write!(f, ", {}", number::of(self.problems, "problem"))?;
        }
        if self.held_back > 0 {
            write!(f, ", {} waiting for approval", number::of(self.held_back, "removal"))?;
        }
        if let Some(drift) = self.drift {
            write!(f, ", drift {drift}")?;
        }
        if let Some(failure) = &self.failure {
            write!(f, "; ended early: {failure}")?;
        }
        match &self.error_log_failure {
            Some(failure) => write!(f, "; {failure}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_never = |at: Option<Timestamp>| at.map_or("never".to_owned(), |at| at.to_string());
        writeln!(f, "{}: {}", self.name, if self.daemon { "a daemon runs" } else { "no daemon runs" })?;
        if let Some(pause) = &self.pause {
            let reason = if pause.reason.is_empty() { String::new() } else { format!(" ({})", pause.reason) };
            writeln!(f, "paused since {}{reason}; `sync-agent resume` ends it", pause.since)?;
            if let Some(at) = self.pause_ends {
                writeln!(f, "  a pause that lasts until {at} makes the users inactive")?;
            }
        }
        match (self.running_since, self.next_run) {
            (Some(since), _) => {
                writeln!(
                    f,
                    "a cycle runs since {since}: {} of {}",
                    self.progress.0,
                    number::of(self.progress.1, "action")
                )?;
            }
            (None, Some(next)) if self.pause.is_none() => writeln!(f, "next run: {next}")?,
            _ => {}
        }
        writeln!(f, "last full reconciliation: {}", or_never(self.last_full))?;
        writeln!(
            f,
            "changes are followed by: {}",
            self.watermark.as_deref().unwrap_or("nothing; the next run reads everything")
        )?;
        match self.drift() {
            Some(0) => writeln!(f, "drift: 0")?,
            Some(drift) => {
                writeln!(f, "drift: {} missed by incremental runs; this should be 0", number::of(drift, "object"))?;
            }
            None => {}
        }
        if !self.cycles.is_empty() {
            writeln!(f, "last cycles:")?;
        }
        for cycle in self.cycles.iter().take(SHOWN) {
            writeln!(f, "  {cycle}")?;
        }
        for held in &self.held_back {
            writeln!(f, "waits for approval: {held}; `sync-agent held` shows all of it")?;
        }
        for approved in &self.approved {
            writeln!(f, "approved: {approved}; the next run reads everything anew and does what of it is still so")?;
        }
        for rejected in &self.rejected {
            writeln!(f, "left undone, as it was rejected: {rejected}")?;
        }
        let (blocked, lasting): (Vec<_>, Vec<_>) =
            self.quarantine.iter().partition(|record| record.problem.code.blocks());
        if !blocked.is_empty() {
            writeln!(f, "quarantine, {}:", number::of(blocked.len(), "object"))?;
        }
        for record in blocked {
            let times = if record.attempts == 1 { "once".to_owned() } else { format!("{} times", record.attempts) };
            writeln!(f, "  {}\n    tried {times} since {}, next at {}", record.problem, record.since, record.next)?;
        }
        if !lasting.is_empty() {
            writeln!(f, "problems that last, {}:", lasting.len())?;
        }
        lasting.iter().try_for_each(|record| writeln!(f, "  {}", record.problem))
    }
}
