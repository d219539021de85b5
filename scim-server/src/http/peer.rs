//! The other end of a connection, and the room that connections without a valid token have.

mod strangers;

use std::{net::SocketAddr, sync::Arc};

use self::strangers::Stranger;
pub(super) use self::strangers::{End, Strangers};

/// The other end of a connection.
#[derive(Debug, Clone)]
pub struct Peer {
    pub address: SocketAddr,
    /// Whether the connection is encrypted.
    pub tls: bool,
    stranger: Option<Arc<Stranger>>,
}

impl Peer {
    /// A peer whose connections nobody counts.
    pub fn new(address: SocketAddr, tls: bool) -> Self {
        Self { address, tls, stranger: None }
    }

    /// The same peer; its connection counts until it shows a valid token.
    #[must_use]
    pub(super) fn counted(self, stranger: Stranger) -> Self {
        Self { stranger: Some(Arc::new(stranger)), ..self }
    }

    /// Whether its connection is counted, and has not shown a valid token yet.
    pub(super) fn is_stranger(&self) -> bool {
        self.stranger.as_ref().is_some_and(|stranger| stranger.is_counted())
    }

    /// Notes that a request has come: its connection is no longer one that makes room for others.
    pub(super) fn speak(&self) {
        if let Some(stranger) = &self.stranger {
            stranger.speak();
        }
    }

    /// Notes that it has shown a valid token: its connection no longer counts towards the limit of its address.
    pub fn introduce(&self) {
        if let Some(stranger) = &self.stranger {
            stranger.introduce();
        }
    }
}
