//! `approve` and `reject`: a person's word about what the limits held back.

use std::{path::Path, process::ExitCode};

use super::service::{ask_or, printed};
use crate::{
    config::Config,
    daemon::control::Request,
    state::held::{self, Decision},
};

/// Decides about what is held back. The next run acts upon it.
pub fn decide(config: &Path, decision: Decision) -> anyhow::Result<ExitCode> {
    let config = Config::read(config)?;
    printed(ask_or(&config, &Request::Decide { decision }, |state| {
        let decided = state.decide(decision)?;
        state.save()?;
        Ok(held::told(decided.as_ref()))
    }))
}
