//! The server itself: what it has done in the last day, who is signed in, what administrators did, what is set.

use serde_json::{Value, json};

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
    web::{Cell, Chart, Facts, Piece, Section, Table, Tone},
};

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
    let chart = |title: &str, unit: &str, lines: &[&str], values: &[fn(&Sample) -> Value]| {
        let mut data = vec![minutes.iter().map(|minute| json!(minute.at)).collect::<Vec<_>>()];
        data.extend(values.iter().map(|value| minutes.iter().map(value).collect()));
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        Chart { title: title.to_owned(), unit: unit.to_owned(), lines, data: json!(data).to_string() }
    };
    section
        .with(chart(
            "Requests",
            "a minute",
            &["done", "refused (4xx)", "failed (5xx)"],
            &[|m| json!(m.answered), |m| json!(m.refused), |m| json!(m.failed)],
        ))
        .with(chart("Without a valid token", "a minute", &["requests"], &[|m| json!(m.strangers)]))
        .with(chart(
            "How long requests took",
            "ms, of each minute",
            &["half of them at most (p50)", "99 of 100 at most (p99)"],
            &[|m| took(m, 500), |m| took(m, 990)],
        ))
        .with(chart("Commits of the store", "a minute", &["commits"], &[|m| json!(m.commits)]))
        .with(chart("Memory", "MiB resident", &["memory"], &[|m| json!(m.memory.map(|bytes| bytes >> 20))]))
}

/// What that many of a thousand requests of a minute took at most, in milliseconds; a gap where there was none.
fn took(minute: &Sample, permille: u32) -> Value {
    json!(minute.durations.quantile(permille).map(|took| took.as_secs_f64() * 1000.0))
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
