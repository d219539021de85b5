//! The directory as it was last read, and where to continue.
//!
//! Kept after the writes of a run, and never by a dry run. The watermark is written last: a crash in
//! between leaves newer entries beside an older mark, and what is then reported again is no news. A
//! record that cannot be read is no error, since all of this is a cache: everything is read again.

use std::collections::{BTreeSet, HashSet};

use sled::Batch;

use super::{AT_A_TIME, State, StateError};
use crate::{
    dn::Dn,
    identity::SourceId,
    observation::{Kept, Observation},
    population::{Observed, Population},
    source::{Watermark, absence::Stray, sightings::Sightings},
};

const WATERMARK: &str = "watermark";

/// Marks a complete population, with the version of its format.
const WHOLE: &str = "population-3";

const SIGHTINGS: &str = "sightings";

/// Where those stand who are about to be made: a run that is killed keeps nothing else of them.
const PLACES: &str = "places";

impl State {
    /// What the last reading left; `None` where there was none.
    pub fn kept(&self) -> Result<Option<Kept>, StateError> {
        let (entries, marks) = self.source_trees()?;
        let sightings = marks.get(SIGHTINGS)?.and_then(|record| postcard::from_bytes(&record).ok());
        let mut sightings: Sightings = sightings.unwrap_or_default();
        for place in &self.db.open_tree(PLACES)? {
            let (id, dn) = place?;
            let dn = std::str::from_utf8(&dn).ok().and_then(|text| Dn::parse(text).ok());
            if let (Some(id), Some(dn)) = (SourceId::from_bytes(&id), dn) {
                sightings.strays.entry(id).or_insert(Stray { dn, out_of_sight: false });
            }
        }
        if !marks.contains_key(WHOLE)? {
            let some = !sightings.strays.is_empty();
            return Ok(some.then(|| Kept { population: Population::default(), watermark: None, sightings }));
        }
        let mut population = Population::default();
        for record in &entries {
            match postcard::from_bytes::<Observed>(&record?.1) {
                Ok(observed) => population.insert(observed),
                Err(error) => return forgotten(&marks, &error),
            }
        }
        Ok(Some(Kept { population, watermark: self.watermark()?, sightings }))
    }

    /// One entry as the last reading left it; `None` where everything has to be read again.
    pub fn observed(&self, id: SourceId) -> Result<Option<Observed>, StateError> {
        let (entries, marks) = self.source_trees()?;
        let record = if marks.contains_key(WHOLE)? { entries.get(id.as_bytes())? } else { None };
        Ok(record.and_then(|record| postcard::from_bytes(&record).ok()))
    }

    /// Whether the last reading left no entries but these.
    pub fn observed_only(&self, ids: &HashSet<SourceId>) -> Result<bool, StateError> {
        let (entries, _) = self.source_trees()?;
        for key in entries.iter().keys() {
            if SourceId::from_bytes(&key?).is_none_or(|id| !ids.contains(&id)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Keeps some entries as they are now, and then where the next reading continues.
    pub fn keep_changed(&self, changed: &[Observed], watermark: &Watermark) -> Result<(), StateError> {
        let (entries, _) = self.source_trees()?;
        let mut batch = Batch::default();
        for observed in changed {
            let record = postcard::to_stdvec(observed).map_err(|error| StateError::Record(error.to_string()))?;
            batch.insert(observed.entry.id.as_bytes(), record);
        }
        entries.apply_batch(batch)?;
        self.keep_watermark(watermark)
    }

    /// Where the next reading continues.
    pub fn watermark(&self) -> Result<Option<Watermark>, StateError> {
        let (_, marks) = self.source_trees()?;
        Ok(marks.get(WATERMARK)?.and_then(|mark| postcard::from_bytes(&mark).ok()))
    }

    /// Keeps where the next reading continues, when the last one said nothing.
    pub fn keep_watermark(&self, watermark: &Watermark) -> Result<(), StateError> {
        let (_, marks) = self.source_trees()?;
        let mark = postcard::to_stdvec(watermark).map_err(|error| StateError::Record(error.to_string()))?;
        if marks.get(WATERMARK)?.as_deref() != Some(mark.as_slice()) {
            marks.insert(WATERMARK, mark)?;
        }
        Ok(())
    }

    /// Notes where entries stand of which a run is about to make resources.
    pub fn note_places<'a>(&self, places: impl Iterator<Item = (SourceId, &'a Dn)>) -> Result<(), StateError> {
        let tree = self.db.open_tree(PLACES)?;
        for (id, dn) in places {
            tree.insert(id.as_bytes(), dn.as_str())?;
        }
        Ok(())
    }

    /// Keeps an observation that continued what [`Self::kept`] gave. Call it when the writes of the
    /// run are done.
    pub fn keep(&self, observation: &Observation) -> Result<(), StateError> {
        let (entries, marks) = self.source_trees()?;
        let damaged = |error: postcard::Error| StateError::Record(error.to_string());
        let everything: BTreeSet<SourceId>;
        let write = if marks.contains_key(WHOLE)? {
            &observation.changed
        } else {
            entries.clear()?;
            everything = observation.population.iter().map(|observed| observed.entry.id).collect();
            &everything
        };
        // Where an absent entry stood last must be known even when everything has to be read again.
        if observation.watermark.is_none() {
            marks.remove(WATERMARK)?;
        }
        let mut batch = Batch::default();
        for (n, id) in write.iter().enumerate() {
            match observation.population.get(*id) {
                Some(observed) => batch.insert(id.as_bytes(), postcard::to_stdvec(observed).map_err(damaged)?),
                None => batch.remove(id.as_bytes()),
            }
            if n % AT_A_TIME == AT_A_TIME - 1 {
                entries.apply_batch(std::mem::take(&mut batch))?;
            }
        }
        entries.apply_batch(batch)?;
        marks.insert(SIGHTINGS, postcard::to_stdvec(&observation.sightings).map_err(damaged)?)?;
        marks.insert(WHOLE, b"")?;
        self.db.open_tree(PLACES)?.clear()?;
        observation.watermark.as_ref().map_or(Ok(()), |watermark| self.keep_watermark(watermark))
    }

    fn source_trees(&self) -> Result<(sled::Tree, sled::Tree), StateError> {
        Ok((self.db.open_tree("population")?, self.db.open_tree("source")?))
    }
}

fn forgotten(marks: &sled::Tree, error: &postcard::Error) -> Result<Option<Kept>, StateError> {
    tracing::warn!(%error, "what was kept of the directory cannot be read; everything is read again");
    marks.remove(WATERMARK)?;
    marks.remove(WHOLE)?;
    Ok(None)
}
