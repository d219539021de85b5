//! What the commands refuse and allow in a tenant of the profile `identity-center`.

use super::*;

#[test]
fn under_identity_center_tokens_are_issued_twice_at_most_and_never_shown_again() {
    let world = World::new();
    let first = world.json(&["init", "--tenant", "acme", "--profile", "identity-center"]);
    let rotated = world.json(&["token", "rotate", "--tenant", "acme", "--overlap", "7d"]);
    assert_eq!(rotated["previous"]["token_id"], first["token_id"]);
    assert!(rotated["previous"]["expires"].as_str() < first["expires"].as_str());
    world.check(&["token", "create", "--tenant", "acme"], 1, "two live tokens, which is the most");
    world.check(&["token", "rotate", "--tenant", "acme"], 1, "two live tokens, which is the most");
    let list = world.json(&["token", "list", "--tenant", "acme"]);
    assert_eq!(
        keys(&list[0]),
        [
            "token_id",
            "tenant_id",
            "tenant",
            "scopes",
            "status",
            "created",
            "expires",
            "days_left",
            "last_used",
            "rotation_waits_until"
        ]
    );
    assert_eq!(list[1]["rotation_waits_until"], list[0]["expires"]);
    assert_eq!((&list[0]["status"], &list[1]["status"]), (&"expiring".into(), &"valid".into()));

    let id = first["token_id"].as_str().unwrap();
    world.json(&["token", "delete", "--tenant", "acme", "--token-id", id]);
    world.check(&["token", "delete", "--tenant", "acme", id], 1, "has no token");
    world.check(&["token", "delete", "--tenant", "acme", "scim_x"], 1, "is not a token's id");
    let reader = world.json(&["token", "create", "--tenant", "acme", "--scope", "read", "--lifetime", "30d"]);
    assert_eq!(reader["scopes"], serde_json::json!(["read"]));
    world.check(&["token", "create", "--tenant", "acme", "--scope", "rite"], 2, "there is no scope \"rite\"");
    assert!(!stdout(&world.run(&["token", "list"])).contains("scim_"));
}

#[test]
fn under_identity_center_an_email_address_is_that_of_one_user_also_by_hand() {
    let world = World::new();
    world.json(&["init", "--tenant", "acme", "--profile", "identity-center"]);
    let user = |name: &'static str, more: &[&'static str]| {
        let user =
            ["user", "create", "--tenant", "acme", "--user-name", name, "--given-name", "A", "--family-name", "B"];
        [&user[..], &["--display-name", "A B", "--force"], more].concat()
    };
    world.json(&user("anna", &["--email", "a@example.org"]));
    // Whatever its case.
    world.check(&user("bert", &["--email", "A@example.org"]), 1, "email");
    world.check(&["user", "show", "--tenant", "acme", "bert"], 1, "There is no User");
    world.json(&user("carl", &[]));
    let email = r#"emails=[{"value":"a@example.org","type":"work","primary":true}]"#;
    world.check(&["user", "update", "--tenant", "acme", "carl", "--set", email, "--force"], 1, "email");
}

#[test]
fn under_identity_center_administrators_do_what_its_guide_asks_them_to() {
    let world = World::new();
    world.json(&["init", "--tenant", "acme", "--profile", "identity-center"]);
    let user = |force: &[&'static str]| {
        let user = ["user", "create", "--tenant", "acme", "--user-name", "bjensen", "--given-name", "Barbara"];
        let more = ["--family-name", "Jensen", "--display-name", "Barbara"];
        [&user[..], &more, force].concat()
    };
    world.check(&user(&[]), 1, "is provisioned automatically");
    let made = world.json(&user(&["--force"]));
    let id = made["id"].as_str().unwrap();
    // Google sends no groups, and OneLogin leaves those behind that it has sent.
    let group = ["group", "create", "--tenant", "acme", "--display-name", "Tour Guides", "--member", id];
    assert_eq!(world.json(&group)["displayName"], "Tour Guides");
    assert_eq!(world.json(&["group", "delete", "--tenant", "acme", "Tour Guides"])["deleted"], true);
    assert_eq!(world.json(&["user", "delete", "--tenant", "acme", "bjensen"])["deleted"], true);
}
