//! `explain NAME`: why somebody is at the target, or is not.

use crate::{
    clock::Clock,
    config::Config,
    cycle,
    explain::{self, Explanation, Facts},
    state::State,
};

/// Reads both sides, writes nothing, and explains whoever the name means.
pub async fn explain(
    config: &Config,
    state: &State,
    clock: &dyn Clock,
    name: &str,
) -> anyhow::Result<Vec<Explanation>> {
    let prepared = cycle::prepare(config, state, clock).await?;
    let found = explain::find(&prepared.population, name).map_err(anyhow::Error::msg)?;
    if found.is_empty() {
        anyhow::bail!(
            "the directory shows no user or group {name:?} beneath the bases; it may be elsewhere, or hidden from the account"
        );
    }
    let mut explanations = Vec::new();
    for observed in found {
        let entry = &observed.entry;
        let held = match prepared.known.get(&entry.id) {
            Some(written) => prepared.target.retrieve(entry.kind, &written.resource).await?,
            None => None,
        };
        let facts = Facts {
            config,
            population: &prepared.population,
            known: &prepared.known,
            plan: &prepared.plan,
            now: clock.now(),
        };
        explanations.push(explain::explain(observed, facts, held.as_ref()));
    }
    Ok(explanations)
}

/// As text, or as JSON for programs.
pub fn told(explanations: &[Explanation], json: bool) -> anyhow::Result<String> {
    if json {
        return Ok(serde_json::to_string_pretty(explanations)?);
    }
    Ok(explanations.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}
