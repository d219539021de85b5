//! What the commands about agents do.

use crate::{
    admin::{AdminRequest, AgentRequest},
    cli::{Failure, command::AgentCommand, show::Show},
};

impl AgentCommand {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (common, request, show) = match self {
            Self::List { tenant, common } => (common, AgentRequest::List { tenant }, Show::Agents),
            Self::Show(which) => (which.common, AgentRequest::Show { agent: which.agent }, Show::Agent),
            Self::Approve(decide) => {
                let request = AgentRequest::Approve { agent: decide.which.agent, plan: decide.plan };
                (decide.which.common, request, Show::Agent)
            }
            Self::Reject(decide) => {
                let request = AgentRequest::Reject { agent: decide.which.agent, plan: decide.plan };
                (decide.which.common, request, Show::Agent)
            }
            Self::Delete(which) => (which.common, AgentRequest::Delete { agent: which.agent }, Show::Deleted),
        };
        common.run(AdminRequest::Agent { request }, show).await
    }
}
