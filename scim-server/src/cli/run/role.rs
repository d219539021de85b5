//! What the commands do that are about rules that give roles.

use crate::{
    admin::{AdminRequest, RoleRequest, RulesRequest},
    cli::{
        Failure,
        command::{RoleCommand, WhichRoles},
        show::Show,
    },
};

impl RoleCommand {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (which, request) = match self {
            Self::List { tenant, common } => (WhichRoles { tenant, dry_run: false, common }, RoleRequest::List),
            Self::Set { which, name, role, group, external_id, position } => {
                (which, RoleRequest::Set { name, role, group, external_id, position })
            }
            Self::Remove { which, name } => (which, RoleRequest::Remove { name }),
            Self::Default { which, role, .. } => (which, RoleRequest::Default { role }),
        };
        let WhichRoles { tenant, dry_run, common } = which;
        let show = if dry_run { Show::RolesChange } else { Show::Roles };
        common.run(AdminRequest::Rules { tenant, request: RulesRequest::Role { request, dry_run } }, show).await
    }
}
