//! The agents that report to this server: programs (`sync-agent`) that bring a directory to a SCIM server.
//!
//! An agent shows an administrator's token of the role `agent`, whose name is its name. It reports how it stands, and
//! gets in return what an operator has decided about the changes that it holds back. There is one record for each
//! agent: its last report, when it was heard, and the decision. A decision is about the changes that its giver has
//! seen, named by their digest; when the agent holds back others, it is about nothing any more, and it is said that it came
//! too late.

mod record;
mod report;

use std::sync::Arc;

use scim_protocol::Timestamp;

pub use self::{
    record::{Agent, Decision, KIND, State, Word},
    report::{MOST_BYTES, Outcome, Report},
};
use crate::{
    administrator::Administrator,
    clock::Clock,
    event::{Action, Deed, Event},
    store::{ATTEMPTS, Commit, Expect, Start, Store, StoreError, TenantId, TypeName, Write, again},
    token::record::new_id,
};

/// The most agents that there may be.
pub const MOST: usize = 1000;

/// Why something was not done with an agent.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// It holds back something else by now.
    #[error("what {0:?} holds back has changed; nothing was decided. Look again with `agent show {0}`")]
    Changed(String),
    /// Its own command line has decided.
    #[error(
        "{0:?} has decided about these changes already at its own command line, or taken a decision from here; to decide otherwise, run `sync-agent approve` or `sync-agent reject` where it runs"
    )]
    Decided(String),
    /// It takes no decisions from here.
    #[error(
        "{0:?} takes decisions at its own command line alone: run `sync-agent {1}` there, or set `decisions = true` in [report] of its configuration"
    )]
    Elsewhere(String, &'static str),
    /// As many are there as may.
    #[error("{MOST} agents report, which is the most; delete one with `agent delete AGENT`")]
    Full,
    /// Nothing waits for a decision.
    #[error("{0:?} holds nothing back")]
    Nothing(String),
    /// Somebody else was faster.
    #[error("{0:?} has reported at the same moment; try again")]
    Raced(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No agent of that name has reported.
    #[error("no agent {0:?} has reported; `agent list` shows those that have")]
    Unknown(String),
}

/// The agents of a store.
#[derive(Clone)]
pub struct Agents {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    random: fn() -> [u8; 32],
}

impl Agents {
    /// Agents in that store, with ids of random bytes of the system's generator.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, random: rand::random }
    }

    /// All of them, by name.
    pub async fn list(&self) -> Result<Vec<Agent>, StoreError> {
        let page = self.store.resources(TenantId::SYSTEM, &TypeName::from(KIND), Start::Offset(0), MOST).await?;
        let mut agents: Vec<_> =
            page.iter().map(|(id, stored)| Agent::from_record(*id, stored)).collect::<Result<_, _>>()?;
        agents.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(agents)
    }

    /// The one of that name, in any case.
    pub async fn find(&self, name: &str) -> Result<Agent, AgentError> {
        self.known(name).await?.ok_or_else(|| AgentError::Unknown(name.to_owned()))
    }

    /// Keeps what an agent reports, and gives what was decided and is not done yet. A report that is the same as before
    /// is written only when it would otherwise be forgotten that the agent was heard.
    pub async fn report(&self, by: &Administrator, report: Report) -> Result<Option<Decision>, AgentError> {
        let name = by.name.as_deref().unwrap_or_default();
        for _ in 0..ATTEMPTS {
            let (now, before) = (self.clock.now(), self.known(name).await?);
            let agent = match &before {
                Some(before) => before.reporting(report.clone(), by.tenant, now),
                None => Agent::new(new_id(now, (self.random)()), name, report.clone(), by.tenant, now),
            };
            let is_news = before.as_ref().is_none_or(|before| before.is_older_than(&agent));
            if !is_news || self.keep(before.as_ref(), &agent).await? {
                return Ok(agent.undone().cloned());
            }
        }
        Err(AgentError::Raced(name.to_owned()))
    }

    /// Decides about what an agent holds back. `plan` is the digest of what the giver has seen.
    pub async fn decide(&self, name: &str, word: Word, plan: &str, actor: &str) -> Result<Agent, AgentError> {
        let is_raced = |error: &AgentError| matches!(error, AgentError::Raced(_));
        again(|| self.try_decide(name, word, plan, actor), is_raced).await
    }

    async fn try_decide(&self, name: &str, word: Word, plan: &str, actor: &str) -> Result<Agent, AgentError> {
        let mut agent = self.find(name).await?;
        let named = || agent.name.clone();
        let held = agent.report.held.as_ref().ok_or_else(|| AgentError::Nothing(named()))?;
        if held.plan != plan {
            return Err(AgentError::Changed(named()));
        }
        if held.decision != Outcome::Open {
            return Err(AgentError::Decided(named()));
        }
        if !agent.report.takes_decisions {
            return Err(AgentError::Elsewhere(named(), word.as_str()));
        }
        let at = self.clock.now().as_millis();
        agent.decision = Some(Decision { plan: plan.to_owned(), word, by: actor.to_owned(), at });
        agent.late = None;
        let deed = match word {
            Word::Approve => Deed::AgentApproved,
            Word::Reject => Deed::AgentRejected,
        };
        let mut commit = Commit::new(agent.key(), event(&agent, deed, actor));
        commit.expect.push(Expect::Version(agent.key(), agent.version));
        commit.writes.push(Write::Put(agent.key(), agent.body()?));
        match self.store.commit(commit).await {
            Ok(_) => Ok(agent),
            Err(StoreError::Conflict(_) | StoreError::Missing(_)) => Err(AgentError::Raced(agent.name)),
            Err(error) => Err(error.into()),
        }
    }

    /// Forgets one. It comes back with its next report, as long as its token is good.
    pub async fn delete(&self, name: &str, actor: &str) -> Result<Agent, AgentError> {
        let agent = self.find(name).await?;
        let mut commit = Commit::new(agent.key(), event(&agent, Deed::AgentDeleted, actor));
        commit.writes = agent.removal();
        match self.store.commit(commit).await {
            Ok(_) => Ok(agent),
            Err(StoreError::Missing(_)) => Err(AgentError::Unknown(name.to_owned())),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes those of a tenant that is deleted.
    pub async fn forget(&self, tenant: TenantId) -> Result<(), StoreError> {
        for agent in self.list().await?.into_iter().filter(|agent| agent.tenant == Some(tenant)) {
            match self.store.commit(Commit::removal(agent.key(), agent.entries())).await {
                Ok(_) | Err(StoreError::Missing(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn known(&self, name: &str) -> Result<Option<Agent>, StoreError> {
        let Some(id) = self.store.lookup(&record::name_key(name)).await? else { return Ok(None) };
        self.store.get(&record::key(id)).await?.map(|stored| Agent::from_record(id, &stored)).transpose()
    }

    /// Stores what an agent has become. `false` if somebody else has changed it meanwhile.
    async fn keep(&self, before: Option<&Agent>, agent: &Agent) -> Result<bool, AgentError> {
        let mut commit = Commit::bookkeeping(KIND.into(), agent.id);
        commit.writes.push(Write::Put(agent.key(), agent.body()?));
        if let Some(before) = before {
            commit.expect.push(Expect::Version(agent.key(), before.version));
        } else {
            commit.expect.push(Expect::Fewer(TenantId::SYSTEM, KIND.into(), MOST as u64));
            commit.writes.extend(agent.entries().into_iter().map(Write::Index));
        }
        match self.store.commit(commit).await {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict(_) | StoreError::Missing(_) | StoreError::Taken(_)) => Ok(false),
            Err(StoreError::Full { .. }) => Err(AgentError::Full),
            Err(error) => Err(error.into()),
        }
    }
}

fn event(agent: &Agent, deed: Deed, actor: &str) -> Event {
    let event = Event::administration(Action::Administer, KIND, agent.id, &[agent.name.as_str()]);
    Event { actor: actor.to_owned(), deed: Some(deed), ..event }
}

/// How long ago something was, in milliseconds; 0 if it is to come.
fn since(at: i64, now: Timestamp) -> u64 {
    u64::try_from(now.as_millis().saturating_sub(at)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{
        report::{Held, Limit},
        *,
    };
    use crate::{
        administrator::Role,
        clock::{ManualClock, SystemClock},
        store::sled::SledStore,
    };

    fn by(name: &str) -> Administrator {
        Administrator::person(name, Role::Agent)
    }

    fn holding(plan: &str, decision: Outcome) -> Report {
        let held = Held {
            plan: plan.to_owned(),
            since: Timestamp::from_millis(0),
            decision,
            limits: vec![Limit { because: "too many".to_owned(), actions: vec!["- deactivate".to_owned()], more: 0 }],
        };
        Report { takes_decisions: true, interval_seconds: 60, held: Some(held), ..Report::default() }
    }

    fn agents(directory: &tempfile::TempDir) -> (Agents, ManualClock) {
        let store: Arc<dyn Store> = Arc::new(SledStore::open(directory.path(), Arc::new(SystemClock)).unwrap());
        let clock = ManualClock::default();
        (Agents::new(store, Arc::new(clock.clone())), clock)
    }

    #[tokio::test]
    async fn a_decision_is_told_until_it_is_done_and_is_about_what_was_seen() {
        let directory = tempfile::tempdir().unwrap();
        let (agents, _) = agents(&directory);
        let report = async |plan, outcome| agents.report(&by("ad"), holding(plan, outcome)).await.unwrap();
        let decide = async |word, plan| agents.decide("AD", word, plan, "admin:anna").await;
        assert!(matches!(decide(Word::Approve, "1").await, Err(AgentError::Unknown(_))));
        assert_eq!(report("1", Outcome::Open).await, None);
        assert!(matches!(decide(Word::Approve, "2").await, Err(AgentError::Changed(_))));
        decide(Word::Approve, "1").await.unwrap();
        for _ in 0..2 {
            let told = report("1", Outcome::Open).await.unwrap();
            assert_eq!((told.word, told.by.as_str()), (Word::Approve, "admin:anna"));
        }
        assert_eq!(report("1", Outcome::Approved).await, None, "it is done");
        assert!(agents.find("ad").await.unwrap().decision.is_some(), "who decided is shown still");
        assert!(matches!(decide(Word::Reject, "1").await, Err(AgentError::Decided(_))));
        assert_eq!(report("2", Outcome::Open).await, None);
        assert_eq!(agents.find("ad").await.unwrap().decision, None);
        agents.report(&by("ad"), Report { takes_decisions: false, ..holding("2", Outcome::Open) }).await.unwrap();
        assert!(matches!(decide(Word::Reject, "2").await, Err(AgentError::Elsewhere(_, "reject"))));
        agents.report(&by("ad"), Report::default()).await.unwrap();
        assert!(matches!(decide(Word::Reject, "2").await, Err(AgentError::Nothing(_))));
        agents.delete("ad", "admin").await.unwrap();
        assert!(agents.list().await.unwrap().is_empty());
    }

    /// Nobody is left to believe that something was decided which the agent has never taken.
    #[tokio::test]
    async fn a_decision_that_came_too_late_is_said_to_be_one() {
        let told = |report: Report, takes_decisions| Report { takes_decisions, ..report };
        let taken = |plan: &str, report: Report| Report { taken: Some(plan.to_owned()), ..report };
        // What the agent reports after it was decided to approve `1`, and whether that came too late.
        for (reports, is_late) in [
            (vec![holding("1", Outcome::Open)], false),
            (vec![holding("2", Outcome::Open)], true),
            (vec![Report::default()], true),
            (vec![holding("1", Outcome::Rejected)], true),
            (vec![told(holding("1", Outcome::Open), false)], true),
            (vec![holding("1", Outcome::Approved), Report::default()], false),
            (vec![holding("1", Outcome::Approved), holding("2", Outcome::Open)], false),
            (vec![taken("1", Report::default())], false),
            (vec![taken("0", holding("2", Outcome::Open)), Report::default()], true),
        ] {
            let directory = tempfile::tempdir().unwrap();
            let (agents, clock) = agents(&directory);
            agents.report(&by("ad"), holding("1", Outcome::Open)).await.unwrap();
            agents.decide("ad", Word::Approve, "1", "admin:anna").await.unwrap();
            let seen = format!("{reports:?}");
            for report in reports {
                agents.report(&by("ad"), report).await.unwrap();
            }
            let agent = agents.find("ad").await.unwrap();
            let late = agent.late.as_ref().map(|late| (late.word, late.by.as_str(), late.plan.as_str()));
            assert_eq!(late, is_late.then_some((Word::Approve, "admin:anna", "1")), "{seen}");
            if is_late {
                assert_eq!(agent.decision, None, "{seen}");
            }
            // It is said until somebody decides again, and for a week.
            agents.report(&by("ad"), holding("3", Outcome::Open)).await.unwrap();
            assert_eq!(agents.find("ad").await.unwrap().late.is_some(), is_late || agent.decision.is_some(), "{seen}");
            clock.advance(7 * 24 * 60 * 60 * 1000);
            agents.report(&by("ad"), holding("3", Outcome::Open)).await.unwrap();
            assert_eq!(agents.find("ad").await.unwrap().late, None, "{seen}");
        }
        let directory = tempfile::tempdir().unwrap();
        let (agents, _) = agents(&directory);
        for plan in ["1", "2"] {
            agents.report(&by("ad"), holding(plan, Outcome::Open)).await.unwrap();
            let decided = agents.decide("ad", Word::Reject, plan, "admin:anna").await.unwrap();
            assert_eq!(decided.late, None);
        }
    }

    #[tokio::test]
    async fn what_is_the_same_is_written_a_few_times_in_an_interval() {
        let directory = tempfile::tempdir().unwrap();
        let (agents, clock) = agents(&directory);
        for _ in 0..60 {
            agents.report(&by("ad"), holding("1", Outcome::Open)).await.unwrap();
            clock.advance(1000);
        }
        assert_eq!(agents.find("ad").await.unwrap().version, 10);
    }
}
