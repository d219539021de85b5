//! What a server says of itself: its resource types, schemas and configuration (RFC 7644 §4).

use std::sync::Arc;

use hyper::{Response, header::AUTHORIZATION, http::request::Parts};
use scim_protocol::{Error, ErrorKind};

use super::{
    super::{body::ResponseBody, request, response, route::Discovery},
    Service,
};
use crate::{operation::Operations, tenant::Tenant};

impl Service {
    /// The tenant, if it serves its discovery documents without a token.
    pub(super) fn discoverable(&self, parts: &Parts, segment: &str) -> Option<Arc<Tenant>> {
        if parts.headers.contains_key(AUTHORIZATION) {
            return None;
        }
        self.access.tenant(segment).filter(|tenant| !tenant.settings.discovery_needs_token && !tenant.disabled)
    }

    /// RFC 7644 §4. Query parameters are ignored, except `filter`, which is refused so that it does not seem to work.
    pub(super) fn discover(
        &self,
        parts: &Parts,
        discovery: &Discovery<'_>,
        tenant: &Tenant,
        base: &str,
    ) -> Result<Response<ResponseBody>, Error> {
        discovery.require(parts.method.as_str())?;
        let pairs = request::pairs(parts.uri.query().unwrap_or_default())?;
        if pairs.iter().any(|(name, _)| name.eq_ignore_ascii_case("filter")) {
            return Err(Error::new(
                ErrorKind::Forbidden,
                "Discovery endpoints cannot be filtered. Leave the filter out.",
            ));
        }
        let document = match discovery {
            Discovery::ResourceTypes(name) => Operations::resource_types(tenant, base, name.as_deref())?,
            Discovery::Schemas(urn) => Operations::schemas(tenant, base, urn.as_deref())?,
            Discovery::ServiceProviderConfig => {
                let bulk_body = self.settings.load().bulk_max_body;
                self.operations.service_provider_config(tenant, base, bulk_body)
            }
        };
        Ok(response::document(&document, request::answer_type(&parts.headers)))
    }
}
