//! What is told to a server that shows how agents stand (`[report]`): how it stands, for people who do not come to this
//! machine.
//!
//! Of people it has the names that `status` and `held` show, and no value of an attribute: the first line of an action
//! says whom it is about and why. Everything is bounded, and the numbers say how much was left out.

use scim_protocol::Timestamp;
use serde::Serialize;

use super::Status;
use crate::{
    plan::{
        Action, Step,
        held_back::{Decision, HeldBack},
    },
    state::{CycleRecord, Pause, Quarantined, held::Pending},
};

/// So many past cycles are told.
const CYCLES: usize = 20;
/// So many actions that are held back.
const ACTIONS: usize = 1000;
/// So many objects that could not be brought to the target.
const TROUBLES: usize = 100;
/// So many characters of a line.
const LONGEST: usize = 400;

/// What is told.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    version: &'static str,
    name: &'a str,
    interval_seconds: u64,
    takes_decisions: bool,
    running_since: Option<Timestamp>,
    next_run: Option<Timestamp>,
    last_full: Option<Timestamp>,
    pause: Option<&'a Pause>,
    cycles: &'a [CycleRecord],
    held: Option<Held>,
    /// The plan of the decision of the server that was taken since the report before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken: Option<&'a str>,
    troubles: Vec<Trouble>,
    troubled: usize,
}

#[derive(Debug, Serialize)]
struct Held {
    plan: String,
    since: Timestamp,
    decision: Decision,
    limits: Vec<Limit>,
}

#[derive(Debug, Serialize)]
struct Limit {
    because: String,
    actions: Vec<String>,
    more: usize,
}

#[derive(Debug, Serialize)]
struct Trouble {
    code: &'static str,
    message: String,
    blocks: bool,
    attempts: u32,
    since: Timestamp,
    next: Timestamp,
}

impl<'a> Report<'a> {
    /// Of how it stands, and of what is held back. A cycle comes each `interval_seconds`; `takes_decisions` says whether
    /// the server may decide.
    pub fn new(status: &'a Status, held: Option<&Pending>, interval_seconds: u64, takes_decisions: bool) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            name: &status.name,
            interval_seconds,
            takes_decisions,
            running_since: status.running_since,
            next_run: status.next_run,
            last_full: status.last_full,
            pause: status.pause.as_ref(),
            cycles: status.cycles.get(..CYCLES).unwrap_or(&status.cycles),
            held: held.map(Held::new),
            taken: None,
            troubles: status.quarantine.iter().take(TROUBLES).map(Trouble::new).collect(),
            troubled: status.quarantine.len(),
        }
    }
}

impl Held {
    fn new(pending: &Pending) -> Self {
        let mut left = ACTIONS;
        let limits = pending.held_back.iter().map(|held| {
            let limit = Limit::new(held, left);
            left -= limit.actions.len();
            limit
        });
        Self { limits: limits.collect(), plan: pending.digest().0, since: pending.since, decision: pending.decision }
    }
}

impl Limit {
    fn new(held: &HeldBack, most: usize) -> Self {
        let actions: Vec<_> = held.actions.iter().take(most).map(line).collect();
        Self { because: short(&held.because), more: held.actions.len() - actions.len(), actions }
    }
}

impl Trouble {
    fn new(record: &Quarantined) -> Self {
        let problem = &record.problem;
        let whom = problem.subject.as_ref().map(|subject| format!("{subject}: ")).unwrap_or_default();
        Self {
            code: problem.code.name(),
            message: short(&format!("{whom}{}", problem.message)),
            blocks: problem.code.blocks(),
            attempts: record.attempts,
            since: record.since,
            next: record.next,
        }
    }
}

/// An action in a line, with the names of the attributes that it changes.
fn line(action: &Action) -> String {
    let text = action.to_string();
    let first = text.lines().next().unwrap_or_default();
    match &action.step {
        Step::Modify { changes, .. } => {
            let paths: Vec<_> = changes.iter().map(|change| change.path.as_str()).collect();
            short(&format!("{first} ({})", paths.join(", ")))
        }
        _ => short(first),
    }
}

/// A text, cut off where it is long.
fn short(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        identity::{Kind, SourceId},
        plan::{AttributeChange, Reason, limits::Loss},
        problem::{Code, Problem, Subject},
    };

    fn subject(n: u32) -> Subject {
        let id = SourceId::parse(&format!("00000000-0000-4000-8000-{n:012}")).unwrap();
        Subject { id, kind: Kind::User, name: format!("u{n}") }
    }

    fn status() -> Status {
        let at = Timestamp::from_millis;
        let problem = Problem { code: Code::ConflictError, subject: Some(subject(7)), message: "is taken".to_owned() };
        let troubled = Quarantined { problem, attempts: 2, since: at(1), next: at(2), digest: None };
        Status {
            name: "default".to_owned(),
            now: at(9),
            daemon: true,
            running_since: None,
            progress: (0, 0),
            next_run: Some(at(10)),
            pause: None,
            pause_ends: None,
            last_full: None,
            watermark: None,
            cycles: vec![CycleRecord::new(at(3), true); 48],
            held_back: Vec::new(),
            approved: Vec::new(),
            rejected: Vec::new(),
            quarantine: vec![troubled; 120],
        }
    }

    #[test]
    fn names_are_told_and_values_are_not() {
        let action = |n, step| Action { subject: subject(n), reason: Reason::OutOfScope, step };
        let change = AttributeChange { path: "title".into(), old: Some(json!("Clerk")), new: Some(json!("Boss")) };
        let mut actions =
            vec![action(0, Step::Modify { changes: vec![change], digest: crate::document::Digest::unfinished() })];
        actions.extend((1..1500).map(|n| action(n, Step::Deactivate)));
        let because = "too many".to_owned();
        let held = HeldBack { loss: Loss::UsersDeactivated, because, actions };
        let pending = Pending { since: Timestamp::from_millis(4), held_back: vec![held], decision: Decision::Open };
        let status = status();
        let report = serde_json::to_value(Report::new(&status, Some(&pending), 60, true)).unwrap();
        let text = report.to_string();
        assert!(!text.contains("Clerk") && !text.contains("Boss") && text.contains("title"), "{text}");
        let limit = &report["held"]["limits"][0];
        let actions = limit["actions"].as_array().map(Vec::len);
        assert_eq!((actions, &limit["more"]), (Some(ACTIONS), &json!(500)));
        assert_eq!(
            (&report["held"]["plan"], &report["held"]["decision"]),
            (&json!(pending.digest().0), &json!("open"))
        );
        assert_eq!(report["cycles"].as_array().map(Vec::len), Some(CYCLES));
        assert_eq!((report["troubles"].as_array().map(Vec::len), &report["troubled"]), (Some(TROUBLES), &json!(120)));
        let trouble = report["troubles"][0]["message"].as_str().unwrap_or_default();
        assert!(trouble.starts_with("user \"u7\"") && trouble.ends_with("is taken"), "{trouble}");
        assert_eq!(report["pause"], Value::Null);
    }
}
