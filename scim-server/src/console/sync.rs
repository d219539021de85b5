//! The agents that report to this server (`sync-agent`): how each stands, and what it holds back, with the decision.

use std::time::Duration;

use serde_json::Value;

use super::{
    BASE,
    ask::{Ask, Done, Shown, refused, sentence},
    command,
    row::{Row, thousands},
};
use crate::{
    admin::{AdminRequest, AgentRequest, Fault, Role},
    units,
    web::{Cell, Facts, Piece, Section, Table, Tone, form},
};

/// The path of an agent, or of all of them when the name is empty.
pub fn path(name: &str) -> String {
    if name.is_empty() { format!("{BASE}/sync") } else { format!("{BASE}/sync/{}", form::encode(name)) }
}

fn tone(state: &str) -> Tone {
    match state {
        "ok" => Tone::Good,
        "failing" => Tone::Bad,
        "silent" | "waiting" => Tone::Warn,
        _ => Tone::Plain,
    }
}

fn state(row: &Value) -> Cell {
    Cell::Badge(tone(row.text("/state")), row.text("/state").to_owned())
}

/// All that whoever asks may see.
async fn rows(ask: &Ask<'_>) -> Result<Vec<Value>, Fault> {
    let tenant = ask.session.administrator.tenant.map(|tenant| tenant.to_string());
    ask.rows(AdminRequest::Agent { request: AgentRequest::List { tenant } }).await
}

/// What needs a person, of all agents: how bad it is, where it leads, and what is wrong.
pub async fn wanted(ask: &Ask<'_>) -> Result<Vec<(Tone, Cell, String)>, Fault> {
    let rows = rows(ask).await?;
    let wanted = rows.iter().filter(|row| tone(row.text("/state")) >= Tone::Warn).map(|row| {
        let name = row.text("/agent");
        let detail = format!("The agent {name}: {}", sentence(row.text("/detail")));
        (tone(row.text("/state")), Cell::link(path(name), name), detail)
    });
    Ok(wanted.collect())
}

/// Shows all agents.
pub async fn list(ask: &Ask<'_>) -> Shown {
    let headings = ["Agent", "State", "Last cycle", "Next run", "Held back", "In trouble", "Heard"];
    // The token of an agent is made by whoever administrates the server.
    let only = ask.session.administrator.tenant;
    let may_make = ask.may(Role::Administrator) && only.is_none();
    let mut table = Table::new(
        &headings,
        match (may_make, only) {
            (true, _) => "No agent reports to this server yet. The steps are below.",
            (false, None) => "No agent reports to this server yet. An administrator has one report: it needs a token.",
            (false, Some(_)) => {
                "No agent reports for this tenant yet. An administrator of the server has one report: it needs a token."
            }
        },
    );
    for row in rows(ask).await? {
        let name = row.text("/agent");
        let mut standing = vec![state(&row), Cell::Said(sentence(row.text("/detail")))];
        if row.pointer("/late").is_some() {
            standing.push(Cell::Note("A decision came too late.".to_owned()));
        }
        table.push(vec![
            Cell::link(path(name), name),
            Cell::Several(standing),
            row.time("/last_cycle", "none yet"),
            row.time("/next_run", "–"),
            Cell::text(thousands(row.number("/held"))),
            Cell::text(thousands(row.number("/troubled"))),
            row.time("/heard", "–"),
        ]);
    }
    let is_empty = table.rows.is_empty();
    let only = only.map(|only| only.to_string());
    let words = match &only {
        Some(only) => vec!["agent", "list", "--tenant", only],
        None => vec!["agent", "list"],
    };
    let page = ask.page("Sync").with(Section::new("Agents").with(table).command(command::line(&words)));
    if !may_make {
        return Ok(page);
    }
    let steps = steps();
    Ok(page.with(if is_empty {
        Section { title: "Have an agent report".to_owned(), note: String::new(), pieces: steps }
    } else {
        Section::new("Another agent").with(Piece::Folded("The steps".to_owned(), steps))
    }))
}

fn steps() -> Vec<Piece> {
    let settings = "[report]\nurl = \"https://console.example.com\"\ntoken_file = \"report.token\"\ndecisions = true";
    vec![
        Piece::Steps(vec![
            "Make a token for it. What the token is called, the agent is called here.".to_owned(),
            "Put the token into a file that only the agent reads, and name this server in its configuration. Leave decisions out if it is to decide at its own command line alone.".to_owned(),
            "Restart the agent. It reports within a minute.".to_owned(),
        ]),
        Piece::Command(command::line(&["admin-token", "create", "--name", "NAME", "--role", "agent"])),
        Piece::Code(settings.to_owned()),
    ]
}

/// Shows one agent.
pub async fn show(ask: &Ask<'_>, name: &str) -> Shown {
    let request = AgentRequest::Show { agent: name.to_owned() };
    let row = ask.row(AdminRequest::Agent { request }).await?;
    let name = row.text("/agent");
    let mut page = ask.page("Sync");
    name.clone_into(&mut page.title);
    "an agent".clone_into(&mut page.subtitle);
    page = page.with(standing(&row).command(command::line(&["agent", "show", name])));
    if row.pointer("/late").is_some() {
        page.pieces.insert(0, Piece::Notice(Tone::Warn, late(&row)));
    }
    if row.pointer("/report/held").is_some() {
        page = page.with(held(ask, name, &row));
    }
    page = page.with(cycles(&row)).with(troubles(&row));
    if ask.may(Role::Operator) {
        let mut form = ask.form(format!("{}/delete", path(name)), "Forget this agent", Vec::new());
        form.danger = true;
        let note = "It comes back with its next report, unless its token is deleted.";
        let section = Section::new("Forget").note(note).with(form).command(command::line(&["agent", "delete", name]));
        page = page.with(section);
    }
    Ok(page)
}

fn standing(row: &Value) -> Section {
    let state = Cell::Several(vec![state(row), Cell::Said(sentence(row.text("/detail")))]);
    let mut facts = Facts::default()
        .with("State", state)
        .with("Heard", row.time("/heard", "–"))
        .with("Next run", row.time("/next_run", "–"))
        .with("Last full comparison", row.time("/report/last_full", "never"))
        .with(
            "From one cycle to the next",
            units::display(Duration::from_secs(row.number("/report/interval_seconds"))),
        );
    if row.pointer("/report/running_since").is_some() {
        facts = facts.with("A cycle runs since", row.time("/report/running_since", "–"));
    }
    let facts =
        facts.with("Its configuration calls it", row.cell("/report/name")).with("Version", row.cell("/version"));
    Section::new("How it stands").with(facts)
}

/// That a decision was not taken, and what to do.
fn late(row: &Value) -> String {
    let word = if row.text("/late/decision") == "approve" { "approved" } else { "rejected" };
    let next = if row.text("/report/held/decision") == "open" {
        "Look at what it holds back now, and decide on that."
    } else {
        "Nothing of it waits for a decision now: its last cycles say what it has done."
    };
    format!(
        "A decision came too late: at {} {} {word} the plan `{}`. That was not applied: by then the agent held back something else, or had gone on without it. {next}",
        row.text("/late/at"),
        row.text("/late/by"),
        row.text("/late/plan")
    )
}

/// What waits for a decision: all of it, and who decides how.
fn held(ask: &Ask<'_>, name: &str, row: &Value) -> Section {
    let plan = row.text("/report/held/plan");
    let mut section = Section::new("Held back")
        .note(match row.text("/report/held/decision") {
            "approved" | "rejected" => {
                "A limit of the agent was exceeded. It did the rest, and somebody has decided about this."
            }
            _ => "A limit of the agent was exceeded. It does the rest, and none of this until somebody decides.",
        })
        .with(
            Facts::default()
                .with("Since", row.time("/report/held/since", "–"))
                .with("Plan", Cell::Code(plan.to_owned())),
        );
    for limit in row.list("/report/held/limits") {
        let mut table = Table::new(&["What it would do"], "Nothing.");
        for action in limit.list("/actions") {
            table.push(vec![action.said("")]);
        }
        section = section.with(Piece::Notice(Tone::Warn, sentence(limit.text("/because")))).with(table);
        if limit.number("/more") > 0 {
            let more = thousands(limit.number("/more"));
            section = section
                .with(Piece::Text(format!("And {more} more. `sync-agent held`, where the agent runs, shows all.")));
        }
    }
    decision(ask, section, name, row, plan)
}

fn decision(ask: &Ask<'_>, section: Section, name: &str, row: &Value, plan: &str) -> Section {
    match row.text("/report/held/decision") {
        "approved" => {
            let what = "Approved. Its next run reads everything anew, and does what of this is still so.";
            return section.with(Piece::Notice(Tone::Good, told(row, what)));
        }
        "rejected" => return section.with(Piece::Notice(Tone::Plain, told(row, "Rejected. It stays undone."))),
        _ => {}
    }
    let mut section = section;
    if row.pointer("/decision").is_some() {
        let word = if row.text("/decision/decision") == "approve" { "Approved" } else { "Rejected" };
        let what = format!("{word}. The agent gets to know it with its next report.");
        section = section.with(Piece::Notice(Tone::Good, told(row, &what)));
    }
    if !row.is("/takes_decisions") {
        let what = "This agent takes decisions at its own command line alone: run one of these where it runs.";
        let commands = ["sync-agent approve", "sync-agent reject"].map(|line| Piece::Command(line.to_owned()));
        section = section.with(Piece::Text(what.to_owned()));
        section.pieces.extend(commands);
        return section;
    }
    if ask.may(Role::Operator) {
        let button = |what: &str, label: &str, tone| {
            Cell::Button(ask.button(format!("{}/{what}", path(name)), label, tone, &[("plan", plan)]))
        };
        let buttons = vec![
            button("approve", "Approve: do exactly this", Tone::Bad),
            button("reject", "Reject: leave it undone", Tone::Plain),
        ];
        section = section.with(Facts::default().with("Decide", Cell::Several(buttons)));
    }
    let line = |what: &str| command::line(&["agent", what, name, "--plan", plan]);
    section.command(line("approve")).command(line("reject"))
}

/// A sentence with who has decided, if that was done here.
fn told(row: &Value, what: &str) -> String {
    match row.text("/decision/by") {
        "" => what.to_owned(),
        by => format!("{what} Decided by {by}."),
    }
}

fn cycles(row: &Value) -> Section {
    let headings = ["Began", "Compared", "Took", "Entries", "Writes", "Problems", "How it ended"];
    let mut table = Table::new(&headings, "No cycle has ended yet.");
    for cycle in row.list("/report/cycles") {
        let failure = cycle.text("/failure");
        let end = if failure.is_empty() {
            Cell::Badge(Tone::Good, "well".to_owned())
        } else {
            Cell::Several(vec![Cell::Badge(Tone::Bad, "early".to_owned()), Cell::Note(failure.to_owned())])
        };
        table.push(vec![
            cycle.time("/started", "–"),
            Cell::text(if cycle.is("/full") { "everything" } else { "changes" }),
            Cell::text(format!("{} ms", thousands(cycle.number("/millis")))),
            Cell::text(thousands(cycle.number("/entries"))),
            Cell::text(thousands(cycle.number("/writes"))),
            Cell::text(thousands(cycle.number("/problems"))),
            end,
        ]);
    }
    Section::new("Last cycles").with(table)
}

fn troubles(row: &Value) -> Section {
    let mut table = Table::new(&["Code", "What happened", "Since", "Tried", "Next try"], "Nothing is in trouble.");
    let all = row.list("/report/troubles");
    for trouble in all {
        let tone = if trouble.is("/blocks") { Tone::Warn } else { Tone::Plain };
        table.push(vec![
            Cell::Badge(tone, trouble.text("/code").to_owned()),
            trouble.said("/message"),
            trouble.time("/since", "–"),
            Cell::text(thousands(trouble.number("/attempts"))),
            trouble.time("/next", "–"),
        ]);
    }
    let section = Section::new("Quarantine, and problems that last")
        .note("Objects that could not be brought to the target, or only in part. The agent tries them again by itself.")
        .with(table);
    match row.number("/troubled").saturating_sub(all.len() as u64) {
        0 => section,
        more => section.with(Piece::Text(format!("And {} more: `sync-agent status` shows all.", thousands(more)))),
    }
}

/// Decides, or forgets an agent.
pub async fn change(ask: &Ask<'_>, name: &str, what: &str) -> Result<Done, Fault> {
    let (agent, plan) = (name.to_owned(), ask.form.text("plan").to_owned());
    let (request, to, told) = match what {
        "approve" => {
            let told = "Approved. The agent gets to know it with its next report.";
            (AgentRequest::Approve { agent, plan }, path(name), told)
        }
        "reject" => {
            let told = "Rejected. The agent gets to know it with its next report.";
            (AgentRequest::Reject { agent, plan }, path(name), told)
        }
        "delete" => (AgentRequest::Delete { agent }, path(""), "The agent is forgotten."),
        _ => return Err(refused("This form is not known. Load the page again.")),
    };
    ask.act(AdminRequest::Agent { request }).await?;
    Ok(Done::Told(to, told.to_owned()))
}
