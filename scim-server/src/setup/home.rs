//! The first page: which provider, whether it calls, and its tokens and clients.

use hyper::StatusCode;
use scim_protocol::Error;
use serde_json::Value;

use super::{
    command::{NotDone, row, text, time},
    visitor::Visitor,
};
use crate::{
    admin::{AdminRequest, connection::Provider},
    web::{Cell, Facts, Piece, Section, Table, Tone, WebResponse, response, thousands},
};

/// The piece that says whether the provider calls.
const SEEN: &str = "first-call";
/// How often a page asks for that piece, in seconds.
const ASK_EVERY: u32 = 4;
/// For how long after the last step a page asks: whoever leaves it open writes no line of the audit log for ever.
const ASK_FOR_MILLIS: i64 = 60 * 60 * 1000;

impl Visitor {
    pub(super) async fn home(&self) -> Result<WebResponse, Error> {
        let Ok(seen) = self.seen("").await else { return Ok(self.failed()) };
        let mut table = Table::new(&["Provider", "Signs in with"], "");
        for provider in Provider::ALL {
            let by = if provider.takes_clients() { "an OAuth client, or a token" } else { "a token" };
            table.push(vec![Cell::link(self.way(provider), provider.title()), by.into()]);
        }
        let providers = Section::new("Choose your identity provider")
            .note("Each page has the values to paste, by your provider's own names, and the steps.")
            .with(table);
        let mut page = self.page("Connect your identity provider", "").with(seen).with(providers);
        if self.link.allows.tokens {
            let Ok(tokens) = self.tokens().await else { return Ok(self.failed()) };
            let Ok(clients) = self.clients().await else { return Ok(self.failed()) };
            page = page.with(tokens);
            if let Some(clients) = clients {
                page = page.with(clients);
            }
        }
        Ok(response::page(StatusCode::OK, &page))
    }

    /// The path of a provider's page.
    pub(super) fn way(&self, provider: Provider) -> String {
        format!("{}/to/{}", self.view.base(), provider.name())
    }

    /// Whether the provider calls; `path` is the page that it stands on, behind the first.
    pub(super) async fn seen(&self, path: &str) -> Result<Piece, NotDone> {
        let status = row(&self.context, AdminRequest::Status { tenant: Some(self.which()) }).await?;
        let number = |name: &str| Cell::from(thousands(status.get(name).and_then(Value::as_u64).unwrap_or_default()));
        let last = text(&status, "last_attempt");
        let mut section = Section::new("Calls of your provider");
        let mut every = None;
        if last.is_empty() {
            let waits = "Waiting for the first call. It comes when you test the connection in your provider.";
            section = section.with(Piece::Notice(Tone::Plain, waits.to_owned()));
            let begun = self.link.session.as_ref().map_or(0, |session| session.since).max(self.link.made_at);
            let page = format!("{}{path}", self.view.base());
            if self.context.clock.now().as_millis() - begun < ASK_FOR_MILLIS {
                every = Some((ASK_EVERY, page.clone()));
            }
            section = section.with(Facts::default().with("Nothing yet?", Cell::link(page, "Look again")));
        } else {
            let seen = "Seen: your provider reaches this server, and is let in.";
            let written = time(&status, "last_write");
            section = section.with(Piece::Notice(Tone::Good, seen.to_owned())).with(
                Facts::default()
                    .with("Last call", Cell::time(Some(last), ""))
                    .with("Last change of a user or group", Cell::time(written, "none yet"))
                    .with("Users", number("users"))
                    .with("Groups", number("groups")),
            );
        }
        Ok(Piece::Live { id: SEEN, every, pieces: vec![section.into()] })
    }
}
