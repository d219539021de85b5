//! What the commands do that stop mass deprovisioning, and put things back.

use crate::{
    admin::{AdminRequest, BrakeRequest, UndoRequest},
    cli::{
        Failure,
        command::{BrakeCommand, UndoArguments, WhichBrake},
        show::Show,
    },
};

impl UndoArguments {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let Self { tenant, since, until, actor, dry_run, common } = self;
        let request = UndoRequest { tenant, since, until, actor, dry_run };
        common.run(AdminRequest::Undo(request), Show::Undo { dry_run }).await
    }
}

impl BrakeCommand {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (WhichBrake { tenant, common }, request, show) = match self {
            Self::Show(which) => (which, BrakeRequest::Show, Show::Brake),
            Self::Approve(which) => (which, BrakeRequest::Approve, Show::Brake),
            Self::Undo { which, dry_run } => (which, BrakeRequest::Undo { dry_run }, Show::Undo { dry_run }),
        };
        common.run(AdminRequest::Brake { tenant, request }, show).await
    }
}
