//! How much is compared.

/// How much a run reads and compares, on either side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// What has changed, where the directory can say so; at the target what the state does not answer.
    Incremental,
    /// Everything, so that what others changed at the target is seen too.
    Full,
}

impl Mode {
    /// By a flag.
    pub const fn full_if(full: bool) -> Self {
        if full { Self::Full } else { Self::Incremental }
    }
}
