//! `health`: asks the running server whether it can take requests, as its listener for administrators answers
//! `/readyz`. The program needs neither a shell nor `curl` beside it for that, which a container does not have.

use serde_json::json;

use super::{Failure, session::find_server, show::write};
use crate::{
    admin::data_dir::DataDir,
    config::{Config, Given},
};

/// Fails, with the reason, if the server cannot take requests or if none runs.
pub(super) async fn run(given: &Given, json: bool) -> Result<(), Failure> {
    let data_dir = DataDir::new(Config::data(given)?);
    let Some(server) = find_server(&data_dir).await? else {
        return Err(Failure::said(format!(
            "no server runs on {}; name the data directory of yours with --data or --config",
            data_dir.path().display()
        )));
    };
    if let Some(reason) = server.not_ready().await? {
        return Err(Failure::said(reason));
    }
    write(&if json { format!("{}\n", json!({"ready": true})) } else { "The server is ready.\n".to_owned() })
}
