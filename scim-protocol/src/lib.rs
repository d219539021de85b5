//! SCIM 2.0 as values: RFC 7643 (schema), RFC 7644 (protocol) and RFC 9865 (cursors).
//!
//! This library knows SCIM and nothing else. It does no I/O, reads no clock, and has no async function. Text is
//! parsed once against the schema. After that the programs handle only valid values: a [`Resource`] is valid, a
//! [`filter::BoundFilter`] names only attributes that exist.
//!
//! Reading order: [`schema`] (what attributes there are), [`path`] (how one is named), [`filter`], [`resource`]
//! (documents), [`patch`], [`projection`] (what of a document is returned), and [`dialect`], which rewrites the
//! requests of real providers into standard ones.

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
