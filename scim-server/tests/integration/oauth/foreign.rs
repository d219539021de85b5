//! Clients that others wrote: Authlib and joserfc, from PyPI, get tokens in each way and call SCIM.

use std::{path::PathBuf, process::Command};

use super::OAuth;
use crate::{
    scim2_tester::{python, run},
    server::TestServer,
};

#[test]
fn clients_of_others_get_tokens_in_each_way() {
    let sources = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/oauth_clients");
    let (python, program) = (python(&sources, "oauth-clients"), sources.join("run.py"));
    let server = TestServer::start();
    let client = OAuth::create(&server, "authlib", &[]);
    let folder = server.data();
    run(Command::new(&python).arg(&program).arg("keys").arg(folder));

    let keys = folder.join("public.json").to_string_lossy().into_owned();
    let endpoint = format!("{}/token", client.base);
    for (issuer, subject, audience) in
        [("https://idp.example", "workload", "api://scim"), (&client.id, &client.id, &endpoint)]
    {
        let exact = ["--issuer", issuer, "--subject", subject, "--audience", audience, "--jwks-file", &keys, "--json"];
        server.run_json(&[["client", "trust", "add", "--tenant", "test", "authlib"].as_slice(), &exact].concat());
    }
    let tokens = [server.origin(), server.tenant(), &client.id, &client.secret];
    run(Command::new(&python).arg(&program).arg("tokens").arg(folder).args(tokens));
}
