//! The certificate in the console: whoever looks at the overview sees it end before providers refuse it.

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rcgen::{CertificateParams, KeyPair};

use super::Visitor;
use crate::server::{Options, PATIENCE, TestServer};

const DAY: u64 = 86_400;

/// Writes a certificate and its key that end then, in seconds since 1970.
fn write(folder: &Path, end: u64) -> [String; 2] {
    let key = KeyPair::generate().expect("a key");
    let mut wanted = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    wanted.not_before = rcgen::date_time_ymd(1990, 1, 1);
    wanted.not_after = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(end);
    let certificate = wanted.self_signed(&key).expect("a certificate").pem();
    let files = ["cert.pem", "key.pem"].map(|name| folder.join(name).to_string_lossy().into_owned());
    fs::write(&files[0], certificate).expect("the certificate");
    fs::write(&files[1], key.serialize_pem()).expect("the key");
    files
}

#[tokio::test]
async fn a_certificate_that_ends_needs_a_person() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs();
    let folder = tempfile::tempdir().expect("a directory");
    let [cert, key] = write(folder.path(), now + 10 * DAY + DAY / 2);
    let server = TestServer::with(Options::args(&["--console", "--tls-cert", &cert, "--tls-key", &key]));
    let root = Visitor::root(&server).await;
    let shows = async |words: &str, badge: &str, figure: &str| {
        let end = std::time::Instant::now() + PATIENCE;
        loop {
            let page = root.get("/console").await.expect(200).text;
            if page.contains(words) {
                let row = page.split("<tr>").find(|row| row.contains(words)).expect("a row");
                assert!(row.contains(badge) && row.contains("/console/server"), "{row}");
                // The figures count what is listed, whatever it is of.
                assert!(page.contains(&format!("<dt>{figure}</dt><dd>1</dd>")), "{figure}: {page}");
                return;
            }
            assert!(std::time::Instant::now() < end, "never {words:?}: {page}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    shows("The certificate ends in 11 days. Renew it", "badge warn", "Needs attention").await;
    assert!(root.get("/console/server").await.expect(200).text.contains("badge warn\">11 days"));

    let acme = ["admin-token", "create", "--name", "t", "--role", "viewer", "--tenant", "test", "--json"];
    let acme = server.run_json(&acme);
    let one = Visitor::by_token(&server, acme["token"].as_str().expect("a token")).await;
    assert!(!one.get("/console").await.expect(200).text.contains("certificate"), "it is the server's");

    // Another one takes its place while the server runs.
    write(folder.path(), now - DAY);
    server.signal("HUP");
    shows("The certificate has ended: providers refuse it", "badge bad", "Failing").await;
    write(folder.path(), now + 300 * DAY);
    server.signal("HUP");
    while root.get("/console").await.expect(200).text.contains("The certificate has ended") {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(root.get("/console/server").await.expect(200).text.contains("badge good\">300 days"));
}
