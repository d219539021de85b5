//! Webhooks: each event of a tenant sent to the endpoints that want it, signed, until it is taken.
//!
//! An endpoint is a [`record`] of the system's own, served by a task of [`leased`]. [`deliver`] reads the tenants' logs;
//! [`lane`] sends [`message`]s, signed by [`sign`] as Standard Webhooks 1.0 has it, through [`send`], which reaches no
//! private network, on a thread of [`low_priority`], and no more of them a second than [`pace`] allows. What an endpoint
//! has not taken is tried again by the [`schedule`], and in the end laid aside as a dead letter. How far each endpoint
//! has come is in the store, so another process goes on where this one ends.

mod deliver;
mod lane;
pub mod leased;
mod low_priority;
mod message;
mod pace;
mod record;
mod schedule;
mod send;
mod shelf;
mod sign;

pub use self::{
    deliver::{Deliverer, MOST_PENDING},
    lane::{Outcome, send_once},
    message::{MOST_BYTES, Message},
    pace::{MOST_RATE, USUAL_RATE},
    record::{DeadLetter, Delivery, MOST_KEYS, Pending, Reason, Replay, Webhook},
    schedule::{DISABLE, pause},
    send::{Answered, Sender},
    shelf::{NewWebhook, Webhooks},
    sign::{Keys, SECRET_PREFIX},
};

#[cfg(test)]
pub mod tests;
