//! Who may change the users and groups of a tenant: shown with what would be kept and lost, and changed.

use std::collections::BTreeMap;

use scim_protocol::value::fold;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{AdminContext, AdminError, Output, issuance, resources::administrator};
use crate::{
    caller::Caller,
    command_line::shutting_out,
    event::{Deed, is_administrator},
    oauth::Client,
    operation::source::{self, Sent},
    store::{Start, TypeName},
    tenant::{Settings, Source, SourceKind, TenantRecord},
    token::{LedgerError, Token},
};

/// How many resources are read at a time.
const PAGE: usize = 1000;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SourceRequest {
    pub tenant: String,
    /// The new source of truth; absent: whoever may write.
    pub to: Option<SourceKind>,
    /// The name or id of the only token or client that may write.
    pub writer: Option<String>,
    /// The tenant's name, typed by whoever wants it done; only a preview when absent.
    pub confirm: Option<String>,
}

/// What people call tokens and clients, by id, and by [as whom](crate::token::Token::writer) they write: a token and the
/// one that replaces it are one source, of one name.
type Writers = BTreeMap<String, String>;

/// Shows what would be kept and lost, and changes the source if the tenant's name was typed.
pub(super) async fn execute(context: &AdminContext, request: SourceRequest, output: &Output) -> Result<(), AdminError> {
    let tenant = context.directory().find(&request.tenant).await?;
    let caller = administrator(context, &tenant.id.to_string()).await?;
    let writers = writers(context, &tenant).await?;
    let writer = match &request.writer {
        Some(name) => Some(writer(context, &tenant, name).await?),
        None => None,
    };
    let to = request.to.map(|kind| Source { kind, writer });
    if let Some(Err(wrong)) = to.as_ref().map(Source::check) {
        return Err(AdminError::Invalid(format!("{wrong}; name it with --writer")));
    }
    if to.is_none() && request.writer.is_some() {
        return Err(AdminError::Invalid(
            "with \"any\" every token and client may write: leave --writer out, or say --to scim or --to directory"
                .to_owned(),
        ));
    }
    let settings = Settings { source: to.clone(), ..tenant.settings.clone() };
    settings.check_writers().map_err(AdminError::Refused)?;
    let mut shut_out: Vec<_> =
        writers.values().filter(|name| to.as_ref().is_some_and(|to| !to.lets(Some(name)))).collect();
    shut_out.sort_unstable_by_key(|name| fold(name));
    shut_out.dedup_by_key(|name| fold(name));
    let still_provisioned = (request.to == Some(SourceKind::Manual) && !shut_out.is_empty()).then(|| {
        format!(
            "tenant {:?} is still provisioned: delete what may write first, with {}: {}",
            tenant.name,
            shutting_out(&tenant.name),
            shut_out.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")
        )
    });
    if let Some(why) = still_provisioned.as_ref().filter(|_| request.confirm.is_some()) {
        return Err(AdminError::Refused(why.clone()));
    }
    let is_done = is_typed(request.confirm.as_deref(), &tenant.name)?;
    let row = json!({
        "tenant": tenant.name,
        "from": tenant.settings.source,
        "to": to,
        "resources": counts(context, &caller, &known(context, &tenant).await?).await?,
        "kept": kept(to.as_ref()),
        "lost": lost(&settings, &shut_out),
        "changed": is_done,
    });
    if is_done {
        let author = context.telling(&tenant, Deed::TenantChanged).about(&["source"]);
        context.directory().by(&author).set_settings(tenant.clone(), settings).await?;
        context.access.reload().await?;
    }
    output.row(&row).await?;
    if let Some(writer) = to.as_ref().and_then(|to| to.writer.as_deref()) {
        issuance::note_two(context, &tenant, writer, output).await?;
    }
    match still_provisioned {
        Some(why) => output.row(&json!({"note": format!("--confirm would be refused: {why}")})).await,
        None => Ok(()),
    }
}

/// Whether somebody has typed the tenant's name; refused if it is another word.
fn is_typed(confirm: Option<&str>, name: &str) -> Result<bool, AdminError> {
    match confirm {
        None => Ok(false),
        Some(typed) if typed == name => Ok(true),
        Some(_) => {
            Err(AdminError::Invalid(format!("nothing was changed: --confirm must be the tenant's name, {name:?}")))
        }
    }
}

fn kept(to: Option<&Source>) -> Vec<String> {
    let mut kept = vec!["All users and groups stay, with their ids, groups, passwords and locks.".to_owned()];
    if to.is_some_and(|to| to.kind != SourceKind::Manual) {
        kept.push(
            "Users and groups that others have made stay; to delete one of them by hand, make the source `manual` first. A POST with the userName of one of them gets 409, unless the tenant's setting `adopt` lets it take that one over."
                .to_owned(),
        );
    }
    kept
}

fn lost(settings: &Settings, shut_out: &[&String]) -> Vec<String> {
    let also = if settings.role_resources.is_some() { ", and write roles and entitlements" } else { "" };
    let of = |name: &&String| format!("Writes of {name} to users and groups get 403; it may still read{also}.");
    let mut lost: Vec<_> = shut_out.iter().map(of).collect();
    if settings.source.as_ref().is_some_and(|to| to.kind != SourceKind::Manual) {
        lost.push("Changes by hand are refused, also with --force; `user disable` works.".to_owned());
    }
    lost
}

/// How many resources there are of each type, and from whom.
async fn counts(
    context: &AdminContext,
    caller: &Caller,
    writers: &Writers,
) -> Result<Vec<serde_json::Value>, AdminError> {
    let mut counts: BTreeMap<(String, String), u64> = BTreeMap::new();
    for rt in caller.tenant().registry.resource_types() {
        let mut from = Start::Offset(0);
        loop {
            let page = context.store.resources(caller.tenant().home, &TypeName::from(&*rt.name), from, PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            from = Start::After(*last);
            for (_, record) in page.iter() {
                let by = source::of(record)?.map_or_else(|| "unknown".to_owned(), |sent| name_of(&sent, writers));
                *counts.entry((rt.name.clone(), by)).or_default() += 1;
            }
        }
    }
    let row = |((resource_type, by), count)| json!({"type": resource_type, "source": by, "count": count});
    Ok(counts.into_iter().map(row).collect())
}

/// What people call who has sent something.
fn name_of(sent: &Sent, writers: &Writers) -> String {
    if is_administrator(&sent.by) {
        return "by hand".to_owned();
    }
    let known = writers.get(sent.writer()).or_else(|| writers.get(&sent.by));
    known.cloned().unwrap_or_else(|| format!("deleted ({})", sent.writer()))
}

/// All tokens and clients of a tenant.
async fn known(context: &AdminContext, tenant: &TenantRecord) -> Result<Writers, AdminError> {
    let tokens = context.directory().ledger().list(tenant.id).await?;
    let clients = context.directory().clients().list(tenant.id).await?;
    Ok(tokens.iter().flat_map(of_token).chain(clients.iter().flat_map(of_client)).collect())
}

fn of_token(token: &Token) -> [(String, String); 2] {
    let name = token.name.clone().unwrap_or_else(|| token.writer());
    [(token.id.to_string(), name.clone()), (token.writer(), name)]
}

fn of_client(client: &Client) -> [(String, String); 2] {
    [(client.id.to_string(), client.name.clone()), (client.writer(), client.name.clone())]
}

/// The tokens and clients of a tenant that may write.
async fn writers(context: &AdminContext, tenant: &TenantRecord) -> Result<Writers, AdminError> {
    let now = context.clock.now();
    let tokens = context.directory().ledger().live(tenant.id).await?;
    let tokens = tokens.iter().filter(|token| token.scopes.write);
    let clients = context.directory().clients().list(tenant.id).await?;
    let clients = clients.iter().filter(|client| client.is_live(now) && client.scope.scopes.write);
    Ok(tokens.flat_map(of_token).chain(clients.flat_map(of_client)).collect())
}

/// The name of a token or client that may write.
async fn writer(context: &AdminContext, tenant: &TenantRecord, name: &str) -> Result<String, AdminError> {
    let directory = context.directory();
    let (name, may_write) = if let Ok(client) = directory.clients().find(tenant.id, name).await {
        (Some(client.name), client.scope.scopes.write)
    } else {
        match directory.ledger().find(tenant.id, name).await {
            Ok(token) => (token.name, token.scopes.write),
            // One replaces the other, and both have the name by which they are known.
            Err(LedgerError::Several(..)) => {
                let named = directory.ledger().named(tenant.id, name).await?;
                let may_write = named.iter().any(|token| token.scopes.write);
                (named.into_iter().find_map(|token| token.name), may_write)
            }
            Err(error) => return Err(error.into()),
        }
    };
    match name {
        Some(name) if may_write => Ok(name),
        Some(name) => Err(AdminError::Refused(format!("{name:?} may not write: make one with the scope write"))),
        None => Err(AdminError::Refused(
            "the token has no name, so the one that replaces it could not be known: make one with --name".to_owned(),
        )),
    }
}
