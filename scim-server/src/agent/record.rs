//! What is stored of an agent: a record of the system's own tenant; and what it means.

use std::sync::Arc;

use scim_protocol::{Timestamp, value::fold};
use serde::{Deserialize, Serialize};

use super::{Outcome, Report, since};
use crate::{
    own,
    store::{
        Body, IndexEntry, IndexKey, IndexValue, Record, ResourceId, ResourceKey, StoreError, TenantId, TypeName, Write,
    },
};

/// The kind of record.
pub const KIND: &str = "Agent";

/// Without a report for so many intervals an agent is silent.
const MISSED: u64 = 3;
/// But not sooner than this, in milliseconds.
const SOONEST: u64 = 3 * 60 * 1000;
/// For so long it is said that a decision came too late, in milliseconds: a week.
const SAID: u64 = 7 * 24 * 60 * 60 * 1000;

/// An agent as it is stored; times other than `created` are milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    #[serde(skip, default = "nobody")]
    pub id: ResourceId,
    /// The name of its token, unique without regard to case.
    pub name: String,
    /// The only tenant that its token is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// What it said last.
    pub report: Report,
    /// When that was, give or take a tenth of its interval.
    pub heard: i64,
    /// What somebody has decided about what it holds back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// The last decision that it did not take, as by then nothing waited for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late: Option<Decision>,
    /// The record's version.
    #[serde(skip)]
    pub version: u64,
}

/// What somebody has decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The digest of the changes that it is about.
    pub plan: String,
    /// What is to be done with them.
    pub word: Word,
    /// Who it was, as events name them.
    pub by: String,
    /// When.
    pub at: i64,
}

impl Decision {
    /// How the agent stands to what it is about, as it says; nothing if that is not what it holds back.
    fn outcome(&self, report: &Report) -> Option<Outcome> {
        report.held.as_ref().filter(|held| held.plan == self.plan).map(|held| held.decision)
    }

    /// Whether the agent has decided the same.
    fn is_taken(&self, report: &Report) -> bool {
        let same = match self.word {
            Word::Approve => Outcome::Approved,
            Word::Reject => Outcome::Rejected,
        };
        self.outcome(report) == Some(same)
    }

    /// Whether the agent has taken it, or still can.
    fn is_open(&self, report: &Report) -> bool {
        let waits = report.takes_decisions && self.outcome(report) == Some(Outcome::Open);
        waits || self.is_taken(report)
    }
}

/// What can be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "AgentDecision"))]
#[serde(rename_all = "lowercase")]
pub enum Word {
    /// The agent is to do exactly these changes.
    Approve,
    /// It is to leave them undone.
    Reject,
}

impl Word {
    /// The word for it, which is that of the command, too.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
        }
    }
}

/// How an agent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "AgentState"))]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Its cycles end well.
    Ok,
    /// Somebody has paused it.
    Paused,
    /// A person must decide.
    Waiting,
    /// It has not reported for three intervals.
    Silent,
    /// Its last cycle ended early.
    Failing,
}

fn nobody() -> ResourceId {
    ResourceId(uuid::Uuid::nil())
}

impl Agent {
    /// One that is heard for the first time.
    pub(super) fn new(id: ResourceId, name: &str, report: Report, tenant: Option<TenantId>, now: Timestamp) -> Self {
        Self {
            id,
            name: name.to_owned(),
            tenant,
            report,
            heard: now.as_millis(),
            decision: None,
            late: None,
            version: 0,
        }
    }

    /// The same with another report. A decision is about what it was made of, and nothing else: one that can come to that no
    /// more, and was not taken before, came too late. One about an agent of another tenant is none.
    pub(super) fn reporting(&self, report: Report, tenant: Option<TenantId>, now: Timestamp) -> Self {
        let of_tenant = |decision: &Decision| tenant == self.tenant && since(decision.at, now) < SAID;
        let (mut decision, mut late) = (self.decision.clone(), self.late.clone().filter(of_tenant));
        if let Some(gone) = decision.take_if(|decision| tenant != self.tenant || !decision.is_open(&report)) {
            let was_taken = report.taken.as_ref() == Some(&gone.plan) || gone.is_taken(&self.report);
            if !was_taken && tenant == self.tenant {
                late = Some(gone);
            }
        }
        Self { report, tenant, decision, late, heard: now.as_millis(), ..self.clone() }
    }

    /// Whether it would matter if the newer one were not written.
    pub(super) fn is_older_than(&self, newer: &Self) -> bool {
        let same = Self { heard: self.heard, ..newer.clone() };
        let tenth = self.report.interval_seconds.saturating_mul(1000) / 10;
        same != *self || since(self.heard, Timestamp::from_millis(newer.heard)) >= tenth
    }

    /// What was decided, and the agent does not know yet.
    pub fn undone(&self) -> Option<&Decision> {
        let held = self.report.held.as_ref()?;
        let decision = self.decision.as_ref()?;
        let is_undone = self.report.takes_decisions && held.decision == Outcome::Open && decision.plan == held.plan;
        is_undone.then_some(decision)
    }

    /// How it stands, and what that means in a sentence. Somebody has paused it, whatever else is the matter.
    pub fn state(&self, now: Timestamp) -> (State, String) {
        let paused = self.report.pause.as_ref().map(|pause| match pause.reason.as_str() {
            "" => format!("paused since {}", pause.since),
            reason => format!("paused since {}: {reason}", pause.since),
        });
        match (self.matter(now), paused) {
            (Some((state, matter)), Some(paused)) => (state, format!("{}; {paused}", matter.trim_end_matches('.'))),
            (Some(matter), None) => matter,
            (None, Some(paused)) => (State::Paused, paused),
            (None, None) => (State::Ok, "its cycles end well".to_owned()),
        }
    }

    /// What is the matter with it, if it is more than a pause.
    fn matter(&self, now: Timestamp) -> Option<(State, String)> {
        let Report { cycles, held, interval_seconds, .. } = &self.report;
        let patience = interval_seconds.saturating_mul(1000 * MISSED).max(SOONEST);
        if since(self.heard, now) > patience {
            let heard = Timestamp::from_millis(self.heard);
            let text = format!(
                "has not reported since {heard}, which is longer than three intervals of its cycles: see whether it runs (`systemctl status sync-agent`), and whether its token is good"
            );
            return Some((State::Silent, text));
        }
        if let Some(failure) = cycles.first().and_then(|cycle| cycle.failure.as_ref()) {
            return Some((State::Failing, format!("the last cycle ended early: {failure}")));
        }
        let held = held.as_ref().filter(|held| held.decision == Outcome::Open && self.decision.is_none())?;
        let text = match held.count() {
            1 => "1 change waits for a decision".to_owned(),
            count => format!("{count} changes wait for a decision"),
        };
        Some((State::Waiting, text))
    }

    pub fn from_record(id: ResourceId, record: &Record) -> Result<Self, StoreError> {
        let agent: Self = own::read(record, format_args!("the agent {id}"))?;
        Ok(Self { id, version: record.header.version, ..agent })
    }

    /// As it is stored.
    pub(super) fn body(&self) -> Result<Body, StoreError> {
        own::body("", self)
    }

    pub(super) fn key(&self) -> ResourceKey {
        key(self.id)
    }

    /// The index entry that belongs to its record: its name.
    pub fn entries(&self) -> Vec<IndexEntry> {
        vec![IndexEntry { key: name_key(&self.name), id: self.id, unique: true }]
    }

    /// The writes that remove its record and its index entry.
    pub(super) fn removal(&self) -> Vec<Write> {
        let unindex = self.entries().into_iter().map(Write::Unindex);
        unindex.chain([Write::Delete(self.key())]).collect()
    }
}

/// Where the agent with that id is stored.
pub(super) fn key(id: ResourceId) -> ResourceKey {
    own::key(KIND, id)
}

/// The index key of a name, in any case.
pub(super) fn name_key(name: &str) -> IndexKey {
    IndexKey {
        tenant: TenantId::SYSTEM,
        resource_type: TypeName::from(KIND),
        attribute: Arc::from("name"),
        value: IndexValue(fold(name).as_bytes().to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::report::{Cycle, Held, Limit, Pause};

    #[track_caller]
    fn check(report: Report, minutes: i64, expect: State, words: &str) {
        let at = |minutes: i64| Timestamp::from_millis(minutes * 60_000);
        let report = Report { interval_seconds: 3600, ..report };
        let (state, text) = Agent::new(nobody(), "ad", report, None, at(0)).state(at(minutes));
        assert!(state == expect && text.contains(words), "{state:?} {text}");
    }

    #[test]
    fn what_needs_a_person_most_is_said() {
        let at = Timestamp::from_millis(0);
        let cycle = |failure: Option<&str>| Cycle {
            started: at,
            millis: 1,
            full: true,
            entries: 1,
            writes: 0,
            problems: 0,
            drift: None,
            failure: failure.map(str::to_owned),
        };
        let pause = Some(Pause { since: at, reason: "a move".to_owned() });
        let held = |decision| Some(Held { plan: "1".to_owned(), since: at, decision, limits: Vec::new() });
        let with = |pause, held, failure| Report { pause, held, cycles: vec![cycle(failure)], ..Report::default() };
        check(with(None, None, None), 180, State::Ok, "end well");
        check(with(None, None, None), 181, State::Silent, "1970-01-01");
        check(with(pause.clone(), None, None), 0, State::Paused, "a move");
        check(with(pause.clone(), held(Outcome::Open), None), 0, State::Waiting, "0 changes wait");
        check(with(None, held(Outcome::Rejected), None), 0, State::Ok, "end well");
        let one = Limit { because: String::new(), actions: vec!["- a".to_owned()], more: 0 };
        let one = Held { plan: "1".to_owned(), since: at, decision: Outcome::Open, limits: vec![one] };
        check(with(None, Some(one), None), 0, State::Waiting, "1 change waits");
        check(
            with(pause.clone(), held(Outcome::Open), Some("no bind.")),
            0,
            State::Failing,
            "early: no bind; paused since",
        );
        check(with(pause.clone(), held(Outcome::Open), Some("no bind")), 0, State::Failing, "00Z: a move");
        check(with(pause, None, None), 181, State::Silent, "a move");
    }
}
