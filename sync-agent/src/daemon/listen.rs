//! HTTP for those who watch: `GET /metrics` and `GET /healthz`.
//!
//! It says nothing about people and needs no token; it belongs on the loopback or a private network.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use super::{Shared, metrics::MEDIA_TYPE};

/// Without a good cycle for so many intervals the daemon is not well.
const MISSED: i64 = 3;

/// Serves until it is told to stop.
pub async fn serve(
    address: SocketAddr,
    shared: Arc<Shared>,
    mut stop: watch::Receiver<bool>,
) -> anyhow::Result<JoinHandle<()>> {
    let listener =
        TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address} (service.listen)"))?;
    tracing::info!(address = %listener.local_addr()?, "metrics and health");
    Ok(tokio::spawn(async move {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let shared = Arc::clone(&shared);
            let service = service_fn(move |request| {
                let answer = answer(&shared, &request);
                async move { Ok::<_, Infallible>(answer) }
            });
            tokio::spawn(async move {
                let mut builder = http1::Builder::new();
                builder.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(10));
                if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
                    tracing::debug!(%error, "a connection of a watcher ended");
                }
            });
        }
    }))
}

fn answer(shared: &Shared, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let (status, kind, text) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => (StatusCode::OK, MEDIA_TYPE, shared.metrics.encode()),
        (&Method::GET | &Method::HEAD, "/healthz") => match health(shared) {
            Ok(()) => (StatusCode::OK, "text/plain", "ok\n".to_owned()),
            Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, "text/plain", format!("{reason}\n")),
        },
        _ => (StatusCode::NOT_FOUND, "text/plain", "There are /metrics and /healthz.\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", hyper::header::HeaderValue::from_static(kind));
    response
}

/// Whether cycles come, and end well. A pause is meant so.
fn health(shared: &Shared) -> Result<(), String> {
    let read = || Ok::<_, crate::state::StateError>((shared.state.pause()?, shared.state.cycles()?));
    let (pause, cycles) = read().map_err(|error| error.to_string())?;
    let (Some(last), None) = (cycles.first(), pause) else { return Ok(()) };
    let good = cycles.iter().find(|cycle| cycle.failure.is_none()).map(|cycle| cycle.started);
    let interval = i64::try_from(shared.config().schedule.interval.as_millis()).unwrap_or(i64::MAX);
    let oldest = shared.clock.now().as_millis().saturating_sub(interval.saturating_mul(MISSED));
    match (&last.failure, good) {
        (Some(failure), None) => Err(format!("no cycle has ended well: {failure}")),
        (Some(failure), Some(good)) if good.as_millis() < oldest => {
            Err(format!("the last cycle that ended well began at {good}: {failure}"))
        }
        _ => Ok(()),
    }
}
