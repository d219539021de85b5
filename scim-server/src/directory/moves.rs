//! How a tenant moves from one database of the store to another while it is served.
//!
//! The tenant's record decides where it is. A move is noted there first, with a number; then the store copies the
//! tenant, and closes it in the old place; at the end one commit names the new place. Whoever finds a move whose process
//! is gone (its lease has ended) gives it up: the record says so first, so that the process, if it was only frozen,
//! cannot complete it any more; then the tenant opens where it was.

use std::{sync::atomic::AtomicU64, time::Duration};

use uuid::Uuid;

use super::{Directory, DirectoryError, event};
use crate::{
    event::{Deed, Event},
    store::{StoreError, postgres::Spread},
    tenant::{
        TenantRecord,
        record::{Left, Move},
    },
};

/// How long a process that ended has a move, and how often a living one says that it goes on.
const LEASE_MILLIS: i64 = 15_000;
const RENEWAL: Duration = Duration::from_secs(3);
/// How long a copy stays where a tenant was. A process that was frozen for so long, or has not heard of the directory,
/// may still read it.
const KEPT_MILLIS: i64 = 15 * 60 * 1000;
/// How often the last step is tried again because somebody changed the tenant's record at the same moment.
const TRIES: u32 = 64;

impl Directory {
    /// Moves a tenant to the database with that number, from 0. When this returns, it is there; a write that comes
    /// within the next two seconds may be told to come again.
    /// `copied` counts the rows that are copied meanwhile.
    pub async fn move_to(
        &self,
        tenant: TenantRecord,
        to: usize,
        copied: &AtomicU64,
    ) -> Result<TenantRecord, DirectoryError> {
        let Some(spread) = self.store.spread() else {
            return Err(DirectoryError::Move("the store is in one database: there is nowhere to move to".to_owned()));
        };
        self.placed(Some(to)).await?;
        if tenant.database == to && tenant.moving.is_none() {
            return Ok(tenant);
        }
        let holder = Uuid::new_v4();
        if !self.takes_move(&tenant, holder, LEASE_MILLIS).await? {
            return Err(being_moved(&tenant));
        }
        let moved = tokio::select! {
            moved = self.carry(spread, tenant.clone(), to, copied) => moved,
            lost = self.hold(&tenant, holder) => Err(lost),
        };
        self.takes_move(&tenant, holder, 0).await?;
        moved
    }

    /// Closes a log of the tenant that is open in a database in which the tenant is not kept, and removes what is there.
    /// False if the tenant is being moved, or is kept there by now.
    pub async fn close_stray(&self, tenant: &TenantRecord, place: usize) -> Result<bool, DirectoryError> {
        let holder = Uuid::new_v4();
        let Some(spread) = self.store.spread() else { return Ok(false) };
        if !self.takes_move(tenant, holder, LEASE_MILLIS).await? {
            return Ok(false);
        }
        let closed = tokio::select! {
            closed = self.close_unless_kept(spread, tenant, place) => closed,
            lost = self.hold(tenant, holder) => Err(lost),
        };
        self.takes_move(tenant, holder, 0).await?;
        closed
    }

    async fn close_unless_kept(
        &self,
        spread: &Spread,
        tenant: &TenantRecord,
        place: usize,
    ) -> Result<bool, DirectoryError> {
        let now = self.find(&tenant.id.to_string()).await?;
        if now.database == place || now.moving.is_some() {
            return Ok(false);
        }
        spread.close_stray(now.home(), place, Spread::number(now.version)?).await?;
        Ok(true)
    }

    async fn carry(
        &self,
        spread: &Spread,
        tenant: TenantRecord,
        to: usize,
        copied: &AtomicU64,
    ) -> Result<TenantRecord, DirectoryError> {
        let tenant = if tenant.moving.is_some() { self.give_up(spread, tenant).await? } else { tenant };
        if tenant.database == to {
            return Ok(tenant);
        }
        refuse_unfinished(&tenant)?;
        let (from, number) = (tenant.database, Spread::number(tenant.version + 1)?);
        let mut copies = tenant.copies.clone();
        copies.remove(&to);
        let moving = Some(Move { to, number, given_up: false });
        let tenant = self.write(TenantRecord { moving, copies, ..tenant }, &["moving"]).await?;
        if let Err(error) = spread.carry(tenant.home(), (from, to), number, copied).await {
            let now = self.find(&tenant.id.to_string()).await?;
            if now.moving.is_some_and(|moving| moving.number == number) {
                self.give_up(spread, now).await?;
            }
            return Err(error.into());
        }
        self.switch(&tenant, number).await
    }

    /// Names the new place, unless the move was given up.
    async fn switch(&self, tenant: &TenantRecord, number: i64) -> Result<TenantRecord, DirectoryError> {
        for _ in 0..TRIES {
            let now = self.find(&tenant.id.to_string()).await?;
            let Some(Move { to, given_up: false, .. }) = now.moving.filter(|moving| moving.number == number) else {
                break;
            };
            let mut copies = now.copies.clone();
            copies.insert(now.database, Left { number, since: self.clock.now().as_millis() });
            let event = Event { deed: Some(Deed::TenantMoved), ..event(now.id, &["database"]) };
            match self.write_as(TenantRecord { database: to, moving: None, copies, ..now }, event).await {
                Err(DirectoryError::Store(StoreError::Conflict(_))) => {}
                Ok(tenant) => {
                    self.settle(std::slice::from_ref(&tenant));
                    return Ok(tenant);
                }
                failed => return failed,
            }
        }
        Err(DirectoryError::Move(format!(
            "the move of tenant {:?} took too long between two steps and was given up: it is where it was. Try again",
            tenant.name
        )))
    }

    /// Ends a move without success. Only who has its lease may.
    async fn give_up(&self, spread: &Spread, tenant: TenantRecord) -> Result<TenantRecord, DirectoryError> {
        let Some(moving) = tenant.moving else { return Ok(tenant) };
        let mut tenant = tenant;
        if !moving.given_up {
            let moving = Some(Move { given_up: true, ..moving });
            tenant = self.write(TenantRecord { moving, ..tenant }, &["moving"]).await?;
        }
        spread.give_up(tenant.home(), (tenant.database, moving.to), moving.number).await?;
        self.write(TenantRecord { moving: None, ..tenant }, &["moving"]).await
    }

    /// Gives up the move of a tenant if its process has ended; whether there was one to give up.
    pub async fn finish_move(&self, tenant: TenantRecord) -> Result<bool, DirectoryError> {
        let (Some(spread), true) = (self.store.spread(), tenant.moving.is_some()) else { return Ok(false) };
        let holder = Uuid::new_v4();
        if !self.takes_move(&tenant, holder, LEASE_MILLIS).await? {
            return Ok(false);
        }
        // It may have come to its end before the lease was free.
        let now = self.find(&tenant.id.to_string()).await?;
        let given_up = self.give_up(spread, now).await;
        self.takes_move(&tenant, holder, 0).await?;
        given_up.map(|_| true)
    }

    /// Removes what moves have left long enough ago.
    pub async fn forget_copies(&self) -> Result<(), DirectoryError> {
        let Some(spread) = self.store.spread() else { return Ok(()) };
        let old = self.clock.now().as_millis().saturating_sub(KEPT_MILLIS);
        for tenant in self.list().await? {
            let mut copies = tenant.copies.clone();
            copies.retain(|_, left| left.since > old);
            // What is in a database that is away is removed later.
            copies.extend(
                tenant.copies.iter().filter(|(place, _)| spread.cannot_reach(**place)).map(|(p, left)| (*p, *left)),
            );
            if copies.len() == tenant.copies.len() {
                continue;
            }
            for (place, left) in tenant.copies.iter().filter(|(place, _)| !copies.contains_key(place)) {
                spread.forget(tenant.home(), *place, left.number).await?;
            }
            match self.write(TenantRecord { copies, ..tenant }, &["copies"]).await {
                // It was changed meanwhile: the next time.
                Err(DirectoryError::Store(StoreError::Conflict(_) | StoreError::Missing(_))) => {}
                done => drop(done?),
            }
        }
        Ok(())
    }

    /// Refuses a change of a tenant that is being moved.
    pub fn refuse_moving(&self, tenant: &TenantRecord) -> Result<(), DirectoryError> {
        if tenant.moving.is_some() { Err(being_moved(tenant)) } else { Ok(()) }
    }

    async fn takes_move(&self, tenant: &TenantRecord, holder: Uuid, millis: i64) -> Result<bool, StoreError> {
        self.store.lease(&format!("move {}", tenant.id), holder, millis).await
    }

    /// Renews the lease until that fails.
    async fn hold(&self, tenant: &TenantRecord, holder: Uuid) -> DirectoryError {
        loop {
            tokio::time::sleep(RENEWAL).await;
            match self.takes_move(tenant, holder, LEASE_MILLIS).await {
                Ok(true) => {}
                Ok(false) => return being_moved(tenant),
                Err(error) => return error.into(),
            }
        }
    }
}

fn being_moved(tenant: &TenantRecord) -> DirectoryError {
    DirectoryError::Move(format!(
        "tenant {:?} is being moved to another database; wait for that. If its process was ended, the move is given up within half a minute",
        tenant.name
    ))
}

/// What is half done must be at its end first.
fn refuse_unfinished(tenant: &TenantRecord) -> Result<(), DirectoryError> {
    let what = if tenant.deleting {
        "is being deleted"
    } else if tenant.importing || tenant.replaces.is_some() {
        "is being imported"
    } else if !tenant.left.is_empty() {
        "was replaced, and what it was before is not removed yet"
    } else {
        return Ok(());
    };
    Err(DirectoryError::Move(format!("tenant {:?} {what}; move it afterwards", tenant.name)))
}
