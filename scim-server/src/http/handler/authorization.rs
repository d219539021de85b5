//! The authorization server of a tenant: from a form to an access token, and what becomes of one.

use hyper::{Response, body::Incoming, header::AUTHORIZATION, http::request::Parts};
use scim_protocol::{Error, ErrorKind};

use super::{Arrival, Notes, PROBE};
use crate::{
    access::Authenticated,
    http::{
        Service,
        body::ResponseBody,
        oauth::{self, Form, Shown},
        request,
        route::Authorization,
    },
    oauth::{Code, Refused},
    store::TenantId,
};

/// A request to the authorization server.
pub(super) struct Ask<'a, 'n, 'p> {
    pub endpoint: Authorization,
    /// The tenant in the URL.
    pub segment: &'p str,
    pub parts: &'p Parts,
    pub arrival: &'a Arrival,
    pub notes: &'n mut Notes<'p>,
}

impl Service {
    /// From the form to the answer: read, authenticate, limit, perform.
    pub(super) async fn authorization(
        &self,
        ask: Ask<'_, '_, '_>,
        incoming: &mut Incoming,
    ) -> Result<Response<ResponseBody>, Error> {
        let Ask { endpoint, segment, parts, arrival, notes } = ask;
        endpoint.require(parts.method.as_str())?;
        if matches!(endpoint, Authorization::Metadata) {
            return self.metadata(segment, parts, arrival);
        }
        Form::require_type(&parts.headers)?;
        if parts.uri.query().is_some_and(|query| !query.is_empty()) {
            let description = "The URL has a query. Send all parameters in the body, where no log keeps them.";
            return Err(Refused::new(Code::InvalidRequest, description).into());
        }
        let settings = self.settings.load();
        // Whose it is is not known yet, so it takes nobody's part of the memory.
        let mut share = self.operations.budget.share(TenantId::SYSTEM);
        let body = request::body(incoming, oauth::MOST, settings.body_timeout, &mut share).await?;
        let form = Form::parse(&body)?;
        let authorization = request::text(&parts.headers, &AUTHORIZATION);
        if endpoint == Authorization::Introspect && self.access.may_introspect(segment, authorization, arrival.at) {
            let caller = self.access.authenticate(segment, authorization, arrival.at)?;
            arrival.peer.introduce();
            notes.caller = Some((caller.actor().clone(), caller.tenant().clone()));
            self.turn(&caller, arrival.at).await?;
            return self.introspect(segment, &form, parts, arrival);
        }
        let client = self.client(segment, &form, parts, arrival).await?;
        arrival.peer.introduce();
        notes.caller = Some((client.id().clone(), client.tenant().clone()));
        self.turn(&client.caller(), arrival.at).await?;
        match endpoint {
            Authorization::Token => self.issue(&client, &form, parts, arrival),
            Authorization::Revoke => {
                self.access.revoke(&client, token(&form)?, arrival.at).await?;
                Ok(oauth::revoked())
            }
            Authorization::Introspect | Authorization::Metadata => {
                if !client.introspects() {
                    let description = "The client needs the scope scim.introspect to ask what tokens are good for.";
                    return Err(Refused::new(Code::UnauthorizedClient, description).into());
                }
                self.introspect(segment, &form, parts, arrival)
            }
        }
    }

    /// Authenticates the client. A failure counts against its address. A secret is checked like a token, by one digest, so
    /// that it is let in whatever others behind its address did. An assertion costs a signature, and perhaps a call for the
    /// issuer's keys: of an address over its limit none is looked at.
    async fn client(
        &self,
        segment: &str,
        form: &Form,
        parts: &Parts,
        arrival: &Arrival,
    ) -> Result<Authenticated, Error> {
        let shown = form.shown(&parts.headers)?;
        let authenticated = match &shown {
            Some(shown) => {
                if matches!(shown, Shown::Assertion(..)) {
                    self.addresses.check(arrival.address).map_err(|retry| self.slow_down(retry))?;
                }
                self.access.authenticate_client(segment, shown.credentials(), arrival.at).await
            }
            None => Err(Refused::client(Vec::new()).into()),
        };
        authenticated.map_err(|error| {
            self.metrics.oauth.refused.inc();
            self.stranger(error, arrival.address)
        })
    }

    fn issue(
        &self,
        client: &Authenticated,
        form: &Form,
        parts: &Parts,
        arrival: &Arrival,
    ) -> Result<Response<ResponseBody>, Error> {
        match form.get("grant_type") {
            Some("client_credentials") => {}
            Some(_) => {
                let description = "The grant_type must be client_credentials.";
                return Err(Refused::new(Code::UnsupportedGrantType, description).into());
            }
            None => {
                let description = "The form needs the grant_type client_credentials.";
                return Err(Refused::new(Code::InvalidRequest, description).into());
            }
        }
        let mark = request::text(&parts.headers, &PROBE);
        let granted = self.access.grant(client, form.get("scope"), mark, arrival.at)?;
        self.metrics.oauth.issued.inc();
        Ok(oauth::issued(&granted))
    }

    fn introspect(
        &self,
        segment: &str,
        form: &Form,
        parts: &Parts,
        arrival: &Arrival,
    ) -> Result<Response<ResponseBody>, Error> {
        let known = self.access.introspect(segment, token(form)?, arrival.at);
        Ok(oauth::introspected(known.as_ref(), &self.issuer(segment, parts, arrival)?))
    }

    /// Like discovery, for whoever asks, and not more often.
    fn metadata(&self, segment: &str, parts: &Parts, arrival: &Arrival) -> Result<Response<ResponseBody>, Error> {
        self.anonymous.check(arrival.address).map_err(|retry| self.slow_down(retry))?;
        self.anonymous.count(arrival.address);
        let tenant = self.access.tenant(segment).filter(|tenant| !tenant.disabled);
        let tenant = tenant.ok_or_else(|| Error::new(ErrorKind::NotFound, "There is no such authorization server."))?;
        Ok(oauth::metadata(&self.issuer(segment, parts, arrival)?, tenant.profile()))
    }

    /// What identifies the authorization server of a tenant, and is the base of its endpoints.
    fn issuer(&self, segment: &str, parts: &Parts, arrival: &Arrival) -> Result<String, Error> {
        let base = self.base(parts, &arrival.peer, segment)?;
        Ok(format!("{}/oauth2", base.strip_suffix("/scim/v2").unwrap_or(&base)))
    }
}

fn token(form: &Form) -> Result<&str, Refused> {
    form.get("token").ok_or_else(|| Refused::new(Code::InvalidRequest, "The form needs the token."))
}
