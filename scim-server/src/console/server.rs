//! The server itself: what it has done in the last day, who is signed in, what administrators did, what is set.

use super::{
    BASE,
    ask::{Ask, Done, Shown, refused},
    certificate, command, history,
    ring::{Sample, look},
    row::thousands,
    sign_in,
};
use crate::{
    admin::{Fault, Role},
    event::Deed,
    web::{Cell, Chart, Facts, Line, Piece, Section, Table, Tone},
};

/// The unit of what is counted.
const COUNTED: &str = "a minute";

/// The number of a line in a minute; a gap where nothing was measured.
type Measure = fn(&Sample) -> Option<f64>;

/// Shows the server.
pub async fn show(ask: &Ask<'_>) -> Shown {
    if ask.session.administrator.tenant.is_some() {
        return Err(Fault::new(403, "This page is about all tenants."));
    }
    let page = ask.page("Server").with(health(ask)).with(charts(ask));
    Ok(page.with(sessions(ask)).with(history::of_server(ask).await?).with(settings(ask)))
}

fn health(ask: &Ask<'_>) -> Section {
    let context = ask.context();
    let refuses = context.store.metrics().refusing.get() != 0;
    let store = if refuses {
        Cell::Badge(Tone::Bad, "refuses writes: the log says why".to_owned())
    } else {
        Cell::Badge(Tone::Good, "takes writes".to_owned())
    };
    let now = look(&ask.console.metrics, &*context.clock);
    let facts = Facts::default()
        .with("Version", env!("CARGO_PKG_VERSION"))
        .with("Store", store)
        .with("Kind of store", if context.store.is_shared() { "PostgreSQL" } else { "a directory" })
        .with("Certificate", certificate::cell(ask))
        .with("Base of the URLs", Cell::Copy(context.base.clone()))
        .with("Requests since the start", thousands(now.answered + now.refused + now.failed));
    Section::new("Health").with(facts).command(command::line(&["doctor"]))
}

fn charts(ask: &Ask<'_>) -> Section {
    let minutes = ask.console.ring.minutes();
    let section = Section::new("The last 24 hours");
    if minutes.len() < 2 {
        return section.with(Piece::Text("Charts begin two minutes after the start of the server.".to_owned()));
    }
    let chart = |title: &str, unit: &str, lines: &[(&str, Measure)]| Chart {
        title: title.to_owned(),
        unit: unit.to_owned(),
        at: minutes.iter().map(|minute| minute.at).collect(),
        lines: lines
            .iter()
            .map(|(name, value)| Line { name: (*name).to_owned(), values: minutes.iter().map(value).collect() })
            .collect(),
        adds_up: unit == COUNTED,
    };
    section
        .with(chart(
            "Requests",
            COUNTED,
            &[
                ("done", |m| count(m.answered)),
                ("refused (4xx)", |m| count(m.refused)),
                ("failed (5xx)", |m| count(m.failed)),
            ],
        ))
        .with(chart("Without a valid token", COUNTED, &[("requests", |m| count(m.strangers))]))
        .with(chart(
            "How long requests took",
            "ms, of each minute",
            &[("half of them at most (p50)", |m| took(m, 500)), ("99 of 100 at most (p99)", |m| took(m, 990))],
        ))
        .with(chart("Commits of the store", COUNTED, &[("commits", |m| count(m.commits))]))
        .with(chart("Memory", "MiB resident", &[("memory", |m| m.memory.and_then(|bytes| count(bytes >> 20)))]))
}

#[expect(clippy::unnecessary_wraps, clippy::cast_precision_loss, reason = "a number of one minute, of a line")]
fn count(number: u64) -> Option<f64> {
    Some(number as f64)
}

/// What that many of a thousand requests of a minute took at most, in milliseconds; a gap where there was none.
fn took(minute: &Sample, permille: u32) -> Option<f64> {
    minute.durations.quantile(permille).map(|took| took.as_secs_f64() * 1000.0)
}

fn sessions(ask: &Ask<'_>) -> Section {
    let mut table = Table::new(&["Who", "Role", "From", "Since", "Until", ""], "Nobody is signed in.");
    for session in ask.console.sessions.list(ask.context().clock.now()) {
        let number = session.number.to_string();
        let here = session.number == ask.session.number;
        let end = ask.button(format!("{BASE}/server/sessions"), "End", Tone::Bad, &[("number", &number)]);
        table.push(vec![
            Cell::text(session.name()),
            Cell::text(session.administrator.role.as_str()),
            Cell::text(session.address.to_string()),
            Cell::Time(session.since.to_string()),
            Cell::Time(session.until.to_string()),
            match (here, ask.may(Role::Administrator)) {
                (true, _) => Cell::Badge(Tone::Plain, "this one".to_owned()),
                (false, true) => Cell::Button(end),
                (false, false) => Cell::Empty,
            },
        ]);
    }
    Section::new("Signed in").with(table)
}

fn settings(ask: &Ask<'_>) -> Section {
    let mut table = Table::new(&["Setting", "Value", "From"], "No settings.");
    for (key, value, origin) in &ask.console.settings {
        table.push(vec![Cell::Code(key.clone()), Cell::from(value.as_str()), Cell::text(origin.as_str())]);
    }
    let note = "As they were when the server started, and where each comes from.";
    Section::new("Settings in force").note(note).with(Piece::Folded("All settings".to_owned(), vec![table.into()]))
}

/// Ends a session of somebody.
pub async fn end_session(ask: &Ask<'_>) -> Result<Done, Fault> {
    if !ask.may(Role::Administrator) || ask.session.administrator.tenant.is_some() {
        return Err(Fault::new(403, "Only administrators of all tenants end sessions."));
    }
    let number = ask.form.text("number").parse().map_err(|_| refused("There is no such session."))?;
    let ended = ask.console.sessions.end(number).ok_or_else(|| refused("The session has ended already."))?;
    let (by, of) = (ask.session.administrator.actor(), ended.administrator.actor());
    tracing::info!(by = &*by, of = &*of, "a session of the console was ended");
    // It is ended all the same when that cannot be written: somebody may have to be kept out.
    if let Err(error) = sign_in::tell(ask.admin, &by, Deed::SessionEnded, &[&of]).await {
        tracing::error!(error = &error as &dyn std::error::Error, "that a session was ended cannot be noted");
    }
    Ok(Done::Told(format!("{BASE}/server"), format!("The session of {} is ended.", ended.name())))
}
