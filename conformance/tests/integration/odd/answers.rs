//! How the odd server answers. It shares nothing with the other servers of the tests but the form of requests.

use std::sync::{Mutex, MutexGuard};

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::{
    BASE, TOKEN,
    documents::{DESK, PERSON, TEAM, attributes, config, list, resource_types, schemas},
};
use crate::broken::{Answer, Asked};

/// The most resources on a page.
const PAGE: usize = 3;

#[derive(Debug, Clone)]
struct Stored {
    schema: &'static str,
    id: String,
    document: Map<String, Value>,
    created: usize,
    modified: usize,
}

pub struct Odd {
    origin: String,
    all: Mutex<(Vec<Stored>, usize)>,
}

/// A status, a keyword and a sentence.
type Refusal = (u16, &'static str, String);

fn refuse<T>(status: u16, keyword: &'static str, detail: &str) -> Result<T, Refusal> {
    Err((status, keyword, detail.to_owned()))
}

fn endpoint(schema: &str) -> &'static str {
    if schema == PERSON { "people" } else { "teams" }
}

impl Odd {
    pub fn new(origin: &str) -> Self {
        Self { origin: origin.to_owned(), all: Mutex::default() }
    }

    pub fn is_empty(&self) -> bool {
        self.lock().0.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, (Vec<Stored>, usize)> {
        self.all.lock().expect("no panic while it is held")
    }

    /// `path` is not decoded.
    pub fn answer(&self, asked: &Asked, path: &str) -> Answer {
        self.try_answer(asked, path).unwrap_or_else(|(status, keyword, detail)| {
            let mut error = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
                "status": status.to_string(), "detail": detail});
            if !keyword.is_empty() {
                error["scimType"] = json!(keyword);
            }
            let answer = Answer::new(status, error);
            match status {
                401 if asked.header("authorization").is_none() => {
                    answer.header("www-authenticate", "Bearer realm=\"odd\"")
                }
                401 => answer.header("www-authenticate", "Bearer realm=\"odd\", error=\"invalid_token\""),
                405 => answer.header("allow", "GET"),
                _ => answer,
            }
        })
    }

    fn try_answer(&self, asked: &Asked, path: &str) -> Result<Answer, Refusal> {
        let segments: Vec<String> = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        if let ["ServiceProviderConfig" | "ResourceTypes" | "Schemas", ..] = *segments {
            return self.discover(asked, &segments);
        }
        let token = asked.header("authorization").and_then(|given| given.split_once(' '));
        if !token.is_some_and(|(scheme, token)| scheme.eq_ignore_ascii_case("bearer") && token == TOKEN) {
            return refuse(401, "", "The token is missing or wrong.");
        }
        let schema = match segments.first() {
            Some(&"people") => PERSON,
            Some(&"teams") => TEAM,
            Some(&("Me" | "Bulk" | ".search")) | None => return refuse(501, "", "There is no such thing here."),
            _ => return refuse(404, "", "There is no such endpoint."),
        };
        match (asked.method.as_str(), segments.get(1..).unwrap_or_default()) {
            ("PATCH", _) | ("POST", [".search"]) => refuse(501, "", "This is not supported."),
            ("GET", []) => self.query(asked, schema),
            ("POST", []) => self.write(asked, schema, None),
            ("GET", [id]) => {
                let state = self.lock();
                let found = state.0.iter().find(|one| one.schema == schema && one.id == *id);
                found.map_or_else(
                    || refuse(404, "", "There is no such resource."),
                    |one| Ok(Answer::new(200, shown(&state.0, one, asked))),
                )
            }
            ("PUT", [id]) => self.write(asked, schema, Some(id)),
            ("DELETE", [id]) => self.delete(schema, id),
            _ => refuse(405, "", "This takes other methods."),
        }
    }

    fn discover(&self, asked: &Asked, segments: &[&str]) -> Result<Answer, Refusal> {
        if asked.method != "GET" {
            return refuse(405, "", "Discovery is read.");
        }
        if asked.parameter("filter").is_some() {
            return refuse(403, "", "Discovery has no filters.");
        }
        let all = match segments.first() {
            Some(&"ResourceTypes") => resource_types(&self.origin),
            Some(&"Schemas") => schemas(),
            _ => return Ok(Answer::new(200, config())),
        };
        match segments.get(1) {
            None => Ok(Answer::new(200, list(all.len(), 1, &all))),
            Some(id) => all
                .into_iter()
                .find(|one| one["id"] == *id)
                .map_or_else(|| refuse(404, "", "There is no such document."), |one| Ok(Answer::new(200, one))),
        }
    }

    fn query(&self, asked: &Asked, schema: &str) -> Result<Answer, Refusal> {
        let number = |name: &str, usual: i64| {
            let given = asked.parameter(name).map_or(Ok(usual), str::parse);
            given.map_err(|_| (400, "invalidValue", format!("{name} is no number.")))
        };
        let start = usize::try_from(number("startIndex", 1)?.max(1)).unwrap_or(1);
        let count = usize::try_from(number("count", 3)?.max(0)).unwrap_or(0).min(PAGE);
        let wanted = asked.parameter("filter").map(equality).transpose()?;
        let state = self.lock();
        let fits = |one: &&Stored| {
            one.schema == schema
                && wanted.as_ref().is_none_or(|(name, text)| match name.as_str() {
                    "id" => one.id == *text,
                    "externalid" => one.document.get("externalId").is_some_and(|value| value == text),
                    _ => {
                        let known = if schema == PERSON { "userName" } else { "displayName" };
                        let value = one.document.get(known).and_then(Value::as_str).unwrap_or_default();
                        known.eq_ignore_ascii_case(name) && value.eq_ignore_ascii_case(text)
                    }
                })
        };
        let found: Vec<&Stored> = state.0.iter().filter(fits).collect();
        let page: Vec<Value> =
            found.iter().skip(start - 1).take(count).map(|one| shown(&state.0, one, asked)).collect();
        Ok(Answer::new(200, list(found.len(), start, &page)))
    }

    /// POST, and PUT of the resource with that id.
    fn write(&self, asked: &Asked, schema: &'static str, id: Option<&str>) -> Result<Answer, Refusal> {
        let Ok(Value::Object(body)) = serde_json::from_str(&asked.body) else {
            return refuse(400, "invalidSyntax", "The body is no JSON object.");
        };
        let document = document(&body, schema)?;
        let mut state = self.lock();
        let (all, ticks) = &mut *state;
        let name = |one: &Map<String, Value>| one.get("userName").and_then(Value::as_str).map(str::to_lowercase);
        let is_taken = |one: &Stored| {
            Some(one.id.as_str()) != id && one.schema == PERSON && name(&one.document) == name(&document)
        };
        if schema == PERSON && all.iter().any(is_taken) {
            return refuse(409, "uniqueness", "The userName is taken.");
        }
        *ticks += 1;
        let place = match id {
            None => {
                let id = if schema == PERSON { format!("person {ticks}/ä\"@b") } else { format!("team #{ticks}") };
                all.push(Stored { schema, id, document, created: *ticks, modified: *ticks });
                all.len() - 1
            }
            Some(id) => {
                let Some(place) = all.iter().position(|one| one.schema == schema && one.id == id) else {
                    return refuse(404, "", "There is no such resource.");
                };
                let one = &mut all[place];
                (one.document, one.modified) = (document, *ticks);
                place
            }
        };
        let answer = Answer::new(if id.is_none() { 201 } else { 200 }, shown(all, &all[place], asked));
        Ok(answer.header("location", location(&all[place])))
    }

    fn delete(&self, schema: &str, id: &str) -> Result<Answer, Refusal> {
        let all = &mut self.lock().0;
        let Some(place) = all.iter().position(|one| one.schema == schema && one.id == id) else {
            return refuse(404, "", "There is no such resource.");
        };
        all.remove(place);
        for one in all {
            if let Some(Value::Array(members)) = one.document.get_mut("members") {
                members.retain(|member| member["value"] != id);
            }
        }
        Ok(Answer::empty(204))
    }
}

/// The one form of filters, as the name in lower case and the text.
fn equality(filter: &str) -> Result<(String, String), Refusal> {
    let invalid =
        || (400, "invalidFilter", "Filters are: id, externalId, userName or displayName, eq, a text.".to_owned());
    let mut words = filter.splitn(3, ' ');
    let (Some(name), Some(operator), Some(text)) = (words.next(), words.next(), words.next()) else {
        return Err(invalid());
    };
    let name = name.to_lowercase();
    let known = ["id", "externalid", "username", "displayname"].contains(&name.as_str());
    match serde_json::from_str(text) {
        Ok(text) if known && operator.eq_ignore_ascii_case("eq") => Ok((name, text)),
        _ => Err(invalid()),
    }
}

fn location(one: &Stored) -> String {
    format!("{BASE}/{}/{}", endpoint(one.schema), utf8_percent_encode(&one.id, NON_ALPHANUMERIC))
}

/// The document of a body: names in their own spelling, types checked, defaults given.
fn document(body: &Map<String, Value>, schema: &str) -> Result<Map<String, Value>, Refusal> {
    let mut document = checked(body, &attributes(schema))?;
    let member = |name: &str| body.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    match member("externalId") {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) => drop(document.insert("externalId".to_owned(), json!(text))),
        Some(_) => return refuse(400, "invalidValue", "externalId is a text."),
    }
    if schema != PERSON {
        return Ok(document);
    }
    if !document.get("userName").and_then(Value::as_str).is_some_and(str::is_ascii) {
        return refuse(400, "invalidValue", "A userName is of ASCII.");
    }
    let Some(Value::Object(desk)) = member(DESK) else {
        return refuse(400, "invalidValue", "A person has a desk.");
    };
    document.insert(DESK.to_owned(), Value::Object(checked(desk, &attributes(DESK))?));
    document.entry("language").or_insert(json!("en"));
    document.entry("active").or_insert(json!(true));
    Ok(document)
}

fn checked(body: &Map<String, Value>, attributes: &[Value]) -> Result<Map<String, Value>, Refusal> {
    let mut document = Map::new();
    for attribute in attributes {
        let name = attribute["name"].as_str().unwrap_or_default();
        let given = body.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        let given = given.filter(|value| !value.is_null() && **value != json!([]));
        let wrong = || (400, "invalidValue", format!("{name} is missing, or of another type."));
        let Some(value) = given else {
            if attribute["required"] == true {
                return Err(wrong());
            }
            continue;
        };
        let fits = match attribute["type"].as_str() {
            Some("boolean") => value.is_boolean(),
            Some("integer") => value.is_i64(),
            Some("complex") => {
                let subs = attribute["subAttributes"].as_array().cloned().unwrap_or_default();
                let elements = value.as_array().ok_or_else(wrong)?;
                let elements: Result<Vec<Value>, Refusal> = elements
                    .iter()
                    .map(|one| Ok(Value::Object(checked(one.as_object().ok_or_else(wrong)?, &subs)?)))
                    .collect();
                document.insert(name.to_owned(), Value::Array(elements?));
                continue;
            }
            _ => value.is_string(),
        };
        if !fits {
            return Err(wrong());
        }
        document.insert(name.to_owned(), value.clone());
    }
    Ok(document)
}

/// A resource as it is shown to this request.
fn shown(all: &[Stored], one: &Stored, asked: &Asked) -> Value {
    let names = |parameter: &str| -> Vec<String> {
        let given = asked.parameter(parameter).unwrap_or_default().to_lowercase();
        given.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
    };
    let (only, without) = (names("attributes"), names("excludedAttributes"));
    let is_named = |list: &[String], name: &str| {
        list.iter().any(|one| {
            let one = one.strip_prefix(&format!("{}:", PERSON.to_lowercase())).unwrap_or(one);
            one == name || one.split_once('.').is_some_and(|(first, _)| first == name)
        })
    };
    let takes = |name: &str| {
        let name = name.to_lowercase();
        (only.is_empty() || is_named(&only, &name)) && !is_named(&without, &name)
    };
    let time = |ticks: usize| format!("2026-01-01T{:02}:{:02}:{:02}Z", ticks / 3600, ticks / 60 % 60, ticks % 60);
    let mut body = json!({"id": one.id, "schemas": [one.schema], "meta": {"resourceType":
        if one.schema == PERSON { "User" } else { "Group" }, "location": location(one),
        "created": time(one.created), "lastModified": time(one.modified)}});
    if one.schema == PERSON {
        body["schemas"] = json!([PERSON, DESK]);
    }
    for (name, value) in &one.document {
        if name == DESK {
            let parts = value.as_object().into_iter().flatten();
            let whole = takes(DESK);
            let kept = parts.filter(|(part, _)| {
                let path = format!("{DESK}:{part}").to_lowercase();
                let asked = whole || only.contains(&path);
                asked && !without.contains(&path)
            });
            let kept: Map<String, Value> = kept.map(|(part, value)| (part.clone(), value.clone())).collect();
            if !kept.is_empty() {
                body[DESK] = Value::Object(kept);
            }
        } else if takes(name) {
            body[name] = value.clone();
        }
    }
    for member in body["members"].as_array_mut().into_iter().flatten() {
        let known = all.iter().find(|other| member["value"] == other.id);
        if let Some(known) = known {
            member["$ref"] = json!(location(known));
            member["type"] = json!("User");
        }
    }
    body
}
