//! What the commands about users and groups do.

use serde_json::{Map, Value, json};

use crate::{
    admin::{AdminRequest, DeletedRequest, HandRequest, TableRequest, UpdateRequest},
    cli::{
        Failure,
        command::{
            DeletedArguments, GroupCommand, HandArguments, ListArguments, MakeArguments, PurgeArguments,
            RestoreArguments, StaleArguments, UserCommand, WhichArguments,
        },
        csv, files,
        session::{self, Session},
        show::Show,
        typed,
    },
};

impl UserCommand {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List { disabled: true, list: ListArguments { tenant, common, .. } } => {
                common.run(AdminRequest::Hand { request: HandRequest::ListDisabled { tenant } }, Show::Users).await
            }
            Self::List { list, .. } => list.run("User", Show::Users).await,
            Self::Show(which) => which.show("User").await,
            Self::Delete { which, force, yes } => which.delete("User", force, yes).await,
            Self::Import { tenant, file, apply, force, common } => {
                let rows = csv::rows(&files::text(&file)?)
                    .map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))?;
                let request = HandRequest::Import(TableRequest { tenant, rows, apply, force });
                common.run(AdminRequest::Hand { request }, Show::Table { apply }).await
            }
            Self::Update { hand, set, remove } => {
                let set = set.iter().map(|text| set_operation(text)).collect::<Result<Vec<_>, _>>()?;
                let remove = remove.iter().map(|path| json!({"op": "remove", "path": path}));
                hand.run("User", Change::values(set.into_iter().chain(remove).collect())).await
            }
            Self::Disable(which) => which.disable(true).await,
            Self::Enable(which) => which.disable(false).await,
            Self::Rename { hand, to } => hand.run("User", Change::values(vec![replace("userName", &to.into())])).await,
            Self::Stale(stale) => stale.run("User", Show::StaleUsers).await,
            Self::Deleted(deleted) => deleted.run("User").await,
            Self::Restore(restore) => restore.run("User").await,
            Self::Purge(purge) => purge.run("User").await,
            Self::Create { user_name, given_name, family_name, display_name, email, make } => {
                let mut user = make.document()?;
                set(&mut user, "userName", user_name);
                set(&mut user, "displayName", display_name);
                if given_name.is_some() || family_name.is_some() {
                    let mut name = Map::new();
                    set(&mut name, "givenName", given_name);
                    set(&mut name, "familyName", family_name);
                    user.insert("name".to_owned(), name.into());
                }
                if let Some(email) = email {
                    let emails = json!([{"value": email, "type": "work", "primary": true}]);
                    user.insert("emails".to_owned(), emails);
                }
                make.run("User", user, Vec::new()).await
            }
        }
    }
}

impl StaleArguments {
    async fn run(self, resource_type: &str, show: Show) -> Result<(), Failure> {
        let Self { tenant, time, common } = self;
        let (resource_type, seconds) = (resource_type.to_owned(), time.map(|time| time.as_secs()));
        common
            .run(AdminRequest::Hand { request: HandRequest::ListStale { tenant, resource_type, seconds } }, show)
            .await
    }
}

impl GroupCommand {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run("Group", Show::Groups).await,
            Self::Show(which) => which.show("Group").await,
            Self::Delete { which, force, yes } => which.delete("Group", force, yes).await,
            Self::Rename { hand, to } => {
                hand.run("Group", Change::values(vec![replace("displayName", &to.into())])).await
            }
            Self::Join { hand, members } => hand.run("Group", Change { join: members, ..Change::default() }).await,
            Self::Leave { hand, members } => hand.run("Group", Change { leave: members, ..Change::default() }).await,
            Self::Stale(stale) => stale.run("Group", Show::StaleGroups).await,
            Self::Deleted(deleted) => deleted.run("Group").await,
            Self::Restore(restore) => restore.run("Group").await,
            Self::Purge(purge) => purge.run("Group").await,
            Self::Create { display_name, members, make } => {
                let mut group = make.document()?;
                set(&mut group, "displayName", display_name);
                make.run("Group", group, members).await
            }
        }
    }
}

impl ListArguments {
    async fn run(self, resource_type: &str, show: Show) -> Result<(), Failure> {
        let Self { tenant, filter, limit, common } = self;
        let resource_type = resource_type.to_owned();
        common.run(AdminRequest::List { tenant, resource_type, filter, limit }, show).await
    }
}

impl WhichArguments {
    async fn show(self, resource_type: &str) -> Result<(), Failure> {
        let Self { tenant, name, common } = self;
        common.run(AdminRequest::Show { tenant, resource_type: resource_type.to_owned(), name }, Show::Document).await
    }

    async fn disable(self, disabled: bool) -> Result<(), Failure> {
        let Self { tenant, name, common } = self;
        let request = HandRequest::Disable { tenant, name, disabled };
        common.run(AdminRequest::Hand { request }, Show::Document).await
    }

    async fn delete(self, resource_type: &str, force: bool, yes: bool) -> Result<(), Failure> {
        let Self { tenant, name, common } = self;
        let request = |dry_run| {
            let (tenant, resource_type, name) = (tenant.clone(), resource_type.to_owned(), name.clone());
            AdminRequest::Delete { tenant, resource_type, name, force, dry_run }
        };
        if !yes && typed::is_asked() {
            // What is refused is not asked about.
            let (_, notes) = session::count(Session::open(&common.settings.0).await?, request(true)).await?;
            let then =
                notes.first().map_or("it can be restored as long as restore_window of the tenant says", String::as_str);
            let kind = resource_type.to_lowercase();
            let what = format!("This deletes the {kind} {name:?} of tenant {tenant:?}: {then}.");
            typed::confirm_person(&what, &name)?;
        }
        common.run(request(false), Show::Deleted).await
    }
}

impl DeletedArguments {
    async fn run(self, resource_type: &str) -> Result<(), Failure> {
        let Self { tenant, request, common } = self;
        let resource_type = resource_type.to_owned();
        let request = DeletedRequest::List { request };
        common.run(AdminRequest::Deleted { tenant, resource_type, request }, Show::Kept).await
    }
}

impl RestoreArguments {
    async fn run(self, resource_type: &str) -> Result<(), Failure> {
        let Self { tenant, id, request, common } = self;
        let resource_type = resource_type.to_owned();
        let (request, show) = match request {
            Some(request) => (DeletedRequest::RestoreAll { request }, Show::Restored),
            None => (DeletedRequest::Restore { id: id.unwrap_or_default() }, Show::Document),
        };
        common.run(AdminRequest::Deleted { tenant, resource_type, request }, show).await
    }
}

impl PurgeArguments {
    async fn run(self, resource_type: &str) -> Result<(), Failure> {
        let Self { tenant, id, request, yes, common } = self;
        let command = |dry_run| {
            let request = match (request.clone(), id.clone()) {
                (Some(request), _) => DeletedRequest::PurgeAll { request, dry_run },
                (None, id) => DeletedRequest::Purge { id: id.unwrap_or_default(), dry_run },
            };
            AdminRequest::Deleted { tenant: tenant.clone(), resource_type: resource_type.to_owned(), request }
        };
        if !yes && typed::is_asked() {
            // What is refused is not asked about.
            let (number, _) = session::count(Session::open(&common.settings.0).await?, command(true)).await?;
            let kind = resource_type.to_lowercase();
            let (whom, word) = match (&request, &id) {
                (Some(request), _) => {
                    (format!("{number} deleted {kind}(s), all that the request deleted"), request.as_str())
                }
                (None, id) => (format!("the deleted {kind}"), id.as_deref().unwrap_or_default()),
            };
            let what = format!("This removes for good, from tenant {tenant:?}, what is kept of {whom}: {word}.");
            typed::confirm_person(&what, word)?;
        }
        let show = if request.is_some() { Show::Purged } else { Show::Deleted };
        common.run(command(false), show).await
    }
}

impl MakeArguments {
    fn document(&self) -> Result<Map<String, Value>, Failure> {
        self.file.as_deref().map_or_else(|| Ok(Map::new()), files::object)
    }

    async fn run(
        self,
        resource_type: &str,
        mut document: Map<String, Value>,
        members: Vec<String>,
    ) -> Result<(), Failure> {
        let urn = format!("urn:ietf:params:scim:schemas:core:2.0:{resource_type}");
        document.entry("schemas").or_insert_with(|| json!([urn]));
        let Self { tenant, force, common, .. } = self;
        let resource_type = resource_type.to_owned();
        let request = AdminRequest::Create { tenant, resource_type, resource: document.into(), members, force };
        common.run(request, Show::Document).await
    }
}

/// What is changed by hand.
#[derive(Default)]
struct Change {
    operations: Vec<Value>,
    join: Vec<String>,
    leave: Vec<String>,
}

impl Change {
    fn values(operations: Vec<Value>) -> Self {
        Self { operations, ..Self::default() }
    }
}

impl HandArguments {
    async fn run(self, resource_type: &str, change: Change) -> Result<(), Failure> {
        let Self { which: WhichArguments { tenant, name, common }, force } = self;
        let (resource_type, Change { operations, join, leave }) = (resource_type.to_owned(), change);
        let request = UpdateRequest { tenant, resource_type, name, operations, join, leave, force };
        common.run(AdminRequest::Hand { request: HandRequest::Update(request) }, Show::Document).await
    }
}

/// The operation of `--set PATH=VALUE`. What begins like a list or an object is JSON, and so are `true` and `false`.
fn set_operation(text: &str) -> Result<Value, Failure> {
    let wrong = |why: &str| Failure::Usage(format!("--set {text:?}: {why}"));
    let (path, value) = text.split_once('=').ok_or_else(|| wrong("write PATH=VALUE, such as title=Engineer"))?;
    let is_json = matches!(value, "true" | "false") || value.starts_with(['[', '{']);
    let value = if is_json {
        serde_json::from_str(value).map_err(|error| wrong(&format!("the value is no JSON: {error}")))?
    } else {
        Value::from(value)
    };
    Ok(replace(path, &value))
}

fn replace(path: &str, value: &Value) -> Value {
    json!({"op": "replace", "path": path, "value": value})
}

fn set(object: &mut Map<String, Value>, name: &str, value: Option<String>) {
    if let Some(value) = value {
        object.insert(name.to_owned(), value.into());
    }
}
