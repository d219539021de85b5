//! Resources as they were last shown, with their groups: most reads are of what was read before.
//!
//! What is kept is the answer's own bytes. It is given out only while nothing of what it was made of has
//! changed ([`Freshness`]), to the same tenant, in the same settings, under the same base URL, and only where the
//! client chose no attributes. Only where the store tells of each change: not where others write to it, too.

mod pages;

use std::sync::Arc;

use bytes::Bytes;
use quick_cache::{Weighter, sync::Cache};
use scim_protocol::schema::ResourceType;

use self::pages::Pages;
pub(super) use self::pages::{KnownPage, Place};
use super::Context;
use crate::{
    store::{Freshness, Moment, Reference, ResourceId, Seal, Store, TenantId},
    tenant::Tenant,
};

/// A resource of more groups is not kept: each of them would be looked at.
const GROUPS: usize = 32;
/// About what an entry takes beside its bytes.
const ENTRY: u64 = 256;
/// About how large a resource is, to begin with.
const TYPICAL: u64 = 1024;

/// The resources that were shown last.
#[derive(Default)]
pub struct Shown(Option<Kept>);

struct Kept {
    freshness: Arc<Freshness>,
    known: Cache<(TenantId, ResourceId), Arc<Known>, Bulk>,
    pages: Pages,
    most: usize,
}

/// A resource as it was shown.
pub(super) struct Known {
    tenant: Arc<Tenant>,
    resource_type: Arc<ResourceType>,
    base: Box<str>,
    seal: Seal,
    pub version: u64,
    pub document: Bytes,
}

/// How much memory an entry takes.
#[derive(Clone)]
struct Bulk;

impl Weighter<(TenantId, ResourceId), Arc<Known>> for Bulk {
    fn weight(&self, _: &(TenantId, ResourceId), known: &Arc<Known>) -> u64 {
        ENTRY + (known.document.len() + known.base.len()) as u64
    }
}

impl Shown {
    /// Keeps what is shown of this store, if that can be done, in as much memory as the store leaves for it.
    pub fn of(store: &dyn Store) -> Self {
        Self(store.freshness().filter(|(_, bytes)| *bytes > 0).map(|(freshness, bytes)| {
            let entries = usize::try_from(bytes / (ENTRY + TYPICAL)).unwrap_or(usize::MAX);
            let most = usize::try_from(bytes / 64).unwrap_or(usize::MAX);
            Kept { freshness, known: Cache::with_weighter(entries, bytes, Bulk), pages: Pages::within(bytes), most }
        }))
    }

    /// To be taken before reading what may be kept.
    pub fn moment(&self) -> Option<Moment> {
        self.0.as_ref()?.freshness.moment()
    }

    /// The resource as it is now, if it is known.
    pub(super) fn find(&self, context: &Context, rt: &Arc<ResourceType>, id: ResourceId) -> Option<Arc<Known>> {
        let kept = self.0.as_ref()?;
        let tenant = context.caller.tenant();
        let known = kept.known.get(&(tenant.home, id))?;
        let is_the_same =
            Arc::ptr_eq(&known.tenant, tenant) && Arc::ptr_eq(&known.resource_type, rt) && *known.base == *context.base;
        (is_the_same && kept.freshness.holds(&known.seal)).then_some(known)
    }

    /// Keeps a resource that was read since that moment, with its groups, as it is shown when the client
    /// chooses no attributes.
    pub(super) fn keep(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        since: Option<Moment>,
        (id, version, groups): (ResourceId, u64, &[Reference]),
        document: &[u8],
    ) {
        let (Some(kept), Some(since)) = (&self.0, since) else { return };
        if groups.len() > GROUPS || document.len() > kept.most {
            return;
        }
        let read = std::iter::once(id).chain(groups.iter().map(|group| group.id));
        let Some(seal) = kept.freshness.seal(since, read) else { return };
        let tenant = context.caller.tenant();
        let known = Known {
            tenant: Arc::clone(tenant),
            resource_type: Arc::clone(rt),
            base: context.base.as_str().into(),
            seal,
            version,
            document: Bytes::copy_from_slice(document),
        };
        kept.known.insert((tenant.home, id), Arc::new(known));
    }
}
