//! What a screen is given: who asks for what, and how it gets its rows.

use std::net::IpAddr;

use hyper::StatusCode;
use serde_json::Value;
use tokio::sync::mpsc;

use super::{BASE, Console, Session, path::of_tenant, shown::WAS};
use crate::{
    admin::{self, AdminContext, AdminRequest, Fault, Line, Role, line, listen::Admin},
    web::{
        Button, Field, Form, Kind, Link, Page, Parameters, Piece, Tone, WebResponse,
        flags::{in_words, of_typed},
        page::Who,
        response,
    },
};

/// Rows that a page takes at most. What may be more is asked for page by page, or says where it ends
/// ([`listed`](super::first::listed)).
pub const MOST: usize = 10_000;

/// A request of somebody who is signed in.
pub struct Ask<'a> {
    pub console: &'a Console,
    pub admin: &'a Admin,
    pub session: Session,
    pub query: Parameters,
    /// What was sent.
    pub form: Parameters,
    /// The address of whoever asks.
    pub address: IpAddr,
    /// The form that was refused, on the page that is shown for it.
    pub refused: Option<Refused>,
}

/// A form that was refused: the page that it is on is shown with what was typed in it.
pub struct Refused {
    /// The path that it was sent to.
    pub action: String,
    pub fault: Fault,
}

/// What follows the action of a form in that of the form that shows first what the former would do.
const FIRST: &str = "-preview";

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

    /// Runs a command, and gives its rows, but no more than [`MOST`].
    pub async fn rows(&self, request: AdminRequest) -> Result<Vec<Value>, Fault> {
        self.some_rows(request, Some).await
    }

    /// The same, and of all rows those that `keep` gives back.
    pub async fn some_rows(
        &self,
        request: AdminRequest,
        keep: impl Fn(Value) -> Option<Value>,
    ) -> Result<Vec<Value>, Fault> {
        let mut rows = Vec::new();
        let lines = admin::start(self.context(), request, line::nothing());
        read(lines, |row| {
            rows.extend(keep(row));
            rows.len() < MOST
        })
        .await?;
        Ok(rows)
    }

    /// Runs a command that gives one row.
    pub async fn row(&self, request: AdminRequest) -> Result<Value, Fault> {
        Ok(self.rows(request).await?.into_iter().next().unwrap_or_default())
    }

    /// Runs a command that changes something, as [`Self::sum`] does. Gives as many rows as [`Self::rows`].
    pub async fn act(&self, request: AdminRequest) -> Result<Vec<Value>, Fault> {
        let first = |rows: &mut Vec<Value>, row: Value| {
            if rows.len() < MOST {
                rows.push(row);
            }
        };
        self.sum(request, first).await
    }

    /// Runs a command that changes something, and notes who has given it. Gives what `add` makes of all its rows. A command
    /// ends where nobody reads what it tells: it is read to its end also when the browser has gone, or a proxy before it.
    pub async fn sum<T: Default + Send + 'static>(
        &self,
        request: AdminRequest,
        add: fn(&mut T, Value),
    ) -> Result<T, Fault> {
        let by = self.session.administrator.actor();
        tracing::info!(address = %self.address, command = request.name(), by = &*by, "administration by the console");
        let lines = admin::start(self.context(), request, line::nothing());
        let all = async move {
            let mut sum = T::default();
            read(lines, |row| {
                add(&mut sum, row);
                true
            })
            .await?;
            Ok::<_, Fault>(sum)
        };
        tokio::spawn(all).await.unwrap_or_else(|error| {
            let status = StatusCode::INTERNAL_SERVER_ERROR.as_u16();
            Err(Fault::new(status, format!("what became of it cannot be told ({error}); look before you try again")))
        })
    }

    /// Why a command would be refused, before anybody is asked whether they want it.
    pub async fn rehearse(&self, request: &AdminRequest) -> Result<(), Fault> {
        admin::rehearse(&self.context(), request).await.map_err(|error| error.fault_about(request.tenant()))
    }

    /// The same of a command that can be forced, by a switch of its form. The piece says why it has to be; none where it
    /// need not.
    pub async fn rehearse_both(
        &self,
        switch: &Field,
        request: impl Fn(bool) -> AdminRequest,
    ) -> Result<Option<Piece>, Fault> {
        let Err(unforced) = self.rehearse(&request(false)).await else { return Ok(None) };
        self.rehearse(&request(true)).await?;
        let why = format!("Only with the switch below. {}", why(&unforced, std::slice::from_ref(switch)));
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

    /// A form that changes something. One that was refused says why, and has what was typed in.
    pub fn form(&self, action: impl Into<String>, submit: &str, fields: Vec<Field>) -> Form {
        let csrf = self.session.csrf().to_owned();
        let form = Form { action: action.into(), csrf, fields, submit: submit.to_owned(), ..Form::default() };
        match self.refusal(&form.action) {
            Some(fault) if self.has_sent(&form) => {
                let why = sentence(&of_typed(&fault.message, &form.fields, &self.form));
                form.sent(&self.form, why)
            }
            _ => form,
        }
    }

    /// Why the form with that action was refused, or what it had shown first.
    pub fn refusal(&self, action: &str) -> Option<&Fault> {
        let refused = self.refused.as_ref()?;
        let is_it = [Some(action), action.strip_suffix(FIRST)].contains(&Some(refused.action.as_str()));
        is_it.then_some(&refused.fault)
    }

    /// Whether it was this one of several forms with the same action: what they do not show tells them apart.
    fn has_sent(&self, form: &Form) -> bool {
        let (hidden, typed): (Vec<&Field>, Vec<_>) = form.fields.iter().partition(|field| field.kind == Kind::Hidden);
        let mut hidden = hidden.into_iter().filter(|field| field.name != WAS);
        hidden.all(|field| self.form.text(field.name) == field.value)
            // A button may send something else there.
            && (typed.is_empty() || typed.iter().any(|field| self.form.has(field.name)))
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
                let page = self.page("This cannot be shown");
                (code(&fault), page.with(Piece::Notice(Tone::Bad, why(&fault, &[]))))
            }
        };
        let mut told = self.console.sessions.told(&self.session);
        let status = match &self.refused {
            None => status,
            Some(Refused { fault, .. }) => {
                // Where no form of the page says it, such as of a button.
                if !page.has_refused() {
                    told.push((Tone::Bad, why(fault, &[])));
                }
                code(fault)
            }
        };
        for (at, (tone, text)) in told.into_iter().enumerate() {
            page.pieces.insert(at, Piece::Notice(tone, text));
        }
        response::page(status, &page)
    }
}

/// Reads the rows of a command, as long as `take` wants more.
async fn read(mut lines: mpsc::Receiver<Line>, mut take: impl FnMut(Value) -> bool) -> Result<(), Fault> {
    while let Some(line) = lines.recv().await {
        match line {
            Line::Row(text) if take(serde_json::from_str(&text).unwrap_or_default()) => {}
            Line::Error(fault) => return Err(fault),
            Line::Row(_) | Line::Done => break,
            Line::More(_) | Line::Progress(_) => {}
        }
    }
    Ok(())
}

fn code(fault: &Fault) -> StatusCode {
    StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// That a form says what cannot be done.
pub fn refused(why: impl Into<String>) -> Fault {
    Fault::new(StatusCode::BAD_REQUEST.as_u16(), why)
}

/// Why a command was refused, in the words of a form with these fields.
pub fn why(fault: &Fault, fields: &[Field]) -> String {
    sentence(&in_words(&fault.message, fields))
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
    use crate::admin::Output;

    /// A command that changes something goes on behind the last row that a page takes, and its error is told.
    #[tokio::test]
    async fn a_command_is_read_as_long_as_more_is_wanted() {
        for (to_end, last, told) in [
            (true, Line::Done, Ok(5000)),
            (true, Line::Error(refused("the store is full")), Err(refused("the store is full"))),
            (false, Line::Error(refused("the store is full")), Ok(2)),
        ] {
            let (output, lines) = Output::new();
            let command = async move {
                for number in 0..5000 {
                    // Where nobody reads any more, a command ends.
                    if output.row(&number).await.is_err() {
                        return number;
                    }
                }
                drop(output.line(last).await);
                5000
            };
            let mut rows = 0;
            let take = |_| {
                rows += 1;
                to_end || rows < 2
            };
            let (ended, done) = tokio::join!(command, read(lines, take));
            assert_eq!((ended == 5000, done.map(|()| rows)), (to_end, told));
        }
    }

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
