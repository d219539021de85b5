//! `agent …`: what can be typed about agents that report.

use clap::{Args, Subcommand};

use super::Common;

/// `agent …`
#[derive(Debug, Subcommand)]
pub enum AgentCommand {
    /// List the agents: how each stands, its last and next cycle, what it holds back
    List {
        /// The tenant's name or id: only agents whose token is for that tenant
        #[arg(long)]
        tenant: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Show an agent: its last cycles, what it holds back, and what it could not bring to the target
    Show(WhichAgent),
    /// Have an agent do exactly what it holds back, in its next run
    ///
    /// The agent must allow it (`decisions = true` below `[report]` in its configuration).
    Approve(DecideArguments),
    /// Have an agent leave undone what it holds back; it does not ask again about the same
    Reject(DecideArguments),
    /// Forget an agent; it comes back with its next report, unless its token is deleted
    Delete(WhichAgent),
}

/// Which agent.
#[derive(Debug, Args)]
pub struct WhichAgent {
    /// The name of its token
    #[arg(value_name = "AGENT")]
    pub(in crate::cli) agent: String,
    #[command(flatten)]
    pub(in crate::cli) common: Common,
}

/// `agent approve` and `agent reject`
#[derive(Debug, Args)]
pub struct DecideArguments {
    #[command(flatten)]
    pub(in crate::cli) which: WhichAgent,
    /// The plan that you have seen, as `agent show` names it; nothing is decided if the agent holds back another
    #[arg(long)]
    pub(in crate::cli) plan: String,
}
