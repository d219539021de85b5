//! All tenants: what needs a person first, and how each stands.

use serde_json::Value;

use super::{
    ask::{Ask, Done, Shown},
    certificate, command, connect,
    first::listed,
    path::of_tenant,
    row::{Row, thousands},
    sync,
    traffic::{self, Range, Traffic},
};
use crate::{
    admin::{AdminRequest, ConsumerRequest, Fault, Role},
    judge::is_of_a_run,
    tenant::Settings,
    token::ledger::LIFETIME,
    web::{Cell, Field, Kind, Page, Piece, Section, Table, Tone},
};

/// Tenants on a page: how each stands is found out anew.
const PAGE: usize = 50;
/// From so many events that a consumer has not read, it lags.
const LAGS: u64 = 10_000;

/// Ways to tenants that wait for their first call, at most: the list of all says it of each.
const WAITING: usize = 5;

/// What each list and figure calls what is wrong now, and what will be.
const FAILING: &str = "failing";
const ATTENTION: &str = "needs attention";

/// A tenant, and what is wrong with it.
struct Standing {
    row: Value,
    problems: Vec<(Tone, String)>,
    /// How many calls came; nothing where no log is kept.
    traffic: Option<Traffic>,
}

/// Shows all tenants.
pub async fn show(ask: &Ask<'_>) -> Shown {
    let request = match ask.session.administrator.tenant {
        Some(only) => AdminRequest::TenantShow { tenant: only.to_string() },
        None => AdminRequest::TenantList,
    };
    let of_people = |row: Value| (!is_of_a_run(row.text("/tenant"))).then_some(row);
    let tenants = ask.some_rows(request, of_people).await?;
    let from = ask.query.text("from").parse::<usize>().unwrap_or_default();
    let range = Range::of(ask);
    let mut standings = Vec::new();
    for tenant in tenants.iter().skip(from).take(PAGE) {
        standings.push(standing(ask, tenant.text("/tenant"), range).await?);
    }
    let mut others = sync::wanted(ask).await?;
    others.extend(certificate::wanted(ask));
    let figures = figures(&tenants, &standings, &others);
    let (found, waiting) = (found(&standings, others), waiting(&standings));
    let mut page = ask.page("Overview").with(figures);
    if tenants.is_empty() {
        let what = "There is no tenant yet. A tenant is one customer: its identity provider, its users and groups. Make the first one here.";
        page.pieces.push(Piece::Notice(Tone::Plain, what.to_owned()));
    }
    let is_part = standings.len() < tenants.len();
    page = page.with(wanted(found, waiting, is_part));
    let mut list = table(&standings, range);
    if from + PAGE < tenants.len() {
        let more = format!("The next of {} tenants", thousands(tenants.len() as u64));
        list.more = Some((format!("{}?range={}&from={}", super::BASE, range.word(), from + PAGE), more));
    }
    let only = ask.session.administrator.tenant.map(|only| only.to_string());
    let words = match (&only, tenants.first()) {
        (Some(_), Some(tenant)) => vec!["status", "--tenant", tenant.text("/tenant")],
        _ => vec!["status"],
    };
    page = page.with(listed(Section::new("Tenants").with(list), &tenants, command::line(&words)));
    // Whoever may look at one tenant has its chart on its own pages.
    if only.is_none()
        && let Some(all) = traffic::of(ask, None, range).await
    {
        page = page.with(all.section(range, None, super::BASE));
    }
    if ask.may(Role::Administrator) && only.is_none() {
        page = page.with(new_tenant(ask));
    }
    Ok(page)
}

async fn standing(ask: &Ask<'_>, tenant: &str, range: Range) -> Result<Standing, Fault> {
    let mut row = ask.row(AdminRequest::Status { tenant: Some(tenant.to_owned()) }).await?;
    let state = tone(row.text("/state"));
    let problem = |problem: &Value| (tone(problem.text("/state")), problem.text("/detail").to_owned());
    let mut problems: Vec<_> = row.list("/problems").iter().map(problem).collect();
    let consumers = AdminRequest::Consumer { request: ConsumerRequest::List { tenant: tenant.to_owned() } };
    for consumer in ask.rows(consumers).await? {
        let lag = consumer.number("/lag");
        if lag >= LAGS {
            let name = consumer.text("/name");
            problems.push((Tone::Warn, format!("The consumer {name} has not read {} events.", thousands(lag))));
        }
    }
    // Whoever is on the list of what needs a person is not healthy in that of the tenants.
    if state < Tone::Warn && problems.iter().any(is_wrong) {
        row["state"] = "warning".into();
    }
    let traffic = traffic::of(ask, Some(tenant), range).await;
    Ok(Standing { row, problems, traffic })
}

/// Whether that needs a person: what is said of a tenant that waits for its first call does not.
fn is_wrong((tone, _): &(Tone, String)) -> bool {
    *tone >= Tone::Warn
}

fn tone(state: &str) -> Tone {
    match state {
        "ok" => Tone::Good,
        "warning" => Tone::Warn,
        "failing" => Tone::Bad,
        _ => Tone::Plain,
    }
}

/// What a state is called.
fn state(state: &str) -> Cell {
    let word = match state {
        "ok" => "healthy",
        "warning" => ATTENTION,
        "failing" => FAILING,
        _ => "waits for its first call",
    };
    Cell::Badge(tone(state), word.to_owned())
}

/// What is wrong: how bad it is, where it leads, and what to do.
type Found = (Tone, Cell, String);

/// How much there is. A tenant counts once, however much is wrong with it; `others` are agents and the certificate.
fn figures(tenants: &[Value], standings: &[Standing], others: &[Found]) -> Piece {
    let sum = |what: &str| tenants.iter().map(|tenant| tenant.number(what)).sum();
    let new = standings.iter().filter(|one| one.row.text("/state") == "new").count();
    let wrong = |sought: Tone| {
        let of_tenants = standings.iter().filter(|one| tone(one.row.text("/state")) == sought).count();
        (of_tenants + others.iter().filter(|(of, ..)| *of == sought).count()) as u64
    };
    let figure = |name: &str, number: u64, tone: Tone| {
        (name.to_owned(), Cell::text(thousands(number)), if number == 0 { Tone::Plain } else { tone })
    };
    Piece::Figures(vec![
        figure("Tenants", tenants.len() as u64, Tone::Plain),
        figure("Failing", wrong(Tone::Bad), Tone::Bad),
        figure("Needs attention", wrong(Tone::Warn), Tone::Warn),
        figure("Wait for a first call", new as u64, Tone::Plain),
        figure("Users", sum("/users"), Tone::Plain),
        figure("Groups", sum("/groups"), Tone::Plain),
    ])
}

/// What somebody should do, the worst first.
fn found(standings: &[Standing], others: Vec<Found>) -> Vec<Found> {
    let of_tenants = standings.iter().flat_map(|one| {
        let name = one.row.text("/tenant");
        let link = move || Cell::link(of_tenant(name, ""), name);
        let wrong = one.problems.iter().filter(|problem| is_wrong(problem));
        wrong.map(move |(tone, detail)| (*tone, link(), detail.clone()))
    });
    let mut found: Vec<_> = of_tenants.chain(others).collect();
    found.sort_by_key(|(tone, ..)| std::cmp::Reverse(*tone));
    found
}

/// Where tenants that nobody has called yet are connected: nothing is wrong with them.
fn waiting(standings: &[Standing]) -> Vec<(String, String)> {
    let new = standings.iter().filter(|one| one.row.text("/state") == "new").take(WAITING);
    let way = |name: &str| (of_tenant(name, ""), format!("{name} waits for its first call: connect a provider"));
    new.map(|one| way(one.row.text("/tenant"))).collect()
}

fn wanted(found: Vec<Found>, waiting: Vec<(String, String)>, is_part: bool) -> Section {
    let none = if waiting.is_empty() { "Nothing needs a person now." } else { "Nothing is wrong." };
    let mut table = Table::new(&["Where", "State", "What is wrong, and what to do"], none);
    for (tone, link, detail) in found {
        let word = if tone == Tone::Bad { FAILING } else { ATTENTION };
        table.push(vec![link, Cell::Badge(tone, word.to_owned()), Cell::Said(detail)]);
    }
    let mut section = Section::new("Needs a person").with(table);
    if !waiting.is_empty() {
        section = section.with(Piece::Links(waiting));
    }
    if is_part { section.note("Of the tenants that are listed below: others are on the next pages.") } else { section }
}

fn table(standings: &[Standing], range: Range) -> Table {
    let calls = format!("Calls, {}", range.word());
    let headings = ["Tenant", "State", "Users", "Groups", &calls, "Refused", "Over time", "Last call", "Last change"];
    let mut table = Table::new(&headings, "No tenants yet: `scim-server tenant create NAME` makes one.");
    for Standing { row, traffic, .. } in standings {
        let name = row.text("/tenant");
        let [calls, refused, bars] = counted(name, traffic.as_ref(), range);
        table.push(vec![
            Cell::link(of_tenant(name, ""), name),
            state(row.text("/state")),
            Cell::link(of_tenant(name, "users"), thousands(row.number("/users"))),
            Cell::link(of_tenant(name, "groups"), thousands(row.number("/groups"))),
            calls,
            refused,
            bars,
            row.time("/last_call", "never"),
            row.time("/last_write", "none that is kept"),
        ]);
    }
    table
}

/// How many calls came to a tenant, how many were refused, and when.
fn counted(tenant: &str, traffic: Option<&Traffic>, range: Range) -> [Cell; 3] {
    let Some(traffic) = traffic else { return [Cell::Empty, Cell::Empty, Cell::Empty] };
    let refused = match traffic.refused() {
        0 => Cell::text("0"),
        some => Cell::link(of_tenant(tenant, "requests?status=4xx,5xx"), thousands(some)),
    };
    let calls = Cell::link(of_tenant(tenant, "requests"), thousands(traffic.calls()));
    [calls, refused, traffic.bars(range)]
}

fn new_tenant(ask: &Ask<'_>) -> Section {
    let fields = vec![
        Field::text("name", "Name")
            .hint("What you call the customer: letters, digits, - and _ are easy to type.")
            .required(),
        Field::of(Kind::Switch, "token", "Make its first token, and show it once").value("on"),
    ];
    let form = ask.form(format!("{}/tenants", super::BASE), "Make a tenant", fields);
    Section::new("A new tenant").with(form).command(command::line(&["tenant", "create", "NAME"]))
}

/// Makes a tenant, and shows its first token if one is asked for.
pub async fn create(ask: &Ask<'_>) -> Result<Done, Fault> {
    let name = ask.form.text("name").to_owned();
    let token_seconds = ask.form.get("token").map(|_| LIFETIME.as_secs());
    let settings = Box::new(Settings::default());
    let request = AdminRequest::TenantCreate { name: name.clone(), settings, token_seconds, database: None };
    let row = ask.act(request).await?.into_iter().next().unwrap_or_default();
    if token_seconds.is_none() {
        return Ok(Done::Told(of_tenant(&name, ""), format!("The tenant {name} is made.")));
    }
    Ok(Done::Once(Box::new(made(ask, &name, &row).await)))
}

async fn made(ask: &Ask<'_>, name: &str, row: &Value) -> Page {
    let page = ask
        .tenant_page(name, "Its first token")
        .with(Piece::Notice(Tone::Good, format!("The tenant {name} is made.")))
        .with(
            Section::new("Give these to the identity provider")
                .with(Piece::Secret("Endpoint".to_owned(), row.text("/endpoint").to_owned()))
                .with(Piece::Secret("Token".to_owned(), row.text("/token").to_owned()))
                .with(Piece::Links(vec![(of_tenant(name, ""), "How each provider calls these values".to_owned())])),
        );
    connect::first_call(ask, name).await.into_iter().fold(page, Page::with)
}
