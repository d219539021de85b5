//! The commands about tenants and tokens, and how both are shown.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use scim_protocol::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{AdminContext, AdminError, Output, access, indexing, issuance::Issuance, lifetime, protected, schemas};
use crate::{
    command_line::line,
    deferred::Deferrals,
    event::Deed,
    profile::Profile,
    sink,
    store::TypeName,
    tenant::{Protected, Settings, TenantRecord, record::feed_path},
    token::{Issued, Ledger, Scopes, Status, Token, secret::PREFIX},
};

/// After how long a tenant that was moved is open again for sure.
const OPENS: Duration = Duration::from_secs(2);
/// How often it is told how far a move is.
const TELL: Duration = Duration::from_millis(200);

/// A tenant as it is shown.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Tenant"))]
pub(super) struct TenantView<'a> {
    tenant_id: String,
    tenant: &'a str,
    path: String,
    endpoint: String,
    profile: Profile,
    /// Who may change users and groups: `any` is whoever may write.
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    writer: Option<&'a str>,
    disabled: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    importing: bool,
    /// In which database it is, from 1; absent when there is only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<usize>,
    /// Whether that one cannot be reached.
    #[serde(rename = "database_away", skip_serializing_if = "std::ops::Not::not")]
    is_away: bool,
    /// To which one it is being moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    moving_to: Option<usize>,
    created: String,
    /// `null` where its database is away.
    users: Option<u64>,
    groups: Option<u64>,
    tokens: usize,
    settings: &'a Settings,
}

/// A token as it is shown: never its text.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Token"))]
pub(super) struct TokenView<'a> {
    token_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    tenant_id: String,
    tenant: &'a str,
    scopes: Scopes,
    status: Status,
    created: String,
    expires: String,
    days_left: i64,
    last_used: Option<String>,
    /// Until when it is not rotated: until one of two live tokens of its name has ended, or one of as many as may live.
    #[serde(skip_serializing_if = "Option::is_none")]
    rotation_waits_until: Option<String>,
}

/// A token that was just issued, with everything that an identity provider must be told. This is
/// the only time at which its text is shown.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "IssuedToken"))]
pub(super) struct IssuedView<'a> {
    tenant_id: String,
    tenant: &'a str,
    path: String,
    endpoint: String,
    token_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    token: &'a str,
    expires: String,
    /// Not said of a tenant's first token, which may do everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<Scopes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<Previous>,
}

/// The token that the new one takes the place of.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "PreviousToken"))]
pub(super) struct Previous {
    pub token_id: String,
    pub expires: String,
}

impl<'a> IssuedView<'a> {
    fn new(context: &AdminContext, tenant: &'a TenantRecord, issued: &'a Issued) -> Self {
        let scopes = issued.token.scopes;
        // Who may only read events is given the URL of the feed.
        let path = if scopes.read || scopes.write { tenant.path() } else { feed_path(tenant.id) };
        Self {
            tenant_id: tenant.id.to_string(),
            tenant: &tenant.name,
            endpoint: format!("{}{path}", context.base),
            path,
            token_id: issued.token.id.to_string(),
            name: issued.token.name.as_deref(),
            token: issued.secret.reveal(),
            expires: issued.token.expires().to_string(),
            scopes: Some(scopes),
            previous: None,
        }
    }
}

impl AdminContext {
    /// What an identity provider is given as the base URL.
    pub(super) fn endpoint(&self, tenant: &TenantRecord) -> String {
        format!("{}{}", self.base, tenant.path())
    }

    async fn show_tenant(&self, tenant: &TenantRecord, output: &Output) -> Result<(), AdminError> {
        let is_away = self.store.is_away(tenant.home());
        let count = async |kind: &str| {
            if is_away {
                return Ok(None);
            }
            self.store.count(tenant.home(), &TypeName::from(kind)).await.map(Some)
        };
        let view = TenantView {
            tenant_id: tenant.id.to_string(),
            tenant: &tenant.name,
            path: tenant.path(),
            endpoint: self.endpoint(tenant),
            profile: tenant.settings.profile,
            source: tenant.settings.source.as_ref().map_or("any", |source| source.kind.as_str()),
            writer: tenant.settings.source.as_ref().and_then(|source| source.writer.as_deref()),
            disabled: tenant.disabled,
            importing: tenant.importing,
            database: self.store.spread().map(|_| tenant.database + 1),
            is_away,
            moving_to: tenant.moving.map(|moving| moving.to + 1),
            created: tenant.created.to_string(),
            users: count("User").await?,
            groups: count("Group").await?,
            tokens: self.directory().ledger().live(tenant.id).await?.len(),
            settings: &tenant.settings,
        };
        output.row(&view).await
    }

    fn token_view<'a>(&self, tenant: &'a str, token: &'a Token, now: Timestamp) -> TokenView<'a> {
        TokenView {
            token_id: token.id.to_string(),
            name: token.name.as_deref(),
            tenant_id: token.tenant.to_string(),
            tenant,
            scopes: token.scopes,
            status: token.status(now),
            created: token.created.to_string(),
            expires: token.expires().to_string(),
            days_left: token.days_left(now),
            last_used: self.access.last_used(token).map(|at| at.to_string()),
            rotation_waits_until: None,
        }
    }
}

/// Makes a tenant, with a first token if one is asked for.
pub(super) async fn create(
    context: &AdminContext,
    name: &str,
    mut settings: Settings,
    token_seconds: Option<u64>,
    database: Option<usize>,
    output: &Output,
) -> Result<(), AdminError> {
    if settings.protected.as_ref().is_some_and(|protected| *protected != Protected::default()) {
        return Err(AdminError::Invalid(
            "a new tenant has nobody who could be \"protected\"; set it with `tenant set TENANT --settings FILE` when they are there"
                .to_owned(),
        ));
    }
    if let Some(roles) = &mut settings.roles {
        roles.note_since(None, context.clock.now());
    }
    settings.check().map_err(AdminError::Invalid)?;
    let token = token_seconds.map(lifetime::of_token).transpose()?;
    let directory = context.directory().by(&context.author().telling(Deed::TenantCreated));
    let (tenant, first) = directory.create_in(place(database)?, name, settings, token).await?;
    context.access.reload().await?;
    note_brake(&tenant, output).await?;
    match &first {
        Some(issued) => output.row(&IssuedView { scopes: None, ..IssuedView::new(context, &tenant, issued) }).await,
        None => context.show_tenant(&tenant, output).await,
    }
}

/// Lists the tenants by name.
pub(super) async fn list(context: &AdminContext, output: &Output) -> Result<(), AdminError> {
    for tenant in context.directory().named().await? {
        context.show_tenant(&tenant, output).await?;
    }
    Ok(())
}

pub(super) async fn show(context: &AdminContext, tenant: &str, output: &Output) -> Result<(), AdminError> {
    let tenant = context.directory().find(tenant).await?;
    context.show_tenant(&tenant, output).await
}

/// Changes some of a tenant's settings. Refused when a schema would go that the new ones do not have,
/// unless `force`.
pub(super) async fn set(
    context: &AdminContext,
    tenant: &str,
    changes: Map<String, Value>,
    force: bool,
    output: &Output,
) -> Result<(), AdminError> {
    indexing::again(|| try_set(context, tenant, changes.clone(), force, output)).await
}

async fn try_set(
    context: &AdminContext,
    tenant: &str,
    changes: Map<String, Value>,
    force: bool,
    output: &Output,
) -> Result<(), AdminError> {
    let tenant = context.directory().find(tenant).await?;
    let names: Vec<_> = changes.keys().cloned().collect();
    if changes.contains_key("source") {
        return Err(AdminError::Invalid(
            "the source of truth is changed by `tenant source TENANT --to SOURCE`, which tells what is kept and lost"
                .to_owned(),
        ));
    }
    let names_protected = changes.contains_key("protected");
    let mut settings = tenant.settings.changed(changes).map_err(AdminError::Invalid)?;
    if let Some(named) = settings.protected.take_if(|_| names_protected) {
        settings.protected = Some(protected::resolve(context, &tenant, named).await?);
    }
    if let Some(roles) = &mut settings.roles {
        roles.note_since(tenant.settings.roles.as_ref(), context.clock.now());
    }
    if !force {
        schemas::refuse_dropped(context, &tenant, &settings).await?;
    }
    schemas::refuse_other_roles(context, &tenant, &settings).await?;
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let mut author = context.telling(&tenant, Deed::TenantChanged).about(&names);
    if access::differ(&tenant.settings, &settings) {
        author = author.telling(Deed::AccessChanged);
    }
    let tenant = indexing::apply(context, &author, tenant, settings).await?;
    if ["brake", "restore_window"].iter().any(|changed| names.contains(changed)) {
        note_brake(&tenant, output).await?;
    }
    if names.contains(&"brake") && context.operations.is_tripped(tenant.home()).await? {
        let note = format!(
            "the brake has tripped, and goes on stopping as it did then: `{}`, then `{}` or `{}`. What you have set counts after that",
            line(&["brake", "show", "--tenant", &tenant.name]),
            line(&["brake", "approve", "--tenant", &tenant.name]),
            line(&["brake", "undo", "--tenant", &tenant.name])
        );
        output.row(&serde_json::json!({ "note": note })).await?;
    }
    context.show_tenant(&tenant, output).await
}

/// Says what a brake cannot do without a `restore_window`.
async fn note_brake(tenant: &TenantRecord, output: &Output) -> Result<(), AdminError> {
    match tenant.settings.lost_in_a_burst() {
        Some(note) => output.row(&serde_json::json!({ "note": note })).await,
        None => Ok(()),
    }
}

/// Moves a tenant to another database while it is served.
pub(super) async fn move_to(
    context: &AdminContext,
    tenant: &str,
    to: usize,
    output: &Output,
) -> Result<(), AdminError> {
    let tenant = context.directory().find(tenant).await?;
    let before = tenant.database;
    let to = place(Some(to))?.unwrap_or(before);
    let copied = AtomicU64::new(0);
    let directory = context.directory();
    let mut moving = pin!(directory.move_to(tenant, to, &copied));
    let tenant = loop {
        tokio::select! {
            moved = &mut moving => break moved?,
            () = tokio::time::sleep(TELL) => output.progress(copied.load(Relaxed)),
        }
    };
    context.access.reload().await?;
    if tenant.database != before {
        tokio::time::sleep(OPENS).await;
    }
    context.show_tenant(&tenant, output).await
}

/// The number of a database, from 0; people count from 1.
fn place(database: Option<usize>) -> Result<Option<usize>, AdminError> {
    let none = || AdminError::Invalid("databases are numbered from 1, in the order in which --store names them".into());
    database.map(|number| number.checked_sub(1).ok_or_else(none)).transpose()
}

/// Disables or enables a tenant.
pub(super) async fn disable(
    context: &AdminContext,
    tenant: &str,
    disabled: bool,
    output: &Output,
) -> Result<(), AdminError> {
    let deed = if disabled { Deed::TenantDisabled } else { Deed::TenantEnabled };
    let set = async || {
        let tenant = context.directory().find(tenant).await?;
        let directory = context.directory().by(&context.telling(&tenant, deed));
        Ok(directory.set_disabled(tenant, disabled).await?)
    };
    let tenant = indexing::again(set).await?;
    context.access.reload().await?;
    context.show_tenant(&tenant, output).await
}

/// Removes a tenant with everything in it.
pub(super) async fn delete(
    context: &AdminContext,
    tenant: &str,
    force: bool,
    output: &Output,
) -> Result<(), AdminError> {
    let tenant = context.directory().find(tenant).await?;
    let tenant = context.directory().close(tenant, force).await?;
    context.access.reload().await?;
    // Nobody writes any more what the erasure would pass over.
    context.until_noticed().await;
    context.webhooks().forget(tenant.id).await?;
    sink::forget(&*context.store, tenant.id).await?;
    context.streams().forget(tenant.id).await?;
    Deferrals::new(Arc::clone(&context.store)).forget(tenant.id).await?;
    context.setup_links().forget(tenant.id).await?;
    context.agents().forget(tenant.id).await?;
    let resources = context.directory().remove(&tenant).await?;
    let deleted = serde_json::json!({
        "tenant_id": tenant.id.to_string(), "tenant": tenant.name, "deleted": true, "resources": resources,
    });
    output.row(&deleted).await
}

/// Issues a token.
pub(super) async fn issue(
    context: &AdminContext,
    tenant: &str,
    name: Option<String>,
    scopes: Scopes,
    seconds: u64,
    output: &Output,
) -> Result<(), AdminError> {
    let lifetime = lifetime::of_token(seconds)?;
    let tenant = context.directory().find(tenant).await?;
    let ledger = context.ledger(&tenant, Deed::TokenCreated);
    let issued = ledger.issue(&tenant, name, scopes, lifetime).await?;
    context.access.reload().await?;
    output.row(&IssuedView::new(context, &tenant, &issued)).await?;
    let token = Issuance { what: "token", name: issued.token.name.as_deref(), scopes: issued.token.scopes };
    token.note(context, &tenant, output).await
}

/// Lists the tokens of one tenant, or of all.
pub(super) async fn tokens(context: &AdminContext, tenant: Option<&str>, output: &Output) -> Result<(), AdminError> {
    let tenants = match tenant {
        Some(tenant) => vec![context.directory().find(tenant).await?],
        None => context.directory().named().await?,
    };
    let now = context.clock.now();
    for tenant in tenants {
        let tokens = context.directory().ledger().list(tenant.id).await?;
        let live: Vec<_> = tokens.iter().filter(|token| token.is_live(now)).cloned().collect();
        for token in &tokens {
            let waits = live.contains(token).then(|| Ledger::waits_until(&tenant, token, &live)).flatten();
            let rotation_waits_until = waits.map(|until| until.to_string());
            output.row(&TokenView { rotation_waits_until, ..context.token_view(&tenant.name, token, now) }).await?;
        }
    }
    Ok(())
}

/// Issues a token that takes the place of another.
pub(super) async fn rotate(
    context: &AdminContext,
    tenant: &str,
    token: Option<&str>,
    seconds: Option<u64>,
    overlap_seconds: Option<u64>,
    output: &Output,
) -> Result<(), AdminError> {
    let tenant = context.directory().find(tenant).await?;
    let lifetime = seconds.map(lifetime::of_token).transpose()?;
    let overlap = overlap_seconds.map(Duration::from_secs);
    let ledger = context.ledger(&tenant, Deed::TokenRotated);
    let (old, issued) = ledger.rotate(&tenant, token, lifetime, overlap).await?;
    context.access.reload().await?;
    let previous = Previous { token_id: old.id.to_string(), expires: old.expires().to_string() };
    output.row(&IssuedView { previous: Some(previous), ..IssuedView::new(context, &tenant, &issued) }).await?;
    let token = Issuance { what: "token", name: issued.token.name.as_deref(), scopes: issued.token.scopes };
    token.note_source(&tenant, output).await
}

/// The token of a tenant that is named by its id or name.
pub(super) async fn named_token(context: &AdminContext, tenant: &TenantRecord, id: &str) -> Result<Token, AdminError> {
    if id.starts_with(PREFIX) {
        return Err(AdminError::Invalid(
            "that is not a token's id or name; `token list` shows both (never pass a token itself)".to_owned(),
        ));
    }
    Ok(context.directory().ledger().find(tenant.id, id).await?)
}

/// Revokes a token.
pub(super) async fn revoke(context: &AdminContext, tenant: &str, id: &str, output: &Output) -> Result<(), AdminError> {
    let tenant = context.directory().find(tenant).await?;
    let token = named_token(context, &tenant, id).await?;
    context.ledger(&tenant, Deed::TokenDeleted).revoke(tenant.id, token.id).await?;
    context.access.reload().await?;
    let deleted = serde_json::json!({"token_id": token.id.to_string(), "tenant": tenant.name, "deleted": true});
    output.row(&deleted).await?;
    // Whoever may write alone, and has no token any more, is told of now and not by the provider's errors.
    let Some(source) = tenant.settings.source.as_ref().filter(|source| source.writer.is_some()) else { return Ok(()) };
    let live = context.directory().ledger().live(tenant.id).await?;
    let clients = context.directory().clients().list(tenant.id).await?;
    let names = live.iter().filter_map(|token| token.name.as_deref());
    let mut left = names.chain(clients.iter().map(|client| client.name.as_str()));
    if !source.lets(token.name.as_deref()) || left.any(|name| source.lets(Some(name))) {
        return Ok(());
    }
    let note = format!(
        "only {source} may write to tenant {:?}, and nobody of that name is left: `{}` makes one, `{}` chooses another",
        tenant.name,
        line(&["token", "create", "--tenant", &tenant.name, "--name", source.writer.as_deref().unwrap_or("NAME")]),
        line(&["tenant", "source", &tenant.name, "--to", "SOURCE"])
    );
    output.row(&serde_json::json!({ "note": note })).await
}
