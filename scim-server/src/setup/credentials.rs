//! The tokens and OAuth clients of providers: how they stand, and the forms that replace them.

use serde_json::Value;

use super::{
    command::{NotDone, rows, text, time},
    lasting,
    visitor::Visitor,
};
use crate::{
    admin::{AdminRequest, clients::ClientRequest},
    oauth::client::MOST_SECRETS,
    web::{Cell, Field, Form, Kind, Section, Table, ending},
};

/// What a rotation is of: the name of the field that says which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Credential {
    Token,
    Client,
}

impl Credential {
    pub(super) const fn field(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Client => "client",
        }
    }
}

impl Visitor {
    /// The tokens of providers, as rows of `token list`.
    pub(super) async fn provider_tokens(&self) -> Result<Vec<Value>, NotDone> {
        let mut tokens = rows(&self.context, AdminRequest::TokenList { tenant: Some(self.which()) }).await?;
        let writes = |token: &Value| list(token, "scopes").iter().any(|scope| scope == "write");
        tokens.retain(writes);
        Ok(tokens)
    }

    /// The OAuth clients of providers that have a secret, as rows of `client list`.
    pub(super) async fn provider_clients(&self) -> Result<Vec<Value>, NotDone> {
        let request = AdminRequest::Client { tenant: self.which(), request: ClientRequest::List };
        let mut clients = rows(&self.context, request).await?;
        let writes =
            |client: &Value| text(client, "scope").split(' ').any(|word| matches!(word, "scim" | "scim.write"));
        clients.retain(|client| writes(client) && !list(client, "secrets").is_empty());
        Ok(clients)
    }

    /// The tokens, with the form that replaces one.
    pub(super) async fn tokens(&self) -> Result<Section, NotDone> {
        let none = "There is no token yet. The page of your provider makes one.";
        let mut table = Table::new(&["Token", "State", "Made", "Ends", "Last used"], none);
        let mut choices = Vec::new();
        for token in &self.provider_tokens().await? {
            let (id, name) = (text(token, "token_id"), text(token, "name"));
            let shown = if name.is_empty() { "(no name)" } else { name };
            table.push(cells(Cell::Several(vec![shown.into(), Cell::Note(id.to_owned())]), token));
            // Of a name two live at most, and one that was replaced gets no other successor.
            if text(token, "status") != "expired" && text(token, "rotation_waits_until").is_empty() {
                choices.push((id.to_owned(), format!("{shown}, ends {}", text(token, "expires"))));
            }
        }
        let section = Section::new("Tokens").with(table);
        Ok(self.with_rotation(section, Credential::Token, choices))
    }

    /// The clients, a line for each secret, with the form that replaces one; nothing where there are none.
    pub(super) async fn clients(&self) -> Result<Option<Section>, NotDone> {
        let clients = self.provider_clients().await?;
        let mut table = Table::new(&["Client", "Secret", "Made", "Ends", "Last used"], "");
        let mut choices = Vec::new();
        for client in &clients {
            let (id, name) = (text(client, "client_id"), text(client, "name"));
            for secret in list(client, "secrets") {
                table.push(cells(name.into(), secret));
            }
            // A third secret there may not be.
            let live = list(client, "secrets").iter().filter(|secret| text(secret, "status") != "expired");
            let is_full = live.count() >= MOST_SECRETS;
            if !is_full && !client.get("disabled").and_then(Value::as_bool).unwrap_or_default() {
                choices.push((id.to_owned(), name.to_owned()));
            }
        }
        let section =
            Section::new("OAuth clients").note("The id of a client stays; its secret is replaced.").with(table);
        Ok((!clients.is_empty()).then(|| self.with_rotation(section, Credential::Client, choices)))
    }

    fn with_rotation(&self, section: Section, of: Credential, choices: Vec<(String, String)>) -> Section {
        if choices.is_empty() {
            return section;
        }
        let (label, submit) = match of {
            Credential::Token => ("Token", "Make its successor"),
            Credential::Client => ("Client", "Make another secret"),
        };
        section.with(Form {
            action: format!("{}/rotate", self.view.base()),
            csrf: self.word(),
            fields: vec![self.version(), Field::of(Kind::Choice(choices), of.field(), label), lasting::OVERLAP.field()],
            submit: submit.to_owned(),
            ..Form::default()
        })
    }

    /// What keeps a form from being sent twice.
    pub(super) fn version(&self) -> Field {
        Field::hidden("version", self.link.version.to_string())
    }
}

/// A token or secret as a row of a table.
fn cells(name: Cell, of: &Value) -> Vec<Cell> {
    let at = |name: &str| Cell::time(time(of, name), "never");
    vec![name, ending::status(text(of, "status")), at("created"), at("expires"), at("last_used")]
}

fn list<'r>(row: &'r Value, name: &str) -> &'r [Value] {
    row.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
