//! The words of each provider: the names of its fields, and the way to them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use Field::{ClientId, Said, ScimUrl, ScimUrlWith, Secret, TokenEndpoint};

/// An identity provider whose words are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    CyberArk,
    /// Microsoft Entra ID.
    Entra,
    Google,
    JumpCloud,
    Okta,
    OneLogin,
    PingFederate,
    #[serde(alias = "ping")]
    PingOne,
}

/// How a provider shows who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// By the client credentials of an OAuth client.
    Client,
    /// By a bearer token.
    Token,
}

impl Method {
    /// Its word in forms and URLs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Token => "token",
        }
    }
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    ClientId,
    Said(&'static str),
    ScimUrl,
    /// The same with something behind it.
    ScimUrlWith(&'static str),
    Scope,
    /// The token, or the client's secret: shown when it was issued, and not known any more.
    Secret,
    TokenEndpoint,
}

/// The way to a connection: what to do before the fields are there, the fields by the provider's own names in its
/// order, and what to do then.
#[derive(Debug, Clone, Copy)]
pub struct Guide {
    pub before: &'static [&'static str],
    pub fields: &'static [(&'static str, Field)],
    pub after: &'static [&'static str],
}

/// What the fields of one tenant hold.
#[derive(Debug, Clone)]
pub struct Values {
    pub scim_url: String,
    pub token_endpoint: String,
    pub scope: String,
    pub client_id: Option<String>,
    /// The token, or the secret of the client, while it is known.
    pub secret: Option<String>,
}

impl Values {
    /// What `tenant connection` has shown.
    pub fn of(shown: &Value) -> Self {
        let text = |name: &str| shown.get(name).and_then(Value::as_str);
        let known = |name: &str| text(name).unwrap_or_default().to_owned();
        Self {
            scim_url: known("scim_url"),
            token_endpoint: known("token_endpoint"),
            scope: known("scope"),
            client_id: text("client_id").map(str::to_owned),
            secret: None,
        }
    }
}

impl Field {
    /// Whether what it holds is known.
    pub fn is_known(self, values: &Values) -> bool {
        match self {
            ClientId => values.client_id.is_some(),
            Secret => values.secret.is_some(),
            _ => true,
        }
    }

    /// What it holds.
    pub fn value(self, values: &Values) -> String {
        match self {
            ClientId => {
                values.client_id.clone().unwrap_or_else(|| "make a client: `client create --name NAME`".to_owned())
            }
            Said(text) => text.to_owned(),
            ScimUrl => values.scim_url.clone(),
            ScimUrlWith(behind) => format!("{}{behind}", values.scim_url),
            Self::Scope => values.scope.clone(),
            Secret => values.secret.clone().unwrap_or_else(|| SHOWN_ONCE.to_owned()),
            TokenEndpoint => values.token_endpoint.clone(),
        }
    }

    /// Whether the provider is to have it typed or pasted, and not chosen.
    pub fn is_pasted(self) -> bool {
        !matches!(self, Said(_))
    }
}

const SHOWN_ONCE: &str = "shown when it was issued; `token rotate TOKEN` or `client rotate CLIENT` issues another";

impl Provider {
    /// All of them, by their titles.
    pub const ALL: [Self; 8] = [
        Self::CyberArk,
        Self::Google,
        Self::JumpCloud,
        Self::Entra,
        Self::Okta,
        Self::OneLogin,
        Self::PingFederate,
        Self::PingOne,
    ];

    /// Its word at the command line and in URLs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CyberArk => "cyberark",
            Self::Entra => "entra",
            Self::Google => "google",
            Self::JumpCloud => "jumpcloud",
            Self::Okta => "okta",
            Self::OneLogin => "onelogin",
            Self::PingFederate => "pingfederate",
            Self::PingOne => "pingone",
        }
    }

    /// What its maker calls it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::CyberArk => "CyberArk Identity",
            Self::Entra => "Microsoft Entra ID",
            Self::Google => "Google Workspace",
            Self::JumpCloud => "JumpCloud",
            Self::Okta => "Okta",
            Self::OneLogin => "OneLogin",
            Self::PingFederate => "PingFederate",
            Self::PingOne => "PingOne",
        }
    }

    /// The one with that word.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// Whether it offers the client credentials of OAuth.
    pub const fn takes_clients(self) -> bool {
        matches!(self, Self::Entra | Self::PingFederate | Self::PingOne)
    }

    /// How it shows who it is where both are possible: as an OAuth client.
    pub const fn usual_method(self) -> Method {
        if self.takes_clients() { Method::Client } else { Method::Token }
    }

    /// The method with that word; what the provider usually has where it is another.
    pub fn method(self, word: &str) -> Method {
        if word == Method::Token.word() { Method::Token } else { self.usual_method() }
    }

    /// The way to a connection; by a token where it knows nothing else.
    pub const fn guide(self, method: Method) -> Guide {
        match (self, method) {
            (Self::CyberArk, _) => CYBERARK,
            (Self::Entra, Method::Client) => Guide { fields: ENTRA_CLIENT, ..ENTRA },
            (Self::Entra, Method::Token) => ENTRA,
            (Self::Google, _) => GOOGLE,
            (Self::JumpCloud, _) => JUMPCLOUD,
            (Self::Okta, _) => OKTA,
            (Self::OneLogin, _) => ONELOGIN,
            (Self::PingFederate, Method::Client) => Guide { fields: PINGFEDERATE_CLIENT, ..PINGFEDERATE },
            (Self::PingFederate, Method::Token) => PINGFEDERATE,
            (Self::PingOne, Method::Client) => Guide { fields: PINGONE_CLIENT, ..PINGONE },
            (Self::PingOne, Method::Token) => PINGONE,
        }
    }
}

const CYBERARK: Guide = Guide {
    before: &[
        "In the CyberArk admin portal open Apps & Widgets, then Web Apps, then your SAML app (or Add Web Apps, Custom, SAML), then Provisioning.",
        "Tick “Enable provisioning for this application” and confirm. Preview Mode shows what would happen; choose Live Mode after that.",
    ],
    fields: &[
        ("SCIM Service URL", ScimUrl),
        ("Authorization Type", Said("Authorization Header")),
        ("Header Type", Said("Bearer Token")),
        ("Bearer Token", Secret),
    ],
    after: &[
        "Press Verify. If it succeeds, more options appear.",
        "In Sync Options clear “Do not de-provision (deactivate or delete) users in target application”.",
        "In Role Mappings add the roles whose members are to come, then Save.",
        "Settings, Users, Outbound Provisioning, Start Sync begins the first run.",
    ],
};

const ENTRA: Guide = Guide {
    before: &[
        "In the Microsoft Entra admin centre open Enterprise applications, New application, Create your own application, and choose “Integrate any other application you don't find in the gallery”.",
        "Open Provisioning, then New configuration (older: Get started, mode Automatic).",
    ],
    fields: &[
        ("Authentication Method", Said("Bearer authentication")),
        ("Tenant URL", ScimUrlWith("?aadOptscim062020")),
        ("Secret Token", Secret),
    ],
    after: &[
        "Press Test connection, then Create (or Save).",
        "Under Users and groups assign those who are to be provisioned.",
        "On Overview press Start provisioning. Entra begins a cycle about every 40 minutes; Provision on demand sends one user at once.",
    ],
};

const ENTRA_CLIENT: &[(&str, Field)] = &[
    ("Authentication Method", Said("OAuth 2.0 client credentials")),
    ("Tenant URL", ScimUrl),
    ("Token Endpoint", TokenEndpoint),
    ("Client Identifier", ClientId),
    ("Client Secret", Secret),
];

const GOOGLE: Guide = Guide {
    before: &[
        "In the Google Admin console open Apps, Web and mobile apps, and your SAML app.",
        "Open Auto-provisioning, then Configure auto-provisioning.",
    ],
    fields: &[("Access token", Secret), ("Endpoint URL", ScimUrl)],
    after: &[
        "Map the attributes: Primary email to userName, First name and Last name to name.givenName and name.familyName.",
        "In Provisioning scope choose the groups whose members are to be provisioned. Google sends users only, no groups.",
        "Switch auto-provisioning to Active. Google sends changes every few hours.",
    ],
};

const JUMPCLOUD: Guide = Guide {
    before: &[
        "In the JumpCloud admin portal open SSO Applications, Add New Application, Custom Application, and tick “Export users to this app (Identity Management)”.",
        "Open Configure Application, then Identity Management.",
    ],
    fields: &[
        ("API Type", Said("SCIM API")),
        ("SCIM Version", Said("SCIM 2.0")),
        ("Base URL", ScimUrl),
        ("Token Key", Secret),
        ("Test User Email", Said("an address that no user has here")),
    ],
    after: &[
        "Tick “Enable management of User Groups and Group Membership” if groups are to come, too.",
        "Press Test Connection, then Activate, then Save. The test makes a user and a group here, and deletes both.",
        "Under User Groups choose the groups whose members are to be provisioned.",
    ],
};

const OKTA: Guide = Guide {
    before: &[
        "In the Okta console open Applications, your app, General, App Settings, Edit; set Provisioning to SCIM and Save.",
        "Open Provisioning, Integration, Edit.",
    ],
    fields: &[
        ("SCIM connector base URL", ScimUrl),
        ("Unique identifier field for users", Said("userName")),
        ("Supported provisioning actions", Said("Push New Users, Push Profile Updates, Push Groups")),
        ("Authentication Mode", Said("HTTP Header")),
        ("Authorization", Secret),
    ],
    after: &[
        "Press Test Connector Configuration, then Save.",
        "Open Provisioning, To App, Edit, and tick Create Users, Update User Attributes and Deactivate Users.",
        "Assign people under Assignments, and push groups under Push Groups. Members of a pushed group must be assigned, too.",
    ],
};

const ONELOGIN: Guide = Guide {
    before: &[
        "In the OneLogin portal open Applications, Add App, “SCIM Provisioner with SAML (SCIM v2 Enterprise)”, and Save.",
        "Open Configuration.",
    ],
    fields: &[("SCIM Base URL", ScimUrl), ("SCIM Bearer Token", Secret), ("Custom Headers", Said("leave empty"))],
    after: &[
        "Under API Status press Enable. OneLogin sends its first request.",
        "Under Provisioning tick Enable provisioning, and choose what happens when a user loses access: Suspend or Delete.",
        "Assign users; approve those that are Pending.",
    ],
};

const PINGFEDERATE: Guide = Guide {
    before: &[
        "In PingFederate open Applications, SP Connections, Create Connection, template SCIM Connector, type Outbound Provisioning.",
        "Open Outbound Provisioning, Configure Provisioning, Target.",
    ],
    fields: &[
        ("SCIM URL", ScimUrl),
        ("SCIM Version", Said("2.0")),
        ("Authentication Method", Said("OAuth 2 Bearer Token")),
        ("Access Token", Secret),
        ("Unique User Identifier", Said("userName")),
    ],
    after: &[
        "Tick User Create, User Update and User Disable/Delete.",
        "Under Manage Channels choose the source, its filter and the mapping of attributes, then set the Channel Status to Active.",
    ],
};

const PINGFEDERATE_CLIENT: &[(&str, Field)] = &[
    ("SCIM URL", ScimUrl),
    ("SCIM Version", Said("2.0")),
    ("Authentication Method", Said("OAuth 2 Client Credentials")),
    ("OAuth Token Request Endpoint", TokenEndpoint),
    ("OAuth Client ID", ClientId),
    ("OAuth Client Secret", Secret),
    ("Unique User Identifier", Said("userName")),
];

const PINGONE: Guide = Guide {
    before: &[
        "In the PingOne console open Integrations, Provisioning, +, New Connection, Identity Store, SCIM Outbound.",
        "Give it a name, and go on to Configure authentication.",
    ],
    fields: &[
        ("SCIM BASE URL", ScimUrl),
        ("Users Resource", Said("/Users")),
        ("Groups Resource", Said("/Groups")),
        ("SCIM Version", Said("2.0")),
        ("Authentication Method", Said("OAuth 2 Bearer Token")),
        ("OAuth Access Token", Secret),
        ("Auth Type Header", Said("Bearer")),
    ],
    after: &[
        "Press Test connection, then Next.",
        "In Configure preferences allow users to be created, updated, disabled and deprovisioned; the User Identifier is userName.",
        "Switch the connection on. Then add a rule from PingOne Directory to this connection, and switch it on, too.",
    ],
};

const PINGONE_CLIENT: &[(&str, Field)] = &[
    ("SCIM BASE URL", ScimUrl),
    ("Users Resource", Said("/Users")),
    ("Groups Resource", Said("/Groups")),
    ("SCIM Version", Said("2.0")),
    ("Authentication Method", Said("OAuth 2 Client Credentials")),
    ("OAuth Token Request", TokenEndpoint),
    ("OAuth Client ID", ClientId),
    ("OAuth Client Secret", Secret),
    ("OAuth Scope", Field::Scope),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_names_the_address_and_one_secret() {
        for provider in Provider::ALL {
            assert_eq!(provider.method("token"), Method::Token);
            assert_eq!(provider.method("client"), provider.usual_method());
            assert_eq!(Provider::named(provider.name()), Some(provider));
            assert_eq!(serde_json::to_value(provider).unwrap(), provider.name());
            for method in [Method::Client, Method::Token] {
                let Guide { before, fields, after } = provider.guide(method);
                let count = |wanted: &[Field]| fields.iter().filter(|(_, field)| wanted.contains(field)).count();
                assert_eq!(count(&[Secret]), 1, "{provider:?}");
                assert_eq!(count(&[ScimUrl, ScimUrlWith("?aadOptscim062020")]), 1, "{provider:?}");
                let is_client = method == Method::Client && provider.takes_clients();
                assert_eq!(count(&[ClientId, TokenEndpoint]), if is_client { 2 } else { 0 }, "{provider:?}");
                assert!(!before.is_empty() && !after.is_empty());
            }
        }
    }
}
