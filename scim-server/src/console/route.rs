//! Which path leads to which screen, and which form to which change.

use hyper::{Method, StatusCode};

use super::{
    BASE,
    ask::{Ask, Done, sentence},
    call, connect, deleted, deliveries, history, judge,
    kind::{GROUPS, People, USERS},
    overview,
    path::{self, of_tenant},
    people, person, requests, rules, safety, server, settings, sign_in, sync, tokens, values,
};
use crate::{
    admin::Fault,
    web::{Tone, WebResponse, form, response},
};

/// Answers a request for a path below [`BASE`].
pub async fn answer(ask: &Ask<'_>, method: &Method, path: &str) -> WebResponse {
    let parts: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(form::decode).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    if *method == Method::POST {
        return change(ask, &parts).await;
    }
    let shown = match parts.as_slice() {
        [] => overview::show(ask).await,
        ["judge"] => judge::show(ask),
        ["judge", "report"] => return judge::report(ask).unwrap_or_else(|| nothing(ask)),
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
        _ => return nothing(ask),
    };
    ask.answer(shown)
}

fn nothing(ask: &Ask<'_>) -> WebResponse {
    ask.console.refusal(
        StatusCode::NOT_FOUND,
        "Nothing here",
        "There is no page at this address. The overview has all that there is.",
    )
}

/// Does what a form says, and leads to the page that shows what became of it.
async fn change(ask: &Ask<'_>, parts: &[&str]) -> WebResponse {
    let (back, done) = match parts {
        ["sign-out"] => return sign_in::out(ask.console, ask.admin, &ask.session).await,
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
        _ => return nothing(ask),
    };
    finish(ask, &back, done)
}

fn finish(ask: &Ask<'_>, back: &str, done: Result<Done, Fault>) -> WebResponse {
    match done {
        Ok(Done::Told(to, what)) => {
            ask.tell(Tone::Good, what);
            response::redirect(&to)
        }
        Ok(Done::Once(page)) => ask.answer(Ok(*page)),
        Err(fault) => {
            ask.tell(Tone::Bad, sentence(&fault.message));
            response::redirect(back)
        }
    }
}
