//! Manual provisioning: an administrator creates, shows and deletes users and groups.

use scim_protocol::{Error, ErrorKind, Timestamp, value::fold};
use serde_json::{Value, json};

use super::{AdminContext, AdminError, Line, Output, provision};
use crate::{
    caller::Caller,
    command_line::shutting_out,
    oauth::Client,
    operation::{create::RehearsedPost, restore::Kept},
    profile::{self, Profile},
    store::{ResourceId, ResourceKey, TypeName},
    tenant::{Source, SourceKind},
};

/// What is told of a user whom an administrator has disabled, whatever was written of `active`.
pub(super) const LOCKED: &str =
    "the user stays inactive: an administrator has disabled it, and `user enable` ends that";

/// The caller that an administrator is in a tenant.
pub(super) async fn administrator(context: &AdminContext, tenant: &str) -> Result<Caller, AdminError> {
    let built = context.built(tenant).await?;
    Ok(Caller::administrator(built, context.by.actor()))
}

/// What an administrator is about to do to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ManualChange {
    Create,
    Delete,
    Update,
}

impl ManualChange {
    /// Whether `identity-center` allows this by hand although a provider provisions the tenant. There, administrators
    /// create groups that a provider does not send (Google Workspace), and delete what a provider leaves behind
    /// (OneLogin and its groups). Only the provider creates users.
    fn is_for_administrators(self, resource_type: &str) -> bool {
        self == Self::Delete || resource_type == "Group"
    }
}

/// Refuses changes by hand where the tenant's profile does.
pub(super) fn refuse_local_edits(caller: &Caller) -> Result<(), AdminError> {
    if !profile::forbids_local_edits(caller.tenant().profile()) {
        return Ok(());
    }
    let name = &caller.tenant().name;
    Err(AdminError::Refused(format!(
        "tenant {name:?} is under an ipsie profile: its users and groups are changed by the identity provider alone"
    )))
}

/// Refuses manual changes while an identity provider provisions the tenant: it may undo them, or fail because of
/// them.
pub(super) async fn refuse_while_provisioned(
    context: &AdminContext,
    caller: &Caller,
    change: ManualChange,
    resource_type: &str,
    force: bool,
) -> Result<(), AdminError> {
    let tenant = caller.tenant();
    refuse_local_edits(caller)?;
    let model = tenant.settings.profile == Profile::IdentityCenter;
    match &tenant.settings.source {
        Some(Source { kind: SourceKind::Manual, .. }) => return Ok(()),
        Some(source) if !(model && change.is_for_administrators(resource_type)) => {
            return Err(AdminError::Refused(format!(
                "only {source} may change users and groups of tenant {:?}: make the change there, or change that with `tenant source TENANT --to SOURCE`",
                tenant.name
            )));
        }
        _ => {}
    }
    if force || model && change.is_for_administrators(resource_type) {
        return Ok(());
    }
    let directory = context.access.directory();
    let now = context.clock.now();
    // Who only reads is no provider.
    let tokens = directory.ledger().live(tenant.id).await?.iter().filter(|token| token.scopes.write).count();
    let writes = |client: &&Client| client.is_live(now) && client.scope.scopes.write;
    let clients = directory.clients().list(tenant.id).await?.iter().filter(writes).count();
    let what = match (tokens, clients) {
        (0, 0) => return Ok(()),
        (0, clients) => format!("{clients} OAuth client(s) that may write"),
        (tokens, _) => format!("{tokens} live token(s) that may write"),
    };
    Err(AdminError::Refused(format!(
        "tenant {:?} is provisioned automatically: it has {what}. Make the change at the identity provider, delete them with {}, or use --force",
        tenant.name,
        shutting_out(&tenant.name),
    )))
}

/// Lists resources, page by page, up to the limit.
pub(super) async fn list(
    context: &AdminContext,
    tenant: &str,
    resource_type: &str,
    filter: Option<&str>,
    limit: Option<usize>,
    output: &Output,
) -> Result<(), AdminError> {
    let caller = administrator(context, tenant).await?;
    let mut left = limit.unwrap_or(usize::MAX);
    let mut shown = 0;
    let mut total = 0;
    let mut cursor = None;
    loop {
        let page = provision::list(&context.operations, &caller, resource_type, filter, cursor.as_deref()).await?;
        total = total.max(page.total);
        for resource in page.resources.iter().take(left) {
            output.row(resource).await?;
            shown += 1;
        }
        left = left.saturating_sub(page.resources.len());
        match page.next {
            Some(next) if left > 0 => cursor = Some(next),
            _ => break,
        }
    }
    match total.saturating_sub(shown) {
        0 => Ok(()),
        more if limit.is_some() => output.line(Line::More(more)).await,
        // They were removed while the list was read.
        _ => Ok(()),
    }
}

/// Shows a resource.
pub(super) async fn show(
    context: &AdminContext,
    tenant: &str,
    resource_type: &str,
    name: &str,
    output: &Output,
) -> Result<(), AdminError> {
    let caller = administrator(context, tenant).await?;
    let mut resource = find(context, &caller, resource_type, name).await?;
    tell_source(context, &caller, resource_type, &mut resource).await?;
    output.row(&resource).await
}

/// Adds to a resource's `meta` who has sent it last, and when.
pub(super) async fn tell_source(
    context: &AdminContext,
    caller: &Caller,
    resource_type: &str,
    resource: &mut Value,
) -> Result<(), AdminError> {
    let id = resource.get("id").and_then(Value::as_str).and_then(ResourceId::parse);
    if let (Some(id), Some(meta)) = (id, resource.get_mut("meta").and_then(Value::as_object_mut)) {
        let key = ResourceKey { tenant: caller.tenant().home, resource_type: TypeName::from(resource_type), id };
        if let Some(record) = context.store.get(&key).await?
            && let Some(sent) = context.operations.last_sent(&key, &record).await?
        {
            let at = Timestamp::from_millis(sent.at).to_string();
            meta.insert("source".to_owned(), json!({"actor": sent.by, "last_sent": at}));
        }
    }
    Ok(())
}

/// Makes a resource.
pub(super) async fn create(
    context: &AdminContext,
    tenant: &str,
    resource_type: &str,
    mut body: Value,
    members: &[String],
    force: bool,
    output: &Output,
) -> Result<(), AdminError> {
    let caller = administrator(context, tenant).await?;
    refuse_while_provisioned(context, &caller, ManualChange::Create, resource_type, force).await?;
    if let (false, Value::Object(body)) = (members.is_empty(), &mut body) {
        let mut values = Vec::new();
        for name in members {
            values.push(json!({"value": member(context, &caller, name).await?}));
        }
        body.insert("members".to_owned(), values.into());
    }
    let mut rehearsed = provision::rehearse_create(&context.operations, &caller, resource_type, body.clone()).await?;
    let resource = provision::create(&context.operations, &caller, resource_type, body).await?.document;
    if resource_type == "Group" && rehearsed.returns.is_none() && rehearsed.stays.is_none() {
        rehearsed.stays = group_called_so(context, &caller, &resource).await?;
    }
    for note in notes(&caller, resource_type, &rehearsed)? {
        output.row(&json!({"note": note})).await?;
    }
    output.row(&resource).await
}

/// The deleted group with the `displayName` of one that is made, if it can be restored: the one that was deleted last. No index has
/// it, because a POST does not ask for it, so all that are deleted are looked at.
async fn group_called_so(context: &AdminContext, caller: &Caller, made: &Value) -> Result<Option<Kept>, AdminError> {
    let restorable = context.operations.restorable(caller.tenant()).await?;
    let name = made.get("displayName").and_then(Value::as_str).map(fold);
    let (mut after, mut found) = (None, None::<Kept>);
    loop {
        let page = provision::deleted(&context.operations, caller, "Group", after).await?;
        let Some(last) = page.last() else { return Ok(found) };
        after = Some(last.key.id);
        for kept in page {
            let is_called_so = kept.deleted.names()?.display_name.as_deref().map(fold) == name;
            let is_later = found.as_ref().is_none_or(|other| other.deleted.at <= kept.deleted.at);
            if is_called_so && is_later && restorable.has(&kept) {
                found = Some(kept);
            }
        }
    }
}

/// What is to be known beside what is made: whether somebody deleted comes back, or could, and whether a lock is on it.
pub(super) fn notes(caller: &Caller, resource_type: &str, rehearsed: &RehearsedPost) -> Result<Vec<String>, Error> {
    let (kind, tenant) = (resource_type.to_lowercase(), &caller.tenant().name);
    let named = |kept: &Kept| {
        let names = kept.deleted.names()?;
        let name = names.user_name.or(names.display_name).unwrap_or_default();
        Ok::<_, Error>((format!("the deleted {kind} {name:?}"), kept.key.id))
    };
    let mut notes = Vec::new();
    if let Some(kept) = &rehearsed.returns {
        let (whom, id) = named(kept)?;
        notes.push(format!("{whom} is brought back, with its id {id} and in the groups that it was in; all else that it had is gone but what is given here"));
    }
    if let Some(kept) = &rehearsed.stays {
        let (whom, id) = named(kept)?;
        let same = if kind == "user" { "externalId or userName" } else { "externalId or displayName" };
        notes.push(format!(
            "{whom} had the same {same} and stays deleted: `scim-server {kind} restore {id} --tenant {tenant}` brings that one back, when nobody else has its name"
        ));
    }
    if rehearsed.is_locked {
        notes.push(LOCKED.to_owned());
    }
    Ok(notes)
}

/// Removes a resource.
pub(super) async fn delete(
    context: &AdminContext,
    tenant: &str,
    resource_type: &str,
    name: &str,
    force: bool,
    output: &Output,
) -> Result<(), AdminError> {
    let caller = administrator(context, tenant).await?;
    refuse_while_provisioned(context, &caller, ManualChange::Delete, resource_type, force).await?;
    let resource = find(context, &caller, resource_type, name).await?;
    let id = resource.get("id").and_then(Value::as_str).unwrap_or_default();
    provision::delete(&context.operations, &caller, resource_type, id).await?;
    output.row(&json!({"id": id, "deleted": true})).await
}

/// The id of a member: it may be named by its id, its `userName`, or a group by its `displayName`.
pub(super) async fn member(context: &AdminContext, caller: &Caller, name: &str) -> Result<String, Error> {
    if ResourceId::parse(name).is_some() {
        return Ok(name.to_owned());
    }
    let found = match named(context, caller, "User", name).await {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            named(context, caller, "Group", name).await.map_err(|error| match error.kind() {
                ErrorKind::NotFound => Error::new(
                    ErrorKind::NotFound,
                    format!(
                        "There is no user with the userName \"{name}\" and no group with that displayName. `user list` and `group list` show who is there."
                    ),
                ),
                _ => error,
            })?
        }
        found => found?,
    };
    Ok(found.get("id").and_then(Value::as_str).unwrap_or_default().to_owned())
}

/// A resource by its id or by what people call it.
pub(super) async fn find(
    context: &AdminContext,
    caller: &Caller,
    resource_type: &str,
    name: &str,
) -> Result<Value, Error> {
    if ResourceId::parse(name).is_some() {
        match provision::show(&context.operations, caller, resource_type, name).await {
            // A name may have the form of an id.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let detail = format!("{}{}", error.detail(), who_is_there(caller, resource_type));
                return named(context, caller, resource_type, name).await.map_err(|_| error.with_detail(detail));
            }
            found => return found,
        }
    }
    named(context, caller, resource_type, name).await
}

pub(super) async fn named(
    context: &AdminContext,
    caller: &Caller,
    resource_type: &str,
    name: &str,
) -> Result<Value, Error> {
    let attribute = if resource_type == "User" { "userName" } else { "displayName" };
    let filter = format!("{attribute} eq {}", Value::from(name));
    let mut found = provision::list(&context.operations, caller, resource_type, Some(&filter), None).await?.resources;
    let first = if found.is_empty() { None } else { Some(found.swap_remove(0)) };
    match (first, found.len()) {
        (Some(resource), 0) => Ok(resource),
        (Some(_), _) => Err(Error::value(format!(
            "Several of the type {resource_type} have the {attribute} {name:?}. Name the one that you mean by its id."
        ))),
        (None, _) => Err(Error::new(
            ErrorKind::NotFound,
            format!(
                "There is no {resource_type} with the id or {attribute} {name:?}.{}",
                who_is_there(caller, resource_type)
            ),
        )),
    }
}

/// Which command shows those that there are: of users and groups.
fn who_is_there(caller: &Caller, resource_type: &str) -> String {
    match resource_type {
        "User" | "Group" => {
            let (kind, tenant) = (resource_type.to_lowercase(), &caller.tenant().name);
            format!(" `{kind} list --tenant {tenant}` shows who is there; `{kind} deleted` shows who was deleted.")
        }
        _ => String::new(),
    }
}
