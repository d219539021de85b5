//! What the commands about OAuth clients do.

use crate::{
    admin::{AdminRequest, clients::ClientRequest},
    cli::{
        Failure,
        command::{ClientCommand, SecretCommand, TrustCommand},
        files,
        show::Show,
    },
    oauth::{Scope, client::Keys},
};

impl ClientCommand {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (tenant, request, show, common) = match self {
            Self::Create { tenant, name, scope, no_secret, lifetime, common } => {
                let scope = Scope::parse(&scope.join(" ").replace(',', " ")).map_err(Failure::Usage)?;
                let seconds = (!no_secret).then_some(lifetime.lifetime.as_secs());
                let show = if no_secret { Show::Client } else { Show::ClientIssued };
                (tenant, ClientRequest::Create { name, scope, seconds }, show, common)
            }
            Self::List { tenant, common } => (tenant, ClientRequest::List, Show::Clients, common),
            Self::Show { which, common } => {
                (which.tenant, ClientRequest::Show { client: which.client }, Show::Document, common)
            }
            Self::Rotate { which, overlap, lifetime, common } => {
                let (client, seconds) = (which.client, lifetime.map(|lifetime| lifetime.as_secs()));
                let overlap_seconds = overlap.map(|overlap| overlap.as_secs());
                let request = ClientRequest::Rotate { client, seconds, overlap_seconds };
                (which.tenant, request, Show::ClientIssued, common)
            }
            Self::Disable { which, common } => {
                let request = ClientRequest::Disable { client: which.client, disabled: true };
                (which.tenant, request, Show::Client, common)
            }
            Self::Enable { which, common } => {
                let request = ClientRequest::Disable { client: which.client, disabled: false };
                (which.tenant, request, Show::Client, common)
            }
            Self::Delete { which, common } => {
                (which.tenant, ClientRequest::Delete { client: which.client }, Show::Deleted, common)
            }
            Self::Secret(SecretCommand::Delete { which, secret, common }) => {
                let request = ClientRequest::SecretDelete { client: which.client, secret };
                (which.tenant, request, Show::Client, common)
            }
            Self::Trace { which, common } => {
                (which.tenant, ClientRequest::Trace { client: which.client }, Show::Refusals, common)
            }
            Self::Trust(TrustCommand::Add { which, issuer, subject, audience, jwks_uri, jwks_file, common }) => {
                let keys = match (jwks_uri, jwks_file) {
                    (Some(address), _) => Keys::JwksUri(address),
                    (None, file) => Keys::Jwks(files::object(&file.unwrap_or_default())?.into()),
                };
                let request = ClientRequest::TrustAdd { client: which.client, issuer, subject, audience, keys };
                (which.tenant, request, Show::Document, common)
            }
            Self::Trust(TrustCommand::Remove { which, trust, common }) => {
                let request = ClientRequest::TrustRemove { client: which.client, trust };
                (which.tenant, request, Show::Document, common)
            }
        };
        common.run(AdminRequest::Client { tenant, request }, show).await
    }
}
