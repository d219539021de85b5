//! What the commands do that are about access attributes.

use crate::{
    admin::{AccessRequest, AdminRequest, RulesRequest},
    cli::{
        Failure,
        command::{AccessCommand, WhichAccess},
        show::Show,
        typed,
    },
};

impl AccessCommand {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (WhichAccess { tenant, common }, request, show) = match self {
            Self::Set { which, key, value } => (which, AccessRequest::Set { key, value }, Show::Keys),
            Self::List(which) => (which, AccessRequest::List, Show::Keys),
            Self::Remove { which, key } => (which, AccessRequest::Remove { key }, Show::Keys),
            Self::Disable { which, yes } => {
                if !yes {
                    let tenant = &which.tenant;
                    typed::confirm(&format!("This removes all access attributes of tenant {tenant:?}."), tenant)?;
                }
                (which, AccessRequest::Disable, Show::Keys)
            }
            Self::Show { which, user } => (which, AccessRequest::Show { user }, Show::Document),
        };
        common.run(AdminRequest::Rules { tenant, request: RulesRequest::Access(request) }, show).await
    }
}
