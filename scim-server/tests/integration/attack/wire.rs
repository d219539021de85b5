//! The attacker's end of a connection: bytes as no client library would send them.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use http_body_util::Empty;
use hyper::{Request, body::Bytes};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

use crate::server::{Client, TestServer};

/// Where the attacker comes from: an address of its own, since an address that has shown a good token is
/// trusted with more.
const ATTACKER: Ipv4Addr = Ipv4Addr::new(127, 6, 6, 6);

/// What is attacked, and the tenant that the attacker has there.
#[derive(Debug, Clone)]
pub struct Target {
    address: SocketAddr,
    path: String,
    token: String,
}

impl Target {
    /// The server, with its first tenant as the attacker's.
    pub fn of(server: &TestServer) -> Self {
        Self {
            address: server.origin().trim_start_matches("http://").parse().expect("an address"),
            path: server.base().trim_start_matches(server.origin()).to_owned(),
            token: server.token().to_owned(),
        }
    }

    /// A client that asks as others do, for preparations.
    pub fn client(&self) -> Client {
        Client::new(&format!("http://{}{}", self.address, self.path), &self.token)
    }

    /// A connection from the attacker's address.
    pub async fn connect(&self) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((ATTACKER, 0).into())?;
        socket.connect(self.address).await
    }

    /// A head with the tenant's token, behind which `length` bytes are to come. `path` is below the tenant.
    pub fn head(&self, method: &str, path: &str, length: usize) -> String {
        self.head_with(Some(&self.token), method, &format!("{}{path}", self.path), length)
    }

    /// The same with another token or none, and with a whole path.
    pub fn head_with(&self, token: Option<&str>, method: &str, path: &str, length: usize) -> String {
        let address = self.address;
        let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\n{token}Content-Type: application/scim+json\r\n\
             Content-Length: {length}\r\n\r\n"
        )
    }

    /// A GET with the tenant's token, for a client library.
    pub fn get(&self, path: &str) -> Request<Empty<Bytes>> {
        let request = Request::get(format!("http://{}{}{path}", self.address, self.path));
        let request = request.header("authorization", format!("Bearer {}", self.token));
        request.body(Empty::new()).expect("a request")
    }

    /// The path of the attacker's tenant.
    pub fn base(&self) -> &str {
        &self.path
    }

    /// Sends a request on a connection of its own, and gives the status of the answer.
    pub async fn ask(&self, method: &str, path: &str, body: &[u8]) -> io::Result<u16> {
        let head = self.head(method, path, body.len()).replacen("\r\n", "\r\nConnection: close\r\n", 1);
        let (mut reader, mut writer) = self.connect().await?.into_split();
        let send = async {
            writer.write_all(head.as_bytes()).await?;
            writer.write_all(body).await
        };
        let mut status = [0; 12];
        let read = async {
            reader.read_exact(&mut status).await?;
            let mut rest = vec![0; 64 * 1024];
            while reader.read(&mut rest).await? > 0 {}
            Ok(())
        };
        // An answer may come before all was sent.
        let (_, read): (io::Result<()>, io::Result<()>) = tokio::join!(send, read);
        read?;
        let status = std::str::from_utf8(&status[9..]).ok().and_then(|status| status.parse().ok());
        status.ok_or_else(|| io::Error::other("no status"))
    }
}
