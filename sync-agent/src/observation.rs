//! One reading of the directory, and what it proves.
//!
//! A reading has these steps, in this order: read what changed since the watermark (or everything, if there is
//! no watermark or the directory refuses it); read missing entries once more; read the groups that contain new or
//! renamed entries; read members outside of the bases; prove the absence of each entry that is no longer
//! there. After an error in any step nothing of the reading is used.

pub mod withheld;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::{
    dn::Dn,
    identity::SourceId,
    mode::Mode,
    number,
    population::{
        Finished, Population, PopulationBuilder,
        absent::{Leaver, OpenNames},
        withheld::Watched,
    },
    problem::{Code, Problem},
    source::{
        Change, Directory, DirectoryError, HeldAs, Key, Outside, Reading, Trace, Watermark,
        absence::{self, Doubts, Stray, Verdict},
        sightings::{Looked, Sightings},
    },
};

use withheld::Accepted;

/// For more names than this, a full reading is cheaper than a search for the groups that contain them.
const MANY: usize = 2_000;

/// What the last reading saved.
#[derive(Debug, Clone)]
pub struct Kept {
    pub population: Population,
    /// Where to continue; `None` if the next reading must be full.
    pub watermark: Option<Watermark>,
    /// What was seen of the directory besides the population.
    pub sightings: Sightings,
}

/// What a reading needs to know.
#[derive(Debug)]
pub struct ObservationInputs<'a> {
    /// What is read to prove that the account can read: one for each source.
    pub canaries: &'a [&'a Key],
    /// Every object that the agent has at the target. The reading must say what became of each one it does not see.
    pub known: &'a BTreeSet<SourceId>,
    /// Whether everything is to be read, although there is a watermark.
    pub everything: bool,
    /// The attributes of people that refer to others, in lower case: `manager`.
    pub referring: &'a [String],
    /// Names of entries in the configuration. If no entry is spelled like that, the reading asks the server.
    pub names: &'a [Dn],
    /// The attributes that matter: if an entry no longer shows one of them, its loss must be proved.
    pub watched: &'a Watched,
    /// The losses that an administrator approved.
    pub accepted: &'a Accepted,
}

/// The directory as it was read.
#[derive(Debug)]
pub struct Observation {
    pub population: Population,
    /// What the reading covered.
    pub mode: Mode,
    /// Where the next reading continues; saved after the writes. `None` if the next reading must be full.
    pub watermark: Option<Watermark>,
    /// Entries that differ from the saved ones, and must be saved again. If there is none and the mode is
    /// incremental, the directory has not changed.
    pub changed: BTreeSet<SourceId>,
    /// What is remembered besides the population.
    pub sightings: Sightings,
    /// What became of each known object that is not in the population, and of each one that left it.
    pub verdicts: Vec<(SourceId, Verdict)>,
    /// Those of them that can make a difference at the target.
    pub matters: BTreeSet<SourceId>,
    /// After a full reading that could have been incremental: what the incremental readings had missed.
    pub drift: Option<BTreeSet<SourceId>>,
    /// Why the directory refused the watermark, if it did.
    pub restarted: Option<String>,
    /// What could not be read, without harm to the rest.
    pub problems: Vec<Problem>,
}

/// Reads the directory.
pub async fn observe(
    directory: &mut dyn Directory,
    kept: Option<Kept>,
    inputs: &ObservationInputs<'_>,
) -> Result<Observation, DirectoryError> {
    let Some(Kept { population, watermark, sightings }) = kept else {
        return pass(directory, Before::default(), None, inputs).await.map_err(|(_, error)| error);
    };
    let start = (population, sightings);
    let Some(watermark) = watermark else {
        return pass(directory, start, None, inputs).await.map_err(|(_, error)| error);
    };
    match pass(directory, start, Some(&watermark), inputs).await {
        Ok(changes) if inputs.everything => {
            let before = (changes.population, changes.sightings);
            let full = pass(directory, before, None, inputs).await.map_err(|(_, error)| error)?;
            Ok(Observation {
                changed: &full.changed | &changes.changed,
                matters: &full.matters | &changes.matters,
                drift: Some(full.matters),
                ..full
            })
        }
        Ok(changes) => Ok(changes),
        Err(((before, sightings), DirectoryError::WatermarkRefused(reason))) => {
            tracing::info!(reason, "the directory is read from the beginning");
            let full = pass(directory, (before, sightings), None, inputs).await.map_err(|(_, error)| error)?;
            Ok(Observation { restarted: Some(reason), ..full })
        }
        Err((_, error)) => Err(error),
    }
}

/// What was known before a reading.
type Before = (Population, Sightings);

/// One reading. An error returns the state before it.
async fn pass(
    directory: &mut dyn Directory,
    (before, seen): Before,
    since: Option<&Watermark>,
    inputs: &ObservationInputs<'_>,
) -> Result<Observation, (Before, DirectoryError)> {
    let mut builder = PopulationBuilder::new(before).referring(inputs.referring).watching(inputs.watched.clone());
    let mut sightings = seen.clone();
    match take(directory, &mut builder, &mut sightings, since, inputs).await {
        Err(error) => Err(((builder.into_before(), seen), error)),
        Ok((Reading { mode, watermark, mut problems }, verdicts)) => {
            let Finished { mut population, changed, matters, .. } = builder.finish(mode);
            problems.extend(withheld::problems(&population));
            if let Err(error) = call(directory, &mut population, inputs.names).await {
                return Err(((population, seen), error));
            }
            // What changes in what the account may not read is never told.
            let sure = !verdicts.iter().any(|(_, verdict)| matches!(verdict, Verdict::Unknown(_)))
                && !population.withholds_anything();
            Ok(Observation {
                population,
                mode,
                watermark: watermark.filter(|_| sure),
                sightings,
                changed,
                matters,
                verdicts,
                drift: None,
                restarted: None,
                problems,
            })
        }
    }
}

async fn take(
    directory: &mut dyn Directory,
    builder: &mut PopulationBuilder,
    sightings: &mut Sightings,
    since: Option<&Watermark>,
    inputs: &ObservationInputs<'_>,
) -> Result<(Reading, Vec<(SourceId, Verdict)>), DirectoryError> {
    let mut reading = directory.read(since, &mut |change| builder.take(change)).await?;
    let mode = reading.mode;
    if mode == Mode::Incremental {
        let dynamic = builder.dynamic_groups();
        if !dynamic.is_empty() {
            directory.again(&dynamic, &mut |change| builder.take(change)).await?;
        }
    }
    let missing = builder.missing(mode);
    let (outside, missing): (BTreeSet<_>, BTreeSet<_>) = missing.into_iter().partition(|id| builder.was_outside(*id));
    if !missing.is_empty() {
        directory.again(&missing, &mut |change| builder.take(change)).await?;
    }
    withheld::keep(directory, builder, inputs.accepted).await?;
    for id in outside {
        match directory.find(&Key::Id(id)).await {
            Ok(Some(entry)) => builder.take_outside(entry),
            // It is shown without its identity, or not at all: for the proof.
            Ok(None) | Err(DirectoryError::Settings(_)) => {}
            Err(other) => return Err(other),
        }
    }
    if mode == Mode::Incremental {
        let held = builder.held_as(&builder.missing(mode));
        if held.iter().filter(|one| !matches!(one, HeldAs::Sid(_))).count() > MANY {
            return Err(DirectoryError::WatermarkRefused(format!("{} entries are new or have new names", held.len())));
        }
        directory.holders(&held, inputs.referring, &mut |change| builder.take_holder(change)).await?;
    }
    let witnesses = builder.witnesses(&builder.missing(mode));
    if !witnesses.is_empty() {
        directory.again(&witnesses, &mut |change| builder.take(change)).await?;
    }
    outsiders(directory, builder, mode).await?;
    read_strays(directory, builder, mode, inputs).await?;
    withheld::keep(directory, builder, inputs.accepted).await?;
    let verdicts = verdicts(directory, builder, sightings, mode, inputs, &mut reading.problems).await?;
    memberships(directory, builder, mode, &verdicts, &mut reading.problems).await?;
    Ok((reading, verdicts))
}

/// Reads the entries that are at the target and that the last reading did not see: no change reports that an entry is
/// visible again.
async fn read_strays(
    directory: &mut dyn Directory,
    builder: &mut PopulationBuilder,
    mode: Mode,
    inputs: &ObservationInputs<'_>,
) -> Result<(), DirectoryError> {
    let missing = builder.missing(mode);
    let unseen = inputs.known.iter().filter(|id| !builder.holds(**id, &missing, mode) && !missing.contains(id));
    let strays: BTreeSet<SourceId> = unseen.copied().filter(|id| builder.proof(*id).is_none()).collect();
    if mode == Mode::Incremental && !strays.is_empty() {
        let mut take = |change| {
            if let Change::Upsert(_) = &change {
                builder.take(change);
            }
        };
        directory.again(&strays, &mut take).await?;
    }
    Ok(())
}

/// Finds the entries that the configuration names in another spelling than their own.
async fn call(directory: &mut dyn Directory, population: &mut Population, names: &[Dn]) -> Result<(), DirectoryError> {
    for dn in population.unknown(names.iter().cloned()) {
        if let Some(id) = directory.outside(&dn).await?.id() {
            population.call(id, dn);
        }
    }
    Ok(())
}

/// Reads members that are spelled in another way than the entries, or are outside of the bases, and the members of
/// those. The entry that the server returns for a name is the one that the name means: the server compares names by the
/// directory's rules for spaces, case and normal forms.
async fn outsiders(
    directory: &mut dyn Directory,
    builder: &mut PopulationBuilder,
    mode: Mode,
) -> Result<(), DirectoryError> {
    let mut asked = HashSet::new();
    loop {
        let open: Vec<_> = builder.unresolved(mode).into_iter().filter(|dn| !asked.contains(dn)).collect();
        if open.is_empty() {
            return Ok(());
        }
        let missing = builder.missing(mode);
        for dn in open {
            let found = directory.outside(&dn).await?;
            match (found.id().filter(|id| builder.holds(*id, &missing, mode)), found) {
                (Some(id), _) => builder.is_called(id, dn.clone()),
                (None, Outside::Member(entry)) if builder.is_member(&dn) => {
                    builder.is_called(entry.id, dn.clone());
                    builder.take_outside(entry);
                }
                (None, Outside::Other { what, .. }) => builder.is_other(dn.clone(), what),
                (None, _) => {}
            }
            asked.insert(dn);
        }
    }
}

/// What became of the entries that are no longer there. If that cannot be proved, they stay as they were.
async fn verdicts(
    directory: &mut dyn Directory,
    builder: &mut PopulationBuilder,
    sightings: &mut Sightings,
    mode: Mode,
    inputs: &ObservationInputs<'_>,
    problems: &mut Vec<Problem>,
) -> Result<Vec<(SourceId, Verdict)>, DirectoryError> {
    let mut missing = builder.missing(mode);
    let unseen = inputs.known.iter().filter(|id| !builder.holds(**id, &missing, mode));
    let (shown, unseen): (Vec<_>, Vec<_>) = unseen.copied().partition(|id| builder.proof(*id).is_some());
    missing.extend(unseen);
    let looked = if mode == Mode::Full || !missing.is_empty() {
        let seen = directory.containers().await?;
        sightings.look(&seen, &|container| directory.ignores(container))
    } else {
        Looked::default()
    };
    let stood = |id: &SourceId| {
        let before = || Some(Stray { dn: builder.last(*id)?.clone(), out_of_sight: false });
        let stray = sightings.strays.get(id).cloned().or_else(before)?;
        Some((*id, Stray { dn: looked.now(&stray.dn), ..stray }))
    };
    let last: BTreeMap<SourceId, Stray> = missing.iter().filter_map(stood).collect();
    let gone_from: BTreeSet<Dn> = last.values().map(|stray| stray.dn.clone()).collect();
    let mut doubts = doubts(directory, builder, looked.lost, mode, &gone_from).await?;
    let unwitnessed = builder.unwitnessed(&missing, mode);
    doubts.unwitnessed = unwitnessed.iter().filter_map(|id| Some(last.get(id)?.dn.clone())).collect();
    let mut verdicts = absence::examine(directory, inputs.canaries, &missing, &last, &doubts).await?;
    withheld::filtered(directory, builder, &mut verdicts).await?;
    for (id, verdict) in &verdicts {
        match verdict {
            Verdict::Gone(proof) => builder.take(Change::Delete(*id, proof.clone())),
            Verdict::Unknown(_) => builder.take(Change::Present(*id)),
            Verdict::Elsewhere(_) | Verdict::OutOfSight { .. } => {}
        }
    }
    tell(&verdicts, problems);
    sightings.judge(&verdicts, &last);
    verdicts.extend(shown.into_iter().filter_map(|id| Some((id, Verdict::Gone(builder.proof(id)?)))));
    Ok(verdicts)
}

/// Why missing entries may still exist. Asks the directory only if an entry is missing.
async fn doubts(
    directory: &mut dyn Directory,
    builder: &PopulationBuilder,
    containers: Vec<Dn>,
    mode: Mode,
    gone_from: &BTreeSet<Dn>,
) -> Result<Doubts, DirectoryError> {
    let mut doubts = Doubts { containers, ..Doubts::default() };
    if gone_from.is_empty() {
        return Ok(doubts);
    }
    if let Some(seen) = directory.everything_seen().await? {
        // What is shown without its identity may be anybody.
        let nameless = seen.iter().filter(|(id, _)| id.is_none()).map(|(_, dn)| dn);
        let moved = |dn: &&Dn| directory.covers(dn) || gone_from.iter().any(|gone| gone.has_rdn_of(dn));
        doubts.hidden.extend(nameless.filter(moved).cloned());
        let names: HashSet<Dn> = seen.into_iter().map(|(_, dn)| dn).collect();
        let mut silent = builder.silent_containers(&names);
        silent.retain(|container, _| !directory.proves_by_identity(container));
        for (container, children) in silent {
            for child in children {
                if !gone_from.contains(&child) || directory.trace_name(&child).await? != Trace::Vacant {
                    doubts.containers.push(container);
                    break;
                }
            }
        }
    }
    let OpenNames { dangling, suspicious } = builder.open_names(mode, gone_from);
    for name in suspicious {
        if directory.trace_name(&name).await? != Trace::Vacant {
            doubts.hidden.push(name);
        }
    }
    doubts.dangling = dangling;
    Ok(doubts)
}

/// Reports how many entries cannot be seen, once for each reason.
fn tell(verdicts: &[(SourceId, Verdict)], problems: &mut Vec<Problem>) {
    let mut unknown = verdicts.iter().filter_map(|(_, verdict)| match verdict {
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
    let mut out_of_sight = verdicts.iter().filter_map(|(_, verdict)| match verdict {
        Verdict::OutOfSight { reason, .. } => Some(reason),
        _ => None,
    });
    if let Some(reason) = out_of_sight.next() {
        let message = format!(
            "{} and may stand where the account sees nothing: {reason}. What is out of sight is treated as out of scope and not as deleted, and stays in the groups that still name somebody who cannot be seen. Let the account see that part of the tree; a container that was deleted can be named in `source.ignored_containers`",
            match out_of_sight.count() + 1 {
                1 => "1 entry left its place".to_owned(),
                more => format!("{} left their places", number::of(more, "entry")),
            }
        );
        problems.push(Problem { code: Code::AbsenceUnproved, subject: None, message });
    }
}

/// Keeps the memberships that a group hides, and has not ended.
async fn memberships(
    directory: &mut dyn Directory,
    builder: &mut PopulationBuilder,
    mode: Mode,
    verdicts: &[(SourceId, Verdict)],
    problems: &mut Vec<Problem>,
) -> Result<(), DirectoryError> {
    let unseen = verdicts.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Unknown(_)));
    let unseen: BTreeSet<SourceId> = unseen.map(|(id, _)| *id).collect();
    let leavers = builder.leavers(&builder.missing(mode), mode);
    let mut kept: BTreeMap<Dn, usize> = BTreeMap::new();
    for leaver in leavers {
        // An entry that is not seen may have a new name by now, and be a member under that one.
        if unseen.contains(&leaver.member) || !has_left(directory, &leaver).await? {
            builder.keep_member(leaver.group, leaver.member);
            *kept.entry(leaver.dn).or_default() += 1;
        }
    }
    problems.extend(kept.into_iter().map(|(group, number)| Problem {
        code: Code::MembershipUnproved,
        subject: None,
        message: format!(
            "the group {group} no longer shows {}, and the directory does not say that they have left: they stay. Let the account read, search and compare the members of the group",
            number::of(number, "member")
        ),
    }));
    Ok(())
}

/// Whether a member left a group, and is not only hidden. If the account may not compare, it cannot ask: then
/// the group is taken as it shows itself.
async fn has_left(directory: &mut dyn Directory, leaver: &Leaver) -> Result<bool, DirectoryError> {
    if let Some(name) = &leaver.unread {
        match directory.find(&Key::Id(leaver.member)).await {
            Ok(Some(entry)) if entry.dn == *name => {}
            Ok(_) | Err(DirectoryError::Settings(_)) => return Ok(false),
            Err(other) => return Err(other),
        }
    }
    let mut sure = true;
    let later = directory.rewrites_names_later(&leaver.dn);
    for held in leaver.held_as.iter().chain(leaver.formerly.iter().filter(|_| later)) {
        match directory.still_has(&leaver.dn, held).await? {
            Some(true) => return Ok(false),
            Some(false) => {}
            None => sure = false,
        }
    }
    match &leaver.shown {
        _ if sure => Ok(true),
        Some(shown) => Ok(directory.still_has(&leaver.dn, shown).await?.is_none()),
        None => Ok(false),
    }
}
