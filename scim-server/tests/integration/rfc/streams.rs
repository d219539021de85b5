//! HTTP/2 streams that are opened and reset at once ("rapid reset", CVE-2023-44487): frames as a
//! client library would never send them.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    thread,
    time::Duration,
};

use super::{Shared, Tenant};

static SERVER: Shared = Shared::new(&[]);

/// Streams that an attacker opens on one connection, in a burst and with patience.
const BURST: u32 = 20_000;
const PATIENT: u32 = 1_000;
/// By how much the process may grow meanwhile, in KiB.
const GROWTH: u64 = 64 * 1024;

/// The server takes so many resets of streams that it has not looked at yet, and then says
/// `ENHANCE_YOUR_CALM` and closes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_resets_ends_the_connection() {
    let tenant = SERVER.tenant();
    let attack = Attack::new(&tenant);
    let (sent, goaway) = tokio::task::spawn_blocking(move || attack.burst()).await.expect("the attack");
    // What a closed connection said last may be lost with it.
    let cut_off = goaway.map_or(sent < BURST, |code| code == ENHANCE_YOUR_CALM);
    assert!(cut_off, "after {sent} streams: {goaway:?}");
    tenant.get("/Users").await.expect(200);
}

/// Whoever waits until each request was looked at, and leaves it without its body, may go on: the
/// server stays as it is, for others and in size.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_are_taken_back_cost_no_memory() {
    let tenant = SERVER.tenant();
    tenant.get("/Users").await.expect(200);
    let before = resident(&tenant);
    let attacks = [(); 4].map(|()| {
        let attack = Attack::new(&tenant);
        tokio::task::spawn_blocking(move || attack.patient())
    });
    while attacks.iter().any(|attack| !attack.is_finished()) {
        tenant.get("/Users").await.expect(200);
    }
    for attack in attacks {
        assert_eq!(attack.await.expect("the attack"), PATIENT);
    }
    tenant.get("/Users").await.expect(200);
    let after = resident(&tenant);
    assert!(after < before + GROWTH, "from {before} to {after} KiB");
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
/// Flags.
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// Error codes.
const CANCEL: u32 = 8;
const ENHANCE_YOUR_CALM: u32 = 11;

/// A connection on which requests are made and taken back.
struct Attack {
    stream: TcpStream,
    headers: Vec<u8>,
}

impl Attack {
    fn new(tenant: &Tenant) -> Self {
        let origin = tenant.server.origin();
        let address = origin.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).expect("a beginning");
        Self { stream, headers: headers(address, tenant) }
    }

    /// Opens streams and resets them, hundreds with one write. Gives how many went out, and the error
    /// code with which the server closed.
    fn burst(mut self) -> (u32, Option<u32>) {
        let mut reader = self.stream.try_clone().expect("the other half");
        let closed = thread::spawn(move || {
            while let Some((kind, _, payload)) = read(&mut reader) {
                if let (GOAWAY, Some(&[a, b, c, d])) = (kind, payload.get(4..8)) {
                    return Some(u32::from_be_bytes([a, b, c, d]));
                }
            }
            None
        });
        let mut sent = 0;
        while sent < BURST {
            let pair = |id| {
                let open = frame(HEADERS, END_HEADERS | END_STREAM, id, &self.headers);
                [open, frame(RST_STREAM, 0, id, &CANCEL.to_be_bytes())].concat()
            };
            let bytes: Vec<u8> = (sent..sent + 500).flat_map(|number| pair(2 * number + 1)).collect();
            if self.stream.write_all(&bytes).is_err() {
                break;
            }
            sent += 500;
        }
        (sent, closed.join().expect("the reader"))
    }

    /// Opens a stream, sees that the server has read that, and resets it. Gives how many the server
    /// took.
    fn patient(mut self) -> u32 {
        for number in 0..PATIENT {
            let id = 2 * number + 1;
            let open = [frame(HEADERS, END_HEADERS, id, &self.headers), frame(PING, 0, 0, &[0; 8])].concat();
            if self.stream.write_all(&open).is_err() {
                return number;
            }
            loop {
                match read(&mut self.stream) {
                    Some((PING, ACK, _)) => break,
                    Some((GOAWAY, ..)) | None => return number,
                    Some(_) => {}
                }
            }
            if self.stream.write_all(&frame(RST_STREAM, 0, id, &CANCEL.to_be_bytes())).is_err() {
                return number;
            }
        }
        PATIENT
    }
}

/// The next frame: its kind, flags and payload.
fn read(stream: &mut TcpStream) -> Option<(u8, u8, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).ok()?;
    let [a, b, c, kind, flags, ..] = head;
    let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
    stream.read_exact(&mut payload).ok()?;
    Some((kind, flags, payload))
}

/// A frame (RFC 9113 §4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short frame").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The header block of a POST with the tenant's token (RFC 7541: `:method` and `:scheme` of the static
/// table, the others as literals without an index).
fn headers(address: &str, tenant: &Tenant) -> Vec<u8> {
    let text = |text: &str| {
        assert!(text.len() < 127, "the length of {text} is one byte");
        [&[u8::try_from(text.len()).expect("short")], text.as_bytes()].concat()
    };
    let (post, http, path, authority, new) = (0x83, 0x86, 0x04, 0x01, 0x00);
    let mut block = vec![post, http, path];
    block.extend(text(&format!("/{}/scim/v2/Users", tenant.id)));
    block.push(authority);
    block.extend(text(address));
    block.push(new);
    block.extend(text("authorization"));
    block.extend(text(&tenant.authorization()));
    block
}

/// How much memory the server's process has, in KiB.
fn resident(tenant: &Tenant) -> u64 {
    let pid = tenant.server.pid();
    let text = fs::read_to_string(format!("/proc/{pid}/status")).map_or_else(
        |_| {
            let ps = Command::new("ps").args(["-o", "rss=", "-p", &pid.to_string()]).output().expect("ps");
            String::from_utf8_lossy(&ps.stdout).into_owned()
        },
        |status| status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default().to_owned(),
    );
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("no size: {text}"))
}
