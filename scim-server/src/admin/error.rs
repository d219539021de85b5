//! Why a command failed.

use scim_protocol::Error;

use crate::{directory::DirectoryError, oauth::ClientsError, store::StoreError, token::LedgerError};

/// Why a command failed. Each says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// About an OAuth client.
    #[error(transparent)]
    Clients(#[from] ClientsError),
    /// About a tenant.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// About the input, which ended early or cannot be read.
    #[error("cannot read the input: {0}")]
    Input(#[from] std::io::Error),
    /// About a token.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// For a reason that the sentence says.
    #[error("{0}")]
    Refused(String),
    /// A user or group was refused.
    #[error("{}", .0.detail())]
    Scim(#[from] Error),
    /// The store failed.
    #[error("{0}{cause}", cause = cause(.0))]
    Store(#[from] StoreError),
    /// Nobody takes the output any more.
    #[error("the output was closed before everything was written")]
    Unread,
}

fn cause(error: &StoreError) -> String {
    std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default()
}
