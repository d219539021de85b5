//! `plan`: what a run would do. Both sides are read, nothing is written, no mark is moved.

use serde::{Deserialize, Serialize};

use super::{basis, prepare};
use crate::{clock::Clock, config::Config, mode::Mode, plan::file::PlanFile, state::State};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DryRun {
    /// Whether to compare everything on both sides, and not only what has changed.
    pub full: bool,
    /// How the plan is told.
    pub form: PlanForm,
    /// Whether the plan is wanted as a file too, to be applied exactly.
    pub file: bool,
}

/// How a plan is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlanForm {
    /// As JSON, for programs.
    Json,
    /// In words, with some actions of each kind.
    Short,
    /// In words, with every action.
    Full,
}

/// What a dry run found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// The plan as it is printed.
    pub text: String,
    /// The plan with what it was made from, where that was asked for.
    pub file: Option<PlanFile>,
}

/// Reads both sides and tells the plan.
pub async fn dry_run(config: &Config, state: &State, clock: &dyn Clock, wanted: DryRun) -> anyhow::Result<Planned> {
    let mode = if wanted.full { Mode::Full } else { Mode::Incremental };
    let prepared = prepare(config, state, clock, mode).await?;
    let text = match wanted.form {
        PlanForm::Json => serde_json::to_string_pretty(&prepared.plan)?,
        PlanForm::Short => prepared.plan.to_string(),
        PlanForm::Full => prepared.plan.in_full().to_string(),
    };
    let file = if wanted.file {
        let basis = basis(config, &prepared).await?;
        Some(PlanFile::new(prepared.plan, basis, clock.now()))
    } else {
        None
    };
    Ok(Planned { text, file })
}
