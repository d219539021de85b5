//! The arguments for what is peculiar about a server.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, bail};
use clap::Args;

use crate::{context::Tokens, discovery::Assumed, run::Manner};

#[derive(Debug, Args)]
pub(super) struct MannerArguments {
    /// What the server has although its discovery does not say so
    #[arg(long, value_name = "FEATURE", value_enum, value_delimiter = ',')]
    assume: Vec<Assumed>,
    /// Wait so many milliseconds after each write, for a server whose reads show it later
    #[arg(long, value_name = "MS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=60_000))]
    settle: u64,
    /// A file that holds the bearer token of another tenant of the server: the cases about isolation use it
    #[arg(long, value_name = "FILE")]
    second_token_file: Option<PathBuf>,
    /// A file that holds a bearer token of the same tenant that may only read
    #[arg(long, value_name = "FILE")]
    read_only_token_file: Option<PathBuf>,
}

impl MannerArguments {
    /// Errors: a file cannot be read, or holds no token.
    pub(super) fn manner(&self) -> anyhow::Result<Manner> {
        Ok(Manner {
            assumed: self.assume.clone(),
            settle: Duration::from_millis(self.settle),
            tokens: Tokens {
                second: token(self.second_token_file.as_ref())?,
                read_only: token(self.read_only_token_file.as_ref())?,
            },
        })
    }
}

fn token(file: Option<&PathBuf>) -> anyhow::Result<Option<String>> {
    let Some(file) = file else { return Ok(None) };
    let token = fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let token = token.trim();
    if token.is_empty() || token.contains(char::is_whitespace) {
        bail!("{} must hold the token and nothing else.", file.display())
    }
    Ok(Some(token.to_owned()))
}
