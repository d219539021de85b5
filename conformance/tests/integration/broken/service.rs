//! The server: resources in memory, and what each method does with them.

use std::sync::{Mutex, MutexGuard};

use scim_protocol::{
    Error, ErrorKind, Resource, Timestamp, discovery, patch,
    projection::Projection,
    schema::{ResourceType, Returned, SchemaRegistry, Uniqueness},
    value::fold,
};
use serde_json::{Map, Value, json};

use super::{Answer, Asked, READ_ONLY_TOKEN, SECOND_TOKEN, TOKEN, bulk, schemas};

/// One resource.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub rt: String,
    pub id: String,
    resource: Resource,
    version: u64,
    created: Timestamp,
    modified: Timestamp,
}

/// All of them, and a clock that goes on by a second with each write.
#[derive(Debug, Default)]
pub(super) struct State {
    pub stored: Vec<Stored>,
    ticks: i64,
}

/// A service provider at a base URL.
pub struct Service {
    pub(super) base: String,
    pub(super) registry: SchemaRegistry,
    state: Mutex<State>,
    /// The other tenant.
    second: Option<Box<Service>>,
}

impl Service {
    /// With User, Group, the enterprise extension and what is in [`schemas`].
    pub fn new(base: String) -> Self {
        let core = Self { base, registry: SchemaRegistry::core(), state: Mutex::default(), second: None };
        core.with_definition(&schemas::kit()).with_definition(&schemas::device())
    }

    /// With more schemas, as [`SchemaRegistry::with_definition`] takes them.
    pub fn with_definition(self, definition: &Value) -> Self {
        Self { registry: self.registry.with_definition(definition).expect("a schema"), ..self }
    }

    /// With another tenant, whose ids are others.
    pub fn with_second(self) -> Self {
        let state = Mutex::new(State { ticks: 1_000_000, ..State::default() });
        let second = Self { base: self.base.clone(), registry: self.registry.clone(), state, second: None };
        Self { second: Some(Box::new(second)), ..self }
    }

    /// Whether nothing is on it.
    pub fn is_empty(&self) -> bool {
        self.state().stored.is_empty() && self.second.as_ref().is_none_or(|second| second.is_empty())
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while it is held")
    }

    /// Answers as a server should.
    pub fn answer(&self, asked: &Asked) -> Answer {
        let given = asked.header("authorization").and_then(|given| given.split_once(' ')).map(|(_, token)| token);
        let known = |asked: &Asked| {
            let mut asked = asked.clone();
            asked.headers.retain(|(name, _)| name != "authorization");
            asked.headers.push(("authorization".to_owned(), format!("Bearer {TOKEN}")));
            asked
        };
        match (given, &self.second) {
            (Some(SECOND_TOKEN), Some(second)) => second.answer(&known(asked)),
            (Some(READ_ONLY_TOKEN), _) if asked.method == "GET" => self.answer(&known(asked)),
            (Some(READ_ONLY_TOKEN), _) => Error::new(ErrorKind::Forbidden, "This token only reads.").into(),
            _ => self.try_answer(asked).unwrap_or_else(Answer::from),
        }
    }

    fn try_answer(&self, asked: &Asked) -> Result<Answer, Error> {
        let segments: Vec<_> = asked.path.split('/').filter(|segment| !segment.is_empty()).collect();
        let method = asked.method.as_str();
        if let ["ServiceProviderConfig" | "ResourceTypes" | "Schemas", ..] = *segments {
            return self.discover(asked, &segments);
        }
        if let Some(refusal) = unauthorised(asked) {
            return Ok(refusal);
        }
        match (method, &*segments) {
            ("POST", ["Bulk"]) => return bulk::answer(self, asked),
            ("GET", []) | ("POST", [".search"]) => return self.query(asked, None),
            (_, ["Me"]) => return Err(Error::new(ErrorKind::NotImplemented, "There is no /Me.")),
            (_, ["Bulk" | ".search"]) => return Err(not_allowed("POST")),
            _ => {}
        }
        let rt = segments.first().and_then(|endpoint| self.registry.endpoint(&format!("/{endpoint}")));
        let rt = rt.ok_or_else(not_found)?;
        match (method, segments.get(1..).unwrap_or_default()) {
            ("GET", []) | ("POST", [".search"]) => self.query(asked, Some(rt)),
            ("POST", []) => self.create(asked, rt),
            (_, []) => Err(not_allowed("GET, POST")),
            ("GET", [id]) => self.retrieve(asked, rt, id),
            ("PUT" | "PATCH", [id]) => self.change(asked, rt, id),
            ("DELETE", [id]) => self.delete(asked, rt, id),
            (_, [_]) => Err(not_allowed("GET, PUT, PATCH, DELETE")),
            _ => Err(not_found()),
        }
    }

    fn discover(&self, asked: &Asked, segments: &[&str]) -> Result<Answer, Error> {
        if asked.method != "GET" {
            return Err(not_allowed("GET"));
        }
        if asked.parameter("filter").is_some() {
            return Err(Error::new(ErrorKind::Forbidden, "Discovery cannot be filtered."));
        }
        let list = |all: Vec<Value>| match segments.get(1) {
            Some(id) => all.into_iter().find(|one| one["id"] == *id).ok_or_else(not_found),
            None => Ok(json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
                "totalResults": all.len(), "itemsPerPage": all.len(), "startIndex": 1, "Resources": all})),
        };
        let (types, schemas) = (self.registry.resource_types().iter(), self.registry.schemas().iter());
        let body = match segments.first() {
            Some(&"ResourceTypes") => list(types.map(|rt| discovery::resource_type(rt, &self.base)).collect())?,
            Some(&"Schemas") => list(schemas.map(|schema| discovery::schema(schema, &self.base)).collect())?,
            _ if segments.len() > 1 => return Err(not_found()),
            _ => discovery::service_provider_config(&features(), &self.base),
        };
        Ok(Answer::new(200, body))
    }

    fn create(&self, asked: &Asked, rt: &ResourceType) -> Result<Answer, Error> {
        let resource = Resource::create(body(asked)?, rt)?;
        let mut state = self.state();
        state.require_unique(&resource, rt, None)?;
        let now = state.now();
        let id = format!("{:08x}-abcd-4000-8000-000000000000", state.ticks);
        let stored = Stored { rt: rt.name.clone(), id, resource, version: 1, created: now, modified: now };
        state.stored.push(stored.clone());
        let location = self.location(&stored, rt);
        Ok(self.show(asked, &state, &stored, rt, 201)?.header("location", location))
    }

    fn retrieve(&self, asked: &Asked, rt: &ResourceType, id: &str) -> Result<Answer, Error> {
        let state = self.state();
        let stored = state.find(rt, id)?;
        if asked.header("if-none-match").is_some_and(|given| names(given, stored)) {
            return Ok(Answer::empty(304).header("etag", stored.etag()));
        }
        self.show(asked, &state, stored, rt, 200)
    }

    /// PUT and PATCH.
    fn change(&self, asked: &Asked, rt: &ResourceType, id: &str) -> Result<Answer, Error> {
        let mut state = self.state();
        let mut stored = state.find(rt, id)?.clone();
        require_match(asked, &stored)?;
        let resource = if asked.method == "PUT" {
            stored.resource.replace(body(asked)?, rt)?
        } else {
            let operations = patch::parse(body(asked)?)?;
            require_targets(&operations, &stored.resource, rt)?;
            patch::apply(&stored.resource, &operations, rt)?
        };
        state.require_unique(&resource, rt, Some(id))?;
        if resource != stored.resource {
            stored.version += 1;
            stored.modified = state.now();
            stored.resource = resource;
        }
        if let Some(place) = state.stored.iter_mut().find(|one| one.id == id) {
            *place = stored.clone();
        }
        self.show(asked, &state, &stored, rt, 200)
    }

    fn delete(&self, asked: &Asked, rt: &ResourceType, id: &str) -> Result<Answer, Error> {
        let mut state = self.state();
        require_match(asked, state.find(rt, id)?)?;
        state.stored.retain(|one| one.id != id);
        for group in &mut state.stored {
            if let Some(Value::Array(mut members)) = group.resource.take("members") {
                members.retain(|member| member["value"] != id);
                if !members.is_empty() {
                    group.resource.set("members", Value::Array(members));
                }
            }
        }
        Ok(Answer::empty(204))
    }

    fn show(
        &self,
        asked: &Asked,
        state: &State,
        stored: &Stored,
        rt: &ResourceType,
        status: u16,
    ) -> Result<Answer, Error> {
        let names = |name: &str| {
            let names = asked.parameter(name).unwrap_or_default().split(',').map(|name| name.trim().to_owned());
            names.filter(|name| !name.is_empty()).collect::<Vec<_>>()
        };
        let projection = projection(&names("attributes"), &names("excludedAttributes"), rt)?;
        let document = self.document(state, stored, rt);
        let mut body = Value::Object(projection.apply(document.clone(), rt));
        if asked.method != "GET" && asked.parameter("attributes").is_none() {
            reveal(asked, &document, rt, &mut body);
        }
        Ok(Answer::new(status, body).header("etag", stored.etag()))
    }

    /// The whole document, with what only the server knows.
    pub(super) fn document(&self, state: &State, stored: &Stored, rt: &ResourceType) -> Map<String, Value> {
        let mut document = stored.resource.document().clone();
        document.insert("id".to_owned(), json!(stored.id));
        let groups: Vec<_> = state.groups_of(&stored.id).map(|group| self.reference(group)).collect();
        if !groups.is_empty() && rt.name == "User" {
            document.insert("groups".to_owned(), Value::Array(groups));
        }
        if let Some(Value::Array(members)) = document.get_mut("members") {
            for member in members {
                if let Some(known) = state.stored.iter().find(|one| member["value"] == one.id) {
                    member["$ref"] = json!(self.location_of(known));
                    member["type"] = json!(known.rt);
                }
            }
        }
        let meta = json!({"resourceType": rt.name, "created": stored.created.to_string(),
            "lastModified": stored.modified.to_string(), "location": self.location(stored, rt), "version": stored.etag()});
        document.insert("meta".to_owned(), meta);
        document
    }

    fn reference(&self, group: &Stored) -> Value {
        let display = group.resource.document().get("displayName").cloned().unwrap_or_default();
        json!({"value": group.id, "$ref": self.location_of(group), "display": display, "type": "direct"})
    }

    fn location_of(&self, stored: &Stored) -> String {
        self.registry.resource_type(&stored.rt).map(|rt| self.location(stored, rt)).unwrap_or_default()
    }

    fn location(&self, stored: &Stored, rt: &ResourceType) -> String {
        format!("{}{}/{}", self.base, rt.endpoint, stored.id)
    }
}

impl Stored {
    pub(super) fn etag(&self) -> String {
        format!("W/\"{}\"", self.version)
    }
}

impl State {
    fn now(&mut self) -> Timestamp {
        self.ticks += 1;
        Timestamp::from_millis(1_700_000_000_000 + self.ticks * 1000)
    }

    fn find(&self, rt: &ResourceType, id: &str) -> Result<&Stored, Error> {
        self.stored.iter().find(|one| one.rt == rt.name && one.id == id).ok_or_else(not_found)
    }

    fn groups_of<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Stored> {
        self.stored.iter().filter(move |one| {
            let members = one.resource.document().get("members").and_then(Value::as_array);
            members.into_iter().flatten().any(|member| member["value"] == id)
        })
    }

    /// 409 when another resource has the value of an attribute that is unique.
    fn require_unique(&self, resource: &Resource, rt: &ResourceType, own: Option<&str>) -> Result<(), Error> {
        let core = rt.schema.attributes.iter().map(|attribute| (None, attribute));
        let extended = rt.extensions.iter().flat_map(|extension| {
            extension.schema.attributes.iter().map(|attribute| (Some(&extension.schema.id), attribute))
        });
        for (urn, attribute) in core.chain(extended) {
            let key = |one: &Resource| {
                let document = one.document();
                let value = match urn {
                    Some(urn) => document.get(urn)?.get(&attribute.name)?,
                    None => document.get(&attribute.name)?,
                };
                value.as_str().map(|text| fold(&narrow(text)))
            };
            let Some(value) = key(resource).filter(|_| attribute.uniqueness != Uniqueness::None) else { continue };
            let others = self.stored.iter().filter(|one| one.rt == rt.name && Some(one.id.as_str()) != own);
            if others.into_iter().any(|one| key(&one.resource).as_ref() == Some(&value)) {
                return Err(Error::new(
                    ErrorKind::Uniqueness,
                    format!("Another {} has this {}.", rt.name, attribute.name),
                ));
            }
        }
        Ok(())
    }
}

/// Fullwidth letters of ASCII as ordinary ones, as PRECIS has it for userName (RFC 7613 §3.2.2).
fn narrow(text: &str) -> String {
    let narrow = |letter: char| match letter {
        '\u{ff01}'..='\u{ff5e}' => u32::from(letter).checked_sub(0xfee0).and_then(char::from_u32).unwrap_or(letter),
        other => other,
    };
    text.chars().map(narrow).collect()
}

/// What is returned on request is also in the answer to the write that names it (RFC 7643 §7).
fn reveal(asked: &Asked, document: &Map<String, Value>, rt: &ResourceType, body: &mut Value) {
    for extension in &rt.extensions {
        let urn = &extension.schema.id;
        let on_request = extension.schema.attributes.iter().filter(|one| one.returned == Returned::Request);
        for attribute in on_request.filter(|one| asked.body.contains(&one.name)) {
            if let Some(value) = document.get(urn).and_then(|kept| kept.get(&attribute.name)) {
                body[urn][&attribute.name] = value.clone();
            }
        }
    }
}

/// 400 when a replace selects values and there are none, as RFC 7644 §3.5.2.3 has it to the letter.
fn require_targets(operations: &[patch::Operation], resource: &Resource, rt: &ResourceType) -> Result<(), Error> {
    for operation in operations {
        let patch::Operation::Replace { path: Some(path), .. } = operation else { continue };
        let target = path.bind(rt)?;
        let Some(filter) = target.filter else { continue };
        let name = target.path.attribute.map(|attribute| attribute.name.clone()).unwrap_or_default();
        let values = resource.document().get(&name).and_then(Value::as_array).cloned().unwrap_or_default();
        if !values.iter().any(|value| filter.matches_element(value)) {
            return Err(Error::new(ErrorKind::NoTarget, "The filter selects nothing."));
        }
    }
    Ok(())
}

/// What it declares: everything.
fn features() -> discovery::Features {
    discovery::Features {
        documentation_uri: None,
        patch: true.into(),
        bulk: discovery::Bulk {
            supported: true,
            max_operations: bulk::MOST_OPERATIONS as u64,
            max_payload_size: bulk::MOST_BYTES as u64,
        },
        filter: discovery::FilterSupport { supported: true, max_results: u64::from(super::query::MOST) },
        change_password: true.into(),
        sort: true.into(),
        etag: true.into(),
        authentication_schemes: vec![discovery::AuthenticationScheme::bearer_token()],
        pagination: Some(discovery::Pagination {
            cursor: true,
            index: true,
            default_pagination_method: discovery::PaginationMethod::Index,
            default_page_size: super::query::MOST,
            max_page_size: super::query::MOST,
            cursor_timeout: None,
        }),
        security_events: None,
    }
}

pub(super) fn projection(attributes: &[String], excluded: &[String], rt: &ResourceType) -> Result<Projection, Error> {
    let attributes: Vec<_> = attributes.iter().map(String::as_str).collect();
    let excluded: Vec<_> = excluded.iter().map(String::as_str).collect();
    Projection::new(&attributes, &excluded, rt)
}

fn unauthorised(asked: &Asked) -> Option<Answer> {
    let given = asked.header("authorization");
    let token = given.and_then(|given| {
        let (scheme, token) = given.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token)
    });
    if token == Some(TOKEN) {
        return None;
    }
    let challenge =
        if token.is_some() { "Bearer realm=\"scim\", error=\"invalid_token\"" } else { "Bearer realm=\"scim\"" };
    let refusal = Answer::from(Error::new(ErrorKind::Unauthorized, "The token is missing or wrong."));
    Some(refusal.header("www-authenticate", challenge))
}

fn body(asked: &Asked) -> Result<Value, Error> {
    let kind = asked.header("content-type").unwrap_or("application/scim+json");
    if !kind.to_ascii_lowercase().contains("json") {
        return Err(Error::new(ErrorKind::UnsupportedMediaType, "Send application/scim+json."));
    }
    serde_json::from_str(&asked.body).map_err(|error| Error::syntax(format!("The body is no JSON: {error}.")))
}

fn require_match(asked: &Asked, stored: &Stored) -> Result<(), Error> {
    match asked.header("if-match") {
        Some(given) if !names(given, stored) => Err(Error::new(ErrorKind::PreconditionFailed, "It has changed.")),
        _ => Ok(()),
    }
}

/// Whether a list of entity tags names this version.
fn names(given: &str, stored: &Stored) -> bool {
    let own = stored.etag();
    given
        .split(',')
        .map(str::trim)
        .any(|tag| tag == "*" || tag.trim_start_matches("W/") == own.trim_start_matches("W/"))
}

fn not_found() -> Error {
    Error::new(ErrorKind::NotFound, "There is no such resource.")
}

fn not_allowed(methods: &'static str) -> Error {
    Error::new(ErrorKind::MethodNotAllowed(methods), format!("This takes {methods}."))
}
