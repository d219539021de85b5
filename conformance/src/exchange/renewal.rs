//! How a run gets another bearer token, when the server takes the one that it has no more.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use super::NotSent;

/// A token that is on its way. Boxed, because getting one sends a request, and sending one may get a token.
pub(super) type Fetching = Pin<Box<dyn Future<Output = Result<String, NotSent>> + Send>>;

/// Gets a token, each time that it is asked. Who sends requests need not know how.
#[derive(Clone)]
pub struct Renewal(Arc<dyn Fn() -> Fetching + Send + Sync>);

impl Renewal {
    pub(super) fn by(fetch: impl Fn() -> Fetching + Send + Sync + 'static) -> Self {
        Self(Arc::new(fetch))
    }

    pub(super) fn fetch(&self) -> Fetching {
        self.0()
    }
}

impl fmt::Debug for Renewal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Renewal")
    }
}
