//! What the commands about the tokens of administrators do.

use crate::{
    admin::{AdminRequest, AdminTokenRequest},
    cli::{Failure, command::AdminTokenCommand, show::Show},
};

impl AdminTokenCommand {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (common, request, show) = match self {
            Self::Create { name, role, tenant, lifetime, common } => {
                let seconds = lifetime.lifetime.as_secs();
                (common, AdminTokenRequest::Create { name, role, tenant, seconds }, Show::AdminTokenIssued)
            }
            Self::List { common } => (common, AdminTokenRequest::List, Show::AdminTokens),
            Self::Rotate { token, overlap, lifetime, common } => {
                let overlap_seconds = overlap.map(|overlap| overlap.as_secs());
                let seconds = lifetime.map(|lifetime| lifetime.as_secs());
                (common, AdminTokenRequest::Rotate { token, seconds, overlap_seconds }, Show::AdminTokenIssued)
            }
            Self::Delete { token, common } => (common, AdminTokenRequest::Delete { token }, Show::Deleted),
        };
        common.run(AdminRequest::AdminToken { request }, show).await
    }
}
