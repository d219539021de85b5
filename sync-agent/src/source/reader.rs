//! A directory that is read by searches: everything, some entries again, or one.
//!
//! What changed since a watermark is found by [`changes`], and then read here like anything
//! else: a mechanism says who changed, and only a read with the configured filter beneath the
//! configured bases says what an entry is. So filters mean the same in every mode.

pub mod changes;
mod directory;
mod evidence;
mod referral;
mod withheld;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use ldap3::Scope;
use sha2::{Digest as _, Sha256};

use super::{
    Change, DirectoryError, Entry, Key, PassedOver, Sink,
    connection::Connection,
    filters,
    flavour::{ChangeTracking, Flavour},
    ranges,
    root_dse::RootDse,
    search::{self, End, RawEntry, Search, SearchDone},
};
use crate::{
    dn::Dn,
    identity::{Kind, SourceId},
    problem::{Code, Problem},
    source::{
        account::Counts,
        settings::{SearchSettings, SourceSettings},
    },
    tls::TlsSettings,
};

/// How many identities or names one filter asks for. Servers limit the length of filters.
const BATCH: usize = 50;

/// A directory that is read by searches.
pub struct LdapReader {
    pub(in crate::source) connection: Connection,
    pub(in crate::source) root: RootDse,
    pub(in crate::source) settings: SourceSettings,
    pub(in crate::source) flavour: Flavour,
    mapped: Vec<String>,
    pub(in crate::source) problems: Vec<Problem>,
    /// The newest `modifyTimestamp` that was seen.
    pub(in crate::source) newest: Option<String>,
    /// How many references were followed to come here.
    pub(in crate::source) depth: usize,
    /// What was found and is neither a user nor a group, and how often.
    passed: BTreeMap<PassedOver, usize>,
    /// The names of the attributes that the schema has, in lower case; empty where it cannot be read. Read when it is
    /// needed.
    schema: Option<BTreeSet<String>>,
    /// Whether a reference was followed: then no watermark of this server covers all that was read.
    pub(in crate::source) followed: bool,
}

/// Where entries of one kind are searched for.
#[derive(Debug, Clone)]
pub struct SearchPlace {
    /// What is searched for.
    pub kind: Kind,
    /// Beneath what.
    pub base: String,
    /// How deep.
    pub scope: Scope,
    pub filter: String,
}

impl LdapReader {
    /// Connects to the directory of the settings.
    pub async fn open(settings: &SourceSettings, mapped: Vec<String>) -> Result<Self, DirectoryError> {
        let mut connection = Connection::open(settings).await?;
        let root = RootDse::read(&mut connection.ldap, settings.timeout).await?;
        let flavour = settings.flavour.unwrap_or_else(|| root.flavour());
        Ok(Self {
            connection,
            root,
            settings: settings.clone(),
            flavour,
            mapped,
            problems: Vec::new(),
            newest: None,
            passed: BTreeMap::new(),
            schema: None,
            depth: 0,
            followed: false,
        })
    }

    /// The same search at the server that a reference names.
    pub(in crate::source) async fn elsewhere(&self, url: String, start_tls: bool) -> Result<Self, DirectoryError> {
        let tls = TlsSettings { start_tls, ..self.settings.tls.clone() };
        let settings = SourceSettings { urls: vec![url], flavour: Some(self.flavour), tls, ..self.settings.clone() };
        let there = Self::open(&settings, self.mapped.clone()).await?;
        Ok(Self { depth: self.depth + 1, ..there })
    }

    /// The attributes to ask for.
    pub(in crate::source) fn attributes(&self, kind: Kind) -> Vec<String> {
        let account = Flavour::account_attributes().iter().filter(|attribute| attribute.counts == Counts::Always);
        let fixed = self.flavour.attributes(kind).iter().copied().chain(account.map(|attribute| attribute.name));
        let mut names: Vec<String> = fixed.map(str::to_ascii_lowercase).chain(self.mapped.clone()).collect();
        names.push(self.flavour.id_attribute().to_ascii_lowercase());
        names.extend(self.filter_attributes(kind));
        if self.flavour.change_tracking() != ChangeTracking::DirSync {
            names.push("modifytimestamp".to_owned());
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    fn search_settings(&self, kind: Kind) -> &SearchSettings {
        match kind {
            Kind::User => &self.settings.users,
            Kind::Group => &self.settings.groups,
        }
    }

    /// The filter of a kind.
    pub(in crate::source) fn filter(&self, kind: Kind) -> &str {
        self.search_settings(kind).filter.as_deref().unwrap_or_else(|| self.flavour.filter(kind))
    }

    /// The attributes that a filter of the configuration reads, in lower case, without `objectClass`, whose loss is
    /// noticed by itself.
    fn filter_attributes(&self, kind: Kind) -> Vec<String> {
        let filter = self.search_settings(kind).filter.as_deref().unwrap_or_default();
        let mut names = filters::attributes_of(filter);
        names.retain(|name| name != "objectclass");
        names
    }

    /// Where entries are, each base with the filter of its kind.
    pub(in crate::source) fn places(&self) -> Vec<SearchPlace> {
        let mut places = Vec::new();
        for kind in [Kind::User, Kind::Group] {
            for base in &self.search_settings(kind).bases {
                let filter = self.filter(kind).to_owned();
                places.push(SearchPlace { kind, base: base.as_str().to_owned(), scope: Scope::Subtree, filter });
            }
        }
        places
    }

    pub(in crate::source) fn bases(&self) -> impl Iterator<Item = &Dn> {
        self.settings.users.bases.iter().chain(&self.settings.groups.bases)
    }

    /// The domain that this server holds.
    pub(in crate::source) fn domain(&self) -> Option<Dn> {
        let domain = || self.root.contents().into_iter().next();
        if self.flavour.has_domain() { domain() } else { None }
    }

    /// How deep the innermost base or naming context around a name lies; `None` where this server does not
    /// hold it. One that does not say what it holds may hold anything, and is the last to be asked.
    pub(in crate::source) fn holds_at(&self, dn: &Dn) -> Option<usize> {
        let contexts = self.root.naming_contexts();
        let unsaid = contexts.is_empty().then_some(0);
        let around = self.bases().chain(&contexts).filter(|base| dn.is_within(base)).map(Dn::depth).max();
        around.or(unsaid)
    }

    /// The name of the one entry of this filter in the domain.
    pub(in crate::source) async fn named_by(&mut self, filter: &str) -> Result<Option<Dn>, DirectoryError> {
        let Some(domain) = self.domain() else { return Ok(None) };
        let attributes = ["1.1".to_owned()];
        let search = Search {
            scope: Scope::Subtree,
            filter,
            ..Search::one(domain.as_str(), &attributes, self.settings.timeout)
        };
        let mut found = None;
        search::search(&mut self.connection.ldap, &search, &mut |raw| found = Dn::parse(&raw.dn).ok()).await?;
        Ok(found)
    }

    /// What a watermark is good for, in hexadecimal: this server, asked for this.
    pub(in crate::source) fn fingerprint(&self) -> String {
        let mut digest = Sha256::new();
        digest.update(self.root.server().unwrap_or(&self.connection.url));
        digest.update(format!("\0{}", self.flavour));
        for place in self.places() {
            digest.update(format!("\0{}\0{}\0{}\0", place.kind, place.base, place.filter));
            digest.update(self.attributes(place.kind).join("\0"));
        }
        hex::encode(digest.finalize())
    }

    /// Reads every user and every group.
    async fn everything(&mut self, sink: &mut Sink<'_>) -> Result<(), DirectoryError> {
        for place in self.places() {
            self.read_place(&place, sink).await?;
        }
        for (what, number) in std::mem::take(&mut self.passed) {
            tracing::info!(number, %what, "entries were passed over");
        }
        Ok(())
    }

    /// Whether the canary can be read. A search is silent where nothing has changed, and where the
    /// account may no longer read anything: this tells them apart.
    async fn sees_canary(&mut self) -> Result<bool, DirectoryError> {
        let canary = self.settings.canary.clone();
        let sees = self.lookup(&canary).await?.is_some();
        if !sees {
            self.problems.push(Problem {
                code: Code::AbsenceUnproved,
                subject: None,
                message: format!(
                    "the canary {canary} can no longer be read: the account may have lost its rights, and then no change \
                     is seen either. Restore them, or name another entry in `source.canary`"
                ),
            });
        }
        Ok(sees)
    }

    /// Reads one place. Its entries reach the sink whole, members included.
    pub(in crate::source) async fn read_place(
        &mut self,
        place: &SearchPlace,
        sink: &mut Sink<'_>,
    ) -> Result<(), DirectoryError> {
        let attributes = self.attributes(place.kind);
        let search = Search {
            scope: place.scope,
            filter: &place.filter,
            page_size: Some(self.settings.page_size),
            ..Search::one(&place.base, &attributes, self.settings.timeout)
        };
        let (flavour, newest, problems, passed) =
            (self.flavour, &mut self.newest, &mut self.problems, &mut self.passed);
        let mut partial = Vec::new();
        let mut take = |mut raw: RawEntry| {
            if let Some(what) = flavour.passes_over(&raw) {
                *passed.entry(what).or_default() += 1;
                return;
            }
            let range = ranges::take(&mut raw.attributes);
            match identified(flavour, place.kind, raw, newest) {
                Ok(entry) => match range {
                    Some(range) => partial.push((entry, range)),
                    None => sink(Change::Upsert(entry)),
                },
                Err(problem) => problems.push(problem),
            }
        };
        let done = match search::search(&mut self.connection.ldap, &search, &mut take).await? {
            End::Whole(done) => done,
            End::NoSuchObject => {
                return Err(search.refused(32, "the base does not exist, or the account may not see it"));
            }
        };
        for (mut entry, range) in partial {
            self.complete(&mut entry, range).await?;
            sink(Change::Upsert(entry));
        }
        referral::handle(self, place, done.referrals, sink).await
    }

    /// Makes a raw entry of a search that is not [`Self::read_place`]'s whole; `None` for what is
    /// passed over.
    pub(in crate::source) async fn whole(
        &mut self,
        kind: Kind,
        raw: RawEntry,
    ) -> Result<Option<Entry>, DirectoryError> {
        if self.flavour.passes_over(&raw).is_some() {
            return Ok(None);
        }
        self.taken(kind, raw).await
    }

    async fn taken(&mut self, kind: Kind, mut raw: RawEntry) -> Result<Option<Entry>, DirectoryError> {
        let range = ranges::take(&mut raw.attributes);
        match identified(self.flavour, kind, raw, &mut self.newest) {
            Ok(mut entry) => {
                if let Some(range) = range {
                    self.complete(&mut entry, range).await?;
                }
                Ok(Some(entry))
            }
            Err(problem) => {
                self.problems.push(problem);
                Ok(None)
            }
        }
    }

    async fn complete(&mut self, entry: &mut Entry, range: ranges::Range) -> Result<(), DirectoryError> {
        let base = self.flavour.base_of(entry.id).unwrap_or_else(|| entry.dn.as_str().to_owned());
        ranges::complete(&mut self.connection.ldap, &base, self.settings.timeout, entry, range).await
    }

    /// One raw entry; `None` only where the server said that there is none.
    pub(in crate::source) async fn lookup(&mut self, key: &Key) -> Result<Option<RawEntry>, DirectoryError> {
        let by_filter = |reader: &Self, id| {
            let contexts = reader.root.naming_contexts();
            let bases = if contexts.is_empty() { reader.bases().cloned().collect() } else { contexts };
            let places = bases.into_iter().map(|base| (base.as_str().to_owned(), Scope::Subtree));
            (places.collect(), reader.flavour.by_id(id))
        };
        let any = "(objectClass=*)".to_owned();
        let (places, filter): (Vec<(String, Scope)>, String) = match key {
            Key::Dn(dn) => (vec![(dn.as_str().to_owned(), Scope::Base)], any),
            Key::Id(id) => match self.flavour.base_of(*id) {
                Some(base) => (vec![(base, Scope::Base)], any),
                None => by_filter(self, *id),
            },
        };
        let mut attributes = self.attributes(Kind::Group);
        attributes.extend(self.attributes(Kind::User));
        attributes.push("objectclass".to_owned());
        attributes.sort_unstable();
        attributes.dedup();
        for (base, scope) in places {
            let search = Search { scope, filter: &filter, ..Search::one(&base, &attributes, self.settings.timeout) };
            let mut found = None;
            search::search(&mut self.connection.ldap, &search, &mut |raw| found = Some(raw)).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Reads these entries again, wherever they stand in the configured places. Those that are in
    /// none, or no longer fit the filter, are said to be missing.
    pub(in crate::source) async fn read_again(
        &mut self,
        ids: &BTreeSet<SourceId>,
        sink: &mut Sink<'_>,
    ) -> Result<(), DirectoryError> {
        let mut seen = HashSet::new();
        let all: Vec<SourceId> = ids.iter().copied().collect();
        for place in self.places() {
            for batch in all.chunks(BATCH) {
                let any: String = batch.iter().map(|id| self.flavour.by_id(*id)).collect();
                let place = SearchPlace { filter: format!("(&{}(|{any}))", place.filter), ..place.clone() };
                let mut note = |change: Change| {
                    if let Change::Upsert(entry) = &change {
                        seen.insert(entry.id);
                    }
                    sink(change);
                };
                self.read_place(&place, &mut note).await?;
            }
        }
        ids.iter().filter(|id| !seen.contains(id)).for_each(|id| sink(Change::Missing(*id)));
        Ok(())
    }

    /// One search of a single answer, for the mechanisms.
    pub(in crate::source) async fn done(
        &mut self,
        search: &Search<'_>,
        take: &mut (dyn FnMut(search::SearchMessage) + Send),
    ) -> Result<SearchDone, DirectoryError> {
        match search::answers(&mut self.connection.ldap, search, take).await? {
            End::Whole(done) => Ok(done),
            End::NoSuchObject => Err(search.refused(32, "the base does not exist, or the account may not see it")),
        }
    }
}

/// An entry with its identity, or the record that it has none. `modifyTimestamp` is taken out: it
/// changes without meaning, as when a group's member is renamed.
fn identified(flavour: Flavour, kind: Kind, mut raw: RawEntry, newest: &mut Option<String>) -> Result<Entry, Problem> {
    let modified = raw.attributes.take("modifyTimestamp").into_iter().next();
    if let Some(modified) = modified.and_then(|bytes| String::from_utf8(bytes).ok()) {
        *newest = newest.take().max(Some(modified));
    }
    let dn = raw.dn.clone();
    flavour.entry(kind, raw).ok_or_else(|| Problem {
        code: Code::EntryWithoutId,
        subject: None,
        message: format!(
            "the {kind} {dn:?} shows no {}, so nobody can say who it is: no resource is made for it, and one that is there stays as it is. Let the account read that attribute",
            flavour.id_attribute()
        ),
    })
}
