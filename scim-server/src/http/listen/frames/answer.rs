//! A response as frames.

use hyper::{Response, header::CONTENT_LENGTH};

use super::scan::{END_HEADERS, END_STREAM, Head, kind};
use crate::http::body::ResponseBody;

/// The frames of a whole response on a stream. `head` is an existing frame with the status. Without `room` the body
/// is left out. If the request has not arrived `whole`, the frames say that the rest is not needed (RFC 9113 §8.1).
pub(super) fn frames(
    stream: u32,
    response: &Response<ResponseBody>,
    head: Option<&[u8]>,
    room: bool,
    whole: bool,
) -> Vec<u8> {
    let body: &[u8] = if let ResponseBody::Full(body) = response.body() { body } else { &[] };
    let body = if room { body } else { &[] };
    let mut block = Vec::new();
    if head.is_none() {
        literal(&mut block, ":status", response.status().as_str());
    }
    for (name, value) in response.headers() {
        literal(&mut block, name.as_str(), value.to_str().unwrap_or_default());
    }
    literal(&mut block, CONTENT_LENGTH.as_str(), &body.len().to_string());
    let mut bytes = Vec::new();
    let mut frame = |kind, flags, payload: &[u8]| {
        bytes.extend(Head { length: payload.len(), kind, flags, stream }.encode());
        bytes.extend(payload);
    };
    let last = if body.is_empty() { END_STREAM } else { 0 };
    match head.and_then(|head| head.get(Head::LENGTH..)) {
        Some(status) => {
            frame(kind::HEADERS, last, status);
            frame(kind::CONTINUATION, END_HEADERS, &block);
        }
        None => frame(kind::HEADERS, END_HEADERS | last, &block),
    }
    if !body.is_empty() {
        frame(kind::DATA, END_STREAM, body);
    }
    if !whole {
        // NO_ERROR
        frame(kind::RST_STREAM, 0, &[0; 4]);
    }
    bytes
}

/// A literal header field without indexing and without Huffman coding (RFC 7541 §6.2.2).
fn literal(block: &mut Vec<u8>, name: &str, value: &str) {
    block.push(0);
    text(block, name);
    text(block, value);
}

/// RFC 7541 §5.2, with the length as §5.1 writes it in seven bits and more.
fn text(block: &mut Vec<u8>, text: &str) {
    let byte = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
    match text.len().checked_sub(127) {
        None => block.push(byte(text.len())),
        Some(mut rest) => {
            block.push(127);
            while rest >= 128 {
                block.push(byte(rest % 128 + 128));
                rest /= 128;
            }
            block.push(byte(rest));
        }
    }
    block.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_as_hpack_writes_them() {
        for (length, expect) in [(0, &[0][..]), (126, &[126]), (127, &[127, 0]), (1337, &[127, 186, 9])] {
            let mut block = Vec::new();
            text(&mut block, &"x".repeat(length));
            assert_eq!(&block[..expect.len()], expect, "{length}");
        }
    }
}
