//! What is told to people: one record for each object that could not be brought to the target, or
//! only in part. One object's problem never stops the others.
//!
//! A [`Code`] is stable: a program may compare it, and `docs/reference/sync-errors.md` is made of the
//! table that stands here. [`log`] writes the records as JSON Lines; how often one that lasts is told
//! again is decided by [`crate::state::quarantine`].

pub mod log;

use std::fmt;

use command_page::terminal::printable;
use serde::{Deserialize, Serialize};

use crate::identity::{Kind, SourceId};

/// Which object something is about, named so that a person finds it in the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Its identity.
    pub id: SourceId,
    pub kind: Kind,
    /// `userName` or `displayName`, or the DN where the mapping gave none.
    pub name: String,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not as Rust would quote it: a DN has to be pasted into other programs.
        write!(f, "{} \"{}\" ({})", self.kind, printable(&self.name), self.id)
    }
}

/// What a code is about.
#[derive(Debug, Clone, Copy)]
pub struct About {
    pub code: Code,
    /// Its text, which is part of the interface.
    pub name: &'static str,
    /// Whether it keeps its object out: the object is tried again with growing pauses.
    pub blocks: bool,
    /// What has happened.
    pub meaning: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

/// Declares the codes once: the enum, its texts and the documentation are made of one table.
macro_rules! codes {
    ($($name:ident $blocks:ident $meaning:literal $remedy:literal;)*) => {
        /// What kind of problem.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Code {
            $(#[doc = $meaning] $name,)*
        }

        /// All codes, in the order of a run.
        pub const CODES: &[About] = &[$(About {
            code: Code::$name,
            name: stringify!($name),
            blocks: codes!(@ $blocks),
            meaning: $meaning,
            remedy: $remedy,
        },)*];
    };
    (@ blocks) => { true };
    (@ reports) => { false };
}

codes! {
    ConfigurationError reports
        "A setting cannot be used, or a file that it names cannot be read."
        "The message names the setting. `sync-agent check` tries all of them.";
    InvalidDirectoryCredentials reports
        "The directory refused the bind: the password is wrong or has expired, or the account is locked or disabled."
        "The message says which of these it is. Where it is the password: set it anew, put it into the file that `source.bind.password_file` names, and run `sync-agent check`.";
    DirectoryRequiresTls reports
        "The directory takes no password on this connection: it wants TLS or signing."
        "Write `ldaps://` in `source.urls`, or `source.tls.start_tls = true`, and name the authority in `source.tls.ca_file`. The password is not the cause.";
    DirectoryUnavailable reports
        "No directory server could be reached, or the connection was lost. Nothing that was read is used."
        "Look at the servers in `source.urls`, the name service, the firewall (636 or 389) and the certificate. The next cycle tries again.";
    DirectoryIncomplete reports
        "A search ended with something other than success: a limit, a busy server, a missing right. What it had returned is not used, and nobody is removed."
        "The message has the search and the result. For limits raise those of the agent's account; for rights see the page of your directory in the guide.";
    EntryWithoutId reports
        "An entry shows no identity that the account may read, so nobody can say who it is. No resource is made for it; one that was made before stays as it is."
        "Let the agent's account read `objectGUID`, `entryUUID` or `nsUniqueId` of the entry.";
    ReferralNotFollowed reports
        "The directory referred to another server, which was not asked. What stands there is not read."
        "Set `source.referrals` to `follow`, or name bases that do not reach into another server's part; `refuse` ends such a run.";
    AbsenceUnproved reports
        "An object that was seen before is seen no longer, or without its identity, and nothing proves that it was deleted. It stays as it is; or, where it left its place, it counts as out of scope."
        "Look whether the account may still read it. If it was deleted, let the account read deleted objects, or wait for the next full reconciliation.";
    MembershipUnproved reports
        "A group no longer shows some or all of its members, and the directory does not say that they have left. They stay."
        "Let the account read, search and compare `member` and `uniqueMember` of the group. When it can, the next full reconciliation removes who has left.";
    AttributeHidden reports
        "Entries no longer show an attribute that they had, or one cannot be read, and the directory does not say that it is gone. What was read before stays; what was never read is left as the target has it. Each run reads everything while this lasts."
        "Let the account read and compare the attribute; `sync-agent check` names what it may not read. If the values are really gone, look at `sync-agent held`, and say so with `sync-agent approve`. An attribute that it shall not read has no place in `[mapping]` or `[scope]`.";
    ScopeNotFound reports
        "A name in the scope that no entry has."
        "Correct the name in `[scope]`, or remove it. A DN or an id outlives renaming.";
    UnresolvedMember reports
        "A group has a member that is neither a user nor a group that is read: a computer, a contact, a foreign principal, or a name that leads nowhere."
        "Nothing, if it is meant so; a dummy that the directory needs is named in `scope.ignore_members`. `sync-agent explain` of the group lists all of them. Else add the base of the member to `source.users.bases`, or remove the member in the directory.";
    AmbiguousMember reports
        "A group names a member whom several people may be, or is one of several groups that a person's primary group may be. Whoever is in the group at the target stays, and nobody joins."
        "The message names all. Give one of them another `uid` or `gidNumber`, or name the member by its DN.";
    NameReleased reports
        "A group that left the scope had a name that another one has now. It gave the name up, and is no longer kept up to date."
        "Look at the old one at the target, whose name ends in `~` and part of its id: it keeps its members. Bring it back into scope by its DN or id, or delete it there.";
    MissingAttribute blocks
        "The mapping gives no value to an attribute without which the target takes no resource."
        "Fill the attribute in the directory, or add a fallback in `[mapping]`.";
    LimitExceeded reports
        "More would be removed than the limits of `[safety]` allow. Nothing of that kind was written; the plan is kept."
        "Look at all of it with `sync-agent held`, also while the daemon runs. `sync-agent approve` has exactly that done if it is right; else correct the directory or the scope, or `sync-agent reject`.";
    ConflictError blocks
        "The target has another resource of the same unique value."
        "The message names both objects. Rename one of them, or delete the one at the target that nobody needs.";
    TargetRefused blocks
        "The target refused the request for this object."
        "The message has the target's own words. Correct the value in the directory, or the mapping.";
    TargetStrange blocks
        "The target answered something that is not SCIM."
        "Look at `target.url`: it ends before `/Users`. A proxy may have answered in place of the target.";
    InvalidTargetCredentials reports
        "The target does not accept the bearer token: it has expired, was deleted, or is another tenant's."
        "Make a new token at the target and put it into the file that `target.token_file` names. It is read again at once.";
    TargetUnavailable blocks
        "The target could not be reached, was busy for too long, or gave no answer in time."
        "Look at the target. The next cycle tries again; nothing is written twice.";
    PlanOutdated reports
        "What a saved plan was made from has changed since. It was not applied, and nothing was written."
        "Make the plan again with `sync-agent plan --out FILE`, read it, and apply that.";
    ProgramFault reports
        "The program met a fault of its own, or of a library that reads what came from outside. The run ended; what was written is remembered."
        "The next cycle goes on. Report the message with what stands before it in the log.";
    StateError reports
        "The state of the agent cannot be read or written."
        "The message says what is wrong. Where the disk is full, make room and keep the state. A damaged state may be deleted: the next run then compares everything.";
}

impl Code {
    pub fn about(self) -> Option<&'static About> {
        CODES.iter().find(|about| about.code == self)
    }

    /// Whether it keeps its object out.
    pub fn blocks(self) -> bool {
        self.about().is_some_and(|about| about.blocks)
    }

    /// Its text in the error log and in metrics.
    pub fn name(self) -> &'static str {
        self.about().map_or("", |about| about.name)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One error record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What kind.
    pub code: Code,
    /// The object, where it is about one.
    pub subject: Option<Subject>,
    /// What happened, and what to change.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.subject {
            Some(subject) => write!(f, "{}: {subject}: {}", self.code, self.message),
            None => write!(f, "{}: {}", self.code, self.message),
        }
    }
}

/// The page of the reference.
#[cfg(test)]
fn page() -> String {
    use std::fmt::Write as _;

    let mut text = String::from(
        "# Error codes of sync-agent\n\n\
         <!-- Made from the table of codes; a test compares it. -->\n\n\
         Each line of the error log is one JSON object:\n\n\
         | field | what it is |\n| --- | --- |\n\
         | `sync_profile_name` | `name` of the configuration |\n\
         | `error.error_code` | one of the codes below |\n\
         | `error.error_message` | what happened, and what to change |\n\
         | `sync_source` | the directory: `arn` is its URL, `domain` its domain |\n\
         | `sync_target` | the SCIM server: `arn` is its URL |\n\
         | `source_entity_id` | the SID of the object, or its `entryUUID`; `null` where it is about no single one |\n\
         | `source_entity_type` | `USER` or `GROUP`; `null` where it is about no single one |\n\
         | `eventTimestamp` | milliseconds since 1970, as a string |\n\n\
         A record is written when a problem appears, and again with pauses that grow from five minutes to a\n\
         day while it lasts. `sync-agent errors` shows the last ones in words.\n",
    );
    for about in CODES {
        let kept = if about.blocks {
            "The object is tried again with growing pauses, and at once when it changes. All others go on."
        } else {
            "No object is kept out by it."
        };
        // Writing to a `String` cannot fail.
        let _ =
            write!(text, "\n## {}\n\n{}\n\n**What to do:** {}\n\n{kept}\n", about.name, about.meaning, about.remedy);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_up_to_date() {
        crate::reference::check("sync-errors.md", &page());
    }

    #[test]
    fn a_code_is_written_as_it_is_named() {
        for about in CODES {
            assert_eq!(serde_json::to_value(about.code).unwrap(), about.name);
            assert_eq!(about.code.to_string(), about.name);
        }
    }
}
