//! The directory as it is now, and how far that is sure.
//!
//! The order of a reading: what changed since the watermark, or everything where there is none or it
//! is refused; whoever is missing is asked for once more; groups that hold somebody who is new or was
//! renamed; members outside of the bases; and last, for each entry that is no longer there, the proof
//! of its absence. An error anywhere leaves nothing behind.

use std::collections::{BTreeSet, HashSet};

use super::{
    Coverage, Directory, DirectoryError, Key, Outside, Reading, SourceId, Watermark,
    absence::{self, Verdict},
};
use crate::{
    dn::Dn,
    number,
    population::{Finished, Intake, Population},
    problem::{Code, Problem},
    source::Change,
};

/// Above so many names a full reading is cheaper than asking which groups hold them.
const MANY: usize = 2_000;

/// What the last reading left.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The population.
    pub population: Population,
    /// Where to continue.
    pub watermark: Watermark,
}

/// What is wanted.
#[derive(Debug)]
pub struct Question<'a> {
    /// What is read to prove that the account can read.
    pub canary: &'a Key,
    /// Everything that the target holds from us: whoever of these is not seen must be explained.
    pub known: &'a BTreeSet<SourceId>,
    /// Whether everything is to be read, although there is a watermark.
    pub everything: bool,
    /// The attributes of people that refer to others, in lower case: `manager`.
    pub referring: &'a [String],
    /// Names that the configuration has for entries: where no entry is written so, the server is asked.
    pub names: &'a [Dn],
}

/// The directory as it was read.
#[derive(Debug)]
pub struct Observation {
    /// The population.
    pub population: Population,
    /// What the reading covered.
    pub coverage: Coverage,
    /// Where the next reading continues: to be kept when the writes are done. `None` where the next
    /// one must be full.
    pub watermark: Option<Watermark>,
    /// Entries that are not as they were kept: what keeping has to write. When this is empty and the
    /// coverage is of changes, the directory has not changed.
    pub changed: BTreeSet<SourceId>,
    /// What became of each known object that is not in the population, and of each that was.
    pub departed: Vec<(SourceId, Verdict)>,
    /// Those of them that can make a difference at the target.
    pub matters: BTreeSet<SourceId>,
    /// For a full reading that continued a watermark: what the readings of changes had missed.
    pub drift: Option<BTreeSet<SourceId>>,
    /// Whether a kept watermark had to be given up, and why.
    pub restarted: Option<String>,
    /// What could not be read, without harm to the rest.
    pub problems: Vec<Problem>,
}

/// Reads the directory.
pub async fn observe(
    directory: &mut dyn Directory,
    kept: Option<Kept>,
    question: &Question<'_>,
) -> Result<Observation, DirectoryError> {
    let Some(Kept { population, watermark }) = kept else {
        return pass(directory, Population::default(), None, question).await.map_err(|(_, error)| error);
    };
    match pass(directory, population, Some(&watermark), question).await {
        Ok(changes) if question.everything => {
            let full = pass(directory, changes.population, None, question).await.map_err(|(_, error)| error)?;
            Ok(Observation {
                changed: &full.changed | &changes.changed,
                matters: &full.matters | &changes.matters,
                drift: Some(full.matters),
                ..full
            })
        }
        Ok(changes) => Ok(changes),
        Err((before, DirectoryError::WatermarkRefused(reason))) => {
            tracing::info!(reason, "the directory is read from the beginning");
            let full = pass(directory, before, None, question).await.map_err(|(_, error)| error)?;
            Ok(Observation { restarted: Some(reason), ..full })
        }
        Err((_, error)) => Err(error),
    }
}

/// One reading. With an error comes what was there before.
async fn pass(
    directory: &mut dyn Directory,
    before: Population,
    since: Option<&Watermark>,
    question: &Question<'_>,
) -> Result<Observation, (Population, DirectoryError)> {
    let mut intake = Intake::new(before).referring(question.referring);
    match take(directory, &mut intake, since, question).await {
        Err(error) => Err((intake.into_before(), error)),
        Ok((Reading { coverage, watermark, problems }, departed)) => {
            let Finished { mut population, changed, matters, .. } = intake.finish(coverage);
            if let Err(error) = call(directory, &mut population, question.names).await {
                return Err((population, error));
            }
            let sure = !departed.iter().any(|(_, verdict)| matches!(verdict, Verdict::Unknown(_)));
            Ok(Observation {
                population,
                coverage,
                watermark: watermark.filter(|_| sure),
                changed,
                matters,
                departed,
                drift: None,
                restarted: None,
                problems,
            })
        }
    }
}

async fn take(
    directory: &mut dyn Directory,
    intake: &mut Intake,
    since: Option<&Watermark>,
    question: &Question<'_>,
) -> Result<(Reading, Vec<(SourceId, Verdict)>), DirectoryError> {
    let mut reading = directory.read(since, &mut |change| intake.take(change)).await?;
    let coverage = reading.coverage;
    let missing = intake.missing(coverage);
    let (outside, missing): (BTreeSet<_>, BTreeSet<_>) = missing.into_iter().partition(|id| intake.was_outside(*id));
    if !missing.is_empty() {
        directory.again(&missing, &mut |change| intake.take(change)).await?;
    }
    for id in outside {
        if let Some(entry) = directory.find(&Key::Id(id)).await? {
            intake.take_outside(entry);
        }
    }
    if coverage == Coverage::Changes {
        let held = intake.held_as(&intake.missing(coverage));
        if held.len() > MANY {
            return Err(DirectoryError::WatermarkRefused(format!("{} entries are new or have new names", held.len())));
        }
        directory.holders(&held, question.referring, &mut |change| intake.take_holder(change)).await?;
    }
    outsiders(directory, intake, coverage).await?;
    let departed = departed(directory, intake, coverage, question, &mut reading.problems).await?;
    Ok((reading, departed))
}

/// Finds the entries that the configuration names, where it spells a name in another way than they do.
async fn call(directory: &mut dyn Directory, population: &mut Population, names: &[Dn]) -> Result<(), DirectoryError> {
    for dn in population.unknown(names.iter().cloned()) {
        if let Some(id) = directory.outside(&dn).await?.id() {
            population.call(id, dn);
        }
    }
    Ok(())
}

/// Members that are written in another way than the entries that were read, or stand outside of the
/// bases, and the members of those. What the server returns for a name is what the name means: it
/// compares names as the directory does, with its rules for spaces, case and normal forms.
async fn outsiders(
    directory: &mut dyn Directory,
    intake: &mut Intake,
    coverage: Coverage,
) -> Result<(), DirectoryError> {
    let mut asked = HashSet::new();
    loop {
        let open: Vec<_> = intake.unresolved(coverage).into_iter().filter(|dn| !asked.contains(dn)).collect();
        if open.is_empty() {
            return Ok(());
        }
        let missing = intake.missing(coverage);
        for dn in open {
            let found = directory.outside(&dn).await?;
            match (found.id().filter(|id| intake.holds(*id, &missing, coverage)), found) {
                (Some(id), _) => intake.is_called(id, dn.clone()),
                (None, Outside::Member(entry)) if intake.is_member(&dn) => {
                    intake.is_called(entry.id, dn.clone());
                    intake.take_outside(entry);
                }
                (None, Outside::Other { what, .. }) => intake.is_other(dn.clone(), what),
                (None, _) => {}
            }
            asked.insert(dn);
        }
    }
}

/// What became of those who are no longer there. Where nobody can say, they stay as they were.
async fn departed(
    directory: &mut dyn Directory,
    intake: &mut Intake,
    coverage: Coverage,
    question: &Question<'_>,
    problems: &mut Vec<Problem>,
) -> Result<Vec<(SourceId, Verdict)>, DirectoryError> {
    let mut missing = intake.missing(coverage);
    let unseen = question.known.iter().filter(|id| !intake.holds(**id, &missing, coverage));
    let (shown, unseen): (Vec<_>, Vec<_>) = unseen.copied().partition(|id| intake.proof(*id).is_some());
    missing.extend(unseen);
    let mut departed = absence::examine(directory, question.canary, &missing).await?;
    for (id, verdict) in &departed {
        match verdict {
            Verdict::Gone(proof) => intake.take(Change::Delete(*id, proof.clone())),
            Verdict::Unknown(_) => intake.take(Change::Present(*id)),
            Verdict::Elsewhere(_) => {}
        }
    }
    let mut unknown = departed.iter().filter_map(|(_, verdict)| match verdict {
        Verdict::Unknown(reason) => Some(reason),
        _ => None,
    });
    if let Some(reason) = unknown.next() {
        let message = format!(
            "{} can no longer be seen, and nothing proves a deletion: {reason}. What is not seen is treated as if it were there; restore the rights of the account",
            number::of(unknown.count() + 1, "entry")
        );
        // This says more than that the canary cannot be read.
        problems.retain(|problem| problem.code != Code::AbsenceUnproved);
        problems.push(Problem { code: Code::AbsenceUnproved, subject: None, message });
    }
    departed.extend(shown.into_iter().filter_map(|id| Some((id, Verdict::Gone(intake.proof(id)?)))));
    Ok(departed)
}
