//! Directories and targets that answer what none should: each ends one run with an error, and nothing
//! is removed.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::{Value, json};

use crate::{
    agent::TestAgent,
    directory::{Software, TestDirectory},
    full::EVERYTHING,
    server::TestServer,
};

/// A BER value: a tag, and its content with a length of four bytes.
fn ber(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("a length").to_be_bytes();
    [&[tag, 0x84][..], &length, content].concat()
}

fn message(id: u8, operation: &[u8], controls: &[u8]) -> Vec<u8> {
    ber(0x30, &[&[2, 1, id][..], operation, controls].concat())
}

/// A result without words: success.
fn result(tag: u8) -> Vec<u8> {
    ber(tag, &[&[0x0a, 1, 0][..], &ber(4, b""), &ber(4, b"")].concat())
}

/// So many sequences within each other.
fn nested(levels: usize) -> Vec<u8> {
    let heads = (0..levels).rev().flat_map(|level| {
        let length = u32::try_from(level * 6).expect("a length").to_be_bytes();
        [&[0x30, 0x84][..], &length].concat()
    });
    heads.collect()
}

/// What the directory answers to a search: messages, from the id of the request and the number of the
/// search, from 0.
type Answers = fn(u8, usize) -> Vec<u8>;

/// A directory that takes any bind and answers searches so. Counts them.
fn directory(answers: Answers) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("ldap://{}", listener.local_addr().expect("an address"));
    let searches = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&searches);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let counted = Arc::clone(&counted);
            std::thread::spawn(move || serve(stream, answers, &counted));
        }
    });
    (url, searches)
}

fn serve(mut stream: TcpStream, answers: Answers, searches: &AtomicUsize) -> Option<()> {
    loop {
        let mut head = [0; 2];
        stream.read_exact(&mut head).ok()?;
        let mut length = usize::from(head[1]);
        if length > 127 {
            let mut bytes = vec![0; length & 0x7f];
            stream.read_exact(&mut bytes).ok()?;
            length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).ok()?;
        // The id is one byte in these short exchanges.
        let (id, operation) = (*body.get(2)?, *body.get(3)?);
        let answer = match operation {
            0x60 => message(id, &result(0x61), &[]),
            0x63 => answers(id, searches.fetch_add(1, Ordering::SeqCst)),
            _ => return None,
        };
        stream.write_all(&answer).ok()?;
    }
}

/// An entry of this name with an identity.
fn entry(id: u8, n: usize) -> Vec<u8> {
    let values =
        |name: &str, value: &str| ber(0x30, &[ber(4, name.as_bytes()), ber(0x31, &ber(4, value.as_bytes()))].concat());
    let attributes = [
        values("uid", &format!("u{n}")),
        values("objectClass", "inetOrgPerson"),
        values("entryUUID", &format!("00000000-0000-4000-8000-{n:012}")),
    ];
    let dn = format!("uid=u{n},dc=example,dc=test");
    message(id, &ber(0x64, &[ber(4, dn.as_bytes()), ber(0x30, &attributes.concat())].concat()), &[])
}

/// The end of a page, with the cookie of the next.
fn page(id: u8, cookie: &str) -> Vec<u8> {
    let value = ber(0x30, &[&[2, 1, 0][..], &ber(4, cookie.as_bytes())].concat());
    done(id, &value)
}

/// The end of a search, with a control of pages of this value.
fn done(id: u8, value: &[u8]) -> Vec<u8> {
    let control = ber(0x30, &[ber(4, b"1.2.840.113556.1.4.319"), ber(4, value)].concat());
    message(id, &result(0x65), &ber(0xa0, &control))
}

/// Runs an agent against such a directory: the run ends with an error, and the process does not.
#[track_caller]
fn ends(answers: Answers, words: &str) -> usize {
    let (real, server) = (TestDirectory::start(Software::OpenLdap), TestServer::start());
    let agent = TestAgent::new(&real, &server, EVERYTHING);
    let (url, searches) = directory(answers);
    agent.set(real.get("LDAPS_URL"), &url);
    agent.set("password_file = \"password\" }", "password_file = \"password\", allow_plain_text = true }");
    agent.set("flavour = \"openldap\"", "flavour = \"generic\"");
    let ran = agent.run(&["apply"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains(words), "{words}: {ran:?}");
    assert!(server.all("Users").is_empty());
    searches.load(Ordering::SeqCst)
}

#[test]
fn a_message_that_is_nested_too_deep() {
    ends(|id, _| message(id, &ber(0x64, &nested(60_000)), &[]), "nested more than 32 levels");
}

#[test]
fn a_control_that_is_nested_too_deep() {
    let answers: Answers = |id, n| match n {
        // The root DSE and the first page come as they should.
        0 => [entry(id, n), message(id, &result(0x65), &[])].concat(),
        _ => [entry(id, n), done(id, &nested(60_000))].concat(),
    };
    ends(answers, "could not be taken apart");
}

#[test]
fn pages_that_come_again() {
    let answers: Answers = |id, n| match n {
        0 => [entry(id, n), message(id, &result(0x65), &[])].concat(),
        _ => [entry(id, 1), page(id, "again")].concat(),
    };
    assert!(ends(answers, "do not go on") < 10);
}

#[test]
fn pages_without_end() {
    let answers: Answers = |id, n| match n {
        0 => [entry(id, n), message(id, &result(0x65), &[])].concat(),
        n => page(id, &format!("cookie-{n}")),
    };
    // The id of a message no longer fits into one byte after a while: any error will do that ends it.
    assert!(ends(answers, "") < 2_000);
}

/// A target that answers each request by its path and the number of the request.
fn target(answer: impl Fn(&str, usize) -> String + Send + Sync + 'static) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let requests = Arc::new(AtomicUsize::new(0));
    let (counted, answer) = (Arc::clone(&requests), Arc::new(answer));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let (counted, answer) = (Arc::clone(&counted), Arc::clone(&answer));
            std::thread::spawn(move || {
                let mut seen = Vec::new();
                let mut buffer = [0; 4096];
                while !seen.windows(4).any(|end| end == b"\r\n\r\n") {
                    match stream.read(&mut buffer) {
                        Ok(length @ 1..) => seen.extend_from_slice(&buffer[..length]),
                        _ => return,
                    }
                }
                let text = String::from_utf8_lossy(&seen).into_owned();
                let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
                let body = answer(&path, counted.fetch_add(1, Ordering::SeqCst));
                let (status, body) =
                    body.split_once('|').map_or(("200 OK", body.as_str()), |(status, body)| (status, body));
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status}\r\ncontent-type: application/scim+json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
            });
        }
    });
    (url, requests)
}

fn capabilities(cursor: bool) -> String {
    json!({"patch": {"supported": true}, "filter": {"supported": false}, "pagination": {"cursor": cursor, "index": true}}).to_string()
}

/// An agent with 30 users, before such a target: so many requests are sent before the run ends.
#[track_caller]
fn ends_at(cursor: bool, words: &str, page: impl Fn(usize) -> Value + Send + Sync + 'static) -> usize {
    let (directory, server) = (TestDirectory::start(Software::OpenLdap), TestServer::start());
    directory.fill(30, 1);
    let (url, requests) =
        target(
            move |path, n| {
                if path.contains("ServiceProviderConfig") { capabilities(cursor) } else { page(n).to_string() }
            },
        );
    let agent = TestAgent::with_target(&directory, &server, &url, EVERYTHING);
    let ran = agent.run(&["apply"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains(words), "{words}: {ran:?}");
    requests.load(Ordering::SeqCst)
}

fn list(ids: impl IntoIterator<Item = usize>, total: usize, next: Option<&str>) -> Value {
    let resources = ids.into_iter().map(|id| json!({"id": id.to_string(), "userName": format!("other{id}")}));
    json!({"totalResults": total, "Resources": resources.collect::<Vec<_>>(), "nextCursor": next})
}

#[test]
fn a_list_whose_cursor_comes_again() {
    assert!(ends_at(true, "does not go on", |_| list([1, 2], 100, Some("again"))) < 10);
    assert!(ends_at(true, "does not go on", |_| list([], 100, Some("again"))) < 10);
}

#[test]
fn a_list_without_end() {
    assert!(ends_at(true, "does not end", |n| list([1], 100, Some(&n.to_string()))) < 2_000);
    assert!(ends_at(false, "does not end", |_| list([1], 1_000_000_000_000, None)) < 2_000);
}

#[test]
fn one_id_for_several_people() {
    let page =
        |_| json!({"totalResults": 2, "Resources": [{"id": "1", "userName": "a"}, {"id": "1", "userName": "b"}]});
    ends_at(false, "is given to several resources", page);
}

#[test]
fn an_answer_without_end() {
    let (directory, server) = (TestDirectory::start(Software::OpenLdap), TestServer::start());
    directory.fill(3, 1);
    let (url, _) = target(|path, _| {
        if path.contains("ServiceProviderConfig") {
            capabilities(false)
        } else {
            format!("[{}0]", "0,".repeat(2_000_000))
        }
    });
    let agent = TestAgent::with_target(&directory, &server, &url, EVERYTHING);
    let ran = agent.run(&["apply"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("more than 1000000 values"), "{ran:?}");
}

#[test]
fn what_a_target_says_is_shown_as_it_is() {
    let (directory, server) = (TestDirectory::start(Software::OpenLdap), TestServer::start());
    directory.fill(3, 1);
    let (url, _) = target(|_, _| {
        format!(
            "403 Forbidden|{}",
            json!({"detail": "no\u{1b}]0;title\u{7}\u{202e}\nsync-agent: all is well", "scimType": "\u{9b}2J"})
        )
    });
    let agent = TestAgent::with_target(&directory, &server, &url, EVERYTHING);
    for arguments in [&["apply"][..], &["check"], &["plan"], &["errors"]] {
        let ran = agent.run(arguments);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(said.contains("\\u{1b}]0;title"), "{said}");
        assert!(!said.chars().any(|c| c.is_control() && c != '\n' || c == '\u{202e}'), "{said:?}");
        assert!(!said.lines().any(|line| line.starts_with("sync-agent: all")), "{said}");
    }
}

#[test]
fn a_secret_that_others_may_read_is_told() {
    use std::os::unix::fs::PermissionsExt as _;

    let (directory, server) = (TestDirectory::start(Software::OpenLdap), TestServer::start());
    directory.fill(3, 1);
    let agent = TestAgent::new(&directory, &server, EVERYTHING);
    let mode = |mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(server.token_file(), mode.clone()).expect("a file");
        std::fs::set_permissions(agent.file("password"), mode).expect("a file");
    };
    for (bits, who) in [(0o644, "everybody on this machine"), (0o640, "its group")] {
        mode(bits);
        let told = agent.run(&["check"]).stderr;
        for words in ["source.bind.password_file", "target.token_file", who, "chmod 600"] {
            assert!(told.contains(words), "{words}: {told}");
        }
    }
    mode(0o600);
    assert!(!agent.run(&["check"]).stderr.contains("can be read by"));
}

#[test]
fn a_password_with_spaces_at_its_ends_is_sent_whole() {
    let (directory, server) = (TestDirectory::start(Software::OpenLdap), TestServer::start());
    directory.fill(3, 1);
    let agent = TestAgent::new(&directory, &server, EVERYTHING);
    for secret in
        [" leading", "trailing ", "tab\t", "no-break\u{a0}", "\u{3000}ideographic", "P\"\u{e4} s\\w;\u{f6}{1}"]
    {
        let command = std::process::Command::new("ldappasswd")
            .args(["-x", "-H", directory.get("LDAP_URL"), "-D", directory.get("BIND_DN")])
            .args(["-w", directory.get("BIND_PASSWORD"), "-s", secret, directory.get("SYNC_DN")])
            .output()
            .expect("ldappasswd");
        assert!(command.status.success(), "{command:?}");
        for end in ["", "\n", "\r\n"] {
            std::fs::write(agent.file("password"), format!("{secret}{end}")).expect("a file");
            let ran = agent.run(&["check"]);
            assert_eq!(ran.code, Some(0), "{secret:?} {ran:?}");
        }
    }
    std::fs::write(agent.file("password"), "\u{feff}secret\n").expect("a file");
    let ran = agent.run(&["check"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("byte order mark"), "{ran:?}");
}
