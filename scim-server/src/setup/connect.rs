//! The page of one provider: the values by its own names, the steps, and what makes the token or the client.

use hyper::StatusCode;
use scim_protocol::{Error, ErrorKind};
use serde_json::Value;

use super::{
    command::{NotDone, row, rows},
    lasting,
    visitor::Visitor,
};
use crate::{
    admin::{
        AdminRequest,
        connection::{Field as Source, Guide, Method, Provider, Values},
    },
    profile,
    web::{Cell, Facts, Field, Form, Page, Parameters, Piece, Section, Tone, WebResponse, response},
};

/// The steps in a provider, and between them the fields by its own names: each value with a button that copies it.
/// `unknown` says what stands where a value is not known.
pub fn guide(provider: Provider, method: Method, values: &Values, unknown: impl Fn(Source) -> Cell) -> Section {
    let Guide { before, fields, after } = provider.guide(method);
    let steps = |steps: &[&str]| Piece::Steps(steps.iter().map(|step| (*step).to_owned()).collect());
    let mut facts = Facts::default();
    for (name, field) in fields {
        let cell = if !field.is_known(values) {
            unknown(*field)
        } else if field.is_pasted() {
            Cell::Copy(field.value(values))
        } else {
            Cell::Text(field.value(values))
        };
        facts = facts.with(*name, cell);
    }
    Section::new(format!("In {}", provider.title()))
        .with(steps(before))
        .with(Section::new("Values to enter").with(facts))
        .with(Section::new("Then").with(steps(after)))
}

impl Visitor {
    pub(super) async fn connect(&self, provider: &str, query: &str) -> Result<WebResponse, Error> {
        let unknown = || Error::new(ErrorKind::NotFound, "There is no such provider here. Go back and choose one.");
        let provider = Provider::named(provider).ok_or_else(unknown)?;
        let method = provider.method(Parameters::parse(query).text("method"));
        let page = self.way_page(provider, method).await;
        Ok(page.map_or_else(|NotDone| self.failed(), |page| response::page(StatusCode::OK, &page)))
    }

    async fn way_page(&self, provider: Provider, method: Method) -> Result<Page, NotDone> {
        let path = format!("/to/{}?method={}", provider.name(), method.word());
        let seen = self.seen(&path).await?;
        let values = self.values(None).await?;
        let page = self.page(&format!("Connect {}", provider.title()), "");
        let page = page.with(self.make_section(provider, method).await?);
        let page = page.with(Self::guide(provider, method, &values)).with(seen);
        let page = self.test_pasted(method).into_iter().fold(page, Page::with);
        Ok(page.with(self.back()))
    }

    pub(super) fn back(&self) -> Facts {
        Facts::default().with("Another provider?", Cell::link(self.view.base(), "Back to the list"))
    }

    /// What a provider is told of this tenant; `client` is the id of the client that was made.
    pub(super) async fn values(&self, client: Option<&str>) -> Result<Values, NotDone> {
        let client = client.map(str::to_owned);
        let request = AdminRequest::TenantConnection { tenant: self.which(), client: client.clone(), provider: None };
        let shown = row(&self.context, request).await?;
        Ok(Values { client_id: client, ..Values::of(&shown) })
    }

    /// The steps and the fields; what is made here is shown once, above them.
    pub(super) fn guide(provider: Provider, method: Method, values: &Values) -> Section {
        guide(provider, method, values, |_| Cell::Note("made above, and shown once".to_owned()))
    }

    /// The form that makes the token or the client, or why there is none.
    async fn make_section(&self, provider: Provider, method: Method) -> Result<Section, NotDone> {
        let what = match method {
            Method::Client => "OAuth client",
            Method::Token => "token",
        };
        let mut section = Section::new(format!("Your {what}"));
        if provider.takes_clients() {
            let (other, label) = match method {
                Method::Client => (Method::Token, "Use a token instead"),
                Method::Token => (Method::Client, "Use an OAuth client instead"),
            };
            let link = format!("{}?method={}", self.way(provider), other.word());
            section = section.with(Facts::default().with("Both work", Cell::link(link, label)));
        }
        if let Some(why) = self.why_not(method).await? {
            return Ok(section.with(Piece::Notice(Tone::Plain, why)));
        }
        let form = Form {
            action: format!("{}/make", self.view.base()),
            csrf: self.word(),
            fields: vec![
                self.version(),
                Field::hidden("provider", provider.name()),
                Field::hidden("method", method.word()),
                lasting::LIFETIME.field(),
            ],
            submit: format!("Make the {what}"),
            ..Form::default()
        };
        Ok(section.note("It is shown once, with the values to enter around it.").with(form))
    }

    /// Why no credential can be made now; nothing when one can.
    pub(super) async fn why_not(&self, method: Method) -> Result<Option<String>, NotDone> {
        let whom = self.view.whom_to_ask();
        if profile::wants_assertions(self.tenant.profile()) {
            return Ok(Some(format!(
                "This connection takes signed assertions alone, neither tokens nor secrets. Ask {whom} how to go on."
            )));
        }
        if !self.link.allows.tokens {
            let status = row(&self.context, AdminRequest::Status { tenant: Some(self.which()) }).await?;
            if status.get("last_attempt").is_some_and(|last| !last.is_null()) {
                return Ok(Some(format!(
                    "A provider calls already, and this link makes nothing more. Ask {whom} for a link that does if you need another."
                )));
            }
        }
        if method == Method::Client {
            return Ok(None);
        }
        let most = self.tenant.settings.live_tokens();
        let tokens = AdminRequest::TokenList { tenant: Some(self.which()) };
        let tokens = rows(&self.context, tokens).await?;
        let live = tokens.iter().filter(|token| token.get("status").and_then(Value::as_str) != Some("expired"));
        Ok((live.count() >= most)
            .then(|| format!("There are {most} tokens, which is the most. Ask {whom} to remove one that is not used.")))
    }
}
