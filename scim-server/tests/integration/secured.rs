//! The way to the database: TLS with certificates that are checked, passwords, and what is said when
//! one of them is wrong.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;

use crate::{
    database::Cluster,
    server::{TestServer, program},
};

const PASSWORD: &str = "s3cret: with @ and /";
/// The same in a URL.
const ENCODED: &str = "s3cret%3A%20with%20%40%20and%20%2F";

/// A certificate authority: its certificate as PEM, and what it signs with.
pub fn authority() -> (String, Issuer<'static, KeyPair>) {
    let key = KeyPair::generate().expect("a key");
    let mut parameters = CertificateParams::new(Vec::new()).expect("parameters");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = parameters.self_signed(&key).expect("a certificate").pem();
    (certificate, Issuer::new(parameters, key))
}

/// What ends TLS for `localhost`, and the certificate (PEM) of the authority that vouches for it.
pub fn localhost() -> (String, TlsAcceptor) {
    let (authority, signer) = authority();
    let key = KeyPair::generate().expect("a key");
    let parameters = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let certificate = parameters.signed_by(&key, &signer).expect("a certificate");
    let secret = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], secret)
        .expect("a certificate");
    (authority, TlsAcceptor::from(Arc::new(config)))
}

/// A database that is good for `localhost` and for one address of two, and files around it.
struct World {
    cluster: Cluster,
    directory: TempDir,
}

impl World {
    fn new() -> Self {
        let (own, issuer) = authority();
        let key = KeyPair::generate().expect("a key");
        let mut parameters = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
        // As far as the program knows, this is the address of another machine.
        parameters.subject_alt_names.push(SanType::IpAddress([127, 0, 0, 2].into()));
        let certificate = parameters.signed_by(&key, &issuer).expect("a certificate");
        let cluster = Cluster::listening(&certificate.pem(), &key.serialize_pem());
        cluster.sql(&format!("CREATE ROLE scim LOGIN PASSWORD '{PASSWORD}'"));
        cluster.sql("CREATE SCHEMA AUTHORIZATION scim");
        let world = Self { cluster, directory: tempfile::tempdir().expect("a temporary directory") };
        for (name, content) in [
            ("own.pem", own.as_str()),
            ("other.pem", &authority().0),
            ("empty.pem", "nothing of the kind\n"),
            // As an editor leaves it: with the end of its line.
            ("password", &format!("{PASSWORD}\n")),
            ("wrong", "guess"),
        ] {
            std::fs::write(world.path(name), content).expect("a file");
        }
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn url(&self, user: &str, host: &str, parameters: &str) -> String {
        format!("postgres://{user}@{host}:{}/postgres{parameters}", self.cluster.port())
    }

    fn migrate(&self, url: &str, ca: Option<&str>, password: Option<&str>) -> Command {
        let mut command = program(self.directory.path());
        command.args(["migrate"]).env("SCIM_SERVER_STORE", url).stdin(Stdio::null());
        for (setting, file) in [("--store-ca", ca), ("--store-password-file", password)] {
            if let Some(file) = file {
                command.arg(setting).arg(self.path(file));
            }
        }
        command
    }

    /// Whether a connection is made; else these words must be in what is said.
    #[track_caller]
    fn check(&self, url: &str, ca: Option<&str>, password: Option<&str>, expect: Result<(), &[&str]>) {
        let output = self.migrate(url, ca, password).output().expect("the program");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), expect.is_ok(), "{url} {ca:?} {password:?}: {said}");
        if let Err(words) = expect {
            assert!(words.iter().all(|word| said.contains(word)), "{url} {ca:?} {password:?}: {said}");
        }
        assert!(!said.contains(PASSWORD) && !said.contains(ENCODED), "{said}");
    }
}

#[test]
fn the_databases_certificate_is_checked_and_so_is_the_password() {
    let world = World::new();
    let (ca, password) = (Some("own.pem"), Some("password"));
    let at = |host: &str, parameters: &str| world.url("scim", host, parameters);
    let required = at("localhost", "?sslmode=require");

    // The right authority, in each of the ways to say that there is to be TLS.
    world.check(&required, ca, password, Ok(()));
    world.check(&at("localhost", "?sslmode=verify-full"), ca, password, Ok(()));
    world.check(&at("localhost", "?sslmode=verify-ca"), ca, password, Ok(()));
    // Another machine is asked for TLS unless the URL says otherwise.
    world.check(&at("127.0.0.2", ""), ca, password, Ok(()));
    world.check(&at("127.0.0.2", "?sslmode=prefer"), ca, password, Ok(()));
    let plain: &[&str] = &["no encryption", "pg_hba.conf", "sslmode=require"];
    world.check(&at("127.0.0.2", "?sslmode=disable"), ca, password, Err(plain));
    // This one is not.
    world.check(&at("localhost", ""), ca, password, Err(plain));

    // Wrong authorities, names and files.
    let authority: &[&str] = &["not from an authority that is trusted here", "store_ca"];
    world.check(&required, Some("other.pem"), password, Err(authority));
    world.check(&required, None, password, Err(authority));
    world.check(&at("127.0.0.2", ""), Some("other.pem"), password, Err(authority));
    let name: &[&str] = &["another host name than the URL has"];
    world.check(&at("127.0.0.1", "?sslmode=require"), ca, password, Err(name));
    world.check(&at("127.0.0.1", "?sslmode=verify-ca"), ca, password, Err(name));
    world.check(&required, Some("empty.pem"), password, Err(&["empty.pem", "there is none in it"]));
    world.check(&required, Some("absent.pem"), password, Err(&["cannot read the certificates in", "absent.pem"]));

    // Passwords.
    world.check(&world.url(&format!("scim:{ENCODED}"), "localhost", "?sslmode=require"), ca, None, Ok(()));
    world.check(&required, ca, None, Err(&["asks for a password", "store_password_file"]));
    world.check(&required, ca, Some("wrong"), Err(&["password authentication failed", "store_password_file"]));
    world.check(&required, ca, Some("absent"), Err(&["cannot read the database's password in", "absent"]));
    let stranger = world.url("nobody", "localhost", "?sslmode=require");
    world.check(&stranger, ca, password, Err(&["pg_hba.conf has no place for this user"]));
    let elsewhere = required.replace("/postgres?", "/nowhere?");
    world.check(&elsewhere, ca, password, Err(&["CREATE DATABASE"]));

    // A database without TLS is not spoken to in the clear.
    world.cluster.sql("ALTER SYSTEM SET ssl = off");
    world.cluster.sql("SELECT pg_reload_conf()");
    world.check(&required, ca, password, Err(&["does not support TLS", "ssl = on", "sslmode=disable"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_connection_of_a_server_is_encrypted() {
    let world = World::new();
    let url = world.url(&format!("scim:{ENCODED}"), "127.0.0.2", "");
    let ca = world.path("own.pem").to_string_lossy().into_owned();
    let server = TestServer::with(crate::server::Options {
        store: Some(url),
        args: vec!["--store-ca".to_owned(), ca],
        ..crate::server::Options::default()
    });
    let client = server.client();
    client.user("anna").await;
    client.get("/Users?count=1").await.expect(200);
    let counted = "SELECT count(*) FILTER (WHERE s.ssl) > 0 AND count(*) FILTER (WHERE NOT s.ssl) = 0 \
        FROM pg_stat_ssl AS s JOIN pg_stat_activity AS a USING (pid) WHERE a.application_name = 'scim-server'";
    assert_eq!(world.cluster.sql(counted), "t");
}
