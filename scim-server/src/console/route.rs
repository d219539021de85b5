//! Which path leads to which screen, and which form to which change.

use std::pin::Pin;

use hyper::{Method, StatusCode};

use super::{
    BASE, GO_BACK,
    ask::{Ask, Done, Refused, Shown, why},
    call, connect, deleted, deliveries, history, judge,
    kind::{GROUPS, People, USERS},
    overview,
    path::{self, of_tenant},
    people, person, requests, rules, safety, schemas, server, settings, sign_in, sync, tokens, values,
};
use crate::{
    admin::Fault,
    web::{Tone, WebResponse, form, response},
};

/// The parts of the address of the judge's report, which is no page of ours.
const REPORT: [&str; 2] = ["judge", "report"];

/// Answers a request for a path below [`BASE`].
pub async fn answer(ask: Ask<'_>, method: &Method, path: &str) -> WebResponse {
    if *method == Method::POST {
        return change(ask, path).await;
    }
    let parts = split(path);
    let parts: Vec<_> = parts.iter().map(String::as_str).collect();
    if parts == REPORT {
        return judge::report(&ask).unwrap_or_else(|| nothing(&ask));
    }
    if let Some(page) = page_of(&ask, &parts) {
        return response::redirect(&page);
    }
    let Some(screen) = screen_at(&ask, &parts) else { return nothing(&ask) };
    let shown = screen.await;
    ask.answer(shown)
}

/// Whether an address, with its query, leads to a page for whoever opens it: that of a form does, too. It must be written as
/// the console writes it. What a browser or a proxy may read as another one leads nowhere: `..`, `\` and control characters,
/// however they are encoded.
pub fn leads(ask: &Ask<'_>, to: &str) -> bool {
    let (path, query) = to.split_once('?').unwrap_or((to, ""));
    let is_part = |part: &str| {
        let name = form::decode(part);
        form::encode(&name) == part && !["", ".", ".."].contains(&name.as_str()) && !name.contains(['/', '\\'])
    };
    let is_plain = query.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let has_controls = form::decode(to).chars().any(char::is_control);
    let below = path.strip_prefix(BASE).filter(|below| below.is_empty() || below.starts_with('/'));
    let Some(below) = below.filter(|below| below.split('/').skip(1).all(is_part)) else { return false };
    let parts = split(below);
    let parts: Vec<_> = parts.iter().map(String::as_str).collect();
    let is_there = parts == REPORT || screen_at(ask, &parts).is_some() || form_at(ask, &parts).is_some();
    is_there && is_plain && !has_controls
}

/// The parts of a path.
fn split(path: &str) -> Vec<String> {
    path.split('/').filter(|part| !part.is_empty()).map(form::decode).collect()
}

/// What a page shows, once it is awaited.
type Screen<'a> = Pin<Box<dyn Future<Output = Shown> + Send + 'a>>;

/// The page of a path; nothing where there is none.
fn screen_at<'a>(ask: &'a Ask<'_>, parts: &'a [&'a str]) -> Option<Screen<'a>> {
    let screen: Screen<'a> = match parts {
        [] => Box::pin(overview::show(ask)),
        ["judge"] => Box::pin(async move { judge::show(ask) }),
        ["server"] => Box::pin(server::show(ask)),
        ["sync"] => Box::pin(sync::list(ask)),
        ["sync", agent] => Box::pin(sync::show(ask, agent)),
        ["t", tenant] => Box::pin(connect::show(ask, tenant)),
        ["t", tenant, "users"] => Box::pin(people::show(ask, tenant, &USERS)),
        ["t", tenant, "groups"] => Box::pin(people::show(ask, tenant, &GROUPS)),
        ["t", tenant, "users", id] => Box::pin(person::show(ask, tenant, &USERS, id)),
        ["t", tenant, "groups", id] => Box::pin(person::show(ask, tenant, &GROUPS, id)),
        ["t", tenant, "deleted"] => Box::pin(deleted::show(ask, tenant)),
        ["t", tenant, "history"] => Box::pin(history::show(ask, tenant)),
        ["t", tenant, "requests"] => Box::pin(requests::show(ask, tenant)),
        ["t", tenant, "requests", id] => Box::pin(call::show(ask, tenant, id)),
        ["t", tenant, "tokens"] => Box::pin(tokens::show(ask, tenant)),
        ["t", tenant, "deliveries"] => Box::pin(deliveries::show(ask, tenant)),
        ["t", tenant, "rules"] => Box::pin(rules::show(ask, tenant)),
        ["t", tenant, "safety"] => Box::pin(safety::show(ask, tenant)),
        ["t", tenant, "settings"] => Box::pin(settings::show(ask, tenant)),
        _ => return None,
    };
    Some(screen)
}

fn nothing(ask: &Ask<'_>) -> WebResponse {
    ask.console.refusal(
        StatusCode::NOT_FOUND,
        "Nothing here",
        "There is no page at this address. The overview has all that there is.",
    )
}

/// Does what a form says, and leads to the page that shows what became of it.
async fn change(ask: Ask<'_>, path: &str) -> WebResponse {
    let parts = split(path);
    let parts: Vec<_> = parts.iter().map(String::as_str).collect();
    if parts == ["sign-out"] {
        return sign_in::out(ask.console, ask.admin, &ask.session).await;
    }
    let Some((back, work)) = form_at(&ask, &parts) else { return nothing(&ask) };
    let done = work.await;
    match done {
        Ok(Done::Told(to, what)) => {
            ask.tell(Tone::Good, what);
            response::redirect(&to)
        }
        Ok(Done::Once(page)) => ask.answer(Ok(*page)),
        Err(fault) => refuse(ask, path, &parts, &back, fault).await,
    }
}

/// Shows the page that a form is on that was refused, with why, and with what was typed in it.
async fn refuse(ask: Ask<'_>, path: &str, parts: &[&str], back: &str, fault: Fault) -> WebResponse {
    let ask = Ask { refused: Some(Refused { action: format!("{BASE}{path}"), fault: fault.clone() }), ..ask };
    let shown = if let ["t", tenant, "settings", "schema-remove"] = parts {
        schemas::confirm(&ask, tenant, ask.form.text("schema")).await
    } else if let ["t", tenant, "safety", "brake-undo"] = parts {
        safety::anew(&ask, tenant).await
    } else {
        let back = split(back.strip_prefix(BASE).unwrap_or_default());
        let back: Vec<_> = back.iter().map(String::as_str).collect();
        match screen_at(&ask, &back) {
            Some(screen) => screen.await,
            None => Err(fault.clone()),
        }
    };
    match shown {
        Ok(page) => ask.answer(Ok(page)),
        // The store is away, and so is the page.
        Err(_) if fault.status >= 500 => {
            let message = format!("{}{GO_BACK}", why(&fault, &[]));
            Ask { refused: None, ..ask }.answer(Err(Fault { message, ..fault }))
        }
        // Such as of a tenant that is not there, or is another's: its page says no more than that.
        Err(_) => Ask { refused: None, ..ask }.answer(Err(fault)),
    }
}

/// What a form does, once it is awaited.
type Change<'a> = Pin<Box<dyn Future<Output = Result<Done, Fault>> + Send + 'a>>;

/// The form that is sent to a path: the page that it is on, and what it does; nothing where there is no such form.
fn form_at<'a>(ask: &'a Ask<'_>, parts: &'a [&'a str]) -> Option<(String, Change<'a>)> {
    fn on<'f>(page: String, change: impl Future<Output = Result<Done, Fault>> + Send + 'f) -> (String, Change<'f>) {
        (page, Box::pin(change))
    }
    Some(match parts {
        ["tenants"] => on(BASE.to_owned(), overview::create(ask)),
        ["server", "sessions"] => on(format!("{BASE}/server"), server::end_session(ask)),
        ["judge", what] => on(judge::PATH.to_owned(), async move { judge::change(ask, what) }),
        ["sync", agent, what] => on(sync::path(agent), sync::change(ask, agent, what)),
        ["t", tenant, kind @ ("users" | "groups"), id, what] => {
            let people: &'static People = if *kind == "users" { &USERS } else { &GROUPS };
            on(people.path(tenant, id), person::change(ask, tenant, people, id, what))
        }
        ["t", tenant, "deleted"] => on(of_tenant(tenant, "deleted"), deleted::restore(ask, tenant)),
        ["t", tenant, part @ ("tokens" | "clients"), what] => {
            on(of_tenant(tenant, "tokens"), tokens::change(ask, tenant, part, what))
        }
        ["t", tenant, "deliveries", what] => on(of_tenant(tenant, "deliveries"), deliveries::change(ask, tenant, what)),
        // Behind that also stand the ids of calls.
        ["t", tenant, "requests", what @ ("keep" | "forget")] => {
            on(of_tenant(tenant, "requests"), values::change(ask, tenant, what))
        }
        ["t", tenant, "requests", id, "values"] => on(path::of_call(tenant, id), values::show(ask, tenant, id)),
        ["t", tenant, "rules", what] => on(of_tenant(tenant, "rules"), rules::change(ask, tenant, what)),
        ["t", tenant, "safety", what] => on(of_tenant(tenant, "safety"), safety::change(ask, tenant, what)),
        ["t", tenant, "settings", what] => on(of_tenant(tenant, "settings"), settings::change(ask, tenant, what)),
        _ => return None,
    })
}

/// The page of the form that is sent to a path, for whoever opens that path: a form that was refused, or has shown something
/// once, is shown there. Nothing where the page itself is there.
fn page_of(ask: &Ask<'_>, parts: &[&str]) -> Option<String> {
    if parts == ["sign-out"] {
        return Some(BASE.to_owned());
    }
    // What it does is not begun.
    let (page, _) = form_at(ask, parts)?;
    (split(page.strip_prefix(BASE)?) != parts).then_some(page)
}
