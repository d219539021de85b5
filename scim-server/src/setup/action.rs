//! What is made: tokens and clients, each shown once.

use hyper::StatusCode;
use scim_protocol::{Error, value::fold};
use serde_json::Value;

use super::{
    command::{NotDone, row, rows, text},
    lasting,
    probe::Shown,
    visitor::Visitor,
};
use crate::{
    admin::{
        AdminRequest,
        clients::ClientRequest,
        connection::{Method, Provider},
    },
    oauth::Scope,
    token::Scopes,
    web::{Cell, Facts, Page, Piece, Section, Tone, WebResponse, response},
};

/// What was made.
pub(super) struct Made {
    /// What it is called.
    pub name: String,
    /// The id of a client.
    pub client: Option<String>,
    pub secret: String,
    pub expires: String,
}

impl Made {
    /// What a command has printed of it.
    pub(super) fn of(row: &Value, method: Method) -> Self {
        let of = |name: &str| text(row, name).to_owned();
        let (client, secret) = match method {
            Method::Client => (Some(of("client_id")), of("client_secret")),
            Method::Token => (None, of("token")),
        };
        Self { name: of("name"), client, secret, expires: of("expires") }
    }
}

impl Visitor {
    /// Makes the token or client of a provider, and shows it with the values around it.
    pub(super) async fn make(&self) -> Result<WebResponse, Error> {
        let Some(provider) = Provider::named(self.form.text("provider")) else { return Ok(self.old_form()) };
        let method = provider.method(self.form.text("method"));
        let seconds = match lasting::LIFETIME.read(&self.form) {
            Ok(seconds) => seconds,
            Err(why) => return Ok(self.not_done(StatusCode::BAD_REQUEST, why)),
        };
        match self.why_not(method).await {
            Ok(None) => {}
            Ok(Some(why)) => return Ok(self.not_done(StatusCode::CONFLICT, why)),
            Err(NotDone) => return Ok(self.failed()),
        }
        if !self.takes_turn().await? {
            return Ok(self.old_form());
        }
        let shown = async {
            let made = self.made(provider, method, seconds).await?;
            self.made_page(provider, method, &made).await
        };
        Ok(shown.await.unwrap_or_else(|NotDone| self.failed()))
    }

    /// Whether the form is the first that is sent of this state of the link. Sent again, by a reload or another
    /// window, it makes nothing.
    pub(super) async fn takes_turn(&self) -> Result<bool, Error> {
        if !self.form.text("version").parse::<u64>().is_ok_and(|version| self.link.takes(version)) {
            return Ok(false);
        }
        let noted = self.context.setup_links().note_made(&self.link).await?;
        Ok(noted.is_some_and(|noted| self.turn.set(noted).is_ok()))
    }

    /// What was answered to a form. One that was refused has made nothing: the others of its page are as good as before.
    pub(super) async fn in_turn(
        &self,
        answer: impl Future<Output = Result<WebResponse, Error>>,
    ) -> Result<WebResponse, Error> {
        let answer = answer.await?;
        if let Some(noted) = self.turn.get().filter(|_| answer.status().is_client_error()) {
            self.context.setup_links().note_not_made(noted, &self.link).await?;
        }
        Ok(answer)
    }

    async fn made(&self, provider: Provider, method: Method, seconds: u64) -> Result<Made, NotDone> {
        let tenant = self.which();
        let request = match method {
            Method::Client => {
                let request = AdminRequest::Client { tenant: tenant.clone(), request: ClientRequest::List };
                let name = self.name(provider, &rows(&self.context, request).await?);
                let request = ClientRequest::Create { name, scope: Scope::SCIM, seconds: Some(seconds) };
                AdminRequest::Client { tenant, request }
            }
            Method::Token => {
                let request = AdminRequest::TokenList { tenant: Some(tenant.clone()) };
                let mut known = rows(&self.context, request).await?;
                known.retain(|token| text(token, "status") != "expired");
                let name = Some(self.name(provider, &known));
                AdminRequest::TokenCreate { tenant, name, scopes: Scopes::ALL, seconds }
            }
        };
        Ok(Made::of(&row(&self.context, request).await?, method))
    }

    /// What the new one is called: as the only one that may write has to be, or as the provider; with a number if
    /// another is called so.
    fn name(&self, provider: Provider, known: &[Value]) -> String {
        let writer = self.tenant.settings.source.as_ref().and_then(|source| source.writer.as_deref());
        let is_free = |name: &str| known.iter().all(|one| fold(text(one, "name")) != fold(name));
        let first = writer.into_iter().chain([provider.name()]).map(str::to_owned);
        let mut numbered = (2..=known.len() + 2).map(|number| format!("{}-{number}", provider.name()));
        first.into_iter().find(|name| is_free(name)).or_else(|| numbered.find(|name| is_free(name))).unwrap_or_default()
    }

    async fn made_page(&self, provider: Provider, method: Method, made: &Made) -> Result<WebResponse, NotDone> {
        let mut values = self.values(made.client.as_deref()).await?;
        values.secret = Some(made.secret.clone());
        let label = match method {
            Method::Client => "Client secret",
            Method::Token => "Token",
        };
        let mut facts = Facts::default().with("Name", made.name.as_str());
        if let Some(client) = &made.client {
            facts = facts.with("Client id", Cell::Copy(client.clone()));
        }
        let facts = facts.with("Ends", Cell::time(Some(&made.expires), ""));
        let secret = Section::new("Made").with(Piece::Secret(label.to_owned(), made.secret.clone())).with(facts);
        let page = self.page(&format!("Connect {}", provider.title()), "").with(secret);
        let shown = match &made.client {
            Some(id) => Shown::Client { id, secret: &made.secret },
            None => Shown::Token(&made.secret),
        };
        let page = self.test_of(&shown).into_iter().fold(page, Page::with);
        let page = page.with(Self::guide(provider, method, &values));
        // Elsewhere than on this page: to look for the first call again must not be to send the form again.
        let way = format!("/to/{}?method={}", provider.name(), method.word());
        let page = if let Ok(waits @ Piece::Live { every: Some(_), .. }) = self.seen(&way).await {
            page.with(waits)
        } else {
            let way = format!("{}{way}", self.view.base());
            page.with(Facts::default().with("Entered?", Cell::link(way, "See whether your provider calls")))
        };
        Ok(response::page(StatusCode::OK, &page))
    }

    /// What is said to a form that was sent already, or that no page of now has.
    pub(super) fn old_form(&self) -> WebResponse {
        let why = "This form was sent before, or is old, and nothing was done now. A token or secret that you did not take down cannot be shown again: go back and make another.";
        let back = Facts::default().with("Go on", Cell::link(self.view.base(), "Back to the setup"));
        let page = self.page("Nothing was done", "").with(Piece::Notice(Tone::Warn, why.to_owned())).with(back);
        response::page(StatusCode::CONFLICT, &page)
    }
}
