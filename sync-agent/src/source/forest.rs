//! Several directories as one: the domains of a forest, or a domain and another directory.
//!
//! All are read into one population. Whatever is asked about one entry is asked of the directory that holds
//! it ([`Forest::homes`]): the one with the innermost base or naming context around its name, since a
//! domain's name may stand beneath another's. A failure of any of them ends the reading, so that nobody is
//! missing because a directory did not answer. What a directory says is gone is looked for in the others
//! first: who is moved into another domain of a forest keeps the identity.

use std::collections::{BTreeSet, HashSet};

use async_trait::async_trait;

use super::{
    Change, Directory, DirectoryError, Entry, HeldAs, Key, Mark, Outside, Proof, Reading, Sink, Trace, Watermark,
    foreign, reader::LdapReader,
};
use crate::{
    dn::Dn,
    identity::{Kind, SourceId},
    mode::Mode,
    source::settings::SourceSettings,
};

/// Several directories, each connected.
pub struct Forest {
    readers: Vec<LdapReader>,
    servers: String,
}

impl Forest {
    /// Connects to each. One that cannot be reached is an error of all.
    pub async fn open(
        sources: impl Iterator<Item = &SourceSettings>,
        mapped: &[String],
    ) -> Result<Self, DirectoryError> {
        let mut readers = Vec::new();
        for settings in sources {
            readers.push(LdapReader::open(settings, mapped.to_vec()).await?);
        }
        let servers: Vec<&str> = readers.iter().map(LdapReader::server).collect();
        Ok(Self { servers: servers.join(", "), readers })
    }

    /// Those that this name belongs to; all where nobody can say.
    fn homes_of(&self, name: Option<&Dn>) -> BTreeSet<usize> {
        let depth = |reader: &LdapReader| name.and_then(|dn| reader.holds_at(dn));
        let deepest = self.readers.iter().filter_map(depth).max();
        let home = |(_, reader): &(usize, &LdapReader)| deepest.is_none() || depth(reader) == deepest;
        self.readers.iter().enumerate().filter(home).map(|(n, _)| n).collect()
    }

    /// The readers of these places.
    fn at<'a>(&'a mut self, homes: &'a BTreeSet<usize>) -> impl Iterator<Item = &'a mut LdapReader> {
        self.readers.iter_mut().enumerate().filter(|(n, _)| homes.contains(n)).map(|(_, reader)| reader)
    }

    /// The entry with this SID, in any of the domains.
    async fn of_sid(&mut self, sid: &str) -> Result<Outside, DirectoryError> {
        let Some(filter) = foreign::filter(sid) else { return Ok(Outside::Unknown) };
        for reader in &mut self.readers {
            if let Some(dn) = reader.named_by(&filter).await? {
                return reader.outside(&dn).await;
            }
        }
        Ok(Outside::Unknown)
    }

    /// Whether another one than this shows the entry.
    async fn is_elsewhere(&mut self, id: SourceId, than: usize) -> Result<bool, DirectoryError> {
        for (_, reader) in self.readers.iter_mut().enumerate().filter(|(n, _)| *n != than) {
            if !matches!(find_in(reader, &Key::Id(id)).await, Ok(None)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// A domain that refers to another one for an identity does not hold it.
async fn find_in(reader: &mut LdapReader, key: &Key) -> Result<Option<Entry>, DirectoryError> {
    match reader.find(key).await {
        Err(DirectoryError::Search { code: 10, .. }) => Ok(None),
        other => other,
    }
}

/// How a directory may name somebody as a member: those of another domain by their SID.
fn held_in(reader: &LdapReader, held: &[HeldAs]) -> Vec<HeldAs> {
    let domain = reader.domain();
    let name = |one: &HeldAs| match one {
        HeldAs::Sid(sid) => domain.as_ref().map(|domain| HeldAs::Dn(foreign::name_in(domain, sid))),
        other => Some(other.clone()),
    };
    held.iter().filter_map(name).collect()
}

/// How little a trace proves: of two the lesser one counts.
const fn doubt(trace: &Trace) -> u8 {
    match trace {
        Trace::Deleted => 0,
        Trace::Nowhere => 1,
        Trace::Vacant => 2,
        Trace::Taken => 3,
        Trace::Foreign => 4,
        Trace::Silent(_) => 5,
        Trace::Hidden(_) => 6,
    }
}

#[async_trait]
impl Directory for Forest {
    async fn read(&mut self, since: Option<&Watermark>, sink: &mut Sink<'_>) -> Result<Reading, DirectoryError> {
        let marks: Vec<Option<&Watermark>> = match since {
            None => self.readers.iter().map(|_| None).collect(),
            Some(watermark) => watermark.each().iter().map(Some).collect(),
        };
        if marks.len() != self.readers.len() {
            return Err(DirectoryError::WatermarkRefused("the configuration has other sources".to_owned()));
        }
        let (mut problems, mut watermarks) = (Vec::new(), Vec::new());
        let mut deleted: Vec<(usize, SourceId, Proof)> = Vec::new();
        for (n, (reader, mark)) in self.readers.iter_mut().zip(marks).enumerate() {
            let mut take = |change| match change {
                Change::Delete(id, proof) => deleted.push((n, id, proof)),
                other => sink(other),
            };
            let reading = reader.read(mark, &mut take).await?;
            problems.extend(reading.problems);
            watermarks.extend(reading.watermark);
        }
        for (n, id, proof) in deleted {
            let moved = self.is_elsewhere(id, n).await?;
            sink(if moved { Change::Missing(id) } else { Change::Delete(id, proof) });
        }
        let mode = if since.is_some() { Mode::Incremental } else { Mode::Full };
        // One that cannot be continued makes the next reading of all a full one.
        let all = watermarks.len() == self.readers.len();
        let watermark = all.then(|| Watermark { fingerprint: String::new(), mark: Mark::Each(watermarks) });
        Ok(Reading { mode, watermark, problems })
    }

    async fn find(&mut self, key: &Key) -> Result<Option<Entry>, DirectoryError> {
        let homes = match key {
            Key::Id(_) => self.homes_of(None),
            Key::Dn(dn) => self.homes_of(Some(dn)),
        };
        let mut shown = None;
        for reader in self.at(&homes) {
            match find_in(reader, key).await {
                Ok(None) => {}
                // Shown in part; another one may show all of it.
                Err(error @ DirectoryError::Settings(_)) => shown = Some(error),
                other => return other,
            }
        }
        shown.map_or(Ok(None), Err)
    }

    async fn find_at(&mut self, home: usize, key: &Key) -> Result<Option<Entry>, DirectoryError> {
        match self.readers.get_mut(home) {
            Some(reader) => reader.find(key).await,
            None => Ok(None),
        }
    }

    async fn again(&mut self, ids: &BTreeSet<SourceId>, sink: &mut Sink<'_>) -> Result<(), DirectoryError> {
        let mut seen = HashSet::new();
        for reader in &mut self.readers {
            let mut take = |change| match change {
                Change::Missing(_) => {}
                other => {
                    if let Change::Upsert(entry) = &other {
                        seen.insert(entry.id);
                    }
                    sink(other);
                }
            };
            reader.again(ids, &mut take).await?;
        }
        ids.iter().filter(|id| !seen.contains(id)).for_each(|id| sink(Change::Missing(*id)));
        Ok(())
    }

    async fn holders(
        &mut self,
        held: &[HeldAs],
        referring: &[String],
        sink: &mut Sink<'_>,
    ) -> Result<(), DirectoryError> {
        for reader in &mut self.readers {
            let held = held_in(reader, held);
            reader.holders(&held, referring, sink).await?;
        }
        Ok(())
    }

    async fn outside(&mut self, dn: &Dn) -> Result<Outside, DirectoryError> {
        if let Some(sid) = foreign::sid_of(dn) {
            match self.of_sid(&sid).await? {
                Outside::Unknown => {}
                found => return Ok(found),
            }
        }
        let homes = self.homes_of(Some(dn));
        for reader in self.at(&homes) {
            match reader.outside(dn).await? {
                Outside::Unknown => {}
                found => return Ok(found),
            }
        }
        Ok(Outside::Unknown)
    }

    async fn trace(&mut self, id: SourceId, last: Option<&Dn>) -> Result<Trace, DirectoryError> {
        let homes = self.homes_of(last);
        let mut least = None;
        for reader in self.at(&homes) {
            let trace = reader.trace(id, last).await?;
            least = least.into_iter().chain([trace]).max_by_key(doubt);
        }
        Ok(least.unwrap_or(Trace::Foreign))
    }

    async fn trace_name(&mut self, dn: &Dn) -> Result<Trace, DirectoryError> {
        let homes = self.homes_of(Some(dn));
        let mut least = None;
        for reader in self.at(&homes) {
            let trace = reader.trace_name(dn).await?;
            least = least.into_iter().chain([trace]).max_by_key(doubt);
        }
        Ok(least.unwrap_or(Trace::Vacant))
    }

    async fn still_has(&mut self, group: &Dn, member: &HeldAs) -> Result<Option<bool>, DirectoryError> {
        let homes = self.homes_of(Some(group));
        let mut sure = true;
        for reader in self.at(&homes) {
            for held in held_in(reader, std::slice::from_ref(member)) {
                match reader.still_has(group, &held).await? {
                    Some(true) => return Ok(Some(true)),
                    Some(false) => {}
                    None => sure = false,
                }
            }
        }
        Ok(sure.then_some(false))
    }

    async fn withholds(
        &mut self,
        dn: &Dn,
        kind: Kind,
        attribute: &str,
        value: Option<&[u8]>,
    ) -> Result<Option<bool>, DirectoryError> {
        let homes = self.homes_of(Some(dn));
        let mut sure = true;
        for reader in self.at(&homes) {
            match reader.withholds(dn, kind, attribute, value).await? {
                Some(true) => return Ok(Some(true)),
                Some(false) => {}
                None => sure = false,
            }
        }
        Ok(sure.then_some(false))
    }

    fn filtered_by(&self, dn: &Dn, kind: Kind) -> Vec<String> {
        let homes = self.homes_of(Some(dn));
        homes.into_iter().filter_map(|n| self.readers.get(n)).flat_map(|reader| reader.filtered_by(dn, kind)).collect()
    }

    fn rewrites_names_later(&self, group: &Dn) -> bool {
        let homes = self.homes_of(Some(group));
        homes.into_iter().filter_map(|n| self.readers.get(n)).any(|reader| reader.rewrites_names_later(group))
    }

    async fn containers(&mut self) -> Result<Vec<(Option<SourceId>, Dn)>, DirectoryError> {
        let mut all = Vec::new();
        for reader in &mut self.readers {
            all.extend(reader.containers().await?);
        }
        Ok(all)
    }

    async fn everything_seen(&mut self) -> Result<Option<Vec<(Option<SourceId>, Dn)>>, DirectoryError> {
        let mut all = None;
        for reader in &mut self.readers {
            // Both names are taken: this is the one of the trait.
            if let Some(seen) = Directory::everything_seen(reader).await? {
                all.get_or_insert_with(Vec::new).extend(seen);
            }
        }
        Ok(all)
    }

    fn proves_by_identity(&self, dn: &Dn) -> bool {
        let homes = self.homes_of(Some(dn));
        let mut at = homes.into_iter().filter_map(|n| self.readers.get(n));
        at.all(|reader| reader.flavour.names_by_identity())
    }

    fn covers(&self, dn: &Dn) -> bool {
        self.readers.iter().any(|reader| reader.covers(dn))
    }

    fn ignores(&self, container: &Dn) -> bool {
        self.homes_of(Some(container)).into_iter().filter_map(|n| self.readers.get(n)).all(|one| one.ignores(container))
    }

    fn homes(&self, last: Option<&Dn>) -> BTreeSet<usize> {
        self.homes_of(last)
    }

    fn server(&self) -> &str {
        &self.servers
    }
}
