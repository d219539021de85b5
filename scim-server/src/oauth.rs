//! OAuth 2.0 for a tenant (RFC 6749, client credentials): the way in beside static tokens.
//!
//! A [`client`] authenticates by a secret, or by an assertion that an issuer has signed whom it
//! [trusts](client::Trust) (RFC 7523 §2.2). What it gets is an access token: a [`grant`], sealed, so
//! that every process on the store knows it without having been told. [`clients`] is how an
//! administrator handles them, [`refusal`] why somebody gets nothing.

pub mod client;
pub mod clients;
pub mod grant;
pub mod jwks;
pub mod jwt;
pub mod refusal;
pub mod scope;
pub mod spent;
pub mod trace;

pub use client::{Client, ClientSecret};
pub use clients::{Clients, ClientsError};
pub use refusal::{Check, Code, Refused};
pub use scope::Scope;
