//! The requests of one connection, and how the connection ends.

use std::{
    convert::Infallible,
    pin::{Pin, pin},
    sync::Arc,
};

use hyper::{Method, Request, Response, body::Incoming, service::Service, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    sync::watch as channel,
    time::{Instant, timeout, timeout_at},
};

use super::{
    Answers, LINGER, LINGER_BYTES, LINGER_PAUSE, Peer, Phase, Shared,
    frames::Framed,
    refusal::{self, Held},
    watch::{self, Activity, End, Watched},
};
use crate::http::{body::Body, response};

impl<S: Answers> Shared<S> {
    pub(super) async fn requests<I>(&self, io: I, peer: Peer, http2: bool, phase: channel::Receiver<Phase>)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let address = peer.address;
        let served = if http2 { self.http2(io, peer, phase).await } else { self.http1(io, peer, phase).await };
        if let Err(error) = served {
            tracing::debug!(%address, %error, "connection failed");
        }
    }

    async fn http2<I>(&self, io: I, peer: Peer, mut phase: channel::Receiver<Phase>) -> Result<(), hyper::Error>
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let activity = Arc::new(Activity::default());
        let refuse = {
            let (service, peer, most) = (self.service.clone(), peer.clone(), self.limits.max_header_bytes);
            move |too_large| service.refuse(refusal::explain_http2(too_large, most), &peer)
        };
        let io = TokioIo::new(Framed::new(io, Arc::clone(&activity), Box::new(refuse)));
        let connection = pin!(self.http2.serve_connection(io, answering(self.service.clone(), peer, &activity)));
        let timeouts =
            watch::Timeouts { header: None, idle: self.limits.idle_timeout, first: self.limits.header_timeout };
        watch::drive(connection, &activity, timeouts, &mut phase).await.map(drop)
    }

    async fn http1<I>(&self, io: I, peer: Peer, mut phase: channel::Receiver<Phase>) -> Result<(), hyper::Error>
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let activity = Arc::new(Activity::default());
        let io = TokioIo::new(Held::new(Watched::new(io, Arc::clone(&activity))));
        let service = answering(self.service.clone(), peer.clone(), &activity);
        let mut connection = self.http1.serve_connection(io, service);
        let header = self.limits.header_timeout;
        let timeouts = watch::Timeouts { header: Some(header), idle: self.limits.idle_timeout, first: header };
        let outcome = watch::drive(Pin::new(&mut connection), &activity, timeouts, &mut phase).await;
        let parts = connection.into_parts();
        let (mut io, refused) = parts.io.into_inner().release();
        match &outcome {
            Err(error) if refused => {
                let error = refusal::explain(error, &parts.read_buf, self.limits.max_header_bytes);
                let answer = refusal::encode(&self.service.refuse(error, &peer));
                let sent = async {
                    io.write_all(&answer).await?;
                    io.shutdown().await
                };
                if let Ok(Ok(())) = timeout(header, sent).await {
                    linger(&mut io, phase).await;
                }
            }
            Ok(End::Finished) => linger(&mut io, phase).await,
            _ => {}
        }
        outcome.map(drop)
    }
}

/// The service as hyper wants it. To HEAD nothing but the head is sent, whatever the version of HTTP
/// (RFC 9110 §9.3.2): hyper sees to that in HTTP/1.1 only.
fn answering<S: Answers>(
    service: S,
    peer: Peer,
    activity: &Arc<Activity>,
) -> impl Service<Request<Incoming>, Response = Response<Body>, Error = Infallible, Future: Send + 'static> + use<S> {
    let activity = Arc::clone(activity);
    service_fn(move |request: Request<Incoming>| {
        let busy = activity.begin();
        let head = request.method() == Method::HEAD;
        let response = service.clone().answer(request, peer.clone());
        async move {
            let response = response.await;
            drop(busy);
            Ok(if head { response::without_body(response) } else { response })
        }
    })
}

/// Waits for the client to close its side, when ours is closed already.
async fn linger<I: AsyncRead + Unpin>(io: &mut I, mut phase: channel::Receiver<Phase>) {
    let end = Instant::now() + LINGER;
    let reading = async {
        let mut buffer = vec![0; 16 << 10];
        let mut left = LINGER_BYTES;
        while let Ok(Ok(read @ 1..)) = timeout_at(end.min(Instant::now() + LINGER_PAUSE), io.read(&mut buffer)).await
            && left > read
        {
            left -= read;
        }
    };
    tokio::select! {
        () = reading => {}
        _ = phase.wait_for(|phase| *phase > Phase::Serve) => {}
    }
}
