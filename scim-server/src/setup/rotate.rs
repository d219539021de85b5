//! What takes the place of a token or of a client's secret, shown once.

use hyper::StatusCode;
use scim_protocol::Error;
use serde_json::Value;

use super::{
    action::Made,
    command::{NotDone, row, text},
    credentials::Credential,
    lasting,
    probe::Shown,
    visitor::Visitor,
};
use crate::{
    admin::{AdminRequest, clients::ClientRequest, connection::Method},
    web::{Cell, Facts, Page, Piece, Section, WebResponse, response},
};

/// Words in which the two differ.
struct Words {
    what: &'static str,
    title: &'static str,
    /// What stands before the id of a row.
    id: &'static str,
    refused: &'static str,
}

impl Credential {
    const fn words(self) -> Words {
        match self {
            Self::Token => Words {
                what: "Token",
                title: "A new token",
                id: "token_id",
                refused: "The token has no successor: it may have one already, or there are as many tokens as may be.",
            },
            Self::Client => Words {
                what: "Client secret",
                title: "A new client secret",
                id: "client_id",
                refused: "The client has no new secret: it may have two already, of which one has to end first.",
            },
        }
    }

    const fn method(self) -> Method {
        match self {
            Self::Token => Method::Token,
            Self::Client => Method::Client,
        }
    }
}

impl Visitor {
    /// Makes the successor of a token, or another secret of a client.
    pub(super) async fn rotate(&self) -> Result<WebResponse, Error> {
        let both = [Credential::Token, Credential::Client];
        let named = both.into_iter().find_map(|of| Some((of, self.form.get(of.field())?.to_owned())));
        let Some((of, which)) = named else { return Ok(self.old_form()) };
        let overlap = match lasting::OVERLAP.read(&self.form) {
            Ok(seconds) => seconds,
            Err(why) => return Ok(self.not_done(StatusCode::BAD_REQUEST, why)),
        };
        let known = match of {
            Credential::Token => self.provider_tokens().await,
            Credential::Client => self.provider_clients().await,
        };
        let Ok(known) = known else { return Ok(self.failed()) };
        let words = of.words();
        let is_known = known.iter().any(|one| text(one, words.id) == which);
        if !is_known || !self.takes_turn().await? {
            return Ok(self.old_form());
        }
        let Ok(rotated) = self.rotated(of, which, overlap).await else {
            let why = format!("{} Ask {}.", words.refused, self.view.whom_to_ask());
            return Ok(self.not_done(StatusCode::CONFLICT, why));
        };
        Ok(self.rotated_page(of, &rotated))
    }

    async fn rotated(&self, of: Credential, which: String, overlap: u64) -> Result<Value, NotDone> {
        let (tenant, overlap_seconds) = (self.which(), Some(overlap));
        let request = match of {
            Credential::Token => {
                AdminRequest::TokenRotate { tenant, token: Some(which), seconds: None, overlap_seconds }
            }
            Credential::Client => {
                let request = ClientRequest::Rotate { client: which, seconds: None, overlap_seconds };
                AdminRequest::Client { tenant, request }
            }
        };
        row(&self.context, request).await
    }

    fn rotated_page(&self, of: Credential, rotated: &Value) -> WebResponse {
        let words = of.words();
        let made = Made::of(rotated, of.method());
        let old = rotated.pointer("/previous/expires").and_then(Value::as_str);
        let mut facts = Facts::default().with("Name", made.name.as_str());
        if let Some(client) = &made.client {
            facts = facts.with("Client id", Cell::Copy(client.clone()));
        }
        let facts = facts
            .with("Ends", Cell::time(Some(&made.expires), ""))
            .with("The old one ends", Cell::time(old, ""))
            .with("Entered?", Cell::link(self.view.base(), "See whether it is used"));
        let section = Section::new("The successor")
            .note("Enter it in your provider in the place of the old one, before that ends.")
            .with(Piece::Secret(words.what.to_owned(), made.secret.clone()))
            .with(facts);
        let shown = match &made.client {
            Some(id) => Shown::Client { id, secret: &made.secret },
            None => Shown::Token(&made.secret),
        };
        let page = self.page(words.title, "").with(section);
        response::page(StatusCode::OK, &self.test_of(&shown).into_iter().fold(page, Page::with))
    }
}
