//! The SCIM server that is written to.
//!
//! [`Reader`] looks, [`Writer`] writes; whoever plans gets only the first. Both share one [`http`]
//! client, which knows the token and how requests are retried. [`Capabilities`] is what the server
//! says it can do; profiles of servers that can less than they should (`identity-center`) have their
//! place in `target/profile.rs`. [`look`](Reader::look) fetches what a plan must see, and no more.

pub mod http;

use serde_json::{Map, Value, json};

use http::{Answer, Http};

use crate::{
    config::TargetSettings,
    mapping::Snapshot,
    plan::{AttributeChange, Held, Holdings, Known, ResourceId},
    source::{DirectoryError, Kind},
};

/// Why the target did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// It could not be reached, or gave no answer in time. Whether a write was done is not known.
    #[error("the SCIM server gave no answer to {request}: {reason}")]
    Unavailable {
        /// Method and URL.
        request: String,
        /// Why.
        reason: String,
    },
    /// It refused. `scimType` and `detail` are its own words (RFC 7644 §3.12).
    #[error("the SCIM server refused {request} with {status}{}: {detail}", scim_type.as_ref().map_or(String::new(), |kind| format!(" {kind}")))]
    Refused {
        /// Method and URL.
        request: String,
        /// The status code.
        status: u16,
        /// The keyword.
        scim_type: Option<String>,
        /// The sentence.
        detail: String,
    },
    /// It answered something that is not SCIM.
    #[error("the answer to {request} is not what SCIM says: {reason}")]
    Strange {
        /// Method and URL.
        request: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The settings cannot be used.
    #[error(transparent)]
    Settings(#[from] DirectoryError),
}

impl TargetError {
    /// The status code, where there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// What the server can do, from its ServiceProviderConfig (RFC 7643 §5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// PATCH; without it resources are replaced.
    pub patch: bool,
    /// Filters; without them a resource is found by listing.
    pub filter: bool,
    /// Operations in a bulk request; `None` without bulk.
    pub bulk: Option<usize>,
    /// Resources on a page.
    pub page: usize,
}

/// The side that looks.
#[derive(Clone)]
pub struct Reader {
    http: Http,
}

/// Up to so many unknown objects are looked for one by one; more are found by listing.
const FEW: usize = 20;

impl Reader {
    /// For the server of the settings. Connects to nothing yet.
    pub fn new(settings: &TargetSettings) -> Result<Self, TargetError> {
        Ok(Self { http: Http::new(settings)? })
    }

    /// The side that writes, for whoever applies a plan.
    pub fn writer(&self) -> Writer {
        Writer { http: self.http.clone() }
    }

    /// What the server says it can do.
    pub async fn capabilities(&self) -> Result<Capabilities, TargetError> {
        let config = self.http.get("/ServiceProviderConfig").await?.body;
        let supported = |feature: &str| config[feature]["supported"].as_bool() == Some(true);
        let number = |value: &Value| value.as_u64().and_then(|number| usize::try_from(number).ok());
        Ok(Capabilities {
            patch: supported("patch"),
            filter: supported("filter"),
            bulk: number(&config["bulk"]["maxOperations"]).filter(|_| supported("bulk")),
            page: number(&config["filter"]["maxResults"]).filter(|size| *size > 0).unwrap_or(100),
        })
    }

    /// Sees at the target what the state does not answer: objects that are not known (are they there
    /// already?), and those that will change (what is the old value?).
    pub async fn look(
        &self,
        desired: &Snapshot,
        known: &Known,
        capabilities: &Capabilities,
    ) -> Result<Holdings, TargetError> {
        let mut holdings = Holdings::default();
        for kind in [Kind::User, Kind::Group] {
            let all = desired.resources.values().filter(|desired| desired.subject.kind == kind);
            let (mine, unknown): (Vec<_>, Vec<_>) = all.partition(|desired| known.contains_key(&desired.subject.id));
            if unknown.len() > FEW || (!capabilities.filter && !unknown.is_empty()) {
                self.list(kind, capabilities.page, &mut holdings).await?;
            } else {
                for desired in &unknown {
                    let id = desired.subject.id.to_string();
                    if !self.find(kind, "externalId", &id, &mut holdings).await? {
                        self.find(kind, kind.naming_attribute(), &desired.subject.name, &mut holdings).await?;
                    }
                }
            }
            for desired in &unknown {
                holdings.looked_for(desired.subject.id);
            }
            for desired in mine {
                let Some(written) = known.get(&desired.subject.id) else { continue };
                if written.digest.as_ref() != Some(&desired.digest()) {
                    holdings.looked_for(desired.subject.id);
                    if let Some(held) = self.retrieve(kind, &written.resource).await? {
                        holdings.add(kind, held);
                    }
                }
            }
        }
        Ok(holdings)
    }

    /// One resource; `None` where there is none.
    pub async fn retrieve(&self, kind: Kind, id: &ResourceId) -> Result<Option<Held>, TargetError> {
        match self.http.get(&format!("/{}/{}", kind.endpoint(), http::segment(&id.0))).await {
            Ok(answer) => answer.resource().map(Some),
            Err(error) if error.status() == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Adds the resources of which an attribute has this value, and says whether there was one.
    async fn find(
        &self,
        kind: Kind,
        attribute: &str,
        value: &str,
        holdings: &mut Holdings,
    ) -> Result<bool, TargetError> {
        let filter = format!("{attribute} eq {}", Value::String(value.to_owned()));
        let answer = self.http.get(&format!("/{}?filter={}", kind.endpoint(), http::segment(&filter))).await?;
        let found = answer.resources()?;
        let any = !found.is_empty();
        for held in found {
            holdings.add(kind, held);
        }
        Ok(any)
    }

    /// Adds every resource of a kind, page by page (RFC 7644 §3.4.2.4).
    async fn list(&self, kind: Kind, page: usize, holdings: &mut Holdings) -> Result<(), TargetError> {
        let mut start = 1;
        loop {
            let path = format!("/{}?startIndex={start}&count={page}", kind.endpoint());
            let answer = self.http.get(&path).await?;
            let total = answer.body["totalResults"].as_u64().and_then(|total| usize::try_from(total).ok());
            let found = answer.resources()?;
            start += found.len();
            let done = found.is_empty() || total.is_some_and(|total| start > total);
            for held in found {
                holdings.add(kind, held);
            }
            if done {
                return Ok(());
            }
        }
    }
}

/// The side that writes.
#[derive(Clone)]
pub struct Writer {
    http: Http,
}

impl Writer {
    /// Creates a resource, and says which id it got.
    pub async fn create(&self, kind: Kind, document: &Map<String, Value>) -> Result<ResourceId, TargetError> {
        let path = format!("/{}", kind.endpoint());
        Ok(self.http.send("POST", &path, &Value::Object(document.clone())).await?.resource()?.resource)
    }

    /// Changes attributes.
    pub async fn modify(&self, kind: Kind, id: &ResourceId, changes: &[AttributeChange]) -> Result<(), TargetError> {
        let operations = changes.iter().map(|change| match &change.new {
            Some(value) => json!({"op": "replace", "path": change.path, "value": value}),
            None => json!({"op": "remove", "path": change.path}),
        });
        self.patch(kind, id, operations.collect()).await
    }

    /// Adds members to a group, at most as many as one request may have.
    pub async fn join(&self, group: &ResourceId, members: &[ResourceId]) -> Result<(), TargetError> {
        let values: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
        self.patch(Kind::Group, group, vec![json!({"op": "add", "path": "members", "value": values})]).await
    }

    /// Removes members from a group, at most as many as one request may have.
    pub async fn leave(&self, group: &ResourceId, members: &[ResourceId]) -> Result<(), TargetError> {
        let path = |id: &ResourceId| format!("members[value eq {}]", json!(id));
        let operations = members.iter().map(|id| json!({"op": "remove", "path": path(id)}));
        self.patch(Kind::Group, group, operations.collect()).await
    }

    /// Deletes a resource. That it is gone already is no error.
    pub async fn delete(&self, kind: Kind, id: &ResourceId) -> Result<(), TargetError> {
        let path = format!("/{}/{}", kind.endpoint(), http::segment(&id.0));
        match self.http.delete(&path).await {
            Err(error) if error.status() != Some(404) => Err(error),
            _ => Ok(()),
        }
    }

    async fn patch(&self, kind: Kind, id: &ResourceId, operations: Vec<Value>) -> Result<(), TargetError> {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": operations,
        });
        let path = format!("/{}/{}", kind.endpoint(), http::segment(&id.0));
        self.http.send("PATCH", &path, &body).await.map(|_| ())
    }
}

impl Answer {
    /// The resources of a list.
    fn resources(self) -> Result<Vec<Held>, TargetError> {
        let Self { request, mut body } = self;
        let Value::Array(resources) = body["Resources"].take() else { return Ok(Vec::new()) };
        resources.into_iter().map(|body| Self { request: request.clone(), body }.resource()).collect()
    }

    /// One resource.
    fn resource(self) -> Result<Held, TargetError> {
        let strange = |reason: &str| TargetError::Strange { request: self.request.clone(), reason: reason.to_owned() };
        let Value::Object(mut document) = self.body else { return Err(strange("a resource is an object")) };
        let id = document.get("id").and_then(Value::as_str).ok_or_else(|| strange("a resource has an id"))?;
        let resource = ResourceId(id.to_owned());
        let members = match document.remove("members") {
            Some(Value::Array(members)) => members,
            _ => Vec::new(),
        };
        let values = members.iter().filter_map(|member| member["value"].as_str());
        Ok(Held { resource, members: values.map(|id| ResourceId(id.to_owned())).collect(), document })
    }
}
