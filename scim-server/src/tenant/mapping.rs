//! Mapping in: named rewrites of what a provider sends, for providers whose own mapping cannot be changed.
//!
//! The body of a POST or PUT is rewritten before it is validated, so a rewrite can supply what is required. A PATCH
//! is applied first and the document that comes of it is rewritten, so a rewrite holds whatever the request touches;
//! only [`Kind::Rename`] looks at its paths. Rewriting twice gives the same as once.

mod steps;

use scim_protocol::{
    Error,
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
            "mapping: there are {} rewrites, and {MOST_REWRITES} is the most.",
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

/// Renames what the operations of a PATCH name.
pub fn apply_to_patch<'a>(rewrites: impl IntoIterator<Item = &'a Rewrite>, rt: &ResourceType, body: &mut Value) {
    let operations = body.get_mut("Operations").and_then(Value::as_array_mut).into_iter().flatten();
    let renames = |rewrite: &&Rewrite| rewrite.kind == Kind::Rename && rewrite.resource_type == rt.name;
    let renames: Vec<_> = rewrites.into_iter().filter(renames).collect();
    for operation in operations.filter_map(Value::as_object_mut) {
        for rewrite in &renames {
            rewrite.rename_in(rt, operation);
        }
    }
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

    /// The same name in an operation of a PATCH: in its path, or in its value where it has none.
    fn rename_in(&self, rt: &ResourceType, operation: &mut Map<String, Value>) {
        let Some(to) = &self.to else { return };
        match operation.get_mut("path") {
            Some(Value::String(path)) => {
                let rest = path.get(..self.attribute.len()).filter(|begin| begin.eq_ignore_ascii_case(&self.attribute));
                let rest = rest.and_then(|begin| path.get(begin.len()..));
                if let Some(rest) = rest.filter(|rest| rest.is_empty() || rest.starts_with(['.', '['])) {
                    *path = format!("{to}{rest}");
                }
            }
            None | Some(Value::Null) => {
                if let Some(value) = operation.get_mut("value").and_then(Value::as_object_mut) {
                    self.apply(rt, value);
                }
            }
            Some(_) => {}
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
mod tests {
    use serde_json::json;

    use super::*;

    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    fn rewrite(rule: &Value) -> Rewrite {
        let mut rule = rule.clone();
        rule["name"] = "it".into();
        serde_json::from_value(rule).unwrap()
    }

    #[track_caller]
    fn check_one(rule: &Value, before: &Value, expect: &Value) {
        let rules = [rewrite(rule)];
        check(&rules, &SchemaRegistry::core()).unwrap();
        let Value::Object(mut document) = before.clone() else { panic!("an object") };
        let registry = SchemaRegistry::core();
        let [user, group] = ["User", "Group"].map(|name| registry.resource_type(name).unwrap());
        let applied = apply(&rules, user, &mut document);
        assert_eq!(&Value::Object(document.clone()), expect);
        assert_eq!(applied.is_empty(), before == expect);
        assert!(apply(&rules, user, &mut document).is_empty(), "once is enough");
        assert!(apply(&rules, group, &mut document).is_empty());
    }

    #[test]
    fn bodies_are_rewritten() {
        let copy = json!({"rewrite": "copy", "attribute": "userName", "to": "displayName"});
        check_one(&copy, &json!({"USERNAME": "a"}), &json!({"USERNAME": "a", "displayName": "a"}));
        check_one(&copy, &json!({"displayName": "b"}), &json!({"displayName": "b"}));
        let department = format!("{ENTERPRISE}:department");
        let copy = json!({"rewrite": "copy", "attribute": "title", "to": department});
        check_one(&copy, &json!({"title": "t"}), &json!({"title": "t", ENTERPRISE: {"department": "t"}}));
        let lower = json!({"rewrite": "lower-case", "attribute": "emails.value"});
        check_one(
            &lower,
            &json!({"emails": [{"value": "A@x"}, {"type": "home"}]}),
            &json!({"emails": [{"value": "a@x"}, {"type": "home"}]}),
        );
        let lower = json!({"rewrite": "lower-case", "attribute": "name.familyName"});
        check_one(&lower, &json!({"name": {"familyName": "Ä"}}), &json!({"name": {"familyName": "ä"}}));
        let default = json!({"rewrite": "default", "attribute": "userType", "value": "employee"});
        check_one(&default, &json!({}), &json!({"userType": "employee"}));
        check_one(&default, &json!({"userType": "guest"}), &json!({"userType": "guest"}));
        let rename = json!({"rewrite": "rename", "attribute": "dept", "to": department});
        check_one(&rename, &json!({"dept": "x"}), &json!({ENTERPRISE: {"department": "x"}}));
        // Nothing is written over; what no schema has goes.
        let both = json!({"dept": "x", ENTERPRISE: {"department": "y"}});
        check_one(&rename, &both, &json!({ENTERPRISE: {"department": "y"}}));
        let rename = json!({"rewrite": "rename", "attribute": "title", "to": "nickName"});
        check_one(&rename, &json!({"title": "t"}), &json!({"nickName": "t"}));
        check_one(&rename, &json!({"title": "t", "nickName": "n"}), &json!({"title": "t", "nickName": "n"}));
        let primary = json!({"rewrite": "keep-primary", "attribute": "emails"});
        check_one(
            &primary,
            &json!({"emails": [{"value": "a"}, {"value": "b", "primary": true}]}),
            &json!({"emails": [{"value": "b", "primary": true}]}),
        );
        check_one(&primary, &json!({"emails": [{"value": "a"}]}), &json!({"emails": [{"value": "a"}]}));
    }

    #[test]
    fn a_rename_reaches_the_paths_of_a_patch() {
        let rules = [rewrite(&json!({"rewrite": "rename", "attribute": "dept", "to": "title"}))];
        let mut body = json!({"Operations": [{"op": "add", "path": "DEPT", "value": "x"}, {"op": "add", "path": "dept2", "value": "x"},
            {"op": "replace", "value": {"dept": "y"}}]});
        apply_to_patch(&rules, SchemaRegistry::core().resource_type("User").unwrap(), &mut body);
        assert_eq!(
            body,
            json!({"Operations": [{"op": "add", "path": "title", "value": "x"}, {"op": "add", "path": "dept2", "value": "x"},
            {"op": "replace", "value": {"title": "y"}}]})
        );
    }

    #[test]
    fn what_is_renamed_is_not_renamed_again() {
        let rename = |name: &str, attribute: &str, to: &str| Rewrite {
            name: name.to_owned(),
            ..rewrite(&json!({"rewrite": "rename", "attribute": attribute, "to": to}))
        };
        for rules in [
            vec![rename("a", "title", "nickName"), rename("b", "nickName", "title")],
            vec![rename("b", "nickName", "displayName"), rename("a", "title", "nickName")],
            vec![rename("a", "title", "title")],
        ] {
            let error = check(&rules, &SchemaRegistry::core()).unwrap_err();
            assert!(error.detail().contains("renames its \"to\" again"), "{}", error.detail());
        }
        assert!(check(&[rename("a", "x", "title"), rename("b", "y", "title")], &SchemaRegistry::core()).is_ok());
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        for (rule, why) in [
            (json!({"rewrite": "copy", "attribute": "userName"}), "\"to\""),
            (json!({"rewrite": "default", "attribute": "title"}), "\"value\""),
            (json!({"rewrite": "copy", "attribute": "userName", "to": "emails.value"}), "several values"),
            (json!({"rewrite": "copy", "attribute": "shoe", "to": "title"}), "no attribute"),
            (json!({"rewrite": "copy", "attribute": "department", "to": "title"}), "write \"department\" as \"urn"),
            (json!({"rewrite": "lower-case", "attribute": "active"}), "not a text"),
            (json!({"rewrite": "keep-primary", "attribute": "title"}), "not a list"),
            (
                json!({"rewrite": "keep-primary", "attribute": "members", "resource_type": "Group"}),
                "not a list that has",
            ),
            (json!({"rewrite": "copy", "attribute": "password", "to": "title"}), "never returned"),
            (json!({"rewrite": "copy", "attribute": "title", "to": "password"}), "never returned"),
            (json!({"rewrite": "rename", "attribute": "PASSWORD", "to": "title"}), "never returned"),
            (json!({"rewrite": "rename", "attribute": "pass", "to": "password"}), "never returned"),
            (json!({"rewrite": "lower-case", "attribute": "password"}), "never returned"),
            (json!({"rewrite": "default", "attribute": "password", "value": "x"}), "never returned"),
            (json!({"rewrite": "rename", "attribute": "userName", "to": "title"}), "required"),
            (json!({"rewrite": "rename", "attribute": "mail", "to": "emails.value"}), "stands in a list"),
            (json!({"rewrite": "rename", "attribute": "title", "to": "emails"}), "different types"),
            (json!({"rewrite": "rename", "attribute": "title", "to": "active"}), "different types"),
            (json!({"rewrite": "default", "attribute": "title", "value": ""}), "empty"),
            (json!({"rewrite": "copy", "attribute": "title", "to": "id"}), "the server's own"),
            (json!({"rewrite": "default", "attribute": "meta.version", "value": "x"}), "the server's own"),
            (json!({"rewrite": "rename", "attribute": "schemas", "to": "title"}), "the server's own"),
            (json!({"rewrite": "lower-case", "attribute": "title", "resource_type": "Car"}), "no resource type"),
        ] {
            let error = check(&[rewrite(&rule)], &SchemaRegistry::core()).unwrap_err();
            assert!(error.detail().contains(why), "{rule}: {}", error.detail());
        }
    }
}
