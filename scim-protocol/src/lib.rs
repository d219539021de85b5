//! SCIM 2.0 as values: RFC 7643 (schema), RFC 7644 (protocol) and RFC 9865 (cursors).
//!
//! This library knows SCIM and nothing else. It does no I/O, reads no clock, and has no async
//! function. Text comes in, is parsed once against the schema, and from there on only values that
//! are known to be right move through the programs: a [`Resource`] is valid, a
//! [`filter::BoundFilter`] names only attributes that exist.
//!
//! Reading order: [`schema`] (what attributes there are), [`path`] (how one is named), [`filter`],
//! [`resource`] (documents), [`patch`], [`projection`] (what of a document is returned), and [`dialect`], where
//! what real providers send is turned into what the RFC says.

#![warn(missing_docs)]

pub mod dialect;
pub mod discovery;
pub mod error;
pub mod filter;
pub mod message;
pub mod patch;
pub mod path;
pub mod projection;
pub mod resource;
pub mod schema;
pub mod timestamp;
pub mod value;

pub use error::{Error, ErrorKind};
pub use resource::Resource;
pub use timestamp::Timestamp;
