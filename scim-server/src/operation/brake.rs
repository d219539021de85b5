//! The brake on mass deprovisioning: what a write takes away is counted in its commit, and what is too much is held
//! or refused. And the protection of single users and groups.

use scim_protocol::{Error, ErrorKind, schema::ResourceType};

use super::{ATTEMPTS, Context, Operations};
use crate::{
    brake::{self, Left, Read, State, Tally, Trip},
    event::{ADMIN, Action, Deed, Event},
    index,
    store::{Commit, IndexKey, ResourceId, ResourceKey, StoreError, TenantId, TypeName},
    tenant::{Brake, Mode, Protected, Window, record},
};

/// The resource type that people are.
const USER: &str = "User";

/// What a write takes away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Loss {
    /// Whether somebody is deactivated.
    pub deactivates: bool,
    /// Whether the resource is deleted.
    pub deletes: bool,
    /// How many members leave.
    pub leave: u64,
    /// How many members there were.
    pub members: u64,
}

impl Loss {
    /// Deactivations count of users alone.
    fn of_users(self, key: &ResourceKey) -> bool {
        key.resource_type.as_str() == USER && (self.deactivates || self.deletes)
    }
}

impl Operations {
    /// The last number of a tenant's log that may go out; `None` when nothing is held. What is read from the log before
    /// this is called, up to that number, was not held then either: the brake trips in the commit of the write.
    pub async fn newest_out(&self, home: TenantId) -> Result<Option<u64>, StoreError> {
        Ok(self.brake_state(home).await?.value.trip.and_then(|trip| trip.held_after))
    }

    /// How a tenant's brake stands.
    pub(crate) async fn brake_state(&self, home: TenantId) -> Result<Read<State>, StoreError> {
        let key = brake::key(home);
        let record = self.store.get(&key).await?;
        Read::new(key, record.as_ref())
    }

    /// Changes how a tenant's brake stands, with an event that tells it. `change` gives `None` to leave it.
    pub(crate) async fn change_brake(
        &self,
        tenant: TenantId,
        home: TenantId,
        deed: Deed,
        actor: &str,
        change: impl Fn(&State) -> Option<State> + Send + Sync,
    ) -> Result<bool, Error> {
        for _ in 0..ATTEMPTS {
            let mut read = self.brake_state(home).await?;
            let Some(state) = change(&read.value) else { return Ok(false) };
            read.value = state;
            let event = Event::new(Action::Administer, actor, record::KIND, ResourceId(tenant.0));
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

    /// Refuses what a token may not do to a protected resource, and counts in the commit what it takes away. The flag
    /// says whether the brake trips with this commit.
    pub(super) async fn restrain(&self, context: &Context, commit: &mut Commit, loss: Loss) -> Result<bool, Error> {
        let settings = &context.caller.tenant().settings;
        if **context.caller.actor() == *ADMIN || loss == (Loss { members: loss.members, ..Loss::default() }) {
            return Ok(false);
        }
        if let Some(protected) = &settings.protected {
            self.refuse_protected(context, protected, commit, loss).await?;
        }
        match &settings.brake {
            Some(brake) => self.count(context, brake, commit, loss).await,
            None => Ok(false),
        }
    }

    /// Says in the log that the brake has tripped with a commit that is done.
    pub(super) async fn tell_trip(&self, context: &Context) -> Result<(), Error> {
        let tenant = context.caller.tenant();
        tracing::warn!(tenant = tenant.name, actor = &**context.caller.actor(), "the brake has tripped: events wait");
        let id = ResourceId(tenant.id.0);
        let event = Event::new(Action::Administer, context.caller.actor(), record::KIND, id);
        self.store.commit(Commit::note(tenant.home, Event { deed: Some(Deed::BrakeTripped), ..event })).await?;
        Ok(())
    }

    async fn count(&self, context: &Context, brake: &Brake, commit: &mut Commit, loss: Loss) -> Result<bool, Error> {
        let tenant = context.caller.tenant();
        let (home, now, actor) = (tenant.home, self.clock.now(), context.caller.actor());
        let target = commit.target.clone();
        if !loss.of_users(&target) && loss.leave == 0 {
            return Ok(false);
        }
        let mut read = self.brake_state(home).await?;
        let state = &mut read.value;
        if state.approved_until.is_some_and(|until| now.as_millis() < until) {
            return Ok(false);
        }
        if let Some(trip) = &mut state.trip {
            if trip.held_after.is_none() || brake.mode == Mode::Refuse {
                return Err(refused(&trip.reason));
            }
            if trip.actors.insert(actor.to_string()) {
                read.put(commit)?;
            } else {
                read.require(commit);
            }
            return Ok(false);
        }
        let newest = self.store.log(home).await?.newest;
        let add = |tally: &mut Tally, many: u64| tally.add(many, actor, newest, now, brake.window);
        let mut over = None;
        if loss.of_users(&target) {
            add(&mut state.lost, u64::from(loss.deactivates));
            add(&mut state.deleted, u64::from(loss.deletes));
            let users = self.store.count(home, &TypeName::from(USER)).await? + state.deleted.count();
            for (tally, what) in [(&state.lost, "deactivated or deleted"), (&state.deleted, "deleted")] {
                if over.is_none() && tally.count() > brake.limit(users) {
                    let reason = reason(tally.count(), "user(s)", what, brake.window);
                    over = Some((tally.clone(), reason));
                }
            }
        }
        if loss.leave > 0 {
            let key = brake::group_key(home, target.id);
            let mut left = Read::<Left>::new(key.clone(), self.store.get(&key).await?.as_ref())?;
            left.value.settle(state.settled);
            let gone = &mut left.value.members;
            let members = loss.members + gone.count();
            add(gone, loss.leave);
            if gone.count() > brake.limit(members) {
                let what = format!("taken out of the group {}", target.id);
                over = Some((gone.clone(), reason(gone.count(), "member(s)", &what, brake.window)));
            }
            left.put(commit)?;
        }
        let trips = over.is_some();
        if let Some((tally, reason)) = over {
            state.trip = Some(Trip {
                at: now.as_millis(),
                since: tally.since().unwrap_or(newest),
                held_after: (brake.mode == Mode::Hold).then_some(newest),
                actors: tally.actors().cloned().collect(),
                reason: reason.clone(),
            });
            if brake.mode == Mode::Refuse {
                return Err(self.trip_and_refuse(context, state.trip.clone(), &reason).await);
            }
        }
        if loss.of_users(&target) || trips {
            read.put(commit)?;
        } else {
            read.require(commit);
        }
        Ok(trips)
    }

    /// The write is refused, so the brake trips in a commit of its own.
    async fn trip_and_refuse(&self, context: &Context, trip: Option<Trip>, reason: &str) -> Error {
        let tenant = context.caller.tenant();
        tracing::warn!(tenant = tenant.name, reason, "the brake has tripped: writes are refused");
        let change = |state: &State| state.trip.is_none().then(|| State { trip: trip.clone(), ..state.clone() });
        let actor = context.caller.actor();
        match self.change_brake(tenant.id, tenant.home, Deed::BrakeTripped, actor, change).await {
            Ok(_) => refused(reason),
            Err(error) => error,
        }
    }

    async fn refuse_protected(
        &self,
        context: &Context,
        protected: &Protected,
        commit: &mut Commit,
        loss: Loss,
    ) -> Result<(), Error> {
        let target = commit.target.clone();
        let by_id = protected.ids.iter().any(|id| ResourceId::parse(id) == Some(target.id));
        let group = match &protected.members_of {
            Some(name) => self.group_named(context, name).await?,
            None => None,
        };
        let is_group = group.as_ref() == Some(&target);
        let is_member = match &group {
            Some(group) => self.store.is_member(group, target.id).await?,
            None => false,
        };
        // Whoever leaves the group of the protected would be protected no longer.
        let empties = loss.leave > 0 && (loss.leave >= loss.members || is_group);
        if (by_id || is_group || is_member) && (loss.deactivates || loss.deletes || empties) {
            let name = target.resource_type.as_str();
            return Err(Error::new(
                ErrorKind::Forbidden,
                format!(
                    "The {name} {} is protected: it cannot be deactivated, deleted or emptied with a token. Ask the administrator of this server, or leave it out of the provisioning.",
                    target.id
                ),
            ));
        }
        if loss.leave > 0 && (by_id || is_group || is_member) {
            // Two who each take one of the last two out do not both succeed.
            let record = self.store.get(&target).await?;
            commit
                .expect
                .extend(record.map(|record| crate::store::Expect::Version(target.clone(), record.header.version)));
        }
        Ok(())
    }

    async fn group_named(&self, context: &Context, name: &str) -> Result<Option<ResourceKey>, Error> {
        let tenant = context.caller.tenant();
        let Some(rt) = tenant.registry.resource_type("Group") else { return Ok(None) };
        if let Some(id) = ResourceId::parse(name) {
            return Ok(Some(context.key(rt, id)));
        }
        let key = display_name(tenant.home, rt, name);
        Ok(self.store.lookup(&key).await?.map(|id| context.key(rt, id)))
    }
}

fn display_name(tenant: TenantId, rt: &ResourceType, name: &str) -> IndexKey {
    IndexKey {
        tenant,
        resource_type: TypeName::from(rt.name.as_str()),
        attribute: "displayName".into(),
        value: index::text_value(name, false),
    }
}

fn reason(count: u64, whom: &str, what: &str, window: Window) -> String {
    format!("{count} {whom} {what} within {}", String::from(window))
}

fn refused(reason: &str) -> Error {
    Error::new(
        ErrorKind::Forbidden,
        format!(
            "The brake on mass deprovisioning has tripped ({reason}). Nothing more is deactivated, deleted or taken out of a group until the administrator of this server has looked: `scim-server brake show`, then `brake approve` or `brake undo`."
        ),
    )
}
