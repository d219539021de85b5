//! When calls are written down: when tokens and secrets were last used, and providers last served.
//!
//! No call waits for that. Each is noted in memory, and what is in memory is stored once a minute. The first call in a
//! while has it stored at once: so what is stored is a minute older than the last call at most, also when the process is
//! killed. What was written is in the log of events in any case, and a server that starts looks there.

use super::Access;
use crate::{
    event::{Action, Event},
    store::{Store, StoreError, TenantId},
};

/// Events that are looked through for the last write of a provider, and how many of them at a time.
const EVENTS: u64 = 1000;
const PAGE: u64 = 50;

impl Access {
    /// Has what is old stored soon: the first call in a while has come.
    pub fn note_soon(&self) {
        self.due.notify_one();
    }

    /// Waits until something is to be stored soon.
    pub async fn due(&self) {
        self.due.notified().await;
    }

    /// Stores when tokens were last used and providers last served, if that is not stored yet. Called each minute and
    /// when the server stops.
    pub async fn flush_last_used(&self) -> Result<(), StoreError> {
        self.flush(false).await
    }

    /// The same where what is stored is old.
    pub async fn flush_due(&self) -> Result<(), StoreError> {
        self.flush(true).await
    }

    async fn flush(&self, only_due: bool) -> Result<(), StoreError> {
        self.flush_served(only_due).await?;
        let snapshot = self.snapshot.load_full();
        for token in snapshot.tokens.values().filter(|token| !only_due || token.used.is_due()) {
            if let Some(last) = token.used.unwritten() {
                self.directory.ledger().note_uses(&[(token.id, last)]).await?;
                token.used.written(last);
            }
        }
        for (client, credential, used) in snapshot.clients.uses().filter(|(.., used)| !only_due || used.is_due()) {
            if let Some(last) = used.unwritten() {
                self.directory.clients().note_use(client, credential, last).await?;
                used.written(last);
            }
        }
        Ok(())
    }

    /// Notes of each tenant what the log knows of its providers and nobody has noted: a process was killed before it did.
    /// Called when a server starts.
    pub async fn catch_up(&self) -> Result<(), StoreError> {
        let store = self.directory.store();
        for tenant in self.tenants().into_iter().filter(|tenant| !store.is_away(tenant.home)) {
            self.catch_up_with(tenant.id, tenant.home).await?;
        }
        self.flush_served(false).await
    }

    /// The same of one tenant, whose log is kept there; in memory alone.
    pub async fn catch_up_with(&self, tenant: TenantId, home: TenantId) -> Result<(), StoreError> {
        let Some(health) = self.health(tenant) else { return Ok(()) };
        let known = self.served(tenant).await?.last_write;
        if let Some(written) = last_write(&**self.directory.store(), home, known).await? {
            health.serve(written.at(), true);
        }
        Ok(())
    }
}

/// The last change of a user or group by a provider, as far as the newest events say; `None` also where it is not later
/// than what is known. What administrators and setup links write does not show that a provider works.
async fn last_write(store: &dyn Store, home: TenantId, known: Option<i64>) -> Result<Option<Event>, StoreError> {
    let log = store.log(home).await?;
    let first = log.newest.saturating_sub(EVENTS).max(log.oldest.saturating_sub(1));
    let is_write = |action| matches!(action, Action::Create | Action::Replace | Action::Modify | Action::Delete);
    let is_provider = |event: &Event| matches!(event.actor_type(), "client" | "token");
    let mut before = log.newest;
    while before > first {
        let after = before.saturating_sub(PAGE).max(first);
        let page = store.events(home, after, usize::try_from(before - after).unwrap_or(usize::MAX)).await?;
        for event in page.into_iter().rev().filter(|event| event.sequence <= before) {
            if known.is_some_and(|known| event.at <= known) {
                return Ok(None);
            }
            if is_write(event.action) && is_provider(&event) {
                return Ok(Some(event));
            }
        }
        before = after;
    }
    Ok(None)
}
