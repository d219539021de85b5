//! What an ID token must say (OpenID Connect Core 1.0 §3.1.3.7), and whom it names.

use scim_protocol::Timestamp;
use serde_json::{Map, Value};

use super::Refusal;
use crate::{
    admin::{Administrator, Role},
    config::OidcSettings,
    oauth::{Check, jwt::Unverified},
};

/// How far clocks may be apart, in milliseconds.
const LEEWAY: i64 = 60 * 1000;
/// The longest name that events have, in characters.
const LONGEST: usize = 200;

/// What the token of one sign-in says.
pub(super) struct Expected<'a> {
    pub issuer: &'a str,
    /// The client's id.
    pub client: &'a str,
    pub nonce: &'a str,
}

/// Refuses a token that says something else. Its signature is verified already.
pub(super) fn check(read: &Unverified<'_>, expected: &Expected<'_>, now: Timestamp) -> Result<(), Check> {
    let claims = &read.claims;
    if claims.iss != expected.issuer {
        return Err(Check::new("iss", expected.issuer, &claims.iss));
    }
    let audiences = claims.aud.all();
    if !audiences.iter().any(|audience| audience == expected.client) {
        return Err(Check::new("aud", expected.client, &audiences.join(", ")));
    }
    let said = read.said();
    let text = |name: &str| said.get(name).and_then(Value::as_str);
    // Whom it was made for: it must be said where it is for several.
    let azp = text("azp");
    if azp.is_some_and(|azp| azp != expected.client) || (azp.is_none() && audiences.len() > 1) {
        return Err(Check::new("azp", expected.client, azp.unwrap_or("none")));
    }
    if millis(claims.exp).saturating_add(LEEWAY) <= now.as_millis() {
        return Err(Check::new("exp", format!("a time after {now}"), &instant(claims.exp)));
    }
    if let Some(begin) = claims.nbf.filter(|begin| millis(*begin).saturating_sub(LEEWAY) > now.as_millis()) {
        return Err(Check::new("nbf", format!("a time before {now}"), &instant(begin)));
    }
    if text("nonce") != Some(expected.nonce) {
        return Err(Check::new("nonce", "that of this sign-in", "another, or none"));
    }
    Ok(())
}

/// A claim of a time as an instant, as what it is compared with is written.
fn instant(seconds: f64) -> String {
    Timestamp::from_millis(millis(seconds)).to_string()
}

/// Milliseconds since 1970.
#[allow(clippy::cast_possible_truncation, reason = "the conversion saturates")]
fn millis(seconds: f64) -> i64 {
    (seconds * 1000.0) as i64
}

/// Whom the claims name, with the highest of the roles that they give.
pub(super) fn person(said: &Map<String, Value>, settings: &OidcSettings) -> Result<Administrator, Refusal> {
    let name = name(said, settings);
    let claim = settings.claim.as_str();
    let given = if claim.starts_with('/') { inside(said, claim) } else { said.get(claim) };
    let several = given.and_then(Value::as_array).into_iter().flatten();
    let words = given.into_iter().chain(several).filter_map(Value::as_str);
    match words.filter_map(|word| Role::parse(word).ok()).filter(|role| role.is_of_people()).max() {
        Some(role) => Ok(Administrator::person(&name, role)),
        None => Err(Refusal::Role { name, claim: claim.to_owned() }),
    }
}

/// What a JSON Pointer leads to.
fn inside<'a>(said: &'a Map<String, Value>, pointer: &str) -> Option<&'a Value> {
    let (first, rest) = match pointer.get(1..)?.split_once('/') {
        Some((first, rest)) => (first, format!("/{rest}")),
        None => (pointer.get(1..)?, String::new()),
    };
    said.get(&first.replace("~1", "/").replace("~0", "~"))?.pointer(&rest)
}

/// What events call them: the e-mail address unless it is known to be unverified, or what the provider calls them, always
/// with its host behind it. So it is never the name of a token, nor an address that somebody gave themselves for a name.
fn name(said: &Map<String, Value>, settings: &OidcSettings) -> String {
    let is_unverified = said.get("email_verified").is_some_and(|is| *is == false || *is == "false");
    let plain = |text: &str| -> String { text.trim().chars().filter(|c| !c.is_control()).take(LONGEST).collect() };
    let claim = |name: &str| said.get(name).and_then(Value::as_str).map(plain).filter(|text| !text.is_empty());
    let email = claim("email").filter(|email| !is_unverified && email.contains('@'));
    email.unwrap_or_else(|| {
        let name = claim("preferred_username").or_else(|| claim("sub")).unwrap_or_default();
        format!("{name}@{}", settings.host.trim_end_matches(":443"))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(claim: &str) -> OidcSettings {
        OidcSettings {
            issuer: "https://login.example".to_owned(),
            host: "login.example:443".to_owned(),
            client_id: "console".to_owned(),
            client_secret_file: None,
            scope: "openid".to_owned(),
            claim: claim.to_owned(),
        }
    }

    #[track_caller]
    fn given(claims: Value, claim: &str) -> Option<Role> {
        let Value::Object(said) = claims else { panic!("an object") };
        person(&said, &settings(claim)).ok().map(|person| person.role)
    }

    #[test]
    fn the_highest_role_counts_and_none_is_none() {
        use Role::{Administrator, Operator, Viewer};
        assert_eq!(given(json!({"roles": "viewer"}), "roles"), Some(Viewer));
        assert_eq!(given(json!({"roles": ["x", "operator", "viewer"]}), "roles"), Some(Operator));
        assert_eq!(given(json!({"a/b": {"r": ["administrator"]}}), "/a~1b/r"), Some(Administrator));
        assert_eq!(given(json!({"https://x.example/roles": "viewer"}), "https://x.example/roles"), Some(Viewer));
        for none in [json!({}), json!({"roles": []}), json!({"roles": "Viewer"}), json!({"roles": {"viewer": true}})] {
            assert_eq!(given(none.clone(), "roles"), None, "{none}");
        }
        assert_eq!(given(json!({"roles": "viewer"}), "/"), None);
    }

    #[track_caller]
    fn named(claims: Value, expect: &str) {
        let Value::Object(said) = claims else { panic!("an object") };
        assert_eq!(name(&said, &settings("roles")), expect);
    }

    #[test]
    fn a_person_is_never_named_as_a_token_is() {
        named(json!({"sub": "1", "email": "anna@example.com"}), "anna@example.com");
        named(json!({"sub": "1", "email": "root@x.example", "email_verified": false}), "1@login.example");
        named(json!({"sub": "1", "preferred_username": "anna"}), "anna@login.example");
        named(json!({"sub": "1", "email": " ", "preferred_username": "a\u{1b}[2J\n@b"}), "a[2J@b@login.example");
        let anna = "anna@example.com";
        named(json!({"sub": "1", "preferred_username": anna}), "anna@example.com@login.example");
        named(json!({"sub": anna, "email": anna, "email_verified": false}), "anna@example.com@login.example");
        named(json!({"sub": "1", "email": "anna"}), "1@login.example");
        named(json!({"sub": "x".repeat(500)}), &format!("{}@login.example", "x".repeat(LONGEST)));
    }
}
