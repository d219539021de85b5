//! Manual provisioning by the same operations that requests go through.

use std::sync::Arc;

use async_trait::async_trait;
use scim_protocol::{
    Error, ErrorKind,
    message::{Page, Query},
    schema::ResourceType,
};
use serde_json::Value;

use super::Provision;
use crate::{
    operation::{Answer, Condition, Content, Context, Operations},
    tenant::record::base_path,
    token::Caller,
};

#[async_trait]
impl Provision for Operations {
    async fn list(
        &self,
        caller: &Caller,
        resource_type: &str,
        filter: Option<&str>,
        cursor: Option<&str>,
    ) -> Result<(Vec<Value>, Option<String>), Error> {
        let rt = known(caller, resource_type)?;
        let filter = filter.map(|text| ("filter", text));
        let query = Query::from_pairs(filter.into_iter().chain([("excludedAttributes", "members")]))?;
        let query = Query { page: Page::Cursor(cursor.map(str::to_owned)), ..query };
        let answer = self.query(&self.context(caller), std::slice::from_ref(&rt), &rt.endpoint, &query).await?;
        let mut list = value(answer).await?;
        let next = list["nextCursor"].as_str().map(str::to_owned);
        match list["Resources"].take() {
            Value::Array(resources) => Ok((resources, next)),
            _ => Ok((Vec::new(), next)),
        }
    }

    async fn show(&self, caller: &Caller, resource_type: &str, id: &str) -> Result<Value, Error> {
        let rt = known(caller, resource_type)?;
        value(self.retrieve(&self.context(caller), &rt, id, &Query::default(), &Condition::None).await?).await
    }

    async fn create(&self, caller: &Caller, resource_type: &str, body: Value) -> Result<Value, Error> {
        let rt = known(caller, resource_type)?;
        let id = self.fresh_id();
        value(Self::create(self, &self.context(caller), &rt, id, body, &Query::default()).await?).await
    }

    async fn delete(&self, caller: &Caller, resource_type: &str, id: &str) -> Result<(), Error> {
        let rt = known(caller, resource_type)?;
        Self::delete(self, &self.context(caller), &rt, id, &Condition::None).await.map(drop)
    }
}

impl Operations {
    /// An administrator's request has no URL, so what it shows has relative ones.
    fn context(&self, caller: &Caller) -> Context {
        let request = self.fresh_id().to_string();
        Context { caller: caller.clone(), base: base_path(caller.tenant().id).into(), request: request.into() }
    }
}

fn known(caller: &Caller, resource_type: &str) -> Result<Arc<ResourceType>, Error> {
    let found = caller.tenant().registry.resource_type(resource_type).cloned();
    found.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("The tenant has no resource type {resource_type}.")))
}

/// The answer's body, whole.
async fn value(answer: Answer) -> Result<Value, Error> {
    let bytes = match answer.content {
        Content::Nothing => return Ok(Value::Null),
        Content::Whole(bytes) => bytes,
        Content::Pieces(mut pieces) => {
            let mut bytes = Vec::new();
            while let Some(piece) = pieces.recv().await {
                bytes.extend_from_slice(&piece.map_err(Error::internal)?);
            }
            bytes
        }
    };
    serde_json::from_slice(&bytes).map_err(Error::internal)
}
