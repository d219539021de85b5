//! The records that the system keeps of its own: tenants, tokens, clients, consumers, setup links, agents, streams and secrets, in a tenant of their
//! own.

pub mod secret;

use crate::{
    administrator::{self, AdminToken},
    agent::{self, Agent},
    consumer::{self, Consumer},
    deferred::{self, Deferred},
    idempotency,
    oauth::{self, Client},
    setup_link::{self, SetupLink},
    store::{IndexEntry, Record, ResourceKey, StoreError, untold},
    stream::{self, Stream},
    tenant::{self, TenantRecord},
    token::{self, Token},
};

/// The index entries of one of these records. None for a record of another kind.
pub fn entries(key: &ResourceKey, record: &Record) -> Result<Vec<IndexEntry>, StoreError> {
    match key.resource_type.as_str() {
        administrator::record::KIND => Ok(AdminToken::from_record(key.id, record)?.entries()),
        agent::KIND => Ok(Agent::from_record(key.id, record)?.entries()),
        tenant::record::KIND => Ok(TenantRecord::from_record(key.id, record)?.entries()),
        token::record::KIND => Ok(Token::from_record(key.id, record)?.entries()),
        consumer::KIND => Ok(Consumer::from_record(key.id, record)?.entries()),
        oauth::client::KIND => Ok(Client::from_record(key.id, record)?.entries()),
        oauth::spent::KIND => oauth::spent::entries(key.id, record),
        deferred::KIND => Ok(Deferred::from_record(key.id, record)?.entries()),
        idempotency::KIND => idempotency::entries(key.id, record),
        setup_link::KIND => Ok(SetupLink::from_record(key.id, record)?.entries()),
        stream::KIND => Ok(Stream::from_record(key.id, record)?.entries()),
        secret::KIND => Ok(secret::entries(key.id)),
        _ => Ok(Vec::new()),
    }
}

/// Whether records of that kind stay where they are when everything is exported: what is good for hours, the key of
/// access tokens, which a backup must not give away, administrators, whom a file must not let in, what agents report anew
/// each minute, and what is told within a minute.
pub fn stays(kind: &str) -> bool {
    matches!(
        kind,
        administrator::record::KIND
            | agent::KIND
            | secret::OF_ACCESS_TOKENS
            | secret::OF_ANSWERS
            | secret::OF_SIGNATURES
            | deferred::KIND
            | idempotency::KIND
            | oauth::grant::REVOCATION
            | oauth::spent::KIND
            | oauth::trace::KIND
            | setup_link::KIND
            | untold::KIND
    )
}
