//! A client that costs as little as it can, since it shares the processors with what it measures:
//! one thread, requests that are ready as bytes, and no more of HTTP/1.1 than the two servers speak.

use std::{io, net::SocketAddr, rc::Rc, time::Instant};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// One keep-alive connection.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

/// An answer, as long as the connection is not used again.
pub struct Answer<'a> {
    pub status: u16,
    /// From the status line up to and with the empty line.
    pub head: &'a [u8],
    pub body: &'a [u8],
}

impl Answer<'_> {
    /// The body as JSON; what is no JSON is `null`.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(self.body).unwrap_or_default()
    }
}

/// How the body of an answer ends.
enum Framing {
    Length(usize),
    Chunked,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; 256 * 1024], filled: 0 })
    }

    /// Sends a request and reads the whole answer.
    pub async fn exchange(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.filled = 0;
        let head = loop {
            self.fill().await?;
            if let Some(at) = find(&self.buffer[..self.filled], b"\r\n\r\n") {
                break at + 4;
            }
        };
        let text = std::str::from_utf8(&self.buffer[..head]).map_err(io::Error::other)?;
        let status = text.get(9..12).and_then(|digits| digits.parse().ok()).ok_or_else(unreadable)?;
        let body = match framing(text, status) {
            Framing::Length(length) => {
                while self.filled < head + length {
                    self.fill().await?;
                }
                length
            }
            Framing::Chunked => {
                while !self.buffer[head..self.filled].ends_with(b"0\r\n\r\n") {
                    self.fill().await?;
                }
                self.join_chunks(head)?
            }
        };
        Ok(Answer { status, head: &self.buffer[..head], body: &self.buffer[head..head + body] })
    }

    async fn fill(&mut self) -> io::Result<()> {
        if self.filled == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let read = self.stream.read(&mut self.buffer[self.filled..]).await?;
        self.filled += read;
        if read == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    /// Moves the chunks of a body together; says how long it is.
    fn join_chunks(&mut self, head: usize) -> io::Result<usize> {
        let (mut from, mut to) = (head, head);
        loop {
            let line = find(&self.buffer[from..self.filled], b"\r\n").ok_or_else(unreadable)?;
            let size = std::str::from_utf8(&self.buffer[from..from + line]).map_err(io::Error::other)?;
            let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
            if size == 0 {
                return Ok(to - head);
            }
            from += line + 2;
            self.buffer.copy_within(from..from + size, to);
            to += size;
            from += size + 2;
        }
    }
}

fn framing(head: &str, status: u16) -> Framing {
    for line in head.lines().skip(1) {
        if let Some((name, value)) = line.split_once(": ") {
            if name.eq_ignore_ascii_case("content-length") {
                return Framing::Length(value.parse().unwrap_or(0));
            }
            if name.eq_ignore_ascii_case("transfer-encoding") && status != 204 {
                return Framing::Chunked;
            }
        }
    }
    Framing::Length(0)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn unreadable() -> io::Error {
    io::Error::other("an answer cannot be read")
}

/// What a number of connections did together.
#[derive(Default)]
pub struct Run {
    /// Nanoseconds, of each request.
    pub latencies: Vec<u64>,
    pub seconds: f64,
    /// Seconds of processor time that the server took.
    pub processor: f64,
}

impl Run {
    pub fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.seconds
    }
}

/// When a run ends.
#[derive(Clone, Copy)]
pub enum Until {
    /// After so many seconds.
    Seconds(f64),
    /// When so many requests have been sent.
    Requests(usize),
}

/// Makes the request with that number, counted from 0.
pub type Request<'a> = dyn Fn(usize, &mut Vec<u8>) + 'a;
/// Looks at an answer; says what is wrong with it.
pub type Check<'a> = dyn Fn(usize, &Answer<'_>) -> Result<(), String> + 'a;

/// Sends requests on so many connections, each waiting for its answer before it sends the next. With
/// several addresses the connections are spread over them, as a load balancer would do it.
/// `from` is the number of the first request.
pub async fn run(
    addresses: &[SocketAddr],
    connections: usize,
    from: usize,
    until: Until,
    request: &Request<'_>,
    check: &Check<'_>,
) -> Result<Run, String> {
    let next = Rc::new(std::cell::Cell::new(from));
    let mut open = Vec::new();
    for address in addresses.iter().cycle().take(connections) {
        open.push(Connection::open(*address).await.map_err(|error| error.to_string())?);
    }
    let started = Instant::now();
    let one = |mut connection: Connection, next: Rc<std::cell::Cell<usize>>| async move {
        let mut latencies = Vec::with_capacity(64 * 1024);
        let mut bytes = Vec::new();
        loop {
            let number = next.get();
            let over = match until {
                Until::Seconds(seconds) => started.elapsed().as_secs_f64() >= seconds,
                Until::Requests(count) => number >= from + count,
            };
            if over {
                return Ok(latencies);
            }
            next.set(number + 1);
            bytes.clear();
            request(number, &mut bytes);
            let sent = Instant::now();
            let answer = connection.exchange(&bytes).await.map_err(|error| error.to_string())?;
            latencies.push(u64::try_from(sent.elapsed().as_nanos()).unwrap_or(u64::MAX));
            check(number, &answer)?;
        }
    };
    let all = open.into_iter().map(|connection| one(connection, next.clone()));
    let done: Vec<Result<Vec<u64>, String>> = futures_util::future::join_all(all).await;
    let seconds = started.elapsed().as_secs_f64();
    let latencies = done.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
    Ok(Run { latencies, seconds, processor: 0.0 })
}
