//! Which path leads to which screen, and which form to which change.

use hyper::{Method, StatusCode};

use super::{
    BASE, GO_BACK,
    ask::{Ask, Done, Refused, Shown, sentence},
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

/// Answers a request for a path below [`BASE`].
pub async fn answer(ask: Ask<'_>, method: &Method, path: &str) -> WebResponse {
    if *method == Method::POST {
        return change(ask, path).await;
    }
    let parts = split(path);
    let parts: Vec<_> = parts.iter().map(String::as_str).collect();
    if parts == ["judge", "report"] {
        return judge::report(&ask).unwrap_or_else(|| nothing(&ask));
    }
    match show(&ask, &parts).await {
        Some(shown) => ask.answer(shown),
        None => nothing(&ask),
    }
}

/// The parts of a path.
fn split(path: &str) -> Vec<String> {
    path.split('/').filter(|part| !part.is_empty()).map(form::decode).collect()
}

/// The page of a path; nothing where there is none.
async fn show(ask: &Ask<'_>, parts: &[&str]) -> Option<Shown> {
    Some(match parts {
        [] => overview::show(ask).await,
        ["judge"] => judge::show(ask),
        ["server"] => server::show(ask).await,
        ["sync"] => sync::list(ask).await,
        ["sync", agent] => sync::show(ask, agent).await,
        ["t", tenant] => connect::show(ask, tenant).await,
        ["t", tenant, "users"] => people::show(ask, tenant, &USERS).await,
        ["t", tenant, "groups"] => people::show(ask, tenant, &GROUPS).await,
        ["t", tenant, "users", id] => person::show(ask, tenant, &USERS, id).await,
        ["t", tenant, "groups", id] => person::show(ask, tenant, &GROUPS, id).await,
        ["t", tenant, "deleted"] => deleted::show(ask, tenant).await,
        ["t", tenant, "history"] => history::show(ask, tenant).await,
        ["t", tenant, "requests"] => requests::show(ask, tenant).await,
        ["t", tenant, "requests", id] => call::show(ask, tenant, id).await,
        ["t", tenant, "tokens"] => tokens::show(ask, tenant).await,
        ["t", tenant, "deliveries"] => deliveries::show(ask, tenant).await,
        ["t", tenant, "rules"] => rules::show(ask, tenant).await,
        ["t", tenant, "safety"] => safety::show(ask, tenant).await,
        ["t", tenant, "settings"] => settings::show(ask, tenant).await,
        _ => return None,
    })
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
    let Some((back, done)) = act(&ask, &parts).await else { return nothing(&ask) };
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
        show(&ask, &back).await.unwrap_or_else(|| Err(fault.clone()))
    };
    match shown {
        Ok(page) => ask.answer(Ok(page)),
        // The store is away, and so is the page.
        Err(_) if fault.status >= 500 => {
            let message = format!("{}{GO_BACK}", sentence(&fault.message));
            Ask { refused: None, ..ask }.answer(Err(Fault { message, ..fault }))
        }
        // Such as of a tenant that is not there, or is another's: its page says no more than that.
        Err(_) => Ask { refused: None, ..ask }.answer(Err(fault)),
    }
}

/// Does what the form of a path says. Gives the page that it is on, too; nothing where there is no such form.
async fn act(ask: &Ask<'_>, parts: &[&str]) -> Option<(String, Result<Done, Fault>)> {
    Some(match parts {
        ["tenants"] => (BASE.to_owned(), overview::create(ask).await),
        ["server", "sessions"] => (format!("{BASE}/server"), server::end_session(ask).await),
        ["judge", what] => (judge::PATH.to_owned(), judge::change(ask, what)),
        ["sync", agent, what] => (sync::path(agent), sync::change(ask, agent, what).await),
        ["t", tenant, kind @ ("users" | "groups"), id, what] => {
            let people: &People = if *kind == "users" { &USERS } else { &GROUPS };
            (people.path(tenant, id), person::change(ask, tenant, people, id, what).await)
        }
        ["t", tenant, "deleted"] => (of_tenant(tenant, "deleted"), deleted::restore(ask, tenant).await),
        ["t", tenant, part @ ("tokens" | "clients"), what] => {
            (of_tenant(tenant, "tokens"), tokens::change(ask, tenant, part, what).await)
        }
        ["t", tenant, "deliveries", what] => {
            (of_tenant(tenant, "deliveries"), deliveries::change(ask, tenant, what).await)
        }
        ["t", tenant, "requests", what] => (of_tenant(tenant, "requests"), values::change(ask, tenant, what).await),
        ["t", tenant, "requests", id, "values"] => (path::of_call(tenant, id), values::show(ask, tenant, id).await),
        ["t", tenant, "rules", what] => (of_tenant(tenant, "rules"), rules::change(ask, tenant, what).await),
        ["t", tenant, "safety", what] => (of_tenant(tenant, "safety"), safety::change(ask, tenant, what).await),
        ["t", tenant, "settings", what] => (of_tenant(tenant, "settings"), settings::change(ask, tenant, what).await),
        _ => return None,
    })
}
