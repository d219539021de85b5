//! Tables for what configuration files, the environment and flags mean together.

use std::io::Write as _;

use super::*;
use crate::http::listen::ConnectionLimits;

/// The configuration of a file's text under what the environment and flags say.
fn read(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Config, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("scim.toml");
    std::fs::write(&path, file).unwrap();
    let mut given = Given::default();
    given.file = Some(path.clone());
    for (key, value) in environment {
        let setting = setting::find(key).unwrap();
        given.set(setting, (*value).to_owned(), Origin::Environment(setting.variable()));
    }
    for (key, value) in flags {
        let setting = setting::find(key).unwrap();
        given.set(setting, (*value).to_owned(), Origin::Flag(setting.flag()));
    }
    Config::read(&given).map_err(|error| error.to_string().replace(&path.display().to_string(), "scim.toml"))
}

#[track_caller]
fn check_refused(file: &str, expect: &str) {
    assert_eq!(read(file, &[], &[]).map(|_| ()).unwrap_err(), expect);
}

#[test]
fn an_empty_file_means_the_defaults() {
    let config = read("", &[], &[]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.page_size, 100);
    assert_eq!(config.rate_limit, None);
    assert_eq!(config.event_retention, Some(Duration::from_secs(90 * 86_400)));
    // What stands in the table of settings is what a part has where nobody sets it.
    assert_eq!(config.max_connections, ConnectionLimits::default().max_connections);
    assert_eq!(config.cache, None);
}

#[test]
fn flag_before_environment_before_file_before_default() {
    let page = |file, environment: &[_], flags: &[_]| read(file, environment, flags).unwrap().page_size;
    assert_eq!(page("", &[], &[]), 100);
    assert_eq!(page("page_size = 20", &[], &[]), 20);
    assert_eq!(page("page_size = 20", &[("page_size", "30")], &[]), 30);
    assert_eq!(page("page_size = 20", &[("page_size", "30")], &[("page_size", "40")]), 40);
    assert_eq!(page("page_size = 20", &[], &[("page_size", "40")]), 40);
}

#[test]
fn values_have_units_and_types() {
    let file = "# comment\nmax_body = \"2MiB\"\nrequest_timeout = \"1m30s\"\ntrust_forwarded = true\nrate_limit = 0\nevent_retention = \"0\"\npublic_url = \"https://scim.example.com/\"\naudit_log = \"-\"\n";
    let config = read(file, &[], &[]).unwrap();
    assert_eq!(config.max_body, 2 << 20);
    assert_eq!(config.request_timeout, Duration::from_secs(90));
    assert!(config.trust_forwarded);
    assert_eq!(config.rate_limit, None);
    assert_eq!(config.event_retention, None);
    assert_eq!(config.public_url.as_deref(), Some("https://scim.example.com"));
    assert_eq!(config.audit_log, Some(Destination::Stdout));
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    check_refused(
        "# one\n\npage_sise = 10",
        "scim.toml, line 3: there is no setting \"page_sise\"; did you mean \"page_size\"?",
    );
    check_refused(
        "admin-listen = \"x\"",
        "scim.toml, line 1: there is no setting \"admin-listen\"; did you mean \"admin_listen\"?",
    );
    check_refused(
        "discovery = 1",
        "scim.toml, line 1: there is no setting \"discovery\"; `scim-server help serve` lists all settings",
    );
    check_refused("listen = [\"127.0.0.1:1\"]", "scim.toml, line 1: listen is an array; write it as ADDR:PORT");
    check_refused("[listen]\nport = 1", "scim.toml, line 1: listen is a table; write it as ADDR:PORT");
    check_refused("data = 5", "scim.toml, line 1: data is an integer; write it as DIR");
    check_refused("log_format = true", "scim.toml, line 1: log_format is a boolean; write it as human|json");
    check_refused("page_size = 1.5", "scim.toml, line 1: page_size is a float; write it as N");
    check_refused(
        "log = \"info\"\nbody_timeout = 30",
        "scim.toml, line 2: body_timeout: \"30\" is not a duration; write a number and a unit, such as 30s, 15m, 12h or 7d",
    );
    check_refused("page_size = 0", "scim.toml, line 1: page_size: 0 would refuse everything; write a number from 1");
    check_refused(
        "page_size = 2000",
        "page_size (2000) is larger than max_page_size (1000); lower the one or raise the other",
    );
    check_refused("tls_cert = \"a.pem\"", "tls_cert needs tls_key: set both or neither");
    for target in ["", "audit_log = \"-\"\n"] {
        check_refused(
            &format!("{target}audit_log_size = \"1MiB\""),
            "audit_log_size needs audit_log to be a file: set audit_log, or leave audit_log_size at 0",
        );
    }
    check_refused("listen = \"\"", "scim.toml, line 1: listen: listen cannot be empty");
}

#[test]
fn proxies_are_networks_or_addresses() {
    let config = read("trusted_proxies = \"10.0.0.0/8, 2001:db8::5,\"", &[], &[]).unwrap();
    let networks: Vec<_> = config.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["10.0.0.0/8", "2001:db8::5/128"]);
    let error = read("trusted_proxies = \"10.0.0.0/33\"", &[], &[]).unwrap_err();
    assert!(error.contains("\"10.0.0.0/33\" is neither an address nor a network"), "{error}");
}

#[test]
fn the_layer_that_said_it_is_named() {
    let error = read("page_size = 5", &[("page_size", "x")], &[]).map(|_| ()).unwrap_err();
    assert_eq!(error, "environment variable SCIM_SERVER_PAGE_SIZE: \"x\" is not a whole number, or too large");
    let error = read("", &[], &[("listen", "8080")]).map(|_| ()).unwrap_err();
    assert!(error.starts_with("--listen: \"8080\" is not an address and a port"), "{error}");
}

#[test]
fn a_provider_and_the_client_at_it_belong_together() {
    let issuer = "console_issuer = \"https://login.example.com/\"\n";
    let oidc = read(&format!("{issuer}console_client_id = \"console\""), &[], &[]).unwrap().console.oidc.unwrap();
    assert_eq!((&*oidc.issuer, &*oidc.host), ("https://login.example.com/", "login.example.com:443"));
    assert_eq!((&*oidc.scope, &*oidc.claim), ("openid email profile", "roles"));
    for one in [issuer, "console_client_id = \"console\""] {
        let error = read(one, &[], &[]).map(|_| ()).unwrap_err();
        assert!(error.contains("set both or neither"), "{error}");
    }
}

#[test]
fn a_misspelt_variable_is_told_and_those_of_a_kubernetes_service_are_not() {
    let misspelt = |names: &[&str]| layers::misspelt(names.iter().map(|name| (*name).to_owned()));
    assert_eq!(
        misspelt(&["SCIM_SERVER_LISEN", "HOME"]),
        [
            "the environment variable SCIM_SERVER_LISEN sets nothing: there is no such setting; did you mean SCIM_SERVER_LISTEN?"
        ]
    );
    assert!(misspelt(&["SCIM_SERVER_DISCOVERY"])[0].ends_with("`scim-server help serve` lists all settings"));
    let known = ["SCIM_SERVER_CONFIG", "SCIM_SERVER_LISTEN"];
    let services = ["SCIM_SERVER_SERVICE_HOST", "SCIM_SERVER_SERVICE_PORT_HTTP", "SCIM_SERVER_PORT_8080_TCP_ADDR"];
    for names in [&known[..], &services, &["SCIM_SERVER_ADMIN_SERVICE_HOST", "SCIM_SERVER_ADMIN_PORT"]] {
        assert_eq!(misspelt(names), [""; 0]);
    }
}

#[test]
fn every_setting_of_the_table_is_read() {
    for setting in SETTINGS {
        let refused = read("", &[], &[(setting.key, "\0")]);
        assert!(refused.is_err(), "{} takes anything, or nobody reads it", setting.key);
    }
}

#[test]
fn what_a_running_server_cannot_change_is_what_the_table_says() {
    let mut picture = tempfile::NamedTempFile::new().unwrap();
    picture.write_all(b"\x89PNG\r\n\x1a\n").unwrap();
    for setting in SETTINGS.iter().filter(|setting| setting.key != "first_tenant") {
        let other = match setting.value {
            _ if setting.key == "operator_logo" => picture.path().to_str().unwrap(),
            "COLOUR" => "#1d58b0",
            "DIR" | "FILE" => "elsewhere",
            "ADDR:PORT" => "127.0.0.1:99",
            "URL" if setting.key == "store" => "postgres://other@db/scim",
            "URL" => "https://other.example.com",
            "true|false" => "true",
            "DURATION" => "99s",
            "SIZE" => "99MiB",
            "RATIO" => "0.5",
            "URL,…" => "tls://other.example.com:4222",
            "SUBJECT" => "other",
            "SCOPE" => "openid other",
            "CIDR,…" => "192.0.2.0/24,::1",
            "FILTER" => "debug",
            "human|json" => "json",
            _ => "107",
        };
        // Without which others cannot be set.
        let base = [
            ("tls_cert", "c"),
            ("tls_key", "k"),
            ("audit_log", "a"),
            ("audit_log_size", "1MiB"),
            ("console_issuer", "https://login.example.com"),
            ("console_client_id", "console"),
            ("event_kafka_cert", "c"),
            ("event_kafka_key", "k"),
        ];
        let before = read("", &[], &base).unwrap();
        let after = read("", &base, &[(setting.key, other)]).unwrap();
        assert_ne!(before, after, "{}", setting.key);
        let expect: &[&str] = if setting.live { &[] } else { &[setting.key] };
        assert_eq!(before.needs_restart(&after), expect, "{}", setting.key);
    }
}
