//! The users for queries.
//!
//! They are created once for each run, because a hundred filter cases with their own users would need four hundred
//! users. No case changes them. They lack attributes that the server's schemas do not have; cases that query these
//! attributes declare that as a need, and are skipped.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Context, Resource, Server};
use crate::{
    discovery::{Discovery, ENTERPRISE, TEXTS},
    verdict::Stop,
};

#[derive(Debug, Clone, Copy)]
pub struct Person {
    /// `name.givenName`; the userName is the run's mark, `-` and this in lower case.
    pub given: &'static str,
    /// `name.familyName`
    pub family: &'static str,
    /// `title`; absent where empty.
    pub title: &'static str,
    /// `active`
    pub active: bool,
    /// The value and type of `emails`, behind the run's mark.
    pub emails: &'static [(&'static str, &'static str)],
    /// `department` of the enterprise extension; absent where empty.
    pub department: &'static str,
}

/// The users. Their first letters differ, so that the order of a sort is clear.
pub const PEOPLE: [Person; 4] = [
    Person {
        given: "Ada",
        family: "Quill",
        title: "Engineer",
        active: true,
        emails: &[("ada@work.example", "work"), ("ada@home.example", "home")],
        department: "Sales",
    },
    Person {
        given: "Bert",
        family: "Quartz",
        title: "Chief Engineer",
        active: false,
        emails: &[("bert@work.example", "work")],
        department: "Support",
    },
    Person {
        given: "Cleo",
        family: "Reed",
        title: "",
        active: true,
        emails: &[("cleo@home.example", "home")],
        department: "",
    },
    Person { given: "Dora", family: "Stone", title: "Tour Guide", active: true, emails: &[], department: "Sales" },
];

/// Whether the server has the attribute of users, or for the two texts one that stands in.
fn is_written(discovery: &Discovery, path: &str) -> bool {
    let exists = || discovery.attribute("User", path).is_some();
    if TEXTS.contains(&path) { discovery.text(path).is_some() } else { exists() }
}

impl Person {
    /// The attributes of this person that the server has, with so many emails at most.
    fn attributes(&self, scim: &Context, mark: &str, most_emails: usize) -> Value {
        let discovery = scim.discovery();
        let has = |path: &str| is_written(discovery, path);
        let mut body = Map::new();
        body.insert("userName".to_owned(), json!(self.user_name(mark)));
        let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
        if has("name.familyName") {
            put("name", json!({"givenName": self.given, "familyName": self.family}));
        }
        if has("title") && !self.title.is_empty() {
            put("title", json!(self.title));
        }
        if has("active") {
            put("active", json!(self.active));
        }
        if has("emails.type") && !self.emails.is_empty() {
            let emails = self.emails.iter().take(most_emails).enumerate().map(|(number, (value, kind))| {
                let mut email = json!({"value": format!("{mark}-{value}"), "type": kind});
                if has("emails.primary") && number == 0 {
                    email["primary"] = json!(true);
                }
                email
            });
            put("emails", emails.collect());
        }
        if has(&format!("{ENTERPRISE}:department")) && !self.department.is_empty() {
            put(ENTERPRISE, json!({"department": self.department}));
        }
        Value::Object(body)
    }

    /// The `userName` in a run with that mark.
    pub fn user_name(&self, mark: &str) -> String {
        format!("{mark}-{}@example.com", self.given.to_lowercase())
    }
}

/// Makes them, with one email each where the server refuses a second: most cases do not ask for it,
/// and those that do look whether it is there. Their exchanges are no case's evidence.
pub(super) async fn make(server: &Arc<Server>) -> Result<Vec<Resource>, Stop> {
    let scim = Context::new(Arc::clone(server));
    let mark = scim.people_mark();
    let mut people = Vec::new();
    for person in PEOPLE {
        let made = scim.user().with(person.attributes(&scim, &mark, usize::MAX)).create().await;
        people.push(match made {
            Err(Stop::Skip(_)) => scim.user().with(person.attributes(&scim, &mark, 1)).create().await?,
            made => made?,
        });
    }
    Ok(people)
}
