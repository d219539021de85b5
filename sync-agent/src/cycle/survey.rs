//! What there is: the directory read once, whole, with nothing remembered and nothing written. `check` and
//! `init` tell people from it what a run would start from.

use std::collections::BTreeSet;

use super::CycleError;
use crate::{
    config::Config,
    dn::Dn,
    identity::Kind,
    observation::{self, ObservationInputs},
    population::Population,
    problem::Problem,
    scope::{self, Selection},
    source,
};

/// The directory, and who of it is in scope.
pub struct Survey {
    /// All entries.
    pub population: Population,
    /// The scope.
    pub selection: Selection,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// How much there is beneath one base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BaseCounts {
    pub users: usize,
    pub groups: usize,
    /// Direct members of these groups, together.
    pub memberships: usize,
}

impl Survey {
    /// How much there is beneath a base.
    pub fn beneath(&self, base: &Dn) -> BaseCounts {
        let mut counts = BaseCounts::default();
        for observed in self.population.iter().filter(|observed| observed.entry.dn.is_within(base)) {
            match observed.entry.kind {
                Kind::User => counts.users += 1,
                Kind::Group => {
                    counts.groups += 1;
                    counts.memberships += observed.members.len();
                }
            }
        }
        counts
    }
}

/// Reads everything once.
pub async fn survey(config: &Config) -> Result<Survey, CycleError> {
    let mut directory = source::open_all(config.sources(), config.attributes()).await?;
    let inputs = ObservationInputs {
        canaries: &config.canaries(),
        known: &BTreeSet::new(),
        everything: true,
        referring: &config.mapping.referring(),
        names: &config.scope.names(),
        watched: &config.watched(),
        accepted: &BTreeSet::new(),
    };
    let observation = observation::observe(&mut *directory, None, &inputs).await?;
    let selection = scope::select(&observation.population, &config.scope);
    Ok(Survey { population: observation.population, selection, problems: observation.problems })
}
