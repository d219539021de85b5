//! What a POST finds among the deleted: who returns, and who had the name.

use std::collections::BTreeSet;

use scim_protocol::{Error, ErrorKind, schema::ResourceType, value::fold};
use serde_json::{Map, Value};

use super::{Context, Kept, Operations};
use crate::{
    deleted::{self, By, Names},
    operation::{
        adopt,
        disable::{NameLock, Terms, provider_active, sparing},
    },
    render::stored_document,
    store::{ATTEMPTS, Commit, Expect, IndexKey, IndexRange, ResourceId, StoreError, Values},
    tenant::SameBy,
};

/// How many that had the same value are looked at: the newest.
const NAMESAKES: usize = 16;

/// What a POST finds among the deleted.
#[derive(Default)]
pub(in super::super) struct Namesake {
    /// Who is to return.
    pub kept: Option<Kept>,
    /// Whether that one is of another source, and is taken over.
    pub is_anothers: bool,
    /// Who had the `externalId`, or the `userName`, and stays away. Nobody, if somebody returns.
    pub stays: Option<Kept>,
    /// The lock of the `userName`, if it holds for who returns, or for somebody new.
    pub lock: Option<NameLock>,
    /// That nobody of these names is deleted meanwhile: a DELETE at the same time comes before the POST or after it.
    pub expect: Vec<Expect>,
}

/// Those who can be restored and had a value, and what a commit expects that relies on it.
type Found = (Vec<Kept>, Option<Expect>);

impl Operations {
    /// The deleted resource that a POST brings back: one of the caller's own that had its `externalId`, or its `userName`
    /// if the tenant says so. Of several it is the one of the same name, else the one that was deleted last. One of another
    /// source only where the tenant's rule would let the POST adopt it.
    pub(in super::super) async fn namesake(
        &self,
        context: &Context,
        rt: &ResourceType,
        document: &Map<String, Value>,
    ) -> Result<Namesake, Error> {
        let text = |name: &str| document.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let (external_id, user_name) = (text("externalId"), text("userName"));
        let settings = &context.caller.tenant().settings;
        let (by, adopt) = (settings.restore_by, adopt::rule(context));
        let external_id = external_id.filter(|_| by != SameBy::None);
        let (mut same_id, mut same_name) = tokio::try_join!(
            self.kept_with(context, rt, By::ExternalId, external_id),
            self.kept_with(context, rt, By::UserName, user_name),
        )?;
        let mut namesake = Namesake::default();
        namesake.expect.extend([same_id.1.take(), same_name.1.take()].into_iter().flatten());
        let lock = lock_of(&same_name.0)?;
        let is_called_so = |kept: &Kept| Ok::<_, StoreError>(is_called(&kept.deleted.names()?, document));
        let (is_anothers, of_others) = self.leave_own(context, &mut same_id.0, adopt != SameBy::None).await?;
        namesake.is_anothers = is_anothers;
        namesake.kept = best(same_id.0, is_called_so)?;
        let mut stay = same_name.0;
        if namesake.kept.is_none() && by == SameBy::UserName {
            // Who has another externalId is somebody else, whatever the name.
            let is_same = |kept: &Kept| {
                let theirs = kept.deleted.names()?.external_id;
                Ok::<_, StoreError>(theirs.as_deref().zip(external_id).is_none_or(|(theirs, ours)| theirs == ours))
            };
            let mut candidates = Vec::new();
            for kept in std::mem::take(&mut stay) {
                if is_same(&kept)? { candidates.push(kept) } else { stay.push(kept) }
            }
            let (is_anothers, of_others) = self.leave_own(context, &mut candidates, adopt == SameBy::UserName).await?;
            namesake.is_anothers = is_anothers;
            stay.extend(of_others);
            namesake.kept = best(candidates, is_called_so)?;
        }
        if namesake.kept.is_none() {
            namesake.stays = best(if of_others.is_empty() { stay } else { of_others }, is_called_so)?;
        }
        let id = namesake.kept.as_ref().map(|kept| kept.key.id);
        namesake.lock = lock.filter(|lock| lock.holds_for(id));
        Ok(namesake)
    }

    /// The lock that a resource gets with a `userName`, so that a rename does not avoid it. And what a commit expects that
    /// relies on it. `old` is empty for who returns.
    pub(in super::super) async fn gets_locked_name(
        &self,
        context: &Context,
        rt: &ResourceType,
        id: ResourceId,
        old: &Map<String, Value>,
        new: &Map<String, Value>,
    ) -> Result<(Option<NameLock>, Option<Expect>), Error> {
        let name = |document: &Map<String, Value>| document.get("userName").and_then(Value::as_str).map(fold);
        let user_name = name(new).filter(|text| !text.is_empty() && name(old).as_ref() != Some(text));
        let (had_it, expect) = self.kept_with(context, rt, By::UserName, user_name.as_deref()).await?;
        Ok((lock_of(&had_it)?.filter(|lock| lock.holds_for(Some(id))), expect))
    }

    /// The lock of the name that a user has, if it holds for that user, or, without an `id`, for somebody new. `returning` are
    /// not looked at.
    pub(in super::super) async fn lock_of_name(
        &self,
        context: &Context,
        rt: &ResourceType,
        id: Option<ResourceId>,
        document: &Map<String, Value>,
        returning: &BTreeSet<ResourceId>,
    ) -> Result<Option<NameLock>, Error> {
        let name = document.get("userName").and_then(Value::as_str).filter(|text| !text.is_empty());
        let (mut had_it, _) = self.kept_with(context, rt, By::UserName, name).await?;
        had_it.retain(|kept| !returning.contains(&kept.key.id));
        Ok(lock_of(&had_it)?.filter(|lock| lock.holds_for(id)))
    }

    /// Notes in what is kept of the last one who had the name of a user that its lock does not hold for this user: an
    /// administrator's word on who is there is more than the one on who was deleted.
    pub(in super::super) async fn spare(&self, context: &Context, rt: &ResourceType, id: &str) -> Result<(), Error> {
        for _ in 0..ATTEMPTS {
            let (key, record) = self.find(context, rt, id).await?;
            let document = stored_document(&record)?;
            let user_name = document.get("userName").and_then(Value::as_str);
            let (mut all, _) = self.kept_with(context, rt, By::UserName, user_name).await?;
            let is_spared = lock_of(&all)?.is_none_or(|lock| !lock.holds_for(Some(key.id)));
            // The last who is locked out: what is kept of another says nothing of the name.
            let mut last = None;
            for kept in all.iter_mut().filter(|_| !is_spared) {
                let is_locked = provider_active(&kept.deleted.record())?.is_some();
                if is_locked && last.as_ref().is_none_or(|other: &&mut Kept| other.deleted.at < kept.deleted.at) {
                    last = Some(kept);
                }
            }
            let Some(last) = last else { return Ok(()) };
            let body = sparing(&last.deleted.record(), key.id)?;
            last.deleted = last.deleted.clone().with(&body)?;
            let mut commit = Commit::unnoticed(deleted::key(&last.key));
            last.rewrite(&mut commit.expect, &mut commit.writes)?;
            match self.store.commit(commit).await {
                Ok(_) => return Ok(()),
                // It was changed, restored or purged meanwhile.
                Err(StoreError::Conflict(_) | StoreError::Missing(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::new(ErrorKind::Unavailable(1), "Others are changing who had the name of the user. Try again."))
    }

    /// Leaves those of the caller's own; where none is, those of others if it `adopts`. Whether these are others', and who else
    /// there was.
    async fn leave_own(
        &self,
        context: &Context,
        all: &mut Vec<Kept>,
        adopts: bool,
    ) -> Result<(bool, Vec<Kept>), StoreError> {
        let (mut own, mut others) = (Vec::new(), Vec::new());
        for kept in all.drain(..) {
            let is_own = self.was_callers(context, &kept.deleted).await?;
            if is_own { own.push(kept) } else { others.push(kept) }
        }
        let takes_over = own.is_empty() && adopts && !others.is_empty();
        if takes_over {
            std::mem::swap(&mut own, &mut others);
        }
        *all = own;
        Ok((takes_over, others))
    }

    async fn kept_with(
        &self,
        context: &Context,
        rt: &ResourceType,
        by: By,
        value: Option<&str>,
    ) -> Result<Found, StoreError> {
        let tenant = context.caller.tenant();
        let Some(value) = value else { return Ok((Vec::new(), None)) };
        let key = by.of(tenant.home, &rt.name, value);
        let found = self.store.indexed(&owners(&key), None, NAMESAKES).await?;
        let known = found.iter().map(|(position, _)| position.id).collect();
        let expect = (found.len() < NAMESAKES).then_some(Expect::Owners(key, known));
        let mut all = Vec::new();
        if found.is_empty() {
            return Ok((all, expect));
        }
        let restorable = self.restorable(tenant).await?;
        for (position, record) in found {
            let Some(record) = record else { continue };
            let kept = Kept::new(context.key(rt, position.id), record)?;
            if restorable.has(&kept) {
                all.push(kept);
            }
        }
        Ok((all, expect))
    }
}

/// The lock of a name that these had: what was said of the last one. Of whom an administrator has enabled under the name it was
/// said of that one alone, and not of the name.
fn lock_of(all: &[Kept]) -> Result<Option<NameLock>, StoreError> {
    let (mut locks, mut spared) = (Vec::new(), BTreeSet::new());
    for kept in all {
        let record = kept.deleted.record();
        let lock = if provider_active(&record)?.is_some() { Some(Terms::of(&record)?) } else { None };
        spared.extend(lock.iter().flat_map(|terms| terms.spares.iter().copied()));
        locks.push((kept, lock));
    }
    let says = |(kept, lock): &(&Kept, Option<Terms>)| lock.is_some() || !spared.contains(&kept.key.id);
    let last = locks.into_iter().filter(says).max_by_key(|(kept, _)| kept.deleted.at);
    let had_it = all.iter().map(|kept| kept.key.id).collect();
    Ok(last.and_then(|(_, lock)| lock).map(|terms| NameLock { terms, had_it }))
}

/// The one of the same name, else the one that was deleted last.
fn best(all: Vec<Kept>, is_called_so: impl Fn(&Kept) -> Result<bool, StoreError>) -> Result<Option<Kept>, StoreError> {
    let mut best: Option<((bool, i64), Kept)> = None;
    for kept in all {
        let rank = (is_called_so(&kept)?, kept.deleted.at);
        if best.as_ref().is_none_or(|(other, _)| *other < rank) {
            best = Some((rank, kept));
        }
    }
    Ok(best.map(|(_, kept)| kept))
}

/// Whether a resource is to have the name that a deleted one had.
fn is_called(names: &Names, document: &Map<String, Value>) -> bool {
    let is_so = |attribute: &str, theirs: &Option<String>| {
        let ours = document.get(attribute).and_then(Value::as_str);
        ours.zip(theirs.as_deref()).map(|(ours, theirs)| fold(ours) == fold(theirs))
    };
    is_so("userName", &names.user_name).or_else(|| is_so("displayName", &names.display_name)).unwrap_or_default()
}

/// All resources with a value.
fn owners(key: &IndexKey) -> IndexRange {
    let IndexKey { tenant, resource_type, attribute, value } = key.clone();
    IndexRange { tenant, resource_type, attribute, values: Values::Equal(value), descending: true }
}
