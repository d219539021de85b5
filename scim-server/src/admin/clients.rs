//! The commands about OAuth clients, and how clients are shown.

use std::time::Duration;

use scim_protocol::Timestamp;
use serde::{Deserialize, Serialize};

use super::{AdminContext, AdminError, Output, issuance::Issuance, lifetime};
use crate::{
    event::Deed,
    oauth::{
        Check, Client, Scope,
        client::{Keys, Trust},
        clients::IssuedSecret,
        jwt::KeySet,
        trace::Traced,
    },
    profile,
    store::ResourceId,
    tenant::TenantRecord,
    token::Status,
};

/// A command about a client of a tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "action", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ClientRequest {
    /// Makes one.
    Create {
        /// What people call it.
        name: String,
        /// The most that its tokens may do.
        #[serde(default = "scim")]
        scope: Scope,
        /// How long its first secret lives; without a secret when absent.
        seconds: Option<u64>,
    },
    /// Removes one.
    Delete {
        /// Its name or id.
        client: String,
    },
    /// Disables or enables one.
    Disable {
        /// Its name or id.
        client: String,
        /// Which of the two.
        disabled: bool,
    },
    /// Lists them.
    List,
    /// Issues another secret.
    Rotate {
        /// The client's name or id.
        client: String,
        /// How long the secret lives; as long as the one before was to when absent.
        seconds: Option<u64>,
        /// After how long the one before ends; it lives on until it is deleted when absent.
        overlap_seconds: Option<u64>,
    },
    /// Removes a secret.
    SecretDelete {
        /// The client's name or id.
        client: String,
        /// The secret's id.
        secret: String,
    },
    /// Shows one.
    Show {
        /// Its name or id.
        client: String,
    },
    /// Shows why it was refused lately.
    Trace {
        /// Its name or id.
        client: String,
    },
    /// Lets it show the assertions of somebody.
    TrustAdd {
        /// The client's name or id.
        client: String,
        /// The `iss` of the assertions.
        issuer: String,
        /// Their `sub`.
        subject: String,
        /// Their `aud`.
        audience: String,
        /// By whose keys they are signed.
        keys: Keys,
    },
    /// Takes that back.
    TrustRemove {
        /// The client's name or id.
        client: String,
        /// The trust's id.
        trust: String,
    },
}

/// What a provider needs.
fn scim() -> Scope {
    Scope::SCIM
}

impl ClientRequest {
    /// What it is called, for the log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create { .. } => "client-create",
            Self::Delete { .. } => "client-delete",
            Self::Disable { .. } => "client-disable",
            Self::List => "client-list",
            Self::Rotate { .. } => "client-rotate",
            Self::SecretDelete { .. } => "client-secret-delete",
            Self::Show { .. } => "client-show",
            Self::Trace { .. } => "client-trace",
            Self::TrustAdd { .. } => "client-trust-add",
            Self::TrustRemove { .. } => "client-trust-remove",
        }
    }
}

/// A client as it is shown: never a secret's text.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Client"))]
pub(super) struct ClientView<'a> {
    client_id: String,
    name: &'a str,
    tenant_id: String,
    tenant: &'a str,
    token_endpoint: String,
    scope: Scope,
    disabled: bool,
    created: String,
    last_used: Option<String>,
    secrets: Vec<SecretView>,
    trusts: Vec<TrustView<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "ClientSecret"))]
struct SecretView {
    secret_id: String,
    status: Status,
    created: String,
    expires: String,
    days_left: i64,
    last_used: Option<String>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "ClientTrust"))]
struct TrustView<'a> {
    trust_id: String,
    issuer: &'a str,
    subject: &'a str,
    audience: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks_uri: Option<&'a str>,
    created: String,
    last_used: Option<String>,
}

/// A client whose secret was just issued, with what its identity provider must be told. This is the only time at
/// which the secret is shown.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "IssuedClient"))]
pub(super) struct IssuedView<'a> {
    client_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<&'a str>,
    token_endpoint: String,
    scope: Scope,
    /// When the secret ends; null without one.
    expires: Option<String>,
    name: &'a str,
    tenant_id: String,
    tenant: &'a str,
    endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<Previous>,
}

/// The secret that the new one takes the place of.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "PreviousSecret"))]
struct Previous {
    secret_id: String,
    expires: String,
}

/// A refusal as it is shown.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "ClientRefusal"))]
pub(super) struct TracedView<'a> {
    client: &'a str,
    time: String,
    count: u64,
    checks: &'a [Check],
    /// The same as sentences, for people.
    why: Vec<String>,
}

impl<'a> TracedView<'a> {
    fn new(client: &'a Client, traced: &'a Traced) -> Self {
        let Traced { at, count, checks } = traced;
        let why = checks.iter().map(ToString::to_string).collect();
        Self { client: &client.name, time: time(*at), count: *count, checks, why }
    }
}

/// Checks what an assertion has to be, as far as that can be known now.
fn check_trust(claims: [&str; 3], keys: &Keys) -> Result<(), String> {
    const MOST: usize = 1000;
    for (name, claim) in ["issuer", "subject", "audience"].into_iter().zip(claims) {
        if claim.is_empty() || claim.len() > MOST || claim.chars().any(char::is_control) {
            return Err(format!("the {name} must have 1 to {MOST} bytes, and no control characters"));
        }
        if claim.contains('*') {
            return Err(format!(
                "the {name} has a * in it, and nothing is matched in part: add a trust for each {name}"
            ));
        }
    }
    match keys {
        Keys::JwksUri(address) if address.starts_with("https://") => Ok(()),
        Keys::JwksUri(address) => Err(format!("{address:?} is not an https URL, which keys are fetched from")),
        Keys::Jwks(set) => KeySet::parse(set.to_string().as_bytes())
            .map(drop)
            .map_err(|error| format!("the keys cannot be used: {error}")),
    }
}

/// Checks what the tenant's profile asks of clients.
fn require_by_profile(tenant: &TenantRecord, scope: Scope, has_secret: bool) -> Result<(), String> {
    if !profile::wants_assertions(tenant.settings.profile) {
        return Ok(());
    }
    if has_secret {
        return Err(
            "a client under an ipsie profile has no secret: use `client create --name NAME --no-secret`, then `client trust add NAME --issuer ISSUER --subject SUBJECT --audience AUDIENCE --jwks-uri URL`"
                .to_owned(),
        );
    }
    if scope != Scope::SCIM {
        return Err("a client under an ipsie profile has the scope scim alone".to_owned());
    }
    Ok(())
}

fn time(millis: i64) -> String {
    Timestamp::from_millis(millis).to_string()
}

impl<'a> IssuedView<'a> {
    fn new(
        context: &AdminContext,
        tenant: &'a TenantRecord,
        client: &'a Client,
        issued: Option<&'a IssuedSecret>,
    ) -> Self {
        Self {
            client_id: client.id.to_string(),
            client_secret: issued.map(|issued| issued.secret.reveal()),
            token_endpoint: context.token_endpoint(tenant),
            scope: client.scope,
            expires: issued.map(|issued| time(issued.record.expires)),
            name: &client.name,
            tenant_id: tenant.id.to_string(),
            tenant: &tenant.name,
            endpoint: context.endpoint(tenant),
            secret_id: issued.map(|issued| issued.record.id.to_string()),
            previous: None,
        }
    }
}

impl AdminContext {
    fn client_view<'a>(&self, tenant: &'a TenantRecord, client: &'a Client, now: Timestamp) -> ClientView<'a> {
        let used = |id, known: Option<i64>| self.access.last_used_by(client.id, id).max(known);
        let secrets = client.secrets.iter().map(|secret| SecretView {
            secret_id: secret.id.to_string(),
            status: secret.status(now),
            created: time(secret.created),
            expires: time(secret.expires),
            days_left: secret.days_left(now),
            last_used: used(secret.id, secret.last_used).map(time),
        });
        let trusts = client.trusts.iter().map(|trust| TrustView {
            trust_id: trust.id.to_string(),
            issuer: &trust.issuer,
            subject: &trust.subject,
            audience: &trust.audience,
            jwks_uri: match &trust.keys {
                Keys::JwksUri(address) => Some(address),
                Keys::Jwks(_) => None,
            },
            created: time(trust.created),
            last_used: used(trust.id, trust.last_used).map(time),
        });
        let (secrets, trusts): (Vec<_>, Vec<_>) = (secrets.collect(), trusts.collect());
        let last = secrets.iter().map(|one| &one.last_used).chain(trusts.iter().map(|one| &one.last_used)).max();
        ClientView {
            client_id: client.id.to_string(),
            name: &client.name,
            tenant_id: tenant.id.to_string(),
            tenant: &tenant.name,
            token_endpoint: self.token_endpoint(tenant),
            scope: client.scope,
            disabled: client.disabled,
            created: client.created.to_string(),
            last_used: last.cloned().flatten(),
            secrets,
            trusts,
        }
    }

    /// Where a tenant's clients get their tokens.
    pub(super) fn token_endpoint(&self, tenant: &TenantRecord) -> String {
        format!("{}/{}/oauth2/token", self.base, tenant.id)
    }
}

/// Does what a request says.
pub(super) async fn execute(
    context: &AdminContext,
    tenant: &str,
    request: ClientRequest,
    output: &Output,
) -> Result<(), AdminError> {
    let (tenant, directory) = (&context.directory().find(tenant).await?, context.directory());
    let clients = directory.clients();
    let telling = |deed| clients.by(&context.telling(tenant, deed));
    let find = async |which: &str| clients.find(tenant.id, which).await;
    let changing = telling(Deed::ClientChanged);
    let shown = match request {
        ClientRequest::Create { name, scope, seconds } => {
            require_by_profile(tenant, scope, seconds.is_some()).map_err(AdminError::Refused)?;
            let lifetime = seconds.map(lifetime::of_secret).transpose()?;
            let (client, issued) = telling(Deed::ClientCreated).create(tenant, &name, scope, lifetime).await?;
            context.access.reload().await?;
            output.row(&IssuedView::new(context, tenant, &client, issued.as_ref())).await?;
            let client = Issuance { what: "client", name: Some(&client.name), scopes: client.scope.scopes };
            return client.note(context, tenant, output).await;
        }
        ClientRequest::Delete { client } => {
            let client = find(&client).await?;
            telling(Deed::ClientDeleted).remove(&client).await?;
            context.access.reload().await?;
            let (id, name) = (client.id.to_string(), &client.name);
            let deleted = serde_json::json!({"client_id": id, "name": name, "tenant": tenant.name, "deleted": true});
            return output.row(&deleted).await;
        }
        ClientRequest::List => {
            let now = context.clock.now();
            for client in clients.list(tenant.id).await? {
                output.row(&context.client_view(tenant, &client, now)).await?;
            }
            return Ok(());
        }
        ClientRequest::Rotate { client, seconds, overlap_seconds } => {
            require_by_profile(tenant, Scope::SCIM, true).map_err(AdminError::Refused)?;
            let overlap = overlap_seconds.map(Duration::from_secs);
            let lifetime = seconds.map(lifetime::of_secret).transpose()?;
            let rotated = telling(Deed::ClientRotated).rotate(find(&client).await?, lifetime, overlap).await?;
            let (client, issued, previous) = rotated;
            context.access.reload().await?;
            let previous = previous.map(|old| Previous { secret_id: old.id.to_string(), expires: time(old.expires) });
            let view = IssuedView::new(context, tenant, &client, Some(&issued));
            output.row(&IssuedView { previous, ..view }).await?;
            let client = Issuance { what: "client", name: Some(&client.name), scopes: client.scope.scopes };
            return client.note_source(tenant, output).await;
        }
        ClientRequest::Show { client } => {
            let client = find(&client).await?;
            return output.row(&context.client_view(tenant, &client, context.clock.now())).await;
        }
        ClientRequest::Trace { client } => {
            let client = find(&client).await?;
            for traced in context.access.traced(client.id).await? {
                output.row(&TracedView::new(&client, &traced)).await?;
            }
            return Ok(());
        }
        ClientRequest::TrustAdd { client, issuer, subject, audience, keys } => {
            check_trust([&issuer, &subject, &audience], &keys).map_err(AdminError::Invalid)?;
            let (id, created, last_used) = (ResourceId(uuid::Uuid::nil()), 0, None);
            let trust = Trust { id, issuer, subject, audience, keys, created, last_used };
            changing.add_trust(find(&client).await?, trust).await?.0
        }
        ClientRequest::TrustRemove { client, trust } => changing.remove_trust(find(&client).await?, &trust).await?,
        ClientRequest::Disable { client, disabled } => changing.set_disabled(find(&client).await?, disabled).await?,
        ClientRequest::SecretDelete { client, secret } => changing.remove_secret(find(&client).await?, &secret).await?,
    };
    context.access.reload().await?;
    output.row(&context.client_view(tenant, &shown, context.clock.now())).await
}
