//! HTTP: the only part of the server that knows hyper, and the only one that turns an error into a
//! response.

pub mod body;
pub mod limit;
pub mod listen;
pub mod tls;
