//! What a screen is given: who asks for what, and how it gets its rows.

use std::net::SocketAddr;

use hyper::StatusCode;
use serde_json::Value;

use super::{BASE, Console, Session, path::of_tenant};
use crate::{
    admin::{self, AdminContext, AdminRequest, Fault, Line, Role, line, listen::Admin},
    web::{Button, Field, Form, Link, Page, Parameters, Piece, Tone, WebResponse, page::Who, response},
};

/// Rows that a page takes at most. What may be more is asked for page by page.
const MOST: usize = 10_000;

/// A request of somebody who is signed in.
pub struct Ask<'a> {
    pub console: &'a Console,
    pub admin: &'a Admin,
    pub session: Session,
    pub query: Parameters,
    /// What was sent.
    pub form: Parameters,
    pub peer: SocketAddr,
}

/// The parts of a tenant: path and name.
const PARTS: &[(&str, &str)] = &[
    ("", "Connect"),
    ("users", "Users"),
    ("groups", "Groups"),
    ("deleted", "Deleted"),
    ("history", "History"),
    ("requests", "Requests"),
    ("tokens", "Tokens and clients"),
    ("deliveries", "Events and deliveries"),
    ("rules", "Roles and mapping"),
    ("safety", "Safety"),
    ("settings", "Settings"),
];

/// What a screen makes of it.
pub type Shown = Result<Page, Fault>;

/// What a change leads to.
pub enum Done {
    /// To a page, with a sentence that says what was done.
    Told(String, String),
    /// To a page that can be seen this once: it has a secret, or what would be.
    Once(Box<Page>),
}

impl Ask<'_> {
    /// What commands work on, given by whoever is signed in.
    pub fn context(&self) -> AdminContext {
        let context = self.admin.context.given_by(self.session.administrator.clone());
        AdminContext { base: (self.admin.base)(), ..context }
    }

    /// Whether they may do what needs that role. What they may not is not offered; if it is sent, it is refused.
    pub fn may(&self, role: Role) -> bool {
        self.session.administrator.role >= role
    }

    /// Whether they may see what the judge finds: that is about the server, and not about one tenant.
    pub fn may_see_the_judge(&self) -> bool {
        self.may(Role::Operator) && self.session.administrator.tenant.is_none()
    }

    /// Runs a command, and gives its rows.
    pub async fn rows(&self, request: AdminRequest) -> Result<Vec<Value>, Fault> {
        self.read(request, false).await
    }

    /// Reads the first rows of a command. One that changes something ends when nobody reads what it tells: it is read `to_end`.
    async fn read(&self, request: AdminRequest, to_end: bool) -> Result<Vec<Value>, Fault> {
        let mut lines = admin::start(self.context(), request, line::nothing());
        let mut rows = Vec::new();
        while let Some(line) = lines.recv().await {
            match line {
                Line::Row(text) if rows.len() < MOST => rows.push(serde_json::from_str(&text).unwrap_or_default()),
                Line::Error(fault) => return Err(fault),
                Line::Row(_) if to_end => {}
                Line::Row(_) | Line::Done => break,
                Line::More(_) | Line::Progress(_) => {}
            }
        }
        Ok(rows)
    }

    /// Runs a command that gives one row.
    pub async fn row(&self, request: AdminRequest) -> Result<Value, Fault> {
        Ok(self.rows(request).await?.into_iter().next().unwrap_or_default())
    }

    /// Runs a command that changes something, and notes who has given it.
    pub async fn act(&self, request: AdminRequest) -> Result<Vec<Value>, Fault> {
        let by = self.session.administrator.actor();
        tracing::info!(peer = %self.peer, command = request.name(), by = &*by, "administration by the console");
        self.read(request, true).await
    }

    /// Why a command would be refused, before anybody is asked whether they want it.
    pub async fn rehearse(&self, request: &AdminRequest) -> Result<(), Fault> {
        admin::rehearse(&self.context(), request).await.map_err(|error| error.fault())
    }

    /// The same of a command that can be forced. The piece says why it has to be; none where it need not.
    pub async fn rehearse_both(&self, request: impl Fn(bool) -> AdminRequest) -> Result<Option<Piece>, Fault> {
        let Err(unforced) = self.rehearse(&request(false)).await else { return Ok(None) };
        self.rehearse(&request(true)).await?;
        let why = format!("Only with the switch below, which stands for --force. {}", sentence(&unforced.message));
        Ok(Some(Piece::Notice(Tone::Warn, why)))
    }

    /// A page with the navigation of the console.
    pub fn page(&self, title: impl Into<String>) -> Page {
        let mut page = Page::new(&self.console.side, title);
        page.links = vec![Link::new(BASE, "Overview"), Link::new(format!("{BASE}/sync"), "Sync")];
        if self.may_see_the_judge() {
            page.links.push(Link::new(format!("{BASE}/judge"), "Judge"));
        }
        if self.session.administrator.tenant.is_none() {
            page.links.push(Link::new(format!("{BASE}/server"), "Server"));
        }
        for link in &mut page.links {
            link.current = link.text == page.title;
        }
        page.who = Some(Who {
            name: self.session.name().to_owned(),
            role: self.session.administrator.role.to_string(),
            csrf: self.session.csrf().to_owned(),
        });
        page
    }

    /// A page about a tenant: its parts are at the side, `part` is the one that is open.
    pub fn tenant_page(&self, tenant: &str, part: &str) -> Page {
        let mut page = self.page(tenant);
        part.clone_into(&mut page.subtitle);
        page.tabs = PARTS
            .iter()
            .map(|(path, name)| Link { current: *name == part, ..Link::new(of_tenant(tenant, path), *name) })
            .collect();
        page
    }

    /// A form that changes something.
    pub fn form(&self, action: impl Into<String>, submit: &str, fields: Vec<Field>) -> Form {
        let csrf = self.session.csrf().to_owned();
        Form { action: action.into(), csrf, fields, submit: submit.to_owned(), danger: false, within: "" }
    }

    /// A button that changes something.
    pub fn button(&self, action: impl Into<String>, label: &str, tone: Tone, fields: &[(&str, &str)]) -> Button {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let csrf = self.session.csrf().to_owned();
        Button { action: action.into(), csrf, fields, label: label.to_owned(), tone }
    }

    /// Has a sentence shown at the top of the next page.
    pub fn tell(&self, tone: Tone, text: impl Into<String>) {
        self.console.sessions.tell(&self.session, tone, text.into());
    }

    /// The response for a page, with what is still to be told.
    pub fn answer(&self, shown: Shown) -> WebResponse {
        let (status, mut page) = match shown {
            Ok(page) => (StatusCode::OK, page),
            Err(fault) => {
                let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let page = self.page("This cannot be shown");
                (status, page.with(Piece::Notice(Tone::Bad, sentence(&fault.message))))
            }
        };
        for (at, (tone, text)) in self.console.sessions.told(&self.session).into_iter().enumerate() {
            page.pieces.insert(at, Piece::Notice(tone, text));
        }
        response::page(status, &page)
    }
}

/// That a form says what cannot be done.
pub fn refused(why: impl Into<String>) -> Fault {
    Fault::new(StatusCode::BAD_REQUEST.as_u16(), why)
}

/// Begins with a capital and ends with a full stop, as on a page. The name of an attribute stays as it is written.
pub fn sentence(text: &str) -> String {
    let is_name = text.split(' ').next().is_some_and(|word| word.chars().any(|c| c.is_uppercase() || "._".contains(c)));
    let mut characters = text.chars();
    let first: String = match characters.next() {
        Some(first) if is_name => first.to_string(),
        Some(first) => first.to_uppercase().collect(),
        None => String::new(),
    };
    let end = if text.ends_with(['.', '!', '?', ':']) || text.is_empty() { "" } else { "." };
    format!("{first}{}{end}", characters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_keeps_the_names_of_attributes() {
        for (text, expect) in [
            ("the store is full", "The store is full."),
            ("userName is required.", "userName is required."),
            ("name.givenName is too long", "name.givenName is too long."),
            ("12 users would go!", "12 users would go!"),
            ("", ""),
        ] {
            assert_eq!(sentence(text), expect);
        }
    }
}
