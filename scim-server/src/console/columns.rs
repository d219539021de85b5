//! The columns of a list of users or groups: which attributes a reader has chosen (`columns=title,name.familyName`).

use scim_protocol::schema::{Attribute, ResourceType, Returned};
use serde_json::Value;

use super::{
    ask::Ask,
    kind::{People, active},
    row::Row,
};
use crate::web::{Cell, Field, Kind, Piece, form};

/// The parameter that names them.
const NAME: &str = "columns";

/// An attribute that can be a column.
#[derive(Debug, PartialEq, Eq)]
struct Column {
    /// Its path: `name.familyName`, and with the URN in front of it in an extension (RFC 7644 §3.10).
    path: String,
    label: String,
    /// Where its value is in a resource: a JSON pointer.
    at: String,
}

/// What can be shown of a kind of resource, and what was chosen.
#[derive(Debug, Default)]
pub struct Columns {
    all: Vec<Column>,
    /// Places in all, in the order of the schema; empty where nothing was chosen.
    chosen: Vec<usize>,
}

impl Columns {
    /// Those of a tenant, as the query chooses them. Of a tenant that whoever asks may not see, there are none.
    pub async fn of(ask: &Ask<'_>, tenant: &str, people: &People) -> Self {
        let access = ask.context().access;
        let Ok(record) = access.directory().find(tenant).await else { return Self::default() };
        if ask.session.administrator.tenant.is_some_and(|only| only != record.id) {
            return Self::default();
        }
        let built = access.tenant_of(record.id);
        let Some(rt) = built.as_ref().and_then(|built| built.registry.resource_type(people.resource_type)) else {
            return Self::default();
        };
        let all = columns(rt, people.name);
        let wanted: Vec<&str> = ask.query.all(NAME).collect();
        let is_wanted = |column: &Column| wanted.iter().any(|name| name.eq_ignore_ascii_case(&column.path));
        let chosen = all.iter().enumerate().filter(|(_, column)| is_wanted(column)).map(|(at, _)| at).collect();
        Self { all, chosen }
    }

    fn chosen(&self) -> impl Iterator<Item = &Column> {
        self.chosen.iter().filter_map(|at| self.all.get(*at))
    }

    /// The headings and cells of what was chosen; nothing where the usual ones are shown.
    pub fn headings(&self) -> Option<Vec<&str>> {
        (!self.chosen.is_empty()).then(|| self.chosen().map(|column| column.label.as_str()).collect())
    }

    pub fn cells(&self, row: &Value) -> Vec<Cell> {
        self.chosen().map(|column| column.cell(row)).collect()
    }

    /// What keeps them in a link; nothing where the usual ones are shown.
    pub fn kept(&self) -> Option<(&'static str, String)> {
        let paths: Vec<_> = self.chosen().map(|column| column.path.as_str()).collect();
        (!paths.is_empty()).then(|| (NAME, paths.join(",")))
    }

    /// The path of a page with them, and with what else it is asked for.
    pub fn link(&self, here: &str, further: &[(&str, &str)]) -> String {
        let kept = self.kept();
        let kept = kept.iter().map(|(name, value)| (*name, value.as_str()));
        let pairs: Vec<_> = further.iter().copied().chain(kept).collect();
        if pairs.is_empty() { here.to_owned() } else { format!("{here}?{}", form::pairs(&pairs)) }
    }

    /// The form that chooses them; `kept` is what the page is asked for beside them.
    pub fn form(&self, here: &str, kept: Vec<Field>) -> Option<Piece> {
        if self.all.is_empty() {
            return None;
        }
        let boxes = self.all.iter().enumerate();
        let boxes = boxes.map(|(at, one)| (one.path.clone(), one.label.clone(), self.chosen.contains(&at))).collect();
        let mut fields = kept;
        fields.push(Field::of(Kind::Boxes(boxes), NAME, "Attributes").hint("None of them: the usual ones."));
        let filters = Piece::Filters { to: here.to_owned(), fields, submit: "Show these columns".to_owned() };
        Some(Piece::Folded("Columns".to_owned(), vec![filters]))
    }
}

impl Column {
    fn cell(&self, row: &Value) -> Cell {
        match self.path.as_str() {
            "active" => active(row),
            path if path.starts_with("meta.") => row.time(&self.at, "–"),
            _ => row.cell(&self.at),
        }
    }
}

/// All that can be shown beside the name.
fn columns(rt: &ResourceType, name: &str) -> Vec<Column> {
    let common = ["externalId", "meta.created", "meta.lastModified"];
    let mut all: Vec<Column> = Vec::new();
    for attribute in rt.schema.attributes.iter().filter(|attribute| attribute.name != name) {
        all.extend(of(attribute, "", ""));
    }
    for extension in &rt.extensions {
        let urn = &extension.schema.id;
        let at = format!("/{}", urn.replace('~', "~0").replace('/', "~1"));
        for attribute in &extension.schema.attributes {
            all.extend(of(attribute, &format!("{urn}:"), &at));
        }
    }
    all.extend(common.map(|path| Column {
        path: path.to_owned(),
        label: path.to_owned(),
        at: format!("/{}", path.replace('.', "/")),
    }));
    all
}

/// The columns that an attribute makes: one, or one for each of its parts that says something by itself.
fn of(attribute: &Attribute, before: &str, at: &str) -> Vec<Column> {
    if attribute.returned == Returned::Never {
        return Vec::new();
    }
    let name = &attribute.name;
    if attribute.sub_attributes.is_empty() {
        return vec![Column { path: format!("{before}{name}"), label: name.clone(), at: format!("{at}/{name}") }];
    }
    let parts = attribute.sub_attributes.iter().map(|part| part.name.as_str());
    // Of a list the first value is shown, in the part that is the value itself.
    let parts: Vec<_> = if attribute.multi_valued {
        parts.filter(|part| *part == "value").collect()
    } else {
        parts.filter(|part| *part != "$ref").collect()
    };
    let first = if attribute.multi_valued { "/0" } else { "" };
    let column = |part: &str| Column {
        path: format!("{before}{name}.{part}"),
        label: if part == "value" { name.clone() } else { format!("{name}.{part}") },
        at: format!("{at}/{name}{first}/{part}"),
    };
    parts.into_iter().map(column).collect()
}

#[cfg(test)]
mod tests {
    use scim_protocol::schema::SchemaRegistry;

    use super::*;

    #[test]
    fn each_attribute_that_people_read_is_a_column() {
        let registry = SchemaRegistry::core();
        let all = columns(registry.resource_type("User").unwrap(), "userName");
        let at = |path: &str| all.iter().find(|column| column.path == path).map(|column| column.at.as_str());
        let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        for (path, expect) in [
            ("title", Some("/title")),
            ("active", Some("/active")),
            ("name.familyName", Some("/name/familyName")),
            ("emails.value", Some("/emails/0/value")),
            ("meta.created", Some("/meta/created")),
            ("externalId", Some("/externalId")),
            ("userName", None),
            ("password", None),
            ("emails.type", None),
            ("groups.$ref", None),
        ] {
            assert_eq!(at(path), expect, "{path}");
        }
        let department = format!("/{enterprise}/department");
        assert_eq!(at(&format!("{enterprise}:department")), Some(department.as_str()));
        let mut paths: Vec<_> = all.iter().map(|column| &column.path).collect();
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(paths.len(), all.len(), "each is there once");
    }
}
