//! How people get in: by a token that they paste once, by a link that is good once, or at their identity provider.

use std::net::IpAddr;

use hyper::{Method, Request, StatusCode, body::Incoming, header::COOKIE};
use scim_protocol::Timestamp;
use uuid::Uuid;

use super::{
    BASE, Console,
    oidc::{Back, Oidc, Pending, Refusal},
    session::{self, Session, no_cookie},
};
use crate::{
    admin::{Administrator, listen::Admin},
    event::{Action, Deed, Event},
    store::{ResourceId, StoreError, TenantId},
    web::{Cell, Facts, Field, Form, Kind, Page, Parameters, Piece, Section, Tone, WebResponse, form, response},
};

/// Where a token is pasted.
pub const PATH: &str = "/console/sign-in";
/// Where a one-time link leads.
pub const ENTRY: &str = "/console/enter";

/// Where the form goes that signs out.
const OUT: &str = "/console/sign-out";
/// What is said to whoever has sent a form of a session that is not there any more.
const LOST: &str = "Your session has ended: nothing was done, and what you typed was not taken. Sign in, and you come to the page of that form again.";

/// The same to whoever wanted to look at a page.
const ENDED: &str = "Your session has ended. Sign in, and you come to the page that you wanted to see.";

/// What leads to the provider.
pub const AWAY: &str = "/console/oidc";
/// Where the provider leads back to.
pub const BACK: &str = "/console/oidc/back";
/// The cookie of whoever is at the provider: its `state`.
const STATE: &str = "scim_console_state";

/// The session that a request shows. Not one of somebody whose token was deleted, has ended or allows less by now. An error when
/// the store cannot tell that: the session is there when it can again.
pub async fn session(console: &Console, admin: &Admin, cookies: &[String]) -> Result<Option<Session>, StoreError> {
    let now = admin.context.clock.now();
    let Some(session) = cookies.iter().find_map(|cookies| console.sessions.find(cookies, now)) else { return Ok(None) };
    if admin.context.is_still(&session.administrator).await? {
        return Ok(Some(session));
    }
    console.sessions.end(session.number);
    Ok(None)
}

/// What a request has of cookies.
pub fn cookies(request: &Request<Incoming>) -> Vec<String> {
    let cookies = request.headers().get_all(COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    cookies.map(str::to_owned).collect()
}

/// The numbers of the sessions that a request shows.
fn shown_sessions(console: &Console, admin: &Admin, cookies: &[String]) -> Vec<u64> {
    let now = admin.context.clock.now();
    cookies.iter().filter_map(|cookies| console.sessions.find(cookies, now)).map(|session| session.number).collect()
}

/// Asks who it is, and leads back to where they wanted to go: after a form, to the page that it is on. Whoever shows a
/// session that is not there any more is told so.
pub fn first(console: &Console, request: &Request<Incoming>, cookies: &[String]) -> WebResponse {
    let path = request.uri().path();
    if request.method() != Method::POST {
        let to = request.uri().path_and_query().map_or(BASE, |to| to.as_str());
        let has_ended = cookies.iter().any(|cookies| session::shown(cookies).is_some());
        let lost = if has_ended { "&lost=page" } else { "" };
        return response::redirect(&format!("{PATH}?to={}{lost}", form::encode(to)));
    }
    if path == OUT {
        return signed_out(console);
    }
    response::redirect(&format!("{PATH}?to={}&lost=form", form::encode(path)))
}

/// The page on which a token is pasted.
pub fn page(console: &Console, query: &str) -> WebResponse {
    let query = Parameters::parse(query);
    let why = match query.text("lost") {
        "form" => Some(LOST),
        "page" => Some(ENDED),
        _ => None,
    };
    shown(console, StatusCode::OK, query.text("to"), why)
}

fn shown(console: &Console, status: StatusCode, to: &str, why: Option<&str>) -> WebResponse {
    let fields = vec![
        Field::of(Kind::Secret, "token", "Administrator's token")
            .hint("The file admin.token in the data directory has one; `scim-server admin-token create` makes more, each with a name and a role.")
            .required(),
        Field::hidden("to", to),
    ];
    let form =
        Form { action: PATH.to_owned(), csrf: String::new(), fields, submit: "Sign in".to_owned(), ..Form::default() };
    let mut page = Page::new(&console.side, "Sign in");
    if let Some(why) = why {
        page = page.with(Piece::Notice(Tone::Bad, why.to_owned()));
    }
    if console.oidc.is_some() {
        let way = (format!("{AWAY}?to={}", form::encode(to)), "Sign in with your account".to_owned());
        page = page.with(Section::new("At your identity provider").with(Piece::Links(vec![way])));
    }
    let section = Section::new("With a token")
        .with(form)
        .with(Piece::Text("Or without one: this command prints a link that signs you in once.".to_owned()))
        .command("scim-server console");
    response::page(status, &page.with(section))
}

/// Lets in whoever pastes a token.
pub async fn by_token(console: &Console, admin: &Admin, request: Request<Incoming>, address: IpAddr) -> WebResponse {
    let before = shown_sessions(console, admin, &cookies(&request));
    let form = match console.form(request).await {
        Ok(form) => form,
        Err(refused) => return refused,
    };
    let to = form.text("to").to_owned();
    match admin.authenticate(form.text("token")).await {
        Ok(Some(agent)) if !agent.role.is_of_people() => {
            failed(console, address, &to, "This is the token of an agent. It reports, and shows nothing.")
        }
        Ok(Some(administrator)) => begin(console, admin, administrator, address, &to, &before).await,
        Ok(None) => {
            if let Some(times) = admin.refused.tell() {
                tracing::warn!(%address, times, "an attempt to sign in to the console without a valid token was refused");
            }
            failed(console, address, &to, "This token is not known, was deleted, or has ended.")
        }
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "signing in failed");
            let why = "The store does not answer. Try again in a moment; the log of the server says more.";
            shown(console, StatusCode::SERVICE_UNAVAILABLE, &to, Some(why))
        }
    }
}

/// The page for whoever showed nothing valid: why, or, to an address that tried too often, only that. Who shows something
/// valid gets in whatever others behind the same address, a proxy perhaps, have tried.
fn failed(console: &Console, address: IpAddr, to: &str, why: &str) -> WebResponse {
    let refused = || shown(console, StatusCode::FORBIDDEN, to, Some(why));
    counted(console, address, to).unwrap_or_else(refused)
}

/// Counts an attempt that has failed. Gives the page for an address that has tried too often.
fn counted(console: &Console, address: IpAddr, to: &str) -> Option<WebResponse> {
    console.attempts.count(address);
    slowed_down(console, address, to)
}

fn slowed_down(console: &Console, address: IpAddr, to: &str) -> Option<WebResponse> {
    let wait = console.attempts.check(address).err()?;
    let why = format!("Too many attempts. Try again in {} seconds.", wait.seconds());
    Some(shown(console, StatusCode::TOO_MANY_REQUESTS, to, Some(&why)))
}

/// The page that a link of `scim-server console` leads to: whom it signs in, and a button. Looking signs nobody in and
/// spends nothing: programs look at links before people do, and other sites lead to links of their own.
pub fn landing(console: &Console, admin: &Admin, query: &str, address: IpAddr) -> WebResponse {
    let query = Parameters::parse(query);
    let code = query.text("code");
    let Some(whom) = console.links.whom(code, admin.context.clock.now()) else { return dead_link(console, address) };
    let form = Form {
        action: ENTRY.to_owned(),
        csrf: String::new(),
        fields: vec![Field::hidden("code", code)],
        submit: "Sign in".to_owned(),
        ..Form::default()
    };
    let facts = Facts::default()
        .with("Signs you in as", Cell::text(whom.called()))
        .with("With the role", Cell::text(whom.role.to_string()));
    let ask = "If you did not ask for this link, close this page. Whoever is signed in here now will be signed out.";
    let page = Page::new(&console.side, "Sign in by a link").with(facts).with(Piece::Text(ask.to_owned())).with(form);
    response::page(StatusCode::OK, &page)
}

/// Lets in whoever sends the form of [`landing`].
pub async fn by_link(console: &Console, admin: &Admin, request: Request<Incoming>, address: IpAddr) -> WebResponse {
    let before = shown_sessions(console, admin, &cookies(&request));
    let form = match console.form(request).await {
        Ok(form) => form,
        Err(refused) => return refused,
    };
    match console.links.redeem(form.text("code"), admin.context.clock.now()) {
        Some(whom) => begin(console, admin, whom, address, "", &before).await,
        None => dead_link(console, address),
    }
}

fn dead_link(console: &Console, address: IpAddr) -> WebResponse {
    let why = "This link was used, is older than five minutes, or is of another server. `scim-server console` prints another.";
    failed(console, address, "", why)
}

/// Sends somebody to the provider, with a cookie to come back with.
pub async fn away(console: &Console, admin: &Admin, query: &str, cookies: &[String], address: IpAddr) -> WebResponse {
    let query = Parameters::parse(query);
    let Some(oidc) = &console.oidc else { return response::redirect(PATH) };
    // Whoever comes back is led here by another site: then the cookie of a session stays away.
    let before = shown_sessions(console, admin, cookies);
    match oidc.begin(query.text("to"), before, admin.context.clock.now()).await {
        Ok(away) => {
            // What comes back is led here by another site: Strict would keep the cookie away.
            let cookie = format!("{STATE}={}; Path={AWAY}; HttpOnly; SameSite=Lax; Max-Age=600", away.state);
            console.with_cookie(response::away(&away.to), &cookie)
        }
        Err(refusal) => refused(console, &refusal, address, query.text("to")),
    }
}

/// Lets in whom the provider names.
pub async fn by_provider(
    console: &Console,
    admin: &Admin,
    query: &str,
    cookies: &[String],
    address: IpAddr,
) -> WebResponse {
    let Some(oidc) = &console.oidc else { return response::redirect(PATH) };
    // What comes back is shown to the provider: that is a call of another server.
    if let Some(refused) = slowed_down(console, address, "") {
        return refused;
    }
    let (query, now) = (Parameters::parse(query), admin.context.clock.now());
    let Some(known) = sent_away(oidc, query.text("state"), cookies, now) else {
        // The cookie stays: it is of another attempt, begun in another tab, that is still to come back.
        return counted(console, address, "").unwrap_or_else(|| refused(console, &Refusal::Unknown, address, ""));
    };
    let back = Back { code: query.text("code"), error: query.text("error"), iss: query.text("iss") };
    let response = match oidc.finish(&known, back, now).await {
        Ok(whom) => begin(console, admin, whom, address, &known.to, &known.before).await,
        Err(refusal) => {
            let page = refused(console, &refusal, address, &known.to);
            counted(console, address, &known.to).unwrap_or(page)
        }
    };
    console.with_cookie(response, &format!("{STATE}=; Path={AWAY}; HttpOnly; SameSite=Lax; Max-Age=0"))
}

/// Whoever was sent away from this browser with that `state`. What another browser was sent away for counts for nothing.
fn sent_away(oidc: &Oidc, state: &str, cookies: &[String], now: Timestamp) -> Option<Pending> {
    let mut shown = cookies.iter().flat_map(|cookies| cookies.split(';')).filter_map(|one| one.trim().split_once('='));
    let is_of_this_browser = !state.is_empty() && shown.any(|one| one == (STATE, state));
    if is_of_this_browser { oidc.came_back(state, now) } else { None }
}

/// The page that says why the provider did not help, and leads to where they wanted to go all the same. The log says it to
/// administrators.
fn refused(console: &Console, refusal: &Refusal, address: IpAddr, to: &str) -> WebResponse {
    let status = match refusal {
        Refusal::Provider(why) => {
            tracing::warn!(why, "the provider at which administrators sign in does not answer as it should");
            StatusCode::BAD_GATEWAY
        }
        other => {
            tracing::warn!(%address, why = %other, "a sign-in by the provider was refused");
            StatusCode::FORBIDDEN
        }
    };
    shown(console, status, to, Some(&refusal.to_string()))
}

/// Begins a session, and ends those before it in the same browser: that forgets their cookie, so nobody there could end
/// them any more. The browser goes on by a page of ours: it shows a new cookie only to what this site leads to.
async fn begin(
    console: &Console,
    admin: &Admin,
    whom: Administrator,
    address: IpAddr,
    to: &str,
    before: &[u64],
) -> WebResponse {
    let actor = whom.actor();
    if !admin.context.is_still(&whom).await.is_ok_and(|is_still| is_still) {
        let why = "The token that this sign-in is by has ended or was deleted. Ask for another.";
        return shown(console, StatusCode::FORBIDDEN, to, Some(why));
    }
    if let Err(error) = tell(admin, &actor, Deed::AdministratorSignedIn, &[]).await {
        tracing::error!(error = &error as &dyn std::error::Error, "a sign-in cannot be noted");
        let why = "The store does not take that you sign in. Try again in a moment; the log of the server says more.";
        return shown(console, StatusCode::SERVICE_UNAVAILABLE, to, Some(why));
    }
    tracing::info!(%address, by = &*actor, "somebody has signed in to the console");
    for number in before {
        leave(console, admin, *number).await;
    }
    let cookie = console.sessions.begin(whom, address, admin.context.clock.now());
    let to = console.onward(admin, &cookie, address, to);
    let mut page = Page::new(&console.side, "You are signed in");
    to.clone_into(&mut page.onward);
    page.pieces.push(Piece::Links(vec![(to.to_owned(), "Go on".to_owned())]));
    console.with_cookie(response::page(StatusCode::OK, &page), &cookie)
}

/// Ends a session, and has the browser forget it.
pub async fn out(console: &Console, admin: &Admin, session: &Session) -> WebResponse {
    leave(console, admin, session.number).await;
    signed_out(console)
}

fn signed_out(console: &Console) -> WebResponse {
    console.with_cookie(response::redirect(PATH), &no_cookie())
}

/// Ends a session, and tells that somebody has gone.
async fn leave(console: &Console, admin: &Admin, number: u64) {
    let Some(session) = console.sessions.end(number) else { return };
    if let Err(error) = tell(admin, &session.administrator.actor(), Deed::AdministratorSignedOut, &[]).await {
        tracing::error!(error = &error as &dyn std::error::Error, "a sign-out cannot be noted");
    }
}

/// Tells in the server's own log who has come or gone, or whom somebody has sent away.
pub async fn tell(admin: &Admin, actor: &str, deed: Deed, whom: &[&str]) -> Result<(), StoreError> {
    let event = Event::new(Action::Administer, actor, "Administrator", ResourceId(Uuid::nil()));
    let attributes = whom.iter().map(|&name| name.to_owned()).collect();
    admin.context.access.directory().tell(TenantId::SYSTEM, Event { deed: Some(deed), attributes, ..event }).await
}
