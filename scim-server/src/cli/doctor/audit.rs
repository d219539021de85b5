//! The audit log: whether it can be written, and whether the running server could.

use std::{fs::OpenOptions, io, path::Path};

use super::{Check, disk};
use crate::{
    admin::data_dir::DataDir,
    audit::Destination,
    cli::{fault, session::find_server},
    config::Config,
};

const NAME: &str = "audit log";

/// Looks at it, if there is one: the running server may have another one than the configuration names.
pub(super) async fn look(config: &Config) -> Option<Check> {
    let log = config.audit_log.as_ref();
    if fails(config).await {
        let detail = match log {
            None => "the running server cannot write it, and lines wait in memory: its log says why".to_owned(),
            Some(Destination::Stdout) => {
                "the running server cannot write it to standard output: look at what reads that, and start the server again".to_owned()
            }
            Some(Destination::File { path, .. }) => format!(
                "the running server cannot write {}, and lines wait in memory: its log says why; where the disk is full, make room",
                path.display()
            ),
        };
        return Some(Check::failing(NAME, detail));
    }
    Some(match log? {
        Destination::Stdout => Check::ok(NAME, "standard output"),
        Destination::File { path, .. } => file(path),
    })
}

/// Whether a server that runs says that its last write failed.
async fn fails(config: &Config) -> bool {
    let Ok(Some(server)) = find_server(&DataDir::new(config.data.clone())).await else { return false };
    server.metrics().await.is_ok_and(|text| text.lines().any(|line| line == "scim_audit_failing 1"))
}

/// Whether the file can be written, which is not made here: it would belong to whoever looks.
fn file(path: &Path) -> Check {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match OpenOptions::new().append(true).open(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound || !directory.is_dir() => {
            Check::failing(NAME, format!("{}: {}", path.display(), fault::about(path, &error)))
        }
        _ => Check { name: NAME, ..disk(directory) },
    }
}
