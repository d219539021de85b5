//! An error of the directory keeps its causes.

use std::{error::Error, io, process::Command};

use sync_agent::{Config, DirectoryError, open_source};
use tokio::net::UnixListener;

/// A configuration whose only directory is the socket of this name.
struct Setup {
    folder: tempfile::TempDir,
}

impl Setup {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let socket = folder.path().join("ldapi").display().to_string().replace('/', "%2F");
        let text = format!(
            r#"
[source]
urls = ["ldapi://{socket}"]
bases = ["dc=test"]
canary = "dc=test"
bind = {{ external = true }}
[target]
url = "https://scim.example.test"
token_file = "token"
[scope]
users = ["*"]
"#
        );
        std::fs::write(folder.path().join("token"), "secret").expect("a file");
        std::fs::write(folder.path().join("sync-agent.toml"), text).expect("a file");
        Self { folder }
    }

    async fn open(&self) -> DirectoryError {
        let config = Config::read(&self.folder.path().join("sync-agent.toml")).expect("a configuration");
        open_source(&config.source, Vec::new()).await.err().expect("no directory is there")
    }
}

/// The first cause of this type.
fn cause<T: Error + 'static>(error: &DirectoryError) -> Option<&T> {
    anyhow::Chain::new(error).skip(1).find_map(|cause| cause.downcast_ref())
}

#[tokio::test]
async fn a_server_that_cannot_be_reached() {
    let error = Setup::new().open().await;
    assert!(matches!(error, DirectoryError::Unreachable(_)), "{error}");
    assert_eq!(cause::<io::Error>(&error).map(io::Error::kind), Some(io::ErrorKind::NotFound), "{error:?}");
}

#[tokio::test]
async fn a_connection_that_is_lost() {
    let setup = Setup::new();
    let listener = UnixListener::bind(setup.folder.path().join("ldapi")).expect("a socket");
    let hang_up = async { drop(listener.accept().await.expect("a connection")) };
    let (error, ()) = tokio::join!(setup.open(), hang_up);
    assert!(matches!(error, DirectoryError::Lost { .. }), "{error}");
    assert!(cause::<ldap3::LdapError>(&error).is_some(), "{error:?}");
}

#[test]
fn check_prints_the_cause_once() {
    let setup = Setup::new();
    let mut program = Command::new(env!("CARGO_BIN_EXE_sync-agent"));
    let ran = program.arg("--config").arg(setup.folder.path().join("sync-agent.toml")).arg("check").output();
    let printed = String::from_utf8(ran.expect("the program runs").stdout).expect("text");
    let (_, error) = printed.split_once("BAD   no directory server could be reached:").expect("the error");
    assert_eq!(error.matches("No such file or directory").count(), 1, "{printed}");
}
