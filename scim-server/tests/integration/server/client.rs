//! A client of one tenant, and the answers that it gets.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Request, header};
use hyper_util::{
    client::legacy::{Client as HyperClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};

use super::described;

/// An HTTP client that knows one tenant's base URL and token.
#[derive(Clone)]
pub struct Client {
    http: HyperClient<HttpConnector, Full<Bytes>>,
    base: String,
    token: String,
}

impl Client {
    /// A client of its own connections.
    pub fn new(base: &str, token: &str) -> Self {
        let http = HyperClient::builder(TokioExecutor::new()).build_http();
        Self { http, base: base.to_owned(), token: token.to_owned() }
    }

    /// The same client with another token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// The `Authorization` header of this client.
    pub fn authorization(&self) -> String {
        format!("Bearer {}", self.token)
    }

    /// One request with the tenant's token. `path` is below the base URL, or a whole URL.
    pub async fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Response {
        let bearer = self.authorization();
        let mut all = vec![("authorization", bearer.as_str())];
        if body.is_some() {
            all.push(("content-type", "application/scim+json"));
        }
        all.retain(|(name, _)| !headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)));
        all.extend(headers);
        self.send(method, path, &all, body.map(Value::to_string)).await
    }

    /// One request exactly as given: no header is added but those that HTTP itself needs.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<String>) -> Response {
        self.try_send(method, path, headers, body).await.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// The same where the server may be gone: an error says that no answer came.
    pub async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Result<Response, String> {
        let uri = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) };
        let mut request = Request::builder().method(method).uri(&uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request =
            request.body(Full::from(body.unwrap_or_default())).map_err(|error| format!("not a request: {error}"))?;
        let response = self.http.request(request).await.map_err(|error| format!("no answer: {error:?}"))?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| format!("no whole body: {error}"))?.to_bytes();
        let response = Response::new(parts.status.as_u16(), parts.headers, &body);
        described::check(method, &uri, &response);
        Ok(response)
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Response {
        self.request("GET", path, &[], None).await
    }

    /// The list of what satisfies a filter, under `/Users` or `/Groups`.
    pub async fn find(&self, endpoint: &str, filter: &str) -> Response {
        let filter = percent_encoding::utf8_percent_encode(filter, percent_encoding::NON_ALPHANUMERIC);
        self.get(&format!("{endpoint}?filter={filter}")).await
    }

    /// POST.
    pub async fn post(&self, path: &str, body: &Value) -> Response {
        self.request("POST", path, &[], Some(body)).await
    }

    /// PUT.
    pub async fn put(&self, path: &str, body: &Value) -> Response {
        self.request("PUT", path, &[], Some(body)).await
    }

    /// PATCH with these operations.
    pub async fn patch(&self, path: &str, operations: &Value) -> Response {
        self.request("PATCH", path, &[], Some(&patch_body(operations))).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Response {
        self.request("DELETE", path, &[], None).await
    }

    /// Creates a user that has nothing but a name, and gives its id.
    pub async fn user(&self, name: &str) -> String {
        let body = json!({"schemas": [USER], "userName": name});
        self.post("/Users", &body).await.expect(201).id()
    }

    /// Creates a group with these members, and gives its id.
    pub async fn group(&self, name: &str, members: &[String]) -> String {
        let members: Vec<_> = members.iter().map(|id| json!({"value": id})).collect();
        let body = json!({"schemas": [GROUP], "displayName": name, "members": members});
        self.post("/Groups", &body).await.expect(201).id()
    }

    /// The ids of a group's members, in the order of the answer.
    pub async fn members(&self, group: &str) -> Vec<String> {
        let group = self.get(&format!("/Groups/{group}")).await.expect(200);
        let members = group.json["members"].as_array().cloned().unwrap_or_default();
        members.iter().filter_map(|member| member["value"].as_str().map(str::to_owned)).collect()
    }
}

/// The schema of users.
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The enterprise extension of users.
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// The schema of groups.
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// A PATCH message with these operations.
pub fn patch_body(operations: &Value) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations})
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as JSON; null when it is empty or not JSON.
    pub json: Value,
    /// The body as it came.
    pub text: String,
}

impl Response {
    pub(super) fn new(status: u16, headers: HeaderMap, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body).into_owned();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { status, headers, json, text }
    }

    /// The answer itself when it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// The answer itself when it is a well-formed SCIM error of this status and `scimType`.
    #[track_caller]
    pub fn expect_error(self, status: u16, scim_type: Option<&str>) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.json["status"], status.to_string(), "status is a string: {}", self.text);
        assert_eq!(self.json["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]), "{}", self.text);
        assert_eq!(self.json["scimType"].as_str(), scim_type, "{}", self.text);
        assert!(self.json["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{}", self.text);
        assert_eq!(self.media_type(), "application/scim+json");
        self
    }

    /// The media type without its parameters.
    pub fn media_type(&self) -> &str {
        self.header(header::CONTENT_TYPE.as_str()).split(';').next().unwrap_or_default().trim()
    }

    /// A header's value; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The ids of the resources in a list, in its order.
    #[track_caller]
    pub fn ids(&self) -> Vec<String> {
        let resources = self.json["Resources"].as_array().unwrap_or_else(|| panic!("not a list: {}", self.text));
        resources.iter().filter_map(|one| one["id"].as_str().map(str::to_owned)).collect()
    }

    /// The `id` of the resource in the body.
    #[track_caller]
    pub fn id(&self) -> String {
        self.json["id"].as_str().unwrap_or_else(|| panic!("no id: {}", self.text)).to_owned()
    }
}
