//! Each answer that the client of the tests gets is as the server's descriptions (OpenAPI) say: the status, the media
//! type, and the body, which has no member that is not described.

use std::{
    collections::HashMap,
    fs,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use jsonschema::{Registry, Validator};
use serde_json::{Value, json};

use super::Response;

/// A longer body is not looked at: what is in it is in short ones, too.
const LONGEST: usize = 1 << 15;
/// What the paths of administration begin with; the others are of the public listener.
const ADMINISTRATION: &str = "/admin/v1";

static PUBLIC: LazyLock<Description> = LazyLock::new(|| Description::read("urn:public", "openapi.json"));
static ADMIN: LazyLock<Description> = LazyLock::new(|| Description::read("urn:admin", "admin-api.json"));

/// A description, and what was compiled of it.
struct Description {
    name: &'static str,
    paths: Vec<(Vec<String>, Value)>,
    registry: Registry<'static>,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// Panics if an answer is not as it is described. Paths of a tenant's own resource types are in no description.
#[track_caller]
pub fn check(method: &str, uri: &str, answer: &Response) {
    if let Err(why) = judge(method, uri, answer) {
        panic!("{method} {uri} is not answered as it is described: {why}\n{} {}", answer.status, answer.text);
    }
}

/// Panics if a message to a webhook is not as it is described.
#[track_caller]
pub fn check_message(body: &str) {
    let message = serde_json::from_str(body).expect("a message is JSON");
    let schema = json!({"$ref": "#/components/schemas/WebhookMessage"});
    if let Err(error) = PUBLIC.validator(&schema).validate(&message) {
        panic!("a message is not as it is described: {error} at {}\n{body}", error.instance_path());
    }
}

fn judge(method: &str, uri: &str, answer: &Response) -> Result<(), String> {
    let path = uri.split_once("://").map_or(uri, |(_, rest)| rest.find('/').map_or("", |at| &rest[at..]));
    let path = path.split(['?', '#']).next().unwrap_or_default();
    match path.strip_prefix(ADMINISTRATION) {
        Some(path) => ADMIN.judge(method, path, answer),
        None => PUBLIC.judge(method, path, answer),
    }
}

impl Description {
    fn read(name: &'static str, file: &str) -> Self {
        let path = format!("{}/../docs/reference/{file}", env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(path).expect("a description");
        let mut document: Value = serde_json::from_str(&text).expect("a description is JSON");
        let schemas = document["components"]["schemas"].as_object_mut().expect("schemas");
        // Only the schema of schemas has sub-attributes of sub-attributes; they are not described.
        schemas.iter_mut().filter(|(name, _)| *name != "Schema").for_each(|(_, schema)| close(schema));
        let segments = |path: &str| path.split('/').map(str::to_owned).collect();
        let paths = document["paths"].as_object().expect("paths");
        let paths = paths.iter().map(|(path, methods)| (segments(path), methods.clone())).collect();
        let registry = Registry::new().add(name, document).and_then(jsonschema::RegistryBuilder::prepare);
        Self { name, paths, registry: registry.expect("a description can be used"), validators: Mutex::default() }
    }

    /// The methods of a path. Where several fit, that with the fewest names in braces is meant.
    fn methods(&self, path: &str) -> Option<&Value> {
        let path = path.strip_suffix('/').unwrap_or(path);
        let is_name = |part: &str| part.starts_with('{');
        let fits = |parts: &[String]| {
            let mut both = parts.iter().zip(path.split('/'));
            path.split('/').count() == parts.len() && both.all(|(part, given)| is_name(part) || part == given)
        };
        let fitting = self.paths.iter().filter(|(parts, _)| fits(parts));
        fitting.min_by_key(|(parts, _)| parts.iter().filter(|part| is_name(part)).count()).map(|(_, methods)| methods)
    }

    fn judge(&self, method: &str, path: &str, answer: &Response) -> Result<(), String> {
        let Some(methods) = self.methods(path) else { return Ok(()) };
        let Some(operation) = methods.get(method.to_lowercase()) else {
            let is_refused = method == "HEAD" || answer.status >= 400;
            return if is_refused { Ok(()) } else { Err("the path has no such method".to_owned()) };
        };
        let responses = &operation["responses"];
        let response = responses.get(answer.status.to_string());
        let response = response.or_else(|| responses.get("default").filter(|_| answer.status >= 400));
        let response = response.ok_or("it has no such status")?;
        let Some(content) = response.get("content") else {
            return if answer.text.is_empty() { Ok(()) } else { Err("it has no body".to_owned()) };
        };
        let media_type = answer.media_type();
        let schema = content.get(media_type).ok_or_else(|| format!("it is not {media_type:?}"))?;
        if !media_type.ends_with("json") || media_type.contains("ndjson") || answer.text.len() > LONGEST {
            return Ok(());
        }
        let wrong = |error: jsonschema::ValidationError<'_>| format!("{} at {}", error, error.instance_path());
        self.validator(&schema["schema"]).validate(&answer.json).map_err(wrong)
    }

    fn validator(&self, schema: &Value) -> Arc<Validator> {
        let text = schema.to_string().replace("\"#/", &format!("\"{}#/", self.name));
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        let compile = || {
            let mut schema = serde_json::from_str(&text).expect("a schema");
            close(&mut schema);
            let validator = jsonschema::options().with_registry(&self.registry).build(&schema);
            Arc::new(validator.unwrap_or_else(|error| panic!("{text}: {error}")))
        };
        if let Some(known) = validators.get(&text) {
            return Arc::clone(known);
        }
        let validator = compile();
        validators.insert(text, Arc::clone(&validator));
        validator
    }
}

/// Lets an object have no member that is not described, unless its schema says that it may: clients need not mind
/// another one, and these tests do.
fn close(schema: &mut Value) {
    let Value::Object(members) = schema else { return };
    if members.contains_key("properties") && !members.contains_key("additionalProperties") {
        members.insert("additionalProperties".to_owned(), false.into());
    }
    for (name, value) in members.iter_mut() {
        match (name.as_str(), value) {
            ("properties" | "patternProperties", Value::Object(schemas)) => schemas.values_mut().for_each(close),
            ("items" | "additionalProperties", schema) => close(schema),
            ("allOf" | "anyOf" | "oneOf", Value::Array(schemas)) => schemas.iter_mut().for_each(close),
            _ => {}
        }
    }
}

/// The answers of a server that does something else are found.
#[test]
fn an_answer_that_is_not_described_is_found() {
    let answer = |status, media_type: &str, body: &Value| {
        let headers = [("content-type", media_type)]
            .into_iter()
            .map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")));
        Response::new(status, headers.collect(), body.to_string().as_bytes())
    };
    let user = json!({"schemas": [super::USER], "id": "7", "userName": "anna", "meta": {"resourceType": "User"}});
    let scim = "application/scim+json";
    let judged = |method, path, answer: Response| judge(method, &format!("http://127.0.0.1:1{path}"), &answer);
    let changed = |at: &str, value: Value| {
        let mut user = user.clone();
        user[at] = value;
        judged("GET", "/t/scim/v2/Users/7", answer(200, scim, &user))
    };
    assert_eq!(judged("GET", "/t/scim/v2/Users/7?attributes=userName", answer(200, scim, &user)), Ok(()));
    assert_eq!(judged("GET", "/t/scim/v2/Wishes/7", answer(299, "text/plain", &user)), Ok(()));
    let error = |result: Result<(), String>| result.expect_err("it is not described");
    assert!(error(changed("userName", json!(7))).contains("/userName"));
    assert!(error(changed("meta", json!({"etag": 1}))).contains("etag"));
    assert!(error(changed("id", json!(null))).contains("/id"));
    assert!(error(judged("GET", "/t/scim/v2/Users/7", answer(203, scim, &user))).contains("status"));
    assert!(error(judged("GET", "/t/scim/v2/Users/7", answer(200, "text/html", &user))).contains("text/html"));
    assert!(error(judged("POST", "/t/scim/v2/Users/7", answer(200, scim, &user))).contains("method"));
    assert!(error(judged("DELETE", "/t/scim/v2/Users/7", answer(204, scim, &user))).contains("no body"));
    let half = json!({"schemas": [], "status": "500"});
    assert!(error(judged("GET", "/t/scim/v2/Users/7", answer(500, scim, &half))).contains("detail"));
    let base = json!({"base": 7});
    assert!(error(judged("GET", "/admin/v1/base", answer(200, "application/json", &base))).contains("/base"));
}
