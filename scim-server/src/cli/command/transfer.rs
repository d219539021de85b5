//! The arguments of the commands for whole stores: `check`, `migrate`, `export`, `import`, `backup`, `restore`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::Common;
use crate::units;

/// `check`
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// Rebuild indexes, memberships and counts that disagree with the documents
    #[arg(long)]
    pub(in crate::cli) repair: bool,
    /// Accept the loss of acknowledged writes in a damaged store
    ///
    /// The error message of the store names the number to give: that of the last commit that the store still has.
    /// Afterwards the store counts as undamaged. If you have a backup, restore it instead.
    #[arg(long, value_name = "COMMIT", allow_negative_numbers = true, value_parser = units::number::<u64>)]
    pub(in crate::cli) accept_loss: Option<u64>,
    #[command(flatten)]
    pub(in crate::cli) common: Common,
}

/// `migrate`
#[derive(Debug, Args)]
pub struct MigrateArguments {
    #[command(flatten)]
    pub(in crate::cli) common: Common,
}

/// `export`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["tenant", "all"]))]
pub struct ExportArguments {
    /// The tenant's name or id
    #[arg(long)]
    pub(in crate::cli) tenant: Option<String>,
    /// All tenants
    #[arg(long)]
    pub(in crate::cli) all: bool,
    /// Where to write; - is standard output
    #[arg(value_name = "FILE", default_value = "-")]
    pub(in crate::cli) file: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    pub(in crate::cli) overwrite: bool,
    #[command(flatten)]
    pub(in crate::cli) common: Common,
}

/// `import`
#[derive(Debug, Args)]
pub struct ImportArguments {
    /// What to read; - is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    pub(in crate::cli) file: PathBuf,
    /// Replace tenants that have the same id as one in the file. The old tenant stays in use until the whole file is
    /// imported
    #[arg(long)]
    pub(in crate::cli) replace: bool,
    /// Discard an interrupted import: delete what it has written, and start with this file
    #[arg(long)]
    pub(in crate::cli) discard: bool,
    #[command(flatten)]
    pub(in crate::cli) common: Common,
}

/// `backup`
#[derive(Debug, Args)]
pub struct BackupArguments {
    /// Where to write
    #[arg(value_name = "FILE")]
    pub(in crate::cli) file: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    pub(in crate::cli) overwrite: bool,
    #[command(flatten)]
    pub(in crate::cli) common: Common,
}

/// `restore`
#[derive(Debug, Args)]
pub struct BackupRestoreArguments {
    /// The backup
    #[arg(value_name = "FILE")]
    pub(in crate::cli) file: PathBuf,
    /// Discard an interrupted restore, and start with this file
    #[arg(long)]
    pub(in crate::cli) discard: bool,
    #[command(flatten)]
    pub(in crate::cli) common: Common,
}
