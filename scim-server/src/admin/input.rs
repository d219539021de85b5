//! The body of a request as the input of a command: its lines, as they come.

use std::io;

use http_body_util::BodyExt as _;
use hyper::body::{Frame, Incoming};
use tokio::sync::mpsc;

use super::Input;

/// The longest line of input: a document, or the members of a group.
const MAX_LINE: usize = 64 << 20;

/// The lines of a body, as they arrive.
pub(super) fn lines(mut body: Incoming) -> Input {
    let (sender, input) = mpsc::channel(256);
    tokio::spawn(async move {
        let mut rest = Vec::new();
        while let Some(frame) = body.frame().await {
            let outcome = match frame.map(Frame::into_data) {
                Ok(Ok(data)) => {
                    let known = rest.len();
                    rest.extend_from_slice(&data);
                    send_lines(&mut rest, known, &sender).await
                }
                Ok(Err(_)) => Ok(()),
                Err(error) => Err(io::Error::other(error)),
            };
            if let Err(error) = outcome {
                let _ = sender.send(Err(error)).await;
                return;
            }
        }
        if !rest.is_empty() {
            let _ = sender.send(text_of(rest)).await;
        }
    });
    input
}

/// Sends the whole lines at the beginning of what has arrived. No line ends in the `known` first bytes.
async fn send_lines(rest: &mut Vec<u8>, known: usize, sender: &mpsc::Sender<io::Result<String>>) -> io::Result<()> {
    let (mut begin, mut look) = (0, known);
    while let Some(length) = rest.get(look..).and_then(|rest| rest.iter().position(|byte| *byte == b'\n')) {
        let line = rest.get(begin..look + length).unwrap_or_default().to_vec();
        begin = look + length + 1;
        look = begin;
        if sender.send(text_of(line)).await.is_err() {
            return Err(io::Error::other("the command has ended"));
        }
    }
    rest.drain(..begin);
    if rest.len() > MAX_LINE {
        return Err(io::Error::other("a line is too long"));
    }
    Ok(())
}

fn text_of(line: Vec<u8>) -> io::Result<String> {
    String::from_utf8(line).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a line is not UTF-8"))
}
