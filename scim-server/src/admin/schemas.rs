//! The commands about schemas that an administrator has added to a tenant.
//!
//! They are part of its settings. If a schema is removed, its values stay stored but are no longer returned. So the
//! commands that remove one say how many resources use it.

use serde_json::{Value, json};

use super::{AdminContext, AdminError, Output, indexing};
use crate::{
    event::Deed,
    render::stored_document,
    store::{Start, StoreError, TypeName},
    tenant::{Settings, TenantRecord, role_resources::RoleResources},
};

/// How many resources are looked at together.
const PAGE: usize = 1000;

/// A definition, as far as it is read here: one that is in a tenant's settings was checked.
struct Definition<'a>(&'a Value);

impl<'a> Definition<'a> {
    fn text(&self, path: &str) -> &'a str {
        self.0.pointer(path).and_then(Value::as_str).unwrap_or_default()
    }

    fn urn(&self) -> &'a str {
        self.text("/schema/id")
    }

    /// Whether somebody means it by that word: its URN in any case (RFC 8141 §3.1), or its name.
    fn is(&self, word: &str) -> bool {
        self.urn().eq_ignore_ascii_case(word) || self.text("/schema/name").eq_ignore_ascii_case(word)
    }

    /// The resource type that it extends or is the schema of.
    fn resource_type(&self) -> &'a str {
        match self.text("/extends") {
            "" => self.text("/resourceType/name"),
            extended => extended,
        }
    }

    fn is_extension(&self) -> bool {
        !self.text("/extends").is_empty()
    }
}

/// The resource type that a checked definition extends or is the schema of.
pub fn resource_type(definition: &Value) -> &str {
    Definition(definition).resource_type()
}

/// Lists the schemas that were added, with the numbers of those who use them.
pub(super) async fn list(context: &AdminContext, tenant: &str, output: &Output) -> Result<(), AdminError> {
    let tenant = context.directory().find(tenant).await?;
    for definition in &tenant.settings.schemas {
        show(context, &tenant, &Definition(definition), output).await?;
    }
    Ok(())
}

/// Adds one; with `replace` in the place of the one with the same URN.
pub(super) async fn add(
    context: &AdminContext,
    tenant: &str,
    definition: Value,
    replace: bool,
    output: &Output,
) -> Result<(), AdminError> {
    indexing::again(|| try_add(context, tenant, &definition, replace, output)).await
}

async fn try_add(
    context: &AdminContext,
    tenant: &str,
    definition: &Value,
    replace: bool,
    output: &Output,
) -> Result<(), AdminError> {
    let tenant = context.directory().find(tenant).await?;
    let urn = Definition(definition).urn().to_owned();
    let mut settings = tenant.settings.clone();
    let known = settings.schemas.iter().position(|known| Definition(known).urn().eq_ignore_ascii_case(&urn));
    match known {
        Some(at) if replace => settings.schemas.splice(at..=at, [definition.clone()]).for_each(drop),
        Some(_) => {
            return Err(AdminError::Refused(format!(
                "tenant {:?} has the schema {urn} already; use --replace to replace it",
                tenant.name
            )));
        }
        None => settings.schemas.push(definition.clone()),
    }
    let author = context.telling(&tenant, Deed::SchemaAdded).about(&[&urn]);
    let tenant = indexing::apply(context, &author, tenant, settings).await?;
    show(context, &tenant, &Definition(definition), output).await
}

/// Removes one. Refused while it is used, unless `force`.
pub(super) async fn remove(
    context: &AdminContext,
    tenant: &str,
    schema: &str,
    force: bool,
    output: &Output,
) -> Result<(), AdminError> {
    indexing::again(|| try_remove(context, tenant, schema, force, output)).await
}

async fn try_remove(
    context: &AdminContext,
    tenant: &str,
    schema: &str,
    force: bool,
    output: &Output,
) -> Result<(), AdminError> {
    let tenant = context.directory().find(tenant).await?;
    let (at, resources) = removed(context, &tenant, schema, force).await?;
    let mut settings = tenant.settings.clone();
    let removed = settings.schemas.remove(at);
    let definition = Definition(&removed);
    let author = context.telling(&tenant, Deed::SchemaRemoved).about(&[definition.urn()]);
    let tenant = indexing::apply(context, &author, tenant, settings).await?;
    let row = json!({"schema": definition.urn(), "tenant": tenant.name, "deleted": true, "used_by": resources});
    output.row(&row).await
}

/// Which schema of a tenant goes, and how many resources use it. Refused while any do, unless `force`.
pub(super) async fn removed(
    context: &AdminContext,
    tenant: &TenantRecord,
    schema: &str,
    force: bool,
) -> Result<(usize, u64), AdminError> {
    let mut known = tenant.settings.schemas.iter().map(Definition).enumerate();
    let Some((at, definition)) = known.find(|(_, definition)| definition.is(schema)) else {
        return Err(AdminError::Missing(format!(
            "tenant {:?} has no schema {schema:?} that was added; `schema list` shows its schemas",
            tenant.name
        )));
    };
    let resources = uses(context, tenant, &definition).await?;
    if resources > 0 && !force {
        return Err(AdminError::Refused(format!(
            "this removes {}; use --force to remove it anyway",
            used(&definition, resources)
        )));
    }
    Ok((at, resources))
}

/// Refuses settings that have not a schema that the tenant has.
pub(super) async fn refuse_dropped(
    context: &AdminContext,
    tenant: &TenantRecord,
    settings: &Settings,
) -> Result<(), AdminError> {
    let mut dropped = Vec::new();
    for known in &tenant.settings.schemas {
        let known = Definition(known);
        if !settings.schemas.iter().any(|kept| Definition(kept).urn().eq_ignore_ascii_case(known.urn())) {
            dropped.push(used(&known, uses(context, tenant, &known).await?));
        }
    }
    if dropped.is_empty() {
        return refuse_without_roles(context, tenant, settings).await;
    }
    Err(AdminError::Refused(format!(
        "these settings drop what they do not name: {}. Name it, too, or add to the schemas with `schema add FILE`; use --force to drop it",
        dropped.join("; ")
    )))
}

/// Refuses to turn `role_resources` off while there are any.
async fn refuse_without_roles(
    context: &AdminContext,
    tenant: &TenantRecord,
    settings: &Settings,
) -> Result<(), AdminError> {
    if tenant.settings.role_resources.is_none() || settings.role_resources.is_some() {
        return Ok(());
    }
    let mut there = Vec::new();
    for name in RoleResources::TYPES {
        let number = context.store.count(tenant.home(), &TypeName::from(name)).await?;
        there.extend((number > 0).then(|| format!("{number} of the type {name}")));
    }
    if there.is_empty() {
        return Ok(());
    }
    Err(AdminError::Refused(format!(
        "without role_resources these resources are no longer served: {}. What users have in roles and entitlements stays; use --force to turn it off",
        there.join(", ")
    )))
}

/// Refuses another form of `role_resources` while there are resources of the former: they would keep its schemas.
pub(super) async fn refuse_other_roles(
    context: &AdminContext,
    tenant: &TenantRecord,
    settings: &Settings,
) -> Result<(), AdminError> {
    let Some(wanted) = settings.role_resources.filter(|wanted| tenant.settings.role_resources != Some(*wanted)) else {
        return Ok(());
    };
    let mut there = Vec::new();
    for name in RoleResources::TYPES {
        let urn = wanted.schema_of(name)?.unwrap_or_default();
        let page = context.store.resources(tenant.home(), &TypeName::from(name), Start::Offset(0), PAGE).await?;
        let mut others = 0;
        for (_, record) in page.iter() {
            let document = stored_document(record)?;
            let schemas = document.get("schemas").and_then(Value::as_array);
            others += usize::from(!schemas.is_some_and(|schemas| schemas.iter().any(|one| *one == *urn)));
        }
        there.extend((others > 0).then(|| format!("{others} of the type {name}")));
    }
    if there.is_empty() {
        return Ok(());
    }
    Err(AdminError::Refused(format!(
        "with this role_resources there would be resources with the schemas of the other form: {}. Set the other form, delete them with DELETE, and make them again when this one is set",
        there.join(", ")
    )))
}

fn used(definition: &Definition<'_>, resources: u64) -> String {
    let whose = definition.resource_type();
    match (definition.is_extension(), resources) {
        (true, 0) => format!("the schema {}, which no {whose} uses", definition.urn()),
        (true, number) => {
            format!("the schema {}, which {number} resource(s) of the type {whose} use", definition.urn())
        }
        (false, number) => {
            format!("the schema {}, with the resource type {whose}, of which there are {number}", definition.urn())
        }
    }
}

async fn show(
    context: &AdminContext,
    tenant: &TenantRecord,
    definition: &Definition<'_>,
    output: &Output,
) -> Result<(), AdminError> {
    let row = json!({
        "schema": definition.urn(),
        "name": definition.text("/schema/name"),
        "tenant": tenant.name,
        "resource_type": definition.resource_type(),
        "extension": definition.is_extension(),
        "used_by": uses(context, tenant, definition).await?,
        "definition": definition.0,
    });
    output.row(&row).await
}

/// How many resources have something of the schema.
async fn uses(context: &AdminContext, tenant: &TenantRecord, definition: &Definition<'_>) -> Result<u64, StoreError> {
    let kind = TypeName::from(definition.resource_type());
    if !definition.is_extension() {
        return context.store.count(tenant.home(), &kind).await;
    }
    let mut uses = 0;
    let mut from = Start::Offset(0);
    loop {
        let page = context.store.resources(tenant.home(), &kind, from, PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(uses) };
        from = Start::After(*last);
        for (_, record) in page.iter() {
            let document = stored_document(record)?;
            uses += u64::from(document.keys().any(|key| key.eq_ignore_ascii_case(definition.urn())));
        }
    }
}
