//! The brake on mass deprovisioning: what a write takes away is counted in its commit, and what is too much is held
//! or refused.

use scim_protocol::{Error, ErrorKind, Timestamp};

use super::{Context, Operations};
use crate::{
    brake::{self, Gone, Left, Read, State, Tally, Trip},
    caller::Caller,
    command_line::line,
    event::{Action, Deed, Event},
    store::{ATTEMPTS, Commit, Expect, ResourceId, ResourceKey, StoreError, TenantId, TypeName, Write},
    tenant::{Brake, Mode, record},
};

/// The resource type that people are.
const USER: &str = "User";

/// How many events are looked at a time for the one that tells of the trip: it is nearly always the first.
const LOOK: usize = 16;

/// How many records are read at a time.
const PAGE: usize = 500;

/// What a write takes away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Loss {
    /// Whether somebody is deactivated.
    pub deactivates: bool,
    /// Whether somebody is deactivated behind an administrator's disable: nobody reads it yet.
    pub deactivates_aside: bool,
    /// Whether the resource is deleted.
    pub deletes: bool,
    /// How many members leave.
    pub leave: u64,
    /// How many members there were.
    pub members: u64,
}

impl Loss {
    /// Whether nothing is taken away.
    pub fn is_none(self) -> bool {
        self == Self { members: self.members, ..Self::default() }
    }

    /// Deactivations count of users alone.
    fn of_users(self, key: &ResourceKey) -> bool {
        key.resource_type.as_str() == USER && (self.deactivates || self.deletes)
    }
}

impl Operations {
    /// The last number of a tenant's log that may go out: that of `brake.tripped`. `None` when nothing is held. What is
    /// read from the log before this is called, up to that number, was not held then either.
    pub async fn newest_out(&self, home: TenantId) -> Result<Option<u64>, StoreError> {
        let trip = self.brake_state(home).await?.value.trip;
        let Some(before) = trip.and_then(|trip| trip.held_after) else { return Ok(None) };
        let mut after = before;
        loop {
            let events = self.store.events(home, after, LOOK).await?;
            if let Some(tripped) = events.iter().find(|event| event.deed == Some(Deed::BrakeTripped)) {
                return Ok(Some(tripped.sequence));
            }
            let Some(last) = events.last() else { break };
            after = last.sequence;
        }
        // It is not durable yet, and nothing behind it is; or it is no longer kept.
        let oldest = self.store.log(home).await?.oldest;
        Ok(Some(if oldest > before + 1 { oldest - 1 } else { after }))
    }

    /// How a tenant's brake stands.
    pub(crate) async fn brake_state(&self, home: TenantId) -> Result<Read<State>, StoreError> {
        let key = brake::key(home);
        let record = self.store.get(&key).await?;
        Read::new(key, record.as_ref())
    }

    /// Whether a tenant's brake has tripped, and nobody has decided yet. Nothing is purged then, so that all that the
    /// burst has deleted can be put back.
    pub(crate) async fn is_tripped(&self, home: TenantId) -> Result<bool, StoreError> {
        Ok(self.brake_state(home).await?.value.trip.is_some())
    }

    /// Changes how the brake of the caller's tenant stands, with an event that tells it. `change` gives `None` to leave it.
    pub(crate) async fn change_brake(
        &self,
        deed: Deed,
        caller: &Caller,
        change: impl Fn(&State) -> Option<State> + Send + Sync,
    ) -> Result<bool, Error> {
        let tenant = caller.tenant();
        let home = tenant.home;
        for _ in 0..ATTEMPTS {
            let mut read = self.brake_state(home).await?;
            let Some(state) = change(&read.value) else { return Ok(false) };
            read.value = state;
            let event = caller.event(Action::Administer, record::KIND, ResourceId(tenant.id.0));
            let mut commit = Commit::new(brake::key(home), Event { deed: Some(deed), ..event });
            read.put(&mut commit)?;
            match self.store.commit(commit).await {
                Ok(_) => return Ok(true),
                Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict(brake::key(home)).into())
    }

    /// Refuses what a token may not do to a protected resource, and counts in the commit what it takes away.
    pub(super) async fn restrain(&self, context: &Context, commit: &mut Commit, loss: Loss) -> Result<(), Error> {
        self.protect(context, commit, loss).await?;
        if context.caller.is_administrator() || !loss.of_users(&commit.target) && loss.leave == 0 {
            return Ok(());
        }
        // It trips in a commit of its own, so that its event comes before what it holds.
        for _ in 0..ATTEMPTS {
            if self.count(context, commit, loss).await? {
                return Ok(());
            }
        }
        Err(StoreError::Conflict(brake::key(context.caller.tenant().home)).into())
    }

    /// Counts what a write takes away. False if the brake has tripped over it: then the write is to be decided again.
    async fn count(&self, context: &Context, commit: &mut Commit, loss: Loss) -> Result<bool, Error> {
        let tenant = context.caller.tenant();
        let (home, now, actor) = (tenant.home, self.clock.now(), context.caller.actor());
        let mut read = self.brake_state(home).await?;
        if read.value.trip.is_some() {
            return go_on(read, actor, commit).map(|()| true);
        }
        let Some(brake) = &tenant.settings.brake else { return Ok(true) };
        let before = read.value.clone();
        let state = &mut read.value;
        if state.approved_until(brake, now).is_some() {
            return Ok(true);
        }
        let newest = self.store.log(home).await?.newest;
        let counting = Counting { actor, newest, now, brake };
        let key = brake::key_of(home, commit.target.id);
        let record = self.store.get(&key).await?;
        let mut counted = Commit { expect: Vec::new(), writes: Vec::new(), ..commit.clone() };
        let of_users = loss.of_users(&commit.target);
        let over = if of_users {
            let mut gone = Read::<Gone>::new(key, record.as_ref())?;
            gone.value.settle(state.settled);
            let users = self.store.count(home, &TypeName::from(USER)).await?;
            let over = counting.user(state, &mut gone.value, loss, users);
            gone.put(&mut counted)?;
            over
        } else {
            let mut left = Read::<Left>::new(key, record.as_ref())?;
            left.value.settle(state.settled);
            let over = counting.members(&mut left.value.members, loss, commit.target.id);
            left.put(&mut counted)?;
            over
        };
        if let Some(trip) = over {
            let trip = self.with_all_that_counts(home, &before, brake, now, trip).await?;
            self.trip(context, &before, trip).await?;
            return Ok(false);
        }
        if of_users {
            read.put(&mut counted)?;
        } else {
            read.require(&mut counted);
        }
        commit.expect.extend(counted.expect);
        commit.writes.extend(counted.writes);
        Ok(true)
    }

    /// A burst is all that was counted within the window, whatever of it was too much: users and the members of each
    /// group are counted apart.
    async fn with_all_that_counts(
        &self,
        home: TenantId,
        state: &State,
        brake: &Brake,
        now: Timestamp,
        mut trip: Trip,
    ) -> Result<Trip, StoreError> {
        let mut take = |mut tally: Tally| {
            tally.add(0, "", 0, now, brake.window);
            trip.since = tally.since().map_or(trip.since, |since| since.min(trip.since));
            trip.actors.extend(tally.actors().cloned());
        };
        take(state.lost.clone());
        take(state.deleted.clone());
        let range = brake::recent(home, now, brake.window);
        let mut after = None;
        loop {
            let page = self.store.indexed(&range, after.as_ref(), PAGE).await?;
            let records = page.iter().filter_map(|(_, record)| record.as_ref());
            records.filter_map(|record| Left::counted(record, state.settled)).for_each(&mut take);
            match page.last() {
                Some((last, _)) if !page.done => after = Some(last.clone()),
                _ => return Ok(trip),
            }
        }
    }

    /// Trips the brake, unless it does not stand any more as it did when that was decided.
    async fn trip(&self, context: &Context, before: &State, trip: Trip) -> Result<(), Error> {
        let tenant = context.caller.tenant();
        let reason = trip.reason.clone();
        let change = |state: &State| (state == before).then(|| State { trip: Some(trip.clone()), ..state.clone() });
        if self.change_brake(Deed::BrakeTripped, &context.caller, change).await? {
            let show = line(&["brake", "show", "--tenant", &tenant.name]);
            tracing::warn!(tenant = tenant.name, reason, "the brake has tripped: `{show}` says more");
        }
        Ok(())
    }

    /// Removes what was noted of groups and users and counts no more.
    pub(crate) async fn forget_counts(&self, home: TenantId) -> Result<(), StoreError> {
        let range = brake::outdated(home, self.clock.now());
        let mut after = None;
        loop {
            let page = self.store.indexed(&range, after.as_ref(), PAGE).await?;
            for (position, record) in page.iter() {
                let key = brake::key_of(home, position.id);
                let Some(record) = record.as_ref().filter(|_| key != brake::key(home)) else { continue };
                let expect = vec![Expect::Version(key.clone(), record.header.version)];
                let writes = vec![Write::Delete(key.clone())];
                match self.store.commit(Commit { expect, writes, ..Commit::unnoticed(key) }).await {
                    // It counts again, or another process was first.
                    Ok(_) | Err(StoreError::Conflict(_) | StoreError::Missing(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            match page.last() {
                Some((last, _)) if !page.done => after = Some(last.clone()),
                _ => return Ok(()),
            }
        }
    }
}

/// What is the same for all that one write takes away.
struct Counting<'a> {
    actor: &'a str,
    newest: u64,
    now: Timestamp,
    brake: &'a Brake,
}

impl Counting<'_> {
    /// Counts a user. Gives why the brake trips, if it does.
    fn user(&self, state: &mut State, gone: &mut Gone, loss: Loss, users: u64) -> Option<Trip> {
        let Self { actor, newest, now, brake } = *self;
        let count = |counts: bool, tally: &mut Tally, last: &mut Option<i64>| {
            tally.add(0, actor, newest, now, brake.window);
            let before = tally.count();
            if counts {
                tally.add_one(last, actor, newest, now, brake.window);
            }
            before
        };
        let lost = count(loss.deactivates, &mut state.lost, &mut gone.lost);
        let deleted = count(loss.deletes, &mut state.deleted, &mut gone.deleted);
        let limit = brake.limit(users + state.deleted.count());
        let all = [(&state.lost, lost, "user(s) deactivated or deleted"), (&state.deleted, deleted, "user(s) deleted")];
        let (tally, before, what) = all.into_iter().find(|(tally, ..)| tally.count() > limit)?;
        Some(self.trip(tally, before, limit, what))
    }

    /// Counts the members that leave a group.
    fn members(&self, gone: &mut Tally, loss: Loss, group: ResourceId) -> Option<Trip> {
        gone.add(0, self.actor, self.newest, self.now, self.brake.window);
        let before = gone.count();
        gone.add(loss.leave, self.actor, self.newest, self.now, self.brake.window);
        let limit = self.brake.limit(loss.members + before);
        let what = format!("member(s) taken out of the group {group}");
        (gone.count() > limit).then(|| self.trip(gone, before, limit, &what))
    }

    /// `before` is how many had gone before this write.
    fn trip(&self, tally: &Tally, before: u64, limit: u64, what: &str) -> Trip {
        let (mode, within) = (self.brake.mode, String::from(self.brake.window));
        let (count, refused) = match mode {
            Mode::Hold => (tally.count(), 0),
            Mode::Refuse => (before, tally.count().saturating_sub(before)),
        };
        let refused = if refused > 0 { format!(", and {refused} more refused") } else { String::new() };
        let reason = format!("{count} {what} within {within}{refused}: the limit is {limit}");
        Trip {
            at: self.now.as_millis(),
            since: tally.since().unwrap_or(self.newest),
            held_after: (mode == Mode::Hold).then_some(self.newest),
            actors: tally.actors().cloned().collect(),
            reason,
            brake: Some(self.brake.clone()),
        }
    }
}

/// A write that takes something away while the brake has tripped, whatever the settings say by now: it is refused, or
/// who does it is noted.
fn go_on(mut read: Read<State>, actor: &str, commit: &mut Commit) -> Result<(), Error> {
    let Some(trip) = &mut read.value.trip else { return Ok(()) };
    match trip.mode() {
        Mode::Refuse => return Err(refused(&trip.reason)),
        Mode::Hold if trip.actors.insert(actor.to_owned()) => read.put(commit)?,
        Mode::Hold => read.require(commit),
    }
    Ok(())
}

fn refused(reason: &str) -> Error {
    Error::new(
        ErrorKind::Forbidden,
        format!(
            "The brake on mass deprovisioning has tripped ({reason}). Nothing more is deactivated, deleted or taken out of a group until the administrator of this server has looked: `scim-server brake show --tenant TENANT`, then `scim-server brake approve --tenant TENANT` or `scim-server brake undo --tenant TENANT`."
        ),
    )
}
