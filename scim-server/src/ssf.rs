//! Security event tokens: the events of a tenant as signed statements (RFC 8417, RFC 9967), over streams of the Shared
//! Signals Framework 1.0, which receivers poll (RFC 8936) or have sent to them (RFC 8935).
//!
//! A [`stream`](crate::stream) is a place in the tenant's log, as a consumer is. [`token`] says what an event means in the
//! words of RFC 9967, [`key`] signs it, [`transmitter`] gives what stands next and was not acknowledged; [`poll`] and
//! [`push`] bring it to the receiver, and take notice of what it has.

mod key;
mod poll;
mod push;
mod token;
mod transmitter;

#[cfg(test)]
pub use self::key::KeyView;
pub use self::{
    key::{Algorithm, MOST_KEYS, SigningKeys},
    poll::Poll,
    push::Pusher,
    token::{audience, completion, subject},
    transmitter::Transmitter,
};
