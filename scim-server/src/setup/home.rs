//! The first page: which provider, whether it calls, and its tokens; and the page of the mapping.

use hyper::StatusCode;
use scim_protocol::Error;
use serde_json::Value;

use super::{
    command::{NotDone, row, rows, text},
    visitor::Visitor,
};
use crate::{
    admin::{AdminRequest, MappingRequest, RulesRequest, connection::Provider},
    web::{Cell, Facts, Field, Form, Kind, Page, Piece, Section, Table, Tone, WebResponse, response},
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
        let mut table = Table::new(&["Provider", "Shows who it is by"], "");
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
            page = page.with(tokens);
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
        let number = |name: &str| Cell::from(status.get(name).and_then(Value::as_u64).unwrap_or_default().to_string());
        let last = text(&status, "last_call");
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
            let written = status.get("last_write").and_then(Value::as_str);
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

    /// The tokens of providers, as rows of `token list`.
    pub(super) async fn provider_tokens(&self) -> Result<Vec<Value>, NotDone> {
        let mut tokens = rows(&self.context, AdminRequest::TokenList { tenant: Some(self.which()) }).await?;
        let writes = |token: &Value| {
            token.get("scopes").and_then(Value::as_array).is_some_and(|scopes| scopes.iter().any(|one| one == "write"))
        };
        tokens.retain(writes);
        Ok(tokens)
    }

    async fn tokens(&self) -> Result<Section, NotDone> {
        let tokens = self.provider_tokens().await?;
        let mut table = Table::new(
            &["Token", "State", "Made", "Ends", "Last used"],
            "There is no token yet. The page of your provider makes one.",
        );
        let mut choices = Vec::new();
        for token in &tokens {
            let (id, name, status) = (text(token, "token_id"), text(token, "name"), text(token, "status"));
            let tone = match status {
                "valid" => Tone::Good,
                "expiring" => Tone::Warn,
                _ => Tone::Bad,
            };
            let shown = if name.is_empty() { id } else { name };
            let time = |of: &str| Cell::time(token.get(of).and_then(Value::as_str), "never");
            let state = Cell::Badge(tone, status.to_owned());
            table.push(vec![shown.into(), state, time("created"), time("expires"), time("last_used")]);
            if status != "expired" {
                choices.push((id.to_owned(), format!("{shown}, ends {}", text(token, "expires"))));
            }
        }
        let section = Section::new("Tokens").with(table);
        if choices.is_empty() {
            return Ok(section);
        }
        let overlaps = [("86400", "a day"), ("3600", "an hour"), ("604800", "a week")];
        let overlaps = overlaps.map(|(seconds, label)| (seconds.to_owned(), label.to_owned())).to_vec();
        let form = Form {
            action: format!("{}/rotate", self.view.base()),
            csrf: self.word(),
            fields: vec![
                self.version(),
                Field::of(Kind::Choice(choices), "token", "Token"),
                Field::of(Kind::Choice(overlaps), "overlap", "The old one goes on for")
                    .hint("Time enough to paste the new one."),
            ],
            submit: "Make its successor".to_owned(),
            danger: false,
        };
        Ok(section.with(form))
    }

    /// What keeps a form from being sent twice.
    pub(super) fn version(&self) -> Field {
        Field::hidden("version", self.link.version.to_string())
    }

    /// What is rewritten of what the provider sends.
    pub(super) async fn mapping(&self) -> Result<WebResponse, Error> {
        let request = RulesRequest::Mapping(MappingRequest::List);
        let Ok(rewrites) = rows(&self.context, AdminRequest::Rules { tenant: self.which(), request }).await else {
            return Ok(self.failed());
        };
        let none = "Nothing is rewritten: users and groups are taken as your provider sends them.";
        let mut table = Table::new(&["Name", "Rewrite", "Of", "Attribute", "To", "Value"], none);
        for rewrite in &rewrites {
            let cell = |name: &str| match rewrite.get(name) {
                None | Some(Value::Null) => Cell::Empty,
                Some(Value::String(text)) => Cell::from(text.as_str()),
                Some(other) => Cell::Code(other.to_string()),
            };
            table.push(["name", "rewrite", "resource_type", "attribute", "to", "value"].map(cell).to_vec());
        }
        let note = format!("In this order. To have it changed, ask {}.", self.view.whom_to_ask());
        let section = Section::new("What is rewritten of what your provider sends").note(note).with(table);
        let page: Page = self.page("Mapping", "/mapping").with(section);
        Ok(response::page(StatusCode::OK, &page))
    }
}
