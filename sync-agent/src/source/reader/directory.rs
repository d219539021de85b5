//! The reader as a directory.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{BATCH, LdapReader, SearchPlace};
use crate::{
    dn::Dn,
    identity::{Kind, SourceId},
    mode::Mode,
    source::{
        Directory, DirectoryError, Entry, HeldAs, Key, Outside, PassedOver, Reading, Sink, Trace, Watermark,
        entry::kind_of, filters,
    },
};

#[async_trait]
impl Directory for LdapReader {
    async fn read(&mut self, since: Option<&Watermark>, sink: &mut Sink<'_>) -> Result<Reading, DirectoryError> {
        let fingerprint = self.fingerprint();
        let (mode, mark) = match since {
            Some(watermark) if watermark.fingerprint != fingerprint => {
                return Err(DirectoryError::WatermarkRefused(
                    "the server or the configuration is another one".to_owned(),
                ));
            }
            Some(watermark) => (Mode::Incremental, Some(self.changes(&watermark.mark, sink).await?)),
            None => {
                // The mark first: what changes while the reading runs is then reported once more,
                // and not lost.
                let mark = self.mark().await?;
                self.everything(sink).await?;
                (Mode::Full, mark.filter(|_| !self.followed).or_else(|| self.modified_mark()))
            }
        };
        // What an account did not see while it had lost its rights is never told again.
        let mark = if self.sees_canary().await? { mark } else { None };
        let watermark = mark.map(|mark| Watermark { fingerprint, mark });
        Ok(Reading { mode, watermark, problems: std::mem::take(&mut self.problems) })
    }

    async fn again(&mut self, ids: &BTreeSet<SourceId>, sink: &mut Sink<'_>) -> Result<(), DirectoryError> {
        self.read_again(ids, sink).await
    }

    async fn holders(
        &mut self,
        held: &[HeldAs],
        referring: &[String],
        sink: &mut Sink<'_>,
    ) -> Result<(), DirectoryError> {
        let held: Vec<HeldAs> = held.iter().filter(|one| !matches!(one, HeldAs::Sid(_))).cloned().collect();
        for batch in held.chunks(BATCH) {
            for place in self.places() {
                let filter = match place.kind {
                    Kind::User => filters::referring_filter(&place.filter, batch, referring),
                    Kind::Group => Some(filters::holders_filter(self.flavour, &place.filter, batch)),
                };
                if let Some(filter) = filter {
                    self.read_place(&SearchPlace { filter, ..place }, sink).await?;
                }
            }
        }
        Ok(())
    }

    async fn outside(&mut self, dn: &Dn) -> Result<Outside, DirectoryError> {
        let raw = match self.lookup(&Key::Dn(dn.clone())).await {
            // In another domain, no DN to this server, or not for this account: not ours to know.
            Err(DirectoryError::Search { code: 10 | 34 | 50, .. }) => None,
            other => other?,
        };
        let Some(mut raw) = raw else { return Ok(Outside::Unknown) };
        let other = |what| Ok(Outside::Other { id: self.flavour.id(&raw), what });
        if let Some(what) = self.flavour.passes_over(&raw) {
            return other(what);
        }
        let Some(kind) = kind_of(&raw.attributes) else { return other(PassedOver::of(&raw.attributes)) };
        let settings = self.search_settings(kind);
        // As the server spells it, which is how the bases' own entries are spelt.
        let dn = Dn::parse(&raw.dn).unwrap_or_else(|_| dn.clone());
        if settings.filter.is_some() && settings.bases.iter().any(|base| dn.is_within(base)) {
            return other(PassedOver::Filtered);
        }
        raw.attributes.take("objectClass");
        Ok(self.whole(kind, raw).await?.map_or(Outside::Unknown, Outside::Member))
    }

    async fn find(&mut self, key: &Key) -> Result<Option<Entry>, DirectoryError> {
        let Some(mut raw) = self.lookup(key).await? else { return Ok(None) };
        let (dn, kind) = (raw.dn.clone(), kind_of(&raw.attributes).unwrap_or(Kind::User));
        // Every entry has one: a filter that no longer finds it was not left, it cannot be tried.
        if matches!(key, Key::Id(_)) && raw.attributes.bytes("objectClass").is_empty() {
            return Err(DirectoryError::Settings(format!("{dn:?} can be read, but not its objectClass")));
        }
        raw.attributes.take("objectClass");
        // The entry exists, even if a reading ignores it.
        let entry = self.taken(kind, raw).await?;
        // To say None here would be to say that the entry is gone.
        entry.map(Some).ok_or_else(|| {
            DirectoryError::Settings(format!("{dn:?} can be read, but not its {}", self.flavour.id_attribute()))
        })
    }

    async fn trace(&mut self, id: SourceId, last: Option<&Dn>) -> Result<Trace, DirectoryError> {
        let foreign = last.is_some_and(|dn| self.holds_at(dn).is_none());
        Ok(match self.trace_object(id, last).await? {
            // Where it stood is a source no longer: that nothing of it is here proves nothing.
            Trace::Nowhere | Trace::Vacant | Trace::Taken | Trace::Silent(_) if foreign => Trace::Foreign,
            trace => trace,
        })
    }

    async fn trace_name(&mut self, dn: &Dn) -> Result<Trace, DirectoryError> {
        let contexts = self.root.naming_contexts();
        if !contexts.is_empty() && !contexts.iter().any(|context| dn.is_within(context)) {
            return Ok(Trace::Vacant);
        }
        self.trace_name_of(dn, None).await
    }

    async fn still_has(&mut self, group: &Dn, member: &HeldAs) -> Result<Option<bool>, DirectoryError> {
        self.has_member(group, member).await
    }

    async fn withholds(
        &mut self,
        dn: &Dn,
        kind: Kind,
        attribute: &str,
        value: Option<&[u8]>,
    ) -> Result<Option<bool>, DirectoryError> {
        self.withholds_attribute(dn, kind, attribute, value).await
    }

    fn filtered_by(&self, _dn: &Dn, kind: Kind) -> Vec<String> {
        self.filter_attributes(kind)
    }

    fn rewrites_names_later(&self, _group: &Dn) -> bool {
        self.flavour.rewrites_names_later()
    }

    async fn containers(&mut self) -> Result<Vec<(Option<SourceId>, Dn)>, DirectoryError> {
        self.all_containers().await
    }

    async fn everything_seen(&mut self) -> Result<Option<Vec<(Option<SourceId>, Dn)>>, DirectoryError> {
        if self.flavour.names_by_identity() {
            return Ok(None);
        }
        Ok(Some(Self::everything_seen(self).await?))
    }

    fn covers(&self, dn: &Dn) -> bool {
        self.bases().any(|base| dn.is_within(base))
    }

    fn ignores(&self, container: &Dn) -> bool {
        let ignored = self.settings.ignored_containers.iter().any(|ignored| container.is_within(ignored));
        // The container belongs to a source that was removed.
        ignored || self.holds_at(container).is_none()
    }

    fn server(&self) -> &str {
        &self.connection.url
    }
}
