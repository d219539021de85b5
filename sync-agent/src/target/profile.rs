//! What is known of targets that take less than the RFC's resources: a snapshot is made to fit
//! before anything is compared, so that what cannot be held is not sent again in each run.
//!
//! `identity-center` (AWS IAM Identity Center and what behaves like it) holds one value of each
//! multi-valued attribute, has no photos, certificates, instant messengers or entitlements, no
//! `display` of a value, and of a group only its name and members. A user without one of the four
//! names that it requires is not sent, and reported; one who was there before stays as he is.

use serde_json::{Map, Value};

use crate::{
    document::Document,
    identity::Kind,
    mapping::Snapshot,
    problem::{Code, Problem},
    target::settings::TargetProfile,
};

/// Attributes of a user that the profile has not.
const UNSUPPORTED: [&str; 5] = ["password", "ims", "photos", "x509Certificates", "entitlements"];

/// Attributes of a user of which the profile holds one value.
const SINGLE: [&str; 4] = ["emails", "addresses", "phoneNumbers", "roles"];

/// What the profile has of a group.
const GROUP: [&str; 3] = ["schemas", "displayName", "externalId"];

/// What a user must have, each as a path.
const REQUIRED: [&str; 4] = ["/userName", "/displayName", "/name/givenName", "/name/familyName"];

/// Makes the snapshot such as the target can hold it.
pub fn fit(snapshot: &mut Snapshot, profile: TargetProfile) {
    if profile != TargetProfile::IdentityCenter {
        return;
    }
    let (problems, unmapped) = (&mut snapshot.problems, &mut snapshot.unmapped);
    snapshot.resources.retain(|_, desired| {
        if desired.subject.kind == Kind::Group {
            let mut document = desired.document.attributes();
            document.retain(|name, _| GROUP.contains(&name.as_str()));
            desired.document = Document::new(&document);
            return true;
        }
        let mut document = desired.document.attributes();
        fit_user(&mut document);
        desired.document = Document::new(&document);
        let missing = missing(&document);
        if missing.is_empty() {
            return true;
        }
        let message = format!(
            "the target requires {}, and the mapping gives no value: fill the attribute in the directory, or add a fallback in [mapping.user]",
            missing.join(", ")
        );
        problems.push(Problem { code: Code::MissingAttribute, subject: Some(desired.subject.clone()), message });
        // He is in scope and a member: whoever was never sent joins nothing, since he has no resource.
        unmapped.insert(desired.subject.id);
        false
    });
}

/// The attribute of groups that a target may have or not, and that is mapped by default.
pub const DESCRIPTION: &str = "description";

/// Whether groups are mapped with a description, be it none.
pub fn describes_groups(snapshot: &Snapshot) -> bool {
    let mut groups = snapshot.resources.values().filter(|desired| desired.subject.kind == Kind::Group);
    groups.any(|desired| desired.document.attributes().contains_key(DESCRIPTION))
}

/// Takes the descriptions of groups out: a target that has no such attribute would not keep them, and
/// they would be sent again by each run that compares everything.
pub fn without_descriptions(snapshot: &mut Snapshot) {
    for desired in snapshot.resources.values_mut().filter(|desired| desired.subject.kind == Kind::Group) {
        let mut document = desired.document.attributes();
        if document.remove(DESCRIPTION).is_some() {
            desired.document = Document::new(&document);
        }
    }
}

fn fit_user(document: &mut Map<String, Value>) {
    document.retain(|name, _| !UNSUPPORTED.contains(&name.as_str()));
    for (name, value) in document.iter_mut() {
        let Value::Array(values) = value else { continue };
        for value in values.iter_mut().filter_map(Value::as_object_mut) {
            value.remove("display");
        }
        if SINGLE.contains(&name.as_str()) {
            let primary = values.iter().position(|value| value["primary"] == true).unwrap_or(0);
            if primary < values.len() {
                *values = vec![values.swap_remove(primary)];
            }
            if let ("emails", Some(Value::Object(mail))) = (name.as_str(), values.first_mut()) {
                mail.insert("primary".to_owned(), Value::Bool(true));
            }
        }
    }
}

fn missing(document: &Map<String, Value>) -> Vec<String> {
    let at = |path: &str| {
        let mut parts = path.split('/').skip(1);
        let first = document.get(parts.next()?)?;
        parts.next().map_or(Some(first), |second| first.get(second))
    };
    let empty = |path: &&&str| at(path).and_then(Value::as_str).is_none_or(str::is_empty);
    REQUIRED.iter().filter(empty).map(|path| path.trim_start_matches('/').replace('/', ".")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_user_is_made_to_fit() {
        let Value::Object(mut user) = json!({
            "userName": "ann", "displayName": "Ann", "name": {"givenName": "Ann", "familyName": null},
            "emails": [{"value": "a@x"}, {"value": "b@x", "primary": true, "display": "B"}],
            "phoneNumbers": [{"value": "1"}, {"value": "2"}], "roles": [], "photos": [{"value": "u"}],
        }) else {
            panic!("an object")
        };
        fit_user(&mut user);
        let expect = json!({
            "userName": "ann", "displayName": "Ann", "name": {"givenName": "Ann", "familyName": null},
            "emails": [{"value": "b@x", "primary": true}], "phoneNumbers": [{"value": "1"}], "roles": [],
        });
        assert_eq!(Value::Object(user.clone()), expect);
        assert_eq!(missing(&user), ["name.familyName"]);
    }
}
