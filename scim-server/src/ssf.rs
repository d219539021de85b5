//! Security event tokens: the events of a tenant as signed statements (RFC 8417, RFC 9967), which receivers fetch over
//! streams of the Shared Signals Framework 1.0 by polling (RFC 8936).
//!
//! A [`stream`](crate::stream) is a place in the tenant's log, as a consumer is. [`token`] says what an event means in the words of
//! RFC 9967, [`key`] signs it, [`poll`] gives what was not acknowledged and takes notice of what was.

mod key;
mod poll;
mod token;

pub use self::{
    key::SigningKey,
    poll::{Poll, Transmitter},
};
