//! The description of all that this listener answers (OpenAPI 3.1), for programs that are made of descriptions.
//!
//! It is a file of the reference, and a part of the program. `document` makes it, of the operations in `table`, the
//! schemas of SCIM and the types of the answers; a test compares the two, and the integration tests hold each answer
//! that they get against it.

#[cfg(test)]
mod document;
#[cfg(test)]
mod resource;
#[cfg(test)]
mod table;

use std::net::IpAddr;

use hyper::{Response, http::request::Parts};
use scim_protocol::Error;

use super::Service;
use crate::{
    http::{body::ResponseBody, request, response, route::Target},
    packed::{Packed, packed},
};

/// The description.
static DESCRIPTION: Packed = packed!("openapi.json");

impl Service {
    /// The description, for whoever asks, and not more often than discovery.
    pub(super) fn description(&self, parts: &Parts, address: IpAddr) -> Result<Response<ResponseBody>, Error> {
        Target::Description.require(parts.method.as_str())?;
        self.anonymous.check(address).map_err(|retry| self.slow_down(retry))?;
        self.anonymous.count(address);
        Ok(response::fixed(DESCRIPTION.bytes(), request::JSON))
    }
}
