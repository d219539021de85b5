//! What the commands do that put things back.

use crate::{
    admin::{AdminRequest, UndoRequest},
    cli::{Failure, command::UndoArguments, show::Show},
};

impl UndoArguments {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let Self { tenant, since, until, actor, dry_run, common } = self;
        let request = UndoRequest { tenant, since, until, actor, dry_run };
        common.run(AdminRequest::Undo(request), Show::Undo { dry_run }).await
    }
}
