//! The commands about agents that report: what they send, how they stand, and what is decided about what they hold back.

use std::sync::Arc;

use scim_protocol::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{AdminContext, AdminError, Output, Role};
use crate::agent::{Agent, Agents, Decision, MOST_BYTES, Report, State, Word};

/// What is asked about agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "what", rename_all = "kebab-case", deny_unknown_fields)]
pub enum AgentRequest {
    /// Has an agent do what it holds back.
    Approve {
        /// The name of its token.
        agent: String,
        /// The digest of the changes, as they were shown.
        plan: String,
    },
    /// Forgets one.
    Delete {
        /// The name of its token.
        agent: String,
    },
    /// Lists those of a tenant; all when absent.
    List { tenant: Option<String> },
    /// Has an agent leave undone what it holds back.
    Reject {
        /// The name of its token.
        agent: String,
        /// The digest of the changes, as they were shown.
        plan: String,
    },
    /// Says how the agent stands whose token this is.
    Report {
        /// How it stands.
        report: Box<Report>,
    },
    /// Shows one with its last report.
    Show {
        /// The name of its token.
        agent: String,
    },
}

impl AgentRequest {
    /// What it is called, for the log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Approve { .. } => "agent-approve",
            Self::Delete { .. } => "agent-delete",
            Self::List { .. } => "agent-list",
            Self::Reject { .. } => "agent-reject",
            Self::Report { .. } => "agent-report",
            Self::Show { .. } => "agent-show",
        }
    }
}

/// An agent as it is shown.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Agent"))]
pub(super) struct AgentView<'a> {
    /// The name of its token.
    agent: &'a str,
    /// The id of the only tenant that its token is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_id: Option<String>,
    state: State,
    /// What that means, in a sentence.
    detail: String,
    /// When it reported last.
    heard: String,
    version: &'a str,
    /// When its last cycle began.
    last_cycle: Option<String>,
    next_run: Option<String>,
    /// How many changes it holds back, whatever was decided about them.
    held: u64,
    /// Objects that wait for another try, and problems that last.
    troubled: u64,
    /// Whether it does what is decided here.
    takes_decisions: bool,
    /// What was decided here about what it holds back.
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<DecisionView<'a>>,
    /// The last decision that came too late, for a week: the agent did not take it.
    #[serde(skip_serializing_if = "Option::is_none")]
    late: Option<DecisionView<'a>>,
    /// All that it said, where one is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<&'a Report>,
}

/// A decision as it is shown.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "AgentDecided"))]
struct DecisionView<'a> {
    /// The digest of the changes that it is about.
    plan: &'a str,
    decision: Word,
    by: &'a str,
    at: String,
    /// Whether the agent has said that it knows.
    taken: bool,
}

impl<'a> DecisionView<'a> {
    fn new(decision: &'a Decision, taken: bool) -> Self {
        let at = Timestamp::from_millis(decision.at).to_string();
        Self { plan: &decision.plan, decision: decision.word, by: &decision.by, at, taken }
    }
}

impl<'a> AgentView<'a> {
    fn new(agent: &'a Agent, now: Timestamp) -> Self {
        let (state, detail) = agent.state(now);
        let report = &agent.report;
        let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
        Self {
            agent: &agent.name,
            tenant_id: agent.tenant.map(|tenant| tenant.to_string()),
            state,
            detail,
            heard: Timestamp::from_millis(agent.heard).to_string(),
            version: &report.version,
            last_cycle: text(report.cycles.first().map(|cycle| cycle.started)),
            next_run: text(report.next_run),
            held: report.held_changes(),
            troubled: report.troubled,
            takes_decisions: report.takes_decisions,
            decision: agent.decision.as_ref().map(|decision| DecisionView::new(decision, agent.undone().is_none())),
            late: agent.late.as_ref().map(|decision| DecisionView::new(decision, false)),
            report: None,
        }
    }

    fn whole(agent: &'a Agent, now: Timestamp) -> Self {
        Self { report: Some(&agent.report), ..Self::new(agent, now) }
    }
}

/// Does what is asked.
pub(super) async fn execute(context: &AdminContext, request: AgentRequest, output: &Output) -> Result<(), AdminError> {
    let (agents, now, actor) = (context.agents(), context.clock.now(), context.by.actor());
    match request {
        AgentRequest::Approve { agent, plan } => {
            let agent = agents.decide(&agent, Word::Approve, &plan, &actor).await?;
            output.row(&AgentView::new(&agent, now)).await
        }
        AgentRequest::Reject { agent, plan } => {
            let agent = agents.decide(&agent, Word::Reject, &plan, &actor).await?;
            output.row(&AgentView::new(&agent, now)).await
        }
        AgentRequest::Delete { agent } => {
            let gone = agents.delete(&agent, &actor).await?;
            output.row(&json!({"agent": gone.name, "deleted": true})).await
        }
        AgentRequest::List { tenant } => {
            let only = match tenant {
                Some(tenant) => Some(context.directory().find(&tenant).await?.id),
                None => None,
            };
            for agent in agents.list().await?.iter().filter(|agent| only.is_none() || agent.tenant == only) {
                output.row(&AgentView::new(agent, now)).await?;
            }
            Ok(())
        }
        AgentRequest::Report { report } => {
            let decision = agents.report(&context.by, checked(context, *report)?).await?;
            let decision = decision.as_ref().map(|decision| DecisionView::new(decision, false));
            output.row(&json!({ "decision": decision })).await
        }
        AgentRequest::Show { agent } => output.row(&AgentView::whole(&agents.find(&agent).await?, now)).await,
    }
}

/// Refuses reports of people, whose name is no agent's, and those that are too large.
fn checked(context: &AdminContext, report: Report) -> Result<Report, AdminError> {
    if context.by.role != Role::Agent {
        return Err(AdminError::Forbidden(format!(
            "{} has the role {}, and agents alone report; make a token with `admin-token create --name NAME --role agent`",
            context.by.actor(),
            context.by.role
        )));
    }
    let bytes = serde_json::to_vec(&report).map_or(usize::MAX, |text| text.len());
    if bytes > MOST_BYTES {
        return Err(AdminError::Invalid(format!("a report has at most {MOST_BYTES} bytes, and this one has {bytes}")));
    }
    Ok(report)
}

impl AdminContext {
    /// The agents that report.
    pub(super) fn agents(&self) -> Agents {
        Agents::new(Arc::clone(&self.store), Arc::clone(&self.clock))
    }
}
