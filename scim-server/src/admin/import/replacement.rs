//! How an import replaces a tenant in one step: the new tenant is loaded beside the old one.
//!
//! The tenant's data in the file is loaded under another id, and a record says which tenant it will replace. The old
//! tenant stays in use meanwhile. When everything is loaded, one commit makes the tenant's record point to the new
//! data, gives it the tokens of the file, and removes the mark of the import. Then the old data are erased.

use std::collections::BTreeMap;

use super::{AdminContext, AdminError, Mark};
use crate::{
    directory::DirectoryError,
    event::{Action, Deed, Event},
    oauth::Client,
    store::{Commit, Expect, Header, IndexEntry, Item, Record, ResourceId, StoreError, TenantId, Write},
    tenant::{self, TenantRecord},
    token::Token,
};

/// A tenant that takes the place of another at the end.
pub(super) struct Replacement {
    /// Where the store keeps it.
    pub home: TenantId,
    /// Its record, as the file has it.
    pub tenant: Option<TenantRecord>,
    /// Its tokens, as the file has them. They are the old tenant's too, as a rule, so that they
    /// cannot be beside them in the store.
    pub tokens: Vec<Token>,
    /// Its OAuth clients, as the file has them, for the same reason.
    pub clients: Vec<Client>,
}

impl Replacement {
    /// One of which nothing is there, to be kept under that id.
    pub fn at(home: TenantId) -> Self {
        Self { home, tenant: None, tokens: Vec::new(), clients: Vec::new() }
    }

    /// What an import that was cut off has left in the store, with the id of the tenant to replace.
    pub fn staged(record: &TenantRecord) -> Option<(TenantId, Self)> {
        Some((record.replaces?, Self::at(record.id)))
    }

    /// The record that stands in the store until the end, for one that came in the file.
    pub fn stage(&mut self, record: &Record, tenant: TenantRecord) -> Result<Item, StoreError> {
        let staged = TenantRecord { id: self.home, importing: true, replaces: Some(tenant.id), ..tenant.clone() };
        self.tenant = Some(tenant);
        // Where the tenant is kept says the newest record of its home, and that of the tenant here, which comes after this
        // one, may be younger than that in the file.
        let record = Record { header: Header { version: 1, ..record.header }, body: staged.body()? };
        Ok(Item::Resource(staged.key(), record, staged.entries()))
    }
}

/// Puts all of them in the place of the old ones and removes the mark of the import, in one commit;
/// then erases the old ones.
pub(super) async fn swap(
    context: &AdminContext,
    replacements: BTreeMap<TenantId, Replacement>,
    mark: &mut Mark,
) -> Result<(), AdminError> {
    let mut commit: Option<Commit> = None;
    let ids: Vec<_> = replacements.keys().copied().collect();
    let mut missed = Vec::new();
    for (id, replacement) in replacements {
        missed.extend(Missed::of(context, id).await?);
        let commit = commit.get_or_insert_with(|| imported(context, id));
        put(context, id, replacement, commit).await?;
    }
    let Some(commit) = commit else { return Ok(()) };
    mark.remove_with(&*context.store, commit).await?;
    missed.iter().for_each(Missed::tell);
    // One event came with the commit; each tenant has its own.
    for id in ids.iter().skip(1) {
        context.store.commit(imported(context, *id)).await?;
    }
    context.access.reload().await?;
    context.until_noticed().await;
    let directory = context.access.directory();
    for id in ids {
        let tenant = directory.find(&id.to_string()).await?;
        for left in &tenant.left {
            context.webhooks().forget_log(*left).await?;
        }
        directory.erase_left(tenant).await?;
    }
    Ok(())
}

/// Events that a webhook has not taken of the tenant that is replaced. They go with it: the message `tenant.replaced`
/// is sent in their place.
struct Missed {
    webhook: ResourceId,
    tenant: String,
    messages: u64,
}

impl Missed {
    /// Those of each webhook of a tenant.
    async fn of(context: &AdminContext, id: TenantId) -> Result<Vec<Self>, StoreError> {
        let Some(tenant) = context.access.tenant_of(id) else { return Ok(Vec::new()) };
        let newest = context.store.log(tenant.home).await?.newest;
        let mut missed = Vec::new();
        for webhook in context.webhooks().list().await? {
            if webhook.tenant.is_none_or(|only| only == id) {
                let delivery = context.webhooks().delivery(&webhook, &tenant).await?;
                let messages = newest.saturating_sub(delivery.position) + delivery.pending.len() as u64;
                missed.push(Self { webhook: webhook.id, tenant: tenant.name.clone(), messages });
            }
        }
        Ok(missed)
    }

    fn tell(&self) {
        if self.messages > 0 {
            tracing::warn!(
                webhook = %self.webhook,
                tenant = self.tenant,
                messages = self.messages,
                "an import has replaced a tenant before a webhook had all of its events: the webhook is sent tenant.replaced in place of them"
            );
        }
    }
}

fn imported(context: &AdminContext, tenant: TenantId) -> Commit {
    let id = ResourceId(tenant.0);
    let event = Event::administration(Action::Administer, tenant::record::KIND, id, &["imported"]);
    context.author().sign(Commit::new(tenant::record::key(tenant), event))
}

/// The writes that put one in the place of the old one.
async fn put(
    context: &AdminContext,
    id: TenantId,
    replacement: Replacement,
    commit: &mut Commit,
) -> Result<(), AdminError> {
    let Replacement { home, tenant: Some(tenant), tokens, clients } = replacement else {
        return Err(AdminError::Invalid(format!("the file has data of tenant {id}, but not the tenant itself")));
    };
    let directory = context.access.directory();
    let old = match directory.find(&id.to_string()).await {
        Ok(old) => Some(old),
        // It was deleted since the import began.
        Err(DirectoryError::Unknown(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let before = directory.ledger().list(id).await?;
    let clients_before = directory.clients().list(id).await?;
    let mut left = tenant.left.clone();
    if let Some(old) = &old {
        directory.refuse_moving(old)?;
        commit.expect.push(Expect::Version(old.key(), old.version));
        left.extend(old.left.iter().copied().chain([old.home()]));
    }
    let mut begun = 0;
    if old.is_some() {
        // Whoever reads the log is told where the new one begins. It is in the log before the log is the tenant's, so that
        // nobody can pass it over; an import that is cut off here tells it twice.
        begun = context.store.log(home).await?.newest;
        let event = Event::new(Action::Administer, &context.by.actor(), tenant::record::KIND, ResourceId(id.0));
        directory.tell(home, Event { deed: Some(Deed::TenantReplaced), ..event }).await?;
    }
    let tenant = TenantRecord { home: Some(home), left, importing: false, begun, ..tenant };

    let entries = |tokens: &[Token], clients: &[Client]| -> Vec<_> {
        tokens.iter().flat_map(Token::entries).chain(clients.iter().flat_map(Client::entries)).collect()
    };
    let of_old = old.iter().flat_map(TenantRecord::entries);
    let had: Vec<IndexEntry> = of_old.chain(entries(&before, &clients_before)).collect();
    let has: Vec<IndexEntry> = tenant.entries().into_iter().chain(entries(&tokens, &clients)).collect();
    commit.writes.extend(had.iter().filter(|entry| !has.contains(entry)).cloned().map(Write::Unindex));
    let gone = before.iter().filter(|old| tokens.iter().all(|new| new.id != old.id));
    commit.writes.extend(gone.map(|token| Write::Delete(token.key())));
    let gone = clients_before.iter().filter(|old| clients.iter().all(|new| new.id != old.id));
    commit.writes.extend(gone.map(|client| Write::Delete(client.key())));
    commit.writes.push(Write::Put(tenant.key(), tenant.body()?));
    for token in &tokens {
        commit.writes.push(Write::Put(token.key(), token.body()?));
    }
    for client in &clients {
        commit.writes.push(Write::Put(client.key(), client.body()?));
    }
    commit.writes.extend(has.into_iter().filter(|entry| !had.contains(entry)).map(Write::Index));
    commit.writes.push(Write::Delete(tenant::record::key(home)));
    Ok(())
}
