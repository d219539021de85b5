//! What is to be known about the writes of a token or client that was issued: by the tenant's source of truth, and by who else has
//! its name.

use scim_protocol::value::fold;
use serde_json::json;

use super::{AdminContext, AdminError, Output};
use crate::{command_line::line, oauth::Client, tenant::TenantRecord, token::Scopes};

/// A token or client that was issued.
pub(super) struct Issuance<'a> {
    /// Which of the two.
    pub what: &'static str,
    pub name: Option<&'a str>,
    pub scopes: Scopes,
}

impl Issuance<'_> {
    /// Says of one that is new what is to be known about its writes.
    pub(super) async fn note(
        &self,
        context: &AdminContext,
        tenant: &TenantRecord,
        output: &Output,
    ) -> Result<(), AdminError> {
        self.note_namesake(context, tenant, output).await?;
        self.note_source(tenant, output).await
    }

    /// Says what it may write by its scopes and the tenant's source of truth does not let it.
    pub(super) async fn note_source(&self, tenant: &TenantRecord, output: &Output) -> Result<(), AdminError> {
        let source = tenant.settings.source.as_ref().filter(|_| self.scopes.write);
        let Some(source) = source.filter(|source| !source.lets(self.name)) else { return Ok(()) };
        let note = format!(
            "writes of this {} to users and groups get 403: only {source} may change those of tenant {:?}. It can read; `{}` chooses who may write",
            self.what,
            tenant.name,
            line(&["tenant", "source", &tenant.name, "--to", "SOURCE"])
        );
        output.row(&json!({ "note": note })).await
    }

    /// Says that a token and a client have one name: whoever moves a provider from the one to the other wants that, and
    /// nobody else does.
    async fn note_namesake(
        &self,
        context: &AdminContext,
        tenant: &TenantRecord,
        output: &Output,
    ) -> Result<(), AdminError> {
        let Some(name) = self.name.filter(|_| self.scopes.write) else { return Ok(()) };
        let (other, is_there) = match self.what {
            "token" => ("client", has_client(context, tenant, name).await?),
            _ => ("token", has_token(context, tenant, name).await?),
        };
        if !is_there {
            return Ok(());
        }
        let note = format!(
            "there is a {other} {name:?} too, and of one name both are one source: each brings back by a POST whom the other has deleted, and a source of truth lets both write. Keep that for a change from the {other} to this {what}; for another provider delete this {what}, and make one of another name",
            what = self.what
        );
        output.row(&json!({ "note": note })).await
    }
}

/// Whether a live token that may write has that name.
async fn has_token(context: &AdminContext, tenant: &TenantRecord, name: &str) -> Result<bool, AdminError> {
    let tokens = context.directory().ledger().live(tenant.id).await?;
    Ok(tokens.iter().any(|token| token.scopes.write && token.writer() == fold(name)))
}

/// Whether a live client that may write has that name.
async fn has_client(context: &AdminContext, tenant: &TenantRecord, name: &str) -> Result<bool, AdminError> {
    let (clients, now) = (context.directory().clients().list(tenant.id).await?, context.clock.now());
    let may_write = |client: &Client| client.is_live(now) && client.scope.scopes.write;
    Ok(clients.iter().any(|client| may_write(client) && client.writer() == fold(name)))
}

/// Says of a source's writer that it is both.
pub(super) async fn note_two(
    context: &AdminContext,
    tenant: &TenantRecord,
    writer: &str,
    output: &Output,
) -> Result<(), AdminError> {
    if !has_token(context, tenant, writer).await? || !has_client(context, tenant, writer).await? {
        return Ok(());
    }
    let note = format!("a token and a client are named {writer:?}: they are one source, and both may write");
    output.row(&json!({ "note": note })).await
}
