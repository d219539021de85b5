//! Which of the attributes that entries no longer show are lost, and which are only hidden.
//!
//! The directory is asked, attribute by attribute, where it tells ([`Directory::withholds`]). Where it does not,
//! as Active Directory, an attribute that goes from (nearly) all who had it goes by a right that was lost, until a
//! person has said otherwise.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    dn::Dn,
    identity::{Kind, SourceId},
    number,
    population::{
        Population, PopulationBuilder,
        withheld::{Shown, Unshown},
    },
    problem::{Code, Problem},
    source::{Directory, DirectoryError, Key, absence::Verdict},
};

/// So many are asked for of one attribute. If all of these are hidden, so are the others.
const ENOUGH: usize = 1_000;

/// So many may lose an attribute at once and in silence, if others keep it.
const FEW: usize = 5;

/// If fewer have an attribute, it may go from all of them by chance.
const MANY_ENOUGH: usize = 3;

/// Attributes of objects whose loss a person has approved.
pub type Accepted = BTreeSet<(SourceId, String)>;

/// Looks into what is no longer shown, and keeps what is hidden. Call it again after more was read.
pub async fn keep(
    directory: &mut dyn Directory,
    builder: &mut PopulationBuilder,
    accepted: &Accepted,
) -> Result<(), DirectoryError> {
    sample(directory, builder).await?;
    let mut open: BTreeMap<(Kind, String), Vec<Unshown>> = BTreeMap::new();
    for one in builder.take_unshown() {
        if !accepted.contains(&(one.id, one.attribute.clone())) {
            open.entry((one.kind, one.attribute.clone())).or_default().push(one);
        }
    }
    for ((kind, attribute), unshown) in open {
        let (mut asked, mut hidden, mut untold) = (0, Vec::new(), Vec::new());
        for one in unshown {
            if asked == ENOUGH && hidden.len() == ENOUGH {
                hidden.push(one);
                continue;
            }
            asked += 1;
            match directory.withholds(&one.dn, kind, &attribute, one.value.as_deref()).await? {
                Some(true) => hidden.push(one),
                Some(false) => {}
                None => untold.push(one),
            }
        }
        untold.retain(|one| is_suspicious(builder, one));
        for one in hidden.into_iter().chain(untold) {
            builder.keep_values(one.id, &attribute);
        }
    }
    Ok(())
}

/// Whether an attribute is gone from too many at once to be believed: from all, or most, of those who had it, in
/// the whole directory or in the container of this entry.
fn is_suspicious(builder: &PopulationBuilder, one: &Unshown) -> bool {
    // It was hidden before, and nothing says that it is not.
    if one.value.is_none() {
        return true;
    }
    let decides = one.kind == Kind::User && builder.decides(&one.attribute);
    let too_many = |Shown { before, now }: Shown| {
        let all = now == 0 && (decides || before >= MANY_ENOUGH);
        all || before - now > FEW && 2 * (before - now) >= before
    };
    let container = one.dn.parent();
    let everywhere = too_many(builder.shown(one.kind, &one.attribute, None));
    everywhere || !decides && too_many(builder.shown(one.kind, &one.attribute, container.as_ref()))
}

/// New entries have no earlier values to compare with. So for each container one entry is asked about the attributes it does
/// not show.
async fn sample(directory: &mut dyn Directory, builder: &mut PopulationBuilder) -> Result<(), DirectoryError> {
    for (one, alike) in builder.unknown() {
        if directory.withholds(&one.dn, one.kind, &one.attribute, None).await? == Some(true) {
            for id in alike {
                builder.keep_values(id, &one.attribute);
            }
        }
    }
    Ok(())
}

/// An entry that no longer matches the filter of the source because the account may not read its attributes did not
/// leave.
pub async fn filtered(
    directory: &mut dyn Directory,
    builder: &PopulationBuilder,
    verdicts: &mut [(SourceId, Verdict)],
) -> Result<(), DirectoryError> {
    let unreadable = |dn: &Dn, attribute: &str| {
        Verdict::Unknown(format!(
            "{dn} is there, and its {attribute}, which the filter of the source asks for, cannot be read"
        ))
    };
    let mut untold: BTreeMap<(Kind, String), Vec<usize>> = BTreeMap::new();
    for (n, (id, verdict)) in verdicts.iter_mut().enumerate() {
        let Verdict::Elsewhere(dn) = &*verdict else { continue };
        let dn = dn.clone();
        let chosen = [Kind::User, Kind::Group].iter().any(|kind| !directory.filtered_by(&dn, *kind).is_empty());
        if !(chosen && directory.covers(&dn)) {
            continue;
        }
        let entry = match directory.find(&Key::Id(*id)).await {
            Ok(Some(entry)) => entry,
            // It went meanwhile, or is shown in part: that is not about the filter.
            Ok(None) | Err(DirectoryError::Settings(_)) => continue,
            Err(other) => return Err(other),
        };
        for attribute in directory.filtered_by(&dn, entry.kind) {
            if !entry.attributes().bytes(&attribute).is_empty() {
                continue;
            }
            let value = builder.had(*id, &attribute);
            match directory.withholds(&dn, entry.kind, &attribute, value.as_deref()).await? {
                Some(true) => *verdict = unreadable(&dn, &attribute),
                Some(false) => {}
                None => untold.entry((entry.kind, attribute)).or_default().push(n),
            }
        }
    }
    for ((kind, attribute), these) in untold {
        // The directory does not say: then the number decides.
        let had = builder.shown(kind, &attribute, None).before;
        if these.len() < MANY_ENOUGH || 2 * these.len() < had {
            continue;
        }
        for n in these {
            if let Some((_, verdict)) = verdicts.get_mut(n)
                && let Verdict::Elsewhere(dn) = &*verdict
            {
                *verdict = unreadable(&dn.clone(), &attribute);
            }
        }
    }
    Ok(())
}

/// What the account may not read, one problem for each attribute.
pub fn problems(population: &Population) -> Vec<Problem> {
    let mut by_attribute: BTreeMap<(Kind, &str), (usize, usize, &str)> = BTreeMap::new();
    for observed in population.iter() {
        for attribute in &observed.withheld {
            let first = observed.entry.dn.as_str();
            let (kept, unread, _) = by_attribute.entry((observed.entry.kind, attribute)).or_insert((0, 0, first));
            let had = !observed.entry.attributes().bytes(attribute).is_empty();
            *if had { kept } else { unread } += 1;
        }
    }
    let told = by_attribute.into_iter().map(|((kind, attribute), (kept, unread, first))| {
        let of = |number| number::of(number, &kind.to_string());
        let mut what = Vec::new();
        if kept > 0 {
            what.push(format!(
                "{} is no longer shown of {}, and nothing says that the values are gone: they stay as they were read before",
                attribute,
                of(kept)
            ));
        }
        if unread > 0 {
            what.push(format!("{attribute} cannot be read of {}: what depends on it stays as the target has it", of(unread)));
        }
        Problem {
            code: Code::AttributeHidden,
            subject: None,
            message: format!(
                "{} (the first is {first}). Let the account read and compare {attribute}; if the values are really gone, `sync-agent held` shows what would be lost and `sync-agent approve` says so",
                what.join("; ")
            ),
        }
    });
    told.collect()
}
