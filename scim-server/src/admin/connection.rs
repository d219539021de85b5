//! What to paste into an identity provider so that it finds this server.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{AdminContext, AdminError, Output};
use crate::oauth::Client;

/// An identity provider whose words are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// Microsoft Entra ID.
    Entra,
    Okta,
    /// PingOne and PingFederate.
    Ping,
}

/// What a field holds.
#[derive(Clone, Copy)]
enum Field {
    ScimUrl,
    TokenEndpoint,
    ClientId,
    /// The secret was shown when it was issued, and is not known any more.
    ClientSecret,
    Scope,
    Said(&'static str),
}

const SHOWN_ONCE: &str = "shown when it was issued; `client rotate` issues another";

impl Provider {
    /// Its fields, by its own names, in the order in which it shows them.
    fn fields(self) -> &'static [(&'static str, Field)] {
        match self {
            Self::Entra => &[
                ("Authentication Method", Field::Said("OAuth 2.0 client credentials")),
                ("Tenant URL", Field::ScimUrl),
                ("Token Endpoint", Field::TokenEndpoint),
                ("Client Identifier", Field::ClientId),
                ("Client Secret", Field::ClientSecret),
            ],
            Self::Okta => &[
                ("SCIM connector base URL", Field::ScimUrl),
                ("Unique identifier field for users", Field::Said("userName")),
                ("Authentication Mode", Field::Said("HTTP Header")),
                ("Authorization", Field::Said("a static token: `token create`; Okta offers no client credentials")),
            ],
            Self::Ping => &[
                ("SCIM BASE URL", Field::ScimUrl),
                ("Authentication Method", Field::Said("OAuth 2 Client Credentials")),
                ("OAuth Token Request", Field::TokenEndpoint),
                ("OAuth Client ID", Field::ClientId),
                ("OAuth Client Secret", Field::ClientSecret),
                ("OAuth Scope", Field::Scope),
            ],
        }
    }
}

/// Shows how a provider reaches a tenant. `client` is the name or id of the OAuth client that it uses; the only one
/// that there is when absent.
pub(super) async fn show(
    context: &AdminContext,
    tenant: &str,
    client: Option<&str>,
    provider: Option<Provider>,
    output: &Output,
) -> Result<(), AdminError> {
    let tenant = context.directory().find(tenant).await?;
    let clients = context.directory().clients();
    let client = match client {
        Some(which) => Some(clients.find(tenant.id, which).await?),
        None => only(clients.list(tenant.id).await?),
    };
    let id = client.as_ref().map(|client| client.id.to_string());
    let scope = client.as_ref().map_or_else(|| "scim".to_owned(), |client| client.scope.to_string());
    let (scim_url, token_endpoint) = (context.endpoint(&tenant), context.token_endpoint(&tenant));
    let mut shown = Map::new();
    let mut put = |name: &str, value: Value| shown.insert(name.to_owned(), value);
    put("tenant", tenant.name.clone().into());
    put("scim_url", scim_url.clone().into());
    put("token_endpoint", token_endpoint.clone().into());
    put("client_id", id.clone().into());
    put("scope", scope.clone().into());
    if let Some(provider) = provider {
        let fields = provider.fields().iter().map(|(name, field)| {
            let value = match field {
                Field::ScimUrl => scim_url.clone(),
                Field::TokenEndpoint => token_endpoint.clone(),
                Field::ClientId => id.clone().unwrap_or_else(|| "make a client: `client create`".to_owned()),
                Field::ClientSecret => SHOWN_ONCE.to_owned(),
                Field::Scope => scope.clone(),
                Field::Said(text) => (*text).to_owned(),
            };
            ((*name).to_owned(), Value::String(value))
        });
        put("fields", Value::Object(fields.collect()));
    }
    output.row(&shown).await
}

/// The only one that is not disabled.
fn only(clients: Vec<Client>) -> Option<Client> {
    let mut enabled = clients.into_iter().filter(|client| !client.disabled);
    enabled.next().filter(|_| enabled.next().is_none())
}
