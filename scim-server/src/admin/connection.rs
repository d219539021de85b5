//! What to paste into an identity provider so that it finds this server.

mod guide;

use serde_json::{Map, Value};

pub use self::guide::{Field, Guide, Method, Provider, Values};
use super::{AdminContext, AdminError, Output};
use crate::oauth::Client;

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
    let directory = context.directory();
    let clients = directory.clients();
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
        let values = Values { scim_url, token_endpoint, scope, client_id: id, secret: None };
        let guide = provider.guide(provider.usual_method());
        let fields = guide.fields.iter().map(|(name, field)| ((*name).to_owned(), field.value(&values).into()));
        put("fields", Value::Object(fields.collect()));
    }
    output.row(&shown).await
}

/// The only one that is not disabled.
fn only(clients: Vec<Client>) -> Option<Client> {
    let mut enabled = clients.into_iter().filter(|client| !client.disabled);
    enabled.next().filter(|_| enabled.next().is_none())
}
