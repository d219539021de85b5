//! The people and groups that the store is filled with, and the requests about them.

use std::{cell::RefCell, fmt::Write as _, io::Write};

use uuid::Uuid;

use super::{client::Answer, stage::Endpoint};

/// A tenant and the ids that the server gave to its users, by number.
pub struct Tenant {
    pub endpoint: Endpoint,
    /// How many users it was filled with.
    pub size: usize,
    pub ids: RefCell<Vec<Uuid>>,
}

impl Tenant {
    pub fn new(endpoint: Endpoint, size: usize) -> Self {
        Self { endpoint, size, ids: RefCell::default() }
    }

    /// Some user's number, each as likely as the others, always the same for the same request.
    pub fn pick(&self, number: usize) -> usize {
        (number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 17) % self.size
    }

    pub fn id(&self, user: usize) -> Uuid {
        self.ids.borrow().get(user).copied().unwrap_or_default()
    }

    /// A request without a body.
    pub fn get(&self, path: &str, out: &mut Vec<u8>) {
        self.head("GET", path, out);
        out.extend_from_slice(b"\r\n");
    }

    /// A request with a body.
    pub fn send(&self, method: &str, path: &str, body: &str, out: &mut Vec<u8>) {
        self.head(method, path, out);
        let _ = write!(out, "Content-Type: application/scim+json\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    }

    fn head(&self, method: &str, path: &str, out: &mut Vec<u8>) {
        let Endpoint { path: base, token, .. } = &self.endpoint;
        let _ = write!(
            out,
            "{method} {base}{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
             Accept: application/scim+json\r\nUser-Agent: load\r\n"
        );
    }

    /// A query with a filter, percent-encoded.
    pub fn find(&self, endpoint: &str, filter: &str, rest: &str, out: &mut Vec<u8>) {
        let filter = percent_encoding::utf8_percent_encode(filter, percent_encoding::NON_ALPHANUMERIC);
        self.get(&format!("{endpoint}?filter={filter}{rest}"), out);
    }

    /// The POST of a user.
    pub fn create(&self, user: usize, out: &mut Vec<u8>) {
        self.send("POST", "/Users", &person(user), out);
    }

    /// Notes the id of a user that was made.
    pub fn made(&self, user: usize, answer: &Answer<'_>) -> Result<(), String> {
        if answer.status != 201 {
            return Err(format!("POST gave {}: {}", answer.status, String::from_utf8_lossy(answer.body)));
        }
        let id = id_of(answer).ok_or("a new user has no id")?;
        let mut ids = self.ids.borrow_mut();
        if ids.len() <= user {
            ids.resize(user + 1, Uuid::nil());
        }
        ids[user] = id;
        Ok(())
    }

    /// The PATCH that adds these users to a group, or takes them out.
    pub fn change_members(&self, operation: &str, group: Uuid, users: &[usize], out: &mut Vec<u8>) {
        let mut body = String::from(r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":["#);
        if operation == "remove" {
            for (i, user) in users.iter().enumerate() {
                let comma = if i > 0 { "," } else { "" };
                let id = self.id(*user);
                let _ = write!(body, r#"{comma}{{"op":"remove","path":"members[value eq \"{id}\"]"}}"#);
            }
        } else {
            body.push_str(r#"{"op":"add","path":"members","value":["#);
            for (i, user) in users.iter().enumerate() {
                let comma = if i > 0 { "," } else { "" };
                let _ = write!(body, r#"{comma}{{"value":"{}"}}"#, self.id(*user));
            }
            body.push_str("]}");
        }
        body.push_str("]}");
        self.send("PATCH", &format!("/Groups/{group}"), &body, out);
    }
}

/// The id of the resource in an answer: the first one in the document.
pub fn id_of(answer: &Answer<'_>) -> Option<Uuid> {
    let text = std::str::from_utf8(answer.body).ok()?;
    let (_, rest) = text.split_once("\"id\":\"")?;
    rest.get(..36)?.parse().ok()
}

/// A user as an identity provider sends it.
pub fn person(user: usize) -> String {
    format!(
        r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"ext-{user:08}","userName":"user{user}@example.com","name":{{"formatted":"Given{user} Family{user}","familyName":"Family{user}","givenName":"Given{user}"}},"displayName":"Given{user} Family{user}","title":"Engineer","preferredLanguage":"en","timezone":"Europe/Berlin","active":true,"emails":[{{"value":"user{user}@example.com","type":"work","primary":true}}],"phoneNumbers":[{{"value":"+49 30 {user:07}","type":"work"}}],"addresses":[{{"type":"work","streetAddress":"Street {user}","locality":"Berlin","postalCode":"10115","country":"DE"}}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{{"employeeNumber":"{user}","costCenter":"4130","department":"Engineering","division":"Platform"}}}}"#
    )
}

/// The PATCH body that gives a user a title.
pub fn retitle(number: usize) -> String {
    format!(
        r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{{"op":"replace","path":"title","value":"Engineer {number}"}}]}}"#
    )
}

/// The POST body of a group without members.
pub fn group(name: &str) -> String {
    format!(r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"{name}"}}"#)
}
