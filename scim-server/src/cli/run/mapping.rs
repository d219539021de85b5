//! What the commands do that are about rewrites of what a provider sends.

use crate::{
    admin::{AdminRequest, MappingRequest, RulesRequest},
    cli::{Failure, command::MappingCommand, files, show::Show},
};

impl MappingCommand {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (tenant, common, request, show) = match self {
            Self::Set { tenant, file, dry_run, common } => {
                let rewrites = files::list(&file, "a list of rewrites")?;
                let show = if dry_run { Show::MappingChange } else { Show::Mapping };
                (tenant, common, MappingRequest::Set { rewrites, dry_run, limit: None }, show)
            }
            Self::List { tenant, common } => (tenant, common, MappingRequest::List, Show::Mapping),
            Self::Show { tenant, file, resource_type, common } => {
                let body = files::object(&file)?;
                (tenant, common, MappingRequest::Show { resource_type, body }, Show::Document)
            }
        };
        common.run(AdminRequest::Rules { tenant, request: RulesRequest::Mapping(request) }, show).await
    }
}
