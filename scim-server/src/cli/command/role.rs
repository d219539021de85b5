//! `role …`: what can be typed about rules that give roles.

use clap::{ArgGroup, Args, Subcommand};

use super::Common;

/// Which tenant.
#[derive(Debug, Args)]
pub struct WhichRoles {
    /// The tenant's name or id
    #[arg(long)]
    pub(in crate::cli) tenant: String,
    /// Show whose roles would change, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    #[command(flatten)]
    pub(in crate::cli) common: Common,
}

fn position(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "it is a whole number from 1".to_owned())
}

/// `role …`
#[derive(Debug, Subcommand)]
pub enum RoleCommand {
    /// Make a rule, or change what is given: the direct members of a group have a role
    Set {
        #[command(flatten)]
        which: WhichRoles,
        /// A name for the rule
        #[arg(value_name = "RULE")]
        name: String,
        /// The role, as the application knows it
        #[arg(long)]
        role: Option<String>,
        /// The group's id or displayName; the rule keeps the id
        #[arg(long, value_name = "ID|NAME")]
        group: Option<String>,
        /// The group's externalId: the rule also holds for a group that is made anew with it
        #[arg(long, value_name = "ID", conflicts_with = "group")]
        external_id: Option<String>,
        /// Its place among the rules, from 1; the first counts most [default: the last]
        #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = position)]
        position: Option<usize>,
    },
    /// List the rules; the first counts most
    List {
        /// The tenant's name or id
        #[arg(long)]
        tenant: String,
        #[command(flatten)]
        common: Common,
    },
    /// Remove a rule
    Remove {
        #[command(flatten)]
        which: WhichRoles,
        /// The rule's name
        #[arg(value_name = "RULE")]
        name: String,
    },
    /// Set the role of active users whom no rule gives one
    #[command(group = ArgGroup::new("what").required(true).args(["role", "none"]))]
    Default {
        #[command(flatten)]
        which: WhichRoles,
        /// The role
        #[arg(value_name = "ROLE")]
        role: Option<String>,
        /// They have no role
        #[arg(long)]
        none: bool,
    },
}
