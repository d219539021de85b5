//! What an ID token must say (OpenID Connect Core 1.0 §3.1.3.7), and whom it names.

use scim_protocol::Timestamp;
use serde_json::{Map, Value};

use super::Refusal;
use crate::{
    admin::{Administrator, Role},
    config::OidcSettings,
    oauth::{Check, jwt::Unverified},
    web::clipped,
};

/// How far clocks may be apart, in milliseconds.
const LEEWAY: i64 = 60 * 1000;

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

/// What events call them. An e-mail address stands alone where the provider says that it is theirs. What else the provider
/// calls them has its host before it, and also the claim, unless that is `preferred_username`. So nobody has the name of
/// another, whichever claims they can choose, and no name is that of a token.
fn name(said: &Map<String, Value>, settings: &OidcSettings) -> String {
    let claim = |name: &str| said.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let is_verified = said.get("email_verified").is_some_and(|is| *is == true || *is == "true");
    let email = claim("email");
    if let Some(email) = email.filter(|email| is_verified && is_address(email)) {
        return email.to_owned();
    }
    let (which, name) = if let Some(name) = claim("preferred_username") {
        ("", name)
    } else if let Some(email) = email {
        ("email/", email)
    } else {
        ("sub/", claim("sub").unwrap_or_default())
    };
    format!("{}/{which}{}", settings.host.trim_end_matches(":443"), written(name))
}

/// Whether a text is an e-mail address that looks like no other: each sign of it is seen, and it is in no need of quotes.
fn is_address(text: &str) -> bool {
    // The last three join letters or colour a picture: elsewhere nobody sees them.
    let is_unfit = |c: char| c.is_whitespace() || matches!(c, '/' | '\u{200c}' | '\u{200d}' | '\u{fe0f}');
    let has_sides = |(name, host): (&str, &str)| !name.is_empty() && !host.is_empty() && !host.contains('@');
    text.split_once('@').is_some_and(has_sides) && !text.contains(is_unfit) && clipped(text) == text
}

/// A name of which each sign is seen, and none divides it. What is written out of another name is not the same, since a
/// sign that somebody has written out themselves is written out, too.
fn written(name: &str) -> String {
    let name = name.replace("\\u{", "\\u{5c}u{").replace('/', "\\u{2f}").replace(' ', "\\u{20}");
    clipped(&name)
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

    const ANNA: &str = "anna@example.com";

    #[test]
    fn an_address_stands_alone_where_it_is_verified() {
        for verified in [json!(true), json!("true")] {
            named(json!({"sub": "1", "preferred_username": "x", "email": ANNA, "email_verified": verified}), ANNA);
        }
        let others = [json!(false), json!(null), json!(0), json!(1), json!([true])];
        let words = ["false", "False", "FALSE", "True", "0", "1", "no", ""].map(|word| json!(word));
        for other in others.into_iter().chain(words) {
            let claims = json!({"sub": "1", "email": ANNA, "email_verified": other});
            named(claims, "login.example/email/anna@example.com");
        }
        named(json!({"sub": "1", "email": ANNA}), "login.example/email/anna@example.com");
    }

    #[test]
    fn everybody_else_has_the_host_before_their_name() {
        named(json!({"sub": "1", "preferred_username": "anna", "email": ANNA}), "login.example/anna");
        named(json!({"sub": "1", "preferred_username": ANNA}), "login.example/anna@example.com");
        named(json!({"sub": ANNA}), "login.example/sub/anna@example.com");
        named(json!({"sub": "1", "preferred_username": "", "email": ""}), "login.example/sub/1");
        named(json!({"sub": "1", "preferred_username": "D\\anna"}), "login.example/D\\anna");
        named(json!({"sub": "a\u{1b}[2J\nb /c "}), "login.example/sub/a\\u{1b}[2J\\u{a}b\\u{20}\\u{2f}c\\u{20}");
        named(json!({"sub": "x".repeat(500)}), &format!("login.example/sub/{}…", "x".repeat(199)));
    }

    #[test]
    fn no_two_have_one_name() {
        let mut names = std::collections::BTreeSet::new();
        let mut add = |claims: Value| {
            let name = name(claims.as_object().unwrap(), &settings("roles"));
            assert_eq!(name.contains('/'), name != ANNA, "{name}");
            assert!(!name.contains(|c: char| c.is_control() || c.is_whitespace()), "{name}");
            assert!(names.insert(name), "{claims}");
        };
        let addresses = [
            ANNA,
            "an\nna@example.com",
            "an\rna@example.com",
            "an\0na@example.com",
            "anna\u{7f}@example.com",
            "anna@example.com\u{85}",
            " anna@example.com",
            "anna@example.com ",
            "\tanna@example.com",
            "an\u{200b}na@example.com",
            "an\u{200d}na@example.com",
            "anna@example.com\u{fe0f}",
            "an\\u{a}na/@example.com",
            "anna@@example.com",
            "anna@example.com@login.example",
            "@example.com",
            "anna@",
            "anna",
            "a/nna@example.com",
        ];
        for email in addresses {
            add(json!({"sub": "1", "email": email, "email_verified": true}));
        }
        for username in
            ["1", "sub/1", "email/1", "login.example/1", ANNA, "a\u{1b}", "a\\u{1b}", "a\\u{5c}u{1b}", "\\\u{1b}"]
        {
            add(json!({"sub": "1", "preferred_username": username}));
        }
        for claims in [json!({"sub": "1"}), json!({"sub": "2", "email": "1"}), json!({"sub": ANNA})] {
            add(claims);
        }
    }
}
