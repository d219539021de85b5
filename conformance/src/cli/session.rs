//! The commands that speak with a server.

use std::{fs, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};

use super::{
    arguments::{Connection, Run},
    say,
};
use crate::{
    case::{Area, Case},
    context::{MARK, Server},
    exchange::Settings,
    finding::Finding,
    profile::{self, Profile},
    report::Report,
    run,
    verdict::Stop,
};

pub(super) fn run(arguments: &Run) -> anyhow::Result<u8> {
    let work = Work::choose(arguments)?;
    let report = block_on(async {
        let server = connect(&arguments.connection).await?;
        let bar = progress(work.len());
        let examined = work.perform(&server, arguments.concurrency.into(), |finding| {
            bar.set_message(finding.id.clone());
            bar.inc(1);
        });
        // What was made is removed on every way out: the run's end, and Ctrl-C.
        let findings = tokio::select! {
            findings = examined => Some(findings),
            () = interrupted() => None,
        };
        bar.finish_and_clear();
        if findings.is_none() {
            eprintln!("Interrupted. Removing what was made; Ctrl-C again leaves it there.");
        }
        let left_behind = tokio::select! {
            left_behind = run::remove_all(&server) => left_behind,
            () = interrupted() => bail!("Interrupted again. `scim-conformance clean` removes what is left."),
        };
        let Some(findings) = findings else {
            for left in &left_behind {
                eprintln!("left behind: {left}");
            }
            let left = if left_behind.is_empty() { "Everything" } else { "Everything else" };
            bail!("Interrupted. {left} that was made has been removed again.")
        };
        Ok(Report {
            tool: concat!("scim-conformance ", env!("CARGO_PKG_VERSION")).to_owned(),
            url: server.base().to_owned(),
            profile: arguments.profile.clone(),
            findings,
            left_behind,
        })
    })?;
    if let Some(directory) = &arguments.transcript {
        transcripts(directory, &report.findings)?;
    }
    let text = report.render(arguments.report)?;
    match &arguments.out {
        Some(file) => fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))?,
        None => say(&text)?,
    }
    Ok(report.exit_code())
}

enum Work {
    Cases(Vec<(&'static Area, &'static Case)>),
    Dialogues(&'static Profile, Vec<(&'static str, profile::Choice)>),
}

impl Work {
    fn choose(arguments: &Run) -> anyhow::Result<Self> {
        let selection = arguments.selection.selection();
        let work = match profile::named(&arguments.profile) {
            Some(profile) => Self::Dialogues(profile, selection.steps(profile)?),
            None => Self::Cases(selection.cases()?),
        };
        if work.len() == 0 {
            bail!("No case is left by --only, --skip, --level and --tag together.")
        }
        Ok(work)
    }

    fn len(&self) -> usize {
        match self {
            Self::Cases(cases) => cases.len(),
            Self::Dialogues(_, steps) => steps.iter().filter(|(_, one)| *one == profile::Choice::Report).count(),
        }
    }

    async fn perform(&self, server: &Arc<Server>, concurrency: usize, done: impl Fn(&Finding)) -> Vec<Finding> {
        match self {
            Self::Cases(cases) => run::examine(server, cases, concurrency, done).await,
            Self::Dialogues(profile, steps) => profile::play(server, profile, steps, done).await,
        }
    }
}

/// Ctrl-C, or what a CI system sends when it cancels a job.
async fn interrupted() {
    #[cfg(unix)]
    if let Ok(mut terminated) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminated.recv() => {}
        }
        return;
    }
    let _ = tokio::signal::ctrl_c().await;
}

pub(super) fn clean(connection: &Connection) -> anyhow::Result<u8> {
    let (removed, left) = block_on(async {
        let server = connect(connection).await?;
        match run::clean(&server, MARK).await {
            Ok(done) => Ok(done),
            Err(Stop::Error(why) | Stop::Skip(why) | Stop::Unmet(why)) => {
                bail!("Leftovers cannot be looked for. {why}")
            }
        }
    })?;
    for path in &removed {
        say(&format!("removed {path}\n"))?;
    }
    for path in &left {
        say(&format!("left    {path}\n"))?;
    }
    say(&format!("{} removed, {} left.\n", removed.len(), left.len()))?;
    Ok(if left.is_empty() { 0 } else { 2 })
}

fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("The program cannot start")?.block_on(work)
}

async fn connect(connection: &Connection) -> anyhow::Result<Arc<Server>> {
    let read = |file: &Path| fs::read(file).with_context(|| format!("{} cannot be read", file.display()));
    let token = match &connection.token_file {
        Some(file) => {
            let token = String::from_utf8(read(file)?).context("The token file is not text")?.trim().to_owned();
            if token.is_empty() || token.contains(char::is_whitespace) {
                bail!("{} must hold the token and nothing else.", file.display())
            }
            Some(token)
        }
        None => None,
    };
    let ca = connection.ca.as_deref().map(read).transpose()?;
    let settings = Settings { token, timeout: Duration::from_secs(connection.timeout), ca };
    // Six digits set apart two runs at a time; they are no secret.
    let run = format!("{:06x}", rand::random::<u32>() & 0x00ff_ffff);
    Ok(run::connect(&connection.url, &settings, &run).await?)
}

/// On a terminal, a bar; elsewhere nothing, which is what indicatif does by itself.
fn progress(cases: usize) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(cases).unwrap_or(u64::MAX));
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    bar
}

fn transcripts(directory: &Path, findings: &[Finding]) -> anyhow::Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("{} cannot be made", directory.display()))?;
    for finding in findings {
        let file = directory.join(format!("{}.json", finding.id.replace('/', "-")));
        let text = serde_json::to_string_pretty(finding)?;
        fs::write(&file, text + "\n").with_context(|| format!("{} cannot be written", file.display()))?;
    }
    Ok(())
}
