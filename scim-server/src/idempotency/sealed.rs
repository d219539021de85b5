//! Answers as they are stored: sealed, since they may hold secrets.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead, KeyInit, Payload},
};

use super::Reply;
use crate::{store::StoreError, token::secret::Digest};

const NONCE: usize = 24;

/// Seals answers, and opens them.
pub(super) struct Seal(XChaCha20Poly1305);

impl Seal {
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(secret.into()))
    }

    /// The answer of the request with that key, sealed.
    pub fn close(&self, key: &Digest, reply: &Reply) -> Result<String, StoreError> {
        let plain = [&reply.status.to_be_bytes(), reply.body.as_slice()].concat();
        let nonce: [u8; NONCE] = rand::random();
        let sealed = self.0.encrypt(&XNonce::from(nonce), Payload { msg: &plain, aad: key });
        let sealed = sealed.map_err(|_| StoreError::Corrupt("an answer could not be sealed".to_owned()))?;
        Ok(BASE64.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// The answer; `None` for what [`close`](Self::close) has not made for that key.
    pub fn open(&self, key: &Digest, answer: &str) -> Option<Reply> {
        let bytes = BASE64.decode(answer).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>()?;
        let plain = self.0.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: key }).ok()?;
        let (status, body) = plain.split_first_chunk::<2>()?;
        Some(Reply { status: u16::from_be_bytes(*status), body: body.to_vec() })
    }
}
