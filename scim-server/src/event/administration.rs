//! What administration does that an event tells of.

use serde::{Deserialize, Serialize};

/// Declares the deeds: one table for the types of events, what they are called, and when each is told.
macro_rules! deeds {
    ($($deed:ident $name:literal $when:literal)*) => {
        /// What administration did. Its name is the type of the event.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Deed {
            $(#[doc = $when] #[serde(rename = $name)] $deed,)*
        }

        impl Deed {
            /// The type of the event.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$deed => $name,)* }
            }
        }

        /// Every deed, its type, and when it is told.
        pub const ADMINISTRATION: &[(Deed, &str, &str)] = &[$((Deed::$deed, $name, $when),)*];
    };
}

impl Deed {
    /// Whether the server's own log tells of it, and that of no tenant.
    pub const fn is_of_server(self) -> bool {
        matches!(
            self,
            Self::AdminTokenCreated
                | Self::AdminTokenDeleted
                | Self::AdminTokenRotated
                | Self::AdministratorSignedIn
                | Self::AdministratorSignedOut
                | Self::SessionEnded
                | Self::SigningKeyRemoved
                | Self::SigningKeyRotated
                | Self::TenantDeleted
                | Self::TenantMoved
        ) || self.is_of_store()
    }

    /// Whether it was done to the store itself, and not to what is in it: another store that has the same in it has not
    /// seen it.
    pub const fn is_of_store(self) -> bool {
        matches!(self, Self::StoreExported | Self::StoreImported | Self::StoreRepaired)
    }
}

deeds! {
    AccessChanged "access.changed" "The access attributes or the rules for roles were changed: read the access of all users anew."
    AdminTokenCreated "admin-token.created" "A token of an administrator was issued. Told in the server's own log."
    AdminTokenDeleted "admin-token.deleted" "Such a token was deleted. Told in the server's own log."
    AdminTokenRotated "admin-token.rotated" "Such a token was issued that takes the place of another. Told in the server's own log."
    AdministratorSignedIn "administrator.signed-in" "Somebody has signed in to the console. Told in the server's own log, and to no tenant."
    AdministratorSignedOut "administrator.signed-out" "Somebody has signed out of the console. Told as the sign-in."
    AgentApproved "agent.approved" "An operator has approved what an agent (`sync-agent`) holds back; `attributes` names the agent. Told in the server's own log, and to no tenant."
    AgentDeleted "agent.deleted" "An agent that reported was removed. Told as the approval."
    AgentRejected "agent.rejected" "An operator has rejected what an agent holds back. Told as the approval."
    BrakeApproved "brake.approved" "An administrator lets mass deprovisioning go on."
    BrakeTripped "brake.tripped" "The brake on mass deprovisioning has tripped."
    BrakeUndone "brake.undone" "An administrator has put back what tripped the brake."
    CallValuesShown "call-values.shown" "An administrator has looked at the values of a call; `attributes` has its id."
    ClientChanged "client.changed" "An OAuth client was disabled or enabled, or a secret or trust of it came or went."
    ClientCreated "client.created" "An OAuth client was made."
    ClientDeleted "client.deleted" "An OAuth client was removed."
    ClientRotated "client.rotated" "An OAuth client was given another secret."
    ConsumerCreated "consumer.created" "A consumer of the feed was made."
    ConsumerDeleted "consumer.deleted" "A consumer of the feed was removed."
    ConsumerReleased "consumer.released" "The batch of a worker was taken from it, and goes to the next."
    MappingChanged "mapping.changed" "The rewrites of what a provider sends were changed; `attributes` names them."
    ProvisioningResumed "provisioning.resumed" "Calls of a provider have returned to a tenant that was silent."
    ProvisioningSilent "provisioning.silent" "No provider has called for longer than the tenant's `silence_after`. Told once, until calls return."
    RequestCompleted "request.completed" "A request that was accepted (`202`, `Prefer: respond-async`) is completed; `document` has its result."
    SchemaAdded "schema.added" "A schema was added to the tenant, or replaced."
    SchemaRemoved "schema.removed" "A schema was removed from the tenant."
    SessionEnded "session.ended" "An administrator has ended somebody's session in the console; `attributes` says whose. Told as the sign-in."
    SetupLinkCreated "setup-link.created" "A link was made with which a customer sets up a provider."
    SetupLinkDeleted "setup-link.deleted" "Such a link was removed, and its session with it."
    SetupLinkOpened "setup-link.opened" "A browser has opened such a link: it opens for no other."
    SigningKeyRemoved "signing-key.removed" "A key that signed security event tokens was withdrawn. Told in the server's own log."
    SigningKeyRotated "signing-key.rotated" "Another key signs security event tokens. Told in the server's own log."
    StoreExported "store.exported" "Somebody takes out a tenant, or everything: `export`, `backup`. Told in the server's own log, and never exported itself."
    StoreImported "store.imported" "An import is complete. Told as the export."
    StoreRepaired "store.repaired" "`check --repair` puts right what disagrees. Told as the export, before it begins."
    StreamDeleted "stream.deleted" "An administrator has removed a stream of security event tokens."
    StreamEnabled "stream.enabled" "An administrator has a stream of security event tokens sent again."
    StreamPaused "stream.paused" "An administrator has paused a stream of security event tokens."
    TenantCreated "tenant.created" "The tenant was made."
    TenantDeleted "tenant.deleted" "The tenant was removed with everything in it. Told in the server's own log."
    TenantDisabled "tenant.disabled" "The tenant answers 403 from now on."
    TenantEnabled "tenant.enabled" "The tenant answers again."
    TenantMoved "tenant.moved" "The tenant is in another database. Told in the server's own log."
    TenantChanged "tenant.changed" "Settings of the tenant were changed; `attributes` names them."
    TenantReplaced "tenant.replaced" "An import has replaced the tenant: users, groups and numbers are those of the file. Read all of them anew. Webhooks get it whatever their types are."
    TokenCreated "token.created" "A token was issued."
    TokenDeleted "token.deleted" "A token was revoked."
    TokenExpired "token.expired" "A token has ended and lets nobody in. Told each day until it is deleted."
    TokenExpiring "token.expiring" "A token nears its end."
    TokenLimited "token.limited" "Requests of a token were refused for their rate. Told at most once an hour."
    TokenRotated "token.rotated" "A token was issued that takes the place of another."
    WebhookChanged "webhook.changed" "The rate of a webhook was changed."
    WebhookCreated "webhook.created" "A webhook was made."
    WebhookDeleted "webhook.deleted" "A webhook was removed."
    WebhookDisabled "webhook.disabled" "A webhook gets no more messages: its endpoint has taken none for five days, or answered 410."
    WebhookEnabled "webhook.enabled" "A webhook gets messages again."
    WebhookReplayed "webhook.replayed" "Messages are sent to a webhook again."
    WebhookRotated "webhook.rotated" "A webhook has new keys."
}
