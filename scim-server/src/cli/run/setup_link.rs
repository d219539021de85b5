//! What the commands about setup links do, and the providers whose words are known.

use crate::{
    admin::{AdminRequest, SetupLinkRequest, connection::Provider},
    cli::{
        Failure,
        command::{ProviderName, SetupLinkCommand},
        show::Show,
    },
    setup_link::Allows,
};

impl SetupLinkCommand {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (common, request, show) = match self {
            Self::Create { tenant, name, expires, allows, common } => {
                let allows = Allows::parse(allows.iter().map(String::as_str)).map_err(Failure::Usage)?;
                let request = SetupLinkRequest::Create { tenant, name, allows, seconds: expires.as_secs() };
                (common, request, Show::SetupLinkCreated)
            }
            Self::List { tenant, common } => (common, SetupLinkRequest::List { tenant }, Show::SetupLinks),
            Self::Delete { tenant, link, common } => (common, SetupLinkRequest::Delete { tenant, link }, Show::Deleted),
        };
        common.run(AdminRequest::SetupLink { request }, show).await
    }
}

impl From<ProviderName> for Provider {
    fn from(name: ProviderName) -> Self {
        match name {
            ProviderName::CyberArk => Self::CyberArk,
            ProviderName::Entra => Self::Entra,
            ProviderName::Google => Self::Google,
            ProviderName::JumpCloud => Self::JumpCloud,
            ProviderName::Okta => Self::Okta,
            ProviderName::OneLogin => Self::OneLogin,
            ProviderName::PingFederate => Self::PingFederate,
            ProviderName::PingOne => Self::PingOne,
        }
    }
}
