//! PATCH (RFC 7644 §3.5.2), and the part that it shares with PUT: deciding on a change and
//! committing it against the version that was read.

use std::{collections::BTreeSet, sync::Arc};

use scim_protocol::{
    Error, Resource, dialect,
    message::Query,
    patch::{self, Operation},
    projection::specified,
    schema::ResourceType,
};
use serde_json::{Map, Value};

use super::{
    Answer, Asked, Condition, Context, Operations, Outcome, Preconditions,
    brake::Loss,
    changed,
    disable::{self, Switch, is_active},
    mapped::{self, Applied, Mapped},
    rehearsal::Rehearsed,
    source,
    stored_form::StoredForm,
    told, view_of_write,
};
use crate::{
    brake::is_brake,
    event::{Action, Event},
    index,
    membership::{self, MemberOperation},
    profile,
    render::{View, stored_document},
    store::{ATTEMPTS, Commit, Expect, Record, ResourceKey, StoreError, Write},
    tenant::mapping::{self, Rewrite},
};

/// A change of one resource, split into document and members.
pub(super) struct Change<'a> {
    /// POST, PUT or PATCH, for the event.
    pub action: Action,
    /// Makes the new document from the stored one.
    pub decide: &'a (dyn Fn(&Resource) -> Mapped + Sync),
    /// What happens to its members.
    pub members: Vec<MemberOperation>,
    /// What an administrator wants besides.
    pub switch: Switch,
    /// Whether a POST takes the resource over from another source.
    pub adopts: bool,
}

/// What a change comes to.
struct Decided {
    commit: Commit,
    /// The resource with its new body.
    record: Record,
    /// What it takes away.
    loss: Loss,
    /// Whether the new body says from whom it is: members are no part of it.
    is_stamped: bool,
}

impl Operations {
    /// Applies the operations of a PATCH body, all or none.
    pub async fn modify(&self, asked: Asked<'_>, body: Value) -> Result<Answer, Error> {
        let Asked { context, query, .. } = asked;
        let Read { view, operations, members, renamed } = context.pace.whole(|| read(asked, body)).await??;
        let decide = |resource: &Resource| patched(resource, &operations, &renamed, asked);
        let change = Change { action: Action::Modify, decide: &decide, members, switch: Switch::Keep, adopts: false };
        let (key, record) = self.change(asked, change).await?;
        // Clients do not need the body of a large group (RFC 7644 §3.5.2 allows 204, unless the client asks for
        // attributes).
        if record.header.members > self.limits.patch_body_members
            && query.attributes.is_empty()
            && view.members(&record) > 0
        {
            return Ok(Answer::about(context, Outcome::NoContent, &key, record.header.version));
        }
        self.show(context, Outcome::Ok, &key, record, &view).await
    }

    /// What the operations of a PATCH body would do, decided as [`modify`](Self::modify) decides it, and not done.
    pub async fn rehearse_modify(&self, asked: Asked<'_>, body: Value) -> Result<Rehearsed, Error> {
        let Read { operations, members, renamed, .. } = asked.context.pace.whole(|| read(asked, body)).await??;
        let decide = |resource: &Resource| patched(resource, &operations, &renamed, asked);
        let change = Change { action: Action::Modify, decide: &decide, members, switch: Switch::Keep, adopts: false };
        self.rehearse(asked, &change).await
    }

    /// What a PATCH of a provider would do if only these rewrites changed the resource: one that is about more than members. The
    /// source of truth, the protection of users and the brake are left out: they depend on who writes, and on what else is written
    /// at that time.
    pub async fn rehearse_rewrites(&self, asked: Asked<'_>, rewrites: &[Rewrite]) -> Result<Rehearsed, Error> {
        let Asked { context, rt, .. } = asked;
        let decide = |resource: &Resource| {
            let mut document = resource.document().clone();
            mapping::apply(rewrites, rt, &mut document);
            let rewritten = mapped::validated(document, rt)?;
            profile::check_resource(context.caller.tenant().profile(), rt, &rewritten)?;
            Ok((rewritten, Applied::new()))
        };
        let members = Vec::new();
        let change = Change { action: Action::Modify, decide: &decide, members, switch: Switch::Keep, adopts: false };
        self.rehearse(asked, &change).await
    }

    async fn rehearse(&self, asked: Asked<'_>, change: &Change<'_>) -> Result<Rehearsed, Error> {
        let (key, record) = self.find(asked.context, asked.rt, asked.id).await?;
        let Some(Decided { commit, loss, .. }) = self.decide(asked, &key, record, change).await? else {
            return Ok(Rehearsed::default());
        };
        Ok(Rehearsed { takes: self.unique_values(&commit).await?, deactivates: loss.deactivates })
    }

    /// Makes a user inactive whatever the provider says, or lets the provider's word count again, also against the lock of a
    /// deleted namesake.
    pub async fn switch(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        id: &str,
        disable: bool,
    ) -> Result<(), Error> {
        let (query, preconditions) = (Query::default(), Preconditions::default());
        let asked = Asked { context, rt, id, query: &query, preconditions: &preconditions };
        let decide = |resource: &Resource| Ok((resource.clone(), Applied::new()));
        if !disable {
            self.spare(context, rt, id).await?;
        }
        let switch = if disable { Switch::Disable } else { Switch::Enable };
        let change = Change { action: Action::Modify, decide: &decide, members: Vec::new(), switch, adopts: false };
        self.change(asked, change).await.map(drop)
    }

    /// Reads, decides and commits, and starts again if another writer was faster. Returns the resource as it is
    /// afterwards. A change without effect commits nothing.
    pub(super) async fn change(&self, asked: Asked<'_>, change: Change<'_>) -> Result<(ResourceKey, Record), Error> {
        let Asked { context, rt, id, preconditions, .. } = asked;
        let mut attempts = 0;
        loop {
            let (key, record) = self.find(context, rt, id).await?;
            preconditions.require(record.header.version)?;
            let Some(decided) = self.decide(asked, &key, record.clone(), &change).await? else {
                self.note_sent(context, &key, &record).await?;
                return Ok((key, record));
            };
            let Decided { mut commit, record, loss, is_stamped } = decided;
            self.restrain(context, &mut commit, loss).await?;
            context.expect_claim(&mut commit);
            attempts += 1;
            context.pace.check()?;
            context.pace.rest();
            match self.store.commit(commit).await {
                Ok(committed) => {
                    if !is_stamped {
                        self.note_sent(context, &key, &record).await?;
                    }
                    let header = committed.header.unwrap_or(record.header);
                    return Ok((key, Record { header, ..record }));
                }
                Err(StoreError::Conflict(what)) if preconditions.if_match != Condition::None && what == key => {
                    return Err(changed());
                }
                Err(StoreError::Conflict(_)) if attempts < ATTEMPTS => {}
                Err(StoreError::Missing(what)) if attempts < ATTEMPTS && is_brake(&what) => {}
                Err(error) => return Err(super::members::or_missing(error, &key)),
            }
        }
    }

    /// What a change comes to; `None` if nothing changes.
    async fn decide(
        &self,
        asked: Asked<'_>,
        key: &ResourceKey,
        record: Record,
        change: &Change<'_>,
    ) -> Result<Option<Decided>, Error> {
        let Asked { context, rt, .. } = asked;
        let tenant = context.caller.tenant();
        let served = stored_resource(&record)?;
        let kept = disable::provider_active(&record)?;
        let provided = kept.as_ref().map(|active| disable::as_provided(&served, active));
        let old = provided.as_ref().unwrap_or(&served);
        let (mut new, mapping) = context.pace.whole_against(longest_list(old), || (change.decide)(old)).await??;
        self.limits.check_values(new.document(), Some(old.document()))?;
        self.passwords.seal(&mut new, old.document().get("password")).await?;
        let (by_name, expect) = self.gets_locked_name(context, rt, key.id, old.document(), new.document()).await?;
        let disabled = change.switch.disables(kept.is_some(), by_name.is_some());
        let locked = kept.is_some().then_some(&record);
        let terms = change.switch.terms(locked, by_name.as_ref(), new.document())?;
        let lock = change.switch.told(kept.is_some(), disabled);
        let moved_aside = disabled && disable::differ(old, &new);
        // What is kept aside, and what everybody reads.
        let (aside, new) = disable::parted(new, disabled);
        let said_aside = aside.as_ref().and_then(|says| disable::told_aside(says, Some(is_active(old.document()))));
        let old = &served;
        let (edges, looked_at_all) = self.member_writes(context, key, change.members.clone()).await?;

        let differences = told::differences(old.document(), new.document(), rt);
        let document_changes = !differences.is_empty() || moved_aside || lock.is_some() || change.adopts;
        let members = (!edges.is_empty()).then(|| membership::MEMBERS.to_owned());
        let attributes: Vec<_> = differences.iter().map(|one| one.path.clone()).chain(members).collect();
        if attributes.is_empty() && !document_changes {
            return Ok(None);
        }
        let active = Some(is_active(new.document())).filter(|now| *now != is_active(old.document()));
        let event = context.event(change.action, key, attributes);
        let event = told::with_external_ids(event, old.document(), new.document());
        let mut event = Event { active, aside: said_aside, lock, mapping, adopted: change.adopts, ..event };
        let mut writes = Vec::new();
        let mut after = record.clone();
        if document_changes {
            let specs = tenant.index_specs(&rt.name);
            let tells = tenant.settings.tells_values();
            let prepare = || -> Result<_, Error> {
                let mut form = StoredForm::new(key, &new, rt, specs)?;
                disable::keep(&mut form.body, aside.as_ref(), terms)?;
                // Who takes it over is its maker from then on.
                let before = (!change.adopts).then_some(&record);
                source::stamp(&mut form.body, before, &context.caller, self.clock.now())?;
                let before: BTreeSet<_> = index::entries(key, old.document(), specs);
                self.limits.check_entries(&form, before.len())?;
                let changes: Vec<_> = index::difference(&before, &form.entries).collect();
                let values = if tells { told::changed(&form.body, told::changes(differences)) } else { None };
                Ok((form, changes, values))
            };
            let (form, changes, values) = context.pace.whole(prepare).await??;
            event.values = values;
            writes.extend(changes);
            writes.push(Write::Put(key.clone(), form.body.clone()));
            after.body = form.body;
        }
        let mut commit = Commit::new(key.clone(), event);
        commit.writes = writes;
        commit.expect.extend(expect);
        // Single members come and go whatever the version is: such changes never conflict. The rest
        // was decided on what was read.
        if document_changes || looked_at_all || !asked.preconditions.is_none() {
            commit.expect.push(Expect::Version(key.clone(), record.header.version));
        } else {
            commit.expect.push(Expect::Present(key.clone()));
        }
        commit.writes.extend(edges);
        let loss = Loss { deactivates_aside: said_aside == Some(false), ..loss(&commit, &record) };
        Ok(Some(Decided { commit, record: after, loss, is_stamped: document_changes }))
    }
}

/// A PATCH that was read.
struct Read {
    view: View,
    operations: Vec<Operation>,
    members: Vec<MemberOperation>,
    /// The tenant's rewrites that have renamed something in it.
    renamed: Applied,
}

fn read(asked: Asked<'_>, mut body: Value) -> Result<Read, Error> {
    let Asked { context, rt, query, .. } = asked;
    let tenant = context.caller.tenant();
    profile::check_sent(tenant.profile(), rt, &body)?;
    dialect::standardise_patch(&mut body, rt);
    let renamed = context.map_patch(rt, &mut body);
    profile::check_patch_body(tenant.profile(), &body)?;
    let operations = patch::parse(body)?;
    profile::check_patch(tenant.profile(), rt, &operations)?;
    let view = view_of_write(context, rt, query, specified::in_operations(&operations, rt))?;
    let (operations, members) = membership::split(operations, rt)?;
    profile::check_member_operations(tenant.profile(), &members)?;
    Ok(Read { view, operations, members, renamed })
}

/// What a change takes away.
fn loss(commit: &Commit, before: &Record) -> Loss {
    let leave = commit.writes.iter().filter(|write| matches!(write, Write::Leave(_))).count() as u64;
    let deactivates = commit.event.as_ref().is_some_and(|event| event.active == Some(false));
    Loss { deactivates, leave, members: before.header.members, ..Loss::default() }
}

/// What operations make of a document, and the tenant's rewrites of that. Without operations, where a PATCH is about members alone,
/// the document is not looked at, and not rewritten: the price of a member does not grow with its group.
fn patched(resource: &Resource, operations: &[Operation], renamed: &Applied, asked: Asked<'_>) -> Mapped {
    if operations.is_empty() {
        return Ok((resource.clone(), renamed.clone()));
    }
    let Asked { context, rt, .. } = asked;
    let tenant = context.caller.tenant();
    let (modified, applied) = context.map_patched(rt, patch::apply(resource, operations, rt)?, renamed)?;
    profile::check_resource(tenant.profile(), rt, &modified)?;
    Ok((modified, applied))
}

/// The document as [`Resource`] knows it: without what the server keeps.
pub(super) fn stored_resource(record: &Record) -> Result<Resource, Error> {
    let mut document = stored_document(record)?;
    document.shift_remove("id");
    Ok(Resource::from_stored(document))
}

/// The document as the provider knows it: with what it says of `active`, also while an administrator has disabled the user.
pub(super) fn provided_resource(record: &Record) -> Result<Resource, Error> {
    let served = stored_resource(record)?;
    Ok(match disable::provider_active(record)? {
        Some(active) => disable::as_provided(&served, &active),
        None => served,
    })
}

/// How many values an operation of a PATCH looks at, at most.
fn longest_list(resource: &Resource) -> usize {
    let lists =
        |members: &Map<String, Value>| members.values().filter_map(|value| value.as_array().map(Vec::len)).max();
    let extensions = resource.document().values().filter_map(Value::as_object).filter_map(lists);
    extensions.chain(lists(resource.document())).max().unwrap_or_default()
}
