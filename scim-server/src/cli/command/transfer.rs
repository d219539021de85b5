//! `check`, `migrate`, `export`, `import`, `backup`, `restore`: what can be typed about whole stores.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::Common;

/// `check`
#[derive(Debug, Args)]
pub struct Check {
    /// Repair what disagrees
    #[arg(long)]
    pub(in crate::cli) repair: bool,
    /// Open a store whose acknowledged writes are lost, as its message says
    ///
    /// The number is that of the last commit that is still there. From then on the store counts as whole:
    /// restore a backup instead, if there is one.
    #[arg(long, value_name = "COMMIT")]
    pub(in crate::cli) accept_loss: Option<u64>,
    #[command(flatten)]
    pub(in crate::cli) common: Common,
}

/// `migrate`
#[derive(Debug, Args)]
pub struct Migrate {
    #[command(flatten)]
    pub(in crate::cli) common: Common,
}

/// `export`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["tenant", "all"]))]
pub struct Export {
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
pub struct Import {
    /// What to read; - is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    pub(in crate::cli) file: PathBuf,
    /// Put the file's tenants in the place of those of the same ids, with everything in them; these
    /// stay as they are until all of the file is there
    #[arg(long)]
    pub(in crate::cli) replace: bool,
    /// Give up an import that was cut off: delete what it has brought, and begin with this file
    #[arg(long)]
    pub(in crate::cli) discard: bool,
    #[command(flatten)]
    pub(in crate::cli) common: Common,
}

/// `backup`
#[derive(Debug, Args)]
pub struct Backup {
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
pub struct Restore {
    /// The backup
    #[arg(value_name = "FILE")]
    pub(in crate::cli) file: PathBuf,
    /// Give up a restore that was cut off, and begin with this file
    #[arg(long)]
    pub(in crate::cli) discard: bool,
    #[command(flatten)]
    pub(in crate::cli) common: Common,
}
