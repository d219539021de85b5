//! The commands about the keys that sign security event tokens.

use scim_protocol::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

use super::{AdminContext, AdminError, Output, lifetime};
use crate::ssf::{Algorithm, MOST_KEYS, SigningKeys};

/// For how long keys that were replaced are shown at most, in seconds: 90 days.
const LONGEST_OVERLAP: u64 = 90 * 24 * 60 * 60;

/// What is asked about signing keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "what", rename_all = "kebab-case", deny_unknown_fields)]
pub enum SigningKeyRequest {
    /// Lists those that are shown to receivers.
    List,
    /// Withdraws one that signs no more.
    Remove {
        /// Its id.
        key_id: String,
    },
    /// Makes one that signs from now on.
    Rotate {
        /// How it signs; as the one before when absent.
        algorithm: Option<Algorithm>,
        /// How long those before are shown.
        #[serde(default = "lifetime::week")]
        overlap_seconds: u64,
    },
}

impl SigningKeyRequest {
    /// What it is called, for the log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::List => "signing-key-list",
            Self::Remove { .. } => "signing-key-remove",
            Self::Rotate { .. } => "signing-key-rotate",
        }
    }
}

/// Another administrator was faster, and the keys are others now.
fn raced(error: Error) -> AdminError {
    if error.kind() != ErrorKind::Unavailable(1) {
        return error.into();
    }
    AdminError::Refused(
        "the signing keys were changed by somebody else at the same moment; look at `signing-key list`, and do it again if it is still needed".to_owned(),
    )
}

/// Does what is asked.
pub(super) async fn execute(
    context: &AdminContext,
    request: SigningKeyRequest,
    output: &Output,
) -> Result<(), AdminError> {
    let (store, now, actor) = (&*context.store, context.clock.now(), context.by.actor());
    if let SigningKeyRequest::Remove { key_id } = &request {
        SigningKeys::remove(store, key_id, now, &actor).await.map_err(raced)?;
    }
    if let SigningKeyRequest::Rotate { algorithm, overlap_seconds } = request {
        if overlap_seconds > LONGEST_OVERLAP {
            return Err(AdminError::Invalid(
                "keys that were replaced are shown for at most 90 days: give a shorter overlap. A key that is needed for longer is one that should not be replaced yet".to_owned(),
            ));
        }
        let overlap = i64::try_from(overlap_seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
        if !SigningKeys::rotate(store, algorithm, overlap, now, &actor).await.map_err(raced)? {
            return Err(AdminError::Refused(format!(
                "{MOST_KEYS} signing keys are shown at the same time, which is the most; `signing-key list` tells when the first of them ends"
            )));
        }
    }
    for view in SigningKeys::of(store, now).await?.views() {
        output.row(&view).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use scim_protocol::Error;

    use super::raced;
    use crate::store::{ResourceId, ResourceKey, StoreError, TenantId};

    #[test]
    fn of_two_who_rotate_at_once_the_slower_is_told() {
        let key =
            ResourceKey { tenant: TenantId::SYSTEM, resource_type: "x".into(), id: ResourceId(uuid::Uuid::nil()) };
        let told = raced(Error::from(StoreError::Conflict(key))).to_string();
        assert!(told.contains("at the same moment") && told.contains("signing-key list"), "{told}");
        assert_eq!(raced(Error::value("Something else.")).to_string(), "Something else.");
    }
}
