//! What is told once in a while, and not each time.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use scim_protocol::Timestamp;

use crate::store::ResourceId;

/// How long news are news, in milliseconds.
const WHILE: i64 = 60 * 60 * 1000;

/// When something was told of each token. As many are remembered as have had it within an hour.
#[derive(Debug, Default)]
pub struct Told(Mutex<HashMap<ResourceId, Timestamp>>);

impl Told {
    /// Whether nobody was told of it for a while. Now somebody is.
    pub fn is_news(&self, token: ResourceId, now: Timestamp) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|_, at| now.as_millis() - at.as_millis() < WHILE);
        let is_news = !told.contains_key(&token);
        if is_news {
            told.insert(token, now);
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_once_an_hour() {
        let told = Told::default();
        let is_news = |token, at| told.is_news(ResourceId(uuid::Uuid::from_u128(token)), Timestamp::from_millis(at));
        assert!(is_news(1, 0) && !is_news(1, WHILE - 1) && is_news(2, 5));
        assert!(is_news(1, WHILE) && !is_news(2, WHILE));
    }
}
