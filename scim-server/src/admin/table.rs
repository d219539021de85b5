//! Users from a table: made, or changed where one of the name is there. First it is told what would come of each row.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::{StreamExt as _, stream};
use scim_protocol::{Error, ErrorKind, path::AttributePath, schema::Mutability, value::fold};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    AdminContext, AdminError, Line, Output, provision,
    resources::{LOCKED, ManualChange, administrator, named, refuse_while_provisioned},
};
use crate::caller::Caller;

const USER: &str = "User";
const USER_NAME: &str = "userName";
const USER_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// How many rows are worked on at a time: each waits until its change is durable.
const AT_ONCE: usize = 32;
/// After so many rows it is told how far it is.
const TOLD: u64 = 500;

/// Users to make or change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TableRequest {
    pub tenant: String,
    /// The number of each row's line in its file, and its values by the paths of attributes.
    pub rows: Vec<(usize, Map<String, Value>)>,
    /// Do it; else only tell.
    #[serde(default)]
    pub apply: bool,
    /// Also while an identity provider provisions the tenant.
    #[serde(default)]
    pub force: bool,
}

/// What becomes of a row.
enum Action {
    Create(Value),
    /// The id, and what is set.
    Update(String, Vec<(String, Value)>),
    Unchanged,
}

/// What became of a row.
struct Done {
    action: &'static str,
    /// The attributes that it sets.
    changes: Vec<String>,
    /// What is to be known beside that.
    note: Option<&'static str>,
}

/// Does what a request says. A row for each of its rows; one that is refused does not stop the others.
pub(super) async fn execute(context: &AdminContext, request: TableRequest, output: &Output) -> Result<(), AdminError> {
    let TableRequest { tenant, rows, apply, force } = request;
    let caller = administrator(context, &tenant).await?;
    let refused = refuse_while_provisioned(context, &caller, ManualChange::Create, USER, force).await;
    let refusal = match refused {
        Err(AdminError::Refused(why)) if !apply => Some(why),
        refused => refused.map(|()| None)?,
    };
    let columns = columns(&caller, &rows)?;
    let mut seen = HashMap::new();
    let rows: Vec<_> = rows
        .into_iter()
        .map(|(line, row)| {
            let named = |(column, value): (String, Value)| (columns.get(&column).cloned().unwrap_or(column), value);
            let row: Map<_, _> = row.into_iter().map(named).collect();
            let name = row.get(USER_NAME).and_then(Value::as_str).unwrap_or_default().to_owned();
            let before = seen.insert(fold(&name), line).filter(|_| !name.is_empty());
            Row { line, name, before, values: row }
        })
        .collect();
    let mut shown = stream::iter(rows).map(|row| told(context, &caller, row, apply)).buffered(AT_ONCE);
    let mut done = 0;
    while let Some(row) = shown.next().await {
        output.row(&row?).await?;
        done += 1;
        if done % TOLD == 0 {
            output.line(Line::Progress(done)).await?;
        }
    }
    match refusal {
        Some(why) => output.row(&json!({"note": format!("--apply would be refused: {why}")})).await,
        None => Ok(()),
    }
}

/// A row of the table.
struct Row {
    /// The number of its line.
    line: usize,
    name: String,
    /// The line before it that names the same user.
    before: Option<usize>,
    values: Map<String, Value>,
}

/// What became of a row, as it is shown.
async fn told(context: &AdminContext, caller: &Caller, row: Row, apply: bool) -> Result<Value, AdminError> {
    let Row { line, name, before, values } = row;
    let outcome = match before {
        Some(before) => Err(Error::value(format!("Line {before} names the same user. Leave one of them out."))),
        None => one(context, caller, values, apply).await,
    };
    match outcome {
        Ok(Done { action, changes, note }) => {
            let mut row = json!({"line": line, "userName": name, "action": action, "changes": changes});
            if let Some(note) = note {
                row["reason"] = note.into();
            }
            Ok(row)
        }
        Err(error) if error.kind().status() < 500 => {
            Ok(json!({"line": line, "userName": name, "action": "refused", "reason": error.detail()}))
        }
        Err(error) => Err(error.into()),
    }
}

/// The attribute that each column names, in any case (RFC 7643 §2.1). Refuses a table with a column that cannot be
/// written, before its first row.
fn columns(caller: &Caller, rows: &[(usize, Map<String, Value>)]) -> Result<BTreeMap<String, String>, AdminError> {
    let columns: BTreeSet<&str> = rows.iter().flat_map(|(_, row)| row.keys()).map(String::as_str).collect();
    let rt = caller.tenant().registry.resource_type(USER);
    let rt = rt.ok_or_else(|| AdminError::Refused("the tenant has no users".to_owned()))?;
    let mut named = BTreeMap::new();
    for column in columns {
        let wrong = |why: &str| AdminError::Invalid(format!("the column {column:?} cannot be written: {why}"));
        let bound = AttributePath::parse(column).and_then(|path| path.bind(rt));
        let bound = bound.map_err(|error| wrong(error.detail()))?;
        let parts = || bound.attribute.iter().chain(bound.leaf());
        if column.eq_ignore_ascii_case("schemas") {
            return Err(wrong("it follows from the other columns. Leave it out."));
        }
        if parts().any(|part| part.mutability == Mutability::ReadOnly) {
            return Err(wrong("it is the server's own. Leave it out."));
        }
        if bound.sub_attribute.is_some() && bound.attribute.as_ref().is_some_and(|list| list.multi_valued) {
            return Err(wrong("it may have several values. Columns of that kind are emails and phoneNumbers."));
        }
        let attribute = bound.to_string();
        if let Some((other, _)) = named.iter().find(|(_, known)| **known == attribute) {
            return Err(wrong(&format!("the column {other:?} is the same attribute. Leave one of them out.")));
        }
        named.insert(column.to_owned(), attribute);
    }
    Ok(named)
}

/// What becomes of one row.
async fn one(context: &AdminContext, caller: &Caller, row: Map<String, Value>, apply: bool) -> Result<Done, Error> {
    let operations = &context.operations;
    let (action, note) = action(context, caller, row).await?;
    match action {
        Action::Unchanged => Ok(Done { action: "unchanged", changes: Vec::new(), note }),
        Action::Create(user) => {
            let changes = user.as_object().into_iter().flatten().map(|(name, _)| name.clone());
            let changes = changes.filter(|name| name != "schemas").collect();
            let returns = if apply {
                provision::create(operations, caller, USER, user).await?.returns
            } else {
                provision::rehearse_create(operations, caller, USER, user).await?
            };
            Ok(Done { action: if returns { "restore" } else { "create" }, changes, note })
        }
        Action::Update(id, values) => {
            let changes = values.iter().map(|(path, _)| path.clone()).collect();
            let set = |(path, value): (String, Value)| json!({"op": "replace", "path": path, "value": value});
            let set = values.into_iter().map(set).collect();
            if apply {
                provision::modify(operations, caller, USER, &id, set).await?;
            } else {
                provision::rehearse_modify(operations, caller, USER, &id, set).await?;
            }
            Ok(Done { action: "update", changes, note })
        }
    }
}

/// What is to be done with a row, and what is to be known beside that: a user whom an administrator has disabled is not
/// made active.
async fn action(
    context: &AdminContext,
    caller: &Caller,
    row: Map<String, Value>,
) -> Result<(Action, Option<&'static str>), Error> {
    let name = row.get(USER_NAME).and_then(Value::as_str);
    let name = name.ok_or_else(|| Error::value("The row has no userName. Each row needs one."))?.to_owned();
    for (path, value) in &row {
        require_text(path, value.as_str().unwrap_or_default())?;
    }
    let values: Vec<_> = row.into_iter().map(typed).collect();
    let shown = match named(context, caller, USER, &name).await {
        Ok(shown) => shown,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let mut user = Map::from_iter([("schemas".to_owned(), json!([USER_SCHEMA]))]);
            for (path, value) in values {
                set(&mut user, &steps(&path), value);
            }
            return Ok((Action::Create(user.into()), None));
        }
        Err(error) => return Err(error),
    };
    let id = shown.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let activates = values.iter().any(|(path, value)| path == "active" && *value == true);
    let is_inactive = shown.get("active") == Some(&Value::Bool(false));
    let kept = if is_inactive { provision::kept_aside(&context.operations, caller, USER, &id).await? } else { None };
    let note = (activates && kept.is_some()).then_some(LOCKED);
    // A write is compared with what the user would be if no administrator had disabled it.
    let mut known = shown;
    if let Some(active) = kept {
        known["active"] = active;
    }
    let differs = |(path, value): &(String, Value)| {
        let now = steps(path).iter().try_fold(&known, |value, name| value.get(name.as_str()));
        // A name in other capitals is the same name.
        path != USER_NAME && !now.is_some_and(|now| is_same(now, value))
    };
    let values: Vec<_> = values.into_iter().filter(differs).collect();
    let action = if values.is_empty() { Action::Unchanged } else { Action::Update(id, values) };
    Ok((action, note))
}

/// By what people are told apart and found: one line, which looks like what it is compared with.
const NAMES: [&str; 6] = [USER_NAME, "externalId", "displayName", "emails", "phoneNumbers", "employeeNumber"];

/// Refuses control characters, which nobody types. Lines may end in what is read as a whole, such as an address, and not in
/// a name.
fn require_text(path: &str, text: &str) -> Result<(), Error> {
    let is_end = |c| matches!(c, '\n' | '\r');
    if text.chars().any(|c| c.is_control() && !is_end(c)) {
        return Err(Error::value(format!("{path} has control characters, such as a tab. Take them out of the table.")));
    }
    let steps = steps(path);
    let is_name = path.starts_with("name.") || steps.last().is_some_and(|last| NAMES.contains(&last.as_str()));
    if is_name && text.contains(is_end) {
        return Err(Error::value(format!("{path} must be one line. Take the line ends out of the table.")));
    }
    Ok(())
}

/// The value of a column: one address for `emails` and `phoneNumbers`, true or false for `active`.
fn typed((path, value): (String, Value)) -> (String, Value) {
    let value = match (path.as_str(), value.as_str()) {
        ("emails" | "phoneNumbers", Some(text)) => json!([{"value": text, "type": "work", "primary": true}]),
        ("active", Some(text)) if text.eq_ignore_ascii_case("true") => Value::Bool(true),
        ("active", Some(text)) if text.eq_ignore_ascii_case("false") => Value::Bool(false),
        _ => value,
    };
    (path, value)
}

/// Whether what is there is what the table says; a list by the values of its elements.
fn is_same(now: &Value, then: &Value) -> bool {
    let values = |list: &Value| -> Option<Vec<Value>> {
        list.as_array().map(|list| list.iter().filter_map(|one| one.get("value").cloned()).collect())
    };
    now == then || values(now).is_some_and(|now| Some(now) == values(then))
}

/// The names that lead to a value: of the extension, of the attribute and of the sub-attribute.
fn steps(path: &str) -> Vec<String> {
    let (urn, rest) = match path.rsplit_once(':') {
        Some((urn, rest)) => (Some(urn.to_owned()), rest),
        None => (None, path),
    };
    urn.into_iter().chain(rest.split('.').map(str::to_owned)).collect()
}

fn set(object: &mut Map<String, Value>, names: &[String], value: Value) {
    match names {
        [] => {}
        [name] => drop(object.insert(name.clone(), value)),
        [name, rest @ ..] => {
            if let Value::Object(inner) = object.entry(name.clone()).or_insert_with(|| Value::Object(Map::new())) {
                set(inner, rest, value);
            }
        }
    }
}
