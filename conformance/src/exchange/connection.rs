//! A connection that reads the response even if the server has stopped reading the request.
//!
//! A server that refuses a body for its size may answer and close before the rest of it is sent (RFC 9112 §9.6). Then
//! the remaining write fails while the response is already there: a client that stops at the failed write never sees
//! the 413. Here the rest of the request is dropped instead, and reading decides how the exchange ended.

use std::{
    error::Error,
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use hyper::{
    Uri,
    rt::{Read, ReadBufCursor, Write},
};
use hyper_util::{
    client::legacy::connect::{Connected, Connection, HttpConnector, proxy::Tunnel},
    rt::TokioIo,
};
use tokio::net::TcpStream;
use tower_service::Service;

use super::proxy::Proxy;

/// Connects to the server, or by a proxy.
#[derive(Debug, Clone)]
pub struct Connector {
    direct: Direct,
    proxy: Option<Proxy>,
}

impl Connector {
    /// For `http` and, below TLS, `https`.
    pub(super) fn new(proxy: Option<Proxy>) -> Self {
        let mut inner = HttpConnector::new();
        inner.enforce_http(false);
        Self { direct: Direct(inner), proxy }
    }
}

type BoxError = Box<dyn Error + Send + Sync>;
type Connecting<E> = Pin<Box<dyn Future<Output = Result<Stream, E>> + Send>>;

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Connecting<BoxError>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.direct.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let mut direct = self.direct.clone();
        match self.proxy.clone() {
            None => Box::pin(async move { Ok(direct.call(uri).await?) }),
            Some(proxy) if uri.scheme_str() == Some("https") => {
                let tunnel = Tunnel::new(proxy.uri, direct);
                let mut tunnel = match proxy.authorization {
                    Some(value) => tunnel.with_auth(value),
                    None => tunnel,
                };
                Box::pin(async move { Ok(tunnel.call(uri).await?) })
            }
            Some(proxy) => Box::pin(async move {
                let Stream { socket, .. } = direct.call(proxy.uri).await?;
                Ok(Stream { socket, forwards: true })
            }),
        }
    }
}

#[derive(Debug, Clone)]
struct Direct(HttpConnector);

impl Service<Uri> for Direct {
    type Response = Stream;
    type Error = <HttpConnector as Service<Uri>>::Error;
    type Future = Connecting<Self::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.0.call(uri);
        Box::pin(async { Ok(Stream { socket: connecting.await?, forwards: false }) })
    }
}

#[derive(Debug)]
pub struct Stream {
    socket: TokioIo<TcpStream>,
    /// A proxy is at the other end, and forwards each request by its whole URL.
    forwards: bool,
}

impl Stream {
    fn inner(&mut self) -> Pin<&mut TokioIo<TcpStream>> {
        Pin::new(&mut self.socket)
    }
}

/// What has been written, with all of it counted as written where nobody takes it any more.
fn or_dropped(written: Poll<io::Result<usize>>, all: usize) -> Poll<io::Result<usize>> {
    written.map(|written| match written {
        Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => Ok(all),
        written => written,
    })
}

impl Read for Stream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_read(context, into)
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        or_dropped(self.inner().poll_write(context, bytes), bytes.len())
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all = slices.iter().map(|slice| slice.len()).sum();
        or_dropped(self.inner().poll_write_vectored(context, slices), all)
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        self.socket.inner().connected().proxy(self.forwards)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use crate::exchange::{Client, Request, Settings};

    /// The server answers and closes with most of the body unread.
    #[tokio::test]
    async fn the_answer_to_a_body_that_is_cut_off_is_read() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/Bulk", listener.local_addr().expect("an address"));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream
                    .write_all(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
                    .await;
            }
        });
        let settings = Settings::default();
        let client = Client::new(&url, &settings).expect("a client");
        let body = Some(bytes::Bytes::from("x".repeat(8 << 20)));
        for _ in 0..20 {
            let request =
                Request { method: "POST".to_owned(), url: url.clone(), body: body.clone(), ..Request::default() };
            let answer = client.send(Arc::new(request)).await.expect("the answer");
            assert_eq!((answer.status, answer.body.as_str()), (413, "{}"));
        }
    }
}
