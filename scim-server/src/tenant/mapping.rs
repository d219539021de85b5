//! Mapping in: named rewrites of what a provider sends, for providers whose own mapping cannot be changed.
//!
//! The body of a POST or PUT is rewritten before it is validated, so a rewrite can supply what is required. A PATCH
//! is applied first and the document that comes of it is rewritten, so a rewrite holds whatever the request touches;
//! only [`Kind::Rename`] looks at its paths. Rewriting twice gives the same as once.

mod steps;

use scim_protocol::{
    Error, dialect,
    path::{AttributePath, BoundPath},
    schema::{Attribute, Mutability, ResourceType, Returned, SchemaRegistry, Type},
    value::fold,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use self::steps::Steps;
use super::attributes::USER;

/// The most rewrites of a tenant.
pub const MOST_REWRITES: usize = 50;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The value of `attribute` becomes that of `to`.
    Copy,
    /// `attribute` has `value` where it has none.
    Default,
    /// Of several values of `attribute` only the primary one stays, else the first.
    KeepPrimary,
    /// The text of `attribute` is in lower case.
    LowerCase,
    /// `attribute` is called `to`, where that has no value. It need not be in a schema.
    Rename,
}

/// One rewrite. Stored among the settings of a tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Rewrite {
    /// What people call it.
    pub name: String,
    #[serde(rename = "rewrite")]
    pub kind: Kind,
    /// Of which resources; users when absent.
    #[serde(default = "users")]
    pub resource_type: String,
    /// `userName`, `name.givenName`, `urn:…:User:department`.
    pub attribute: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The name of the only token or OAuth client of whose requests it is; of those of all when absent. A token that
    /// replaces another has its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writer: Option<String>,
}

fn users() -> String {
    USER.to_owned()
}

/// Checks all rewrites of a tenant. The error names the one that cannot be used.
pub fn check(rewrites: &[Rewrite], registry: &SchemaRegistry) -> Result<(), Error> {
    if rewrites.len() > MOST_REWRITES {
        return Err(Error::value(format!(
            "mapping: there would be {} rewrites, and {MOST_REWRITES} is the most. Leave out those that are not needed.",
            rewrites.len()
        )));
    }
    for (at, rewrite) in rewrites.iter().enumerate() {
        let name = &rewrite.name;
        let wrong = |why: String| Error::value(format!("mapping: the rewrite {name:?}: {why}"));
        if name.trim().is_empty() || rewrites.iter().take(at).any(|other| other.name == *name) {
            return Err(wrong("each needs a name of its own.".to_owned()));
        }
        rewrite.check(registry).map_err(wrong)?;
        if rewrite.writer.as_deref().is_some_and(|writer| writer.trim().is_empty()) {
            return Err(wrong("\"writer\" is empty; name a token or an OAuth client, or leave it out.".to_owned()));
        }
        // What is renamed twice would go on with each write.
        let renames = |of: &&Rewrite| of.kind == Kind::Rename && of.resource_type == rewrite.resource_type;
        let follows = |of: &&Rewrite| rewrite.to.as_deref().is_some_and(|to| of.attribute.eq_ignore_ascii_case(to));
        if let Some(next) = rewrites.iter().filter(renames).filter(|_| rewrite.kind == Kind::Rename).find(follows) {
            return Err(wrong(format!("{:?} renames its \"to\" again. Rename to the last name at once.", next.name)));
        }
    }
    Ok(())
}

/// Applies those for a resource type to a body or a document. Gives the names of those that changed something.
pub fn apply<'a>(
    rewrites: impl IntoIterator<Item = &'a Rewrite>,
    rt: &ResourceType,
    document: &mut Map<String, Value>,
) -> Vec<&'a str> {
    let mut applied = Vec::new();
    for rewrite in rewrites.into_iter().filter(|rewrite| rewrite.resource_type == rt.name) {
        if rewrite.apply(rt, document) {
            applied.push(rewrite.name.as_str());
        }
    }
    applied
}

/// The same for the body of a POST or PUT. What has a new name is then read as if it had been sent so: the `"False"` of
/// Entra ID is `false`.
pub fn apply_to_body<'a>(
    rewrites: impl IntoIterator<Item = &'a Rewrite>,
    rt: &ResourceType,
    body: &mut Value,
) -> Vec<&'a str> {
    let applied = body.as_object_mut().map(|body| apply(rewrites, rt, body)).unwrap_or_default();
    if !applied.is_empty() {
        dialect::standardise_resource(body, rt);
    }
    applied
}

/// Renames what the operations of a PATCH name, and gives the names of the rewrites that did.
pub fn apply_to_patch<'a>(
    rewrites: impl IntoIterator<Item = &'a Rewrite>,
    rt: &ResourceType,
    body: &mut Value,
) -> Vec<&'a str> {
    let operations = body.get_mut("Operations").and_then(Value::as_array_mut).into_iter().flatten();
    let renames = |rewrite: &&Rewrite| rewrite.kind == Kind::Rename && rewrite.resource_type == rt.name;
    let renames: Vec<_> = rewrites.into_iter().filter(renames).collect();
    let mut applied = vec![false; renames.len()];
    for operation in operations.filter_map(Value::as_object_mut) {
        for (rewrite, applied) in renames.iter().zip(&mut applied) {
            *applied |= rewrite.rename_in(rt, operation);
        }
    }
    let applied: Vec<_> = renames.iter().zip(applied).filter(|(_, applied)| *applied).collect();
    if !applied.is_empty() {
        dialect::standardise_patch(body, rt);
    }
    applied.into_iter().map(|(rewrite, _)| rewrite.name.as_str()).collect()
}

impl Rewrite {
    /// Whether it is of what the token or client of that name sends.
    pub fn is_of(&self, name: Option<&str>) -> bool {
        self.writer.as_deref().is_none_or(|writer| name.is_some_and(|name| fold(name) == fold(writer)))
    }

    fn check(&self, registry: &SchemaRegistry) -> Result<(), String> {
        let rt = registry
            .resource_type(&self.resource_type)
            .ok_or_else(|| format!("there is no resource type \"{}\".", self.resource_type))?;
        let bind = |path: &str| -> Result<BoundPath, String> {
            let bound = AttributePath::parse(path).and_then(|path| path.bind(rt));
            let bound = bound.map_err(|error| error.detail().to_owned())?;
            let name = bound.to_string();
            may_be_rewritten(&bound, path)?;
            if name.eq_ignore_ascii_case(path) { Ok(bound) } else { Err(format!("write \"{path}\" as \"{name}\".")) }
        };
        let text = |path: &str| -> Result<BoundPath, String> {
            let bound = bind(path)?;
            let leaf = bound.leaf().filter(|leaf| leaf.kind == Type::String);
            leaf.map(|_| ()).ok_or_else(|| format!("\"{path}\" is not a text."))?;
            Ok(bound)
        };
        let single = |path: &str| -> Result<(), String> {
            let bound = text(path)?;
            let is_list = bound.attribute.as_ref().is_some_and(|attribute| attribute.multi_valued);
            if is_list { Err(format!("\"{path}\" may have several values.")) } else { Ok(()) }
        };
        let (needs_to, needs_value) = (matches!(self.kind, Kind::Copy | Kind::Rename), self.kind == Kind::Default);
        if self.to.is_some() != needs_to || self.value.is_some() != needs_value {
            return Err("copy and rename need \"to\", default needs \"value\", and the others neither.".to_owned());
        }
        let to = self.to.as_deref().unwrap_or_default();
        if [self.attribute.as_str(), to].iter().any(|path| path.eq_ignore_ascii_case("schemas")) {
            return Err("\"schemas\" is the server's own.".to_owned());
        }
        match self.kind {
            Kind::Copy => single(&self.attribute).and_then(|()| single(to)),
            Kind::Default if self.value.as_deref() == Some("") => Err("\"value\" is empty.".to_owned()),
            Kind::Default => single(&self.attribute),
            Kind::LowerCase => text(&self.attribute).map(drop),
            Kind::Rename => self.check_rename(rt, &bind(to)?),
            Kind::KeepPrimary => match bind(&self.attribute)? {
                BoundPath { attribute: Some(attribute), sub_attribute: None, .. } if has_primary(&attribute) => Ok(()),
                _ => Err(format!("\"{}\" is not a list that has a primary value.", self.attribute)),
            },
        }
    }

    /// Whether what is called so can be called `to`: else each write that has it would be refused.
    fn check_rename(&self, rt: &ResourceType, to: &BoundPath) -> Result<(), String> {
        let (name, new) = (&self.attribute, to.to_string());
        if to.sub_attribute.is_some() && to.attribute.as_ref().is_some_and(|attribute| attribute.multi_valued) {
            return Err(format!(
                "\"{new}\" stands in a list of values. Name the whole list, or an attribute with one value."
            ));
        }
        // Of what no schema has, nobody knows the type.
        let Ok(known) = AttributePath::parse(name).and_then(|path| path.bind(rt)) else { return Ok(()) };
        if known.leaf().is_some_and(|leaf| leaf.required) {
            return Err(format!("\"{name}\" is required, and no write could be without it."));
        }
        may_be_rewritten(&known, name)?;
        let form = |path: &BoundPath| path.leaf().map(|leaf| (leaf.kind, leaf.multi_valued));
        if form(&known) == form(to) {
            Ok(())
        } else {
            Err(format!("\"{name}\" and \"{new}\" have values of different types."))
        }
    }

    /// Whether something changed.
    fn apply(&self, rt: &ResourceType, document: &mut Map<String, Value>) -> bool {
        let from = Steps::of(&self.attribute);
        let to = self.to.as_deref().map(Steps::of);
        match (self.kind, to) {
            (Kind::Copy, Some(to)) => {
                let Some(value) = from.find(document).filter(|value| is_text(value)).cloned() else { return false };
                to.set(document, &value)
            }
            (Kind::Rename, Some(to)) => {
                let is_taken = to.find(document).is_some_and(|value| !value.is_null() && value != "");
                if is_taken && is_known(&self.attribute, rt) {
                    return false;
                }
                // What no schema has cannot stay.
                let Some(value) = from.take(document) else { return false };
                is_taken || to.set(document, &value)
            }
            (Kind::Default, _) => {
                let has_value = from.find(document).is_some_and(|value| !value.is_null() && value != "");
                !has_value && from.set(document, &Value::from(self.value.clone()))
            }
            (Kind::LowerCase, _) => from.each(document, &mut |value| {
                let lower = value.as_str().map(str::to_lowercase);
                replace(value, lower.map(Value::from))
            }),
            (Kind::KeepPrimary, _) => from.find_mut(document).and_then(Value::as_array_mut).is_some_and(keep_primary),
            (Kind::Copy | Kind::Rename, None) => false,
        }
    }

    /// The same name in an operation of a PATCH: in its path, or in its value where it has none. Whether it was there.
    fn rename_in(&self, rt: &ResourceType, operation: &mut Map<String, Value>) -> bool {
        let Some(to) = &self.to else { return false };
        match operation.get_mut("path") {
            Some(Value::String(path)) => {
                let rest = path.get(..self.attribute.len()).filter(|begin| begin.eq_ignore_ascii_case(&self.attribute));
                let rest = rest.and_then(|begin| path.get(begin.len()..));
                let Some(rest) = rest.filter(|rest| rest.is_empty() || rest.starts_with(['.', '['])) else {
                    return false;
                };
                *path = format!("{to}{rest}");
                true
            }
            None | Some(Value::Null) => {
                let value = operation.get_mut("value").and_then(Value::as_object_mut);
                value.is_some_and(|value| self.apply(rt, value))
            }
            Some(_) => false,
        }
    }
}

/// Whether a resource type has an attribute.
fn is_known(path: &str, rt: &ResourceType) -> bool {
    AttributePath::parse(path).is_ok_and(|path| path.bind(rt).is_ok())
}

/// What is never returned stays where it is: a copy of it could be read. What the server writes by itself is rewritten in vain.
fn may_be_rewritten(bound: &BoundPath, path: &str) -> Result<(), String> {
    let parts = || bound.attribute.iter().chain(bound.leaf());
    if parts().any(|part| part.returned == Returned::Never) {
        return Err(format!("\"{path}\" is never returned, and may be neither copied nor changed."));
    }
    if parts().any(|part| part.mutability == Mutability::ReadOnly) {
        return Err(format!("\"{path}\" is the server's own."));
    }
    Ok(())
}

/// Whether several values of an attribute have one that is the primary one (RFC 7643 §2.4).
fn has_primary(attribute: &Attribute) -> bool {
    attribute.multi_valued && attribute.sub_attributes.iter().any(|sub| sub.name == "primary")
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

fn replace(value: &mut Value, new: Option<Value>) -> bool {
    match new {
        Some(new) if *value != new => {
            *value = new;
            true
        }
        _ => false,
    }
}

fn keep_primary(values: &mut Vec<Value>) -> bool {
    if values.len() < 2 {
        return false;
    }
    let is_primary = |value: &Value| value.get("primary") == Some(&Value::Bool(true));
    let kept = values.swap_remove(values.iter().position(is_primary).unwrap_or(0));
    *values = vec![kept];
    true
}

#[cfg(test)]
mod tests;
