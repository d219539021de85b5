//! The arguments of `user …` and `group …`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};

use super::{Common, DeletedArguments, PurgeArguments, RestoreArguments};
use crate::units;

/// The parts that `user` and `group` share.
#[derive(Debug, Args)]
pub struct ListArguments {
    /// The tenant's name or id
    #[arg(long)]
    pub(in crate::cli) tenant: String,
    /// Only those that match a SCIM filter: 'userName sw "b"'
    #[arg(long)]
    pub(in crate::cli) filter: Option<String>,
    /// Show at most this many
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = units::number::<usize>)]
    pub(in crate::cli) limit: Option<usize>,
    #[command(flatten)]
    pub(in crate::cli) common: Common,
}

/// Which user or group.
#[derive(Debug, Args)]
pub struct WhichArguments {
    /// The tenant's name or id
    #[arg(long)]
    pub(in crate::cli) tenant: String,
    /// The id, or a user's userName or a group's displayName
    #[arg(value_name = "ID|NAME")]
    pub(in crate::cli) name: String,
    #[command(flatten)]
    pub(in crate::cli) common: Common,
}

/// Where a user or group is made.
#[derive(Debug, Args)]
pub struct MakeArguments {
    /// The tenant's name or id
    #[arg(long)]
    pub(in crate::cli) tenant: String,
    /// A file with the JSON of the resource; - is standard input
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) file: Option<PathBuf>,
    /// Do it even while an identity provider provisions the tenant
    #[arg(long)]
    pub(in crate::cli) force: bool,
    #[command(flatten)]
    pub(in crate::cli) common: Common,
}

/// Which user or group is changed.
#[derive(Debug, Args)]
pub struct HandArguments {
    #[command(flatten)]
    pub(in crate::cli) which: WhichArguments,
    /// Do it even while an identity provider provisions the tenant
    #[arg(long)]
    pub(in crate::cli) force: bool,
}

/// Who was not sent for how long.
#[derive(Debug, Args)]
pub struct StaleArguments {
    /// The tenant's name or id
    #[arg(long)]
    pub(in crate::cli) tenant: String,
    /// For how long; without it the tenant's stale_after
    #[arg(long = "for", value_name = "DURATION", value_parser = units::duration)]
    pub(in crate::cli) time: Option<Duration>,
    #[command(flatten)]
    pub(in crate::cli) common: Common,
}

/// `user …`
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// List users
    List {
        /// Only those whom `user disable` has made inactive
        #[arg(long, conflicts_with_all = ["filter", "limit"])]
        disabled: bool,
        #[command(flatten)]
        list: ListArguments,
    },
    /// Show a user
    Show(WhichArguments),
    /// Create a user by hand
    Create {
        /// The userName
        #[arg(long, value_name = "NAME", required_unless_present = "file")]
        user_name: Option<String>,
        /// The given name
        #[arg(long, value_name = "NAME")]
        given_name: Option<String>,
        /// The family name
        #[arg(long, value_name = "NAME")]
        family_name: Option<String>,
        /// The display name
        #[arg(long, value_name = "NAME")]
        display_name: Option<String>,
        /// The primary email address
        #[arg(long, value_name = "ADDRESS")]
        email: Option<String>,
        #[command(flatten)]
        make: MakeArguments,
    },
    /// Create and change users by a table (CSV); without --apply it only tells what would be done
    ///
    /// The first line names attributes: userName, externalId, name.givenName, emails, active … Users are found by their
    /// userName.
    Import {
        /// The tenant's name or id
        #[arg(long)]
        tenant: String,
        /// The table; - is standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Do it
        #[arg(long)]
        apply: bool,
        /// Do it even while an identity provider provisions the tenant
        #[arg(long, requires = "apply")]
        force: bool,
        #[command(flatten)]
        common: Common,
    },
    /// Change attributes of a user by hand
    Update {
        #[command(flatten)]
        hand: HandArguments,
        /// Set an attribute: title=Engineer, name.givenName=Anna, active=false; a list or an object as JSON
        #[arg(long, value_name = "PATH=VALUE")]
        set: Vec<String>,
        /// Remove an attribute
        #[arg(long, value_name = "PATH")]
        remove: Vec<String>,
    },
    /// Give a user another userName by hand
    Rename {
        #[command(flatten)]
        hand: HandArguments,
        /// The new userName
        #[arg(value_name = "NEW")]
        to: String,
    },
    /// Make a user inactive, whatever the provider writes
    ///
    /// Everybody reads active: false. What the provider writes is stored; `user enable` lets its word count again.
    Disable(WhichArguments),
    /// Let the provider's active count again for a user whom `user disable` has made inactive
    Enable(WhichArguments),
    /// Delete a user by hand
    Delete {
        #[command(flatten)]
        which: WhichArguments,
        /// Do it even while an identity provider provisions the tenant
        #[arg(long)]
        force: bool,
        /// Do not ask for confirmation; without a terminal nothing is asked
        #[arg(long)]
        yes: bool,
    },
    /// List users whom no provider has sent for a while; nothing is changed
    Stale(StaleArguments),
    /// List the deleted users that are kept, and until when each can be restored
    Deleted(DeletedArguments),
    /// Restore a deleted user under its old id, with its groups
    Restore(RestoreArguments),
    /// Remove a deleted user for good, at once
    Purge(PurgeArguments),
}

/// `group …`
#[derive(Debug, Subcommand)]
pub enum GroupCommand {
    /// List groups
    List(ListArguments),
    /// Show a group
    Show(WhichArguments),
    /// Create a group by hand
    Create {
        /// The displayName
        #[arg(long, value_name = "NAME", required_unless_present = "file")]
        display_name: Option<String>,
        /// A member: its id, a user's userName or a group's displayName; may be given several times
        #[arg(long = "member", value_name = "ID|NAME")]
        members: Vec<String>,
        #[command(flatten)]
        make: MakeArguments,
    },
    /// Give a group another displayName by hand
    Rename {
        #[command(flatten)]
        hand: HandArguments,
        /// The new displayName
        #[arg(value_name = "NEW")]
        to: String,
    },
    /// Put members into a group by hand
    Join {
        #[command(flatten)]
        hand: HandArguments,
        /// A member: its id, a user's userName or a group's displayName
        #[arg(value_name = "ID|NAME", required = true)]
        members: Vec<String>,
    },
    /// Take members out of a group by hand
    Leave {
        #[command(flatten)]
        hand: HandArguments,
        /// A member: its id, a user's userName or a group's displayName
        #[arg(value_name = "ID|NAME", required = true)]
        members: Vec<String>,
    },
    /// Delete a group by hand
    Delete {
        #[command(flatten)]
        which: WhichArguments,
        /// Do it even while an identity provider provisions the tenant
        #[arg(long)]
        force: bool,
        /// Do not ask for confirmation; without a terminal nothing is asked
        #[arg(long)]
        yes: bool,
    },
    /// List groups that no provider has sent for a while; nothing is changed
    Stale(StaleArguments),
    /// List the deleted groups that are kept, and until when each can be restored
    Deleted(DeletedArguments),
    /// Restore a deleted group under its old id, with its groups and members
    Restore(RestoreArguments),
    /// Remove a deleted group for good, at once
    Purge(PurgeArguments),
}
