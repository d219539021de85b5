//! Users from a table: made, or changed where one of the name is there. First it is planned what would come of each row, by
//! rehearsals of the writes themselves and beside what the rows before it take; that is the preview, and what is then done.

mod columns;

use std::collections::HashMap;

use futures_util::{StreamExt as _, stream};
use scim_protocol::{Error, ErrorKind, value::fold};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use self::columns::{change, columns, put, values};
use super::{
    AdminContext, AdminError, Output, provision,
    resources::{LOCKED, ManualChange, administrator, named, notes, refuse_while_provisioned},
};
use crate::{
    caller::Caller,
    operation::create::RehearsedPost,
    profile::Profile,
    store::{IndexKey, ResourceId},
};

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

/// What is to be done with a row.
enum Step {
    Create(Value),
    /// The id, and the operations of a PATCH.
    Update(String, Vec<Value>),
    Nothing,
}

/// What is to become of a row, or has become of it.
struct Plan {
    step: Step,
    action: &'static str,
    /// The attributes that it sets.
    changes: Vec<String>,
    /// What is to be known beside that.
    notes: Vec<String>,
    /// The unique values that the user gets.
    takes: Vec<IndexKey>,
    /// The deleted user who comes back.
    returns: Option<ResourceId>,
    /// A deleted one who does not, and of whom a note tells.
    stays: Option<ResourceId>,
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

/// A row with its plan, or why it is refused.
struct Planned {
    line: usize,
    name: String,
    plan: Result<Plan, Error>,
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
    let (mut taken, mut planned, mut done) = (Taken::default(), Vec::new(), 0);
    let mut plans = stream::iter(rows).map(|row| plan(context, &caller, row)).buffered(AT_ONCE);
    while let Some(mut row) = plans.next().await {
        row.plan = match row.plan {
            Ok(plan) => taken.settle(context, &caller, row.line, plan).await,
            refused => refused,
        };
        if apply {
            planned.push(row);
            tell_progress(planned.len() as u64, output);
        } else {
            tell(row, &mut done, output).await?;
        }
    }
    let mut applied = stream::iter(planned).map(|row| carry_out(context, &caller, row)).buffered(AT_ONCE);
    while let Some(row) = applied.next().await {
        tell(row, &mut done, output).await?;
    }
    match refusal {
        Some(why) => output.row(&json!({"note": format!("--apply would be refused: {why}")})).await,
        None => Ok(()),
    }
}

/// Shows what is to become of a row, or has become of it.
async fn tell(row: Planned, done: &mut u64, output: &Output) -> Result<(), AdminError> {
    let Planned { line, name, plan } = row;
    let row = match plan {
        Ok(Plan { action, changes, notes, .. }) => {
            let mut row = json!({"line": line, "userName": name, "action": action, "changes": changes});
            if !notes.is_empty() {
                row["reason"] = notes.join("; ").into();
            }
            row
        }
        Err(error) if error.kind().status() < 500 => {
            json!({"line": line, "userName": name, "action": "refused", "reason": error.detail()})
        }
        Err(error) => return Err(error.into()),
    };
    output.row(&row).await?;
    *done += 1;
    tell_progress(*done, output);
    Ok(())
}

/// Says from time to time how many rows are planned, and then again how many are done.
fn tell_progress(rows: u64, output: &Output) {
    if rows.is_multiple_of(TOLD) {
        output.progress(rows);
    }
}

/// What the rows before one take, by the numbers of their lines.
#[derive(Default)]
struct Taken {
    values: HashMap<IndexKey, usize>,
    /// Who comes back.
    returning: HashMap<ResourceId, usize>,
    /// How many users are made.
    made: u64,
}

impl Taken {
    /// Refuses a row that cannot be done beside those before it.
    async fn settle(
        &mut self,
        context: &AdminContext,
        caller: &Caller,
        line: usize,
        mut plan: Plan,
    ) -> Result<Plan, Error> {
        let takes = std::mem::take(&mut plan.takes);
        if let Some((before, key)) = takes.iter().find_map(|key| Some((self.values.get(key)?, key))) {
            return Err(Error::new(
                ErrorKind::Uniqueness,
                format!(
                    "Line {before} has the same {}. Use a different value, or leave one of them out.",
                    key.attribute
                ),
            ));
        }
        if let Some(before) = plan.returns.and_then(|id| self.returning.get(&id)) {
            return Err(Error::value(format!(
                "Line {before} brings back the same deleted user. Leave one of them out."
            )));
        }
        // By then somebody else's row has brought that one back.
        if let Some(id) = plan.stays.filter(|id| self.returning.contains_key(id)) {
            plan.notes.retain(|note| !note.contains(&id.to_string()));
        }
        if matches!(plan.step, Step::Create(_)) {
            provision::may_create(&context.operations, caller, USER, self.made).await?;
            self.made += 1;
        }
        self.values.extend(takes.into_iter().map(|key| (key, line)));
        self.returning.extend(plan.returns.map(|id| (id, line)));
        Ok(plan)
    }
}

/// What is to be done with a row, by itself.
async fn plan(context: &AdminContext, caller: &Caller, row: Row) -> Planned {
    let Row { line, name, before, values } = row;
    let plan = match before {
        Some(before) => Err(Error::value(format!("Line {before} names the same user. Leave one of them out."))),
        None => one(context, caller, values).await,
    };
    Planned { line, name, plan }
}

/// Does what is planned for a row.
async fn carry_out(context: &AdminContext, caller: &Caller, row: Planned) -> Planned {
    let plan = match row.plan {
        Ok(plan) => apply(context, caller, plan).await,
        refused => refused,
    };
    Planned { plan, ..row }
}

async fn apply(context: &AdminContext, caller: &Caller, mut plan: Plan) -> Result<Plan, Error> {
    match std::mem::replace(&mut plan.step, Step::Nothing) {
        Step::Create(user) => {
            let returns = provision::create(&context.operations, caller, USER, user).await?.returns;
            plan.action = made(returns);
        }
        Step::Update(id, operations) => {
            provision::modify(&context.operations, caller, USER, &id, operations).await?;
        }
        Step::Nothing => {}
    }
    Ok(plan)
}

fn made(returns: bool) -> &'static str {
    if returns { "restore" } else { "create" }
}

/// What is to be done for the values of a row.
async fn one(context: &AdminContext, caller: &Caller, row: Map<String, Value>) -> Result<Plan, Error> {
    let name = row.get(USER_NAME).and_then(Value::as_str);
    let name = name.ok_or_else(|| Error::value("The row has no userName. Each row needs one."))?.to_owned();
    let values = values(row)?;
    match named(context, caller, USER, &name).await {
        Ok(known) => update(context, caller, known, values).await,
        Err(error) if error.kind() == ErrorKind::NotFound => create(context, caller, values).await,
        Err(error) => Err(error),
    }
}

async fn create(context: &AdminContext, caller: &Caller, values: Vec<(String, Value)>) -> Result<Plan, Error> {
    let mut user = Map::from_iter([("schemas".to_owned(), json!([USER_SCHEMA]))]);
    for (path, value) in values {
        put(&mut user, &path, value);
    }
    let changes = user.keys().filter(|name| *name != "schemas").cloned().collect();
    let user = Value::from(user);
    let rehearsed = provision::rehearse_create(&context.operations, caller, USER, user.clone()).await?;
    let notes = notes(caller, USER, &rehearsed)?;
    let RehearsedPost { takes, returns, stays, .. } = rehearsed;
    let [returns, stays] = [returns, stays].map(|kept| kept.map(|kept| kept.key.id));
    Ok(Plan { step: Step::Create(user), action: made(returns.is_some()), changes, notes, takes, returns, stays })
}

/// The same of a user who is there: whom an administrator has disabled is not made active.
async fn update(
    context: &AdminContext,
    caller: &Caller,
    mut known: Value,
    values: Vec<(String, Value)>,
) -> Result<Plan, Error> {
    let operations = &context.operations;
    let id = known.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let activates = values.iter().any(|(path, value)| path == "active" && *value == true);
    let is_inactive = known.get("active") == Some(&Value::Bool(false));
    let kept = if is_inactive { provision::kept_aside(operations, caller, USER, &id).await? } else { None };
    let notes = if activates && kept.is_some() { vec![LOCKED.to_owned()] } else { Vec::new() };
    // A write is compared with what the user would be if no administrator had disabled it.
    if let Some(active) = kept {
        known["active"] = active;
    }
    let one_only = caller.tenant().profile() == Profile::IdentityCenter;
    let differences = values.into_iter().filter_map(|(path, value)| {
        let operation = change(&known, &path, &value, one_only)?;
        Some((path, operation))
    });
    let (changes, set): (Vec<_>, Vec<_>) = differences.unzip();
    if set.is_empty() {
        let (step, takes) = (Step::Nothing, Vec::new());
        return Ok(Plan { step, action: "unchanged", changes, notes, takes, returns: None, stays: None });
    }
    let takes = provision::rehearse_modify(operations, caller, USER, &id, set.clone()).await?.takes;
    Ok(Plan { step: Step::Update(id, set), action: "update", changes, notes, takes, returns: None, stays: None })
}
