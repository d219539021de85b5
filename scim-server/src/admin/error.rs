//! Why a command failed, and what status that is.

use std::{fmt, io, iter::successors};

use scim_protocol::{Error, ErrorKind, error::bounded};

use crate::{
    administrator::TokenError, agent::AgentError, command_line::whole, directory::DirectoryError, oauth::ClientsError,
    setup_link::SetupLinkError, store::StoreError, token::LedgerError,
};

/// Why a command failed. Each says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// About an administrator's token.
    #[error(transparent)]
    AdminTokens(#[from] TokenError),
    /// About an agent that reports.
    #[error(transparent)]
    Agents(#[from] AgentError),
    /// About an OAuth client.
    #[error(transparent)]
    Clients(#[from] ClientsError),
    /// About a tenant.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// Whoever gives the command may not.
    #[error("{0}")]
    Forbidden(String),
    /// About the input, which ended early or cannot be read.
    #[error("cannot read the input: {0}")]
    Input(#[from] std::io::Error),
    /// What was asked cannot be meant, however things stand.
    #[error("{0}")]
    Invalid(String),
    /// About a token.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// What was named is not there.
    #[error("{0}")]
    Missing(String),
    /// As things stand it is not done, for a reason that the sentence says.
    #[error("{0}")]
    Refused(String),
    /// A user or group was refused.
    #[error("{}{}", .0.detail(), behind(.0))]
    Scim(#[from] Error),
    /// About a setup link.
    #[error(transparent)]
    SetupLink(#[from] SetupLinkError),
    /// Whoever reads the output has stopped for so many seconds.
    #[error(
        "whoever reads the output took nothing for {0} seconds, so what came is not all of it: write to a file on this machine, and copy that"
    )]
    Stalled(u64),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nobody takes the output any more.
    #[error("the output was closed before everything was written")]
    Unread,
}

impl AdminError {
    /// The status of HTTP that says the same: the one place where that is decided.
    pub fn status(&self) -> u16 {
        match self {
            Self::AdminTokens(error) => of_admin_token(error),
            Self::Agents(error) => of_agent(error),
            Self::Clients(error) => of_client(error),
            Self::Directory(error) => of_directory(error),
            Self::Forbidden(_) => 403,
            Self::Input(_) | Self::Invalid(_) => 400,
            Self::Ledger(error) => of_token(error),
            Self::Missing(_) => 404,
            Self::Refused(_) => 409,
            Self::Scim(error) => error.kind().status(),
            Self::SetupLink(error) => of_setup_link(error),
            Self::Store(error) => of_store(error),
            Self::Stalled(_) | Self::Unread => 500,
        }
    }

    /// What is told of it.
    pub fn fault(&self) -> Fault {
        self.fault_about(None)
    }

    /// The same of a command about that tenant: the commands that it says to give next are [whole].
    pub fn fault_about(&self, tenant: Option<&str>) -> Fault {
        Fault::new(self.status(), whole(&self.said(), tenant))
    }

    /// The sentence; of a store that is not available also why. Clients are not told that, administrators can do something
    /// about it.
    pub(super) fn said(&self) -> String {
        if self.status() != 503 {
            return self.to_string();
        }
        let mut said = if matches!(self, Self::Scim(_)) { self.to_string() } else { chain(self) };
        if is_for_want_of_room(self) {
            said += "; make room on the disk of the store, which then accepts writes again by itself";
        }
        said
    }
}

/// Why a command failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The status of HTTP that says the same. Lines do not carry it: who reads them has the status 500 of every fault.
    pub status: u16,
    pub message: String,
}

impl Fault {
    /// One with that status. What its sentence quotes of a request is [bounded].
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: bounded(message.into()) }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<String> for Fault {
    fn from(message: String) -> Self {
        Self::new(500, message)
    }
}

/// An error with the causes that its own words leave out.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    for cause in successors(error.source(), |cause| (*cause).source()) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn is_for_want_of_room(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut causes =
        successors(Some(error), |cause| (*cause).source()).filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(is_full)
}

/// Whether there is no room on a disk, or none for this user.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn of_admin_token(error: &TokenError) -> u16 {
    match error {
        TokenError::Name(_) => 400,
        TokenError::Unknown(_) => 404,
        TokenError::Full
        | TokenError::NameTaken(_)
        | TokenError::Raced
        | TokenError::Replacing { .. }
        | TokenError::Several(..) => 409,
        TokenError::Store(error) => of_store(error),
    }
}

fn of_agent(error: &AgentError) -> u16 {
    match error {
        AgentError::Unknown(_) => 404,
        AgentError::Store(error) => of_store(error),
        _ => 409,
    }
}

fn of_client(error: &ClientsError) -> u16 {
    match error {
        ClientsError::Name(_) => 400,
        ClientsError::Unknown(_) | ClientsError::UnknownPart(..) => 404,
        ClientsError::Store(error) => of_store(error),
        _ => 409,
    }
}

fn of_directory(error: &DirectoryError) -> u16 {
    match error {
        DirectoryError::Name(_) | DirectoryError::Database { .. } | DirectoryError::Settings(_) => 400,
        DirectoryError::Unknown(_) => 404,
        DirectoryError::Exists(_) | DirectoryError::Move(_) | DirectoryError::StillProvisioned(_) => 409,
        DirectoryError::Store(error) => of_store(error),
        DirectoryError::Token(error) => of_token(error),
    }
}

fn of_token(error: &LedgerError) -> u16 {
    match error {
        LedgerError::Name(_) => 400,
        LedgerError::NoSuchName(_) | LedgerError::Unknown(_) => 404,
        LedgerError::Store(error) => of_store(error),
        _ => 409,
    }
}

fn of_setup_link(error: &SetupLinkError) -> u16 {
    match error {
        SetupLinkError::Name(_) => 400,
        SetupLinkError::Unknown(_) => 404,
        SetupLinkError::Full | SetupLinkError::NameTaken(_) => 409,
        SetupLinkError::Store(error) => of_store(error),
    }
}

fn of_store(error: &StoreError) -> u16 {
    match error {
        StoreError::Closed(_) | StoreError::Unavailable(_) => 503,
        StoreError::Corrupt(_) => 500,
        StoreError::Erased(_) | StoreError::Missing(_) => 404,
        StoreError::Conflict(_) | StoreError::Full { .. } | StoreError::Taken(_) => 409,
    }
}

/// What is behind a fault of the server or of its store: clients are not told, administrators can do something about it.
fn behind(error: &Error) -> String {
    let is_fault = matches!(error.kind(), ErrorKind::Internal | ErrorKind::Unavailable(_));
    let cause = std::error::Error::source(error).filter(|_| is_fault);
    cause.map(|cause| format!(" ({cause})")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However deep the store's error is in that of a command.
    #[test]
    fn why_the_store_is_not_available_is_told() {
        let full = || StoreError::Unavailable(io::Error::from(io::ErrorKind::StorageFull).into());
        for error in [
            AdminError::Store(full()),
            DirectoryError::Store(full()).into(),
            DirectoryError::Token(LedgerError::Store(full())).into(),
            ClientsError::Store(full()).into(),
            TokenError::Store(full()).into(),
        ] {
            let told = error.fault();
            assert_eq!(told.status, 503);
            let begin = "the store is not available: no storage space; make room on the disk";
            assert!(told.message.starts_with(begin), "{told}");
        }
        let other = AdminError::Store(StoreError::Unavailable("it is closed".into())).fault();
        assert_eq!(other.message, "the store is not available: it is closed");
    }
}
