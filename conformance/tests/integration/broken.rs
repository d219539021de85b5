//! A small server that conforms, and breaks in one named way when it is told to.
//!
//! It keeps everything in memory and takes filters, paths and PATCH from the protocol library, so
//! that it stays small; what is between the wire and those is its own. Faults stand between the wire
//! and the server, see [`fault`]: the server itself has no switch, so that a fault cannot hide in it.

mod bulk;
pub mod fault;
mod query;
pub mod schemas;
mod service;
mod wire;

use std::sync::{Arc, Mutex};

pub use fault::Fault;
use http_body_util::{BodyExt, Full};
use hyper::{body::Bytes, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
pub use service::Service;
use tokio::net::TcpListener;
pub use wire::{Answer, Asked};

/// The token that it takes.
pub const TOKEN: &str = "a-token-of-the-tests";
/// The token of another tenant.
pub const SECOND_TOKEN: &str = "another-tenants-token";
/// A token of the first tenant that only reads.
pub const READ_ONLY_TOKEN: &str = "a-reading-token";
/// Where it stands, behind the origin.
const BASE: &str = "/scim/v2";

/// A running server. It ends with the test's runtime.
pub struct BrokenServer {
    /// The base URL.
    pub url: String,
    /// What is on it.
    pub service: Arc<Service>,
    fault: Arc<Mutex<Option<Arc<Fault>>>>,
}

impl BrokenServer {
    /// Starts one that is not broken yet, with the RFC's resource types and those of [`schemas`].
    pub async fn start() -> Self {
        Self::with(Service::new).await
    }

    /// Starts one with a service that is made for its base URL.
    pub async fn with(make: impl FnOnce(String) -> Service) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}{BASE}", listener.local_addr().expect("an address"));
        let service = Arc::new(make(url.clone()).with_second());
        let fault: Arc<Mutex<Option<Arc<Fault>>>> = Arc::default();
        let switch = Arc::clone(&fault);
        let served = Arc::clone(&service);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (service, switch) = (Arc::clone(&served), Arc::clone(&switch));
                let answer = service_fn(move |request| answer(Arc::clone(&service), Arc::clone(&switch), request));
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        Self { url, service, fault }
    }

    /// From now on it has this fault.
    pub fn break_with(&self, fault: Fault) {
        *self.fault.lock().expect("no panic while it is held") = Some(Arc::new(fault));
    }
}

async fn answer(
    service: Arc<Service>,
    switch: Arc<Mutex<Option<Arc<Fault>>>>,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let mut asked = Asked::read(BASE, &head, &body);
    let fault = switch.lock().expect("no panic while it is held").clone();
    let answer = match &fault {
        Some(fault) => fault.answer(&service, &mut asked),
        None => service.answer(&asked),
    };
    Ok(answer.write())
}
