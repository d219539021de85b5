//! Mapping in, for people: the rewrites of a tenant, and what they would do.

use std::collections::BTreeSet;

use scim_protocol::{Error, message::Query};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{AdminContext, AdminError, Output, access, provision, resources};
use crate::{
    caller::Caller,
    event::Deed,
    operation::{Asked, Operations, Preconditions},
    render::stored_document,
    store::{IndexKey, Start, TenantId, TypeName},
    tenant::{
        Settings, TenantRecord,
        mapping::{self, Rewrite},
    },
};

/// Resources that are looked at together.
const PAGE: usize = 1000;

/// What is to be done with the rewrites of a tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum MappingRequest {
    List,
    /// Rewrites a body as a POST would be.
    Show {
        resource_type: String,
        body: Map<String, Value>,
    },
    /// Replaces all rewrites.
    Set {
        rewrites: Vec<Rewrite>,
        /// Only tell what they would do to the resources that are stored.
        #[serde(default)]
        dry_run: bool,
        /// Tell that of so many resources of each type at most; of all when absent.
        #[serde(default)]
        limit: Option<usize>,
    },
}

impl MappingRequest {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::List => "mapping-list",
            Self::Show { .. } => "mapping-show",
            Self::Set { .. } => "mapping-set",
        }
    }
}

/// Does what a request says.
pub(super) async fn execute(
    context: &AdminContext,
    tenant: &str,
    request: MappingRequest,
    output: &Output,
) -> Result<(), AdminError> {
    match request {
        MappingRequest::List => list(&context.directory().find(tenant).await?, output).await,
        MappingRequest::Show { resource_type, body } => {
            let caller = resources::administrator(context, tenant).await?;
            let rewrites = &caller.tenant().settings.mapping;
            let rt = caller.tenant().registry.resource_type(&resource_type);
            let rt = rt.ok_or_else(|| {
                AdminError::Invalid(format!("there is no resource type {resource_type:?}; say User or Group"))
            })?;
            let mut body = Value::Object(body);
            let applied = mapping::apply_to_body(rewrites, rt, &mut body);
            output.row(&json!({"mapping": applied, "body": body})).await
        }
        MappingRequest::Set { rewrites, dry_run: true, limit } => {
            let caller = resources::administrator(context, tenant).await?;
            mapping::check(&rewrites, &caller.tenant().registry)?;
            let known = &caller.tenant().settings;
            Settings { mapping: rewrites.clone(), ..known.clone() }.check_names(known)?;
            tell_of_nobody(context, caller.tenant().id, &rewrites, output).await?;
            preview(context, &caller, (&rewrites, limit), output).await
        }
        MappingRequest::Set { rewrites, .. } => {
            let set = |settings: &mut Settings| {
                settings.mapping.clone_from(&rewrites);
                Ok(())
            };
            let names: Vec<_> = rewrites.iter().map(|rewrite| rewrite.name.as_str()).collect();
            let record = access::change_settings(context, tenant, (Deed::MappingChanged, &names), set).await?;
            tell_of_nobody(context, record.id, &record.settings.mapping, output).await?;
            list(&record, output).await
        }
    }
}

/// Tells which rewrites are of a writer that is not there. They are taken all the same: it may come later.
async fn tell_of_nobody(
    context: &AdminContext,
    tenant: TenantId,
    rewrites: &[Rewrite],
    output: &Output,
) -> Result<(), AdminError> {
    let now = context.clock.now();
    let tokens = context.directory().ledger().live(tenant).await?;
    let clients = context.directory().clients().list(tenant).await?;
    let tokens = tokens.iter().filter(|token| token.scopes.write).filter_map(|token| token.name.as_deref());
    let clients = clients.iter().filter(|client| client.is_live(now) && client.scope.scopes.write);
    let names: Vec<_> = tokens.chain(clients.map(|client| client.name.as_str())).collect();
    for rewrite in rewrites {
        let Some(writer) = &rewrite.writer else { continue };
        if names.iter().any(|name| rewrite.is_of(Some(name))) {
            continue;
        }
        let note = format!(
            "the rewrite {:?} is only for what {writer:?} sends, and no live token or OAuth client of that name may write: it changes nothing until there is one",
            rewrite.name
        );
        output.row(&json!({"note": note})).await?;
    }
    Ok(())
}

async fn list(record: &TenantRecord, output: &Output) -> Result<(), AdminError> {
    for rewrite in &record.settings.mapping {
        output.row(rewrite).await?;
    }
    Ok(())
}

/// Tells of each stored resource what the rewrites, which were checked, would make of it, attribute by attribute, and why its
/// next write would be refused. A PATCH of members alone is no such write: it leaves the document as it is.
async fn preview(
    context: &AdminContext,
    caller: &Caller,
    (rewrites, limit): (&[Rewrite], Option<usize>),
    output: &Output,
) -> Result<(), AdminError> {
    let tenant = caller.tenant();
    let of_walk = provision::context(&context.operations, caller);
    let (mut looked_at, mut changed, mut refused, mut taken) = (0, 0, 0, BTreeSet::new());
    for rt in tenant.registry.resource_types() {
        if !rewrites.iter().any(|rewrite| rewrite.resource_type == rt.name) {
            continue;
        }
        let (mut from, mut left) = (Start::Offset(0), limit.unwrap_or(usize::MAX));
        while left > 0 {
            let page = context.store.resources(tenant.home, &TypeName::from(&*rt.name), from, PAGE.min(left)).await?;
            let Some((last, _)) = page.last() else { break };
            from = Start::After(*last);
            looked_at += page.len();
            left = left.saturating_sub(page.len());
            for (id, record) in page.iter() {
                let before = stored_document(record)?;
                let mut after = before.clone();
                let applied = mapping::apply(rewrites, rt, &mut after);
                if applied.is_empty() {
                    continue;
                }
                changed += 1;
                let mut changes = changes(&before, &after);
                let (id, query, preconditions) = (&id.to_string(), &Query::default(), &Preconditions::default());
                let asked = Asked { context: &of_walk, rt, id, query, preconditions };
                let outcome = outcome(&context.operations, asked, rewrites, &mut taken).await?;
                if outcome == Ok(true) {
                    changes.insert("active".to_owned(), json!({"before": before.get("active"), "after": false}));
                }
                let mut row = json!({"type": rt.name, "id": id, "mapping": applied, "changes": changes});
                if let Err(why) = outcome {
                    refused += 1;
                    row["refused"] = why.into();
                }
                output.row(&row).await?;
            }
        }
    }
    let refusals =
        if refused > 0 { format!(", and {refused} of these writes would be refused") } else { String::new() };
    let of_groups = if rewrites.iter().any(|rewrite| rewrite.resource_type == "Group") {
        "; a PATCH that is only about the members of a group rewrites nothing"
    } else {
        ""
    };
    let note = format!(
        "{changed} of {looked_at} resource(s) would be changed by their next write{refusals}{of_groups}; nothing was changed"
    );
    output.row(&json!({"note": note})).await
}

/// Whether the next write of a resource would make it inactive, also by a name that is locked; or why it would be refused. `taken`
/// has the unique values that others get by theirs, and then those of this one.
async fn outcome(
    operations: &Operations,
    asked: Asked<'_>,
    rewrites: &[Rewrite],
    taken: &mut BTreeSet<IndexKey>,
) -> Result<Result<bool, String>, Error> {
    let rehearsed = match operations.rehearse_rewrites(asked, rewrites).await {
        Ok(rehearsed) => rehearsed,
        Err(error) if error.kind().status() < 500 => return Ok(Err(error.detail().to_owned())),
        Err(error) => return Err(error),
    };
    if let Some(other) = rehearsed.takes.iter().find(|key| taken.contains(*key)) {
        let (name, attribute) = (&asked.rt.name, &other.attribute);
        return Ok(Err(format!(
            "Another {name} gets the same {attribute} by its next write. Rewrite from an attribute that differs."
        )));
    }
    taken.extend(rehearsed.takes);
    Ok(Ok(rehearsed.deactivates))
}

fn changes(before: &Map<String, Value>, after: &Map<String, Value>) -> Map<String, Value> {
    let differ = after.iter().filter(|(name, value)| before.get(*name) != Some(value));
    differ.map(|(name, value)| (name.clone(), json!({"before": before.get(name), "after": value}))).collect()
}
