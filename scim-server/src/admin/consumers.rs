//! The commands about consumers of a tenant's events.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{AdminContext, AdminError, Output};
use crate::{operation::consumer::NewConsumer, tenant::Tenant};

/// What is asked about consumers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "what", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ConsumerRequest {
    /// Makes one.
    Create {
        /// Whose events.
        tenant: String,
        /// What people call it.
        name: String,
        /// The types of events that it wants; all when there are none.
        #[serde(default)]
        types: Vec<String>,
        /// Begin with the state.
        #[serde(default)]
        prefill: bool,
        /// Begin behind this number.
        after: Option<u64>,
    },
    /// Removes one.
    Delete {
        /// Of whose events.
        tenant: String,
        /// Its name or id.
        consumer: String,
    },
    /// Lists those of a tenant.
    List {
        /// Whose events.
        tenant: String,
    },
    /// Takes the batch from the worker that has it.
    Release {
        /// Of whose events.
        tenant: String,
        /// Its name or id.
        consumer: String,
    },
    Show {
        /// Of whose events.
        tenant: String,
        /// Its name or id.
        consumer: String,
    },
}

impl ConsumerRequest {
    /// What it is called, for the log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create { .. } => "consumer-create",
            Self::Delete { .. } => "consumer-delete",
            Self::List { .. } => "consumer-list",
            Self::Release { .. } => "consumer-release",
            Self::Show { .. } => "consumer-show",
        }
    }

    /// The tenant whose events they read.
    pub(super) fn tenant(&self) -> &str {
        match self {
            Self::Create { tenant, .. }
            | Self::Delete { tenant, .. }
            | Self::List { tenant }
            | Self::Release { tenant, .. }
            | Self::Show { tenant, .. } => tenant,
        }
    }
}

/// Does what is asked.
pub(super) async fn execute(
    context: &AdminContext,
    request: ConsumerRequest,
    output: &Output,
) -> Result<(), AdminError> {
    let operations = &context.operations;
    match request {
        ConsumerRequest::Create { tenant, name, types, prefill, after } => {
            let tenant = context.built(&tenant).await?;
            let new = NewConsumer { name, types, prefill, after };
            let consumer = operations.create_consumer(&tenant, new, context.author()).await?;
            output.row(&operations.view_consumer(&tenant, &consumer).await?).await
        }
        ConsumerRequest::Delete { tenant, consumer } => {
            let tenant = context.built(&tenant).await?;
            let gone = operations.delete_consumer(&tenant, &consumer, context.author()).await?;
            let id = gone.id.to_string();
            let row = json!({"consumer_id": id, "name": gone.name, "tenant": tenant.name, "deleted": true});
            output.row(&row).await
        }
        ConsumerRequest::List { tenant } => {
            let tenant = context.built(&tenant).await?;
            for consumer in operations.consumers().list(tenant.id).await? {
                output.row(&operations.view_consumer(&tenant, &consumer).await?).await?;
            }
            Ok(())
        }
        ConsumerRequest::Release { tenant, consumer } => {
            let tenant = context.built(&tenant).await?;
            let Some(released) = operations.release(&tenant, &consumer, context.author()).await? else {
                return Err(AdminError::Refused(format!("no worker of the consumer {consumer:?} has a batch")));
            };
            output.row(&operations.view_consumer(&tenant, &released).await?).await
        }
        ConsumerRequest::Show { tenant, consumer } => {
            let tenant = context.built(&tenant).await?;
            let found = operations.consumers().find(tenant.id, &consumer).await.map_err(scim_protocol::Error::from)?;
            output.row(&operations.view_consumer(&tenant, &found).await?).await
        }
    }
}

impl AdminContext {
    /// A tenant with everything derived from its settings.
    pub(super) async fn built(&self, tenant: &str) -> Result<Arc<Tenant>, AdminError> {
        let record = self.directory().find(tenant).await?;
        self.access.tenant_of(record.id).ok_or_else(|| {
            AdminError::Refused(format!(
                "tenant {:?} is being deleted; finish with `tenant delete TENANT`",
                record.name
            ))
        })
    }
}
