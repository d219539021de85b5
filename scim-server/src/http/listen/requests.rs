//! The requests of one connection, and how the connection ends.

use std::{
    convert::Infallible,
    pin::{Pin, pin},
    sync::Arc,
};

use hyper::{Method, Request, Response, body::Incoming, service::Service, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    sync::watch as channel,
    time::timeout,
};

use super::{
    Answers, Phase, Shared,
    frames::Framed,
    idle::{self, Activity, ConnectionEnd, Watched},
    refusal::{self, WithoutEnd},
};
use crate::http::{body::ResponseBody, linger, peer::Peer, response};

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
            idle::Timeouts { header: None, idle: self.limits.idle_timeout, first: self.limits.header_timeout };
        idle::drive(connection, &activity, timeouts, &mut phase).await.map(drop)
    }

    async fn http1<I>(&self, io: I, peer: Peer, mut phase: channel::Receiver<Phase>) -> Result<(), hyper::Error>
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let activity = Arc::new(Activity::default());
        let io = TokioIo::new(WithoutEnd::new(Watched::new(io, Arc::clone(&activity))));
        let service = answering(self.service.clone(), peer.clone(), &activity);
        let mut connection = self.http1.serve_connection(io, service);
        let header = self.limits.header_timeout;
        let timeouts = idle::Timeouts { header: Some(header), idle: self.limits.idle_timeout, first: header };
        let outcome = idle::drive(Pin::new(&mut connection), &activity, timeouts, &mut phase).await;
        let parts = connection.into_parts();
        let (mut io, refused) = parts.io.into_inner().release();
        let stops = async { drop(phase.wait_for(|phase| *phase > Phase::Serve).await) };
        match &outcome {
            Err(error) if refused => {
                let error = refusal::explain(error, &parts.read_buf, self.limits.max_header_bytes);
                let answer = refusal::encode(&self.service.refuse(error, &peer));
                let sent = async {
                    io.write_all(&answer).await?;
                    io.shutdown().await
                };
                if let Ok(Ok(())) = timeout(header, sent).await {
                    linger::until_closed(&mut io, stops).await;
                }
            }
            Ok(ConnectionEnd::Finished) => {
                linger::until_closed(&mut io, stops).await;
            }
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
) -> impl Service<Request<Incoming>, Response = Response<ResponseBody>, Error = Infallible, Future: Send + 'static> + use<S>
{
    let activity = Arc::clone(activity);
    service_fn(move |request: Request<Incoming>| {
        peer.speak();
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
