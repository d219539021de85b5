//! The commands that speak with a server.

use std::{
    fs,
    io::IsTerminal as _,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use command_page::terminal::printable;
use indicatif::{ProgressBar, ProgressStyle};

use super::{arguments::Run, clock::now, connection::Connection, read, say};
use crate::{
    case::{Area, Case},
    context::{MARK, Server},
    finding::Finding,
    profile::{self, Profile},
    report::{self, About, Format, Report},
    run::{self, Manner},
};

/// How long groups are measured at most.
const MOST_MEASURING: Duration = Duration::from_secs(600);

pub(super) fn run(arguments: &Run) -> anyhow::Result<u8> {
    let work = Work::choose(arguments)?;
    // Before the run: a file that cannot be read is known at once.
    let baseline = arguments.baseline.as_deref().map(read).transpose()?;
    if let Some(file) = &arguments.out {
        require_place(file)?;
    }
    if let Some(directory) = &arguments.transcript {
        make(directory)?;
    }
    let (started, began) = (now(), Instant::now());
    let (url, findings, figures, left_behind) = block_on(async {
        let server = arguments.connection.connect(arguments.manner.manner()?).await?;
        let bar = progress(work.len());
        let examined = async {
            let findings = work.perform(&server, arguments.concurrency.into(), |finding| {
                bar.set_message(finding.id.clone());
                bar.inc(1);
            });
            (findings.await, run::measure(&server, &arguments.measure_groups, MOST_MEASURING).await)
        };
        // What was made is removed on every way out: the run's end, and Ctrl-C.
        let findings = tokio::select! {
            findings = examined => Some(findings),
            () = interrupted() => None,
        };
        bar.finish_and_clear();
        if findings.is_none() {
            // A case that was dropped cannot say what it made.
            server.ledger().note_interruption();
            eprintln!("Interrupted. Removing what was made; Ctrl-C again leaves it there.");
        }
        let left_behind = tokio::select! {
            left_behind = run::remove_all(&server) => left_behind,
            () = interrupted() => bail!("Interrupted again. `scim-conformance clean` removes what is left."),
        };
        let selection = arguments.selection.selection();
        let Some((mut findings, figures)) = findings else {
            for left in &left_behind {
                eprintln!("left behind: {}", printable(left));
            }
            let left = if left_behind.is_empty() { "Everything" } else { "Everything else" };
            bail!("Interrupted. {left} that was made has been removed again.")
        };
        findings.retain(|finding| selection.takes_finding(&finding.id));
        Ok((server.base().to_owned(), findings, figures, left_behind))
    })?;
    let about = About { url, profile: arguments.profile.clone(), started, took: began.elapsed() };
    let report = Report::new(&about, findings, left_behind).with_notes(figures);
    let report = match &baseline {
        Some(baseline) => report.with_baseline(baseline),
        None => report,
    };
    if let Some(directory) = &arguments.transcript {
        transcripts(directory, &report.findings)?;
    }
    write(&report, arguments.report, arguments.out.as_deref())?;
    Ok(report.exit_code())
}

/// Prints a report; or writes it to a file, and prints the summary.
pub(super) fn write(report: &Report, form: Format, out: Option<&Path>) -> anyhow::Result<()> {
    let colour = shows_colours();
    let Some(file) = out else { return say(&report.render(form, colour)?) };
    fs::write(file, report.render(form, false)?).with_context(|| format!("{} cannot be written", file.display()))?;
    say(&report::summary(report, colour))?;
    say(&format!("The report is in {}.\n", file.display()))
}

/// Whether standard output is a terminal whose user wants colours (no-color.org).
#[allow(clippy::disallowed_methods, reason = "a convention of all programs, and no setting of this one")]
fn shows_colours() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty())
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
        let server = connection.connect(Manner::default()).await?;
        match run::clean(&server, MARK).await {
            Ok(done) => Ok(done),
            Err(why) => bail!("Leftovers cannot be looked for. {why}"),
        }
    })?;
    for path in &removed {
        say(&format!("removed {}\n", printable(path)))?;
    }
    for path in &left {
        say(&format!("left    {}\n", printable(path)))?;
    }
    say(&format!("{} removed, {} left.\n", removed.len(), left.len()))?;
    Ok(if left.is_empty() { 0 } else { 2 })
}

fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("The program cannot start")?.block_on(work)
}

/// On a terminal, a bar; elsewhere nothing, which is what indicatif does by itself.
fn progress(cases: usize) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(cases).unwrap_or(u64::MAX));
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    bar
}

fn make(directory: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("{} cannot be made", directory.display()))
}

/// What is known before the run of a file that cannot be written after it.
fn require_place(file: &Path) -> anyhow::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if file.is_dir() {
        bail!("{} cannot be written: it is a directory. Name a file in it.", file.display())
    }
    if !folder.is_dir() {
        bail!("{} cannot be written: there is no directory {}.", file.display(), folder.display())
    }
    Ok(())
}

fn transcripts(directory: &Path, findings: &[Finding]) -> anyhow::Result<()> {
    for finding in findings {
        let file = directory.join(format!("{}.json", finding.id.replace('/', "-")));
        let text = serde_json::to_string_pretty(finding)?;
        fs::write(&file, text + "\n").with_context(|| format!("{} cannot be written", file.display()))?;
    }
    Ok(())
}
