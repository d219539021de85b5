//! Pages of a list as they were last found: which resources are on them.
//!
//! A change of a resource changes no page. A page is as it was until a resource of its type is created or deleted.
//! So polling a list costs no scan: the resources on a page are looked up among those that were shown.

use std::sync::Arc;

use quick_cache::{Weighter, sync::Cache};
use scim_protocol::schema::ResourceType;

use super::{Context, ENTRY, Known, Shown};
use crate::{
    operation::found::Found,
    store::{Freshness, Position, ResourceId, Seal, TenantId},
    tenant::Tenant,
};

/// A page of so many bytes is not made in one piece.
const MOST: usize = 256 * 1024;
/// A part of the memory for what is shown. An id takes a fraction of its resource.
const SHARE: u64 = 16;

/// Where a page is, in a list without filter and sort.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in super::super) enum Place {
    /// From the match with that number on.
    Index(u64),
    /// The first page of a walk by cursor.
    First,
    /// Behind a position.
    After(Position),
    /// The page that ends before a position.
    Before(Position),
}

/// The pages that were found last.
pub(super) struct Pages(Cache<Key, Arc<Page>, Ids>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    tenant: TenantId,
    resource_type: Box<str>,
    place: Place,
    count: usize,
}

struct Page {
    tenant: Arc<Tenant>,
    resource_type: Arc<ResourceType>,
    seal: Seal,
    ids: Box<[ResourceId]>,
    /// What was found, without the resources.
    found: Found,
}

#[derive(Clone)]
struct Ids;

impl Weighter<Key, Arc<Page>> for Ids {
    fn weight(&self, _: &Key, page: &Arc<Page>) -> u64 {
        ENTRY + (page.ids.len() * size_of::<ResourceId>()) as u64
    }
}

/// A page, and each of its resources as it is shown.
pub(in super::super) struct KnownPage {
    pub found: Found,
    pub resources: Vec<Arc<Known>>,
    /// Of all documents together.
    pub bytes: usize,
}

impl Pages {
    pub fn within(bytes: u64) -> Self {
        let bytes = bytes / SHARE;
        let entries = usize::try_from(bytes / (2 * ENTRY)).unwrap_or(usize::MAX);
        Self(Cache::with_weighter(entries, bytes, Ids))
    }
}

impl Shown {
    /// A page as it is now, if it is known, and each of its resources is.
    pub(in super::super) fn page(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        place: &Place,
        count: usize,
    ) -> Option<KnownPage> {
        let kept = self.0.as_ref()?;
        let tenant = context.caller.tenant();
        let page = kept.pages.0.get(&key(tenant, rt, place, count))?;
        let is_the_same = Arc::ptr_eq(&page.tenant, tenant) && Arc::ptr_eq(&page.resource_type, rt);
        if !is_the_same || !kept.freshness.holds(&page.seal) {
            return None;
        }
        let (mut resources, mut bytes) = (Vec::with_capacity(page.ids.len()), 0);
        for id in &page.ids {
            let known = self.find(context, rt, *id)?;
            bytes += known.document.len();
            if bytes > MOST {
                return None;
            }
            resources.push(known);
        }
        Some(KnownPage { found: page.found.without_matches(), resources, bytes })
    }

    /// Keeps which resources are on a page that was read since that moment.
    pub(in super::super) fn keep_page(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        (place, count): (Place, usize),
        found: &Found,
    ) {
        let (Some(kept), Some(since)) = (&self.0, found.since) else { return };
        let tenant = context.caller.tenant();
        let list = Freshness::list(tenant.home, &rt.name);
        let Some(seal) = kept.freshness.seal(since, std::iter::once(list)) else { return };
        let page = Page {
            tenant: Arc::clone(tenant),
            resource_type: Arc::clone(rt),
            seal,
            ids: found.matches.iter().map(|(_, found)| found.position.id).collect(),
            found: found.without_matches(),
        };
        kept.pages.0.insert(key(tenant, rt, &place, count), Arc::new(page));
    }
}

fn key(tenant: &Tenant, rt: &ResourceType, place: &Place, count: usize) -> Key {
    Key { tenant: tenant.home, resource_type: rt.name.as_str().into(), place: place.clone(), count }
}
