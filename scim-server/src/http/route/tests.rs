//! Paths, and what they name.

use super::*;

#[track_caller]
fn check(path: &str, expect: &str) {
    let found = match route(path) {
        Err(error) => format!("{}", error.kind().status()),
        Ok(Route { tenant, target: Ok(Target::Authorization(target)) }) => format!("{tenant} {target:?}"),
        Ok(Route { tenant, target: Ok(Target::Published(target)) }) => format!("{tenant} {target:?}"),
        Ok(Route { tenant, target: Ok(Target::Discovery(target)) }) => format!("{tenant} {target:?}"),
        Ok(Route { target: Ok(target @ Target::Description), .. }) => format!("{target:?}"),
        Ok(Route { tenant, target: Ok(Target::Setup(rest)) }) => format!("{tenant} {rest:?}"),
        Ok(Route { tenant, target: Ok(Target::Endpoint(target)) }) => format!("{tenant} {target:?}"),
        Ok(Route { tenant, target: Err(why) }) => format!("{tenant} {why:?}"),
    };
    assert_eq!(found, expect, "{path}");
}

#[test]
fn paths_name_their_targets() {
    check("/t/events/v1", "t Feed(Events)");
    check("/t/events/v1/", "t Feed(Events)");
    check("/t/events/v1/consumers", "t Feed(Consumers)");
    check("/t/events/v1/consumers/crm", "t Feed(Consumer(\"crm\"))");
    check("/t/events/v1/consumers/crm/receive", "t Feed(Receive(\"crm\"))");
    check("/t/events/v1/consumers/crm/ack", "t Feed(Acknowledge(\"crm\"))");
    check("/t/events/v1/consumers/crm/x", "404");
    check("/t/events/v1/consumers//ack", "404");
    check("/t/events/v1/consumers/crm/ack/x", "404");
    check("/t/events/v2", "404");
    check("/t/events/v1/x", "404");
    check("/.well-known/ssf-configuration/t", "t Transmitter");
    check("/.well-known/ssf-configuration/t/", "t Transmitter");
    check("/.well-known/ssf-configuration/s/t", "404");
    check("/.well-known/ssf-configuration/", "404");
    check("/t/ssf-configuration/t", "404");
    check("/t/ssf/v1/jwks", "t Keys");
    check("/t/ssf/v1/streams", "t Signals(Streams)");
    check("/t/ssf/v1/status", "t Signals(Status)");
    check("/t/ssf/v1/verify", "t Signals(Verify)");
    check("/t/ssf/v1/subjects/add", "t Signals(Subject { is_added: true })");
    check("/t/ssf/v1/subjects/remove", "t Signals(Subject { is_added: false })");
    check("/t/ssf/v1/subjects", "404");
    check("/t/ssf/v1/completions/7", "t Signals(Completion(\"7\"))");
    check("/t/ssf/v1/poll/7", "t Signals(Poll(\"7\"))");
    check("/t/ssf/v1/poll/", "404");
    check("/t/ssf/v1/poll/7/8", "404");
    check("/t/ssf/v2/jwks", "404");
    check("/.well-known/ssf/v1/jwks", "404");
    check("/t/oauth2/token", "t Token");
    check("/t/oauth2/revoke", "t Revoke");
    check("/t/oauth2/introspect", "t Introspect");
    check("/t/oauth2/token/", "404");
    check("/t/oauth2/authorize", "404");
    check("/.well-known/oauth-authorization-server/t/oauth2", "t Metadata");
    check("/.well-known/oauth-authorization-server/t/oauth2/", "t Metadata");
    check("/.well-known/oauth-authorization-server/t", "404");
    check("/.well-known/oauth-authorization-server/s/t/oauth2", "404");
    check("/t/scim/v2/Users", "t Resources(\"/Users\")");
    check("/t/scim/v2/Users/", "t Resources(\"/Users\")");
    check("/t/scim/v2/Users/2819c223", "t Resource(\"/Users\", \"2819c223\")");
    check("/t/scim/v2/Users/.search", "t Search(Some(\"/Users\"))");
    check("/t/scim/v2/.search", "t Search(None)");
    check("/t/scim/v2", "t Root");
    check("/t/scim/v2/", "t Root");
    check("/t/scim/v2/Bulk", "t Bulk");
    check("/t/scim/v2/Me", "t Me");
    check("/t/scim/v2/Schemas/urn%3Aietf%3Ax", "t Schemas(Some(\"urn:ietf:x\"))");
    check("/t/scim/v2/ResourceTypes/User", "t ResourceTypes(Some(\"User\"))");
    check("/t/scim/v2//Users", "t Resources(\"/Users\")");
    check("/t/scim/v2//", "t Root");
    check("/t/scim/v2/Users/a/b", "t Unknown");
    check("/t/scim/v1/Users", "t Version");
    check("/t/scim/Users", "t Unknown");
    check("/openapi.json", "Description");
    check("/openapi.json/", "404");
    check("/t/openapi.json", "404");
    check("/setup", "setup \"\"");
    check("/setup/", "setup \"/\"");
    check("/setup/scim/v2/Users", "setup \"/scim/v2/Users\"");
    check("/setups", "404");
    check("/Setup/x", "404");
    check("//setup", "404");
    check("/t/other", "404");
    check("/", "404");
    check("", "404");
}

#[test]
fn each_target_says_which_methods_it_takes() {
    assert!(Endpoint::Resources("/Users".into()).require("POST").is_ok());
    let error = Discovery::Schemas(None).require("POST").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MethodNotAllowed("GET, HEAD"));
}
