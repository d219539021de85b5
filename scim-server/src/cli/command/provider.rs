//! Identity providers, as they are typed.

use clap::ValueEnum;

/// An identity provider whose words are known.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ProviderName {
    /// Microsoft Entra ID
    Entra,
    /// Okta
    Okta,
    /// Google Workspace
    Google,
    /// PingOne
    #[value(name = "pingone", alias = "ping")]
    PingOne,
    /// PingFederate
    #[value(name = "pingfederate")]
    PingFederate,
    /// JumpCloud
    #[value(name = "jumpcloud")]
    JumpCloud,
    /// OneLogin
    #[value(name = "onelogin")]
    OneLogin,
    /// CyberArk Identity
    #[value(name = "cyberark")]
    CyberArk,
}
