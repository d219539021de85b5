//! What the configuration says of the target (`[target]`).

use std::{num::NonZeroU32, path::PathBuf, time::Duration};

use crate::secret::Token;

/// `[target]`.
#[derive(Debug, Clone)]
pub struct TargetSettings {
    /// The base URL, without a slash at the end.
    pub url: String,
    /// What is known of the server beyond what it says.
    pub profile: TargetProfile,
    /// The bearer token.
    pub token: Token,
    /// Authorities to trust in place of the system's, PEM.
    pub ca_file: Option<PathBuf>,
    /// Requests at a time.
    pub concurrency: usize,
    /// Requests a second; any number without a limit.
    pub requests_per_second: Option<NonZeroU32>,
    /// Membership changes in one request.
    pub members_per_request: usize,
    /// How long one request may take.
    pub timeout: Duration,
    /// How long one request is tried again while the target is busy or away.
    pub patience: Duration,
}

/// A target that takes other things than the RFCs say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetProfile {
    /// None of them.
    Standard,
    /// AWS IAM Identity Center.
    IdentityCenter,
}
