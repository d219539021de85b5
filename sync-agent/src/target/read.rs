//! The side that looks.
//!
//! [`TargetReader::look`] fetches what a plan must see, and no more: objects that the state does not know
//! (are they there already?) and those that will change (what is the old value?). Few are asked for
//! one by one, many are found by listing; what a list shows of others is dropped page by page.

use std::{collections::HashSet, panic::resume_unwind, sync::Mutex};

use futures_util::{StreamExt, TryStreamExt, stream};
use scim_protocol::value::fold;
use serde_json::Value;
use tokio::task::JoinSet;

use super::{
    Capabilities, Kept, TargetError,
    http::{self, Answer, Http},
    member,
    walk::{Walk, identity},
};
use crate::{
    identity::Kind,
    mapping::{Desired, Snapshot},
    mode::Mode,
    plan::{ResourceId, Synced, SyncedObjects, TargetResource, TargetResources},
    target::settings::{TargetProfile, TargetSettings},
};

/// The side that looks. Clones share their connections.
#[derive(Clone)]
pub struct TargetReader {
    pub(super) http: Http,
    pub(super) profile: TargetProfile,
    concurrency: usize,
}

/// So many members are read at a time: a page of a thousand groups may have a million.
const MEMBERS_ON_A_PAGE: usize = 20_000;

/// So many resources in a list cost the target and the agent about as much as a request of its own.
const WORTH_A_REQUEST: usize = 20;

const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// What is looked for among the resources of a kind.
#[derive(Default)]
struct Wanted {
    external: HashSet<String>,
    names: HashSet<String>,
    resources: HashSet<ResourceId>,
    /// The attributes that are compared. The rest of a list is dropped.
    kept: Kept,
    /// So many members has a group, about.
    members: usize,
}

impl Wanted {
    fn of(unknown: &[&Desired], ours: &[(&Desired, &Synced)], attributes: HashSet<String>) -> Self {
        let all = unknown.iter().copied().chain(ours.iter().map(|(desired, _)| *desired));
        let number = unknown.len() + ours.len();
        let renamed = ours.iter().map(|(desired, written)| (fold(&desired.subject.name), fold(&written.name)));
        let renamed = renamed.filter(|(new, old)| new != old).map(|(new, _)| new);
        Self {
            external: unknown.iter().map(|desired| desired.subject.id.to_string()).collect(),
            names: unknown.iter().map(|desired| fold(&desired.subject.name)).chain(renamed).collect(),
            resources: ours.iter().map(|(_, written)| written.resource.clone()).collect(),
            kept: if attributes.is_empty() { Kept::All } else { Kept::Only(attributes) },
            members: all.map(|desired| desired.members.len()).sum::<usize>() / number.max(1),
        }
    }

    /// Whether a resource is wanted.
    fn is(&self, kind: Kind, held: &TargetResource) -> bool {
        let text = |name| held.document.text(name);
        self.resources.contains(&held.resource)
            || text("externalId").is_some_and(|id| self.external.contains(&id))
            || text(kind.naming_attribute()).is_some_and(|name| self.names.contains(&fold(&name)))
    }

    /// How many resources a page may have.
    fn page(&self, capabilities: &Capabilities) -> usize {
        (MEMBERS_ON_A_PAGE / self.members.max(1)).clamp(1, capabilities.page.max(1))
    }

    /// How many requests it takes to ask for each.
    fn requests(&self) -> usize {
        self.external.len() + self.names.len() + self.resources.len()
    }
}

impl TargetReader {
    /// For the server of the settings. Connects to nothing yet.
    pub fn new(settings: &TargetSettings) -> Result<Self, TargetError> {
        Ok(Self { http: Http::new(settings)?, profile: settings.profile, concurrency: settings.concurrency.max(1) })
    }

    /// What the server can do.
    pub async fn capabilities(&self) -> Result<Capabilities, TargetError> {
        let answer = self.http.get("/ServiceProviderConfig").await?;
        if !answer.body.is_object() {
            let reason = "the ServiceProviderConfig is no JSON object".to_owned();
            return Err(TargetError::Strange { request: answer.request, reason });
        }
        Ok(Capabilities::read(&answer.body, self.profile))
    }

    /// Sees at the target what a plan must see.
    pub async fn look(
        &self,
        snapshot: &Snapshot,
        known: &SyncedObjects,
        capabilities: &Capabilities,
        mode: Mode,
    ) -> Result<TargetResources, TargetError> {
        let at_target = Mutex::new(TargetResources::default());
        for kind in [Kind::User, Kind::Group] {
            let (mut unknown, mut ours) = (Vec::new(), Vec::new());
            for desired in snapshot.resources.values().filter(|desired| desired.subject.kind == kind) {
                match known.get(&desired.subject.id) {
                    None => unknown.push(desired),
                    Some(written) if mode == Mode::Full || written.digest != Some(desired.digest()) => {
                        ours.push((desired, written));
                    }
                    Some(_) => {}
                }
            }
            let all: Vec<&Desired> = unknown.iter().chain(ours.iter().map(|(desired, _)| desired)).copied().collect();
            let attributes = snapshot.attributes.get(&kind).cloned().unwrap_or_default();
            let wanted = Wanted::of(&unknown, &ours, attributes);
            if self.is_listing_cheaper(kind, &wanted, capabilities).await? {
                self.list(kind, &wanted, capabilities, &at_target).await?;
                wanted.names.iter().for_each(|name| lock(&at_target).asked_for(kind, name));
            } else {
                let each = stream::iter(&unknown).map(|desired| self.seek(kind, desired, capabilities, &at_target));
                each.buffer_unordered(self.concurrency).try_collect::<()>().await?;
            }
            // A list by position may miss what moved while it ran; what is ours is asked for by id.
            let missing = lock(&at_target).missing(ours.iter().map(|(_, written)| &written.resource));
            let each = stream::iter(&missing).map(|resource| async {
                if let Some(held) = self.retrieve(kind, resource).await? {
                    self.keep(kind, held, capabilities, &at_target).await?;
                }
                Ok::<_, TargetError>(())
            });
            each.buffer_unordered(self.concurrency).try_collect::<()>().await?;
            self.ask_for_names(kind, &all, known, capabilities, &at_target).await?;
            if kind == Kind::Group && capabilities.shows_members {
                let remembered = ours.iter().map(|(_, written)| *written);
                let expected =
                    remembered.filter(|written| !written.members.is_empty()).map(|written| &written.resource);
                self.doubt_emptiness(expected, &at_target).await?;
            }
            let mut at_target = lock(&at_target);
            for desired in all {
                at_target.looked_for(desired.subject.id);
            }
        }
        Ok(at_target.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Asks who has the names that objects are about to get: what the agent remembers may be wrong, and a name
    /// has to be given up by whoever really has it.
    async fn ask_for_names(
        &self,
        kind: Kind,
        all: &[&Desired],
        known: &SyncedObjects,
        capabilities: &Capabilities,
        at_target: &Mutex<TargetResources>,
    ) -> Result<(), TargetError> {
        let open: Vec<&str> = {
            let seen = lock(at_target);
            let present = |desired: &Desired| match known.get(&desired.subject.id) {
                Some(written) => Some(fold(seen.name_of(&written.resource).unwrap_or(&written.name))),
                None => seen.of_external_id(desired).and_then(|held| seen.name_of(&held.resource)).map(fold),
            };
            let named = |desired: &&&Desired| present(desired).is_some_and(|name| name != fold(&desired.subject.name));
            let names = all.iter().filter(named).map(|desired| desired.subject.name.as_str());
            names.filter(|name| !seen.knows_of(kind, name)).collect()
        };
        if open.is_empty() {
            return Ok(());
        }
        if capabilities.filter {
            let each = stream::iter(&open).map(|name| async {
                for held in self.find(kind, kind.naming_attribute(), name, capabilities).await? {
                    self.keep(kind, held, capabilities, at_target).await?;
                }
                Ok::<_, TargetError>(())
            });
            each.buffer_unordered(self.concurrency).try_collect::<()>().await?;
        } else {
            let wanted = Wanted { names: open.iter().map(|name| fold(name)).collect(), ..Wanted::default() };
            self.list(kind, &wanted, capabilities, at_target).await?;
        }
        let mut at_target = lock(at_target);
        for name in open {
            at_target.asked_for(kind, name);
        }
        Ok(())
    }

    /// Groups that should have members and show none are asked for one by one, since some targets
    /// leave members out of lists. If not one shows any, the target's schema says whether it ever does.
    async fn doubt_emptiness(
        &self,
        groups: impl Iterator<Item = &ResourceId>,
        at_target: &Mutex<TargetResources>,
    ) -> Result<(), TargetError> {
        let (full, empty): (usize, Vec<ResourceId>) = {
            let at_target = lock(at_target);
            let shown = groups.filter_map(|id| at_target.get(id));
            let (full, empty) = shown.partition::<Vec<_>, _>(|group| !group.members.is_empty());
            (full.len(), empty.iter().map(|group| group.resource.clone()).collect())
        };
        let again = stream::iter(&empty).map(|id| self.retrieve(Kind::Group, id)).buffer_unordered(self.concurrency);
        let again: Vec<TargetResource> = again.try_filter_map(async |held| Ok(held)).try_collect().await?;
        let shows = full > 0 || again.iter().any(|group| !group.members.is_empty());
        let hidden = !empty.is_empty() && !shows && !self.shows_members().await?;
        let mut at_target = lock(at_target);
        for group in again {
            at_target.add(Kind::Group, group);
        }
        if hidden {
            at_target.hide_members();
        }
        Ok(())
    }

    /// Whether the schema of groups says that members are shown (RFC 7643 §7, `returned`).
    async fn shows_members(&self) -> Result<bool, TargetError> {
        let schema = match self.http.get(&format!("/Schemas/{GROUP}")).await {
            Ok(answer) => answer.body,
            Err(error) if error.is_general() => return Err(error),
            Err(_) => return Ok(false),
        };
        let mut attributes = schema["attributes"].as_array().into_iter().flatten();
        let members = attributes.find(|attribute| attribute["name"] == "members");
        Ok(members.is_some_and(|members| matches!(members["returned"].as_str(), Some("default" | "always"))))
    }

    /// Whether the schema of a kind has an attribute (RFC 7643 §7).
    pub async fn has_attribute(&self, kind: Kind, name: &str) -> Result<bool, TargetError> {
        let schema = match kind {
            Kind::User => "urn:ietf:params:scim:schemas:core:2.0:User",
            Kind::Group => GROUP,
        };
        let schema = match self.http.get(&format!("/Schemas/{schema}")).await {
            Ok(answer) => answer.body,
            Err(error) if error.is_general() => return Err(error),
            Err(_) => return Ok(false),
        };
        let mut attributes = schema["attributes"].as_array().into_iter().flatten();
        Ok(attributes.any(|attribute| attribute["name"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(name))))
    }

    /// One resource; `None` where there is none.
    pub async fn retrieve(&self, kind: Kind, id: &ResourceId) -> Result<Option<TargetResource>, TargetError> {
        match self.http.get(&format!("/{}/{}", kind.endpoint(), http::segment(&id.0))).await {
            Ok(answer) => answer.resource(kind).map(Some),
            Err(error) if error.status() == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The resources of which an attribute has this value. Without filters they are found by listing.
    pub async fn find(
        &self,
        kind: Kind,
        attribute: &str,
        value: &str,
        capabilities: &Capabilities,
    ) -> Result<Vec<TargetResource>, TargetError> {
        if !capabilities.filter {
            let mut wanted = Wanted::default();
            match attribute {
                "externalId" => wanted.external.insert(value.to_owned()),
                _ => wanted.names.insert(fold(value)),
            };
            let found = Mutex::new(TargetResources::default());
            self.list(kind, &wanted, capabilities, &found).await?;
            let found = found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
            return Ok(found.into_all());
        }
        let filter = format!("{attribute} eq {}", Value::String(value.to_owned()));
        let answer = self.http.get(&format!("/{}?filter={}", kind.endpoint(), http::segment(&filter))).await?;
        let mut found = answer.resources(kind, &Kept::All)?;
        // Some targets find `externalId` without regard to case, or ignore a filter that they do not know.
        found.retain(|held| {
            let is = held.document.text(attribute);
            is.is_some_and(|is| is == value || (attribute != "externalId" && fold(&is) == fold(value)))
        });
        Ok(found)
    }

    /// Looks for one object: by `externalId`, then by its name.
    async fn seek(
        &self,
        kind: Kind,
        desired: &Desired,
        capabilities: &Capabilities,
        at_target: &Mutex<TargetResources>,
    ) -> Result<(), TargetError> {
        let id = desired.subject.id.to_string();
        let mut found = self.find(kind, "externalId", &id, capabilities).await?;
        if found.is_empty() {
            found = self.find(kind, kind.naming_attribute(), &desired.subject.name, capabilities).await?;
            lock(at_target).asked_for(kind, &desired.subject.name);
        }
        for held in found {
            self.keep(kind, held, capabilities, at_target).await?;
        }
        Ok(())
    }

    /// Takes a resource into the at_target; the members of a group that does not show them are asked
    /// for from the other side.
    async fn keep(
        &self,
        kind: Kind,
        mut held: TargetResource,
        capabilities: &Capabilities,
        at_target: &Mutex<TargetResources>,
    ) -> Result<(), TargetError> {
        if kind == Kind::Group && !capabilities.shows_members {
            let filter = format!("groups.value eq {}", Value::from(&*held.resource.0));
            let members = Mutex::new(Vec::new());
            let (query, ids) = (format!("filter={}&", http::segment(&filter)), Kept::Only(HashSet::new()));
            self.pages(
                Kind::User,
                (&query, &ids),
                capabilities.page,
                capabilities,
                async |page: Vec<TargetResource>| {
                    lock(&members).extend(page.into_iter().map(|user| user.resource));
                    Ok(())
                },
            )
            .await?;
            held.members = members.into_inner().unwrap_or_default();
        }
        let mut at_target = lock(at_target);
        let before = at_target.get(&held.resource).map(|other| identity(kind, other));
        if let Some(other) = before.filter(|other| *other != identity(kind, &held)) {
            let reason = format!("the id {:?} is given to several resources, {other:?} among them", held.resource.0);
            return Err(TargetError::Strange { request: format!("GET /{}", kind.endpoint()), reason });
        }
        at_target.add(kind, held);
        Ok(())
    }

    /// Whether it costs less to read all than to ask for each.
    async fn is_listing_cheaper(
        &self,
        kind: Kind,
        wanted: &Wanted,
        capabilities: &Capabilities,
    ) -> Result<bool, TargetError> {
        match wanted.requests() {
            0 => Ok(false),
            _ if !capabilities.filter && !wanted.names.is_empty() => Ok(true),
            1..=20 => Ok(false),
            requests => {
                let mut answer = self.http.get(&format!("/{}?count=1", kind.endpoint())).await?;
                // Without a total nothing is known; many requests are then the greater risk.
                let total = number(&mut answer, "totalResults");
                let cost = |total| total / wanted.page(capabilities) + total / WORTH_A_REQUEST;
                Ok(total.is_none_or(|total| cost(total) < requests))
            }
        }
    }

    /// Takes what is wanted of all resources of a kind.
    async fn list(
        &self,
        kind: Kind,
        wanted: &Wanted,
        capabilities: &Capabilities,
        at_target: &Mutex<TargetResources>,
    ) -> Result<(), TargetError> {
        // What a page need not hold: the other side of memberships is long, and nobody asks for it here.
        let without = match (self.profile, kind) {
            (TargetProfile::Standard, Kind::User) => "excludedAttributes=groups&",
            (TargetProfile::Standard, Kind::Group) => "excludedAttributes=members.display,members.$ref,members.type&",
            (TargetProfile::IdentityCenter, _) => "",
        };
        self.pages(
            kind,
            (without, &wanted.kept),
            wanted.page(capabilities),
            capabilities,
            async |page: Vec<TargetResource>| {
                for held in page.into_iter().filter(|held| wanted.is(kind, held)) {
                    self.keep(kind, held, capabilities, at_target).await?;
                }
                Ok(())
            },
        )
        .await
    }

    /// All pages of a list: one after the other by cursor (RFC 9865), where the target has them;
    /// else by position (RFC 7644 §3.4.2.4), several at a time once the first has said how many
    /// there are.
    async fn pages(
        &self,
        kind: Kind,
        (query, kept): (&str, &Kept),
        size: usize,
        capabilities: &Capabilities,
        take: impl AsyncFn(Vec<TargetResource>) -> Result<(), TargetError>,
    ) -> Result<(), TargetError> {
        let path = format!("/{}?{query}count={size}", kind.endpoint());
        let mut walk = Walk::default();
        let strange = |reason| TargetError::Strange { request: format!("GET {path}"), reason };
        if capabilities.cursor {
            let mut cursor = String::new();
            loop {
                let mut answer = self.http.get(&format!("{path}&cursor={}", http::segment(&cursor))).await?;
                let next = member(&mut answer.body, "nextCursor");
                let next = next.and_then(|next| next.as_str().map(str::to_owned)).filter(|next| !next.is_empty());
                let page = answer.resources(kind, kept)?;
                walk.page(kind, &page, next.as_deref()).map_err(strange)?;
                take(page).await?;
                match next {
                    Some(next) => cursor = next,
                    None => return Ok(()),
                }
            }
        }
        let mut answer = self.http.get(&format!("{path}&startIndex=1")).await?;
        let total = number(&mut answer, "totalResults");
        let first = answer.resources(kind, kept)?;
        let step = first.len();
        walk.page(kind, &first, None).map_err(strange)?;
        take(first).await?;
        if step == 0 {
            return Ok(());
        }
        if let Some(total) = total {
            // Each page is read and taken apart in a task of its own, beside the comparison of another.
            let mut rest = (step + 1..=total).step_by(step);
            let mut pages = JoinSet::new();
            loop {
                for start in rest.by_ref().take(self.concurrency - pages.len()) {
                    let (http, kept, path) = (self.http.clone(), kept.clone(), format!("{path}&startIndex={start}"));
                    let page = async move { http.get(&path).await?.resources(kind, &kept) };
                    pages.spawn(traces::within_same(page));
                }
                let Some(page) = pages.join_next().await else { return Ok(()) };
                let page = page.unwrap_or_else(|ended| match ended.try_into_panic() {
                    Ok(panic) => resume_unwind(panic),
                    Err(cancelled) => Err(strange(cancelled.to_string())),
                })?;
                // The list has become shorter, or is not as long as it was said to be.
                if page.is_empty() {
                    return Ok(());
                }
                walk.page(kind, &page, None).map_err(strange)?;
                take(page).await?;
            }
        }
        let mut start = step + 1;
        loop {
            let page = self.http.get(&format!("{path}&startIndex={start}")).await?.resources(kind, kept)?;
            if page.is_empty() {
                return Ok(());
            }
            walk.page(kind, &page, None).map_err(strange)?;
            start += page.len();
            take(page).await?;
        }
    }
}

fn number(answer: &mut Answer, name: &str) -> Option<usize> {
    member(&mut answer.body, name)?.as_u64().and_then(|number| usize::try_from(number).ok())
}

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
