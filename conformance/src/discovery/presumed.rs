//! The schemas of RFC 7643 §4 for servers that do not publish theirs, in a notation of one line for each attribute:
//! `name type`, and behind it `[]` for multi-valued, `!` for required, `=` for caseExact, `-` for read-only, `*` for
//! unique on the server, `?` for write-only. Sub-attributes are indented.

use serde_json::{Value, json};

use super::{ENTERPRISE, GROUP, USER};

const USER_ATTRIBUTES: &str = "\
userName string ! *
name complex
  formatted string
  familyName string
  givenName string
  middleName string
  honorificPrefix string
  honorificSuffix string
displayName string
nickName string
profileUrl reference
title string
userType string
preferredLanguage string
locale string
timezone string
active boolean
password string ?
emails complex []
  value string
  display string
  type string
  primary boolean
phoneNumbers complex []
  value string
  display string
  type string
  primary boolean
ims complex []
  value string
  display string
  type string
  primary boolean
photos complex []
  value reference =
  display string
  type string
  primary boolean
addresses complex []
  formatted string
  streetAddress string
  locality string
  region string
  postalCode string
  country string
  type string
  primary boolean
groups complex [] -
  value string = -
  $ref reference = -
  display string -
  type string -
entitlements complex []
  value string
  display string
  type string
  primary boolean
roles complex []
  value string
  display string
  type string
  primary boolean
x509Certificates complex []
  value binary =
  display string
  type string
  primary boolean";

const GROUP_ATTRIBUTES: &str = "\
displayName string !
members complex []
  value string =
  $ref reference =
  type string";

const ENTERPRISE_ATTRIBUTES: &str = "\
employeeNumber string
costCenter string
organization string
division string
department string
manager complex
  value string =
  $ref reference =
  displayName string -";

pub(super) fn resource_types() -> Vec<Value> {
    vec![
        json!({"name": "User", "endpoint": "/Users", "schema": USER,
            "schemaExtensions": [{"schema": ENTERPRISE, "required": false}]}),
        json!({"name": "Group", "endpoint": "/Groups", "schema": GROUP}),
    ]
}

pub(super) fn schemas() -> Vec<Value> {
    let schema = |id: &str, lines: &str| json!({"id": id, "attributes": attributes(lines)});
    vec![schema(USER, USER_ATTRIBUTES), schema(GROUP, GROUP_ATTRIBUTES), schema(ENTERPRISE, ENTERPRISE_ATTRIBUTES)]
}

fn attributes(lines: &str) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    for line in lines.lines() {
        let attribute = attribute(line.trim());
        match all.last_mut().filter(|_| line.starts_with(' ')) {
            Some(parent) => {
                let subs = &mut parent["subAttributes"];
                if let Some(subs) = subs.as_array_mut() {
                    subs.push(attribute);
                } else {
                    *subs = json!([attribute]);
                }
            }
            None => all.push(attribute),
        }
    }
    all
}

fn attribute(line: &str) -> Value {
    let mut words = line.split(' ');
    let (name, kind) = (words.next(), words.next());
    let marks: Vec<&str> = words.collect();
    let has = |mark: &str| marks.contains(&mark);
    let mutability = if has("-") {
        "readOnly"
    } else if has("?") {
        "writeOnly"
    } else {
        "readWrite"
    };
    json!({"name": name, "type": kind, "multiValued": has("[]"), "required": has("!"), "caseExact": has("="),
        "mutability": mutability, "returned": if has("?") { "never" } else { "default" },
        "uniqueness": if has("*") { "server" } else { "none" }})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::{Assumed, Discovery};

    #[test]
    fn what_is_assumed_is_there() {
        let nothing = Discovery::new(None, None, None);
        assert!(nothing.attribute("User", "emails.type").is_none() && !nothing.supports("patch"));
        let assumed = nothing.assuming(&[Assumed::Schemas, Assumed::Patch]);
        assert_eq!(assumed.attribute("User", "emails").map(|one| &one["multiValued"]), Some(&json!(true)));
        assert_eq!(
            assumed.attribute("User", &format!("{ENTERPRISE}:manager.displayName")).map(|one| &one["mutability"]),
            Some(&json!("readOnly"))
        );
        assert!(assumed.supports("patch") && !assumed.supports("bulk"));
        let usual = Discovery::new(None, None, None).assuming(&[Assumed::Usual]);
        assert!(usual.attribute("Group", "members").is_some() && usual.supports("filter") && !usual.supports("sort"));
        assert!(usual.assuming(&[Assumed::All]).supports("etag"));
        assert_eq!(assumed.text("title"), Some("title"));
    }
}
